//! How a request is put together.

use std::sync::OnceLock;

use logtriage_engine::semantic::{Example, ExampleIndex};
use logtriage_engine::{DEFAULT_LABELS, Labels, Model, Reasoning};
use logtriage_files::Loaded;

use super::form::Form;
use super::prompt::{self, Context, Prompt};
use super::queue::Waiting;
use super::usage::Charge;
use crate::failure::Failure;

/// Letters of ids: without vowels, so that none is a word.
const ID_LETTERS: &[u8; 20] = b"bcdfghjklmnpqrstvwxz";

/// Makes requests by what the config says.
#[derive(Debug)]
pub struct Asker<'m> {
    /// `[reasoning]`.
    pub reasoning: Reasoning,
    /// The labels that may be given.
    pub labels: Labels,
    /// The prompt.
    pub prompt: Prompt,
    model: &'m Model,
    /// People's verdicts.
    reviewed: &'m [Example],
    /// Made when it is first needed.
    index: OnceLock<ExampleIndex<'m>>,
}

/// A request, ready to be sent.
#[derive(Debug)]
pub struct Request {
    /// In the order of the templates.
    pub ids: Vec<String>,
    /// The body.
    pub body: serde_json::Value,
    /// What it will cost, as far as that is known.
    pub charge: Charge,
}

impl<'m> Asker<'m> {
    /// Examples are the templates that `model` was trained on, and `reviewed`.
    ///
    /// # Errors
    /// A meaning for a label that the model does not have; a prompt that cannot be used.
    pub fn new(
        loaded: &Loaded,
        reasoning: &Reasoning,
        model: &'m Model,
        reviewed: &'m [Example],
    ) -> Result<Self, Failure> {
        let labels = Labels::new(model.labels().iter().map(String::as_str));
        Ok(Self {
            prompt: prompt(loaded, reasoning, &meanings(reasoning, &labels)?)?,
            index: OnceLock::new(),
            reasoning: reasoning.clone(),
            labels,
            model,
            reviewed,
        })
    }

    fn index(&self) -> Option<&ExampleIndex<'m>> {
        let make = || ExampleIndex::new(self.model, self.reviewed);
        (self.reasoning.examples > 0).then(|| self.index.get_or_init(make))
    }

    /// What the ledger calls the server.
    pub fn server(&self) -> String {
        format!("{} {}", self.reasoning.base_url, self.reasoning.model)
    }

    /// A request about `templates`. `complaint` says what was wrong with an answer before.
    pub fn request(
        &self,
        templates: &[&Waiting],
        complaint: Option<&str>,
        form: Form,
    ) -> Result<Request, Failure> {
        let context = Context {
            index: self.index(),
            examples: self.reasoning.examples as usize,
            labels: &self.labels,
        };
        let ids = ids(templates.len());
        let asked: Vec<_> = ids.iter().map(String::as_str).zip(templates.iter().copied()).collect();
        let failed = |e: serde_json::Error| Failure::other(e.to_string());
        let mut question = prompt::question(&asked, &context).map_err(failed)?;
        if let Some(complaint) = complaint {
            question.push_str(&format!(
                "\n\nAn earlier answer about these could not be used: {complaint}. Answer in the \
                 form that was asked for."
            ));
        }
        let (model, most) = (&self.reasoning.model, self.reasoning.max_answer_tokens);
        let body = form.body(model, &self.prompt.text, &question, most, (&ids, &self.labels));
        let bytes = serde_json::to_vec(&body).map_err(failed)?.len();
        Ok(Request { ids, charge: Charge::expected(bytes, templates.len()), body })
    }
}

/// Each label with its meaning: the config's, else the default one.
fn meanings(reasoning: &Reasoning, labels: &Labels) -> Result<Vec<(String, String)>, Failure> {
    if let Some(label) = reasoning.labels.keys().find(|label| labels.find(label).is_none()) {
        return Err(Failure::other(format!(
            "[reasoning.labels] has a meaning for {label:?}; the model's labels are: {labels}"
        )));
    }
    let default = |name: &str| {
        let known = DEFAULT_LABELS.iter().find(|(known, _)| *known == name);
        known.map_or("", |(_, meaning)| *meaning).to_owned()
    };
    let meaning = |name: &str| reasoning.labels.get(name).cloned().unwrap_or_else(|| default(name));
    Ok(labels.names().map(|name| (name.to_owned(), meaning(name))).collect())
}

fn prompt(
    loaded: &Loaded,
    reasoning: &Reasoning,
    meanings: &[(String, String)],
) -> Result<Prompt, Failure> {
    let Some(file) = &reasoning.prompt else {
        return Prompt::new("the built-in prompt", prompt::BUILTIN, meanings);
    };
    let path = loaded.resolve(file);
    let text = std::fs::read_to_string(&path).map_err(|e| Failure::io(&path, e))?;
    Prompt::new(&path.display().to_string(), &text, meanings)
}

/// Distinct ids that nobody can guess.
fn ids(count: usize) -> Vec<String> {
    let mut ids: Vec<String> = Vec::with_capacity(count);
    while ids.len() < count {
        let letter = || char::from(*fastrand::choice(ID_LETTERS).unwrap_or(&b'b'));
        let id: String = std::iter::repeat_with(letter).take(5).collect();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}
