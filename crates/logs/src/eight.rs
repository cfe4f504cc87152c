//! Eight bytes looked at as one number, for fields that are too short for a search through memory: addresses, names and
//! numbers of a few digits. (H. S. Warren, *Hacker's Delight*, 6-1; J. Mycroft's test for a zero byte.)

/// A byte in each of the eight places.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The highest bit of each byte.
const HIGHEST: u64 = each(0x80);

/// Marks the highest bit of the first byte that is `wanted`; bits behind it mean nothing.
#[inline]
fn mark(eight: u64, wanted: u8) -> u64 {
    let zero_where_wanted = eight ^ each(wanted);
    zero_where_wanted.wrapping_sub(each(1)) & !zero_where_wanted & HIGHEST
}

/// Number of bytes before the first marked one.
#[inline]
fn before(marked: u64) -> usize {
    (marked.trailing_zeros() / 8) as usize
}

/// Where the first of the `wanted` bytes stands in `bytes`, which is best short.
#[inline]
pub(crate) fn find<const N: usize>(bytes: &[u8], wanted: [u8; N]) -> Option<usize> {
    let mut at = 0;
    let mut rest = bytes;
    while let Some((eight, behind)) = rest.split_first_chunk::<8>() {
        let eight = u64::from_le_bytes(*eight);
        let marked = wanted.iter().fold(0, |marked, wanted| marked | mark(eight, *wanted));
        if marked != 0 {
            return Some(at + before(marked));
        }
        at += 8;
        rest = behind;
    }
    rest.iter().position(|byte| wanted.contains(byte)).map(|found| at + found)
}

/// The number of up to seven digits that eight bytes begin with, and how many they are (8: all bytes are digits, the
/// number is of all eight).
#[inline]
pub(crate) fn leading_number(eight: &[u8; 8]) -> (u32, usize) {
    let digits = u64::from_le_bytes(*eight) ^ each(b'0');
    // What is no digit is above nine now: adding carries it into the highest bit, unless that is set already.
    let others = ((digits & !HIGHEST).wrapping_add(each(0x76)) | digits) & HIGHEST;
    let length = before(others);
    if length == 0 {
        return (0, 0);
    }
    // Zeros come in front where there are fewer than eight; then neighbours are joined, to pairs, fours and the whole.
    let eight = digits << (64 - 8 * length as u32);
    let pairs = eight.wrapping_mul(2561) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(6_553_601) >> 16 & 0x0000_ffff_0000_ffff;
    ((fours.wrapping_mul(42_949_672_960_001) >> 32) as u32, length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn found_where_it_stands(bytes in prop::collection::vec(prop::sample::select(vec![0u8, 1, b' ', b'!', b'"', b'a', 0x7f, 0x80, 0xa0, 0xff]), 0..40)) {
            let expected = bytes.iter().position(|byte| matches!(byte, b' ' | b'"'));
            prop_assert_eq!(super::find(&bytes, [b' ', b'"']), expected);
            prop_assert_eq!(super::find(&bytes, [0]), bytes.iter().position(|byte| *byte == 0));
        }

        #[test]
        fn any_eight_bytes(eight in any::<[u8; 8]>()) {
            check(eight)?;
        }

        #[test]
        fn digits_and_their_neighbours(eight in prop::array::uniform8(prop::sample::select(b"0123456789/: .\xb0\xb9\xba".to_vec()))) {
            check(eight)?;
        }
    }

    fn check(eight: [u8; 8]) -> Result<(), TestCaseError> {
        let length = eight.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = std::str::from_utf8(&eight[..length]).unwrap();
        prop_assert_eq!(super::leading_number(&eight), (text.parse().unwrap_or(0), length));
        Ok(())
    }
}
