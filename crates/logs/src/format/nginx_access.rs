//! nginx access logs: predefined formats, formats from `nginx.conf`, and JSON (formats.md 2.1 to 2.3).
//!
//! Text stays as nginx escaped it (`\x22`, `\"`): paths and user agents are slices of the line.

use super::{Claim, Context, Format, Memory, Raw, Sample, Source};
use crate::record::Record;

mod fields;
mod json;
mod log_format;

pub(crate) use fields::{seconds_us, split_request};
pub use log_format::{Escape, LogFormat, LogFormatError};

/// An access log in one `log_format`.
pub struct AccessLog {
    format: LogFormat,
    /// Other formats seen in the same sample: a reload may change the format in mid-file.
    others: Vec<LogFormat>,
}

/// Tries the formats of `nginx.conf` and the built-in ones, and claims with the one that reads most lines; among
/// equals the one that yields most.
#[must_use]
pub fn detect(sample: &Sample<'_>, context: &Context) -> Option<Claim> {
    let lines: Vec<&[u8]> =
        sample.lines.iter().map(|line| line.trim_ascii_end()).filter(|line| !line.is_empty()).collect();
    let mut seen: Vec<(u32, u32, LogFormat)> = Vec::new();
    let configured = context.log_formats.iter().map(|(_, format)| format.clone());
    for format in configured.chain(LogFormat::built_in()) {
        let (mut count, mut richness) = (0u32, 0u32);
        for record in lines.iter().filter_map(|line| format.read(line, None)) {
            count += 1;
            richness += fields::richness(&record);
        }
        if count > 0 {
            seen.push((count, richness, format));
        }
    }
    // A stable sort: among equals, configured formats stay first.
    seen.sort_by_key(|(count, richness, _)| std::cmp::Reverse((*count, *richness)));
    let mut seen = seen.into_iter();
    let (count, _, format) = seen.next()?;
    let score = f64::from(count) / f64::from(u32::try_from(lines.len()).ok()?.max(1));
    let reads_others = |other: &LogFormat| {
        lines.iter().any(|line| format.read(line, None).is_none() && other.read(line, None).is_some())
    };
    let others: Vec<LogFormat> = seen.map(|(_, _, format)| format).filter(reads_others).collect();
    (score >= 0.3).then(|| Claim { format: Box::new(AccessLog { format, others }), score })
}

impl Format for AccessLog {
    fn name(&self) -> String {
        format!("nginx-access:{}", self.format.name())
    }

    fn source(&self) -> Source {
        Source::NginxAccess
    }

    fn starts_record(&self, _line: &[u8]) -> bool {
        true
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let line = raw.text.trim_ascii_end();
        self.format
            .read(line, raw.outer)
            .or_else(|| self.others.iter().find_map(|format| format.read(line, raw.outer)))
            .map(Record::Access)
            .ok_or("not_a_request")
    }
}
