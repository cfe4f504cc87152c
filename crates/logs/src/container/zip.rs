//! zip and zip64, read by the directory at its end; nothing is kept of it but the places already used.
//!
//! Our own reader, because it costs no memory for each entry and cannot extract. Layout: PKWARE APPNOTE 6.3.10.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::{
    Archive, BUFFER_BYTES, Budget, Container, Entry, Kind, LimitReached, Packed, ReadSeek, Unpacked,
};
use super::{bzip2, guard, xz, zstd};

/// `.zip`.
pub struct Zip;

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
const END_BYTES: u64 = 22;
const LONGEST_COMMENT: u64 = 0xffff;
/// In the fields of 32 bits: the value is in the zip64 field.
const IN_64: u64 = 0xffff_ffff;

impl Container for Zip {
    fn name(&self) -> &'static str {
        "zip"
    }

    fn recognises(&self, head: &[u8]) -> bool {
        head.starts_with(LOCAL) || head.starts_with(END)
    }

    fn unpack<'r>(&self, packed: Packed<'r>) -> io::Result<Unpacked<'r>> {
        let Packed { reader, seekable, budget } = packed;
        let source = match seekable {
            Some(source) => source,
            None => spooled(reader, budget.limits.spool)?,
        };
        Ok(Unpacked::Archive(Box::new(Reader::open(source, budget)?)))
    }
}

/// A zip that comes through a pipe or lies in another archive: its directory is at the end, so it is kept in memory.
fn spooled<'r>(reader: impl Read, limit: u64) -> io::Result<Box<dyn ReadSeek + Send + 'r>> {
    let mut bytes = Vec::new();
    // A cut zip can still be read by its entries.
    let cut = reader.take(limit.saturating_add(1)).read_to_end(&mut bytes).is_err();
    if !cut && bytes.len() as u64 > limit {
        return Err(LimitReached { name: "spool", value: limit }.into());
    }
    Ok(Box::new(Cursor::new(bytes)))
}

fn damage(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

fn little(bytes: &[u8], at: usize, width: usize) -> u64 {
    let field = bytes.get(at..at + width).unwrap_or_default();
    field.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

type Source<'r> = Box<dyn ReadSeek + Send + 'r>;

/// Decoders own their reader, yet all read the same file.
#[derive(Clone)]
struct Shared<'r>(Arc<Mutex<Source<'r>>>);

impl Shared<'_> {
    fn locked<T>(&self, work: impl FnOnce(&mut Source<'_>) -> io::Result<T>) -> io::Result<T> {
        self.0.lock().map_err(|_| io::Error::other("reader lost")).and_then(|mut source| work(&mut source))
    }

    fn bytes_at(&self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        self.locked(|source| {
            source.seek(SeekFrom::Start(at))?;
            let mut bytes = vec![0; length];
            source.read_exact(&mut bytes)?;
            Ok(bytes)
        })
    }
}

impl Read for Shared<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.locked(|source| source.read(buffer))
    }
}

/// What a directory entry or a local header says.
struct Header {
    name: Vec<u8>,
    flags: u64,
    method: u64,
    crc: u32,
    packed: u64,
    size: u64,
    /// Place of the local header.
    at: u64,
    /// Unix mode, if any.
    mode: u64,
}

enum Walk {
    /// By the directory: place of the next entry and entries left.
    Directory {
        at: u64,
        left: u64,
        end: u64,
    },
    /// No directory (the zip is cut): from local header to local header.
    Local {
        at: u64,
    },
    End,
}

struct Reader<'r> {
    source: Shared<'r>,
    budget: Arc<Budget>,
    walk: Walk,
    /// Bytes before the first entry that are no part of the zip.
    prefix: u64,
    used: BTreeMap<u64, u64>,
    current: Option<Box<dyn Read + Send + 'r>>,
    told: Option<String>,
}

impl<'r> Reader<'r> {
    fn open(mut source: Source<'r>, budget: Arc<Budget>) -> io::Result<Self> {
        let length = source.seek(SeekFrom::End(0))?;
        let mut reader = Reader {
            source: Shared(Arc::new(Mutex::new(source))),
            budget,
            walk: Walk::Local { at: 0 },
            prefix: 0,
            used: BTreeMap::new(),
            current: None,
            told: None,
        };
        match reader.directory(length)? {
            Some((at, left, end)) => reader.walk = Walk::Directory { at, left, end },
            None => reader.told = Some("the zip has no directory at its end: it is cut".to_owned()),
        }
        Ok(reader)
    }

