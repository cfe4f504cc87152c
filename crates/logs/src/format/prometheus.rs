//! Prometheus text exposition of node_exporter (formats.md section 7; also OpenMetrics): `name{label="…"} value [time]`.
//!
//! A record is a scrape under its stamp line (`date; curl -s localhost:9100/metrics`). Most metrics are counters, so the
//! first scrape is only what the second is compared with.

use std::collections::BTreeMap;

use super::figures::Figures;
use super::pg_stat_activity::stamp_line;
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::{HostSample, Record};
use crate::timestamp::Stamp;

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "prometheus",
    source: Source::Host,
    summary: "metrics of node_exporter as text, scraped under a stamp (`date; curl -s localhost:9100/metrics`)",
    origin: "node_exporter; Prometheus text exposition, OpenMetrics",
    detect,
    examples: &[Example {
        name: "prometheus",
        file: "metrics.prom",
        text: r#"2026-11-23T18:28:00Z
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu="0",mode="idle"} 100
node_cpu_seconds_total{cpu="0",mode="user"} 100
node_load1 0.21
2026-11-23T18:28:10Z
node_cpu_seconds_total{cpu="0",mode="idle"} 102
node_cpu_seconds_total{cpu="0",mode="user"} 106
node_disk_io_time_seconds_total{device="sda"} 14.5
node_load1 1.21
"#,
    }],
    foreign: &[Foreign { whose: "metrics of other programs", text: "nginx_connections_active 4\nup 1\n" }],
    broken: &[Broken {
        reason: "not_an_exposition",
        text: "2026-11-23T18:28:20Z\ncurl: (7) Failed to connect to localhost port 9100\n",
    }],
};

/// Scrapes further apart than this are not compared, seconds.
const LONGEST_STEP_S: f64 = 3600.0;

/// The text of node_exporter.
pub struct Exposition;

/// Claims expositions that hold metrics of node_exporter.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let (mut total, mut understood) = (0u32, 0u32);
    let mut scrape = Scrape::default();
    for line in sample.lines.iter().filter(|line| !line.trim_ascii().is_empty()) {
        if stamp_line(line).is_none() {
            total += 1;
            understood += u32::from(scrape.read_line(line));
        }
    }
    let score = f64::from(understood) / f64::from(total.max(1));
    (!scrape.is_empty() && score >= 0.3).then(|| Claim { format: Box::new(Exposition), score })
}

/// The metrics of one instant that a cause asks for (node_exporter 0.16 and later, and the names before).
#[derive(Debug, Default, Clone)]
pub struct Scrape {
    /// When.
    pub stamp: Option<Stamp>,
    gauges: BTreeMap<&'static str, f64>,
    counters: BTreeMap<&'static str, f64>,
    /// Seconds that each device was busy.
    devices: BTreeMap<String, f64>,
}

