//! Limits: how much one input may cost. Every one has a name, and what reaches it is told by that name.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A compressed stream may be as small as it likes until this many bytes have come out of it: logs of one repeated
/// line pack well.
const RATIO_FROM_BYTES: u64 = 256 << 20;

/// The limits, each for one stored file (an argument, or a file of a directory) with all that is inside it, so that the
/// outcome does not depend on what other threads read at the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes that all decompressing of one stored file may make.
    pub expanded: u64,
    /// Bytes of one entry of an archive, or of one compressed file, expanded.
    pub entry: u64,
    /// Entries of one stored file, those of inner archives included.
    pub entries: u64,
    /// Containers within each other; an archive and what compresses the whole of it (`.tar.gz`) count as one.
    pub nesting: u64,
    /// Expanded bytes for each compressed byte, looked at after 256 MiB.
    pub ratio: u64,
    /// Bytes kept of one line; the rest of the line is passed over.
    pub line: u64,
    /// Bytes of one line passed over before the file is given up as no log.
    pub long_line: u64,
    /// Lines kept of one record; further ones are counted only.
    pub record_lines: u64,
    /// Requests, statements and other records kept one by one, of all files together; where there are more, one of a kind and
    /// a stretch of time stands for others. (The one limit that the files share.)
    pub records: u64,
    /// Window of a zstd frame, dictionary of an xz block, bytes of memory.
    pub window: u64,
    /// Bytes of an archive kept in memory where it must be read twice but comes once: from standard input, or a zip
    /// inside another archive.
    pub spool: u64,
    /// Bytes of a summary, unpacked: it is read into memory as a whole.
    pub summary: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            expanded: 64 << 30,
            entry: 16 << 30,
            entries: 500_000,
            nesting: 2,
            ratio: 2_000,
            line: 1 << 20,
            long_line: 4 << 30,
            record_lines: 10_000,
            records: 400_000,
            window: 128 << 20,
            spool: 64 << 20,
            summary: 1 << 30,
        }
    }
}

type Field = fn(&mut Limits) -> &mut u64;

/// Name, highest value, whether it counts bytes, and where it is kept.
const NAMES: &[(&str, u64, bool, Field)] = &[
    ("expanded", u64::MAX, true, |limits| &mut limits.expanded),
    ("entry", u64::MAX, true, |limits| &mut limits.entry),
    ("entries", u64::MAX, false, |limits| &mut limits.entries),
    // Reading descends once for each level.
    ("nesting", 16, false, |limits| &mut limits.nesting),
    ("ratio", u64::MAX, false, |limits| &mut limits.ratio),
    // A record must fit into a block with room to spare.
    ("line", 8 << 20, true, |limits| &mut limits.line),
    ("long-line", u64::MAX, true, |limits| &mut limits.long_line),
    ("record-lines", u64::MAX, false, |limits| &mut limits.record_lines),
    ("records", u64::MAX, false, |limits| &mut limits.records),
    ("window", 2 << 30, true, |limits| &mut limits.window),
    ("spool", 1 << 40, true, |limits| &mut limits.spool),
    ("summary", 1 << 40, true, |limits| &mut limits.summary),
];

impl Limits {
    /// Changes one limit by its name, from `NAME=VALUE`; bytes may end in `K`, `M`, `G` or `T` (powers of 1,024).
    ///
    /// # Errors
    /// One sentence on what is wrong with `setting`.
    pub fn set(&mut self, setting: &str) -> Result<(), String> {
        let (name, value) = setting.split_once('=').ok_or_else(|| format!("{setting}: not NAME=VALUE"))?;
        let Some((_, highest, _, field)) = NAMES.iter().find(|(known, ..)| *known == name) else {
            let known: Vec<&str> = NAMES.iter().map(|(name, ..)| *name).collect();
            return Err(format!("{name}: no such limit ({})", known.join(", ")));
        };
        let digits = value.trim_end_matches(|byte: char| byte.is_ascii_alphabetic());
        let shift = match value.get(digits.len()..).unwrap_or_default().to_ascii_uppercase().as_str() {
            "" => 0,
            "K" | "KIB" => 10,
            "M" | "MIB" => 20,
            "G" | "GIB" => 30,
            "T" | "TIB" => 40,
            other => return Err(format!("{name}={value}: unknown unit {other}")),
        };
        let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
        match number {
            Some(number) if (1..=*highest).contains(&number) => {
                *field(self) = number;
                Ok(())
            }
            _ => Err(format!("{name}={value}: not a number from 1 to {}", amount(*highest, shift > 0))),
        }
    }

