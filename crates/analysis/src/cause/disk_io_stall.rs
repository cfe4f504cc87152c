//! `disk_io_stall`: Storage stalled.

use super::measures::Measures;
use super::{Suspect, Weighed};
use crate::report::Kind;

/// The suspect.
pub struct DiskIoStall;

impl Suspect for DiskIoStall {
    fn id(&self) -> &'static str {
        "disk_io_stall"
    }

    fn summary(&self) -> &'static str {
        "Storage stalled."
    }

    fn next_step(&self) -> &'static str {
        "Look at the volume (latency, credits, snapshots, a full disk); stop what writes to it."
    }

    fn weigh(&self, m: &Measures, _kind: Kind) -> Weighed {
        let mut weighed = Weighed::default();
        match m.io_wait {
            Some(wait) => {
                weighed.say(wait >= 25.0, 14.0, 10.0, format!("median I/O wait {wait:.0} %"), Vec::new())
            }
            None => weighed.unknown("I/O wait: no host metrics"),
        }
        weighed.say(
            m.checkpoint_sync_s >= 3.0,
            5.0,
            0.0,
            format!("longest checkpoint sync {:.1} s", m.checkpoint_sync_s),
            Vec::new(),
        );
        if m.snapshots > 0 {
            weighed.say(
                m.most_io_waiters >= 2,
                5.0,
                3.0,
                format!("at most {} sessions waiting for storage at once", m.most_io_waiters),
                Vec::new(),
            );
        }
        weighed
    }
}
