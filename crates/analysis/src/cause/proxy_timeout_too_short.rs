//! `proxy_timeout_too_short`: the proxy gave up sooner than the workers may take (methods 4). A misconfiguration shapes
//! symptoms more often than it starts them: beside another trigger it is an amplifier.

use super::items::{DATABASE_IDLE, NEED_ODOO_INFO, arrivals, counted, either, holds};
use super::{Answer, Family, Item, Suspect, nobody};
use crate::report::Role;

/// The suspect.
pub const SUSPECT: Suspect = Suspect {
    id: "proxy_timeout_too_short",
    summary: "The proxy gave up sooner than the workers may take.",
    next_step: "Raise proxy_read_timeout above limit_time_real (Odoo documents 720s).",
    needs: "the access log with $request_time, nginx.conf and odoo.conf; the Odoo log at info shows the finished work",
    gate: None,
    items: &[
        Item {
            asks: "nine of ten failures are 504, no worker was killed",
            family: Family::Requests,
            present_db: 5.0,
            absent_db: -6.0,
            contradicted_db: -8.0,
            look: |m| {
                let requests = &m.requests;
                if !m.sources.odoo {
                    return Answer::Unknown(NEED_ODOO_INFO);
                }
                let statement = format!(
                    "{} of {} failures are 504, {} workers were killed",
                    requests.http_504.count, requests.failed, m.ends.http_kills.count
                );
                let only = requests.http_504.count > 0
                    && 10 * requests.http_504.count >= 9 * requests.failed
                    && 20 * m.ends.http_kills.count <= requests.http_504.count;
                either(only, statement, requests.http_504.first.clone())
            },
        },
        Item {
            asks: "they took one and the same time, that of the proxy, in the hands of a worker",
            family: Family::Requests,
            present_db: 4.0,
            absent_db: -4.0,
            contradicted_db: -6.0,
            look: |m| match m.requests.timeout_spread_s {
                Some((middle, spread)) => {
                    let queued = m.requests.connect_timeouts.count;
                    let statement = format!(
                        "the 504s took {middle:.1} s, give or take {spread:.2} s; {queued} gave up before a worker took them"
                    );
                    let at_limit = m.proxy_read_timeout_s.is_none_or(|limit| (middle - limit).abs() < 1.0);
                    holds(
                        spread < 0.2 && at_limit && queued == 0,
                        statement,
                        m.requests.http_504.first.clone(),
                    )
                }
                None => Answer::Unknown("$request_time in the access log"),
            },
        },
        Item {
            asks: "workers finished requests that the proxy had given up on",
            family: Family::OdooMessages,
            present_db: 6.0,
            absent_db: -5.0,
            contradicted_db: -5.0,
            look: |m| {
                if !m.sources.odoo_info {
                    return Answer::Unknown(NEED_ODOO_INFO);
                }
                if m.proxy_read_timeout_s.is_none() && m.requests.timeout_spread_s.is_none() {
                    return Answer::Unknown("nginx.conf: how long the proxy waits");
                }
                let answer = counted(
                    &m.requests.beyond_proxy,
                    3,
                    "requests were finished by a worker that needed longer than the proxy waits",
                );
                match answer {
                    // Most of what was given up was finished: the work was sound.
                    Answer::Present(statement, reference)
                        if 4 * m.requests.beyond_proxy.count < m.requests.http_504.count =>
                    {
                        Answer::Absent(
                            format!("{statement}; {} were answered 504", m.requests.http_504.count),
                            reference,
                        )
                    }
                    other => other,
                }
            },
        },
        Item {
            asks: "no more requests arrived than usual",
            family: Family::Arrivals,
            present_db: 1.0,
            absent_db: -6.0,
            contradicted_db: -6.0,
            look: |m| match arrivals(m) {
                Ok(factor) => either(
                    factor < 1.8,
                    format!("requests arrived at {factor:.1} times the earlier rate"),
                    None,
                ),
                Err(unknown) => unknown,
            },
        },
        Item {
            asks: "the proxy waits less than limit_time_real",
            family: Family::Configuration,
            present_db: 3.0,
            absent_db: -8.0,
            contradicted_db: -10.0,
            look: |m| match (m.proxy_read_timeout_s, m.limit_time_real_s) {
                (Some(proxy_s), Some(limit_s)) => either(
                    proxy_s < f64::from(limit_s),
                    format!("proxy_read_timeout {proxy_s:.0} s, limit_time_real {limit_s} s"),
                    None,
                ),
                _ => Answer::Unknown("nginx.conf and odoo.conf: how long proxy and worker wait"),
            },
        },
        Item { present_db: 1.0, absent_db: -6.0, contradicted_db: -6.0, ..DATABASE_IDLE },
    ],
    explained_by: &[
        ("traffic_surge", |_| true),
        ("slow_queries", |m| m.ends.http_kills.count > 0),
        ("memory_recycling", |_| true),
        ("disk_io_stall", |_| true),
    ],
    beside: |_| Role::Amplifier,
    culprit: nobody,
};
