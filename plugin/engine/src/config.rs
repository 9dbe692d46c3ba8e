//! `logtriage.toml`: one file for every host.
//!
//! ```toml
//! message_keys = ["message", "log", "MESSAGE", "msg", "body"]
//! source_keys  = ["source", "service", "kubernetes.container_name"]
//! output_key   = "triage"
//! fields       = ["template"]
//! rules        = "rules.toml"
//! cache_size   = 16384
//!
//! [semantic]                        # for a model that was trained with a transformer
//! embedder = "onnx"
//!
//! [thresholds]
//! "Security Alert" = 0.9
//! "User Action" = "never"
//! ```
//!
//! Every key is optional; an unknown key is an error.

mod reasoning;
mod semantic;

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

pub use self::reasoning::{Limits, Price, Reasoning, Share, Timeouts};
use self::semantic::RawSemantic;
pub use self::semantic::{MAX_THREADS, Onnx};
use crate::labels::Labels;
use crate::location::{TextError, utf8};
use crate::record::{Keys, MAX_NAMES};
use crate::semantic::{Confidence, Threshold};

/// The keys under which a message is looked for, in this order, unless the config says otherwise.
pub const DEFAULT_MESSAGE_KEYS: [&str; 5] = ["message", "log", "MESSAGE", "msg", "body"];

/// The keys under which a source is looked for, unless the config says otherwise.
pub const DEFAULT_SOURCE_KEYS: [&str; 3] = ["source", "service", "kubernetes.container_name"];

/// The greatest cache that a config may ask for.
pub const MAX_CACHE_SIZE: usize = 1 << 20;

/// What `logtriage.toml` says. Paths are as written: the host resolves and reads them.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where the message is: the first key present wins; a literal key before a dotted path.
    pub message_keys: Vec<String>,
    /// Where the source is.
    pub source_keys: Vec<String>,
    /// The key of the object that is added to a record.
    pub output_key: String,
    /// What a record that already has [`output_key`](Self::output_key) gets.
    pub on_existing: OnExisting,
    /// What the object holds beside label, tier, confidence and template id, in this order.
    pub fields: Vec<Field>,
    /// Where the rules come from, in the order in which they are tried.
    pub rules: Vec<RuleSource>,
    /// Where the model comes from.
    pub model: ModelSource,
    /// The transformer that the model was trained with, if it was.
    pub onnx: Option<Onnx>,
    /// Templates held by the cache: 1 to 1,048,576, default 16,384. A template costs about 0.4 KiB
    /// (at most 2.4 KiB, with a secret in it), so the default costs about 7 MiB (at most 39 MiB).
    pub cache_size: usize,
    /// Templates per second that may be new; beyond it events pass as tier `none`. 0: no limit.
    /// `None`: the config says nothing, and the host may have a default of its own.
    pub max_new_templates_per_second: Option<u32>,
    /// The reasoning tier, if configured.
    pub reasoning: Option<Reasoning>,
    thresholds: Vec<ThresholdEntry>,
    /// Where `fields` stands in the file, if it does.
    fields_place: Option<(String, usize, usize)>,
}

/// What to do with a record that already has our key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnExisting {
    /// It may be forged: ours takes its place, and it stays under `<key>_input`.
    #[default]
    Replace,
    /// The upstream is trusted: the record passes as it is.
    Keep,
}

/// What the object may hold beside label, tier, confidence and template id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    /// The template itself.
    Template,
    /// The id of the rule that matched.
    Rule,
    /// Who gave the verdict: a model or a person.
    By,
    /// Why, as the verdict says.
    Reason,
    /// Whether the template waits for a verdict.
    Pending,
    /// The best labels of the semantic tier with their probabilities.
    Candidates,
    /// The group of the template: templates of nearby meaning, whatever the words.
    Group,
}

impl Field {
    /// All fields with their names.
    pub const ALL: [(&'static str, Field); 7] = [
        ("template", Field::Template),
        ("rule", Field::Rule),
        ("by", Field::By),
        ("reason", Field::Reason),
        ("pending", Field::Pending),
        ("candidates", Field::Candidates),
        ("group", Field::Group),
    ];

    /// The field's name in configs and output.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }
}

/// Where rules come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleSource {
    /// The rules inside the program.
    Builtin,
    /// A file, relative to the config.
    File(String),
}

/// Where the model comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// The model inside the program.
    Builtin,
    /// A bundle directory, relative to the config.
    Directory(String),
}

#[derive(Clone, Debug, PartialEq)]
struct ThresholdEntry {
    label: String,
    threshold: Threshold,
    place: (String, usize, usize),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            message_keys: DEFAULT_MESSAGE_KEYS.map(str::to_owned).to_vec(),
            source_keys: DEFAULT_SOURCE_KEYS.map(str::to_owned).to_vec(),
            output_key: "triage".to_owned(),
            on_existing: OnExisting::Replace,
            fields: Vec::new(),
            rules: vec![RuleSource::Builtin],
            model: ModelSource::Builtin,
            onnx: None,
            cache_size: 16_384,
            max_new_templates_per_second: None,
            reasoning: None,
            thresholds: Vec::new(),
            fields_place: None,
        }
    }
}

