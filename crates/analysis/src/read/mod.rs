//! Inputs: finding the files, unpacking them in place, telling what they are, folding their blocks in parallel.
//!
//! Every file is an input with its own size, hash and line ledger, whether it lies in a directory or in an archive; an
//! archive is one too, without lines, so that its own hash and what is wrong with it have a place.

use std::borrow::Cow;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use stormtrace_logs::block;
use stormtrace_logs::container::Limits;
use stormtrace_logs::detect::Wanted;
use stormtrace_logs::format::{Context, Source};

mod configuration;
mod find;
mod leaf;
mod progress;
mod stored;
mod walk;

use find::list;
pub use find::{Found, find};
pub use progress::Progress;

use crate::fold::Partial;
use crate::keep::{Keep, Room};
use crate::report::RunnerUp;
use crate::summary::{self, Summary};

/// What went wrong before anything could be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A path given does not exist or cannot be opened.
    #[error("cannot open {path}")]
    Open {
        /// The path.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// Nothing of what was given is in a known format.
    #[error("{paths}: no file in a known format ({files} looked at)")]
    NothingRecognised {
        /// What was given.
        paths: String,
        /// Files looked at.
        files: usize,
    },
    /// Nothing is recognised, and a file is not what it was said to be.
    #[error("{path}: {problem}")]
    NotAsTold {
        /// Which file.
        path: String,
        /// What it was said to be.
        problem: String,
    },
    /// A directory without files.
    #[error("{paths}: no files found")]
    NoFiles {
        /// What was given.
        paths: String,
    },
    /// A path does not lie below the folder that labels shall be relative to.
    #[error("{path}: does not lie below {base}")]
    NotBelow {
        /// The path.
        path: String,
        /// The folder.
        base: String,
    },
    /// A summary given cannot be read.
    #[error("{path}")]
    Summary {
        /// Its path.
        path: String,
        /// What is wrong with it.
        source: summary::Error,
    },
    /// `--nginx-log-format` cannot be compiled.
    #[error("log_format: {0}")]
    LogFormat(String),
}

/// One input, read.
#[derive(Debug, Serialize, Deserialize)]
pub struct Input {
    /// What it is called in the report.
    pub label: String,
    /// Bytes as stored: on disk, or in the archive it lies in.
    pub bytes: u64,
    /// SHA-256 of those bytes, hex.
    pub sha256: String,
    /// Names of its containers from outside in, joined by `>`; `plain` for none.
    pub container: String,
    /// Carrier name.
    pub carrier: Cow<'static, str>,
    /// Format name, `unrecognised`, or `archive`.
    pub format: String,
    /// Part of the stack it speaks for; `None` if not recognised.
    pub source: Option<Source>,
    /// How sure.
    pub score: f64,
    /// What else it could be taken for.
    pub runner_up: Option<RunnerUp>,
    /// What it says.
    pub partial: Partial,
    /// Damage.
    pub problems: Vec<String>,
    /// Records that it may keep one by one where all inputs together hold too many.
    pub share: usize,
    /// About how many bytes its share was given for; `None` if nobody knew.
    pub weight: Option<u64>,
    /// When the stored file was last written to, µs; `None` for standard input.
    pub modified_us: Option<i64>,
}

impl Input {
    /// Whether it is an archive, whose entries are inputs of their own.
    #[must_use]
    pub fn is_archive(&self) -> bool {
        self.format == ARCHIVE
    }

    fn unrecognised(label: String) -> Self {
        Input {
            label,
            bytes: 0,
            sha256: String::new(),
            container: "plain".to_owned(),
            carrier: "plain".into(),
            format: "unrecognised".to_owned(),
            source: None,
            score: 0.0,
            runner_up: None,
            partial: Partial::default(),
            problems: Vec::new(),
            share: 0,
            weight: None,
            modified_us: None,
        }
    }
}

