//! Weights as the parts of a bundle.

use std::borrow::Cow;

use logtriage_engine::semantic::{
    BundleParts, ClassifierInfo, EXAMPLES, HEAD, LEXICON, TableInfo, WIDTH, digest, seal,
};
use serde_json::json;

use super::features::{EMBEDDING_SCALE, Features};
use super::logistic::Weights;
use crate::labelled::Labelled;

/// A bundle of the table's parts and what was learned.
pub(super) fn bundle(
    mut parts: BundleParts,
    table: TableInfo,
    info: ClassifierInfo,
    weights: &Weights,
    features: &Features,
    data: &Labelled,
) -> BundleParts {
    let written =
        [(HEAD, head(weights)), (LEXICON, lexicon(weights, features)), (EXAMPLES, examples(data))];
    parts.extend(written.map(|(name, bytes)| (name.to_owned(), Cow::Owned(bytes))));
    seal(table, Some(info), parts)
}

/// Bias, then a run of labels for each dimension.
fn head(weights: &Weights) -> Vec<u8> {
    let bias = weights.values.len() / weights.labels - 1;
    let dense = (0..WIDTH)
        .flat_map(|dimension| weights.row(dimension).iter().map(|weight| weight * EMBEDDING_SCALE));
    let all = weights.row(bias).iter().copied().chain(dense);
    all.flat_map(|value| (value as f32).to_le_bytes()).collect()
}

/// Values, scales, then a run of labels for each token of the vocabulary in 8 bits.
fn lexicon(weights: &Weights, features: &Features) -> Vec<u8> {
    let rows = |place: usize| weights.row(WIDTH + place);
    let mut scales = vec![0.0_f32; weights.labels];
    for place in 0..features.tokens.len() {
        for (scale, weight) in scales.iter_mut().zip(rows(place)) {
            *scale = scale.max((weight.abs() / 127.0) as f32);
        }
    }
    let mut levels = vec![0_u8; features.values.len() * weights.labels];
    for (place, &token) in features.tokens.iter().enumerate() {
        let out = &mut levels[token as usize * weights.labels..][..weights.labels];
        for ((level, weight), &scale) in out.iter_mut().zip(rows(place)).zip(&scales) {
            let steps = if scale > 0.0 { (weight / f64::from(scale)).round() } else { 0.0 };
            *level = steps.clamp(-127.0, 127.0) as i8 as u8;
        }
    }
    let numbers = features.values.iter().chain(&scales);
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

/// XXH3-128 over template, label and source of every row, each ended by a line end.
pub(crate) fn data_digest(data: &Labelled) -> String {
    let mut text = String::new();
    for row in &data.rows {
        for part in [&row.template, &data.labels[row.label], &data.sources[row.source]] {
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
        };
        let data = Labelled::read(&files, &columns).unwrap();
        let model = Model::builtin().unwrap();
        assert_eq!(model.info().training.digest, data_digest(&data));
    }
}
