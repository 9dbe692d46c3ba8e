//! The engine itself: what every other host is held against.

use std::path::Path;
use std::sync::Arc;

use logtriage_engine::{BUILTIN_RULES, Config, Engine, Labels, Model, RuleSource, Rules, Setup};

use crate::directory::Files;
use crate::{Failure, Host, Lost};

/// The engine as a library, with rules compiled from their text.
pub struct Native {
    engine: Engine,
}

impl Native {
    /// See [`crate::Kind::start`].
    ///
    /// # Errors
    /// Config or rules are wrong.
    pub fn start(directory: Option<&Path>) -> Result<Self, Failure> {
        let files = Files::read(directory)?;
        let config = files.parsed()?;
        let rules = rules(&config, &files)?;
        let setup = Setup::new(&config, rules, Arc::new(Model::builtin()?))?;
        let mut engine = Engine::new(Arc::new(setup));
        for (kind, verdicts) in &files.verdicts {
            engine.learn(*kind, verdicts);
        }
        Ok(Self { engine })
    }
}

fn rules(config: &Config, files: &Files) -> Result<Rules, Failure> {
    let mut named = files.rules.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
    let texts: Vec<_> = config
        .rules
        .iter()
        .filter_map(|source| match source {
            RuleSource::Builtin => Some(("built-in rules", BUILTIN_RULES.as_bytes())),
            RuleSource::File(_) => named.next(),
        })
        .collect();
    Ok(Rules::parse(&texts, &Labels::default())?)
}

impl Host for Native {
    fn annotate(&mut self, record: &[u8]) -> Result<Vec<u8>, Lost> {
        let mut out = Vec::new();
        self.engine.annotate(record, 0, &mut out);
        Ok(out)
    }
}
