//! Cutting a stream into blocks at record starts, and walking the records of a block.
//!
//! Records are defined by a predicate on single lines ([`Format::starts_record`]), so the same records come out
//! whatever the size of the blocks: a cut is made only where a record starts anyway.

use std::borrow::Cow;
use std::io::{self, Read};

use memchr::{memchr, memchr_iter, memchr2_iter, memchr3, memrchr};

use crate::carrier::{Carrier, Peeled, syslog};
use crate::format::{Format, Memory, Raw};
use crate::ledger::Ledger;
use crate::record::Record;
use crate::sixteen;

/// Blocks are about this big unless a caller says otherwise, in bytes: what passes over one block several times finds it
/// in the processor's cache.
pub const BLOCK_BYTES: usize = 1 << 18;
/// A record that is longer than this is cut in two, in bytes: memory must have a bound. (Lines have their own, see
/// [`crate::line`].)
pub const LONGEST_RECORD_BYTES: usize = 16 << 20;
/// Text kept of one record, in bytes. Its further lines are counted, not kept.
const KEPT_RECORD_BYTES: usize = 1 << 20;

/// A piece of one input, beginning at a record start.
#[derive(Debug)]
pub struct Block {
    /// Decompressed bytes.
    pub bytes: Vec<u8>,
    /// Number of its first line, from 1.
    pub first_line: u64,
}

/// How to read one input: its carrier and its format.
#[derive(Clone, Copy)]
pub struct Recipe<'r> {
    /// The wrapping.
    pub carrier: &'r dyn Carrier,
    /// What is inside.
    pub format: &'r dyn Format,
    /// Lines kept of one record; further ones are counted.
    pub record_lines: u64,
}

/// Cuts a stream into [`Block`]s.
pub struct Blocks<'r, R> {
    reader: R,
    recipe: Recipe<'r>,
    size: usize,
    /// Bytes of the next block, and behind them what was there before: memory is set to zero once only.
    carry: Vec<u8>,
    /// Number of its bytes that count.
    filled: usize,
    /// Buffers of blocks that are done with.
    spare: Vec<Vec<u8>>,
    next_line: u64,
    /// Whoever walks the blocks tells their lines.
    told: bool,
    ended: bool,
}

impl<'r, R: Read> Blocks<'r, R> {
    /// Blocks of about `size` bytes from `reader`, of which `head` was already read.
    pub fn new(head: Vec<u8>, reader: R, recipe: Recipe<'r>, size: usize) -> Self {
        Blocks {
            reader,
            recipe,
            size: size.clamp(64, LONGEST_RECORD_BYTES / 2),
            filled: head.len(),
            carry: head,
            spare: Vec::new(),
            next_line: 1,
            told: false,
            ended: false,
        }
    }

    /// The next block; `None` at the end. After an error the bytes read so far still come as a last block.
    ///
    /// # Errors
    /// What the reader says; call again for the remaining bytes.
    pub fn next_block(&mut self) -> io::Result<Option<Block>> {
        let mut goal = self.size;
        loop {
            let outcome = if self.ended { Ok(()) } else { self.fill(goal) };
            if let Err(error) = outcome {
                self.ended = true;
                return Err(error);
            }
            if self.ended {
                if self.filled == 0 {
                    return Ok(None);
                }
                // A buffer larger than one block may be left over after growth; it goes out whole.
                let mut bytes = std::mem::take(&mut self.carry);
                bytes.truncate(self.filled);
                self.filled = 0;
                return Ok(Some(self.emit(bytes)));
            }
            let mut cut = self.find_cut();
            if cut.is_none() && self.filled >= LONGEST_RECORD_BYTES {
                cut = Some(memrchr(b'\n', self.filled()).map_or(self.filled, |at| at + 1));
            }
            if let Some(at) = cut {
                let mut next = self.spare.pop().unwrap_or_default();
                let rest = self.filled().get(at..).unwrap_or_default();
                match next.get_mut(..rest.len()) {
                    Some(front) => front.copy_from_slice(rest),
                    None => {
                        next.clear();
                        next.extend_from_slice(rest);
                    }
                }
                self.filled = rest.len();
                self.carry.truncate(at);
                let bytes = std::mem::replace(&mut self.carry, next);
                return Ok(Some(self.emit(bytes)));
            }
            goal = self.filled.saturating_mul(2).min(LONGEST_RECORD_BYTES);
        }
    }

