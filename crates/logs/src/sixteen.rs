//! Sixteen bytes looked at as one vector: fields, which are too short for a search through memory, and the ends of lines.
//! (The marks of a vector as the bits of a number: D. Lemire and G. Langdale, "Parsing gigabytes of JSON per second", VLDB
//! Journal 28, 2019.)

use wide::i8x16;
pub use wide::u8x16;

/// Marks (all bits of) each byte that is one of `wanted`.
#[inline]
#[must_use]
pub fn one_of<const N: usize>(bytes: u8x16, wanted: [u8; N]) -> u8x16 {
    wanted.iter().fold(u8x16::ZERO, |found, byte| found | bytes.simd_eq(u8x16::splat(*byte)))
}

/// Marks each ASCII digit.
#[inline]
#[must_use]
pub fn digits(bytes: u8x16) -> u8x16 {
    let value = bytes - u8x16::splat(b'0');
    value.min(u8x16::splat(9)).simd_eq(value)
}

/// A bit for each byte that is no printable ASCII: control characters, and what is above ASCII.
#[inline]
fn unusual(sixteen: &[u8; 16]) -> u32 {
    i8x16::new(sixteen.map(|byte| byte as i8)).simd_lt(i8x16::splat(b' ' as i8)).to_bitmask()
}

/// What `marks` says of each of four times sixteen bytes, the first in the lowest bits.
#[inline]
fn of_four(bytes: &[u8; 64], marks: impl Fn(&[u8; 16]) -> u32) -> u64 {
    bytes.as_chunks::<16>().0.iter().rev().fold(0, |all, sixteen| all << 16 | u64::from(marks(sixteen)))
}

/// Where the first of the `wanted` bytes stands in `bytes`, which is best found soon.
///
/// ```
/// use stormtrace_logs::sixteen;
///
/// assert_eq!(sixteen::find(b"GET /web/login HTTP/1.1", [b'?', b' ']), Some(3));
/// ```
#[inline]
#[must_use]
pub fn find<const N: usize>(bytes: &[u8], wanted: [u8; N]) -> Option<usize> {
    find_marked(bytes, |sixteen| one_of(sixteen, wanted))
}

/// Where the first byte stands that `marks` marks, which is best found soon.
#[inline]
#[must_use]
pub fn find_marked(bytes: &[u8], marks: impl Fn(u8x16) -> u8x16) -> Option<usize> {
    let marks = |sixteen: [u8; 16]| marks(u8x16::new(sixteen)).to_bitmask();
    let first = |marked: u32| (marked != 0).then(|| marked.trailing_zeros() as usize);
    let mut rest = bytes;
    while let Some((sixteen, behind)) = rest.split_first_chunk() {
        if let Some(found) = first(marks(*sixteen)) {
            return Some(bytes.len() - rest.len() + found);
        }
        rest = behind;
    }
    let found = match bytes.last_chunk() {
        // Of the last sixteen those behind the ones that were looked at.
        Some(last) => first(marks(*last) >> (16 - rest.len())),
        None => first(short_marks(rest, marks)),
    };
    found.map(|found| bytes.len() - rest.len() + found)
}

/// A bit for each marked byte of less than sixteen. Hardly ever is a line that short.
#[cold]
fn short_marks(bytes: &[u8], marks: impl Fn([u8; 16]) -> u32) -> u32 {
    let mut filled_up = [0; 16];
    filled_up.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    marks(filled_up) & ((1 << bytes.len()) - 1)
}

