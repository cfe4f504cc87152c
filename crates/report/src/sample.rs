//! A made-up report for the tests: plain, or with hostile text in every field that can come from logs.

use std::collections::BTreeMap;

use stormtrace_analysis::policy::Policy;
use stormtrace_analysis::report::*;

/// What someone may send as a request target, an application name or a file name.
pub const PAYLOAD: &str = "\x1b]8;;http://evil.example\x07here\x1b]8;;\x07 \x1b[2J \u{9b}31m \u{202e}gnp\u{2066}\u{200b}\u{feff}\u{7f}\u{0} </script><script>alert(1)</script> \"onmouseover='x' `tick` ```fence | bar ![img](http://evil.example) <img src=x> &lt;\r\n# head\n- [ ] x";

const START: i64 = 1_795_458_600_000_000;

pub fn at(seconds: i64) -> Time {
    Time(START + seconds * 1_000_000)
}

/// The report, with `text` applied to every free string.
pub fn sample(text: &dyn Fn(&str) -> String) -> Report {
    let reference =
        |path: &str, line: u64, seconds: i64| Reference { path: text(path), line, time: Some(at(seconds)) };
    let strings = |values: &[&str]| values.iter().map(|value| text(value)).collect::<Vec<_>>();
    let counts = |values: &[(&str, u64)]| {
        values.iter().map(|(name, value)| (text(name), *value)).collect::<BTreeMap<_, _>>()
    };
    let evidence = |status, statement: &str, weight_db, refs| Evidence {
        status,
        statement: text(statement),
        weight_db,
        family: "locks",
        refs,
    };
    let input = |path: &str, format: &str, source: &str, carrier: &str, total: u64, skipped: u64| Input {
        path: text(path),
        bytes: total * 113,
        sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
        container: if path.ends_with(".gz") { "gzip".to_owned() } else { "plain".to_owned() },
        carrier: carrier.to_owned(),
        format: format.to_owned(),
        source: source.to_owned(),
        detection_score: 0.98,
        zone: if format == "unrecognised" { None } else { Some("UTC".to_owned()) },
        first: if format == "unrecognised" { None } else { Some(at(-600)) },
        last: if format == "unrecognised" { None } else { Some(at(2400)) },
        lines: Lines { total, parsed: total - skipped - 10, continuation: 10, skipped },
        skipped_by_reason: if skipped > 0 { counts(&[("no_header", skipped)]) } else { BTreeMap::new() },
        skipped_examples: if skipped > 0 {
            let line = text("Fri Jan 01 password=hunter2");
            vec![SkippedLine { line: 17, reason: text("no_header"), text: line }]
        } else {
            Vec::new()
        },
        runner_up: (skipped > 0).then(|| RunnerUp {
            format: text("pgbouncer"),
            carrier: text("plain"),
            score: 0.41,
        }),
        gaps: (skipped > 0).then(|| vec![(at(-500), at(-100))]),
        duplicate_of: None,
        problems: Vec::new(),
    };
    let mut copy = input("journal_odoo.log.gz", "odoo", "odoo", "journald_short", 2210, 0);
    copy.duplicate_of = Some(text("odoo.log"));
    let mut damaged = input("postgres.log.gz", "postgres_stderr", "postgres_log", "plain", 812, 3);
    damaged.problems = strings(&["the gzip stream ends early after 91,402 bytes"]);

    let request = |seconds: i64, status: u16| LinkRequest {
        end: at(seconds),
        method: text("POST"),
        path: text("/web/dataset/call_kw/sale.order/action_confirm?csrf_token=hunter2"),
        status,
        reference: reference("access.log", 1204, seconds),
    };
    let links: Vec<_> = (0..13)
        .map(|number| Link {
            kill: LinkKill {
                time: at(125 + number * 20),
                pid: 4100 + number as u32,
                class: text("http"),
                reference: reference("odoo.log", 880 + number as u64, 125 + number * 20),
            },
            request: if number % 4 == 3 { None } else { Some(request(125 + number * 20, 502)) },
            candidates: if number % 4 == 3 { vec![request(1, 502), request(2, 504)] } else { Vec::new() },
            backend: Some(LinkBackend {
                pid: 8801 + number as u32,
                query: Some(text("UPDATE sale_order SET state = $1 WHERE id = $2")),
                reference: reference("pg_stat_activity.csv", 40, 120),
            }),
            root_blocker: Some(LinkBlocker {
                pid: 8790,
                application_name: Some(text("psql")),
                state: Some(text("idle in transaction")),
                reference: reference("pg_stat_activity.csv", 38, 120),
            }),
            confidence: if number % 4 == 3 { "set" } else { "exact" },
            reasons: strings(&["the only request that ended with the kill"]),
        })
        .collect();

    let worker_time_row = |name: &str, worker_s: f64, share_of_capacity: Option<f64>| WorkerTimeRow {
        name: text(name),
        worker_s,
        share_of_capacity,
        count: 12,
        reference: Some(reference("odoo.log", 640, 90)),
    };
    let incident = Incident {
        id: text("incident-1"),
        kind: Kind::WorkerTimeoutStorm,
        isolated: false,
        start: at(0),
        end: at(1247),
        ongoing_at_end: false,
        severity: Severity::Critical,
        summary: text(
            "13 workers were killed at the real-time limit of 120 s while one idle session held a lock on sale_order; 412 of 631 requests failed.",
        ),
        detection: strings(&[
            "13 distinct kills within 5 minutes; 0 in the hour before (Poisson p < 0.0001)",
            "65 % of http requests failed from 18:32 on; 0.2 % before",
        ]),
        impact: Impact {
            kills: Kills {
                total: 13,
                by_reason: counts(&[("real_time", 13), ("max_requests", 2)]),
                by_class: counts(&[("http", 12), ("cron", 1)]),
                lines: 26,
                first: Some(reference("odoo.log", 880, 125)),
                last: Some(reference("odoo.log", 1412, 1247)),
            },
            requests: Requests {
                total: Some(17),
                http_499: Some(4),
                http_500: Some(0),
                http_502: Some(9),
                http_503: Some(0),
                http_504: Some(2),
                failed_ratio: Some(11.0 / 17.0),
                failed_ratio_ci95: Some([0.413, 0.827]),
                p95_ms: Some(120_412.0),
                baseline_p95_ms: Some(412.0),
            },
            bus: Bus { requests: Some(240), failed: Some(34), reconnects: Some(12) },
            postgres: Postgres {
                max_active_over_30s: Some(11),
                max_query_age_s: Some(812.4),
                max_idle_in_transaction: Some(1),
                lock_waits: Some(57),
                deadlocks: None,
            },
            saturation: Saturation {
                workers: Some(6),
                peak_in_flight: Some(41),
                saturated_s: Some(1102.0),
                queue_peak: Some(35),
                blocked_worker_s: Some(6612.0),
                saturated: Some(true),
                signs: vec![Statement {
                    statement: text("all 6 workers busy for 1102 s at a stretch from 18:31:20 UTC"),
                    refs: vec![reference("access.log", 77, 15)],
                }],
                queue_wait_p95_s: Some(61.5),
                queue_wait_max_s: Some(118.0),
                ghost_requests: Some(7),
                ghost_worker_s: Some(41.0),
                order: Ordering {
                    answer: "before",
                    reason: text("latency rose, and the processors were never saturated"),
                    ..Ordering::default()
                },
                ..Saturation::default()
            },
        },
        worker_time: Some(WorkerTime {
            capacity_worker_s: Some(7482.0),
            busy_worker_s: 6612.0,
            divisions: vec![
                Division {
                    by: "activity",
                    rows: vec![worker_time_row("waiting for locks", 6000.0, Some(0.8))],
                    others_worker_s: 0.0,
                    unattributed_worker_s: Some(612.0),
                },
                Division {
                    by: "endpoint",
                    rows: vec![worker_time_row(
                        "POST /web/dataset/call_kw/sale.order/action_confirm",
                        5000.0,
                        Some(0.67),
                    )],
                    others_worker_s: 100.0,
                    unattributed_worker_s: Some(1512.0),
                },
                Division {
                    by: "cron_job",
                    rows: vec![worker_time_row("Mail: Email Queue Manager", 3.0, None)],
                    others_worker_s: 0.0,
                    unattributed_worker_s: None,
                },
            ],
        }),
        diagnosis: Diagnosis {
            verdict: Certainty::Established,
            trigger: Some("lock_holder_idle_in_transaction"),
            causes: vec![
                Cause {
                    cause: "lock_holder_idle_in_transaction",
                    role: Role::Trigger,
                    evidenced: true,
                    explained_by: None,
                    weight_db: 31.0,
                    summary: text(
                        "Backend 8790 (psql) left a transaction open for 20 min 47 s and held row locks on sale_order.",
                    ),
                    evidence: vec![
                        evidence(
                            EvidenceStatus::Present,
                            "Every blocked backend waits, directly or through others, for pid 8790",
                            18.0,
                            vec![
                                reference("pg_stat_activity.csv", 38, 120),
                                reference("pg_stat_activity.csv", 91, 180),
                            ],
                        ),
                        evidence(
                            EvidenceStatus::Present,
                            "57 `still waiting` records name the same holder",
                            9.0,
                            vec![reference("postgres.log.gz", 210, 61)],
                        ),
                        evidence(
                            EvidenceStatus::Absent,
                            "No statement of pid 8790 was running at the time",
                            4.0,
                            vec![],
                        ),
                        evidence(
                            EvidenceStatus::Unknown,
                            "Whether the host was short of CPU: no host samples cover it",
                            0.0,
                            vec![],
                        ),
                    ],
                    culprit: Some(Culprit {
                        pid: Some(8790),
                        application_name: Some(text("psql")),
                        state: Some(text("idle in transaction")),
                        query: Some(text("ALTER ROLE reporting PASSWORD 'hunter2'")),
                        age_s: Some(1247.0),
                        name: None,
                        reference: Some(reference("pg_stat_activity.csv", 38, 120)),
                    }),
                    next_step: text(
                        "Cancel, then terminate backend 8790 only; set idle_in_transaction_session_timeout for that role.",
                    ),
                },
                Cause {
                    cause: "slow_queries",
                    role: Role::Symptom,
                    evidenced: false,
                    explained_by: None,
                    weight_db: -6.0,
                    summary: text("Statements were slow because they waited."),
                    evidence: vec![evidence(
                        EvidenceStatus::Contradicted,
                        "97 % of their time was lock wait",
                        -6.0,
                        vec![reference("postgres.log.gz", 214, 90)],
                    )],
                    culprit: None,
                    next_step: String::new(),
                },
            ],
            missing: strings(&["host samples (sar or vmstat) for 18:30–18:52"]),
        },
        chains: stormtrace_analysis::link::chains::count(&links),
        links,
        correlations: vec![Correlation {
            leader: "lock_waits",
            follower: "kills",
            lag_s: 120.3,
            coincidence: 0.92,
            p_value: 0.0012,
        }],
        actions: vec![
            Action {
                time: at(610),
                kind: "odoo_restart",
                detail: text("SIGTERM, 6 workers respawned"),
                reference: reference("odoo.log", 1100, 610),
                effect: text("kills resumed after 131 s: the lock was still held"),
            },
            Action {
                time: at(1238),
                kind: "pg_terminate_backend",
                detail: text("SELECT pg_terminate_backend(8790)"),
                reference: reference("postgres.log.gz", 700, 1238),
                effect: text("the last failure came 9 s later"),
            },
        ],
        recovery: Recovery {
            verdict: "recovered",
            recovered_at: Some(at(1260)),
            held_s: Some(1140.0),
            required_s: 900.0,
            improving_since: None,
            note: String::new(),
            criteria: vec![
                Criterion {
                    id: "worker_kills",
                    status: "pass",
                    since: Some(at(1247)),
                    value: Some(0.0),
                    limit: Some(0.0),
                    detail: text("no kill since 18:50:47"),
                },
                Criterion {
                    id: "http_502_504",
                    status: "fail",
                    since: Some(at(1260)),
                    value: Some(0.023),
                    limit: Some(0.02),
                    detail: text("2.3 % of requests still fail"),
                },
                Criterion {
                    id: "host_calm",
                    status: "unknown",
                    since: None,
                    value: None,
                    limit: None,
                    detail: text("no host samples"),
                },
            ],
        },
    };

    let mut lone = incident.clone();
    lone.id = text("incident-2");
    lone.kind = Kind::HttpErrorBurst;
    lone.isolated = true;
    lone.severity = Severity::Info;
    (lone.start, lone.end) = (at(1700), at(1721));
    lone.summary = text("Too few failures for an incident: 1 worker killed; 1 × 504 in 31 requests.");
    lone.detection = strings(&["worker kills 1, gateway errors 1: too few for an incident"]);
    lone.impact.kills = Kills {
        total: 1,
        first: Some(reference("odoo.log", 1503, 1721)),
        last: Some(reference("odoo.log", 1503, 1721)),
        ..Kills::default()
    };
    lone.diagnosis = Diagnosis::default();
    lone.recovery = Recovery::default();
    lone.worker_time = None;
    lone.links.clear();
    lone.chains.clear();
    lone.correlations.clear();
    lone.actions.clear();

    let buckets = 300usize;
    let series = |from: usize, to: usize, peak: u32| {
        (0..buckets)
            .map(|bucket| if (from..to).contains(&bucket) { (bucket as u32 * 7 + 3) % (peak + 1) } else { 0 })
            .collect::<Vec<u32>>()
    };
    Report {
        schema: "stormtrace.report/1",
        tool: Tool { name: "stormtrace", version: "0.1.0" },
        window: Some(Window { from: at(-600), to: at(2400) }),
        inputs: vec![
            input("odoo.log", "odoo", "odoo", "plain", 2210, 2),
            copy,
            input("access.log", "nginx_access", "nginx_access", "plain", 1604, 0),
            damaged,
            input("pg_stat_activity.csv", "pg_stat_activity", "pg_stat_activity", "plain", 420, 0),
            input("core.bin", "unrecognised", "unrecognised", "plain", 55, 45),
        ],
        coverage: BTreeMap::from([
            ("odoo", vec![(at(-600), at(2400))]),
            ("nginx_access", vec![(at(-600), at(2100))]),
            ("postgres_log", vec![(at(-600), at(1500))]),
            ("pg_stat_activity", vec![(at(-600), at(1800))]),
        ]),
        clocks: vec![Clock {
            source: text("postgres_log"),
            offset_s: Some(0.004),
            uncertainty_s: Some(0.02),
            zone_s: Some(7200),
            basis: text("57 lock waits against statement times"),
            pairs: 57,
        }],
        incidents: vec![incident, lone],
        endpoints: vec![
            Endpoint {
                method: text("POST"),
                route: text("/web/dataset/call_kw/sale.order/action_confirm"),
                lane: "http",
                count: 312,
                p50_ms: Some(420.0),
                p95_ms: Some(118_000.0),
                p99_ms: Some(120_400.0),
                max_ms: Some(121_000.0),
                failed: 9,
                incident_count: 8,
                incident_failed: 2,
                incident_p95_ms: Some(119_000.0),
                baseline_p95_ms: Some(431.0),
                share_of_busy_time: Some(0.71),
            },
            Endpoint {
                method: text("GET"),
                route: text("/web/image/<id>"),
                lane: "http",
                count: 902,
                p50_ms: Some(12.0),
                p95_ms: Some(44.0),
                p99_ms: None,
                max_ms: None,
                failed: 2,
                incident_count: 8,
                incident_failed: 2,
                incident_p95_ms: Some(119_000.0),
                baseline_p95_ms: Some(431.0),
                share_of_busy_time: None,
            },
        ],
        queries: vec![Query {
            fingerprint: text("UPDATE sale_order SET state = $1 WHERE id = $2"),
            calls: 58,
            total_s: 5402.0,
            max_s: 812.4,
            incident_total_s: 5300.0,
            waits: Some(57),
            lock_wait_s: Some(5204.0),
            example_ref: Some(reference("postgres.log.gz", 214, 90)),
        }],
        findings: vec![Finding {
            id: "idle_in_transaction_timeout_unset",
            severity: Severity::Major,
            title: text("Sessions may stay idle in a transaction for ever"),
            detail: text(
                "idle_in_transaction_session_timeout is 0; the holder of this incident stayed 20 min 47 s.",
            ),
            refs: vec![reference("postgresql.conf", 12, 0)],
            fix: text(
                "ALTER ROLE reporting PASSWORD 'hunter2'\n  SET idle_in_transaction_session_timeout = '60s';",
            ),
        }],
        timeline: Timeline {
            from: Some(at(-600)),
            bucket_s: 10,
            buckets,
            kills: series(72, 184, 1)
                .into_iter()
                .enumerate()
                .map(|(at, value)| if at % 8 == 0 { value } else { 0 })
                .collect(),
            requests: series(0, buckets, 9),
            http_502: series(75, 185, 5),
            http_504: series(80, 180, 2),
            http_500: series(100, 104, 1),
            bus_failed: series(120, 130, 6),
            in_flight: (0..buckets)
                .map(|bucket| {
                    if bucket > 270 {
                        None
                    } else {
                        Some(if (60..184).contains(&bucket) {
                            41.min(bucket as u32 - 55)
                        } else {
                            2 + bucket as u32 % 3
                        })
                    }
                })
                .collect(),
            oldest_query_s: (0..buckets)
                .map(|bucket| {
                    if bucket % 3 == 0 && bucket < 240 {
                        Some(if (60..185).contains(&bucket) { (bucket - 59) as f64 * 10.0 } else { 0.4 })
                    } else {
                        None
                    }
                })
                .collect(),
            idle_in_transaction: vec![None; buckets],
            cpu_busy_percent: vec![None; buckets],
        },
        totals: Totals {
            requests: Some(1604),
            by_status: BTreeMap::from([(200, 1500), (502, 90), (504, 14)]),
            kills: 13,
            kills_by_reason: counts(&[("real_time", 13), ("max_requests", 2)]),
            kill_lines: 26,
            ..Totals::default()
        },
        worker_lives: WorkerLives {
            roles: vec![
                RoleLives {
                    role: "http",
                    lives: 19,
                    ended: BTreeMap::from([("real_time", 13), ("max_requests", 2)]),
                    open: 4,
                    median_length_s: Some(412.0),
                    requests: 1402,
                    ..RoleLives::default()
                },
                RoleLives { role: "evented", lives: 1, open: 1, ..RoleLives::default() },
            ],
            ..WorkerLives::default()
        },
        extremes: Extremes::default(),
        verdict: Verdict::Fail,
        policy: Some(PolicyInForce { name: text("policy.toml"), settings: Policy::built_in() }),
        rules: rules(text),
        headline: text(
            "Worker timeout storm from 18:30:00 to 18:50:47 UTC. 13 workers killed, 65 % of requests failed, because a psql session held a lock; recovered and held for 19 minutes.",
        ),
        notes: strings(&["CPU pressure cannot be judged: no host samples cover the incident."]),
    }
}

