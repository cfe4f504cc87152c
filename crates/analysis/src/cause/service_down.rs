//! `service_down`: Nothing listened on Odoo's port.

use super::measures::Measures;
use super::{Suspect, Weighed};
use crate::report::Kind;

/// The suspect.
pub struct ServiceDown;

impl Suspect for ServiceDown {
    fn id(&self) -> &'static str {
        "service_down"
    }

    fn summary(&self) -> &'static str {
        "Nothing listened on Odoo's port."
    }

    fn next_step(&self) -> &'static str {
        "Start Odoo; read the end of its log and of the journal for why it went down."
    }

    fn gate(&self, _m: &Measures, kind: Kind) -> bool {
        kind == Kind::ServiceOutage
    }
    fn weigh(&self, m: &Measures, kind: Kind) -> Weighed {
        let mut weighed = Weighed::default();
        weighed.say(
            kind == Kind::ServiceOutage,
            20.0,
            20.0,
            "requests were refused at once, none was served".to_owned(),
            Vec::new(),
        );
        weighed.count(&m.refused, 3, 10.0, 0.0, "upstream connections refused");
        weighed
    }
}
