//! Summaries: what was read of logs, written to a file that [`read`](crate::read) takes in the place of the logs.
//!
//! Each machine summarises its own logs, and the summaries are analysed together: the report is the one that the logs
//! themselves would have given. The form, described for users in `docs/summary.md`:
//!
//! * the line `stormtrace.summary/1`;
//! * one gzip stream, whose CRC guards the content: frames, each a length (8 bytes, big-endian) and as many bytes of
//!   [postcard](https://postcard.jamesmunns.com/wire-format), first a `Head`, then as many [`Input`]s as it says.
//!
//! postcard does not say what its fields are called: whoever changes a type that is reached from [`Input`] raises
//! [`VERSION`]. The values of passwords and keys are hidden on writing.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read, Write};

use flate2::write::GzEncoder;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use stormtrace_logs::container::{
    Budget, Capped, Container, Gzip, LimitReached, Limits, Packed, Peek, Unpacked,
};

use crate::events::Events;
use crate::fold::Partial;
use crate::read::Input;
use crate::secret;

/// Version of the form. Another one is not read.
pub const VERSION: u32 = 1;

/// How a summary begins; the version and a line break follow.
const MAGIC: &[u8] = b"stormtrace.summary/";
/// More digits than a version will ever have.
const VERSION_BYTES: usize = 10;
/// No log stamps a record further from 1970 than this, µs; differences of such times can be counted.
const FURTHEST_US: i64 = i64::MAX / 4;

/// Why a summary cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is of another version.
    #[error("a summary of version {found}; this stormtrace reads version {VERSION}")]
    Version {
        /// Its version, as written.
        found: String,
    },
    /// It ends too early.
    #[error("the summary is cut short, after byte {at} of its unpacked content")]
    CutShort {
        /// Bytes of its content before the end.
        at: u64,
    },
    /// It is larger than allowed.
    #[error("{reached}")]
    Limit {
        /// Which limit, in words.
        reached: String,
    },
    /// Its content is not what was written.
    #[error("the summary is damaged at byte {at} of its unpacked content: {reason}")]
    Damaged {
        /// Bytes of its content before the damage.
        at: u64,
        /// What is wrong.
        reason: String,
    },
}

/// What was read of some logs.
#[derive(Debug, Default)]
pub struct Summary {
    /// Every input, as it was read.
    pub inputs: Vec<Input>,
    /// What was left out, in words.
    pub left_out: Vec<String>,
    /// Bytes of the logs, about: what each summary may keep where all hold too many records.
    pub bytes: u64,
}

/// What stands before the inputs.
#[derive(Serialize, Deserialize)]
struct Head {
    /// Version of the program that wrote it.
    written_by: String,
    left_out: Vec<String>,
    bytes: u64,
    /// Number of inputs.
    inputs: u64,
}

impl Summary {
    /// Writes it, to the same bytes however the logs were cut to be read. What is secret is hidden in `self` too.
    ///
    /// # Errors
    /// Whatever `out` answers.
    pub fn write(&mut self, mut out: impl Write) -> io::Result<()> {
        for input in &mut self.inputs {
            hide_secrets(input);
            put_in_order(&mut input.partial.events);
        }
        writeln!(out, "{}{VERSION}", MAGIC.escape_ascii())?;
        let mut packed = GzEncoder::new(out, flate2::Compression::default());
        let head = Head {
            written_by: env!("CARGO_PKG_VERSION").to_owned(),
            left_out: self.left_out.clone(),
            bytes: self.bytes,
            inputs: self.inputs.len() as u64,
        };
        write_frame(&head, &mut packed)?;
        for input in &mut self.inputs {
            fold_up(&mut input.partial.events);
            write_frame(input, &mut packed)?;
            unfold(&mut input.partial.events);
        }
        packed.finish()?.flush()
    }

