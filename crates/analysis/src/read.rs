//! Inputs: finding the files, telling what they are, folding their blocks in parallel.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use stormtrace_logs::block::{self, Blocks, Recipe};
use stormtrace_logs::detect::{self, SAMPLE_BYTES};
use stormtrace_logs::format::{Context, Memory, Source};
use stormtrace_logs::ledger::Ledger;
use stormtrace_logs::{binary, container, routes, text};

use crate::fold::Partial;
use crate::parts;

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
    /// A directory without files.
    #[error("{paths}: no files found")]
    NoFiles {
        /// What was given.
        paths: String,
    },
    /// `--nginx-log-format` cannot be compiled.
    #[error("log_format: {0}")]
    LogFormat(String),
}

/// One input as found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Where the bytes are; `None` is standard input.
    pub place: Option<PathBuf>,
    /// What it is called in the report.
    pub label: String,
}

/// One input, read.
#[derive(Debug)]
pub struct Input {
    /// What it is called in the report.
    pub label: String,
    /// Stored bytes.
    pub bytes: u64,
    /// SHA-256 of the stored bytes, hex.
    pub sha256: String,
    /// Container name.
    pub container: &'static str,
    /// Carrier name.
    pub carrier: &'static str,
    /// Format name.
    pub format: String,
    /// Part of the stack it speaks for; `None` if not recognised.
    pub source: Option<Source>,
    /// How sure.
    pub score: f64,
    /// What it says.
    pub partial: Partial,
    /// Damage.
    pub problems: Vec<String>,
    /// When the file was last written to, µs; `None` for standard input.
    pub modified_us: Option<i64>,
}

/// How to read.
#[derive(Debug, Clone)]
pub struct Options {
    /// Block size, bytes.
    pub block_bytes: usize,
    /// Extra `log_format` templates, tried first.
    pub nginx_log_formats: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Options { block_bytes: block::BLOCK_BYTES, nginx_log_formats: Vec::new() }
    }
}

/// Lists the files below `paths`, sorted by label, each once. Symbolic links inside directories are not followed;
/// what is neither file nor directory is noted in `left_out`.
///
/// # Errors
/// When a path given cannot be opened.
pub fn find(paths: &[PathBuf], left_out: &mut Vec<String>) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            found.push(Found { place: None, label: "-".to_owned() });
            continue;
        }
        let open_error = |source| Error::Open { path: path.display().to_string(), source };
        let metadata = fs::metadata(path).map_err(open_error)?;
        if metadata.is_dir() {
            walk(path, path, &mut found, left_out).map_err(open_error)?;
        } else {
            let label = path
                .file_name()
                .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
            found.push(Found { place: Some(path.clone()), label });
        }
    }
    // Two arguments may name files alike: then the path as given tells them apart.
    let mut labels: Vec<String> = found.iter().map(|file| file.label.clone()).collect();
    labels.sort();
    for file in &mut found {
        let twice = labels.iter().filter(|label| **label == file.label).count() > 1;
        if let (true, Some(place)) = (twice, &file.place) {
            file.label = place.display().to_string();
        }
    }
    found.sort_by(|a, b| a.label.as_bytes().cmp(b.label.as_bytes()).then_with(|| a.place.cmp(&b.place)));
    found.dedup_by(|a, b| a.place == b.place);
    if found.is_empty() {
        return Err(Error::NoFiles { paths: list(paths) });
    }
    Ok(found)
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn walk(root: &Path, directory: &Path, found: &mut Vec<Found>, left_out: &mut Vec<String>) -> io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(directory)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let label = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if let Err(error) = walk(root, &path, found, left_out) {
                left_out.push(format!("{label}: {error}"));
            }
        } else if kind.is_file() {
            found.push(Found { place: Some(path), label });
        } else {
            left_out.push(format!(
                "{label}: not followed, it is {}",
                if kind.is_symlink() { "a symbolic link" } else { "no regular file" }
            ));
        }
    }
    Ok(())
}

/// Reads every input. Configuration is read first, since it tells how logs are laid out.
///
/// # Errors
/// When a path given as an argument cannot be opened, or nothing at all is recognised.
pub fn read(paths: &[PathBuf], options: &Options, left_out: &mut Vec<String>) -> Result<Vec<Input>, Error> {
    let found = find(paths, left_out)?;
    let context = context(&found, options)?;
    let read: Vec<Vec<Input>> = found
        .par_iter()
        .map(|file| read_one(file, &context, options).unwrap_or_else(|error| vec![unreadable(file, &error)]))
        .collect();
    for (file, input) in found.iter().zip(&read).filter_map(|(file, inputs)| Some((file, inputs.first()?))) {
        let named = file.place.as_ref().is_some_and(|place| paths.contains(place));
        if let (true, None, Some(problem)) = (named, input.source, input.problems.first())
            && input.bytes == 0
            && input.partial.ledger.total() == 0
        {
            let path =
                file.place.as_ref().map_or_else(|| file.label.clone(), |place| place.display().to_string());
            return Err(Error::Open { path, source: io::Error::other(problem.clone()) });
        }
    }
    let inputs: Vec<Input> = read.into_iter().flatten().collect();
    if inputs.iter().all(|input| input.source.is_none()) {
        return Err(Error::NothingRecognised { paths: list(paths), files: found.len() });
    }
    Ok(inputs)
}

