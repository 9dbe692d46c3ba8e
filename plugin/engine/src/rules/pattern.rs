//! Patterns that are compiled where they are matched.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};

use super::compile::file::Entry;
use crate::location::TextError;

/// The greatest compiled size of one pattern, in bytes.
pub(super) const SIZE_LIMIT: usize = 1 << 20;

/// A pattern that is compiled when a message first needs it.
#[derive(Debug)]
pub(super) struct Pattern {
    text: Box<str>,
    case_insensitive: bool,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// A pattern that is known to be right.
    pub(super) fn new(entry: &Entry<'_>) -> Self {
        Self {
            text: entry.pattern.as_str().into(),
            case_insensitive: entry.case_insensitive,
            compiled: OnceLock::new(),
        }
    }

    /// A pattern that is compiled at once, and refused if it is wrong or its examples contradict
    /// it.
    pub(super) fn checked(entry: &Entry<'_>) -> Result<Self, TextError> {
        let compiled = compile(&entry.pattern, entry.case_insensitive)
            .map_err(|error| entry.error(describe(&error)))?;
        if compiled.is_match(b"") {
            return Err(
                entry.error("the pattern matches the empty message, so it matches everything")
            );
        }
        entry.check_examples(|text| compiled.is_match(text.as_bytes()))?;
        Ok(Self { compiled: OnceLock::from(Some(compiled)), ..Self::new(entry) })
    }

    pub(super) fn is_match(&self, message: &[u8]) -> bool {
        let compiled = || compile(&self.text, self.case_insensitive).ok();
        self.compiled.get_or_init(compiled).as_ref().is_some_and(|p| p.is_match(message))
    }
}

fn compile(pattern: &str, case_insensitive: bool) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(case_insensitive)
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(SIZE_LIMIT)
        .build()
}

fn describe(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(limit) => format!(
            "the compiled pattern is larger than {limit} bytes; make repetitions and classes smaller"
        ),
        other => format!("the pattern is no valid regular expression: {other}"),
    }
}
