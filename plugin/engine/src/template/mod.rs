//! Template masking: the message with its variable parts replaced by masks.
//!
//! ```text
//! Failed password for root from 203.0.113.7 port 4711 ssh2
//! Failed password for <*> from <ip> port <num> ssh2
//! ```
//!
//! Deterministic and stateless: one pass over the first line of the message, no regular
//! expressions, no learned state. The same message gives the same template in every process, so a
//! template can key caches, journals and fleets.
//!
//! * Words stay. Values that their own shape gives away (numbers, times, addresses, paths, ids)
//!   become a mask named after the shape; values that syntax gives away (`key=value`, `user NAME`,
//!   `"quoted"`) become `<*>`.
//! * What decides the meaning stays: the class of an HTTP status (`<5xx>`), whether an exit code is
//!   zero (`0` or `<nonzero>`), a count of zero failures (`0 errors`), the value of keys such as
//!   `level=`, `status=` or `msg=`.
//! * A list of values becomes one mask, whatever its length.
//! * Masking a template gives the template again.
//! * What follows a key such as `password=`, `token:` or `"api_key":` is masked, whatever it is. A
//!   secret in free text (`with password hunter`) is a word like others, and stays.
//!
//! Few templates depend on the value of a digit (`0 errors`, a status, `ssh2`). The scanner reads
//! the line with its digits and ids blinded (see `blind`), and notes each byte that it has to ask
//! for: see `pins`.
//!
//! A template is UTF-8 of at most [`MAX_TEMPLATE`] bytes; bytes that are not UTF-8 become U+FFFD.

mod blind;
mod chars;
mod compound;
mod name;
mod output;
mod pair;
mod pins;
mod scan;
mod value;
mod words;

pub(crate) use blind::Blind;
use chars::part;
use output::Buffer;
pub(crate) use pins::Pin;
use pins::{Original, Pins};
use value::Mask;
use xxhash_rust::xxh3::xxh3_64;

/// A template is cut, on a character boundary, after this many bytes.
pub const MAX_TEMPLATE: usize = 1024;

/// Masks messages into one reused buffer.
///
/// ```
/// use logtriage_engine::Masker;
/// let mut masker = Masker::default();
/// assert_eq!(masker.mask(b"took 31 ms for 10.0.0.7:8080"), "took <dur> for <ip>");
/// ```
#[derive(Debug, Default)]
pub struct Masker {
    /// The line, blind, where the caller has not made it.
    blind: Blind,
    made: Made,
}

/// What was made of the last message.
#[derive(Debug)]
struct Made {
    /// Where a template is made.
    out: Box<Buffer>,
    template: String,
    pins: Pins,
}

impl Default for Made {
    fn default() -> Self {
        Self { out: Box::new([0; _]), template: String::new(), pins: Pins::default() }
    }
}

impl Masker {
    /// The template of `message`; valid until the next call.
    pub fn mask(&mut self, message: &[u8]) -> &str {
        let (line, has_escape) = scan::first_line(message);
        let text = part(message, line.start, line.end);
        if has_escape {
            self.made.mask_escaped(text);
        } else {
            self.blind.make(text);
            self.made.mask_line(text, &self.blind.text, line.start);
        }
        self.template()
    }

    /// As [`Self::mask`], where `blind` was made of `message`.
    pub(crate) fn mask_blind(&mut self, message: &[u8], blind: &Blind) -> &str {
        if blind.text.len() != message.len() {
            return self.mask(message);
        }
        // Without control characters it is one line.
        let (line, has_escape) = match blind.has_control {
            true => scan::first_line(message),
            false => (scan::line_start(message)..message.len(), false),
        };
        let text = part(message, line.start, line.end);
        if has_escape {
            self.made.mask_escaped(text);
        } else {
            self.made.mask_line(text, part(&blind.text, line.start, line.end), line.start);
        }
        self.template()
    }

    /// The template made last.
    pub fn template(&self) -> &str {
        &self.made.template
    }

    /// What the template made last depends on: a message that is blind to the same bytes, and has
    /// the same bytes there, has the same template and the same pins. None where that is not told.
    pub(crate) fn pins(&self) -> Option<&[Pin]> {
        self.made.pins.get()
    }
}

impl Made {
    /// Words are copied byte for byte, so the template is UTF-8 where the line is.
    fn mask_line(&mut self, line: &[u8], blind: &[u8], offset: usize) {
        self.template.clear();
        self.pins.clear();
        let original = Original::new(line, blind, offset, &mut self.pins);
        match str::from_utf8(mask_bytes(original, &mut self.out)) {
            Ok(template) => self.template.push_str(template),
            Err(_) => self.mask_lossy(line),
        }
    }

    #[inline(never)]
    fn mask_lossy(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let blind = blinded(line.as_bytes());
        let original = Original::new(line.as_bytes(), &blind, 0, &mut self.pins);
        let template = str::from_utf8(mask_bytes(original, &mut self.out));
        self.template.push_str(template.unwrap_or_default());
        self.pins.lose();
    }

    #[inline(never)]
    fn mask_escaped(&mut self, line: &[u8]) {
        let line = scan::without_escapes(line);
        self.mask_line(&line, &blinded(&line), 0);
        self.pins.lose();
    }
}

fn blinded(line: &[u8]) -> Vec<u8> {
    let mut blind = Blind::default();
    blind.make(line);
    blind.text
}

fn mask_bytes<'o>(original: Original<'_>, out: &'o mut Buffer) -> &'o [u8] {
    let (mut length, cut) = scan::mask_into(original, out);
    if cut {
        length = settle(length, out);
    }
    part(out, 0, length)
}

/// The cut may have taken away what a decision before it rested on: a template that was cut is
/// masked again until it stays. Gives its length.
#[inline(never)]
fn settle(mut length: usize, out: &mut Buffer) -> usize {
    let mut pins = Pins::default();
    for _ in 0..8 {
        let before = part(out, 0, length).to_vec();
        let blind = blinded(&before);
        (length, _) = scan::mask_into(Original::new(&before, &blind, 0, &mut pins), out);
        if part(out, 0, length) == before {
            return length;
        }
    }
    if let Some(start) = out.first_chunk_mut() {
        *start = *Mask::Any.padded();
    }
    Mask::Any.length()
}

/// The id of a template: XXH3-64, seed 0, of its UTF-8 bytes.
///
/// Written as 16 lower-case hexadecimal digits. Ids can collide; whatever is looked up by id must
/// compare the template as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TemplateId(pub u64);

impl TemplateId {
    /// The id of `template`.
    pub fn of(template: &str) -> Self {
        Self(xxh3_64(template.as_bytes()))
    }

    /// The id as it is written: 16 lower-case hexadecimal digits.
    pub fn hex(self) -> [u8; 16] {
        std::array::from_fn(|place| {
            let digit = (self.0 >> (60 - 4 * place)) as u8 & 0xf;
            if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
        })
    }
}

impl std::fmt::Display for TemplateId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
