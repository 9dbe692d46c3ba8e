//! How a command ends.

use std::path::Path;

use logtriage_files::FileError;

/// A command that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Exit status 0.
    Clean,
    /// Something in the data was wrong: exit status 1.
    WithProblems,
}

/// A command that could not run: exit status 2. Says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file that a person wrote is wrong, or cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file or stream cannot be read or written.
    #[error("{file}: {problem}")]
    Io {
        /// The file as the user named it.
        file: String,
        /// What the system said.
        problem: std::io::Error,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// A problem with a file.
    pub fn io(file: &Path, problem: std::io::Error) -> Self {
        Self::Io { file: file.display().to_string(), problem }
    }

    /// A problem that needs a sentence.
    pub fn other(message: impl Into<String>) -> Self {
        Self::Other(message.into())
    }
}
