//! The JSON of sysstat's tools: `sadf -j`, `mpstat -o JSON`, `iostat -o JSON` (formats.md section 7; sysstat 11.5 to 12.7).
//!
//! The tools print it in lines, so a file is cut where a `timestamp` or, for iostat without `-t`, an `avg-cpu` stands
//! first. A document in one line is read as a whole. sadf's stamps are complete; iostat's are text as the locale writes
//! it; mpstat's have no date, which stands in the head.

use memchr::{memchr, memmem};
use serde_json::Value;

use super::figures::{Figures, score_records, zoned};
use super::sar::{date_us, time_of_day};
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{HostSample, Record};
use crate::timestamp::{SECOND_US, Stamp, Zone, date_time_us, iso};

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "sysstat-json",
    source: Source::Host,
    summary: "the JSON of sysstat's tools: `sadf -j`, `mpstat -o JSON`, `iostat -o JSON`",
    origin: "sysstat 11.5 to 12.7",
    detect,
    examples: &[
        Example {
            name: "sadf",
            file: "sadf-j.json",
            text: r#"{"sysstat": {
	"hosts": [
		{
			"nodename": "vm",
			"statistics": [
				{
					"timestamp": {"date": "2026-11-23", "time": "18:24:39", "utc": 1, "interval": 5},
					"cpu-load": [
						{"cpu": "all", "user": 74.22, "nice": 0.00, "system": 20.44, "iowait": 0.00, "steal": 5.34, "idle": 0.00}
					],
					"queue": {"runq-sz": 8, "plist-sz": 273, "ldavg-1": 13.62, "blocked": 0}
				},
				{
					"timestamp": {"date": "2026-11-23", "time": "18:24:49", "utc": 1, "interval": 5},
					"queue": {"runq-sz": 12, "plist-sz": 274, "ldavg-1": 13.49, "blocked": 0}
				}
"#,
        },
        Example {
            name: "iostat",
            file: "iostat.json",
            text: r#"{"sysstat": {
	"hosts": [
		{
			"nodename": "vm",
			"date": "11/23/26",
			"statistics": [
				{
					"timestamp": "11/23/26 18:27:30",
					"avg-cpu":  {"user": 10.67, "nice": 0.00, "system": 5.02, "iowait": 0.26, "steal": 0.00, "idle": 84.05},
					"disk": [
						{"disk_device": "vda", "tps": 213.21, "util": 93.50}
					]
				},
				{
					"timestamp": "11/23/26 18:27:35",
					"avg-cpu":  {"user": 10.67, "nice": 0.00, "system": 5.02, "iowait": 0.26, "steal": 0.00, "idle": 84.05},
					"disk": [
					]
				}
			]
		}
	]
}}
"#,
        },
    ],
    foreign: &[Foreign {
        whose: "a log of JSON objects",
        text: "{\n\"timestamp\": \"2026-11-23T18:24:34Z\",\n\"level\": \"info\"\n}\n{\n\"timestamp\": \"2026-11-23T18:24:35Z\",\n\"level\": \"info\"\n}\n",
    }],
    broken: &[Broken {
        reason: "truncated_json",
        text: "\t\t\t\t\t\"timestamp\": {\"date\": \"2026-11-23\", \"time\": \"18:24:39\", \"utc\": 1, \"interval\": 5},\n\t\t\t\t\t\"cpu-load\": [\n\t\t\t\t\t\t{\"cpu\": \"all\", \"user\": 74.22, \"ni\n",
    }],
};

const DAY_US: i64 = 86_400 * SECOND_US;

/// One of the three tools.
pub struct Json {
    name: &'static str,
}

/// Claims the JSON of sysstat's tools by their statistics.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    // They are read alike.
    let score = score_records(&Json { name: "mpstat" }, sample)?;
    let says = |what: &[u8]| sample.lines.iter().take(100).any(|line| memmem::find(line, what).is_some());
    let name = if says(b"\"avg-cpu\":") || says(b"\"disk_device\":") {
        "iostat"
    } else if says(b"\"timestamp\": {") || says(b"\"timestamp\":{") {
        "sadf"
    } else {
        "mpstat"
    };
    Some(Claim { format: Box::new(Json { name }), score })
}

/// `{"sysstat": …` with all its hosts in one line.
fn is_whole(line: &[u8]) -> bool {
    let head = line.get(..200.min(line.len())).unwrap_or_default();
    line.starts_with(b"{")
        && memmem::find(head, b"\"sysstat\"").is_some()
        && memmem::find(line, b"\"statistics\"").is_some()
}

