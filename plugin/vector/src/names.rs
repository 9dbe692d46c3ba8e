//! Strings that Lua keeps for a labeller, so that an event makes none of them anew.

/// The place of a string in the table that a labeller has in Lua.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name(i64);

/// The strings that names stand for.
pub(crate) struct Names(Vec<Box<str>>);

impl Name {
    /// The key of an event's fields: the first name of every labeller.
    pub(crate) const LOG: Self = Self(1);

    /// Counted from 1, as Lua does.
    pub(crate) fn place(self) -> i64 {
        self.0
    }
}

impl Names {
    /// With the names that every labeller has.
    pub(crate) fn new() -> Self {
        Self(vec!["log".into()])
    }

    pub(crate) fn add(&mut self, name: &str) -> Name {
        self.0.push(name.into());
        Name(self.0.len() as i64)
    }

    /// In the order of their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }
}
