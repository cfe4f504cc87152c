//! One file, unpacked: telling what it is, folding its blocks in parallel.

use std::io::{self, Read};

use rayon::prelude::*;
use stormtrace_logs::block::{Block, Blocks, Recipe};
use stormtrace_logs::container::{amount, base_name, describe_damage};
use stormtrace_logs::detect::{self, SAMPLE_BYTES, Wanted};
use stormtrace_logs::format::{Context, Memory, Source};
use stormtrace_logs::ledger::Ledger;
use stormtrace_logs::line::{self, Lines};
use stormtrace_logs::{binary, routes, text};

use super::{Input, Options, walk::Leaf};
use crate::events::Events;
use crate::fold::Partial;
use crate::keep::Keep;
use crate::parts;
use crate::report::RunnerUp;

/// How the problem begins of a file that is not what it was said to be.
pub const TOLD: &str = "told to be";

/// One format of a file, read.
struct OneFormat {
    format: String,
    source: Option<Source>,
    score: f64,
    partial: Partial,
}

/// Reads one file to its end: one input, or one for each format of a file that holds several. Size and hash are filled in
/// by who holds the stored bytes.
///
/// What is not kept one by one of its records is thinned out.
pub fn read(
    leaf: Leaf<'_>,
    context: &Context,
    wanted: Option<&Wanted>,
    options: &Options,
    keep: &Keep,
) -> Vec<Input> {
    let Leaf { label, containers, reader, mut problems } = leaf;
    let limits = &options.limits;
    let mut damaged = |error: io::Error| problems.push(describe_damage(&error, containers));
    let (reader, start, note): (Box<dyn Read + Send + '_>, _, _) = match text::open(reader) {
        Ok(text) => (text.reader, text.head, text.note),
        Err(error) => {
            damaged(error);
            (Box::new(io::empty()), Vec::new(), None)
        }
    };
    let mut lines = Lines::new(reader, limits.line, limits.long_line);
    let mut head = Vec::new();
    let mut whole = true;
    if let Err(error) = Read::by_ref(&mut lines).take(SAMPLE_BYTES as u64).read_to_end(&mut head) {
        damaged(error);
        whole = false;
    }
    let mut rest: Box<dyn Read + Send + '_> =
        if whole { Box::new(&mut lines) } else { Box::new(io::empty()) };
    let name = base_name(label);
    let packed = containers != "plain";
    let export = binary::recognise(&start, name, packed);
    let readable = export.is_none() && !head.is_empty();
    let detected = match wanted {
        _ if !readable => None,
        Some(wanted) => detect::detect_as(&head, name, context, wanted),
        None => detect::detect(&head, name, context),
    };
    let routes = match wanted {
        None if readable => routes::find(&head, name, context, detected.as_ref()),
        _ => None,
    };
    let runner_up = detected.as_ref().and_then(|found| found.runner_up.as_ref()).map(|other| RunnerUp {
        format: other.format.clone(),
        carrier: other.carrier.to_owned(),
        score: (other.score * 1000.0).round() / 1000.0,
    });
    let (carrier, mut formats) = match (&routes, &detected) {
        (Some(routes), _) if !routes.is_single() => {
            // Two formats may tell of the same.
            let keep = Keep { alone: false, ..keep.clone() };
            let partials = parts::fold(routes, head, &mut rest, options, &keep, &mut damaged);
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
            let recipe = Recipe { carrier, format: found.format.as_ref(), record_lines: limits.record_lines };
            let partial = fold(recipe, head, &mut rest, packed, options, keep, &mut damaged);
            let (format, source) = (found.format.name(), Some(found.format.source()));
            (found.carrier.name(), vec![OneFormat { format, source, score: found.score, partial }])
        }
        _ => {
            let mut partial = Partial::default();
            let lines = line::count(&head, &mut rest, &mut damaged);
            let reason = if export.is_some() { "binary_file" } else { "unrecognised_file" };
            partial.ledger.skip(1, lines, reason, &head);
            let format = "unrecognised".to_owned();
            ("plain", vec![OneFormat { format, source: None, score: 0.0, partial }])
        }
    };
    drop(rest);
    if let (Some(wanted), None, true) = (wanted, &detected, readable) {
        let carrier = wanted.carrier.as_ref().map(|carrier| format!(" in {carrier}")).unwrap_or_default();
        problems
            .push(format!("{TOLD} {}{carrier}, but nothing at its beginning reads as that", wanted.format));
    }
    problems.extend(export);
    problems.extend(note.map(str::to_owned));
    if lines.clipped() > 0 {
        let bytes = amount(limits.line, true);
        let many = words(lines.clipped(), "line");
        problems.push(format!(
            "limit line: {many} clipped, longer than {bytes}; the rest of each was passed over"
        ));
    }
    // Whose hole it was nobody can tell: it counts once.
    if let Some(first) = formats.first_mut() {
        first.partial.ledger.nul_bytes += lines.nuls();
    }
    let input = |read: OneFormat| {
        let mut problems = problems.clone();
        problems.extend(losses(&read.partial.ledger, options));
        Input {
            container: containers.to_owned(),
            carrier: carrier.into(),
            format: read.format,
            source: read.source,
            score: read.score,
            runner_up: runner_up.clone(),
            partial: read.partial,
            problems,
            ..Input::unrecognised(label.to_owned())
        }
    };
    formats.into_iter().map(input).collect()
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
        part.partial.ledger.skip(1, lines, "unrecognised_file", b"");
    }
    parts
}

