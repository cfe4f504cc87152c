//! The whole line from paths to a [`Report`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use rayon::prelude::*;
use stormtrace_logs::format::Source;
use stormtrace_logs::ledger::Ledger;
use stormtrace_logs::timestamp::Zone;

use crate::cause::{self, measures};
use crate::detail::Origins;
use crate::detect::{self, Found, Picture};
use crate::events::{Events, Lane};
use crate::facts::Facts;
use crate::lives::{Death, Lives};
use crate::place::Places;
use crate::read::{self, Error};
use crate::report::{
    Action, Certainty, Chain, Clock, Correlation, Diagnosis, Endpoint, Extremes, Impact, Incident, Input,
    Kind, Lines, Link, PolicyInForce, Query, Recovery, Report, Severity, SkippedLine, Time, Tool, Totals,
    Verdict, Window, WorkerLives,
};
use crate::service::Services;
use crate::time_order::sort_neighbours;
use crate::{
    action, align, copies, correlate, extremes, finding, gaps, impact, interval, link, policy, queue,
    recovery, thin, timeline, worker_time,
};

/// How to analyse.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How to read.
    pub read: read::Options,
    /// What the user said of zones.
    pub zones: align::Zones,
    /// Leave out events before this instant, µs UTC.
    pub since_us: Option<i64>,
    /// Leave out events after this instant, µs UTC.
    pub until_us: Option<i64>,
    /// How long recovery must hold, µs; 15 minutes unless told otherwise.
    pub hold_us: Option<i64>,
    /// What to judge by.
    pub policy: PolicyInForce,
}

/// Most gaps of one input that a report lists.
const MOST_GAPS: usize = 1000;

/// All inputs on one clock, and what was seen before.
struct Gathered<T> {
    inputs: Vec<read::Input>,
    standings: Vec<copies::Standing>,
    clocks: Vec<Clock>,
    ordering: align::Ordering,
    notes: Vec<String>,
    seen: T,
}

/// Reads everything and brings it to one clock. `look` is taken at the inputs before their clocks are brought together.
fn gather<T>(
    paths: &[PathBuf],
    options: &Options,
    look: impl FnOnce(&[read::Input]) -> T,
) -> Result<Gathered<T>, Error> {
    let mut left_out = Vec::new();
    let mut inputs = read::read(paths, &options.read, &mut left_out)?;
    let mut notes: Vec<String> = left_out.into_iter().map(|what| format!("Left out: {what}.")).collect();
    notes.extend(inputs.iter().filter_map(|input| thinned_note(input, &options.read)));
    let standings = copies::settle(&mut inputs);
    let seen = look(&inputs);
    let (clocks, ordering) = align::align(&mut inputs, &standings, &options.zones, &mut notes);
    Ok(Gathered { inputs, standings, clocks, ordering, notes, seen })
}

/// What it means that there are more records than are kept.
fn thinned_note(input: &read::Input, options: &read::Options) -> Option<String> {
    let level = Some(input.partial.level).filter(|level| *level > 0)?;
    let apart = if options.spared.contains_key(&input.label) { " apart from the incidents," } else { "" };
    Some(format!(
        "{}: more records than are kept one by one (limit records):{apart} of each {} one stands for the others of its \
         kind. Counts are exact; times and statements are those of the ones kept.",
        input.label,
        match thin::stretch_us(level) / 1_000_000 {
            1 => "second".to_owned(),
            seconds => format!("{seconds} s"),
        }
    ))
}

/// What each input was taken for, without analysis.
///
/// # Errors
/// When a path cannot be opened or nothing is recognised.
pub fn inspect(paths: &[PathBuf], options: &Options) -> Result<Report, Error> {
    let Gathered { mut inputs, standings, clocks, notes, .. } = gather(paths, options, |_| ())?;
    let mut report = empty_report();
    report.inputs = describe_inputs(&inputs, &standings);
    report.clocks = clocks;
    report.notes = notes;
    let mut events = Events::default();
    for (index, input) in inputs.iter_mut().enumerate() {
        append(&mut events, index, std::mem::take(&mut input.partial.events), options);
    }
    sort(&mut events, &inputs);
    report.window = window(&events).map(|(from, to)| Window { from: Time(from), to: Time(to) });
    report.coverage = coverage(&events, &inputs, options);
    Ok(report)
}

