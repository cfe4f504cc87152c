//! No carrier: lines as the program wrote them to a file, also `journalctl -o cat` and `docker logs`.

use std::borrow::Cow;

use super::{Carrier, Peeled};

/// The identity.
pub struct Plain;

impl Carrier for Plain {
    fn name(&self) -> &'static str {
        "plain"
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
