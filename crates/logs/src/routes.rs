//! Files in which several programs write: syslog files, whole journals, `docker compose logs`, a container of nginx with
//! access and error log in one stream.
//!
//! Each line goes to the format of its program. A [`Routes`] is told from the beginning of a file; each of its parts is
//! then read through a [`Routed`] carrier that passes over the lines of the others.

use std::borrow::Cow;
use std::collections::BTreeMap;

use memchr::memmem;

use crate::carrier::{self, About, Carrier, Peeled};
use crate::detect::{Detected, Head, peel_sample};
use crate::format::{
    ALL, Claim, Context, Format, Memory, Raw, Sample, Source, kernel, nginx_access, nginx_error, odoo,
    postgres_stderr,
};
use crate::record::Record;

/// Lines of one program that are looked at.
const SAMPLE_LINES: usize = 400;
/// Programs that are told apart; those beyond are other programs.
const PROGRAMS: usize = 1000;

/// One format among the lines of a file.
pub struct Part {
    /// The format.
    pub format: Box<dyn Format>,
    /// Share (0 to 1) of its programs' lines in the sample that it understands.
    pub score: f64,
    /// It tells its records from any other line.
    particular: bool,
}

/// Which lines of a file go to which format.
pub struct Routes {
    /// The wrapping of all lines.
    pub carrier: &'static dyn Carrier,
    /// The formats.
    pub parts: Vec<Part>,
    /// Programs of the sample and their parts; of several, the first that knows a line takes it, else the last.
    programs: BTreeMap<Vec<u8>, Vec<usize>>,
}

/// Lines of any kind; where blocks are cut while records of several formats are open.
pub struct AnyLine;

impl Format for AnyLine {
    fn name(&self) -> String {
        "lines".to_owned()
    }

    fn source(&self) -> Source {
        Source::Host
    }

    fn parse<'a>(&self, _raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        Ok(Record::Structure)
    }
}

/// The families of programs that are known by name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Odoo,
    Postgres,
    Nginx,
    Kernel,
}

fn family(program: &[u8]) -> Option<Family> {
    let named = |part: &str| memmem::find(program, part.as_bytes()).is_some();
    if program == b"kernel" {
        Some(Family::Kernel)
    } else if named("postgres") {
        Some(Family::Postgres)
    } else if named("nginx") {
        Some(Family::Nginx)
    } else if named("odoo") || named("openerp") {
        Some(Family::Odoo)
    } else {
        None
    }
}

fn family_of(source: Source) -> Option<Family> {
    match source {
        Source::Odoo => Some(Family::Odoo),
        Source::NginxAccess | Source::NginxError => Some(Family::Nginx),
        Source::PostgresLog => Some(Family::Postgres),
        _ => None,
    }
}

/// Docker's default tag: the beginning of a container's id, another one after each re-creation.
fn is_container_id(program: &[u8]) -> bool {
    program.len() == 12 && program.iter().all(u8::is_ascii_hexdigit)
}

/// Whether the carrier is one of the whole machine, where any program may turn up behind the sample.
fn of_the_machine(carrier: &dyn Carrier) -> bool {
    carrier.name().starts_with("journald") || carrier.name().starts_with("syslog")
}