/// Analyses files and directories.
///
/// # Errors
/// When a path cannot be opened or nothing is recognised.
pub fn analyze(paths: &[PathBuf], options: &Options) -> Result<Report, Error> {
    let Gathered { mut inputs, standings, clocks, ordering, notes, seen: origins } =
        gather(paths, options, Origins::of)?;
    let mut events = Events::default();
    for (index, input) in inputs.iter_mut().enumerate() {
        append(&mut events, index, std::mem::take(&mut input.partial.events), options);
    }
    sort(&mut events, &inputs);
    let labels: Vec<String> = inputs.iter().map(|input| input.label.clone()).collect();
    let places = Places { labels: &labels };
    let streams: Vec<u32> = standings.iter().map(|standing| standing.stream).collect();
    let facts = Facts::of(&events);
    let lives = Lives::of(&events, &streams);
    let deaths = lives.deaths();
    let span = window(&events);
    let spans: Vec<(Source, i64, i64)> = inputs
        .iter()
        .filter_map(|input| {
            let (from, to) = input.partial.span?;
            Some((input.source?, from, to))
        })
        .collect();
    let picture = Picture {
        events: &events,
        deaths: &deaths,
        facts: &facts,
        ordering: &ordering,
        window: span.unwrap_or((0, 0)),
        spans: &spans,
        streams: &streams,
    };
    let ((services, chains), found) = rayon::join(
        || {
            let mut services = Services::new(&events, &deaths, &streams);
            let chains = link::Chains::new(&picture, &mut services);
            (services, chains)
        },
        || detect::incidents(&picture),
    );
    if options.read.spared.is_empty() && read::can_be_read_again(paths) {
        let spared = origins.spared(&found, &events, &inputs, options.read.limits.records);
        if !spared.is_empty() {
            drop((inputs, events, deaths, lives, standings, origins, services, chains));
            let read = read::Options { spared, ..options.read.clone() };
            return analyze(paths, &Options { read, ..options.clone() });
        }
    }
    drop(origins);
    let work = Work { services: &services, chains: &chains };
    let mut report = empty_report();
    report.notes = notes;
    let number = |(number, incident)| explain(number, incident, &found, &picture, &work, &places, options);
    let (incidents, (tables, (findings, timeline, worker_lives))) = rayon::join(
        || found.par_iter().enumerate().map(number).collect::<Vec<_>>(),
        || {
            rayon::join(
                || tables(&events, &found, &places),
                || {
                    let timeline = span.map(|span| timeline::draw(&events, &deaths, span));
                    (finding::all(&picture, &places, &inputs), timeline, lives.report(&events, &places))
                },
            )
        },
    );
    report.incidents = incidents;
    let saturation_notes: Vec<String> = report.incidents.iter().flat_map(saturation_notes).collect();
    report.notes.extend(saturation_notes);
    report.findings = findings;
    report.window = span.map(|(from, to)| Window { from: Time(from), to: Time(to) });
    report.coverage = coverage(&events, &inputs, options);
    report.timeline = timeline.unwrap_or_default();
    report.totals = totals(&events, &deaths);
    report.worker_lives = worker_lives;
    report.extremes = extremes::find(&events, &deaths, &places);
    match tables.0 {
        Ok(endpoints) => report.endpoints = endpoints,
        Err(error) => report.notes.push(format!("The endpoint table could not be made: {error}.")),
    }
    report.queries = tables.1;
    report.inputs = describe_inputs(&inputs, &standings);
    report.clocks = clocks;
    (report.verdict, report.rules) =
        policy::judge(&options.policy.settings, &report, asked(report.window, options));
    report.policy = Some(options.policy.clone());
    report.headline = headline(&report);
    Ok(report)
}

