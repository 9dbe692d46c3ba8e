//! Weights as the parts of a bundle.

use std::borrow::Cow;

use logtriage_engine::semantic::{
    BundleParts, ClassifierInfo, EXAMPLE_EMBEDDINGS, EXAMPLES, EmbedderInfo, FRAGMENT_LEXICON,
    HEAD, LEXICON, digest, seal,
};
use serde_json::json;

use super::features::{EMBEDDING_SCALE, FRAGMENT_SCALE, Features};
use super::logistic::Weights;
use crate::labelled::Labelled;

/// A bundle of the embedder's parts and what was learned.
pub(super) fn bundle(
    mut parts: BundleParts,
    embedder: EmbedderInfo,
    info: ClassifierInfo,
    weights: &Weights,
    features: &Features,
    data: &Labelled,
) -> BundleParts {
    let placed = |terms: &[u32], first: usize| -> Vec<(usize, usize)> {
        terms.iter().enumerate().map(|(place, &term)| (term as usize, first + place)).collect()
    };
    let words = placed(&features.tokens, features.dense);
    let fragments = placed(&features.fragments, features.dense + words.len());
    let written = [
        (HEAD, head(weights, features.dense)),
        (LEXICON, lexicon(weights, &features.values, 1.0, &words)),
        (FRAGMENT_LEXICON, lexicon(weights, &features.fragment_values, FRAGMENT_SCALE, &fragments)),
        (EXAMPLES, examples(data)),
    ];
    parts.extend(written.map(|(name, bytes)| (name.to_owned(), Cow::Owned(bytes))));
    if let EmbedderInfo::Onnx(_) = embedder {
        let embeddings = Cow::Owned(example_embeddings(features));
        parts.insert(EXAMPLE_EMBEDDINGS.to_owned(), embeddings);
    }
    seal(embedder, Some(info), parts)
}

/// Bias, then a run of labels for each dimension.
fn head(weights: &Weights, width: usize) -> Vec<u8> {
    let bias = weights.values.len() / weights.labels - 1;
    let dense = (0..width)
        .flat_map(|dimension| weights.row(dimension).iter().map(|weight| weight * EMBEDDING_SCALE));
    let all = weights.row(bias).iter().copied().chain(dense);
    all.flat_map(|value| (value as f32).to_le_bytes()).collect()
}

/// Values, scales, then a run of labels for each term in 8 bits. `rows` says which feature the
/// weights of a term are, and `factor` what its values were multiplied by in training.
fn lexicon(weights: &Weights, values: &[f32], factor: f64, rows: &[(usize, usize)]) -> Vec<u8> {
    let mut scales = vec![0.0_f32; weights.labels];
    for &(_, feature) in rows {
        for (scale, weight) in scales.iter_mut().zip(weights.row(feature)) {
            *scale = scale.max((weight.abs() * factor / 127.0) as f32);
        }
    }
    let mut levels = vec![0_u8; values.len() * weights.labels];
    for &(term, feature) in rows {
        let out = &mut levels[term * weights.labels..][..weights.labels];
        for ((level, weight), &scale) in out.iter_mut().zip(weights.row(feature)).zip(&scales) {
            let steps =
                if scale > 0.0 { (weight * factor / f64::from(scale)).round() } else { 0.0 };
            *level = steps.clamp(-127.0, 127.0) as i8 as u8;
        }
    }
    let numbers = values.iter().chain(&scales);
    numbers.flat_map(|value| value.to_le_bytes()).chain(levels).collect()
}

fn examples(data: &Labelled) -> Vec<u8> {
    let mut out = Vec::new();
    for row in &data.rows {
        let line = json!({ "template": row.template, "label": data.labels[row.label] });
        out.extend_from_slice(line.to_string().as_bytes());
        out.push(b'\n');
    }
    out
}

/// Scales, then a row of signed bytes for each example.
fn example_embeddings(features: &Features) -> Vec<u8> {
    let largest = |row: &[f64]| row.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    let rows = || features.samples.iter().map(|sample| sample.embedding.as_slice());
    let scales = rows().map(|row| (largest(row) / EMBEDDING_SCALE / 127.0) as f32);
    let levels = rows().flat_map(|row| {
        let step = largest(row).max(f64::MIN_POSITIVE) / 127.0;
        row.iter().map(move |value| (value / step).round().clamp(-127.0, 127.0) as i8 as u8)
    });
    scales.flat_map(f32::to_le_bytes).chain(levels).collect()
}

/// XXH3-128 over template, label, source and group (empty if none) of every row, each ended by a
/// line end.
pub(crate) fn data_digest(data: &Labelled) -> String {
    let mut text = String::new();
    for row in &data.rows {
        let group = row.group.as_deref().unwrap_or_default();
        for part in [&row.template, &data.labels[row.label], &data.sources[row.source], group] {
            text.push_str(part);
            text.push('\n');
        }
    }
    digest(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labelled::Columns;
    use logtriage_engine::Model;
    use std::path::{Path, PathBuf};

    /// If not, the mask or the corpus has changed: `models/README.md` says how to train again.
    #[test]
    fn the_built_in_model_is_trained_on_the_corpus_as_it_is() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/corpus");
        let entries = std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> =
            entries.filter(|path| path.extension().is_some_and(|end| end == "csv")).collect();
        files.sort_unstable();
        let columns = Columns {
            source_column: "source".to_owned(),
            message_column: "log_message".to_owned(),
            label_column: "target_label".to_owned(),
            group_column: "group".to_owned(),
        };
        let data = Labelled::read(&files, &columns).unwrap();
        let model = Model::builtin().unwrap();
        assert_eq!(model.info().training.digest, data_digest(&data));
    }
}
