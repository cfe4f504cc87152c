//! `odoo.conf`: an INI file with one section `[options]` (`odoo/tools/config.py`; formats.md section 1.9).

use std::borrow::Cow;

use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{Record, Setting, text};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "odoo.conf",
    source: Source::Configuration,
    summary: "Odoo's configuration",
    origin: "Odoo, `odoo/tools/config.py`",
    detect,
    examples: &[Example {
        name: "odoo.conf",
        file: "odoo.conf",
        text: "\
[options]
addons_path = /opt/o15/src/odoo/addons,/opt/o15/src/addons,/opt/o15/extra
db_maxconn = 12
workers = 3
limit_time_cpu = 8
limit_time_real = 18
",
    }],
    foreign: &[Foreign {
        whose: "pgbouncer.ini",
        text: "[pgbouncer]\nlisten_port = 6432\nmax_client_conn = 100\n",
    }],
    broken: &[Broken { reason: "not_an_option", text: "limit_ti" }],
};

/// Options that no other program's configuration has together.
const KNOWN: [&[u8]; 34] = [
    b"addons_path",
    b"admin_passwd",
    b"csv_internal_sep",
    b"data_dir",
    b"db_host",
    b"db_maxconn",
    b"db_maxconn_gevent",
    b"db_name",
    b"db_password",
    b"db_port",
    b"db_sslmode",
    b"db_template",
    b"db_user",
    b"dbfilter",
    b"gevent_port",
    b"http_interface",
    b"http_port",
    b"limit_memory_hard",
    b"limit_memory_soft",
    b"limit_request",
    b"limit_time_cpu",
    b"limit_time_real",
    b"limit_time_real_cron",
    b"list_db",
    b"log_handler",
    b"log_level",
    b"longpolling_port",
    b"max_cron_threads",
    b"proxy_mode",
    b"server_wide_modules",
    b"unaccent",
    b"without_demo",
    b"workers",
    b"xmlrpc_port",
];

/// `odoo.conf`.
pub struct Configuration;

/// Name and value of `name = value`; Python's parser also takes a colon.
fn option(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|byte| matches!(byte, b'=' | b':'))?;
    let (name, value) = line.split_at_checked(at)?;
    let name = name.trim_ascii();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (!name.is_empty() && name.iter().all(plain))
        .then(|| (name, value.get(1..).unwrap_or_default().trim_ascii()))
}

/// Blank lines, comments and section headers.
fn structure(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    matches!(line.first(), None | Some(b'#' | b';')) || (line.starts_with(b"[") && line.ends_with(b"]"))
}

/// Claims INI files that hold `[options]` and a known option of Odoo.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let (mut section, mut known) = (false, false);
    let (mut total, mut understood) = (0u32, 0u32);
    for line in
        sample.lines.iter().filter(|line| Configuration.starts_record(line) && !line.trim_ascii().is_empty())
    {
        total += 1;
        let option = option(line);
        understood += u32::from(structure(line) || option.is_some());
        section |= line.trim_ascii() == b"[options]";
        known |= option.is_some_and(|(name, _)| KNOWN.contains(&name));
    }
    if !section || !known {
        return None;
    }
    let score = f64::from(understood) / f64::from(total.max(1));
    (score >= 0.3).then(|| Claim { format: Box::new(Configuration), score })
}

impl Format for Configuration {
    fn name(&self) -> String {
        "odoo.conf".to_owned()
    }

    fn source(&self) -> Source {
        Source::Configuration
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        // An indented line goes on with the value before it.
        !matches!(line.first(), Some(b' ' | b'\t'))
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let mut lines = raw.text.split(|byte| *byte == b'\n');
        let first = lines.next().unwrap_or_default();
        if structure(first) {
            return Ok(Record::Structure);
        }
        let (name, value) = option(first).ok_or("not_an_option")?;
        let mut value = unquote(value).into_owned();
        for line in lines.map(<[u8]>::trim_ascii) {
            if matches!(line.first(), None | Some(b'#' | b';')) {
                continue;
            }
            if !value.is_empty() {
                value.push(' ');
            }
            value.push_str(&text(line));
        }
        // Python's parser lowers names.
        let name = text(name).to_ascii_lowercase();
        Ok(Record::Settings(vec![Setting { program: "odoo", name, value, line_in_record: 0, depth: 0 }]))
    }
}

/// Removes one pair of quotes.
fn unquote(value: &[u8]) -> Cow<'_, str> {
    let inner = [b"\"", b"'"].iter().find_map(|quote| {
        value.strip_prefix(quote.as_slice()).and_then(|rest| rest.strip_suffix(quote.as_slice()))
    });
    text(inner.unwrap_or(value))
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
        let pair = |name: &str, value: &str| Ok(Some((name.to_owned(), value.to_owned())));
        assert_eq!(parse("limit_time_real = 20"), pair("limit_time_real", "20"));
        assert_eq!(parse("dbfilter = ^prod17$"), pair("dbfilter", "^prod17$"));
        assert_eq!(parse("addons_path = /a,\n  /b\n  ; c"), pair("addons_path", "/a, /b"));
        assert_eq!(parse("workers="), pair("workers", ""));
        assert_eq!(parse("[options]"), Ok(None));
        assert_eq!(parse("; comment"), Ok(None));
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse("limit_ti"), Err("not_an_option"));
        let record = "addons_path = /a,\n  /b";
        for length in 0..record.len() {
            let _ = parse(&record[..length]);
        }
    }

    #[test]
    fn detection() {
        let claim = |content: &'static str| {
            let lines = content.lines().map(|line| Cow::Borrowed(line.as_bytes())).collect();
            detect(&Sample { lines, name: "odoo.conf" }, &Context::default()).map(|claim| claim.score)
        };
        assert_eq!(claim("[options]\naddons_path = /opt\nworkers = 4\n"), Some(1.0));
        assert_eq!(claim("max_connections = 100\n"), None);
        assert_eq!(claim("[options]\nfoo = 1\n"), None);
        assert_eq!(claim(""), None);
    }
}
