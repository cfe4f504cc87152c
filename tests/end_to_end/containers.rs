//! The same files however they are packed; archives that mean ill; limits by name.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use serde_json::Value;

use crate::common::{fixture, report, stormtrace};

type Files = Vec<(String, Vec<u8>)>;

/// The buslane capture, nothing compressed.
fn files() -> Files {
    fn collect(root: &Path, folder: &Path, files: &mut Files) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                collect(root, &path, files);
            } else if name != "expected.json" {
                let bytes = fs::read(&path).unwrap();
                let mut text = Vec::new();
                match name.strip_suffix(".gz") {
                    Some(name) => {
                        let mut decoder = flate2::read::MultiGzDecoder::new(bytes.as_slice());
                        std::io::Read::read_to_end(&mut decoder, &mut text).unwrap();
                        files.push((name.to_owned(), text));
                    }
                    None => files.push((name, bytes)),
                }
            }
        }
    }
    let (root, mut files) = (fixture("buslane"), Vec::new());
    collect(&root, &root, &mut files);
    // Logs before configuration: archives keep any order.
    files.sort();
    files.reverse();
    files
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar_header(name: &str, kind: u8, size: usize) -> [u8; 512] {
    let mut header = [0u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    header[156] = kind;
    header[257..263].copy_from_slice(b"ustar\0");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    header
}

fn tar(files: &Files) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, bytes) in files {
        archive.extend(tar_header(name, b'0', bytes.len()));
        archive.extend(bytes);
        archive.resize(archive.len().div_ceil(512) * 512, 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

fn zip(files: &Files) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        let packed = encoder.finish().unwrap();
        let mut fields = [20u16, 0, 8, 0, 0].map(u16::to_le_bytes).concat();
        fields.extend([crc.sum(), packed.len() as u32, bytes.len() as u32].map(u32::to_le_bytes).concat());
        fields.extend([name.len() as u16, 0].map(u16::to_le_bytes).concat());
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend((archive.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        archive.extend(b"PK\x03\x04");
        archive.extend(&fields);
        archive.extend(name.as_bytes());
        archive.extend(packed);
    }
    let (at, size, count) =
        (archive.len() as u32, directory.len() as u32, (files.len() as u16).to_le_bytes());
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([count, count].concat());
    archive.extend([size.to_le_bytes(), at.to_le_bytes()].concat());
    archive.extend([0; 2]);
    archive
}

/// Incidents and totals as text, without the name of the archive and the endings of compressed files.
fn incidents(report: &Value, archive: &str) -> String {
    let text = format!("{}{}", report["incidents"], report["totals"]);
    text.replace(&format!("{archive}/"), "").replace(".gz", "")
}

fn from_standard_input(bytes: &[u8]) -> Value {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stormtrace"))
        .args(["analyze", "--format", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn the_same_files_in_any_container_give_the_same_incidents() {
    let files = files();
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    for (name, bytes) in &files {
        write(&plain, name, bytes);
    }
    let wanted = incidents(&report(std::slice::from_ref(&plain)), "?");
    assert!(wanted.contains("bus"));
    let each: Files = files
        .iter()
        .map(|(name, bytes)| match name.ends_with(".conf") {
            true => (name.clone(), bytes.clone()),
            false => (format!("{name}.gz"), gzip(bytes)),
        })
        .collect();
    let packed = [
        ("bundle.tar", tar(&files)),
        ("bundle.tgz", gzip(&tar(&files))),
        ("bundle.zip", zip(&files)),
        ("each.tar", tar(&each)),
        ("each.zip", zip(&each)),
    ];
    for (name, bytes) in &packed {
        let path = write(folder.path(), name, bytes);
        let report = report(&[path]);
        assert!(incidents(&report, name) == wanted, "{name} differs");
        let inputs = report["inputs"].as_array().unwrap();
        assert_eq!(inputs.len(), files.len() + 1, "{name}");
        assert_eq!(
            (&inputs[0]["path"], &inputs[0]["source"]),
            (&Value::from(*name), &Value::from("archive"))
        );
        assert_eq!(inputs[0]["bytes"], bytes.len());
        for input in inputs {
            assert_eq!(input["problems"], Value::Array(Vec::new()), "{input}");
            let (lines, count) = (&input["lines"], |key: &str| input["lines"][key].as_u64().unwrap());
            assert_eq!(
                count("total"),
                count("parsed") + count("continuation") + count("skipped"),
                "{name} {lines}"
            );
        }
    }
    let nested =
        write(folder.path(), "nested.zip", &zip(&vec![("inner.tgz".to_owned(), packed[1].1.clone())]));
    let nested = report(&[nested]);
    assert!(incidents(&nested, "nested.zip/inner.tgz") == wanted, "nested differs");
    assert!(nested["inputs"].as_array().unwrap().iter().any(|input| input["container"] == "zip>gzip>tar"));
    for index in [1, 2] {
        let report = from_standard_input(&packed[index].1);
        assert!(incidents(&report, "-") == wanted, "{} from standard input differs", packed[index].0);
    }
}

/// What `program` (a compressor) makes of `bytes`; `None` where it is not installed.
fn packed_by(program: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut input = tempfile::tempfile().unwrap();
    input.write_all(bytes).unwrap();
    std::io::Seek::rewind(&mut input).unwrap();
    let output = Command::new(program).args(["-1", "-c"]).stdin(input).output().ok()?;
    output.status.success().then_some(output.stdout)
}

fn windows(bytes: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(bytes).replace('\n', "\r\n").into_bytes()
}

fn utf16(bytes: &[u8]) -> Vec<u8> {
    let text = format!("\u{feff}{}", String::from_utf8_lossy(bytes));
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn the_same_files_in_any_form_of_their_own_give_the_same_incidents() {
    let files = files();
    let folder = tempfile::tempdir().unwrap();
    let of = |form: &str, change: &dyn Fn(&[u8]) -> Option<Vec<u8>>, ending: &str| -> Option<String> {
        let folder = folder.path().join(form);
        for (name, bytes) in &files {
            // Configuration is told by its name; nobody compresses it.
            let ending = if name.ends_with(".conf") { "" } else { ending };
            let keep = name.ends_with(".conf") && !matches!(form, "utf16" | "crlf");
            let bytes = if keep { bytes.clone() } else { change(bytes)? };
            write(&folder, &format!("{name}{ending}"), &bytes);
        }
        Some(incidents(&report(&[folder]), "?").replace(ending, ""))
    };
    let members = |bytes: &[u8]| {
        let piece = bytes.len() / 3 + 1;
        Some(bytes.chunks(piece).flat_map(gzip).collect())
    };
    let wanted = of("plain", &|bytes| Some(bytes.to_vec()), "?").unwrap();
    for (form, got) in [
        ("gz", of("gz", &|bytes| Some(gzip(bytes)), ".gz")),
        ("members", of("members", &members, ".gz")),
        ("zst", of("zst", &|bytes| packed_by("zstd", bytes), ".zst")),
        ("xz", of("xz", &|bytes| packed_by("xz", bytes), ".xz")),
        ("bz2", of("bz2", &|bytes| packed_by("bzip2", bytes), ".bz2")),
        ("crlf", of("crlf", &|bytes| Some(windows(bytes)), "?")),
        ("utf16", of("utf16", &|bytes| Some(utf16(bytes)), "?")),
    ] {
        assert!(got.is_none_or(|got| got == wanted), "{form} differs");
    }
}

#[test]
fn rotated_parts_and_their_overlap_are_one_log() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, rotated) = (folder.path().join("plain"), folder.path().join("rotated"));
    for (name, bytes) in files() {
        write(&plain, &name, &bytes);
        if !name.ends_with("access_json.log") {
            write(&rotated, &name, &bytes);
            continue;
        }
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let (first, second) = (lines.len() / 3, 2 * lines.len() / 3);
        write(&rotated, &format!("{name}.2.gz"), &gzip(&lines[..first + 20].concat()));
        write(&rotated, &format!("{name}.1"), &lines[first..second].concat());
        write(&rotated, &name, &lines[second..].concat());
    }
    let (plain, rotated) = (report(&[plain]), report(&[rotated]));
    assert_eq!(rotated["totals"], plain["totals"]);
    assert_eq!(rotated["incidents"][0]["impact"], plain["incidents"][0]["impact"]);
}

/// What does not depend on where a line stands.
fn substance(report: &Value) -> Value {
    let incidents: Vec<Value> = report["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|incident| {
            let parts = ["start", "end", "kind", "kills", "requests", "bus", "recovery"];
            let mut substance: Vec<Value> = parts.iter().map(|part| incident[part].clone()).collect();
            substance.push(incident["diagnosis"]["trigger"].clone());
            without_places(&mut substance);
            Value::Array(substance)
        })
        .collect();
    serde_json::json!([report["totals"], incidents])
}

fn without_places(values: &mut [Value]) {
    for value in values {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| !matches!(name.as_str(), "path" | "line" | "refs" | "ref"));
                fields.values_mut().for_each(|field| without_places(std::slice::from_mut(field)));
            }
            Value::Array(items) => without_places(items),
            _ => {}
        }
    }
}

