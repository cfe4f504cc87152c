//! What a cause asks for, as `stormtrace explain` and `docs/causes.md` print it.

use std::io::{Result, Write};

use stormtrace_analysis::cause::{ALL, FAMILY_CAP_DB, ITEM_CAP_DB, Suspect};

use crate::Options;
use crate::text::page::Page;

/// Prints one cause for a terminal.
///
/// # Errors
/// Whatever `out` answers.
pub fn text(suspect: &Suspect, options: &Options, out: &mut dyn Write) -> Result<()> {
    let mut page = Page::new(options, out);
    let title = page.paint("1", suspect.id);
    page.line(&title)?;
    page.wrapped("  ", "  ", suspect.summary)?;
    page.blank()?;
    page.wrapped("To tell, capture: ", "  ", suspect.needs)?;
    page.blank()?;
    page.line("What decides, in decibans: present, absent, contradicted")?;
    for item in suspect.items {
        let weights = format!(
            "  {:>3} {:>3} {:>3}  ",
            signed(item.present_db),
            signed(item.absent_db),
            signed(item.contradicted_db)
        );
        page.wrapped(&weights, &" ".repeat(weights.len()), item.asks)?;
    }
    page.blank()?;
    if suspect.gate.is_some() {
        page.wrapped("", "  ", "It is recognised by exact signs, and then does not compete by weight.")?;
    }
    if !suspect.explained_by.is_empty() {
        let parents: Vec<&str> = suspect.explained_by.iter().map(|(parent, _)| *parent).collect();
        let sentence = format!(
            "It is a mechanism and not the trigger where these are evidenced too: {}.",
            parents.join(", ")
        );
        page.wrapped("", "  ", &sentence)?;
    }
    page.wrapped("What to do: ", "  ", suspect.next_step)
}

/// Writes every cause as Markdown.
///
/// # Errors
/// Whatever `out` answers.
pub fn markdown(out: &mut dyn Write) -> Result<()> {
    writeln!(out, "# Causes\n")?;
    writeln!(
        out,
        "Made by `stormtrace explain --all --format markdown`; do not edit. Weights are decibans, 10 log10 of how much more\n\
         often the answer is given with this cause than with another. One item weighs at most ±{ITEM_CAP_DB:.0}, one family\n\
         of items at most ±{FAMILY_CAP_DB:.0}. What no source tells is unknown and weighs nothing. *Absent*: a source that\n\
         would show the sign does not. *Contradicted*: the opposite is shown.\n\n\
         A trigger is *established* at 15 db, 10 db ahead of every rival and with two families for it; *probable* at 8 db, 5 db\n\
         ahead; *ambiguous* at 8 db without that lead; else *not determinable*."
    )?;
    for suspect in ALL {
        writeln!(out, "\n## {}\n\n{}\n", suspect.id, suspect.summary)?;
        writeln!(out, "Needs: {}.\n", suspect.needs)?;
        writeln!(out, "| family | what decides | present | absent | contradicted |")?;
        writeln!(out, "|---|---|---:|---:|---:|")?;
        for item in suspect.items {
            writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                item.family.name(),
                item.asks,
                signed(item.present_db),
                signed(item.absent_db),
                signed(item.contradicted_db)
            )?;
        }
        if suspect.gate.is_some() {
            writeln!(out, "\nRecognised by exact signs; then it does not compete by weight.")?;
        }
        if !suspect.explained_by.is_empty() {
            let parents: Vec<String> =
                suspect.explained_by.iter().map(|(parent, _)| format!("`{parent}`")).collect();
            writeln!(
                out,
                "\nA mechanism, not the trigger, where these are evidenced too: {}.",
                parents.join(", ")
            )?;
        }
        writeln!(out, "\nWhat to do: {}", suspect.next_step)?;
    }
    Ok(())
}

fn signed(weight_db: f64) -> String {
    if weight_db == 0.0 { "0".to_owned() } else { format!("{weight_db:+.0}") }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_printed_causes_are_those_of_the_program() {
        let mut made = Vec::new();
        super::markdown(&mut made).unwrap();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/causes.md");
        let kept = std::fs::read_to_string(path).unwrap();
        assert!(
            kept == String::from_utf8(made).unwrap(),
            "docs/causes.md is old: cargo run -- explain --all --format markdown > docs/causes.md"
        );
    }
}
