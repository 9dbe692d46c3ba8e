//! Patterns as machines, written state by state.

use regex_automata::nfa::thompson::{NFA, State};
use regex_automata::util::look::Look;
use regex_automata::util::primitives::StateID;

use super::super::look;
use super::super::nfa::{ACCEPT, LOOK, RANGE, SPLIT};
use super::push;

/// The machine of a pattern.
pub(super) fn machine(nfa: &NFA) -> Vec<u8> {
    let mut places = Vec::new();
    let mut next = 0;
    for state in nfa.states() {
        places.push(next);
        next += records(state, |_| 0).len() as u32;
    }
    let place = |state: StateID| places[state.as_usize()];
    let mut bytes = Vec::new();
    push(&mut bytes, &[place(nfa.start_anchored())]);
    for state in nfa.states() {
        let first = (bytes.len() as u32 - 4) / 12;
        for (record, number) in records(state, place).into_iter().zip(first..) {
            bytes.extend(record.head);
            // The second way of a split into many is the next record.
            push(&mut bytes, &[record.next, record.other.unwrap_or(number + 1)]);
        }
    }
    bytes
}

struct Record {
    head: [u8; 4],
    next: u32,
    /// `None`: the record after this.
    other: Option<u32>,
}

fn records(state: &State, place: impl Fn(StateID) -> u32) -> Vec<Record> {
    let range = |first, last, more: bool, next| Record {
        head: [RANGE, first, last, more.into()],
        next,
        other: Some(0),
    };
    let split = |next, other| Record { head: [SPLIT, 0, 0, 0], next, other };
    // From the second byte to the first: no byte.
    let fail = || vec![range(1, 0, false, 0)];
    match state {
        State::ByteRange { trans } => {
            vec![range(trans.start, trans.end, false, place(trans.next))]
        }
        State::Sparse(sparse) => {
            let more = |n| n + 1 < sparse.transitions.len();
            let ranges = sparse.transitions.iter().enumerate();
            ranges.map(|(n, t)| range(t.start, t.end, more(n), place(t.next))).collect()
        }
        State::Dense(dense) => {
            let bytes = (0..=u8::MAX).filter_map(|byte| Some((byte, dense.matches_byte(byte)?)));
            let bytes: Vec<_> = bytes.collect();
            let more = |n| n + 1 < bytes.len();
            let ranges = bytes.iter().enumerate();
            ranges.map(|(n, (byte, next))| range(*byte, *byte, more(n), place(*next))).collect()
        }
        State::Look { look, next } => {
            vec![Record {
                head: [LOOK, assertion(*look), 0, 0],
                next: place(*next),
                other: Some(0),
            }]
        }
        State::Union { alternates } => match &**alternates {
            [] => fail(),
            [one] => vec![split(place(*one), Some(place(*one)))],
            [many @ .., second_last, last] => {
                let mut records: Vec<_> =
                    many.iter().map(|state| split(place(*state), None)).collect();
                records.push(split(place(*second_last), Some(place(*last))));
                records
            }
        },
        State::BinaryUnion { alt1, alt2 } => vec![split(place(*alt1), Some(place(*alt2)))],
        State::Capture { next, .. } => vec![split(place(*next), Some(place(*next)))],
        State::Fail => fail(),
        State::Match { .. } => {
            vec![Record { head: [ACCEPT, 0, 0, 0], next: 0, other: Some(0) }]
        }
    }
}

fn assertion(look: Look) -> u8 {
    match look {
        Look::Start => look::START,
        Look::End => look::END,
        Look::StartLF => look::LINE_START,
        Look::EndLF => look::LINE_END,
        Look::StartCRLF => look::CRLF_LINE_START,
        Look::EndCRLF => look::CRLF_LINE_END,
        Look::WordAscii => look::WORD_EDGE,
        Look::WordAsciiNegate => look::NO_WORD_EDGE,
        Look::WordStartAscii => look::WORD_START,
        Look::WordEndAscii => look::WORD_END,
        Look::WordStartHalfAscii => look::NO_WORD_BEFORE,
        Look::WordEndHalfAscii => look::NO_WORD_AFTER,
        Look::WordUnicode => look::UNICODE | look::WORD_EDGE,
        Look::WordUnicodeNegate => look::UNICODE | look::NO_WORD_EDGE,
        Look::WordStartUnicode => look::UNICODE | look::WORD_START,
        Look::WordEndUnicode => look::UNICODE | look::WORD_END,
        Look::WordStartHalfUnicode => look::UNICODE | look::NO_WORD_BEFORE,
        Look::WordEndHalfUnicode => look::UNICODE | look::NO_WORD_AFTER,
    }
}
