//! Every format in the registry keeps what its definition promises: its examples are read to the last line, its
//! neighbours are left alone, and its broken lines are skipped by name. Carriers read theirs. `no_panic.rs` damages the
//! same examples.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;

use stormtrace_logs::block::{self, Blocks, Recipe};
use stormtrace_logs::carrier;
use stormtrace_logs::detect::{self, Detected, Wanted};
use stormtrace_logs::format::{ALL, Context, Definition, Memory, Sample};
use stormtrace_logs::ledger::Ledger;
use stormtrace_logs::record::Record;

/// The ledger of `text`, and how many records hold data.
fn read(text: &str, detected: &Detected) -> (Ledger, u64) {
    let recipe = Recipe { carrier: detected.carrier, format: detected.format.as_ref(), record_lines: 10_000 };
    let mut blocks = Blocks::new(Vec::new(), text.as_bytes(), recipe, 1 << 20);
    let (mut ledger, mut memory, mut data) = (Ledger::default(), Memory::default(), 0);
    while let Some(block) = blocks.next_block().unwrap() {
        block::records(&block, recipe, &mut memory, &mut ledger, &mut |item| {
            data += u64::from(!matches!(item.record, Record::Structure));
        });
    }
    (ledger, data)
}

/// What the format itself, whatever others say, takes lines for in the carrier `carrier`.
fn claimed(
    definition: &Definition,
    text: &str,
    file: &str,
    carrier: &dyn carrier::Carrier,
) -> Option<String> {
    let peeled = text.lines().filter_map(|line| carrier.peel(line.as_bytes()).ok());
    let lines = peeled.map(|peeled| block::clean(peeled.payload)).collect();
    let claim = (definition.detect)(&Sample { lines, name: file }, &Context::default())?;
    assert_eq!(claim.format.source(), definition.source, "{}", definition.name);
    (claim.score >= 0.3).then(|| claim.format.name())
}

/// Fails with everything that is wrong, so that one run tells it all.
fn nothing_wrong(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_definition_is_complete() {
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for definition in ALL {
        let name = definition.name;
        let mut demand = |met: bool, what: &str| {
            if !met {
                wrong.push(format!("{name}: {what}"));
            }
        };
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
        demand(names.insert(name), "listed twice");
        demand(!name.is_empty() && name.bytes().all(plain), "a name is lower case letters, digits, - and .");
        for text in [definition.summary, definition.origin] {
            let phrase = !text.trim().is_empty() && !text.ends_with('.') && !text.contains('\n');
            demand(phrase, "summary and origin are phrases on one line");
        }
        demand(!definition.examples.is_empty(), "no example: nothing documents it, tests it or damages it");
        demand(!definition.foreign.is_empty(), "no neighbour that it must leave alone");
        demand(!definition.broken.is_empty(), "no broken line");
        let files: BTreeSet<&str> = definition.examples.iter().map(|example| example.file).collect();
        demand(files.len() == definition.examples.len(), "two examples are called the same");
        for example in definition.examples {
            demand(example.text.ends_with('\n'), "an example ends without a newline");
            demand(example.text.lines().count() <= 24, "an example of more than 24 lines");
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn examples_are_read_to_the_last_line() {
    let mut wrong = Vec::new();
    for definition in ALL {
        for example in definition.examples {
            let what = format!("{}: {}", definition.name, example.file);
            let Some(detected) = detect::detect(example.text.as_bytes(), example.file, &Context::default())
            else {
                wrong.push(format!("{what} is not recognised"));
                continue;
            };
            let name = detected.format.name();
            // Both names may be asked for.
            for format in [definition.name, example.name] {
                let wanted = Wanted { format: format.to_owned(), carrier: None };
                let asked =
                    detect::detect_as(example.text.as_bytes(), example.file, &Context::default(), &wanted);
                if asked.is_none_or(|asked| asked.format.name() != example.name) {
                    wrong.push(format!("{what} is not read as {format} when told so"));
                }
            }
            let own = claimed(definition, example.text, example.file, detected.carrier);
            if name != example.name || own.as_deref() != Some(example.name) {
                wrong.push(format!("{what} is {name}, by its own detector {own:?}, not {}", example.name));
            }
            let (ledger, data) = read(example.text, &detected);
            let lines = example.text.lines().count() as u64;
            if ledger.skipped() > 0 || ledger.total() != lines || data == 0 {
                wrong.push(format!("{what}: {lines} lines, {data} records, {ledger:?}"));
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn every_carrier_reads_its_example() {
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for carrier in carrier::ALL {
        let (name, about) = (carrier.name(), carrier.about());
        if !names.insert(name) || about.summary.is_empty() || about.origin.is_empty() {
            wrong.push(format!("{name} is listed twice, or says nothing of itself"));
        }
        match detect::detect(about.example.as_bytes(), about.file, &Context::default()) {
            Some(detected) if detected.carrier.name() == name => {
                let (ledger, data) = read(about.example, &detected);
                if ledger.skipped() > 0 || data == 0 {
                    wrong.push(format!("{name}: {data} records, {ledger:?}"));
                }
            }
            other => {
                let taken = other.map(|detected| detected.carrier.name());
                wrong.push(format!("{name}: its example is taken for {taken:?}"));
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn neighbours_are_left_alone() {
    let plain = carrier::ALL.iter().find(|carrier| carrier.name() == "plain").unwrap();
    let mut wrong = Vec::new();
    for definition in ALL {
        for foreign in definition.foreign {
            if let Some(name) = claimed(definition, foreign.text, "x", *plain) {
                wrong.push(format!("{} claims {} as {name}", definition.name, foreign.whose));
            }
        }
    }
    nothing_wrong(&wrong);
}

#[test]
fn broken_lines_are_skipped_by_name() {
    let mut wrong = Vec::new();
    for definition in ALL {
        let Some(example) = definition.examples.first() else { continue };
        let Some(detected) = detect::detect(example.text.as_bytes(), example.file, &Context::default())
        else {
            continue;
        };
        for broken in definition.broken {
            let (ledger, _) = read(broken.text, &detected);
            let lines = broken.text.lines().count() as u64;
            if ledger.skipped_by_reason != [(broken.reason.into(), lines)].into() {
                wrong.push(format!("{}: {:?} is booked as {ledger:?}", definition.name, broken.text));
            }
        }
    }
    nothing_wrong(&wrong);
}
