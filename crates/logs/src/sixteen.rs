//! Sixteen bytes looked at as one vector: fields, which are too short for a search through memory, and the ends of lines.
//! (The marks of a vector as the bits of a number: D. Lemire and G. Langdale, "Parsing gigabytes of JSON per second", VLDB
//! Journal 28, 2019.)

use wide::{i8x16, u8x16};

/// A bit for each byte that is one of `wanted`, the lowest for the first.
#[inline]
fn marks<const N: usize>(sixteen: &[u8; 16], wanted: [u8; N]) -> u32 {
    let bytes = u8x16::new(*sixteen);
    let found = wanted.iter().fold(u8x16::ZERO, |found, byte| found | bytes.simd_eq(u8x16::splat(*byte)));
    found.to_bitmask()
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
#[inline]
pub(crate) fn find<const N: usize>(bytes: &[u8], wanted: [u8; N]) -> Option<usize> {
    let first = |marks: u32| (marks != 0).then(|| marks.trailing_zeros() as usize);
    let mut rest = bytes;
    while let Some((sixteen, behind)) = rest.split_first_chunk() {
        if let Some(found) = first(marks(sixteen, wanted)) {
            return Some(bytes.len() - rest.len() + found);
        }
        rest = behind;
    }
    let found = match bytes.last_chunk() {
        // Of the last sixteen those behind the ones that were looked at.
        Some(last) => first(marks(last, wanted) >> (16 - rest.len())),
        None => rest.iter().position(|byte| wanted.contains(byte)),
    };
    found.map(|found| bytes.len() - rest.len() + found)
}

/// Adds to `ends` where the newlines of `bytes` stand. Gives whether one of the `odd` bytes, none of them printable ASCII, is
/// among them.
pub(crate) fn line_ends<const N: usize>(bytes: &[u8], odd: [u8; N], ends: &mut Vec<usize>) -> bool {
    let mut has_odd = false;
    let (wide, rest) = bytes.as_chunks::<64>();
    for (at, piece) in wide.iter().enumerate() {
        let found = of_four(piece, unusual);
        if found == 0 {
            continue;
        }
        let mut newlines = of_four(piece, |sixteen| marks(sixteen, [b'\n']));
        if found != newlines && !has_odd {
            has_odd = of_four(piece, |sixteen| marks(sixteen, odd)) != 0;
        }
        while newlines != 0 {
            ends.push(at * 64 + newlines.trailing_zeros() as usize);
            newlines &= newlines - 1;
        }
    }
    for (at, byte) in rest.iter().enumerate() {
        has_odd |= odd.contains(byte);
        if *byte == b'\n' {
            ends.push(wide.len() * 64 + at);
        }
    }
    has_odd
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
        fn lines_end_where_they_do(bytes in prop::collection::vec(prop::sample::select(b"\n\t\r\0\xef\x1b aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa~\x7f\x80\xff".to_vec()), 0..400)) {
            let mut ends = Vec::new();
            let has_odd = super::line_ends(&bytes, *b"\r\0\xef\x1b", &mut ends);
            let expected: Vec<usize> = memchr::memchr_iter(b'\n', &bytes).collect();
            prop_assert_eq!(ends, expected);
            prop_assert_eq!(has_odd, bytes.iter().any(|byte| b"\r\0\xef\x1b".contains(byte)));
        }

        /// One odd byte, wherever it stands.
        #[test]
        fn an_odd_byte_is_seen(at in 0usize..200, odd in prop::sample::select(b"\r\0\xef\x1b".to_vec())) {
            let mut bytes = vec![b'x'; 200];
            bytes[at] = odd;
            prop_assert!(super::line_ends(&bytes, *b"\r\0\xef\x1b", &mut Vec::new()));
        }
    }
}
