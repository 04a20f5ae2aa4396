//! The file of blocks: a head, then one block after the other. The crate's front page describes it.

use std::io;

use bytes::Bytes;
use redb::StorageBackend;
use twox_hash::XxHash3_64;

use crate::failure::Damage;
use crate::format::Row;

/// What the file begins with.
const MAGIC: [u8; 12] = *b"raddleblocks";

/// Magic, format and id.
pub(crate) const HEAD_BYTES: u64 = 32;

/// What stands before each block: length and checksum.
pub(crate) const FRAME_BYTES: u64 = 12;

/// What the head says.
#[derive(Debug)]
pub(crate) enum Head {
    /// Of this format.
    Known { id: [u8; 16] },
    /// Of another format.
    Format(u32),
    /// Another file.
    Foreign,
}

pub(crate) fn write_head(file: &dyn StorageBackend, format: u32, id: [u8; 16]) -> io::Result<()> {
    let head = [MAGIC.as_slice(), &format.to_le_bytes(), &id].concat();
    file.write(0, &head)
}

pub(crate) fn read_head(file: &dyn StorageBackend, format: u32) -> io::Result<Head> {
    let mut magic = [0; MAGIC.len()];
    let mut found = [0; 4];
    let mut id = [0; 16];
    // The head of another format may be shorter.
    let length = file.len()?;
    if length < 16 {
        return Ok(Head::Foreign);
    }
    file.read(0, &mut magic)?;
    file.read(12, &mut found)?;
    let found = u32::from_le_bytes(found);
    if magic != MAGIC {
        return Ok(Head::Foreign);
    }
    if found != format {
        return Ok(Head::Format(found));
    }
    if length < HEAD_BYTES {
        return Ok(Head::Foreign);
    }
    file.read(16, &mut id)?;
    Ok(Head::Known { id })
}

/// What is gathered before it is written; a larger block is written from where it is.
const BUFFER_BYTES: usize = 256 << 10;

/// Writes blocks behind one another, the first at `at`. They are durable with the next sync.
pub(crate) fn append<'a>(
    file: &dyn StorageBackend,
    at: u64,
    blocks: impl IntoIterator<Item = &'a Bytes>,
) -> io::Result<Vec<Row>> {
    let (mut written, mut end) = (at, at);
    let mut rows = Vec::new();
    let mut buffer = Vec::new();
    let mut write = |bytes: &[u8]| {
        file.write(written, bytes)?;
        written = written.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        io::Result::Ok(())
    };
    for block in blocks {
        let size_bytes = u32::try_from(block.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let row = Row { at: end, size_bytes };
        end = row.end();
        rows.push(row);
        buffer.extend(size_bytes.to_le_bytes());
        buffer.extend(XxHash3_64::oneshot(block).to_le_bytes());
        if buffer.len().saturating_add(block.len()) <= BUFFER_BYTES {
            buffer.extend_from_slice(block);
            continue;
        }
        write(&buffer)?;
        buffer.clear();
        write(block)?;
    }
    if !buffer.is_empty() {
        write(&buffer)?;
    }
    Ok(rows)
}

/// Why blocks could not be read. The number is that of the row.
#[derive(Debug)]
pub(crate) enum Unreadable {
    Damaged(usize, Damage),
    Io(io::Error),
}

/// Reads neighbouring blocks, all at once.
pub(crate) fn read(file: &dyn StorageBackend, rows: &[Row]) -> Result<Vec<Bytes>, Unreadable> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(Vec::new()) };
    let file_bytes = file.len().map_err(Unreadable::Io)?;
    if let Some(index) = rows.iter().position(|row| row.end() > file_bytes) {
        let end = rows.get(index).map_or(0, Row::end);
        return Err(Unreadable::Damaged(index, Damage::CutOff { end, file_bytes }));
    }
    let size_bytes = usize::try_from(last.end().saturating_sub(first.at)).unwrap_or(usize::MAX);
    let mut buffer = vec![0; size_bytes];
    file.read(first.at, &mut buffer).map_err(Unreadable::Io)?;
    let mut buffer = Bytes::from(buffer);
    let mut expected = first.at;
    let mut blocks = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        let damaged = |damage| Unreadable::Damaged(index, damage);
        if row.at != expected {
            return Err(damaged(Damage::OutOfPlace { found: row.at, expected }));
        }
        expected = row.end();
        blocks.push(take(&mut buffer, row.size_bytes).map_err(damaged)?);
    }
    Ok(blocks)
}

/// Takes a block off the front.
fn take(buffer: &mut Bytes, expected: u32) -> Result<Bytes, Damage> {
    let Some((length, rest)) = buffer.split_first_chunk::<4>() else { return Err(Damage::Missing) };
    let Some((checksum, rest)) = rest.split_first_chunk::<8>() else { return Err(Damage::Missing) };
    let (found, checksum) = (u32::from_le_bytes(*length), u64::from_le_bytes(*checksum));
    if found != expected {
        return Err(Damage::Length { found, expected });
    }
    let size_bytes = usize::try_from(expected).unwrap_or(usize::MAX);
    let Some(block) = rest.get(..size_bytes) else { return Err(Damage::Missing) };
    if XxHash3_64::oneshot(block) != checksum {
        return Err(Damage::Checksum);
    }
    let block = buffer.slice_ref(block);
    *buffer = buffer.slice_ref(rest.get(size_bytes..).unwrap_or_default());
    Ok(block)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use redb::backends::InMemoryBackend;

    use super::*;

    #[test]
    fn a_block_that_does_not_stand_behind_the_one_before_it_is_out_of_place() {
        let file = InMemoryBackend::new();
        file.set_len(1_000).unwrap();
        let blocks = [Bytes::from_static(b"one"), Bytes::from_static(b"two")];
        let mut rows = append(&file, HEAD_BYTES, &blocks).unwrap();
        assert_eq!(read(&file, &rows).unwrap(), blocks);
        rows[1].at += 1;
        let found = read(&file, &rows).unwrap_err();
        assert!(matches!(found, Unreadable::Damaged(1, Damage::OutOfPlace { .. })), "{found:?}");
    }
}