/// Parts of a log in order of time, cut at line starts.
fn parts(text: &[u8], count: usize) -> Vec<Vec<u8>> {
    let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let size = lines.len().div_ceil(count);
    let mut parts = Vec::new();
    while !lines.is_empty() {
        let rest = lines.split_off(size.min(lines.len()));
        parts.push(std::mem::replace(&mut lines, rest).concat());
    }
    parts
}

#[test]
fn the_layouts_of_capture_tools_give_the_same_incidents() {
    let files = files();
    let of = |wanted: &str| files.iter().find(|(name, _)| name.contains(wanted)).unwrap().1.clone();
    let access = of("nginx/access");
    // As Odoo wrote them, without journald's prefix.
    let bare = |line: &[u8]| -> Vec<u8> {
        let at = memchr::memmem::find(line, b"]: ").map_or(0, |at| at + 3);
        line[at..].to_vec()
    };
    let odoo: Vec<u8> = of("odoo/").split_inclusive(|byte| *byte == b'\n').flat_map(bare).collect();
    let folder = tempfile::tempdir().unwrap();
    let plain: Files = vec![("odoo.log".to_owned(), odoo.clone()), ("access.log".to_owned(), access.clone())];
    let path = write(folder.path(), "plain.tar", &tar(&plain));
    let expected = substance(&report(&[path]));
    assert!(!expected[1].as_array().unwrap().is_empty());
    let named = |names: [String; 3], text: &[u8]| -> Files {
        let parts = parts(text, 3).into_iter().zip(names);
        parts
            .map(|(part, name)| {
                let packed = if name.ends_with(".gz") { gzip(&part) } else { part };
                (name, packed)
            })
            .collect()
    };
    // sosreport: logrotate's dateext; the newest part has no date.
    let root = "sosreport-erp-2026-11-23-abcdefg/var/log";
    let dated = |log: &str| {
        [format!("{root}/{log}-20261121.gz"), format!("{root}/{log}-20261122"), format!("{root}/{log}")]
    };
    let sosreport = [named(dated("odoo/odoo-server.log"), &odoo), named(dated("nginx/access.log"), &access)];
    // Numbers count backwards.
    let numbered = |log: &str| [format!("{log}.2.gz"), format!("{log}.1"), log.to_owned()];
    let json = |text: &[u8]| -> Vec<u8> {
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        let wrapped = lines.map(|line| {
            let log = String::from_utf8_lossy(line);
            format!(
                "{}\n",
                serde_json::json!({"log": log, "stream": "stderr", "time": "2026-11-23T18:00:00.5Z"})
            )
        });
        wrapped.collect::<String>().into_bytes()
    };
    let docker = |id: &str| numbered(&format!("var/lib/docker/containers/{id}/{id}-json.log"));
    let docker = [named(docker("2b8d3205bfc3"), &json(&odoo)), named(docker("77aa12345678"), &json(&access))];
    let cri = |text: &[u8]| -> Vec<u8> {
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        let wrapped = lines.map(|line| [b"2026-11-23T18:00:00.5Z stderr F ".as_slice(), line].concat());
        wrapped.collect::<Vec<_>>().concat()
    };
    let pod = |pod: &str, container: &str| {
        let folder = format!("var/log/pods/prod_{pod}_9a7b/{container}");
        [
            format!("{folder}/0.log.20261123-180000.gz"),
            format!("{folder}/0.log.20261123-181000"),
            format!("{folder}/0.log"),
        ]
    };
    let pods = [named(pod("odoo-0", "odoo"), &cri(&odoo)), named(pod("nginx-5f", "nginx"), &cri(&access))];
    for (name, layout) in [("sosreport", sosreport), ("docker", docker), ("pods", pods)] {
        let path = write(folder.path(), &format!("{name}.tar.gz"), &gzip(&tar(&layout.concat())));
        assert_eq!(substance(&report(&[path])), expected, "{name}");
    }
}

