//! Names of entries. They are labels in a report; no path is ever made of them.

use std::borrow::Cow;

/// Longest label kept, bytes.
const LONGEST: usize = 4096;

/// Upper half of code page 437, which zip tools without UTF-8 write.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
                     αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// The name as text: UTF-8, else code page 437; without a leading `./` or `/`, and not longer than 4 KiB.
#[must_use]
pub fn label(name: &[u8]) -> String {
    let name = name.get(..LONGEST).unwrap_or(name);
    let text: Cow<'_, str> = match std::str::from_utf8(name) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(
            name.iter()
                .map(|byte| match byte.checked_sub(128) {
                    Some(upper) => CP437.chars().nth(usize::from(upper)).unwrap_or('?'),
                    None => char::from(*byte),
                })
                .collect(),
        ),
    };
    let mut rest: &str = &text;
    while let Some(shorter) = rest.strip_prefix("./").or_else(|| rest.strip_prefix('/')) {
        rest = shorter;
    }
    if rest.is_empty() { "(no name)".to_owned() } else { rest.to_owned() }
}

/// Whether a tool that extracts would be led out of its directory.
#[must_use]
pub fn points_outside(name: &[u8]) -> bool {
    let is_separator = |byte: &u8| matches!(byte, b'/' | b'\\');
    name.first().is_some_and(is_separator)
        || name.get(1) == Some(&b':') && name.first().is_some_and(u8::is_ascii_alphabetic)
        || name.split(is_separator).any(|part| part == b"..")
}

/// The last part of a label without the endings that compression adds, for what only the name can tell.
#[must_use]
pub fn base_name(label: &str) -> &str {
    let name = label.rsplit(['/', '\\']).next().unwrap_or(label);
    let mut rest = name;
    for ending in [".gz", ".zst", ".xz", ".bz2"] {
        rest = rest.strip_suffix(ending).unwrap_or(rest);
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_labels() {
        assert_eq!(label(b"./odoo/odoo.log"), "odoo/odoo.log");
        assert_eq!(label(b"//etc/passwd"), "etc/passwd");
        assert_eq!(label(b"../../x"), "../../x");
        assert_eq!(label(b"Protokoll_\x84.log"), "Protokoll_ä.log");
        assert_eq!(label("ä\u{1b}".as_bytes()), "ä\u{1b}");
        assert_eq!(label(b"./"), "(no name)");
        assert_eq!(label(&[b'x'; 9000]).len(), 4096);
        assert_eq!(CP437.chars().count(), 128);
    }

    #[test]
    fn names_that_point_outside() {
        for name in [&b"../x"[..], b"a/../../x", b"/etc/passwd", b"C:\\x", b"..\\x"] {
            assert!(points_outside(name));
        }
        for name in [&b"a/b"[..], b"..a/b", b"a..", b"./x"] {
            assert!(!points_outside(name));
        }
    }

    #[test]
    fn base_names() {
        assert_eq!(base_name("a.zip/odoo/odoo.log.1.gz"), "odoo.log.1");
    }
}
