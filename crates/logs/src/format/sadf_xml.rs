//! `sadf -x`, sysstat's export as XML (formats.md section 7; sysstat 11 to 12.7).
//!
//! A record is a `timestamp` with everything in it. sysstat writes no escapes into the attributes that are read here, so
//! they are searched for, not parsed.

use memchr::{memchr, memmem};

use super::figures::{Figures, number, score_records, zoned};
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::Record;
use crate::timestamp::date_time_us;

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "sadf-x",
    source: Source::Host,
    summary: "`sadf -x`",
    origin: "sysstat 11 to 12.7",
    detect,
    examples: &[Example {
        name: "sadf",
        file: "sadf-x.xml",
        text: r#"<?xml version="1.0" encoding="UTF-8"?>
<sysstat>
	<host nodename="vm">
		<statistics>
			<timestamp date="2026-11-23" time="18:28:05" utc="1" interval="5">
				<cpu-load>
					<cpu number="all" user="84.98" nice="0.00" system="15.02" iowait="0.00" steal="0.00" idle="0.00"/>
				</cpu-load>
				<memory><memfree>14400728</memfree></memory>
			</timestamp>
			<timestamp date="2026-11-23" time="18:28:10" tz="UTC" interval="5">
				<queue runq-sz="13" plist-sz="327" ldavg-1="9.79" ldavg-5="11.25" ldavg-15="7.31" blocked="0"/>
			</timestamp>
		</statistics>
"#,
    }],
    foreign: &[Foreign {
        whose: "a web page",
        text: "<html><body>\n<timestamp>1</timestamp>\n</body></html>\n",
    }],
    broken: &[Broken { reason: "truncated_xml", text: "\t\t\t<timestamp date=\"2026-11-23\" time=\"18:2" }],
};

/// sadf's XML.
pub struct Xml;

/// Claims XML whose `timestamp` elements hold statistics.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    score_records(&Xml, sample).map(|score| Claim { format: Box::new(Xml), score })
}

/// The value of an attribute inside one element.
fn attribute<'a>(element: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let key = format!(" {name}=\"");
    let from = memmem::find(element, key.as_bytes())? + key.len();
    let rest = element.get(from..)?;
    rest.get(..memchr(b'"', rest)?)
}

/// The elements of this name, from the name to the closing angle.
fn elements<'a>(text: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
    let open = format!("<{name}");
    let starts: Vec<usize> = memmem::find_iter(text, open.as_bytes()).map(|at| at + open.len()).collect();
    starts.into_iter().filter_map(|from| {
        let rest = text.get(from..)?;
        // Another element may have a longer name.
        matches!(rest.first(), Some(b' ' | b'>' | b'/')).then_some(())?;
        rest.get(..memchr(b'>', rest)?)
    })
}

impl Format for Xml {
    fn name(&self) -> String {
        "sadf".to_owned()
    }

