//! What can be wrong with a file.

use std::path::{Path, PathBuf};

use logtriage_engine::TextError;

/// A file that cannot be used. Says which, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A text that a person wrote is wrong.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The system cannot read or write it.
    #[error("{}: {problem}", file.display())]
    Io {
        /// The file as it was named.
        file: PathBuf,
        /// What the system said.
        problem: std::io::Error,
    },
    /// Anything else: a sentence that names the file.
    #[error("{0}")]
    Other(String),
}

impl FileError {
    pub(crate) fn io(file: &Path, problem: std::io::Error) -> Self {
        Self::Io { file: file.to_owned(), problem }
    }
}
