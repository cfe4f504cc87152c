//! A forgiving reader of one JSON object on one line, as nginx writes it from a template.
//!
//! nginx does not know that it writes JSON: unquoted lists (`0.000, 0.052`), empty values (`"urt":,`), `\xHH`
//! escapes and invalid UTF-8 all occur (formats.md 2.2). Values are slices of the line, escapes left as they are.

use memchr::{memchr, memchr2};

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
            let closes = if key { next == Some(&b':') } else { matches!(next, None | Some(b',' | b'}' | b']')) };
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
                || self.rest.get(at + 1..)?.iter().take(8).find(|byte| !byte.is_ascii_whitespace()) == Some(&b'"');
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

    fn member(&mut self) -> Option<(&'a [u8], &'a [u8])> {
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
