//! What is there already: a grep, rules, a sentence transformer.

use std::time::Duration;

use cpu_time::ThreadTime;
use indicatif::{ProgressBar, ProgressStyle};
use logtriage_engine::semantic::Encoder;
use logtriage_engine::{DEFAULT_LABELS, Labels, RuleScratch, Rules};
use logtriage_onnx::Transformer;

use crate::failure::Failure;
use crate::labelled::Labelled;
use crate::train::sentence;

/// Two words: a message with `fail` or `error` in it is an Error, any other a System Notification.
/// Nothing, where these are no labels.
pub(super) fn grep(data: &Labelled) -> Option<Vec<Option<usize>>> {
    let place = |name: &str| data.labels.iter().position(|label| label == name);
    let (error, notification) = (place("Error")?, place("System Notification")?);
    let said = data.rows.iter().map(|row| {
        let message = row.message.to_lowercase();
        let found = message.contains("fail") || message.contains("error");
        Some(if found { error } else { notification })
    });
    Some(said.collect())
}

/// The first built-in rule that matches a template's first message; no answer where none does, or
/// its label is none of these.
/// Nothing, where no label is one that the rules give.
pub(super) fn rules(data: &Labelled) -> Result<Option<Vec<Option<usize>>>, Failure> {
    let labels = Labels::new(DEFAULT_LABELS.map(|(name, _)| name));
    if data.labels.iter().all(|label| labels.find(label).is_none()) {
        return Ok(None);
    }
    let rules = Rules::builtin(&labels).map_err(sentence)?;
    let mut scratch = RuleScratch::default();
    let said = data.rows.iter().map(|row| {
        let source = data.sources.get(row.source).map(String::as_str);
        let found = rules.first_match(row.message.as_bytes(), source, &mut scratch)?;
        let name = labels.name(found.label);
        data.labels.iter().position(|label| label == name)
    });
    Ok(Some(said.collect()))
}

/// The transformer's embedding of each template, and the time of this core that one takes.
pub(super) fn embed(
    teacher: &Transformer,
    data: &Labelled,
) -> Result<(Vec<Vec<f64>>, Duration), Failure> {
    let mut embedding = vec![0.0; teacher.info().width];
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} embeddings, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(data.rows.len() as u64).with_style(style);
    let start = ThreadTime::now();
    let mut embeddings = Vec::with_capacity(data.rows.len());
    for row in &data.rows {
        teacher.encode(&row.template, &mut embedding).map_err(sentence)?;
        embeddings.push(embedding.iter().copied().map(f64::from).collect());
        bar.inc(1);
    }
    let each = start.elapsed().div_f64(data.rows.len().max(1) as f64);
    bar.finish_and_clear();
    Ok((embeddings, each))
}
