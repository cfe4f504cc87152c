//! A forgiving reader of one JSON object on one line, as nginx writes it from a template.
//!
//! nginx does not know that it writes JSON: unquoted lists (`0.000, 0.052`), empty values (`"urt":,`), `\xHH`
//! escapes and invalid UTF-8 all occur (formats.md 2.2). Values are slices of the line, escapes left as they are.

use memchr::{memchr, memchr2};

use super::fields::by_hand;
use crate::sixteen;

/// Walks over the members of an object; members of nested objects appear as if they were its own.
pub(super) struct Members<'a> {
    rest: &'a [u8],
    open: usize,
    /// The text broke the rules, or ended early.
    pub(super) broken: bool,
}

impl<'a> Members<'a> {
    /// Begins at the `{` of `line`.
    pub(super) fn new(line: &'a [u8]) -> Self {
        match line.trim_ascii().strip_prefix(b"{") {
            Some(rest) => Members { rest, open: 1, broken: false },
            None => Members { rest: b"", open: 0, broken: true },
        }
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    /// A string whose opening quote is behind us. A quote only closes it when what follows may follow a string,
    /// so that raw quotes (escape=none) do no harm.
    fn string(&mut self, key: bool) -> Option<&'a [u8]> {
        let mut from = 0;
        loop {
            let at = from + memchr2(b'"', b'\\', self.rest.get(from..)?)?;
            if self.rest.get(at) == Some(&b'\\') {
                from = at + 2;
                continue;
            }
            let after = self.rest.get(at + 1..)?;
            let next = after.iter().take(8).find(|byte| !byte.is_ascii_whitespace());
            let closes =
                if key { next == Some(&b':') } else { matches!(next, None | Some(b',' | b'}' | b']')) };
            if closes {
                let value = self.rest.get(..at)?;
                self.rest = after;
                return Some(value);
            }
            if key {
                return None;
            }
            from = at + 1;
        }
    }

