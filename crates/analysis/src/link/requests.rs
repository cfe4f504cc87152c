//! Which request a killed worker was serving (methods 2.3): time arithmetic, the worker's life, and the accept queue being
//! first in, first out.

use rustc_hash::FxHashMap;
use stormtrace_logs::timestamp::SECOND_US;

use super::assignment;
use crate::detect::Picture;
use crate::events::{Access, Lane};
use crate::lives::{Death, Reason};
use crate::service::{JITTER_US, LONGEST_QUEUE_US, Services};

/// Half the master's wake-up interval in both directions, µs (`beat` in Odoo's `service/server.py`).
const BEAT_US: i64 = 4 * SECOND_US;
/// nginx notices a dead worker within this, µs.
const NOTICE_US: i64 = SECOND_US;
/// Cost of saying that no request was seen, thousandths.
const NO_REQUEST: i64 = 3000;
/// Cost of overtaking in the accept queue, thousandths.
const OVERTAKING: i64 = 2000;
/// A choice is certain when every other costs this much more, thousandths.
const CERTAIN: i64 = 600;
/// Larger groups are solved piecewise in order of time.
const LARGEST_GROUP: usize = 150;

/// What one kill cut short.
#[derive(Debug, Clone)]
pub struct Matched {
    /// Index in the deaths.
    pub death: usize,
    /// Index in the accesses, where there is one choice.
    pub access: Option<usize>,
    /// Every choice that is nearly as good, the best one first.
    pub candidates: Vec<usize>,
    /// One choice, and every other is clearly worse.
    pub certain: bool,
    /// When the worker took the request, µs.
    pub accepted_us: Option<i64>,
}

struct Killed {
    death: usize,
    us: i64,
    limit_us: Option<i64>,
    /// The worker's last sign of being free before, µs.
    free_us: Option<i64>,
}

/// A request that found a worker: accepted, arrived, µs.
#[derive(Clone, Copy)]
struct Accepted {
    accepted_us: i64,
    arrived_us: i64,
}

/// Accepted requests in order, for the question who overtook whom.
struct Queue {
    accepted: Vec<Accepted>,
    /// Latest arrival among those accepted up to each.
    latest_before: Vec<i64>,
    /// Earliest arrival among those accepted from each on.
    earliest_after: Vec<i64>,
}

impl Queue {
    fn new(mut accepted: Vec<Accepted>) -> Self {
        accepted.sort_unstable_by_key(|request| (request.accepted_us, request.arrived_us));
        let mut latest = i64::MIN;
        let latest_before = accepted
            .iter()
            .map(|request| {
                latest = latest.max(request.arrived_us);
                latest
            })
            .collect();
        let mut earliest = i64::MAX;
        let mut earliest_after: Vec<i64> = accepted
            .iter()
            .rev()
            .map(|request| {
                earliest = earliest.min(request.arrived_us);
                earliest
            })
            .collect();
        earliest_after.reverse();
        Queue { accepted, latest_before, earliest_after }
    }

    /// Whether a request that arrived then and was accepted then overtook one, or was overtaken.
    fn out_of_order(&self, arrived_us: i64, accepted_us: i64, slack_us: i64) -> bool {
        let before = self.accepted.partition_point(|request| request.accepted_us < accepted_us - slack_us);
        let after = self.accepted.partition_point(|request| request.accepted_us <= accepted_us + slack_us);
        let overtaken = before
            .checked_sub(1)
            .and_then(|at| self.latest_before.get(at))
            .is_some_and(|latest| *latest > arrived_us + slack_us);
        let overtook =
            self.earliest_after.get(after).is_some_and(|earliest| *earliest < arrived_us - slack_us);
        overtaken || overtook
    }
}

/// Matches the kills of HTTP workers between `from` and `to` (µs) to the requests that failed with them.
#[must_use]
pub fn find(picture: &Picture<'_>, services: &Services, from: i64, to: i64) -> Vec<Matched> {
    let killed = killed(picture, services, from, to);
    let (Some(first), Some(last)) = (killed.first(), killed.last()) else { return Vec::new() };
    let coarse = picture.events.access.iter().take(1000).all(|access| access.end_us % SECOND_US == 0);
    let rounding_us = if coarse { SECOND_US } else { 0 };
    let span = (first.us - LONGEST_QUEUE_US, last.us + 10 * SECOND_US);
    let queue = replay(services, span);
    let failed: Vec<usize> = picture
        .events
        .access
        .iter()
        .enumerate()
        .filter(|(index, access)| {
            access.lane == Lane::Http
                && matches!(access.status, 499 | 502 | 504)
                && !access.never_connected
                && (span.0..=span.1).contains(&access.end_us)
                && !services.was_answered(*index)
        })
        .map(|(index, _)| index)
        .collect();
    let slack_us = 300_000 + rounding_us;
    let mut edges: Vec<FxHashMap<usize, Edge>> = Vec::with_capacity(killed.len());
    for kill in &killed {
        let reach = failed.iter().filter_map(|index| {
            let access = picture.events.access.get(*index)?;
            let edge = weigh(kill, access, picture, &queue, rounding_us, slack_us)?;
            Some((*index, edge))
        });
        edges.push(reach.collect());
    }
    let mut matched = Vec::new();
    for group in groups(&edges) {
        matched.extend(solve_group(&group, &killed, &edges, slack_us));
    }
    matched.sort_by_key(|found| found.death);
    matched
}

