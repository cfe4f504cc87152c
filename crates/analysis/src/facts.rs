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
        let proxy = events
            .settings
            .iter()
            .filter(|setting| setting.program == "nginx" && setting.name.ends_with("proxy_read_timeout"))
            .filter(|setting| !setting.name.contains("websocket") && !setting.name.contains("longpolling"))
            .filter_map(|setting| seconds(&setting.value))
            .reduce(f64::min);
        Facts {
            limit_time_real_s: printed.or(unsigned(odoo("limit_time_real"))),
            limit_time_real_cron_s: printed_cron.or(unsigned(odoo("limit_time_real_cron"))),
            workers: unsigned(odoo("workers"))
                .filter(|workers| *workers > 0)
                .or_else(|| seen_workers(events)),
            proxy_read_timeout_s: proxy,
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

/// Distinct pids that served requests in the busiest minute: a floor for the number of workers.
fn seen_workers(events: &Events) -> Option<u32> {
    let mut best = 0;
    let mut minute = i64::MIN;
    let mut pids: Vec<u32> = Vec::new();
    for request in events.served.iter().filter(|request| !request.evented) {
        let at = request.end_us.div_euclid(60_000_000);
        if at != minute {
            minute = at;
            pids.clear();
        }
        if !pids.contains(&request.pid) && pids.len() < 1000 {
            pids.push(request.pid);
            best = best.max(pids.len());
        }
    }
    u32::try_from(best).ok().filter(|count| *count > 0)
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