    /// All limits as one line of text, `NAME=VALUE` each.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut copy = *self;
        let all: Vec<String> = NAMES
            .iter()
            .map(|(name, _, bytes, field)| format!("{name}={}", short(*field(&mut copy), *bytes)))
            .collect();
        all.join(" ")
    }
}

fn short(value: u64, bytes: bool) -> String {
    match amount(value, bytes).split_once(' ') {
        Some((number, unit)) => format!("{number}{}", unit.get(..1).unwrap_or_default()),
        None => value.to_string(),
    }
}

/// A limit in words: `16 GiB` if it counts `bytes`, else `100000`.
#[must_use]
pub fn amount(value: u64, bytes: bool) -> String {
    let unit = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")]
        .into_iter()
        .find(|(shift, _)| bytes && value >= 1 << shift && value.is_multiple_of(1 << shift));
    match unit {
        Some((shift, unit)) => format!("{} {unit}", value >> shift),
        None => value.to_string(),
    }
}

/// A limit was reached. Travels inside an [`io::Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitReached {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: u64,
}

impl std::fmt::Display for LimitReached {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = NAMES.iter().any(|(name, _, bytes, _)| *name == self.name && *bytes);
        let value = amount(self.value, bytes);
        let what = match self.name {
            "expanded" => "the file expands to more than",
            "entry" => "this entry expands to more than",
            "summary" => "the summary expands to more than",
            "entries" => "the archive has more entries than",
            "nesting" => "containers lie within each other deeper than",
            "ratio" => "the bytes for each compressed byte are more than",
            "long-line" => "one line is longer than",
            "window" => "unpacking it needs more memory than",
            "spool" => "it cannot be kept in memory, being larger than",
            _ => "larger than",
        };
        write!(out, "limit {}: {what} {value} (raise it with --limit {}=N)", self.name, self.name)
    }
}

impl std::error::Error for LimitReached {}

impl From<LimitReached> for io::Error {
    fn from(reached: LimitReached) -> Self {
        io::Error::other(reached)
    }
}

/// What one stored file has used of its limits; shared by all readers inside it.
#[derive(Debug, Default)]
pub struct Budget {
    /// The limits.
    pub limits: Limits,
    expanded: AtomicU64,
    entries: AtomicU64,
}

impl Budget {
    /// An unused budget.
    #[must_use]
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Budget { limits, ..Default::default() })
    }

    /// Books one entry of an archive.
    ///
    /// # Errors
    /// When there are too many.
    pub fn entry(&self) -> Result<(), LimitReached> {
        let before = self.entries.fetch_add(1, Ordering::Relaxed);
        if before < self.limits.entries {
            Ok(())
        } else {
            Err(LimitReached { name: "entries", value: self.limits.entries })
        }
    }
}

/// Counts the compressed bytes that a decoder takes.
pub struct Taken<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Taken<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Watches over what a decoder makes: all bytes and their ratio. After the first error nothing asks the decoder again.
pub struct Guard<R> {
    inner: R,
    taken: Arc<AtomicU64>,
    made: u64,
    budget: Arc<Budget>,
    failed: Option<(io::ErrorKind, String)>,
}

