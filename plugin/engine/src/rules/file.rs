//! `rules.toml`: reading and checking.

use std::collections::HashMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::glob::Glob;
use crate::labels::{LabelId, Labels};
use crate::location::{TextError, utf8};

/// The greatest number of rules in all files together.
pub const MAX_RULES: usize = 10_000;

/// Why rules were refused.
pub type RulesError = TextError;

/// One rule as its file has it, checked but not compiled.
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) label: LabelId,
    pub(super) pattern: String,
    pub(super) case_insensitive: bool,
    pub(super) source: Option<Glob>,
    pub(super) examples: Vec<Example>,
    pattern_place: TextError,
}

/// A message that a rule must match, or must not.
pub(super) struct Example {
    text: String,
    matches: bool,
    place: TextError,
}

impl Entry {
    /// A problem with this entry's pattern.
    pub(super) fn error(&self, message: impl Into<String>) -> TextError {
        let message = format!("rule \"{}\": {}", self.id, message.into());
        TextError { message, ..self.pattern_place.clone() }
    }
}

/// Refuses examples that the pattern contradicts.
pub(super) fn check_examples(
    examples: &[Example],
    is_match: impl Fn(&str) -> bool,
) -> Result<(), TextError> {
    match examples.iter().find(|example| is_match(&example.text) != example.matches) {
        Some(wrong) => Err(wrong.place.clone()),
        None => Ok(()),
    }
}

/// All rules of all files, in order.
pub(super) fn read_all(files: &[(&str, &[u8])], labels: &Labels) -> Result<Vec<Entry>, TextError> {
    let mut entries = Vec::new();
    let mut places = HashMap::new();
    for (file, bytes) in files {
        let text = utf8(file, bytes)?;
        let raw: RawFile = toml::from_str(text).map_err(|e| TextError::toml(file, text, &e))?;
        for rule in raw.rule {
            let reader = Reader { file, text };
            let place = reader.error(rule.id.span(), "");
            let entry = reader.entry(rule, labels)?;
            if let Some(first) = places.insert(entry.id.clone(), place.clone()) {
                let TextError { file, line, .. } = first;
                let message = format!("rule id \"{}\" is taken by {file}:{line}", entry.id);
                return Err(TextError { message, ..place });
            }
            entries.push(entry);
            if entries.len() > MAX_RULES {
                let message = format!("more than {MAX_RULES} rules");
                return Err(TextError { message, ..place });
            }
        }
    }
    Ok(entries)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    rule: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: Spanned<String>,
    pattern: Spanned<String>,
    label: Spanned<String>,
    source: Option<Spanned<String>>,
    #[serde(default)]
    case_insensitive: bool,
    #[serde(default)]
    matches: Vec<Spanned<String>>,
    #[serde(default)]
    rejects: Vec<Spanned<String>>,
}

struct Reader<'t> {
    file: &'t str,
    text: &'t str,
}

impl Reader<'_> {
    fn error(&self, span: Range<usize>, message: impl Into<String>) -> TextError {
        TextError::at(self.file, self.text, Some(span), message)
    }

    fn entry(&self, raw: RawRule, labels: &Labels) -> Result<Entry, TextError> {
        let id = raw.id.get_ref();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if id.is_empty() || id.len() > 64 || !id.chars().all(plain) {
            let message = "a rule id takes 1 to 64 ASCII letters, digits, `-`, `_` or `.`";
            return Err(self.error(raw.id.span(), message));
        }
        let Some(label) = labels.find(raw.label.get_ref()) else {
            let message =
                format!("unknown label \"{}\"; the labels are: {labels}", raw.label.get_ref());
            return Err(self.error(raw.label.span(), message));
        };
        if let Some(source) = raw.source.as_ref().filter(|s| s.get_ref().len() > 256) {
            return Err(self.error(source.span(), "a source glob takes at most 256 bytes"));
        }
        let examples = self
            .examples(id, raw.matches, true)
            .chain(self.examples(id, raw.rejects, false))
            .collect();
        Ok(Entry {
            pattern_place: self.error(raw.pattern.span(), ""),
            label,
            case_insensitive: raw.case_insensitive,
            source: raw.source.map(|source| Glob::new(source.get_ref())),
            examples,
            pattern: raw.pattern.into_inner(),
            id: raw.id.into_inner(),
        })
    }

    fn examples(
        &self,
        id: &str,
        texts: Vec<Spanned<String>>,
        matches: bool,
    ) -> impl Iterator<Item = Example> {
        let verb = if matches { "does not match" } else { "matches" };
        texts.into_iter().map(move |text| Example {
            place: self.error(text.span(), format!("rule \"{id}\" {verb} this example")),
            text: text.into_inner(),
            matches,
        })
    }
}
