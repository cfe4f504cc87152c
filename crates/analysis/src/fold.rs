//! Records to [`Events`]: what one block says, to be merged in file order.

use std::hash::Hasher;
use std::sync::Arc;

use rustc_hash::FxHasher;
use serde::{Deserialize, Serialize};
use stormtrace_logs::block::{self, Block, Item, Recipe};
use stormtrace_logs::format::Memory;
use stormtrace_logs::ledger::Ledger;
use stormtrace_logs::record::{
    self as logs, OdooEvent as Said, PostgresEvent as Logged, Record, UpstreamFailure,
};
use stormtrace_logs::sixteen;
use stormtrace_logs::timestamp::{SECOND_US, Stamp, Zone};

use crate::contents::Content;
use crate::events::{
    Access, Events, FOLLOW_UP_REACH, Host, KernelKill, Lane, NginxError, OdooEvent, OdooFact, PostgresEvent,
    PostgresFact, Probe, Served, Session, Setting, Snapshot, State, Statistics,
};
use crate::fingerprint::Statements;
use crate::gaps::Presence;
use crate::keep::{Keep, Met, Room};
use crate::read::Spans;
use crate::stretch::Stretches;
use crate::thin::{self, Arrival, Standing, thin};

/// The summary of one stretch of one input. Merging is associative.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Partial {
    /// Line account.
    pub ledger: Ledger,
    /// Events.
    pub events: Events,
    /// Earliest and latest stamp, µs in the input's own zone.
    pub span: Option<(i64, i64)>,
    /// How the stamps said their zone; the last record's answer.
    pub zone: Option<Zone>,
    /// Smallest step that a stamp could express, µs.
    pub resolution_us: Option<i64>,
    /// Where stamps ran on without a jump.
    pub stretches: Stretches,
    /// When there were records.
    pub presence: Presence,
    /// Samples of the host that no time is known of: they can be placed nowhere.
    pub undated: u64,
    /// How far the records are thinned out ([`crate::thin`]); 0: each is kept.
    pub level: u8,
    /// Up to where PostgreSQL's records know what their follow-ups say, in a thinned whole.
    #[serde(skip)]
    followed: usize,
    /// Statements met, by their numbers in the texts of `events`.
    #[serde(skip)]
    statements: Statements,
    #[serde(skip)]
    standing_access: Standing,
    #[serde(skip)]
    standing_served: Standing,
    /// The stamp of the last record, if nothing was merged since.
    #[serde(skip)]
    seen: Option<Stamp>,
    /// Spans in which every record is kept, µs.
    #[serde(skip)]
    spared: Arc<Spans>,
    /// Records in them, as last counted.
    #[serde(skip)]
    spared_records: usize,
    /// What the parts of this whole held before they were thinned out.
    #[serde(skip)]
    met: Met,
    /// Records that others stood for when they came.
    #[serde(skip)]
    stood_for: usize,
    /// The level at which the requests are thinned out, each of those that came since as well.
    #[serde(skip)]
    thinned: u8,
    /// Where requests stand is to be found anew.
    #[serde(skip)]
    moved: bool,
    /// It was thinned out before it held too many records, because it was sure to.
    #[serde(skip)]
    foreseen: bool,
}

/// This part of an input foretells how much the whole will hold.
const PART_FORETELLING: u64 = 32;

/// So many texts are not worth a look at which of them are still named.
const FEW_TEXTS: usize = 10_000;

impl Partial {
    /// Nothing yet of a stretch whose whole is thinned out to `level` already: the stretch is at once. Its events will lie
    /// where `emptied` ones lay.
    #[must_use]
    pub fn keeping(level: u8, keep: &Keep, emptied: Events) -> Self {
        let spared = Arc::clone(&keep.spared);
        let mut partial = Partial { level, thinned: level, spared, events: emptied, ..Partial::default() };
        partial.events.contents.thin(level);
        if keep.alone {
            partial.events.contents.only_count();
        }
        partial
    }

