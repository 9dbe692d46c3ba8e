//! The labelled templates a model was trained on: what a template is near to.

use std::borrow::Cow;
use std::sync::OnceLock;

use serde::Deserialize;

use super::embedding::floats_within;
use super::model::{Model, Scratch};

/// A labelled template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// As the mask made it.
    pub template: String,
    /// Number of its label.
    pub label: u16,
}

/// `examples.jsonl`. Only people and the reasoning tier look into it, so that of a model that is
/// known to be sound it is read when it is first needed.
#[derive(Debug)]
pub(super) struct Examples {
    text: Cow<'static, [u8]>,
    read: OnceLock<Vec<Example>>,
    /// Where to embed them anew would take minutes.
    pub(super) embeddings: Option<Quantised>,
}

/// `examples.bin`: a row of signed bytes and a scale for each example.
#[derive(Debug)]
pub(super) struct Quantised {
    bytes: Cow<'static, [u8]>,
    scales: Vec<f32>,
    width: usize,
}

impl Quantised {
    /// Bytes of the part.
    pub(super) fn size(examples: usize, width: usize) -> usize {
        examples.saturating_mul(4 + width)
    }

    /// Reads the part: the scale of each example (f32 LE, 0 to 1), then its embedding (i8).
    pub(super) fn parse(
        bytes: Cow<'static, [u8]>,
        examples: usize,
        width: usize,
    ) -> Result<Self, String> {
        let scales = bytes.get(..4 * examples).ok_or("is too short")?;
        Ok(Self { scales: floats_within(scales, 1.0, "scale")?, bytes, width })
    }

    fn rows(&self) -> impl Iterator<Item = Box<[f32]>> + '_ {
        let rows = self.bytes.get(4 * self.scales.len()..).unwrap_or_default();
        let rows = rows.chunks_exact(self.width.max(1)).zip(&self.scales);
        rows.map(|(row, scale)| row.iter().map(|&byte| f32::from(byte as i8) * scale).collect())
    }
}

impl Examples {
    pub(super) fn unread(text: Cow<'static, [u8]>) -> Self {
        Self { text, read: OnceLock::new(), embeddings: None }
    }

    /// Reads them now, and says what is wrong.
    pub(super) fn check(&mut self, labels: &[String], expected: usize) -> Result<(), String> {
        let text = std::mem::take(&mut self.text);
        let text = std::str::from_utf8(&text)
            .map_err(|error| format!("is not UTF-8 at byte {}", error.valid_up_to()))?;
        let read = Example::parse_all(text, labels)?;
        if self.embeddings.is_some() && read.len() != expected {
            return Err(format!("has {} examples, expected {expected}", read.len()));
        }
        self.read = OnceLock::from(read);
        Ok(())
    }

    fn get(&self, labels: &[String]) -> &[Example] {
        self.read.get_or_init(|| {
            let text = std::str::from_utf8(&self.text).unwrap_or_default();
            Example::parse_all(text, labels).unwrap_or_default()
        })
    }
}

impl Example {
    fn parse_all(text: &str, labels: &[String]) -> Result<Vec<Self>, String> {
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
        self.examples.get(&self.info.labels)
    }

    /// Up to `n` labelled templates near `template`, the nearest first; of equals, the earlier.
    ///
    /// Embeds every example: some 50 ms for 6,000. For people, not for the stream; who asks more
    /// than once makes an [`ExampleIndex`]. None, if a transformer fails.
    pub fn nearest(&self, template: &str, n: usize) -> Vec<Neighbour<'_>> {
        ExampleIndex::new(self, &[]).nearest(template, n)
    }
}

/// The labelled templates of a model, and others, each embedded once: about 1 KiB each.
#[derive(Debug)]
pub struct ExampleIndex<'m> {
    model: &'m Model,
    examples: Vec<(&'m Example, Box<[f32]>)>,
}

impl<'m> ExampleIndex<'m> {
    /// Embeds `others`, such as people's verdicts, and the templates that `model` was trained on,
    /// unless the bundle has their embeddings. What a transformer fails on is left out.
    pub fn new(model: &'m Model, others: &'m [Example]) -> Self {
        let mut scratch = Scratch::default();
        let mut embed = |example: &'m Example| -> Option<(&'m Example, Box<[f32]>)> {
            Some((example, model.embed(&example.template, &mut scratch).ok()?.into()))
        };
        let mut examples: Vec<_> = others.iter().filter_map(&mut embed).collect();
        match &model.examples.embeddings {
            Some(known) => examples.extend(model.examples().iter().zip(known.rows())),
            None => examples.extend(model.examples().iter().filter_map(embed)),
        }
        Self { model, examples }
    }

    /// As [`Model::nearest`], among the others as well.
    pub fn nearest(&self, template: &str, n: usize) -> Vec<Neighbour<'m>> {
        let mut scratch = Scratch::default();
        let Ok(wanted) = self.model.embed(template, &mut scratch) else { return Vec::new() };
        let neighbour = |(example, embedding): &(&'m Example, Box<[f32]>)| Neighbour {
            template: &example.template,
            label: example.label,
            similarity: cosine(wanted, embedding),
        };
        let mut all: Vec<Neighbour<'m>> = self.examples.iter().map(neighbour).collect();
        all.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
        all.truncate(n);
        all
    }
}

/// Of vectors of length 1.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>().clamp(-1.0, 1.0)
}
