//! Opens a file as its decompressed bytes, UTF-16 as UTF-8; the compression is known by content, never by name.

use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
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

/// How far compressed input may expand. Plain files expand to themselves, so that nothing limits them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Decompressed bytes for each byte of the file; a file may always expand to `SMALL_EXPANSION`.
    pub expansion_ratio: u64,
    /// Decompressed bytes of one file.
    pub decompressed: u64,
    /// Bytes of one inventory, which is read whole, decompressed.
    pub inventory: u64,
}

/// What a file may expand to whatever its ratio: a day of one repeated line is no attack.
pub const SMALL_EXPANSION: u64 = 64 * 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Limits { expansion_ratio: 200, decompressed: 256_000_000_000, inventory: 512 << 20 }
    }
}

impl Limits {
    /// What a compressed file of this size may expand to. It depends on nothing else, so that what is read of a file does not.
    fn allowed(&self, file_bytes: u64) -> u64 {
        self.decompressed.min(file_bytes.saturating_mul(self.expansion_ratio).max(SMALL_EXPANSION))
    }
}

/// Hands out `left` bytes; an error where there are more.
struct Limited<R> {
    inner: R,
    left: u64,
    allowed: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !buffer.is_empty() {
            return match self.inner.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("expands to more than {} bytes, see [limits]", self.allowed))),
            };
        }
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.inner.read(&mut buffer[..most])?;
        self.left -= read as u64;
        Ok(read)
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

/// Opens a regular file, and never waits: what was a file when it was found may have become a pipe since.
pub fn open_file(path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    let file = {
        use rustix::fs::{Mode, OFlags};
        File::from(rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty())?)
    };
    #[cfg(not(unix))]
    let file = File::open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
    }
}

/// What tells a file apart without reading all of it: its metadata, and its first and last 64 KiB.
pub fn read_ends(path: &Path) -> io::Result<(Metadata, Vec<u8>)> {
    const END: u64 = 64 * 1024;
    let mut file = open_file(path)?;
    let metadata = file.metadata()?;
    let mut ends = Vec::new();
    Read::by_ref(&mut file).take(END).read_to_end(&mut ends)?;
    if metadata.len() > 2 * END {
        file.seek(SeekFrom::Start(metadata.len() - END))?;
    }
    file.take(END).read_to_end(&mut ends)?;
    Ok((metadata, ends))
}

/// Opens a file for reading.
pub fn open(path: &Path, bytes_read: &Arc<AtomicU64>, limits: &Limits) -> io::Result<Source> {
    let mut file = open_file(path)?;
    let allowed = limits.allowed(file.metadata()?.len());
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
    let whole = Cursor::new(head[..length].to_vec()).chain(rest);
    let buffered = BufReader::with_capacity(READ_BUFFER, whole);
    let reader = match compression {
        Compression::None => Box::new(buffered.into_inner()),
        Compression::Gzip => limited(flate2::bufread::MultiGzDecoder::new(buffered), allowed),
        Compression::Zstd => limited(zstd::Decoder::with_buffer(buffered)?, allowed),
        Compression::Bzip2 => limited(bzip2::bufread::MultiBzDecoder::new(buffered), allowed),
        Compression::Xz => limited(XzReader::new(buffered)?, allowed),
    };
    Ok(Source { reader: super::encoding::as_utf8(reader)?, compression })
}

/// Memory that an xz file may ask for its dictionary, in bytes: `xz -9` needs 65 MiB. (zstd stops at 128 MiB by itself.)
const XZ_MEMORY: u64 = 256 * 1024 * 1024;

/// Decompresses xz, members one behind the other. Unlike the library's own reader it hands out what a broken stream gave before
/// it tells that the stream is broken.
struct XzReader<R> {
    inner: R,
    stream: liblzma::stream::Stream,
    error: Option<io::Error>,
    is_done: bool,
}

impl<R: BufRead> XzReader<R> {
    fn new(inner: R) -> io::Result<Self> {
        let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)?;
        Ok(XzReader { inner, stream, error: None, is_done: false })
    }
}

impl<R: BufRead> Read for XzReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use liblzma::stream::{Action, Status};
        if let Some(error) = self.error.take() {
            self.is_done = true;
            return Err(error);
        }
        while !self.is_done && !buffer.is_empty() {
            let input = self.inner.fill_buf()?;
            let (is_end, taken, given) = (input.is_empty(), self.stream.total_in(), self.stream.total_out());
            let outcome = self.stream.process(input, buffer, if is_end { Action::Finish } else { Action::Run });
            let (taken, given) = (self.stream.total_in() - taken, (self.stream.total_out() - given) as usize);
            self.inner.consume(taken as usize);
            match outcome {
                Ok(Status::StreamEnd) => self.is_done = true,
                Ok(_) if is_end && given == 0 => self.error = Some(io::Error::new(io::ErrorKind::UnexpectedEof, "xz stream is cut off")),
                Ok(_) => {}
                Err(error) => self.error = Some(error.into()),
            }
            if given > 0 {
                return Ok(given);
            }
            if let Some(error) = self.error.take() {
                self.is_done = true;
                return Err(error);
            }
        }
        Ok(0)
    }
}

fn limited(inner: impl Read + Send + 'static, allowed: u64) -> Box<dyn Read + Send> {
    Box::new(Limited { inner, left: allowed, allowed })
}

/// The whole of a file that must be small, decompressed; an error where it is larger than the limit or breaks off, with what
/// came before.
pub fn read_small(path: &Path, limits: &Limits) -> (Vec<u8>, io::Result<()>) {
    let mut bytes = Vec::new();
    let read = open(path, &Arc::default(), limits).and_then(|mut source| {
        source.reader.by_ref().take(limits.inventory).read_to_end(&mut bytes)?;
        match source.reader.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {} bytes, see `limits.inventory`", limits.inventory))),
        }
    });
    (bytes, read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8], limits: &Limits) -> (usize, Option<io::ErrorKind>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut out = Vec::new();
        let outcome = open(file.path(), &Arc::default(), limits).unwrap().reader.read_to_end(&mut out);
        (out.len(), outcome.err().map(|error| error.kind()))
    }

    #[test]
    fn a_compressed_file_expands_to_its_limit_and_no_further() {
        let bomb = gzip(&vec![b'x'; SMALL_EXPANSION as usize + 1_000_000]);
        assert_eq!(read(&bomb, &Limits::default()), (SMALL_EXPANSION as usize, Some(io::ErrorKind::FileTooLarge)), "a ratio of a thousand");
        assert_eq!(read(&bomb, &Limits { expansion_ratio: 2_000, ..Limits::default() }), (SMALL_EXPANSION as usize + 1_000_000, None));
        let limits = Limits { decompressed: 1_000, ..Limits::default() };
        assert_eq!(read(&gzip(&[b'x'; 1_000]), &limits), (1_000, None), "as much as is allowed");
        assert_eq!(read(&gzip(&[b'x'; 1_001]), &limits), (1_000, Some(io::ErrorKind::FileTooLarge)));
        assert_eq!(read(&[b'x'; 5_000], &limits), (5_000, None), "a plain file has no limit");
    }
}