    /// Adds what follows in the same input, and thins the whole out where there are too many records. Gives back what held
    /// the events, empty.
    pub fn merge_within(&mut self, later: Partial, keep: &Keep) -> Events {
        let more = later.arrived();
        let emptied = self.merge(later);
        self.grown(more, keep);
        emptied
    }

    /// The same with a block.
    pub fn add_block_within(&mut self, block: &Block, recipe: Recipe<'_>, memory: &mut Memory, keep: &Keep) {
        let before = self.arrived();
        self.add_block(block, recipe, memory);
        let now = self.arrived();
        self.grown(
            Met { records: now.records - before.records, contents: now.contents - before.contents },
            keep,
        );
    }

    /// What came in one by one, and is not thinned out in the list of its kind.
    fn arrived(&self) -> Met {
        Met { records: self.events.records() + self.stood_for, contents: self.events.contents.arrived() }
    }

    fn grown(&mut self, more: Met, keep: &Keep) {
        self.met.records += more.records;
        self.met.contents += more.contents;
        keep.room.add(more);
        if keep.room.is_full() {
            self.fit(keep.most, true);
        }
    }

    /// Thins the whole out from now on where what was read of it, so many bytes, foretells that it will hold too many records
    /// by far. It comes to the same as when it does hold them; only memory and the time to fill it are spared.
    pub fn foresee(&mut self, read: u64, keep: &Keep) {
        let Some(bytes) = keep.bytes else { return };
        if self.level > 0 || self.foreseen || !self.spared.is_empty() || read < bytes / PART_FORETELLING {
            return;
        }
        let expected = self.met.records as u128 * u128::from(bytes) / u128::from(read.max(1));
        if expected * 4 > u128::from(keep.too_many()) * 5 {
            (self.level, self.foreseen) = (1, true);
            self.thin(true);
        }
    }

    /// Whether it was thinned out and need not have been: what followed held fewer records than what foretold them.
    #[must_use]
    pub fn was_misjudged(&self, keep: &Keep) -> bool {
        self.foreseen && self.met.records as u64 <= keep.too_many()
    }

    /// Gives up its place among all inputs: it will be read once more.
    pub fn leave(&self, room: &Room) {
        room.remove(self.met);
    }

    /// Takes its place among all inputs, of which it was not read with.
    pub fn enter(&mut self, room: &Room, spared: Option<&Arc<Spans>>) {
        room.add(Met { records: self.events.records(), contents: self.events.contents.listed() });
        self.spared = spared.cloned().unwrap_or_default();
    }

    /// Thins the whole out until at most `most` records are left. While there is `more` to come twice as many may stay, so
    /// that it is not done again with every block, and what follow-ups may still speak of is kept.
    pub fn fit(&mut self, most: usize, more: bool) {
        let most_now = if more { most.saturating_mul(2) } else { most };
        if self.events.contents.listed() > most_now {
            self.events.contents.thin(self.level.max(1));
        }
        if self.records() > most_now {
            self.spared_records = thin::records_in(&self.events, &self.spared);
        }
        if self.records() <= most_now && (more || self.level == 0) {
            return;
        }
        self.thin(more);
        while self.records() > most && self.level < thin::HIGHEST {
            self.level += 1;
            self.thin(more);
        }
        // Texts that nothing names any longer stay behind, once they are many.
        if self.events.texts.count() >= FEW_TEXTS {
            let events = std::mem::take(&mut self.events);
            self.statements = Statements::default();
            self.events.append(events);
        }
    }

    /// Records that are not spared, or may be.
    fn records(&self) -> usize {
        self.events.records().saturating_sub(self.spared_records)
    }

