//! An instance's whole memory, past what Rust lends out: to leave a secret everywhere, and to look for one.
//!
//! A fresh memory is zero but for the module's own data. So whoever looks finds either a byte that is not zero in the
//! stack or the heap before they are used, or a word of the secret anywhere.
//!
//! (Tables and globals of WebAssembly are out of reach for Rust.)

use raddle_guest::FromSetting;

/// A byte that is not from this instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it lies.
    pub address: usize,
    /// The eight bytes there, in ascending order.
    pub word: u64,
}

/// A part of the memory that a module uses by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Statics, with an image of their own or zero.
    Data,
    /// As far as no frame lies in it.
    Stack,
    /// As far as no block lies in it.
    Heap,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Data, Self::Stack, Self::Heap];
}

impl FromSetting for Place {
    fn expected() -> String {
        "`data`, `stack` or `heap`".to_owned()
    }

    fn from_setting(value: &str) -> Option<Self> {
        match value {
            "data" => Some(Self::Data),
            "stack" => Some(Self::Stack),
            "heap" => Some(Self::Heap),
            _ => None,
        }
    }
}

/// What is looked for in bytes.
#[cfg(any(target_arch = "wasm32", test))]
mod scan {
    /// What the memory is filled with.
    pub const SECRET: u8 = 0x5e;
    /// A word of it. Only this number in the code knows it, so that a module's own data does not have it.
    pub const SECRET_WORD: u64 = 0x0101_0101_0101_0101 * SECRET as u64;
    pub const WORD_BYTES: usize = 8;

    /// The first word that is not zero, and its place.
    pub fn not_zero(bytes: &[u8]) -> Option<(usize, u64)> {
        words(bytes).find(|(_, word)| *word != 0)
    }

    /// The first word of the secret, and its place.
    pub fn secret(bytes: &[u8]) -> Option<(usize, u64)> {
        words(bytes).find(|(_, word)| *word == SECRET_WORD)
    }

    fn words(bytes: &[u8]) -> impl Iterator<Item = (usize, u64)> {
        let word = |chunk: &[u8]| u64::from_be_bytes(chunk.try_into().unwrap_or_default());
        bytes.chunks_exact(WORD_BYTES).enumerate().map(move |(n, chunk)| (n * WORD_BYTES, word(chunk)))
    }
}

#[cfg(target_arch = "wasm32")]
pub use wasm::{fill, find, find_in_grown, grow};

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "this is what a hostile module does")]
mod wasm {
    use core::arch::wasm32::{memory_grow, memory_size};
    use core::hint::black_box;
    use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
    use core::{ptr, slice};

    use super::scan::{SECRET, SECRET_WORD, WORD_BYTES, not_zero, secret};
    use super::{Found, Place};

    const PAGE_BYTES: usize = 65_536;
    /// Nothing lies there that a reference could point to.
    const FIRST: usize = 16;
    /// Below the frame of a function that asks: room for what it calls.
    const FRAMES_BYTES: usize = 1024;

    /// In the module's data, and in what the linker says is zero.
    static DATA: AtomicU64 = AtomicU64::new(DATA_IMAGE);
    static ZEROS: [AtomicU64; 32] = [const { AtomicU64::new(0) }; 32];
    const DATA_IMAGE: u64 = 0x0123_4567_89ab_cdef;

    /// A part of memory, from and to.
    type Part = (usize, usize);

    fn all() -> Part {
        (FIRST, memory_size::<0>().saturating_mul(PAGE_BYTES))
    }

    /// The stack grows downwards, to the first address of all.
    #[inline(never)]
    fn unused_stack() -> Part {
        let here = black_box(0_u64);
        (FIRST, (&raw const here).addr().saturating_sub(FRAMES_BYTES) / WORD_BYTES * WORD_BYTES)
    }

    /// A filter's heap grows upwards, to the last address of all.
    fn unused_heap() -> Part {
        let last_block = black_box(Box::new(0_u64));
        ((&raw const *last_block).addr() + WORD_BYTES, all().1)
    }

