//! Which request a killed worker was serving (methods 2.3): time arithmetic, the worker's life, and the accept queue being
//! first in, first out.

use rustc_hash::{FxHashMap, FxHashSet};
use stormtrace_logs::format::Source;
use stormtrace_logs::record::UpstreamFailure;
use stormtrace_logs::timestamp::SECOND_US;

use super::assignment::{self, FORBIDDEN};
use super::queue::{self, Queue, Taken};
use crate::detect::Picture;
use crate::events::{Access, Lane};
use crate::lives::Reason;
use crate::service::{JITTER_US, LONGEST_QUEUE_US, Outcome, Service, Services, Target};

/// A worker pings the master, then waits this long for a connection; the master looks this often (`beat` in Odoo's
/// `service/server.py`), µs.
const BEAT_US: i64 = 4 * SECOND_US;
/// nginx logs its 502 within this after the worker died, µs (laboratory: -25 to +106 ms).
const NOTICE_US: i64 = SECOND_US;
/// The usual delay of that 502, µs.
const USUAL_NOTICE_US: i64 = 30_000;
/// A worker that is done takes the next connection within this, µs.
const NEXT_US: i64 = 20_000;
/// A worker that was born takes its first connection within this, µs.
const BIRTH_US: i64 = 100_000;
/// How far an arrival may be off where stamps have milliseconds, µs.
const ARRIVAL_US: i64 = 10_000;
/// Overtaking in the queue by more than this is impossible, not merely odd, µs.
const FAR_US: i64 = 10 * SECOND_US;

/// Cost of saying that no request was seen, thousandths.
const NO_REQUEST: i64 = 3000;
/// Cost of a request that did not fail with the kill (499, 504): a 502 needs a death, so the kills must cover the 502s.
const FAILED_BEFORE: i64 = 1000;
/// Cost of a request of which only the end is known, and that did not fail with the kill.
const END_ONLY: i64 = 2600;
/// Cost of overtaking in the accept queue, thousandths.
const OVERTAKING: i64 = 2000;
/// A choice is certain when every other makes the whole this much dearer, thousandths.
const CERTAIN: i64 = 600;
/// Groups larger than this are solved piecewise in order of time.
const LARGEST_GROUP: usize = 150;
/// Most candidates of one kill.
const MOST_CANDIDATES: usize = 200;
/// Most candidates of one late answer: the first of its target in the queue.
const MOST_LATE: usize = 64;

/// How sure a match is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sure {
    /// Every other choice is clearly worse, or the others are requests of the same target, status and second.
    Exact,
    /// The best choice, and the only request; but it may as well be one that was not seen.
    Probable,
    /// One of several.
    Set,
}

/// What one kill cut short.
#[derive(Debug, Clone)]
pub struct Matched {
    /// Index in the deaths.
    pub death: usize,
    /// Index in the accesses, where there is one choice.
    pub access: Option<usize>,
    /// Every choice that is nearly as good, the best one first.
    pub candidates: Vec<usize>,
    /// How sure.
    pub sure: Sure,
    /// When the worker may have taken the request, µs, by candidate; empty if nothing tells.
    pub taken_us: Vec<i64>,
}

/// A worker that took a request which has no line of its own end: killed in the middle, or answering when nginx had given up.
struct Row {
    /// Position in the services.
    service: usize,
    /// About when it took the request, µs.
    accepted_us: i64,
    what: Taker,
}

enum Taker {
    Killed(Killed),
    Late { accepted_us: i64, end_us: i64, target: Target },
}

struct Killed {
    death: usize,
    us: i64,
    /// Whole seconds are cut, not rounded: by how much the kill may come after its stamp, µs.
    rounding_us: i64,
    reason: Reason,
    limit_us: Option<i64>,
    /// The worker's last sign of being free before, and how long it then takes to take a connection, µs.
    free: Option<(i64, i64)>,
}

#[derive(Clone, Copy)]
struct Edge {
    cost: i64,
    /// When the worker took it and when it came, where both are known.
    taken: Option<Taken>,
    /// It had waited for this worker; else the worker was idle and took it as it came, and any idle one might have.
    queued: bool,
}