#[test]
fn entries_that_point_elsewhere_are_named_and_harmless() {
    let error = fs::read(fixture("buslane/nginx/error.log")).unwrap();
    let mut archive = Vec::new();
    for (name, kind) in [("link", b'2'), ("disk", b'4'), ("pipe", b'6')] {
        archive.extend(tar_header(name, kind, 0));
    }
    let files: Files = ["../../escape.log", "/etc/error.log", "same.log", "same.log", "esc\u{1b}[2J.log"]
        .map(|name| (name.to_owned(), error.clone()))
        .into();
    archive.extend(tar(&files));
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "a/b/evil.tar", &archive);
    let report = report(std::slice::from_ref(&path));
    let paths: Vec<&str> =
        report["inputs"].as_array().unwrap().iter().map(|input| input["path"].as_str().unwrap()).collect();
    assert_eq!(
        paths,
        [
            "evil.tar",
            "evil.tar/../../escape.log",
            "evil.tar/esc\u{1b}[2J.log",
            "evil.tar/etc/error.log",
            "evil.tar/same.log",
            "evil.tar/same.log#2"
        ]
    );
    let problems = report["inputs"][0]["problems"].to_string();
    for part in ["symbolic link: link", "device: disk", "pipe: pipe", "point outside", "../../escape.log"] {
        assert!(problems.contains(part), "{part} is not in {problems}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let text = stormtrace(["analyze".as_ref(), path.as_os_str()]).stdout;
    assert!(!text.contains(&0x1b));
}

#[test]
fn a_limit_is_told_by_its_name_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let error = fs::read(fixture("buslane/nginx/error.log")).unwrap();
    let files: Files = [("a/zeros.bin", vec![0; 4 << 20]), ("b/error.log", error)]
        .map(|(name, bytes)| (name.to_owned(), bytes))
        .into();
    let path = write(folder.path(), "bundle.tar.gz", &gzip(&tar(&files)));
    let limited = |settings: &[&str]| -> Value {
        let settings = settings.iter().flat_map(|setting| ["--limit", *setting]);
        let arguments = ["analyze", "--format", "json"].into_iter().chain(settings);
        let output = stormtrace(arguments.chain([path.to_str().unwrap()]));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    for (setting, name) in [("entry=3M", "limit entry"), ("long-line=2M", "limit long-line")] {
        let report = limited(&[setting]);
        assert!(report["inputs"][1]["problems"][0].as_str().unwrap().starts_with(name), "{report}");
        assert_eq!(report["inputs"][2]["source"], "nginx_error");
    }
    let report = limited(&["line=100"]);
    assert!(report["inputs"][2]["problems"][0].as_str().unwrap().starts_with("limit line"));
    let beside = write(folder.path(), "error.log", &files[1].1);
    let both = |setting: &str| -> Value {
        let output = stormtrace([
            "analyze",
            "--format",
            "json",
            "--limit",
            setting,
            path.to_str().unwrap(),
            beside.to_str().unwrap(),
        ]);
        serde_json::from_slice(&output.stdout).unwrap()
    };
    for (setting, name) in [("entries=1", "limit entries"), ("expanded=1M", "limit expanded")] {
        let report = both(setting);
        assert!(report["inputs"][0]["problems"][0].as_str().unwrap().starts_with(name), "{report}");
        assert_eq!(report["inputs"].as_array().unwrap().last().unwrap()["source"], "nginx_error");
    }
    let wrong = stormtrace(["analyze", "--limit", "size=3", path.to_str().unwrap()]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn damaged_archives_keep_what_can_be_read() {
    let files = files();
    let folder = tempfile::tempdir().unwrap();
    for (name, mut bytes) in
        [("cut.tar", tar(&files)), ("cut.tar.gz", gzip(&tar(&files))), ("cut.zip", zip(&files))]
    {
        bytes.truncate(bytes.len() / 2);
        let report = report(&[write(folder.path(), name, &bytes)]);
        let inputs = report["inputs"].as_array().unwrap();
        assert!(inputs.len() > 2, "{name}");
        let problems: Vec<String> = inputs.iter().map(|input| input["problems"].to_string()).collect();
        assert!(
            problems.iter().any(|text| text.contains("truncated") || text.contains("cut")),
            "{name}: {problems:?}"
        );
    }
}
