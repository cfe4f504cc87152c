//! Snapshots of `pg_stat_activity` taken by psql in a loop (formats.md section 6.6).
//!
//! Two families: blocks under a line with a time (aligned, unaligned or expanded tables, bare numbers, CSV), and CSV
//! with one session a row and the time in a column. A table holds either sessions or counts.

use std::borrow::Cow;

use memchr::memmem;

use super::interval::{decimal_us, interval_us};
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{ActivityCounts, ActivityRow, ActivitySnapshot, Record};
use crate::timestamp::{
    SECOND_US, Stamp, Zone, abbreviation_offset_s, civil_us, clock_s, digits, iso, month_number,
};

mod aligned;
mod boxes;
mod counts;
pub(super) mod csv;
mod expanded;
mod html;
mod json;
mod moment;
mod unaligned;

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "pg-stat-activity",
    source: Source::PgStatActivity,
    summary: "`pg_stat_activity`, or counts of it, taken by psql in a loop, in any output mode",
    origin: "PostgreSQL, `psql`; all four `IntervalStyle`s",
    detect,
    examples: &[
        Example {
            name: "pg-stat-activity:csv",
            file: "pg_stat_activity.csv",
            text: r#"sample_ts,pid,state,query_start,wait_event_type,wait_event,query
2026-11-23 18:22:20.177441+00,7770,idle,2026-11-23 18:22:19.075384+00,Client,ClientRead,DISCARD ALL
2026-11-23 18:22:20.177441+00,7909,idle in transaction,2026-11-23 18:22:20.178563+00,Client,ClientRead,"SELECT ""ir_asset"".""id"" as ""id"""
"#,
        },
        Example {
            name: "pg-stat-activity:counts",
            file: "pg_counts.txt",
            text: "\
2026-11-23T18:24:34+00:00
 active | idle_in_txn | active_over_30s 
--------+-------------+-----------------
      1 |           0 |               0
(1 row)

",
        },
        Example {
            name: "pg-stat-activity:aligned",
            file: "activity.txt",
            text: "\
=== 2026-11-23 18:31:15 UTC ===
 pid   | usename  | application_name | query_age       | wait_event_type | wait_event | query
-------+----------+------------------+-----------------+-----------------+------------+----------------------------------
 12678 | odoo     | odoo-12317       | 00:00:00.001265 | Lock            | tuple      |                                 +
       |          |                  |                 |                 |            |       SELECT a || 'é'           +
       |          |                  |                 |                 |            |       FROM b +
 22629 | postgres | psql             | 00:00:00        |                 |            | select pid from pg_stat_activity
(2 rows)
",
        },
        Example {
            name: "pg-stat-activity:expanded",
            file: "activity-x.txt",
            text: "\
2026-11-23 18:34:43+00
-[ RECORD 1 ]----+-----------
pid              | 26319
usename          | odoo
query_age        | 00:00:55.051052
wait_event_type  | Timeout
wait_event       | PgSleep
query            | SELECT a  +
                 |   FROM b | c
",
        },
        Example {
            name: "pg-stat-activity:unaligned",
            file: "activity-mixed.txt",
            text: r#"2026-11-23T18:31:17Z
{"pid":3768,"state":"active","age":"00:00:03","query":"update acc"}
2026-11-23T18:31:18Z
<table border="1">
<tr><th>pid</th><th>state</th><th>query</th></tr>
<tr><td>3768</td><td>active</td><td>update<br />
acc</td></tr>
</table>
2026-11-23T18:31:19Z
pid;state;age;query
3768;active;00:00:03;update acc
"#,
        },
        Example {
            name: "pg-stat-activity:json",
            file: "activity.json",
            text: r#"{"sample_ts":"2026-11-23T18:31:17Z","pid":3768,"state":"active","query":"update acc"}
{"sample_ts":"2026-11-23T18:31:18Z","pid":3768,"state":"active","query":"update acc"}
"#,
        },
    ],
    foreign: &[
        Foreign { whose: "psql's answer to SHOW", text: "2026-11-23T18:31:17Z\n statement_timeout \n-------------------\n 0\n(1 row)\n" },
        Foreign { whose: "another table", text: "2026-11-23T18:31:17Z\nname|size\na|1\n" },
    ],
    broken: &[
        Broken { reason: "truncated_row", text: "2026-11-23 18:22:20.177441+00,7770,idle,2026-11-23 18:2" },
    ],
};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing of use.
    Other,
    /// Time of the sample.
    Stamp,
    Pid,
    ApplicationName,
    State,
    WaitEventType,
    WaitEvent,
    ClientPort,
    BackendType,
    Query,
    BlockedBy,
    QueryStart,
    TransactionStart,
    StateChange,
    QueryAge,
    TransactionAge,
    StateAge,
    /// A count, by what it counts.
    Count(counts::Counted),
}