/// Number of bytes at the start of `bytes` before the first that `ends` marks, which is best far away.
#[inline]
#[must_use]
pub fn run(bytes: &[u8], ends: impl Fn(u8x16) -> u8x16) -> usize {
    let ended = |piece: &[u8; 64]| {
        let sixteens = piece.as_chunks::<16>().0.iter();
        sixteens.fold(u8x16::ZERO, |ended, sixteen| ended | ends(u8x16::new(*sixteen))).to_bitmask() != 0
    };
    let whole = bytes.as_chunks::<64>().0.iter().take_while(|piece| !ended(piece)).count() * 64;
    // Of less than sixteen bytes those before are looked at once more: together they are a vector.
    let from = if bytes.len() - whole < 16 { whole.saturating_sub(16) } else { whole };
    let rest = bytes.get(from..).unwrap_or_default();
    from + find_marked(rest, ends).unwrap_or(rest.len())
}

/// Where the newlines of `bytes` stand; `None` once one of the `odd` bytes, none of them printable ASCII, is met.
pub(crate) fn line_ends<const N: usize>(bytes: &[u8], odd: [u8; N]) -> Option<Vec<usize>> {
    // Hardly a log has lines that are shorter on the average.
    let mut ends = Vec::with_capacity(bytes.len() / 64 + 1);
    let (wide, rest) = bytes.as_chunks::<64>();
    for (at, piece) in wide.iter().enumerate() {
        let found = of_four(piece, unusual);
        if found == 0 {
            continue;
        }
        let mut newlines = of_four(piece, |sixteen| one_of(u8x16::new(*sixteen), [b'\n']).to_bitmask());
        if found != newlines && of_four(piece, |sixteen| one_of(u8x16::new(*sixteen), odd).to_bitmask()) != 0
        {
            return None;
        }
        while newlines != 0 {
            ends.push(at * 64 + newlines.trailing_zeros() as usize);
            newlines &= newlines - 1;
        }
    }
    for (at, byte) in rest.iter().enumerate() {
        if odd.contains(byte) {
            return None;
        }
        if *byte == b'\n' {
            ends.push(wide.len() * 64 + at);
        }
    }
    Some(ends)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn found_where_it_stands(bytes in prop::collection::vec(prop::sample::select(vec![0u8, 1, b' ', b'!', b'"', b'a', 0x7f, 0x80, 0xa0, 0xff]), 0..80)) {
            let expected = bytes.iter().position(|byte| matches!(byte, b' ' | b'"'));
            prop_assert_eq!(super::find(&bytes, [b' ', b'"']), expected);
            prop_assert_eq!(super::find(&bytes, [0]), bytes.iter().position(|byte| *byte == 0));
        }

        #[test]
        fn runs_end_where_they_do(length in 0usize..200, end in 0usize..200, byte in any::<u8>()) {
            let mut bytes = vec![b'7'; length];
            if let Some(end) = bytes.get_mut(end) {
                *end = byte;
            }
            let expected = bytes.iter().position(|byte| !byte.is_ascii_digit());
            prop_assert_eq!(super::run(&bytes, |sixteen| !super::digits(sixteen)), expected.unwrap_or(length));
            prop_assert_eq!(super::find_marked(&bytes, |sixteen| !super::digits(sixteen)), expected);
        }

        #[test]
        fn lines_end_where_they_do(bytes in prop::collection::vec(prop::sample::select(b"\n\t\r\0\xef\x1b aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa~\x7f\x80\xff".to_vec()), 0..400)) {
            let expected: Vec<usize> = memchr::memchr_iter(b'\n', &bytes).collect();
            prop_assert_eq!(super::line_ends(&bytes, []), Some(expected.clone()));
            let has_odd = bytes.iter().any(|byte| b"\r\0\xef\x1b".contains(byte));
            prop_assert_eq!(super::line_ends(&bytes, *b"\r\0\xef\x1b"), (!has_odd).then_some(expected));
        }

        /// One odd byte, wherever it stands.
        #[test]
        fn an_odd_byte_is_seen(at in 0usize..200, odd in prop::sample::select(b"\r\0\xef\x1b".to_vec())) {
            let mut bytes = vec![b'x'; 200];
            bytes[at] = odd;
            prop_assert_eq!(super::line_ends(&bytes, *b"\r\0\xef\x1b"), None);
        }
    }
}