impl Config {
    /// Reads a config. `file` is what errors call it.
    ///
    /// # Errors
    /// The first thing wrong, with line and column: not UTF-8, not TOML, an unknown key, a value
    /// out of range.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, TextError> {
        let text = utf8(file, bytes)?;
        let raw: RawConfig = toml::from_str(text).map_err(|e| TextError::toml(file, text, &e))?;
        Reader { file, text }.config(raw)
    }

    /// The thresholds for `labels`: the config's where it names a label, else `defaults`.
    ///
    /// # Errors
    /// A label in `[thresholds]` that is not one of `labels`.
    pub fn thresholds(
        &self,
        labels: &Labels,
        defaults: &[Threshold],
    ) -> Result<Vec<Threshold>, TextError> {
        let mut thresholds = defaults.to_vec();
        thresholds.resize(labels.len(), Threshold::Never);
        for entry in &self.thresholds {
            let place =
                labels.find(&entry.label).and_then(|id| thresholds.get_mut(usize::from(id.0)));
            let Some(place) = place else {
                let (file, line, column) = entry.place.clone();
                let message = format!(
                    "threshold for unknown label \"{}\"; the model's labels are: {labels}",
                    entry.label
                );
                return Err(TextError { file, line, column, message });
            };
            *place = entry.threshold;
        }
        Ok(thresholds)
    }

    /// Whether events get the group of their template; `groups` is how many the model has.
    ///
    /// # Errors
    /// `fields` names `group`, and there are none.
    pub(crate) fn wants_group(&self, groups: usize) -> Result<bool, TextError> {
        let wanted = self.fields.contains(&Field::Group);
        if !wanted || groups > 0 {
            return Ok(wanted);
        }
        let (file, line, column) =
            self.fields_place.clone().unwrap_or_else(|| ("fields".to_owned(), 1, 1));
        let message = "fields names \"group\", but the model has no groups, as none has that was \
                       trained with a transformer; train it again with this version, or leave \
                       \"group\" out"
            .to_owned();
        Err(TextError { file, line, column, message })
    }
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct RawConfig {
    message_keys: Option<Spanned<Vec<String>>>,
    source_keys: Option<Spanned<Vec<String>>>,
    output_key: Option<Spanned<String>>,
    on_existing: OnExisting,
    fields: Option<Spanned<Vec<Field>>>,
    rules: Option<Spanned<OneOrMany>>,
    model: Option<Spanned<String>>,
    cache_size: Option<Spanned<usize>>,
    max_new_templates_per_second: Option<u32>,
    semantic: Option<RawSemantic>,
    thresholds: BTreeMap<Spanned<String>, Spanned<RawThreshold>>,
    reasoning: Option<Reasoning>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a file name, \"builtin\", or a list of these")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a number from 0 to 1, or \"never\"")]
enum RawThreshold {
    Number(f64),
    Word(String),
}

/// Whether the object under `output_key`, or what it moves aside, stands where `key` is looked for.
fn hides(output_key: &str, key: &str) -> bool {
    key.strip_prefix(output_key)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with("_input"))
}

struct Reader<'t> {
    file: &'t str,
    text: &'t str,
}