/// A column: what it holds, and that its ages are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Column {
    kind: Kind,
    milliseconds: bool,
}

impl Column {
    /// Reads a column's name.
    fn named(name: &[u8]) -> Self {
        let name = name.trim_ascii().to_ascii_lowercase();
        let milliseconds = name.ends_with(b"_ms");
        let kind = match name.as_slice() {
            b"sample_ts" | b"ts" | b"now" | b"sampled_at" | b"sample_time" | b"timestamp"
            | b"captured_at" | b"snapshot_ts" | b"snapshot_time" | b"collected_at" | b"clock_timestamp"
            | b"time" => Kind::Stamp,
            b"pid" | b"procpid" => Kind::Pid,
            b"application_name" | b"app" | b"app_name" | b"application" => Kind::ApplicationName,
            b"state" => Kind::State,
            b"wait_event_type" | b"wait_type" => Kind::WaitEventType,
            b"wait_event" => Kind::WaitEvent,
            b"client_port" => Kind::ClientPort,
            b"backend_type" => Kind::BackendType,
            b"query" | b"current_query" | b"query_text" | b"sql" | b"left" | b"substring" | b"substr" => {
                Kind::Query
            }
            b"blocked_by" | b"blocking_pids" | b"pg_blocking_pids" | b"blockers" | b"blocked_by_pids" => {
                Kind::BlockedBy
            }
            b"query_start" => Kind::QueryStart,
            b"xact_start" => Kind::TransactionStart,
            b"state_change" => Kind::StateChange,
            name => Self::age_or_count(name),
        };
        Column { kind, milliseconds }
    }

    fn age_or_count(name: &[u8]) -> Kind {
        let has = |part: &str| memmem::find(name, part.as_bytes()).is_some();
        let age = ["age", "duration", "runtime", "running", "elapsed", "since", "seconds", "query_time"];
        if age.iter().any(|part| has(part)) || name == b"?column?" {
            return if has("xact") || has("tx") || has("trans") {
                Kind::TransactionAge
            } else if has("state") || has("idle") {
                Kind::StateAge
            } else if has("backend") || has("conn") || has("session") {
                Kind::Other
            } else {
                Kind::QueryAge
            };
        }
        counts::counted(name).map_or(Kind::Other, Kind::Count)
    }
}

/// The columns of a table of sessions or of counts; `None` if the names say neither.
fn columns<'n>(names: impl Iterator<Item = &'n [u8]>) -> Option<Vec<Column>> {
    let columns: Vec<Column> = names.map(Column::named).collect();
    let useful = columns.iter().any(|column| matches!(column.kind, Kind::Pid | Kind::Count(_)));
    useful.then_some(columns)
}

