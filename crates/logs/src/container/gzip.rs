//! gzip (RFC 1952), with any number of members: rotated logs are joined with `cat`, and S3 joins them too.

use std::io::{self, BufReader};

use flate2::bufread::MultiGzDecoder;

use super::{BUFFER_BYTES, Container, Packed, Unpacked, guard};

/// `.gz`.
pub struct Gzip;

impl Container for Gzip {
    fn name(&self) -> &'static str {
        "gzip"
    }

    fn recognises(&self, head: &[u8]) -> bool {
        head.starts_with(&[0x1f, 0x8b])
    }

    fn unpack<'r>(&self, packed: Packed<'r>) -> io::Result<Unpacked<'r>> {
        let decoder = guard(packed.reader, &packed.budget, |taken| {
            MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, taken))
        });
        Ok(Unpacked::Stream(Box::new(decoder)))
    }
}
