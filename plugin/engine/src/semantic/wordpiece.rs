//! BERT's uncased tokeniser: clean, strip accents, lower-case, split, then WordPiece.
//!
//! Devlin et al., "BERT" (2019), with the vocabulary search of Wu et al., "Google's Neural Machine
//! Translation System" (2016): each word is cut greedily into the longest known pieces from the
//! left; pieces after the first carry `##`. The ids are those of the `tokenizers` library with
//! `BertNormalizer` and `BertPreTokenizer`, with one difference: literals such as `[MASK]` in the
//! text are ordinary text here, because a log must not be able to speak in special tokens.
//!
//! Character classes are those of Unicode 8, as in the library; NFD is of a newer Unicode.

use unicode_categories::UnicodeCategories;
use unicode_normalization::UnicodeNormalization;

use crate::swar::equal;

/// A longer word, in characters, is one unknown token.
const MAX_WORD_CHARS: usize = 100;
/// Ids are stored in 16 bits, next to a 16-bit tag.
pub(crate) const MAX_TOKENS: usize = u16::MAX as usize;
/// A vocabulary with a longer token is refused; those of BERT take 20 or so.
const MAX_TOKEN_BYTES: usize = 128;
/// Stands for a word that no tokens make up.
pub(crate) const UNKNOWN: &str = "[UNK]";
const CONTINUATION: &str = "##";

/// A WordPiece vocabulary with its tokeniser; the id of a token is its line number from 0.
#[derive(Debug)]
pub(crate) struct WordPiece {
    vocabulary: Vocabulary,
    unknown: u32,
}

impl WordPiece {
    /// Reads a vocabulary of one token per line, LF line ends.
    ///
    /// The error says what is wrong, in words that follow the name of the file.
    pub(crate) fn parse(text: std::borrow::Cow<'static, str>) -> Result<Self, String> {
        let vocabulary = Vocabulary::parse(text)?;
        let unknown = (0..vocabulary.len())
            .find(|&id| vocabulary.token(id) == UNKNOWN)
            .ok_or_else(|| format!("has no {UNKNOWN} token"))?;
        Ok(Self { vocabulary, unknown: unknown as u32 })
    }

    /// Tokens in the vocabulary.
    pub(crate) fn len(&self) -> usize {
        self.vocabulary.len()
    }

    /// The text of a token, with `##` where it continues a word; empty for an unknown id.
    pub(crate) fn token(&self, id: u32) -> &str {
        self.vocabulary.token(id as usize)
    }

    /// Appends the ids of `text` to `ids`; `normal` is working space.
    pub(crate) fn encode(&self, text: &str, normal: &mut String, ids: &mut Vec<u32>) {
        normal.clear();
        normalise(text, normal);
        let mut hashes = Hashes::default();
        let mut start = 0;
        for (at, c) in normal.char_indices() {
            let is_blank = c == ' ';
            if !is_blank && !is_punctuation(c) {
                continue;
            }
            self.encode_word(normal.get(start..at).unwrap_or_default(), &mut hashes, ids);
            start = at + c.len_utf8();
            if !is_blank {
                self.encode_word(normal.get(at..start).unwrap_or_default(), &mut hashes, ids);
            }
        }
        self.encode_word(normal.get(start..).unwrap_or_default(), &mut hashes, ids);
    }

    /// A run of other characters than blanks and punctuation, a single one of these, or nothing.
    fn encode_word(&self, word: &str, hashes: &mut Hashes, ids: &mut Vec<u32>) {
        if word.len() > MAX_WORD_CHARS && word.chars().count() > MAX_WORD_CHARS {
            return ids.push(self.unknown);
        }
        let first = ids.len();
        let mut rest = word;
        while !rest.is_empty() {
            let continues = rest.len() < word.len();
            let Some((id, len)) = self.vocabulary.longest_prefix(rest, continues, hashes) else {
                ids.truncate(first);
                return ids.push(self.unknown);
            };
            ids.push(id);
            rest = rest.get(len..).unwrap_or_default();
        }
    }
}

/// Control characters go, white space becomes a blank, ideographs stand alone, accents go, letters
/// become lower-case: in this order.
fn normalise(text: &str, out: &mut String) {
    if text.is_ascii() {
        out.extend(text.chars().filter_map(clean).map(|c| c.to_ascii_lowercase()));
        return;
    }
    let spaced = text.chars().filter_map(clean).flat_map(apart);
    out.extend(spaced.nfd().filter(|c| !c.is_mark_nonspacing()).flat_map(char::to_lowercase));
}

fn clean(c: char) -> Option<char> {
    match c {
        ' '..='~' => Some(c),
        '\t' | '\n' | '\r' => Some(' '),
        '\u{fffd}' => None,
        _ if c.is_other() => None,
        _ if c.is_whitespace() => Some(' '),
        _ => Some(c),
    }
}

/// The character, between blanks if it is an ideograph.
fn apart(c: char) -> impl Iterator<Item = char> {
    let blank = is_ideograph(c).then_some(' ');
    blank.into_iter().chain([c]).chain(blank)
}

