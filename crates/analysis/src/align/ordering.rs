//! What the order of events across sources can prove.

use stormtrace_logs::format::Source;

/// A source's clock is known against the clock of another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tie {
    pub(super) source: Source,
    /// The end of the chain of comparisons: Odoo, or whatever the chain begins with.
    pub(super) anchor: Source,
    pub(super) uncertainty_us: i64,
}

/// Which sources' times may be compared, and how exactly.
#[derive(Debug, Clone, Default)]
pub struct Ordering {
    ties: Vec<Tie>,
}

impl Ordering {
    pub(super) fn add(&mut self, tie: Tie) {
        self.ties.push(tie);
    }

    /// Where the chain from a source ends, and how exactly it is known, µs. `None` if parts of the source differ.
    pub(super) fn anchor(&self, source: Source) -> Option<(Source, i64)> {
        let of_source = || self.ties.iter().filter(|tie| tie.source == source);
        let anchor = of_source().next()?.anchor;
        let widest = of_source().map(|tie| tie.uncertainty_us).max()?;
        of_source().all(|tie| tie.anchor == anchor).then_some((anchor, widest))
    }

    #[cfg(test)]
    pub(crate) fn tied(sources: &[Source], uncertainty_us: i64) -> Self {
        let tie = |source: &Source| Tie { source: *source, anchor: Source::Odoo, uncertainty_us };
        Ordering { ties: sources.iter().map(tie).collect() }
    }

    /// How far apart, µs, an event of one source and an event of the other must be for their order to be certain.
    /// `None`: no pair of records ties their clocks together, nothing may be claimed from the order.
    #[must_use]
    pub fn uncertainty_us(&self, one: Source, other: Source) -> Option<i64> {
        if one == other {
            return Some(0);
        }
        let ((anchor, first_us), (other_anchor, second_us)) = (self.anchor(one)?, self.anchor(other)?);
        (anchor == other_anchor).then_some(first_us.saturating_add(second_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_on_one_chain_can_be_compared() {
        let mut ordering = Ordering::default();
        let tie = |source, anchor, uncertainty_us| Tie { source, anchor, uncertainty_us };
        ordering.add(tie(Source::Odoo, Source::Odoo, 0));
        ordering.add(tie(Source::NginxAccess, Source::Odoo, 1000));
        ordering.add(tie(Source::PostgresLog, Source::PostgresLog, 0));
        ordering.add(tie(Source::PgStatActivity, Source::PostgresLog, 1_000_000));
        assert_eq!(ordering.uncertainty_us(Source::Odoo, Source::NginxAccess), Some(1000));
        assert_eq!(ordering.uncertainty_us(Source::PgStatActivity, Source::PostgresLog), Some(1_000_000));
        assert_eq!(ordering.uncertainty_us(Source::Odoo, Source::PostgresLog), None);
        assert_eq!(ordering.uncertainty_us(Source::Odoo, Source::Host), None);
        assert_eq!(ordering.uncertainty_us(Source::Host, Source::Host), Some(0));
    }
}
