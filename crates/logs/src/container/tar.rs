//! tar: v7, ustar, GNU (long names, large sizes) and pax headers (`path`, `size`), read in one pass.
//!
//! Our own reader, 200 lines, because the `tar` crate keeps long names and pax headers of any length in memory.
//! Layout: POSIX.1-2017 `pax`, GNU tar 1.35 manual, "Basic Tar Format".

use std::io::{self, Read};

use super::{Archive, BUFFER_BYTES, Container, Entry, Kind, Packed, Unpacked};

/// `.tar`.
pub struct Tar;

const BLOCK: usize = 512;
/// Long names and pax headers longer than this are passed over, bytes.
const LONGEST_HEADER: u64 = 1 << 20;

impl Container for Tar {
    fn name(&self) -> &'static str {
        "tar"
    }

    fn recognises(&self, head: &[u8]) -> bool {
        head.len() == BLOCK && Header::parse(head).is_some()
    }

    fn unpack<'r>(&self, packed: Packed<'r>) -> io::Result<Unpacked<'r>> {
        Ok(Unpacked::Archive(Box::new(Reader {
            inner: packed.reader,
            at: 0,
            left: 0,
            padding: 0,
            pending: None,
            end_mark: false,
        })))
    }
}

/// The fields of a header that matter here.
struct Header {
    name: Vec<u8>,
    size: u64,
    kind: u8,
    /// Old GNU sparse files: more headers follow.
    extended: bool,
}

impl Header {
    /// `None` if the sum of its bytes is not the one it says.
    fn parse(block: &[u8]) -> Option<Header> {
        let told = number(block.get(148..156)?)?;
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) })
            .sum();
        if sum != told || sum == 8 * 32 {
            return None;
        }
        let mut name = text(block.get(..100)?).to_vec();
        let is_ustar = block.get(257..263)? == b"ustar\0";
        let prefix = text(block.get(345..500)?);
        if is_ustar && !prefix.is_empty() {
            name = [prefix, b"/", &name].concat();
        }
        let kind = *block.get(156)?;
        Some(Header {
            name,
            size: number(block.get(124..136)?)?,
            kind,
            extended: kind == b'S' && *block.get(482)? != 0,
        })
    }
}

fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Octal digits between blanks and NULs, or GNU's big-endian binary with the highest bit set.
fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        let negative = first & 0x40 != 0;
        let start = u64::from(first & 0x3f);
        let value =
            rest.iter().try_fold(start, |value, byte| Some(value.checked_mul(256)? + u64::from(*byte)));
        return value.filter(|value| !negative && i64::try_from(*value).is_ok());
    }
    let digits = text(field).trim_ascii();
    digits.iter().try_fold(0u64, |value, digit| match digit {
        b'0'..=b'7' => Some(value.checked_mul(8)? + u64::from(digit - b'0')),
        _ => None,
    })
}

