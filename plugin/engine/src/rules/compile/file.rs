//! `rules.toml`: reading and checking.

use std::collections::HashMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::super::glob::Glob;
use crate::labels::{LabelId, Labels};
use crate::location::{Place, TextError, utf8};

/// The greatest number of rules in all files together.
pub const MAX_RULES: usize = 10_000;

/// One rule as its file has it, checked but not compiled.
pub(in super::super) struct Entry<'t> {
    pub(in super::super) id: String,
    pub(in super::super) label: LabelId,
    pub(in super::super) pattern: String,
    pub(in super::super) case_insensitive: bool,
    pub(in super::super) source: Option<Glob>,
    examples: Vec<Example<'t>>,
    pattern_place: Place<'t>,
}

/// A message that a rule must match, or must not.
struct Example<'t> {
    text: String,
    matches: bool,
    place: Place<'t>,
}

impl Entry<'_> {
    /// A problem with this entry's pattern.
    pub(in super::super) fn error(&self, message: impl Into<String>) -> TextError {
        self.pattern_place.error(format!("rule \"{}\": {}", self.id, message.into()))
    }

    /// Refuses examples that the pattern contradicts.
    pub(in super::super) fn check_examples(
        &self,
        is_match: impl Fn(&str) -> bool,
    ) -> Result<(), TextError> {
        match self.examples.iter().find(|example| is_match(&example.text) != example.matches) {
            Some(wrong) => {
                let verb = if wrong.matches { "does not match" } else { "matches" };
                Err(wrong.place.error(format!("rule \"{}\" {verb} this example", self.id)))
            }
            None => Ok(()),
        }
    }
}

/// All rules of all files, in order.
pub(in super::super) fn read_all<'t>(
    files: &[(&'t str, &'t [u8])],
    labels: &Labels,
) -> Result<Vec<Entry<'t>>, TextError> {
    let mut entries = Vec::new();
    let mut places: HashMap<String, Place<'t>> = HashMap::new();
    for (file, bytes) in files.iter().copied() {
        let text = utf8(file, bytes)?;
        let raw: RawFile = toml::from_str(text).map_err(|e| TextError::toml(file, text, &e))?;
        let reader = Reader { file, text };
        for rule in raw.rule {
            let place = reader.place(rule.id.span());
            let entry = reader.entry(rule, labels)?;
            if let Some(first) = places.insert(entry.id.clone(), place.clone()) {
                let TextError { file, line, .. } = first.error("");
                return Err(
                    place.error(format!("rule id \"{}\" is taken by {file}:{line}", entry.id))
                );
            }
            entries.push(entry);
            if entries.len() > MAX_RULES {
                return Err(place.error(format!("more than {MAX_RULES} rules")));
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

impl<'t> Reader<'t> {
    fn place(&self, span: Range<usize>) -> Place<'t> {
        Place { file: self.file, text: self.text, span }
    }

    fn entry(&self, raw: RawRule, labels: &Labels) -> Result<Entry<'t>, TextError> {
        let id = raw.id.get_ref();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if id.is_empty() || id.len() > 64 || !id.chars().all(plain) {
            let message = "a rule id takes 1 to 64 ASCII letters, digits, `-`, `_` or `.`";
            return Err(self.place(raw.id.span()).error(message));
        }
        let Some(label) = labels.find(raw.label.get_ref()) else {
            let message =
                format!("unknown label \"{}\"; the labels are: {labels}", raw.label.get_ref());
            return Err(self.place(raw.label.span()).error(message));
        };
        if let Some(source) = raw.source.as_ref().filter(|s| s.get_ref().len() > 256) {
            let message = "a source glob takes at most 256 bytes";
            return Err(self.place(source.span()).error(message));
        }
        let examples =
            self.examples(raw.matches, true).chain(self.examples(raw.rejects, false)).collect();
        Ok(Entry {
            pattern_place: self.place(raw.pattern.span()),
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
        texts: Vec<Spanned<String>>,
        matches: bool,
    ) -> impl Iterator<Item = Example<'t>> {
        texts.into_iter().map(move |text| Example {
            place: self.place(text.span()),
            text: text.into_inner(),
            matches,
        })
    }
}
