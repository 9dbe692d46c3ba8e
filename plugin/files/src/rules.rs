//! The rules that a config names.

use std::borrow::Cow;
use std::path::PathBuf;

use logtriage_engine::{BUILTIN_RULES, Config, Labels, RuleSource, Rules};

use crate::error::FileError;
use crate::loaded::Loaded;

/// What `logtriage compile-rules` writes beside the config.
pub const COMPILED: &str = "rules.bin";

/// How a host takes its rules.
#[derive(Clone, Copy, Debug)]
pub enum RuleForm {
    /// As text, compiled here.
    #[cfg(feature = "regex")]
    Text,
    /// Compiled by `logtriage compile-rules`: where there is no room to compile a regular
    /// expression.
    Compiled {
        /// The rules inside the program.
        builtin: &'static [u8],
    },
}

impl RuleForm {
    /// The rules inside the program, unless the model has labels of its own, which they do not
    /// speak.
    pub(crate) fn builtin(self, labels: &Labels) -> Result<Rules, FileError> {
        if *labels != Labels::default() {
            return Ok(Rules::none());
        }
        match self {
            #[cfg(feature = "regex")]
            Self::Text => Ok(Rules::builtin(labels)?),
            Self::Compiled { builtin } => {
                let wrong = |e| FileError::Other(format!("built-in rules: {e}"));
                Rules::load(Cow::Borrowed(builtin), labels).map_err(wrong)
            }
        }
    }
}

impl Loaded {
    /// The rule files that the config names, in their order: what errors call them, and what they
    /// hold. None for the built-in rules and a model with labels of its own, which they do not
    /// speak.
    ///
    /// # Errors
    /// One that cannot be read.
    pub fn rule_files(
        &self,
        labels: &Labels,
    ) -> Result<Vec<(String, Cow<'static, [u8]>)>, FileError> {
        if self.config.rules == Config::default().rules && *labels != Labels::default() {
            return Ok(Vec::new());
        }
        let read = |source: &RuleSource| match source {
            RuleSource::Builtin => {
                Ok(("built-in rules".to_owned(), Cow::Borrowed(BUILTIN_RULES.as_bytes())))
            }
            RuleSource::File(name) => {
                let path = self.resolve(name);
                let bytes = std::fs::read(&path).map_err(|e| self.unreadable("rules", name, &e))?;
                Ok((path.display().to_string(), Cow::Owned(bytes)))
            }
        };
        self.config.rules.iter().map(read).collect()
    }

    /// Where the compiled rules stand: beside the config.
    pub fn compiled_rules(&self) -> PathBuf {
        self.resolve(COMPILED)
    }

    /// Reads the rules.
    ///
    /// # Errors
    /// A file that cannot be read or is wrong; compiled rules that are absent, stale or damaged.
    pub(crate) fn rules(&self, form: RuleForm, labels: &Labels) -> Result<Rules, FileError> {
        if self.config.rules.is_empty() {
            return Ok(Rules::none());
        }
        if self.config.rules == Config::default().rules {
            return form.builtin(labels);
        }
        let files = self.rule_files(labels)?;
        let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), &**text)).collect();
        match form {
            #[cfg(feature = "regex")]
            RuleForm::Text => Ok(Rules::parse(&files, labels)?),
            RuleForm::Compiled { .. } => self.load_compiled(&files, labels),
        }
    }

    fn load_compiled(&self, files: &[(&str, &[u8])], labels: &Labels) -> Result<Rules, FileError> {
        let path = self.compiled_rules();
        let advice = "run `logtriage compile-rules --config` on the config and put the file there";
        let wrong =
            |what: String| FileError::Other(format!("{}: {what}: {advice}", path.display()));
        let bytes = std::fs::read(&path).map_err(|problem| wrong(problem.to_string()))?;
        let rules = Rules::load(bytes, labels).map_err(|e| wrong(e.to_string()))?;
        if rules.digest() != Rules::digest_of(files) {
            return Err(wrong("is stale: the rule files are newer".to_owned()));
        }
        Ok(rules)
    }

    /// Every file whose change changes the rules.
    pub(crate) fn rule_paths(&self, form: RuleForm) -> Vec<PathBuf> {
        let named = self.config.rules.iter().filter_map(|source| match source {
            RuleSource::Builtin => None,
            RuleSource::File(name) => Some(self.resolve(name)),
        });
        let mut paths: Vec<PathBuf> = named.collect();
        if !paths.is_empty() && matches!(form, RuleForm::Compiled { .. }) {
            paths.push(self.compiled_rules());
        }
        paths
    }
}