    fn thin(&mut self, more: bool) {
        if self.level == 0 {
            return;
        }
        let events = &mut self.events;
        events.give_follow_ups(self.followed);
        let kept = if more { FOLLOW_UP_REACH } else { 0 };
        let mut tail = events.postgres.split_off(events.postgres.len().saturating_sub(kept));
        events.postgres.retain(|event| !event.fact.is_follow_up());
        thin(&mut events.postgres, self.level, &self.spared);
        events.postgres.append(&mut tail);
        self.followed = events.postgres.len();
        if self.thinned != self.level {
            thin(&mut events.access, self.level, &self.spared);
            thin(&mut events.served, self.level, &self.spared);
            (self.thinned, self.moved) = (self.level, true);
        }
        thin(&mut events.odoo, self.level, &self.spared);
        thin(&mut events.nginx, self.level, &self.spared);
        events.contents.thin(self.level);
        self.spared_records = thin::records_in(events, &self.spared);
    }

    /// Adds what follows in the same input. Gives back what held the events, empty.
    pub fn merge(&mut self, later: Partial) -> Events {
        self.seen = None;
        (self.thinned, self.moved) = (0, true);
        self.ledger.merge(&later.ledger);
        let emptied = self.events.append(later.events);
        self.span = match (self.span, later.span) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        self.zone = later.zone.or(self.zone);
        self.resolution_us = self.resolution_us.into_iter().chain(later.resolution_us).min();
        self.stretches.append(later.stretches);
        self.presence.merge(later.presence);
        self.undated += later.undated;
        self.level = self.level.max(later.level);
        emptied
    }

    /// Finds where requests stand, if they were moved.
    fn find_standing(&mut self) {
        if std::mem::take(&mut self.moved) {
            self.standing_access = Standing::of(&self.events.access, self.level, &self.spared);
            self.standing_served = Standing::of(&self.events.served, self.level, &self.spared);
        }
    }

    /// The place that a record takes from another, if any, and for how many it stands there; `None`: another one stands
    /// for it.
    fn place_of(&mut self, arrival: Arrival) -> Option<Option<(usize, u32)>> {
        let place = match arrival {
            Arrival::First => return Some(None),
            Arrival::Instead(at, count) => Some(Some((at, count))),
            Arrival::Counted => None,
        };
        self.stood_for += 1;
        place
    }

    fn see(&mut self, stamp: Stamp, line: u64) -> i64 {
        // A moment that was seen with the last record adds nothing.
        if self.seen == Some(stamp) {
            return stamp.us;
        }
        self.seen = Some(stamp);
        self.zone = Some(stamp.zone);
        self.resolution_us =
            Some(self.resolution_us.map_or(stamp.resolution_us, |known| known.min(stamp.resolution_us)));
        self.stretches.add(line, stamp.us);
        self.presence.add(line, stamp.us);
        self.span = Some(self.span.map_or((stamp.us, stamp.us), |(a, b)| (a.min(stamp.us), b.max(stamp.us))));
        stamp.us
    }

    /// Takes in the records of a block.
    pub fn add_block(&mut self, block: &Block, recipe: Recipe<'_>, memory: &mut Memory) {
        let mut ledger = std::mem::take(&mut self.ledger);
        block::records(block, recipe, memory, &mut ledger, &mut |item| self.add(item));
        self.ledger = ledger;
    }

