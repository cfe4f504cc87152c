//! How long something took, where it was logged: in four bytes, of which an `Option<i64>` needs sixteen. Requests are kept
//! by the hundred thousand.

use serde::{Deserialize, Serialize};

/// Microseconds, or nothing; of what took longer than 17 minutes whole milliseconds, as most front ends log, and of what
/// took longer than twelve days those. In a summary it is an `Option`.
///
/// ```
/// use stormtrace_analysis::took::Took;
///
/// assert_eq!(Took::from(Some(250)).get(), Some(250));
/// assert_eq!(Took::from(Some(3_600_000_500)).get(), Some(3_600_000_000));
/// assert_eq!(Took::default().get(), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Option<i64>", into = "Option<i64>")]
pub struct Took(i32);

impl Took {
    const NOTHING: i32 = i32::MIN;
    /// From here on each further number is a millisecond more, µs: half of what the numbers can say.
    const COARSE_US: i64 = 1_073_741_000;

    /// µs; `None` if it was not logged.
    #[inline]
    #[must_use]
    pub fn get(self) -> Option<i64> {
        let number = i64::from(self.0);
        let us = if number < Self::COARSE_US {
            number
        } else {
            Self::COARSE_US + (number - Self::COARSE_US) * 1000
        };
        (self.0 != Self::NOTHING).then_some(us)
    }
}

impl From<Option<i64>> for Took {
    #[inline]
    fn from(us: Option<i64>) -> Self {
        let Some(us) = us else { return Took(Self::NOTHING) };
        // Clocks that are set leave times below zero, if hardly such.
        let us = us.max(-Self::COARSE_US);
        let number = if us < Self::COARSE_US { us } else { Self::COARSE_US + (us - Self::COARSE_US) / 1000 };
        Took(i32::try_from(number).unwrap_or(i32::MAX))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn times_are_kept(us in any::<i64>(), shift in 0u32..63) {
            let us = us >> shift;
            let kept = Took::from(Some(us)).get().unwrap();
            match us {
                ..-1_073_741_000 => prop_assert_eq!(kept, -1_073_741_000),
                -1_073_741_000..1_073_741_000 => prop_assert_eq!(kept, us),
                // 12.4 days.
                1_073_741_000..1_070_000_000_000 => prop_assert_eq!(kept, us / 1000 * 1000),
                _ => prop_assert!((1_070_000_000_000..=us).contains(&kept)),
            }
            // Once more changes nothing.
            prop_assert_eq!(Took::from(Some(kept)).get(), Some(kept));
        }
    }
}