fn killed(picture: &Picture<'_>, services: &Services, from: i64, to: i64) -> Vec<Killed> {
    let cron = |death: &Death| picture.events.texts.get(death.class).contains("Cron");
    picture
        .deaths
        .iter()
        .enumerate()
        .filter(|(_, death)| death.reason.is_kill() && !cron(death) && (from..=to).contains(&death.us))
        .map(|(index, death)| Killed {
            death: index,
            us: death.us,
            limit_us: death
                .limit_s
                .filter(|_| death.reason == Reason::RealTime)
                .map(|limit_s| i64::from(limit_s) * SECOND_US),
            free_us: services.free_before(death.stream, death.pid, death.us),
        })
        .collect()
}

/// The accept queue as it was served: requests that a worker answered, in time or as ghosts.
fn replay(services: &Services, span: (i64, i64)) -> Queue {
    let known =
        services.ended_in(span.0, span.1.saturating_add(120 * SECOND_US)).iter().filter_map(|service| {
            Some(Accepted { accepted_us: service.accepted_us?, arrived_us: service.arrived_us? })
        });
    Queue::new(known.collect())
}

#[derive(Clone, Copy)]
struct Edge {
    cost: i64,
    arrived_us: Option<i64>,
    accepted_us: Option<i64>,
}

/// What it costs to believe that the worker died serving this request; `None` if it cannot be.
fn weigh(
    kill: &Killed,
    access: &Access,
    picture: &Picture<'_>,
    queue: &Queue,
    rounding_us: i64,
    slack_us: i64,
) -> Option<Edge> {
    let after_us = access.end_us - kill.us;
    let mut cost = 0;
    if access.status == 502 {
        if after_us < -JITTER_US - rounding_us || after_us > NOTICE_US + JITTER_US {
            return None;
        }
        cost += if rounding_us > 0 { 0 } else { (after_us - 30_000).abs() / 1000 };
    } else if after_us > JITTER_US {
        return None;
    }
    let arrived_us = match (access.request_time_us, access.status) {
        (Some(_), _) => Some(access.arrival_us()),
        (None, 504) => {
            picture.facts.proxy_read_timeout_s.map(|timeout_s| access.end_us - (timeout_s * 1e6) as i64)
        }
        _ => None,
    };
    let Some(arrived) = arrived_us else {
        return (access.status == 502).then_some(Edge { cost, arrived_us: None, accepted_us: None });
    };
    if arrived >= kill.us {
        return None;
    }
    let margin_us = BEAT_US + JITTER_US + rounding_us;
    let accepted_us = kill.free_us.map(|free| free.max(arrived));
    match (kill.limit_us, accepted_us) {
        (Some(limit), Some(accepted)) => {
            let off = kill.us - accepted - limit;
            if off.abs() > margin_us {
                return None;
            }
            cost += off.abs() / 4000;
        }
        (Some(limit), None) if kill.us - arrived < limit - margin_us => return None,
        (None, Some(accepted)) if accepted > kill.us => return None,
        _ => {}
    }
    if let Some(accepted) = accepted_us {
        if queue.out_of_order(arrived, accepted, slack_us) {
            cost += OVERTAKING;
        }
        // Convex in the wait: among equals, first in is first out.
        let wait_s = (accepted - arrived) / SECOND_US;
        cost += wait_s.saturating_mul(wait_s) / 3600;
    } else if kill.us - arrived > LONGEST_QUEUE_US {
        return None;
    }
    Some(Edge { cost, arrived_us, accepted_us })
}