type Edges = FxHashMap<usize, Edge>;

/// Matches the kills of HTTP workers to the requests that failed with them, in order of the kills, and late answers to the
/// requests that nginx had given up. Names both in `services`.
#[must_use]
pub fn find(picture: &Picture<'_>, services: &mut Services) -> Vec<Matched> {
    let rows = rows(picture, services);
    let mut matched = Vec::new();
    if !rows.iter().any(|row| matches!(row.what, Taker::Killed(_))) {
        return matched;
    }
    // The late answers that the first round finds tell the second how the queue moved.
    for _ in 0..2 {
        let candidates = Candidates::new(picture, services);
        let edges: Vec<Edges> = rows.iter().map(|row| candidates.of(row)).collect();
        matched.clear();
        for group in groups(&rows, &edges) {
            // An answer that no request fits, as nearly every one where nginx's log is of another time.
            let nothing = |row: &usize| {
                edges.get(*row).is_none_or(FxHashMap::is_empty)
                    && rows.get(*row).is_none_or(|row| matches!(row.what, Taker::Late { .. }))
            };
            if group.iter().all(nothing) {
                continue;
            }
            let round = Round { rows: &rows, edges: &edges, ordered: in_order(&group, &edges), picture };
            let mut used = FxHashSet::default();
            for piece in group.chunks(LARGEST_GROUP) {
                solve(piece, &round, services, &mut used, &mut matched);
            }
        }
    }
    matched.sort_by_key(|found| found.death);
    matched
}

fn rows(picture: &Picture<'_>, services: &Services) -> Vec<Row> {
    let seconds = |limit_s: u32| i64::from(limit_s) * SECOND_US;
    let row = |(number, service): (usize, &Service)| -> Option<Row> {
        let what = match (service.outcome, service.death) {
            (Outcome::Killed, Some(index)) => {
                let death = picture.deaths.get(index)?;
                let free = services.free_before(death.stream, death.pid, death.us);
                Taker::Killed(Killed {
                    death: index,
                    us: death.us,
                    rounding_us: if death.us % SECOND_US == 0 { SECOND_US } else { 0 },
                    reason: death.reason,
                    limit_us: death.limit_s.map(seconds),
                    free: free.map(|free| (free.us, if free.born { BIRTH_US } else { NEXT_US })),
                })
            }
            (Outcome::Unseen, _) => {
                let served = picture.events.served.get(service.served?)?;
                Taker::Late {
                    accepted_us: service.accepted_us?,
                    end_us: served.end_us,
                    target: services.target(served.client, served.method, served.path),
                }
            }
            _ => return None,
        };
        Some(Row { service: number, accepted_us: service.accepted_us.unwrap_or(service.end_us), what })
    };
    let services_at_hand =
        services.list.iter().enumerate().filter(|(_, service)| !services.is_thinned(service.end_us));
    services_at_hand.filter_map(row).collect()
}

/// The requests that failed and that no worker answered, and what is known of the queue.
struct Candidates<'p> {
    picture: &'p Picture<'p>,
    services: &'p Services,
    queue: Queue,
    /// Ended by the death of a worker, in order of end.
    by_end: Vec<(i64, usize)>,
    /// Given up before, in order of arrival.
    by_arrival: Vec<(i64, usize)>,
    /// The same by target.
    by_target: FxHashMap<Target, Vec<(i64, usize)>>,
    read_timeout_us: Option<i64>,
}

