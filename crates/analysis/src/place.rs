//! Where a statement can be looked up: input numbers to file and line.

use crate::report::{Reference, Time};

/// Labels of the inputs.
pub struct Places<'l> {
    /// By input number.
    pub labels: &'l [String],
}

impl Places<'_> {
    /// A reference to a line of an input.
    #[must_use]
    pub fn reference(&self, input: u32, line: u64, us: i64) -> Reference {
        Reference {
            path: self.labels.get(input as usize).cloned().unwrap_or_default(),
            line,
            time: Some(Time(us)),
        }
    }
}
