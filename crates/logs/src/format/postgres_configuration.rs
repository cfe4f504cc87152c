//! Not written yet.

use super::{Claim, Context, Sample};

/// Claims nothing yet.
#[must_use]
pub fn detect(_sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    None
}

/// Not written yet.
#[must_use]
pub fn log_line_prefix(_text: &[u8]) -> Option<String> {
    None
}
