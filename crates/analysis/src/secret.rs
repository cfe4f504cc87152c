//! Hides the values of passwords and keys that configuration, SQL or request targets carry.
//!
//! The name decides: whatever stands right after a name holding `passw`, `secret`, `token` or `key` and one of
//! `=`, `: `, or an SQL quote is replaced. So is the password of an address such as `postgres://user:password@host`.

use std::borrow::Cow;

/// What stands for a hidden value.
pub const HIDDEN: &str = "•••";

const NAMES: [&str; 4] = ["passw", "secret", "token", "key"];
/// Values that tell nothing, or are placeholders already.
const HARMLESS: [&str; 9] = ["?", "on", "off", "true", "false", "none", "null", "yes", "no"];

/// The text with secret values hidden.
#[must_use]
pub fn masked(text: &str) -> Cow<'_, str> {
    let mut safe = String::new();
    // Everything before `done` stands in `safe` already.
    let mut done = 0usize;
    let mut at = 0usize;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let word = rest.find(|character| !in_name(character)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(word);
        let found = if name.is_empty() {
            address_password(after)
        } else if is_secret(name) {
            value_after(after)
        } else {
            None
        };
        let Some((skip, length)) = found else {
            let step = if word > 0 { word } else { rest.chars().next().map_or(1, char::len_utf8) };
            at = at.saturating_add(step);
            continue;
        };
        let value = at.saturating_add(word).saturating_add(skip);
        safe.push_str(text.get(done..value).unwrap_or_default());
        safe.push_str(HIDDEN);
        done = value.saturating_add(length);
        at = done;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    safe.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(safe)
}

/// The value of a setting with what is secret in it hidden; `None` where nothing is. Odoo's own password `admin`, which
/// everybody knows, stays.
#[must_use]
pub fn masked_setting(name: &str, value: &str) -> Option<String> {
    let option = name.rsplit(' ').next().unwrap_or(name);
    if is_secret(option) {
        let known = option == "admin_passwd" && value == "admin";
        return (!known && !is_harmless(value)).then(|| HIDDEN.to_owned());
    }
    match masked(value) {
        Cow::Owned(hidden) => Some(hidden),
        Cow::Borrowed(_) => None,
    }
}

/// Whether a value tells nothing.
fn is_harmless(value: &str) -> bool {
    value.is_empty()
        || value.starts_with('$')
        || HARMLESS.iter().any(|harmless| harmless.eq_ignore_ascii_case(value))
}

fn in_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.')
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|part| name.contains(part))
}

/// Where the value starts after its name and how long it is, in bytes.
fn value_after(after: &str) -> Option<(usize, usize)> {
    let blank = |character: char| matches!(character, ' ' | '\t');
    let named = after.strip_prefix(['"', '\'']).unwrap_or(after).trim_start_matches(blank);
    let (value, sign) = match named.strip_prefix('=') {
        Some(value) => (value, '='),
        None => match named.strip_prefix(':') {
            Some(value) => (value, ':'),
            None => (named, ' '),
        },
    };
    let value_trimmed = value.trim_start_matches(blank);
    let quote = value_trimmed.chars().next().filter(|first| matches!(first, '"' | '\''));
    // A colon without a blank or quote is a place such as `keys.log:12`; a bare blank is prose.
    if sign == ':' && quote.is_none() && value_trimmed.len() == value.len()
        || sign == ' ' && quote != Some('\'')
    {
        return None;
    }
    let body =
        quote.map_or(value_trimmed, |quote| value_trimmed.strip_prefix(quote).unwrap_or(value_trimmed));
    let length = match quote {
        Some(quote) => body.find(quote).unwrap_or(body.len()),
        None => body
            .find(|character: char| {
                character.is_whitespace() || matches!(character, ',' | ';' | '&' | ')' | '"' | '\'')
            })
            .unwrap_or(body.len()),
    };
    let held = body.get(..length)?;
    (!is_harmless(held)).then(|| (after.len().saturating_sub(body.len()), length))
}

/// The password inside `://user:password@`.
fn address_password(after: &str) -> Option<(usize, usize)> {
    let authority = after.strip_prefix("://")?;
    let end = authority
        .find(|character: char| character.is_whitespace() || character == '/')
        .unwrap_or(authority.len());
    let (credentials, _) = authority.get(..end)?.rsplit_once('@')?;
    let (user, password) = credentials.split_once(':')?;
    (!password.is_empty()).then(|| (user.len().saturating_add(4), password.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secret_names_are_hidden() {
        for (text, expected) in [
            ("db_password = hunter2", "db_password = •••"),
            ("admin_passwd=a b", "admin_passwd=••• b"),
            ("ALTER ROLE odoo PASSWORD 'it s' VALID", "ALTER ROLE odoo PASSWORD '•••' VALID"),
            ("/web?db=x&access_token=abc&y=1", "/web?db=x&access_token=•••&y=1"),
            ("{\"api_key\": \"abc\", \"n\": 1}", "{\"api_key\": \"•••\", \"n\": 1}"),
            ("Client-Secret: ü", "Client-Secret: •••"),
            ("postgres://odoo:hunter2@db/x", "postgres://odoo:•••@db/x"),
            ("a key=1; b token='2", "a key=•••; b token='•••"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn a_setting_is_hidden_by_its_name() {
        for (name, value, expected) in [
            ("db_password", "hunter2 and more", Some(HIDDEN)),
            ("admin_passwd", "admin", None),
            ("admin_passwd", "Admin", Some(HIDDEN)),
            ("server_tokens", "off", None),
            ("[/token/] proxy_read_timeout", "720s", None),
            ("[/] proxy_pass", "http://user:word@odoo:8069", Some("http://user:•••@odoo:8069")),
            ("[~ /(a|b) c] secure_link_secret", "word", Some(HIDDEN)),
        ] {
            assert_eq!(masked_setting(name, value).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn other_text_stays() {
        for text in [
            "",
            "keys.log:12",
            "duplicate key value violates unique constraint \"x\"",
            "WHERE key = ? AND token = $1",
            "log_tokens = off",
            "https://host/a@b:c",
            "proxy_read_timeout 720s;",
            "the key",
            "key=",
            "– ü key: ",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
