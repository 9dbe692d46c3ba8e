//! Values that the words around them give away: names of users and hosts, dates in words.

use super::chars::{at, digits, in_token, in_word, part, run, spaces};
use super::scan::Scan;
use super::value::Mask;
use super::words::{self, Cue};

impl Scan<'_> {
    /// After `user`, and after `password for`: a name, if what follows it allows one.
    #[inline]
    pub(super) fn is_name(&self, start: usize, end: usize) -> bool {
        self.cue.awaits_name() && self.is_awaited_name(start, end)
    }

    #[inline(never)]
    fn is_awaited_name(&self, start: usize, end: usize) -> bool {
        let word = part(self.o.text, start, end);
        match self.cue {
            Cue::User => !words::not_a_name(word) && self.name_ends(end),
            Cue::AuthFor => {
                !word.eq_ignore_ascii_case(b"invalid")
                    && !word.eq_ignore_ascii_case(b"user")
                    && !words::not_a_name(word)
                    && self.name_ends(end)
            }
            _ => false,
        }
    }

    fn name_ends(&self, end: usize) -> bool {
        let next = end + spaces(self.o.text, end);
        if next == self.o.text.len() || matches!(at(self.o.text, next), b'[' | b'(' | b')' | b']') {
            return true;
        }
        if next > end {
            return self
                .next_word_alone(end)
                .is_some_and(|(from, to)| words::follows_a_name(part(self.o.text, from, to)));
        }
        matches!(at(self.o.text, end), b',' | b';' | b'.' | b'\'' | b'"')
    }

    /// Right behind a time that begins the line, in syslog: the host, then the program and `:` or
    /// `[pid]`.
    #[inline(never)]
    pub(super) fn is_header_host(&self, end: usize) -> bool {
        let text = self.o.text;
        let time_end = self.o.last_mask_end();
        let begins_line =
            time_end == Mask::Time.length() || (time_end <= 16 && self.o.starts_with(b"<<num>>"));
        let host = part(text, self.o.at, end);
        let program = end + spaces(text, end);
        let length = run(text, program, |b| in_token(b) || matches!(b, b'(' | b')' | b'/'));
        let after = program + length;
        begins_line
            && program > end
            && length > 0
            && !words::is_level(host)
            && !words::is_zone(host)
            && match at(text, after) {
                b'[' => true,
                b':' => spaces(text, after + 1) > 0,
                _ => false,
            }
    }

    #[inline]
    pub(super) fn after_time(&self) -> bool {
        self.o.mask_before() == Some(Mask::Time)
    }

    /// `+0100` behind a time.
    pub(super) fn is_zone_offset(&self, start: usize) -> bool {
        self.after_time()
            && matches!(at(self.o.text, start), b'+' | b'-')
            && digits(self.o.text, start + 1) == 4
            && !in_word(at(self.o.text, start + 5))
    }

    /// `19..` or `20..`.
    pub(super) fn is_year(&mut self, start: usize, end: usize) -> bool {
        let original = &mut self.o.original;
        part(self.o.text, start, end) == b"0000"
            && match original.digit(start) {
                b'1' => original.digit(start + 1) == b'9',
                b'2' => original.digit(start + 1) == b'0',
                _ => false,
            }
    }

    /// Where a date that began with the name of a day or month goes on to: behind the day of the
    /// month or the year, or before another such name.
    #[inline(never)]
    pub(super) fn calendar_end(&self, end: usize) -> Option<usize> {
        let comma = end + usize::from(at(self.o.text, end) == b',');
        self.day_end(comma).or_else(|| {
            // A day and a month at most: a line may hold nothing but names of days.
            let (from, to) = self.next_word(comma)?;
            let named = words::is_day_or_month(part(self.o.text, from, to))
                && self.day_end(to + usize::from(at(self.o.text, to) == b',')).is_some();
            named.then_some(comma)
        })
    }

    /// A number of one, two or four digits behind white space: a day or a year.
    fn day_end(&self, end: usize) -> Option<usize> {
        let gap = spaces(self.o.text, end);
        let number = digits(self.o.text, end + gap);
        let end = end + gap + number;
        (gap > 0 && matches!(number, 1 | 2 | 4) && !in_token(at(self.o.text, end))).then_some(end)
    }
}