    /// Whether the stream was read to its end. Blocks may be left all the same.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// From now on each block is walked before the next is asked for, and [`Blocks::tell`] says how many lines it had:
    /// they need not be counted besides.
    pub fn tell_lines(&mut self) {
        self.told = true;
    }

    /// The last block had so many lines.
    pub fn tell(&mut self, lines: u64) {
        if self.told {
            self.next_line += lines;
        }
    }

    /// Takes back a block that is done with: its memory serves the next one.
    pub fn recycle(&mut self, block: Block) {
        self.spare.push(block.bytes);
    }

    /// The bytes read and not yet given out.
    fn filled(&self) -> &[u8] {
        self.carry.get(..self.filled).unwrap_or_default()
    }

    fn emit(&mut self, bytes: Vec<u8>) -> Block {
        let first_line = self.next_line;
        if !self.told {
            self.next_line += memchr_iter(b'\n', &bytes).count() as u64;
        }
        Block { bytes, first_line }
    }

    /// Reads until the buffer holds `goal` bytes, in pieces as large as can be: nothing between the file and the block
    /// then needs a buffer of its own.
    fn fill(&mut self, goal: usize) -> io::Result<()> {
        if self.carry.len() < goal {
            self.carry.resize(goal, 0);
        }
        while self.filled < goal {
            match self.reader.read(self.carry.get_mut(self.filled..goal).unwrap_or_default()) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The start of the last complete entry in the buffer at which a record begins.
    fn find_cut(&self) -> Option<usize> {
        let bytes = self.filled();
        let mut end = memrchr(b'\n', bytes)? + 1; // end of the last complete line
        let mut entry_end = end;
        // The last entry of the buffer may go on behind its end.
        let mut complete = !self.recipe.carrier.spans_lines();
        loop {
            let start = memrchr(b'\n', bytes.get(..end - 1)?).map_or(0, |at| at + 1);
            if start == 0 {
                return None;
            }
            let line = bytes.get(start..end - 1)?;
            // A flood of empty lines is passed over quickly.
            if line.is_empty() && complete && entry_end == end {
                entry_end = start;
            } else if self.recipe.carrier.starts_entry(line) {
                let entry = bytes.get(start..entry_end - 1)?;
                if complete && self.begins_record(entry) && !self.is_partial(bytes.get(..start)?) {
                    return Some(start);
                }
                complete = true;
                entry_end = start;
            }
            end = start;
        }
    }

    fn begins_record(&self, entry: &[u8]) -> bool {
        self.recipe
            .carrier
            .peel(bare(entry).0)
            .is_ok_and(|peeled| !peeled.partial && self.recipe.format.starts_record(&clean(peeled.payload)))
    }

    /// Whether the last entry of `before` goes on in the next one.
    fn is_partial(&self, before: &[u8]) -> bool {
        let whole = before.strip_suffix(b"\n").unwrap_or(before);
        let mut end = whole.len();
        loop {
            let start = memrchr(b'\n', whole.get(..end).unwrap_or_default()).map_or(0, |at| at + 1);
            if start == 0 || self.recipe.carrier.starts_entry(whole.get(start..end).unwrap_or_default()) {
                let entry = trim_newline(whole.get(start..).unwrap_or_default());
                return self.recipe.carrier.peel(bare(entry).0).is_ok_and(|peeled| peeled.partial);
            }
            end = start - 1;
        }
    }
}

/// One record or one skipped stretch of a block.
pub struct Item<'a> {
    /// Line of its first line, from 1, in the decompressed input.
    pub line: u64,
    /// The record.
    pub record: &'a Record<'a>,
}

struct Pending {
    stream: u64,
    line: u64,
    lines: u64,
    text: Vec<u8>,
}

struct Open<'a> {
    line: u64,
    lines: u64,
    raw: Raw<'a>,
    /// Byte range in the block while the text is still one borrowed slice.
    slice: Option<(usize, usize)>,
    /// Further lines are counted, not kept.
    full: bool,
}