impl<'p> Candidates<'p> {
    fn new(picture: &'p Picture<'p>, services: &'p Services) -> Self {
        let mut found = Candidates {
            picture,
            services,
            queue: Queue::new(Vec::new()),
            by_end: Vec::new(),
            by_arrival: Vec::new(),
            by_target: FxHashMap::default(),
            read_timeout_us: picture.facts.proxy_read_timeout_s.map(|timeout_s| (timeout_s * 1e6) as i64),
        };
        let known = services.list.iter().filter(|service| service.outcome != Outcome::Killed);
        let taken = known.filter_map(|service| {
            let access = picture.events.access.get(service.access?)?;
            Some(Taken {
                accepted_us: service.accepted_us?,
                arrived_us: found.arrival(access)?,
                slack_us: (NEXT_US, ARRIVAL_US + services.rounding_us(access)),
            })
        });
        found.queue = Queue::new(taken.collect());
        let unconnected = unconnected(picture);
        for (index, access) in picture.events.access.iter().enumerate() {
            if access.lane != Lane::Http || access.never_connected || services.was_answered(index) {
                continue;
            }
            match access.status {
                502 => found.by_end.push((access.end_us, index)),
                499 => found.by_arrival.push((access.arrival_us(), index)),
                504 if !found.gave_up_connecting(access, &unconnected) => {
                    let arrived_us = found.arrival(access).unwrap_or(access.end_us);
                    found.by_arrival.push((arrived_us, index));
                }
                _ => {}
            }
        }
        found.by_end.sort_unstable();
        found.by_arrival.sort_unstable();
        for (arrived_us, index) in &found.by_arrival {
            if let Some(access) = picture.events.access.get(*index) {
                let target = services.target(access.client, access.method, access.path);
                found.by_target.entry(target).or_default().push((*arrived_us, *index));
            }
        }
        found
    }

    /// A 504 before `proxy_read_timeout` has passed is the connect timeout: the request never reached the queue.
    fn gave_up_connecting(&self, access: &Access, unconnected: &FxHashSet<(i64, u32)>) -> bool {
        let second = access.end_us.div_euclid(SECOND_US);
        let too_early = access
            .request_time_us
            .get()
            .zip(self.read_timeout_us)
            .is_some_and(|(time, timeout)| time < timeout - SECOND_US);
        too_early || unconnected.contains(&(second, access.path))
    }

    /// When a request joined the accept queue: a 504 ends `proxy_read_timeout` after that, others arrived `request_time`
    /// before their end and needed some time to connect.
    fn arrival(&self, access: &Access) -> Option<i64> {
        match (access.status, self.read_timeout_us) {
            (504, Some(timeout_us)) => Some(access.end_us - timeout_us),
            _ if access.request_time_us.get().is_some() => {
                Some(access.arrival_us() + access.connect_us.get().unwrap_or(0).max(0))
            }
            _ => None,
        }
    }

    fn of(&self, row: &Row) -> Edges {
        let mut edges = match &row.what {
            Taker::Killed(kill) => self.of_killed(kill),
            Taker::Late { accepted_us, end_us, target } => self.of_late(*accepted_us, *end_us, *target),
        };
        edges.sort_unstable_by_key(|(index, edge)| (edge.cost, *index));
        edges.truncate(MOST_CANDIDATES);
        edges.into_iter().collect()
    }

    /// Requests of the target that nginx gave up before the worker was done, and that came before it began.
    fn of_late(&self, accepted_us: i64, end_us: i64, target: Target) -> Vec<(usize, Edge)> {
        let Some(list) = self.by_target.get(&target) else { return Vec::new() };
        let (earliest, latest) = (accepted_us - LONGEST_QUEUE_US, accepted_us + SECOND_US + JITTER_US);
        let begin = list.partition_point(|(us, _)| *us < earliest);
        if list.get(begin).is_none_or(|(us, _)| *us > latest) {
            return Vec::new();
        }
        let (first, last) = self.queue.arrivals(accepted_us - NEXT_US, accepted_us + NEXT_US);
        let from = first.saturating_sub(FAR_US).max(earliest);
        let to = last.saturating_add(FAR_US).min(latest);
        let begin = list.partition_point(|(us, _)| *us < from);
        let weigh = |index: usize| -> Option<Edge> {
            let access = self.picture.events.access.get(index)?;
            let rounding_us = self.services.rounding_us(access);
            if access.end_us >= end_us {
                return None;
            }
            let Some(arrived) = self.arrival(access) else {
                return Some(Edge { cost: END_ONLY / 2, taken: None, queued: false });
            };
            let joined_us = arrived;
            let slack_us = ARRIVAL_US + rounding_us;
            if joined_us > accepted_us + JITTER_US {
                return None;
            }
            let off_us =
                first.saturating_sub(joined_us + slack_us).max(joined_us - slack_us - last.min(i64::MAX / 2));
            let taken = Taken { accepted_us, arrived_us: joined_us, slack_us: (NEXT_US, slack_us) };
            let wait_us = accepted_us - joined_us;
            let cost = if off_us > 0 { OVERTAKING } else { 0 };
            Some(Edge { cost, taken: Some(taken), queued: wait_us > slack_us + NEXT_US })
        };
        list.iter()
            .skip(begin)
            .take_while(|(us, _)| *us <= to)
            .take(MOST_LATE)
            .filter_map(|(_, index)| Some((*index, weigh(*index)?)))
            .collect()
    }

