use super::*;
use crate::events::{KernelKill, OdooEvent, OdooFact, Served};
use crate::texts::Texts;
use stormtrace_logs::record::Exception;

const MASTER: u32 = 1;

/// Facts by second and writer; each on a line of its own unless it repeats the line number.
fn events(facts: &[(i64, u32, OdooFact)]) -> Events {
    let mut texts = Texts::default();
    assert_eq!((texts.add("WorkerHTTP"), texts.add("WorkerCron")), (1, 2));
    let mut events = Events { texts, ..Events::default() };
    let mut line = 0;
    for (second, pid, fact) in facts {
        // An exception is part of the record before it.
        line += u64::from(!matches!(fact, OdooFact::Raised(_)));
        let us = second * SECOND_US;
        events.odoo.push(OdooEvent { us, pid: *pid, fact: *fact, fingerprint: 0, input: 0, count: 1, line });
    }
    events
}

fn served(events: &mut Events, pid: u32, seconds: &[i64]) {
    for second in seconds {
        events.served.push(Served {
            end_us: second * SECOND_US,
            pid,
            status: 200,
            path: 0,
            method: 0,
            client: 0,
            query_us: None.into(),
            remaining_us: None.into(),
            evented: false,
            fingerprint: 0,
            input: 0,
            count: 1,
            line: 1000,
        });
    }
    events.served.sort_by_key(|request| request.end_us);
}

fn alive(second: i64, pid: u32) -> (i64, u32, OdooFact) {
    (second, pid, OdooFact::Alive { class: 1, pid })
}

fn exiting(second: i64, pid: u32) -> (i64, u32, OdooFact) {
    (second, pid, OdooFact::Exiting { pid, request_count: 7 })
}

fn reasons(events: &Events) -> Vec<(u32, Option<&'static str>)> {
    let lives = Lives::of(events, &[0]);
    lives.list.iter().map(|life| (life.pid, life.end.map(|end| end.reason.name()))).collect()
}

#[test]
fn each_end_has_its_reason() {
    let facts = [
        (0, MASTER, OdooFact::HttpServiceRunning),
        alive(1, 10),
        alive(1, 11),
        alive(1, 12),
        alive(1, 13),
        alive(1, 14),
        alive(1, 15),
        (100, MASTER, OdooFact::Timeout { class: 1, pid: 10, limit_s: 120 }),
        (104, MASTER, OdooFact::Timeout { class: 1, pid: 10, limit_s: 120 }),
        (110, 11, OdooFact::MaxRequests { pid: 11 }),
        exiting(110, 11),
        (120, 12, OdooFact::WorkerException { pid: 12 }),
        (120, 12, OdooFact::Raised(Exception::MemoryError)),
        (130, 13, OdooFact::WorkerException { pid: 13 }),
        exiting(140, 14),
    ];
    assert_eq!(
        reasons(&events(&facts)),
        [
            (1, None),
            (10, Some("real_time")),
            (11, Some("max_requests")),
            (12, Some("memory_hard")),
            (13, Some("exception")),
            (14, Some("signal")),
            (15, None)
        ]
    );
    let lives = Lives::of(&events(&facts), &[0]);
    let deaths: Vec<(u32, u64)> = lives.deaths().iter().map(|death| (death.pid, death.lines)).collect();
    assert_eq!(deaths, [(10, 2), (11, 1), (12, 1)], "an exception and a signal are no limit's work");
    assert_eq!(lives.list.iter().find(|life| life.pid == 11).and_then(|life| life.request_count), Some(7));
}

#[test]
fn a_memory_error_that_the_request_survives_ends_nobody() {
    let facts = [alive(1, 10), (5, 10, OdooFact::Raised(Exception::MemoryError))];
    assert_eq!(reasons(&events(&facts)), [(10, None)]);
}

#[test]
fn a_pid_that_comes_again_is_another_life() {
    let mut events = events(&[alive(1, 10), exiting(50, 10), alive(60, 10)]);
    served(&mut events, 10, &[20, 30, 70]);
    let lives = Lives::of(&events, &[0]);
    let requests: Vec<u64> = lives.list.iter().map(|life| life.requests).collect();
    assert_eq!(requests, [2, 1]);
}

#[test]
fn who_goes_with_the_server_is_not_killed() {
    let graceful = [
        (0, MASTER, OdooFact::HttpServiceRunning),
        alive(1, 10),
        alive(1, 11),
        (50, MASTER, OdooFact::Stopping),
        exiting(51, 10),
        (60, 2, OdooFact::HttpServiceRunning),
        alive(61, 20),
    ];
    let of = |pid: u32, facts: &[(i64, u32, OdooFact)]| {
        reasons(&events(facts)).into_iter().find(|(own, _)| *own == pid).and_then(|(_, reason)| reason)
    };
    assert_eq!(of(10, &graceful), Some("graceful"));
    assert_eq!(of(11, &graceful), Some("graceful"), "the start finds it gone");
    assert_eq!(of(20, &graceful), None);
    let crash: Vec<_> = graceful.iter().copied().filter(|(second, ..)| !(50..=51).contains(second)).collect();
    assert_eq!(of(10, &crash), Some("vanished"), "nobody told the server to stop");
    let mut forced = graceful;
    forced[3].2 = OdooFact::StoppingForcefully;
    assert_eq!(of(11, &forced), Some("signal"));
}

#[test]
fn a_second_server_in_one_log_ends_nobody() {
    let mut events = events(&[
        (0, MASTER, OdooFact::HttpServiceRunning),
        alive(1, 10),
        alive(1, 11),
        (60, 2, OdooFact::HttpServiceRunning),
    ]);
    served(&mut events, 10, &[20, 200]);
    assert!(reasons(&events).iter().all(|(_, reason)| reason.is_none()));
}

#[test]
fn a_replacement_without_an_end_tells_of_one_that_vanished() {
    let mut facts =
        vec![(0, MASTER, OdooFact::HttpServiceRunning), alive(1, 10), alive(1, 11), alive(200, 12)];
    let events_of = |last: &[i64]| {
        let mut events = events(&facts);
        served(&mut events, 10, &[100, 190, 220]);
        served(&mut events, 11, last);
        events
    };
    let one = events_of(&[150]);
    assert!(reasons(&one).contains(&(11, Some("vanished"))), "{:?}", reasons(&one));
    let both = events_of(&[150, 300]);
    let lives = Lives::of(&both, &[0]);
    assert!(lives.list.iter().all(|life| life.end.is_none()), "both spoke later: nothing tells who it was");
    assert_eq!(lives.unnamed.len(), 1);
    facts.insert(3, (199, MASTER, OdooFact::Timeout { class: 1, pid: 11, limit_s: 120 }));
    let told = events(&facts);
    assert!(Lives::of(&told, &[0]).unnamed.is_empty());
}

#[test]
fn the_kernel_ends_the_life_that_had_the_pid() {
    let mut events = events(&[alive(1, 10), alive(1, 11)]);
    let name = events.texts.add("postgres");
    for pid in [10, 99] {
        events.kernel.push(KernelKill { us: 50 * SECOND_US, pid, name, input: 1, line: 3 });
    }
    assert_eq!(reasons(&events), [(10, Some("oom_killer")), (11, None)], "a foreign process is no worker");
}

#[test]
fn a_process_that_only_its_requests_show_is_a_life() {
    let mut events = Events::default();
    served(&mut events, 10, &[20, 30]);
    let lives = Lives::of(&events, &[0]);
    assert_eq!(lives.list.len(), 1);
    assert_eq!((lives.list[0].role, lives.list[0].requests), (Role::Http, 2));
}