    /// SAFETY: nothing writes to this part as long as the slice is looked at.
    unsafe fn bytes(part: Part) -> &'static [u8] {
        let start = black_box(ptr::with_exposed_provenance::<u8>(part.0));
        // SAFETY: within memory, and every byte is a value.
        unsafe { slice::from_raw_parts(start, part.1.saturating_sub(part.0)) }
    }

    /// Looks for what is not from this instance. To be called first of all, while nothing has used stack and heap.
    #[must_use]
    pub fn find() -> Option<Found> {
        let statics = [&DATA].into_iter().chain(&ZEROS).zip([DATA_IMAGE].into_iter().chain([0; 32]));
        for (word, image) in statics {
            let found = word.load(Relaxed);
            if found != image {
                return Some(Found { address: ptr::from_ref(word).addr(), word: found.swap_bytes() });
            }
        }
        let untouched = [unused_stack(), unused_heap()].map(|part| (part, not_zero as fn(&[u8]) -> _));
        untouched.into_iter().chain([(all(), secret as fn(&[u8]) -> _)]).find_map(|(part, look)| {
            // SAFETY: looking writes to live parts of the stack alone, where the secret is looked for at most.
            let (place, word) = look(unsafe { bytes(part) })?;
            Some(Found { address: part.0 + place, word })
        })
    }

    /// Grows the memory by so many pages; false if they are not to be had.
    #[must_use]
    pub fn grow(pages: usize) -> bool {
        memory_grow::<0>(pages) != usize::MAX
    }

    /// Looks for what is not zero in the last so many pages, which have just been grown.
    #[must_use]
    pub fn find_in_grown(pages: usize) -> Option<Found> {
        let part = (all().1.saturating_sub(pages.saturating_mul(PAGE_BYTES)), all().1);
        // SAFETY: the arena knows nothing of these pages.
        let (place, word) = not_zero(unsafe { bytes(part) })?;
        Some(Found { address: part.0 + place, word })
    }

    /// Leaves the secret in a part of memory, everywhere but in what is in use.
    pub fn fill(place: Place) {
        let (start, end) = match place {
            Place::Data => {
                [&DATA].into_iter().chain(&ZEROS).for_each(|word| word.store(SECRET_WORD, Relaxed));
                return;
            }
            Place::Stack => unused_stack(),
            Place::Heap => unused_heap(),
        };
        let start = black_box(ptr::with_exposed_provenance_mut::<u8>(start));
        // SAFETY: within memory, below all frames or above all blocks.
        unsafe { ptr::write_bytes(start, SECRET, end.saturating_sub(start.addr())) };
    }
}

/// Stands in where the memory is not ours to look at.
#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::{Found, Place};

    /// Finds nothing.
    #[must_use]
    pub fn find() -> Option<Found> {
        None
    }

    /// Finds nothing.
    #[must_use]
    pub fn find_in_grown(_pages: usize) -> Option<Found> {
        None
    }

    /// Grows nothing.
    #[must_use]
    pub fn grow(_pages: usize) -> bool {
        true
    }

    /// Leaves nothing.
    pub fn fill(_place: Place) {}
}

#[cfg(not(target_arch = "wasm32"))]
pub use native::{fill, find, find_in_grown, grow};

#[cfg(test)]
mod tests {
    use super::scan::*;

    #[test]
    fn the_first_word_that_is_not_zero_is_found() {
        let mut bytes = vec![0; 4096];
        assert_eq!(not_zero(&bytes), None);
        bytes.splice(4095..4096, [1]);
        assert_eq!(not_zero(&bytes), Some((4088, 1)));
        bytes.splice(9..10, [0x80]);
        assert_eq!(not_zero(&bytes), Some((8, 0x80 << 48)));
    }

    #[test]
    fn a_whole_word_of_the_secret_is_found() {
        let mut bytes = vec![1; 4096];
        bytes.splice(16..23, [SECRET; 7]);
        assert_eq!(secret(&bytes), None);
        bytes.splice(4088..4096, [SECRET; 8]);
        assert_eq!(secret(&bytes), Some((4088, SECRET_WORD)));
    }
}