/// The blocks that BERT calls Chinese; 2B920 instead of 2B820 is the library's.
fn is_ideograph(c: char) -> bool {
    matches!(
        u32::from(c),
        0x4E00..=0x9FFF
            | 0x3400..=0x4DBF
            | 0x20000..=0x2A6DF
            | 0x2A700..=0x2B73F
            | 0x2B740..=0x2B81F
            | 0x2B920..=0x2CEAF
            | 0xF900..=0xFAFF
            | 0x2F800..=0x2FA1F
    )
}

fn is_punctuation(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_punctuation() } else { c.is_punctuation() }
}

/// Working space for the hash of each prefix of a piece.
struct Hashes([u64; MAX_TOKEN_BYTES]);

impl Default for Hashes {
    fn default() -> Self {
        Self([0; _])
    }
}

/// Token text to id: open addressing with linear probing over one blob of text.
#[derive(Debug)]
struct Vocabulary {
    text: std::borrow::Cow<'static, str>,
    /// Where each token starts in `text`; one more at the end.
    starts: Vec<u32>,
    /// `tag << 16 | id + 1`, or 0 where there is none; the length is a power of two, at least
    /// twice the number of tokens, so that a probe always ends.
    slots: Vec<u32>,
    /// Bytes of the longest token, without `##`.
    longest: usize,
}

impl Vocabulary {
    fn parse(text: std::borrow::Cow<'static, str>) -> Result<Self, String> {
        let mut starts = vec![0_u32];
        for end in memchr::memchr_iter(b'\n', text.as_bytes()) {
            starts.push(u32::try_from(end + 1).map_err(|_| "is over 4 GiB".to_owned())?);
        }
        let tokens = starts.len() - 1;
        if tokens == 0 || tokens > MAX_TOKENS {
            return Err(format!("has {tokens} tokens, expected 1 to {MAX_TOKENS}"));
        }
        if starts.last().map(|&end| end as usize) != Some(text.len()) {
            return Err("does not end with a line end".to_owned());
        }
        let slots = vec![0; (tokens * 2).next_power_of_two()];
        let mut vocabulary = Self { text, starts, slots, longest: 0 };
        for id in 0..tokens {
            vocabulary.insert(id)?;
        }
        Ok(vocabulary)
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    fn token(&self, id: usize) -> &str {
        let start = self.starts.get(id).copied().unwrap_or(u32::MAX) as usize;
        let end = self.starts.get(id + 1).copied().unwrap_or(0) as usize;
        self.text.get(start..end.saturating_sub(1)).unwrap_or_default()
    }

    /// Whether the token continues a word, and its text without `##`.
    fn key(&self, id: usize) -> (bool, &str) {
        let token = self.token(id);
        match token.strip_prefix(CONTINUATION) {
            Some(rest) if !rest.is_empty() => (true, rest),
            _ => (false, token),
        }
    }

    fn insert(&mut self, id: usize) -> Result<(), String> {
        let (continues, key) = self.key(id);
        if key.is_empty() || key.len() > MAX_TOKEN_BYTES {
            let line = id + 1;
            return Err(format!("has a token of 0 or over {MAX_TOKEN_BYTES} bytes, line {line}"));
        }
        let len = key.len();
        let hash = key.bytes().fold(seed(continues), step);
        if self.find(hash, continues, key.as_bytes()).is_some() {
            return Err(format!("has the token of line {} twice", id + 1));
        }
        self.longest = self.longest.max(len);
        let mask = self.slots.len() - 1;
        let mut at = home(hash) & mask;
        while self.slots.get(at).is_some_and(|&slot| slot != 0) {
            at = (at + 1) & mask;
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = tag(hash) | (id as u32 + 1);
        }
        Ok(())
    }

    /// The longest known piece at the start of `rest`, which is not empty: its id and bytes.
    fn longest_prefix(
        &self,
        rest: &str,
        continues: bool,
        Hashes(hashes): &mut Hashes,
    ) -> Option<(u32, usize)> {
        // FNV-1a grows byte by byte, so one pass yields the hash of every prefix.
        let mut hash = seed(continues);
        let reach = rest.len().min(self.longest);
        for (slot, byte) in hashes.iter_mut().zip(rest.bytes().take(reach)) {
            hash = step(hash, byte);
            *slot = hash;
        }
        (1..=reach).rev().find_map(|len| {
            let piece = rest.as_bytes().get(..len)?;
            let id = self.find(*hashes.get(len - 1)?, continues, piece)?;
            Some((id, len))
        })
    }

    fn find(&self, hash: u64, continues: bool, piece: &[u8]) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut at = home(hash) & mask;
        loop {
            let slot = *self.slots.get(at)?;
            if slot == 0 {
                return None;
            }
            let id = (slot & 0xffff) - 1;
            if slot & 0xffff_0000 == tag(hash)
                && let (key_continues, key) = self.key(id as usize)
                && key_continues == continues
                && equal(key.as_bytes(), piece)
            {
                return Some(id);
            }
            at = (at + 1) & mask;
        }
    }
}

/// FNV-1a, 64 bits (draft-eastlake-fnv); words and their continuations start apart.
fn seed(continues: bool) -> u64 {
    0xcbf2_9ce4_8422_2325 ^ u64::from(continues)
}

fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

fn home(hash: u64) -> usize {
    (hash ^ (hash >> 32)) as usize
}

fn tag(hash: u64) -> u32 {
    ((hash >> 32) as u32) & 0xffff_0000
}
