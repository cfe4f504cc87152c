//! The verdict and the rules behind it, one line each; what does not pass says where to look.

use std::io::{Result, Write};

use stormtrace_analysis::report::{Report, Rule, Verdict};

use super::page::{Page, Row, table};
use super::{head, places, safe};
use crate::{Options, words};

pub fn write(report: &Report, options: &Options, out: &mut dyn Write) -> Result<()> {
    let mut page = Page::new(options, out);
    head(&mut page, report)?;
    if report.rules.is_empty() {
        return Ok(());
    }
    page.blank()?;
    let rules: Vec<&Rule> = words::rules_by_gravity(report).collect();
    let header = ["status", "rule", "what", "seen", "passes"];
    let mut rows: Vec<Row> = vec![header.map(str::to_owned).to_vec()];
    rows.extend(rules.iter().map(|rule| {
        vec![
            words::verdict(rule.status).to_uppercase(),
            safe(&rule.id),
            safe(&rule.title),
            words::rule_value(rule),
            words::rule_limit(rule),
        ]
    }));
    let mut lines = table(&rows, &[3, 4]).into_iter();
    if let Some(header) = lines.next() {
        let header = page.paint("2", &header);
        page.line(&header)?;
    }
    for (line, rule) in lines.zip(rules) {
        let word = words::verdict(rule.status).to_uppercase();
        let color = match rule.status {
            Verdict::Pass => "32",
            Verdict::Warn => "33",
            Verdict::Fail => "31",
            Verdict::Unknown => "35",
        };
        let rest = line.strip_prefix(&word).unwrap_or(&line);
        let line = format!("{}{rest}", page.paint(color, &word));
        page.line(&line)?;
        details(&mut page, rule)?;
    }
    Ok(())
}

fn details(page: &mut Page<'_>, rule: &Rule) -> Result<()> {
    const INDENT: &str = "         ";
    if rule.status == Verdict::Unknown {
        let (_, why) = rule.statement.split_once("; ").unwrap_or_default();
        let mut why = safe(why.trim_end_matches('.'));
        if rule.counts_as != Verdict::Unknown {
            why.push_str(&format!("; counts as {} by policy", words::verdict(rule.counts_as)));
        }
        page.faint(INDENT, &why)?;
    }
    if rule.status != Verdict::Pass && !rule.refs.is_empty() {
        page.faint(INDENT, &places(&rule.refs))?;
    }
    Ok(())
}