    fn of_killed(&self, kill: &Killed) -> Vec<(usize, Edge)> {
        let mut edges: Vec<(usize, Edge)> = Vec::new();
        let mut consider = |index: usize| {
            if let Some(access) = self.picture.events.access.get(index)
                && let Some(edge) = self.weigh(kill, access)
            {
                edges.push((index, edge));
            }
        };
        let between = |list: &[(i64, usize)], from: i64, to: i64| {
            let first = list.partition_point(|(us, _)| *us < from);
            let last = list.partition_point(|(us, _)| *us <= to);
            first..last.max(first)
        };
        let (from, to) = (kill.us - JITTER_US - SECOND_US, kill.us + NOTICE_US + JITTER_US);
        let range = between(&self.by_end, from, to);
        self.by_end.get(range).unwrap_or_default().iter().for_each(|(_, index)| consider(*index));
        // Between what was taken before the worker was last free and what was taken after it can have taken anything.
        let latest_us = match (kill.reason, kill.limit_us) {
            (Reason::RealTime, Some(limit)) => kill.us - limit + BEAT_US + JITTER_US,
            (Reason::CpuTime, Some(limit)) => kill.us - limit + JITTER_US,
            _ => kill.us,
        };
        let earliest_us = match (kill.free, kill.reason, kill.limit_us) {
            (Some((free, _)), ..) => free,
            (None, Reason::RealTime, Some(limit)) => kill.us - limit - BEAT_US - JITTER_US,
            _ => kill.us - LONGEST_QUEUE_US,
        };
        let (first, last) = self.queue.arrivals(earliest_us, latest_us);
        let from = first.saturating_sub(FAR_US).max(kill.us - 2 * LONGEST_QUEUE_US);
        let to = last.saturating_add(FAR_US).min(latest_us + SECOND_US);
        let range = between(&self.by_arrival, from, to);
        self.by_arrival.get(range).unwrap_or_default().iter().for_each(|(_, index)| consider(*index));
        edges
    }