/// Looks at the first bytes of an input, of which [`crate::detect::detect`] said `detected`. `None`: one format has all
/// lines, or no carrier names programs.
#[must_use]
pub fn find(head: &[u8], name: &str, context: &Context, detected: Option<&Detected>) -> Option<Routes> {
    if head.is_empty() {
        return None;
    }
    let known = detected.map(|found| [found.carrier]);
    let carriers: &[&'static dyn Carrier] = known.as_ref().map_or(carrier::ALL, |one| one);
    let head = Head::of(head);
    carriers.iter().find_map(|carrier| with_carrier(head, name, context, *carrier, detected))
}

fn with_carrier(
    head: Head<'_>,
    name: &str,
    context: &Context,
    carrier: &'static dyn Carrier,
    detected: Option<&Detected>,
) -> Option<Routes> {
    // Without a carrier no line names its program: all are one's, of which so many are looked at.
    let most = if carrier.is_plain() { SAMPLE_LINES } else { usize::MAX };
    let (entries, _) = peel_sample(head, carrier, most)?;
    let mut groups: BTreeMap<Vec<u8>, Vec<Cow<'_, [u8]>>> = BTreeMap::new();
    for Peeled { payload, program, .. } in entries {
        let program = program.map(Cow::into_owned).unwrap_or_default();
        if groups.len() < PROGRAMS || groups.contains_key(&program) {
            let lines = groups.entry(program).or_default();
            if lines.len() < SAMPLE_LINES {
                lines.push(payload);
            }
        }
    }
    let named = groups.keys().filter(|program| !program.is_empty()).count();
    if named == 0 && detected.is_none() {
        return None;
    }
    let mut routes = Routes { carrier, parts: Vec::new(), programs: BTreeMap::new() };
    for (program, lines) in groups {
        // A few lines in front of the first entry belong to no program.
        if program.is_empty() && named > 0 {
            continue;
        }
        let (errors, others): (Vec<_>, Vec<_>) =
            lines.into_iter().partition(|line| nginx_error::ErrorLog.starts_record(line));
        // One part, as was detected: these lines need not be looked at once more.
        if carrier.is_plain() && (errors.is_empty() || others.is_empty()) {
            return None;
        }
        let parts = routes.parts_of([errors, others], name, context, carrier.is_plain());
        routes.programs.insert(program, parts);
    }
    if named > 1 || (routes.parts.is_empty() && of_the_machine(carrier)) {
        routes.add_families(context);
    }
    let several = routes.parts.len() > 1 || named > 0;
    (several && !routes.parts.is_empty()).then_some(routes)
}

/// The best claim on the lines of one program.
fn claim(lines: Vec<Cow<'_, [u8]>>, name: &str, context: &Context) -> Option<Claim> {
    let sample = Sample { lines, name };
    let mut best: Option<Claim> = None;
    for definition in ALL {
        let Some(claim) = (definition.detect)(&sample, context) else { continue };
        let better = best.as_ref().is_none_or(|known| claim.score > known.score + 0.02);
        if claim.score >= 0.3 && better {
            best = Some(claim);
        }
    }
    best
}

impl Routes {
    /// Whether one format has all lines that were seen, so that the file can be cut wherever one of its records begins.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.parts.len() == 1 && self.programs.len() == 1
    }

    /// The carrier of one part.
    #[must_use]
    pub fn carrier_of(&self, part: usize) -> Routed<'_> {
        Routed { routes: self, part }
    }

    fn add(&mut self, format: Box<dyn Format>, score: f64) -> usize {
        let name = format.name();
        if let Some(known) = self.parts.iter().position(|part| part.format.name() == name) {
            return known;
        }
        let particular = !format.starts_record(b"?");
        self.parts.push(Part { format, score, particular });
        self.parts.len() - 1
    }

    /// The parts that the lines of one program need, those of nginx's error log first.
    fn parts_of(
        &mut self,
        [errors, others]: [Vec<Cow<'_, [u8]>>; 2],
        name: &str,
        context: &Context,
        plain: bool,
    ) -> Vec<usize> {
        let mixed = !errors.is_empty() && !others.is_empty();
        let mut found: Vec<Claim> = Vec::new();
        for lines in [errors, others] {
            found.extend(claim(lines, name, context));
        }
        let has = |found: &[Claim], source| found.iter().any(|claim| claim.format.source() == source);
        // nginx writes both its logs to one stream; the one that is missing may begin behind the sample.
        if !plain && has(&found, Source::NginxAccess) && !has(&found, Source::NginxError) {
            found.insert(0, Claim { format: Box::new(nginx_error::ErrorLog), score: 0.0 });
        } else if (!plain || mixed)
            && has(&found, Source::NginxError)
            && !has(&found, Source::NginxAccess)
            && found.len() == 1
        {
            found.push(Claim { format: nginx_access::any(context), score: 0.0 });
        }
        found.into_iter().map(|claim| self.add(claim.format, claim.score)).collect()
    }

    /// Formats of programs that are known by name and may turn up behind the sample.
    fn add_families(&mut self, context: &Context) {
        let has = |routes: &Routes, source| routes.parts.iter().any(|part| part.format.source() == source);
        if !has(self, Source::Odoo) {
            self.add(Box::new(odoo::Odoo), 0.0);
        }
        if !has(self, Source::PostgresLog) {
            self.add(postgres_stderr::any(context), 0.0);
        }
        if !has(self, Source::NginxError) {
            self.add(Box::new(nginx_error::ErrorLog), 0.0);
        }
        if !has(self, Source::NginxAccess) {
            self.add(nginx_access::any(context), 0.0);
        }
        self.add(Box::new(kernel::Kernel), 0.0);
    }

    /// The part that a line goes to.
    fn part_for(&self, program: &[u8], line: &[u8]) -> Option<usize> {
        let starts = |at: usize| self.parts.get(at).is_some_and(|part| part.format.starts_record(line));
        let first =
            |parts: &[usize]| parts.iter().copied().find(|at| starts(*at)).or_else(|| parts.last().copied());
        let known = self.programs.get(program);
        if let Some(parts) = known.filter(|parts| !parts.is_empty()) {
            return first(parts);
        }
        let family = family(program);
        let of_family: Vec<usize> = if family.is_none() {
            Vec::new()
        } else if family == Some(Family::Kernel) {
            self.parts.iter().position(|part| part.format.name() == "kernel").into_iter().collect()
        } else {
            let fits = |part: &Part| family_of(part.format.source()) == family;
            self.parts.iter().enumerate().filter(|(_, part)| fits(part)).map(|(at, _)| at).collect()
        };
        if !of_family.is_empty() && (known.is_none() || family == Some(Family::Kernel)) {
            return first(&of_family);
        }
        // A program without a name that tells anything: only its lines can.
        let particular =
            self.parts.iter().enumerate().find(|(at, part)| part.particular && starts(*at)).map(|(at, _)| at);
        particular.or_else(|| (self.is_single() && is_container_id(program)).then_some(0))
    }
}

