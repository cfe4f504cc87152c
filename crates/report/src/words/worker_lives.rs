//! The table of worker lives, the same in every form.

use stormtrace_analysis::report::{Report, RoleLives};

use super::{count, duration, reason, spaced};

/// Columns: role, lives, ends by reason, open, median length, requests.
pub const HEADER: [&str; 6] = ["process", "lives", "ended", "open", "median life", "requests"];

/// One row for each role, unescaped.
pub fn rows(report: &Report) -> Vec<[String; 6]> {
    report.worker_lives.roles.iter().map(row).collect()
}

fn row(role: &RoleLives) -> [String; 6] {
    let mut ended: Vec<(&&str, &u64)> = role.ended.iter().collect();
    ended.sort_by_key(|(reason, number)| (std::cmp::Reverse(**number), **reason));
    let mut ended: Vec<String> =
        ended.into_iter().map(|(id, number)| format!("{} {}", count(*number), reason(id))).collect();
    if role.vanished_unnamed > 0 {
        ended.push(format!("{} replaced, nothing tells which or why", count(role.vanished_unnamed)));
    }
    [
        name(role.role),
        count(role.lives),
        if ended.is_empty() { "–".to_owned() } else { ended.join(", ") },
        count(role.open),
        role.median_length_s.map_or_else(|| "–".to_owned(), duration),
        count(role.requests),
    ]
}

fn name(role: &str) -> String {
    match role {
        "http" => "HTTP worker".to_owned(),
        "cron" => "cron worker".to_owned(),
        "evented" => "evented process".to_owned(),
        "thread" => "thread over its limit".to_owned(),
        "other" => "other process".to_owned(),
        other => spaced(other),
    }
}