    /// What it costs to believe that the worker died serving this request; `None` if it cannot be.
    fn weigh(&self, kill: &Killed, access: &Access) -> Option<Edge> {
        let rounding_us = self.services.rounding_us(access);
        let with_kill = access.status == 502;
        // A stamp of whole seconds says [t, t + 1): for a 502 the kill itself tells when in that second.
        let end_us = if rounding_us == 0 || !with_kill {
            access.end_us
        } else {
            (kill.us + USUAL_NOTICE_US).clamp(access.end_us, access.end_us + rounding_us - 1)
        };
        // Likewise the kernel's stamp of a kill.
        let kill_us = (end_us - USUAL_NOTICE_US).clamp(kill.us, kill.us + kill.rounding_us);
        let mut cost = if with_kill { notice_cost(end_us - kill_us)? } else { FAILED_BEFORE };
        if !with_kill && access.end_us > kill.us + JITTER_US {
            return None;
        }
        let Some(arrived) = self.arrival(access) else {
            let cost = if with_kill { cost } else { END_ONLY };
            let fits = kill.limit_us.is_none_or(|limit| access.end_us > kill.us - limit - BEAT_US);
            return (with_kill || fits).then_some(Edge { cost, taken: None, queued: false });
        };
        let joined_us = arrived + (end_us - access.end_us);
        let arrival_slack_us =
            ARRIVAL_US + if with_kill { NOTICE_US.min(rounding_us) / 10 } else { rounding_us };
        if joined_us >= kill.us + kill.rounding_us {
            return None;
        }
        let queued = kill.free.filter(|(free, _)| *free > joined_us);
        let accepted_us = kill.free.map(|(free, _)| free.max(joined_us));
        cost += limit_cost(kill, accepted_us, joined_us, queued.is_some(), rounding_us)?;
        let Some(accepted) = accepted_us else {
            return (kill.us - joined_us <= LONGEST_QUEUE_US).then_some(Edge {
                cost,
                taken: None,
                queued: false,
            });
        };
        let accept_slack_us = match (queued, kill.free) {
            (Some((_, slack)), _) => slack,
            _ => arrival_slack_us,
        };
        let (first, last) =
            self.queue.arrivals(accepted - accept_slack_us - NEXT_US, accepted + accept_slack_us + NEXT_US);
        let off_us = first
            .saturating_sub(joined_us.saturating_add(arrival_slack_us))
            .max(joined_us.saturating_sub(arrival_slack_us).saturating_sub(last));
        if off_us > FAR_US {
            return None;
        } else if off_us > 0 {
            cost += OVERTAKING;
        }
        // Among equals the longer wait is a little less likely.
        let wait_s = (accepted - joined_us) / SECOND_US;
        cost += wait_s.saturating_mul(wait_s) / 3600;
        let taken = Taken {
            accepted_us: accepted,
            arrived_us: joined_us,
            slack_us: (accept_slack_us, arrival_slack_us),
        };
        Some(Edge { cost, taken: Some(taken), queued: queued.is_some() })
    }
}

/// Cost of a 502 that ended that long after the kill, thousandths; `None` if it cannot be its end.
fn notice_cost(after_us: i64) -> Option<i64> {
    if !(-JITTER_US..=NOTICE_US).contains(&after_us) {
        return None;
    }
    let off_ms = (after_us - USUAL_NOTICE_US).abs() / 1000;
    Some(if off_ms <= 100 { off_ms / 4 } else { 25 + (off_ms - 100) * 8 }.min(NO_REQUEST - 1))
}

/// Cost of the time between taking the request and the kill, against the limit, thousandths; `None` if it cannot be.
fn limit_cost(
    kill: &Killed,
    accepted_us: Option<i64>,
    joined_us: i64,
    queued: bool,
    rounding_us: i64,
) -> Option<i64> {
    let Some(limit) = kill.limit_us else { return Some(0) };
    let margin_us = JITTER_US + rounding_us;
    let longest_us = kill.us - joined_us - limit;
    match (kill.reason, accepted_us) {
        (Reason::RealTime, Some(accepted)) => {
            let off_us = kill.us - accepted - limit;
            // Straight from the last request, the worker has just pinged: the kill cannot come before the limit.
            let least_us = if queued { -margin_us } else { -BEAT_US - margin_us };
            (least_us..=BEAT_US + margin_us).contains(&off_us).then_some(off_us.abs() * 300 / BEAT_US / 2)
        }
        (Reason::RealTime, None) => (longest_us >= -BEAT_US - margin_us).then_some(0),
        (Reason::CpuTime, _) => (longest_us >= -margin_us
            && accepted_us.is_none_or(|accepted| kill.us - accepted - limit >= -margin_us))
        .then_some(0),
        _ => Some(0),
    }
}

/// Requests that nginx gave up connecting for, by second and path, where nothing else failed in that second.
fn unconnected(picture: &Picture<'_>) -> FxHashSet<(i64, u32)> {
    let mut seconds: FxHashMap<(i64, u32), (u32, u32)> = FxHashMap::default();
    for error in &picture.events.nginx {
        let counts = seconds.entry((error.us.div_euclid(SECOND_US), error.path)).or_default();
        match error.failure {
            Some(UpstreamFailure::ConnectTimeout) => counts.0 += 1,
            Some(UpstreamFailure::ReadTimeout) => counts.1 += 1,
            _ => {}
        }
    }
    seconds.into_iter().filter(|(_, counts)| counts.0 > 0 && counts.1 == 0).map(|(key, _)| key).collect()
}

