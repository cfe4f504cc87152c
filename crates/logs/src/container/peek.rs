//! A look at the first bytes of a stream that is then read from its beginning.

use std::io::{self, Read};

/// A stream whose first bytes are known.
pub struct Peek<R> {
    head: Vec<u8>,
    given: usize,
    failed: Option<io::Error>,
    inner: R,
}

impl<R: Read> Peek<R> {
    /// Reads up to `bytes` bytes. An error on the way comes again after the bytes before it.
    pub fn new(mut inner: R, bytes: usize) -> Self {
        let mut head = Vec::with_capacity(bytes);
        let failed = Read::by_ref(&mut inner).take(bytes as u64).read_to_end(&mut head).err();
        Peek { head, given: 0, failed, inner }
    }

    /// The first bytes.
    pub fn head(&self) -> &[u8] {
        &self.head
    }
}

impl<R: Read> Read for Peek<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.head.get(self.given..).unwrap_or_default();
        if !rest.is_empty() {
            let count = rest.read(buffer)?;
            self.given += count;
            return Ok(count);
        }
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.inner.read(buffer),
        }
    }
}
