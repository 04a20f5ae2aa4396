//! The memory of a filter. An instance judges one envelope and is dropped, so nothing needs to be given back: blocks
//! lie one behind the other, in what the first page of memory has left, and growing it is the exception.
//!
//! Growing costs the host several microseconds, which is as much as all the rest of a small filter.

/// Where the next block goes, in addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Region {
    /// All before it is taken.
    next: usize,
    end: usize,
}

/// Gives at least so many bytes of fresh memory: their first address, and the end.
trait Grow: Fn(usize) -> Option<(usize, usize)> {}

impl<G: Fn(usize) -> Option<(usize, usize)>> Grow for G {}

impl Region {
    /// The address of a new block; none if there is no memory for it. `align` is a power of two.
    fn place(&mut self, size: usize, align: usize, grow: impl Grow) -> Option<usize> {
        let start = self.next.checked_next_multiple_of(align)?;
        if let Some(end) = start.checked_add(size).filter(|end| *end <= self.end) {
            self.next = end;
            return Some(start);
        }
        let lacking = start.checked_add(size)?.checked_sub(self.end)?;
        self.grow(lacking, grow)?;
        // Anew, since fresh memory does not lie behind ours if somebody else has grown it. A page is always aligned.
        let start = self.next.checked_next_multiple_of(align)?;
        self.next = start.checked_add(size).filter(|end| *end <= self.end)?;
        Some(start)
    }

    fn grow(&mut self, size: usize, grow: impl Grow) -> Option<()> {
        let (start, end) = grow(size)?;
        if start != self.end {
            self.next = start;
        }
        self.end = end;
        Some(())
    }

    /// Whether the block could be given another size where it is. The last one can, as far as memory goes.
    fn resize(&mut self, block: usize, size: usize, new_size: usize, grow: impl Grow) -> bool {
        if new_size <= size {
            if self.is_last(block, size) {
                self.next = block.saturating_add(new_size);
            }
            return true;
        }
        if !self.is_last(block, size) {
            return false;
        }
        let Some(end) = block.checked_add(new_size) else {
            return false;
        };
        if end > self.end {
            let lacking = end.saturating_sub(self.end);
            if self.grow(lacking, grow).is_none() || !self.is_last(block, size) {
                return false;
            }
        }
        self.next = end;
        true
    }

    /// Takes the block back if it is the last one: so a loop that reads piece by piece needs room for one piece.
    fn release(&mut self, block: usize, size: usize) {
        if self.is_last(block, size) {
            self.next = block;
        }
    }

    fn is_last(&self, block: usize, size: usize) -> bool {
        block.checked_add(size) == Some(self.next)
    }
}

#[cfg(target_arch = "wasm32")]
pub use wasm::Arena;

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "an allocator cannot do without")]
mod wasm {
    use core::alloc::{GlobalAlloc, Layout};
    use core::arch::wasm32::{memory_grow, memory_size};
    use core::cell::Cell;
    use core::ptr;

    use super::Region;

    const PAGE_BYTES: usize = 65_536;

    unsafe extern "C" {
        /// The linker puts it behind the stack and all data. Its address is what it says.
        static __heap_base: u8;
    }

    /// The allocator of a filter.
    pub struct Arena(Cell<Option<Region>>);

    // SAFETY: a module has one thread.
    unsafe impl Sync for Arena {}

    impl Arena {
        /// Takes no memory until the first block is asked for.
        pub const fn new() -> Self {
            Self(Cell::new(None))
        }

        fn with<T>(&self, work: impl FnOnce(&mut Region) -> T) -> T {
            let mut region = self.0.get().unwrap_or_else(|| Region {
                next: (&raw const __heap_base).addr(),
                end: memory_size::<0>().saturating_mul(PAGE_BYTES),
            });
            let answer = work(&mut region);
            self.0.set(Some(region));
            answer
        }
    }

    fn grow(size: usize) -> Option<(usize, usize)> {
        let pages = size.div_ceil(PAGE_BYTES);
        let start = memory_grow::<0>(pages).checked_mul(PAGE_BYTES)?;
        Some((start, start.checked_add(pages.checked_mul(PAGE_BYTES)?)?))
    }

