//! Reads the record into a `serde_json::Value`, adds three fields and prints it: what a filter in
//! Rust does.

use std::cell::RefCell;

use serde_json::Value;

thread_local!(static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });

/// The filter.
// SAFETY: no other function of this module has the name.
#[unsafe(no_mangle)]
pub extern "C" fn logtriage(
    _tag: *const u8,
    _tag_length: u32,
    _seconds: u32,
    _nanoseconds: u32,
    record: *const u8,
    record_length: u32,
) -> *const u8 {
    // SAFETY: the host gives a record of that length, which stays until this returns.
    let record = unsafe { std::slice::from_raw_parts(record, record_length as usize) };
    let mut value: Value = serde_json::from_slice(record).expect("JSON");
    value["label"] = "System Notification".into();
    value["confidence"] = 0.9731.into();
    value["host"] = "node-3".into();
    ANSWER.with_borrow_mut(|answer| {
        answer.clear();
        serde_json::to_writer(&mut *answer, &value).expect("memory");
        answer.push(0);
        answer.as_ptr()
    })
}