impl Format for Json {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn source(&self) -> Source {
        Source::Host
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        let line = line.trim_ascii_start();
        line.starts_with(b"\"timestamp\":") || line.starts_with(b"\"avg-cpu\":") || is_whole(line)
    }

    fn sequential(&self) -> bool {
        true
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let text = raw.text.trim_ascii();
        let first = memchr(b'\n', text).map_or(text, |end| text.get(..end).unwrap_or(text));
        if is_whole(first) {
            return whole(first, memory);
        }
        if raw.orphan || !self.starts_record(text) {
            return head(text, memory);
        }
        let statistics: Value = match object_end(text) {
            Some(end) => {
                let mut object = Vec::with_capacity(end + 2);
                object.push(b'{');
                object.extend_from_slice(text.get(..=end).unwrap_or_default());
                serde_json::from_slice(&object).map_err(|_| "bad_json")?
            }
            // iostat's stamp, which stands alone: what it dates begins the next record.
            None => stamp_alone(text).ok_or("truncated_json")?,
        };
        sample(&statistics, memory).map(|sample| sample.map_or(Record::Structure, Record::Host))
    }
}

/// The lines before the first statistics: the date is among them.
fn head<'a>(text: &[u8], memory: &mut Memory) -> Result<Record<'a>, &'static str> {
    if !(text.is_empty() || text.starts_with(b"{") || text.starts_with(b"\"")) {
        return Err("not_sysstat");
    }
    if let Some(at) = memmem::find(text, b"\"date\":") {
        let date = text.get(at + 7..).and_then(|rest| rest.split(|byte| *byte == b'"').nth(1));
        memory.day_us = date.and_then(date_us);
    }
    Ok(Record::Structure)
}

fn stamp_alone(text: &[u8]) -> Option<Value> {
    let mut object = b"{".to_vec();
    object.extend_from_slice(text.strip_suffix(b",")?);
    object.push(b'}');
    serde_json::from_slice(&object).ok()
}

/// All samples of a document in one line.
fn whole<'a>(text: &[u8], memory: &mut Memory) -> Result<Record<'a>, &'static str> {
    let document: Value = serde_json::from_slice(text).map_err(|_| "bad_json")?;
    let hosts = document.pointer("/sysstat/hosts").and_then(Value::as_array).ok_or("not_sysstat")?;
    let mut samples = Vec::new();
    for host in hosts {
        (memory.last, memory.section) = (None, "");
        memory.day_us = host.get("date").and_then(Value::as_str).and_then(|date| date_us(date.as_bytes()));
        for statistics in host.get("statistics").and_then(Value::as_array).into_iter().flatten() {
            samples.extend(sample(statistics, memory)?);
        }
    }
    Ok(if samples.is_empty() { Record::Structure } else { Record::Hosts(samples) })
}

/// One element of `statistics`.
fn sample(statistics: &Value, memory: &mut Memory) -> Result<Option<HostSample>, &'static str> {
    if let Some(time) = statistics.get("timestamp") {
        memory.last = stamp(time, memory).ok_or("bad_timestamp")?;
    }
    let mut figures = Figures::new(memory.last);
    let mut take = |row: Option<&Value>, names: &[&str]| {
        let Some(row) = row else { return };
        for name in names {
            if let Some(value) = row.get(name).and_then(Value::as_f64) {
                figures.set(name, value);
            }
        }
    };
    const CPU: [&str; 3] = ["idle", "iowait", "steal"];
    let average = statistics.get("avg-cpu");
    take(average, &CPU);
    let rows =
        statistics.get("cpu-load").or_else(|| statistics.get("cpu-load-all")).and_then(Value::as_array);
    let all = rows.and_then(|rows| {
        rows.iter().find(|row| matches!(row.get("cpu").and_then(Value::as_str), Some("all" | "-1")))
    });
    take(all, &CPU);
    take(statistics.get("queue"), &["runq-sz", "blocked", "ldavg-1"]);
    take(statistics.get("memory"), &["memfree", "avail"]);
    take(statistics.get("swap-pages"), &["pswpin", "pswpout"]);
    for device in statistics.get("disk").and_then(Value::as_array).into_iter().flatten() {
        take(Some(device), &["util", "util-percent"]);
    }
    for (resource, column) in [("psi-cpu", "%scpu-10"), ("psi-io", "%sio-10"), ("psi-mem", "%smem-10")] {
        let row = statistics.get("psi").and_then(|psi| psi.get(resource));
        let some = row.and_then(|row| row.get("some_avg10").or_else(|| row.get("some-10"))?.as_f64());
        if let Some(value) = some {
            figures.set(column, value);
        }
    }
    let mut sample = figures.sample();
    // iostat's first report is an average since boot.
    if let Some(sample) = sample.as_mut().filter(|_| average.is_some()) {
        sample.since_boot = memory.section.is_empty();
        memory.section = "reports";
    }
    Ok(sample)
}