    /// Takes in one record.
    pub fn add(&mut self, item: Item<'_>) {
        let line = item.line;
        match item.record {
            Record::Odoo(record) => self.odoo(record, line),
            Record::Access(record) => self.access(record, line),
            Record::NginxError(record) => self.nginx_error(record, line),
            Record::Postgres(record) => self.postgres(record, line),
            Record::Activity(snapshot) => self.activity(snapshot, line),
            Record::Statement(row) => {
                let query = self.events.texts.add_lossy(cut(&row.query, 400));
                self.events.statistics.push(Statistics {
                    query,
                    calls: row.calls,
                    total_us: row.total_us,
                    max_us: row.max_us,
                    input: 0,
                    line,
                });
            }
            Record::Host(sample) => self.host(sample, line),
            Record::Hosts(samples) => samples.iter().for_each(|sample| self.host(sample, line)),
            Record::Probe(probe) => {
                if let Some(stamp) = probe.stamp {
                    let us = self.see(stamp, line);
                    let target = self.events.texts.add_lossy(cut(probe.target, 200));
                    self.events.probes.push(Probe { us, http_code: probe.http_code, target, input: 0, line });
                }
            }
            Record::Kernel(record) => {
                let us = self.see(record.stamp, line);
                if let Some(pid) = record.killed_pid {
                    let name = self.events.texts.add_lossy(cut(record.killed_name, 60));
                    self.events.kernel.push(KernelKill { us, pid, name, input: 0, line });
                }
            }
            Record::Settings(settings) => {
                self.events.settings.extend(settings.iter().map(|setting| Setting {
                    program: setting.program.into(),
                    name: setting.name.clone(),
                    value: setting.value.clone(),
                    depth: setting.depth,
                    input: 0,
                    line: line + u64::from(setting.line_in_record),
                }))
            }
            _ => {}
        }
    }

    /// The number of a statement of which `most` bytes are looked at.
    fn statement(&mut self, sql: &[u8], most: usize) -> u32 {
        self.statements.number(cut(sql, most), &mut self.events.texts)
    }

    fn host(&mut self, sample: &logs::HostSample, line: u64) {
        let Some(stamp) = sample.stamp else {
            self.undated += 1;
            return;
        };
        let us = self.see(stamp, line);
        if sample.since_boot {
            return;
        }
        let figures = logs::HostSample { stamp: None, ..*sample };
        self.events.host.push(Host { us, step_us: 0, figures, input: 0, line });
    }

    fn odoo(&mut self, record: &logs::OdooRecord<'_>, line: u64) {
        let us = self.see(record.stamp, line);
        let fingerprint =
            hash(&[&us.to_le_bytes(), &record.pid.to_le_bytes(), &digest(record.message).to_le_bytes()]);
        self.events.contents.push(Content { us, fingerprint, line });
        let texts = &mut self.events.texts;
        let fact = match &record.event {
            Said::Request(request) => {
                let served = Request {
                    status: request.status,
                    path: request.path,
                    method: request.method,
                    client: client(request.address),
                    query_us: request.query_time_us,
                    remaining_us: request.remaining_time_us,
                    evented: false,
                };
                self.served(&served, us, record.pid, fingerprint, line);
                None
            }
            Said::EventedRequest { method, path, status, duration_us } => {
                let served = Request {
                    status: *status,
                    path,
                    method,
                    client: 0,
                    query_us: None,
                    remaining_us: *duration_us,
                    evented: true,
                };
                self.served(&served, us, record.pid, fingerprint, line);
                None
            }
            Said::WorkerTimeout { class, pid, limit_s } => Some(OdooFact::Timeout {
                class: texts.add_lossy(cut(class, 60)),
                pid: *pid,
                limit_s: *limit_s,
            }),
            Said::ThreadTimeout { thread, limit_s, .. } => {
                Some(OdooFact::ThreadTimeout { thread: texts.add_lossy(cut(thread, 120)), limit_s: *limit_s })
            }
            Said::CpuLimit { pid, limit_s } => Some(OdooFact::CpuLimit { pid: *pid, limit_s: *limit_s }),
            Said::MemorySoft { pid, .. } => Some(OdooFact::MemorySoft { pid: *pid }),
            Said::EventedMemory { .. } => Some(OdooFact::EventedMemory),
            Said::ServerMemory { .. } => Some(OdooFact::ServerMemory),
            Said::MaxRequests { pid } => Some(OdooFact::MaxRequests { pid: *pid }),
            Said::MaxAge { pid } => Some(OdooFact::MaxAge { pid: *pid }),
            Said::WorkerAlive { class, pid } => {
                Some(OdooFact::Alive { class: texts.add_lossy(cut(class, 60)), pid: *pid })
            }
            Said::WorkerExiting { pid, request_count } => Some(OdooFact::Exiting {
                pid: *pid,
                request_count: u32::try_from(*request_count).unwrap_or(u32::MAX),
            }),
            Said::WorkerException { pid } => Some(OdooFact::WorkerException { pid: *pid }),
            Said::CriticalWorkerError { pid } => Some(OdooFact::CriticalWorkerError { pid: *pid }),
            Said::ParentChanged => Some(OdooFact::ParentChanged),
            Said::Banner { version } => Some(OdooFact::Banner { version: texts.add_lossy(cut(version, 40)) }),
            Said::HttpServiceRunning => Some(OdooFact::HttpServiceRunning),
            Said::EventedServiceRunning => Some(OdooFact::EventedServiceRunning),
            Said::EventedServiceError => Some(OdooFact::EventedServiceError),
            Said::Stopping => Some(OdooFact::Stopping),
            Said::StoppingForcefully => Some(OdooFact::StoppingForcefully),
            Said::Reloading => Some(OdooFact::Reloading),
            Said::RegistryLoaded { .. } => Some(OdooFact::RegistryLoaded),
            Said::CronStart { job } => Some(OdooFact::CronStart { job: texts.add_lossy(cut(job, 120)) }),
            Said::CronEnd { job, duration_us } => {
                Some(OdooFact::CronEnd { job: texts.add_lossy(cut(job, 120)), duration_us: *duration_us })
            }
            Said::BusListen => Some(OdooFact::BusListen),
            Said::BusError => Some(OdooFact::BusError),
            Said::BusMisrouted => Some(OdooFact::BusMisrouted),
            Said::WebsocketError => Some(OdooFact::WebsocketError),
            Said::RegistryFailed => Some(OdooFact::RegistryFailed),
            Said::QueueJobReset => Some(OdooFact::QueueJobReset),
            Said::NonDatabaseRouting => Some(OdooFact::NonDatabaseRouting),
            Said::Retry { .. } => Some(OdooFact::Retry),
            _ => None,
        };
        let raised = record.exception.map(OdooFact::Raised);
        for fact in [fact, raised].into_iter().flatten() {
            self.events.odoo.push(OdooEvent {
                us,
                pid: record.pid,
                fact,
                fingerprint,
                input: 0,
                count: 1,
                line,
            });
        }
    }

