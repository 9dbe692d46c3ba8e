//! What an event gets: label, tier, confidence, and where they come from.

use crate::config::Field;
use crate::labels::{LabelId, Labels, UNCLASSIFIED};
use crate::semantic::Confidence;
use crate::swar::next_not_plain;
use crate::template::TemplateId;

/// Which part of the engine gave the label, cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// A regular expression matched the message.
    Rule,
    /// A person's verdict on the template.
    Reviewed,
    /// The model, with a confidence that reaches the label's threshold.
    Semantic,
    /// An LLM's verdict on the template.
    Reasoning,
    /// None was sure: `Unclassified`.
    None,
}

impl Tier {
    /// All tiers, in order.
    pub const ALL: [Tier; 5] =
        [Tier::Rule, Tier::Reviewed, Tier::Semantic, Tier::Reasoning, Tier::None];

    /// The tier's name in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Reviewed => "reviewed",
            Self::Semantic => "semantic",
            Self::Reasoning => "reasoning",
            Self::None => "none",
        }
    }
}

/// What the engine says of one event. Borrows from the engine until the next event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome<'e> {
    /// The label's id; `None` for `Unclassified`.
    pub label_id: Option<LabelId>,
    /// The label's name.
    pub label: &'e str,
    /// Who gave it.
    pub tier: Tier,
    /// 1 for rules and persons, the model's for the semantic tier, its best candidate's for the
    /// others.
    pub confidence: Confidence,
    /// `None` for an event without a message.
    pub template_id: Option<TemplateId>,
    /// Empty for an event without a message.
    pub template: &'e str,
    /// The rule that matched.
    pub rule: Option<&'e str>,
    /// Who gave the verdict.
    pub by: Option<&'e str>,
    /// Why, as the verdict says.
    pub reason: Option<&'e str>,
    /// Whether the template waits for a verdict.
    pub pending: bool,
    /// The model's best labels, best first; empty where it was not asked.
    pub candidates: &'e [(LabelId, Confidence)],
    /// The name of the template's group, if the config's `fields` asks for it.
    pub group: Option<&'e str>,
}

/// What a [`Field`] says of an outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldValue<'e> {
    /// A string.
    Text(&'e str),
    /// True or false.
    Flag(bool),
    /// An array of objects of `label` and `confidence`, best first; never empty.
    Candidates(&'e [(LabelId, Confidence)]),
}

impl<'e> Outcome<'e> {
    /// The outcome of an event that no tier labelled.
    pub fn unclassified() -> Self {
        Self {
            label_id: None,
            label: UNCLASSIFIED,
            tier: Tier::None,
            confidence: Confidence::ZERO,
            template_id: None,
            template: "",
            rule: None,
            by: None,
            reason: None,
            pending: false,
            candidates: &[],
            group: None,
        }
    }

    /// Appends the outcome as a JSON object in ASCII:
    /// `{"label":…,"tier":…,"confidence":…,"template_id":…}` and then `fields`, in their order.
    /// What does not apply is left out.
    pub fn write_json(&self, fields: &[Field], labels: &Labels, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"label\":");
        write_string(self.label, out);
        out.extend_from_slice(b",\"tier\":\"");
        out.extend_from_slice(self.tier.name().as_bytes());
        out.extend_from_slice(b"\",\"confidence\":");
        self.confidence.write(out);
        if let Some(id) = self.template_id {
            out.extend_from_slice(b",\"template_id\":\"");
            out.extend_from_slice(&id.hex());
            out.push(b'"');
        }
        for field in fields {
            self.write_field(*field, labels, out);
        }
        out.push(b'}');
    }

    /// What `field` says of it; `None` where it does not apply.
    pub fn field(&self, field: Field) -> Option<FieldValue<'e>> {
        let text = match field {
            Field::Template => self.template_id.map(|_| self.template),
            Field::Rule => self.rule,
            Field::By => self.by,
            Field::Reason => self.reason,
            Field::Group => self.group,
            Field::Pending => return Some(FieldValue::Flag(self.pending)),
            Field::Candidates => {
                let some = !self.candidates.is_empty();
                return some.then_some(FieldValue::Candidates(self.candidates));
            }
        };
        text.map(FieldValue::Text)
    }

    fn write_field(&self, field: Field, labels: &Labels, out: &mut Vec<u8>) {
        let Some(value) = self.field(field) else { return };
        out.extend_from_slice(b",\"");
        out.extend_from_slice(field.name().as_bytes());
        out.extend_from_slice(b"\":");
        match value {
            FieldValue::Text(text) => write_string(text, out),
            FieldValue::Flag(flag) => out.extend_from_slice(if flag { b"true" } else { b"false" }),
            FieldValue::Candidates(candidates) => write_candidates(candidates, labels, out),
        }
    }
}

fn write_candidates(candidates: &[(LabelId, Confidence)], labels: &Labels, out: &mut Vec<u8>) {
    out.push(b'[');
    for (place, (label, confidence)) in candidates.iter().enumerate() {
        out.extend_from_slice(if place == 0 { b"{\"label\":" } else { b",{\"label\":" });
        write_string(labels.name(*label), out);
        out.extend_from_slice(b",\"confidence\":");
        confidence.write(out);
        out.push(b'}');
    }
    out.push(b']');
}

/// Appends a JSON string in ASCII: everything else, and every control character, is escaped, so
/// that no text can act on a terminal or leave its place.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut at = 0;
    loop {
        let end = next_not_plain(text.as_bytes(), at);
        out.extend_from_slice(text.as_bytes().get(at..end).unwrap_or_default());
        let Some(c) = text.get(end..).and_then(|rest| rest.chars().next()) else { break };
        write_escape(c, out);
        at = end + c.len_utf8();
    }
    out.push(b'"');
}

fn write_escape(c: char, out: &mut Vec<u8>) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    if matches!(c, '"' | '\\') {
        return out.extend_from_slice(&[b'\\', c as u8]);
    }
    for unit in c.encode_utf16(&mut [0; 2]) {
        out.extend_from_slice(b"\\u");
        let digit = |shift: u32| DIGITS.get(usize::from(*unit >> shift & 0xf)).copied();
        out.extend([12, 8, 4, 0].into_iter().filter_map(digit));
    }
}
