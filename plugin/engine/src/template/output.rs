//! The template as it grows.

use super::MAX_TEMPLATE;
use super::chars::{at, in_token, in_word, part};
use super::value::Mask;

/// Room for the mark that says that a template was cut.
const LIMIT: usize = MAX_TEMPLATE - 4;

/// A run of letters longer than this is data (base64, a blob), not a word.
pub(super) const LONGEST_WORD: usize = 64;

/// What was read, and what it became. Text that stays is only marked, and copied in one piece when
/// something else follows.
pub(super) struct Output<'a> {
    pub(super) text: &'a [u8],
    /// Everything before is read.
    pub(super) at: usize,
    /// `text[kept..at]` stays, and is not copied yet.
    kept: usize,
    out: &'a mut Vec<u8>,
    /// White space was read and not yet written.
    space: bool,
    /// The mask written last, and where it ends in `out`.
    last_mask: Option<(Mask, usize)>,
    /// The mask written last may be the first of a list.
    joins_list: bool,
    /// The mask written last, if nothing but white space follows it.
    fresh: Option<Mask>,
    /// Reading goes on before this byte: the end of the text, or of the room for the template.
    until: usize,
    /// The template has its greatest length.
    full: bool,
}

impl<'a> Output<'a> {
    pub(super) fn new(text: &'a [u8], out: &'a mut Vec<u8>) -> Self {
        Self {
            text,
            at: 0,
            kept: 0,
            out,
            space: false,
            last_mask: None,
            joins_list: false,
            fresh: None,
            until: text.len().min(LIMIT + 1),
            full: false,
        }
    }

    /// Whether there is more to read, and room for it.
    #[inline]
    pub(super) fn goes_on(&mut self) -> bool {
        self.at < self.until || self.makes_room()
    }

    /// Up to where text can be kept before [`Self::goes_on`] must be asked.
    #[inline]
    pub(super) fn until(&self) -> usize {
        self.until
    }

    /// Copies what is kept, if that gives room to go on.
    fn makes_room(&mut self) -> bool {
        self.flush();
        self.at < self.text.len() && !self.full
    }

    /// Keeps everything up to `end`.
    #[inline]
    pub(super) fn keep(&mut self, end: usize) {
        self.at = end;
        self.fresh = None;
    }

    /// Keeps one space.
    #[inline]
    pub(super) fn keep_space(&mut self) {
        self.at += 1;
    }

    /// White space up to `end`, which becomes one space, or none before a closing bracket.
    pub(super) fn blank(&mut self, end: usize) {
        if end > self.at {
            self.flush();
            self.space = !self.full;
            (self.at, self.kept) = (end, end);
        }
    }

    /// Leaves out everything up to `end`, and the space before it.
    #[inline]
    pub(super) fn leave_out(&mut self, end: usize) {
        let nothing = end == self.at && self.kept < end && self.fresh.is_none();
        if !nothing {
            self.leave_out_blank(end);
        }
    }

    fn leave_out_blank(&mut self, end: usize) {
        if self.fresh.is_none() {
            self.flush();
        }
        self.space = false;
        (self.at, self.kept) = (end, end);
    }

    /// Writes a mask for everything up to `end`; a list of the same mask stays one.
    pub(super) fn mask(&mut self, mask: Mask, end: usize) {
        self.flush();
        (self.at, self.kept) = (end, end);
        self.fresh = Some(mask);
        if let Some((last, last_end)) = self.last_mask
            && last == mask
            && self.joins_list
            && is_list_gap(part(self.out, last_end, self.out.len()))
        {
            self.out.truncate(last_end);
            self.space = false;
            return;
        }
        let text = mask.text().as_bytes();
        let space = self.space && !self.out.is_empty();
        if self.full || self.out.len() + usize::from(space) + text.len() > LIMIT {
            self.end();
            return;
        }
        self.write_space();
        self.out.extend_from_slice(text);
        self.joins_list = true;
        self.last_mask = Some((mask, self.out.len()));
    }

    /// The mask written last begins no list: what follows may be glued to the next value.
    pub(super) fn end_list(&mut self) {
        self.joins_list = false;
    }

    /// The mask written last, if nothing but white space follows it.
    #[inline]
    pub(super) fn mask_before(&self) -> Option<Mask> {
        self.fresh
    }

    /// How long the template was after the last mask.
    pub(super) fn last_mask_end(&self) -> usize {
        self.last_mask.map_or(0, |(_, end)| end)
    }

    /// Whether the template begins with `text`; what is not copied yet does not count.
    pub(super) fn starts_with(&self, text: &[u8]) -> bool {
        self.out.starts_with(text)
    }

    /// The byte of the template right before; 0 at its beginning.
    pub(super) fn before(&self) -> u8 {
        match (self.kept < self.at, self.space) {
            (true, _) => at(self.text, self.at - 1),
            (false, true) => b' ',
            (false, false) => self.out.last().copied().unwrap_or(0),
        }
    }

    /// Whether what stands right before is a word or a mask.
    pub(super) fn is_glued(&self) -> bool {
        let after_mask = self.fresh.is_some() && self.kept == self.at && !self.space;
        after_mask || in_word(self.before())
    }

    /// A template that was cut ends in a mask: more followed. Says whether it was.
    pub(super) fn finish(mut self) -> bool {
        self.flush();
        if self.full {
            self.write_space();
            self.out.extend_from_slice(Mask::Any.text().as_bytes());
        }
        self.full
    }

    /// Copies what is kept.
    #[inline]
    fn flush(&mut self) {
        if self.kept < self.at {
            self.copy_kept();
        }
    }

    fn copy_kept(&mut self) {
        let kept = part(self.text, self.kept, self.at);
        self.kept = self.at;
        if self.full {
            return;
        }
        let length = self.out.len() + usize::from(self.space) + kept.len();
        if length <= LIMIT {
            self.write_space();
            self.out.extend_from_slice(kept);
            self.until = self.text.len().min(self.at + LIMIT + 1 - length);
        } else {
            self.end();
            let room = LIMIT.saturating_sub(self.out.len() + usize::from(self.space));
            self.write_space();
            let before = self.out.last().copied().unwrap_or(0);
            self.out.extend_from_slice(up_to(kept, room, before));
        }
    }

    /// Something did not fit: nothing behind it is written.
    fn end(&mut self) {
        self.full = true;
        self.until = 0;
    }

    fn write_space(&mut self) {
        if std::mem::take(&mut self.space) && !self.out.is_empty() {
            self.out.push(b' ');
        }
    }
}

/// The longest beginning of at most `room` bytes that ends between two tokens, or in a script
/// without spaces between two characters. `before` is the byte before `text`.
fn up_to(text: &[u8], room: usize, before: u8) -> &[u8] {
    let last = |end: usize| end.checked_sub(1).map_or(before, |last| at(text, last));
    let between_tokens = |end: usize| !in_token(at(text, end)) || !in_token(last(end));
    let nearest = (0..=room).rev().take(LONGEST_WORD).find(|end| between_tokens(*end));
    let end = nearest.or_else(|| (1..=room).rev().find(|end| at(text, *end) & 0xc0 != 0x80));
    part(text, 0, end.unwrap_or(0))
}

/// Between two values of a list.
fn is_list_gap(gap: &[u8]) -> bool {
    matches!(
        gap,
        b"" | b"," | b", " | b" " | b"\",\"" | b"\", \"" | b"','" | b"', '" | b"\" \"" | b"' '"
    )
}