    fn served(&mut self, request: &Request<'_>, us: i64, pid: u32, fingerprint: u64, line: u64) {
        let mut instead = None;
        if self.level > 0 && !thin::is_in(us, &self.spared) {
            self.find_standing();
            let events = &mut self.events;
            let class = thin::served_class(request.evented, request.status, request.remaining_us);
            let rank = thin::rank(fingerprint, line);
            let arrival = self.standing_served.arrive(&mut events.served, self.level, us, class, rank);
            let Some(place) = self.place_of(arrival) else { return };
            instead = place;
        }
        let events = &mut self.events;
        let served = Served {
            end_us: us,
            pid,
            status: request.status,
            path: events.texts.add_lossy(path_of(request.path)),
            method: events.texts.add_lossy(cut(request.method, 20)),
            client: request.client,
            query_us: request.query_us.into(),
            remaining_us: request.remaining_us.into(),
            evented: request.evented,
            fingerprint,
            input: 0,
            count: instead.map_or(1, |(_, count)| count),
            line,
        };
        place(&mut events.served, served, instead);
    }

    fn access(&mut self, record: &logs::AccessRecord<'_>, line: u64) {
        let Some(stamp) = record.end else { return };
        let us = self.see(stamp, line);
        let path = path_of(record.path);
        // ALB logs 460 and HAProxy whatever it would have sent, or nothing, when the client has left: nginx's 499.
        let left = record.upstream_failure == Some(UpstreamFailure::ClientClosed)
            && !(100..400).contains(&record.status);
        let status = if left { 499 } else { record.status };
        // The same request in `combined`, timed and JSON formats: the second, client, method, path and status agree.
        let fingerprint =
            hash(&[&us.div_euclid(SECOND_US).to_le_bytes(), &status.to_le_bytes(), record.method, path]);
        self.events.contents.push(Content { us, fingerprint, line });
        let lane = lane_of(path, status, record.upstream_addr);
        let mut instead = None;
        // A failure that comes with the request is an event of its own below.
        if self.level > 0 && record.upstream_failure.is_some() {
            self.thinned = 0;
        } else if self.level > 0 && !thin::is_in(us, &self.spared) {
            self.find_standing();
            let class = thin::access_class(lane, status, record.request_time_us);
            let rank = thin::rank(fingerprint, line);
            let arrival = self.standing_access.arrive(&mut self.events.access, self.level, us, class, rank);
            let Some(place) = self.place_of(arrival) else { return };
            instead = place;
        }
        let event = Access {
            end_us: us,
            request_time_us: record.request_time_us.into(),
            upstream_us: record.upstream_response_time_us.into(),
            connect_us: record.upstream_connect_time_us.into(),
            never_connected: record.upstream_never_connected,
            status,
            upstream_status: record.upstream_status.unwrap_or(0),
            upstream_port: port_of(record.upstream_addr),
            lane,
            path: self.events.texts.add_lossy(path),
            method: self.events.texts.add_lossy(cut(record.method, 20)),
            client: client(record.remote_addr),
            fingerprint,
            input: 0,
            count: instead.map_or(1, |(_, count)| count),
            line,
        };
        place(&mut self.events.access, event, instead);
        // What nginx tells in its error log, HAProxy tells here.
        if let Some(failure) = record.upstream_failure {
            self.events.nginx.push(NginxError {
                us,
                failure: Some(failure),
                lifecycle: None,
                path: event.path,
                lane,
                fingerprint,
                input: 0,
                count: 1,
                line,
            });
        }
    }

