//! A config and where it stands.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use logtriage_engine::{Config, Labels, Model, ModelSource, Setup};

use crate::error::FileError;
use crate::parts::load_model;
use crate::rules::RuleForm;
use crate::state::{Journals, State};

/// What a config is called where none is named.
pub const CONFIG: &str = "logtriage.toml";

/// What a host says of `embedder = "onnx"` that cannot load ONNX Runtime.
pub const NO_TRANSFORMERS: &str = "embedder = \"onnx\" needs ONNX Runtime, which this host cannot load; \
                                   the logtriage command, its sidecar and the Lua module can";

/// A config and where it stands: its paths are relative to it.
#[derive(Debug, Default)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// Empty for the built-in one.
    path: PathBuf,
}

impl Loaded {
    /// Reads a config.
    ///
    /// # Errors
    /// It cannot be read, or something in it is wrong.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let bytes = std::fs::read(path).map_err(|problem| FileError::io(path, problem))?;
        let config = Config::parse(&path.display().to_string(), &bytes)?;
        Ok(Self { config, path: path.to_owned() })
    }

    /// A path of the config, seen from the working directory.
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    /// A file or directory that the config names under `key` and that cannot be read.
    pub(crate) fn unreadable(&self, key: &str, name: &str, problem: &std::io::Error) -> FileError {
        FileError::Other(format!("{}: {key} = {name:?}: {problem}", self.path.display()))
    }

    /// Reads rules and model and puts everything together.
    ///
    /// # Errors
    /// The first thing wrong.
    pub fn setup(&self, form: RuleForm) -> Result<Setup, FileError> {
        let model = self.model()?;
        let labels = Labels::new(model.labels().iter().map(String::as_str));
        let rules = self.rules(form, &labels)?;
        Ok(Setup::new(&self.config, rules, Arc::new(model))?)
    }

    /// The model that the config names.
    ///
    /// # Errors
    /// It cannot be read, or it is damaged.
    pub fn model(&self) -> Result<Model, FileError> {
        match (&self.config.model, &self.config.onnx) {
            (ModelSource::Builtin, _) => {
                Model::builtin().map_err(|e| FileError::Other(e.to_string()))
            }
            (ModelSource::Directory(name), None) => load_model(&self.model_directory(name)?),
            (ModelSource::Directory(name), Some(onnx)) => self.load_with_transformer(name, onnx),
        }
    }

    pub(crate) fn model_directory(&self, name: &str) -> Result<PathBuf, FileError> {
        let path = self.resolve(name);
        std::fs::read_dir(&path).map_err(|e| self.unreadable("model", name, &e))?;
        Ok(path)
    }

    #[cfg(not(feature = "onnx"))]
    fn load_with_transformer(
        &self,
        _: &str,
        _: &logtriage_engine::Onnx,
    ) -> Result<Model, FileError> {
        Err(FileError::Other(NO_TRANSFORMERS.to_owned()))
    }

    /// The state directory, if the reasoning tier is configured.
    pub fn state(&self) -> Option<State> {
        let reasoning = self.config.reasoning.as_ref()?;
        Some(State::new(self.resolve(&reasoning.state_dir)))
    }

    /// The verdicts in the state directory, if there is one.
    pub fn journals(&self) -> Journals {
        self.state().map(|state| state.journals()).unwrap_or_default()
    }
}
