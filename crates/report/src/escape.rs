//! Makes text from logs harmless for each sink.
//!
//! Characters that steer a terminal, reorder text or cannot be seen become visible `\xNN` or `\u{…}` in every
//! form for people, because an HTML or Markdown report is copied into terminals and tickets as well.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character is a control, reorders text, or is invisible.
#[must_use]
pub fn is_unsafe(character: char) -> bool {
    matches!(character,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn push_visible(into: &mut String, character: char) {
    let code = u32::from(character);
    // Writing to a String cannot fail.
    let _ = if code <= 0xff { write!(into, "\\x{code:02x}") } else { write!(into, "\\u{{{code:x}}}") };
}

/// For a terminal: nothing moves the cursor, colours, links, reorders or hides. Line breaks and tabs too
/// become visible, so one value stays on one line.
#[must_use]
pub fn terminal(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len().saturating_add(16));
    for character in text.chars() {
        if is_unsafe(character) {
            push_visible(&mut safe, character);
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

fn html(text: &str, keep_layout: bool) -> String {
    let mut safe = String::with_capacity(text.len().saturating_add(text.len() / 8));
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '`' => safe.push_str("&#96;"),
            '\n' | '\t' if keep_layout => safe.push(character),
            _ if is_unsafe(character) => push_visible(&mut safe, character),
            _ => safe.push(character),
        }
    }
    safe
}

/// For the text of an HTML or SVG element. Line breaks and tabs stay, for `<pre>`.
#[must_use]
pub fn html_text(text: &str) -> String {
    html(text, true)
}

/// For a quoted HTML attribute. Line breaks become visible.
#[must_use]
pub fn html_attr(text: &str) -> String {
    html(text, false)
}

/// For XML 1.0 text and quoted attributes: what XML cannot hold becomes visible. Since every `>` is escaped, no
/// `]]>` is left. Line breaks stay in text; an attribute would fold them, so there they become visible.
fn xml(text: &str, keep_breaks: bool) -> String {
    let mut safe = String::with_capacity(text.len().saturating_add(text.len() / 8));
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\n' if keep_breaks => safe.push(character),
            // These two are no characters of XML; surrogates are none of Rust.
            '\u{fffe}' | '\u{ffff}' => push_visible(&mut safe, character),
            _ if is_unsafe(character) => push_visible(&mut safe, character),
            _ => safe.push(character),
        }
    }
    safe
}

/// For the text of an XML element.
#[must_use]
pub fn xml_text(text: &str) -> String {
    xml(text, true)
}

/// For a quoted XML attribute.
#[must_use]
pub fn xml_attr(text: &str) -> String {
    xml(text, false)
}

