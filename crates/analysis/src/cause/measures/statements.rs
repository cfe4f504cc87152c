//! Long statements: their own running time (what they waited for locks is not theirs), and transactions left idle.

use std::collections::BTreeMap;

use stormtrace_logs::format::Source;

use super::{Look, Sign};
use crate::events::{PostgresFact, State};
use crate::report::Reference;
use crate::waits::{Waits, postgres_span, snapshot_span};

/// A statement that runs this long by itself is long, µs.
const LONG_US: i64 = 5_000_000;
/// Two sightings of one backend whose statements began this close are one statement, µs.
const SAME_US: i64 = 2_000_000;
/// A snapshot so soon after the onset would have shown what led to it, µs.
const WATCHED_US: i64 = 30_000_000;
/// Fingerprints are compared up to here: captures cut statements at different lengths.
const PREFIX: usize = 90;

/// Figures of long statements.
#[derive(Debug, Clone, Default)]
pub struct Statements {
    /// Statements that ran over 5 s by themselves.
    pub long: u64,
    /// Their summed own time inside the incident, seconds.
    pub own_s: f64,
    /// The longest own time, seconds.
    pub longest_s: f64,
    /// Share of the own time in the heaviest fingerprint, and in the two heaviest.
    pub top_share: f64,
    /// Share of the two heaviest fingerprints.
    pub top_two_share: f64,
    /// Different fingerprints among the long ones.
    pub fingerprints: u64,
    /// The heaviest fingerprint.
    pub top: Option<String>,
    /// Long statements that only look one row up by its key, insert, or commit: they are long when the machine is.
    pub trivial: u64,
    /// Where the longest is seen.
    pub reference: Option<Reference>,
    /// Start of the earliest, where a snapshot within 30 s of the onset shows that there was none before.
    pub first_sign: Option<Sign>,
    /// Share of sightings of long statements that waited for storage.
    pub io_share: Option<f64>,
    /// Seconds that sessions were idle in transaction (over 5 s) without holding anybody up, where listings tell.
    pub idle_s: Option<f64>,
    /// Most sessions idle in transaction at once, and the same before the incident.
    pub idle_most: Option<u32>,
    /// Before the incident.
    pub idle_before: Option<u32>,
}

struct Episode {
    from_us: i64,
    to_us: i64,
    waited_us: i64,
    query: u32,
    place: (u32, u64, i64),
}

impl Statements {
    pub(super) fn of(look: &Look<'_>, waits: &Waits) -> Self {
        let texts = &look.picture.events.texts;
        let (episodes, io_sightings, sightings) = episodes(look, waits);
        let mut figures = Statements::default();
        let mut by_print: BTreeMap<&str, f64> = BTreeMap::new();
        let mut first_us = i64::MAX;
        for episode in &episodes {
            let (from, to) = (episode.from_us.max(look.from), episode.to_us.min(look.to + LONG_US));
            let own_us = (to - from).max(0) - episode.waited_us;
            if own_us < LONG_US {
                continue;
            }
            let own_s = own_us as f64 / 1e6;
            figures.long += 1;
            figures.own_s += own_s;
            let print = prefix(texts.get(episode.query));
            *by_print.entry(print).or_insert(0.0) += own_s;
            first_us = first_us.min(episode.from_us);
            figures.trivial += u64::from(trivial(print));
            if own_s > figures.longest_s {
                figures.longest_s = own_s;
                figures.reference = Some(look.reference(episode.place));
            }
        }
        let mut heaviest: Vec<(&str, f64)> = by_print.into_iter().collect();
        heaviest.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        let share = |most: usize| {
            heaviest.iter().take(most).map(|(_, own)| own).sum::<f64>() / figures.own_s.max(f64::MIN_POSITIVE)
        };
        figures.fingerprints = heaviest.len() as u64;
        figures.top_share = share(1);
        figures.top_two_share = share(2);
        figures.top =
            heaviest.first().map(|(print, _)| (*print).to_owned()).filter(|print| !print.is_empty());
        figures.io_share = (sightings >= 5).then(|| f64::from(io_sightings) / f64::from(sightings));
        // What a killed worker left running shows in the log only when it ends; a snapshot shows it at once.
        let watched = snapshot_span(look.picture.events, look.onset_us, look.onset_us + WATCHED_US);
        let seen = figures.long > 0 && watched.iter().any(|snapshot| snapshot.counts.is_none());
        figures.first_sign = seen.then_some(Sign { us: first_us, source: Source::PgStatActivity });
        idle(look, waits, &mut figures);
        figures
    }
}

