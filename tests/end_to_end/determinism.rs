//! Same input, same bytes out.

use crate::common::{fixture, stormtrace};

fn json(arguments: &[&str]) -> Vec<u8> {
    let output = stormtrace([&["analyze", "--format", "json"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn threads_and_order_do_not_matter() {
    let folder = fixture("lockstorm");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (odoo, journal, nginx, errors) = (
        path("odoo/docker-json-file.log.gz"),
        path("odoo/journalctl-short-iso.log.gz"),
        path("nginx/access_json.log.gz"),
        path("nginx/error.log.gz"),
    );
    let reference = json(&["--threads", "1", &odoo, &journal, &nginx, &errors]);
    assert_eq!(reference, json(&["--threads", "2", &odoo, &journal, &nginx, &errors]));
    assert_eq!(reference, json(&["--threads", "3", &errors, &nginx, &journal, &odoo]));
    let whole = folder.to_str().unwrap();
    assert_eq!(json(&["--threads", "1", whole]), json(&["--threads", "2", whole]));
}

#[test]
fn the_zone_of_the_machine_does_not_matter() {
    let folder = fixture("buslane");
    let run = |zone: &str| {
        std::process::Command::new(env!("CARGO_BIN_EXE_stormtrace"))
            .args(["analyze", "--format", "json"])
            .arg(&folder)
            .env("TZ", zone)
            .output()
            .unwrap()
            .stdout
    };
    let utc = run("UTC");
    assert!(!utc.is_empty());
    assert_eq!(utc, run("America/St_Johns"));
}
