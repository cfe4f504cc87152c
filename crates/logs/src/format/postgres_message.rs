//! Not written yet.

/// Not written yet.
#[must_use]
pub fn lock_holders(_detail: &[u8]) -> Option<(Vec<u32>, Vec<u32>)> {
    None
}
