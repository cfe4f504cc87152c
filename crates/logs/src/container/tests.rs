//! Archives made by hand, whole and broken; what the decoders' own tools make is tested end to end.

use std::io::{Cursor, Read, Write};

use super::*;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// One tar entry; `kind` is the type flag.
fn tar_entry(name: &[u8], kind: u8, data: &[u8]) -> Vec<u8> {
    let mut header = [0u8; 512];
    header[..name.len()].copy_from_slice(name);
    header[124..135].copy_from_slice(format!("{:011o}", data.len()).as_bytes());
    header[156] = kind;
    header[257..263].copy_from_slice(b"ustar\0");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut entry = header.to_vec();
    entry.extend_from_slice(data);
    entry.resize(entry.len().div_ceil(512) * 512, 0);
    entry
}

fn tar_end() -> Vec<u8> {
    vec![0; 1024]
}

/// A zip of entries `(name, method, data as stored, data)`.
fn zip(entries: &[(&str, u16, Vec<u8>, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, method, stored, data) in entries {
        let mut crc = flate2::Crc::new();
        crc.update(data);
        let at = out.len() as u32;
        let mut fields = Vec::new();
        for field in [20u16, 0, *method, 0, 0] {
            fields.extend(field.to_le_bytes());
        }
        for field in [crc.sum(), stored.len() as u32, data.len() as u32] {
            fields.extend(field.to_le_bytes());
        }
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend(0u16.to_le_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&fields);
        out.extend(name.as_bytes());
        out.extend(stored);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let at = out.len() as u32;
    let count = entries.len() as u16;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0; 2]);
    out
}

fn open_bytes(bytes: &[u8], depth: u64, limits: Limits) -> io::Result<Opened<'_>> {
    let packed = Packed { reader: Box::new(bytes), seekable: None, budget: Budget::new(limits) };
    open(packed, depth)
}

/// Name, kind, bytes.
type EntryRead = (String, Kind, Vec<u8>);

/// All entries, and how it ended.
fn entries(bytes: &[u8]) -> (Vec<EntryRead>, Option<String>) {
    let mut found = Vec::new();
    let opened = match open_bytes(bytes, 0, Limits::default()) {
        Ok(opened) => opened,
        Err(error) => return (found, Some(error.to_string())),
    };
    let Unpacked::Archive(mut archive) = opened.unpacked else { panic!("no archive") };
    loop {
        match archive.next_entry() {
            Ok(Some(entry)) => {
                let mut data = Vec::new();
                let outcome = archive.read_to_end(&mut data);
                let name = String::from_utf8_lossy(&entry.name).into_owned();
                found.push((name, entry.kind, data));
                if let Err(error) = outcome {
                    return (found, Some(format!("{error:?}")));
                }
            }
            Ok(None) => return (found, None),
            Err(error) => return (found, Some(format!("{error:?}"))),
        }
    }
}

fn names(found: &[(String, Kind, Vec<u8>)]) -> Vec<&str> {
    found.iter().map(|(name, ..)| name.as_str()).collect()
}

fn stream(bytes: &[u8]) -> (String, io::Result<Vec<u8>>) {
    let opened = open_bytes(bytes, 0, Limits::default()).unwrap();
    let Unpacked::Stream(mut reader) = opened.unpacked else { panic!("an archive") };
    let mut out = Vec::new();
    (opened.containers, reader.read_to_end(&mut out).map(|_| out))
}

#[test]
fn every_gzip_member_is_read() {
    let (containers, text) = stream(&[gzip(b"one\n"), gzip(b"two\n")].concat());
    assert_eq!((containers.as_str(), text.unwrap().as_slice()), ("gzip", &b"one\ntwo\n"[..]));
}

#[test]
fn a_cut_member_gives_its_head_and_an_error() {
    let mut packed = gzip(&b"line\n".repeat(100_000));
    packed.truncate(packed.len() - 20);
    let opened = open_bytes(&packed, 0, Limits::default()).unwrap();
    let Unpacked::Stream(mut reader) = opened.unpacked else { panic!("an archive") };
    let mut text = Vec::new();
    let error = reader.read_to_end(&mut text).unwrap_err();
    assert!(!text.is_empty());
    assert!(describe_damage(&error, "gzip").contains("truncated"));
}

#[test]
fn short_inputs_are_plain() {
    for bytes in [&b""[..], b"\x1f", b"ab", b"BZh9 is a fine name", b"PK\x01\x02"] {
        assert_eq!(stream(bytes).0, "", "{bytes:?}");
    }
}