    fn source(&self) -> Source {
        Source::Host
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        line.trim_ascii_start().starts_with(b"<timestamp date=\"")
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let whole: &[u8] = raw.text.trim_ascii();
        if !self.starts_record(whole) {
            return if whole.starts_with(b"<") { Ok(Record::Structure) } else { Err("not_sadf") };
        }
        // What follows the statistics, restarts and comments, is no part of them.
        let end = memmem::find(whole, b"</timestamp>").unwrap_or(whole.len());
        let body = whole.get(..end).unwrap_or(whole);
        let head = elements(body, "timestamp").next().ok_or("truncated_xml")?;
        let part = |name| attribute(head, name).unwrap_or_default();
        let us = date_time_us(&[part("date"), part("time")].join(&b' ')).ok_or("bad_timestamp")?;
        let zone = if part("utc") == b"1" { b"UTC" } else { part("tz") };
        let mut figures = Figures::new(Some(zoned(us, zone)));
        let mut take = |element: &[u8], names: &[&str]| {
            for name in names {
                if let Some(value) = attribute(element, name).and_then(number) {
                    figures.set(name, value);
                }
            }
        };
        let all = elements(body, "cpu").find(|cpu| attribute(cpu, "number") == Some(b"all"));
        take(all.unwrap_or_default(), &["idle", "iowait", "steal"]);
        take(elements(body, "queue").next().unwrap_or_default(), &["runq-sz", "blocked", "ldavg-1"]);
        take(elements(body, "swap-pages").next().unwrap_or_default(), &["pswpin", "pswpout"]);
        for device in elements(body, "disk-device") {
            take(device, &["util-percent", "util"]);
        }
        for (resource, column) in [("psi-cpu", "%scpu-10"), ("psi-io", "%sio-10"), ("psi-mem", "%smem-10")] {
            let value = elements(body, resource).next().and_then(|element| {
                attribute(element, "some_avg10").or_else(|| attribute(element, "some-10"))
            });
            if let Some(value) = value.and_then(number) {
                figures.set(column, value);
            }
        }
        for name in ["memfree", "avail"] {
            let open = format!("<{name}>");
            let value = memmem::find(body, open.as_bytes())
                .and_then(|at| body.get(at + open.len()..))
                .and_then(|rest| number(rest.get(..memchr(b'<', rest)?)?));
            if let Some(value) = value {
                figures.set(name, value);
            }
        }
        Ok(figures.record())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::HostSample;
    use crate::timestamp::Zone;

    /// In the shape of sysstat's `tests/data-12.7.6.xml`.
    const TEXT: &str = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<sysstat
xmlns=\"https://sysstat.github.io\">
\t<host nodename=\"brooks.home\">
\t\t<number-of-cpus>8</number-of-cpus>
\t\t<statistics>
\t\t\t<timestamp date=\"2024-01-20\" time=\"16:00:22\" tz=\"UTC\" interval=\"1\">
\t\t\t\t<cpu-load>
\t\t\t\t\t<cpu number=\"all\" usr=\"0.87\" nice=\"0.00\" sys=\"0.25\" iowait=\"1.00\" steal=\"0.00\" irq=\"0.25\" soft=\"0.25\" guest=\"0.00\" gnice=\"0.00\" idle=\"98.38\"/>
\t\t\t\t\t<cpu number=\"0\" usr=\"0.00\" nice=\"0.00\" sys=\"0.00\" iowait=\"0.00\" steal=\"0.00\" irq=\"0.00\" soft=\"0.00\" guest=\"0.00\" gnice=\"0.00\" idle=\"100.00\"/>
\t\t\t\t</cpu-load>
\t\t\t\t<memory per=\"second\" unit=\"kB\">
\t\t\t\t\t<memfree>1437740</memfree>
\t\t\t\t\t<avail>4389516</avail>
\t\t\t\t</memory>
\t\t\t\t<queue runq-sz=\"3\" plist-sz=\"956\" ldavg-1=\"3.16\" ldavg-5=\"3.24\" ldavg-15=\"3.43\" blocked=\"2\"/>
\t\t\t\t<disk per=\"second\">
\t\t\t\t\t<disk-device dev=\"sda\" tps=\"0.00\" util-percent=\"6.42\"/>
\t\t\t\t\t<disk-device dev=\"sdb\" tps=\"0.00\" util-percent=\"0.42\"/>
\t\t\t\t</disk>
\t\t\t</timestamp>
\t\t\t<timestamp date=\"2024-01-20\" time=\"16:00:23\" utc=\"1\" interval=\"1\">
\t\t\t\t<queue runq-sz=\"4\" plist-sz=\"956\" ldavg-1=\"3.16\" ldavg-5=\"3.24\" ldavg-15=\"3.43\" blocked=\"0\"/>
\t\t\t</timestamp>
\t\t</statistics>";

    fn read(text: &str) -> Result<Option<HostSample>, &'static str> {
        let raw = Raw::of(text.as_bytes());
        Xml.parse(&raw, &mut Memory::default()).map(|record| match record {
            Record::Host(sample) => Some(sample),
            _ => None,
        })
    }

    #[test]
    fn whole() {
        let lines = TEXT.lines().map(|line| line.as_bytes().into()).collect();
        assert_eq!(detect(&Sample { lines, name: "x" }, &Context::default()).unwrap().score, 1.0);
        let at = TEXT.find("<timestamp").unwrap();
        assert!(read(&TEXT[..at]).unwrap().is_none());
        let row = read(&TEXT[at..]).unwrap().unwrap();
        assert_eq!(row.stamp, Some(zoned(date_time_us(b"2024-01-20 16:00:22").unwrap(), b"UTC")));
        assert_eq!(row.stamp.unwrap().zone, Zone::Utc);
        assert!((row.cpu_busy_percent.unwrap() - 0.62).abs() < 1e-9);
        assert_eq!((row.memory_available_bytes, row.run_queue), (Some(4_389_516 << 10), Some(3)));
        assert_eq!(row.device_busy_percent, Some(6.42));
    }

    #[test]
    fn broken() {
        let at = TEXT.find("<timestamp").unwrap();
        for end in at..=TEXT.len() {
            let _ = read(&TEXT[at..end]);
        }
        assert!(read("hello").is_err());
        for text in
            ["<timestamp date=\"2024-01-20\" time=\"16:00:22\"/>", "<html><body>", "<timestamp>1</timestamp>"]
        {
            let lines = vec![text.as_bytes().into()];
            assert!(detect(&Sample { lines, name: "x" }, &Context::default()).is_none(), "{text}");
        }
    }
}
