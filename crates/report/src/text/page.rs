//! Where lines go: wrapping, colour, headings and tables.

use std::io::{Result, Write};

use stormtrace_analysis::report::Severity;

use crate::{Options, words};

/// A row of cells, which must be safe already.
pub type Row = Vec<String>;

/// Aligned lines. `right` names the columns whose cells stand at the right.
pub fn table(rows: &[Row], right: &[usize]) -> Vec<String> {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(column) {
                Some(known) => *known = (*known).max(width),
                None => widths.push(width),
            }
        }
    }
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
                if column > 0 {
                    line.push_str("  ");
                }
                if right.contains(&column) {
                    line.push_str(&padding);
                    line.push_str(cell);
                } else {
                    line.push_str(cell);
                    line.push_str(&padding);
                }
            }
            line.trim_end().to_owned()
        })
        .collect()
}

/// Where lines go, how wide and in what colour.
pub struct Page<'a> {
    out: &'a mut dyn Write,
    /// Columns to wrap at.
    pub width: usize,
    color: bool,
}

impl<'a> Page<'a> {
    pub fn new(options: &Options, out: &'a mut dyn Write) -> Self {
        let width = if options.width == 0 { Options::default().width } else { options.width.max(40) };
        Self { out, width, color: options.color }
    }

    pub fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub fn severity(&self, severity: Severity) -> String {
        let color = match severity {
            Severity::Info => "36",
            Severity::Minor => "33",
            Severity::Major => "31",
            Severity::Critical => "1;31",
        };
        self.paint(color, words::severity(severity))
    }

    pub fn line(&mut self, text: &str) -> Result<()> {
        writeln!(self.out, "{text}")
    }

    pub fn blank(&mut self) -> Result<()> {
        self.line("")
    }

    pub fn heading(&mut self, text: &str) -> Result<()> {
        self.blank()?;
        let rule =
            "─".repeat(self.width.min(120).saturating_sub(text.chars().count().saturating_add(4)).max(3));
        let line = format!("── {text} {rule}");
        let line = self.paint("1", &line);
        self.line(&line)
    }

    pub fn subheading(&mut self, text: &str) -> Result<()> {
        self.blank()?;
        let text = self.paint("1", text);
        self.line(&text)
    }

    pub fn bullets(&mut self, title: &str, items: impl ExactSizeIterator<Item = String>) -> Result<()> {
        if items.len() == 0 {
            return Ok(());
        }
        self.subheading(title)?;
        for item in items {
            self.wrapped("  • ", "    ", &item)?;
        }
        Ok(())
    }

    /// A table whose first row is its heading.
    pub fn table(&mut self, indent: &str, rows: &[Row], right: &[usize]) -> Result<()> {
        for (number, line) in table(rows, right).into_iter().enumerate() {
            let line = if number == 0 { self.paint("2", &line) } else { line };
            self.line(&format!("{indent}{line}"))?;
        }
        Ok(())
    }

    pub fn more(&mut self, indent: &str, all: usize, shown: usize) -> Result<()> {
        let hidden = all.saturating_sub(shown);
        if hidden > 0 { self.line(&format!("{indent}… and {hidden} more")) } else { Ok(()) }
    }

    /// Breaks a safe sentence at blanks. The prefix may hold colour, so the indent stands for its width.
    pub fn wrapped(&mut self, prefix: &str, indent: &str, text: &str) -> Result<()> {
        let width = if prefix.contains('\x1b') { indent.chars().count() } else { prefix.chars().count() };
        self.filled(prefix, width, indent, text, None)
    }

    /// The same in a faint colour.
    pub fn faint(&mut self, indent: &str, text: &str) -> Result<()> {
        self.filled(indent, indent.chars().count(), indent, text, Some("2"))
    }

    fn filled(
        &mut self,
        prefix: &str,
        prefix_width: usize,
        indent: &str,
        text: &str,
        color: Option<&str>,
    ) -> Result<()> {
        let mut margin = prefix;
        let mut used = prefix_width;
        let mut line = String::new();
        for word in text.split(' ') {
            let length = word.chars().count();
            if !line.is_empty() && used.saturating_add(length).saturating_add(1) > self.width {
                self.painted(margin, &line, color)?;
                margin = indent;
                used = indent.chars().count();
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
                used = used.saturating_add(1);
            }
            line.push_str(word);
            used = used.saturating_add(length);
        }
        self.painted(margin, &line, color)
    }

    fn painted(&mut self, margin: &str, line: &str, color: Option<&str>) -> Result<()> {
        let line = line.trim_end();
        let line = color.map_or_else(|| line.to_owned(), |code| self.paint(code, line));
        self.line(format!("{margin}{line}").trim_end())
    }
}