    /// Reads one, its first line included.
    ///
    /// # Errors
    /// When it is no summary, of another version, damaged, or larger than `limits` allow.
    pub fn read(reader: impl Read + Send, limits: &Limits) -> Result<Self, Error> {
        let mut reader = BufReader::new(reader);
        check_version(&mut reader)?;
        let packed = Packed { reader: Box::new(reader), seekable: None, budget: Budget::new(*limits) };
        let mut frames = Frames { content: Capped::new(gunzip(packed)?, "summary", limits.summary), at: 0 };
        let head: Head = frames.next()?;
        let mut inputs = Vec::new();
        for _ in 0..head.inputs {
            let at = frames.at;
            let mut input: Input = frames.next()?;
            settle(&mut input).map_err(|reason| Error::Damaged { at, reason: reason.to_owned() })?;
            // As on reading a log: which of all inputs this is comes to light later.
            input.partial.events.set_input(0);
            inputs.push(input);
        }
        frames.end()?;
        Ok(Summary { inputs, left_out: head.left_out, bytes: head.bytes })
    }
}

/// Whether a file begins as summaries do, of whatever version, and the file from its beginning.
pub fn recognise<R: Read>(reader: R) -> (bool, Peek<R>) {
    let peek = Peek::new(reader, MAGIC.len());
    (peek.head() == MAGIC, peek)
}

fn gunzip(packed: Packed<'_>) -> Result<Box<dyn Read + Send + '_>, Error> {
    match Gzip.unpack(packed).map_err(|error| failure(&error, 0))? {
        Unpacked::Stream(content) => Ok(content),
        Unpacked::Archive(_) => Err(Error::Damaged { at: 0, reason: "no gzip stream".to_owned() }),
    }
}

/// Reads the first line.
fn check_version(reader: &mut impl BufRead) -> Result<(), Error> {
    let mut line = Vec::new();
    let longest = (MAGIC.len() + VERSION_BYTES + 1) as u64;
    reader.take(longest).read_until(b'\n', &mut line).map_err(|error| failure(&error, 0))?;
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    let found = String::from_utf8_lossy(line.strip_prefix(MAGIC).unwrap_or_default()).into_owned();
    match found.parse() {
        Ok(VERSION) => Ok(()),
        _ if found.is_empty() => Err(Error::CutShort { at: 0 }),
        _ => Err(Error::Version { found }),
    }
}

fn write_frame(value: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    let bytes = postcard::to_stdvec(value).map_err(io::Error::other)?;
    out.write_all(&(bytes.len() as u64).to_be_bytes())?;
    out.write_all(&bytes)
}

/// The frames of a summary, one after the other.
struct Frames<R> {
    content: R,
    /// Bytes read.
    at: u64,
}

impl<R: Read> Frames<R> {
    fn next<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        let length = self.take(8)?;
        let length = length.try_into().map_or(0, u64::from_be_bytes);
        let at = self.at;
        let bytes = self.take(length)?;
        let damaged = |reason: &str| Error::Damaged { at, reason: reason.to_owned() };
        match postcard::take_from_bytes(&bytes) {
            Ok((value, [])) => Ok(value),
            Ok(_) => Err(damaged("more is written than was expected")),
            Err(error) => Err(damaged(&error.to_string())),
        }
    }

    /// As many bytes. Memory grows with what is there, not with what is announced.
    fn take(&mut self, count: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let outcome = self.content.by_ref().take(count).read_to_end(&mut bytes);
        self.at += bytes.len() as u64;
        match outcome {
            Ok(_) if bytes.len() as u64 == count => Ok(bytes),
            Ok(_) => Err(Error::CutShort { at: self.at }),
            Err(error) => Err(failure(&error, self.at)),
        }
    }

    /// Nothing follows, and the checksum fits.
    fn end(mut self) -> Result<(), Error> {
        match io::copy(&mut self.content.by_ref().take(1), &mut io::sink()) {
            Ok(0) => Ok(()),
            Ok(_) => Err(Error::Damaged { at: self.at, reason: "more follows".to_owned() }),
            Err(error) => Err(failure(&error, self.at)),
        }
    }
}

fn failure(error: &io::Error, at: u64) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::CutShort { at },
        _ if error.get_ref().is_some_and(|inner| inner.is::<LimitReached>()) => {
            Error::Limit { reached: error.to_string() }
        }
        _ => Error::Damaged { at, reason: error.to_string() },
    }
}

