//! An event's log in, what is to be put into it out. Knows tables, but not how Lua keeps them.

use std::borrow::Cow;
use std::sync::Arc;

use logtriage_engine::{Event, Outcome};
use logtriage_files::print_reports;

use crate::answer::Answer;
use crate::lua::{Scalar, Table};
use crate::names::{Name, Names};
use crate::shared::{Shared, lock, now};

/// Labels the events of one transform.
pub(crate) struct Labeller {
    engine: Arc<Shared>,
    message: Vec<Path>,
    source: Vec<Path>,
    names: Names,
    answer: Answer,
}

/// A key: taken literally, or one of the ways in which its dots may lead into tables.
struct Path {
    /// What may stand behind so many dots: up to the next dot, to the one after that, … to the end.
    names: Vec<Vec<Name>>,
}

impl Labeller {
    pub(crate) fn new(engine: Arc<Shared>) -> Self {
        let mut names = Names::new();
        let agent = lock(&engine);
        let config = agent.config();
        let mut paths =
            |keys: &[String]| keys.iter().map(|key| Path::new(key, &mut names)).collect();
        let (message, source) = (paths(&config.message_keys), paths(&config.source_keys));
        let answer = Answer::new(config, agent.engine().setup().labels(), &mut names);
        drop(agent);
        Self { engine, message, source, names, answer }
    }

    /// The strings that names stand for.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// What is to be put into the event that was labelled last.
    pub(crate) fn answer(&self) -> &Answer {
        &self.answer
    }

    /// Labels an event.
    pub(crate) fn label(&mut self, log: &Table<'_>) {
        let message = self.message.iter().find_map(|path| path.look_up(log));
        let source = self.source.iter().find_map(|path| path.look_up(log)).map(utf8);
        #[cfg(feature = "panic-on-demand")]
        assert!(message.as_deref() != Some(b"panic, please"), "as was asked for");
        let event = Event { message, source };
        let mut agent = lock(&self.engine);
        self.answer.fill(&agent.label(&event, now()));
        let reports = agent.reports().take();
        drop(agent);
        print_reports(reports);
    }

    /// Answers that nothing is known of an event.
    pub(crate) fn give_up(&mut self) {
        self.answer.fill(&Outcome::unclassified());
    }
}

impl Path {
    fn new(key: &str, names: &mut Names) -> Self {
        let pieces: Vec<&str> = key.split('.').collect();
        let mut behind = |begin: usize| {
            let ends = (begin + 1..=pieces.len()).filter_map(|end| pieces.get(begin..end));
            ends.map(|pieces| names.add(&pieces.join("."))).collect()
        };
        Self { names: (0..pieces.len()).map(&mut behind).collect() }
    }

    fn look_up<'l>(&self, log: &Table<'l>) -> Option<Cow<'l, [u8]>> {
        self.look_behind(0, log)
    }

    /// Looks for what stands behind so many dots: a literal key before a path.
    fn look_behind<'l>(&self, dots: usize, table: &Table<'l>) -> Option<Cow<'l, [u8]>> {
        let (literal, heads) = self.names.get(dots)?.split_last()?;
        table.scalar(*literal).and_then(text).or_else(|| {
            heads
                .iter()
                .zip(dots + 1..)
                .find_map(|(head, dots)| table.inside(*head, |table| self.look_behind(dots, table)))
        })
    }
}

/// A scalar as JSON shows it, without quotation marks; `None` for a number that JSON does not have.
fn text(scalar: Scalar<'_>) -> Option<Cow<'_, [u8]>> {
    let text = match scalar {
        Scalar::Text(text) => return Some(Cow::Borrowed(text)),
        Scalar::Boolean(true) => return Some(Cow::Borrowed(b"true")),
        Scalar::Boolean(false) => return Some(Cow::Borrowed(b"false")),
        Scalar::Float(float) if !float.is_finite() => return None,
        Scalar::Float(float) => serde_json::to_vec(&float).ok()?,
        Scalar::Integer(integer) => integer.to_string().into_bytes(),
    };
    Some(Cow::Owned(text))
}

/// Bytes that are not UTF-8 become U+FFFD.
fn utf8(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}
