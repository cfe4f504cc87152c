//! Actions through the public door.

use crate::detect::Picture;
use crate::events::{Events, OdooEvent, OdooFact, PostgresEvent, PostgresFact};
use crate::facts::Facts;
use crate::place::Places;
use crate::report::Action;

const SECOND: i64 = 1_000_000;

fn postgres(second: i64, pid: u32, fact: PostgresFact) -> PostgresEvent {
    PostgresEvent {
        us: second * SECOND,
        pid,
        application: 0,
        query: 0,
        fact,
        fingerprint: 0,
        input: 0,
        count: 1,
        line: 7,
    }
}

fn odoo(second: i64, pid: u32, fact: OdooFact) -> OdooEvent {
    OdooEvent { us: second * SECOND, pid, fact, fingerprint: 0, input: 0, count: 1, line: 7 }
}

fn find(events: &Events) -> Vec<Action> {
    let facts = Facts::of(events);
    let picture = Picture {
        events,
        deaths: &[],
        facts: &facts,
        window: (0, 10_000 * SECOND),
        spans: &[],
        streams: &[],
        ordering: &crate::align::Ordering::default(),
    };
    let labels = ["log".to_owned()];
    super::find(&picture, &Places { labels: &labels }, 0, 10_000 * SECOND)
}

fn kinds(events: &Events) -> Vec<(&'static str, i64)> {
    find(events).iter().map(|action| (action.kind, action.time.0 / SECOND)).collect()
}

#[test]
fn a_terminated_holder_is_named_as_the_root() {
    let waiting = |at, pid, holder| {
        postgres(at, pid, PostgresFact::StillWaiting { pid, waited_us: SECOND, holders: [holder].into() })
    };
    let events = Events {
        postgres: vec![
            waiting(100, 11, 10),
            waiting(101, 12, 10),
            waiting(102, 13, 12),
            postgres(200, 12, PostgresFact::Canceled { user: true }),
            postgres(200, 13, PostgresFact::Canceled { user: true }),
            postgres(210, 14, PostgresFact::Canceled { user: false }),
            postgres(300, 10, PostgresFact::Terminated { administrator: true }),
        ],
        ..Events::default()
    };
    let actions = find(&events);
    assert_eq!(kinds(&events), [("pg_cancel_backend", 200), ("pg_terminate_backend", 300)]);
    assert!(actions[0].detail.ends_with("the root blocker 10 was not among them"), "{}", actions[0].detail);
    assert!(actions[1].detail.contains("10 was the root blocker, 2 sessions"), "{}", actions[1].detail);
}

#[test]
fn a_server_that_shuts_down_is_one_action() {
    let events = Events {
        postgres: vec![
            postgres(100, 1, PostgresFact::ShuttingDown),
            postgres(100, 10, PostgresFact::Terminated { administrator: true }),
            postgres(101, 11, PostgresFact::Terminated { administrator: true }),
            postgres(102, 1, PostgresFact::ShuttingDown),
            postgres(109, 1, PostgresFact::Ready),
        ],
        ..Events::default()
    };
    assert_eq!(kinds(&events), [("postgres_restart", 100)]);
}

#[test]
fn stops_starts_and_force_are_told_apart() {
    let banner = || OdooFact::Banner { version: 0 };
    let start = |at, pid| [odoo(at, pid, banner()), odoo(at + 1, pid, OdooFact::HttpServiceRunning)];
    let with = |more: Vec<OdooEvent>| {
        let mut odoo = start(0, 1).to_vec();
        odoo.extend(more);
        Events { odoo, ..Events::default() }
    };
    let mut graceful = vec![odoo(500, 1, OdooFact::Stopping)];
    graceful.extend(start(505, 2));
    assert_eq!(kinds(&with(graceful)), [("odoo_restart", 500)]);
    let mut later = vec![odoo(500, 1, OdooFact::Stopping)];
    later.extend(start(900, 2));
    assert_eq!(kinds(&with(later)), [("odoo_stop", 500), ("odoo_start", 900)]);
    let mut forced = vec![odoo(500, 1, OdooFact::RegistryLoaded)];
    forced.extend(start(512, 2));
    assert_eq!(kinds(&with(forced)), [("odoo_restart", 500)]);
    let mut looping: Vec<OdooEvent> = (0..5).map(|at| odoo(500 + 6 * at, 1, banner())).collect();
    looping.push(odoo(525, 1, OdooFact::HttpServiceRunning));
    assert_eq!(kinds(&with(looping)), [("odoo_start", 524)]);
}

#[test]
fn the_bus_alone_is_told_from_a_crash_loop_and_from_the_service() {
    let bus = |at| odoo(at, 9, OdooFact::EventedServiceRunning);
    let mut events = Events {
        odoo: vec![odoo(0, 1, OdooFact::HttpServiceRunning), bus(3), bus(500), bus(900), bus(915), bus(930)],
        ..Events::default()
    };
    assert_eq!(kinds(&events), [("bus_restart", 500)]);
    events.odoo.insert(2, odoo(495, 1, OdooFact::HttpServiceRunning));
    assert!(kinds(&events).iter().all(|(kind, _)| *kind != "bus_restart"));
}