fn prefix(text: &str) -> &str {
    let mut end = text.len().min(PREFIX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

/// Statements as sessions in snapshots and as durations in the log, each once.
fn episodes(look: &Look<'_>, waits: &Waits) -> (Vec<Episode>, u32, u32) {
    let events = look.picture.events;
    let mut found: BTreeMap<u32, Vec<Episode>> = BTreeMap::new();
    let (mut io, mut all) = (0u32, 0u32);
    let mut add = |pid: u32, episode: Episode| {
        let own = found.entry(pid).or_default();
        match own.iter_mut().rev().take(8).find(|known| (known.from_us - episode.from_us).abs() <= SAME_US) {
            Some(known) => {
                known.to_us = known.to_us.max(episode.to_us);
                known.query = if known.query == 0 { episode.query } else { known.query };
            }
            None => own.push(episode),
        }
    };
    for snapshot in snapshot_span(events, look.from, look.to) {
        for session in snapshot.sessions.iter().filter(|session| session.state == State::Active) {
            let Some(age) = session.query_age_us.filter(|age| *age >= LONG_US / 2) else { continue };
            if !session.lock_wait && age >= LONG_US {
                all += 1;
                io += u32::from(session.io_wait);
            }
            add(
                session.pid,
                Episode {
                    from_us: snapshot.us - age,
                    to_us: snapshot.us,
                    waited_us: 0,
                    query: session.query,
                    place: (snapshot.input, session.line, snapshot.us),
                },
            );
        }
    }
    for event in postgres_span(events, look.from, look.to + 600_000_000) {
        let PostgresFact::Duration { duration_us, query } = event.fact else { continue };
        if duration_us < LONG_US || event.us - duration_us > look.to {
            continue;
        }
        add(
            event.pid,
            Episode {
                from_us: event.us - duration_us,
                to_us: event.us,
                waited_us: 0,
                query,
                place: (event.input, event.line, event.us),
            },
        );
    }
    let mut waits_of: BTreeMap<u32, Vec<(i64, i64)>> = BTreeMap::new();
    for wait in &waits.waits {
        waits_of.entry(wait.pid).or_default().push((wait.from_us, wait.to_us));
    }
    let mut episodes = Vec::new();
    for (pid, own) in found {
        for mut episode in own {
            episode.waited_us = waits_of.get(&pid).map_or(0, |waits| {
                waits
                    .iter()
                    .map(|(from, to)| (episode.to_us.min(*to) - episode.from_us.max(*from)).max(0))
                    .sum()
            });
            episodes.push(episode);
        }
    }
    (episodes, io, all)
}

/// Statements so small that only a stalled machine, or a lock, makes them long.
fn trivial(print: &str) -> bool {
    let upper = print.trim_start().to_ascii_uppercase();
    let plain_lookup = upper.starts_with("SELECT") && {
        let tables = upper.matches(" FROM ").count() + upper.matches(" JOIN ").count();
        tables == 1 && !upper.contains("GROUP BY") && !upper.contains("SUM(") && !upper.contains("COUNT(")
    };
    plain_lookup
        || ["COMMIT", "INSERT", "ROLLBACK", "BEGIN", "END"].iter().any(|verb| upper.starts_with(verb))
}

fn idle(look: &Look<'_>, waits: &Waits, figures: &mut Statements) {
    let events = look.picture.events;
    let mut longest: BTreeMap<(u32, i64), i64> = BTreeMap::new();
    let mut listed = false;
    for snapshot in snapshot_span(events, look.from, look.to) {
        listed |= snapshot.total.is_some();
        let counted = snapshot.counts.and_then(|counts| counts.idle_in_transaction);
        let seen = snapshot.total.map(|_| {
            let idle = snapshot.sessions.iter().filter(|session| session.state == State::IdleInTransaction);
            u32::try_from(idle.count()).unwrap_or(u32::MAX)
        });
        figures.idle_most = figures.idle_most.max(counted).max(seen);
        for session in snapshot.sessions.iter().filter(|session| session.state == State::IdleInTransaction) {
            let age = session.state_age_us.or(session.xact_age_us).unwrap_or(0);
            if age >= LONG_US && waits.root(session.pid).is_none() {
                // The start of the state tells one stretch of idleness from the next.
                let key = (session.pid, (snapshot.us - age).div_euclid(SAME_US));
                let known = longest.entry(key).or_insert(0);
                *known = (*known).max(age);
            }
        }
    }
    figures.idle_s = listed.then(|| longest.values().sum::<i64>() as f64 / 1e6);
    let (before_from, before_to) = look.baseline();
    for snapshot in snapshot_span(events, before_from, before_to) {
        let counted = snapshot.counts.and_then(|counts| counts.idle_in_transaction);
        figures.idle_before = figures.idle_before.max(counted);
    }
}
