//! Walks over the members of one JSON object on one line, without building anything.
//!
//! For programs that encode their JSON properly (Caddy, Traefik); what nginx writes from a template is read by
//! `nginx_access`. Values are slices of the line, string escapes left as they are.

use memchr::memchr2;

/// Objects nested deeper than this end the walk.
const DEEPEST: usize = 16;

/// One member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member<'a> {
    /// Key of the object it stands in; empty for the outermost.
    pub inside: &'a [u8],
    /// Its key.
    pub key: &'a [u8],
    /// A string without its quotes, a bare word, or the first string of an array.
    pub value: &'a [u8],
}

/// Members in the order of the text, those of nested objects where these stand. Objects in arrays are passed over.
pub(super) struct Members<'a> {
    rest: &'a [u8],
    keys: [&'a [u8]; DEEPEST],
    depth: usize,
    /// The whole object was read, and nothing but blanks follows.
    pub complete: bool,
}

impl<'a> Members<'a> {
    /// Begins at the `{` of `line`.
    pub(super) fn new(line: &'a [u8]) -> Self {
        let (rest, depth) = match line.trim_ascii_start().strip_prefix(b"{") {
            Some(rest) => (rest, 1),
            None => (b"".as_slice(), 0),
        };
        Members { rest, keys: [b""; DEEPEST], depth, complete: false }
    }

    /// A string whose opening quote is next.
    fn string(&mut self) -> Option<&'a [u8]> {
        let inner = self.rest.strip_prefix(b"\"")?;
        let mut from = 0;
        loop {
            let at = from + memchr2(b'"', b'\\', inner.get(from..)?)?;
            if inner.get(at) == Some(&b'"') {
                self.rest = inner.get(at + 1..)?;
                return inner.get(..at);
            }
            from = at + 2;
        }
    }

    /// An array whose bracket is next: its first string, or nothing.
    fn array(&mut self) -> Option<&'a [u8]> {
        let mut first: Option<&[u8]> = None;
        let mut open = 0usize;
        loop {
            match self.rest.first()? {
                b'"' => {
                    let string = self.string()?;
                    first = first.or(Some(string));
                    continue;
                }
                b'[' | b'{' => open += 1,
                b']' | b'}' => open = open.checked_sub(1)?,
                _ => {}
            }
            self.rest = self.rest.get(1..)?;
            if open == 0 {
                return Some(first.unwrap_or_default());
            }
        }
    }

    fn bare(&mut self) -> Option<&'a [u8]> {
        let length =
            self.rest.iter().take_while(|byte| !matches!(byte, b',' | b'}') && !byte.is_ascii_whitespace());
        let (value, rest) = self.rest.split_at_checked(length.count())?;
        self.rest = rest;
        value.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-').then_some(value)
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        while self.depth > 0 {
            self.rest = self.rest.trim_ascii_start();
            match self.rest.first()? {
                b',' => self.rest = self.rest.get(1..)?,
                b'}' => {
                    self.rest = self.rest.get(1..)?;
                    self.depth -= 1;
                    self.complete = self.depth == 0 && self.rest.trim_ascii().is_empty();
                }
                b'"' => {
                    let key = self.string()?;
                    self.rest = self.rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
                    let inside = self.keys.get(self.depth - 1).copied()?;
                    let value = match self.rest.first()? {
                        b'{' => {
                            self.rest = self.rest.get(1..)?;
                            *self.keys.get_mut(self.depth)? = key;
                            self.depth += 1;
                            continue;
                        }
                        b'[' => self.array()?,
                        b'"' => self.string()?,
                        _ => self.bare()?,
                    };
                    return Some(Member { inside, key, value });
                }
                _ => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(text: &str) -> (String, bool) {
        let mut members = Members::new(text.as_bytes());
        let mut out = String::new();
        for Member { inside, key, value } in members.by_ref() {
            let owned = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            out += &format!("{}.{}={};", owned(inside), owned(key), owned(value));
        }
        (out, members.complete)
    }

    #[test]
    fn members() {
        for (text, expected) in [
            (r#"{"a":"b \"c\"", "n" : 1.5e3 }"#, r#".a=b \"c\";.n=1.5e3;"#),
            (
                r#"{"r":{"h":{"U":["x","y"],"V":[]},"m":"GET"},"s":-1,"t":null}"#,
                "h.U=x;h.V=;r.m=GET;.s=-1;.t=null;",
            ),
            (r#"{"l":[{"a":["]"]},2],"b":true}"#, ".l=a;.b=true;"),
            ("{}", ""),
        ] {
            assert_eq!(walk(text), (expected.to_owned(), true), "{text}");
        }
    }

    #[test]
    fn broken() {
        let deep = "{\"a\":".repeat(40);
        for text in
            ["", "[]", "{", r#"{"a"}"#, r#"{"a":}"#, r#"{"a":"b}"#, r#"{"a":1} x"#, r#"{"a":[1}"#, &deep]
        {
            assert!(!walk(text).1, "{text}");
        }
        let text = r#"{"r":{"h":{"U":["x","y"]},"m":"\"GET"},"s":-1}"#;
        for cut in 0..text.len() {
            assert!(!walk(&text[..cut]).1, "{}", &text[..cut]);
        }
    }
}
