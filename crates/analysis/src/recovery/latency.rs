//! Answers are as fast as before the incident.

use rustc_hash::FxHashMap;

use crate::events::Access;
use crate::statistics::quantile_of;

use super::criterion::{After, Bound, Criterion, LONGEST_SILENCE_US};
use super::series::{Series, Span, silences};

/// The 90th percentile of each request's time against the median of its own endpoint before the incident, so that a
/// change of the mix of endpoints is no change of latency: bad over twice the baseline's, good again at 1.25 times.
/// Without a baseline 2 s are the limit.
pub struct Latency;

/// Requests that a percentile needs.
const FEWEST: usize = 30;
/// Requests of one endpoint that make a baseline.
const FEWEST_OF_ENDPOINT: usize = 5;
/// Blocks are at least and at most this long, µs.
const BLOCK_US: Span = (60_000_000, 300_000_000);
const FIRE: f64 = 2.0;
const LOW: f64 = 1.25;
/// Limit without a baseline, seconds; a 90th percentile under a tenth of it is fast whatever it was before.
const ABSOLUTE_S: f64 = 2.0;

/// Medians by endpoint before the incident, µs, and the 90th percentile of the baseline's own ratios.
struct Baseline {
    medians: FxHashMap<(u32, u32), i64>,
    ratio: f64,
}

fn time_us(access: &Access) -> Option<i64> {
    access
        .request_time_us
        .get()
        .or(access.upstream_us.get())
        .filter(|_| !access.failed() && access.status != 499)
}

fn baseline(after: &After<'_>) -> Option<Baseline> {
    let mut times: FxHashMap<(u32, u32), Vec<i64>> = FxHashMap::default();
    for access in after.http(after.baseline) {
        if let Some(time) = time_us(access) {
            times.entry((access.method, access.path)).or_default().push(time);
        }
    }
    let medians: FxHashMap<(u32, u32), i64> = times
        .into_iter()
        .filter(|(_, times)| times.len() >= FEWEST_OF_ENDPOINT)
        .filter_map(|(key, mut times)| Some((key, quantile_of(&mut times, 0.5)?.max(1000))))
        .collect();
    let mut ratios: Vec<i64> =
        after.http(after.baseline).filter_map(|access| thousandths(access, &medians)).collect();
    let ratio = quantile_of(&mut ratios, 0.9).filter(|_| ratios.len() >= FEWEST)? as f64 / 1000.0;
    Some(Baseline { medians, ratio })
}

/// A request's time in thousandths of its endpoint's median.
fn thousandths(access: &Access, medians: &FxHashMap<(u32, u32), i64>) -> Option<i64> {
    let median = medians.get(&(access.method, access.path))?;
    Some(time_us(access)?.saturating_mul(1000) / median)
}

/// One block of requests: its span and its 90th percentile as a multiple of the baseline (or of 2 s).
struct Block {
    span: Span,
    value: f64,
    /// Behind its last request that was slower than the limit allows the 90th percentile.
    last_slow_us: i64,
}

fn blocks(after: &After<'_>, span: Span, baseline: Option<&Baseline>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut from = span.0;
    let (mut ratios, mut times): (Vec<i64>, Vec<i64>) = (Vec::new(), Vec::new());
    let slow = baseline.map_or(ABSOLUTE_S, |baseline| FIRE * baseline.ratio.max(1.0)) * 1000.0;
    let mut last_slow_us = from;
    for access in after.http(span) {
        let Some(time) = time_us(access) else { continue };
        match baseline {
            Some(baseline) => match thousandths(access, &baseline.medians) {
                Some(ratio) => ratios.push(ratio),
                None => continue,
            },
            None => ratios.push(time / 1000),
        }
        if ratios.last().is_some_and(|ratio| *ratio as f64 > slow) {
            last_slow_us = access.end_us.saturating_add(1);
        }
        times.push(time);
        let length = access.end_us - from;
        if length < BLOCK_US.0 || (ratios.len() < FEWEST && length < BLOCK_US.1) {
            continue;
        }
        if ratios.len() >= FEWEST {
            let ratio = quantile_of(&mut ratios, 0.9).unwrap_or(0) as f64 / 1000.0;
            let seconds = quantile_of(&mut times, 0.9).unwrap_or(0) as f64 / 1e6;
            let value = match baseline {
                Some(_) if seconds < ABSOLUTE_S / 10.0 => (ratio / FIRE).min(1.0),
                Some(baseline) => ratio / baseline.ratio.max(1.0),
                None => ratio / ABSOLUTE_S,
            };
            blocks.push(Block { span: (from, access.end_us), value, last_slow_us });
        }
        from = access.end_us;
        last_slow_us = from;
        ratios.clear();
        times.clear();
    }
    blocks
}

impl Criterion for Latency {
    fn id(&self) -> &'static str {
        "latency"
    }

    fn series(&self, after: &After<'_>) -> Series {
        let baseline = baseline(after);
        let blocks = blocks(after, after.rest(), baseline.as_ref());
        let (fire, low) = if baseline.is_some() { (FIRE, LOW) } else { (1.0, 1.0) };
        if blocks.is_empty() {
            return Series::absent();
        }
        let mut bad: Vec<Span> = Vec::new();
        let mut slow = false;
        for block in &blocks {
            slow = block.value > fire || (slow && block.value > low);
            if slow {
                bad.push((block.span.0, block.last_slow_us));
            }
        }
        let known: Vec<i64> = blocks.iter().flat_map(|block| [block.span.0, block.span.1]).collect();
        Series::new(bad, silences(&known, BLOCK_US.1), BLOCK_US.1.max(LONGEST_SILENCE_US))
    }

    fn bound(&self, after: &After<'_>, window: Span) -> Bound {
        let baseline = baseline(after);
        let blocks = blocks(after, window, baseline.as_ref());
        let worst = blocks.iter().map(|block| block.value).reduce(f64::max);
        let (limit, detail) = match (worst, &baseline) {
            (None, _) => (None, format!("fewer than {FEWEST} comparable requests in 5 min")),
            (Some(worst), Some(_)) => {
                (Some(FIRE), format!("90th percentile at most {worst:.2} × the time before the incident"))
            }
            (Some(worst), None) => {
                (Some(1.0), format!("no baseline; 90th percentile at most {:.1} s", worst * ABSOLUTE_S))
            }
        };
        Bound { enough: worst.is_some(), value: worst, limit, detail }
    }

    fn felt(&self) -> bool {
        true
    }
}
