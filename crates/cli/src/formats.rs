//! `stormtrace formats`: what can be read.

use std::io::{self, BufWriter, Write};

use anyhow::{Result, bail};
use stormtrace_logs::{carrier, format};
use stormtrace_report::formats;

use crate::arguments::Formats;
use crate::exit_code;
use crate::output::options_for;

/// Runs the command.
pub fn formats(arguments: &Formats) -> Result<u8> {
    let options = options_for(arguments.color);
    let mut out = BufWriter::new(io::stdout().lock());
    match (arguments.format.as_str(), &arguments.name) {
        ("markdown", None) => formats::markdown(&mut out)?,
        ("markdown", Some(_)) => bail!("--format markdown prints all formats, without a name"),
        ("text", None) => formats::list(&options, &mut out)?,
        ("text", Some(name)) => {
            let known = format::ALL.iter().find(|definition| definition.name == name);
            let carrier = carrier::ALL.iter().find(|carrier| carrier.name() == name);
            match (known, carrier) {
                (Some(definition), _) => formats::text(definition, &options, &mut out)?,
                (None, Some(carrier)) => formats::carrier_text(*carrier, &options, &mut out)?,
                (None, None) => bail!("{name}: no such format; `stormtrace formats` lists them"),
            }
        }
        (other, _) => bail!("--format {other}: formats knows text and markdown"),
    }
    out.flush()?;
    Ok(exit_code::PASS)
}
