//! Which carrier and format a file has, told from its first bytes.

use std::borrow::Cow;

use crate::block::{bare, clean};
use crate::carrier::{self, Carrier, Peeled};
use crate::container;
use crate::format::{self, Context, Format, Sample};

/// Bytes looked at, from the beginning of the decompressed input.
pub const SAMPLE_BYTES: usize = 256 << 10;
/// Entries looked at.
const SAMPLE_ENTRIES: usize = 400;
/// A carrier must understand this share of the entries to be considered.
const CARRIER_SHARE: f64 = 0.8;

/// What a file was taken for.
pub struct Detected {
    /// The wrapping.
    pub carrier: &'static dyn Carrier,
    /// What is inside.
    pub format: Box<dyn Format>,
    /// Share (0 to 1) of the sample understood.
    pub score: f64,
}

/// Looks at the first bytes of an input. `name` is its file name, used only to break ties. `None`: not recognised.
#[must_use]
pub fn detect(head: &[u8], name: &str, context: &Context) -> Option<Detected> {
    let name = name.to_ascii_lowercase();
    let name = container::base_name(&name);
    let mut best: Option<Detected> = None;
    for carrier in carrier::ALL {
        let Some((entries, share)) = peel_sample(head, *carrier, SAMPLE_ENTRIES) else { continue };
        let lines = entries.into_iter().map(|peeled| peeled.payload).collect();
        let sample = Sample { lines, name };
        for definition in format::ALL {
            let Some(claim) = (definition.detect)(&sample, context) else { continue };
            let score = claim.score * share;
            // A later candidate must be clearly better: order is from the specific to the general.
            if claim.score >= 0.3 && best.as_ref().is_none_or(|known| score > known.score + 0.02) {
                best = Some(Detected { carrier: *carrier, format: claim.format, score });
            }
        }
    }
    best
}

/// The first entries, at most `limit`, with cleaned payloads, and the share that `carrier` understands; `None` if that is
/// too small.
pub(crate) fn peel_sample<'a>(
    head: &'a [u8],
    carrier: &dyn Carrier,
    limit: usize,
) -> Option<(Vec<Peeled<'a>>, f64)> {
    // The last line may be cut by the sample's end; leave it out unless it is the only one.
    let complete = match memchr::memrchr(b'\n', head) {
        Some(at) if head.len() >= SAMPLE_BYTES => head.get(..at).unwrap_or(head),
        _ => head.strip_suffix(b"\n").unwrap_or(head),
    };
    let (mut tried, mut good) = (0u32, 0u32);
    let mut lines = Vec::new();
    let mut start = 0;
    let mut at = 0;
    let mut first = true;
    for line in complete.split(|byte| *byte == b'\n') {
        let begin = at;
        at += line.len() + 1;
        if !first && !carrier.starts_entry(line) {
            continue;
        }
        if !first {
            let entry = complete.get(start..begin.saturating_sub(1)).unwrap_or_default();
            tally(carrier, entry, &mut tried, &mut good, &mut lines);
            if lines.len() >= limit {
                break;
            }
        }
        first = false;
        start = begin;
    }
    if lines.len() < limit {
        tally(carrier, complete.get(start..).unwrap_or_default(), &mut tried, &mut good, &mut lines);
    }
    let share = f64::from(good) / f64::from(tried.max(1));
    (good > 0 && share >= CARRIER_SHARE && carrier.suits(complete)).then_some((lines, share))
}

fn tally<'a>(
    carrier: &dyn Carrier,
    entry: &'a [u8],
    tried: &mut u32,
    good: &mut u32,
    lines: &mut Vec<Peeled<'a>>,
) {
    let (entry, _) = bare(entry);
    match carrier.peel(entry) {
        Ok(mut peeled) => {
            // Indented lines pass every journald text carrier: only its own stamp proves a carrier.
            let proven = peeled.outer.is_some() || peeled.program.is_some() || carrier.name() == "plain";
            *tried += u32::from(proven);
            *good += u32::from(proven);
            peeled.payload = clean(std::mem::replace(&mut peeled.payload, Cow::Borrowed(b"")));
            lines.push(peeled);
        }
        // Markers and lost messages belong to their carrier.
        Err("not_this_carrier" | "not_json") => *tried += u32::from(!entry.is_empty()),
        Err(_) => {}
    }
}
