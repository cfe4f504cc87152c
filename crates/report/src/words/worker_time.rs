//! Saturation and the workers' time, in words.

use stormtrace_analysis::report::{Division, Reference, Saturation, WorkerTime};

use super::{count, duration, percent, plural};

/// Divisions in the order in which they are read, with the rows shown of each.
pub const DIVISIONS: &[(&str, &str, usize)] = &[
    ("activity", "what they were doing", 6),
    ("root_blocker", "whom they waited for", 3),
    ("endpoint", "endpoint", 6),
    ("query", "statement", 3),
    ("outcome", "what came of it", 3),
    ("cron_job", "scheduled job, in workers of their own", 3),
];

/// The division of that name.
pub fn division<'t>(time: &'t WorkerTime, by: &str) -> Option<&'t Division> {
    time.divisions.iter().find(|division| division.by == by)
}

/// One row as shown: name, worker time, share of the capacity (0 to 1), count, place.
pub type Row<'t> = (String, f64, Option<f64>, Option<u64>, Option<&'t Reference>);

/// The first rows, then those that are not shown as one, then what nothing tells.
pub fn rows<'t>(time: &WorkerTime, division: &'t Division, shown: usize) -> Vec<Row<'t>> {
    let mut rows: Vec<Row<'t>> = division
        .rows
        .iter()
        .take(shown)
        .map(|row| {
            (row.name.clone(), row.worker_s, row.share_of_capacity, Some(row.count), row.reference.as_ref())
        })
        .collect();
    let share = |seconds: f64| {
        let known = division.rows.iter().any(|row| row.share_of_capacity.is_some());
        time.capacity_worker_s.filter(|capacity| known && *capacity > 0.0).map(|capacity| seconds / capacity)
    };
    let hidden = division.rows.len().saturating_sub(shown);
    let others: f64 = division.rows.iter().skip(shown).map(|row| row.worker_s).sum();
    let others = others + division.others_worker_s;
    if hidden > 0 || others >= 0.5 {
        rows.push(("all others".to_owned(), others, share(others), None, None));
    }
    if let Some(rest) = division.unattributed_worker_s.filter(|rest| *rest >= 0.5) {
        rows.push(("nothing tells".to_owned(), rest, share(rest), None, None));
    }
    rows
}

/// `24 min of 24 min 7 s of worker time were taken (100 %)`.
pub fn worker_time(time: &WorkerTime) -> String {
    match time.capacity_worker_s.filter(|capacity| *capacity > 0.0) {
        Some(capacity) => format!(
            "{} of {} of worker time were taken ({})",
            duration(time.busy_worker_s),
            duration(capacity),
            percent(time.busy_worker_s / capacity)
        ),
        None => format!(
            "{} of worker time were taken; of how many workers is not known",
            duration(time.busy_worker_s)
        ),
    }
}

/// What is said of saturation, each with its places.
pub fn saturation(saturation: &Saturation) -> Vec<(String, &[Reference])> {
    let mut said: Vec<(String, &[Reference])> =
        saturation.signs.iter().map(|sign| (sign.statement.clone(), sign.refs.as_slice())).collect();
    if saturation.saturated == Some(false) {
        said.push((
            "the workers were never all busy for 8 s, and the accept queue did not overflow".to_owned(),
            &[],
        ));
    }
    if let (Some(p95), Some(longest)) = (saturation.queue_wait_p95_s, saturation.queue_wait_max_s)
        && longest >= 1.0
    {
        said.push((
            format!("wait for a worker: 95th percentile {}, longest {}", duration(p95), duration(longest)),
            &[],
        ));
    }
    if let (Some(ghosts), Some(seconds)) = (saturation.ghost_requests, saturation.ghost_worker_s)
        && ghosts > 0
    {
        said.push((
            format!(
                "{} executed for nobody, after the client had been given up on: {} of worker time",
                plural(ghosts, "request was", "requests were"),
                duration(seconds)
            ),
            &[],
        ));
    }
    let order = &saturation.order;
    if !order.answer.is_empty() {
        let answer = match order.answer {
            "before" => "latency rose before the processors were saturated",
            "not_before" => "latency did not rise before the processors were saturated",
            _ => "whether latency rose before the processors were saturated cannot be decided",
        };
        said.push((format!("{answer}: {}", order.reason), order.refs.as_slice()));
    }
    said
}

/// A count, or a dash where rows were summed.
pub fn counted(value: Option<u64>) -> String {
    value.map_or_else(|| "–".to_owned(), count)
}
