//! A pattern as a machine with several states at once, for patterns whose table would be too large.
//! Time is linear in the message, whatever the pattern.
//!
//! The first state (`u32`), then [`RECORD`] bytes for each state: kind, two bytes, whether the next
//! record belongs to this state; two states (`u32`) to go to.
//!
//! | kind | the two bytes | goes to |
//! | --- | --- | --- |
//! | [`RANGE`] | first and last byte | the first state, over one such byte |
//! | [`SPLIT`] | | both states, over nothing |
//! | [`LOOK`] | an assertion of `look.rs` | the first state, over nothing, where it holds |
//! | [`ACCEPT`] | | |

use super::image::Word;
use super::look::{self, WordRanges};

pub(super) const RANGE: u8 = 0;
pub(super) const SPLIT: u8 = 1;
pub(super) const LOOK: u8 = 2;
pub(super) const ACCEPT: u8 = 3;

/// The words of a state.
pub(super) const RECORD: usize = 3;

/// Working memory, kept from call to call.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    /// For each state the last place at which it was entered, counted from 1.
    entered: Vec<usize>,
    /// States that wait for a byte.
    now: Vec<u32>,
    then: Vec<u32>,
    /// States to enter.
    stack: Vec<u32>,
}

/// Whether the pattern matches somewhere in the message.
pub(super) fn is_match(
    machine: &[u8],
    word: WordRanges<'_>,
    message: &[u8],
    scratch: &mut Scratch,
) -> bool {
    let Some((start, records)) = machine.split_first_chunk() else { return false };
    let machine = Machine { records: super::image::words(records).as_chunks().0, word, message };
    let start = u32::from_le_bytes(*start);
    scratch.entered.clear();
    scratch.entered.resize(machine.records.len(), 0);
    scratch.now.clear();
    for (place, byte) in message.iter().map(Some).chain([None]).enumerate() {
        if machine.enter(start, place, scratch) {
            return true;
        }
        let Some(byte) = byte else { return false };
        let Scratch { now, then, .. } = scratch;
        std::mem::swap(now, then);
        scratch.now.clear();
        for waiting in 0..scratch.then.len() {
            let next = scratch.then.get(waiting).and_then(|state| machine.over(*state, *byte));
            if next.is_some_and(|next| machine.enter(next, place + 1, scratch)) {
                return true;
            }
        }
    }
    false
}

struct Machine<'m> {
    records: &'m [[Word; RECORD]],
    word: WordRanges<'m>,
    message: &'m [u8],
}

impl Machine<'_> {
    /// Enters a state and all that follow it over nothing; whether one of them accepts.
    fn enter(&self, state: u32, place: usize, scratch: &mut Scratch) -> bool {
        scratch.stack.clear();
        scratch.stack.push(state);
        while let Some(state) = scratch.stack.pop() {
            let Some(entered) = scratch.entered.get_mut(state as usize) else { continue };
            if std::mem::replace(entered, place + 1) == place + 1 {
                continue;
            }
            let Some([[kind, first, _, _], next, other]) = self.records.get(state as usize) else {
                continue;
            };
            match *kind {
                RANGE => scratch.now.push(state),
                SPLIT => {
                    scratch.stack.extend([next, other].map(|state| u32::from_le_bytes(*state)))
                }
                LOOK if look::holds(*first, self.message, place, self.word) => {
                    scratch.stack.push(u32::from_le_bytes(*next));
                }
                ACCEPT => return true,
                _ => {}
            }
        }
        false
    }

    /// Where a state goes to over `byte`.
    fn over(&self, state: u32, byte: u8) -> Option<u32> {
        for [[_, first, last, more], next, _] in self.records.get(state as usize..)? {
            if (*first..=*last).contains(&byte) {
                return Some(u32::from_le_bytes(*next));
            }
            if *more == 0 {
                return None;
            }
        }
        None
    }
}
