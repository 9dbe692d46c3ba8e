//! Tier 1: regular expressions on the raw message, the first match in file order wins.
//!
//! A look at samples of the message finds which rules can match at all: a rule is a candidate when
//! one of the literals that every match of it must hold is there. Only candidates are tried, each
//! by its own automaton, so a thousand rules cost little more than ten. Time is linear in the
//! message (nothing backtracks), and every pattern has a size limit.
//!
//! Rules come from text, compiled pattern by pattern when a message first needs one, or from a file
//! that [`CompiledRules`] made ahead of time, which needs no compiler where it is read.

#[cfg(feature = "regex")]
mod compile;
mod dfa;
mod filter;
mod glob;
mod image;
mod look;
mod nfa;
#[cfg(feature = "regex")]
mod pattern;

use std::borrow::Cow;
use std::ops::Range;

#[cfg(feature = "regex")]
pub use compile::file::MAX_RULES;
#[cfg(feature = "regex")]
pub use compile::{CompiledRules, MAX_COMPILED_RULES};
pub use image::CompiledRulesError;

use crate::labels::{LabelId, Labels};
#[cfg(feature = "regex")]
use crate::location::TextError;
use filter::Filter;
use glob::Glob;
use image::{Image, NONE, PART, RULE, Section, Word, word, words};
#[cfg(feature = "regex")]
use pattern::Pattern;

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

/// What the rules say of a message.
///
/// The filter's literals have no digits where a rule tells digits apart, so such a rule is a
/// candidate for a message whatever its digits are: without `saw_digits`, a message that differs in
/// ASCII digits alone gets the same answer; without `saw_source`, one from another source.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    /// The first rule that matches.
    pub(crate) rule: Option<RuleMatch>,
    /// A rule that tells one digit from another was tried.
    pub(crate) saw_digits: bool,
    /// A rule for some sources alone was tried.
    pub(crate) saw_source: bool,
}

#[derive(Debug)]
struct Rule {
    id: Box<str>,
    label: LabelId,
    source: Option<Glob>,
}

/// A rule matches where one of its parts does.
#[derive(Debug)]
struct Part {
    /// The rule's place.
    rule: usize,
    matcher: Matcher,
    /// It tells one digit from another.
    sees_digits: bool,
}

#[derive(Debug)]
enum Matcher {
    #[cfg(feature = "regex")]
    Pattern(Pattern),
    /// Places in the bytes of the rules. The machine answers where the table cannot.
    Compiled { table: Option<Range<usize>>, machine: Option<Range<usize>> },
}

/// A list of rules, ready to match. Immutable: share it between threads.
#[derive(Debug)]
pub struct Rules {
    labels: Labels,
    digest: u128,
    rules: Vec<Rule>,
    /// In the order of the rules.
    parts: Vec<Part>,
    filter: Filter,
    /// The tables of the filter; of compiled rules everything.
    bytes: Cow<'static, [u8]>,
    /// Where the characters of words are.
    word: Range<usize>,
}

/// Working memory of [`Rules::first_match`]: one per thread.
#[derive(Clone, Debug, Default)]
pub struct RuleScratch {
    candidates: Candidates,
    machine: nfa::Scratch,
}

/// A set of parts: a bit for each. Between messages all are zero.
#[derive(Clone, Debug, Default)]
struct Candidates {
    bits: Vec<u64>,
    /// The words in which bits may be set: none, if the first is not before the end.
    first: usize,
    end: usize,
}

impl Candidates {
    fn start(&mut self, parts: usize) {
        self.bits.resize(parts.div_ceil(64), 0);
        (self.first, self.end) = (usize::MAX, 0);
    }

    fn add(&mut self, part: usize) {
        let place = part / 64;
        if let Some(bits) = self.bits.get_mut(place) {
            *bits |= 1 << (part % 64);
            self.first = self.first.min(place);
            self.end = self.end.max(place + 1);
        }
    }

