//! Heroku's logplex, as `heroku logs` prints it: `2013-05-07T20:24:51.342Z app[postgres.24]: …`.

use std::borrow::Cow;

use memchr::memchr;

use super::docker::hash;
use super::{About, Carrier, Peeled};
use crate::timestamp::{Zone, iso};

/// `heroku logs`.
pub struct Logplex;

impl Carrier for Logplex {
    fn name(&self) -> &'static str {
        "logplex"
    }

    fn about(&self) -> About {
        About {
            summary: "`heroku logs`",
            origin: "Heroku, logplex",
            file: "heroku.log",
            example: "\
2026-11-23T18:24:34.342Z app[postgres.24]: [VIOLET] [2-1]  sql_error_code = 00000 LOG:  duration: 12.5 ms  statement: SELECT 1
",
        }
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        peel(entry).ok_or("not_this_carrier")
    }
}

fn peel(entry: &[u8]) -> Option<Peeled<'_>> {
    let (outer, used) = iso(entry)?;
    if entry.get(10) != Some(&b'T') || outer.zone == Zone::Local {
        return None;
    }
    let rest = entry.get(used..)?.strip_prefix(b" ")?;
    let (source, rest) = rest.split_at_checked(memchr(b'[', rest.get(..rest.len().min(64))?)?)?;
    let word = |text: &[u8]| {
        !text.is_empty()
            && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    let rest = rest.get(1..)?;
    let (process, rest) = rest.split_at_checked(memchr(b']', rest.get(..rest.len().min(64))?)?)?;
    if !word(source) || !word(process) {
        return None;
    }
    let payload = rest.get(1..)?.strip_prefix(b":")?;
    let program = process.split(|byte| *byte == b'.').next()?;
    Some(Peeled {
        payload: Cow::Borrowed(payload.strip_prefix(b" ").unwrap_or(payload)),
        outer: Some(outer),
        partial: false,
        stream: hash(0, process),
        program: Some(Cow::Borrowed(program)),
        pid: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let line =
            b"2012-11-01T17:41:42+00:00 app[postgres]: [15521-1]  [CHARCOAL] LOG:  checkpoint starting: time";
        let peeled = Logplex.peel(line).unwrap();
        assert_eq!(&*peeled.payload, b"[15521-1]  [CHARCOAL] LOG:  checkpoint starting: time");
        assert_eq!(peeled.program.as_deref(), Some(b"postgres".as_slice()));
        for length in 0..line.len() {
            let _ = Logplex.peel(&line[..length]);
        }
        let odoo = b"2013-05-07T20:24:51.342Z app[web.1]: x";
        assert_eq!(&*Logplex.peel(odoo).unwrap().payload, b"x");
        for stranger in [
            b"2026-11-23T18:28:01+0000 vm odoo[1]: x".as_slice(),
            b"2026-11-23T18:28:01 app[web.1]: x",
            b"2026-11-23 18:28:01Z app[web.1]: x",
            b"2026-11-23T18:28:01Z app[web 1]: x",
            b"2026-11-23T18:28:01Z x",
            b"",
        ] {
            assert!(Logplex.peel(stranger).is_err());
        }
    }
}
