//! What HTTP workers did: each request that a worker took, paired with the line nginx wrote for it, and how it ended. Built
//! once over the whole picture; links, queue and attribution read it.

use rustc_hash::{FxHashMap, FxHashSet};
use stormtrace_logs::timestamp::SECOND_US;

use crate::copies::stream_of;
use crate::events::{Access, Events, Lane, OdooFact, Served};
use crate::lives::{Death, Reason};

/// Clock jitter between sources that are aligned, µs.
pub const JITTER_US: i64 = 500_000;
/// nginx finishes sending a buffered answer within this after the worker is done, µs.
const SENDING_US: i64 = 5 * SECOND_US;
/// No request waits longer in the accept queue, µs.
pub const LONGEST_QUEUE_US: i64 = 900 * SECOND_US;

/// How a request that a worker took ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The client got the worker's answer.
    Answered,
    /// nginx had answered 504, or the client had left (499), before the worker was done: work for nobody.
    Ghost,
    /// The worker answered; nginx's line is not in the logs.
    Unseen,
    /// The worker was killed in the middle.
    Killed,
}

/// One request that an HTTP worker took.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// Position of nginx's line in `events.access`. For killed ones and ghosts: once `link::requests` names it.
    pub access: Option<usize>,
    /// Position of the worker's line in `events.served`; a killed one has none.
    pub served: Option<usize>,
    /// Position of the kill in the deaths.
    pub death: Option<usize>,
    /// Stream (host) of the worker.
    pub stream: u32,
    /// Worker.
    pub pid: u32,
    /// Arrival at nginx (end - `request_time`), µs; none without `request_time`.
    pub arrived_us: Option<i64>,
    /// When the worker took it, µs. Answered: end - (query + remaining time). Killed: the later of the worker's last free
    /// moment and the kill less the limit; none if neither is known.
    pub accepted_us: Option<i64>,
    /// End of the answer, or the kill, µs.
    pub end_us: i64,
    /// How it ended.
    pub outcome: Outcome,
}

/// A moment at which a worker was seen free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Free {
    /// When, µs.
    pub us: i64,
    /// It was born then; else it was done with a request.
    pub born: bool,
}

/// Every request that a worker took, and what follows for nginx's lines and for the workers.
#[derive(Debug, Default)]
pub struct Services {
    /// In order of end, then stream and worker.
    pub list: Vec<Service>,
    /// For each line of `events.access`: whether a worker answered it in time.
    answered: Vec<bool>,
    /// Sorted moments at which each worker was seen free.
    free: FxHashMap<(u32, u32), Vec<Free>>,
    /// Inputs whose stamps are whole seconds.
    coarse: Vec<bool>,
    /// Odoo logs the clients' addresses (`proxy_mode`), as nginx does.
    clients_tell: bool,
    /// Sorted times of requests that stand for others, which nobody can tell apart, µs.
    thinned_us: Vec<i64>,
}

impl Services {
    /// Pairs workers' lines with nginx's, and adds the killed ones. `streams` maps input numbers to streams.
    #[must_use]
    pub fn new(events: &Events, deaths: &[Death], streams: &[u32]) -> Self {
        let mut services = Services {
            answered: vec![false; events.access.len()],
            free: free_moments(events, deaths, streams),
            coarse: coarse_inputs(&events.access),
            clients_tell: clients_tell(events),
            thinned_us: thinned(events),
            ..Services::default()
        };
        services.pair(events, streams);
        services.add_killed(events, deaths);
        services.list.sort_by_key(|service| {
            (service.end_us, service.stream, service.pid, service.served, service.death)
        });
        services
    }

    /// Services whose end lies in a span, µs.
    #[must_use]
    pub fn ended_in(&self, from_us: i64, to_us: i64) -> &[Service] {
        let from = self.list.partition_point(|service| service.end_us < from_us);
        let to = self.list.partition_point(|service| service.end_us <= to_us);
        self.list.get(from..to).unwrap_or_default()
    }

    /// Whether a worker answered the request of this line of `events.access` in time.
    #[must_use]
    pub fn was_answered(&self, access: usize) -> bool {
        self.answered.get(access).copied().unwrap_or(false)
    }

