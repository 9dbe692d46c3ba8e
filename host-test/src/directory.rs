//! The files that a directory holds for hosts that read them themselves.

use std::path::Path;

use logtriage_engine::{Config, Kind, RuleSource, Verdict, read_journal};

use crate::Failure;

/// Config, rule files and verdicts.
#[derive(Default)]
pub(crate) struct Files {
    /// The bytes of `logtriage.toml`, if there is one.
    pub(crate) config: Option<Vec<u8>>,
    /// The rule files that it names.
    pub(crate) rules: Vec<(String, Vec<u8>)>,
    /// The same rules as `logtriage compile-rules` compiles them.
    pub(crate) compiled_rules: Option<Vec<u8>>,
    /// In the order in which they are to be learnt.
    pub(crate) verdicts: Vec<(Kind, Vec<Verdict>)>,
}

impl Files {
    /// Nothing without a directory.
    pub(crate) fn read(directory: Option<&Path>) -> Result<Self, Failure> {
        let Some(directory) = directory else { return Ok(Self::default()) };
        let mut files = Self::default();
        let Ok(config) = std::fs::read(directory.join("logtriage.toml")) else {
            std::fs::read_dir(directory)?;
            return Ok(files);
        };
        let parsed = parse(&config)?;
        for source in &parsed.rules {
            if let RuleSource::File(name) = source {
                files.rules.push((name.clone(), std::fs::read(directory.join(name))?));
            }
        }
        files.compiled_rules = std::fs::read(directory.join("rules.bin")).ok();
        if let Some(reasoning) = &parsed.reasoning {
            let state = directory.join(&reasoning.state_dir);
            for (journal, kind) in
                [("verdicts.human.jsonl", Kind::Person), ("verdicts.jsonl", Kind::Machine)]
            {
                let (verdicts, _) =
                    read_journal(&std::fs::read(state.join(journal)).unwrap_or_default());
                files.verdicts.push((kind, verdicts));
            }
        }
        files.config = Some(config);
        Ok(files)
    }

    /// What the config says.
    pub(crate) fn parsed(&self) -> Result<Config, Failure> {
        self.config.as_deref().map_or_else(|| Ok(Config::default()), parse)
    }
}

fn parse(config: &[u8]) -> Result<Config, Failure> {
    Ok(Config::parse("logtriage.toml", config)?)
}
