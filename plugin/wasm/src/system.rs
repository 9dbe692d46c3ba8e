//! What the guest asks of WASI beside files: which directories there are, and what time it is.
#![allow(unsafe_code)]

use std::path::PathBuf;

/// The directories that the host opened for us (`accessible_paths` in Fluent Bit), in its order.
pub(crate) fn directories() -> Vec<PathBuf> {
    // 0 to 2 are the standard streams.
    (3..).map_while(directory).collect()
}

fn directory(fd: wasi::Fd) -> Option<PathBuf> {
    // SAFETY: the call writes a result of its own.
    let found = unsafe { wasi::fd_prestat_get(fd) }.ok()?;
    // SAFETY: the only kind there is, a directory, as its tag says.
    let length =
        (found.tag == wasi::PREOPENTYPE_DIR.raw()).then(|| unsafe { found.u.dir.pr_name_len })?;
    let mut name = vec![0; length];
    // SAFETY: `name` has room for that many bytes.
    unsafe { wasi::fd_prestat_dir_name(fd, name.as_mut_ptr(), length) }.ok()?;
    let end = name.iter().position(|b| *b == 0).unwrap_or(length);
    name.truncate(end);
    String::from_utf8(name).ok().map(PathBuf::from)
}

/// Milliseconds of a clock that does not run backwards; 0 where there is none.
pub(crate) fn now() -> u64 {
    // SAFETY: the call writes a result of its own.
    let time = unsafe { wasi::clock_time_get(wasi::CLOCKID_MONOTONIC, 1_000_000) };
    time.unwrap_or(0) / 1_000_000
}
