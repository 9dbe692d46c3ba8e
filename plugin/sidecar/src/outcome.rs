//! An outcome as the entries of a map.

use logtriage_engine::{
    Confidence, Field, FieldValue, LabelId, Labels, Outcome, Tier, UNCLASSIFIED,
};

use crate::value::{put_boolean, put_float, put_float_head, put_maps, put_text, put_text_head};

/// What is said of an event, in the order in which Vector writes a map: by name. So an outcome that
/// went through Vector has the same bytes as a new one.
pub(crate) struct Members(Vec<Member>);

/// What is the same for many events is written once.
enum Member {
    /// The entry of each label, `Unclassified` last.
    Label(Vec<Box<[u8]>>),
    /// The entry of each tier, in the order of [`Tier::ALL`].
    Tier(Vec<Box<[u8]>>),
    /// The entry up to the number.
    Confidence(Box<[u8]>),
    /// The entry up to the 16 digits.
    TemplateId(Box<[u8]>),
    Field(Field),
}

impl Members {
    /// Label, tier, confidence, template id, and what the config names beside them.
    pub(crate) fn new(fields: &[Field], labels: &Labels) -> Self {
        let texts = |name, texts: &mut dyn Iterator<Item = &str>| {
            texts.map(|text| written(|out| put_text(name, text.as_bytes(), out))).collect()
        };
        let label = texts("label", &mut labels.names().chain([UNCLASSIFIED]));
        let tier = texts("tier", &mut Tier::ALL.iter().map(|tier| tier.name()));
        let confidence = written(|out| put_float_head("confidence", out));
        let id = written(|out| put_text_head("template_id", 16, out));
        let mut members = vec![
            ("label", Member::Label(label)),
            ("tier", Member::Tier(tier)),
            ("confidence", Member::Confidence(confidence)),
            ("template_id", Member::TemplateId(id)),
        ];
        members.extend(fields.iter().map(|field| (field.name(), Member::Field(*field))));
        members.sort_by_key(|(name, _)| *name);
        Self(members.into_iter().map(|(_, member)| member).collect())
    }

    /// Appends the entries. What does not apply is left out.
    pub(crate) fn put(&self, outcome: &Outcome<'_>, labels: &Labels, out: &mut Vec<u8>) {
        for member in &self.0 {
            match member {
                Member::Label(entries) => {
                    let place = outcome.label_id.map_or(labels.len(), |id| usize::from(id.0));
                    out.extend_from_slice(entries.get(place).map_or(b"", |entry| entry));
                }
                Member::Tier(entries) => {
                    let entry = entries.get(outcome.tier as usize);
                    out.extend_from_slice(entry.map_or(b"", |entry| entry));
                }
                Member::Confidence(head) => {
                    out.extend_from_slice(head);
                    out.extend_from_slice(&outcome.confidence.probability().to_le_bytes());
                }
                Member::TemplateId(head) => {
                    if let Some(id) = outcome.template_id {
                        out.extend_from_slice(head);
                        out.extend_from_slice(&id.hex());
                    }
                }
                Member::Field(field) => put_field(*field, outcome, labels, out),
            }
        }
    }
}

/// Appends the entry of a field that the config names, if it applies.
fn put_field(field: Field, outcome: &Outcome<'_>, labels: &Labels, out: &mut Vec<u8>) {
    let name = field.name();
    match outcome.field(field) {
        Some(FieldValue::Text(text)) => put_text(name, text.as_bytes(), out),
        Some(FieldValue::Flag(flag)) => put_boolean(name, flag, out),
        Some(FieldValue::Candidates(candidates)) => {
            let maps: Vec<_> =
                candidates.iter().map(|candidate| candidate_map(candidate, labels)).collect();
            put_maps(name, &maps, out);
        }
        None => {}
    }
}

fn candidate_map(candidate: &(LabelId, Confidence), labels: &Labels) -> Box<[u8]> {
    let (label, confidence) = candidate;
    written(|out| {
        put_float("confidence", confidence.probability(), out);
        put_text("label", labels.name(*label).as_bytes(), out);
    })
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Box<[u8]> {
    let mut out = Vec::new();
    write(&mut out);
    out.into()
}