/// A rule of each status.
fn rules(text: &dyn Fn(&str) -> String) -> Vec<Rule> {
    let rule = |id: &str, status, value, limit: f64, unit, statement: &str| Rule {
        id: id.to_owned(),
        title: text(id),
        status,
        counts_as: status,
        value,
        limit: Some(Value::Number(limit)),
        bound: Bound::AtMost,
        unit,
        statement: text(statement),
        refs: vec![Reference { path: text("odoo.log"), line: 1503, time: None }],
    };
    let count = |value: f64| Some(Value::Number(value));
    vec![
        rule(
            "kills",
            Verdict::Fail,
            count(13.0),
            2.0,
            Unit::Count,
            "workers killed: 13; password = hunter2.",
        ),
        rule("http_500", Verdict::Pass, count(0.0), 10.0, Unit::Count, "answers 500: 0."),
        rule(
            "oldest_query_s",
            Verdict::Unknown,
            None,
            120.0,
            Unit::Seconds,
            "oldest query: not known; no snapshots.",
        ),
        rule(
            "failed_ratio",
            Verdict::Warn,
            count(0.02),
            0.01,
            Unit::Ratio,
            "requests failed: 2 % [[ATTACHMENT|/etc/passwd]].",
        ),
    ]
}

/// The same without incident and with nothing known.
pub fn empty() -> Report {
    let mut report = sample(&|text| text.to_owned());
    report.incidents.clear();
    report.endpoints.clear();
    report.queries.clear();
    report.findings.clear();
    report.timeline = Timeline::default();
    report.totals = Totals::default();
    report.coverage.clear();
    report.window = None;
    report.verdict = Verdict::Unknown;
    report.headline = "Nothing can be said: no log covers any time.".to_owned();
    report
}

/// Hostile text behind every string.
pub fn hostile() -> Report {
    sample(&|text| format!("{text}{PAYLOAD}"))
}
