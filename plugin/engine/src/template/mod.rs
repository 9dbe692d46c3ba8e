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
//! A template is UTF-8 of at most [`MAX_TEMPLATE`] bytes; bytes that are not UTF-8 become U+FFFD.

mod chars;
mod compound;
mod name;
mod output;
mod pair;
mod scan;
mod value;
mod words;

use output::Buffer;
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
#[derive(Debug)]
pub struct Masker {
    /// Where a template is made.
    out: Box<Buffer>,
    /// The template made last.
    template: String,
}

impl Default for Masker {
    fn default() -> Self {
        Self { out: Box::new([0; _]), template: String::new() }
    }
}

impl Masker {
    /// The template of `message`; valid until the next call.
    pub fn mask(&mut self, message: &[u8]) -> &str {
        let (line, has_escape) = scan::first_line(message);
        if has_escape {
            self.mask_line(&scan::without_escapes(line));
        } else {
            self.mask_line(line);
        }
        &self.template
    }

    pub(crate) fn mask_blind(&mut self, message: &[u8], _blind: &[u8]) -> &str {
        self.mask(message)
    }

    pub(crate) fn pins(&self) -> Option<&[Pin]> {
        None
    }

    /// The template made last.
    pub fn template(&self) -> &str {
        &self.template
    }

    /// Words are copied byte for byte, so the template is UTF-8 where the line is.
    fn mask_line(&mut self, line: &[u8]) {
        self.template.clear();
        match str::from_utf8(mask_bytes(line, &mut self.out)) {
            Ok(template) => self.template.push_str(template),
            Err(_) => {
                let line = String::from_utf8_lossy(line);
                let template = str::from_utf8(mask_bytes(line.as_bytes(), &mut self.out));
                self.template.push_str(template.unwrap_or_default());
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Pin {
    pub(crate) place: u32,
    pub(crate) digit: u8,
}

fn mask_bytes<'o>(line: &[u8], out: &'o mut Buffer) -> &'o [u8] {
    let (mut length, cut) = scan::mask_into(line, out);
    if cut {
        length = settle(length, out);
    }
    chars::part(out, 0, length)
}

/// The cut may have taken away what a decision before it rested on: a template that was cut is
/// masked again until it stays. Gives its length.
#[inline(never)]
fn settle(mut length: usize, out: &mut Buffer) -> usize {
    for _ in 0..8 {
        let before = chars::part(out, 0, length).to_vec();
        (length, _) = scan::mask_into(&before, out);
        if chars::part(out, 0, length) == before {
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