/// Adds one row of a table to a snapshot. `false` if the row cannot be understood.
fn add_row<'a>(
    snapshot: &mut ActivitySnapshot<'a>,
    columns: &[Column],
    cells: impl Iterator<Item = Cow<'a, [u8]>>,
    line: u32,
) -> bool {
    if !columns.iter().any(|column| column.kind == Kind::Pid) {
        let cells: Vec<Cow<'a, [u8]>> = cells.collect();
        return counts::add(snapshot.counts.get_or_insert_default(), columns, &cells);
    }
    let mut row = ActivityRow { line_in_record: line, ..ActivityRow::default() };
    let (mut pid, mut query_start, mut transaction_start, mut state_change) = (None, None, None, None);
    for (column, cell) in columns.iter().zip(cells) {
        let moment = || moment::moment(&cell);
        match column.kind {
            Kind::Pid => pid = digits(&cell).and_then(|pid| u32::try_from(pid).ok()),
            Kind::Stamp => snapshot.stamp = sample_stamp(&cell).or(snapshot.stamp),
            Kind::ApplicationName => row.application_name = cell,
            Kind::State => row.state = cell,
            Kind::WaitEventType => row.wait_event_type = cell,
            Kind::WaitEvent => row.wait_event = cell,
            Kind::ClientPort => row.client_port = digits(&cell).and_then(|port| u16::try_from(port).ok()),
            Kind::BackendType => row.backend_type = cell,
            Kind::Query => row.query = cell,
            Kind::BlockedBy => row.blocked_by = pids(&cell),
            Kind::QueryStart => query_start = moment(),
            Kind::TransactionStart => transaction_start = moment(),
            Kind::StateChange => state_change = moment(),
            Kind::QueryAge => row.query_age_us = row.query_age_us.or(age_us(&cell, *column)),
            Kind::TransactionAge => row.xact_age_us = age_us(&cell, *column),
            Kind::StateAge => row.state_age_us = age_us(&cell, *column),
            Kind::Count(_) | Kind::Other => {}
        }
    }
    let Some(pid) = pid else { return false };
    row.pid = pid;
    let age = |start: Option<Stamp>| {
        let (now, start) = (snapshot.stamp?, start?);
        // Only clocks of the same kind can be compared.
        let local = |stamp: Stamp| stamp.zone == Zone::Local;
        (local(now) == local(start)).then(|| now.us.saturating_sub(start.us))
    };
    row.query_age_us = row.query_age_us.or_else(|| age(query_start));
    row.xact_age_us = row.xact_age_us.or_else(|| age(transaction_start));
    row.state_age_us = row.state_age_us.or_else(|| age(state_change));
    row.sampler = is_sampler(&row);
    snapshot.rows.push(row);
    true
}

/// Whether a session is the one that takes the samples, or another sampler beside it.
fn is_sampler(row: &ActivityRow<'_>) -> bool {
    let mentions = |part: &str| memmem::find(&row.query, part.as_bytes()).is_some();
    if row.application_name.starts_with(b"odoo") {
        return false;
    }
    mentions("pg_stat_activity")
        // The query may be cut before it names the view.
        || (row.application_name.as_ref() == b"psql"
            && (mentions("pg_blocking_pids") || mentions("pg_stat_") || mentions("filter (where state")))
}

/// Process numbers out of `{86,42}`, `{}`, `86, 42` or `86`.
fn pids(cell: &[u8]) -> Vec<u32> {
    cell.split(|byte| !byte.is_ascii_digit())
        .filter_map(|token| u32::try_from(digits(token)?).ok())
        // 0 stands for a prepared transaction.
        .filter(|pid| *pid != 0)
        .collect()
}

/// An age as an interval, or as a number of seconds (or milliseconds, if the column says so).
fn age_us(cell: &[u8], column: Column) -> Option<i64> {
    let cell = cell.trim_ascii();
    let us = decimal_us(cell).or_else(|| interval_us(cell))?;
    Some(if column.milliseconds { us / 1000 } else { us })
}

/// The value of a column with the time of the sample: ISO, or seconds since 1970.
fn sample_stamp(cell: &[u8]) -> Option<Stamp> {
    moment::certain(cell).or_else(|| epoch(cell))
}

/// Seconds since 1970 with ten digits and an optional fraction.
fn epoch(cell: &[u8]) -> Option<Stamp> {
    let whole = cell.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if whole != 10 {
        return None;
    }
    let resolution_us = if cell.len() > 13 { 1 } else { SECOND_US };
    decimal_us(cell).map(|us| Stamp::utc(us, resolution_us))
}

/// The time in a line that holds nothing else: `2026-11-23T18:24:34+00:00`, `=== 2026-11-23 18:31:15 UTC ===`,
/// `Mon Nov 23 18:31:17 UTC 2026`, `Mon Nov 23 18:22:44 2026 (every 1s)`, the header of `watch`.
pub(super) fn stamp_line(line: &[u8]) -> Option<Stamp> {
    let decoration = |byte: &u8| matches!(byte, b'=' | b'-' | b'#' | b'*' | b' ' | b'\t' | b'\r');
    let start = line.iter().position(|byte| !decoration(byte))?;
    let end = line.iter().rposition(|byte| !decoration(byte))?;
    let inner = line.get(start..=end)?;
    // `\watch` centres its line over the table, behind the title if there is one.
    let watched = inner.ends_with(b"s)") && memmem::find(inner, b" (every ").is_some();
    // Cells of a table are never that short and dressed like this.
    if inner.len() > 200 || (start > 8 && inner.first() != Some(&b'E') && !watched) {
        return None;
    }
    const DAYS: [&[u8]; 7] = [b"Mon ", b"Tue ", b"Wed ", b"Thu ", b"Fri ", b"Sat ", b"Sun "];
    if watched {
        let at = DAYS.iter().filter_map(|name| memmem::rfind(inner, name)).max();
        // 16 and newer print the time as the locale has it.
        return at.and_then(|at| calendar_stamp(inner.get(at..)?));
    }
    match inner.first()? {
        b'0'..=b'9' => {
            let Some((stamp, used)) = iso(inner) else { return epoch(inner) };
            let rest = inner.get(used..)?.trim_ascii();
            with_zone(stamp, rest)
        }
        b'M' | b'T' | b'W' | b'F' | b'S' => calendar_stamp(inner),
        b'E' if inner.starts_with(b"Every ") => {
            let at = DAYS.iter().filter_map(|name| memmem::rfind(inner, name)).max()?;
            calendar_stamp(inner.get(at..)?)
        }
        _ => None,
    }
}

