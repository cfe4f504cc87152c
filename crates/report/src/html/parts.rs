//! Badges, places, tables and sections.

use std::fmt::Write as _;

use stormtrace_analysis::report::{Reference, Severity};

use crate::escape::{html_attr, html_text};
use crate::words;
use stormtrace_analysis::secret::masked;

const REFERENCES_SHOWN: usize = 4;

/// Log text, inert and without secrets.
pub fn safe(text: &str) -> String {
    html_text(&masked(text))
}

/// A file's name, which is needed whole.
pub fn safe_name(text: &str) -> String {
    html_text(text)
}

pub fn badge(class: &str, text: &str) -> String {
    format!("<span class=\"badge {class}\">{}</span>", safe(text))
}

pub fn severity_badge(severity: Severity) -> String {
    let class = match severity {
        Severity::Info => "",
        Severity::Minor => "warn",
        Severity::Major | Severity::Critical => "bad",
    };
    badge(class, words::severity(severity))
}

pub fn reference(reference: &Reference) -> String {
    let time = reference
        .time
        .map(|time| format!(" title=\"{}\"", html_attr(&words::instant(time))))
        .unwrap_or_default();
    format!("<code{time}>{}</code>", safe_name(&words::place(reference)))
}

pub fn references(references_: &[Reference]) -> String {
    if references_.is_empty() {
        return String::new();
    }
    let mut text = String::from("<div class=\"ref\">");
    for one in references_.iter().take(REFERENCES_SHOWN) {
        text.push_str(&reference(one));
    }
    let hidden = references_.len().saturating_sub(REFERENCES_SHOWN);
    if hidden > 0 {
        let _ = write!(text, "and {hidden} more");
    }
    text.push_str("</div>");
    text
}

/// A table in a box that scrolls sideways. Columns: heading and class; cells are HTML already.
pub fn table(columns: &[(&str, &str)], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut html = String::from("<div class=\"scroll\"><table><thead><tr>");
    for (heading, class) in columns {
        let _ = write!(html, "<th class=\"{class}\">{heading}</th>");
    }
    html.push_str("</tr></thead><tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for (cell, (_, class)) in row.iter().zip(columns) {
            let _ = write!(html, "<td class=\"{class}\">{cell}</td>");
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>\n");
    html
}

pub fn section(id: &str, heading: &str, body: &str) -> String {
    format!("<section id=\"{id}\">\n<h2>{heading}</h2>\n{body}</section>\n")
}
