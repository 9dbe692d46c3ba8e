//! From rule files to flat tables, ahead of time.

pub(super) mod blind;
pub(super) mod dfa;
pub(super) mod file;
pub(super) mod filter;
pub(super) mod literals;
pub(super) mod nfa;

use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};
use xxhash_rust::xxh3::xxh3_64;

use super::image::{CHECKED_FROM, HEADER, MAGIC, NONE, PART, SECTIONS, Section, VERSION, digest};
use super::pattern::{Pattern, SIZE_LIMIT};
use crate::labels::Labels;
use crate::location::TextError;

/// The greatest size of all tables of a list of rules; beyond it patterns become machines, which
/// are slower and much smaller.
const MAX_TABLES: usize = 8 << 20;

/// The greatest size of a file of compiled rules.
pub const MAX_COMPILED_RULES: usize = 16 << 20;

/// Rules as a file for hosts that cannot compile them: see [`Rules::load`](super::Rules::load).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledRules {
    /// The file.
    pub bytes: Vec<u8>,
    /// How many rules there are.
    pub rules: usize,
    /// Rules that cost one step per byte of a message. The others are machines with several states
    /// at once, because a table would be too large.
    pub tables: usize,
}

impl CompiledRules {
    /// Reads, checks and compiles rule files (`(name, content)`, tried in this order).
    ///
    /// # Errors
    /// What [`Rules::parse`](super::Rules::parse) refuses, and the rule with which the compiled
    /// rules become larger than [`MAX_COMPILED_RULES`].
    pub fn compile(files: &[(&str, &[u8])], labels: &Labels) -> Result<Self, TextError> {
        let mut writer = Writer::default();
        let mut needs = Vec::new();
        let (mut tables, mut rules) = (0, 0);
        for entry in file::read_all(files, labels)? {
            Pattern::checked(&entry)?;
            let parts = parts(&entry.pattern, entry.case_insensitive);
            let automata = parts.iter().map(|part| writer.automaton(part));
            let automata: Vec<_> =
                automata.collect::<Result<_, _>>().map_err(|problem| entry.error(problem))?;
            tables += usize::from(automata.iter().all(|automaton| automaton.table != NOTHING));
            writer.rule(&entry, rules, &automata);
            if writer.size() > MAX_COMPILED_RULES {
                let message = format!(
                    "with this rule the compiled rules are larger than {MAX_COMPILED_RULES} bytes; \
                     make repetitions and classes smaller, or rules fewer"
                );
                return Err(entry.error(message));
            }
            needs.extend(parts.iter().map(|part| literals::required(&blind::blind(part))));
            rules += 1;
        }
        for name in labels.names() {
            writer.label(name);
        }
        *writer.section(Section::Filter) = filter::tables(&needs);
        let digest = digest(files.iter().map(|(_, content)| *content));
        let bytes = writer.finish(digest);
        Ok(Self { bytes, rules: rules as usize, tables })
    }
}

/// A place and a length.
type Span = [u32; 2];

const NOTHING: Span = [NONE, 0];

/// A pattern's automata.
struct Automaton {
    table: Span,
    machine: Span,
    sees_digits: bool,
}

#[derive(Default)]
struct Writer {
    sections: [Vec<u8>; SECTIONS],
    tables: usize,
}

impl Writer {
    fn section(&mut self, section: Section) -> &mut Vec<u8> {
        &mut self.sections[section as usize]
    }

    fn size(&self) -> usize {
        self.sections.iter().map(Vec::len).sum()
    }

    fn put(&mut self, section: Section, bytes: &[u8]) -> Span {
        let section = self.section(section);
        let span = span(section.len(), bytes.len());
        section.extend(bytes);
        span
    }

    fn label(&mut self, name: &str) {
        let name = self.put(Section::Strings, name.as_bytes());
        push(self.section(Section::Labels), &name);
    }

