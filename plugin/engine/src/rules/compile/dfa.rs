//! Patterns as tables: determinised, made minimal, and written row by row.

use std::collections::HashMap;

use regex_automata::dfa::dense;
use regex_automata::dfa::{Automaton, StartKind};
use regex_automata::nfa::thompson::NFA;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use xxhash_rust::xxh3::xxh3_128;

use super::super::dfa::{ACCEPT, ENDS, QUIT, REJECT};
use super::push;

/// The greatest size of the table that determinising makes, before it is made minimal.
const MAX_DETERMINISED: usize = 8 << 20;

/// A pattern's table.
pub(super) struct Table {
    pub(super) bytes: Vec<u8>,
    /// Whether it never answers [`QUIT`].
    pub(super) complete: bool,
}

/// The table of a pattern, if it is small enough.
pub(super) fn table(nfa: &NFA) -> Option<Table> {
    let config = dense::Config::new()
        .start_kind(StartKind::Unanchored)
        .accelerate(false)
        .unicode_word_boundary(true)
        .dfa_size_limit(Some(MAX_DETERMINISED))
        .determinize_size_limit(Some(2 * MAX_DETERMINISED));
    let dfa = dense::Builder::new().configure(config).build_from_nfa(nfa).ok()?;
    let classes = (0..=u8::MAX).map(|byte| dfa.byte_classes().get(byte).into()).collect();
    Rows::of(&dfa)?.minimal().write(classes)
}

/// The states of an automaton by number. The first three are [`REJECT`], [`ACCEPT`] and [`QUIT`]
/// and have no row; the fourth is the first to be in.
struct Rows {
    /// For each state from the fourth on the next state, for each class of bytes and then for the
    /// end of the message.
    rows: Vec<Vec<usize>>,
}

impl Rows {
    /// The states that can be reached. When the pattern has matched, what follows makes no
    /// difference, so all states that say so are one.
    fn of(dfa: &dense::DFA<Vec<u32>>) -> Option<Self> {
        let mut numbers = HashMap::new();
        let mut states = Vec::new();
        let mut number = |state: StateID, states: &mut Vec<StateID>| {
            if dfa.is_match_state(state) {
                ACCEPT
            } else if dfa.is_dead_state(state) {
                REJECT
            } else if dfa.is_quit_state(state) {
                QUIT
            } else {
                *numbers.entry(state).or_insert_with(|| {
                    states.push(state);
                    states.len() - 1 + ENDS
                })
            }
        };
        if number(dfa.start_state(&start::Config::new()).ok()?, &mut states) < ENDS {
            return None;
        }
        let bytes: Vec<u8> =
            dfa.byte_classes().representatives(..).filter_map(|unit| unit.as_u8()).collect();
        let mut rows = Vec::new();
        while let Some(state) = states.get(rows.len()).copied() {
            let next = bytes.iter().map(|byte| dfa.next_state(state, *byte));
            let next = next.chain([dfa.next_eoi_state(state)]);
            rows.push(next.map(|next| number(next, &mut states)).collect());
        }
        // At the end of the message only a match counts.
        for end in rows.iter_mut().filter_map(|row: &mut Vec<usize>| row.last_mut()) {
            if *end >= ENDS {
                *end = REJECT;
            }
        }
        Some(Self { rows })
    }

    /// The same automaton with the fewest states: those that no message tells apart are one.
    /// (Moore's algorithm: states are split by where they lead to until nothing splits.)
    fn minimal(self) -> Self {
        let mut groups: Vec<usize> = (0..ENDS).collect();
        groups.extend(self.rows.iter().map(|row| row.last().copied().unwrap_or_default()));
        let mut known = 0;
        loop {
            // By digests of 128 bits: rows are long and many.
            let mut numbers: HashMap<u128, usize> = HashMap::new();
            let mut split = Vec::with_capacity(groups.len());
            let mut kind = Vec::new();
            for (state, group) in groups.iter().enumerate() {
                kind.clear();
                push(&mut kind, &[*group as u32]);
                for class in 0..self.bytes() {
                    // The ends lead to themselves.
                    let row = state.checked_sub(ENDS).map(|row| &self.rows[row]);
                    let next = row.map_or(*group, |row| groups[row[class]]);
                    kind.extend_from_slice(&(next as u32).to_le_bytes());
                }
                let number = numbers.len();
                split.push(*numbers.entry(xxh3_128(&kind)).or_insert(number));
            }
            groups = split;
            if numbers.len() == known {
                break;
            }
            known = numbers.len();
        }
        let mut rows: Vec<Vec<usize>> = Vec::new();
        for (row, group) in self.rows.iter().zip(&groups[ENDS..]) {
            if *group == rows.len() + ENDS {
                rows.push(row.iter().map(|next| groups[*next]).collect());
            }
        }
        Self { rows }
    }

    /// The number of classes of bytes.
    fn bytes(&self) -> usize {
        self.rows.first().map_or(0, |row| row.len() - 1)
    }

    /// The table, if states fit into its numbers. `classes`: of each byte.
    fn write(&self, classes: Vec<usize>) -> Option<Table> {
        let column = |class: usize| self.rows.iter().map(|row| row[class]).collect::<Vec<_>>();
        let mut numbers: HashMap<Vec<usize>, usize> = HashMap::new();
        // Classes of bytes that no state tells apart are one.
        let mut columns = Vec::new();
        let mut merged = Vec::new();
        for class in 0..self.bytes() {
            merged.push(*numbers.entry(column(class)).or_insert_with(|| {
                columns.push(class);
                columns.len() - 1
            }));
        }
        columns.push(self.bytes());
        let mut bytes = Vec::new();
        for class in classes {
            bytes.push(u8::try_from(merged[class]).ok()?);
        }
        push(&mut bytes, &[columns.len() as u32]);
        let mut put = |state| {
            let place = u16::try_from(state * columns.len()).ok();
            place.map(|place| bytes.extend(place.to_le_bytes()))
        };
        for end in [REJECT, ACCEPT, QUIT] {
            columns.iter().try_for_each(|_| put(end))?;
        }
        for row in &self.rows {
            columns.iter().try_for_each(|column| put(row[*column]))?;
        }
        let complete = self.rows.iter().flatten().all(|next| *next != QUIT);
        Some(Table { bytes, complete })
    }
}
