//! SQL without its literals, so that the same statement with other values is the same text.

/// Replaces numbers and quoted strings by `?`, lists of them by one `?`, and folds white space.
#[must_use]
pub fn of_sql(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut characters = sql.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\'' => {
                while let Some(next) = characters.next() {
                    if next == '\'' {
                        if characters.peek() == Some(&'\'') {
                            characters.next();
                        } else {
                            break;
                        }
                    }
                }
                push_value(&mut out);
            }
            '0'..='9'
                if !out.ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == '"') =>
            {
                while characters.peek().is_some_and(|next| next.is_ascii_digit() || *next == '.') {
                    characters.next();
                }
                push_value(&mut out);
            }
            space if space.is_whitespace() => {
                if !out.ends_with(' ') && !out.is_empty() {
                    out.push(' ');
                }
            }
            other => out.push(other),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

fn push_value(out: &mut String) {
    // `?, ?` collapses, so that IN lists of any length are one statement.
    let trimmed = out.trim_end_matches([' ', ',']);
    if trimmed.ends_with('?') && trimmed.len() < out.len() && out.contains(',') {
        let length = trimmed.len();
        out.truncate(length);
    } else {
        out.push('?');
    }
}

#[cfg(test)]
mod tests {
    use super::of_sql;

    #[test]
    fn literals_go_names_stay() {
        assert_eq!(
            of_sql("UPDATE \"a1\" SET x = 'O''Neil', y = 12.5\n  WHERE id IN (1, 2, 3)"),
            "UPDATE \"a1\" SET x = ?, y = ? WHERE id IN (?)"
        );
        assert_eq!(of_sql("SELECT $1, col2 FROM t"), "SELECT $?, col2 FROM t");
        assert_eq!(of_sql("SELECT 'unfinished"), "SELECT ?");
    }
}
