//! `proxy_timeout_too_short`: The proxy gave up sooner than the workers may take.

use super::measures::Measures;
use super::{Suspect, Weighed};
use crate::report::Kind;

/// The suspect.
pub struct ProxyTimeoutTooShort;

impl Suspect for ProxyTimeoutTooShort {
    fn id(&self) -> &'static str {
        "proxy_timeout_too_short"
    }

    fn summary(&self) -> &'static str {
        "The proxy gave up sooner than the workers may take."
    }

    fn next_step(&self) -> &'static str {
        "Raise proxy_read_timeout above limit_time_real (Odoo documents 720s)."
    }

    fn weigh(&self, m: &Measures, _kind: Kind) -> Weighed {
        let mut weighed = Weighed::default();
        let only_504 = m.http_504 > 0 && 10 * m.http_504 >= 9 * m.failed && m.kills == 0;
        weighed.say(
            only_504,
            5.0,
            6.0,
            format!("{} of {} failures are 504, {} workers were killed", m.http_504, m.failed, m.kills),
            Vec::new(),
        );
        if let Some((middle, spread)) = m.timeout_spread {
            weighed.say(
                spread < 0.2 && m.connect_timeouts.count == 0,
                5.0,
                4.0,
                format!("the 504s took {middle:.1} s, give or take {spread:.2} s"),
                Vec::new(),
            );
        }
        weighed
    }
}
