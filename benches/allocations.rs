//! How often memory is asked for: on the way from a block to its records, and from the records to the summary.
//!
//! A record that is read allocates nothing; what allocates anyway is listed below with its bound, so that it cannot grow
//! unseen and a new format is held to nothing. `cargo bench --bench allocations`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that meets the unexpected shall fail"
)]

use std::hint::black_box;

use allocation_counter::measure;
use stormtrace_analysis::fold::Partial;
use stormtrace_logs::block::{Block, records};
use stormtrace_logs::detect::detect;
use stormtrace_logs::format::{ALL, Context, Memory};
use stormtrace_logs::ledger::Ledger;

mod support;

use support::{Material, blocks, lines, recipe};

const INPUT_BYTES: usize = 2 << 20;
/// What counts as nothing: a block has some allocations of its own, and so have the tables that grow.
const NOTHING: [f64; 2] = [0.01, 0.02];

/// Lines of the common case: nearly all that a large log consists of.
const COMMON: &[(&str, &str, &str)] = &[
    (
        "nginx access, timed",
        "access_timed.log",
        r#"10.0.98.197 - - [23/Nov/2026:00:00:00 +0000] "POST /web/dataset/call_kw/crm.lead/name_search HTTP/1.1" 200 52078 "https://erp.example.com/web" "python-requests/2.32.3" rt=0.472 uct="0.000" uht="0.472" urt="0.472" ua="127.0.0.1:8069" us="200" rid=75f22e74c7e4e2fb23825913b0aa98ff"#,
    ),
    (
        "nginx access, combined",
        "access.log",
        r#"10.0.98.197 - - [23/Nov/2026:00:00:00 +0000] "POST /web/dataset/call_kw/crm.lead/name_search HTTP/1.1" 200 52078 "https://erp.example.com/web" "python-requests/2.32.3""#,
    ),
    (
        "Odoo, werkzeug",
        "odoo.log",
        r#"2026-11-23 00:00:00,164 12005 INFO prod werkzeug: 10.0.213.50 - - [23/Nov/2026 00:00:00] "POST /web/dataset/call_kw/res.partner/write HTTP/1.0" 200 - 60 0.007 0.010"#,
    ),
    (
        "PostgreSQL, duration",
        "postgresql.log",
        r#"2026-11-23 00:00:00.873 UTC [13038] odoo@prod LOG:  duration: 12.273 ms  statement: SELECT "id", "name" FROM "stock_picking" WHERE "company_id" = 1 AND id IN (19763, 7070, 94076)"#,
    ),
];

/// Allocations a record, on reading and on folding, that are known: they must not become more.
const KNOWN: &[(&str, &str, f64, f64)] = &[
    ("nginx.conf", "nginx.conf", 0.7, 0.16),
    ("odoo.conf", "odoo.conf", 2.5, 1.67),
    ("postgresql-configuration", "postgresql.conf", 2.5, 1.67),
    ("odoo-ir-logging", "ir_logging.csv", 4.0, 0.0),
    ("postgres-csvlog", "postgresql-2026-11-23.csv", 1.5, 0.0),
    ("postgres-jsonlog", "postgresql.json", 0.5, 0.0),
    ("postgres-jsonlog", "pg-1.log", 0.5, 0.0),
    ("postgres-stderr", "cloudsql.json", 0.5, 0.0),
    ("postgres-stderr", "heroku.log", 1.5, 0.0),
    ("pg-stat-activity", "pg_stat_activity.csv", 2.5, 1.0),
    ("pg-stat-activity", "pg_counts.txt", 11.0, 0.0),
    ("pg-stat-activity", "activity.txt", 31.0, 1.0),
    ("pg-stat-activity", "activity-x.txt", 14.0, 1.0),
    ("pg-stat-activity", "activity-mixed.txt", 18.0, 1.0),
    ("pg-stat-activity", "activity.json", 21.0, 1.0),
    ("pg-stat-statements", "pg_stat_statements.csv", 2.0, 0.0),
    ("postgres-settings", "pg_timeouts.txt", 0.16, 0.08),
    ("vmstat", "vmstat.txt", 5.5, 0.0),
    ("sar", "sar.txt", 2.33, 0.22),
    ("sar", "mpstat.txt", 2.33, 0.22),
    ("sadf-d", "sadf-d.csv", 5.67, 0.0),
    ("sadf-x", "sadf-x.xml", 46.49, 0.0),
    ("sysstat-json", "sadf-j.json", 23.5, 0.0),
    ("sysstat-json", "iostat.json", 10.0, 0.0),
    ("iostat", "iostat.txt", 3.0, 0.15),
    ("prometheus", "metrics.prom", 5.0, 0.0),
    ("prometheus-query", "query_range.json", 30.0, 0.0),
    ("host-snapshot", "host.txt", 1.5, 0.0),
    ("host-snapshot", "sockets.txt", 0.4, 0.0),
    ("host-snapshot", "containers.txt", 2.0, 0.0),
    ("host-snapshot", "top.txt", 2.38, 0.0),
];

/// What was counted for each record.
struct Cost {
    records: u64,
    reading: f64,
    folding: f64,
}

fn cost(text: &str, file: &str) -> Cost {
    let detected = detect(text.as_bytes(), file, &Context::default()).unwrap();
    let recipe = recipe(&detected);
    let material = Material::of(text, recipe);
    let input = material.times(material.copies_in(INPUT_BYTES));
    let blocks = blocks(&input, recipe);
    let mut memory = Memory::default();
    let mut walk = |blocks: &[Block], partial: &mut Option<Partial>| {
        let (mut ledger, mut count) = (Ledger::default(), 0u64);
        for block in blocks {
            records(block, recipe, &mut memory, &mut ledger, &mut |item| {
                count += 1;
                match partial {
                    Some(partial) => partial.add(item),
                    None => drop(black_box(item)),
                }
            });
        }
        count
    };
    // Once before: what is remembered from record to record is there afterwards.
    let count = walk(&blocks, &mut None);
    let mut partial = Some(Partial::default());
    let reading = measure(|| assert_eq!(walk(&blocks, &mut None), count)).count_total;
    let both = measure(|| assert_eq!(walk(&blocks, &mut partial), count)).count_total;
    // A file that is one record is counted by its lines.
    let records = if count == 1 { lines(&input) } else { count };
    let per_record = |allocations: u64| allocations as f64 / records as f64;
    Cost { records, reading: per_record(reading), folding: per_record(both.saturating_sub(reading)) }
}

fn main() {
    let mut over = Vec::new();
    println!("| lines | file | records | allocations a record, reading | folding |");
    println!("|---|---|---|---|---|");
    let examples = ALL.iter().flat_map(|definition| {
        definition.examples.iter().map(|example| (definition.name, example.file, example.text))
    });
    for (name, file, text) in COMMON.iter().copied().chain(examples) {
        let Cost { records, reading, folding } = cost(text, file);
        println!("| {name} | {file} | {records} | {reading:.3} | {folding:.3} |");
        let known = KNOWN.iter().find(|known| (known.0, known.1) == (name, file));
        let (most_reading, most_folding) = known.map_or((0.0, 0.0), |known| (known.2, known.3));
        let [nothing_reading, nothing_folding] = NOTHING;
        for (what, seen, most) in [
            ("reading", reading, most_reading + nothing_reading),
            ("folding", folding, most_folding + nothing_folding),
        ] {
            if seen > most {
                over.push(format!(
                    "{name}, {file}: {what} allocates {seen:.3} times a record, not {most} at most"
                ));
            }
        }
    }
    assert!(over.is_empty(), "\n{}", over.join("\n"));
}
