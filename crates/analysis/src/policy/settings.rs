//! The settings of a policy and how they are read from TOML.
//!
//! Whatever is wrong with a file is one sentence with line and key: [`Error`].

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::report::{Kind, Severity, Verdict};

/// The built-in policy, as a user reads it: the one place its limits are written.
pub const BUILT_IN: &str = include_str!("built_in.toml");

/// What to judge a report by. A rule that is `None` is not judged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What unknown counts as, unless a rule says otherwise.
    pub on_unknown: OnUnknown,
    /// Share of the window each source must cover.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub coverage: BTreeMap<Source, Share>,
    /// Severity of incidents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incidents: Option<Incidents>,
    /// Recovery of incidents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// Workers killed that serve requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kills: Option<Limits>,
    /// The most of them in any 60 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kills_per_minute: Option<Limits>,
    /// Cron workers killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron_kills: Option<Limits>,
    /// Share of http-lane requests that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_ratio: Option<Limits>,
    /// Answers 500 in the http lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_500: Option<Limits>,
    /// Answers 502 and 504 in the http lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_502_504: Option<Limits>,
    /// Answers 503 in the http lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_503: Option<Limits>,
    /// Share of bus-lane requests that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bus_failed_ratio: Option<Limits>,
    /// Bus-lane requests that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bus_failed: Option<Limits>,
    /// Oldest running statement, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_query_s: Option<Limits>,
    /// Most sessions idle in transaction at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_in_transaction: Option<Limits>,
    /// Worst 95th percentile of an endpoint, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_p95_ms: Option<Limits>,
    /// Share of lines not understood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unparsed_share: Option<Limits>,
    /// Damaged files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged_inputs: Option<Limits>,
    /// Files not recognised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unrecognised_inputs: Option<Limits>,
    /// Severity of findings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<Findings>,
}

impl Policy {
    /// The built-in policy, [`BUILT_IN`].
    #[must_use]
    pub fn built_in() -> Policy {
        // It is part of the program and a test reads it; a policy without rules would judge nothing as known.
        Policy::parse(BUILT_IN).unwrap_or_default()
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// When the text is no TOML, or a key or value means nothing, or no rule is set.
    pub fn parse(text: &str) -> Result<Policy, Error> {
        let policy: Policy = toml::from_str(text).map_err(|error| Error::at(text, &error))?;
        if policy == (Policy { on_unknown: policy.on_unknown, ..Policy::default() }) {
            return Err(Error {
                line: None,
                message: "it sets no rule, so nothing would be judged".to_owned(),
            });
        }
        Ok(policy)
    }
}

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Line, from 1; `None` when it is the whole file.
    pub line: Option<usize>,
    /// One sentence that names the key.
    pub message: String,
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "line {line}: {}", self.message),
            None => formatter.write_str(&self.message),
        }
    }
}

impl Error {
    fn at(text: &str, error: &toml::de::Error) -> Error {
        // serde and toml break their sentences into lines, and serde says a type of Rust.
        let message = error.message().lines().map(str::trim).collect::<Vec<_>>().join("; ");
        let message = message.replace("expected f64", "expected a number");
        let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
            return Error { line: None, message };
        };
        let line = before.matches('\n').count();
        let here = text.lines().nth(line).unwrap_or_default();
        let is_header = |line: &str| line.trim_start().starts_with('[');
        let table = text.lines().take(line.saturating_add(1)).filter(|line| is_header(line)).last();
        let table = table.and_then(|table| table.trim().split(['[', ']']).nth(1)).unwrap_or_default().trim();
        let key = if is_header(here) { "" } else { here.split('=').next().unwrap_or_default().trim() };
        let name = match (table, key) {
            ("", key) => key.to_owned(),
            (table, "") => table.to_owned(),
            (table, key) => format!("{table}.{key}"),
        };
        let message = if name.is_empty() { message } else { format!("{name}: {message}") };
        Error { line: Some(line.saturating_add(1)), message }
    }
}

/// What unknown counts as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum OnUnknown {
    Pass,
    Warn,
    Fail,
    #[default]
    Unknown,
}

impl OnUnknown {
    /// The verdict it counts as.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        match self {
            OnUnknown::Pass => Verdict::Pass,
            OnUnknown::Warn => Verdict::Warn,
            OnUnknown::Fail => Verdict::Fail,
            OnUnknown::Unknown => Verdict::Unknown,
        }
    }
}

/// A source of evidence, by its name in `coverage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Source {
    Odoo,
    NginxAccess,
    NginxError,
    PostgresLog,
    PgStatActivity,
    Host,
}

impl Source {
    /// Its name in `Report::coverage`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Source::Odoo => "odoo",
            Source::NginxAccess => "nginx_access",
            Source::NginxError => "nginx_error",
            Source::PostgresLog => "postgres_log",
            Source::PgStatActivity => "pg_stat_activity",
            Source::Host => "host",
        }
    }

    /// As a sentence names it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Source::Odoo => "the Odoo log",
            Source::NginxAccess => "the nginx access log",
            Source::NginxError => "the nginx error log",
            Source::PostgresLog => "the PostgreSQL log",
            Source::PgStatActivity => "pg_stat_activity sampling",
            Source::Host => "host sampling",
        }
    }
}

