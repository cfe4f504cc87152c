//! SQL without its literals, so that the same statement with other values is the same text.

/// Replaces numbers and quoted strings by `?`, lists of them by one `?`, and folds white space.
#[must_use]
pub fn of_sql(sql: &str) -> String {
    let mut out = Print(String::with_capacity(sql.len()));
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '\'' => out.value(behind_string(rest)),
            '0'..='9' if !out.in_name() => out.value(behind_number(rest)),
            // A digit in a name.
            '0'..='9' => out.copy(rest, 1),
            _ => match run(rest.as_bytes(), is_plain) {
                0 => out.character(first, rest),
                length => out.copy(rest, length),
            },
        };
    }
    let mut text = out.0;
    text.truncate(text.trim_end().len());
    text
}

/// Bytes that are simply copied, save that of several blanks one is left. Of what is no ASCII some is white space.
fn is_plain(byte: u8) -> bool {
    !matches!(byte, b'\'' | b'0'..=b'9' | b'\t'..=b'\r' | 0x80..)
}

/// Bytes of a list of whole numbers.
fn is_of_list(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b',' | b' ')
}

/// Number of bytes at the start of `bytes` for which `holds` is true.
fn run(bytes: &[u8], holds: impl Fn(u8) -> bool) -> usize {
    // Whole pieces first, and sums of bytes: the compiler makes wide instructions of that.
    let others = |piece: &[u8]| piece.iter().fold(0, |any, byte| any | u8::from(!holds(*byte)));
    let whole = bytes.chunks_exact(16).take_while(|piece| others(piece) == 0).count() * 16;
    let rest = bytes.get(whole..).unwrap_or_default();
    whole + rest.iter().position(|byte| !holds(*byte)).unwrap_or(rest.len())
}

/// Whether a blank follows a byte for which `holds` is true.
fn blank_behind(bytes: &[u8], holds: impl Fn(u8) -> bool) -> bool {
    let pairs = bytes.iter().zip(bytes.get(1..).unwrap_or_default());
    pairs.fold(0, |any, (byte, next)| any | u8::from(holds(*byte) & (*next == b' '))) != 0
}

/// What follows the number that `text` begins with.
fn behind_number(text: &str) -> &str {
    text.trim_start_matches(|next: char| next.is_ascii_digit() || next == '.')
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
struct Print(String);

impl Print {
    /// Copies so many plain bytes from the front of `rest`; gives what follows.
    fn copy<'r>(&mut self, rest: &'r str, bytes: usize) -> &'r str {
        let (front, behind) = rest.split_at_checked(bytes).unwrap_or((rest, ""));
        let doubled = front.starts_with(' ') && self.ends_blank();
        if doubled || blank_behind(front.as_bytes(), |byte| byte == b' ') {
            for part in front.split_inclusive(' ') {
                let word = part.trim_end_matches(' ');
                self.0.push_str(word);
                if word.len() < part.len() {
                    self.space();
                }
            }
        } else {
            self.0.push_str(front);
        }
        behind
    }

    /// Adds the first character of `rest`; gives what follows.
    fn character<'r>(&mut self, first: char, rest: &'r str) -> &'r str {
        if first.is_whitespace() {
            self.space();
        } else {
            self.0.push(first);
        }
        rest.get(first.len_utf8()..).unwrap_or_default()
    }

    /// A further blank adds nothing.
    fn ends_blank(&self) -> bool {
        self.0.is_empty() || self.0.ends_with(' ')
    }

    fn space(&mut self) {
        if !self.ends_blank() {
            self.0.push(' ');
        }
    }

    /// A digit here belongs to a name.
    fn in_name(&self) -> bool {
        self.0.ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == '"')
    }

    fn has_comma(&self) -> bool {
        memchr::memchr(b',', self.0.as_bytes()).is_some()
    }

    /// Adds a literal before `rest`; gives what follows the list that goes on there.
    fn value<'r>(&mut self, rest: &'r str) -> &'r str {
        // `?, ?` collapses, so that IN lists of any length are one statement.
        let joints = self.0.bytes().rev().take_while(|byte| matches!(byte, b' ' | b',')).count();
        let kept = self.0.len() - joints;
        if joints > 0 && self.0.get(..kept).is_some_and(|text| text.ends_with('?')) && self.has_comma() {
            self.0.truncate(kept);
        } else {
            self.0.push('?');
        }
        self.behind_list(rest)
    }

    /// What follows the further numbers of a list at the start of `rest`: they would collapse one by one.
    fn behind_list<'r>(&self, rest: &'r str) -> &'r str {
        let all = rest.get(..run(rest.as_bytes(), is_of_list)).unwrap_or_default();
        let list = all.trim_end_matches([' ', ',']);
        // Without a comma before the list each number must bring its own.
        let collapses = match list.as_bytes().first() {
            Some(b',') => !blank_behind(list.as_bytes(), |byte| byte.is_ascii_digit()) || self.has_comma(),
            Some(b' ') => self.has_comma(),
            _ => false,
        };
        if collapses { behind_number(rest.get(list.len()..).unwrap_or_default()) } else { rest }
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
        assert_eq!(of_sql("DELETE FROM t WHERE id IN (1, 2,3 , 4.5, 6)"), "DELETE FROM t WHERE id IN (?)");
        assert_eq!(of_sql("  a  b\t \u{a0} c 1 2 "), "a b c ? ?");
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

        #[test]
        fn lists_are_skipped_as_they_collapse(
            head in "[a,? ]{0,4}",
            list in prop::collection::vec("[0-9]{1,3}[, .]{0,3}|'a'|x", 0..30),
        ) {
            let sql = format!("{head}IN ({})", list.concat());
            prop_assert_eq!(of_sql(&sql), slowly(&sql));
        }
    }
}