/// Applies what follows the digits of a stamp: nothing, or the name of a zone.
fn with_zone(stamp: Stamp, name: &[u8]) -> Option<Stamp> {
    if name.is_empty() {
        return Some(stamp);
    }
    if stamp.zone != Zone::Local {
        return None;
    }
    match abbreviation_offset_s(name) {
        Some(0) => Some(Stamp { zone: Zone::Utc, ..stamp }),
        Some(offset) => {
            let us = stamp.us.saturating_sub(i64::from(offset) * SECOND_US);
            Some(Stamp { us, zone: Zone::Offset(offset), ..stamp })
        }
        None => (name.len() <= 5 && name.iter().all(u8::is_ascii_uppercase)).then_some(stamp),
    }
}

/// Output of `date` in the C and en_US locales, and `\watch`'s header.
fn calendar_stamp(text: &[u8]) -> Option<Stamp> {
    let mut tokens = text.split(|byte| *byte == b' ').filter(|token| !token.is_empty());
    let weekday = tokens.next()?;
    if weekday.len() < 3 || !weekday.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b',') {
        return None;
    }
    let (mut month, mut day, mut year, mut clock) = (None, None, None, None);
    let mut zone: &[u8] = b"";
    for token in tokens {
        if token.starts_with(b"(") {
            break;
        }
        if let Some(number) = month_number(token) {
            month = Some(number);
        } else if token.contains(&b':') {
            clock = Some(clock_s(token)?);
        } else if let Some(number) = digits(token) {
            if token.len() == 4 {
                year = Some(number);
            } else {
                day = Some(number);
            }
        } else if matches!(token, b"AM" | b"PM") {
            let half = if token == b"PM" { 12 * 3600 } else { 0 };
            clock = clock.map(|seconds| seconds % (12 * 3600) + half);
        } else {
            zone = token;
        }
    }
    let us = civil_us(year?, month?, day?, 0, 0, 0)?.checked_add(clock? * SECOND_US)?;
    with_zone(Stamp { us, zone: Zone::Local, resolution_us: SECOND_US }, zone)
}

/// Blocks under lines with a time.
#[derive(Debug)]
struct Blocks {
    /// Shape of the most blocks of the sample, for the name.
    shape: &'static str,
    /// What a number alone counts, from the file's name.
    hint: Option<counts::Counted>,
}

/// Claims files of blocks under stamp lines, and CSV of `pg_stat_activity`.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    // CSV under lines with a time is blocks: its rows alone have none.
    let blocks = detect_blocks(sample);
    let rows = csv::detect(sample).or_else(|| json::detect(sample));
    match (blocks, rows) {
        (Some(blocks), Some(rows)) => Some(if blocks.score >= rows.score { blocks } else { rows }),
        (blocks, rows) => rows.or(blocks),
    }
}

