//! `pg_stat_statements` as CSV with a header (`COPY … CSV HEADER`, `psql --csv`).
//!
//! A quoted query may span lines; a row begins with the numbers that stand before it.

use std::sync::LazyLock;

use memchr::memmem;

use super::pg_stat_activity::csv::{record, score};
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{Record, StatementStatistics};
use crate::timestamp::digits;

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "pg-stat-statements",
    source: Source::PgStatActivity,
    summary: "`pg_stat_statements` as CSV with a header (`psql --csv`, `COPY … CSV HEADER`)",
    origin: "PostgreSQL, `contrib/pg_stat_statements`",
    detect,
    examples: &[Example {
        name: "pg-stat-statements",
        file: "pg_stat_statements.csv",
        text: r#"userid,dbid,toplevel,queryid,query,plans,calls,total_exec_time,min_exec_time,max_exec_time,mean_exec_time,rows
16384,16416,t,-4173114323195797479,"UPDATE ""bus_presence"" SET ""last_poll"" = $1
WHERE id IN ($2)",0,977,728990.2960039995,0.026449,50027.753903,746.1517871074708,977
16384,16416,t,-4813914662115876503,"INSERT INTO ""res_users_log"" (""create_date"") VALUES ($1)",0,88,205242.85672399992,0.145145,47681.345654,2332.3051900454543,88
"#,
    }],
    foreign: &[Foreign { whose: "another table as CSV", text: "a,b,c\n1,2,3\n" }],
    broken: &[Broken {
        reason: "unbalanced_quotes",
        text: r#"16384,16416,t,-4813914662115876503,"INSERT INTO ""res_users_log"" (""create_d"#,
    }],
};

/// The columns of PostgreSQL 15, for files whose header is cut off.
const DEFAULT: &str = "userid,dbid,toplevel,queryid,query,plans,total_plan_time,min_plan_time,max_plan_time,\
    mean_plan_time,stddev_plan_time,calls,total_exec_time,min_exec_time,max_exec_time,mean_exec_time,stddev_exec_time,\
    rows,shared_blks_hit,shared_blks_read,shared_blks_dirtied,shared_blks_written,local_blks_hit,local_blks_read,\
    local_blks_dirtied,local_blks_written,temp_blks_read,temp_blks_written,blk_read_time,blk_write_time,\
    temp_blk_read_time,temp_blk_write_time,wal_records,wal_fpi,wal_bytes,jit_functions,jit_generation_time,\
    jit_inlining_count,jit_inlining_time,jit_optimization_count,jit_optimization_time,jit_emission_count,\
    jit_emission_time";

/// What a column before the query looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lead {
    Number,
    Boolean,
}

/// CSV of `pg_stat_statements`: where its columns are.
#[derive(Debug)]
pub struct Statements {
    columns: usize,
    query: usize,
    calls: usize,
    total: usize,
    max: Option<usize>,
    lead: Vec<Lead>,
}

impl Statements {
    /// Reads a header.
    fn from_header(line: &[u8]) -> Option<Self> {
        /// Hardly a line of anything else has it.
        static QUERY: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("query"));
        if line.len() > 8192 || QUERY.find(line).is_none() {
            return None;
        }
        let names = || line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        let find = |wanted: &[&[u8]]| names().position(|name| wanted.contains(&name));
        let query = find(&[b"query"])?;
        let lead = names()
            .take(query)
            .map_while(|name| match name {
                b"toplevel" => Some(Lead::Boolean),
                b"datname" | b"usename" | b"rolname" | b"database" | b"user" => None,
                _ => Some(Lead::Number),
            })
            .collect::<Vec<Lead>>();
        if lead.is_empty() {
            return None;
        }
        Some(Statements {
            columns: names().count(),
            query,
            calls: find(&[b"calls"])?,
            total: find(&[b"total_exec_time", b"total_time"])?,
            max: find(&[b"max_exec_time", b"max_time"]),
            lead,
        })
    }
}

/// Claims CSV with the columns of `pg_stat_statements`.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let format = sample.lines.iter().find_map(|line| Statements::from_header(line)).or_else(|| {
        // Without a header only the name says what the columns are.
        if sample.name.contains("statements") { Statements::from_header(DEFAULT.as_bytes()) } else { None }
    })?;
    let score = score(&format, sample);
    (score >= 0.3).then(|| Claim { format: Box::new(format), score })
}

