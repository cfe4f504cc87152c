//! Settings as psql prints them: `SHOW` outputs one after the other, tables of `pg_settings` and of
//! `pg_db_role_setting` or `pg_roles.rolconfig`. Such a capture is short; the whole file is one record.

use super::postgres_configuration::is_known;
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{Record, Setting, text};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "postgres-settings",
    source: Source::Configuration,
    summary: "settings as psql prints them: `SHOW`, `pg_settings`, `pg_db_role_setting`, `rolconfig`",
    origin: "PostgreSQL, `psql`",
    detect,
    examples: &[Example {
        name: "postgres-settings",
        file: "pg_timeouts.txt",
        text: "\
 statement_timeout 
-------------------
 1min
(1 row)

 rolname |                rolconfig                 
---------+------------------------------------------
 odoo    | {statement_timeout=60s,lock_timeout=10s}
(1 row)
",
    }],
    foreign: &[Foreign {
        whose: "counts of sessions",
        text: " state | count \n-------+-------\n active | 3\n(1 row)\n",
    }],
    broken: &[Broken { reason: "no_settings", text: "psql: error: FATAL:  sorry, too many clients already" }],
};

/// A capture of psql.
pub struct Settings;

/// Whether this is a name that `SHOW` heads its output with.
fn is_setting(name: &[u8]) -> bool {
    is_known(name) || matches!(name, b"TimeZone" | b"DateStyle" | b"server_version" | b"port")
}

/// A ruler such as `-----` or `---+---`.
fn ruler(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.len() > 1 && line.iter().all(|byte| matches!(byte, b'-' | b'+'))
}

/// `(1 row)`, `(2 rows)`.
fn row_count(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.starts_with(b"(") && (line.ends_with(b" row)") || line.ends_with(b" rows)"))
}

fn cells(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b'|').map(<[u8]>::trim_ascii)
}

/// What the columns of a block are.
enum Layout<'l> {
    /// One column headed by the setting's name.
    Show(&'l [u8]),
    /// `name | setting | …`: positions of the name and of the value.
    Table(usize, usize),
    /// `rolname | rolconfig` or `datname | …`: positions of the owner and of the list `{a=1,b=2}`.
    Owner(usize, usize),
}

/// What the header line says, if it heads settings.
fn layout(header: &[u8]) -> Option<Layout<'_>> {
    let position = |names: &[&[u8]]| cells(header).position(|cell| names.contains(&cell));
    let header_text = header.trim_ascii();
    if is_setting(header_text) {
        return Some(Layout::Show(header_text));
    }
    if let Some(list) = position(&[b"rolconfig", b"setconfig", b"useconfig"]) {
        return Some(Layout::Owner(
            position(&[b"rolname", b"usename", b"datname", b"setrole", b"role"])?,
            list,
        ));
    }
    Some(Layout::Table(position(&[b"name"])?, position(&[b"setting", b"current_setting"])?))
}

/// The settings in a capture, and how many of its lines that are not blank were understood, of how many.
fn read(content: &[u8]) -> (Vec<Setting>, u32, u32) {
    let mut settings = Vec::new();
    let (mut understood, mut total) = (0u32, 0u32);
    let mut open: Option<Layout<'_>> = None;
    let mut header: &[u8] = b"";
    for (number, line) in content.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        total += 1;
        if ruler(line) {
            open = layout(header);
            // The header is understood with its ruler.
            understood += if open.is_some() { 2 } else { 0 };
            continue;
        }
        if row_count(line) {
            understood += u32::from(open.is_some());
            open = None;
            continue;
        }
        header = line;
        let Some(layout) = &open else { continue };
        understood += 1;
        let mut add = |name: String, value: &[u8]| {
            settings.push(Setting {
                program: "postgresql session",
                name,
                value: text(value).into_owned(),
                line_in_record: u32::try_from(number).unwrap_or(u32::MAX),
                depth: 0,
            });
        };
        match layout {
            Layout::Show(name) => add(text(name).to_ascii_lowercase(), line.trim_ascii()),
            Layout::Table(name, value) => {
                if let (Some(name), Some(value)) = (cells(line).nth(*name), cells(line).nth(*value)) {
                    add(text(name).to_ascii_lowercase(), value);
                }
            }
            Layout::Owner(owner, list) => {
                let (Some(owner), Some(list)) = (cells(line).nth(*owner), cells(line).nth(*list)) else {
                    continue;
                };
                let list =
                    list.strip_prefix(b"{").and_then(|list| list.strip_suffix(b"}")).unwrap_or_default();
                for pair in list.split(|byte| *byte == b',') {
                    let Some(at) = pair.iter().position(|byte| *byte == b'=') else { continue };
                    let (name, value) = pair.split_at_checked(at).unwrap_or_default();
                    let name = text(name.trim_ascii_start()).replace('"', "");
                    let value = value.get(1..).unwrap_or_default();
                    add(format!("[{}] {name}", text(owner)), value.strip_suffix(b"\"").unwrap_or(value));
                }
            }
        }
    }
    (settings, understood, total)
}