    /// Whether around an instant requests stand for others: those that a worker may have taken are then not all at hand.
    #[must_use]
    pub fn is_thinned(&self, us: i64) -> bool {
        let next = self.thinned_us.partition_point(|time| *time < us - LONGEST_QUEUE_US);
        self.thinned_us.get(next).is_some_and(|time| *time <= us + LONGEST_QUEUE_US)
    }

    /// The last moment before `us` at which the worker was seen free.
    #[must_use]
    pub fn free_before(&self, stream: u32, pid: u32, us: i64) -> Option<Free> {
        let times = self.free.get(&(stream, pid))?;
        times.get(times.partition_point(|time| time.us < us).checked_sub(1)?).copied()
    }

    /// By how much the stamp of an access line may lie before what it stands for, µs: whole seconds are cut, not rounded.
    #[must_use]
    pub fn rounding_us(&self, access: &Access) -> i64 {
        if self.coarse.get(access.input as usize).copied().unwrap_or(false) { SECOND_US } else { 0 }
    }

    /// Names the request of a service that was found by more than its end: a killed one, or a ghost.
    pub fn name(&mut self, events: &Events, number: usize, access: usize, accepted_us: Option<i64>) {
        let (Some(service), Some(request)) = (self.list.get_mut(number), events.access.get(access)) else {
            return;
        };
        service.access = Some(access);
        service.arrived_us = request.request_time_us.get().map(|_| request.arrival_us());
        service.accepted_us = accepted_us.or(service.accepted_us);
        if service.outcome == Outcome::Unseen {
            service.outcome = Outcome::Ghost;
        }
    }

    /// What a worker's line and nginx's line of one request share: client (where Odoo knows it), method and path.
    #[must_use]
    pub fn target(&self, client: u32, method: u32, path: u32) -> Target {
        (if self.clients_tell { client } else { 0 }, method, path)
    }

    fn pair(&mut self, events: &Events, streams: &[u32]) {
        let mut lanes: FxHashMap<Target, Lines> = FxHashMap::default();
        let single = |served: &&Served| !served.evented && served.count == 1;
        for served in events.served.iter().filter(single) {
            lanes.entry(self.target(served.client, served.method, served.path)).or_default();
        }
        if lanes.is_empty() {
            return;
        }
        for (index, access) in events.access.iter().enumerate().filter(|(_, access)| access.count == 1) {
            let target = self.target(access.client, access.method, access.path);
            let Some(lines) = lanes.get_mut(&target).filter(|_| access.lane != Lane::Static) else {
                continue;
            };
            match lines.by_status.iter_mut().find(|(status, _)| *status == access.status) {
                Some((_, queue)) => queue.open.push(index),
                None => lines.by_status.push((access.status, Queue { open: vec![index], next: 0 })),
            }
        }
        let workers = || events.served.iter().enumerate().filter(|(_, served)| single(served));
        for (number, served) in workers() {
            let partner = lanes
                .get_mut(&self.target(served.client, served.method, served.path))
                .and_then(|lines| self.answer_in_time(served, lines, &events.access));
            let outcome = if partner.is_some() { Outcome::Answered } else { Outcome::Unseen };
            self.add(events, streams, number, partner, outcome);
        }
    }

    /// The first line of the same target and status that ends with the worker's.
    fn answer_in_time(&self, served: &Served, lines: &mut Lines, access: &[Access]) -> Option<usize> {
        let (_, queue) = lines.by_status.iter_mut().find(|(status, _)| *status == served.status)?;
        while let Some((index, request)) = queue.head(access) {
            if request.end_us < served.end_us - JITTER_US - self.rounding_us(request) {
                queue.next += 1;
            } else if request.end_us > served.end_us + SENDING_US {
                return None;
            } else {
                queue.next += 1;
                return Some(index);
            }
        }
        None
    }

    fn add(
        &mut self,
        events: &Events,
        streams: &[u32],
        number: usize,
        access: Option<usize>,
        outcome: Outcome,
    ) {
        let Some(served) = events.served.get(number) else { return };
        let request = access.and_then(|index| events.access.get(index));
        if let Some(slot) = access.and_then(|index| self.answered.get_mut(index)) {
            *slot = true;
        }
        self.list.push(Service {
            access,
            served: Some(number),
            death: None,
            stream: stream_of(streams, served.input),
            pid: served.pid,
            arrived_us: request.filter(|it| it.request_time_us.get().is_some()).map(Access::arrival_us),
            accepted_us: accepted(served),
            end_us: served.end_us,
            outcome,
        });
    }

