//! What stands between the bytes of a file and its lines: byte order marks and UTF-16. (Holes of NULs: [`crate::line`].)
//!
//! Told from the first bytes; where there is nothing to undo, bytes pass untouched. Lines keep their numbers.

use std::io::{self, Read};

/// Bytes looked at.
const HEAD_BYTES: usize = 512;

/// A stream of bytes that are lines in some superset of ASCII, mostly UTF-8.
pub struct Text<'r> {
    /// The bytes.
    pub reader: Box<dyn Read + Send + 'r>,
    /// The first bytes as they were, before anything was undone.
    pub head: Vec<u8>,
    /// What was undone, as part of a sentence, if the reader of a report should know.
    pub note: Option<&'static str>,
}

/// Looks at the first bytes and undoes what they call for while the rest is read.
///
/// # Errors
/// When the first bytes cannot be read.
pub fn open<'r>(mut input: impl Read + Send + 'r) -> io::Result<Text<'r>> {
    let mut head = Vec::new();
    // What came before a failure is kept; the next read tells of it again.
    let failure = Read::by_ref(&mut input).take(HEAD_BYTES as u64).read_to_end(&mut head).err();
    let kept = head.clone();
    let order = byte_order(&head);
    let bom = match order {
        Some(_) => usize::from(matches!(head.as_slice(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..])) * 2,
        None => usize::from(head.starts_with(b"\xef\xbb\xbf")) * 3,
    };
    let rest = head.split_off(bom);
    let broken = Broken(failure);
    let whole = io::Cursor::new(rest).chain(broken).chain(input);
    let (reader, note): (Box<dyn Read + Send + 'r>, _) = match order {
        Some(Order::Little) => (
            Box::new(Utf16::new(whole, u16::from_le_bytes)),
            Some("UTF-16 (little endian) was read as UTF-8"),
        ),
        Some(Order::Big) => {
            (Box::new(Utf16::new(whole, u16::from_be_bytes)), Some("UTF-16 (big endian) was read as UTF-8"))
        }
        None => (Box::new(whole), None),
    };
    Ok(Text { reader, head: kept, note })
}

/// Gives its error once.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    Little,
    Big,
}

/// The order of UTF-16, by its mark or by the NULs of ASCII text in it.
fn byte_order(head: &[u8]) -> Option<Order> {
    match head {
        [0xff, 0xfe, ..] => return Some(Order::Little),
        [0xfe, 0xff, ..] => return Some(Order::Big),
        _ => {}
    }
    let pairs = head.chunks_exact(2);
    let count = pairs.len();
    let (mut first, mut second) = (0usize, 0usize);
    for pair in pairs {
        first += usize::from(pair.first() == Some(&0));
        second += usize::from(pair.get(1) == Some(&0));
    }
    // Nine of ten characters are ASCII; hardly a NUL is where their letters are.
    let ascii = |nuls: usize, others: usize| count >= 8 && others * 20 <= count && nuls * 10 >= count * 9;
    if ascii(second, first) {
        Some(Order::Little)
    } else if ascii(first, second) {
        Some(Order::Big)
    } else {
        None
    }
}

/// UTF-16 to UTF-8. What is no character becomes U+FFFD.
struct Utf16<R> {
    inner: R,
    unit: fn([u8; 2]) -> u16,
    /// Bytes read and not yet decoded: at most half a unit and a high surrogate after each round.
    raw: Vec<u8>,
    /// Decoded bytes not yet given out.
    ready: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Utf16<R> {
    fn new(inner: R, unit: fn([u8; 2]) -> u16) -> Self {
        Utf16 { inner, unit, raw: Vec::new(), ready: Vec::new(), given: 0, ended: false }
    }

    /// Decodes what is complete in `raw`.
    fn decode(&mut self) {
        let whole = self.raw.len() / 2 * 2;
        let units: Vec<u16> = self
            .raw
            .get(..whole)
            .unwrap_or_default()
            .chunks_exact(2)
            .filter_map(|pair| pair.try_into().ok().map(self.unit))
            .collect();
        // A high surrogate at the end waits for its other half.
        let waits = !self.ended && matches!(units.last(), Some(0xd800..=0xdbff));
        let used = units.len() - usize::from(waits);
        self.ready.clear();
        self.given = 0;
        for character in char::decode_utf16(units.iter().take(used).copied()) {
            let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
            self.ready.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        self.raw.drain(..used * 2);
        if self.ended && !self.raw.is_empty() {
            self.raw.clear();
            self.ready.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() {
            if self.ended {
                return Ok(0);
            }
            let mut piece = [0; 1 << 14];
            match self.inner.read(&mut piece) {
                Ok(0) => self.ended = true,
                Ok(count) => self.raw.extend_from_slice(piece.get(..count).unwrap_or_default()),
                Err(error) => return Err(error),
            }
            self.decode();
        }
        let ready = self.ready.get(self.given..).unwrap_or_default();
        let count = ready.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), ready.get(..count)) {
            to.copy_from_slice(from);
        }
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match (self.0.split_first(), buffer.first_mut()) {
                (Some((byte, rest)), Some(place)) => {
                    *place = *byte;
                    self.0 = rest;
                    Ok(1)
                }
                _ => Ok(0),
            }
        }
    }

    fn read(bytes: &[u8]) -> (String, bool) {
        let mut slow = open(Drip(bytes)).unwrap();
        let mut text = Vec::new();
        slow.reader.read_to_end(&mut text).unwrap();
        let mut fast = Vec::new();
        open(bytes).unwrap().reader.read_to_end(&mut fast).unwrap();
        assert_eq!(text, fast);
        assert_eq!(slow.head, &bytes[..bytes.len().min(HEAD_BYTES)]);
        (String::from_utf8_lossy(&text).into_owned(), slow.note.is_some())
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn encodings() {
        let text = "2026-11-23 18:22:10,387 7 INFO ? odoo: né 😀\r\n\nlast".repeat(50);
        let as_read = (text.clone(), true);
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            assert_eq!(read(&utf16(&text, bytes)), as_read);
            assert_eq!(read(&utf16(&format!("\u{feff}{text}"), bytes)), as_read);
        }
        assert_eq!(read(text.as_bytes()), (text.clone(), false));
        assert_eq!(read(format!("\u{feff}{text}").as_bytes()), (text.clone(), false));
        let mut cut = utf16("\u{feff}a😀", u16::to_le_bytes);
        cut.truncate(5);
        assert_eq!(read(&cut).0, "a\u{fffd}");
        cut.push(0xd8);
        assert_eq!(read(&cut).0, "a\u{fffd}");
    }

    #[test]
    fn plain_text_passes() {
        for bytes in [b"".as_slice(), b"\n", b"\xef\xbb", b"a", b"\xff\xff\xff"] {
            assert_eq!(read(bytes).0, String::from_utf8_lossy(bytes));
        }
    }
}
