//! Tier 1: regular expressions on the raw message, the first match in file order wins.
//!
//! One Aho–Corasick pass over the message finds which rules can match at all: a rule is a candidate
//! when one of the literals that every match of it must hold is there. Only candidates are tried,
//! each by its own automaton, so a thousand rules cost little more than ten. Time is linear in the
//! message (`regex` never backtracks), and every pattern has a size limit.

mod file;
mod filter;
mod glob;
mod literals;

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};

pub use file::MAX_RULES;

use crate::labels::{LabelId, Labels};
use crate::location::TextError;
use filter::Filter;
use glob::Glob;

/// The greatest compiled size of one pattern, in bytes.
const PATTERN_SIZE_LIMIT: usize = 1 << 20;

/// The rules inside the program.
pub const BUILTIN_RULES: &str = include_str!("builtin.toml");

/// A rule that matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleMatch {
    /// The rule's place in file order, for [`Rules::id`].
    pub place: usize,
    /// Its label.
    pub label: LabelId,
}

#[derive(Debug)]
struct Rule {
    id: Box<str>,
    label: LabelId,
    source: Option<Glob>,
    pattern: Pattern,
}

/// A pattern that is compiled when a message first needs it.
#[derive(Debug)]
struct Pattern {
    text: Box<str>,
    case_insensitive: bool,
    compiled: OnceLock<Option<Regex>>,
}

/// A list of rules, ready to match. Immutable: share it between threads.
#[derive(Debug)]
pub struct Rules {
    labels: Labels,
    rules: Vec<Rule>,
    filter: Filter,
}

/// Working memory of [`Rules::first_match`]: one per thread.
#[derive(Debug, Default, Clone)]
pub struct RuleScratch {
    /// A bit for each rule that is a candidate.
    candidates: Vec<u64>,
}

impl RuleScratch {
    fn start(&mut self, rules: usize) {
        self.candidates.clear();
        self.candidates.resize(rules.div_ceil(64), 0);
    }

    fn add(&mut self, rule: u32) {
        if let Some(word) = self.candidates.get_mut(rule as usize / 64) {
            *word |= 1 << (rule % 64);
        }
    }

    /// The candidates in file order.
    fn iter(&self) -> impl Iterator<Item = usize> {
        self.candidates.iter().enumerate().flat_map(|(word, bits)| {
            let mut bits = *bits;
            std::iter::from_fn(move || {
                let bit = bits.trailing_zeros();
                bits &= bits.wrapping_sub(1);
                (bit < 64).then_some(word * 64 + bit as usize)
            })
        })
    }
}

impl Rules {
    /// No rules at all.
    pub fn none() -> Self {
        Self { labels: Labels::default(), rules: Vec::new(), filter: Filter::new(&[]) }
    }

    /// The rules inside the program. They were checked when it was made: patterns are compiled
    /// when a message first needs them.
    ///
    /// # Errors
    /// A label that is not in the label set.
    pub fn builtin(labels: &Labels) -> Result<Self, TextError> {
        let files = [("built-in rules", BUILTIN_RULES.as_bytes())];
        Ok(Self::of(labels, file::read_all(&files, labels)?, Vec::new()))
    }

    /// Reads rule files (`(name, content)`, tried in this order), compiles every pattern, and
    /// checks the examples.
    ///
    /// # Errors
    /// The first thing wrong, with file, line and column.
    pub fn parse(files: &[(&str, &[u8])], labels: &Labels) -> Result<Self, TextError> {
        let entries = file::read_all(files, labels)?;
        let compiled = entries.iter().map(check).collect::<Result<_, _>>()?;
        Ok(Self::of(labels, entries, compiled))
    }

    /// `compiled`: patterns that are compiled already, from the first on.
    fn of(labels: &Labels, entries: Vec<file::Entry<'_>>, compiled: Vec<Regex>) -> Self {
        let needs: Vec<_> = entries
            .iter()
            .map(|entry| literals::required(&entry.pattern, entry.case_insensitive))
            .collect();
        let compiled = compiled.into_iter().map(|pattern| OnceLock::from(Some(pattern)));
        let compiled = compiled.chain(std::iter::repeat_with(OnceLock::new));
        let rule = |(entry, compiled): (file::Entry<'_>, OnceLock<Option<Regex>>)| Rule {
            id: entry.id.into(),
            label: entry.label,
            source: entry.source,
            pattern: Pattern {
                text: entry.pattern.into(),
                case_insensitive: entry.case_insensitive,
                compiled,
            },
        };
        let rules = entries.into_iter().zip(compiled).map(rule).collect();
        Self { labels: labels.clone(), rules, filter: Filter::new(&needs) }
    }

    /// The label set that the rules were read with.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// The id of the rule at `place`.
    pub fn id(&self, place: usize) -> Option<&str> {
        self.rules.get(place).map(|rule| &*rule.id)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The first rule in file order that matches `message` and `source`.
    pub fn first_match(
        &self,
        message: &[u8],
        source: Option<&str>,
        scratch: &mut RuleScratch,
    ) -> Option<RuleMatch> {
        scratch.start(self.rules.len());
        self.filter.candidates(message, |rule| scratch.add(rule));
        scratch
            .iter()
            .filter_map(|place| Some((place, self.rules.get(place)?)))
            .find(|(_, rule)| {
                rule.source.as_ref().is_none_or(|glob| source.is_some_and(|s| glob.matches(s)))
                    && rule.pattern.is_match(message)
            })
            .map(|(place, rule)| RuleMatch { place, label: rule.label })
    }
}

impl Pattern {
    fn is_match(&self, message: &[u8]) -> bool {
        let compiled = || compile(&self.text, self.case_insensitive).ok();
        self.compiled.get_or_init(compiled).as_ref().is_some_and(|p| p.is_match(message))
    }
}

/// Compiles a pattern, and refuses it if it is wrong or its examples contradict it.
fn check(entry: &file::Entry<'_>) -> Result<Regex, TextError> {
    let pattern = compile(&entry.pattern, entry.case_insensitive)
        .map_err(|error| entry.error(describe(&error)))?;
    if pattern.is_match(b"") {
        return Err(entry.error("the pattern matches the empty message, so it matches everything"));
    }
    entry.check_examples(|text| pattern.is_match(text.as_bytes()))?;
    Ok(pattern)
}

fn compile(pattern: &str, case_insensitive: bool) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(case_insensitive)
        .size_limit(PATTERN_SIZE_LIMIT)
        .dfa_size_limit(PATTERN_SIZE_LIMIT)
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