    /// Takes out all candidates, in order.
    fn take(&mut self) -> impl Iterator<Item = usize> {
        let first = self.first;
        let touched = self.bits.get_mut(first..self.end).unwrap_or_default();
        touched.iter_mut().zip(first..).flat_map(|(word, place)| {
            let mut bits = std::mem::take(word);
            std::iter::from_fn(move || {
                let bit = bits.trailing_zeros();
                bits &= bits.wrapping_sub(1);
                (bit < 64).then_some(place * 64 + bit as usize)
            })
        })
    }
}

impl Rules {
    /// No rules at all.
    pub fn none() -> Self {
        Self {
            labels: Labels::default(),
            digest: image::digest([]),
            rules: Vec::new(),
            parts: Vec::new(),
            filter: Filter::default(),
            bytes: Cow::Borrowed(&[]),
            word: 0..0,
        }
    }

    /// The rules inside the program. They were checked when it was made: patterns are compiled
    /// when a message first needs them.
    ///
    /// # Errors
    /// A label that is not in the label set.
    #[cfg(feature = "regex")]
    pub fn builtin(labels: &Labels) -> Result<Self, TextError> {
        let files = [("built-in rules", BUILTIN_RULES.as_bytes())];
        let patterns = |entry: &compile::file::Entry<'_>| Ok(Pattern::new(entry));
        Self::read(&files, labels, patterns)
    }

    /// Reads rule files (`(name, content)`, tried in this order), compiles every pattern, and
    /// checks the examples.
    ///
    /// # Errors
    /// The first thing wrong, with file, line and column.
    #[cfg(feature = "regex")]
    pub fn parse(files: &[(&str, &[u8])], labels: &Labels) -> Result<Self, TextError> {
        Self::read(files, labels, Pattern::checked)
    }