/// Makes of what stood in a file what reading logs makes: bounded, in order, and at times that can be counted with.
fn settle(input: &mut Input) -> Result<(), &'static str> {
    let mut read = std::mem::take(&mut input.partial);
    unfold(&mut read.events);
    input.partial.merge(read);
    let Partial { events, span, stretches, presence, .. } = &mut input.partial;
    let too_far = Cell::new(false);
    let look = |_, us: i64| {
        too_far.set(too_far.get() || !(-FURTHEST_US..=FURTHEST_US).contains(&us));
        0
    };
    events.shift(look);
    stretches.shift(look);
    presence.shift(look);
    let ends = span.iter().flat_map(|span| [span.0, span.1]);
    for us in ends.chain(events.contents.list.iter().map(|content| content.us)) {
        look(0, us);
    }
    if too_far.get() { Err("a time that no log can tell") } else { Ok(()) }
}

/// Events in the order of the file, texts in the order of the events: how the file was cut to be read does not show.
fn put_in_order(events: &mut Events) {
    events.access.sort_by_key(|event| event.line);
    events.served.sort_by_key(|event| event.line);
    events.contents.settle();
    let kept = std::mem::take(events);
    events.append(kept);
}

/// Makes the events small to write: a hash cannot be compressed, and nearly every event has that of the content of its
/// line; times, and lines of contents, go up by little.
fn fold_up(events: &mut Events) {
    let known = contents(events);
    for (line, fingerprint) in fingerprints(events) {
        if known.get(&line) == Some(fingerprint) {
            *fingerprint = 0;
        }
    }
    let mut before = (0, 0);
    for content in &mut events.contents.list {
        let this = (content.us, content.line);
        content.us = content.us.wrapping_sub(before.0);
        content.line = content.line.wrapping_sub(before.1);
        before = this;
    }
    let before = Cell::new(0);
    events.shift(|_, us| before.replace(us).saturating_neg());
}

/// Undoes [`fold_up`].
fn unfold(events: &mut Events) {
    let before = Cell::new(0i64);
    events.shift(|_, step| before.replace(before.get().saturating_add(step)));
    let mut before = (0i64, 0u64);
    for content in &mut events.contents.list {
        content.us = content.us.wrapping_add(before.0);
        content.line = content.line.wrapping_add(before.1);
        before = (content.us, content.line);
    }
    let known = contents(events);
    for (line, fingerprint) in fingerprints(events) {
        if *fingerprint == 0 {
            *fingerprint = known.get(&line).copied().unwrap_or(0);
        }
    }
}

/// Hashes of contents by line.
fn contents(events: &Events) -> FxHashMap<u64, u64> {
    events.contents.list.iter().map(|content| (content.line, content.fingerprint)).collect()
}

/// Hashes of events, with their lines.
fn fingerprints(events: &mut Events) -> impl Iterator<Item = (u64, &mut u64)> {
    let access = events.access.iter_mut().map(|event| (event.line, &mut event.fingerprint));
    let served = events.served.iter_mut().map(|event| (event.line, &mut event.fingerprint));
    let odoo = events.odoo.iter_mut().map(|event| (event.line, &mut event.fingerprint));
    let nginx = events.nginx.iter_mut().map(|event| (event.line, &mut event.fingerprint));
    let postgres = events.postgres.iter_mut().map(|event| (event.line, &mut event.fingerprint));
    access.chain(served).chain(odoo).chain(nginx).chain(postgres)
}

/// Hides what reports would hide.
fn hide_secrets(input: &mut Input) {
    let hidden = |text: &str| match secret::masked(text) {
        Cow::Owned(hidden) => Some(hidden),
        Cow::Borrowed(_) => None,
    };
    input.partial.events.texts.change(hidden);
    for example in input.partial.ledger.examples.values_mut() {
        if let Some(text) = hidden(&example.text) {
            example.text = text.into();
        }
    }
    for setting in &mut input.partial.events.settings {
        if let Some(value) = secret::masked_setting(&setting.name, &setting.value) {
            setting.value = value;
        }
    }
}
