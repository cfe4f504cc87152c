//! What was read: the short list under a report, and the full one of `inspect`.

use std::io::{Result, Write};

use stormtrace_analysis::report::{Input, Report};

use super::page::{Page, Row, table};
use super::{safe, safe_name};
use crate::{Options, words};

/// Container ids make names of 100 characters; start and end tell enough in a table.
const PATH_WIDTH: usize = 48;
/// Wider lines are broken by terminals and tickets.
const LINE_WIDTH: usize = 160;

/// Writes what each file was taken for, line by line accounted for; the unrecognised ones at the end.
///
/// # Errors
/// Whatever `out` answers.
pub fn write_inspect(report: &Report, options: &Options, out: &mut dyn Write) -> Result<()> {
    let mut page = Page::new(options, out);
    let (known, unknown): (Vec<&Input>, Vec<&Input>) =
        report.inputs.iter().partition(|input| words::is_recognised(input));
    page.line(&format!(
        "{}, {} recognised, window {}",
        words::plural(report.inputs.len() as u64, "file", "files"),
        words::count(known.len() as u64),
        words::window(report.window.as_ref())
    ))?;
    if !known.is_empty() {
        page.blank()?;
        let paths: Vec<_> = known.iter().map(|input| safe_name(&input.path)).collect();
        inspect_table(&mut page, report, &known, &paths)?;
    }
    if !unknown.is_empty() {
        page.heading("Not recognised")?;
        for input in unknown {
            page.line(&format!(
                "{}  {}, {}",
                safe_name(&input.path),
                words::plural(input.bytes, "byte", "bytes"),
                words::plural(input.lines.total, "line", "lines")
            ))?;
            remarks(&mut page, input)?;
        }
    }
    Ok(())
}

fn inspect_table(page: &mut Page<'_>, report: &Report, known: &[&Input], paths: &[String]) -> Result<()> {
    let day = words::common_day(&report.inputs);
    let heading = words::span_heading(day.as_deref());
    let header =
        ["format", "understood", "carrier", "zone", &heading, "lines", "parsed", "continued", "skipped"];
    let mut rows: Vec<Row> = vec![header.map(str::to_owned).to_vec()];
    for input in known {
        let carrier = match input.container.as_str() {
            "plain" | "" => safe(&input.carrier),
            container => format!("{}, {}", safe(&input.carrier), safe(container)),
        };
        rows.push(vec![
            safe(&input.format),
            words::percent(input.detection_score),
            carrier,
            input.zone.as_deref().map_or_else(|| "–".to_owned(), safe),
            words::input_span(input, day.as_deref()),
            words::count(input.lines.total),
            words::count(input.lines.parsed),
            words::count(input.lines.continuation),
            words::count(input.lines.skipped),
        ]);
    }
    let right = [1, 5, 6, 7, 8];
    // Columns end in figures at the right, so the lines are of one width.
    let lines = table(&rows, &right);
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let longest = paths.iter().map(|path| path.chars().count()).max().unwrap_or(0);
    let beside = longest <= PATH_WIDTH && width.saturating_add(longest).saturating_add(2) <= LINE_WIDTH;
    let mut lines = lines.into_iter();
    if let Some(header) = lines.next() {
        let header = if beside { format!("{header}  path") } else { format!("path\n    {header}") };
        for line in header.lines() {
            let line = page.paint("2", line);
            page.line(&line)?;
        }
    }
    for ((line, path), input) in lines.zip(paths).zip(known) {
        if beside {
            page.line(&format!("{line}  {path}"))?;
        } else {
            let path = page.paint("1", path);
            page.line(&path)?;
            page.line(&format!("    {line}"))?;
        }
        remarks(page, input)?;
    }
    Ok(())
}