/// What a file says of messages it does not hold, of holes in it, and of records that were cut.
fn losses(ledger: &Ledger, options: &Options) -> Vec<String> {
    let mut said = Vec::new();
    if ledger.left_out > 0 {
        said.push(format!(
            "{} messages are not in it: dropped by a rate limit or folded as repeated",
            ledger.left_out
        ));
    }
    if ledger.nul_bytes > 0 {
        said.push(format!(
            "{} before lines passed over, as a file has that is emptied while it is written",
            words(ledger.nul_bytes, "NUL byte")
        ));
    }
    if ledger.shortened_records > 0 {
        said.push(format!(
            "limit record-lines: {} of more than {} lines or 1 MiB; further lines were counted, not kept",
            words(ledger.shortened_records, "record"),
            options.limits.record_lines
        ));
    }
    said
}

fn words(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Pieces that are folded while as many are read, for each thread.
const PIECES_PER_THREAD: usize = 3;
/// Blocks of a piece: what they have in common is met once.
const BLOCKS_PER_PIECE: usize = 3;

/// Some blocks to be folded into one, and what held the events of others before.
type Work = (Vec<Block>, Events);

/// Folds all blocks of one input; the result is in file order. While some blocks are folded, in parallel where the format
/// allows, the next ones are read, hashed and unpacked.
fn fold<R: Read + Send>(
    recipe: Recipe<'_>,
    head: Vec<u8>,
    reader: R,
    packed: bool,
    options: &Options,
    keep: &Keep,
    damaged: &mut dyn FnMut(io::Error),
) -> Partial {
    // With one thread there are no parts to put together, and each block is folded while it is in the processor's cache.
    let one_thread = rayon::current_num_threads() == 1;
    let mut supply = Supply {
        blocks: Blocks::new(head, reader, recipe, options.block_bytes),
        emptied: Vec::new(),
        errors: Vec::new(),
        folded: 0,
        piece: if one_thread { 1 } else { BLOCKS_PER_PIECE },
    };
    let mut whole = Partial::keeping(0, keep, Events::default());
    let mut memory = Memory::default();
    let sequential = recipe.format.sequential();
    let at_once = if one_thread { 1 } else { PIECES_PER_THREAD * rayon::current_num_threads() };
    if one_thread {
        supply.blocks.tell_lines();
    }
    let mut batch = supply.next(1);
    let mut folded = Vec::new();
    while !batch.is_empty() {
        let memory = sequential.then_some(&mut memory);
        let level = whole.level;
        if one_thread {
            let mut own = Memory::default();
            let memory = memory.unwrap_or(&mut own);
            let before = whole.ledger.total();
            for (blocks, _) in &batch {
                blocks.iter().for_each(|block| whole.add_block_within(block, recipe, memory, keep));
            }
            supply.blocks.tell(whole.ledger.total() - before);
            supply.take_back(batch);
            whole.foresee(supply.folded, keep);
            batch = supply.next(at_once);
            continue;
        }
        // What most files are: one block. They need no other thread, which a bundle of many files would wait for.
        if supply.blocks.ended() {
            supply.take_back(merge(&mut whole, folded, keep));
            folded = fold_blocks(batch, recipe, level, keep, memory);
            batch = supply.next(at_once);
            continue;
        }
        // Unpacking takes a thread of its own: the other puts the parts together. Plain blocks are taken back before the next
        // ones are read, into what is still in the cache.
        let done;
        (batch, (done, folded)) = if packed {
            rayon::join(
                || supply.next(at_once),
                || (merge(&mut whole, folded, keep), fold_blocks(batch, recipe, level, keep, memory)),
            )
        } else {
            rayon::join(
                || {
                    supply.take_back(merge(&mut whole, folded, keep));
                    supply.next(at_once)
                },
                || (Vec::new(), fold_blocks(batch, recipe, level, keep, memory)),
            )
        };
        supply.take_back(done);
        whole.foresee(supply.folded, keep);
    }
    merge(&mut whole, folded, keep);
    supply.errors.into_iter().for_each(damaged);
    whole
}

/// Where blocks come from, and memory goes back to.
struct Supply<'r, R> {
    blocks: Blocks<'r, R>,
    emptied: Vec<Events>,
    errors: Vec<io::Error>,
    /// Bytes of the blocks that are done with.
    folded: u64,
    /// Blocks of a piece.
    piece: usize,
}

