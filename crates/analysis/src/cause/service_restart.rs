//! `service_restart`: Odoo was restarted, briefly and without earlier trouble.

use super::measures::Measures;
use super::{Suspect, Weighed};
use crate::report::Kind;

/// The suspect.
pub struct ServiceRestart;

impl Suspect for ServiceRestart {
    fn id(&self) -> &'static str {
        "service_restart"
    }

    fn summary(&self) -> &'static str {
        "Odoo was restarted, briefly and without earlier trouble."
    }

    fn next_step(&self) -> &'static str {
        "Nothing to stabilise. Restart behind a drained proxy, or with two instances, to spare users the gap."
    }

    fn gate(&self, _m: &Measures, kind: Kind) -> bool {
        kind == Kind::ServiceRestart
    }
    fn weigh(&self, _m: &Measures, kind: Kind) -> Weighed {
        let mut weighed = Weighed::default();
        weighed.say(
            kind == Kind::ServiceRestart,
            20.0,
            20.0,
            "a stop and a start with failures only between them".to_owned(),
            Vec::new(),
        );
        weighed
    }
}
