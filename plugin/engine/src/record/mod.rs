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
mod splice;

use std::borrow::Cow;

pub use crate::config::OnExisting;
pub use json::Malformed;
use json::{Members, Value, decode};

/// Which keys hold the message and the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    message: Vec<String>,
    source: Vec<String>,
}

impl Keys {
    /// Keys in the order in which they are looked for.
    pub fn new(message: &[String], source: &[String]) -> Self {
        Self { message: message.to_vec(), source: source.to_vec() }
    }
}

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
    members: Members<'r>,
}

impl<'r> Record<'r> {
    /// Scans the object that `bytes` are, with nothing but white space around it.
    ///
    /// # Errors
    /// [`NotARecord`] where they are something else.
    pub fn parse(bytes: &'r [u8]) -> Result<Self, NotARecord> {
        Ok(Self { bytes, members: json::members(bytes)? })
    }

    /// Message and source.
    pub fn fields(&self, keys: &Keys) -> Fields<'r> {
        let source = find(&self.members, &keys.source).map(|source| match source {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        });
        Fields { message: find(&self.members, &keys.message), source }
    }
}

fn find<'r>(members: &Members<'r>, keys: &[String]) -> Option<Cow<'r, [u8]>> {
    keys.iter().find_map(|key| look_up(members, key))
}

/// A literal key, or a path such as `kubernetes.container_name`: each dot may lead into an object.
fn look_up<'r>(members: &Members<'r>, path: &str) -> Option<Cow<'r, [u8]>> {
    members.last(path).and_then(text).or_else(|| {
        path.match_indices('.').find_map(|(dot, _)| {
            let (head, tail) = (path.get(..dot)?, path.get(dot + 1..)?);
            let Value::Object(inner) = members.last(head)? else { return None };
            look_up(&json::members(inner).ok()?, tail)
        })
    })
}

fn text(value: Value<'_>) -> Option<Cow<'_, [u8]>> {
    match value {
        Value::String(raw) => Some(decode(raw)),
        Value::Scalar(raw) if raw != b"null" => Some(Cow::Borrowed(raw)),
        Value::Scalar(_) | Value::Object(_) | Value::Array => None,
    }
}
