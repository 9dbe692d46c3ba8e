//! The config that a command works with.

use std::path::{Path, PathBuf};

use logtriage_files::{CONFIG, FileError, Loaded};

/// Options of every command that labels.
#[derive(clap::Args, Clone, Debug)]
pub struct SetupArgs {
    /// Config file; without it `logtriage.toml` in the working directory, if there is one
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl SetupArgs {
    /// Reads the config that the user named, else the one in the working directory, else gives the
    /// built-in one.
    pub fn load(&self) -> Result<Loaded, FileError> {
        match &self.config {
            Some(path) => Loaded::read(path),
            None if Path::new(CONFIG).exists() => Loaded::read(Path::new(CONFIG)),
            None => Ok(Loaded::default()),
        }
    }
}
