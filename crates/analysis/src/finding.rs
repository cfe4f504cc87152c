//! Findings about configuration and hygiene. One function each, one line in [`ALL`].

use stormtrace_logs::format::Source;

use crate::detect::Picture;
use crate::facts::find;
use crate::lives::Reason;
use crate::place::Places;
use crate::read::Input;
use crate::report::{Finding, Reference, Severity};

/// What a check looks at.
pub struct Look<'l> {
    /// Events and facts.
    pub picture: &'l Picture<'l>,
    /// Places.
    pub places: &'l Places<'l>,
    /// Inputs.
    pub inputs: &'l [Input],
}

impl Look<'_> {
    fn setting(&self, program: &str, name: &str) -> Option<(&str, Reference)> {
        let setting = find(&self.picture.events.settings, program, name)?;
        let mut reference = self.places.reference(setting.input, setting.line, 0);
        reference.time = None;
        Some((setting.value.as_str(), reference))
    }
}

/// One check.
type Check = fn(&Look<'_>) -> Option<Finding>;

/// Every check.
pub const ALL: &[Check] =
    &[proxy_before_worker, lock_waits_not_logged, request_time_missing, cron_limit_too_short];

fn proxy_before_worker(look: &Look<'_>) -> Option<Finding> {
    let facts = look.picture.facts;
    let (proxy_s, limit_s) = (facts.proxy_read_timeout_s?, f64::from(facts.limit_time_real_s?));
    let refs = look.setting("odoo", "limit_time_real").map(|(_, reference)| reference).into_iter().collect();
    (proxy_s < limit_s).then(|| Finding {
        id: "proxy_timeout_below_worker_limit",
        severity: Severity::Minor,
        title: "The proxy gives up before the worker limit".to_owned(),
        detail: format!("proxy_read_timeout is {proxy_s:.0} s, limit_time_real {limit_s:.0} s: users get 504 while the worker goes on."),
        refs,
        fix: format!("proxy_read_timeout {:.0}s;", limit_s + 30.0),
    })
}

fn lock_waits_not_logged(look: &Look<'_>) -> Option<Finding> {
    let (value, reference) = look.setting("postgresql", "log_lock_waits")?;
    matches!(value, "off" | "false" | "no" | "0").then(|| Finding {
        id: "log_lock_waits_off",
        severity: Severity::Info,
        title: "Lock waits are not logged".to_owned(),
        detail: "Without them the session that held a lock can only be told from snapshots.".to_owned(),
        refs: vec![reference],
        fix: "log_lock_waits = on".to_owned(),
    })
}

fn request_time_missing(look: &Look<'_>) -> Option<Finding> {
    let access = look.inputs.iter().any(|input| input.source == Some(Source::NginxAccess));
    let timed = look.picture.events.access.iter().any(|access| access.request_time_us.is_some());
    (access && !timed).then(|| Finding {
        id: "request_time_not_logged",
        severity: Severity::Info,
        title: "The access log holds no $request_time".to_owned(),
        detail: "Latency, requests in flight, queueing and the exact onset cannot be told.".to_owned(),
        refs: Vec::new(),
        fix: "log_format timed '$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\" rt=$request_time uct=\"$upstream_connect_time\" urt=\"$upstream_response_time\" ua=\"$upstream_addr\" us=\"$upstream_status\"';".to_owned(),
    })
}

fn cron_limit_too_short(look: &Look<'_>) -> Option<Finding> {
    let texts = &look.picture.events.texts;
    let mut kills = look.picture.deaths.iter().filter(|death| {
        death.reason == Reason::RealTime
            && texts.get(death.class).contains("Cron")
            && death.limit_s.is_some_and(|limit| limit < 75)
    });
    let first = kills.next()?;
    let count = kills.count() + 1;
    (count >= 3).then(|| Finding {
        id: "cron_limit_below_idle_wait",
        severity: Severity::Minor,
        title: "Idle cron workers are killed for nothing".to_owned(),
        detail: format!("{count} cron workers were killed; a cron worker sleeps up to 70 s between pings, so a limit below that kills idle ones."),
        refs: vec![look.places.reference(first.input, first.line, first.us)],
        fix: "limit_time_real_cron = 300".to_owned(),
    })
}