/// Requests by endpoint and statements by fingerprint, where the table library is built in.
type Tables = (Result<Vec<Endpoint>, String>, Vec<Query>);

#[cfg(feature = "tables")]
fn tables(events: &Events, found: &[Found], places: &Places<'_>) -> Tables {
    let mattering = found.iter().filter(|incident| !incident.isolated);
    let spans: Vec<(i64, i64)> = mattering.map(|incident| (incident.start_us, incident.end_us)).collect();
    let endpoints = crate::tables::endpoints(events, &spans).map_err(|error| error.to_string());
    (endpoints, crate::tables::queries(events, &spans, places))
}

#[cfg(not(feature = "tables"))]
fn tables(_events: &Events, _found: &[Found], _places: &Places<'_>) -> Tables {
    (Ok(Vec::new()), Vec::new())
}

fn empty_report() -> Report {
    Report {
        schema: "stormtrace.report/1",
        tool: Tool { name: "stormtrace", version: env!("CARGO_PKG_VERSION") },
        window: None,
        inputs: Vec::new(),
        coverage: BTreeMap::new(),
        clocks: Vec::new(),
        incidents: Vec::new(),
        endpoints: Vec::new(),
        queries: Vec::new(),
        findings: Vec::new(),
        timeline: timeline_empty(),
        totals: Totals::default(),
        worker_lives: WorkerLives::default(),
        extremes: Extremes::default(),
        verdict: Verdict::Unknown,
        policy: None,
        rules: Vec::new(),
        headline: String::new(),
        notes: Vec::new(),
    }
}

fn timeline_empty() -> crate::report::Timeline {
    crate::report::Timeline::default()
}

fn append(events: &mut Events, index: usize, mut part: Events, options: &Options) {
    // The first is what they say already.
    if index > 0 {
        part.set_input(u32::try_from(index).unwrap_or(u32::MAX));
    }
    if options.since_us.is_some() || options.until_us.is_some() {
        let (from, to) = (options.since_us.unwrap_or(i64::MIN), options.until_us.unwrap_or(i64::MAX));
        let inside = |us: i64| (from..=to).contains(&us);
        part.access.retain(|event| inside(event.end_us));
        part.served.retain(|event| inside(event.end_us));
        part.odoo.retain(|event| inside(event.us));
        part.nginx.retain(|event| inside(event.us));
        part.postgres.retain(|event| inside(event.us));
        part.snapshots.retain(|event| inside(event.us));
        part.host.retain(|event| inside(event.us));
        part.probes.retain(|event| inside(event.us));
        part.kernel.retain(|event| inside(event.us));
    }
    // The first finds nothing there: its events stay where they lie in memory, its texts keep their numbers.
    if index == 0 {
        *events = part;
    } else {
        events.append(part);
    }
}

/// Brings events into the order of time; at one instant in that of the parts of a rotated log, whatever their names, then of
/// their lines: the order of arguments does not matter.
fn sort(events: &mut Events, inputs: &[read::Input]) {
    let mut order: Vec<usize> = (0..inputs.len()).collect();
    order.sort_by_key(|index| (inputs.get(*index).and_then(|input| input.partial.span), *index));
    let mut ranks = vec![0; inputs.len()];
    for (rank, index) in order.into_iter().enumerate() {
        if let Some(place) = ranks.get_mut(index) {
            *place = rank;
        }
    }
    let rank = |input: u32| ranks.get(input as usize).copied().unwrap_or(usize::MAX);
    let Events { access, served, odoo, nginx, postgres, .. } = &mut *events;
    rayon::scope(|scope| {
        scope.spawn(|_| sort_neighbours(access, |event| (event.end_us, rank(event.input), event.line)));
        scope.spawn(|_| sort_neighbours(served, |event| (event.end_us, rank(event.input), event.line)));
        scope.spawn(|_| odoo.sort_by_key(|event| (event.us, rank(event.input), event.line)));
        scope.spawn(|_| nginx.sort_by_key(|event| (event.us, rank(event.input), event.line)));
        scope.spawn(|_| postgres.sort_by_key(|event| (event.us, rank(event.input), event.line)));
    });
    events.snapshots.sort_by_key(|event| (event.us, rank(event.input), event.line));
    events.host.sort_by_key(|event| (event.us, rank(event.input), event.line));
    interval::measure_steps(&mut events.host);
    events.probes.sort_by_key(|event| (event.us, rank(event.input), event.line));
    events.kernel.sort_by_key(|event| (event.us, rank(event.input), event.line));
    events.join_follow_ups();
}