    /// Place, number of entries and end of the directory.
    fn directory(&mut self, length: u64) -> io::Result<Option<(u64, u64, u64)>> {
        let tail_bytes = length.min(END_BYTES + LONGEST_COMMENT);
        let tail = self.source.bytes_at(length - tail_bytes, usize::try_from(tail_bytes).unwrap_or(0))?;
        let found = memchr::memmem::rfind_iter(&tail, END)
            .find(|at| at + END_BYTES as usize + little(&tail, at + 20, 2) as usize <= tail.len());
        let Some(found) = found else { return Ok(None) };
        let end = tail.get(found..).unwrap_or_default();
        let end_at = length - tail_bytes + found as u64;
        let (mut entries, mut size, mut at) = (little(end, 10, 2), little(end, 12, 4), little(end, 16, 4));
        let mut directory_end = end_at;
        let locator = end_at.checked_sub(20).map(|at| self.source.bytes_at(at, 20)).transpose()?;
        if let Some(locator) = locator.filter(|bytes| bytes.starts_with(b"PK\x06\x07")) {
            let place = little(&locator, 8, 8);
            let end_64 = self.source.bytes_at(place, 56)?;
            if !end_64.starts_with(END_64) {
                return Err(damage("its zip64 directory is not where it says"));
            }
            (entries, size, at) = (little(&end_64, 32, 8), little(&end_64, 40, 8), little(&end_64, 48, 8));
            directory_end = place;
        }
        // A program may stand before a zip that unpacks itself.
        self.prefix = directory_end
            .checked_sub(size)
            .and_then(|place| place.checked_sub(at))
            .ok_or_else(|| damage("its directory is larger than the file"))?;
        Ok(Some((self.prefix + at, entries, directory_end)))
    }

    fn header(&mut self) -> io::Result<Option<Header>> {
        match self.walk {
            Walk::End => Ok(None),
            Walk::Directory { left: 0, .. } => Ok(None),
            Walk::Directory { at, left, end } => {
                let fixed = self.source.bytes_at(at, 46)?;
                if !fixed.starts_with(CENTRAL) || at >= end {
                    self.walk = Walk::End;
                    return Err(damage("its directory is damaged"));
                }
                let length = |field| usize::try_from(little(&fixed, field, 2)).unwrap_or(0);
                let (name, extra) = (length(28), length(30));
                let variable = self.source.bytes_at(at + 46, name + extra)?;
                let mut header = Header {
                    name: variable.get(..name).unwrap_or_default().to_vec(),
                    flags: little(&fixed, 8, 2),
                    method: little(&fixed, 10, 2),
                    crc: little(&fixed, 16, 4) as u32,
                    packed: little(&fixed, 20, 4),
                    size: little(&fixed, 24, 4),
                    at: little(&fixed, 42, 4),
                    mode: if little(&fixed, 5, 1) == 3 { little(&fixed, 40, 2) } else { 0 },
                };
                header.widen(variable.get(name..).unwrap_or_default());
                header.at = header.at.saturating_add(self.prefix);
                self.walk = Walk::Directory {
                    at: at + 46 + (name + extra) as u64 + little(&fixed, 32, 2),
                    left: left - 1,
                    end,
                };
                Ok(Some(header))
            }
            Walk::Local { at } => {
                let fixed = self.source.bytes_at(at, 30)?;
                if !fixed.starts_with(LOCAL) {
                    self.walk = Walk::End;
                    return if fixed.starts_with(b"PK") { Ok(None) } else { Err(damage("no further entry")) };
                }
                let mut header = Header::local(&fixed, at);
                let (name, extra) = (little(&fixed, 26, 2) as usize, little(&fixed, 28, 2) as usize);
                let variable = self.source.bytes_at(at + 30, name + extra)?;
                header.name = variable.get(..name).unwrap_or_default().to_vec();
                header.widen(variable.get(name..).unwrap_or_default());
                self.walk = if header.flags & 8 != 0 {
                    // Its size stands behind it; only the directory would know.
                    header.packed = u64::MAX / 4;
                    Walk::End
                } else {
                    Walk::Local { at: (at + 30 + (name + extra) as u64).saturating_add(header.packed) }
                };
                Ok(Some(header))
            }
        }
    }

