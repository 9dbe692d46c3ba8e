//! A pattern as a table: one step per byte.
//!
//! 256 bytes (the class of each byte), the class that stands for the end of the message (`u32`), the
//! first state (`u32`), then rows of `u16`, one number for each class. A state is the place of its
//! row among these numbers, or one of [`REJECT`], [`ACCEPT`], [`QUIT`]: three numbers stand before
//! the first row, so that none is a row's place.

/// No match, whatever follows.
pub(super) const REJECT: u16 = 0;

/// A match, whatever follows.
pub(super) const ACCEPT: u16 = 1;

/// The table does not know: a byte that is not ASCII, and the pattern asks for the edge of a word.
pub(super) const QUIT: u16 = 2;

/// Whether the pattern matches; `None` where the table cannot tell.
pub(super) fn is_match(table: &[u8], message: &[u8]) -> Option<bool> {
    let (classes, rest) = table.split_first_chunk::<256>()?;
    let (end, rest) = rest.split_first_chunk()?;
    let (start, rows) = rest.split_first_chunk()?;
    let rows: &[[u8; 2]] = rows.as_chunks().0;
    let next = |state: u16, class: usize| {
        rows.get(usize::from(state) + class).map_or(QUIT, |next| u16::from_le_bytes(*next))
    };
    let mut state = u16::try_from(u32::from_le_bytes(*start)).ok()?;
    if state > QUIT {
        for byte in message {
            state = next(state, usize::from(classes[usize::from(*byte)]));
            if state <= QUIT {
                break;
            }
        }
    }
    if state > QUIT {
        state = next(state, u32::from_le_bytes(*end) as usize);
    }
    match state {
        ACCEPT => Some(true),
        REJECT => Some(false),
        _ => None,
    }
}
