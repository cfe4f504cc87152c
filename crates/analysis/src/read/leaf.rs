//! One file, unpacked: telling what it is, folding its blocks in parallel.

use std::io::{self, Read};

use rayon::prelude::*;
use stormtrace_logs::block::{self, Blocks, Recipe};
use stormtrace_logs::container::{amount, base_name, describe_damage};
use stormtrace_logs::detect::{self, Detected, SAMPLE_BYTES};
use stormtrace_logs::format::{Context, Memory};
use stormtrace_logs::line::{self, Lines};

use super::{Input, Options, walk::Leaf};
use crate::fold::Partial;

/// Reads one file to its end. Size and hash are filled in by who holds the stored bytes.
pub fn read(leaf: Leaf<'_>, context: &Context, options: &Options) -> Input {
    let Leaf { label, containers, reader, mut problems } = leaf;
    let limits = &options.limits;
    let mut lines = Lines::new(reader, limits.line, limits.long_line);
    let mut head = Vec::new();
    let mut damaged = |error: io::Error| problems.push(describe_damage(&error, containers));
    let mut whole = true;
    if let Err(error) = Read::by_ref(&mut lines).take(SAMPLE_BYTES as u64).read_to_end(&mut head) {
        damaged(error);
        whole = false;
    }
    let mut rest: Box<dyn Read + '_> = if whole { Box::new(&mut lines) } else { Box::new(io::empty()) };
    let detected = detect::detect(&head, base_name(label), context);
    let mut input = Input::unrecognised(label.to_owned());
    containers.clone_into(&mut input.container);
    match &detected {
        Some(found) => {
            input.partial = fold(found, head, &mut rest, options, &mut damaged);
            input.carrier = found.carrier.name();
            input.format = found.format.name();
            input.source = Some(found.format.source());
            input.score = found.score;
        }
        None => {
            let lines = line::count(&head, &mut rest, &mut damaged);
            input.partial.ledger.skip(1, lines, "unrecognised_file");
        }
    }
    drop(rest);
    if lines.clipped() > 0 {
        let bytes = amount(limits.line, true);
        let many = words(lines.clipped(), "line");
        problems.push(format!(
            "limit line: {many} clipped, longer than {bytes}; the rest of each was passed over"
        ));
    }
    if lines.nuls() > 0 && input.source.is_some() {
        let holes = words(lines.nuls(), "NUL byte");
        problems.push(format!("{holes} before lines left out: the file was truncated while it was written"));
    }
    let shortened = input.partial.ledger.shortened_records;
    if shortened > 0 {
        let (many, most) = (words(shortened, "record"), limits.record_lines);
        problems.push(format!(
            "limit record-lines: {many} of more than {most} lines or 1 MiB; further lines were counted, not kept"
        ));
    }
    input.problems = problems;
    input
}

fn words(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Folds all blocks of one input, in parallel where the format allows; the result is in file order.
fn fold(
    detected: &Detected,
    head: Vec<u8>,
    reader: impl Read,
    options: &Options,
    damaged: &mut dyn FnMut(io::Error),
) -> Partial {
    let recipe = Recipe {
        carrier: detected.carrier,
        format: detected.format.as_ref(),
        record_lines: options.limits.record_lines,
    };
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
        // A single block needs no other thread: the many small files of a large bundle are not worth the waiting.
        if recipe.format.sequential() || batch.len() == 1 {
            for block in &batch {
                let mut partial = Partial::default();
                let mut own = Memory::default();
                let memory = if recipe.format.sequential() { &mut memory } else { &mut own };
                fold_block(block, recipe, memory, &mut partial);
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