    /// Goes to the data of an entry.
    fn begin(&mut self, header: &Header) -> io::Result<Kind> {
        if header.flags & 1 != 0 {
            return Ok(Kind::Other("encrypted"));
        }
        let fixed = match self.source.bytes_at(header.at, 30) {
            Ok(fixed) if fixed.starts_with(LOCAL) => fixed,
            _ => return Ok(Kind::Damage("its place in the zip holds no entry".to_owned())),
        };
        let (name, extra) = (little(&fixed, 26, 2), little(&fixed, 28, 2));
        let local_name = self.source.bytes_at(header.at + 30, usize::try_from(name).unwrap_or(0))?;
        if local_name != header.name {
            return Ok(Kind::Damage("the directory gives it another name than its own header".to_owned()));
        }
        let data = header.at + 30 + name + extra;
        let end = data.saturating_add(header.packed);
        let before = self.used.range(..end).next_back().is_some_and(|(_, used)| *used > header.at);
        if before {
            return Ok(Kind::Damage("overlaps another entry; refused".to_owned()));
        }
        self.used.insert(header.at, end);
        self.source.locked(|source| source.seek(SeekFrom::Start(data)))?;
        let packed = self.source.clone().take(header.packed);
        let budget = &self.budget;
        let inner = |container: &dyn Container, packed| {
            let packed = Packed { reader: Box::new(packed), seekable: None, budget: Arc::clone(budget) };
            match container.unpack(packed)? {
                Unpacked::Stream(reader) => Ok(reader),
                Unpacked::Archive(_) => Err(damage("an archive as compression")),
            }
        };
        let plain: Box<dyn Read + Send + 'r> = match header.method {
            0 => Box::new(packed),
            8 => Box::new(guard(packed, budget, |taken| {
                DeflateDecoder::new(BufReader::with_capacity(BUFFER_BYTES, taken))
            })),
            9 => return Ok(Kind::Other("packed by Deflate64, which is not read")),
            12 => inner(&bzip2::Bzip2, packed)?,
            93 => inner(&zstd::Zstd, packed)?,
            95 => inner(&xz::Xz, packed)?,
            _ => return Ok(Kind::Other("packed by a method that is not read")),
        };
        let known = header.flags & 8 == 0 || !matches!(self.walk, Walk::End | Walk::Local { .. });
        self.current = Some(Box::new(Checked {
            inner: plain,
            crc: Crc::new(),
            told: known.then_some((header.crc, header.size)),
        }));
        Ok(Kind::File)
    }
}

impl Header {
    fn local(fixed: &[u8], at: u64) -> Header {
        Header {
            name: Vec::new(),
            flags: little(fixed, 6, 2),
            method: little(fixed, 8, 2),
            crc: little(fixed, 14, 4) as u32,
            packed: little(fixed, 18, 4),
            size: little(fixed, 22, 4),
            at,
            mode: 0,
        }
    }

    /// Takes values of 64 bits from the extra fields.
    fn widen(&mut self, mut extra: &[u8]) {
        while extra.len() >= 4 {
            let length = little(extra, 2, 2) as usize;
            if little(extra, 0, 2) == 1 {
                let mut at = 4;
                for field in [&mut self.size, &mut self.packed, &mut self.at] {
                    if *field == IN_64 && at + 8 <= 4 + length {
                        *field = little(extra, at, 8);
                        at += 8;
                    }
                }
            }
            extra = extra.get(4 + length..).unwrap_or_default();
        }
    }
}

/// Compares size and checksum at the end.
struct Checked<R> {
    inner: R,
    crc: Crc,
    told: Option<(u32, u64)>,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.crc.update(buffer.get(..count).unwrap_or_default());
        if count == 0
            && !buffer.is_empty()
            && let Some((crc, size)) = self.told.take()
        {
            // `amount` counts modulo 2^32.
            if u64::from(self.crc.amount()) != size & IN_64 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if self.crc.sum() != crc {
                return Err(damage("its checksum differs"));
            }
        }
        Ok(count)
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.current.as_mut().map_or(Ok(0), |current| current.read(buffer))
    }
}

impl Archive for Reader<'_> {
    fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        self.current = None;
        if let Some(text) = self.told.take() {
            return Ok(Some(Entry { name: Vec::new(), kind: Kind::Damage(text) }));
        }
        let Some(header) = self.header()? else { return Ok(None) };
        let kind = match header.mode & 0o170_000 {
            _ if header.name.ends_with(b"/") => Kind::Directory,
            0o120_000 => Kind::Other("a symbolic link"),
            0o040_000 => Kind::Directory,
            0o020_000 | 0o060_000 => Kind::Other("a device"),
            0o010_000 => Kind::Other("a pipe"),
            _ => self.begin(&header)?,
        };
        Ok(Some(Entry { name: header.name, kind }))
    }
}