/// When a regular file was last written to, µs since 1970.
fn modified_us(place: &Path) -> Option<i64> {
    let metadata = fs::metadata(place).ok().filter(fs::Metadata::is_file)?;
    let since = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_micros()).ok()
}

fn unreadable(file: &Found, error: &io::Error) -> Input {
    Input {
        label: file.label.clone(),
        bytes: 0,
        sha256: String::new(),
        container: "plain",
        carrier: "plain",
        format: "unrecognised".to_owned(),
        source: None,
        score: 0.0,
        partial: Partial::default(),
        problems: vec![error.to_string()],
        modified_us: None,
    }
}

/// Reads what configuration files say about log layouts.
fn context(found: &[Found], options: &Options) -> Result<Context, Error> {
    use stormtrace_logs::format::{nginx_access, nginx_configuration, postgres_configuration};
    let mut context = Context::default();
    for (number, template) in options.nginx_log_formats.iter().enumerate() {
        let name = format!("argument-{}", number + 1);
        let format = nginx_access::LogFormat::compile(&name, nginx_access::Escape::Default, template)
            .map_err(|error| Error::LogFormat(error.to_string()))?;
        context.log_formats.push((name, format));
    }
    for file in found {
        let Some(place) = &file.place else { continue };
        let name = file.label.to_ascii_lowercase();
        if !name.contains(".conf") {
            continue;
        }
        // A pipe can be read only once.
        if !fs::metadata(place).is_ok_and(|metadata| metadata.is_file()) {
            continue;
        }
        let Ok(handle) = open_file(place) else { continue };
        let mut text = Vec::new();
        let Ok(contents) = container::open(handle) else { continue };
        let Ok(contents) = text::open(contents.reader) else { continue };
        if contents.reader.take(4 << 20).read_to_end(&mut text).is_err() && text.is_empty() {
            continue;
        }
        context.log_formats.extend(nginx_configuration::read(&text).log_formats);
        context.log_line_prefixes.extend(postgres_configuration::log_line_prefix(&text));
    }
    Ok(context)
}

fn open_file(place: &Path) -> io::Result<File> {
    let file = File::open(place)?;
    let kind = file.metadata()?.file_type();
    // Pipes come from shells: `stormtrace analyze <(zcat odoo.log.gz)`. Devices may never end.
    if kind.is_file() || is_pipe(kind) {
        Ok(file)
    } else {
        Err(io::Error::other("neither a file nor a pipe"))
    }
}

#[cfg(unix)]
fn is_pipe(kind: fs::FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&kind)
}

#[cfg(not(unix))]
fn is_pipe(_kind: fs::FileType) -> bool {
    false
}

/// Passes bytes on while hashing and counting them.
struct Hashing<R> {
    inner: R,
    state: Arc<Mutex<(Sha256, u64)>>,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if let (Ok(mut state), Some(bytes)) = (self.state.lock(), buffer.get(..count)) {
            state.0.update(bytes);
            state.1 += count as u64;
        }
        Ok(count)
    }
}

/// One format of a file, read.
struct OneFormat {
    format: String,
    source: Option<Source>,
    score: f64,
    partial: Partial,
}

/// Reads one file: one input, or one for each format of a file that holds several.
fn read_one(file: &Found, context: &Context, options: &Options) -> io::Result<Vec<Input>> {
    let raw: Box<dyn Read + Send> = match &file.place {
        Some(place) => Box::new(open_file(place)?),
        None => Box::new(io::stdin()),
    };
    let modified_us = file.place.as_deref().and_then(modified_us);
    let state = Arc::new(Mutex::new((Sha256::new(), 0)));
    let contents = container::open(Hashing { inner: raw, state: Arc::clone(&state) })?;
    let container_name = contents.container;
    let contents = text::open(contents.reader)?;
    let mut reader = contents.reader;
    let mut problems = Vec::new();
    let mut head = Vec::new();
    let damage = |error: &io::Error| container::describe_damage(error, container_name);
    if let Err(error) = Read::by_ref(&mut reader).take(SAMPLE_BYTES as u64).read_to_end(&mut head) {
        problems.push(damage(&error));
        reader = Box::new(io::empty());
    }
    let name = Path::new(&file.label)
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let export = binary::recognise(&contents.head, &name, container_name != "plain");
    let detected = if export.is_none() { detect::detect(&head, &name, context) } else { None };
    let routes = if export.is_none() { routes::find(&head, &name, context, detected.as_ref()) } else { None };
    let mut damaged = |error: io::Error| problems.push(damage(&error));
    let (carrier, parts) = match (&routes, &detected) {
        (Some(routes), _) if !routes.is_single() => {
            let partials = parts::fold(routes, head, reader, options.block_bytes, &mut damaged);
            let read = routes.parts.iter().zip(partials).map(|(part, partial)| OneFormat {
                format: part.format.name(),
                source: Some(part.format.source()),
                score: part.score,
                partial,
            });
            (routes.carrier.name(), with_records(read.collect()))
        }
        (_, Some(found)) => {
            let routed = routes.as_ref().map(|routes| routes.carrier_of(0));
            let carrier = routed.as_ref().map_or(found.carrier, |routed| routed);
            let recipe = Recipe { carrier, format: found.format.as_ref() };
            let partial = fold(recipe, head, reader, options, &mut damaged);
            let (format, source) = (found.format.name(), Some(found.format.source()));
            (found.carrier.name(), vec![OneFormat { format, source, score: found.score, partial }])
        }
        _ => {
            let mut partial = Partial::default();
            let lines = count_lines(head, reader, &mut damaged);
            let reason = if export.is_some() { "binary_file" } else { "unrecognised_file" };
            partial.ledger.skip(1, lines, reason);
            (
                "plain",
                vec![OneFormat { format: "unrecognised".to_owned(), source: None, score: 0.0, partial }],
            )
        }
    };
    problems.extend(export);
    problems.extend(contents.note.map(str::to_owned));
    let hole = contents.nul_bytes.load(Ordering::Relaxed);
    let (sha256, bytes) = finish(&state);
    let input = |read: OneFormat| {
        let mut partial = read.partial;
        partial.ledger.nul_bytes += hole;
        let mut problems = problems.clone();
        problems.extend(losses(&partial.ledger));
        Input {
            label: file.label.clone(),
            bytes,
            sha256: sha256.clone(),
            container: container_name,
            carrier,
            format: read.format,
            source: read.source,
            score: read.score,
            partial,
            problems,
            modified_us,
        }
    };
    Ok(parts.into_iter().map(input).collect())
}