    fn nginx_error(&mut self, record: &logs::NginxErrorRecord<'_>, line: u64) {
        let us = self.see(record.stamp, line);
        let connection = record.connection.unwrap_or(0);
        let fingerprint = hash(&[&us.to_le_bytes(), &connection.to_le_bytes(), record.message, record.path]);
        self.events.contents.push(Content { us, fingerprint, line });
        if record.upstream_failure.is_none() && record.lifecycle.is_none() {
            return;
        }
        let path = path_of(record.path);
        let lane = lane_of(path, 0, b"");
        let path = self.events.texts.add_lossy(path);
        self.events.nginx.push(NginxError {
            us,
            failure: record.upstream_failure,
            lifecycle: record.lifecycle,
            path,
            lane,
            fingerprint,
            input: 0,
            count: 1,
            line,
        });
    }

    fn postgres(&mut self, record: &logs::PostgresRecord<'_>, line: u64) {
        let us = self.see(record.stamp, line);
        let message = without_position(first_line(&record.message));
        // `%t` has whole seconds, csvlog milliseconds: copies agree on the second.
        let fingerprint = hash(&[
            &us.div_euclid(SECOND_US).to_le_bytes(),
            &record.pid.to_le_bytes(),
            record.severity,
            &digest(message).to_le_bytes(),
        ]);
        let follow_up = matches!(
            record.severity,
            b"DETAIL" | b"CONTEXT" | b"STATEMENT" | b"HINT" | b"QUERY" | b"LOCATION"
        );
        if !follow_up {
            self.events.contents.push(Content { us, fingerprint, line });
        }
        let holders = |detail: &[u8]| {
            stormtrace_logs::format::postgres_message::lock_holders(detail).map(|(holders, _)| holders)
        };
        let fact = match &record.event {
            Logged::Duration { duration_us, query_start, phase_only: false, plan: false } => {
                let sql = record.message.get(*query_start..).unwrap_or_default();
                let query = self.statement(sql, 600);
                PostgresFact::Duration { duration_us: *duration_us, query }
            }
            Logged::Duration { duration_us, query_start, plan: true, .. } => {
                let text = record.message.get(*query_start..).unwrap_or_default();
                // The first node of the plan ends the query.
                let node = memchr::memmem::find(text, b"  (cost=").unwrap_or(text.len());
                let sql = text.get(..node).unwrap_or(text);
                let end = memchr::memrchr(b'\n', sql).filter(|_| node < text.len()).unwrap_or(sql.len());
                let sql = sql.get(..end).unwrap_or(sql);
                let query = self.statement(sql, 600);
                PostgresFact::Plan { duration_us: *duration_us, query }
            }
            Logged::StillWaiting { pid, waited_us } => PostgresFact::StillWaiting {
                pid: *pid,
                waited_us: *waited_us,
                holders: holders(&record.detail).unwrap_or_default().into(),
            },
            Logged::Acquired { pid, waited_us } => {
                PostgresFact::Acquired { pid: *pid, waited_us: *waited_us }
            }
            Logged::LockHolders { holders, .. } => {
                PostgresFact::Holders { holders: holders.as_slice().into() }
            }
            Logged::Deadlock => PostgresFact::Deadlock,
            Logged::Canceled(kind) => {
                PostgresFact::Canceled { user: *kind == logs::Cancellation::UserRequest }
            }
            Logged::SerializationFailure => PostgresFact::SerializationFailure,
            Logged::Terminated(kind) => {
                PostgresFact::Terminated { administrator: *kind == logs::Termination::AdministratorCommand }
            }
            Logged::TooManyClients => PostgresFact::TooManyClients,
            Logged::UnexpectedEof => PostgresFact::UnexpectedEof,
            Logged::ClientLost => PostgresFact::ClientLost,
            Logged::CheckpointComplete { sync_us, total_us, .. } => {
                PostgresFact::Checkpoint { sync_us: *sync_us, total_us: *total_us }
            }
            Logged::ProcessKilled { signal, .. } => PostgresFact::ProcessKilled { signal: *signal },
            Logged::ShuttingDown => PostgresFact::ShuttingDown,
            Logged::Recovery => PostgresFact::Recovery,
            Logged::Ready => PostgresFact::Ready,
            Logged::AlterTimeout => PostgresFact::AlterTimeout,
            Logged::CancelCall { terminate } => PostgresFact::CancelCall { terminate: *terminate },
            _ if record.severity == b"STATEMENT" => PostgresFact::Statement,
            _ => return,
        };
        let statement: &[u8] = match fact {
            PostgresFact::Statement => record.message.as_ref(),
            _ => record.statement.as_ref(),
        };
        let query = match statement {
            b"" => 0,
            text => self.statement(text, 600),
        };
        let application = self.events.texts.add_lossy(cut(record.application_name, 64));
        self.events.postgres.push(PostgresEvent {
            us,
            pid: record.pid,
            application,
            query,
            fact,
            fingerprint,
            input: 0,
            count: 1,
            line,
        });
    }

