//! No carrier: lines as the program wrote them to a file, also `journalctl -o cat` and `docker logs`.

use std::borrow::Cow;

use super::{About, Carrier, Peeled};

/// The identity.
pub struct Plain;

impl Carrier for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn about(&self) -> About {
        About {
            summary: "no wrapping: files that the program wrote itself, `journalctl -o cat`, `docker logs`",
            origin: "the program",
            file: "odoo.log",
            example: "\
2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0
",
        }
    }

    fn is_plain(&self) -> bool {
        true
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        Ok(Peeled {
            payload: Cow::Borrowed(entry),
            outer: None,
            partial: false,
            stream: 0,
            program: None,
            pid: None,
        })
    }
}