/// How to read.
#[derive(Debug, Clone)]
pub struct Options {
    /// Block size, bytes.
    pub block_bytes: usize,
    /// Extra `log_format` templates, tried first.
    pub nginx_log_formats: Vec<String>,
    /// Files to read as what somebody says they are.
    pub told: Vec<(PathBuf, Wanted)>,
    /// The folder that labels are relative to, instead of the directory given.
    pub relative_to: Option<PathBuf>,
    /// Told how far reading has come.
    pub progress: Option<Arc<Progress>>,
    /// What one stored file may cost.
    pub limits: Limits,
    /// Whether inputs are hashed; else the report has no hashes.
    pub hashes: bool,
    /// By label, spans in which every record is kept, µs in the input's own zone.
    pub spared: FxHashMap<String, Arc<Spans>>,
}

/// Spans of time, µs.
pub type Spans = Vec<(i64, i64)>;

impl Default for Options {
    fn default() -> Self {
        Options {
            block_bytes: block::BLOCK_BYTES,
            nginx_log_formats: Vec::new(),
            told: Vec::new(),
            relative_to: None,
            progress: None,
            limits: Limits::default(),
            hashes: true,
            spared: FxHashMap::default(),
        }
    }
}

/// Reads every input, sorted by label. Configuration is read first, since it tells how logs are laid out.
///
/// # Errors
/// When a path given as an argument cannot be opened, or nothing at all is recognised.
pub fn read(paths: &[PathBuf], options: &Options, left_out: &mut Vec<String>) -> Result<Vec<Input>, Error> {
    let Reading { inputs, left_out: notes, damaged, .. } = read_all(paths, options, false)?;
    left_out.extend(notes);
    if inputs.iter().any(|input| input.source.is_some()) {
        return Ok(inputs);
    }
    if let Some((path, source)) = damaged.into_iter().next() {
        return Err(Error::Summary { path, source });
    }
    let told = inputs.iter().find_map(|input| {
        Some((input, input.problems.iter().find(|problem| problem.starts_with(leaf::TOLD))?))
    });
    if let Some((input, problem)) = told {
        return Err(Error::NotAsTold { path: input.label.clone(), problem: problem.clone() });
    }
    let files = inputs.iter().filter(|input| input.format != ARCHIVE).count();
    Err(Error::NothingRecognised { paths: list(paths), files })
}

/// Reads every input for a summary: what nothing recognises is an input too.
///
/// # Errors
/// When a path given as an argument cannot be opened.
pub fn summarize(paths: &[PathBuf], options: &Options) -> Result<Summary, Error> {
    let Reading { inputs, left_out, bytes, .. } = read_all(paths, options, true)?;
    Ok(Summary { inputs, left_out, bytes })
}

/// What was read.
#[derive(Default)]
struct Reading {
    inputs: Vec<Input>,
    left_out: Vec<String>,
    /// Bytes of all logs, about.
    bytes: u64,
    /// Summaries that could not be read, by label.
    damaged: Vec<(String, summary::Error)>,
}

