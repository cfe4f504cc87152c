//! What `stormtrace summarize` says of the file it wrote.

use stormtrace_analysis::read;

use super::safe_name;
use crate::words;

/// One line: the file, what it holds and how large it is.
#[must_use]
pub fn summarized(file: &str, inputs: &[read::Input], bytes: u64) -> String {
    let unknown = inputs.iter().filter(|input| input.source.is_none() && !input.is_archive()).count();
    let unknown = match unknown {
        0 => String::new(),
        _ => format!(" ({} in no known format)", words::count(unknown as u64)),
    };
    let records: u64 = inputs.iter().map(|input| input.partial.ledger.parsed).sum();
    format!(
        "{}: {}{unknown}, {}, in {}\n",
        safe_name(file),
        words::plural(inputs.len() as u64, "input", "inputs"),
        words::plural(records, "record", "records"),
        size(bytes)
    )
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_240 => words::plural(bytes, "byte", "bytes"),
        10_240..10_485_760 => format!("{} KiB", words::count(bytes >> 10)),
        _ => format!("{} MiB", words::count(bytes >> 20)),
    }
}