impl Scrape {
    /// Nothing in it that is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gauges.is_empty() && self.counters.is_empty() && self.devices.is_empty()
    }

    /// Takes in one value. A series without a name and with a processor mode is a rate of processor time.
    pub fn add(&mut self, name: &str, label: &dyn Fn(&str) -> Option<String>, value: f64) {
        if !value.is_finite() {
            return;
        }
        let gauge = match name {
            "node_load1" => Some("load"),
            "node_procs_running" => Some("running"),
            "node_procs_blocked" => Some("blocked"),
            "node_memory_MemAvailable_bytes" | "node_memory_MemAvailable" => Some("available"),
            "node_memory_MemFree_bytes" | "node_memory_MemFree" => Some("free"),
            _ => None,
        };
        if let Some(gauge) = gauge {
            self.gauges.insert(gauge, value);
            return;
        }
        let counter = match name {
            "node_cpu_seconds_total" | "node_cpu" => label("mode").as_deref().and_then(mode),
            "node_pressure_cpu_waiting_seconds_total" => Some("cpu pressure"),
            "node_pressure_io_waiting_seconds_total" => Some("io pressure"),
            "node_pressure_memory_waiting_seconds_total" => Some("memory pressure"),
            "node_vmstat_pswpin" | "node_vmstat_pswpout" => Some("swapped pages"),
            "node_netstat_TcpExt_ListenOverflows" => Some("overflows"),
            _ => None,
        };
        if let Some(counter) = counter {
            *self.counters.entry(counter).or_insert(0.0) += value;
        } else if matches!(name, "node_disk_io_time_seconds_total") {
            self.devices.insert(label("device").unwrap_or_default(), value);
        } else if name.is_empty()
            && let Some(mode) = label("mode").as_deref().and_then(mode)
        {
            *self.gauges.entry(mode).or_insert(0.0) += value;
        }
    }

    /// Reads a line of an exposition; false if it is none.
    fn read_line(&mut self, line: &[u8]) -> bool {
        let Ok(line) = std::str::from_utf8(line.trim_ascii()) else { return false };
        if line.is_empty()
            || line.starts_with("# HELP ")
            || line.starts_with("# TYPE ")
            || line == "# EOF"
            || line.starts_with("# UNIT ")
        {
            return true;
        }
        let length = line
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'))
            .count();
        let (name, rest) = line.split_at(length);
        if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
            return false;
        }
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => match labels_end(rest).and_then(|end| rest.split_at_checked(end)) {
                Some((labels, rest)) => (labels, rest.get(1..).unwrap_or_default()),
                None => return false,
            },
            None if rest.starts_with(' ') => ("", rest),
            None => return false,
        };
        let mut words = rest.split_ascii_whitespace();
        // `NaN` and `+Inf` are values too, and parse as such.
        let Some(value) = words.next().and_then(|word| word.parse::<f64>().ok()) else { return false };
        let time = words.next().filter(|word| *word != "#");
        if let Some(time) = time {
            let Some(time) = time.parse::<f64>().ok().filter(|time| time.is_finite()) else { return false };
            // Milliseconds; in OpenMetrics seconds.
            let seconds = if time > 1e11 { time / 1e3 } else { time };
            self.stamp = Some(Stamp::utc((seconds * 1e6) as i64, 1000));
        }
        self.add(name, &|wanted| label(labels, wanted), value);
        true
    }

    /// The sample of this instant; rates over the time since `before`.
    #[must_use]
    pub fn sample(&self, before: Option<&Scrape>) -> Option<HostSample> {
        let mut figures = Figures::new(self.stamp);
        let gauge = |name: &str| self.gauges.get(name).copied();
        if let Some(load) = gauge("load") {
            figures.set("ldavg-1", load);
        }
        if let Some(running) = gauge("running") {
            figures.set("runq-sz", running);
        }
        if let Some(blocked) = gauge("blocked") {
            figures.set("blocked", blocked);
        }
        if let Some(bytes) = gauge("available") {
            figures.put(|sample| sample.memory_available_bytes = Some(bytes as u64));
        }
        if let Some(bytes) = gauge("free") {
            figures.put(|sample| sample.memory_free_bytes = Some(bytes as u64));
        }
        shares(&mut figures, &gauge);
        let step_s = before
            .and_then(|before| Some((self.stamp?.us - before.stamp?.us) as f64 / 1e6))
            .filter(|step| *step > 0.0 && *step <= LONGEST_STEP_S);
        if let (Some(before), Some(step_s)) = (before, step_s) {
            let grown = |name: &str| Some((self.counters.get(name)? - before.counters.get(name)?).max(0.0));
            shares(&mut figures, &grown);
            let percent = |name: &str| grown(name).map(|seconds| (100.0 * seconds / step_s).min(100.0));
            for (name, column) in
                [("cpu pressure", "%scpu-10"), ("io pressure", "%sio-10"), ("memory pressure", "%smem-10")]
            {
                if let Some(value) = percent(name) {
                    figures.set(column, value);
                }
            }
            if let Some(pages) = grown("swapped pages") {
                figures.add_swap(pages * 4.0 / step_s);
            }
            if let Some(more) = grown("overflows") {
                figures.put(|sample| sample.listen_overflows = Some(more as u64));
            }
            for (device, seconds) in &self.devices {
                if let Some(known) = before.devices.get(device) {
                    figures.set("%util", (100.0 * (seconds - known).max(0.0) / step_s).min(100.0));
                }
            }
        }
        figures.sample()
    }
}

/// The modes of processor time; a guest's is part of `user`.
fn mode(name: &str) -> Option<&'static str> {
    ["user", "system", "idle", "iowait", "steal", "nice", "irq", "softirq"]
        .into_iter()
        .find(|mode| *mode == name)
}

/// Shares of processor time, where it is known in full.
fn shares(figures: &mut Figures, time: &dyn Fn(&str) -> Option<f64>) {
    let (Some(idle), Some(_), Some(_)) = (time("idle"), time("user"), time("system")) else { return };
    let modes = ["user", "system", "idle", "iowait", "steal", "nice", "irq", "softirq"];
    let total: f64 = modes.into_iter().filter_map(time).sum();
    if total > 0.0 {
        figures.set("%idle", 100.0 * idle / total);
        figures.set("%iowait", 100.0 * time("iowait").unwrap_or(0.0) / total);
        figures.set("%steal", 100.0 * time("steal").unwrap_or(0.0) / total);
    }
}

