//! Fluent Bit's C ABI for a `wasm` filter with `event_format json`.
#![allow(unsafe_code)]

use std::ptr;

use crate::filter::{Filter, Trapped};
use crate::memory::{self, Single};
use crate::system;

static FILTER: Single<Option<Filter>> = Single::new(None);

/// What was going on when the last call ended; anything but `Idle` means that it trapped.
static STAGE: Single<Stage> = Single::new(Stage::Idle);

/// Calls that trapped.
static TRAPS: Single<u32> = Single::new(0);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Idle,
    Configuring,
    Labelling,
}

/// The filter: `function_name logtriage` in Fluent Bit's config. Takes an event's tag, time and
/// record (JSON of `record_length` bytes, then a zero), and gives the record to go on with, ended
/// by a zero. It stands in our memory until the next call; the host copies it.
///
/// # Safety
/// `record` is null or points to `record_length` bytes in our memory; checked as far as can be.
#[unsafe(no_mangle)]
unsafe extern "C" fn logtriage(
    _tag: *const u8,
    _tag_length: u32,
    _seconds: u32,
    _nanoseconds: u32,
    record: *const u8,
    record_length: u32,
) -> *const u8 {
    memory::enter();
    // SAFETY: by the contract of this function; the bounds are checked.
    let record = unsafe { bytes(record, record_length as usize) };
    let answer = answer(record, record_length as usize);
    memory::leave();
    answer
}

fn answer(record: Option<&[u8]>, length: usize) -> *const u8 {
    let now = system::now();
    let filter = ready(now);
    set_stage(Stage::Labelling);
    let answer = match record {
        // A record that cannot be answered for want of memory goes back as it came: the host ended
        // it by a zero.
        Some(record) => filter.answer(record, now).map_or(record.as_ptr(), <[u8]>::as_ptr),
        None => filter.without_record(length, now).as_ptr(),
    };
    logtriage_files::print_reports(filter.reports());
    set_stage(Stage::Idle);
    answer
}

/// The filter, made on the first call. One whose last call trapped is never used again: it may be
/// half changed.
fn ready(now: u64) -> &'static mut Filter {
    // SAFETY: one thread, and the one reference: it ends with the call.
    let (filter, stage) = unsafe { (&mut *FILTER.get(), *STAGE.get()) };
    if stage != Stage::Idle {
        let trapped = count_trap(stage);
        // SAFETY: as above. What was there is not dropped: it may be half changed.
        unsafe { ptr::write(filter, Some(Filter::after(trapped, system::directories, now))) };
    }
    set_stage(Stage::Configuring);
    filter.get_or_insert_with(|| Filter::open(&system::directories(), now))
}

fn count_trap(stage: Stage) -> Trapped {
    // SAFETY: one thread, and the reference does not outlive the function.
    let traps = unsafe { &mut *TRAPS.get() };
    *traps += 1;
    match stage {
        Stage::Configuring => Trapped::WhileConfiguring,
        Stage::Idle | Stage::Labelling => Trapped::WhileLabelling { times: *traps },
    }
}

fn set_stage(stage: Stage) {
    // SAFETY: one thread; a plain store.
    unsafe { STAGE.get().write(stage) };
}

/// The bytes that a pointer of the host stands for; `None` for null and what is not in our memory.
///
/// # Safety
/// Nobody writes there while the result is in use.
unsafe fn bytes<'a>(start: *const u8, length: usize) -> Option<&'a [u8]> {
    let memory = core::arch::wasm32::memory_size(0).checked_mul(64 << 10).unwrap_or(usize::MAX);
    let end = (start as usize).checked_add(length)?;
    if start.is_null() || end > memory {
        return None;
    }
    // SAFETY: inside our memory, which is all readable.
    Some(unsafe { std::slice::from_raw_parts(start, length) })
}