/// What headers before the next entry say of it.
#[derive(Default)]
struct Further {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

impl Further {
    /// Records of pax: `LENGTH KEY=VALUE\n`.
    fn pax(&mut self, mut records: &[u8]) {
        while let Some(blank) = memchr::memchr(b' ', records) {
            let length = std::str::from_utf8(records.get(..blank).unwrap_or_default())
                .ok()
                .and_then(|digits| digits.parse::<usize>().ok())
                .filter(|length| *length > blank);
            let Some(record) = length.and_then(|length| records.get(blank + 1..length)) else { return };
            let record = record.strip_suffix(b"\n").unwrap_or(record);
            let mut parts = record.splitn(2, |byte| *byte == b'=');
            match (parts.next(), parts.next()) {
                (Some(b"path"), Some(value)) => self.name = Some(value.to_vec()),
                (Some(b"size"), Some(value)) => {
                    self.size = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
                }
                (Some(key), _) if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                _ => {}
            }
            records = records.get(length.unwrap_or(usize::MAX)..).unwrap_or_default();
        }
    }
}

struct Reader<R> {
    inner: R,
    /// Bytes read so far.
    at: u64,
    /// Bytes of the current entry not read yet.
    left: u64,
    /// Bytes between the end of the current entry and the next header.
    padding: u64,
    /// An entry found while a damaged place was told.
    pending: Option<Header>,
    end_mark: bool,
}

impl<R: Read> Reader<R> {
    /// Fills `block`; `false` at the end of the archive.
    fn block(&mut self, block: &mut [u8; BLOCK]) -> io::Result<bool> {
        let mut have = 0;
        while have < BLOCK {
            match self.inner.read(block.get_mut(have..).unwrap_or_default()) {
                Ok(0) if have == 0 => return Ok(false),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => have += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.at += BLOCK as u64;
        Ok(true)
    }

    fn pass_over(&mut self, bytes: u64) -> io::Result<()> {
        let mut left = bytes;
        let mut buffer = [0; BUFFER_BYTES / 4];
        while left > 0 {
            let room = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
            match self.inner.read(buffer.get_mut(..room).unwrap_or_default()) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    left -= count as u64;
                    self.at += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn finish_entry(&mut self) -> io::Result<()> {
        let rest = self.left.saturating_add(self.padding);
        (self.left, self.padding) = (0, 0);
        self.pass_over(rest)
    }

    fn begin_data(&mut self, size: u64) {
        self.left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    /// The data of a header that describes the next entry; `None` if it is too long to be one.
    fn header_data(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut data = Vec::new();
        if self.left <= LONGEST_HEADER {
            Read::by_ref(self).take(LONGEST_HEADER).read_to_end(&mut data)?;
        }
        let whole = self.left == 0;
        self.finish_entry()?;
        Ok(whole.then_some(data))
    }

    /// The next header, or words about a damaged place before it.
    fn header(&mut self) -> io::Result<Option<Result<Header, String>>> {
        if let Some(header) = self.pending.take() {
            return Ok(Some(Ok(header)));
        }
        let mut block = [0; BLOCK];
        let mut damaged_from = None;
        while self.block(&mut block)? {
            if block.iter().all(|byte| *byte == 0) {
                // Another archive may follow: `cat a.tar b.tar`.
                self.end_mark = true;
                continue;
            }
            let Some(header) = Header::parse(&block) else {
                damaged_from.get_or_insert(self.at - BLOCK as u64);
                continue;
            };
            let Some(from) = damaged_from else { return Ok(Some(Ok(header))) };
            self.pending = Some(header);
            let passed = self.at - BLOCK as u64 - from;
            return Ok(Some(Err(format!(
                "{passed} bytes from byte {from} are no tar entry and were passed over"
            ))));
        }
        Ok(damaged_from.map(|from| Err(format!("bytes from byte {from} to the end are no tar entry"))))
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if room == 0 {
            return Ok(0);
        }
        let count = self.inner.read(buffer.get_mut(..room).unwrap_or_default())?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        self.at += count as u64;
        Ok(count)
    }
}

impl<R: Read> Archive for Reader<R> {
    fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        self.finish_entry()?;
        let mut further = Further::default();
        loop {
            let header = match self.header()? {
                Some(Ok(header)) => header,
                Some(Err(damage)) => {
                    return Ok(Some(Entry { name: Vec::new(), kind: Kind::Damage(damage) }));
                }
                None if self.end_mark => return Ok(None),
                None => {
                    self.end_mark = true;
                    let damage = "the archive has no end mark: it may be cut".to_owned();
                    return Ok(Some(Entry { name: Vec::new(), kind: Kind::Damage(damage) }));
                }
            };
            self.end_mark = false;
            let describes = matches!(header.kind, b'L' | b'K' | b'x' | b'X' | b'g');
            self.begin_data(if describes { header.size } else { further.size.unwrap_or(header.size) });
            if describes {
                let data = self.header_data()?;
                match (header.kind, data) {
                    (b'L', Some(data)) => further.name = Some(text(&data).to_vec()),
                    (b'x' | b'X', Some(data)) => further.pax(&data),
                    _ => {}
                }
                continue;
            }
            if header.extended {
                let mut block = [0; BLOCK];
                while self.block(&mut block)? && block.get(504).is_some_and(|more| *more != 0) {}
            }
            let name = further.name.unwrap_or(header.name);
            let kind = match header.kind {
                _ if further.sparse => Kind::Other("a sparse file"),
                0 if name.ends_with(b"/") => Kind::Directory,
                0 | b'0' | b'7' => Kind::File,
                b'1' => Kind::Other("a hard link"),
                b'2' => Kind::Other("a symbolic link"),
                b'3' | b'4' => Kind::Other("a device"),
                b'5' => Kind::Directory,
                b'6' => Kind::Other("a pipe"),
                b'S' => Kind::Other("a sparse file"),
                _ => Kind::Other("no regular file"),
            };
            // Links and devices may name a size but hold no data.
            if matches!(header.kind, b'1'..=b'6') {
                (self.left, self.padding) = (0, 0);
            }
            return Ok(Some(Entry { name, kind }));
        }
    }
}
