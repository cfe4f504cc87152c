//! What operators did, as far as logs show it, and what followed. A new kind of action is a file and a line in [`ALL`].

pub mod bus;
pub mod effect;
pub mod nginx;
pub mod odoo_service;
pub mod postgres_service;
pub mod sessions;
pub mod timeouts;

use crate::detect::Picture;
use crate::place::Places;
use crate::report::{Action, Reference, Time};

#[cfg(test)]
mod tests;

/// Actions of one kind that follow each other within this are one round, µs.
const ROUND_US: i64 = 5_000_000;

/// One action before what followed is known.
#[derive(Debug, Clone)]
pub struct Seen {
    /// When it began, µs.
    pub us: i64,
    /// When it was done (a restart: when the service was up again), µs.
    pub done_us: i64,
    /// Kind (design.md, section 4).
    pub kind: &'static str,
    /// One sentence.
    pub detail: String,
    /// Where.
    pub reference: Reference,
}

/// What recognisers look at.
pub struct Look<'e> {
    /// Everything.
    pub picture: &'e Picture<'e>,
    /// Where it stands.
    pub places: &'e Places<'e>,
    /// From, µs.
    pub from: i64,
    /// To, µs.
    pub to: i64,
}

impl Look<'_> {
    /// In the time looked at.
    #[must_use]
    pub fn inside(&self, us: i64) -> bool {
        (self.from..=self.to).contains(&us)
    }
}

/// Recognises the actions of one family.
pub type Recogniser = fn(&Look<'_>) -> Vec<Seen>;

/// Every family.
pub const ALL: &[Recogniser] =
    &[sessions::find, timeouts::find, odoo_service::find, bus::find, nginx::find, postgres_service::find];

/// Actions from `from` to `to`, with what followed each.
#[must_use]
pub fn find(picture: &Picture<'_>, places: &Places<'_>, from: i64, to: i64) -> Vec<Action> {
    let look = Look { picture, places, from, to };
    let mut seen: Vec<Seen> = ALL.iter().flat_map(|recognise| recognise(&look)).collect();
    seen.sort_by(|a, b| (a.us, a.kind, &a.detail).cmp(&(b.us, b.kind, &b.detail)));
    let marks = effect::Marks::of(picture);
    seen.into_iter()
        .map(|action| Action {
            time: Time(action.us),
            kind: action.kind,
            effect: marks.after(&action),
            detail: action.detail,
            reference: action.reference,
        })
        .collect()
}

/// Resets kills and queues without curing anything.
#[must_use]
pub fn resets(kind: &str) -> bool {
    matches!(kind, "odoo_restart" | "odoo_start" | "postgres_restart")
}

/// Splits sorted events into rounds: runs without a gap over [`ROUND_US`].
fn rounds<E>(events: &[E], us: impl Fn(&E) -> i64) -> Vec<&[E]> {
    events.chunk_by(|a, b| us(b).saturating_sub(us(a)) <= ROUND_US).collect()
}