impl Reader<'_> {
    fn config(&self, raw: RawConfig) -> Result<Config, TextError> {
        let default = Config::default();
        let keys = raw.source_keys.as_ref().or(raw.message_keys.as_ref());
        let keys_span = keys.map_or(0..0, Spanned::span);
        let message_keys = self.keys(raw.message_keys, "message_keys", default.message_keys)?;
        let source_keys = self.keys(raw.source_keys, "source_keys", default.source_keys)?;
        let output_span = raw.output_key.as_ref().map_or(0..0, Spanned::span);
        let output_key = self.output_key(raw.output_key)?;
        if let Some(key) = message_keys.iter().chain(&source_keys).find(|k| hides(&output_key, k)) {
            let message = format!(
                "output_key \"{output_key}\" takes the place of the event's \"{key}\"; choose another"
            );
            return Err(self.error(output_span, message));
        }
        if Keys::new(&message_keys, &source_keys, &output_key).names() > MAX_NAMES {
            let message = format!(
                "message_keys and source_keys look for more than {MAX_NAMES} keys, counting each \
                 object that a dotted one may lead into; name fewer"
            );
            return Err(self.error(keys_span, message));
        }
        let model = self.model(raw.model)?;
        Ok(Config {
            message_keys,
            source_keys,
            output_key,
            on_existing: raw.on_existing,
            fields_place: raw.fields.as_ref().map(|fields| self.place(fields.span())),
            fields: self.fields(raw.fields)?,
            rules: self.rules(raw.rules)?,
            onnx: self.onnx(raw.semantic, &model)?,
            model,
            cache_size: self.cache_size(raw.cache_size)?,
            max_new_templates_per_second: raw.max_new_templates_per_second,
            reasoning: raw.reasoning,
            thresholds: self.thresholds(raw.thresholds)?,
        })
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> TextError {
        TextError::at(self.file, self.text, Some(span), message)
    }

    fn place(&self, span: Range<usize>) -> (String, usize, usize) {
        let place = self.error(span, "");
        (place.file, place.line, place.column)
    }

    fn keys(
        &self,
        keys: Option<Spanned<Vec<String>>>,
        name: &str,
        default: Vec<String>,
    ) -> Result<Vec<String>, TextError> {
        let Some(keys) = keys else { return Ok(default) };
        let span = keys.span();
        let keys = keys.into_inner();
        if keys.iter().any(String::is_empty) {
            return Err(self.error(span, format!("{name} holds an empty key")));
        }
        if keys.is_empty() && name == "message_keys" {
            return Err(self.error(span, "message_keys is empty: no event would have a message"));
        }
        Ok(keys)
    }

    fn output_key(&self, key: Option<Spanned<String>>) -> Result<String, TextError> {
        let Some(key) = key else { return Ok(Config::default().output_key) };
        let span = key.span();
        let key = key.into_inner();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@');
        if key.is_empty() || key.len() > 64 || !key.chars().all(plain) {
            let message = "output_key takes 1 to 64 ASCII letters, digits, `_`, `-`, `.` or `@`";
            return Err(self.error(span, message));
        }
        Ok(key)
    }

    fn fields(&self, fields: Option<Spanned<Vec<Field>>>) -> Result<Vec<Field>, TextError> {
        let Some(fields) = fields else { return Ok(Vec::new()) };
        let span = fields.span();
        let fields = fields.into_inner();
        let named_before = |at: usize, field: &Field| fields.iter().take(at).any(|f| f == field);
        let twice = fields.iter().enumerate().find(|(at, field)| named_before(*at, field));
        match twice {
            Some((_, field)) => {
                Err(self.error(span, format!("fields names \"{}\" twice", field.name())))
            }
            None => Ok(fields),
        }
    }

    fn rules(&self, rules: Option<Spanned<OneOrMany>>) -> Result<Vec<RuleSource>, TextError> {
        let Some(rules) = rules else { return Ok(Config::default().rules) };
        let span = rules.span();
        let names = match rules.into_inner() {
            OneOrMany::One(name) => vec![name],
            OneOrMany::Many(names) => names,
        };
        if names.iter().any(String::is_empty) {
            return Err(self.error(span, "rules holds an empty file name"));
        }
        let source = |name: String| match name.as_str() {
            "builtin" => RuleSource::Builtin,
            _ => RuleSource::File(name),
        };
        Ok(names.into_iter().map(source).collect())
    }

    fn model(&self, model: Option<Spanned<String>>) -> Result<ModelSource, TextError> {
        let Some(model) = model else { return Ok(ModelSource::Builtin) };
        let span = model.span();
        match model.into_inner() {
            name if name == "builtin" => Ok(ModelSource::Builtin),
            name if name.is_empty() => Err(self.error(span, "model is an empty directory name")),
            name => Ok(ModelSource::Directory(name)),
        }
    }

    fn cache_size(&self, size: Option<Spanned<usize>>) -> Result<usize, TextError> {
        let Some(size) = size else { return Ok(Config::default().cache_size) };
        let span = size.span();
        match size.into_inner() {
            size @ 1..=MAX_CACHE_SIZE => Ok(size),
            size => Err(self.error(
                span,
                format!("cache_size is {size}; it takes 1 to {MAX_CACHE_SIZE} templates"),
            )),
        }
    }

    fn thresholds(
        &self,
        raw: BTreeMap<Spanned<String>, Spanned<RawThreshold>>,
    ) -> Result<Vec<ThresholdEntry>, TextError> {
        raw.into_iter().map(|(label, value)| self.threshold(&label, value)).collect()
    }

    fn threshold(
        &self,
        label: &Spanned<String>,
        value: Spanned<RawThreshold>,
    ) -> Result<ThresholdEntry, TextError> {
        let span = value.span();
        let threshold = match value.into_inner() {
            RawThreshold::Number(number) if (0.0..=1.0).contains(&number) => {
                Threshold::At(Confidence::from_probability(number))
            }
            RawThreshold::Word(word) if word == "never" => Threshold::Never,
            _ => {
                let message = format!(
                    "the threshold of \"{}\" takes a number from 0 to 1, or \"never\"",
                    label.get_ref()
                );
                return Err(self.error(span, message));
            }
        };
        let place = self.place(label.span());
        Ok(ThresholdEntry { label: label.get_ref().clone(), threshold, place })
    }
}
