//! `postgresql.conf` and `postgresql.auto.conf`: `name = 'value' # comment`, the equals sign optional.

use std::borrow::Cow;

use memchr::memchr_iter;

use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{Record, Setting, text};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "postgresql-configuration",
    source: Source::Configuration,
    summary: "`postgresql.conf` and `postgresql.auto.conf`",
    origin: "PostgreSQL, `src/backend/utils/misc/guc-file.l`",
    detect,
    examples: &[Example {
        name: "postgresql-configuration",
        file: "postgresql.conf",
        text: "\
# PostgreSQL configuration file
max_connections = 100			# (change requires restart)
shared_buffers = 128MB			# min 128kB
log_line_prefix = '%m [%p] %q%u@%d %a '
log_min_duration_statement = 500
log_lock_waits = on
",
    }],
    foreign: &[
        Foreign { whose: "odoo.conf without its section", text: "workers = 4\nlimit_time_cpu = 60\n" },
        Foreign { whose: "pgbouncer.ini", text: "[pgbouncer]\nlisten_port = 6432\nmax_client_conn = 100\n" },
    ],
    broken: &[
        Broken { reason: "not_a_setting", text: "max_conne" },
        Broken { reason: "not_a_setting", text: "log_line_prefix = '%m [%p" },
    ],
};

/// Settings that only PostgreSQL has, in order.
const KNOWN: [&[u8]; 75] = [
    b"autovacuum",
    b"autovacuum_max_workers",
    b"autovacuum_naptime",
    b"bgwriter_delay",
    b"checkpoint_completion_target",
    b"checkpoint_timeout",
    b"client_connection_check_interval",
    b"client_min_messages",
    b"cluster_name",
    b"data_directory",
    b"datestyle",
    b"deadlock_timeout",
    b"default_statistics_target",
    b"default_text_search_config",
    b"default_transaction_isolation",
    b"dynamic_shared_memory_type",
    b"effective_cache_size",
    b"effective_io_concurrency",
    b"fsync",
    b"full_page_writes",
    b"hba_file",
    b"hot_standby",
    b"huge_pages",
    b"ident_file",
    b"idle_in_transaction_session_timeout",
    b"idle_session_timeout",
    b"jit",
    b"lc_messages",
    b"lc_monetary",
    b"lc_numeric",
    b"lc_time",
    b"listen_addresses",
    b"lock_timeout",
    b"log_autovacuum_min_duration",
    b"log_checkpoints",
    b"log_connections",
    b"log_destination",
    b"log_directory",
    b"log_disconnections",
    b"log_filename",
    b"log_line_prefix",
    b"log_lock_waits",
    b"log_min_duration_statement",
    b"log_min_error_statement",
    b"log_min_messages",
    b"log_statement",
    b"log_temp_files",
    b"log_timezone",
    b"logging_collector",
    b"maintenance_work_mem",
    b"max_connections",
    b"max_locks_per_transaction",
    b"max_parallel_workers",
    b"max_parallel_workers_per_gather",
    b"max_wal_senders",
    b"max_wal_size",
    b"max_worker_processes",
    b"min_wal_size",
    b"random_page_cost",
    b"reserved_connections",
    b"shared_buffers",
    b"shared_preload_libraries",
    b"statement_timeout",
    b"superuser_reserved_connections",
    b"synchronous_commit",
    b"tcp_keepalives_idle",
    b"temp_buffers",
    b"temp_file_limit",
    b"track_activity_query_size",
    b"track_io_timing",
    b"transaction_timeout",
    b"unix_socket_directories",
    b"wal_buffers",
    b"wal_level",
    b"work_mem",
];

/// Whether only PostgreSQL has a setting of this (lower-case) name.
pub(super) fn is_known(name: &[u8]) -> bool {
    KNOWN.binary_search(&name).is_ok()
}

/// `postgresql.conf`.
pub struct Configuration;

