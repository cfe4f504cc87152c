//! SQL without its literals, so that the same statement with other values is the same text.

use std::hash::Hasher;

use rustc_hash::{FxHashMap, FxHasher};
use stormtrace_logs::sixteen::{digits, one_of, run, u8x16};

use crate::texts::Texts;

/// Replaces numbers and quoted strings by `?`, lists of them by one `?`, and folds white space.
#[must_use]
pub fn of_sql(sql: &str) -> String {
    print(sql, &mut |_| {})
}

/// Where a literal stood, with what follows of its list.
struct Gap {
    start: usize,
    end: usize,
    before: Before,
}

/// What matters of the text that was printed before a literal.
#[derive(Debug, Clone, Copy)]
struct Before {
    /// There is a comma in it.
    comma: bool,
    /// It ends in a name, which a digit would go on with.
    in_name: bool,
}

/// As [`of_sql`]; `visit` is told of each literal.
fn print(sql: &str, visit: &mut dyn FnMut(Gap)) -> String {
    let mut out = Print(String::with_capacity(sql.len()));
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let behind = match first {
            '\'' => behind_string(rest.as_bytes()),
            '0'..='9' if !out.in_name() => behind_number(rest.as_bytes()),
            // A digit in a name.
            '0'..='9' => {
                rest = out.copy(rest, 1);
                continue;
            }
            _ => {
                rest = match run(rest.as_bytes(), not_plain) {
                    0 => out.character(first, rest),
                    length => out.copy(rest, length),
                };
                continue;
            }
        };
        let in_name = out.in_name();
        out.value();
        let before = Before { comma: out.has_comma(), in_name };
        let (start, end) = (sql.len() - rest.len(), sql.len() - behind_list(behind, before.comma).len());
        visit(Gap { start, end, before });
        rest = sql.get(end..).unwrap_or_default();
    }
    let mut text = out.0;
    text.truncate(text.trim_end().len());
    text
}

/// Most statements known at a time (then all are forgotten), and of those that begin alike.
const MOST_KNOWN: usize = 1024;
const MOST_ALIKE: usize = 8;
/// Longest statement that is kept, in bytes, and the most literals in it: the others are printed each time.
const LONGEST_KNOWN: usize = 1024;
const MOST_LITERALS: usize = 64;

/// Statements by their number in a table of texts. One that differs from a known one in its literals alone is told by
/// comparing what stands between them: nothing is printed for it.
#[derive(Debug, Default)]
pub struct Statements {
    /// By what stands before the first digit or quote.
    known: FxHashMap<u64, Vec<Known>>,
    count: usize,
}

#[derive(Debug)]
struct Known {
    /// The statement without its literals.
    text: Box<[u8]>,
    /// Where they were in it.
    literals: Box<[(usize, Before)]>,
    number: u32,
}

impl Known {
    fn is(&self, sql: &[u8]) -> bool {
        let (mut rest, mut from) = (sql, 0);
        for (at, before) in &self.literals {
            let between = self.text.get(from..*at).unwrap_or_default();
            let Some(literal) = rest.strip_prefix(between) else { return false };
            let behind = match literal.first() {
                Some(b'\'') => behind_string(literal),
                Some(b'0'..=b'9') if !before.in_name => behind_number(literal),
                _ => return false,
            };
            (rest, from) = (behind_list(behind, before.comma), *at);
        }
        self.text.get(from..) == Some(rest)
    }
}

impl Statements {
    /// The number in `texts`, always the same table, of what [`of_sql`] makes of `sql`; what is no UTF-8 is replaced.
    pub fn number(&mut self, sql: &[u8], texts: &mut Texts) -> u32 {
        let mut hasher = FxHasher::default();
        hasher.write(sql.get(..run(sql, literals)).unwrap_or(sql));
        let head = hasher.finish();
        let alike = self.known.get(&head).map(Vec::as_slice).unwrap_or_default();
        if let Some(known) = alike.iter().find(|known| known.is(sql)) {
            return known.number;
        }
        let room = alike.len() < MOST_ALIKE && sql.len() <= LONGEST_KNOWN;
        let Ok(valid) = std::str::from_utf8(sql) else {
            return texts.add(&of_sql(&String::from_utf8_lossy(sql)));
        };
        if !room {
            return texts.add(&of_sql(valid));
        }
        let (mut text, mut literals, mut from) = (Vec::new(), Vec::new(), 0);
        let printed = print(valid, &mut |gap| {
            text.extend_from_slice(sql.get(from..gap.start).unwrap_or_default());
            if literals.len() <= MOST_LITERALS {
                literals.push((text.len(), gap.before));
            }
            from = gap.end;
        });
        let number = texts.add(&printed);
        if literals.len() <= MOST_LITERALS {
            text.extend_from_slice(sql.get(from..).unwrap_or_default());
            // What is asked for now is likelier to come again than what was long ago.
            if self.count >= MOST_KNOWN {
                self.known.clear();
                self.count = 0;
            }
            self.count += 1;
            let known = Known { text: text.into(), literals: literals.into(), number };
            self.known.entry(head).or_default().push(known);
        }
        number
    }
}

/// Marks what begins a literal, perhaps.
fn literals(bytes: u8x16) -> u8x16 {
    digits(bytes) | one_of(bytes, [b'\''])
}

/// Marks what is not simply copied: literals, white space but blanks (of several blanks one is left), and what is no ASCII, of
/// which some is white space.
fn not_plain(bytes: u8x16) -> u8x16 {
    let others = bytes.max(u8x16::splat(0x80)).simd_eq(bytes);
    literals(bytes) | one_of(bytes, [b'\t', b'\n', 0x0b, 0x0c, b'\r']) | others
}

