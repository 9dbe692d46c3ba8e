//! The record splice: find message and source in the bytes of a JSON object, and insert one key,
//! without reading the object into a tree and printing it again.
//!
//! What the scanner insists on is the structure that splicing needs: one object, its brackets and
//! strings closed, keys and values in turn. What stands inside a string, or how a number is
//! written, it leaves to others; no byte of the input changes.
//!
//! * A key is compared after its escapes are decoded; of duplicate keys the last counts.
//! * A literal key (`"a.b"`) comes before a dotted path (`a` holding `b`).
//! * A message is a string, number or boolean; objects, arrays and `null` are skipped.

mod json;
mod keys;
mod splice;

use std::borrow::Cow;

pub use crate::config::OnExisting;
pub use json::Malformed;
use json::{Member, Value};
pub use keys::{Found, Keys, MAX_NAMES, Node};
pub use splice::{INPUT_SUFFIX, is_family};

/// What a record says of its event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields<'r> {
    /// The message, its escapes decoded; mostly but not surely UTF-8.
    pub message: Option<Cow<'r, [u8]>>,
    /// The source, likewise; bytes that are not UTF-8 become U+FFFD.
    pub source: Option<Cow<'r, str>>,
}

/// A line that is not a JSON object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARecord {
    /// JSON, but an array, a string, a number, …
    #[error("a JSON object is expected here")]
    OtherJson,
    /// Not JSON.
    #[error("{0}")]
    Malformed(#[from] Malformed),
}

/// One JSON object, scanned once.
pub struct Record<'r> {
    bytes: &'r [u8],
    scanned: json::Scanned,
    keys: &'r Keys,
    found: Found<Value<'r>>,
    /// The members of our family of keys, in order.
    family: Vec<Member<'r>>,
}

impl<'r> Record<'r> {
    /// Scans the object that `bytes` are, with nothing but white space around it.
    ///
    /// # Errors
    /// [`NotARecord`] where they are something else.
    pub fn parse(bytes: &'r [u8], keys: &'r Keys) -> Result<Self, NotARecord> {
        let mut found: Found<Value<'r>> = [None; MAX_NAMES];
        let mut family = Vec::new();
        let scanned = json::scan(bytes, |member| {
            let key = member.key.decode();
            if !keys.may_matter(&key) {
                return;
            }
            if let Some(found) = keys.place(&key).and_then(|place| found.get_mut(place)) {
                *found = Some(member.value);
            }
            if splice::is_family(&key, keys.output()) {
                family.push(member);
            }
        })?;
        Ok(Self { bytes, scanned, keys, found, family })
    }

    /// Message and source.
    pub fn fields(&self) -> Fields<'r> {
        self.keys.fields(&self.found)
    }

    /// Whether it has our key, or one that our key was moved to.
    pub fn has_our_keys(&self) -> bool {
        !self.family.is_empty()
    }

    /// Whether a reader that is stricter than the splice may refuse it: it holds an escape that
    /// JSON does not have, a control character in a string, or a number with an exponent or of more
    /// than 300 characters, which may be out of range.
    pub fn is_doubtful(&self) -> bool {
        self.scanned.is_doubtful
    }
}