/// The window a user asked for: what lies in it but in no log is not covered.
fn asked(window: Option<Window>, options: &Options) -> Option<Window> {
    let window = window?;
    Some(Window {
        from: options.since_us.map_or(window.from, Time),
        to: options.until_us.map_or(window.to, Time),
    })
}

/// First and last instant of the logs (not of metrics alone).
fn window(events: &Events) -> Option<(i64, i64)> {
    let ends = [
        (events.access.first().map(|event| event.end_us), events.access.last().map(|event| event.end_us)),
        (events.served.first().map(|event| event.end_us), events.served.last().map(|event| event.end_us)),
        (events.odoo.first().map(|event| event.us), events.odoo.last().map(|event| event.us)),
        (events.nginx.first().map(|event| event.us), events.nginx.last().map(|event| event.us)),
        (events.postgres.first().map(|event| event.us), events.postgres.last().map(|event| event.us)),
        (events.snapshots.first().map(|event| event.us), events.snapshots.last().map(|event| event.us)),
    ];
    let from = ends.iter().filter_map(|(first, _)| *first).min()?;
    let to = ends.iter().filter_map(|(_, last)| *last).max()?;
    Some((from, to))
}

/// When each source was listening. Error logs are silent while all is well, so theirs is the span of their files.
fn coverage(
    events: &Events,
    inputs: &[read::Input],
    options: &Options,
) -> BTreeMap<&'static str, Vec<(Time, Time)>> {
    let mut odoo = events.odoo.iter().map(|event| event.us).peekable();
    let mut served = events.served.iter().map(|event| event.end_us).peekable();
    let both = std::iter::from_fn(|| match (odoo.peek(), served.peek()) {
        (Some(us), Some(end_us)) if us > end_us => served.next(),
        (None, _) => served.next(),
        _ => odoo.next(),
    });
    let mut coverage = BTreeMap::from([
        ("odoo", heard(both)),
        ("nginx_access", heard(events.access.iter().map(|event| event.end_us))),
        ("pg_stat_activity", heard(events.snapshots.iter().map(|event| event.us))),
        ("host", heard(events.host.iter().map(|event| event.us))),
    ]);
    let (since, until) = (options.since_us.unwrap_or(i64::MIN), options.until_us.unwrap_or(i64::MAX));
    for source in [Source::NginxError, Source::PostgresLog] {
        let of_source = inputs.iter().filter(|input| input.source == Some(source));
        let mut spans: Vec<(i64, i64)> = of_source
            .filter_map(|input| input.partial.span)
            .map(|(from, to)| (from.max(since), to.min(until)))
            .filter(|(from, to)| from <= to)
            .collect();
        spans.sort_unstable();
        let mut joined: Vec<(Time, Time)> = Vec::new();
        for (from, to) in spans {
            match joined.last_mut() {
                Some(last) if from <= last.1.0 => last.1.0 = last.1.0.max(to),
                _ => joined.push((Time(from), Time(to))),
            }
        }
        coverage.insert(source_name(source), joined);
    }
    coverage
}

/// The spans without a long silence, given times in order.
fn heard(times: impl Iterator<Item = i64>) -> Vec<(Time, Time)> {
    let mut spans: Vec<(Time, Time)> = Vec::new();
    for us in times {
        match spans.last_mut() {
            Some((_, last)) if us - last.0 <= gaps::SILENCE_US => last.0 = us,
            _ => spans.push((Time(us), Time(us))),
        }
    }
    spans
}

