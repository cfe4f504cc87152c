//! Zstandard (RFC 8878), with any number of frames, skippable ones (`pzstd`) included.

use std::io::{self, BufRead, BufReader, Read};

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{BUFFER_BYTES, Container, LimitReached, Packed, Unpacked, guard};

/// `.zst`.
pub struct Zstd;

const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Skippable frames begin with 0x184D2A50 to 0x184D2A5F, little endian.
fn is_skippable(magic: &[u8]) -> bool {
    matches!(magic, [0x50..=0x5f, 0x2a, 0x4d, 0x18])
}

impl Container for Zstd {
    fn name(&self) -> &'static str {
        "zstd"
    }

    fn recognises(&self, head: &[u8]) -> bool {
        let magic = head.get(..4).unwrap_or_default();
        magic == FRAME || is_skippable(magic)
    }

    fn unpack<'r>(&self, packed: Packed<'r>) -> io::Result<Unpacked<'r>> {
        let window = packed.budget.limits.window;
        let decoder = guard(packed.reader, &packed.budget, |taken| {
            Frames::new(BufReader::with_capacity(BUFFER_BYTES, taken), window)
        });
        Ok(Unpacked::Stream(Box::new(decoder)))
    }
}

/// Frame after frame of one stream.
struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    window: u64,
    in_frame: bool,
}

impl<R: BufRead> Frames<R> {
    fn new(source: R, window: u64) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(window);
        Frames { source, decoder, window, in_frame: false }
    }

    /// Whether there is a further frame; skippable ones are passed over.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            let mut magic = [0; 4];
            self.source.read_exact(&mut magic)?;
            if is_skippable(&magic) {
                let mut size = [0; 4];
                self.source.read_exact(&mut size)?;
                let size = u64::from(u32::from_le_bytes(size));
                if io::copy(&mut Read::by_ref(&mut self.source).take(size), &mut io::sink())? < size {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                continue;
            }
            if magic != FRAME {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "no zstd frame"));
            }
            let outcome = self.decoder.reset(magic.as_slice().chain(&mut self.source));
            outcome.map_err(|error| self.named(error))?;
            return Ok(true);
        }
    }

    fn named(&self, error: FrameDecoderError) -> io::Error {
        if matches!(error, FrameDecoderError::WindowSizeTooBig { .. }) {
            return LimitReached { name: "window", value: self.window }.into();
        }
        // The decoder wraps what its source said: a cut and a limit must stay visible.
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(inner) = cause {
            if let Some(told) = inner.downcast_ref::<io::Error>() {
                return io::Error::new(told.kind(), told.to_string());
            }
            cause = inner.source();
        }
        io::Error::new(io::ErrorKind::InvalidData, error.to_string())
    }

    fn checksum_agrees(&self) -> bool {
        match (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum()) {
            (Some(told), Some(made)) => told == made,
            _ => true,
        }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.in_frame {
                if !self.begin()? {
                    return Ok(0);
                }
                self.in_frame = true;
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let outcome =
                    self.decoder.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1));
                outcome.map_err(|error| self.named(error))?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            self.in_frame = false;
            if !self.checksum_agrees() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum differs"));
            }
        }
    }
}