    /// An unquoted value: up to the closing brace, or the comma before the next key.
    fn bare(&mut self) -> Option<&'a [u8]> {
        let mut from = 0;
        loop {
            let at = from + memchr2(b',', b'}', self.rest.get(from..)?)?;
            let ends = self.rest.get(at) == Some(&b'}')
                || self.rest.get(at + 1..)?.iter().take(8).find(|byte| !byte.is_ascii_whitespace())
                    == Some(&b'"');
            // `${name}` in a template is no closing brace.
            let opened = self.rest.get(from..at).is_some_and(|part| memchr(b'{', part).is_some());
            if ends && !(opened && self.rest.get(at) == Some(&b'}')) {
                let value = self.rest.get(..at)?;
                self.rest = self.rest.get(at..)?;
                return Some(value.trim_ascii());
            }
            from = at + 1;
        }
    }

    /// A member as nearly all are written: `"key":"value"` or `"key":1.5` behind a comma or nothing, with another one
    /// behind it. `None`: [`Members::member`] has to look at it, and would come to the same.
    fn common_member(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let text = self.rest.strip_prefix(b",").unwrap_or(self.rest).strip_prefix(b"\"")?;
        let (key, behind) = text.split_at_checked(sixteen::find(text, [b'"', b'\\'])?)?;
        let value = behind.strip_prefix(b"\":")?;
        if let Some(text) = value.strip_prefix(b"\"") {
            let (value, behind) = text.split_at_checked(sixteen::find(text, [b'"', b'\\'])?)?;
            let rest = behind.strip_prefix(b"\"")?;
            matches!(rest.first(), Some(b',' | b'}')).then(|| self.rest = rest)?;
            return Some((key, value));
        }
        if !value.first()?.is_ascii_digit() {
            return None;
        }
        let (value, rest) = value.split_at_checked(sixteen::find(value, [b',', b'}'])?)?;
        rest.starts_with(b",\"").then(|| self.rest = rest)?;
        Some((key, value.trim_ascii_end()))
    }

    fn member(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        if by_hand()
            && let Some(common) = self.common_member()
        {
            return Some(common);
        }
        loop {
            self.skip_blanks();
            let (first, rest) = self.rest.split_first()?;
            match first {
                b',' => self.rest = rest,
                b'}' => {
                    self.rest = rest;
                    self.open = self.open.checked_sub(1)?;
                    if self.open == 0 {
                        return None;
                    }
                }
                b'"' => {
                    self.rest = rest;
                    let key = self.string(true)?;
                    self.skip_blanks();
                    self.rest = self.rest.strip_prefix(b":")?;
                    self.skip_blanks();
                    match self.rest.first()? {
                        b'{' => {
                            self.rest = self.rest.get(1..)?;
                            self.open += 1;
                        }
                        b'"' => {
                            self.rest = self.rest.get(1..)?;
                            return Some((key, self.string(false)?));
                        }
                        _ => return Some((key, self.bare()?)),
                    }
                }
                _ => return None,
            }
        }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let member = self.member();
        if member.is_none() && (self.open != 0 || !self.rest.trim_ascii().is_empty()) {
            self.broken = true;
        }
        member
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fields::SLOWLY;
    use super::*;

    fn members(text: &str) -> Option<Vec<(String, String)>> {
        let owned = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut members = Members::new(text.as_bytes());
        let list = members.by_ref().map(|(key, value)| (owned(key), owned(value))).collect();
        (!members.broken).then_some(list)
    }

    fn pairs(list: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        Some(list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn forgiving() {
        for (text, expected) in [
            (r#"{"status":502,"urt":"0.000"}"#, pairs(&[("status", "502"), ("urt", "0.000")])),
            // escape=json with unquoted upstream variables.
            (
                r#"{"urt":,"uct":0.000, 0.052,"s":200}"#,
                pairs(&[("urt", ""), ("uct", "0.000, 0.052"), ("s", "200")]),
            ),
            (r#"{"urt":0.000 : 0.052 }"#, pairs(&[("urt", "0.000 : 0.052")])),
            // escape=default inside JSON.
            (
                r#"{"ua":"say \x22hi\x22 \x5C","s":200}"#,
                pairs(&[("ua", r"say \x22hi\x22 \x5C"), ("s", "200")]),
            ),
            (r#"{"ua":"a \"b\", \\","s":200}"#, pairs(&[("ua", r#"a \"b\", \\"#), ("s", "200")])),
            // escape=none: raw quotes.
            (r#"{"ua":"say "hi" now","s":200}"#, pairs(&[("ua", r#"say "hi" now"#), ("s", "200")])),
            (r#" { "a" : "b" , "c" : 1 } "#, pairs(&[("a", "b"), ("c", "1")])),
            (r#"{"http":{"status":200,"x":{}},"a":null}"#, pairs(&[("status", "200"), ("a", "null")])),
            (r#"{"t":${msec},"s":$status}"#, pairs(&[("t", "${msec}"), ("s", "$status")])),
            ("{}", pairs(&[])),
            ("", None),
            ("[]", None),
            (r#"{"a":"b"} {"a":"b"}"#, None),
            (r#"{"a":["b","c"]}"#, None),
            (r#"{"a"="b"}"#, None),
        ] {
            assert_eq!(members(text), expected, "{text}");
        }
    }

    proptest! {
        /// Members read as nearly all are written are those that are found step by step.
        #[test]
        fn common_members_are_read_alike(
            parts in prop::collection::vec(prop::sample::select(vec![
                "\"a\"", "\"status\":502", "\"ua\":\"say \\\"hi\\\" now, this is long\"", "\"urt\":\"0.000, 0.052\"", "\"x\":1.5 ", ",", ",", "{", "}", ":",
                " ", "\"", "\\", "1", "0.1, 0.2", "-", "[", "]", "\"k\":{", "\"e\":\"\"", "\"n\":", "\"raw \"quote\" here\"", "${x}", "\"d\":3}",
            ]), 0..14),
            whole in prop::bool::ANY,
        ) {
            let parts = if whole { parts.join(",") } else { parts.concat() };
            let text = format!("{{{parts}}}");
            let common = members(&text);
            SLOWLY.set(true);
            let slow = members(&text);
            SLOWLY.set(false);
            prop_assert_eq!(common, slow);
        }
    }

    #[test]
    fn a_cut_object_is_broken() {
        let text = r#"{"time":"2026-11-23T20:24:34+02:00","status":502,"ua":"\"a\"","n":{"b":1},"id":"48"}"#;
        for cut in 0..text.len() {
            assert_eq!(members(&text[..cut]), None, "{}", &text[..cut]);
        }
        assert!(members(text).is_some());
        let mut latin = Members::new(b"{\"ua\":\"caf\xE9\"}");
        assert_eq!(latin.next(), Some((b"ua".as_slice(), b"caf\xE9".as_slice())));
    }
}
