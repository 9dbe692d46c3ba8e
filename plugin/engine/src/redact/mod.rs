//! Secrets and personal data are taken out of a text before anybody keeps it or hands it on.
//!
//! The mask hides values that vary, not values that are secret: in `login with password hunter2`
//! the password is a word like others. So whatever leaves the process is redacted as well:
//!
//! * what a name gives away: `password=…`, `"api_key": "…"`, `Authorization: …`, `password is …`,
//!   and in free text `password hunter2`, unless the word behind is one that ordinarily stands there
//!   (`password expired`); with escaped separators (`password%3D…`), on the next line, in other
//!   languages (`contraseña: …`), on command lines (`mysql -p…`); telephone numbers behind a word for
//!   them;
//! * what its own shape gives away: keys with known beginnings (`ghp_…`, `AKIA…`, `sk-…`), JSON web
//!   tokens, private keys, long random text, user and password in a URL, e-mail addresses, card
//!   numbers and IBANs (with valid check digits), IP, MAC and street addresses.
//!
//! ```
//! use logtriage_engine::redact;
//! assert_eq!(redact("su: bob gave password hunter2"), "su: bob gave password <*>");
//! assert_eq!(redact("password expired for root"), "password expired for root");
//! ```
//!
//! One pass, no regular expressions, linear in the text. It rather takes too much than too little:
//! a redacted text is never what an event looks like, only what is said of it. It cannot know a
//! secret that nothing points to (`logged in with hunter`).

mod command;
mod escaped;
mod names;
mod shapes;

use std::borrow::Cow;

use crate::template::Masker;
use command::CommandLine;

/// What stands for a secret; the mask leaves it as it is.
const REDACTED: &str = "<*>";

/// A longer token, in bytes, is looked at in pieces.
const LONGEST_PIECE: usize = 1024;

/// What stands for an IP or MAC address.
const ADDRESS: &str = "<ip>";

/// What stands for an e-mail address.
const EMAIL: &str = "<email>";

/// The text without secrets and personal data.
pub fn redact(text: &str) -> Cow<'_, str> {
    Redactor {
        text,
        at: 0,
        copied: 0,
        out: String::new(),
        before: "",
        command: CommandLine::default(),
    }
    .run()
}

impl Masker {
    /// The template of `message` without secrets: what is stored, sent, and what verdicts are known
    /// by. Masking and redacting it again gives it again.
    pub fn mask_and_redact(&mut self, message: &[u8]) -> Cow<'_, str> {
        self.mask(message);
        redact_template(self.template()).map_or(Cow::Borrowed(self.template()), Cow::Owned)
    }
}

/// A template without its secrets; `None` where it has none.
pub(crate) fn redact_template(template: &str) -> Option<String> {
    let mut redacted = match redact(template) {
        Cow::Borrowed(_) => return None,
        Cow::Owned(redacted) => redacted,
    };
    // What was taken out may change what the mask sees in the rest.
    let mut masker = Masker::default();
    for _ in 0..8 {
        let again = redact(masker.mask(redacted.as_bytes())).into_owned();
        if again == redacted {
            return Some(redacted);
        }
        redacted = again;
    }
    Some(REDACTED.to_owned())
}

struct Redactor<'t> {
    text: &'t str,
    at: usize,
    /// Everything before is in `out`, if anything was taken out.
    copied: usize,
    out: String,
    /// The token before.
    before: &'t str,
    command: CommandLine,
}

impl<'t> Redactor<'t> {
    fn run(mut self) -> Cow<'t, str> {
        while self.at < self.text.len() {
            self.step();
        }
        if self.copied == 0 {
            return Cow::Borrowed(self.text);
        }
        self.out.push_str(part(self.text, self.copied, self.text.len()));
        Cow::Owned(self.out)
    }

    fn step(&mut self) {
        if let Some(end) = mask_end(self.text, self.at) {
            match shapes::street_behind(self.text, end) {
                Some(to) => self.replace(self.at, to, REDACTED),
                None => self.at = end,
            }
        } else if let Some((to, with)) = shapes::at_token(self.text, self.at) {
            self.replace(self.at, to, with);
        } else if is_delimiter(byte(self.text, self.at)) {
            if matches!(byte(self.text, self.at), b'\n' | b';' | b'|') {
                self.command = CommandLine::default();
            }
            self.at += 1;
        } else {
            self.token();
        }
    }

    /// A token that is no secret by its shape, and what it says of what follows it.
    fn token(&mut self) {
        let end = piece_end(self.text, self.at);
        let token = part(self.text, self.at, end);
        let secret = self
            .command
            .password(self.text, self.at, end)
            .or_else(|| names::value_behind(self.text, self.at, end, self.before));
        // Nothing stands inside a plain word, as most tokens are.
        let is_word = token.bytes().all(|b| b.is_ascii_alphabetic());
        let inside = if is_word { None } else { self.inside(end) };
        if let Some((from, to, with)) = inside {
            self.replace(from, to, with);
            // What follows may hold more.
            self.before = "";
            return;
        }
        self.before = token;
        self.at = end;
        if let Some((from, to)) = secret {
            self.replace(from, to, REDACTED);
        }
    }

    /// What is to be redacted first inside the token up to `end`.
    fn inside(&self, end: usize) -> Option<(usize, usize, &'static str)> {
        let shape = shapes::inside_token(self.text, self.at, end);
        let escaped = escaped::value_inside(self.text, self.at, end);
        let escaped = escaped.map(|(from, to)| (from, to, REDACTED));
        shape.into_iter().chain(escaped).min()
    }

    fn replace(&mut self, from: usize, to: usize, with: &str) {
        self.out.push_str(part(self.text, self.copied, from));
        self.out.push_str(with);
        (self.at, self.copied) = (to, to);
    }
}

/// A byte of the text; zero behind it.
fn byte(text: &str, at: usize) -> u8 {
    text.as_bytes().get(at).copied().unwrap_or(0)
}

/// A part of the text. Every place that is cut at stands beside an ASCII byte.
fn part(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or_default()
}

/// Where the mask that begins at `at` ends, as in `<num>` or `<*>`.
fn mask_end(text: &str, at: usize) -> Option<usize> {
    if byte(text, at) != b'<' {
        return None;
    }
    let inner = text.as_bytes().get(at + 1..)?.iter().take(12);
    let length =
        inner.take_while(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || **b == b'*').count();
    let end = at + 1 + length;
    // An XML element is none: `<password>hunter2</password>`.
    let is_mask = length > 0 && byte(text, end) == b'>' && !names::is_name(part(text, at + 1, end));
    is_mask.then_some(end + 1)
}

fn is_delimiter(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_control() || b"\"'`()[]{}<>,;|=&".contains(&byte)
}

/// Where the token ends of which at most [`LONGEST_PIECE`] bytes are looked at together: so that
/// the work is linear in the text, however much is taken out of one token.
fn piece_end(text: &str, at: usize) -> usize {
    let longest = text.floor_char_boundary(at + LONGEST_PIECE);
    let end = token_end(part(text, 0, longest), at);
    if end < longest || longest == text.len() {
        return end;
    }
    // No name goes across a slash.
    match part(text, at + 1, longest).rfind('/') {
        Some(slash) => at + 1 + slash,
        None => longest,
    }
}

/// Where the token that begins at `at` ends: behind at least one byte.
fn token_end(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    at + rest.iter().position(|b| is_delimiter(*b)).unwrap_or(rest.len()).max(1)
}
