//! Stored files: opening them, and what happens to them while they are read.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use stormtrace_logs::container::{self, Budget, Limits, Packed, ReadSeek, Unpacked};

use super::walk::Pass;
use super::{Found, Progress};

/// Enough of standard input to see whether it is an archive, bytes.
const LOOK_BYTES: u64 = 1 << 20;

/// One input as it is stored.
pub struct Stored {
    /// Where it is.
    pub found: Found,
    /// The beginning of standard input, where that must be read twice.
    kept: OnceLock<Kept>,
    /// About how many bytes come out of it, once somebody asked.
    expanded: OnceLock<Option<u64>>,
}

struct Kept {
    bytes: Vec<u8>,
    /// Kept because it is an archive, not for a first look only.
    archive: bool,
    /// Nothing follows.
    whole: bool,
    failed: Option<io::Error>,
}

/// Bytes to read, in order and, where possible, at any place.
pub struct Opened<'s> {
    /// In order.
    pub reader: Snapshot<'s>,
    /// At any place.
    pub seekable: Option<Box<dyn ReadSeek + Send + 's>>,
}

impl Stored {
    /// Not opened yet.
    pub fn new(found: Found) -> Self {
        Stored { found, kept: OnceLock::new(), expanded: OnceLock::new() }
    }

    /// The path as the system knows it.
    pub fn path(&self) -> String {
        match &self.found.place {
            Some(place) => place.display().to_string(),
            None => self.found.label.clone(),
        }
    }

    /// What the system says of it, if it is a regular file.
    fn regular(&self) -> Option<fs::Metadata> {
        fs::metadata(self.found.place.as_ref()?).ok().filter(fs::Metadata::is_file)
    }

    /// Size of a regular file, bytes.
    pub fn size(&self) -> Option<u64> {
        Some(self.regular()?.len())
    }

    /// About how many bytes come out of a regular file. It is looked into once.
    pub fn expanded(&self) -> Option<u64> {
        *self.expanded.get_or_init(|| self.estimate())
    }

    fn estimate(&self) -> Option<u64> {
        /// Logs pack to about a twentieth.
        const PACKED: u64 = 20;
        let size = self.size()?;
        let mut head = Vec::new();
        File::open(self.found.place.as_ref()?).ok()?.take(512).read_to_end(&mut head).ok()?;
        Some(if container::is_compressed(&head) { size.saturating_mul(PACKED) } else { size })
    }

    /// When a regular file was last written to, µs since 1970.
    pub fn modified_us(&self) -> Option<i64> {
        let since = self.regular()?.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_micros()).ok()
    }

    /// Whether it is standard input and longer than what is kept of it.
    pub fn is_partly_kept(&self) -> bool {
        self.kept.get().is_some_and(|kept| kept.archive && !kept.whole)
    }

    /// Whether it may be read once more later: a regular file, or an archive from standard input, of which the
    /// beginning is kept. Logs from a pipe are not kept: they hold no configuration.
    pub fn can_be_read_again(&self, limits: &Limits) -> bool {
        match &self.found.place {
            Some(_) => self.regular().is_some(),
            None => {
                let mut bytes = Vec::new();
                let mut failed = io::stdin().lock().take(LOOK_BYTES).read_to_end(&mut bytes).err();
                let archive = is_archive(&bytes, limits);
                let wanted = (limits.spool + 1).saturating_sub(bytes.len() as u64);
                if archive && failed.is_none() {
                    failed = io::stdin().lock().take(wanted).read_to_end(&mut bytes).err();
                }
                let most = if archive { limits.spool } else { LOOK_BYTES - 1 };
                let whole = failed.is_some() || bytes.len() as u64 <= most;
                let _ = self.kept.set(Kept { bytes, archive, whole, failed });
                archive
            }
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// When the system refuses, or it is something that may never end.
    pub fn open(&self, pass: Pass) -> io::Result<Opened<'_>> {
        let Some(place) = &self.found.place else { return Ok(self.open_standard_input(pass)) };
        let (file, size) = open_file(place, self.found.named)?;
        let Some(size) = size else {
            return Ok(Opened { reader: Snapshot::endless(Box::new(file)), seekable: None });
        };
        let watched = Some(file.try_clone()?);
        let reader = Snapshot { inner: Box::new(file), read: 0, size: Some(size), watched, progress: None };
        Ok(Opened { reader, seekable: Some(Box::new(File::open(place)?)) })
    }

    fn open_standard_input(&self, pass: Pass) -> Opened<'_> {
        let Some(kept) = self.kept.get() else {
            return Opened { reader: Snapshot::endless(Box::new(io::stdin())), seekable: None };
        };
        let bytes = Cursor::new(kept.bytes.as_slice());
        if kept.whole {
            let seekable: Box<dyn ReadSeek + Send> = Box::new(bytes.clone());
            // Bytes lost behind a read error are missing at the end: a zip is then read by its entries.
            let reader: Box<dyn Read + Send> = match &kept.failed {
                None => Box::new(bytes),
                Some(error) => Box::new(bytes.chain(Failing(error.kind(), error.to_string()))),
            };
            return Opened { reader: Snapshot::endless(reader), seekable: Some(seekable) };
        }
        // What follows comes only once.
        let reader: Box<dyn Read + Send> = match pass {
            Pass::Configuration => Box::new(bytes),
            Pass::Logs => Box::new(bytes.chain(io::stdin())),
        };
        Opened { reader: Snapshot::endless(reader), seekable: None }
    }
}

