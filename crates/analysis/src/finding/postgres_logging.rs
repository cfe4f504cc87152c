//! What PostgreSQL's log leaves out.

use super::values::Value;
use super::{Look, finding};
use crate::events::PostgresFact;
use crate::report::{Finding, Severity};

/// `slow_statements_not_logged`, `log_line_prefix_without_pid`, `log_line_prefix_whole_seconds`, `log_checkpoints_off`.
pub fn check(look: &Look<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(statements(look));
    found.extend(prefix(look));
    if let Some(value) = look.postgres_server("log_checkpoints")
        && value.postgres_boolean() == Some(false)
    {
        found.push(finding(
            "log_checkpoints_off",
            Severity::Info,
            "Checkpoints are not logged",
            format!(
                "{}: whether slow commits came from slow writes cannot be told from the log.",
                value.said
            ),
            vec![value.reference],
            "log_checkpoints = on",
        ));
    }
    found
}

fn statements(look: &Look<'_>) -> Option<Finding> {
    let value = look.postgres("log_min_duration_statement")?;
    let logged =
        look.picture.events.postgres.iter().any(|event| matches!(event.fact, PostgresFact::Duration { .. }));
    let explained =
        look.postgres_server("auto_explain.log_min_duration").is_some_and(|value| value.text != "-1");
    (value.postgres_seconds()? < 0.0 && !logged && !explained).then(|| {
        finding(
            "slow_statements_not_logged",
            Severity::Info,
            "Slow statements are not logged",
            format!("{}: which statement was slow can only be told from snapshots.", value.said),
            vec![value.reference],
            "log_min_duration_statement = 500ms",
        )
    })
}

/// The prefix matters where the log is plain text: csvlog and jsonlog have columns of their own, syslog its own stamps.
fn prefix(look: &Look<'_>) -> Option<Finding> {
    let destination = look.postgres_server("log_destination")?;
    let destinations: Vec<&str> = destination.text.split(',').map(str::trim).collect();
    if destinations != ["stderr"] {
        return None;
    }
    let value: Value = look.postgres_server("log_line_prefix")?;
    let escapes = escapes(&value.text);
    let has = |any: &[char]| escapes.iter().any(|escape| any.contains(escape));
    let lacking = |id, title: &str, what: &str| {
        let said = format!("log_line_prefix = '{}'", value.text);
        finding(
            id,
            Severity::Info,
            title,
            format!("{said}: {what}"),
            vec![value.reference.clone()],
            "log_line_prefix = '%m [%p] %q%u@%d %a '",
        )
    };
    // %c holds the pid in hexadecimal.
    if !has(&['p', 'c']) {
        return Some(lacking(
            "log_line_prefix_without_pid",
            "PostgreSQL's log does not name its backends",
            "without %p no line can be tied to a session.",
        ));
    }
    (!has(&['m', 'n']) && has(&['t'])).then(|| {
        lacking(
            "log_line_prefix_whole_seconds",
            "PostgreSQL's log has whole seconds",
            "%t has no fractions; %m has milliseconds, which tell kills and lost connections apart.",
        )
    })
}

/// The letters of the escapes in a prefix: `%m`, `%-5p`; `%%` is a percent sign.
fn escapes(prefix: &str) -> Vec<char> {
    let mut found = Vec::new();
    let mut letters = prefix.chars();
    while let Some(letter) = letters.next() {
        if letter == '%' {
            found.extend(letters.find(|letter| !letter.is_ascii_digit() && *letter != '-'));
        }
    }
    found
}
