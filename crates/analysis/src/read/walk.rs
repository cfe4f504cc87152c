//! The tree of one stored file: archives, the archives and compressed files in them, and at the end files.
//!
//! Entries are read where they lie, one after the other; nothing is ever extracted.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use stormtrace_logs::container::{
    self, Archive, Budget, Capped, Kind, Packed, ReadSeek, Unpacked, describe_damage, points_outside,
};

use stormtrace_logs::ledger::Ledger;

use super::stored::{Hashing, Stored};
use super::{ARCHIVE, Input, Options};

/// Names given of things of one kind; the others are counted.
const NAMES_TOLD: usize = 3;
/// Empty files of one archive that become inputs of their own, and as many that nothing recognises; the others are counted,
/// and their lines are booked with the archive: memory is bounded by what is understood.
const NOTHING_TOLD: u64 = 1_000;

/// A file, unpacked.
pub struct Leaf<'l> {
    /// Its path, with the names of the archives it lies in.
    pub label: &'l str,
    /// Names of its containers from outside in, joined by `>`; `plain` for none.
    pub containers: &'l str,
    /// Its bytes.
    pub reader: Box<dyn Read + Send + 'l>,
    /// What is known to be wrong with it before reading.
    pub problems: Vec<String>,
}

/// Why the tree is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// For configuration, before the logs; sizes and hashes are not wanted.
    Configuration,
    /// For everything.
    Logs,
}

/// Calls `visit` for every file inside `stored` and collects what it makes of them in `inputs`, with an input for each
/// archive.
///
/// # Errors
/// When `stored` cannot be opened.
pub fn walk(
    stored: &Stored,
    options: &Options,
    pass: Pass,
    inputs: &mut Vec<Input>,
    visit: &mut dyn FnMut(Leaf<'_>) -> Vec<Input>,
) -> io::Result<()> {
    let mut opened = stored.open(pass)?;
    if let (Pass::Logs, Some(progress)) = (pass, &options.progress) {
        progress.begin(&stored.found.label);
        opened.reader.report_to(progress);
    }
    let counted = pass == Pass::Logs;
    let hashed = counted && options.hashes;
    let mut walk = Walk { budget: Budget::new(options.limits), counted, hashed, inputs, visit };
    let first = walk.inputs.len();
    let to_the_end = if counted && opened.reader.is_regular() { ToTheEnd::Always } else { ToTheEnd::IfSound };
    let label = stored.found.label.clone();
    let modified_us = stored.modified_us();
    let snapshot = walk.node(opened.reader, opened.seekable, label, Place::default(), to_the_end);
    if let (Some(change), Some(input)) = (snapshot.changes(), walk.inputs.get_mut(first)) {
        input.problems.push(change);
    }
    for input in walk.inputs.iter_mut().skip(first) {
        input.modified_us = modified_us;
    }
    Ok(())
}

/// Whether the bytes that nobody wanted are read all the same, for the hash.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ToTheEnd {
    Always,
    /// Not after damage or a limit: there may be no end.
    IfSound,
}

/// Where in the tree.
#[derive(Clone, Default)]
struct Place {
    containers: String,
    depth: u64,
}

struct Walk<'w> {
    budget: Arc<Budget>,
    /// Whether the size of each file is wanted, which shows at its end only.
    counted: bool,
    hashed: bool,
    inputs: &'w mut Vec<Input>,
    visit: &'w mut dyn FnMut(Leaf<'_>) -> Vec<Input>,
}

