//! `stormtrace`: arguments, wiring, exit codes, nothing else.

mod arguments;
mod command;
mod exit_code;
mod explain;
mod formats;
mod output;
mod progress;
mod signal;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { exit_code::USAGE } else { exit_code::PASS };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    signal::watch();
    let outcome = match &arguments.command {
        Command::Analyze(analyze) => command::analyze(analyze),
        Command::Check(check) => command::check(check),
        Command::Inspect(inspect) => command::inspect(inspect),
        Command::Summarize(summarize) => command::summarize(summarize),
        Command::Explain(explain) => explain::explain(explain),
        Command::Formats(formats) => formats::formats(formats),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) if exit_code::is_closed_pipe(&error) => ExitCode::from(exit_code::PASS),
        Err(error) => {
            let sentence = format!("{error:#}");
            eprintln!("stormtrace: {}", stormtrace_report::escape::terminal(&sentence));
            ExitCode::from(exit_code::USAGE)
        }
    }
}