/// The lines of one part of a file.
pub struct Routed<'r> {
    routes: &'r Routes,
    part: usize,
}

impl Carrier for Routed<'_> {
    fn name(&self) -> &'static str {
        self.routes.carrier.name()
    }

    fn about(&self) -> About {
        self.routes.carrier.about()
    }

    fn starts_entry(&self, line: &[u8]) -> bool {
        self.routes.carrier.starts_entry(line)
    }

    fn spans_lines(&self) -> bool {
        self.routes.carrier.spans_lines()
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        let peeled = self.routes.carrier.peel(entry)?;
        let program = peeled.program.as_deref();
        // What names no program among entries that do is the rest of a cut message.
        if program.is_none() && !self.routes.programs.contains_key(b"".as_slice()) {
            return Err("not_this_carrier");
        }
        match self.routes.part_for(program.unwrap_or_default(), &peeled.payload) {
            Some(part) if part == self.part => Ok(peeled),
            Some(_) => Err("read_as_another_format"),
            None => Err("other_program"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{Blocks, Carry, Recipe, finish, walk};
    use crate::detect::detect;
    use crate::ledger::Ledger;

    const SYSLOG: &str = "\
Nov 23 18:31:00 vm systemd[1]: Starting Odoo...
Nov 23 18:31:01 vm odoo[7]: 2026-11-23 18:31:01,010 13001 ERROR o17 odoo.http: Exception during request handling.
Nov 23 18:31:01 vm postgres[7052]: [5-1] user=odoo,db=prod,app=x,client=h LOG:  duration: 2000.1 ms  statement: SELECT
Nov 23 18:31:01 vm odoo[7]: Traceback (most recent call last):
Nov 23 18:31:01 vm postgres[7052]: [5-2] #011FROM x
Nov 23 18:31:01 vm nginx: 10.0.0.1 - - [23/Nov/2026:18:31:01 +0000] \"GET /web HTTP/1.1\" 502 150 \"-\" \"curl\"
Nov 23 18:31:01 vm nginx: 2026/11/23 18:31:01 [error] 12#12: *1 upstream prematurely closed connection while reading response header from upstream, client: 10.0.0.1, server: _, request: \"GET /web HTTP/1.1\", upstream: \"http://127.0.0.1:8069/web\", host: \"x\"
Nov 23 18:31:01 vm odoo[7]: KeyError: 'x'
Nov 23 18:31:02 vm kernel: Out of memory: Killed process 12317 (python3) total-vm:4183312kB, anon-rss:3012000kB
Nov 23 18:31:02 vm CRON[99]: (root) CMD (true)
Nov 23 18:31:03 vm odoo[7]: 2026-11-23 18:31:03,010 13001 INFO o17 odoo.modules.loading: Modules loaded.
";

    fn read(text: &str, size: usize) -> Vec<(String, Vec<String>, Ledger)> {
        let context = Context::default();
        let detected = detect(text.as_bytes(), "syslog", &context);
        let routes = find(text.as_bytes(), "syslog", &context, detected.as_ref()).unwrap();
        let read_part = |(number, part): (usize, &Part)| {
            let recipe = Recipe { carrier: routes.carrier, format: &AnyLine, record_lines: u64::MAX };
            let mut blocks = Blocks::new(Vec::new(), text.as_bytes(), recipe, size);
            let routed = routes.carrier_of(number);
            let recipe = Recipe { carrier: &routed, format: part.format.as_ref(), record_lines: u64::MAX };
            let (mut carry, mut memory, mut ledger) =
                (Carry::default(), Memory::default(), Ledger::default());
            let mut seen = Vec::new();
            while let Some(block) = blocks.next_block().unwrap() {
                walk(&block, recipe, &mut carry, &mut memory, &mut ledger, &mut |item| {
                    seen.push(format!("{}: {:?}", item.line, item.record));
                });
            }
            finish(carry, recipe, &mut memory, &mut ledger, &mut |item| {
                seen.push(format!("{}: {:?}", item.line, item.record));
            });
            (part.format.name(), seen, ledger)
        };
        routes.parts.iter().enumerate().map(read_part).collect()
    }

    #[test]
    fn every_program_goes_to_its_format() {
        let parts = read(SYSLOG, 1 << 20);
        let counts: Vec<(&str, u64, u64)> = parts
            .iter()
            .map(|(name, _, ledger)| (name.as_str(), ledger.parsed, ledger.continuation))
            .collect();
        assert_eq!(
            counts,
            [
                ("kernel", 1, 0),
                ("nginx-error", 1, 0),
                ("nginx-access:combined", 1, 0),
                ("odoo", 2, 2),
                ("postgres-stderr", 1, 1)
            ]
        );
        for (name, _, ledger) in &parts {
            assert_eq!(ledger.total(), 11, "{name}");
            assert_eq!(ledger.skipped_by_reason["other_program"], 2, "{name}");
            assert_eq!(
                ledger.skipped_by_reason["read_as_another_format"],
                9 - ledger.parsed - ledger.continuation
            );
        }
        let odoo = &parts[3].1[0];
        assert!(odoo.starts_with("2: "), "{odoo}");
        let postgres = &parts[4].1[0];
        assert!(postgres.contains("pid: 7052"), "{postgres}");
        for size in [64, 100, 257, 1000] {
            assert_eq!(parts, read(SYSLOG, size), "{size}");
        }
    }

    #[test]
    fn one_program_stays_one_part() {
        let text: String = SYSLOG
            .lines()
            .filter(|line| line.contains("odoo[7]"))
            .fold(String::new(), |all, line| all + line + "\n");
        let routes = |text: &str| {
            find(
                text.as_bytes(),
                "",
                &Context::default(),
                detect(text.as_bytes(), "", &Context::default()).as_ref(),
            )
        };
        let found = routes(&text).unwrap();
        assert!(found.is_single());
        let routed = found.carrier_of(0);
        let reason = |line: &str| routed.peel(line.as_bytes()).err();
        assert_eq!(
            reason("Nov 23 18:31:01 vm systemd[1]: odoo.service: Main process exited"),
            Some("other_program")
        );
        assert_eq!(reason("Nov 23 18:31:01 vm odoo-bin[8]: KeyError"), None);
        assert_eq!(reason("Nov 23 18:31:01 vm 0123456789ab[8]: KeyError"), None);
        assert_eq!(reason("Nov 23 18:31:01 vm erp[8]: 2026-11-23 18:31:03,010 1 INFO o17 odoo: x"), None);
        let plain: String = text
            .lines()
            .filter_map(|line| line.split_once("]: "))
            .map(|(_, line)| format!("{line}\n"))
            .collect();
        assert!(routes(&plain).is_none());
        assert!(routes("roses are red\n").is_none());
        assert!(routes("").is_none());
    }
}
