//! The labelled templates a model was trained on: what a template is near to.

use serde::Deserialize;

use super::model::{Model, Scratch};

/// A labelled template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// As the mask made it.
    pub template: String,
    /// Number of its label.
    pub label: u16,
}

impl Example {
    /// Reads `examples.jsonl`.
    pub(super) fn parse_all(text: &str, labels: &[String]) -> Result<Vec<Self>, String> {
        let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty());
        lines
            .map(|(number, line)| {
                Self::parse(line, labels).map_err(|reason| format!("line {number}: {reason}"))
            })
            .collect()
    }

    fn parse(line: &str, labels: &[String]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Line {
            template: String,
            label: String,
        }
        let Line { template, label } =
            serde_json::from_str(line).map_err(|error| error.to_string())?;
        match labels.iter().position(|known| *known == label) {
            Some(number) => Ok(Self { template, label: number as u16 }),
            None => Err(format!("{label:?} is not a label of the manifest")),
        }
    }
}

/// A labelled template near another one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour<'a> {
    /// The labelled template.
    pub template: &'a str,
    /// Number of its label.
    pub label: u16,
    /// Cosine between the two, -1 to 1.
    pub similarity: f32,
}

impl Model {
    /// The labelled templates it was trained on.
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// Up to `n` labelled templates near `template`, the nearest first; of equals, the earlier.
    ///
    /// Embeds every example: some 50 ms for 6,000. For people, not for the stream.
    pub fn nearest(&self, template: &str, n: usize) -> Vec<Neighbour<'_>> {
        let mut scratch = Scratch::default();
        let wanted = self.embed(template, &mut scratch).to_vec();
        let mut all: Vec<Neighbour<'_>> = self
            .examples
            .iter()
            .map(|example| Neighbour {
                template: &example.template,
                label: example.label,
                similarity: cosine(&wanted, self.embed(&example.template, &mut scratch)),
            })
            .collect();
        all.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
        all.truncate(n);
        all
    }
}

/// Of vectors of length 1.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>().clamp(-1.0, 1.0)
}
