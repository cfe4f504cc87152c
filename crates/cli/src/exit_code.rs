//! Exit codes. They are an API: scripts and pipelines branch on them.

use std::io;

use stormtrace_analysis::report::Verdict;

/// Done; `check`: pass.
pub const PASS: u8 = 0;
/// `check`: fail.
pub const FAIL: u8 = 1;
/// Bad usage, unreadable input or bad policy.
pub const USAGE: u8 = 2;
/// `check`: warn.
pub const WARN: u8 = 3;
/// `check`: unknown.
pub const UNKNOWN: u8 = 4;
/// A signal ended it: this plus the signal's number, 130 for SIGINT.
pub const SIGNAL: i32 = 128;

/// The exit code of a verdict.
pub fn of(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass => PASS,
        Verdict::Fail => FAIL,
        Verdict::Warn => WARN,
        Verdict::Unknown => UNKNOWN,
    }
}

/// A reader that went away (`| head`) is no error.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
