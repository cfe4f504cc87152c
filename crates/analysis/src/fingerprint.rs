//! SQL without its literals, so that the same statement with other values is the same text.

/// Replaces numbers and quoted strings by `?`, lists of them by one `?`, and folds white space.
#[must_use]
pub fn of_sql(sql: &str) -> String {
    let mut out = Print { text: String::with_capacity(sql.len()), commas: 0 };
    let mut rest = sql;
    while let Some(first) = rest.bytes().next() {
        rest = match first {
            b'\'' => {
                out.value();
                behind_string(rest)
            }
            b'0'..=b'9' if !out.in_name() => {
                out.value();
                rest.trim_start_matches(|next: char| next.is_ascii_digit() || next == '.')
            }
            // A digit in a name.
            b'0'..=b'9' => out.copy(rest, 1),
            _ => {
                let plain = rest.bytes().position(is_special).unwrap_or(rest.len());
                let Some(next) = rest.chars().next().filter(|_| plain == 0) else {
                    rest = out.copy(rest, plain);
                    continue;
                };
                if next.is_whitespace() {
                    out.space();
                    rest.get(next.len_utf8()..).unwrap_or_default()
                } else {
                    out.copy(rest, next.len_utf8())
                }
            }
        };
    }
    let mut text = out.text;
    text.truncate(text.trim_end().len());
    text
}

/// Bytes that are not simply copied; of what is no ASCII some is white space.
fn is_special(byte: u8) -> bool {
    matches!(byte, b'\'' | b'0'..=b'9' | b' ' | b'\t'..=b'\r' | 0x80..)
}

/// What follows the quoted string that `text` begins with.
fn behind_string(text: &str) -> &str {
    let mut at = 1;
    loop {
        let Some(rest) = text.get(at..) else { return "" };
        let Some(quote) = memchr::memchr(b'\'', rest.as_bytes()) else { return "" };
        at += quote + 1;
        match text.as_bytes().get(at) {
            Some(b'\'') => at += 1,
            _ => return text.get(at..).unwrap_or_default(),
        }
    }
}

/// The text so far.
struct Print {
    text: String,
    /// Commas in it.
    commas: usize,
}

impl Print {
    /// Copies so many bytes from the front of `rest`; gives what follows.
    fn copy<'r>(&mut self, rest: &'r str, bytes: usize) -> &'r str {
        let (front, behind) = rest.split_at_checked(bytes).unwrap_or((rest, ""));
        self.text.push_str(front);
        self.commas += front.bytes().filter(|byte| *byte == b',').count();
        behind
    }

    fn space(&mut self) {
        if !self.text.ends_with(' ') && !self.text.is_empty() {
            self.text.push(' ');
        }
    }

    /// A digit here belongs to a name.
    fn in_name(&self) -> bool {
        self.text.ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == '"')
    }

    fn value(&mut self) {
        // `?, ?` collapses, so that IN lists of any length are one statement.
        let trimmed = self.text.trim_end_matches([' ', ',']);
        let (kept, length) = (trimmed.len(), self.text.len());
        if trimmed.ends_with('?') && kept < length && self.commas > 0 {
            let dropped = self.text.bytes().rev().take(length - kept).filter(|byte| *byte == b',').count();
            self.commas -= dropped.min(self.commas);
            self.text.truncate(kept);
        } else {
            self.text.push('?');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::of_sql;

    #[test]
    fn literals_go_names_stay() {
        assert_eq!(
            of_sql("UPDATE \"a1\" SET x = 'O''Neil', y = 12.5\n  WHERE id IN (1, 2, 3)"),
            "UPDATE \"a1\" SET x = ?, y = ? WHERE id IN (?)"
        );
        assert_eq!(of_sql("SELECT $1, col2 FROM t"), "SELECT $?, col2 FROM t");
        assert_eq!(of_sql("SELECT 'unfinished"), "SELECT ?");
    }

    /// The same, one character after the other.
    fn slowly(sql: &str) -> String {
        let mut out = String::with_capacity(sql.len());
        let mut characters = sql.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\'' => {
                    while let Some(next) = characters.next() {
                        if next == '\'' {
                            if characters.peek() == Some(&'\'') {
                                characters.next();
                            } else {
                                break;
                            }
                        }
                    }
                    push_value(&mut out);
                }
                '0'..='9'
                    if !out.ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == '"') =>
                {
                    while characters.peek().is_some_and(|next| next.is_ascii_digit() || *next == '.') {
                        characters.next();
                    }
                    push_value(&mut out);
                }
                space if space.is_whitespace() => {
                    if !out.ends_with(' ') && !out.is_empty() {
                        out.push(' ');
                    }
                }
                other => out.push(other),
            }
        }
        out.truncate(out.trim_end().len());
        out
    }

    fn push_value(out: &mut String) {
        // `?, ?` collapses, so that IN lists of any length are one statement.
        let trimmed = out.trim_end_matches([' ', ',']);
        if trimmed.ends_with('?') && trimmed.len() < out.len() && out.contains(',') {
            let length = trimmed.len();
            out.truncate(length);
        } else {
            out.push('?');
        }
    }

    proptest! {
        #[test]
        fn fast_and_slow_agree(sql in "[a-z1-9 ,.'?\"_\u{a0}é\t(]{0,60}") {
            prop_assert_eq!(of_sql(&sql), slowly(&sql));
        }
    }
}
