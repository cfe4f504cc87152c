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
    /// What else it could be taken for, next best.
    pub runner_up: Option<RunnerUp>,
}

/// A reading that lost.
#[derive(Debug, Clone, PartialEq)]
pub struct RunnerUp {
    /// Name of the carrier.
    pub carrier: &'static str,
    /// Name of the format.
    pub format: String,
    /// As [`Detected::score`].
    pub score: f64,
}

/// Looks at the first bytes of an input. `name` is its file name, used only to break ties. `None`: not recognised; an
/// empty input says nothing.
#[must_use]
pub fn detect(head: &[u8], name: &str, context: &Context) -> Option<Detected> {
    if head.is_empty() {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let name = container::base_name(&name);
    let head = Head::of(head);
    let mut best: Option<Detected> = None;
    let mut others: Vec<RunnerUp> = Vec::new();
    for carrier in carrier::ALL {
        let Some((entries, share)) = peel_sample(head, *carrier, SAMPLE_ENTRIES) else { continue };
        let lines = entries.into_iter().map(|peeled| peeled.payload).collect();
        let sample = Sample { lines, name };
        for definition in format::ALL {
            let Some(claim) = (definition.detect)(&sample, context) else { continue };
            let score = claim.score * share;
            if claim.score < 0.3 {
                continue;
            }
            // A later candidate must be clearly better: order is from the specific to the general.
            let lost = if best.as_ref().is_none_or(|known| score > known.score + 0.02) {
                best.replace(Detected { carrier: *carrier, format: claim.format, score, runner_up: None })
            } else {
                Some(Detected { carrier: *carrier, format: claim.format, score, runner_up: None })
            };
            others.extend(lost.map(|lost| RunnerUp {
                carrier: lost.carrier.name(),
                format: lost.format.name(),
                score: lost.score,
            }));
        }
    }
    let mut best = best?;
    let same = |other: &RunnerUp| other.format == best.format.name() && other.carrier == best.carrier.name();
    // Of equals the first.
    best.runner_up =
        others.into_iter().rev().filter(|other| !same(other)).max_by(|a, b| a.score.total_cmp(&b.score));
    Some(best)
}

/// A reading that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Name of a format as reports or [`format::ALL`] have it, or of its family: `nginx-access` for
    /// `nginx-access:combined`.
    pub format: String,
    /// Name of a carrier; `None`: whichever fits best.
    pub carrier: Option<String>,
}

/// Lines that a format must understand together to be taken on request.
const WANTED_LINES: usize = 8;

/// Reads the first bytes of an input as what was asked for, also where most of it is something else. `None`: no stretch of
/// it reads as that.
#[must_use]
pub fn detect_as(head: &[u8], name: &str, context: &Context, wanted: &Wanted) -> Option<Detected> {
    let name = name.to_ascii_lowercase();
    let name = container::base_name(&name);
    let suits = |format: &str| {
        format
            .strip_prefix(wanted.format.as_str())
            .is_some_and(|variant| variant.is_empty() || variant.starts_with(':'))
    };
    let head = Head::of(head);
    let mut best: Option<Detected> = None;
    for carrier in carrier::ALL {
        let told = wanted.carrier.as_deref().map(|told| told == carrier.name());
        if told == Some(false) {
            continue;
        }
        let (entries, share, enough) = peel_entries(head, *carrier, SAMPLE_ENTRIES, told.is_some());
        if entries.is_empty() || (told.is_none() && !enough) {
            continue;
        }
        let lines: Vec<Cow<'_, [u8]>> = entries.into_iter().map(|peeled| peeled.payload).collect();
        // The whole first; where that is no claim, the first stretch that is.
        let stretches = std::iter::once(lines.as_slice()).chain(lines.chunks(WANTED_LINES));
        let claim = stretches.into_iter().find_map(|stretch| {
            let sample = Sample { lines: stretch.to_vec(), name };
            let claims = format::ALL.iter().filter_map(|definition| {
                let claim = (definition.detect)(&sample, context)?;
                (definition.name == wanted.format || suits(&claim.format.name())).then_some(claim)
            });
            claims
                .map(|claim| {
                    let part = stretch.len() as f64 / lines.len().max(1) as f64;
                    (claim.score * part * share, claim.format)
                })
                .max_by(|a, b| a.0.total_cmp(&b.0))
        });
        if let Some((score, format)) = claim
            && best.as_ref().is_none_or(|known| score > known.score + 0.02)
        {
            best = Some(Detected { carrier: *carrier, format, score, runner_up: None });
        }
    }
    best
}

/// The first bytes of an input, up to the end of a line.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    text: &'a [u8],
    /// Ends of lines in it.
    newlines: usize,
}

impl<'a> Head<'a> {
    pub(crate) fn of(head: &'a [u8]) -> Self {
        // The last line may be cut by the sample's end; leave it out unless it is the only one.
        let text = match memchr::memrchr(b'\n', head) {
            Some(at) if head.len() >= SAMPLE_BYTES => head.get(..at).unwrap_or(head),
            _ => head.strip_suffix(b"\n").unwrap_or(head),
        };
        Head { text, newlines: memchr::memchr_iter(b'\n', text).count() }
    }
}

/// The first entries, at most `limit`, with cleaned payloads, and the share that `carrier` understands; `None` if that is
/// too small.
pub(crate) fn peel_sample<'a>(
    head: Head<'a>,
    carrier: &dyn Carrier,
    limit: usize,
) -> Option<(Vec<Peeled<'a>>, f64)> {
    let (lines, share, enough) = peel_entries(head, carrier, limit, false);
    enough.then_some((lines, share))
}

/// The first entries, the share that `carrier` understands, and whether that is enough to be taken for it; where it can no
/// longer be, the rest is looked at only if it is `asked` for.
fn peel_entries<'a>(
    head: Head<'a>,
    carrier: &dyn Carrier,
    limit: usize,
    asked: bool,
) -> (Vec<Peeled<'a>>, f64, bool) {
    let complete = head.text;
    // Entries not yet looked at, at most: that of the line before is, with each line.
    let mut left = head.newlines + 2;
    let (mut tried, mut good) = (0u32, 0u32);
    let mut lines = Vec::new();
    let mut start = 0;
    let mut at = 0;
    let mut first = true;
    for end in memchr::memchr_iter(b'\n', complete).chain([complete.len()]) {
        let begin = std::mem::replace(&mut at, end + 1);
        let line = complete.get(begin..end).unwrap_or_default();
        // Were all that can still come good, it would be too few.
        let at_most = left.min(limit.saturating_sub(lines.len())) as f64;
        if !asked && f64::from(good) + at_most < CARRIER_SHARE * (f64::from(tried) + at_most) {
            return (lines, 0.0, false);
        }
        left -= 1;
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
    (lines, share, good > 0 && share >= CARRIER_SHARE && carrier.suits(complete))
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
            let proven = peeled.outer.is_some() || peeled.program.is_some() || carrier.is_plain();
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
