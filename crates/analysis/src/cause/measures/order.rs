//! What came first: a cause whose first sign is certainly later than the first blocked request did not trigger it
//! (methods 4.1, time order gate).

use stormtrace_logs::format::Source;
use stormtrace_logs::timestamp::SECOND_US;

use super::{Count, Look};

/// A first sign may trail the first blocked request by this: causes are logged when they are over a threshold, µs.
const LAG_US: i64 = 30 * SECOND_US;

/// The first sign of a cause, where the capture shows that there was none before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sign {
    /// The earliest that it can have begun, µs.
    pub us: i64,
    /// Whose clock that is.
    pub source: Source,
}

impl Sign {
    /// The first of messages that are written when the cause begins.
    #[must_use]
    pub fn first(count: &Count, source: Source) -> Option<Self> {
        let time = count.first.as_ref()?.time?;
        Some(Sign { us: time.0, source })
    }
}

/// The onset, and how far other clocks can be compared with those that date it.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// Arrival of the first blocked request, µs.
    pub onset_us: i64,
    /// How much later it may have been, µs.
    pub onset_uncertainty_us: i64,
    /// Uncertainty of each source's clock against those of the access log and of Odoo's log, µs; sources that nothing ties
    /// to them are absent.
    pub tied: Vec<(Source, i64)>,
}

impl Order {
    pub(super) fn of(look: &Look<'_>) -> Self {
        let ordering = look.picture.ordering;
        let against = |source: Source| {
            let dated_by = [Source::NginxAccess, Source::Odoo].into_iter();
            let uncertain_us = dated_by.filter_map(|by| ordering.uncertainty_us(by, source)).max()?;
            Some((source, uncertain_us))
        };
        let sources = [Source::Odoo, Source::PostgresLog, Source::PgStatActivity, Source::Host];
        Order {
            onset_us: look.onset_us,
            onset_uncertainty_us: look.onset_uncertainty_us,
            tied: sources.into_iter().filter_map(against).collect(),
        }
    }

    /// How long after the first blocked request the sign came, seconds, where that is too late for a trigger beyond what
    /// the clocks leave open.
    #[must_use]
    pub fn too_late_s(&self, sign: Sign) -> Option<f64> {
        let (_, uncertainty_us) = self.tied.iter().find(|(source, _)| *source == sign.source)?;
        let after_us = sign.us.saturating_sub(self.onset_us);
        let open_us = LAG_US.saturating_add(*uncertainty_us).saturating_add(self.onset_uncertainty_us);
        (after_us > open_us).then_some(after_us as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_certainly_later_is_too_late() {
        let order = Order {
            onset_us: 100 * SECOND_US,
            onset_uncertainty_us: 2 * SECOND_US,
            tied: vec![(Source::PgStatActivity, SECOND_US)],
        };
        let at = |second: i64, source| order.too_late_s(Sign { us: second * SECOND_US, source });
        assert_eq!(at(90, Source::PgStatActivity), None);
        assert_eq!(at(133, Source::PgStatActivity), None, "the clocks leave it open");
        assert_eq!(at(134, Source::PgStatActivity), Some(34.0));
        assert_eq!(at(900, Source::Host), None, "nothing ties that clock");
    }
}