fn totals(events: &Events, deaths: &[Death]) -> Totals {
    let mut totals = Totals::default();
    for access in &events.access {
        let count = u64::from(access.count);
        *totals.by_status.entry(access.status).or_insert(0) += count;
        match access.lane {
            Lane::Bus => *totals.bus_by_status.entry(access.status).or_insert(0) += count,
            _ => *totals.http_by_status.entry(access.status).or_insert(0) += count,
        }
    }
    if !events.access.is_empty() {
        totals.requests = Some(totals.by_status.values().sum());
        totals.bus_requests = Some(totals.bus_by_status.values().sum());
        totals.bus_failed = Some(totals.bus_by_status.range(500..600).map(|(_, count)| count).sum());
    }
    for death in deaths {
        *totals.kills_by_reason.entry(death.reason.name().to_owned()).or_insert(0) += 1;
        if death.reason.is_kill() {
            totals.kills += 1;
            totals.cron_kills += u64::from(extremes::is_cron(death, events));
            totals.kill_lines += death.lines;
        }
    }
    totals
}

fn describe_inputs(inputs: &[read::Input], standings: &[copies::Standing]) -> Vec<Input> {
    inputs
        .iter()
        .zip(standings)
        .map(|(input, standing)| {
            let partial = &input.partial;
            let ledger = &partial.ledger;
            Input {
                path: input.label.clone(),
                bytes: input.bytes,
                sha256: input.sha256.clone(),
                container: input.container.clone(),
                carrier: input.carrier.to_string(),
                format: input.format.clone(),
                source: match input.source {
                    Some(source) => source_name(source),
                    None if input.format == read::ARCHIVE => read::ARCHIVE,
                    None => "unrecognised",
                }
                .to_owned(),
                detection_score: (input.score * 1000.0).round() / 1000.0,
                zone: partial.zone.map(zone_name),
                first: partial.span.map(|span| Time(span.0)),
                last: partial.span.map(|span| Time(span.1)),
                lines: Lines {
                    total: ledger.total(),
                    parsed: ledger.parsed,
                    continuation: ledger.continuation,
                    skipped: ledger.skipped(),
                },
                skipped_by_reason: ledger
                    .skipped_by_reason
                    .iter()
                    .map(|(reason, lines)| (reason.to_string(), *lines))
                    .collect(),
                skipped_examples: skipped_examples(ledger),
                runner_up: input.runner_up.clone(),
                gaps: partial.presence.gaps().map(|gaps| {
                    gaps.into_iter().take(MOST_GAPS).map(|(from, to)| (Time(from), Time(to))).collect()
                }),
                duplicate_of: standing
                    .duplicate_of
                    .and_then(|other| inputs.get(other))
                    .map(|other| other.label.clone()),
                problems: input.problems.clone(),
            }
        })
        .collect()
}

/// In order of the file.
fn skipped_examples(ledger: &Ledger) -> Vec<SkippedLine> {
    let mut examples: Vec<SkippedLine> = ledger
        .examples
        .iter()
        .map(|(reason, example)| SkippedLine {
            line: example.line,
            reason: reason.to_string(),
            text: example.text.to_string(),
        })
        .collect();
    examples.sort_by(|a, b| (a.line, &a.reason).cmp(&(b.line, &b.reason)));
    examples
}

/// The name of a source in the report.
#[must_use]
pub fn source_name(source: Source) -> &'static str {
    match source {
        Source::Odoo => "odoo",
        Source::NginxAccess => "nginx_access",
        Source::NginxError => "nginx_error",
        Source::PostgresLog => "postgres_log",
        Source::PgBouncer => "pgbouncer",
        Source::PgStatActivity => "pg_stat_activity",
        Source::Host => "host",
        Source::Probe => "probe",
        Source::Configuration => "configuration",
    }
}

