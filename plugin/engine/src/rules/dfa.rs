//! A pattern as a table: one step per byte.
//!
//! 256 bytes (the class of each byte), the number of columns (`u32`), then rows of `u16`, one
//! number for each class and in the last column one for the end of the message. A state is the
//! place of its row among these numbers. The first three rows are [`REJECT`], [`ACCEPT`] and
//! [`QUIT`], which lead to themselves; the fourth is the state to start in.

/// No match, whatever follows.
pub(super) const REJECT: usize = 0;

/// A match, whatever follows.
pub(super) const ACCEPT: usize = 1;

/// The table does not know: a byte that is not ASCII, and the pattern asks for the edge of a word.
pub(super) const QUIT: usize = 2;

/// The number of these rows.
pub(super) const ENDS: usize = 3;

/// Whether the pattern matches; `None` where the table cannot tell.
pub(super) fn is_match(table: &[u8], message: &[u8]) -> Option<bool> {
    let (classes, rest) = table.split_first_chunk::<256>()?;
    let (columns, rows) = rest.split_first_chunk()?;
    let columns = u16::try_from(u32::from_le_bytes(*columns)).ok()?;
    let rows: &[[u8; 2]] = rows.as_chunks().0;
    let quit = columns.checked_mul(QUIT as u16)?;
    let first = columns.checked_mul(ENDS as u16)?;
    let step = |state: u16, column: usize| {
        rows.get(usize::from(state) + column).map_or(quit, |next| u16::from_le_bytes(*next))
    };
    let over = |state: u16, byte: &u8| step(state, usize::from(classes[usize::from(*byte)]));
    let mut state = first;
    let (fours, rest) = message.as_chunks::<4>();
    for four in fours {
        state = four.iter().fold(state, over);
        if state < first {
            break;
        }
    }
    state = rest.iter().fold(state, over);
    state = step(state, usize::from(columns.checked_sub(1)?));
    match usize::from(state.checked_div(columns)?) {
        REJECT => Some(false),
        ACCEPT => Some(true),
        _ => None,
    }
}
