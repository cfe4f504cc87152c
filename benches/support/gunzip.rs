//! Unpacks a gzip file and prints how many bytes it holds: the floor for reading packed logs, with the library and the
//! buffers of `stormtrace`. `compare.py` builds and runs it.

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Read};

const BUFFER_BYTES: usize = 1 << 16;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: gunzip FILE")?;
    let packed = BufReader::with_capacity(BUFFER_BYTES, File::open(path)?);
    let mut reader = flate2::bufread::MultiGzDecoder::new(packed);
    let (mut buffer, mut bytes) = (vec![0; BUFFER_BYTES], 0);
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            count => bytes += count,
        }
    }
    println!("{bytes}");
    Ok(())
}