/// Rows that share candidates, each group in order of the moments the requests were taken.
fn groups(rows: &[Row], edges: &[Edges]) -> Vec<Vec<usize>> {
    let mut groups = super::groups::connected(edges);
    for group in &mut groups {
        group.sort_by_key(|row| rows.get(*row).map(|row| (row.accepted_us, row.service)));
    }
    groups
}

/// Who took what if nobody overtook anybody, by row.
fn in_order(group: &[usize], edges: &[Edges]) -> FxHashMap<usize, usize> {
    let choices = || group.iter().map(|row| edges.get(*row));
    let mut arrivals: FxHashMap<usize, i64> = FxHashMap::default();
    for (access, edge) in choices().flatten().flatten() {
        if let Some(taken) = edge.taken {
            let earliest = arrivals.entry(*access).or_insert(taken.arrived_us);
            *earliest = taken.arrived_us.min(*earliest);
        }
    }
    let mut columns: Vec<(i64, usize)> =
        arrivals.iter().map(|(access, arrived)| (*arrived, *access)).collect();
    columns.sort_unstable();
    let place: FxHashMap<usize, usize> =
        columns.iter().enumerate().map(|(place, (_, access))| (*access, place)).collect();
    let takers: Vec<Vec<(usize, i64)>> = choices()
        .map(|candidates| {
            let mut choices: Vec<(usize, i64)> = candidates
                .into_iter()
                .flatten()
                .filter(|(_, edge)| edge.cost < NO_REQUEST)
                .filter_map(|(access, edge)| Some((*place.get(access)?, NO_REQUEST - edge.cost)))
                .collect();
            choices.sort_unstable();
            choices
        })
        .collect();
    let found = queue::in_order(&takers, columns.len());
    group.iter().zip(found).filter_map(|(row, place)| Some((*row, columns.get(place?)?.1))).collect()
}

/// What solving a group needs to know.
struct Round<'r> {
    rows: &'r [Row],
    edges: &'r [Edges],
    /// Who took what if nobody overtook anybody, by row.
    ordered: FxHashMap<usize, usize>,
    picture: &'r Picture<'r>,
}

