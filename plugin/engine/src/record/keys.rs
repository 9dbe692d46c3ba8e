//! Which keys of a record matter: those that may hold message and source, and ours.

use std::borrow::Cow;

use super::{Fields, INPUT_SUFFIX};

/// Keys that are looked for in one record, at most: the configured ones, and for each dotted one
/// the objects that it may lead into.
pub const MAX_NAMES: usize = 32;

/// Which keys hold the message and the source, and which is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    names: Vec<Box<str>>,
    /// See [`may_matter`](Self::may_matter): for the low five bits of a key's first byte, a set bit
    /// for each length; 63 for all longer ones.
    outlines: [u64; 32],
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

/// A value in a record, whatever the form of the record.
pub trait Node<'r>: Copy {
    /// What may be a message or a source: a string, or a number or boolean as JSON writes it.
    fn text(self) -> Option<Cow<'r, [u8]>>;

    /// The last member of that name, if this is an object.
    fn member(self, name: &str) -> Option<Self>;
}

/// What the names stand for in one record, by their places: the last value of each.
pub type Found<N> = [Option<N>; MAX_NAMES];

impl Keys {
    /// Keys in the order in which they are looked for, and the key of our object. Of more than
    /// [`MAX_NAMES`] names the last are never found; [`crate::Config`] refuses them.
    pub fn new(message: &[String], source: &[String], output: &str) -> Self {
        let mut names = Vec::new();
        let message = message.iter().map(|key| Path::new(key, &mut names)).collect();
        let source = source.iter().map(|key| Path::new(key, &mut names)).collect();
        let mut keys = Self { names, outlines: [0; 32], message, source, output: output.into() };
        for name in &keys.names {
            set(&mut keys.outlines, name.as_bytes(), name.len());
        }
        for length in (output.len()..64).step_by(INPUT_SUFFIX.len()).chain([64]) {
            set(&mut keys.outlines, output.as_bytes(), length);
        }
        keys
    }

    /// Whether a key may be one of the names, or one of our family: see [`is_family`]. It is asked
    /// of every key, most of which are neither, and looks at first byte and length alone.
    ///
    /// [`is_family`]: super::is_family
    #[inline]
    pub fn may_matter(&self, key: &[u8]) -> bool {
        let (line, bit) = outline(key, key.len());
        self.outlines[line] & bit != 0
    }

    /// How many names these keys have.
    pub fn names(&self) -> usize {
        self.names.len()
    }

    /// The key of our object.
    pub fn output(&self) -> &str {
        &self.output
    }

    /// The place of a key among the names.
    pub fn place(&self, key: &[u8]) -> Option<usize> {
        self.names.iter().position(|name| name.as_bytes() == key)
    }

    /// Message and source of the record in which the names stand for `found`.
    pub fn fields<'r, N: Node<'r>>(&self, found: &Found<N>) -> Fields<'r> {
        let source = self.source.iter().find_map(|path| path.look_up(found));
        let source = source.map(|source| match source {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        });
        Fields { message: self.message.iter().find_map(|path| path.look_up(found)), source }
    }
}

impl Path {
    fn new(key: &str, names: &mut Vec<Box<str>>) -> Self {
        let literal = place_of(key, names);
        let nested = dots(key).map(|(head, tail)| (place_of(head, names), tail.into())).collect();
        Self { literal, nested }
    }

    fn look_up<'r, N: Node<'r>>(&self, found: &Found<N>) -> Option<Cow<'r, [u8]>> {
        let at = |place: usize| found.get(place).copied().flatten();
        let nested = || self.nested.iter().find_map(|(head, tail)| look_inside(at(*head)?, tail));
        at(self.literal).and_then(N::text).or_else(nested)
    }
}

/// A literal key in an object, or a path further down.
fn look_inside<'r, N: Node<'r>>(object: N, path: &str) -> Option<Cow<'r, [u8]>> {
    let nested = || dots(path).find_map(|(head, tail)| look_inside(object.member(head)?, tail));
    object.member(path).and_then(N::text).or_else(nested)
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

/// The outline of a key of that length: a place among the outlines, and a bit there.
#[inline]
fn outline(key: &[u8], length: usize) -> (usize, u64) {
    (usize::from(key.first().map_or(0, |first| first % 32)), 1 << length.min(63))
}

fn set(outlines: &mut [u64; 32], key: &[u8], length: usize) {
    let (line, bit) = outline(key, length);
    outlines[line] |= bit;
}