/// Reads all there is. `more_to_come`: what is read may be put beside other inputs later, among them its copies.
fn read_all(paths: &[PathBuf], options: &Options, more_to_come: bool) -> Result<Reading, Error> {
    let mut whole = Reading::default();
    let found = find(paths, options.relative_to.as_deref(), &mut whole.left_out)?;
    let stored: Vec<stored::Stored> = found.into_iter().map(stored::Stored::new).collect();
    if let Some(progress) = &options.progress {
        progress.expect(stored.iter().filter_map(stored::Stored::size).sum());
    }
    let context = configuration::read(&stored, options, &mut whole.left_out)?;
    let shares = shares(&stored, options);
    let room = Arc::new(Room::new(options.limits.records));
    let alone = stored.len() == 1 && !more_to_come;
    let outcomes = in_parallel(stored, |index, stored| {
        let most = shares.get(index).copied().unwrap_or(FEWEST_RECORDS);
        let plain = stored.size().filter(|size| stored.expanded() == Some(*size));
        let keep = Keep { most, room: Arc::clone(&room), alone, bytes: plain, ..Keep::default() };
        let one = read_one(stored, &context, options, &keep)?;
        let Some(input) = one.inputs.iter().find(|input| input.partial.was_misjudged(&keep)) else {
            return Ok(one);
        };
        input.partial.leave(&room);
        if let Some(progress) = &options.progress {
            progress.expect(input.bytes);
        }
        read_one(stored, &context, options, &Keep { bytes: None, ..keep })
    });
    let mut summaries = Vec::new();
    for (stored, outcome) in outcomes {
        match outcome {
            Ok(one) => {
                if one.summaries.is_empty() {
                    whole.bytes = whole.bytes.saturating_add(stored.expanded().unwrap_or(0));
                }
                whole.inputs.extend(one.inputs);
                for (label, summary) in one.summaries {
                    match summary {
                        Ok(summary) => summaries.push((label, summary)),
                        Err(source) if stored.found.named && label == stored.found.label => {
                            return Err(Error::Summary { path: stored.path(), source });
                        }
                        Err(error) => whole.damaged.push((label, error)),
                    }
                }
            }
            Err(source) if stored.found.named => return Err(Error::Open { path: stored.path(), source }),
            Err(error) => {
                let mut input = Input::unrecognised(stored.found.label);
                input.problems.push(error.to_string());
                whole.inputs.push(input);
            }
        }
    }
    join(&mut whole, summaries, options, &room);
    if room.is_full() {
        whole.inputs.par_iter_mut().for_each(|input| input.partial.fit(input.share, false));
    }
    whole.inputs.sort_by(|a, b| a.label.as_bytes().cmp(b.label.as_bytes()));
    whole.left_out.sort();
    Ok(whole)
}

/// Adds what summaries hold, as if their logs lay here. Labels that come from several places are told apart by the
/// summary's own. Where all hold too many records, each summary keeps its share by the bytes of its logs.
fn join(whole: &mut Reading, summaries: Vec<(String, Summary)>, options: &Options, room: &Room) {
    let mut places: FxHashMap<String, u32> = FxHashMap::default();
    let mut count = |labels: &mut dyn Iterator<Item = &String>| {
        let distinct: FxHashSet<&String> = labels.collect();
        distinct.into_iter().for_each(|label| *places.entry(label.clone()).or_insert(0) += 1);
    };
    count(&mut whole.inputs.iter().map(|input| &input.label).chain(&whole.left_out));
    for (_, summary) in &summaries {
        count(&mut summary.inputs.iter().map(|input| &input.label).chain(&summary.left_out));
    }
    whole.bytes = summaries.iter().fold(whole.bytes, |all, (_, summary)| all.saturating_add(summary.bytes));
    for (label, summary) in summaries {
        let tell_apart = |name: &mut String| {
            if places.get(name).is_some_and(|places| *places > 1) {
                *name = format!("{label}/{name}");
            }
        };
        whole.inputs.extend(summary.inputs.into_iter().map(|mut input| {
            tell_apart(&mut input.label);
            input.share = share(input.weight, whole.bytes, options);
            input.partial.enter(room, options.spared.get(&input.label));
            input
        }));
        whole.left_out.extend(summary.left_out.into_iter().map(|mut what| {
            tell_apart(&mut what);
            what
        }));
    }
}

/// Fewest records that a file may keep, however small its share.
const FEWEST_RECORDS: usize = 5_000;

/// How many of the records that may be kept one by one each file may keep: its share by bytes, which are known before
/// anything is read, so that the outcome depends on nothing else.
fn shares(stored: &[stored::Stored], options: &Options) -> Vec<usize> {
    let bytes: Vec<Option<u64>> = stored.iter().map(stored::Stored::expanded).collect();
    let all = bytes.iter().flatten().fold(0u64, |all, bytes| all.saturating_add(*bytes));
    bytes.iter().map(|bytes| share(*bytes, all, options)).collect()
}