/// `{"date": "2026-11-23", "time": "18:28:05", "utc": 1, …}`, `"11/23/26 18:27:30"`, `"18:27:30"`, or ISO.
/// The inner `None`: a time of day, and no date in the head.
fn stamp(time: &Value, memory: &Memory) -> Option<Option<Stamp>> {
    if let Some(text) = time.as_str() {
        let text = text.trim().as_bytes();
        if let Some((stamp, _)) = iso(text) {
            return Some(Some(stamp));
        }
        let date = text.split(|byte| *byte == b' ').next().filter(|date| date_us(date).is_some());
        let clock = text.get(date.map_or(0, <[u8]>::len)..)?.trim_ascii_start();
        let (seconds, _) = time_of_day(clock)?;
        let Some(day) = date.and_then(date_us).or(memory.day_us) else { return Some(None) };
        let mut us = day.saturating_add(seconds * SECOND_US);
        if let Some(last) =
            memory.last.filter(|last| date.is_none() && last.us.saturating_sub(us) > DAY_US / 2)
        {
            let days = last.us.saturating_sub(us) / DAY_US + 1;
            us = us.saturating_add(days * DAY_US);
        }
        return Some(Some(Stamp { us, zone: Zone::Local, resolution_us: SECOND_US }));
    }
    let part = |name: &str| time.get(name).and_then(Value::as_str).unwrap_or_default();
    let us = date_time_us(format!("{} {}", part("date"), part("time")).as_bytes())?;
    let utc = time.get("utc").and_then(Value::as_i64) == Some(1);
    let zone = [part("timezone"), part("tz")].into_iter().find(|zone| !zone.is_empty()).unwrap_or_default();
    Some(Some(zoned(us, if utc { b"UTC" } else { zone.as_bytes() })))
}

