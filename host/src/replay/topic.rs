//! A dump of a channel's topic: one JSON object a line, gzipped or not.
//!
//! `{"offset": 4, "key": "0", "value": "<base64 of the marshalled KafkaMessage>"}`; other members are not read. `key`
//! may be left out, and `value` may be `null` for a record without one.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use raddle_core::ids::Offset;

/// Longest line that is read, in bytes. A record holds at most 100 MiB, and base64 makes that a third longer.
pub const LINE_BYTES_MAX: usize = 160 << 20;

/// The key of every record that an orderer writes: the partition's number.
pub const RECORD_KEY: &str = "0";

/// Where a dump comes from.
#[derive(Clone, Debug)]
pub enum Topic {
    /// A file.
    File(PathBuf),
    /// Bytes in memory, with the name that messages call them by.
    Embedded {
        /// For messages.
        name: &'static str,
        /// The dump.
        bytes: &'static [u8],
    },
}

/// One line of a dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRecord {
    /// The line's number, from 1.
    pub line: u64,
    /// The record's place in the topic.
    pub offset: Offset,
    /// The record's key, if the dump names it.
    pub key: Option<String>,
    /// The record's value; empty if it has none.
    pub value: Bytes,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// The file cannot be read, or its gzip is broken or cut off.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// Longer than any record.
    #[error("is longer than {LINE_BYTES_MAX} bytes, which no record is")]
    TooLong,
    /// No JSON, or without what a record needs.
    #[error("is no record: {what} at column {column}")]
    Json {
        /// What is wrong.
        what: String,
        /// Where in the line, from 1.
        column: usize,
    },
    /// The value is no base64.
    #[error("has a value that is no base64: {0}")]
    Base64(#[from] base64::DecodeError),
}

/// Reads a dump, line by line.
pub struct Records {
    reader: Box<dyn BufRead>,
    line: u64,
    buffer: Vec<u8>,
}

#[derive(serde::Deserialize)]
struct Line {
    offset: i64,
    key: Option<String>,
    value: Option<String>,
}

// === impl Topic ===

impl Topic {
    /// What messages call it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Embedded { name, .. } => (*name).to_owned(),
        }
    }

    /// Bytes of the dump as it lies there, for progress.
    ///
    /// # Errors
    ///
    /// The file is not there.
    pub fn size_bytes(&self) -> io::Result<u64> {
        match self {
            Self::File(path) => Ok(path.metadata()?.len()),
            Self::Embedded { bytes, .. } => Ok(bytes.len() as u64),
        }
    }

    /// Opens it from the start. `position_bytes` follows how much of [`Topic::size_bytes`] has been read.
    ///
    /// # Errors
    ///
    /// The file cannot be opened.
    pub fn open(&self, position_bytes: Arc<AtomicU64>) -> io::Result<Records> {
        let inner: Box<dyn Read> = match self {
            Self::File(path) => Box::new(open_file(path)?),
            Self::Embedded { bytes, .. } => Box::new(*bytes),
        };
        let mut raw = BufReader::with_capacity(1 << 16, Counted { inner, position_bytes });
        let is_gzip = raw.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn BufRead> = if is_gzip {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(raw)))
        } else {
            Box::new(raw)
        };
        Ok(Records { reader, line: 0, buffer: Vec::new() })
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    Ok(file)
}

/// The parser counts lines too, and always says 1.
fn json_error(error: serde_json::Error) -> LineError {
    let said = error.to_string();
    let what = said.split(" at line ").next().unwrap_or(&said).to_owned();
    LineError::Json { what, column: error.column() }
}

struct Counted {
    inner: Box<dyn Read>,
    position_bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.position_bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

// === impl Records ===

impl Records {
    /// The number of the line that was read last.
    #[must_use]
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// The next record; none at the end. Empty lines are passed over.
    ///
    /// # Errors
    ///
    /// See [`LineError`]; the line is [`Records::line`].
    pub fn next_record(&mut self) -> Result<Option<TopicRecord>, LineError> {
        loop {
            self.line += 1;
            self.buffer.clear();
            // One byte more than allowed, to tell a full line from one that is too long.
            let limit = LINE_BYTES_MAX as u64 + 1;
            let count = self.reader.by_ref().take(limit).read_until(b'\n', &mut self.buffer)?;
            if count == 0 {
                return Ok(None);
            }
            if count > LINE_BYTES_MAX {
                return Err(LineError::TooLong);
            }
            if !self.buffer.trim_ascii().is_empty() {
                break;
            }
        }
        let line: Line = serde_json::from_slice(self.buffer.trim_ascii_end()).map_err(json_error)?;
        let value = line.value.map(|text| STANDARD.decode(text)).transpose()?.unwrap_or_default();
        Ok(Some(TopicRecord {
            line: self.line,
            offset: Offset(line.offset),
            key: line.key,
            value: value.into(),
        }))
    }
}
