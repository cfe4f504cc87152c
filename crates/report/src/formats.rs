//! What can be read, as `stormtrace formats` and `docs/formats.md` print it.

use std::io::{Result, Write};

use stormtrace_logs::carrier::{self, Carrier};
use stormtrace_logs::format::{ALL, Definition, Source};

use crate::Options;
use crate::text::page::Page;

/// Every part of the stack with its title, in the order of the document.
const PARTS: [(Source, &str); 9] = [
    (Source::Odoo, "Odoo"),
    (Source::NginxAccess, "Access logs of nginx and other front ends"),
    (Source::NginxError, "nginx's error log"),
    (Source::PostgresLog, "PostgreSQL's log"),
    (Source::PgBouncer, "pgbouncer"),
    (Source::PgStatActivity, "Snapshots of PostgreSQL"),
    (Source::Host, "Host"),
    (Source::Probe, "Probes"),
    (Source::Configuration, "Configuration"),
];

/// The formats by part of the stack.
fn parts() -> impl Iterator<Item = (&'static str, Vec<&'static Definition>)> {
    PARTS.into_iter().map(|(source, title)| {
        (title, ALL.iter().copied().filter(|definition| definition.source == source).collect())
    })
}

/// Lists every format and carrier for a terminal.
///
/// # Errors
/// Whatever `out` answers.
pub fn list(options: &Options, out: &mut dyn Write) -> Result<()> {
    let mut page = Page::new(options, out);
    let names = ALL.iter().map(|one| one.name).chain(carrier::ALL.iter().map(|one| one.name()));
    let width = names.map(str::len).max().unwrap_or(0);
    let mut first = true;
    let mut part = |title: &str, rows: Vec<(&str, &str)>| {
        if !std::mem::take(&mut first) {
            page.blank()?;
        }
        let title = page.paint("1", title);
        page.line(&title)?;
        for (name, summary) in rows {
            let name = format!("  {name:width$}  ");
            page.wrapped(&name, &" ".repeat(name.len()), &unquoted(summary))?;
        }
        Ok(())
    };
    for (title, definitions) in parts() {
        part(title, definitions.iter().map(|one| (one.name, one.summary)).collect())?;
    }
    part(
        "Carriers, around any of them",
        carrier::ALL.iter().map(|one| (one.name(), one.about().summary)).collect(),
    )
}

/// Prints one format with its examples for a terminal.
///
/// # Errors
/// Whatever `out` answers.
pub fn text(definition: &Definition, options: &Options, out: &mut dyn Write) -> Result<()> {
    let mut page = Page::new(options, out);
    head(&mut page, definition.name, definition.summary, definition.origin)?;
    for example in definition.examples {
        let title = format!("{}, read as {}", example.file, example.name);
        lines(&mut page, &title, example.text)?;
    }
    page.blank()?;
    page.wrapped("Left alone: ", "  ", &foreign(definition))?;
    page.wrapped("Damaged lines are skipped as: ", "  ", &reasons(definition).join(", "))
}

/// Prints one carrier with its example for a terminal.
///
/// # Errors
/// Whatever `out` answers.
pub fn carrier_text(carrier: &dyn Carrier, options: &Options, out: &mut dyn Write) -> Result<()> {
    let mut page = Page::new(options, out);
    let about = carrier.about();
    head(&mut page, carrier.name(), about.summary, about.origin)?;
    lines(&mut page, about.file, about.example)
}

fn head(page: &mut Page<'_>, name: &str, summary: &str, origin: &str) -> Result<()> {
    let title = page.paint("1", name);
    page.line(&title)?;
    page.wrapped("  ", "  ", &unquoted(summary))?;
    page.wrapped("  Origin: ", "  ", &unquoted(origin))
}

fn lines(page: &mut Page<'_>, title: &str, text: &str) -> Result<()> {
    page.subheading(title)?;
    text.lines().try_for_each(|line| page.line(line))
}

/// Writes every format and carrier as Markdown.
///
/// # Errors
/// Whatever `out` answers.
pub fn markdown(out: &mut dyn Write) -> Result<()> {
    writeln!(out, "# Formats\n")?;
    writeln!(
        out,
        "Made by `stormtrace formats --format markdown`; do not edit. Files are told by their content; the names are only\n\
         those they often have. The examples are tests: each is recognised as what stands above it, and all of its lines are\n\
         understood. *Left alone* is what looks alike and is not claimed. Lines that are damaged or of another program are\n\
         skipped with a reason, counted, and listed by `stormtrace inspect`."
    )?;
    for (title, definitions) in parts() {
        writeln!(out, "\n## {title}")?;
        for definition in definitions {
            section(definition.name, definition.summary, definition.origin, out)?;
            for example in definition.examples {
                writeln!(out, "\n`{}`, read as `{}`:\n", example.file, example.name)?;
                writeln!(out, "```text\n{}```", example.text)?;
            }
            let reasons: Vec<String> =
                reasons(definition).iter().map(|reason| format!("`{reason}`")).collect();
            writeln!(out, "\nLeft alone: {}.\n", foreign(definition))?;
            writeln!(out, "Damaged lines are skipped as {}.", reasons.join(", "))?;
        }
    }
    writeln!(
        out,
        "\n## Carriers\n\nWrappings of lines; any of the formats may be inside, whatever the examples hold."
    )?;
    for carrier in carrier::ALL {
        let about = carrier.about();
        section(carrier.name(), about.summary, about.origin, out)?;
        writeln!(out, "\n`{}`:\n\n```text\n{}```", about.file, about.example)?;
    }
    Ok(())
}

fn section(name: &str, summary: &str, origin: &str, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "\n### {name}\n\n{summary}\n\nOrigin: {origin}")
}

/// Whose lines are not claimed.
fn foreign(definition: &Definition) -> String {
    definition.foreign.iter().map(|foreign| foreign.whose).collect::<Vec<_>>().join("; ")
}

/// The reasons for skipping, each once.
fn reasons(definition: &Definition) -> Vec<&'static str> {
    let mut reasons: Vec<&str> = definition.broken.iter().map(|broken| broken.reason).collect();
    reasons.dedup();
    reasons
}

/// Without the marks of Markdown.
fn unquoted(text: &str) -> String {
    text.replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_formats_are_those_of_the_program() {
        let mut made = Vec::new();
        markdown(&mut made).unwrap();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats.md");
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == String::from_utf8(made).unwrap(),
            "docs/formats.md is old: cargo run -- formats --format markdown > docs/formats.md"
        );
    }

    #[test]
    fn everything_is_printed_once() {
        let mut made = Vec::new();
        markdown(&mut made).unwrap();
        let made = String::from_utf8(made).unwrap();
        for name in ALL.iter().map(|one| one.name).chain(carrier::ALL.iter().map(|one| one.name())) {
            assert_eq!(made.matches(&format!("\n### {name}\n")).count(), 1, "{name}");
        }
    }
}
