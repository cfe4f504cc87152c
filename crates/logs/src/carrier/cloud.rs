//! Log services of clouds, one JSON object a line: Google Cloud Logging (`textPayload`, Cloud SQL) and Azure's diagnostic
//! settings (`properties.message`, Azure Database for PostgreSQL).

use std::borrow::Cow;

use super::docker::{Members, Value, decode, hash};
use super::{About, Carrier, Peeled};
use crate::timestamp::iso;

/// Lines of a cloud's log service.
pub struct CloudJson;

impl Carrier for CloudJson {
    fn name(&self) -> &'static str {
        "cloud-json"
    }

    fn about(&self) -> About {
        About {
            summary: "log services of clouds, one JSON object a line: Google Cloud Logging, Azure diagnostic settings",
            origin: "Google Cloud Logging `LogEntry`, Azure Monitor",
            file: "cloudsql.json",
            example: r#"{"logName":"projects/x/logs/cloudsql.googleapis.com%2Fpostgres.log","textPayload":"2026-11-23 18:24:35.383 UTC [123]: [2-1] db=p,user=u ERROR:  canceling statement due to user request","timestamp":"2026-11-23T18:24:35.383456Z"}
"#,
        }
    }

    fn peel<'a>(&self, entry: &'a [u8]) -> Result<Peeled<'a>, &'static str> {
        let mut members = Members::new(entry.trim_ascii_end()).ok_or("not_json")?;
        let (mut payload, mut outer, mut stream) = (None, None, 0);
        for (key, value) in members.by_ref() {
            match (key, value) {
                (b"textPayload", Value::Text(text)) => payload = Some(decode(text)),
                (b"properties", Value::Other(object)) => payload = payload.or_else(|| azure(object)),
                (b"timestamp" | b"time", Value::Text(text)) => outer = iso(text).map(|(stamp, _)| stamp),
                (b"logName" | b"resourceId", Value::Text(text)) => stream = hash(0, text),
                _ => {}
            }
        }
        if !members.complete {
            return Err("not_json");
        }
        let payload = payload.ok_or("not_this_carrier")?;
        let outer = Some(outer.ok_or("not_this_carrier")?);
        Ok(Peeled { payload, outer, partial: false, stream, program: None, pid: None })
    }
}

/// The line in Azure's `properties`. The retired single server has its prefix and severity apart.
fn azure(object: &[u8]) -> Option<Cow<'_, [u8]>> {
    let (mut message, mut prefix, mut level) = (None, None, None);
    for (key, value) in Members::new(object)? {
        match (key, value) {
            (b"message", Value::Text(text)) => message = Some(decode(text)),
            (b"prefix", Value::Text(text)) => prefix = Some(decode(text)),
            (b"errorLevel", Value::Text(text)) => level = Some(text),
            _ => {}
        }
    }
    match (prefix, level) {
        (Some(prefix), Some(level)) => Some(Cow::Owned([&*prefix, level, b":  ", &*message?].concat())),
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOGLE: &str = r#"{"insertId":"s=1","labels":{"a":"b"},"logName":"projects/x/logs/cloudsql.googleapis.com%2Fpostgres.log","severity":"INFO","textPayload":"2022-09-14 12:00:00.123 UTC [123]: [1-1] db=p,user=u LOG:  duration: 12.5 ms  statement: SELECT \"a\"","timestamp":"2022-09-14T12:00:00.123456Z"}"#;
    const FLEXIBLE: &str = r#"{"properties":{"timestamp":"2024-01-15 10:42:12.123 UTC","processId":12345,"errorLevel":"LOG","sqlerrcode":"00000","message":"2024-01-15 10:42:12 UTC-65a50b8a.3039-LOG:  connection received: host=10.0.0.4"},"time":"2024-01-15T10:42:12.123Z","resourceId":"/A","category":"PostgreSQLLogs"}"#;
    const SINGLE: &str = r#"{"category":"PostgreSQLLogs","properties":{"prefix":"2019-03-05 10:00:00 UTC-5c7e47d0.4c-","message":"checkpoint starting: time","errorLevel":"LOG"},"time":"2019-03-05T10:00:00Z","resourceId":"/A"}"#;

    #[test]
    fn services() {
        for (line, text) in [
            (
                GOOGLE,
                "2022-09-14 12:00:00.123 UTC [123]: [1-1] db=p,user=u LOG:  duration: 12.5 ms  statement: SELECT \"a\"",
            ),
            (FLEXIBLE, "2024-01-15 10:42:12 UTC-65a50b8a.3039-LOG:  connection received: host=10.0.0.4"),
            (SINGLE, "2019-03-05 10:00:00 UTC-5c7e47d0.4c-LOG:  checkpoint starting: time"),
        ] {
            let peeled = CloudJson.peel(line.as_bytes()).unwrap();
            assert_eq!(&*peeled.payload, text.as_bytes());
            assert!(peeled.outer.is_some());
            for length in 0..line.len() {
                assert!(CloudJson.peel(&line.as_bytes()[..length]).is_err());
            }
        }
    }

    #[test]
    fn strangers() {
        for line in [
            "",
            "x",
            "{}",
            r#"{"time":"2019-03-05T10:00:00Z","msg":"x"}"#,
            r#"{"log":"x\n","stream":"stderr","time":"2026-11-23T18:24:42.470868182Z"}"#,
            r#"{"time":"2019-03-05T10:00:00Z","properties":{"a":1}}"#,
        ] {
            assert!(CloudJson.peel(line.as_bytes()).is_err(), "{line}");
        }
    }
}
