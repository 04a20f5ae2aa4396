//! What is to be sent: texts, files, stdin.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::cli::{Code, Exit, Failure};
use crate::client::MESSAGE_BYTES_MAX;

/// What headers and signature may take of an envelope, generously.
const AROUND_BYTES: u64 = 64 << 10;

/// Most bytes of one input.
const INPUT_BYTES_MAX: u64 = MESSAGE_BYTES_MAX as u64 - AROUND_BYTES;

/// Reads all inputs, in their order; `-` is stdin.
pub fn read_inputs(texts: &[String], files: &[PathBuf]) -> Result<Vec<Bytes>, Failure> {
    let mut inputs = Vec::new();
    for text in texts {
        inputs.push(match text.as_str() {
            "-" => read_to_end("stdin", io::stdin().lock())?,
            text if text.len() as u64 > INPUT_BYTES_MAX => return Err(too_long("the text")),
            text => text.to_owned().into(),
        });
    }
    for path in files {
        inputs.push(read_file(path)?);
    }
    Ok(inputs)
}

fn read_file(path: &Path) -> Result<Bytes, Failure> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| cannot_read(&name, &error))?;
    let size = file.metadata().map_err(|error| cannot_read(&name, &error))?.len();
    if size > INPUT_BYTES_MAX {
        return Err(too_long(&format!("{name}, with {size} bytes,")));
    }
    read_to_end(&name, file)
}

/// Reads no more than may be sent, whatever the size was said to be.
fn read_to_end(name: &str, source: impl Read) -> Result<Bytes, Failure> {
    let mut bytes = Vec::new();
    source.take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| cannot_read(name, &error))?;
    if bytes.len() as u64 > INPUT_BYTES_MAX {
        return Err(too_long(name));
    }
    Ok(bytes.into())
}

fn cannot_read(name: &str, error: &io::Error) -> Failure {
    Failure::new(Code::File, Exit::Usage, format!("{name} cannot be read: {error}"))
}

fn too_long(what: &str) -> Failure {
    let sentence = format!("{what} is longer than the {INPUT_BYTES_MAX} bytes that one envelope can carry");
    Failure::new(Code::TooLongToSend, Exit::Usage, sentence)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn no_more_is_read_than_may_be_sent() {
        let sentence = |outcome: Result<Bytes, Failure>| outcome.unwrap_err().sentence;
        let endless = io::repeat(7);
        assert_eq!(
            sentence(read_to_end("stdin", endless)),
            "stdin is longer than the 104792064 bytes that one envelope can carry"
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        // Sparse: it takes no room.
        file.as_file().set_len(1 << 40).unwrap();
        let said = sentence(read_file(file.path()));
        assert!(said.contains("with 1099511627776 bytes, is longer than"), "{said}");
        let exactly = io::repeat(7).take(INPUT_BYTES_MAX);
        assert_eq!(read_to_end("stdin", exactly).unwrap().len() as u64, INPUT_BYTES_MAX);
    }
}
