//! xz, with any number of streams. (`.lzma`, the older format, has no magic bytes and is not read.)

use std::io::{self, BufReader};

use lzma_rust2::XzReader;

use super::{BUFFER_BYTES, Container, LimitReached, Packed, Unpacked, guard};

/// `.xz`.
pub struct Xz;

impl Container for Xz {
    fn name(&self) -> &'static str {
        "xz"
    }

    fn recognises(&self, head: &[u8]) -> bool {
        head.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0])
    }

    fn unpack<'r>(&self, packed: Packed<'r>) -> io::Result<Unpacked<'r>> {
        let window = packed.budget.limits.window;
        // The decoder's own tables are no part of the window.
        let limit_kib = u32::try_from(window / 1024 + 1024).unwrap_or(u32::MAX);
        let decoder = guard(packed.reader, &packed.budget, |taken| Named {
            inner: XzReader::new_mem_limit(BufReader::with_capacity(BUFFER_BYTES, taken), true, limit_kib),
            window,
        });
        Ok(Unpacked::Stream(Box::new(decoder)))
    }
}

/// Says the limit by its name.
struct Named<R> {
    inner: R,
    window: u64,
}

impl<R: io::Read> io::Read for Named<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::OutOfMemory => LimitReached { name: "window", value: self.window }.into(),
            _ => error,
        })
    }
}