    // SAFETY: blocks lie within memory and behind all data, aligned and apart from one another; a block stays where it
    // is until it is given back or moved.
    unsafe impl GlobalAlloc for Arena {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            let place = self.with(|region| region.place(layout.size(), layout.align(), grow));
            place.map_or(ptr::null_mut(), ptr::with_exposed_provenance_mut)
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            self.with(|region| region.release(block.addr(), layout.size()));
        }

        unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
            if self.with(|region| region.resize(block.addr(), layout.size(), new_size, grow)) {
                return block;
            }
            let place = self.with(|region| region.place(new_size, layout.align(), grow));
            let Some(place) = place else {
                return ptr::null_mut();
            };
            let moved = ptr::with_exposed_provenance_mut(place);
            // SAFETY: a block that has to move grows, and its new place is apart from it.
            unsafe { ptr::copy_nonoverlapping(block, moved, layout.size()) };
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]

    use super::*;

    /// Memory for this many bytes more, directly behind the region of `region()`.
    fn more(size: usize) -> Option<(usize, usize)> {
        Some((200, 200 + size.next_multiple_of(100)))
    }

    fn none(_size: usize) -> Option<(usize, usize)> {
        None
    }

    fn unneeded(size: usize) -> Option<(usize, usize)> {
        panic!("{size} more bytes were asked for")
    }

    fn region() -> Region {
        Region { next: 101, end: 200 }
    }

    #[test]
    fn blocks_lie_one_behind_the_other_and_aligned() {
        let mut region = region();
        assert_eq!(region.place(3, 1, unneeded), Some(101));
        assert_eq!(region.place(8, 8, unneeded), Some(104));
        assert_eq!(region.place(1, 1, unneeded), Some(112));
        assert_eq!(region.place(72, 16, unneeded), Some(128));
        assert_eq!(region, Region { next: 200, end: 200 });
    }

    #[test]
    fn a_full_region_grows_by_what_is_lacking() {
        let mut region = region();
        let asked = std::cell::Cell::new(0);
        let grow = |size| {
            asked.set(size);
            more(size)
        };
        assert_eq!(region.place(150, 2, grow), Some(102));
        assert_eq!((asked.get(), region), (52, Region { next: 252, end: 300 }));
    }

    #[test]
    fn fresh_memory_elsewhere_is_used_from_its_start() {
        let mut region = region();
        assert_eq!(region.place(150, 8, |_| Some((1000, 1200))), Some(1000));
        assert_eq!(region, Region { next: 1150, end: 1200 });
        assert!(!region.resize(1000, 150, 250, |_| Some((3000, 3300))));
        assert_eq!(region.place(250, 8, none), Some(3000));
    }

    #[test]
    fn what_cannot_be_had_changes_nothing() {
        for (size, align) in [(100, 1), (usize::MAX, 1), (1, 1 << 40)] {
            let mut region = region();
            assert_eq!(region.place(size, align, none), None);
            assert_eq!(region, self::region());
        }
        let mut region = region();
        assert_eq!(region.place(50, 1, unneeded), Some(101));
        for new_size in [100, usize::MAX] {
            assert!(!region.resize(101, 50, new_size, none));
        }
        assert_eq!(region.next, 151);
    }

    #[test]
    fn the_last_block_changes_its_size_in_place_and_can_be_given_back() {
        let mut region = region();
        let first = region.place(10, 1, unneeded).unwrap_or_default();
        assert!(region.resize(first, 10, 99, unneeded));
        assert!(region.resize(first, 99, 120, more));
        assert_eq!(region, Region { next: 221, end: 300 });
        assert!(region.resize(first, 120, 20, unneeded));
        assert_eq!(region.next, 121);
        region.release(first, 20);
        assert_eq!(region.next, 101);
    }

    #[test]
    fn a_block_before_the_last_one_stays_as_it_is() {
        let mut region = region();
        let first = region.place(10, 1, unneeded).unwrap_or_default();
        region.place(10, 1, unneeded);
        let before = region;
        assert!(!region.resize(first, 10, 11, unneeded));
        assert!(region.resize(first, 10, 5, unneeded));
        region.release(first, 10);
        assert_eq!(region, before);
    }
}