/// Marks what is not of a list of whole numbers.
fn not_of_list(bytes: u8x16) -> u8x16 {
    !(digits(bytes) | one_of(bytes, [b',', b' ']))
}

/// Whether a blank follows a byte for which `holds` is true.
fn blank_behind(bytes: &[u8], holds: impl Fn(u8) -> bool) -> bool {
    let pairs = bytes.iter().zip(bytes.get(1..).unwrap_or_default());
    pairs.fold(0, |any, (byte, next)| any | u8::from(holds(*byte) & (*next == b' '))) != 0
}

/// What follows the number that `text` begins with.
fn behind_number(text: &[u8]) -> &[u8] {
    let of_number = |bytes| digits(bytes) | one_of(bytes, [b'.']);
    let end = match text.first_chunk() {
        Some(sixteen) => (!of_number(u8x16::new(*sixteen)).to_bitmask()).trailing_zeros() as usize,
        None => 0,
    };
    // At the end of a text, or a very long one.
    let more = || text.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'.')).unwrap_or(text.len());
    text.get(if (1..16).contains(&end) { end } else { more() }..).unwrap_or_default()
}

/// What follows the quoted string that `text` begins with.
fn behind_string(text: &[u8]) -> &[u8] {
    let mut at = 1;
    loop {
        let Some(rest) = text.get(at..) else { return b"" };
        let Some(quote) = memchr::memchr(b'\'', rest) else { return b"" };
        at += quote + 1;
        match text.get(at) {
            Some(b'\'') => at += 1,
            _ => return text.get(at..).unwrap_or_default(),
        }
    }
}

/// What follows the further numbers of a list at the start of `rest`: they would collapse one by one.
fn behind_list(rest: &[u8], comma: bool) -> &[u8] {
    let further = rest.iter().position(|byte| !matches!(byte, b' ' | b','));
    if !matches!(further, Some(1..)) || !further.and_then(|at| rest.get(at)).is_some_and(u8::is_ascii_digit) {
        return rest;
    }
    let all = rest.get(..run(rest, not_of_list)).unwrap_or_default();
    let joints = all.iter().rev().take_while(|byte| matches!(byte, b' ' | b',')).count();
    let list = all.get(..all.len() - joints).unwrap_or_default();
    // Without a comma before the list each number must bring its own.
    let collapses = match list.first() {
        Some(b',') => comma || !blank_behind(list, |byte| byte.is_ascii_digit()),
        Some(b' ') => comma,
        _ => false,
    };
    if collapses { behind_number(rest.get(list.len()..).unwrap_or_default()) } else { rest }
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

    /// Adds a literal.
    fn value(&mut self) {
        // `?, ?` collapses, so that IN lists of any length are one statement.
        let joints = self.0.bytes().rev().take_while(|byte| matches!(byte, b' ' | b',')).count();
        let kept = self.0.len() - joints;
        if joints > 0 && self.0.get(..kept).is_some_and(|text| text.ends_with('?')) && self.has_comma() {
            self.0.truncate(kept);
        } else {
            self.0.push('?');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{LONGEST_KNOWN, MOST_ALIKE, MOST_KNOWN, Statements, of_sql};
    use crate::texts::Texts;

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

    #[test]
    fn a_full_table_begins_anew() {
        let (mut statements, mut texts) = (Statements::default(), Texts::default());
        for round in 0..2 {
            for table in 0..3 * MOST_KNOWN {
                // Letters for digits: each head is another.
                let name: String = table.to_string().bytes().map(|digit| char::from(digit + 49)).collect();
                let sql = format!("SELECT {name} WHERE id = {round}");
                let number = statements.number(sql.as_bytes(), &mut texts);
                assert_eq!(texts.get(number), format!("SELECT {name} WHERE id = ?"));
                assert!(statements.count <= MOST_KNOWN);
            }
        }
        // Many literals, and many that begin alike, are printed each time.
        for sql in [format!("SELECT {}", "'a' b ".repeat(100)), "x".repeat(LONGEST_KNOWN + 1)] {
            let number = statements.number(sql.as_bytes(), &mut texts);
            assert_eq!(texts.get(number), of_sql(&sql));
        }
        for end in 0..2 * MOST_ALIKE {
            let sql = format!("SELECT alike 1{}", " x".repeat(end));
            let number = statements.number(sql.as_bytes(), &mut texts);
            assert_eq!(texts.get(number), of_sql(&sql));
        }
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

        /// A statement told by comparison has the number that printing it would give.
        #[test]
        fn known_statements_are_told_by_what_is_between_their_literals(
            shapes in prop::collection::vec("[a?, '\"\u{a0}(1]{0,6}", 1..4),
            order in prop::collection::vec((0usize..4, "('[a1, ]{0,3}'|[0-9]{1,3})([, ]{0,2}[0-9]{1,2}){0,3}", "[1'é]?", 0usize..40), 1..30),
        ) {
            let (mut statements, mut texts) = (Statements::default(), Texts::default());
            for (shape, literal, tail, cut) in order {
                let shape = &shapes[shape % shapes.len()];
                let sql = format!("x = {literal}{shape}{literal}{tail}");
                // A cut may fall into a character.
                let sql = sql.as_bytes().get(..cut).unwrap_or(sql.as_bytes());
                let number = statements.number(sql, &mut texts);
                prop_assert_eq!(texts.get(number), of_sql(&String::from_utf8_lossy(sql)));
            }
        }
    }
}