/// Blank lines and comments.
fn structure(line: &[u8]) -> bool {
    matches!(line.trim_ascii_start().first(), None | Some(b'#'))
}

/// Name and value of one line, or `None` when it is not a setting.
fn setting(line: &[u8]) -> Option<(&[u8], Cow<'_, [u8]>)> {
    let line = line.trim_ascii();
    let length =
        line.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')).count();
    let (name, rest) = line.split_at_checked(length)?;
    if !name.first()?.is_ascii_alphabetic() || !matches!(rest.first()?, b' ' | b'\t' | b'=') {
        return None;
    }
    let rest = rest.trim_ascii_start();
    let rest = rest.strip_prefix(b"=").unwrap_or(rest).trim_ascii_start();
    if let Some(inner) = rest.strip_prefix(b"'") {
        let (value, after) = quoted(inner)?;
        return structure(after).then_some((name, value));
    }
    let length = rest.iter().take_while(|byte| !byte.is_ascii_whitespace() && **byte != b'#').count();
    let (value, after) = rest.split_at_checked(length)?;
    // A bare value is one word; nginx's directives end with a semicolon.
    (length > 0 && structure(after) && !value.ends_with(b";") && !value.ends_with(b"{"))
        .then_some((name, Cow::Borrowed(value)))
}

/// The value up to the closing quote, `''` and backslash escapes undone, and what follows.
fn quoted(inner: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let plain = inner.iter().position(|byte| matches!(byte, b'\'' | b'\\'))?;
    if inner.get(plain) == Some(&b'\'') && inner.get(plain + 1) != Some(&b'\'') {
        return Some((Cow::Borrowed(inner.get(..plain)?), inner.get(plain + 1..)?));
    }
    let mut value = Vec::new();
    let mut bytes = inner.iter().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\'' => {
                if bytes.next_if(|(_, next)| **next == b'\'').is_none() {
                    return Some((Cow::Owned(value), inner.get(at + 1..)?));
                }
                value.push(b'\'');
            }
            b'\\' => {
                let (_, escaped) = bytes.next()?;
                value.push(match escaped {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    other => *other,
                });
            }
            other => value.push(*other),
        }
    }
    None
}

/// The last `log_line_prefix` that a `postgresql.conf` sets.
#[must_use]
pub fn log_line_prefix(text: &[u8]) -> Option<String> {
    let mut found = None;
    let mut start = 0;
    for end in memchr_iter(b'\n', text).chain([text.len()]) {
        let line = text.get(start..end).unwrap_or_default().trim_ascii_start();
        start = end + 1;
        // Nearly all lines are comments: look at the name before anything else.
        if line.get(..15).is_some_and(|name| name.eq_ignore_ascii_case(b"log_line_prefix"))
            && let Some((name, value)) = setting(line)
            && name.len() == 15
        {
            found = Some(crate::record::text(&value).into_owned());
        }
    }
    found
}

/// Claims files whose lines are settings, some of which only PostgreSQL has, commented out or not.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let (mut total, mut understood, mut known, mut known_comments) = (0u32, 0u32, 0u32, 0u32);
    let (mut settings, mut equals) = (0u32, 0u32);
    for line in sample.lines.iter().filter(|line| !line.trim_ascii().is_empty()) {
        let line = line.trim_ascii();
        if let Some(comment) = line.strip_prefix(b"#") {
            let option = setting(comment.trim_ascii_start());
            known_comments += u32::from(option.is_some_and(|(name, _)| is_known(name)));
            continue;
        }
        if line.first() == Some(&b'[') {
            return None;
        }
        total += 1;
        if let Some((name, _)) = setting(line) {
            understood += 1;
            settings += 1;
            equals += u32::from(
                line.get(name.len()..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b"=")),
            );
            known += u32::from(is_known(&name.to_ascii_lowercase()));
        }
    }
    // Words in a row are no sign of a configuration file; an equals sign with a known name is.
    let sure = (known > 0 && known.saturating_mul(4) >= settings && equals.saturating_mul(2) >= settings)
        || known_comments >= 3;
    let score = if total == 0 { 1.0 } else { f64::from(understood) / f64::from(total) };
    (sure && score >= 0.5).then(|| Claim { format: Box::new(Configuration), score })
}