/// Where the object that `text` is in the middle of ends: the index of its closing brace.
fn object_end(text: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (1u32, 0);
    while let Some(byte) = text.get(at) {
        match byte {
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at);
                }
            }
            // Names hold no escaped quotes.
            b'"' => at += memchr(b'"', text.get(at + 1..)?)? + 1,
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const SADF: &str = r#"					"timestamp": {"date": "2026-11-23", "time": "18:28:05", "utc": 1, "interval": 5},
					"cpu-load": [
						{"cpu": "all", "user": 84.98, "nice": 0.00, "system": 15.02, "iowait": 1.00, "steal": 0.00, "idle": 9.00}
					],
					"memory": {"memfree": 14400728, "avail": 20715716},
					"psi": {"psi-cpu": {"some_avg10": 3.50, "some_avg60": 1.0}},
					"queue": {"runq-sz": 13, "plist-sz": 327, "ldavg-1": 9.79, "ldavg-5": 11.25, "ldavg-15": 7.31, "blocked": 0}
				},
				{"#;

    const MPSTAT: &str = r#"{"sysstat": {
	"hosts": [
		{
			"nodename": "9b6d8d770ce8",
			"number-of-cpus": 2,
			"date": "03/28/19",
			"statistics": [
				{
					"timestamp": "23:59:59",
					"cpu-load": [
						{"cpu": "all", "usr": 2.54, "nice": 0.00, "sys": 1.65, "iowait": 0.21, "irq": 0.00, "soft": 0.15, "steal": 0.00, "guest": 0.00, "gnice": 0.00, "idle": 95.46}
					]
				},
				{
					"timestamp": "00:00:04",
					"cpu-load": [
						{"cpu": "all", "usr": 2.54, "nice": 0.00, "sys": 1.65, "iowait": 0.21, "irq": 0.00, "soft": 0.15, "steal": 0.00, "guest": 0.00, "gnice": 0.00, "idle": 95.46}
					]
				}
			]
		}
	]
}}"#;

    const IOSTAT: &str = r#"{"sysstat": {
	"hosts": [
		{
			"nodename": "BDT233",
			"date": "30.10.2020",
			"statistics": [
				{
					"timestamp": "30.10.2020 18:27:30",
					"avg-cpu":  {"user": 10.67, "nice": 0.00, "system": 5.02, "iowait": 0.26, "steal": 0.00, "idle": 84.05},
					"disk": [
						{"disk_device": "loop0", "tps": 0.00, "util": 0.50},
						{"disk_device": "nvme0n1", "tps": 213.21, "util": 93.50}
					]
				},
				{
					"timestamp": "30.10.2020 18:27:35",
					"avg-cpu":  {"user": 10.67, "nice": 0.00, "system": 5.02, "iowait": 0.26, "steal": 0.00, "idle": 84.05},
					"disk": [
						{"disk_device": "nvme0n1", "tps": 213.21, "util": 93.50}
					]
				}
			]
		}
	]
}}"#;

    fn sample_of(text: &str) -> Sample<'_> {
        Sample { lines: text.lines().map(|line| line.as_bytes().into()).collect(), name: "x" }
    }

    /// The format's name and the samples of a whole file.
    fn read(text: &str) -> (String, Vec<HostSample>) {
        let claim = detect(&sample_of(text), &Context::default()).unwrap();
        assert!(claim.score > 0.99, "{}", claim.score);
        let mut records: Vec<String> = vec![String::new()];
        for line in text.lines() {
            if claim.format.starts_record(line.as_bytes()) {
                records.push(String::new());
            }
            let record = records.last_mut().unwrap();
            record.push_str(line);
            record.push('\n');
        }
        let mut memory = Memory::default();
        let mut samples = Vec::new();
        for (at, record) in records.iter().enumerate() {
            let raw = Raw {
                text: record.as_bytes().into(),
                outer: None,
                program: None,
                pid: None,
                orphan: at == 0,
            };
            match claim.format.parse(&raw, &mut memory).unwrap() {
                Record::Host(sample) => samples.push(sample),
                Record::Hosts(more) => samples.extend(more),
                _ => {}
            }
        }
        (claim.format.name(), samples)
    }

    fn at(text: &str) -> i64 {
        date_time_us(text.as_bytes()).unwrap()
    }

    #[test]
    fn sadf() {
        let (name, rows) = read(&format!("{{\"sysstat\": {{\n{SADF}\n{SADF}\n"));
        assert_eq!((name.as_str(), rows.len()), ("sadf", 2));
        assert_eq!(rows[0].cpu_busy_percent, Some(90.0));
        assert_eq!((rows[0].run_queue, rows[0].memory_free_bytes), (Some(13), Some(14_400_728 * 1024)));
        assert_eq!((rows[0].stamp.unwrap().zone, rows[0].cpu_pressure_percent), (Zone::Utc, Some(3.5)));
    }

    #[test]
    fn mpstat_after_midnight() {
        for text in [MPSTAT.to_owned(), MPSTAT.split_whitespace().collect::<Vec<_>>().join(" ")] {
            let (name, rows) = read(&text);
            assert_eq!(name, "mpstat");
            let times: Vec<i64> = rows.iter().map(|row| row.stamp.unwrap().us).collect();
            assert_eq!(times, [at("2019-03-28 23:59:59"), at("2019-03-29 00:00:04")]);
        }
    }

    #[test]
    fn iostat() {
        let (name, rows) = read(IOSTAT);
        assert_eq!((name.as_str(), rows.len()), ("iostat", 2));
        assert_eq!((rows[0].since_boot, rows[1].since_boot), (true, false));
        assert_eq!(rows[1].stamp.unwrap().us, at("2020-10-30 18:27:35"));
        assert_eq!((rows[1].device_busy_percent, rows[1].io_wait_percent), (Some(93.5), Some(0.26)));
    }

    #[test]
    fn broken() {
        for text in [SADF, MPSTAT, IOSTAT] {
            for end in 0..=text.len() {
                let raw = Raw::of(&text.as_bytes()[..end]);
                let _ = Json { name: "sadf" }.parse(&raw, &mut Memory::default());
            }
        }
        let raw = Raw::of(&SADF.as_bytes()[..200]);
        assert_eq!(Json { name: "sadf" }.parse(&raw, &mut Memory::default()).err(), Some("truncated_json"));
    }

    #[test]
    fn neighbours() {
        for text in [
            "{\n\"timestamp\": \"2026-11-23T18:24:34Z\",\n\"level\": \"info\"\n}\n{\n\"timestamp\": \"2026-11-23T18:24:35Z\",\n\"level\": \"info\"\n}",
            "{\"timestamp\": \"2026-11-23 18:24:34\", \"cpu-load\": 3}",
            "[\n{\"a\": 1}\n]",
        ] {
            assert!(detect(&sample_of(text), &Context::default()).is_none(), "{text}");
        }
    }
}
