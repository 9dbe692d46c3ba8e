//! The template as it grows.

use super::MAX_TEMPLATE;
use super::chars::{at, in_token, in_word, part};
use super::pins::Original;
use super::value::{LONGEST_MASK, Mask};

/// Room for the mark that says that a template was cut.
const LIMIT: usize = MAX_TEMPLATE - 4;

/// A run of letters longer than this is data (base64, a blob), not a word.
pub(super) const LONGEST_WORD: usize = 64;

/// Where the template is written: room for a mask of any length behind the longest template.
pub(super) type Buffer = [u8; MAX_TEMPLATE + LONGEST_MASK];

/// What was read, and what it became. Text that stays is only marked, and copied in one piece when
/// something else follows.
pub(super) struct Output<'a> {
    /// The line, blind.
    pub(super) text: &'a [u8],
    /// The line as it is.
    pub(super) original: Original<'a>,
    /// Everything before is read.
    pub(super) at: usize,
    /// `text[kept..at]` stays, and is not copied yet.
    kept: usize,
    /// Digits are in what is kept.
    kept_digits: bool,
    out: &'a mut Buffer,
    /// How long the template is.
    length: usize,
    /// White space was read and not yet written.
    space: bool,
    /// The mask written last, if it may be the first of a list, and where it ends in `out`.
    list: Option<Mask>,
    last_mask_end: usize,
    /// The mask written last, if nothing but white space follows it.
    fresh: Option<Mask>,
    /// The text up to where reading goes on: to its end, or the end of the room for the template.
    ahead: &'a [u8],
    /// The greatest length of the template; 0 when it is full.
    limit: usize,
}

impl<'a> Output<'a> {
    pub(super) fn new(original: Original<'a>, out: &'a mut Buffer) -> Self {
        let text = original.blind();
        Self {
            text,
            original,
            at: 0,
            kept: 0,
            kept_digits: false,
            out,
            length: 0,
            space: false,
            list: None,
            last_mask_end: 0,
            fresh: None,
            ahead: part(text, 0, text.len().min(LIMIT + 1)),
            limit: LIMIT,
        }
    }

    /// The text up to where it can be kept before [`Self::goes_on`] must be asked.
    #[inline]
    pub(super) fn ahead(&self) -> &'a [u8] {
        self.ahead
    }

    /// At the end of [`Self::ahead`]: whether there is more to read, and room for it.
    #[inline(never)]
    pub(super) fn goes_on(&mut self) -> bool {
        self.flush();
        if self.ahead.len() <= self.at {
            self.ahead = part(self.text, 0, self.text.len().min(self.at + 1));
        }
        self.at < self.text.len() && !self.full()
    }

    /// Keeps everything up to `end`, which has no digit in it.
    #[inline]
    pub(super) fn keep(&mut self, end: usize) {
        self.at = end;
        self.fresh = None;
    }

    /// Keeps everything up to `end`, with digits in it.
    pub(super) fn keep_digits(&mut self, end: usize) {
        self.kept_digits = true;
        self.keep(end);
    }

    /// More than white space is kept.
    #[inline]
    pub(super) fn end_white_space(&mut self) {
        self.fresh = None;
    }

    /// White space up to `end`, which becomes one space, or none before a closing bracket.
    pub(super) fn blank(&mut self, end: usize) {
        if end > self.at {
            self.flush();
            self.space = !self.full();
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
        if self.list == Some(mask) && is_list_gap(part(self.out, self.last_mask_end, self.length)) {
            self.length = self.last_mask_end;
            self.space = false;
            return;
        }
        let space = usize::from(self.space && self.length > 0);
        let length = self.length + space + mask.length();
        if length > self.limit {
            return self.end();
        }
        if self.space {
            self.write_space();
        }
        self.write(mask.padded());
        self.length = length;
        self.list = Some(mask);
        self.last_mask_end = length;
    }

    /// The mask written last begins no list: what follows may be glued to the next value.
    pub(super) fn end_list(&mut self) {
        self.list = None;
    }

    /// The mask written last, if nothing but white space follows it.
    #[inline]
    pub(super) fn mask_before(&self) -> Option<Mask> {
        self.fresh
    }

    /// How long the template was after the last mask.
    pub(super) fn last_mask_end(&self) -> usize {
        self.last_mask_end
    }

    /// Whether the template begins with `text`; what is not copied yet does not count.
    pub(super) fn starts_with(&self, text: &[u8]) -> bool {
        self.template().starts_with(text)
    }

    /// The byte of the template right before; 0 at its beginning.
    pub(super) fn before(&self) -> u8 {
        match (self.kept < self.at, self.space) {
            (true, _) => at(self.text, self.at - 1),
            (false, true) => b' ',
            (false, false) => self.last_written(),
        }
    }

    /// Whether what stands right before is a word or a mask.
    pub(super) fn is_glued(&self) -> bool {
        let after_mask = self.fresh.is_some() && self.kept == self.at && !self.space;
        after_mask || in_word(self.before())
    }

    /// A template that was cut ends in a mask: more followed. Gives its length, and whether it was.
    pub(super) fn finish(mut self) -> (usize, bool) {
        self.flush();
        if self.full() {
            self.original.lose_pins();
            self.write_space();
            self.write(Mask::Any.padded());
            self.length += Mask::Any.length();
        }
        (self.length, self.full())
    }

    fn full(&self) -> bool {
        self.limit == 0
    }

    /// Copies what is kept.
    #[inline]
    fn flush(&mut self) {
        let (from, to) = (std::mem::replace(&mut self.kept, self.at), self.at);
        if from < to {
            let kept = if self.kept_digits {
                self.with_digits(from, to)
            } else {
                part(self.text, from, to)
            };
            self.copy(kept);
        }
    }

    #[inline(never)]
    fn with_digits(&mut self, from: usize, to: usize) -> &'a [u8] {
        self.kept_digits = false;
        self.original.part(from, to)
    }

    #[inline]
    fn copy(&mut self, kept: &[u8]) {
        let length = self.length + usize::from(self.space) + kept.len();
        if length > self.limit {
            return self.cut(kept);
        }
        if self.space {
            self.write_space();
        }
        self.write(kept);
        self.length += kept.len();
        let until = self.text.len().min(self.kept + LIMIT + 1 - length);
        self.ahead = part(self.text, 0, until);
    }

    /// Copies what there is room for.
    #[inline(never)]
    fn cut(&mut self, kept: &[u8]) {
        if self.full() {
            return;
        }
        self.end();
        let room = LIMIT.saturating_sub(self.length + usize::from(self.space));
        self.write_space();
        let kept = up_to(kept, room, self.last_written());
        self.write(kept);
        self.length += kept.len();
    }

    /// Something did not fit: nothing behind it is written.
    fn end(&mut self) {
        self.limit = 0;
        self.ahead = &[];
    }

    #[inline(never)]
    fn write_space(&mut self) {
        if std::mem::take(&mut self.space) && self.length > 0 {
            self.write(b" ");
            self.length += 1;
        }
    }

    /// Writes behind the template.
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        if let Some(room) = self.out.get_mut(self.length..self.length + bytes.len()) {
            room.copy_from_slice(bytes);
        }
    }

    fn template(&self) -> &[u8] {
        part(self.out, 0, self.length)
    }

    fn last_written(&self) -> u8 {
        self.template().last().copied().unwrap_or(0)
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