#[test]
fn zstd_frames_follow_each_other() {
    // `printf 'one\n' | zstd`, a skippable frame of three bytes, `printf 'two\n' | zstd`.
    let one = b"\x28\xb5\x2f\xfd\x04\x58\x21\x00\x00one\n";
    let frame = |text: &[u8]| {
        // Without checksum: one raw block.
        let mut frame = b"\x28\xb5\x2f\xfd\x00\x58\x21\x00\x00".to_vec();
        frame.extend(text);
        frame
    };
    let bytes = [&frame(b"one\n")[..], b"\x53\x2a\x4d\x18\x03\0\0\0xyz", &frame(b"two\n")].concat();
    let (containers, text) = stream(&bytes);
    assert_eq!((containers.as_str(), text.unwrap().as_slice()), ("zstd", &b"one\ntwo\n"[..]));
    let (_, text) = stream(&[&one[..], b"\0\0\0\0"].concat());
    assert!(text.unwrap_err().to_string().contains("checksum"));
    let (_, text) = stream(&[&frame(b"one\n")[..], b"rest"].concat());
    assert_eq!(text.unwrap_err().kind(), io::ErrorKind::InvalidData);
    let (_, text) = stream(&frame(b"one\n")[..11]);
    assert_eq!(text.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    // A window of 2 GiB.
    let (_, text) = stream(b"\x28\xb5\x2f\xfd\x00\xa8\x21\x00\x00one\n");
    assert!(text.unwrap_err().to_string().starts_with("limit window"));
}

#[test]
fn tar_gives_files_and_names_the_rest() {
    let long = [b"deep/".repeat(40), b"odoo.log".to_vec()].concat();
    let bytes = [
        tar_entry(b"./", b'5', b""),
        tar_entry(b"../evil.log", b'0', b"one\n"),
        tar_entry(b"link", b'2', b""),
        tar_entry(b"null", b'3', b""),
        tar_entry(b"hard", b'1', b""),
        tar_entry(b"././@LongLink", b'L', &long),
        tar_entry(b"deep/", b'0', &b"two\n".repeat(200)),
        tar_entry(b"pax", b'x', b"20 path=\x1b[31m/x.log\n"),
        tar_entry(b"x.log", 0, b"three"),
        tar_entry(b"v7/", 0, b""),
        tar_end(),
    ]
    .concat();
    for bytes in [bytes.clone(), gzip(&bytes)] {
        let (found, error) = entries(&bytes);
        assert_eq!(error, None);
        let long = String::from_utf8(long.clone()).unwrap();
        assert_eq!(
            names(&found),
            ["./", "../evil.log", "link", "null", "hard", &long, "\u{1b}[31m/x.log", "v7/"]
        );
        let files: Vec<usize> =
            found.iter().filter(|(_, kind, _)| *kind == Kind::File).map(|(.., data)| data.len()).collect();
        assert_eq!(files, [4, 800, 5]);
        assert_eq!(found[2].1, Kind::Other("a symbolic link"));
        assert_eq!(found[3].1, Kind::Other("a device"));
    }
}

#[test]
fn the_size_in_pax_counts() {
    let mut entry = tar_entry(b"x.log", b'0', &[b'x'; 600]);
    let zero = tar_entry(b"x.log", b'0', b"");
    entry[..512].copy_from_slice(&zero[..512]);
    let bytes =
        [tar_entry(b"pax", b'x', b"12 size=600\n"), entry, tar_entry(b"y.log", b'0', b"y"), tar_end()]
            .concat();
    let (found, error) = entries(&bytes);
    assert_eq!((names(&found), error), (vec!["x.log", "y.log"], None));
    assert_eq!(found[0].2.len(), 600);
}

#[test]
fn tar_goes_on_behind_damage() {
    let mut bytes = [
        tar_entry(b"a.log", b'0', b"a"),
        tar_entry(b"b.log", b'0', b"b"),
        tar_entry(b"c.log", b'0', b"c"),
        tar_end(),
    ]
    .concat();
    bytes[1024 + 5] = b'?';
    let (found, error) = entries(&bytes);
    assert_eq!(error, None);
    assert_eq!(names(&found), ["a.log", "", "c.log"]);
    assert!(matches!(&found[1].1, Kind::Damage(text) if text.contains("1024 bytes from byte 1024")));
    // Two archives joined are one.
    let bytes =
        [tar_entry(b"a.log", b'0', b"a"), tar_end(), tar_entry(b"b.log", b'0', b"b"), tar_end()].concat();
    assert_eq!(names(&entries(&bytes).0), ["a.log", "b.log"]);
}

#[test]
fn a_cut_tar_is_named() {
    let bytes =
        [tar_entry(b"a.log", b'0', b"a"), tar_entry(b"b.log", b'0', &[b'b'; 900]), tar_end()].concat();
    for length in 513..bytes.len() - 1024 {
        let (found, error) = entries(&bytes[..length]);
        let damaged = found.iter().any(|(_, kind, _)| matches!(kind, Kind::Damage(_)));
        assert!(error.is_some() || damaged, "{length}");
    }
}

#[test]
fn zip_gives_entries_however_packed() {
    let text = b"line\n".repeat(1000);
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    deflate.write_all(&text).unwrap();
    let packed = deflate.finish().unwrap();
    let bytes = zip(&[
        ("dir/", 0, Vec::new(), b""),
        ("dir/stored.log", 0, text.clone(), &text),
        ("deflated.log", 8, packed.clone(), &text),
        ("odd.log", 9, packed.clone(), &text),
    ]);
    let (found, error) = entries(&bytes);
    assert_eq!(error, None);
    assert_eq!(names(&found), ["dir/", "dir/stored.log", "deflated.log", "odd.log"]);
    assert_eq!((&found[1].2, &found[2].2), (&text, &text));
    assert_eq!(found[3].1, Kind::Other("packed by Deflate64, which is not read"));
    // Something before it, a comment behind it.
    let mut padded = b"PK\x03\x04".to_vec();
    padded.truncate(0);
    padded.extend(&bytes);
    let comment = padded.len() - 2;
    padded[comment] = 5;
    padded.extend(b"hello");
    assert_eq!(names(&entries(&padded).0).len(), 4);
}

#[test]
fn a_zip_that_lies_is_named() {
    let text = b"line\n".to_vec();
    let whole = zip(&[("a.log", 0, text.clone(), &text), ("b.log", 0, text.clone(), &text)]);
    // Its checksum.
    let mut bytes = whole.clone();
    bytes[30 + 5] = b'L';
    assert!(entries(&bytes).1.unwrap().contains("checksum"));
    // Its name.
    let mut bytes = whole.clone();
    bytes[30] = b'x';
    let (found, _) = entries(&bytes);
    assert!(matches!(&found[0].1, Kind::Damage(text) if text.contains("another name")), "{found:?}");
    // Overlap: the second entry of the directory points at the first.
    let mut bytes = zip(&[("a.log", 0, text.clone(), &text), ("a.log", 0, text.clone(), &text)]);
    let second = memchr::memmem::rfind(&bytes, CENTRAL_MAGIC).unwrap();
    bytes[second + 42..second + 46].fill(0);
    let (found, _) = entries(&bytes);
    assert!(matches!(&found[1].1, Kind::Damage(text) if text.contains("overlaps")), "{found:?}");
    // Cut: the entries are found without the directory.
    let (found, _) = entries(&whole[..60]);
    assert_eq!(names(&found)[..2], ["", "a.log"]);
    assert_eq!(found[1].2, text);
}

const CENTRAL_MAGIC: &[u8] = b"PK\x01\x02";

#[test]
fn nesting_ends_at_its_limit() {
    let inner = [tar_entry(b"odoo.log.gz", b'0', &gzip(b"text")), tar_end()].concat();
    let bytes = gzip(&inner);
    // tar.gz is one level, the entry is the second.
    let opened = open_bytes(&bytes, 0, Limits::default()).unwrap();
    assert_eq!((opened.containers.as_str(), opened.depth), ("gzip>tar", 1));
    let opened = open_bytes(&bytes, 1, Limits::default()).unwrap();
    assert_eq!((opened.containers.as_str(), opened.depth), ("gzip>tar", 2));
    let opened = open_bytes(&bytes, 2, Limits::default()).unwrap();
    assert_eq!(opened.containers, "");
    assert!(opened.refused.unwrap().starts_with("limit nesting"));
    let thrice = gzip(&gzip(&gzip(b"text")));
    let opened = open_bytes(&thrice, 0, Limits::default()).unwrap();
    assert_eq!(opened.containers, "gzip>gzip");
    assert!(opened.refused.is_some());
}

#[test]
fn a_large_zip_from_a_pipe_is_refused() {
    let text = vec![b'x'; 5000];
    let bytes = zip(&[("a.log", 0, text.clone(), &text)]);
    let limits = Limits { spool: 1000, ..Limits::default() };
    let Err(error) = open_bytes(&bytes, 0, limits) else { panic!("read") };
    assert!(error.to_string().starts_with("limit spool"));
    let packed = Packed {
        reader: Box::new(bytes.as_slice()),
        seekable: Some(Box::new(Cursor::new(bytes.as_slice()))),
        budget: Budget::new(limits),
    };
    assert!(open(packed, 0).is_ok());
}
