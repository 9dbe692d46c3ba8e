//! An outcome as the entries of a map.

use logtriage_engine::{Field, FieldValue, Labels, Outcome};

use crate::value::{put_boolean, put_float, put_maps, put_text};

/// What is said of an event, in the order in which Vector writes a map: by name. So an outcome that
/// went through Vector has the same bytes as a new one.
pub(crate) struct Members(Vec<(&'static str, Member)>);

enum Member {
    Label,
    Tier,
    Confidence,
    TemplateId,
    Field(Field),
}

impl Members {
    /// Label, tier, confidence, template id, and what the config names beside them.
    pub(crate) fn new(fields: &[Field]) -> Self {
        let mut members = vec![
            ("label", Member::Label),
            ("tier", Member::Tier),
            ("confidence", Member::Confidence),
            ("template_id", Member::TemplateId),
        ];
        members.extend(fields.iter().map(|field| (field.name(), Member::Field(*field))));
        members.sort_by_key(|(name, _)| *name);
        Self(members)
    }

    /// Appends the entries. What does not apply is left out.
    pub(crate) fn put(&self, outcome: &Outcome<'_>, labels: &Labels, out: &mut Vec<u8>) {
        for (name, member) in &self.0 {
            match member {
                Member::Label => put_text(name, outcome.label.as_bytes(), out),
                Member::Tier => put_text(name, outcome.tier.name().as_bytes(), out),
                Member::Confidence => put_float(name, outcome.confidence.probability(), out),
                Member::TemplateId => {
                    if let Some(id) = outcome.template_id {
                        put_text(name, &id.hex(), out);
                    }
                }
                Member::Field(field) => match outcome.field(*field) {
                    Some(FieldValue::Text(text)) => put_text(name, text.as_bytes(), out),
                    Some(FieldValue::Flag(flag)) => put_boolean(name, flag, out),
                    Some(FieldValue::Candidates(candidates)) => {
                        let map = |(label, confidence): &(_, logtriage_engine::Confidence)| {
                            let mut map = Vec::new();
                            put_float("confidence", confidence.probability(), &mut map);
                            put_text("label", labels.name(*label).as_bytes(), &mut map);
                            map
                        };
                        let maps: Vec<_> = candidates.iter().map(map).collect();
                        put_maps(name, &maps, out);
                    }
                    None => {}
                },
            }
        }
    }
}
