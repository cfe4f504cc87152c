//! Lines of bounded length: a line without end costs its limit, not its size.

use std::io::{self, BufRead, BufReader, Read};

use memchr::{memchr, memchr_iter, memrchr};

use crate::container::LimitReached;

/// Passes a stream on, but of each line only the beginning, and without NULs before a line: a log that was truncated
/// while its program kept its place (logrotate's `copytruncate`) has a hole there. The number of lines stays.
pub struct Lines<R> {
    inner: BufReader<R>,
    keep: u64,
    give_up: u64,
    /// Bytes of the current line passed on.
    kept: u64,
    /// Bytes of the current line dropped.
    dropped: u64,
    /// Bytes of the current line dropped behind its beginning.
    clipped_bytes: u64,
    /// Lines of which only the beginning was passed on.
    clipped: u64,
    /// NULs dropped before lines.
    nuls: u64,
}

impl<R: Read> Lines<R> {
    /// Keeps `keep` bytes of a line; gives up after dropping `give_up` bytes of one.
    pub fn new(inner: R, keep: u64, give_up: u64) -> Self {
        let inner = BufReader::with_capacity(1 << 16, inner);
        Lines { inner, keep, give_up, kept: 0, dropped: 0, clipped_bytes: 0, clipped: 0, nuls: 0 }
    }

    /// Lines of which only the beginning was passed on.
    pub fn clipped(&self) -> u64 {
        self.clipped
    }

    /// NULs that stood before lines and were left out.
    pub fn nuls(&self) -> u64 {
        self.nuls
    }

    /// Moves what is kept of `buffer` to its front; gives its length.
    fn keep(&mut self, buffer: &mut [u8]) -> usize {
        let (mut from, mut to) = (0, 0);
        while from < buffer.len() {
            let rest = buffer.get(from..).unwrap_or_default();
            let length = memchr(b'\n', rest).unwrap_or(rest.len());
            let ended = length < rest.len();
            let mut start = 0;
            if self.kept == 0 {
                let line = rest.get(..length).unwrap_or_default();
                start = leading_nuls(line);
                self.nuls += start as u64;
                self.dropped += start as u64;
            }
            let room = usize::try_from(self.keep - self.kept).unwrap_or(usize::MAX);
            let kept = room.min(length - start);
            let over = (length - start - kept) as u64;
            if over > 0 {
                self.clipped += u64::from(self.clipped_bytes == 0);
                self.clipped_bytes += over;
                self.dropped += over;
            }
            buffer.copy_within(from + start..from + start + kept, to);
            to += kept;
            self.kept += kept as u64;
            from += length;
            if ended {
                if let Some(byte) = buffer.get_mut(to) {
                    *byte = b'\n';
                }
                to += 1;
                from += 1;
                (self.kept, self.dropped, self.clipped_bytes) = (0, 0, 0);
            }
        }
        to
    }

    /// Drops what is to be dropped at the place where it stands, however small the caller's buffer.
    fn drop_ahead(&mut self) -> io::Result<()> {
        while self.dropped > 0 && self.dropped <= self.give_up && (self.kept == 0 || self.kept == self.keep) {
            let bytes = match self.inner.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                outcome => outcome?,
            };
            let count = match self.kept {
                0 => leading_nuls(bytes),
                _ => memchr(b'\n', bytes).unwrap_or(bytes.len()),
            };
            let more = count > 0 && count == bytes.len();
            self.inner.consume(count);
            self.dropped += count as u64;
            match self.kept {
                0 => self.nuls += count as u64,
                _ => self.clipped_bytes += count as u64,
            }
            if !more {
                break;
            }
        }
        Ok(())
    }

    /// Whether nothing of `bytes` needs to be dropped.
    fn is_short(&mut self, bytes: &[u8]) -> bool {
        if self.kept + bytes.len() as u64 > self.keep || self.dropped > 0 || memchr(0, bytes).is_some() {
            return false;
        }
        match memrchr(b'\n', bytes) {
            Some(at) => self.kept = (bytes.len() - at - 1) as u64,
            None => self.kept += bytes.len() as u64,
        }
        true
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            self.drop_ahead()?;
            if self.dropped > self.give_up {
                return Err(LimitReached { name: "long-line", value: self.give_up }.into());
            }
            let count = self.inner.read(buffer)?;
            if count == 0 {
                // A line of NULs alone without a newline is a line still.
                if self.kept == 0 && self.dropped > 0 {
                    self.dropped = 0;
                    if let Some(first) = buffer.first_mut() {
                        *first = 0;
                    }
                    return Ok(1);
                }
                return Ok(0);
            }
            let bytes = buffer.get_mut(..count).unwrap_or_default();
            if self.is_short(bytes) {
                return Ok(count);
            }
            let kept = self.keep(bytes);
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}

fn leading_nuls(bytes: &[u8]) -> usize {
    // Whole pieces first: the compiler makes wide instructions of that.
    let whole =
        bytes.chunks_exact(64).take_while(|piece| piece.iter().fold(0, |or, byte| or | byte) == 0).count()
            * 64;
    let rest = bytes.get(whole..).unwrap_or_default();
    whole + rest.iter().position(|byte| *byte != 0).unwrap_or(rest.len())
}

/// Number of lines in all that `reader` gives after `head`; an unfinished last line counts. Errors go to `damaged` and
/// end it.
pub fn count(head: &[u8], mut reader: impl Read, damaged: &mut dyn FnMut(io::Error)) -> u64 {
    let mut lines = memchr_iter(b'\n', head).count() as u64;
    let mut last = head.last().copied();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                lines += memchr_iter(b'\n', bytes).count() as u64;
                last = bytes.last().copied().or(last);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                damaged(error);
                break;
            }
        }
    }
    lines + u64::from(last.is_some_and(|byte| byte != b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, or as many as asked for.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let room = buffer.len().min(self.1);
            self.0.read(&mut buffer[..room])
        }
    }

    fn through(text: &[u8], keep: u64) -> (String, u64, u64) {
        let mut outcomes = [1, 2, 3, 7, 4096].map(|size| {
            let mut lines = Lines::new(Pieces(text, size), keep, 1 << 20);
            let mut out = Vec::new();
            lines.read_to_end(&mut out).unwrap();
            (String::from_utf8(out).unwrap(), lines.clipped(), lines.nuls())
        });
        outcomes.sort();
        assert_eq!(outcomes[0], outcomes[4]);
        outcomes[0].clone()
    }

    #[test]
    fn long_lines_keep_their_beginning() {
        let (text, clipped, _) = through(b"short\nvery long line\n\nlonger still, no end", 6);
        assert_eq!((text.as_str(), clipped), ("short\nvery l\n\nlonger", 2));
        assert_eq!(through(b"123456\n123456", 6), ("123456\n123456".to_owned(), 0, 0));
    }

    #[test]
    fn holes_before_lines_are_closed() {
        let (text, clipped, nuls) = through(b"a\n\0\0\0b\0c\n\0\0\n\0", 100);
        assert_eq!((text.as_str(), clipped, nuls), ("a\nb\0c\n\n\0", 0, 6));
    }

    #[test]
    fn a_line_without_end_is_given_up() {
        let mut lines = Lines::new(io::repeat(b'x'), 10, 1 << 20);
        let mut out = Vec::new();
        let error = lines.read_to_end(&mut out).unwrap_err();
        assert!(error.to_string().starts_with("limit long-line"), "{error}");
        assert_eq!(out.len(), 10);
    }
}