    #[cfg(feature = "regex")]
    fn read(
        files: &[(&str, &[u8])],
        labels: &Labels,
        pattern: impl Fn(&compile::file::Entry<'_>) -> Result<Pattern, TextError>,
    ) -> Result<Self, TextError> {
        let (mut rules, mut parts, mut needs) = (Vec::new(), Vec::new(), Vec::new());
        for entry in compile::file::read_all(files, labels)? {
            let hir = compile::parse(&entry.pattern, entry.case_insensitive);
            let blind = hir.as_ref().map(compile::blind::blind);
            needs.push(blind.as_ref().and_then(compile::literals::required));
            let matcher = Matcher::Pattern(pattern(&entry)?);
            parts.push(Part { rule: rules.len(), matcher, sees_digits: blind != hir });
            rules.push(Rule { id: entry.id.into(), label: entry.label, source: entry.source });
        }
        let tables = compile::filter::tables(&needs);
        Ok(Self {
            labels: labels.clone(),
            digest: Self::digest_of(files),
            rules,
            parts,
            filter: Filter::read(&tables, 0..tables.len()).unwrap_or_default(),
            bytes: Cow::Owned(tables),
            word: 0..0,
        })
    }

    /// Reads what [`CompiledRules`] made: the way in where there is no compiler. Cheap: the tables
    /// stay where they are.
    ///
    /// # Errors
    /// The bytes are something else, damaged or of another version, or a rule has a label that is
    /// not one of `labels`.
    pub fn load(
        bytes: impl Into<Cow<'static, [u8]>>,
        labels: &Labels,
    ) -> Result<Self, CompiledRulesError> {
        let bytes = bytes.into();
        let image = Image::open(&bytes)?;
        let damaged = CompiledRulesError::Damaged;
        let filter = Filter::read(&bytes, image.section(Section::Filter)).ok_or(damaged.clone())?;
        let mut rules = Vec::new();
        for entry in image.words(Section::Rules).chunks(RULE / 4) {
            let (rule, label) = Rule::read(&image, entry).ok_or(damaged.clone())?;
            let unknown =
                || CompiledRulesError::Label { rule: rule.id.to_string(), label: label.to_owned() };
            rules.push(Rule { label: labels.find(label).ok_or_else(unknown)?, ..rule });
        }
        let parts = image.words(Section::Parts).chunks(PART / 4);
        let parts: Option<_> = parts.map(|entry| Part::read(&image, entry)).collect();
        let parts = parts.ok_or(damaged)?;
        let (digest, word) = (image.digest, image.section(Section::Word));
        Ok(Self { labels: labels.clone(), digest, rules, parts, filter, bytes, word })
    }

    /// Identifies the sources that the rules were made of; equal to [`digest_of`](Self::digest_of)
    /// them until one of them changes.
    pub fn digest(&self) -> u128 {
        self.digest
    }

    /// What [`digest`](Self::digest) is for rules made of `files`: `(name, content)`, in order. The
    /// built-in rules ([`BUILTIN_RULES`]) are a file of their own. Names do not count.
    pub fn digest_of(files: &[(&str, &[u8])]) -> u128 {
        image::digest(files.iter().map(|(_, content)| *content))
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
        self.find(message, source, scratch).rule
    }

    /// As [`first_match`](Self::first_match), and what the answer rests on.
    pub(crate) fn find(
        &self,
        message: &[u8],
        source: Option<&str>,
        scratch: &mut RuleScratch,
    ) -> Found {
        let RuleScratch { candidates, machine } = scratch;
        candidates.start(self.parts.len());
        self.filter.candidates(&self.bytes, message, |part| candidates.add(part));
        let mut found = Found::default();
        // To the end, because what is taken out is what the next message starts without.
        for part in candidates.take() {
            if found.rule.is_none()
                && let Some(part) = self.parts.get(part)
                && let Some(rule) = self.rules.get(part.rule)
            {
                found.saw_digits |= part.sees_digits;
                found.saw_source |= rule.source.is_some();
                found.rule = self.try_part((part, rule), message, source, machine);
            }
        }
        found
    }

    fn try_part(
        &self,
        (part, rule): (&Part, &Rule),
        message: &[u8],
        source: Option<&str>,
        scratch: &mut nfa::Scratch,
    ) -> Option<RuleMatch> {
        let of_source = |glob: &Glob| source.is_some_and(|source| glob.matches(source));
        (rule.source.as_ref().is_none_or(of_source)
            && self.is_match(&part.matcher, message, scratch))
        .then_some(RuleMatch { place: part.rule, label: rule.label })
    }

    fn is_match(&self, matcher: &Matcher, message: &[u8], scratch: &mut nfa::Scratch) -> bool {
        let bytes = |place: &Option<Range<usize>>| self.bytes.get(place.clone()?);
        match matcher {
            #[cfg(feature = "regex")]
            Matcher::Pattern(pattern) => pattern.is_match(message),
            Matcher::Compiled { table, machine } => bytes(table)
                .and_then(|table| dfa::is_match(table, message))
                .or_else(|| Some(nfa::is_match(bytes(machine)?, self.word(), message, scratch)))
                .unwrap_or(false),
        }
    }

    fn word(&self) -> look::WordRanges<'_> {
        words(self.bytes.get(self.word.clone()).unwrap_or_default()).as_chunks().0
    }
}

impl Rule {
    /// A rule of a file of compiled rules, with the name of its label.
    fn read<'b>(image: &Image<'b>, entry: &[Word]) -> Option<(Self, &'b str)> {
        let id = image.text(entry, 0)?.into();
        let source = match is_nothing(entry, 2) {
            true => None,
            false => Some(Glob::new(image.text(entry, 2)?)),
        };
        let label = image.text(image.words(Section::Labels), word(entry, 4)?.checked_mul(2)?)?;
        // The host's number for the label is found by its name.
        Some((Self { id, label: LabelId(0), source }, label))
    }
}

impl Part {
    fn read(image: &Image<'_>, entry: &[Word]) -> Option<Self> {
        let automaton = |place| match is_nothing(entry, place) {
            true => Some(None),
            false => image.span(entry, place, Section::Automata).map(Some),
        };
        let matcher = Matcher::Compiled { table: automaton(1)?, machine: automaton(3)? };
        Some(Self { rule: word(entry, 0)?, matcher, sees_digits: word(entry, 5)? != 0 })
    }
}

/// Whether the span at the word `place` stands for nothing.
fn is_nothing(entry: &[Word], place: usize) -> bool {
    word(entry, place) == Some(NONE as usize)
}
