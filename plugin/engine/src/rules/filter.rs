//! The filter before the automata: which rules can match a message at all.

use std::collections::HashMap;

use aho_corasick::Anchored;
use aho_corasick::automaton::Automaton;
use aho_corasick::{dfa, nfa::contiguous};

/// Up to this many bytes of literals, each byte of a message costs one look into a table; a table
/// for more would take too much memory (about 200 bytes for each byte of a literal).
const MAX_TABLE: usize = 64 << 10;

/// Finds the rules of which a literal is in a message.
#[derive(Debug)]
pub(super) struct Filter {
    automaton: Finder,
    /// For each literal the rules that need it.
    owners: Vec<Vec<u32>>,
    /// Rules without a required literal: always candidates.
    unfiltered: Vec<u32>,
}

#[derive(Debug)]
enum Finder {
    Table(dfa::DFA),
    Compact(contiguous::NFA),
    /// No literals, or too many for an automaton.
    None,
}

impl Filter {
    /// `needs`: for each rule the literals of which a match holds at least one.
    pub(super) fn new(needs: &[Option<Vec<Vec<u8>>>]) -> Self {
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
        match Finder::new(&literals) {
            Finder::None => Self {
                automaton: Finder::None,
                owners: Vec::new(),
                unfiltered: (0u32..).take(needs.len()).collect(),
            },
            automaton => Self { automaton, owners, unfiltered },
        }
    }

    /// Calls `candidate` for each rule that can match, in no order, some more than once.
    pub(super) fn candidates(&self, message: &[u8], mut candidate: impl FnMut(u32)) {
        self.unfiltered.iter().for_each(|rule| candidate(*rule));
        let found = |literal: usize| {
            self.owners.get(literal).into_iter().flatten().for_each(|rule| candidate(*rule));
        };
        match &self.automaton {
            Finder::Table(automaton) => find_all(automaton, message, found),
            Finder::Compact(automaton) => find_all(automaton, message, found),
            Finder::None => {}
        }
    }
}

impl Finder {
    fn new(literals: &[&[u8]]) -> Self {
        let bytes: usize = literals.iter().map(|literal| literal.len()).sum();
        if literals.is_empty() {
            return Self::None;
        }
        if bytes <= MAX_TABLE {
            let table = dfa::Builder::new().ascii_case_insensitive(true).build(literals);
            return table.map_or(Self::None, Self::Table);
        }
        let compact = contiguous::Builder::new().ascii_case_insensitive(true).build(literals);
        compact.map_or(Self::None, Self::Compact)
    }
}

/// Every occurrence of every literal, overlapping or not: one step per byte.
fn find_all(automaton: &impl Automaton, message: &[u8], mut found: impl FnMut(usize)) {
    let Ok(mut state) = automaton.start_state(Anchored::No) else { return };
    for byte in message {
        state = automaton.next_state(Anchored::No, state, *byte);
        if automaton.is_special(state) && automaton.is_match(state) {
            for place in 0..automaton.match_len(state) {
                found(automaton.match_pattern(state, place).as_usize());
            }
        }
    }
}