fn zone_name(zone: Zone) -> String {
    match zone {
        Zone::Utc | Zone::Offset(0) => "UTC".to_owned(),
        Zone::Offset(offset) => {
            let sign = if offset < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", offset.abs() / 3600, offset.abs() / 60 % 60)
        }
        Zone::Local => "local, aligned".to_owned(),
        Zone::LocalWithoutYear => "local without year, aligned".to_owned(),
        Zone::LocalWithoutDate => "local without date, aligned".to_owned(),
    }
}

/// What workers did, and what their kills cut short.
struct Work<'a> {
    services: &'a Services,
    chains: &'a link::Chains,
}

fn explain(
    number: usize,
    found: &Found,
    all: &[Found],
    picture: &Picture<'_>,
    work: &Work<'_>,
    places: &Places<'_>,
    options: &Options,
) -> Incident {
    let own = worker_time::work::services(work.services, picture, found.start_us, found.end_us);
    let scene = queue::Scene { incident: found, picture, services: &own, places };
    let single = !picture.events.is_thinned(found.start_us, found.end_us);
    let cost = || {
        let impact = impact::measure(&scene);
        let worker_time = (single && !found.isolated)
            .then(|| worker_time::measure(&scene, &impact.saturation, work.chains))
            .flatten();
        (impact, worker_time)
    };
    let reason = || {
        let later = all.get(number + 1).filter(|next| next.kind == found.kind && !next.isolated);
        let links = link::find(found, picture, work.chains, places);
        let hold_us = options.hold_us.unwrap_or(recovery::HOLD_US);
        let actions = action::find(picture, places, found.start_us, found.end_us.saturating_add(hold_us));
        Reasoned {
            chains: link::chains::count(&links),
            diagnosis: cause::diagnose(&measures::measure(found, picture, places, &links)),
            links,
            correlations: correlate::correlate(
                found,
                picture.events,
                picture.deaths,
                picture.facts,
                picture.window,
            ),
            recovery: recovery::judge(found, picture, later.map(|next| next.start_us), &actions, hold_us),
            actions,
        }
    };
    // A lone failure is noted; there is too little of it to reason about.
    let ((mut impact, worker_time), reasoned) =
        rayon::join(cost, || if found.isolated { Reasoned::default() } else { reason() });
    impact.saturation.blocked_worker_s = worker_time.as_ref().map(|time| time.busy_worker_s);
    let Reasoned { links, chains, diagnosis, correlations, actions, recovery } = reasoned;
    let mut incident = Incident {
        id: format!("incident-{}", number + 1),
        kind: found.kind,
        isolated: found.isolated,
        start: Time(found.start_us),
        end: Time(found.end_us),
        ongoing_at_end: picture.window.1 - found.end_us < 30_000_000,
        severity: severity(found, &impact),
        summary: String::new(),
        detection: found.reasons.clone(),
        impact,
        worker_time,
        diagnosis,
        links,
        chains,
        correlations,
        actions,
        recovery,
    };
    incident.summary = summary(found, &incident.impact, &incident.diagnosis);
    incident
}

/// What is concluded of an incident beside what it cost.
#[derive(Default)]
struct Reasoned {
    links: Vec<Link>,
    chains: Vec<Chain>,
    diagnosis: Diagnosis,
    correlations: Vec<Correlation>,
    actions: Vec<Action>,
    recovery: Recovery,
}

/// What the queue of an incident could not tell.
fn saturation_notes(incident: &Incident) -> Vec<String> {
    let saturation = &incident.impact.saturation;
    let lost = saturation.lost.iter().filter(|_| !incident.isolated);
    let lost = lost.map(|what| format!("{}: {what}", incident.id));
    lost.chain(queue::mismatch_note(&incident.id, saturation)).collect()
}

fn severity(found: &Found, impact: &Impact) -> Severity {
    let ratio = impact.requests.failed_ratio.unwrap_or(0.0);
    match found.kind {
        _ if found.isolated => Severity::Info,
        Kind::ServiceRestart if found.end_us - found.start_us > 60_000_000 => Severity::Minor,
        Kind::ServiceRestart => Severity::Info,
        Kind::LatencyDegradation => Severity::Minor,
        _ if ratio >= 0.2 || impact.kills.total >= 10 => Severity::Critical,
        _ => Severity::Major,
    }
}

