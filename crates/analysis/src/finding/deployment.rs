//! What several checks ask of the deployment: the worker limit, prefork or threads, ports, the bus's path.

use super::Look;
use super::values::Value;
use crate::events::{Access, Lane, OdooFact};
use crate::lives::Reason;
use crate::report::Reference;

/// The limit on a request's real time.
pub struct WorkerLimit {
    /// Seconds.
    pub seconds: f64,
    /// How a report says it.
    pub said: String,
    /// Where it stands.
    pub reference: Reference,
}

impl Look<'_> {
    /// `limit_time_real`: as a kill printed it, since that is in force, else as configured.
    #[must_use]
    pub fn worker_limit(&self) -> Option<WorkerLimit> {
        let texts = &self.picture.events.texts;
        let printed = self.picture.deaths.iter().find(|death| {
            death.reason == Reason::RealTime
                && death.limit_s.is_some()
                && !texts.get(death.class).contains("Cron")
        });
        if let Some(death) = printed
            && let Some(limit) = death.limit_s.filter(|limit| *limit > 0)
        {
            return Some(WorkerLimit {
                seconds: f64::from(limit),
                said: format!("the worker limit is {limit} s"),
                reference: self.places.reference(death.input, death.line, death.us),
            });
        }
        let value = self.odoo("limit_time_real")?;
        let seconds = value.integer().filter(|limit| *limit > 0)? as f64;
        Some(WorkerLimit { seconds, said: value.said, reference: value.reference })
    }

    /// Where the log shows a prefork HTTP worker.
    #[must_use]
    pub fn prefork_seen(&self) -> Option<Reference> {
        let events = self.picture.events;
        events.odoo.iter().find_map(|event| {
            let (OdooFact::Alive { class, .. } | OdooFact::Timeout { class, .. }) = event.fact else {
                return None;
            };
            (events.texts.get(class) == "WorkerHTTP")
                .then(|| self.places.reference(event.input, event.line, event.us))
        })
    }

    /// Whether Odoo runs prefork workers; `None` if nothing tells.
    #[must_use]
    pub fn prefork(&self) -> Option<bool> {
        if self.prefork_seen().is_some() {
            return Some(true);
        }
        Some(self.odoo("workers")?.integer()? > 0)
    }

    /// Ports of the workers and of the evented process; Odoo's own if no `odoo.conf` was captured.
    #[must_use]
    pub fn ports(&self) -> Option<(u16, u16)> {
        let port = |name: &str, usual: u16| {
            if self.files_of_odoo() == 0 {
                return Some(usual);
            }
            self.odoo(name)?.text.trim().parse().ok()
        };
        Some((port("http_port", 8069)?, port("gevent_port", 8072)?))
    }

    /// Number of `odoo.conf` files read.
    fn files_of_odoo(&self) -> usize {
        let settings = &self.picture.events.settings;
        settings
            .chunk_by(|a, b| a.input == b.input)
            .filter(|file| file.first().is_some_and(|setting| setting.program == "odoo"))
            .count()
    }

    /// The bus's path: `/websocket` since Odoo 16, `/longpolling/poll` before; by the version printed, else by what
    /// clients ask for.
    #[must_use]
    pub fn bus_path(&self) -> Option<&'static str> {
        let events = self.picture.events;
        let version = events.odoo.iter().find_map(|event| match event.fact {
            OdooFact::Banner { version } => major_version(events.texts.get(version)),
            _ => None,
        });
        if let Some(version) = version {
            return Some(if version >= 16 { "/websocket" } else { "/longpolling/poll" });
        }
        let paths = events
            .access
            .iter()
            .filter(|access| access.lane == Lane::Bus)
            .map(|access| access.path)
            .chain(events.served.iter().map(|served| served.path));
        paths.map(|path| events.texts.get(path)).find_map(|path| {
            let own = ["/websocket", "/longpolling/poll"];
            own.into_iter().find(|own| path == *own)
        })
    }

    /// Whether websockets are upgraded: the last one that was came after the last one that failed. Then the route works,
    /// whatever the files seem to say. (A route may break in the course of a capture.)
    #[must_use]
    pub fn upgraded(&self) -> bool {
        let events = self.picture.events;
        let last = |wanted: fn(u16) -> bool| {
            let handshakes =
                events.access.iter().filter(|access| access.lane == Lane::Bus && wanted(access.status));
            let websockets = handshakes.filter(|access| events.texts.get(access.path) == "/websocket");
            websockets.map(Access::arrival_us).max()
        };
        let upgraded = last(|status| status == 101);
        upgraded.is_some() && upgraded >= last(|status| status >= 400)
    }

    /// `max_cron_threads` and `workers`, if Odoo runs prefork with known numbers.
    #[must_use]
    pub fn processes(&self) -> Option<(Value, Value)> {
        let workers =
            self.odoo("workers").filter(|workers| workers.integer().is_some_and(|count| count > 0))?;
        Some((workers, self.odoo("max_cron_threads")?))
    }
}

/// The major version in `17.0`, `saas~16.3` or `15.0-20230101`.
fn major_version(text: &str) -> Option<u32> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let digits: String = text.get(start..)?.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn versions() {
        assert_eq!(super::major_version("17.0"), Some(17));
        assert_eq!(super::major_version("saas~16.3+e"), Some(16));
        assert_eq!(super::major_version("15.0-20230101"), Some(15));
        assert_eq!(super::major_version("master"), None);
    }
}