    fn add_killed(&mut self, events: &Events, deaths: &[Death]) {
        for (number, death) in deaths.iter().enumerate() {
            if !death.reason.is_kill() || events.texts.get(death.class).contains("Cron") {
                continue;
            }
            let limit = death.limit_s.filter(|_| death.reason == Reason::RealTime);
            let by_limit = limit.map(|limit_s| death.us - i64::from(limit_s) * SECOND_US);
            let free = self.free_before(death.stream, death.pid, death.us).map(|free| free.us);
            self.list.push(Service {
                access: None,
                served: None,
                death: Some(number),
                stream: death.stream,
                pid: death.pid,
                arrived_us: None,
                accepted_us: by_limit.max(free),
                end_us: death.us,
                outcome: Outcome::Killed,
            });
        }
    }
}

/// Hash of the client or 0, method, path.
pub type Target = (u32, u32, u32);

/// When the worker took a request that it answered, µs.
#[must_use]
pub fn accepted(served: &Served) -> Option<i64> {
    let remaining_us = served.remaining_us.get()?;
    Some(served.end_us - served.query_us.get().unwrap_or(0).max(0) - remaining_us.max(0))
}

/// Lines of one target, by status, each in order of end.
#[derive(Default)]
struct Lines {
    by_status: Vec<(u16, Queue)>,
}

#[derive(Default)]
struct Queue {
    open: Vec<usize>,
    next: usize,
}

impl Queue {
    fn head<'a>(&self, access: &'a [Access]) -> Option<(usize, &'a Access)> {
        let index = *self.open.get(self.next)?;
        Some((index, access.get(index)?))
    }
}

/// Whether workers' lines name the clients that nginx's lines name: several clients, and nearly all of them known to nginx.
fn clients_tell(events: &Events) -> bool {
    let served = || events.served.iter().filter(|served| !served.evented);
    let distinct: FxHashSet<u32> = served().map(|served| served.client).collect();
    if distinct.len() < 2 {
        return false;
    }
    let known: FxHashSet<u32> =
        events.access.iter().map(|access| access.client).filter(|it| *it != 0).collect();
    let same = served().filter(|served| known.contains(&served.client)).count();
    10 * same >= 9 * served().count()
}

/// When the workers that were killed had been seen free.
fn free_moments(events: &Events, deaths: &[Death], streams: &[u32]) -> FxHashMap<(u32, u32), Vec<Free>> {
    let killed: FxHashSet<(u32, u32)> = deaths.iter().map(|death| (death.stream, death.pid)).collect();
    let stream = |input: u32| stream_of(streams, input);
    let mut free: FxHashMap<(u32, u32), Vec<Free>> = FxHashMap::default();
    let mut note = |input: u32, pid: u32, us: i64, born: bool| {
        let worker = (stream(input), pid);
        if killed.contains(&worker) {
            free.entry(worker).or_default().push(Free { us, born });
        }
    };
    for event in &events.odoo {
        if let OdooFact::Alive { pid, .. } = event.fact {
            note(event.input, pid, event.us, true);
        }
    }
    for served in &events.served {
        note(served.input, served.pid, served.end_us, false);
    }
    free.values_mut().for_each(|times| times.sort_unstable());
    free
}

/// Times of requests that stand for others, sorted, µs.
fn thinned(events: &Events) -> Vec<i64> {
    let access = events.access.iter().filter(|access| access.count > 1).map(|access| access.end_us);
    let served = events.served.iter().filter(|served| served.count > 1).map(|served| served.end_us);
    let mut times: Vec<i64> = access.chain(served).collect();
    times.sort_unstable();
    times
}

/// Inputs all of whose access lines carry whole seconds.
fn coarse_inputs(access: &[Access]) -> Vec<bool> {
    let mut coarse: Vec<bool> = Vec::new();
    for request in access {
        let input = request.input as usize;
        if coarse.len() <= input {
            coarse.resize(input + 1, true);
        }
        if request.end_us % SECOND_US != 0
            && let Some(slot) = coarse.get_mut(input)
        {
            *slot = false;
        }
    }
    coarse
}
