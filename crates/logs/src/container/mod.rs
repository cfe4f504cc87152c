//! Containers: how the bytes of one input are packed. Recognised by magic bytes, never by name.
//!
//! A container is one file and one line in [`ALL`]. Compressed streams give one stream; archives give entries, read in
//! place and in order, never extracted. Entry names are labels: nothing here knows a file system.

use std::io::{self, Read, Seek};
use std::sync::Arc;

mod bzip2;
mod gzip;
mod limits;
mod name;
mod peek;
mod tar;
mod xz;
mod zip;
mod zstd;

pub use gzip::Gzip;
use limits::guard;
pub use limits::{Budget, Capped, LimitReached, Limits, amount};
pub use name::{base_name, label, points_outside};
pub use peek::Peek;

/// Every known container. Magic bytes exclude each other; tar is told by its header's sum and comes last.
pub const ALL: &[&dyn Container] = &[&Gzip, &zstd::Zstd, &xz::Xz, &bzip2::Bzip2, &zip::Zip, &tar::Tar];

/// Formats that are known by their first bytes and not read, so that a report can say what to do.
const NOT_READ: &[(&[u8], &str)] = &[
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
    (b"\x04\x22\x4d\x18", "packed by lz4"),
    (b"\x1f\x9d", "packed by compress (.Z)"),
    (b"\x89LZO\0", "packed by lzop"),
    (b"LZIP", "packed by lzip"),
    (b"070701", "a cpio archive"),
];

/// Size of the buffers between the layers, bytes.
const BUFFER_BYTES: usize = 1 << 16;
/// A tar header is this long, bytes; no magic lies deeper.
const HEAD_BYTES: usize = 512;

/// Bytes that can be read at any place.
pub trait ReadSeek: Read + Seek {}

impl<R: Read + Seek> ReadSeek for R {}

/// Packed bytes.
pub struct Packed<'r> {
    /// The bytes in order.
    pub reader: Box<dyn Read + Send + 'r>,
    /// The same bytes at any place, where the input allows it.
    pub seekable: Option<Box<dyn ReadSeek + Send + 'r>>,
    /// What unpacking may cost.
    pub budget: Arc<Budget>,
}

/// Unpacked bytes.
pub enum Unpacked<'r> {
    /// One stream.
    Stream(Box<dyn Read + Send + 'r>),
    /// Several.
    Archive(Box<dyn Archive + Send + 'r>),
}

/// One way of packing.
pub trait Container: Send + Sync {
    /// Stable name in reports, such as `gzip`.
    fn name(&self) -> &'static str;
    /// Whether the first bytes (512 at most) are this container's.
    fn recognises(&self, head: &[u8]) -> bool;
    /// Unpacks while it is read.
    ///
    /// # Errors
    /// When it cannot be read at all.
    fn unpack<'r>(&self, packed: Packed<'r>) -> io::Result<Unpacked<'r>>;
}

/// Entries one after the other. Reading gives the bytes of the current entry.
pub trait Archive: Read {
    /// Goes to the next entry; what was not read of the last one is passed over.
    ///
    /// # Errors
    /// When no further entry can be reached.
    fn next_entry(&mut self) -> io::Result<Option<Entry>>;
}

/// One entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name as stored.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Bytes to read.
    File,
    /// A directory.
    Directory,
    /// Nothing that is read, in words: `a symbolic link`.
    Other(&'static str),
    /// No entry but a damaged place of the archive, in words; the archive goes on behind it.
    Damage(String),
}

/// What is inside the outermost containers of an input.
pub struct Opened<'r> {
    /// The file itself, or entries.
    pub unpacked: Unpacked<'r>,
    /// Names of the containers from outside in, joined by `>`: `gzip>tar`; empty for none.
    pub containers: String,
    /// How many containers deep it lies.
    pub depth: u64,
    /// Why something that looks packed was not unpacked.
    pub refused: Option<String>,
}

/// Unpacks compression after compression until an archive or a file appears. `depth`: how deep `packed` itself lies.
///
/// # Errors
/// When a container cannot be read at all.
pub fn open(mut packed: Packed<'_>, depth: u64) -> io::Result<Opened<'_>> {
    let budget = Arc::clone(&packed.budget);
    let mut opened = Opened {
        unpacked: Unpacked::Stream(Box::new(io::empty())),
        containers: String::new(),
        depth,
        refused: None,
    };
    let mut compressed = false;
    loop {
        let peek = Peek::new(packed.reader, HEAD_BYTES);
        let found = ALL.iter().find(|container| container.recognises(peek.head()));
        opened.refused = NOT_READ
            .iter()
            .find(|(magic, _)| peek.head().starts_with(magic))
            .map(|(_, what)| format!("{what}, which is not read; unpack it first"));
        packed.reader = Box::new(peek);
        let Some(container) = found else {
            opened.unpacked = Unpacked::Stream(packed.reader);
            return Ok(opened);
        };
        // What compresses the whole of an archive is one with it.
        let tar_in_stream = compressed && container.name() == "tar";
        if !tar_in_stream && opened.depth >= budget.limits.nesting {
            opened.refused = Some(LimitReached { name: "nesting", value: budget.limits.nesting }.to_string());
            opened.unpacked = Unpacked::Stream(packed.reader);
            return Ok(opened);
        }
        opened.depth += u64::from(!tar_in_stream);
        if !opened.containers.is_empty() {
            opened.containers.push('>');
        }
        opened.containers.push_str(container.name());
        match container.unpack(packed)? {
            Unpacked::Stream(reader) => {
                compressed = true;
                packed = Packed { reader, seekable: None, budget: Arc::clone(&budget) };
            }
            archive => {
                opened.unpacked = archive;
                return Ok(opened);
            }
        }
    }
}

/// Whether bytes that begin like this (512 are enough) are compressed, or an archive that compresses.
#[must_use]
pub fn is_compressed(head: &[u8]) -> bool {
    ALL.iter().any(|container| container.name() != "tar" && container.recognises(head))
}

/// What a failure to read or unpack means, as one sentence; the bytes before it are good.
#[must_use]
pub fn describe_damage(error: &io::Error, containers: &str) -> String {
    let text = error.to_string();
    let innermost = containers.rsplit('>').next().unwrap_or_default();
    if text.starts_with("limit ") {
        return format!("{text}; what came before was read");
    }
    match (innermost, error.kind()) {
        ("" | "plain", _) => format!("reading stopped early: {error}"),
        (name, io::ErrorKind::UnexpectedEof) => {
            format!("the {name} stream is truncated; what came before the cut was read")
        }
        (name, io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            format!(
                "the {name} stream is damaged or followed by other bytes ({error}); what came before was read"
            )
        }
        _ => format!("reading stopped early: {error}"),
    }
}

#[cfg(test)]
mod tests;
