//! Answers of Prometheus' HTTP API (`/api/v1/query_range`, `/api/v1/query`) with metrics of node_exporter (formats.md
//! section 7): `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{…},"values":[[s,"v"],…]},…]}}`.
//!
//! The whole answer is one record with many samples, one for each instance and instant.

use std::collections::BTreeMap;

use memchr::memmem;
use serde_json::Value;

use super::prometheus::Scrape;
use super::{Broken, Claim, Context, Definition, Example, Foreign, Format, Memory, Raw, Sample, Source};
use crate::record::Record;
use crate::timestamp::Stamp;

/// What the format looks like.
pub const FORMAT: Definition = Definition {
    name: "prometheus-query",
    source: Source::Host,
    summary: "answers of Prometheus' HTTP API (`query_range`, `query`) with metrics of node_exporter",
    origin: "Prometheus, HTTP API v1",
    detect,
    examples: &[Example {
        name: "prometheus-query",
        file: "query_range.json",
        text: r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"node_load1","instance":"b"},"values":[[1795458030.077,"0.5"],[1795458045.077,"0.6"]]}]}}
"#,
    }],
    foreign: &[Foreign {
        whose: "Loki",
        text: r#"{"status":"success","data":{"resultType":"streams","result":[{"stream":{},"values":[]}]}}"#,
    }],
    broken: &[Broken {
        reason: "bad_json",
        text: r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"node_load1"},"values":[[17954"#,
    }],
};

/// A longer answer is not read, bytes: parsed, it takes several times its size.
const LONGEST: usize = 16 << 20;

/// An answer of the HTTP API.
pub struct Answer;

/// Claims answers that name a metric of node_exporter or a mode of processors. The sample may end inside the answer.
#[must_use]
pub fn detect(sample: &Sample<'_>, _context: &Context) -> Option<Claim> {
    let first = sample.lines.iter().find(|line| !line.trim_ascii().is_empty())?;
    first.starts_with(b"{").then_some(())?;
    let says = |what: &[u8]| sample.lines.iter().take(60).any(|line| memmem::find(line, what).is_some());
    let answer = says(b"\"resultType\"") && says(b"\"status\"") && says(b"\"metric\"");
    let known = says(b"\"node_") || says(b"\"mode\"");
    (answer && known).then(|| Claim { format: Box::new(Answer), score: 1.0 })
}

/// One point, `[1795458030.077,"0.083"]`: microseconds and the value.
fn point(value: &Value) -> Option<(i64, f64)> {
    let seconds = value.get(0)?.as_f64().filter(|seconds| (0.0..4.2e9).contains(seconds))?;
    let value = value.get(1)?;
    let value = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    Some(((seconds * 1e6).round() as i64, value))
}

impl Format for Answer {
    fn name(&self) -> String {
        "prometheus-query".to_owned()
    }

    fn source(&self) -> Source {
        Source::Host
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        line.first() == Some(&b'{')
    }

    fn parse<'a>(&self, raw: &'a Raw<'_>, _memory: &mut Memory) -> Result<Record<'a>, &'static str> {
        if raw.text.trim_ascii().is_empty() {
            return Ok(Record::Structure);
        }
        if raw.text.len() > LONGEST {
            return Err("answer_too_long");
        }
        let answer: Value = serde_json::from_slice(&raw.text).map_err(|_| "bad_json")?;
        let series = answer.pointer("/data/result").and_then(Value::as_array).ok_or("no_result")?;
        let mut scrapes: BTreeMap<(&str, i64), Scrape> = BTreeMap::new();
        for one in series {
            let label = |name: &str| one.get("metric")?.get(name)?.as_str();
            let name = label("__name__").unwrap_or_default();
            let values = one.get("values").and_then(Value::as_array);
            for (us, value) in values.into_iter().flatten().chain(one.get("value")).filter_map(point) {
                let scrape = scrapes.entry((label("instance").unwrap_or_default(), us)).or_default();
                scrape.stamp = Some(Stamp::utc(us, 1000));
                scrape.add(name, &|wanted| label(wanted).map(str::to_owned), value);
            }
        }
        let mut before: Option<(&str, &Scrape)> = None;
        let mut samples = Vec::new();
        for ((instance, _), scrape) in &scrapes {
            let known = before.filter(|(other, _)| other == instance).map(|(_, scrape)| scrape);
            samples.extend(scrape.sample(known));
            before = Some((instance, scrape));
        }
        Ok(if samples.is_empty() { Record::Structure } else { Record::Hosts(samples) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::HostSample;
    use crate::timestamp::Zone;

    const TEXT: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[
{"metric":{"__name__":"node_cpu_seconds_total","instance":"a","cpu":"0","mode":"idle"},"values":[[1795458030,"100"],[1795458045.077,"103"]]},
{"metric":{"__name__":"node_cpu_seconds_total","instance":"a","cpu":"0","mode":"user"},"values":[[1795458030,"100"],[1795458045.077,"112"]]},
{"metric":{"__name__":"node_cpu_seconds_total","instance":"a","cpu":"0","mode":"system"},"values":[[1795458030,"100"],[1795458045.077,"100"]]},
{"metric":{"__name__":"node_load1","instance":"b"},"values":[[1795458030,"0.5"],[1795458045.077,"NaN"]]}]}}"#;

    fn read(text: &str) -> Result<Vec<HostSample>, &'static str> {
        let raw = Raw::of(text.as_bytes());
        Answer.parse(&raw, &mut Memory::default()).map(|record| match record {
            Record::Hosts(samples) => samples,
            _ => Vec::new(),
        })
    }

    fn claims(text: &str) -> bool {
        let lines = text.lines().map(|line| line.as_bytes().into()).collect();
        detect(&Sample { lines, name: "x" }, &Context::default()).is_some()
    }

    #[test]
    fn matrix() {
        assert!(claims(TEXT) && claims(&TEXT[..300]));
        let samples = read(TEXT).unwrap();
        assert_eq!(samples.len(), 2);
        assert_eq!(samples[0].stamp.unwrap().us, 1_795_458_045_077_000);
        assert_eq!(samples[0].stamp.unwrap().zone, Zone::Utc);
        assert!((samples[0].cpu_busy_percent.unwrap() - 80.0).abs() < 1e-9);
        assert_eq!((samples[1].load_1, samples[1].stamp.unwrap().us), (Some(0.5), 1_795_458_030_000_000));
    }

    #[test]
    fn rates_by_mode() {
        let series = |mode: &str, value: &str| {
            format!("{{\"metric\":{{\"mode\":\"{mode}\"}},\"value\":[1795458030,\"{value}\"]}}")
        };
        let all = [series("idle", "0.5"), series("user", "1.25"), series("system", "0.25")].join(",");
        let text =
            format!("{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[{all}]}}}}");
        assert_eq!(read(&text).unwrap()[0].cpu_busy_percent, Some(75.0));
    }

    #[test]
    fn broken_and_neighbours() {
        for end in 0..TEXT.len() {
            assert!(read(&TEXT[..end]).is_err() || end == 0);
        }
        assert!(
            read("{\"data\":{\"result\":[{\"value\":[\"x\",1]},{\"values\":[[1e300,\"1\"]]}]}}")
                .unwrap()
                .is_empty()
        );
        for text in [
            "{\"status\":\"success\",\"data\":{\"result\":[]}}",
            "{\"status\":\"success\",\"data\":{\"resultType\":\"streams\",\"result\":[{\"stream\":{},\"values\":[]}]}}",
            "{\"status\":\"error\"}",
        ] {
            assert!(!claims(text), "{text}");
        }
    }
}
