//! Containers: how the bytes of one input are packed. Recognised by magic bytes, never by name.

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

/// A stream of decompressed bytes and what it was packed in.
pub struct Contents<'r> {
    /// Decompressed bytes.
    pub reader: Box<dyn Read + Send + 'r>,
    /// `plain` or `gzip`.
    pub container: &'static str,
}

/// Looks at the first bytes of `input` and unpacks it while it is read. gzip may have any number of members.
///
/// # Errors
/// When the first bytes cannot be read.
pub fn open<'r>(mut input: impl Read + Send + 'r) -> io::Result<Contents<'r>> {
    let mut magic = [0u8; 2];
    let mut have = 0;
    while have < magic.len() {
        let room = magic.get_mut(have..).unwrap_or_default();
        match input.read(room) {
            Ok(0) => break,
            Ok(count) => have += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let is_gzip = have == 2 && magic == [0x1f, 0x8b];
    let whole = io::Cursor::new(magic).take(have as u64).chain(input);
    Ok(if is_gzip {
        let decoder = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, whole));
        Contents { reader: Box::new(decoder), container: "gzip" }
    } else {
        Contents { reader: Box::new(whole), container: "plain" }
    })
}

/// What a failure to decompress means, as one sentence; the bytes before it are good.
#[must_use]
pub fn describe_damage(error: &io::Error, container: &str) -> String {
    match (container, error.kind()) {
        ("gzip", io::ErrorKind::UnexpectedEof) => {
            "the gzip stream is truncated; what came before the cut was read".to_owned()
        }
        ("gzip", io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            format!(
                "the gzip stream is damaged or followed by other bytes ({error}); what came before was read"
            )
        }
        _ => format!("reading stopped early: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_member_is_read() {
        let packed = [gzip(b"one\n"), gzip(b"two\n")].concat();
        let mut contents = open(packed.as_slice()).unwrap();
        let mut text = String::new();
        contents.reader.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), contents.container), ("one\ntwo\n", "gzip"));
    }

    #[test]
    fn a_cut_member_gives_its_head_and_an_error() {
        let mut packed = gzip(&b"line\n".repeat(100_000));
        packed.truncate(packed.len() - 20);
        let mut text = Vec::new();
        let error = open(packed.as_slice()).unwrap().reader.read_to_end(&mut text).unwrap_err();
        assert!(!text.is_empty());
        assert!(describe_damage(&error, "gzip").contains("truncated"));
    }

    #[test]
    fn short_inputs_are_plain() {
        for bytes in [&b""[..], b"\x1f", b"ab"] {
            let mut contents = open(bytes).unwrap();
            let mut out = Vec::new();
            contents.reader.read_to_end(&mut out).unwrap();
            assert_eq!((out.as_slice(), contents.container), (bytes, "plain"));
        }
    }
}
