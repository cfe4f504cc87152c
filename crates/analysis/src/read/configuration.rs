//! What configuration files say about the layout of logs. They are read before any log, in archives too.

use std::io::Read;

use rayon::prelude::*;
use stormtrace_logs::format::{Context, nginx_access, nginx_configuration, postgres_configuration};
use stormtrace_logs::text;

use super::stored::Stored;
use super::walk::{self, Pass};
use super::{Error, Options};

/// More than this is no configuration file, bytes.
const LONGEST: u64 = 4 << 20;

/// Looks through all inputs for configuration.
///
/// # Errors
/// When `--nginx-log-format` cannot be compiled.
pub fn read(stored: &[Stored], options: &Options, left_out: &mut Vec<String>) -> Result<Context, Error> {
    let mut context = Context::default();
    for (number, template) in options.nginx_log_formats.iter().enumerate() {
        let name = format!("argument-{}", number + 1);
        let format = nginx_access::LogFormat::compile(&name, nginx_access::Escape::Default, template)
            .map_err(|error| Error::LogFormat(error.to_string()))?;
        context.log_formats.push((name, format));
    }
    let mut texts: Vec<(String, Vec<u8>)> =
        stored.par_iter().flat_map_iter(|one| texts(one, options)).collect();
    texts.sort();
    for (_, text) in &texts {
        context.log_formats.extend(nginx_configuration::read(text).log_formats);
        context.log_line_prefixes.extend(postgres_configuration::log_line_prefix(text));
    }
    for one in stored.iter().filter(|one| one.is_partly_kept()) {
        left_out.push(format!(
            "{}: configuration behind the first {} bytes is not known to the logs before it (limit spool)",
            one.found.label, options.limits.spool
        ));
    }
    Ok(context)
}

/// Labels and texts of the configuration files in one stored file. Damage is told when the logs are read.
fn texts(stored: &Stored, options: &Options) -> Vec<(String, Vec<u8>)> {
    let mut texts = Vec::new();
    if stored.can_be_read_again(&options.limits) {
        let _ = walk::walk(stored, options, Pass::Configuration, &mut Vec::new(), &mut |leaf| {
            if leaf.label.to_ascii_lowercase().contains(".conf") {
                let mut text = Vec::new();
                if let Ok(decoded) = text::open(leaf.reader) {
                    let _ = decoded.reader.take(LONGEST).read_to_end(&mut text);
                }
                texts.push((leaf.label.to_owned(), text));
            }
            Vec::new()
        });
    }
    texts
}