/// The share of one file.
fn share(bytes: Option<u64>, all: u64, options: &Options) -> usize {
    let all = all.saturating_add(1);
    let records = u128::from(options.limits.records) * u128::from(bytes.unwrap_or(all)) / u128::from(all);
    usize::try_from(records).unwrap_or(usize::MAX).max(FEWEST_RECORDS)
}

/// Whether all that was given may be read once more: nothing is a pipe.
#[must_use]
pub fn can_be_read_again(paths: &[PathBuf]) -> bool {
    let lasting = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() || metadata.is_dir())
    };
    paths.iter().all(lasting)
}

/// What `read` makes of each file, in their order. As many files are open as there are threads, the largest first: a thread
/// that waits for the blocks of its file must not begin a further one.
fn in_parallel<T: Send>(
    files: Vec<stored::Stored>,
    read: impl Fn(usize, &stored::Stored) -> T + Sync,
) -> Vec<(stored::Stored, T)> {
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(files.get(*index).and_then(stored::Stored::expanded)));
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    rayon::scope(|scope| {
        for _ in 0..rayon::current_num_threads() {
            scope.spawn(|_| {
                while let Some(index) = order.get(next.fetch_add(1, Ordering::Relaxed))
                    && let Some(file) = files.get(*index)
                {
                    let outcome = read(*index, file);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((*index, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    files.into_iter().zip(done.into_iter().map(|(_, outcome)| outcome)).collect()
}

/// Format of an input that is an archive.
pub(crate) const ARCHIVE: &str = "archive";

/// What one stored file holds.
#[derive(Default)]
struct One {
    inputs: Vec<Input>,
    /// Summaries among it, by label.
    summaries: Vec<(String, Result<Summary, summary::Error>)>,
}

/// Reads one stored file with all that is inside it, and keeps of all that what `whole` says.
fn read_one(stored: &stored::Stored, context: &Context, options: &Options, whole: &Keep) -> io::Result<One> {
    // The last net: decoders are other people's code, and the other files are still worth reading.
    let of_this = |(path, _): &&(PathBuf, Wanted)| stored.found.place.as_ref() == Some(path);
    let wanted = options.told.iter().find(of_this).map(|(_, wanted)| wanted);
    panic::catch_unwind(AssertUnwindSafe(|| {
        let mut one = One::default();
        let most = whole.most;
        let mut left = most;
        let bytes = stored.expanded();
        let weight = |share: usize| {
            bytes.map(|bytes| (u128::from(bytes) * share as u128 / most.max(1) as u128) as u64)
        };
        walk::walk(stored, options, walk::Pass::Logs, &mut one.inputs, &mut |leaf| {
            let (is_summary, reader) = summary::recognise(leaf.reader);
            if is_summary {
                let summary = Summary::read(reader, &options.limits);
                let damaged = summary.as_ref().err().map(|error| Input {
                    problems: vec![error.to_string()],
                    ..Input::unrecognised(leaf.label.to_owned())
                });
                one.summaries.push((leaf.label.to_owned(), summary));
                return damaged.into_iter().collect();
            }
            let leaf = walk::Leaf { reader: Box::new(reader), ..leaf };
            // Nobody knows what else an archive holds: each file in it may take half of what those before it left.
            let single = leaf.label == stored.found.label;
            let share = if single { left } else { (left / 2).max(FEWEST_RECORDS) };
            let spared = options.spared.get(leaf.label).cloned().unwrap_or_default();
            let bytes = whole.bytes.filter(|_| single);
            let keep = Keep { most: share, spared, alone: whole.alone && single, bytes, ..whole.clone() };
            let mut read = leaf::read(leaf, context, wanted, options, &keep);
            for input in &mut read {
                (input.share, input.weight) = (share, weight(share));
                left = left.saturating_sub(share.min(input.partial.events.contents.len()));
            }
            read
        })?;
        Ok(one)
    }))
    .unwrap_or_else(|_| {
        let mut input = Input::unrecognised(stored.found.label.clone());
        input.problems.push("reading it failed: an error in stormtrace".to_owned());
        Ok(One { inputs: vec![input], ..One::default() })
    })
}