impl<R: Read> Supply<'_, R> {
    /// The next `most` pieces, fewer at the end.
    fn next(&mut self, most: usize) -> Vec<Work> {
        let mut batch: Vec<Work> = Vec::new();
        loop {
            let full = batch.last().is_none_or(|(blocks, _)| blocks.len() == self.piece);
            if full && batch.len() == most {
                break;
            }
            match (self.blocks.next_block(), batch.last_mut()) {
                (Ok(Some(block)), Some((blocks, _))) if !full => blocks.push(block),
                (Ok(Some(block)), _) => batch.push((vec![block], self.emptied.pop().unwrap_or_default())),
                (Ok(None), _) => break,
                (Err(error), _) => self.errors.push(error),
            }
        }
        batch
    }

    /// Takes back what is done with.
    fn take_back(&mut self, done: Vec<Work>) {
        for (blocks, emptied) in done {
            self.folded += blocks.iter().map(|block| block.bytes.len() as u64).sum::<u64>();
            blocks.into_iter().for_each(|block| self.blocks.recycle(block));
            self.emptied.push(emptied);
        }
    }
}

/// Merges folded pieces into the whole; gives back what they lay in.
fn merge(whole: &mut Partial, folded: Vec<(Vec<Block>, Partial)>, keep: &Keep) -> Vec<Work> {
    folded.into_iter().map(|(blocks, partial)| (blocks, whole.merge_within(partial, keep))).collect()
}

/// Folds each piece by itself, one after the other if they share a memory. Their whole is thinned out to `level` already.
fn fold_blocks(
    batch: Vec<Work>,
    recipe: Recipe<'_>,
    level: u8,
    keep: &Keep,
    shared: Option<&mut Memory>,
) -> Vec<(Vec<Block>, Partial)> {
    let fold = |(blocks, emptied): Work, memory: &mut Memory| {
        let mut partial = Partial::keeping(level, keep, emptied);
        blocks.iter().for_each(|block| partial.add_block(block, recipe, memory));
        (blocks, partial)
    };
    match shared {
        Some(memory) => batch.into_iter().map(|work| fold(work, memory)).collect(),
        None if batch.len() == 1 => {
            batch.into_iter().map(|work| fold(work, &mut Memory::default())).collect()
        }
        None => batch.into_par_iter().map(|work| fold(work, &mut Memory::default())).collect(),
    }
}