    fn activity(&mut self, snapshot: &logs::ActivitySnapshot<'_>, line: u64) {
        let Some(stamp) = snapshot.stamp else { return };
        let us = self.see(stamp, line);
        // A sampler counts its own statement as active.
        let counts = snapshot.counts.map(|mut counts| {
            counts.active = counts.active.map(|active| active.saturating_sub(1));
            counts
        });
        let total = snapshot.complete.then(|| u32::try_from(snapshot.rows.len()).unwrap_or(u32::MAX));
        let mut sessions = Vec::new();
        for row in snapshot.rows.iter().filter(|row| !row.sampler) {
            let client = row.backend_type.is_empty() || row.backend_type.as_ref() == b"client backend";
            let state = match row.state.as_ref() {
                b"active" => State::Active,
                b"" if !snapshot.complete => State::Active,
                b"idle in transaction" | b"idle in transaction (aborted)" => State::IdleInTransaction,
                _ => State::Other,
            };
            if !client || state == State::Other {
                continue;
            }
            sessions.push(Session {
                pid: row.pid,
                application: self.events.texts.add_lossy(cut(&row.application_name, 64)),
                state,
                lock_wait: row.wait_event_type.as_ref() == b"Lock",
                io_wait: row.wait_event_type.as_ref() == b"IO",
                query_age_us: row.query_age_us,
                xact_age_us: row.xact_age_us,
                state_age_us: row.state_age_us,
                blocked_by: row.blocked_by.iter().copied().take(64).collect(),
                query: self.statement(&row.query, 400),
                line: line + u64::from(row.line_in_record),
            });
        }
        self.events.add_snapshot(Snapshot { us, counts, sessions, total, input: 0, line });
    }
}

