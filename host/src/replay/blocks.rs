//! Blocks in a file: length as a varint, marshalled `common.Block`, and so on; gzipped where the name ends in `.gz`.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message as _;
use raddle_proto::common;

use crate::whole_file::WholeFile;

/// Where rebuilt blocks go.
pub trait BlockSink {
    /// Takes the next block.
    ///
    /// # Errors
    ///
    /// The block cannot be written.
    fn put(&mut self, block: common::Block) -> io::Result<()>;
}

/// A file of blocks that appears under its name only when it is whole.
pub struct BlockFile {
    writer: Writer,
    buffer: Vec<u8>,
}

enum Writer {
    Plain(BufWriter<WholeFile>),
    Gzip(Box<GzEncoder<BufWriter<WholeFile>>>),
}

// === impl BlockFile ===

impl BlockFile {
    /// Starts a file beside `path`, under another name.
    ///
    /// # Errors
    ///
    /// The folder is not there or takes no files, or `path` is a folder.
    pub fn create(path: &Path) -> io::Result<Self> {
        let plain = BufWriter::with_capacity(1 << 18, WholeFile::create(path)?);
        let writer = if path.extension().is_some_and(|it| it == "gz") {
            Writer::Gzip(Box::new(GzEncoder::new(plain, Compression::default())))
        } else {
            Writer::Plain(plain)
        };
        Ok(Self { writer, buffer: Vec::new() })
    }

    /// Makes the file durable and gives it its name. A file that is there is replaced.
    ///
    /// # Errors
    ///
    /// The file cannot be written; nothing appears then.
    pub fn finish(self) -> io::Result<()> {
        let plain = match self.writer {
            Writer::Plain(plain) => plain,
            Writer::Gzip(gzip) => gzip.finish()?,
        };
        plain.into_inner().map_err(io::IntoInnerError::into_error)?.finish()
    }
}

impl BlockSink for BlockFile {
    fn put(&mut self, block: common::Block) -> io::Result<()> {
        self.buffer.clear();
        block.encode_length_delimited(&mut self.buffer)?;
        match &mut self.writer {
            Writer::Plain(writer) => writer.write_all(&self.buffer),
            Writer::Gzip(writer) => writer.write_all(&self.buffer),
        }
    }
}

/// A sink for those who want only the summary.
pub struct NoBlocks;

impl BlockSink for NoBlocks {
    fn put(&mut self, _block: common::Block) -> io::Result<()> {
        Ok(())
    }
}
