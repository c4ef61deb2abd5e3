//! Opens a file as its decompressed bytes, UTF-16 as UTF-8; the compression is known by content, never by name.

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

impl Compression {
    fn of(head: &[u8]) -> Compression {
        match head {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
            // Skippable zstd frames may come first.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Compression::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0x00, ..] => Compression::Xz,
            _ => Compression::None,
        }
    }
}

/// A file's decompressed bytes; `bytes_read` counts what came from the disk, for the progress bar.
pub struct Source {
    pub reader: Box<dyn Read + Send>,
    pub compression: Compression,
}

/// Counts the bytes that pass.
struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

const READ_BUFFER: usize = 256 * 1024;

/// Opens a file for reading.
pub fn open(path: &Path, bytes_read: &Arc<AtomicU64>) -> io::Result<Source> {
    let mut file = File::open(path)?;
    let mut head = [0u8; 6];
    let mut length = 0;
    while length < head.len() {
        match file.read(&mut head[length..])? {
            0 => break,
            read => length += read,
        }
    }
    bytes_read.fetch_add(length as u64, Ordering::Relaxed);
    let compression = Compression::of(&head[..length]);
    let rest = Counted { inner: file, count: bytes_read.clone() };
    let whole: Chain<Cursor<Vec<u8>>, Counted<File>> = Cursor::new(head[..length].to_vec()).chain(rest);
    let buffered = |whole| BufReader::with_capacity(READ_BUFFER, whole);
    let reader: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(whole),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered(whole))),
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(buffered(whole))?),
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(buffered(whole))),
        Compression::Xz => Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(buffered(whole))),
    };
    Ok(Source { reader: super::encoding::as_utf8(reader)?, compression })
}