/// Puts a decoder between two counters.
pub fn guard<'r, R, D>(reader: R, budget: &Arc<Budget>, decoder: impl FnOnce(Taken<R>) -> D) -> Guard<D>
where
    R: Read + 'r,
    D: Read + 'r,
{
    let taken = Arc::new(AtomicU64::new(0));
    let inner = decoder(Taken { inner: reader, bytes: Arc::clone(&taken) });
    Guard { inner, taken, made: 0, budget: Arc::clone(budget), failed: None }
}

impl<R: Read> Guard<R> {
    fn guarded(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let limits = &self.budget.limits;
        let left = limits.expanded.saturating_sub(self.budget.expanded.load(Ordering::Relaxed));
        // One byte more than allowed tells an end from more to come.
        let room = buffer.len().min(usize::try_from(left.saturating_add(1)).unwrap_or(usize::MAX));
        let count = self.inner.read(buffer.get_mut(..room).unwrap_or_default())?;
        self.budget.expanded.fetch_add(count as u64, Ordering::Relaxed);
        self.made += count as u64;
        if count as u64 > left {
            return Err(LimitReached { name: "expanded", value: limits.expanded }.into());
        }
        if self.made > RATIO_FROM_BYTES
            && self.made / self.taken.load(Ordering::Relaxed).max(1) > limits.ratio
        {
            return Err(LimitReached { name: "ratio", value: limits.ratio }.into());
        }
        Ok(count)
    }
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some((kind, text)) = &self.failed {
            return Err(io::Error::new(*kind, text.clone()));
        }
        let outcome = self.guarded(buffer);
        if let Err(error) = &outcome
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.failed = Some((error.kind(), error.to_string()));
        }
        outcome
    }
}

/// Ends in [`LimitReached`] where something is larger than it may be.
pub struct Capped<R> {
    inner: R,
    left: u64,
    limit: LimitReached,
}

impl<R: Read> Capped<R> {
    /// The first bytes of `inner`, as many as the limit called `name` allows.
    pub fn new(inner: R, name: &'static str, value: u64) -> Self {
        Capped { inner, left: value, limit: LimitReached { name, value } }
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(usize::try_from(self.left.saturating_add(1)).unwrap_or(usize::MAX));
        let count = self.inner.read(buffer.get_mut(..room).unwrap_or_default())?;
        match self.left.checked_sub(count as u64) {
            Some(left) => {
                self.left = left;
                Ok(count)
            }
            None => Err(self.limit.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_set_by_name() {
        let mut limits = Limits::default();
        for (setting, value) in [("entry=1G", 1 << 30), ("entry=10KiB", 10 << 10), ("entry=7", 7)] {
            limits.set(setting).unwrap();
            assert_eq!(limits.entry, value);
        }
        for wrong in ["entry", "entry=", "entry=x", "entry=0", "entry=1Q", "nesting=17", "line=1G", "no=1"] {
            assert!(limits.set(wrong).is_err(), "{wrong}");
        }
        assert!(limits.set("entry=99999999999G").is_err());
        assert!(Limits::default().describe().starts_with("expanded=64G entry=16G entries=500000 nesting=2"));
    }

    #[test]
    fn exactly_as_much_as_allowed_is_no_error() {
        let budget = Budget::new(Limits { expanded: 5, ..Limits::default() });
        let mut out = Vec::new();
        guard(&b"12345"[..], &budget, |taken| taken).read_to_end(&mut out).unwrap();
        assert_eq!(out, b"12345");
        let error = guard(&b"1"[..], &budget, |taken| taken).read_to_end(&mut out).unwrap_err();
        assert!(error.to_string().starts_with("limit expanded:"), "{error}");
        let mut out = Vec::new();
        Capped::new(&b"12345"[..], "entry", 5).read_to_end(&mut out).unwrap();
        let error = Capped::new(&b"123456"[..], "entry", 5).read_to_end(&mut Vec::new()).unwrap_err();
        assert!(error.to_string().starts_with("limit entry:"), "{error}");
    }
}