/// Kills that share candidates, in order of time.
fn groups(edges: &[FxHashMap<usize, Edge>]) -> Vec<Vec<usize>> {
    let mut owner: FxHashMap<usize, usize> = FxHashMap::default();
    let mut parent: Vec<usize> = (0..edges.len()).collect();
    fn root(parent: &mut [usize], mut node: usize) -> usize {
        while let Some(up) = parent.get(node).copied().filter(|up| *up != node) {
            node = up;
        }
        node
    }
    for (kill, candidates) in edges.iter().enumerate() {
        for candidate in candidates.keys() {
            let other = *owner.entry(*candidate).or_insert(kill);
            let (a, b) = (root(&mut parent, kill), root(&mut parent, other));
            if let Some(slot) = parent.get_mut(a.max(b)) {
                *slot = a.min(b);
            }
        }
    }
    let mut groups: std::collections::BTreeMap<usize, Vec<usize>> = std::collections::BTreeMap::new();
    for kill in 0..edges.len() {
        groups.entry(root(&mut parent, kill)).or_default().push(kill);
    }
    groups
        .into_values()
        .flat_map(|group| group.chunks(LARGEST_GROUP).map(<[usize]>::to_vec).collect::<Vec<_>>())
        .collect()
}

fn solve_group(
    group: &[usize],
    killed: &[Killed],
    edges: &[FxHashMap<usize, Edge>],
    slack_us: i64,
) -> Vec<Matched> {
    let mut columns: Vec<usize> =
        group.iter().filter_map(|kill| edges.get(*kill)).flat_map(FxHashMap::keys).copied().collect();
    columns.sort_unstable();
    columns.dedup();
    let edge =
        |kill: usize, access: usize| edges.get(kill).and_then(|candidates| candidates.get(&access)).copied();
    let cost: Vec<Vec<i64>> = group
        .iter()
        .enumerate()
        .map(|(row, kill)| {
            let real = columns
                .iter()
                .map(|access| edge(*kill, *access).map_or(assignment::FORBIDDEN, |edge| edge.cost));
            // One column of its own for each kill: no request was seen.
            let none =
                (0..group.len()).map(|other| if other == row { NO_REQUEST } else { assignment::FORBIDDEN });
            real.chain(none).collect()
        })
        .collect();
    let chosen: Vec<Option<usize>> =
        assignment::solve(&cost).into_iter().map(|column| columns.get(column).copied()).collect();
    let taken: FxHashMap<usize, usize> =
        chosen.iter().enumerate().filter_map(|(row, access)| access.map(|access| (access, row))).collect();
    let violation = |a: Edge, b: Edge| -> i64 {
        match (a.accepted_us, b.accepted_us, a.arrived_us, b.arrived_us) {
            (Some(a_accepted), Some(b_accepted), Some(a_arrived), Some(b_arrived)) => {
                let (accepted, arrived) = (a_accepted - b_accepted, a_arrived - b_arrived);
                let apart = accepted.abs() > slack_us && arrived.abs() > slack_us / 3;
                if apart && (accepted > 0) != (arrived > 0) { OVERTAKING } else { 0 }
            }
            _ => 0,
        }
    };
    let mut found = Vec::new();
    for (row, kill) in group.iter().enumerate() {
        let Some(record) = killed.get(*kill) else { continue };
        let choice = chosen.get(row).copied().flatten();
        let own = choice.and_then(|access| edge(*kill, access));
        let mut rivals: Vec<(i64, usize)> = Vec::new();
        for (access, other) in edges.get(*kill).into_iter().flatten() {
            if Some(*access) == choice {
                continue;
            }
            let own_cost = own.map_or(NO_REQUEST, |edge| edge.cost);
            let extra = match taken.get(access).and_then(|rival| Some((group.get(*rival)?, rival))) {
                // Free for the taking; it may only stand out of order to its neighbours.
                None => other.cost - own_cost,
                Some((rival_kill, _)) => {
                    let rival_now = edge(*rival_kill, *access);
                    let swapped = choice.and_then(|choice| edge(*rival_kill, choice));
                    let rival_cost = rival_now.map_or(NO_REQUEST, |edge| edge.cost);
                    match swapped {
                        Some(swapped) => {
                            let order = violation(*other, swapped)
                                - own.zip(rival_now).map_or(0, |(own, rival)| violation(own, rival));
                            other.cost + swapped.cost - own_cost - rival_cost + order
                        }
                        None => other.cost + NO_REQUEST - own_cost - rival_cost,
                    }
                }
            };
            if extra < CERTAIN {
                rivals.push((extra, *access));
            }
        }
        rivals.sort_unstable();
        let certain = choice.is_some() && rivals.is_empty();
        let mut candidates: Vec<usize> = choice.into_iter().collect();
        candidates.extend(rivals.iter().map(|(_, access)| *access));
        found.push(Matched {
            death: record.death,
            access: choice.filter(|_| certain),
            candidates,
            certain,
            accepted_us: own.filter(|_| certain).and_then(|edge| edge.accepted_us),
        });
    }
    found
}