impl Walk<'_> {
    /// Reads one stored file or entry; gives its reader back.
    fn node<'n, R: Read + Send + 'n>(
        &mut self,
        reader: R,
        seekable: Option<Box<dyn ReadSeek + Send + 'n>>,
        label: String,
        place: Place,
        to_the_end: ToTheEnd,
    ) -> R {
        let mut hashing = Hashing::new(reader, self.hashed);
        let index = self.inputs.len();
        let own = index..index + self.unpack(&mut hashing, seekable, label, place);
        let sound = self
            .inputs
            .get(own.clone())
            .is_some_and(|own| !own.is_empty() && own.iter().all(|input| input.problems.is_empty()));
        if to_the_end == ToTheEnd::Always || (self.counted && sound) {
            hashing.drain();
        }
        let (reader, sha256, bytes) = hashing.finish();
        for input in self.inputs.get_mut(own).unwrap_or_default() {
            (input.sha256, input.bytes) = (sha256.clone(), bytes);
        }
        reader
    }

    /// The number of inputs that are those of the bytes themselves: one for each format in a file, the first of what it
    /// adds.
    fn unpack<'n>(
        &mut self,
        reader: impl Read + Send + 'n,
        seekable: Option<Box<dyn ReadSeek + Send + 'n>>,
        label: String,
        place: Place,
    ) -> usize {
        let packed = Packed { reader: Box::new(reader), seekable, budget: Arc::clone(&self.budget) };
        let opened = match container::open(packed, place.depth) {
            Ok(opened) => opened,
            Err(error) => {
                let mut input = Input::unrecognised(label);
                input.problems.push(describe_damage(&error, "container"));
                self.inputs.push(input);
                return 1;
            }
        };
        let containers = match (place.containers.as_str(), opened.containers.as_str()) {
            ("", "") => "plain".to_owned(),
            (outer, "") => outer.to_owned(),
            ("", inner) => inner.to_owned(),
            (outer, inner) => format!("{outer}>{inner}"),
        };
        match opened.unpacked {
            Unpacked::Stream(reader) => {
                let reader: Box<dyn Read + Send> = match containers.as_str() {
                    "plain" => reader,
                    _ => Box::new(Capped::new(reader, "entry", self.budget.limits.entry)),
                };
                let problems = opened.refused.into_iter().collect();
                let leaf = Leaf { label: &label, containers: &containers, reader, problems };
                let read = (self.visit)(leaf);
                let count = read.len();
                self.inputs.extend(read);
                count
            }
            Unpacked::Archive(archive) => {
                let index = self.inputs.len();
                let mut input = Input::unrecognised(label.clone());
                ARCHIVE.clone_into(&mut input.format);
                containers.clone_into(&mut input.container);
                self.inputs.push(input);
                let place = Place { containers, depth: opened.depth };
                let (problems, further) = self.entries(archive, &label, &place);
                if let Some(input) = self.inputs.get_mut(index) {
                    input.problems = problems;
                    input.partial.ledger = further;
                }
                1
            }
        }
    }

    /// Reads all entries; tells what is wrong with the archive, and the lines of files that are not told one by one.
    fn entries(
        &mut self,
        mut archive: Box<dyn Archive + Send + '_>,
        label: &str,
        place: &Place,
    ) -> (Vec<String>, Ledger) {
        let mut further = Ledger::default();
        let mut told = Told::default();
        let mut problems = Vec::new();
        let mut names = FxHashMap::default();
        let (mut empty, mut foreign) = (0, 0);
        loop {
            let entry = match archive.next_entry() {
                Ok(Some(entry)) => entry,
                Ok(None) => break,
                Err(error) => {
                    problems.push(describe_damage(&error, &place.containers));
                    break;
                }
            };
            if let Err(reached) = self.budget.entry() {
                problems.push(format!("{reached}; the first {} were read", reached.value));
                break;
            }
            let name = container::label(&entry.name);
            if points_outside(&entry.name) && entry.kind != Kind::Directory {
                told.add("names that point outside the archive, taken as labels only", &name);
            }
            match entry.kind {
                Kind::Directory => {}
                Kind::Other(what) => told.add(what, &name),
                Kind::Damage(what) if entry.name.is_empty() => told.add("damage", &what),
                Kind::Damage(what) => told.add("damage", &format!("{name}: {what}")),
                Kind::File => {
                    let name = unique(name, &mut names);
                    let index = self.inputs.len();
                    let label = format!("{label}/{name}");
                    self.node(&mut *archive, None, label, place.clone(), ToTheEnd::IfSound);
                    if self
                        .inputs
                        .get(index)
                        .is_some_and(|input| input.bytes == 0 && input.problems.is_empty())
                    {
                        empty += 1;
                        if empty > NOTHING_TOLD {
                            self.inputs.truncate(index);
                            told.add("empty files", &name);
                        }
                    } else if let Some([input]) = self.inputs.get(index..)
                        && input.source.is_none()
                        && input.format != ARCHIVE
                    {
                        foreign += 1;
                        if foreign > NOTHING_TOLD {
                            further.merge(&input.partial.ledger);
                            self.inputs.truncate(index);
                            told.add("files in no known format", &name);
                        }
                    }
                }
            }
        }
        problems.extend(told.sentences());
        (problems, further)
    }
}

/// A name that comes again gets a number: `odoo.log#2`. `names`: how often each came, by its hash, since a million names
/// are many megabytes.
fn unique(name: String, names: &mut FxHashMap<u64, u32>) -> String {
    let hash = |name: &str| {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        hasher.finish()
    };
    let mut candidate = name.clone();
    while names.contains_key(&hash(&candidate)) {
        let uses = names.entry(hash(&name)).or_insert(0);
        *uses += 1;
        candidate = format!("{name}#{uses}");
    }
    names.insert(hash(&candidate), 1);
    candidate
}

/// Entries that are not read, by kind.
#[derive(Default)]
struct Told(std::collections::BTreeMap<&'static str, (u64, Vec<String>)>);

impl Told {
    fn add(&mut self, kind: &'static str, name: &str) {
        let (count, names) = self.0.entry(kind).or_default();
        *count += 1;
        if names.len() < NAMES_TOLD {
            names.push(name.to_owned());
        }
    }

    fn sentences(self) -> impl Iterator<Item = String> {
        self.0.into_iter().map(|(kind, (count, names))| {
            let more = count - names.len() as u64;
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let kind = match kind {
                "damage" => String::new(),
                "empty files" => "further empty files: ".to_owned(),
                "files in no known format" => "further files in no known format: ".to_owned(),
                kind if kind.starts_with("names") => format!("{kind}: "),
                kind => format!("not read, {kind}: "),
            };
            format!("{kind}{}{more}", names.join(", "))
        })
    }
}
