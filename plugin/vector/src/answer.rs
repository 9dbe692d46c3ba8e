//! What is to be put into an event, in a form that Lua's functions can take it from.

use std::ops::Range;

use logtriage_engine::record::{INPUT_SUFFIX, OnExisting, is_family};
use logtriage_engine::{
    Confidence, Config, Field, FieldValue, LabelId, Labels, Outcome, Tier, UNCLASSIFIED,
};

use crate::names::{Name, Names};

/// What is to be put into an event. It is filled for each event and keeps its memory.
pub(crate) struct Answer {
    /// The key that our object stands under.
    pub(crate) key: Name,
    /// What is put behind a key that was there before us.
    pub(crate) suffix: Name,
    /// An event that has our key already stays as it is.
    pub(crate) keep: bool,
    /// What our object says.
    pub(crate) members: Vec<(Name, Value)>,
    /// The event has our key, or one that our key was moved to.
    pub(crate) has_family: bool,
    output_key: Box<str>,
    text: String,
    words: Words,
}

/// What a member of our object says.
pub(crate) enum Value {
    /// One of the strings that Lua keeps.
    Name(Name),
    /// See [`Answer::text`].
    Text(Range<usize>),
    Float(f64),
    Boolean(bool),
    /// An array of objects: label and confidence.
    Candidates(Vec<(Name, f64)>),
}

/// The names that our object is made of.
struct Words {
    label: Name,
    tier: Name,
    confidence: Name,
    template_id: Name,
    tiers: [(Tier, Name); Tier::ALL.len()],
    labels: Vec<Name>,
    unclassified: Name,
    fields: Vec<(Field, Name)>,
}

impl Answer {
    pub(crate) fn new(config: &Config, labels: &Labels, names: &mut Names) -> Self {
        Self {
            key: names.add(&config.output_key),
            suffix: names.add(INPUT_SUFFIX),
            keep: config.on_existing == OnExisting::Keep,
            members: Vec::new(),
            has_family: false,
            output_key: config.output_key.as_str().into(),
            text: String::new(),
            words: Words {
                label: names.add("label"),
                tier: names.add("tier"),
                confidence: names.add("confidence"),
                template_id: names.add("template_id"),
                tiers: Tier::ALL.map(|tier| (tier, names.add(tier.name()))),
                labels: labels.names().map(|label| names.add(label)).collect(),
                unclassified: names.add(UNCLASSIFIED),
                fields: config.fields.iter().map(|f| (*f, names.add(f.name()))).collect(),
            },
        }
    }

    /// Says what `outcome` says.
    pub(crate) fn fill(&mut self, outcome: &Outcome<'_>) {
        let Self { members, text, words, .. } = self;
        members.clear();
        text.clear();
        let mut add_text = |said: &str| {
            let begin = text.len();
            text.push_str(said);
            Value::Text(begin..text.len())
        };
        members.push((words.label, Value::Name(words.of_label(outcome.label_id))));
        if let Some((_, tier)) = words.tiers.iter().find(|(tier, _)| *tier == outcome.tier) {
            members.push((words.tier, Value::Name(*tier)));
        }
        members.push((words.confidence, Value::Float(outcome.confidence.probability())));
        if let Some(id) = outcome.template_id {
            let digits = id.hex();
            members
                .push((words.template_id, add_text(str::from_utf8(&digits).unwrap_or_default())));
        }
        for (field, name) in &words.fields {
            let value = match outcome.field(*field) {
                Some(FieldValue::Text(said)) => add_text(said),
                Some(FieldValue::Flag(flag)) => Value::Boolean(flag),
                Some(FieldValue::Candidates(of)) => Value::Candidates(words.candidates(of)),
                None => continue,
            };
            members.push((*name, value));
        }
    }

    /// Whether `key` is our key, or one that our key was moved to.
    pub(crate) fn is_family(&self, key: &[u8]) -> bool {
        is_family(key, &self.output_key)
    }

    /// A text among the members.
    pub(crate) fn text(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    /// The names of what a candidate says: label and confidence.
    pub(crate) fn candidate(&self) -> (Name, Name) {
        (self.words.label, self.words.confidence)
    }
}

impl Words {
    fn of_label(&self, id: Option<LabelId>) -> Name {
        let label = id.and_then(|id| self.labels.get(usize::from(id.0)));
        *label.unwrap_or(&self.unclassified)
    }

    fn candidates(&self, of: &[(LabelId, Confidence)]) -> Vec<(Name, f64)> {
        of.iter().map(|(id, c)| (self.of_label(Some(*id)), c.probability())).collect()
    }
}