/// A request as a worker tells of it.
struct Request<'a> {
    status: u16,
    path: &'a [u8],
    method: &'a [u8],
    client: u32,
    query_us: Option<i64>,
    remaining_us: Option<i64>,
    evented: bool,
}

/// Puts a record into the place of another, or behind all.
fn place<T>(list: &mut Vec<T>, record: T, instead: Option<(usize, u32)>) {
    match instead.and_then(|(at, _)| list.get_mut(at)) {
        Some(known) => *known = record,
        None => list.push(record),
    }
}

/// A path without its query, at most 200 characters.
fn path_of(target: &[u8]) -> &[u8] {
    let target = cut(target, 200);
    cut(target, sixteen::find(target, [b'?', b'#']).unwrap_or(target.len()))
}

fn lane_of(path: &[u8], status: u16, upstream: &[u8]) -> Lane {
    if path.starts_with(b"/websocket") || path.starts_with(b"/longpolling") || status == 101 {
        Lane::Bus
    } else if upstream == b"-" && matches!(status, 200..=404) {
        Lane::Static
    } else {
        Lane::Http
    }
}

fn port_of(address: &[u8]) -> u16 {
    // Of nearly every worker.
    if let Some([b':', digits @ ..]) = address.last_chunk::<5>()
        && digits.iter().all(u8::is_ascii_digit)
    {
        return digits.iter().fold(0, |port, digit| port * 10 + u16::from(digit - b'0'));
    }
    let (mut port, mut place) = (0u64, 1u64);
    for byte in address.iter().rev().take_while(|byte| **byte != b':') {
        if !byte.is_ascii_digit() {
            return 0;
        }
        port = port.saturating_add(place.saturating_mul(u64::from(byte - b'0')));
        place = place.saturating_mul(10);
    }
    u16::try_from(port).unwrap_or(0)
}

/// At most `most` bytes.
fn cut(text: &[u8], most: usize) -> &[u8] {
    text.get(..most).unwrap_or(text)
}

/// A hash of an address: enough to tell clients of one request line apart, and no address is kept.
fn client(address: &[u8]) -> u32 {
    if address.is_empty() || address == b"-" { 0 } else { (hash(&[address]) >> 32) as u32 }
}

fn hash(parts: &[&[u8]]) -> u64 {
    let mut hasher = FxHasher::default();
    for part in parts {
        hasher.write(part);
        hasher.write_u8(0xff);
    }
    hasher.finish()
}

/// A hash of a message. One of pages is told from others by its length and its two ends.
fn digest(message: &[u8]) -> u64 {
    const END: usize = 128;
    match (message.get(..END), message.get(message.len().saturating_sub(END)..)) {
        (Some(head), Some(tail)) if message.len() > 2 * END => {
            hash(&[head, tail, &(message.len() as u64).to_le_bytes()])
        }
        _ => hash(&[message]),
    }
}

fn first_line(text: &[u8]) -> &[u8] {
    memchr::memchr(b'\n', text).and_then(|end| text.get(..end)).unwrap_or(text)
}

/// stderr writes ` at character N` behind the message, csvlog and jsonlog have a column for it.
fn without_position(message: &[u8]) -> &[u8] {
    let digits = message.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let before = message.get(..message.len() - digits).unwrap_or(message);
    before.strip_suffix(b" at character ").unwrap_or(message)
}