/// Solves a group, or a piece of one that leaves alone the requests that the pieces before it have used.
fn solve(
    group: &[usize],
    round: &Round<'_>,
    services: &mut Services,
    used: &mut FxHashSet<usize>,
    matched: &mut Vec<Matched>,
) {
    let Round { rows, edges, ordered, picture } = round;
    let mut columns: Vec<usize> =
        group.iter().filter_map(|row| edges.get(*row)).flat_map(FxHashMap::keys).copied().collect();
    columns.retain(|access| !used.contains(access));
    columns.sort_unstable();
    columns.dedup();
    let edge =
        |kill: usize, access: usize| edges.get(kill).and_then(|candidates| candidates.get(&access)).copied();
    let costs = |spans: &[(i64, i64)]| -> Vec<Vec<i64>> {
        let row_costs = |(row, kill): (usize, &usize)| -> Vec<i64> {
            let (from, to) = spans.get(row).copied().unwrap_or((i64::MIN, i64::MAX));
            let real = columns.iter().map(|access| {
                let Some(edge) = edge(*kill, *access) else { return FORBIDDEN };
                let in_order =
                    !edge.queued || edge.taken.is_none_or(|taken| (from..=to).contains(&taken.arrived_us));
                edge.cost + if in_order { 0 } else { OVERTAKING }
            });
            // One column of its own for each kill: no request was seen.
            let none = (0..group.len()).map(|other| if other == row { NO_REQUEST } else { FORBIDDEN });
            real.chain(none).collect()
        };
        group.iter().enumerate().map(row_costs).collect()
    };
    // Which requests they took together is known better than who took which: the order decides that.
    let mut requests: Vec<Option<usize>> = group.iter().map(|row| ordered.get(row).copied()).collect();
    let mut cost = Vec::new();
    let mut chosen = Vec::new();
    for _ in 0..3 {
        let taken: Vec<(usize, Taken)> = group
            .iter()
            .zip(&requests)
            .enumerate()
            .filter_map(|(row, (number, access))| Some((row, edge(*number, (*access)?)?)))
            .filter(|(_, edge)| edge.queued)
            .filter_map(|(row, edge)| Some((row, edge.taken?)))
            .collect();
        let mut spans = vec![(i64::MIN, i64::MAX); group.len()];
        let known: Vec<Taken> = taken.iter().map(|(_, taken)| *taken).collect();
        for ((row, _), span) in taken.iter().zip(queue::spans(&known)) {
            if let Some(slot) = spans.get_mut(*row) {
                *slot = span;
            }
        }
        cost = costs(&spans);
        chosen = assignment::solve(&cost);
        let again: Vec<Option<usize>> = chosen.iter().map(|column| columns.get(*column).copied()).collect();
        if again == requests {
            break;
        }
        requests = again;
    }
    used.extend(chosen.iter().filter_map(|column| columns.get(*column)));
    let has_kill =
        group.iter().any(|row| rows.get(*row).is_some_and(|row| matches!(row.what, Taker::Killed(_))));
    let margins = if has_kill { assignment::margins(&cost, &chosen) } else { Vec::new() };
    for (at, (number, column)) in group.iter().zip(&chosen).enumerate() {
        let Some(row) = rows.get(*number) else { continue };
        let choice = columns.get(*column).copied();
        let taken = choice.and_then(|access| edge(*number, access)?.taken);
        let Taker::Killed(kill) = &row.what else {
            if let Some(access) = choice {
                services.name(picture.events, row.service, access, None);
            }
            continue;
        };
        let margins = margins.get(at).map(Vec::as_slice).unwrap_or_default();
        let mut near: Vec<(i64, usize)> = margins
            .iter()
            .zip(&columns)
            .filter(|(margin, access)| **margin < CERTAIN && edge(*number, **access).is_some())
            .map(|(margin, access)| (if Some(*access) == choice { -1 } else { *margin }, *access))
            .collect();
        near.sort_unstable();
        let candidates: Vec<usize> = near.into_iter().map(|(_, access)| access).collect();
        let unseen = margins.iter().skip(columns.len()).any(|margin| *margin < CERTAIN);
        let alike = candidates.iter().all(|access| same_failure(picture, choice, *access));
        // Unless something ties the two clocks together, time proves nothing.
        let tied = picture.ordering.uncertainty_us(Source::Odoo, Source::NginxAccess).is_some();
        let sure = match (choice.is_some() && alike, unseen || !tied) {
            (true, false) => Sure::Exact,
            (true, true) => Sure::Probable,
            (false, _) => Sure::Set,
        };
        let access = choice.filter(|_| sure != Sure::Set);
        let accepted_us = taken.filter(|_| candidates.len() == 1).map(|taken| taken.accepted_us);
        if let Some(access) = access {
            services.name(picture.events, row.service, access, accepted_us);
        }
        let taken_us =
            candidates.iter().filter_map(|access| Some(edge(*number, *access)?.taken?.accepted_us)).collect();
        matched.push(Matched { death: kill.death, access, candidates, sure, taken_us });
    }
}

/// Whether two lines say the same of a failure: target, status, and end within the second. Which of them it was then makes
/// no difference to any statement but the line number.
fn same_failure(picture: &Picture<'_>, one: Option<usize>, other: usize) -> bool {
    let line = |index: usize| picture.events.access.get(index);
    one.and_then(line).zip(line(other)).is_some_and(|(a, b)| {
        (a.path, a.method, a.status) == (b.path, b.method, b.status)
            && (a.end_us - b.end_us).abs() <= SECOND_US
    })
}
