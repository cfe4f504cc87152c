//! Eight bytes looked at as one number: numbers of a few digits. (H. S. Warren, *Hacker's Delight*, 6-1.)

/// A byte in each of the eight places.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The highest bit of each byte.
const HIGHEST: u64 = each(0x80);

/// Number of bytes before the first marked one.
#[inline]
fn before(marked: u64) -> usize {
    (marked.trailing_zeros() / 8) as usize
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