/// The parts that hold records; if none does, the file is not recognised.
fn with_records(mut parts: Vec<OneFormat>) -> Vec<OneFormat> {
    let some = parts.iter().any(|part| part.partial.ledger.parsed > 0);
    if some {
        parts.retain(|part| part.partial.ledger.parsed > 0);
        return parts;
    }
    parts.truncate(1);
    for part in &mut parts {
        part.format = "unrecognised".to_owned();
        part.source = None;
        let lines = part.partial.ledger.total();
        part.partial = Partial::default();
        part.partial.ledger.skip(1, lines, "unrecognised_file");
    }
    parts
}

/// What a file says of messages it does not hold, and of holes in it.
fn losses(ledger: &Ledger) -> Vec<String> {
    let mut said = Vec::new();
    if ledger.left_out > 0 {
        said.push(format!(
            "{} messages are not in it: dropped by a rate limit or folded as repeated",
            ledger.left_out
        ));
    }
    if ledger.nul_bytes > 0 {
        said.push(format!(
            "{} NUL bytes before lines were passed over, as a file has that is emptied while it is written",
            ledger.nul_bytes
        ));
    }
    said
}

fn finish(state: &Arc<Mutex<(Sha256, u64)>>) -> (String, u64) {
    state.lock().map_or_else(
        |_| (String::new(), 0),
        |state| {
            let digest = state.0.clone().finalize();
            (digest.iter().map(|byte| format!("{byte:02x}")).collect(), state.1)
        },
    )
}

fn count_lines(head: Vec<u8>, mut reader: impl Read, damaged: &mut dyn FnMut(io::Error)) -> u64 {
    let mut lines = memchr::memchr_iter(b'\n', &head).count() as u64;
    let mut last = head.last().copied();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
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

/// Folds all blocks of one input, in parallel where the format allows; the result is in file order.
fn fold(
    recipe: Recipe<'_>,
    head: Vec<u8>,
    reader: impl Read,
    options: &Options,
    damaged: &mut dyn FnMut(io::Error),
) -> Partial {
    let mut blocks = Blocks::new(head, reader, recipe, options.block_bytes);
    let mut whole = Partial::default();
    let mut memory = Memory::default();
    let batch_size = if recipe.format.sequential() { 1 } else { rayon::current_num_threads().max(1) };
    let mut ended = false;
    while !ended {
        let mut batch = Vec::new();
        while batch.len() < batch_size {
            match blocks.next_block() {
                Ok(Some(block)) => batch.push(block),
                Ok(None) => {
                    ended = true;
                    break;
                }
                Err(error) => damaged(error),
            }
        }
        if recipe.format.sequential() {
            for block in &batch {
                let mut partial = Partial::default();
                fold_block(block, recipe, &mut memory, &mut partial);
                whole.merge(partial);
            }
        } else {
            let parts: Vec<Partial> = batch
                .par_iter()
                .map(|block| {
                    let mut partial = Partial::default();
                    fold_block(block, recipe, &mut Memory::default(), &mut partial);
                    partial
                })
                .collect();
            for part in parts {
                whole.merge(part);
            }
        }
    }
    whole
}

fn fold_block(block: &block::Block, recipe: Recipe<'_>, memory: &mut Memory, partial: &mut Partial) {
    let mut ledger = std::mem::take(&mut partial.ledger);
    block::records(block, recipe, memory, &mut ledger, &mut |item| partial.add(item));
    partial.ledger = ledger;
}
