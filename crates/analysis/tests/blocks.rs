//! The report does not depend on how the input was cut, on how many threads read it, or on the order it was named in.

#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected shall fail")]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::Index;
use stormtrace_analysis::{Options, analyze, read};

/// The first part of each file of the lockstorm fixture, unpacked: small enough for many runs.
const PART_BYTES: usize = 300_000;

struct Bundle {
    _folder: tempfile::TempDir,
    paths: Vec<PathBuf>,
    reference: String,
}

fn bundle() -> &'static Bundle {
    static BUNDLE: OnceLock<Bundle> = OnceLock::new();
    BUNDLE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/lockstorm");
        let mut paths = Vec::new();
        for name in [
            "odoo/docker-json-file.log.gz",
            "odoo/journalctl-short-iso.log.gz",
            "nginx/access_json.log.gz",
            "nginx/error.log.gz",
            "postgres/postgresql-2026-11-23.csv.gz",
            "postgres/postgresql-2026-11-23.log.gz",
            "metrics/pg_stat_activity.csv.gz",
            "metrics/vmstat.txt",
            "metrics/ws_probe.txt",
        ] {
            let bytes = fs::read(fixtures.join(name)).unwrap();
            let mut text = Vec::new();
            if name.ends_with(".gz") {
                flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut text).unwrap();
            } else {
                text = bytes;
            }
            // The middle, where the storm is; it begins and ends in the middle of a line.
            let from = (text.len() / 4).min(text.len().saturating_sub(PART_BYTES));
            let part = text.get(from..text.len().min(from + PART_BYTES)).unwrap();
            let path = folder.path().join(name.replace('/', "-").replace(".gz", ""));
            fs::write(&path, part).unwrap();
            paths.push(path);
        }
        let reference = report(&paths, 1 << 20, 1);
        Bundle { _folder: folder, paths, reference }
    })
}

fn report(paths: &[PathBuf], block_bytes: usize, threads: usize) -> String {
    let options = Options { read: read::Options { block_bytes, ..Default::default() }, ..Default::default() };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let report = pool.install(|| analyze(paths, &options)).unwrap();
    serde_json::to_string_pretty(&report).unwrap()
}

#[test]
fn the_bundle_says_something() {
    let reference: serde_json::Value = serde_json::from_str(&bundle().reference).unwrap();
    let inputs = reference.get("inputs").unwrap().as_array().unwrap();
    assert_eq!(inputs.len(), bundle().paths.len());
    for input in inputs {
        assert_ne!(input.get("source").unwrap(), "unrecognised", "{input}");
    }
    assert!(reference.pointer("/totals/requests").unwrap().as_u64().unwrap() > 500);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn cuts_threads_and_order_do_not_show(
        block_bytes in prop_oneof![64..2_000usize, 2_000..400_000usize],
        threads in 1..=4usize,
        order in prop::collection::vec(any::<Index>(), 9),
    ) {
        let mut paths = bundle().paths.clone();
        for (at, index) in order.iter().enumerate() {
            let other = index.index(paths.len());
            paths.swap(at, other);
        }
        let same = report(&paths, block_bytes, threads) == bundle().reference;
        prop_assert!(same, "the report differs");
    }
}