/// A CSV cell of text, quoted. Spreadsheets run what begins like a formula, even behind blanks or a quote, so such
/// text gets an apostrophe in front.
#[must_use]
pub fn csv_cell(text: &str) -> String {
    let text = terminal(text);
    let start = text
        .trim_start_matches(|character: char| character.is_whitespace() || matches!(character, '"' | '\''));
    // The wide forms are folded to the plain ones by some spreadsheets.
    let formula = start.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

fn longest_run(text: &str, wanted: char) -> usize {
    let (mut longest, mut current) = (0usize, 0usize);
    for character in text.chars() {
        current = if character == wanted { current.saturating_add(1) } else { 0 };
        longest = longest.max(current);
    }
    longest
}

/// A Markdown code span, with more backticks around it than the text holds in a row.
#[must_use]
pub fn markdown_code(text: &str) -> String {
    let text = terminal(text);
    if text.trim().is_empty() {
        return "` `".to_owned();
    }
    let ticks = "`".repeat(longest_run(&text, '`').saturating_add(1));
    // CommonMark strips one space from both ends, so it is added whenever an end could be misread.
    let edge = text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let space = if edge { " " } else { "" };
    format!("{ticks}{space}{text}{space}{ticks}")
}

/// A Markdown code span inside a table, where a bar would end the cell.
#[must_use]
pub fn markdown_code_cell(text: &str) -> String {
    markdown_code(text).replace('|', "\\|")
}

/// A fenced Markdown code block, ending with a line break.
#[must_use]
pub fn markdown_fence(text: &str, language: &str) -> String {
    let fence = "`".repeat(longest_run(text, '`').saturating_add(1).max(3));
    let lines: Vec<_> = text.lines().map(terminal).collect();
    format!("{fence}{language}\n{}\n{fence}\n", lines.join("\n"))
}

/// A Markdown sentence: no markup, link, image, HTML, table cell or list can come out of it.
#[must_use]
pub fn markdown_text(text: &str) -> String {
    let text = terminal(text);
    let mut safe = String::with_capacity(text.len().saturating_add(16));
    let mut previous: Option<char> = None;
    let mut characters = text.trim_start().chars().peekable();
    let mut only_digits = true;
    while let Some(character) = characters.next() {
        let next = characters.peek().copied();
        let escape = match character {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '~' | '$' | '@' => true,
            '&' => next.is_some_and(|next| next == '#' || next.is_ascii_alphabetic()),
            // An underscore inside a word is no emphasis, and names such as pg_locks stay readable.
            '_' => !(previous.is_some_and(char::is_alphanumeric) && next.is_some_and(char::is_alphanumeric)),
            '#' | '+' | '-' | '=' => previous.is_none(),
            '.' | ')' if previous.is_some() && only_digits => true,
            // Bare addresses become links on most forges.
            ':' => next == Some('/'),
            '.' => safe.len() >= 3 && safe.get(safe.len().saturating_sub(3)..).is_some_and(is_www),
            _ => false,
        };
        if escape {
            safe.push('\\');
        }
        safe.push(character);
        only_digits = only_digits && character.is_ascii_digit();
        previous = Some(character);
    }
    safe
}

fn is_www(text: &str) -> bool {
    text.eq_ignore_ascii_case("www")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_shows_what_steers() {
        assert_eq!(terminal("plain – ü"), "plain – ü");
        assert_eq!(terminal("\x1b]8;;http://x\x07y\x1b\\"), "\\x1b]8;;http://x\\x07y\\x1b\\");
        assert_eq!(terminal("a\u{9b}31mb\u{7f}\r\n\t"), "a\\x9b31mb\\x7f\\x0d\\x0a\\x09");
        assert_eq!(terminal("\u{202e}\u{2066}\u{200b}\u{feff}"), "\\u{202e}\\u{2066}\\u{200b}\\u{feff}");
    }

    #[test]
    fn html_is_inert() {
        assert_eq!(html_text("</script><b a=\"'`&"), "&lt;/script&gt;&lt;b a=&quot;&#39;&#96;&amp;");
        assert_eq!(html_text("a\n\tb\x1b"), "a\n\tb\\x1b");
        assert_eq!(html_attr("\" onload=x\n"), "&quot; onload=x\\x0a");
    }

    #[test]
    fn xml_holds_only_its_characters() {
        assert_eq!(xml_text("a]]>b<&\"'\n"), "a]]&gt;b&lt;&amp;&quot;&apos;\n");
        assert_eq!(xml_attr("a\nb\u{0}\u{1b}\u{fffe}\u{ffff}"), "a\\x0ab\\x00\\x1b\\u{fffe}\\u{ffff}");
    }

    #[test]
    fn csv_cells_are_no_formulas() {
        for text in
            ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\"=1", "'=1", "＝1", "＋1", "－1", "＠1", "\u{a0}=1"]
        {
            let cell = csv_cell(text);
            assert!(cell.starts_with("\"'") && cell.ends_with('"'), "{cell}");
        }
        assert_eq!(csv_cell("\t=1\r"), "\"\\x09=1\\x0d\"");
        assert_eq!(csv_cell("a=b, \"c\""), "\"a=b, \"\"c\"\"\"");
        assert_eq!(csv_cell(""), "\"\"");
    }

    #[test]
    fn markdown_code_outruns_backticks() {
        assert_eq!(markdown_code("a"), "`a`");
        assert_eq!(markdown_code("a``b"), "```a``b```");
        assert_eq!(markdown_code("`"), "`` ` ``");
        assert_eq!(markdown_code(""), "` `");
        assert_eq!(markdown_code_cell("a|b"), "`a\\|b`");
        assert_eq!(markdown_fence("x\n````\ny", "sql"), "`````sql\nx\n````\ny\n`````\n");
    }

    #[test]
    fn markdown_text_has_no_markup() {
        assert_eq!(markdown_text("pg_locks held"), "pg_locks held");
        assert_eq!(markdown_text("_a_ *b* |"), "\\_a\\_ \\*b\\* \\|");
        assert_eq!(markdown_text("![x](http://y)"), "!\\[x\\](http\\://y)");
        assert_eq!(markdown_text("# x"), "\\# x");
        assert_eq!(markdown_text("12. x 3.5"), "12\\. x 3.5");
        assert_eq!(markdown_text("see www.x.y"), "see www\\.x.y");
        assert_eq!(markdown_text("<img>\n&lt; a & b"), "\\<img\\>\\\\x0a\\&lt; a & b");
    }
}
