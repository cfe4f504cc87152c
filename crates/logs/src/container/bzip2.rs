//! bzip2, with any number of streams (`pbzip2`, `cat`).

use std::io::{self, BufReader};

use bzip2::bufread::MultiBzDecoder;

use super::{BUFFER_BYTES, Container, Packed, Unpacked, guard};

/// `.bz2`.
pub struct Bzip2;

impl Container for Bzip2 {
    fn name(&self) -> &'static str {
        "bzip2"
    }

    /// `BZh`, the block size, and the mark of a block or of the end (π and √π in BCD).
    fn recognises(&self, head: &[u8]) -> bool {
        let mark = head.get(4..10).unwrap_or_default();
        head.starts_with(b"BZh")
            && head.get(3).is_some_and(|size| (b'1'..=b'9').contains(size))
            && (mark == [0x31, 0x41, 0x59, 0x26, 0x53, 0x59] || mark == [0x17, 0x72, 0x45, 0x38, 0x50, 0x90])
    }

    fn unpack<'r>(&self, packed: Packed<'r>) -> io::Result<Unpacked<'r>> {
        let decoder = guard(packed.reader, &packed.budget, |taken| {
            MultiBzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, taken))
        });
        Ok(Unpacked::Stream(Box::new(decoder)))
    }
}
