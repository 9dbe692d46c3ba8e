//! The allocator, and the `malloc` and `free` that the host calls.
//!
//! Fluent Bit asks for two blocks before each call, for tag and record, and some versions (4.1.0,
//! 4.1.1, those up to 4.0.13) never give them back. So the blocks of the host are kept and used
//! again: the first that it asks for after a call takes the place of those before the call.
//!
//! The C library calls the same `malloc` from within our calls; these blocks come from the
//! allocator, with their size before them.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr;

use dlmalloc::Dlmalloc;

/// WebAssembly without threads: there is never a second user of what is inside.
pub(crate) struct Single<T>(UnsafeCell<T>);

// SAFETY: the module is built without threads (no atomics, no shared memory).
unsafe impl<T> Sync for Single<T> {}

impl<T> Single<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    pub(crate) const fn get(&self) -> *mut T {
        self.0.get()
    }
}

struct Allocator(Single<Dlmalloc>);

#[global_allocator]
static ALLOCATOR: Allocator = Allocator(Single::new(Dlmalloc::new()));

// SAFETY: Dlmalloc keeps the contract of an allocator; one thread uses it, and it calls nothing of
// ours, so no second reference to it exists during a call.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: see above; the layout is the caller's.
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: see above; the layout is the caller's.
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: see above; the caller vouches that the block is ours and of that layout.
        unsafe { (*self.0.get()).free(block, layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: see above; the caller vouches that the block is ours and of that layout.
        unsafe { (*self.0.get()).realloc(block, layout.size(), layout.align(), size) }
    }
}

/// Blocks of the host that are kept for its next call; it needs two.
const KEPT: usize = 2;

/// A larger block is given back when the host asks for the next one in its place.
const KEPT_SIZE: usize = 1 << 20;

/// The blocks that the host asked for.
struct HostBlocks {
    kept: [Block; KEPT],
    /// How many of them it has asked for since the last call.
    used: usize,
    /// A call was made: what the host asked for before is no longer needed.
    call_made: bool,
    /// Our own code is running: what is asked for now is not the host's.
    inside: bool,
}

#[derive(Clone, Copy)]
struct Block {
    start: *mut u8,
    size: usize,
}

static HOST: Single<HostBlocks> = Single::new(HostBlocks {
    kept: [Block { start: ptr::null_mut(), size: 0 }; KEPT],
    used: 0,
    call_made: false,
    // Until our first call has ended: what the C library asks for when the module starts is its own.
    inside: true,
});

/// Our own code begins to run.
pub(crate) fn enter() {
    // SAFETY: one thread, and the reference does not outlive the statement.
    unsafe { (*HOST.get()).inside = true };
}

/// The host goes on; the blocks that it asked for before are no longer needed.
pub(crate) fn leave() {
    // SAFETY: one thread, and the reference does not outlive the block.
    unsafe {
        (*HOST.get()).inside = false;
        (*HOST.get()).call_made = true;
    }
}

impl HostBlocks {
    /// A block for the host; null if there is no memory.
    fn take(&mut self, size: usize) -> *mut u8 {
        if self.call_made {
            self.call_made = false;
            self.used = 0;
        }
        let Some(block) = self.kept.get_mut(self.used) else { return allocate(size, ALIGN) };
        self.used += 1;
        if block.size < size || (block.size > KEPT_SIZE && size <= KEPT_SIZE) {
            block.renew(size);
        }
        block.start
    }

    fn keeps(&self, start: *mut u8) -> bool {
        self.kept.iter().any(|block| block.start == start)
    }
}

impl Block {
    /// Another block in its place, with some room to grow.
    fn renew(&mut self, size: usize) {
        release(self.start);
        let room = size.checked_next_power_of_two().filter(|_| size <= KEPT_SIZE).unwrap_or(size);
        let start = allocate(room, ALIGN);
        *self = Self { start, size: if start.is_null() { 0 } else { room } };
    }
}

/// What C calls the greatest fundamental alignment.
const ALIGN: usize = 16;

/// What stands right before a block of C.
#[repr(C)]
#[derive(Clone, Copy)]
struct Header {
    size: usize,
    align: usize,
}

/// How far a block begins behind its allocation: room for the header, and aligned.
const fn offset(align: usize) -> usize {
    if align > ALIGN { align } else { ALIGN }
}

fn allocate(size: usize, align: usize) -> *mut u8 {
    let align = offset(align);
    let Some(whole) = size.checked_add(align) else { return ptr::null_mut() };
    // SAFETY: one thread (see `Allocator`); the header is written inside the allocation, right
    // before the block, which is aligned for it.
    unsafe {
        let start = (*ALLOCATOR.0.get()).malloc(whole, align);
        if start.is_null() {
            return start;
        }
        let block = start.add(align);
        block.cast::<Header>().sub(1).write(Header { size, align });
        block
    }
}

fn release(block: *mut u8) {
    if block.is_null() {
        return;
    }
    // SAFETY: `block` came from `allocate`, so that its header stands before it.
    unsafe {
        let Header { size, align } = block.cast::<Header>().sub(1).read();
        (*ALLOCATOR.0.get()).free(block.sub(align), size + align, align);
    }
}

/// C's `malloc`, for the host and for the C library.
#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut u8 {
    // SAFETY: one thread, and nothing that is called from here comes back here.
    let host = unsafe { &mut *HOST.get() };
    if host.inside { allocate(size, ALIGN) } else { host.take(size) }
}

/// C's `free`. What is kept for the host stays; null is nothing.
#[unsafe(no_mangle)]
extern "C" fn free(block: *mut u8) {
    // SAFETY: one thread, and nothing that is called from here comes back here.
    let host = unsafe { &mut *HOST.get() };
    if !host.keeps(block) {
        release(block);
    }
}

/// C's `calloc`.
#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, size: usize) -> *mut u8 {
    let Some(size) = count.checked_mul(size) else { return ptr::null_mut() };
    let block = malloc(size);
    if !block.is_null() {
        // SAFETY: the block is of that size.
        unsafe { block.write_bytes(0, size) };
    }
    block
}

/// C's `realloc`.
#[unsafe(no_mangle)]
extern "C" fn realloc(block: *mut u8, size: usize) -> *mut u8 {
    if block.is_null() {
        return malloc(size);
    }
    let new = allocate(size, ALIGN);
    if !new.is_null() {
        // SAFETY: `block` came from `allocate`, so that its header stands before it; both blocks
        // are at least that long and do not overlap.
        unsafe {
            let old = block.cast::<Header>().sub(1).read().size;
            ptr::copy_nonoverlapping(block, new, old.min(size));
        }
        free(block);
    }
    new
}

/// C's `aligned_alloc`.
#[unsafe(no_mangle)]
extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut u8 {
    if align.is_power_of_two() { allocate(size, align) } else { ptr::null_mut() }
}

/// POSIX's `posix_memalign`: 0, EINVAL or ENOMEM.
#[unsafe(no_mangle)]
extern "C" fn posix_memalign(out: *mut *mut u8, align: usize, size: usize) -> i32 {
    const EINVAL: i32 = 28;
    const ENOMEM: i32 = 48;
    if !align.is_power_of_two() {
        return EINVAL;
    }
    let block = allocate(size, align);
    if block.is_null() {
        return ENOMEM;
    }
    // SAFETY: the caller's pointer, by the contract of the function.
    unsafe { out.write(block) };
    0
}