/// Where the labels end: the index of the closing brace.
fn labels_end(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// The value of a label. Those that are asked for hold no escapes.
fn label(labels: &str, wanted: &str) -> Option<String> {
    labels.split(',').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        (name.trim() == wanted).then(|| value.trim().trim_matches('"').to_owned())
    })
}

impl Format for Exposition {
    fn name(&self) -> String {
        "prometheus".to_owned()
    }

    fn source(&self) -> Source {
        Source::Host
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        // Comments and metrics are most lines.
        !matches!(line.first(), Some(b'#' | b'n' | b'g' | b'p')) && stamp_line(line).is_some()
    }

    fn sequential(&self) -> bool {
        true
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        let mut scrape = Scrape { stamp: raw.outer, ..Scrape::default() };
        let (mut total, mut understood) = (0u32, 0u32);
        for (number, line) in raw.text.split(|byte| *byte == b'\n').enumerate() {
            if number == 0
                && let Some(stamp) = stamp_line(line)
            {
                scrape.stamp = Some(stamp);
                continue;
            }
            total += 1;
            understood += u32::from(scrape.read_line(line));
        }
        if 2 * understood < total {
            return Err("not_an_exposition");
        }
        let sample = scrape.sample(memory.scrape.as_ref());
        memory.scrape = Some(scrape);
        Ok(sample.map_or(Record::Structure, Record::Host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrape(clock: &str, idle: f64, user: f64, io: f64) -> String {
        format!(
            "2026-11-23T18:28:{clock}Z
# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{{cpu=\"0\",mode=\"idle\"}} {idle}
node_cpu_seconds_total{{cpu=\"0\",mode=\"iowait\"}} 0
node_cpu_seconds_total{{cpu=\"0\",mode=\"system\"}} 0
node_cpu_seconds_total{{cpu=\"0\",mode=\"user\"}} {user}
node_filesystem_files{{device=\"a b}}\",mountpoint=\"/\\\"x\"}} 1.0e+06
node_disk_io_time_seconds_total{{device=\"sda\"}} {io}
node_load1 0.21
node_memory_MemAvailable_bytes 3.424194560e+09
node_pressure_io_waiting_seconds_total {io}
node_scrape_collector_success{{collector=\"x\"}} NaN
"
        )
    }

    fn sample(text: &str) -> Sample<'_> {
        Sample { lines: text.lines().map(|line| line.as_bytes().into()).collect(), name: "x" }
    }

    #[test]
    fn rates_between_scrapes() {
        let texts = [scrape("00", 100.0, 50.0, 10.0), scrape("10", 102.0, 58.0, 19.0)];
        assert_eq!(detect(&sample(&texts.concat()), &Context::default()).unwrap().score, 1.0);
        let mut memory = Memory::default();
        let mut read = |text: &str| {
            let raw = Raw::of(text.trim_end().as_bytes());
            match Exposition.parse(&raw, &mut memory).unwrap() {
                Record::Host(sample) => sample,
                other => panic!("{other:?}"),
            }
        };
        let first = read(&texts[0]);
        assert_eq!((first.load_1, first.cpu_busy_percent), (Some(0.21), None));
        assert_eq!(first.memory_available_bytes, Some(3_424_194_560));
        let second = read(&texts[1]);
        assert!((second.cpu_busy_percent.unwrap() - 80.0).abs() < 1e-9);
        assert_eq!((second.device_busy_percent, second.io_pressure_percent), (Some(90.0), Some(90.0)));
    }

    #[test]
    fn lines() {
        let good = [
            "node_load1 1 1795458030077",
            "a:b 1",
            "x +Inf",
            "x{} 2",
            "up{job=\"n\"} 1 # {id=\"1\"} 2",
            "# EOF",
        ];
        let bad = ["hello world", "node_load1", "1abc 2", "x{a=\"1\" 2", "node_load1 1 x", "key = value"];
        for line in good {
            assert!(Scrape::default().read_line(line.as_bytes()), "{line}");
        }
        for line in bad {
            assert!(!Scrape::default().read_line(line.as_bytes()), "{line}");
        }
        for line in good {
            for end in 0..=line.len() {
                Scrape::default().read_line(&line.as_bytes()[..end]);
            }
        }
        assert!(detect(&sample("nginx_connections_active 4\nup 1\n"), &Context::default()).is_none());
    }
}