/// What is unfinished at the end of a block: the last record, and pieces of lines.
#[derive(Default)]
pub struct Carry {
    open: Option<Open<'static>>,
    pending: Vec<Pending>,
    after_piece: bool,
}

/// Walks the records of a block that begins and ends with whole records (see [`walk`]).
pub fn records(
    block: &Block,
    recipe: Recipe<'_>,
    memory: &mut Memory,
    ledger: &mut Ledger,
    visit: &mut dyn FnMut(Item<'_>),
) {
    if recipe.carrier.is_plain()
        && let Some(ends) = clean_lines(&block.bytes)
    {
        return walk_clean(block, &ends, recipe, memory, ledger, visit);
    }
    let mut carry = Carry::default();
    walk(block, recipe, &mut carry, memory, ledger, visit);
    finish(carry, recipe, memory, ledger, visit);
}

/// What [`walk`] does where every line is text as the program wrote it: each record is one slice of the block. Lines end
/// at `ends`.
fn walk_clean(
    block: &Block,
    ends: &[usize],
    recipe: Recipe<'_>,
    memory: &mut Memory,
    ledger: &mut Ledger,
    visit: &mut dyn FnMut(Item<'_>),
) {
    let bytes = block.bytes.as_slice();
    let between = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
    let unfinished = bytes.last().filter(|last| **last != b'\n').map(|_| bytes.len());
    let mut ends = ends.iter().copied().chain(unfinished);
    // The record that is open: its beginning and end without the newline, its first line and the number of lines.
    let (mut start, mut line) = (0, block.first_line);
    let Some(mut end) = ends.next() else { return };
    let (mut lines, mut full) = (1, false);
    let mut orphan = !recipe.format.starts_record(between(start, end));
    let mut next = end + 1;
    let mut close = |start, end, line, lines, orphan| {
        let raw = Raw { orphan, ..Raw::of(between(start, end)) };
        close(Open { line, lines, raw, slice: None, full: false }, recipe, memory, ledger, visit);
    };
    let mut shortened = 0;
    for line_end in ends {
        let text = between(next, line_end);
        if recipe.format.starts_record(text) {
            close(start, end, line, lines, orphan);
            (start, end, orphan) = (next, line_end, false);
            line += lines;
            (lines, full) = (1, false);
        } else {
            lines += 1;
            if !full {
                full = lines > recipe.record_lines || end - start + text.len() >= KEPT_RECORD_BYTES;
                shortened += u64::from(full);
            }
            if !full {
                end = line_end;
            }
        }
        next = line_end + 1;
    }
    close(start, end, line, lines, orphan);
    ledger.shortened_records += shortened;
}

/// Walks the records of a block in order, calls `visit` for each parsed one and books every line in the ledger. What is
/// unfinished at the end stays in `carry`, for the next block or [`finish`].
pub fn walk(
    block: &Block,
    recipe: Recipe<'_>,
    carry: &mut Carry,
    memory: &mut Memory,
    ledger: &mut Ledger,
    visit: &mut dyn FnMut(Item<'_>),
) {
    let bytes = block.bytes.as_slice();
    let spans_lines = recipe.carrier.spans_lines();
    let coloured = is_coloured(bytes);
    let mut pending = std::mem::take(&mut carry.pending);
    let mut open: Option<Open<'_>> = carry.open.take();
    let mut at = 0;
    let mut line_number = block.first_line;
    let mut after_piece = carry.after_piece;
    while at < bytes.len() {
        let (end, lines) =
            if spans_lines { entry_end(bytes, at, recipe.carrier) } else { (line_end(bytes, at), 1) };
        let entry_line = line_number;
        line_number += lines;
        let (entry, holes) = bare(trim_newline(bytes.get(at..end).unwrap_or_default()));
        let entry_at = at + holes;
        ledger.nul_bytes += holes as u64;
        at = end;
        let peeled = match recipe.carrier.peel(entry) {
            Ok(peeled) => peeled,
            Err(reason) => {
                let reason = if entry.is_empty() { "blank" } else { reason };
                ledger.left_out += syslog::left_out(reason, entry);
                ledger.skip(entry_line, lines, reason, entry);
                after_piece = false;
                continue;
            }
        };
        let Peeled { payload, outer, partial, stream, program, pid } = peeled;
        // Blocks may be cut before a record that follows a complete entry; pieces of other streams that are still
        // waiting there are given up, so that the outcome is the same wherever the cuts fall.
        if !pending.is_empty()
            && !partial
            && !after_piece
            && recipe.format.starts_record(&clean(Cow::Borrowed(&payload)))
        {
            for piece in pending.drain(..) {
                ledger.skip(piece.line, piece.lines, "piece_without_end", &piece.text);
            }
        }
        after_piece = partial;
        let (payload, first_line, lines) =
            match join(&mut pending, payload, partial, stream, entry_line, lines) {
                Some(joined) => joined,
                None => continue,
            };
        let payload = match payload {
            Cow::Borrowed(text) if !coloured => Cow::Borrowed(text.strip_suffix(b"\r").unwrap_or(text)),
            payload => clean(payload),
        };
        let orphan = !recipe.format.starts_record(&payload);
        if !orphan || open.is_none() {
            if let Some(record) = open.take() {
                close(record, recipe, memory, ledger, visit);
            }
            let slice = match &payload {
                Cow::Borrowed(text) if text.len() == entry.len() => Some((entry_at, entry_at + text.len())),
                _ => None,
            };
            open = Some(Open {
                line: first_line,
                lines,
                raw: Raw { text: payload, outer, program, pid, orphan },
                slice,
                full: false,
            });
        } else if let Some(record) = open.as_mut() {
            record.lines += lines;
            if record.append(bytes, &payload, entry_at, entry, recipe.record_lines) {
                ledger.shortened_records += 1;
            }
        }
    }
    *carry = Carry { open: open.map(Open::into_owned), pending, after_piece };
}

/// Closes what the last block left unfinished.
pub fn finish(
    carry: Carry,
    recipe: Recipe<'_>,
    memory: &mut Memory,
    ledger: &mut Ledger,
    visit: &mut dyn FnMut(Item<'_>),
) {
    if let Some(record) = carry.open {
        close(record, recipe, memory, ledger, visit);
    }
    for piece in carry.pending {
        ledger.skip(piece.line, piece.lines, "piece_without_end", &piece.text);
    }
}

impl<'a> Open<'a> {
    fn into_owned(self) -> Open<'static> {
        let Raw { text, outer, program, pid, orphan } = self.raw;
        let text = Cow::Owned(text.into_owned());
        let program = program.map(|program| Cow::Owned(program.into_owned()));
        let raw = Raw { text, outer, program, pid, orphan };
        Open { line: self.line, lines: self.lines, raw, slice: None, full: self.full }
    }

    /// Adds a further line; `true` if it is the first one that is not kept.
    fn append(
        &mut self,
        bytes: &'a [u8],
        payload: &[u8],
        entry_at: usize,
        entry: &[u8],
        most_lines: u64,
    ) -> bool {
        if self.full {
            return false;
        }
        self.full = self.lines > most_lines || self.raw.text.len() + payload.len() >= KEPT_RECORD_BYTES;
        if self.full {
            return true;
        }
        if let Some((start, end)) = self.slice {
            // Still one run of bytes in the block: only the end moves, nothing is copied.
            if entry.len() == payload.len() && entry_at == end + 1 {
                let new_end = entry_at + payload.len();
                if let Some(text) = bytes.get(start..new_end) {
                    self.slice = Some((start, new_end));
                    self.raw.text = Cow::Borrowed(text);
                }
                return false;
            }
            self.slice = None;
        }
        let text = self.raw.text.to_mut();
        text.push(b'\n');
        text.extend_from_slice(payload);
        false
    }
}

/// Joins the pieces of a line that a carrier cut; gives the whole line with its first line number and line count.
fn join<'a>(
    pending: &mut Vec<Pending>,
    payload: Cow<'a, [u8]>,
    partial: bool,
    stream: u64,
    line: u64,
    lines: u64,
) -> Option<(Cow<'a, [u8]>, u64, u64)> {
    let known = pending.iter().position(|piece| piece.stream == stream);
    match (known, partial) {
        (None, false) => Some((payload, line, lines)),
        (None, true) => {
            pending.push(Pending { stream, line, lines, text: payload.into_owned() });
            None
        }
        (Some(index), _) => {
            let piece = pending.get_mut(index)?;
            piece.lines += lines;
            if piece.text.len() < KEPT_RECORD_BYTES {
                piece.text.extend_from_slice(&payload);
            }
            if partial {
                return None;
            }
            let whole = pending.swap_remove(index);
            Some((Cow::Owned(whole.text), whole.line, whole.lines))
        }
    }
}

fn close(
    record: Open<'_>,
    recipe: Recipe<'_>,
    memory: &mut Memory,
    ledger: &mut Ledger,
    visit: &mut dyn FnMut(Item<'_>),
) {
    // By reference: a record is hundreds of bytes to move.
    match &recipe.format.parse(&record.raw, memory) {
        Ok(parsed) => {
            ledger.record(record.lines);
            visit(Item { line: record.line, record: parsed });
        }
        Err(reason) => {
            let blank = record.raw.text.iter().all(u8::is_ascii_whitespace);
            ledger.skip(record.line, record.lines, if blank { "blank" } else { reason }, &record.raw.text);
        }
    }
}

/// End of the entry that begins at `at`, and its number of physical lines.
fn entry_end(bytes: &[u8], at: usize, carrier: &dyn Carrier) -> (usize, u64) {
    let mut end = line_end(bytes, at);
    let mut lines = 1;
    while end < bytes.len() {
        let next = line_end(bytes, end);
        if carrier.starts_entry(trim_newline(bytes.get(end..next).unwrap_or_default())) {
            break;
        }
        end = next;
        lines += 1;
    }
    (end, lines)
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    memchr(b'\n', bytes.get(at..).unwrap_or_default()).map_or(bytes.len(), |length| at + length + 1)
}

fn trim_newline(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

/// An entry without the carriage return of Windows, without a byte order mark (of files joined together), and without
/// the NULs that a file emptied under its writer leaves before the next line; and the number of bytes gone at the front.
pub(crate) fn bare(entry: &[u8]) -> (&[u8], usize) {
    let mut bare = entry;
    while let Some(rest) = bare.strip_suffix(b"\r") {
        bare = rest;
    }
    let whole = bare.len();
    if matches!(bare.first(), Some(0 | 0xef)) {
        let nuls = bare.iter().take_while(|byte| **byte == 0).count();
        bare = bare.get(nuls..).unwrap_or_default();
        bare = bare.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bare);
    }
    (bare, whole - bare.len())
}

/// A payload without its carriage return and without terminal colours, also where something wrote their escape
/// character as text.
#[must_use]
pub fn clean(payload: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let payload = match payload {
        Cow::Borrowed(text) => Cow::Borrowed(text.strip_suffix(b"\r").unwrap_or(text)),
        Cow::Owned(mut text) => {
            if text.ends_with(b"\r") {
                text.pop();
            }
            Cow::Owned(text)
        }
    };
    if is_coloured(&payload) { Cow::Owned(strip_colours(&payload)) } else { payload }
}

/// Where the lines of `bytes` end, unless [`bare`] or [`clean`] may take something away from one of them: a carriage
/// return, a NUL, (the first byte of) a byte order mark, a colour.
fn clean_lines(bytes: &[u8]) -> Option<Vec<usize>> {
    sixteen::line_ends(bytes, [b'\r', 0, 0xef, 0x1b]).filter(|_| !is_spelled(bytes))
}

/// Whether there is an escape character, or one of its spellings.
fn is_coloured(bytes: &[u8]) -> bool {
    memchr(0x1b, bytes).is_some() || is_spelled(bytes)
}

/// Whether an escape character is written as text.
fn is_spelled(bytes: &[u8]) -> bool {
    memchr2_iter(b'#', b'\\', bytes).any(|at| bytes.get(at..).and_then(escape).is_some())
}

/// What follows an escape character: ESC itself, or the spelling of rsyslog (`#033`), JSON or nginx before a bracket.
fn escape(text: &[u8]) -> Option<&[u8]> {
    const SPELLED: [&[u8]; 5] = [b"#033[", b"\\u001b[", b"\\u001B[", b"\\x1b[", b"\\x1B["];
    if let Some(rest) = text.strip_prefix(b"\x1b") {
        return Some(rest);
    }
    let spelled = SPELLED.iter().find(|spelled| text.starts_with(spelled))?;
    text.get(spelled.len() - 1..)
}

/// Removes `ESC [ … letter` and `ESC ( letter` sequences.
fn strip_colours(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr3(0x1b, b'#', b'\\', rest) {
        let (before, found) = rest.split_at(at);
        out.extend_from_slice(before);
        let Some(after) = escape(found) else {
            out.extend(found.first());
            rest = found.get(1..).unwrap_or_default();
            continue;
        };
        rest = match after.first() {
            Some(b'[') => {
                let parameters =
                    after.iter().skip(1).take_while(|byte| !byte.is_ascii_alphabetic()).take(32).count();
                after.get(1 + parameters + 1..).unwrap_or_default()
            }
            Some(b'(' | b')') => after.get(2..).unwrap_or_default(),
            _ => after,
        };
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::detect;
    use crate::format::Context;
    use crate::line::Lines;

    const ODOO: &str = "\
2026-11-23 18:31:14,985 12317 ERROR o17 odoo.service.server: WorkerHTTP (12559) timeout after 20s \n\
2026-11-23 18:31:15,010 13001 ERROR o17 odoo.http: Exception during request handling. \n\
Traceback (most recent call last):\n\
\x20 File \"odoo/http.py\", line 1, in f\n\
psycopg2.errors.QueryCanceled: canceling statement due to user request\n\
\n\
2026-11-23 18:31:16,010 13001 INFO o17 odoo.modules.loading: Modules loaded. \n";

    /// First lines of the records, with their texts, and the ledger.
    fn walk(text: &[u8], reader: impl Read, size: usize) -> (Vec<(u64, String)>, Ledger) {
        let detected = detect::detect(text, "odoo.log", &Context::default()).unwrap();
        let recipe = Recipe { carrier: detected.carrier, format: &*detected.format, record_lines: 10_000 };
        let mut blocks = Blocks::new(Vec::new(), reader, recipe, size);
        let (mut found, mut ledger) = (Vec::new(), Ledger::default());
        while let Some(block) = blocks.next_block().unwrap() {
            records(&block, recipe, &mut Memory::default(), &mut ledger, &mut |item| {
                let Record::Odoo(record) = item.record else { panic!("not Odoo") };
                found.push((item.line, String::from_utf8_lossy(record.message).into_owned()));
            });
        }
        (found, ledger)
    }

    #[test]
    fn records_are_the_same_however_the_stream_is_cut() {
        let text = ODOO.repeat(40);
        let whole = walk(text.as_bytes(), text.as_bytes(), 1 << 20);
        assert_eq!(whole.0.len(), 120);
        assert_eq!((whole.1.total(), whole.1.parsed), (280, 120));
        assert_eq!(whole.0[1], (2, "Exception during request handling.".to_owned()));
        for size in [64, 100, 257, 1000, 5000] {
            let cut = walk(text.as_bytes(), text.as_bytes(), size);
            assert_eq!(whole.0, cut.0, "{size}");
            assert_eq!(whole.1.parsed, cut.1.parsed, "{size}");
            assert_eq!(whole.1.total(), cut.1.total(), "{size}");
        }
    }

    #[test]
    fn a_line_without_end_stays_one_line() {
        let long = io::repeat(b'x').take(20 << 20);
        let reader = ODOO.as_bytes().chain(long).chain(&b"\n"[..]).chain(ODOO.as_bytes());
        let (found, ledger) = walk(ODOO.as_bytes(), Lines::new(reader, 1 << 20, 1 << 30), 1 << 20);
        assert_eq!(found.len(), 6);
        assert_eq!(ledger.total(), 15);
        assert_eq!(found.last().unwrap().0, 15);
    }

    #[test]
    fn lines_without_number_are_counted_and_not_kept() {
        let reader = ODOO.as_bytes().chain(io::repeat(b'\n').take(30_000)).chain(ODOO.as_bytes());
        let (found, ledger) = walk(ODOO.as_bytes(), reader, 1 << 20);
        assert_eq!(found.len(), 6);
        assert_eq!(ledger.total(), 14 + 30_000);
        assert_eq!(ledger.shortened_records, 1);
    }

    #[test]
    fn the_last_line_needs_no_newline() {
        let text = ODOO.trim_end().as_bytes();
        let (found, ledger) = walk(text, text, 64);
        assert_eq!((found.len(), ledger.total()), (3, 7));
    }

    proptest! {
        /// A block of clean lines gives the same records whichever way it is walked.
        #[test]
        fn clean_blocks_are_walked_alike(
            lines in prop::collection::vec(prop::sample::select(vec![
                "2026-11-23 18:31:14,985 12317 ERROR o17 odoo.service.server: WorkerHTTP (12559) timeout after 20s",
                "2026-11-23 18:31:15,010 13001 INFO o17 odoo.http: x",
                "2026-11-23 18:31:15,010 13001 INFO o17",
                "Traceback (most recent call last):", "  File", "", " ", "x",
            ]), 0..40),
            newline in any::<bool>(),
            record_lines in 1u64..8,
        ) {
            let mut text = lines.join("\n");
            if newline {
                text.push('\n');
            }
            let block = Block { bytes: text.into_bytes(), first_line: 7 };
            let format = crate::format::odoo::Odoo;
            let recipe = Recipe { carrier: crate::carrier::ALL[crate::carrier::ALL.len() - 1], format: &format, record_lines };
            let outcome = |clean: bool| {
                let (mut found, mut ledger, mut memory) = (Vec::new(), Ledger::default(), Memory::default());
                let mut visit = |item: Item<'_>| found.push((item.line, format!("{:?}", item.record)));
                if clean {
                    let ends = clean_lines(&block.bytes).unwrap();
                    walk_clean(&block, &ends, recipe, &mut memory, &mut ledger, &mut visit);
                } else {
                    let mut carry = Carry::default();
                    super::walk(&block, recipe, &mut carry, &mut memory, &mut ledger, &mut visit);
                    finish(carry, recipe, &mut memory, &mut ledger, &mut visit);
                }
                (found, ledger)
            };
            prop_assert_eq!(outcome(true), outcome(false));
        }
    }
}