impl Format for Configuration {
    fn name(&self) -> String {
        "postgresql-configuration".to_owned()
    }

    fn source(&self) -> Source {
        Source::Configuration
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        if structure(&raw.text) {
            return Ok(Record::Structure);
        }
        let (name, value) = setting(&raw.text).ok_or("not_a_setting")?;
        // Names are the same in any case.
        let name = text(name).to_ascii_lowercase();
        let value = text(&value).into_owned();
        let setting = Setting { program: "postgresql", name, value, line_in_record: 0, depth: 0 };
        Ok(Record::Settings(vec![setting]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<(String, String)>, &'static str> {
        let raw = Raw::of(text.as_bytes());
        match Configuration.parse(&raw, &mut Memory::default())? {
            Record::Settings(mut settings) => Ok(settings.pop().map(|setting| (setting.name, setting.value))),
            _ => Ok(None),
        }
    }

    #[test]
    fn lines() {
        assert!(KNOWN.is_sorted());
        let pair = |name: &str, value: &str| Ok(Some((name.to_owned(), value.to_owned())));
        assert_eq!(
            parse("max_connections = 100\t\t\t# (change requires restart)"),
            pair("max_connections", "100")
        );
        assert_eq!(
            parse("log_line_prefix = '%m [%p] %q%u@%d %a '"),
            pair("log_line_prefix", "%m [%p] %q%u@%d %a ")
        );
        assert_eq!(parse("Log_Min_Duration_Statement 500"), pair("log_min_duration_statement", "500"));
        assert_eq!(parse("x.y = 'it''s \\'so\\''  # z"), pair("x.y", "it's 'so'"));
        assert_eq!(parse("search_path = ''"), pair("search_path", ""));
        assert_eq!(parse("\t\t\t\t# (change requires restart)"), Ok(None));
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse("max_conne"), Err("not_a_setting"));
        assert_eq!(parse("log_line_prefix = '%m [%p"), Err("not_a_setting"));
        assert_eq!(parse("\u{fffd}\0"), Err("not_a_setting"));
        let record = "x.y = 'it''s \\'so\\''  # z";
        for length in 0..record.len() {
            let _ = parse(&record[..length]);
        }
    }

    #[test]
    fn prefix() {
        let file = b"#log_line_prefix = '%m'\nlog_line_prefix = 'a'\n  log_line_prefix='%t [%p]: '\nlog_line_prefix_x = 1";
        assert_eq!(log_line_prefix(file).as_deref(), Some("%t [%p]: "));
        assert_eq!(log_line_prefix(b"workers = 4\n"), None);
        assert_eq!(log_line_prefix(b""), None);
    }

    #[test]
    fn detection() {
        let claim = |content: &'static str| {
            let lines = content.lines().map(|line| Cow::Borrowed(line.as_bytes())).collect();
            detect(&Sample { lines, name: "x.conf" }, &Context::default()).map(|claim| claim.score)
        };
        assert_eq!(claim("# c\nmax_connections = 100 # x\nshared_buffers = 1GB\nport = 5432\n"), Some(1.0));
        assert_eq!(claim("#shared_buffers = 1GB\n#work_mem = 4MB\n#fsync = on\n"), Some(1.0));
        assert_eq!(claim("[options]\nworkers = 4\n"), None);
        assert_eq!(claim("worker_processes auto;\nevents {\n}\n"), None);
        assert_eq!(claim("workers = 4\nlimit_time_cpu = 60\n"), None);
        assert_eq!(claim(""), None);
    }
}
