//! Tier 1: regular expressions on the raw message, the first match in file order wins.
//!
//! One Aho–Corasick pass over the message finds which rules can match at all: a rule is a candidate
//! when one of the literals that every match of it must hold is there. Only candidates are tried,
//! each by its own automaton, so a thousand rules cost little more than ten. Time is linear in the
//! message (`regex` never backtracks), and every pattern has a size limit.

mod file;
mod glob;
mod literals;

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::{Regex, RegexBuilder};

pub use file::MAX_RULES;

use crate::labels::{LabelId, Labels};
use crate::location::TextError;
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
    pattern: Regex,
}

/// A list of rules, ready to match. Immutable: share it between threads.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    literals: Option<AhoCorasick>,
    /// For each literal the rules that need it.
    owners: Vec<Vec<u32>>,
    /// Rules without a required literal: always candidates.
    unfiltered: Vec<u32>,
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
        Self { rules: Vec::new(), literals: None, owners: Vec::new(), unfiltered: Vec::new() }
    }

    /// Reads rule files (`(name, content)`, tried in this order) and checks their examples.
    ///
    /// # Errors
    /// The first thing wrong, with file, line and column.
    pub fn parse(files: &[(&str, &[u8])], labels: &Labels) -> Result<Self, TextError> {
        let mut rules = Vec::new();
        let mut needs = Vec::new();
        for entry in file::read_all(files, labels)? {
            let pattern = compile(&entry)?;
            entry.check_examples(|text| pattern.is_match(text.as_bytes()))?;
            needs.push(literals::required(&entry.pattern, entry.case_insensitive));
            rules.push(Rule {
                id: entry.id.into(),
                label: entry.label,
                source: entry.source,
                pattern,
            });
        }
        Ok(Self::index(rules, &needs))
    }

    fn index(rules: Vec<Rule>, needs: &[Option<Vec<Vec<u8>>>]) -> Self {
        let mut literals: Vec<&[u8]> = Vec::new();
        let mut places: HashMap<&[u8], usize> = HashMap::new();
        let mut owners: Vec<Vec<u32>> = Vec::new();
        let mut unfiltered = Vec::new();
        for (rule, need) in (0u32..).zip(needs) {
            let Some(need) = need else {
                unfiltered.push(rule);
                continue;
            };
            for literal in need {
                let place = *places.entry(literal).or_insert_with(|| {
                    literals.push(literal);
                    owners.push(Vec::new());
                    owners.len() - 1
                });
                owners[place].push(rule);
            }
        }
        let bytes: usize = literals.iter().map(|literal| literal.len()).sum();
        let kind =
            if bytes <= 8192 { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
        let automaton =
            AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(kind)).build(&literals);
        match automaton {
            Ok(automaton) => Self { rules, literals: Some(automaton), owners, unfiltered },
            // Too many literals for the automaton: every rule is tried.
            Err(_) => {
                let unfiltered = (0u32..).take(rules.len()).collect();
                Self { rules, literals: None, owners: Vec::new(), unfiltered }
            }
        }
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
        for rule in &self.unfiltered {
            scratch.add(*rule);
        }
        if let Some(literals) = &self.literals {
            for found in literals.find_overlapping_iter(message) {
                for rule in self.owners.get(found.pattern().as_usize()).into_iter().flatten() {
                    scratch.add(*rule);
                }
            }
        }
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

fn compile(entry: &file::Entry<'_>) -> Result<Regex, TextError> {
    let pattern = RegexBuilder::new(&entry.pattern)
        .case_insensitive(entry.case_insensitive)
        .size_limit(PATTERN_SIZE_LIMIT)
        .dfa_size_limit(PATTERN_SIZE_LIMIT)
        .build()
        .map_err(|error| entry.error(describe(&error)))?;
    if pattern.is_match(b"") {
        return Err(entry.error("the pattern matches the empty message, so it matches everything"));
    }
    Ok(pattern)
}

fn describe(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(limit) => format!(
            "the compiled pattern is larger than {limit} bytes; make repetitions and classes smaller"
        ),
        other => format!("the pattern is no valid regular expression: {other}"),
    }
}
