//! Which keys of a record matter: those that may hold message and source, and ours.

use std::borrow::Cow;

use super::json::{self, Value};

/// Keys that are looked for in one record, at most: the configured ones, and for each dotted one
/// the objects that it may lead into.
pub const MAX_NAMES: usize = 32;

/// Which keys hold the message and the source, and which is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    names: Vec<Box<str>>,
    /// A set bit for each length that a name has; 63 for all longer ones.
    lengths: u64,
    message: Vec<Path>,
    source: Vec<Path>,
    output: Box<str>,
}

/// A literal key, or one of the ways in which its dots may lead into objects.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Path {
    literal: usize,
    /// The name of the object, and what is looked for in it.
    nested: Vec<(usize, Box<str>)>,
}

/// What the names stand for in one record: the last value of each.
pub(super) type Found<'r> = [Option<Value<'r>>; MAX_NAMES];

impl Keys {
    /// Keys in the order in which they are looked for, and the key of our object. Of more than
    /// [`MAX_NAMES`] names the last are never found; [`crate::Config`] refuses them.
    pub fn new(message: &[String], source: &[String], output: &str) -> Self {
        let mut names = Vec::new();
        let message = message.iter().map(|key| Path::new(key, &mut names)).collect();
        let source = source.iter().map(|key| Path::new(key, &mut names)).collect();
        let lengths = names.iter().fold(0, |bits, name| bits | length_bit(name.len()));
        Self { names, lengths, message, source, output: output.into() }
    }

    /// How many names these keys have.
    pub fn names(&self) -> usize {
        self.names.len()
    }

    pub(super) fn output(&self) -> &str {
        &self.output
    }

    /// The place of a key among the names.
    #[inline]
    pub(super) fn place(&self, key: &[u8]) -> Option<usize> {
        if self.lengths & length_bit(key.len()) == 0 {
            return None;
        }
        self.names.iter().position(|name| name.as_bytes() == key)
    }

    pub(super) fn message<'r>(&self, found: &Found<'r>) -> Option<Cow<'r, [u8]>> {
        self.message.iter().find_map(|path| path.look_up(found))
    }

    pub(super) fn source<'r>(&self, found: &Found<'r>) -> Option<Cow<'r, [u8]>> {
        self.source.iter().find_map(|path| path.look_up(found))
    }
}

impl Path {
    fn new(key: &str, names: &mut Vec<Box<str>>) -> Self {
        let literal = place_of(key, names);
        let nested = dots(key).map(|(head, tail)| (place_of(head, names), tail.into())).collect();
        Self { literal, nested }
    }

    fn look_up<'r>(&self, found: &Found<'r>) -> Option<Cow<'r, [u8]>> {
        let at = |place: usize| found.get(place).copied().flatten();
        let nested = || {
            self.nested.iter().find_map(|(head, tail)| match at(*head) {
                Some(Value::Object(inner)) => look_inside(inner, tail),
                _ => None,
            })
        };
        at(self.literal).and_then(Value::text).or_else(nested)
    }
}

/// A literal key in an object, or a path further down.
fn look_inside<'r>(object: &'r [u8], path: &str) -> Option<Cow<'r, [u8]>> {
    json::last(object, path).and_then(Value::text).or_else(|| {
        dots(path).find_map(|(head, tail)| match json::last(object, head) {
            Some(Value::Object(inner)) => look_inside(inner, tail),
            _ => None,
        })
    })
}

/// `a.b.c` as `(a, b.c)` and `(a.b, c)`.
fn dots(path: &str) -> impl Iterator<Item = (&str, &str)> {
    path.match_indices('.').filter_map(|(dot, _)| Some((path.get(..dot)?, path.get(dot + 1..)?)))
}

fn place_of(name: &str, names: &mut Vec<Box<str>>) -> usize {
    names.iter().position(|known| **known == *name).unwrap_or_else(|| {
        names.push(name.into());
        names.len() - 1
    })
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}
