//! An event's log in, what is to be put into it out. Knows tables, but not how Lua keeps them.

use std::borrow::Cow;
use std::sync::Arc;

use logtriage_engine::record::{Fields, Found, Keys, MAX_NAMES, Node, is_family};
use logtriage_engine::{Event, Outcome};
use logtriage_files::print_reports;

use crate::answer::Answer;
use crate::lua::{Table, Value};
use crate::names::Names;
use crate::shared::{Shared, lock, now};

/// Labels the events of one transform.
pub(crate) struct Labeller {
    engine: Arc<Shared>,
    keys: Keys,
    names: Names,
    answer: Answer,
}

impl Labeller {
    pub(crate) fn new(engine: Arc<Shared>) -> Self {
        let mut names = Names::new();
        let agent = lock(&engine);
        let config = agent.config();
        let keys = Keys::new(&config.message_keys, &config.source_keys, &config.output_key);
        let answer = Answer::new(config, agent.engine().setup().labels(), &mut names);
        drop(agent);
        Self { engine, keys, names, answer }
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
    pub(crate) fn label(&mut self, log: Table<'_>) {
        let mut found: Found<Value<'_>> = [None; MAX_NAMES];
        self.answer.has_family = false;
        log.each(|key, member| {
            if !self.keys.may_matter(key) {
                return;
            }
            self.answer.has_family |= is_family(key, self.keys.output());
            if let Some(place) = self.keys.place(key).and_then(|place| found.get_mut(place)) {
                *place = Some(member.keep());
            }
        });
        let Fields { message, source } = self.keys.fields(&found);
        #[cfg(feature = "panic-on-demand")]
        assert!(message.as_deref() != Some(b"panic, please"), "as was asked for");
        let event = Event { message, source };
        let mut agent = lock(&self.engine);
        self.answer.fill(&agent.label(&event, now()));
        let reports = agent.reports().take();
        drop(agent);
        print_reports(reports);
    }

    /// Answers that nothing is known of an event, not even its keys.
    pub(crate) fn give_up(&mut self) {
        self.answer.has_family = true;
        self.answer.fill(&Outcome::unclassified());
    }
}

impl<'l> Node<'l> for Value<'l> {
    /// Numbers that JSON does not have are no text.
    fn text(self) -> Option<Cow<'l, [u8]>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Boolean(true) => Some(Cow::Borrowed(b"true")),
            Self::Boolean(false) => Some(Cow::Borrowed(b"false")),
            Self::Integer(integer) => Some(Cow::Owned(integer.to_string().into_bytes())),
            Self::Float(float) if float.is_finite() => {
                serde_json::to_vec(&float).ok().map(Cow::Owned)
            }
            Self::Float(_) | Self::Table(_) | Self::Other => None,
        }
    }

    fn member(self, name: &str) -> Option<Self> {
        let Self::Table(table) = self else { return None };
        let mut found = None;
        table.each(|key, member| {
            if key == name.as_bytes() {
                found = Some(member.keep());
            }
        });
        found
    }
}
