//! Kubernetes: the files of the container runtime (CRI, also podman's k8s-file) and `kubectl logs --prefix`
//! (formats.md section 3).

use std::borrow::Cow;

use memchr::memchr;

use super::docker::{fractional_stamp, hash};
use super::{About, Carrier, Peeled};

/// CRI files: `2026-11-23T18:00:00.123456789Z stdout F line`. The tag `P` says that the line goes on.
pub struct ContainerRuntime;

impl Carrier for ContainerRuntime {
    fn name(&self) -> &'static str {
        "cri"
    }

    fn about(&self) -> About {
        About {
            summary: "files of Kubernetes' container runtime, also podman's `k8s-file`",
            origin: "Kubernetes CRI",
            file: "cri.log",
            example: "\
2026-11-23T18:24:42.470868182Z stderr P 2026-11-23 18:24:42,470 12317 INFO ? odoo:
2026-11-23T18:24:42.470868182Z stderr F  Odoo version 17.0
",
        }
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        let read = || {
            let (outer, rest) = fractional_stamp(entry)?;
            let (stream, rest) = rest.split_at_checked(memchr(b' ', rest)?)?;
            if !matches!(stream, b"stdout" | b"stderr") {
                return None;
            }
            let rest = rest.get(1..)?;
            let (tags, payload) = rest.split_at_checked(memchr(b' ', rest).unwrap_or(rest.len()))?;
            let partial = match tags.strip_suffix(b"\r").unwrap_or(tags).split(|byte| *byte == b':').next()? {
                b"P" => true,
                b"F" => false,
                _ => return None,
            };
            Some((outer, hash(0, stream), partial, payload.get(1..).unwrap_or_default()))
        };
        let (outer, stream, partial, payload) = read().ok_or("not_this_carrier")?;
        let payload = Cow::Borrowed(payload);
        Ok(Peeled { payload, outer: Some(outer), partial, stream, program: None, pid: None })
    }
}

/// `kubectl logs --prefix`: `[pod/NAME/CONTAINER] line`; with `--timestamps` a stamp stands before the line.
pub struct Prefix;

impl Carrier for Prefix {
    fn name(&self) -> &'static str {
        "kubectl-prefix"
    }

    fn about(&self) -> About {
        About {
            summary: "`kubectl logs --prefix`",
            origin: "Kubernetes",
            file: "kubectl-prefix.log",
            example: "\
[pod/odoo-7d/odoo] 2026-11-23 18:24:42,470 12317 INFO ? odoo: Odoo version 17.0
",
        }
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        let read = || {
            let rest = entry.strip_prefix(b"[pod/")?;
            let (name, rest) = rest.split_at_checked(memchr(b']', rest.get(..rest.len().min(600))?)?)?;
            let (_pod, container) = name.split_at_checked(memchr(b'/', name)?)?;
            let container = container.get(1..).filter(|container| !container.is_empty())?;
            let rest = rest.get(1..)?;
            let line = if rest.is_empty() { rest } else { rest.strip_prefix(b" ")? };
            Some((name, container, line))
        };
        let (name, container, line) = read().ok_or("not_this_carrier")?;
        let (outer, payload) =
            fractional_stamp(line).map_or((None, line), |(outer, payload)| (Some(outer), payload));
        Ok(Peeled {
            payload: Cow::Borrowed(payload),
            outer,
            partial: false,
            stream: hash(0, name),
            program: Some(Cow::Borrowed(container)),
            pid: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtime_files() {
        let line = b"2026-11-23T18:22:10.286670899Z stdout F 2026-11-23 18:22:10,387 7 INFO ? odoo: x ";
        let peeled = ContainerRuntime.peel(line).unwrap();
        assert_eq!(&*peeled.payload, b"2026-11-23 18:22:10,387 7 INFO ? odoo: x ");
        assert_eq!((peeled.outer.unwrap().us, peeled.partial), (1_795_458_130_286_670, false));
        let peeled = ContainerRuntime.peel(b"2026-11-23T20:22:10.28667+02:00 stderr P:x abc").unwrap();
        assert_eq!((&*peeled.payload, peeled.partial), (b"abc".as_slice(), true));
        assert_eq!(peeled.outer.unwrap().us, 1_795_458_130_286_670);
        assert_eq!(&*ContainerRuntime.peel(b"2026-11-23T18:22:10.2Z stdout F").unwrap().payload, b"");
        for length in 0..line.len() {
            let _ = ContainerRuntime.peel(&line[..length]);
            let _ = Prefix.peel(&line[..length]);
        }
        for other in [
            b"2026-11-23T18:22:10.286670899Z stdout of the program".as_slice(),
            b"2026-11-23T18:22:10.286670899Z started F x",
            b"2026-11-23T18:22:10Z stdout F x",
            b"2026-11-23 18:22:10,387 7 INFO ? odoo: x",
            b"",
        ] {
            assert_eq!(ContainerRuntime.peel(other).unwrap_err(), "not_this_carrier");
        }
    }

    #[test]
    fn prefixes() {
        let peeled =
            Prefix.peel(b"[pod/odoo-7d9f-x2/odoo] 2026-11-23T18:22:10.286670899Z Traceback").unwrap();
        assert_eq!(&*peeled.payload, b"Traceback");
        assert_eq!(peeled.program.as_deref(), Some(b"odoo".as_slice()));
        assert!(peeled.outer.is_some());
        assert_eq!(&*Prefix.peel(b"[pod/a/b]   File \"x\"").unwrap().payload, b"  File \"x\"");
        assert_eq!(&*Prefix.peel(b"[pod/a/b] ").unwrap().payload, b"");
        for other in [b"[pod/a] x".as_slice(), b"[pod/a/] x", b"[pod/a/b]x", b"[notice] x", b"pod/a/b x", b""]
        {
            assert_eq!(Prefix.peel(other).unwrap_err(), "not_this_carrier");
        }
    }
}