/// Claims captures most of whose lines are settings.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    // Long files are no capture of settings; look no further than it takes to see that.
    let mut content = Vec::new();
    for line in &sample.lines {
        content.extend_from_slice(line);
        content.push(b'\n');
    }
    let (settings, understood, total) = read(&content);
    let score = f64::from(understood) / f64::from(total.max(1));
    let known = settings.iter().any(|setting| {
        let name = setting.name.rsplit(' ').next().unwrap_or_default();
        is_setting(name.as_bytes())
    });
    (known && score >= 0.5).then(|| Claim { format: Box::new(Settings), score: score.min(1.0) })
}

impl Format for Settings {
    fn name(&self) -> String {
        "postgres-settings".to_owned()
    }

    fn source(&self) -> Source {
        Source::Configuration
    }

    fn starts_record(&self, _line: &[u8]) -> bool {
        false
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let (settings, _, total) = read(&raw.text);
        match (settings.is_empty(), total) {
            (false, _) => Ok(Record::Settings(settings)),
            (true, 0) => Ok(Record::Structure),
            (true, _) => Err("no_settings"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    const CAPTURE: &str = " statement_timeout \n-------------------\n 1min\n(1 row)\n\n lock_timeout \n--------------\n \
        10s\n(1 row)\n\n rolname |                rolconfig                 \n---------+----------\n \
        odoo    | {statement_timeout=60s,lock_timeout=10s}\n(1 row)\n\n";

    fn parse(text: &str) -> Result<Vec<(String, String, u32)>, &'static str> {
        let raw =
            Raw { text: Cow::Borrowed(text.as_bytes()), outer: None, program: None, pid: None, orphan: true };
        match Settings.parse(&raw, &mut Memory::default())? {
            Record::Settings(settings) => {
                Ok(settings.into_iter().map(|one| (one.name, one.value, one.line_in_record)).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    #[test]
    fn captures() {
        let row = |name: &str, value: &str, line| (name.to_owned(), value.to_owned(), line);
        let expected = vec![
            row("statement_timeout", "1min", 2),
            row("lock_timeout", "10s", 7),
            row("[odoo] statement_timeout", "60s", 12),
            row("[odoo] lock_timeout", "10s", 12),
        ];
        assert_eq!(parse(CAPTURE), Ok(expected));
        let table = " name | setting | unit\n------+---------+---\n work_mem | 4096 | kB\n(1 row)\n";
        assert_eq!(parse(table), Ok(vec![row("work_mem", "4096", 2)]));
        assert_eq!(parse("x\ny"), Err("no_settings"));
        assert_eq!(parse(""), Ok(vec![]));
        for length in 0..CAPTURE.len() {
            let _ = parse(&CAPTURE[..length]);
        }
    }

    #[test]
    fn detection() {
        let claim = |content: &'static str| {
            let lines = content.lines().map(|line| Cow::Borrowed(line.as_bytes())).collect();
            detect(&Sample { lines, name: "pg.txt" }, &Context::default()).map(|claim| claim.score)
        };
        assert_eq!(claim(CAPTURE), Some(1.0));
        assert_eq!(claim(" state | count \n-------+-------\n active | 3\n(1 row)\n"), None);
        assert_eq!(claim(""), None);
    }
}