/// What a reader must know about an input besides its figures.
fn remarks(page: &mut Page<'_>, input: &Input) -> Result<()> {
    if let Some(other) = &input.duplicate_of {
        let text = format!("holds the same records as {}; counted once", safe_name(other));
        page.wrapped("    ↳ ", "      ", &text)?;
    }
    if let Some(skipped) = words::skipped(input) {
        page.wrapped("    skipped: ", "      ", &safe(&skipped))?;
    }
    for example in input.skipped_examples.iter().filter(|example| !example.text.trim().is_empty()) {
        let text = safe(&words::shortened(&words::one_line(&example.text), 120));
        page.faint("      ", &format!("line {}: {text}", example.line))?;
    }
    if let Some(other) = &input.runner_up {
        let carrier = if other.carrier == "plain" { String::new() } else { format!(" in {}", other.carrier) };
        let text = format!("next best: {}{carrier}, {}", other.format, words::percent(other.score));
        page.faint("    ", &safe(&text))?;
    }
    if let Some(gaps) = words::gaps(input) {
        page.wrapped("    ", "    ", &safe(&gaps))?;
    }
    for problem in &input.problems {
        let mark = page.paint("33", "    ! ");
        page.wrapped(&mark, "      ", &safe(problem))?;
    }
    Ok(())
}

/// Writes the short list under a report.
pub fn what_was_read(page: &mut Page<'_>, report: &Report) -> Result<()> {
    page.heading("What was read")?;
    if report.inputs.is_empty() {
        page.line("Nothing.")?;
    }
    let day = words::common_day(&report.inputs);
    let known: Vec<_> = report.inputs.iter().filter(|input| words::is_recognised(input)).collect();
    if !known.is_empty() {
        let heading = words::span_heading(day.as_deref());
        let mut rows: Vec<Row> =
            vec![["", "file", "taken for", "lines", &heading, ""].map(str::to_owned).to_vec()];
        for (number, input) in (1u64..).zip(&known) {
            let mut remark = Vec::new();
            if let Some(other) = &input.duplicate_of {
                // A number keeps the line short where a path would double it.
                let original = (1u64..).zip(&known).find(|(_, input)| input.path == *other);
                remark.push(match original {
                    Some((number, _)) => format!("copy of {number}"),
                    None => format!("copy of {}", short_path(other)),
                });
            }
            if input.lines.skipped > 0 {
                remark.push(format!("{} skipped", words::plural(input.lines.skipped, "line", "lines")));
            }
            if input.zone.as_deref() == Some(words::UNKNOWN) {
                remark.push("zone unknown".to_owned());
            }
            rows.push(vec![
                number.to_string(),
                short_path(&input.path),
                safe(&words::taken_for(input)),
                words::count(input.lines.total),
                words::input_span(input, day.as_deref()),
                remark.join(", "),
            ]);
        }
        page.table("", &rows, &[0, 3])?;
        for (number, input) in (1u64..).zip(&known) {
            for problem in &input.problems {
                let mark = page.paint("33", "! ");
                let text = format!("{number} {}: {}", short_path(&input.path), safe(problem));
                page.wrapped(&mark, "  ", &text)?;
            }
        }
    }
    for input in report.inputs.iter().filter(|input| !words::is_recognised(input)) {
        let lines = words::plural(input.lines.total, "line", "lines");
        let mut text = format!("not recognised: {} ({lines})", safe_name(&input.path));
        for problem in &input.problems {
            text.push_str(&format!("; {}", safe(problem)));
        }
        page.wrapped("", "  ", &text)?;
    }
    clocks(page, report)?;
    page.blank()?;
    page.faint("", &format!("{} {}, all times are UTC", report.tool.name, report.tool.version))
}

fn short_path(path: &str) -> String {
    words::middle_shortened(&safe_name(path), PATH_WIDTH)
}

fn clocks(page: &mut Page<'_>, report: &Report) -> Result<()> {
    if report.clocks.is_empty() {
        return Ok(());
    }
    page.subheading("Clocks against Odoo's")?;
    for clock in &report.clocks {
        let offset = match (clock.offset_s, clock.uncertainty_s) {
            (Some(offset), Some(bound)) => {
                format!("{} ± {}", words::signed(offset), words::duration(bound))
            }
            (Some(offset), None) => words::signed(offset),
            (None, _) => words::UNKNOWN.to_owned(),
        };
        let pairs = match clock.pairs {
            0 => String::new(),
            pairs => format!(" ({})", words::plural(pairs, "pair", "pairs")),
        };
        let text =
            format!("{}: {offset}; {}{pairs}", safe(&words::source(&clock.source)), safe(&clock.basis));
        page.wrapped("  ", "    ", &text)?;
    }
    Ok(())
}
