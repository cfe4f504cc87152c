//! `stormtrace explain`: what a cause is told by.

use std::io::{self, BufWriter, Write};

use anyhow::{Result, bail};
use stormtrace_analysis::cause::{self, ALL};
use stormtrace_report::explain;

use crate::arguments::Explain;
use crate::exit_code;
use crate::output::options_for;

/// Runs the command.
pub fn explain(arguments: &Explain) -> Result<u8> {
    let options = options_for(arguments.color);
    let mut out = BufWriter::new(io::stdout().lock());
    match (arguments.format.as_str(), &arguments.cause) {
        ("markdown", None) => explain::markdown(&mut out)?,
        ("markdown", Some(_)) => bail!("--format markdown goes with --all"),
        ("text", Some(id)) => match cause::find(id) {
            Some(suspect) => explain::text(suspect, &options, &mut out)?,
            None => bail!("{id}: no such cause; `stormtrace explain` lists them"),
        },
        ("text", None) if arguments.all => {
            for (number, suspect) in ALL.iter().enumerate() {
                if number > 0 {
                    writeln!(out)?;
                }
                explain::text(suspect, &options, &mut out)?;
            }
        }
        ("text", None) => {
            let width = ALL.iter().map(|suspect| suspect.id.len()).max().unwrap_or(0);
            for suspect in ALL {
                writeln!(out, "{:width$}  {}", suspect.id, suspect.summary)?;
            }
        }
        (other, _) => bail!("--format {other}: explain knows text and markdown"),
    }
    out.flush()?;
    Ok(exit_code::PASS)
}
