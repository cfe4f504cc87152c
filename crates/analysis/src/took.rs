//! How long something took, where it was logged: in eight bytes, of which an `Option` needs sixteen. Requests are kept by
//! the hundred thousand.

use serde::{Deserialize, Serialize};

/// Microseconds, or nothing. In a summary it is an `Option`.
///
/// ```
/// use stormtrace_analysis::took::Took;
///
/// assert_eq!(Took::from(Some(250)).get(), Some(250));
/// assert_eq!(Took::default().get(), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Option<i64>", into = "Option<i64>")]
pub struct Took(i64);

impl Took {
    /// No time is that long, nor that far below zero.
    const NOTHING: i64 = i64::MIN;

    /// µs; `None` if it was not logged.
    #[inline]
    #[must_use]
    pub fn get(self) -> Option<i64> {
        (self.0 != Self::NOTHING).then_some(self.0)
    }
}

impl From<Option<i64>> for Took {
    #[inline]
    fn from(us: Option<i64>) -> Self {
        Took(us.unwrap_or(Self::NOTHING))
    }
}

impl From<Took> for Option<i64> {
    fn from(took: Took) -> Self {
        took.get()
    }
}

impl Default for Took {
    fn default() -> Self {
        Took(Self::NOTHING)
    }
}
