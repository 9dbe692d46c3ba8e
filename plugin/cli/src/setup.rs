//! From the files that a user named to an engine that is ready.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use logtriage_engine::{
    BUILTIN_RULES, Config, Labels, Model, ModelSource, RuleSource, Rules, Setup,
};

use crate::failure::Failure;
use crate::parts;
use crate::state::{Journals, State};

/// The config that is used where none is named.
const DEFAULT_CONFIG: &str = "logtriage.toml";

/// What errors call a rule file, and what it holds.
pub type RuleFile = (String, Cow<'static, [u8]>);

/// Options of every command that labels.
#[derive(clap::Args, Debug)]
pub struct SetupArgs {
    /// Config file; without it `logtriage.toml` in the working directory, if there is one
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// A config and where it stands: its paths are relative to it.
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// Empty for the built-in one.
    path: PathBuf,
}

impl Loaded {
    /// Reads the config that the user named, else the one in the working directory, else the
    /// built-in one.
    pub fn read(args: &SetupArgs) -> Result<Self, Failure> {
        let path = match &args.config {
            Some(path) => path.clone(),
            None if Path::new(DEFAULT_CONFIG).exists() => PathBuf::from(DEFAULT_CONFIG),
            None => return Ok(Self { config: Config::default(), path: PathBuf::new() }),
        };
        let bytes = std::fs::read(&path).map_err(|e| Failure::io(&path, e))?;
        let config = Config::parse(&path.display().to_string(), &bytes)?;
        Ok(Self { config, path })
    }

    /// A path of the config, seen from the working directory.
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    /// A file or directory that the config names under `key` and that cannot be read.
    fn unreadable(&self, key: &str, name: &str, problem: &std::io::Error) -> Failure {
        Failure::other(format!("{}: {key} = {name:?}: {problem}", self.path.display()))
    }

    /// Reads rules and model and puts everything together.
    pub fn setup(&self) -> Result<Setup, Failure> {
        let model = self.model()?;
        let labels = Labels::new(model.labels().iter().map(String::as_str));
        let rules = self.rules(&labels)?;
        Ok(Setup::new(&self.config, rules, Arc::new(model))?)
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

    /// The model that the config names.
    pub fn model(&self) -> Result<Model, Failure> {
        match &self.config.model {
            ModelSource::Builtin => Model::builtin().map_err(|e| Failure::other(e.to_string())),
            ModelSource::Directory(name) => {
                let path = self.resolve(name);
                std::fs::read_dir(&path).map_err(|e| self.unreadable("model", name, &e))?;
                load_model(&path)
            }
        }
    }

    fn rules(&self, labels: &Labels) -> Result<Rules, Failure> {
        if self.config.rules == [RuleSource::Builtin] && *labels == Labels::default() {
            return Ok(Rules::builtin(labels)?);
        }
        let files = self.rule_files(labels)?;
        let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), &**bytes)).collect();
        Ok(Rules::parse(&files, labels)?)
    }

    /// The rule files of the config, in order.
    pub fn rule_files(&self, labels: &Labels) -> Result<Vec<RuleFile>, Failure> {
        if self.config.rules == Config::default().rules && *labels != Labels::default() {
            // A model with labels of its own: the built-in rules do not speak them.
            return Ok(Vec::new());
        }
        let file = |source: &RuleSource| match source {
            RuleSource::Builtin => {
                Ok(("built-in rules".to_owned(), Cow::Borrowed(BUILTIN_RULES.as_bytes())))
            }
            RuleSource::File(name) => {
                let path = self.resolve(name);
                let bytes = std::fs::read(&path).map_err(|e| self.unreadable("rules", name, &e))?;
                Ok((path.display().to_string(), Cow::Owned(bytes)))
            }
        };
        self.config.rules.iter().map(file).collect()
    }
}

/// Reads a bundle directory.
pub fn load_model(directory: &Path) -> Result<Model, Failure> {
    let parts = parts::read(directory).map_err(|error| Failure::other(error.to_string()))?;
    Model::load(parts).map_err(|error| Failure::other(format!("{}: {error}", directory.display())))
}
