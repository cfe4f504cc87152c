//! Questions that both kinds of lock holder ask.

use super::items::{NEED_POSTGRES, NEED_SNAPSHOTS, considerable_s, either, holds, lock_share};
use super::measures::Measures;
use super::{Answer, Family, Item};
use crate::waits::Doing;

/// Sessions waited for locks.
pub const WAITS: Item = Item {
    asks: "three sessions or more waited for locks, for ten seconds or more in all",
    family: Family::Locks,
    present_db: 4.0,
    absent_db: -10.0,
    contradicted_db: -10.0,
    look: |m| {
        if m.locks.waits == 0
            && m.sources.listings < 2
            && !(m.sources.postgres_log && m.sources.lock_waits_logged)
        {
            return Answer::Unknown(NEED_SNAPSHOTS);
        }
        let statement = format!("{} waits for locks, {:.0} s in all", m.locks.waits, m.locks.waited_s);
        holds(m.locks.waits >= 3 && m.locks.waited_s >= 10.0, statement, m.locks.first.clone())
    },
};

/// Waiting for locks is what sessions were stuck in.
pub const SHARE: Item = Item {
    asks: "waiting for locks is most of the time sessions were stuck, and a fifth of the workers' time or that of two workers",
    family: Family::Locks,
    present_db: 5.0,
    absent_db: -6.0,
    contradicted_db: -10.0,
    look: |m| {
        let Some(share) = lock_share(m) else { return Answer::Unknown("where sessions were stuck") };
        let statement = format!("{:.0} % of the stuck time was waiting for locks", 100.0 * share);
        holds(share >= 0.5 && m.locks.waited_s >= considerable_s(m), statement, m.locks.first.clone())
    },
};

/// The chains of waits end in one session.
pub const ONE_ROOT: Item = Item {
    asks: "most of that waiting ends in one session",
    family: Family::Holder,
    present_db: 4.0,
    absent_db: -3.0,
    contradicted_db: -6.0,
    look: |m| {
        let locks = &m.locks;
        let Some(root) = &locks.root else {
            return Answer::Unknown(
                "who held the locks: no snapshot with pg_blocking_pids, no log_lock_waits",
            );
        };
        let statement = format!(
            "{:.0} % of the time waited for known holders was waited for backend {}",
            100.0 * locks.root_share,
            root.pid
        );
        let reference = locks.culprit.as_ref().and_then(|culprit| culprit.reference.clone());
        if locks.root_share >= 0.6 {
            Answer::Present(statement, reference)
        } else if locks.roots > 3 && locks.root_share < 0.3 {
            Answer::Contradicted(statement, reference)
        } else {
            Answer::Absent(statement, reference)
        }
    },
};

/// The holder was there first.
pub const BEFORE: Item = Item {
    asks: "the holder's transaction began before the first request was blocked",
    family: Family::Holder,
    present_db: 2.0,
    absent_db: -4.0,
    contradicted_db: -6.0,
    look: |m| {
        let locks = &m.locks;
        let Some(before_s) = locks.root_before_onset_s.filter(|_| locks.root_share >= 0.6) else {
            return Answer::Unknown("when the holder's transaction began");
        };
        let reference = locks.culprit.as_ref().and_then(|culprit| culprit.reference.clone());
        let statement = if before_s >= 0.0 {
            format!("the holder was at it {before_s:.0} s before the first blocked request arrived")
        } else {
            format!("the holder is first seen {:.0} s after the first blocked request arrived", -before_s)
        };
        either(before_s > -15.0, statement, reference)
    },
};

/// What the holder was doing while others waited.
pub fn doing(m: &Measures, wanted: Doing) -> Answer {
    let locks = &m.locks;
    let name = |doing: Doing| match doing {
        Doing::Idle => "idle in transaction",
        Doing::Running => "running a statement",
    };
    match (&locks.root, locks.share_doing(wanted)) {
        (Some(root), Some(share)) => {
            let reference = locks.culprit.as_ref().and_then(|culprit| culprit.reference.clone());
            let seen = root.doing.map_or("in an unknown state", name);
            let statement = format!(
                "backend {} was {seen}{}; {:.0} % of the time waited for known holders was waited for sessions {}",
                root.pid,
                if root.doing_basis.is_empty() { String::new() } else { format!(": {}", root.doing_basis) },
                100.0 * share,
                name(wanted)
            );
            either(share >= 0.6, statement, reference)
        }
        // Without the holder's name: a list of active sessions shows whether anybody ran as long as the oldest wait.
        _ if locks.waits >= 3 => match locks.running_as_long {
            Some(running) => {
                let statement = if running {
                    "an active session that waited for nobody ran as long as the oldest wait"
                } else {
                    "no active session ran as long as the oldest wait: the holder was idle"
                };
                holds(running == (wanted == Doing::Running), statement.to_owned(), locks.first.clone())
            }
            None => Answer::Unknown(NEED_SNAPSHOTS),
        },
        _ => Answer::Unknown(NEED_POSTGRES),
    }
}
