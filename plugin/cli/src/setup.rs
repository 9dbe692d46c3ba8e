//! What a command works with: a config, an engine that knows the verdicts, a bundle.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use logtriage_engine::semantic::{BundleParts, builtin_parts};
use logtriage_engine::{Engine, Setup};
use logtriage_files::{CONFIG, FileError, Journals, Loaded};

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

/// An engine that knows the verdicts, and how many of them it refused.
pub fn engine(setup: &Arc<Setup>, journals: &Journals) -> (Engine, usize) {
    let mut engine = Engine::new(Arc::clone(setup));
    let refused = journals
        .verdicts
        .iter()
        .map(|(kind, verdicts)| engine.learn(*kind, verdicts).refused)
        .sum();
    (engine, refused)
}

/// The parts of the bundle or table in a directory, else those of the built-in model.
pub fn bundle(directory: Option<&Path>) -> Result<BundleParts, FileError> {
    directory.map_or_else(|| Ok(builtin_parts()), logtriage_files::read_parts)
}
