//! Noticing that a file changed, by what `stat` says.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file that is looked at from time to time. It is named by its path, so that a symbolic link
/// swapped somewhere on the way (a mounted ConfigMap) is a change, too.
#[derive(Debug)]
pub(crate) struct Watched {
    path: PathBuf,
    seen: Option<Stamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

impl Watched {
    /// A file as it is now; it need not exist.
    pub(crate) fn new(path: PathBuf) -> Self {
        let seen = stamp(&path);
        Self { path, seen }
    }

    /// A file of which nothing was seen yet: if it exists, that is a change.
    pub(crate) fn unseen(path: PathBuf) -> Self {
        Self { path, seen: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it changed, came or went since the last look.
    pub(crate) fn changed(&mut self) -> bool {
        let now = stamp(&self.path);
        let changed = now != self.seen;
        self.seen = now;
        changed
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    std::fs::metadata(path)
        .ok()
        .map(|data: Metadata| Stamp { length: data.len(), modified: data.modified().ok() })
}