    fn rule(&mut self, entry: &file::Entry<'_>, place: u32, automata: &[Automaton]) {
        let id = self.put(Section::Strings, entry.id.as_bytes());
        let source = entry.source.as_ref().map(|glob| glob.pattern());
        let source = source.map_or(NOTHING, |glob| self.put(Section::Strings, glob.as_bytes()));
        let rules = self.section(Section::Rules);
        push(rules, &[id, source].concat());
        push(rules, &[u32::from(entry.label.0)]);
        let parts = self.section(Section::Parts);
        for automaton in automata {
            push(parts, &[place]);
            push(parts, &[automaton.table, automaton.machine].concat());
            push(parts, &[u32::from(automaton.sees_digits)]);
        }
        debug_assert!(parts.len().is_multiple_of(PART));
    }

    /// A table where it is small enough, else, or if the table may not know, a machine.
    fn automaton(&mut self, pattern: &Hir) -> Result<Automaton, String> {
        let nfa = nfa(pattern)?;
        let sees_digits = blind::blind(pattern) != *pattern;
        let table = dfa::table(&nfa).filter(|table| self.tables + table.bytes.len() <= MAX_TABLES);
        let complete = table.as_ref().is_some_and(|table| table.complete);
        let table = table.map_or(NOTHING, |table| {
            self.tables += table.bytes.len();
            self.put(Section::Automata, &table.bytes)
        });
        if complete {
            return Ok(Automaton { table, machine: NOTHING, sees_digits });
        }
        if nfa.look_set_any().contains_word_unicode() {
            *self.section(Section::Word) = word_ranges();
        }
        let machine = self.put(Section::Automata, &nfa::machine(&nfa));
        Ok(Automaton { table, machine, sees_digits })
    }

    fn finish(self, digest: u128) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let size = HEADER + self.size();
        push(&mut bytes, &[VERSION, number(size)]);
        bytes.extend([0; 8]);
        bytes.extend(digest.to_le_bytes());
        let mut at = HEADER;
        for section in &self.sections {
            push(&mut bytes, &span(at, section.len()));
            at += section.len();
        }
        bytes.extend(self.sections.concat());
        let sum = xxh3_64(&bytes[CHECKED_FROM..]);
        bytes[CHECKED_FROM - 8..CHECKED_FROM].copy_from_slice(&sum.to_le_bytes());
        bytes
    }
}

/// A pattern as `regex::bytes` reads it.
pub(super) fn parse(pattern: &str, case_insensitive: bool) -> Option<Hir> {
    let mut parser = ParserBuilder::new();
    parser.utf8(false).case_insensitive(case_insensitive).build().parse(pattern).ok()
}

/// The alternatives of a pattern, if each has literals of its own: small automata, of which few are
/// candidates, instead of their product.
fn parts(pattern: &str, case_insensitive: bool) -> Vec<Hir> {
    let Some(pattern) = parse(pattern, case_insensitive) else { return Vec::new() };
    match pattern.kind() {
        HirKind::Alternation(branches) if literals::required(&pattern).is_some() => {
            branches.clone()
        }
        _ => vec![pattern],
    }
}

/// The automaton that both forms are made of: it means what `regex::bytes` means.
fn nfa(pattern: &Hir) -> Result<NFA, String> {
    let config = thompson::Config::new()
        .utf8(false)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(SIZE_LIMIT));
    thompson::Compiler::new().configure(config).build_from_hir(pattern).map_err(|e| e.to_string())
}

/// The ranges of characters that `\w` means.
fn word_ranges() -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(word) = regex_syntax::parse(r"\w")
        && let HirKind::Class(Class::Unicode(class)) = word.kind()
    {
        for range in class.ranges() {
            push(&mut bytes, &[u32::from(range.start()), u32::from(range.end())]);
        }
    }
    bytes
}

/// Appends numbers.
fn push(bytes: &mut Vec<u8>, numbers: &[u32]) {
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

fn span(at: usize, len: usize) -> Span {
    [number(at), number(len)]
}

/// A size or place in a file, all of which is smaller than [`MAX_COMPILED_RULES`].
fn number(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(NONE)
}
