//! What configuration and the logs themselves say of the deployment: limits, workers, timeouts.

use crate::events::{Events, OdooFact, Setting};

/// Facts of the deployment; `None` where nothing tells.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// `limit_time_real`, seconds: printed by a kill, else configured.
    pub limit_time_real_s: Option<u32>,
    /// `limit_time_real_cron`, seconds.
    pub limit_time_real_cron_s: Option<u32>,
    /// HTTP workers: configured, else seen.
    pub workers: Option<u32>,
    /// Shortest `proxy_read_timeout` outside the bus routes, seconds.
    pub proxy_read_timeout_s: Option<f64>,
    /// Shortest `proxy_connect_timeout` outside the bus routes, seconds.
    pub proxy_connect_timeout_s: Option<f64>,
    /// `db_maxconn`.
    pub db_maxconn: Option<u32>,
    /// `max_cron_threads`.
    pub max_cron_threads: Option<u32>,
    /// `max_connections` of PostgreSQL.
    pub max_connections: Option<u32>,
    /// Port of the evented process.
    pub gevent_port: Option<u16>,
    /// `http_port`.
    pub http_port: Option<u16>,
}

impl Facts {
    /// Reads the facts.
    #[must_use]
    pub fn of(events: &Events) -> Self {
        let odoo = |name: &str| {
            find(&events.settings, "odoo", name).and_then(|setting| setting.value.parse::<i64>().ok())
        };
        let postgres = |name: &str| {
            find(&events.settings, "postgresql session", name)
                .or_else(|| find(&events.settings, "postgresql", name))
                .and_then(|setting| setting.value.parse::<i64>().ok())
        };
        let unsigned = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok());
        let printed = events.odoo.iter().find_map(|event| match event.fact {
            OdooFact::Timeout { class, limit_s, .. } if !events.texts.get(class).contains("Cron") => {
                Some(limit_s)
            }
            _ => None,
        });
        let printed_cron = events.odoo.iter().find_map(|event| match event.fact {
            OdooFact::Timeout { class, limit_s, .. } if events.texts.get(class).contains("Cron") => {
                Some(limit_s)
            }
            _ => None,
        });
        let proxy = |directive: &str| {
            events
                .settings
                .iter()
                .filter(|setting| setting.program == "nginx" && setting.name.ends_with(directive))
                .filter(|setting| {
                    !setting.name.contains("websocket") && !setting.name.contains("longpolling")
                })
                .filter_map(|setting| seconds(&setting.value))
                .reduce(f64::min)
        };
        Facts {
            limit_time_real_s: printed.or(unsigned(odoo("limit_time_real"))),
            limit_time_real_cron_s: printed_cron.or(unsigned(odoo("limit_time_real_cron"))),
            workers: unsigned(odoo("workers"))
                .filter(|workers| *workers > 0)
                .or_else(|| seen_workers(events)),
            proxy_read_timeout_s: proxy("proxy_read_timeout"),
            proxy_connect_timeout_s: proxy("proxy_connect_timeout"),
            db_maxconn: unsigned(odoo("db_maxconn")),
            max_cron_threads: unsigned(odoo("max_cron_threads")),
            max_connections: unsigned(postgres("max_connections")),
            gevent_port: odoo("gevent_port")
                .or(odoo("longpolling_port"))
                .and_then(|port| u16::try_from(port).ok()),
            http_port: odoo("http_port").or(odoo("xmlrpc_port")).and_then(|port| u16::try_from(port).ok()),
        }
    }

    /// The limit in force, or Odoo's default of 120 s.
    #[must_use]
    pub fn limit_us(&self) -> i64 {
        i64::from(self.limit_time_real_s.unwrap_or(120)) * 1_000_000
    }
}

/// The last setting of that name.
#[must_use]
pub fn find<'e>(settings: &'e [Setting], program: &str, name: &str) -> Option<&'e Setting> {
    settings.iter().rev().find(|setting| setting.program == program && setting.name == name)
}

/// Most HTTP workers that lived at once, by their first and last sign: a floor for the number of workers.
fn seen_workers(events: &Events) -> Option<u32> {
    // One life of a pid: signs further apart than this belong to two, µs.
    const PAUSE_US: i64 = 600_000_000;
    let mut signs: Vec<(u32, i64)> = events
        .served
        .iter()
        .filter(|request| !request.evented)
        .map(|request| (request.pid, request.end_us))
        .collect();
    signs.sort_unstable();
    let mut steps: Vec<(i64, i32)> = Vec::new();
    for life in signs.chunk_by(|a, b| a.0 == b.0 && b.1 - a.1 < PAUSE_US) {
        if let (Some((_, first)), Some((_, last))) = (life.first(), life.last()) {
            steps.push((*first, 1));
            steps.push((*last + 1, -1));
        }
    }
    steps.sort_unstable();
    let (mut level, mut most) = (0i32, 0i32);
    for (_, step) in steps {
        level += step;
        most = most.max(level);
    }
    u32::try_from(most).ok().filter(|count| *count > 0)
}

/// An nginx or PostgreSQL time such as `720s`, `2m`, `1min`, `500ms`; bare numbers are seconds.
#[must_use]
pub fn seconds(value: &str) -> Option<f64> {
    let value = value.trim();
    let split =
        value.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(value.len());
    let (number, unit) = value.split_at_checked(split)?;
    let scale = match unit.trim() {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|number| number * scale)
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_with_units() {
        assert_eq!(super::seconds("720s"), Some(720.0));
        assert_eq!(super::seconds("1min"), Some(60.0));
        assert_eq!(super::seconds("250ms"), Some(0.25));
        assert_eq!(super::seconds("12 parsecs"), None);
    }
}