/// Whether an input that begins like this is an archive. One that cannot be opened (a cut zip) counts.
fn is_archive(head: &[u8], limits: &Limits) -> bool {
    let packed = Packed { reader: Box::new(head), seekable: None, budget: Budget::new(*limits) };
    container::open(packed, 0).map_or(true, |opened| matches!(opened.unpacked, Unpacked::Archive(_)))
}

/// Gives an error again and again.
struct Failing(io::ErrorKind, String);

impl Read for Failing {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::new(self.0, self.1.clone()))
    }
}

/// Opens a file; its size if it is a regular one. `named`: the user gave this very path.
fn open_file(place: &Path, named: bool) -> io::Result<(File, Option<u64>)> {
    // Opening a pipe waits for its other end: in a directory nobody asked for that.
    if !named && !fs::symlink_metadata(place)?.is_file() {
        return Err(io::Error::other("no regular file any more"));
    }
    let file = File::open(place)?;
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    // Pipes come from shells: `stormtrace analyze <(zcat odoo.log.gz)`. Devices may never end.
    if !kind.is_file() && !is_pipe(kind) {
        return Err(io::Error::other("neither a file nor a pipe"));
    }
    // Files of /proc say they are empty.
    let size = (kind.is_file() && (metadata.len() > 0 || !named)).then_some(metadata.len());
    Ok((file, size))
}

#[cfg(unix)]
fn is_pipe(kind: fs::FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&kind)
}

#[cfg(not(unix))]
fn is_pipe(_kind: fs::FileType) -> bool {
    false
}

/// A file as it was when it was opened: what is written to it later is not read.
pub struct Snapshot<'s> {
    inner: Box<dyn Read + Send + 's>,
    read: u64,
    /// Size at the time of opening; `None` for pipes.
    size: Option<u64>,
    watched: Option<File>,
    progress: Option<Arc<Progress>>,
}

impl<'s> Snapshot<'s> {
    fn endless(inner: Box<dyn Read + Send + 's>) -> Self {
        Snapshot { inner, read: 0, size: None, watched: None, progress: None }
    }

    /// Tells how far it is read.
    pub fn report_to(&mut self, progress: &Arc<Progress>) {
        self.progress = Some(Arc::clone(progress));
    }

    /// Whether it has an end for sure.
    pub fn is_regular(&self) -> bool {
        self.size.is_some()
    }

    /// What happened to the file since it was opened.
    pub fn changes(&self) -> Option<String> {
        let opened = self.size?;
        let now = self.watched.as_ref()?.metadata().ok()?.len();
        match now.cmp(&opened) {
            std::cmp::Ordering::Greater => Some(format!(
                "the file grew by {} bytes while it was read; the first {opened} were read",
                now - opened
            )),
            std::cmp::Ordering::Less => {
                Some(format!("the file was truncated from {opened} to {now} bytes while it was read"))
            }
            std::cmp::Ordering::Equal => None,
        }
    }
}

impl Read for Snapshot<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.size.map_or(u64::MAX, |size| size.saturating_sub(self.read));
        let room = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let buffer = buffer.get_mut(..room).unwrap_or_default();
        loop {
            match self.inner.read(buffer) {
                Ok(count) => {
                    self.read += count as u64;
                    if let Some(progress) = &self.progress {
                        progress.add(count as u64);
                    }
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(io::Error::new(error.kind(), format!("{error}, at byte {}", self.read)));
                }
            }
        }
    }
}

/// Passes bytes on while hashing and counting them.
pub struct Hashing<R> {
    /// Whose bytes.
    pub inner: R,
    digest: Option<Sha256>,
    bytes: u64,
}

impl<R: Read> Hashing<R> {
    /// Counts only, unless `wanted`.
    pub fn new(inner: R, wanted: bool) -> Self {
        Hashing { inner, digest: wanted.then(Sha256::new), bytes: 0 }
    }

    /// Reads the rest, so that the hash is that of the whole file. An error ends it: it was told before, or will be.
    pub fn drain(&mut self) {
        let mut buffer = [0; 1 << 14];
        loop {
            match self.read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
    }

    /// SHA-256 in hex, and the number of bytes.
    pub fn finish(self) -> (R, String, u64) {
        let hex = self.digest.map_or_else(String::new, |digest| {
            digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
        });
        (self.inner, hex, self.bytes)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if let (Some(digest), Some(bytes)) = (&mut self.digest, buffer.get(..count)) {
            digest.update(bytes);
        }
        self.bytes += count as u64;
        Ok(count)
    }
}