/// A share between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64")]
pub struct Share(pub f64);

impl TryFrom<f64> for Share {
    type Error = &'static str;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        if (0.0..=1.0).contains(&value) { Ok(Share(value)) } else { Err("a share goes from 0 to 1") }
    }
}

/// Limits of a number: above `warn` warns, above `fail` fails.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "GivenLimits")]
pub struct Limits {
    /// The greatest value that does not warn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn: Option<f64>,
    /// The greatest value that does not fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail: Option<f64>,
    /// What unknown counts as here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_unknown: Option<OnUnknown>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table such as [kills] with warn or fail")]
struct GivenLimits {
    warn: Option<Limit>,
    fail: Option<Limit>,
    on_unknown: Option<OnUnknown>,
}

#[derive(Deserialize)]
#[serde(try_from = "f64")]
struct Limit(f64);

impl TryFrom<f64> for Limit {
    type Error = &'static str;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        if value.is_finite() && value >= 0.0 {
            Ok(Limit(value))
        } else {
            Err("a limit is a number from 0 up")
        }
    }
}

const NO_LEVEL: &str = "sets neither warn nor fail";

impl TryFrom<GivenLimits> for Limits {
    type Error = &'static str;

    fn try_from(given: GivenLimits) -> Result<Self, Self::Error> {
        let (warn, fail) = (given.warn.map(|limit| limit.0), given.fail.map(|limit| limit.0));
        match (warn, fail) {
            (None, None) => Err(NO_LEVEL),
            (Some(warn), Some(fail)) if warn > fail => Err("warn is above fail, so it could never warn"),
            _ => Ok(Limits { warn, fail, on_unknown: given.on_unknown }),
        }
    }
}

/// Limits of severity: from `warn` on warns, from `fail` on fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "GivenIncidents")]
pub struct Incidents {
    /// The least severity that warns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn: Option<Severity>,
    /// The least severity that fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail: Option<Severity>,
    /// Kinds that are not judged.
    pub allow: Vec<Kind>,
    /// What unknown counts as here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_unknown: Option<OnUnknown>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with warn or fail")]
struct GivenIncidents {
    warn: Option<Severity>,
    fail: Option<Severity>,
    #[serde(default)]
    allow: Vec<Kind>,
    on_unknown: Option<OnUnknown>,
}

fn severities(warn: Option<Severity>, fail: Option<Severity>) -> Result<(), &'static str> {
    match (warn, fail) {
        (None, None) => Err(NO_LEVEL),
        (Some(warn), Some(fail)) if warn > fail => Err("warn is above fail, so it could never warn"),
        _ => Ok(()),
    }
}

impl TryFrom<GivenIncidents> for Incidents {
    type Error = &'static str;

    fn try_from(given: GivenIncidents) -> Result<Self, Self::Error> {
        let GivenIncidents { warn, fail, allow, on_unknown } = given;
        severities(warn, fail).map(|()| Incidents { warn, fail, allow, on_unknown })
    }
}

/// The same for findings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "GivenFindings")]
pub struct Findings {
    /// The least severity that warns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn: Option<Severity>,
    /// The least severity that fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail: Option<Severity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with warn or fail")]
struct GivenFindings {
    warn: Option<Severity>,
    fail: Option<Severity>,
}

impl TryFrom<GivenFindings> for Findings {
    type Error = &'static str;

    fn try_from(given: GivenFindings) -> Result<Self, Self::Error> {
        let GivenFindings { warn, fail } = given;
        severities(warn, fail).map(|()| Findings { warn, fail })
    }
}

/// A recovery verdict that can be objected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Unrecovered {
    NotRecovered,
    Relapsed,
}

/// What is objected to in the recovery of incidents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "GivenRecovery")]
pub struct Recovery {
    /// Verdicts that warn.
    pub warn: Vec<Unrecovered>,
    /// Verdicts that fail.
    pub fail: Vec<Unrecovered>,
    /// What unknown counts as here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_unknown: Option<OnUnknown>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with warn or fail")]
struct GivenRecovery {
    #[serde(default)]
    warn: Vec<Unrecovered>,
    #[serde(default)]
    fail: Vec<Unrecovered>,
    on_unknown: Option<OnUnknown>,
}

impl TryFrom<GivenRecovery> for Recovery {
    type Error = &'static str;

    fn try_from(given: GivenRecovery) -> Result<Self, Self::Error> {
        let GivenRecovery { warn, fail, on_unknown } = given;
        if warn.is_empty() && fail.is_empty() {
            return Err(NO_LEVEL);
        }
        Ok(Recovery { warn, fail, on_unknown })
    }
}
