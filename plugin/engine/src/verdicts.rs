//! Verdicts: labels that an LLM or a person gave to templates.

use std::collections::HashMap;

use serde::Deserialize;

use crate::labels::{LabelId, Labels, UNCLASSIFIED};
use crate::shapes::Seen;
use crate::swar::equal;
use crate::template::{Masker, TemplateId};

/// Templates with verdicts of one kind, at most.
pub const MAX_VERDICTS: usize = 65_536;

/// A name or reason is cut after this many characters.
const MAX_TEXT: usize = 512;

/// A line of a journal may be this long, in bytes.
const MAX_LINE: usize = 1 << 16;

/// Whose verdict it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person's: comes before the semantic tier.
    Person,
    /// An LLM's: comes after it.
    Machine,
}

/// A label for every event of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The template. It is masked and redacted again when learnt, so a better mask orphans no
    /// verdict.
    pub template: String,
    /// The label's name: one of the model's labels.
    pub label: String,
    /// Who gave it.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// What became of verdicts handed to the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Verdicts that now hold.
    pub taken: usize,
    /// Verdicts passed over: the label is not in the label set, the template is empty, or there are
    /// verdicts of this kind on 65,536 templates already.
    pub refused: usize,
}

/// A verdict as the engine keeps it.
#[derive(Debug)]
pub(crate) struct Known {
    template: Box<str>,
    pub(crate) label: LabelId,
    pub(crate) by: Option<Box<str>>,
    pub(crate) reason: Option<Box<str>>,
    /// In which reading it was learnt.
    reading: u32,
}

/// The verdicts of one kind; a later one beats an earlier one.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    known: HashMap<TemplateId, Known>,
    /// Counts how often the verdicts were read anew.
    reading: u32,
    /// Templates learnt in this reading.
    learnt: usize,
}

impl Verdicts {
    /// Learns one verdict, unless it cannot hold. Gives the id of the template.
    pub(crate) fn learn(
        &mut self,
        verdict: &Verdict,
        labels: &Labels,
        masker: &mut Masker,
    ) -> Option<TemplateId> {
        let label = labels.find(&verdict.label)?;
        let template = masker.mask_and_redact(verdict.template.as_bytes());
        let id = TemplateId::of(&template);
        let is_new = self.known.get(&id).is_none_or(|known| known.reading != self.reading);
        if template.is_empty() || (is_new && self.learnt >= MAX_VERDICTS) {
            return None;
        }
        self.learnt += usize::from(is_new);
        let cut = |text: &Option<String>| {
            text.as_ref().map(|text| text.chars().take(MAX_TEXT).collect::<String>().into())
        };
        let known = Known {
            template: template.as_ref().into(),
            label,
            by: cut(&verdict.by),
            reason: cut(&verdict.reason),
            reading: self.reading,
        };
        self.known.insert(id, known);
        Some(id)
    }

    /// What is learnt from now on replaces what is known; both together are at most twice
    /// [`MAX_VERDICTS`].
    pub(crate) fn begin_relearning(&mut self) {
        self.end_relearning();
        self.reading = self.reading.wrapping_add(1);
        self.learnt = 0;
    }

    /// Forgets what was not learnt in this reading.
    pub(crate) fn end_relearning(&mut self) {
        self.known.retain(|_, known| known.reading == self.reading);
    }

    /// Whether nothing is known of any template.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// What is known of a message's template.
    pub(crate) fn of(&self, seen: &Seen) -> Option<&Known> {
        if self.is_empty() {
            return None;
        }
        let (id, template) = seen.known_by();
        self.get(id, template)
    }

    fn get(&self, id: TemplateId, template: &str) -> Option<&Known> {
        self.known.get(&id).filter(|known| equal(known.template.as_bytes(), template.as_bytes()))
    }
}

/// A line of a journal that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalProblem {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

#[derive(Deserialize)]
struct Line {
    template: String,
    label: String,
    by: Option<String>,
    reason: Option<String>,
}

/// Reads a journal of verdicts: one JSON object a line, in order. Blank lines are passed over, and
/// so are declined templates (`Unclassified`), a torn last line, and keys of a newer version; other
/// lines that cannot be read are reported.
pub fn read_journal(journal: &[u8]) -> (Vec<Verdict>, Vec<JournalProblem>) {
    let journal = journal.strip_prefix(b"\xef\xbb\xbf").unwrap_or(journal);
    let (mut verdicts, mut problems) = (Vec::new(), Vec::new());
    let torn = journal.last().is_some_and(|b| *b != b'\n');
    let lines: Vec<&[u8]> = journal.split(|b| *b == b'\n').collect();
    let last = lines.len();
    for (line, text) in (1..).zip(lines) {
        if text.trim_ascii().is_empty() {
            continue;
        }
        if text.len() > MAX_LINE {
            let message = format!("a line of {} bytes; at most {MAX_LINE} are read", text.len());
            problems.push(JournalProblem { line, message });
            continue;
        }
        match serde_json::from_slice::<Line>(text) {
            Ok(read) if read.label == UNCLASSIFIED => {}
            Ok(Line { template, label, by, reason }) => {
                verdicts.push(Verdict { template, label, by, reason });
            }
            Err(error) if torn && line == last && error.is_eof() => {}
            Err(error) => problems.push(JournalProblem { line, message: error.to_string() }),
        }
    }
    (verdicts, problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_survives_torn_and_broken_lines() {
        let journal = concat!(
            r#"{"template":"a","label":"Error","by":"m","newer":1}"#,
            "\n\nnot json\n",
            r#"{"template":"b","label":"Unclassified"}"#,
            "\n",
            r#"{"template":"c","label":"Er"#
        );
        let (verdicts, problems) = read_journal(journal.as_bytes());
        assert_eq!(verdicts.len(), 1);
        assert_eq!(verdicts[0].by.as_deref(), Some("m"));
        assert_eq!(problems.iter().map(|p| p.line).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn a_line_of_10_mb_costs_itself_alone() {
        let good = "{\"template\":\"a\",\"label\":\"Error\"}\n";
        let long = good.replace('a', &"x".repeat(10_000_000));
        let (verdicts, problems) = read_journal([good, &long, good].concat().as_bytes());
        assert_eq!(verdicts.len(), 2);
        assert_eq!(problems.iter().map(|p| p.line).collect::<Vec<_>>(), [2]);
        assert!(problems[0].message.len() < 100, "{}", problems[0].message);
    }

    #[test]
    fn a_later_verdict_beats_an_earlier_one() {
        let (labels, mut masker) = (Labels::default(), Masker::default());
        let mut verdicts = Verdicts::default();
        let mut learn = |label: &str| {
            let verdict = Verdict {
                template: "job 7 ended".into(),
                label: label.into(),
                by: None,
                reason: None,
            };
            verdicts.learn(&verdict, &labels, &mut masker)
        };
        assert!(learn("Error").is_some());
        assert!(learn("User Action").is_some());
        assert!(learn("No Such Label").is_none());
        let id = TemplateId::of("job <num> ended");
        let known = verdicts.get(id, "job <num> ended").expect("learnt");
        assert_eq!(labels.name(known.label), "User Action");
        assert!(verdicts.get(id, "another text").is_none());
    }
}