/// Words for a kind of incident.
fn kind_words(kind: Kind) -> &'static str {
    match kind {
        Kind::WorkerTimeoutStorm => "worker-timeout storm",
        Kind::HttpErrorBurst => "burst of HTTP errors",
        Kind::BusOutage => "bus outage",
        Kind::ServiceOutage => "service outage",
        Kind::ServiceRestart => "service restart",
        Kind::LatencyDegradation => "slow-down",
    }
}

/// `1 worker`, `2 workers`, with thousands set apart.
fn number(count: u64, one: &str, many: &str) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let noun = if count == 1 { one } else { many };
    if noun.is_empty() { text } else { format!("{text} {noun}") }
}

/// What it cost and why, in one or two sentences.
fn summary(found: &Found, impact: &Impact, diagnosis: &Diagnosis) -> String {
    let mut parts = Vec::new();
    if impact.kills.total > 0 {
        parts.push(format!("{} killed", number(impact.kills.total, "worker", "workers")));
    }
    let requests = &impact.requests;
    let failed: Vec<String> = [
        (502, requests.http_502),
        (504, requests.http_504),
        (503, requests.http_503),
        (500, requests.http_500),
    ]
    .into_iter()
    .filter_map(|(status, count)| {
        Some(format!("{} × {status}", number(count.filter(|count| *count > 0)?, "", "")))
    })
    .collect();
    if let (Some(total), false) = (requests.total, failed.is_empty()) {
        parts.push(format!("{} in {}", failed.join(", "), number(total, "request", "requests")));
    }
    if let (Some(failed), Some(total)) = (impact.bus.failed, impact.bus.requests)
        && failed > 0
    {
        parts.push(format!(
            "{} of {} failed",
            number(failed, "", ""),
            number(total, "bus request", "bus requests")
        ));
    }
    let what = if parts.is_empty() { "no request failed".to_owned() } else { parts.join("; ") };
    if found.isolated {
        return format!("Too few failures for an incident: {what}.");
    }
    let why = diagnosis.causes.first().filter(|_| diagnosis.trigger.is_some()).map_or_else(
        || "The cause cannot be told from what was captured.".to_owned(),
        |cause| match diagnosis.verdict {
            Certainty::Established => cause.summary.clone(),
            _ => format!("Probably: {}", cause.summary),
        },
    );
    let mut sentence = what.chars();
    let what: String = sentence.next().into_iter().flat_map(char::to_uppercase).chain(sentence).collect();
    format!("{what}. {why}")
}

fn headline(report: &Report) -> String {
    let mattering = || report.incidents.iter().filter(|incident| !incident.isolated);
    let worst = mattering().max_by_key(|incident| (incident.severity, std::cmp::Reverse(incident.start)));
    let Some(incident) = worst else {
        let isolated = match report.incidents.len() {
            0 => "",
            _ => " Isolated failures are listed below.",
        };
        return match report.totals.requests {
            Some(requests) => format!("No incident found in {requests} requests.{isolated}"),
            None => {
                "No incident found; without an access log failures seen by users cannot be told.".to_owned()
            }
        };
    };
    let held = match incident.recovery.verdict {
        "recovered" => format!("Recovery held for {:.0} minutes.", incident.recovery.required_s / 60.0),
        "relapsed" => "It came back.".to_owned(),
        "not_recovered" => "It had not recovered.".to_owned(),
        _ => "Whether recovery held cannot be told.".to_owned(),
    };
    let others = mattering().count() - 1;
    let more = if others == 0 { String::new() } else { format!(" {others} more below.") };
    let kind = kind_words(incident.kind);
    format!(
        "{} {kind} from {} to {} UTC. {} {held}{more}",
        if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "An" } else { "A" },
        incident.start.format("%Y-%m-%d %H:%M:%S"),
        incident.end.format("%H:%M:%S"),
        incident.summary
    )
}
