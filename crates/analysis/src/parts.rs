//! Reading a file that holds several formats: one pass, and one [`Partial`] a format.

use std::io::{self, Read};

use rayon::prelude::*;
use stormtrace_logs::block::{self, Blocks, Carry, Recipe};
use stormtrace_logs::format::Memory;
use stormtrace_logs::routes::{AnyLine, Routes};

use crate::events::Events;
use crate::fold::Partial;
use crate::keep::Keep;
use crate::read::Options;

/// What one part says, while it is read.
#[derive(Default)]
struct Reading {
    carry: Carry,
    memory: Memory,
    partial: Partial,
    /// What held the events of the block before.
    emptied: Events,
}

/// Folds the lines of each part of `routes`. Records of one part may lie open across lines of another, so blocks are
/// walked in order; the parts are walked beside each other. Each keeps its share of the records.
pub fn fold(
    routes: &Routes,
    head: Vec<u8>,
    reader: impl Read,
    options: &Options,
    keep: &Keep,
    damaged: &mut dyn FnMut(io::Error),
) -> Vec<Partial> {
    let record_lines = options.limits.record_lines;
    let cuts = Recipe { carrier: routes.carrier, format: &AnyLine, record_lines };
    let mut blocks = Blocks::new(head, reader, cuts, options.block_bytes);
    let empty = || Reading { partial: Partial::keeping(0, keep, Events::default()), ..Reading::default() };
    let mut readings: Vec<Reading> = routes.parts.iter().map(|_| empty()).collect();
    loop {
        let block = match blocks.next_block() {
            Ok(Some(block)) => block,
            Ok(None) => break,
            Err(error) => {
                damaged(error);
                continue;
            }
        };
        readings.par_iter_mut().zip(&routes.parts).enumerate().for_each(|(number, (reading, part))| {
            let routed = routes.carrier_of(number);
            let recipe = Recipe { carrier: &routed, format: part.format.as_ref(), record_lines };
            let Reading { carry, memory, partial, emptied } = reading;
            let mut ledger = std::mem::take(&mut partial.ledger);
            let mut next = Partial::keeping(partial.level, keep, std::mem::take(emptied));
            block::walk(&block, recipe, carry, memory, &mut ledger, &mut |item| next.add(item));
            partial.ledger = ledger;
            *emptied = partial.merge_within(next, keep);
        });
    }
    let mut partials = Vec::new();
    for (number, (reading, part)) in readings.into_iter().zip(&routes.parts).enumerate() {
        let routed = routes.carrier_of(number);
        let recipe = Recipe { carrier: &routed, format: part.format.as_ref(), record_lines };
        let Reading { carry, mut memory, mut partial, .. } = reading;
        let mut ledger = std::mem::take(&mut partial.ledger);
        block::finish(carry, recipe, &mut memory, &mut ledger, &mut |item| partial.add(item));
        partial.ledger = ledger;
        partials.push(partial);
    }
    partials
}
