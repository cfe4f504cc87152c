//! Exit codes (they are an API): 0 done, 2 bad usage or unreadable input, 130 interrupted.

use std::io;

/// Done.
pub const PASS: u8 = 0;
/// Bad usage or unreadable input.
pub const USAGE: u8 = 2;

/// A reader that went away (`| head`) is no error.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
