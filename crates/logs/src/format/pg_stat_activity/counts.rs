//! Counts of sessions: by column (`active | idle_in_txn | active_over_30s`), by state (`state | count`), bare
//! (`1|0|0|0`) or one number, whose meaning is only in the file's name.

use std::borrow::Cow;

use memchr::memmem;

use super::{Column, Kind};
use crate::record::{ActivityCounts, ActivitySnapshot};
use crate::timestamp::digits;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    Active,
    IdleInTransaction,
    Over5,
    Over30,
    LockWaits,
    Total,
    /// A column called `count`: of the row's state, if there is one.
    Row,
}

/// Reads the name of a column (lower case) or of a file.
pub(super) fn counted(name: &[u8]) -> Option<Counted> {
    let has = |part: &str| memmem::find(name, part.as_bytes()).is_some();
    if matches!(name, b"count" | b"n" | b"cnt" | b"num") {
        return Some(Counted::Row);
    }
    if matches!(name, b"total" | b"all" | b"sessions" | b"connections" | b"backends" | b"total_connections") {
        return Some(Counted::Total);
    }
    if has("over") || has("longer") || has("_gt") || has("slow") || has("long") {
        let digits_only = |wanted: &str| {
            name.split(|byte| !byte.is_ascii_digit()).any(|number| number == wanted.as_bytes())
        };
        return if digits_only("30") {
            Some(Counted::Over30)
        } else if digits_only("5") {
            Some(Counted::Over5)
        } else {
            None
        };
    }
    if has("idle_in") || has("idle in") || name == b"iit" {
        // `idle in transaction (aborted)` is not the same.
        return (!has("abort")).then_some(Counted::IdleInTransaction);
    }
    if has("lock") || has("wait") || has("blocked") {
        return Some(Counted::LockWaits);
    }
    has("active").then_some(Counted::Active)
}

/// What a file of single numbers counts, by its name, such as `watch_active_over_5s.txt`.
pub(super) fn hint(file_name: &str) -> Option<Counted> {
    counted(file_name.split('.').next().unwrap_or_default().as_bytes()).filter(|kind| *kind != Counted::Row)
}

/// Adds `value` to the count.
fn put(counts: &mut ActivityCounts, what: Counted, value: u32) {
    let slot = match what {
        Counted::Active => &mut counts.active,
        Counted::IdleInTransaction => &mut counts.idle_in_transaction,
        Counted::Over5 => &mut counts.active_over_5s,
        Counted::Over30 => &mut counts.active_over_30s,
        Counted::LockWaits => &mut counts.lock_waits,
        Counted::Total | Counted::Row => &mut counts.total,
    };
    *slot = Some(slot.unwrap_or(0).saturating_add(value));
}

/// A count.
fn value(cell: &[u8]) -> Option<u32> {
    u32::try_from(digits(cell.trim_ascii())?).ok()
}

/// Adds one row of a table of counts.
pub(super) fn add(counts: &mut ActivityCounts, columns: &[Column], cells: &[Cow<'_, [u8]>]) -> bool {
    let cell =
        |kind: Kind| columns.iter().position(|column| column.kind == kind).and_then(|at| cells.get(at));
    if let Some(count) = cell(Kind::Count(Counted::Row)) {
        let Some(count) = value(count) else { return false };
        let state = cell(Kind::State);
        match state.map(AsRef::as_ref) {
            Some(b"active") => put(counts, Counted::Active, count),
            Some(b"idle in transaction") => put(counts, Counted::IdleInTransaction, count),
            _ => {}
        }
        let wait = cell(Kind::WaitEventType);
        if wait.is_some_and(|wait| wait.as_ref() == b"Lock") {
            put(counts, Counted::LockWaits, count);
        }
        if state.is_none() && wait.is_none() {
            return false;
        }
        put(counts, Counted::Total, count);
        return true;
    }
    let mut understood = false;
    for (column, cell) in columns.iter().zip(cells) {
        if let Kind::Count(what) = column.kind
            && let Some(count) = value(cell)
        {
            put(counts, what, count);
            understood = true;
        }
    }
    understood
}

/// `1|0|0|0`, or one number of which `hint` says what it counts.
pub(super) fn read_bare(body: &[u8], hint: Option<Counted>, snapshot: &mut ActivitySnapshot<'_>) -> bool {
    let mut lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let Some(line) = lines.next() else { return false };
    if lines.next().is_some() || line.len() > 64 {
        return false;
    }
    let Some(values) = line.split(|byte| *byte == b'|').map(value).collect::<Option<Vec<u32>>>() else {
        return false;
    };
    let meaning: &[Counted] = match (values.len(), hint) {
        (4, _) => &[Counted::Active, Counted::IdleInTransaction, Counted::Over5, Counted::Over30],
        (3, Some(Counted::Over5)) => &[Counted::Active, Counted::IdleInTransaction, Counted::Over5],
        (3, _) => &[Counted::Active, Counted::IdleInTransaction, Counted::Over30],
        (2, _) => &[Counted::Active, Counted::IdleInTransaction],
        (1, Some(what)) => {
            return match values.first() {
                Some(count) => {
                    put(snapshot.counts.get_or_insert_default(), what, *count);
                    true
                }
                None => false,
            };
        }
        _ => return false,
    };
    let counts = snapshot.counts.get_or_insert_default();
    for (what, count) in meaning.iter().zip(values) {
        put(counts, *what, count);
    }
    true
}