/// Claims blocks under lines with a time.
fn detect_blocks(sample: &Sample<'_>) -> Option<Claim> {
    let starts: Vec<usize> = sample
        .lines
        .iter()
        .enumerate()
        .filter(|(_, line)| stamp_line(line).is_some())
        .map(|(at, _)| at)
        .collect();
    let mut format = Blocks { shape: "aligned", hint: counts::hint(sample.name) };
    let (mut total, mut understood) = (0u32, 0u32);
    let mut shapes: Vec<(&'static str, u32)> = Vec::new();
    for (index, from) in starts.iter().enumerate() {
        let to = starts.get(index + 1).copied();
        let body = sample.lines.get(from + 1..to.unwrap_or(sample.lines.len())).unwrap_or_default();
        if body.iter().all(|line| line.trim_ascii().is_empty()) {
            continue;
        }
        let text = body.join(b"\n".as_slice());
        let mut snapshot = ActivitySnapshot::default();
        let shape = format.read_body(&text, 1, &mut snapshot);
        let failed = memmem::find(&text, b"psql: ").is_some() || memmem::find(&text, b"FATAL:").is_some();
        // The last block may be cut.
        if shape.is_some() || (!failed && (to.is_some() || total == 0)) {
            total += 1;
        }
        if let Some(shape) = shape {
            understood += 1;
            match shapes.iter_mut().find(|(name, _)| *name == shape) {
                Some((_, count)) => *count += 1,
                None => shapes.push((shape, 1)),
            }
        }
    }
    let score = f64::from(understood) / f64::from(total.max(1));
    if score < 0.3 {
        return None;
    }
    format.shape = shapes.iter().max_by_key(|(_, count)| *count).map_or("aligned", |(name, _)| name);
    Some(Claim { format: Box::new(format), score })
}

impl Blocks {
    /// Reads the lines under a stamp; the shape, or `None` if nothing was understood.
    fn read_body<'a>(
        &self,
        body: &'a [u8],
        first_line: u32,
        snapshot: &mut ActivitySnapshot<'a>,
    ) -> Option<&'static str> {
        if boxes::drawn(body) {
            let text = boxes::to_ascii(body);
            let mut inner = ActivitySnapshot { stamp: snapshot.stamp, ..ActivitySnapshot::default() };
            let shape = self.read_body(&text, first_line, &mut inner);
            boxes::keep(inner, snapshot);
            return shape;
        }
        if memmem::find(body, b"-[ RECORD ").is_some() || body.starts_with(b"* Record ") {
            return expanded::read(body, first_line, snapshot).then_some("expanded");
        }
        if memmem::find(body, b"<table").is_some() {
            return html::read(body, first_line, snapshot).then_some("html");
        }
        if aligned::read(body, first_line, snapshot) {
            return Some(if snapshot.rows.is_empty() && snapshot.counts.is_some() {
                "counts"
            } else {
                "aligned"
            });
        }
        if counts::read_bare(body, self.hint, snapshot) {
            return Some("bare");
        }
        if csv::read_block(body, first_line, snapshot) {
            return Some("csv-blocks");
        }
        if json::read_block(body, first_line, snapshot) {
            return Some("json");
        }
        // Queries can hold the separator, so this comes last.
        if !unaligned::read(body, first_line, snapshot) {
            return None;
        }
        Some(if snapshot.rows.is_empty() { "counts" } else { "unaligned" })
    }
}

impl Format for Blocks {
    fn name(&self) -> String {
        format!("pg-stat-activity:{}", self.shape)
    }

    fn source(&self) -> Source {
        Source::PgStatActivity
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        stamp_line(line).is_some()
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let text: &'a [u8] = &raw.text;
        let (head, body) = csv::split_line(text);
        let mut snapshot = ActivitySnapshot { stamp: stamp_line(head), ..ActivitySnapshot::default() };
        if snapshot.stamp.is_none() {
            // The block whose stamp was lost has data but no time.
            let structure = text.trim_ascii().is_empty() || is_chatter(head);
            return if structure { Ok(Record::Structure) } else { Err("no_timestamp") };
        }
        // Nothing understood (psql failed, head of a file) still says that a sample was tried at this time.
        self.read_body(body, 1, &mut snapshot);
        if snapshot.counts == Some(ActivityCounts::default()) {
            snapshot.counts = None;
        }
        Ok(Record::Activity(snapshot))
    }
}

/// What psql says about its own settings before the first snapshot.
fn is_chatter(line: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 12] = [
        b"Expanded display is",
        b"Timing is",
        b"Title is",
        b"Null display is",
        b"Output format is",
        b"Border style is",
        b"Line style is",
        b"Pager usage is",
        b"Pager is used",
        b"Tuples only is",
        b"You are now connected",
        b"Field separator is",
    ];
    BEGINNINGS.iter().any(|beginning| line.starts_with(beginning))
}

/// Whether a line is psql's footer, `(3 rows)`.
fn is_footer(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.starts_with(b"(") && (line.ends_with(b" rows)") || line.ends_with(b" row)"))
}

#[cfg(test)]
mod tests;