/// Milliseconds as PostgreSQL prints a `float8`, in µs.
fn milliseconds_us(text: &[u8]) -> Option<i64> {
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    // `as` saturates.
    value.is_finite().then_some((value * 1000.0).round() as i64)
}

impl Format for Statements {
    fn name(&self) -> String {
        "pg-stat-statements".to_owned()
    }

    fn source(&self) -> Source {
        Source::PgStatActivity
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        let mut fields = line.split(|byte| *byte == b',');
        self.lead.iter().all(|lead| {
            let Some(field) = fields.next() else { return false };
            match lead {
                Lead::Boolean => matches!(field, b"t" | b"f"),
                Lead::Number => {
                    let bare = field.strip_prefix(b"-").unwrap_or(field);
                    bare.first().is_some_and(u8::is_ascii_digit)
                        && bare
                            .iter()
                            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'+' | b'-'))
                }
            }
        }) && fields.next().is_some()
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let text: &'a [u8] = &raw.text;
        if raw.orphan || !self.starts_record(text) {
            let structure = text.trim_ascii().is_empty() || Statements::from_header(text).is_some();
            return if structure { Ok(Record::Structure) } else { Err("not_a_row") };
        }
        let (mut cells, _) = record(text, self.columns).ok_or("unbalanced_quotes")?;
        if cells.len() < self.columns {
            return Err("truncated_row");
        }
        if cells.len() > self.columns {
            return Err("too_many_columns");
        }
        let time = |at: usize| cells.get(at).and_then(|cell| milliseconds_us(cell));
        let total_us = time(self.total).ok_or("bad_number")?;
        let max_us = self.max.and_then(time).unwrap_or(0);
        let calls = cells.get(self.calls).and_then(|cell| digits(cell)).ok_or("bad_number")?;
        Ok(Record::Statement(StatementStatistics {
            query: cells.get_mut(self.query).map(std::mem::take).unwrap_or_default(),
            calls: u64::try_from(calls).unwrap_or(0),
            total_us,
            max_us,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "16384,16545,t,3743041601239172868,\"SELECT m.partner_id, \"\"x\"\",
                   (SELECT max(x.amount) FROM acme_movement x
1, 2 LIMIT $5\",0,0,0,0,0,0,9,53301.586031,2849.620217,10345.710266,5922.398447888889,2067.4442795220452,180,700749,0,0,0,0,0,0,0,5635,5646,0,0,34.518244,206.576709,0,0,0,198,19.532766000000002,0,0,9,25.301106,9,452.64163900000005";

    fn raw(text: &[u8]) -> Raw<'_> {
        Raw::of(text)
    }

    #[test]
    fn real_row() {
        let text = format!("{DEFAULT}\n{ROW}\n{ROW}");
        let lines = text.lines().map(|line| line.as_bytes().into()).collect();
        let claim = detect(&Sample { lines, name: "x.csv" }, &Context::default()).unwrap();
        assert!(claim.score > 0.99);
        assert_eq!(
            ROW.lines().map(|line| claim.format.starts_record(line.as_bytes())).collect::<Vec<_>>(),
            [true, false, false]
        );
        let row = raw(ROW.as_bytes());
        let Ok(Record::Statement(found)) = claim.format.parse(&row, &mut Memory::default()) else { panic!() };
        assert_eq!((found.calls, found.total_us, found.max_us), (9, 53_301_586, 10_345_710));
        assert!(found.query.starts_with(b"SELECT m.partner_id, \"x\",\n"));
        let mut header = raw(DEFAULT.as_bytes());
        header.orphan = true;
        assert!(matches!(claim.format.parse(&header, &mut Memory::default()), Ok(Record::Structure)));
        for end in 0..=ROW.len() {
            let _ = claim.format.parse(&raw(&ROW.as_bytes()[..end]), &mut Memory::default());
        }
        assert_eq!(
            claim.format.parse(&raw(&ROW.as_bytes()[..70]), &mut Memory::default()).err(),
            Some("unbalanced_quotes")
        );
        assert_eq!(
            claim.format.parse(&raw(&ROW.as_bytes()[..ROW.len() - 40]), &mut Memory::default()).err(),
            Some("truncated_row")
        );
        assert!(claim.format.parse(&raw(b"\xff\xfe"), &mut Memory::default()).is_err());
    }

    #[test]
    fn other_files() {
        let lines = vec![b"a,b,c".as_slice().into(), b"1,2,3".as_slice().into()];
        assert!(detect(&Sample { lines, name: "x.csv" }, &Context::default()).is_none());
    }
}
