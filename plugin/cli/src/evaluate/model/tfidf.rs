//! The textbook's baseline: templates as the words in them, by TF-IDF.

use std::collections::BTreeMap;

use crate::labelled::Row;
use crate::train::features::{Features, Sample, document_values};

/// Words are lower-cased runs of two and more letters, digits and `_`, as scikit-learn's
/// `TfidfVectorizer` has them; so are the values: count times smoothed inverse document frequency,
/// each template of length 1.
pub(super) fn features(rows: &[Row]) -> Features {
    let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
    let texts: Vec<Vec<String>> = rows.iter().map(|row| words(&row.template)).collect();
    for word in texts.iter().flatten() {
        let next = numbers.len() as u32;
        numbers.entry(word.clone()).or_insert(next);
    }
    let number = |word: &String| numbers.get(word).copied().unwrap_or_default();
    let ids: Vec<Vec<u32>> = texts.iter().map(|words| words.iter().map(number).collect()).collect();
    let values = document_values(&ids, numbers.len());
    let samples =
        ids.iter().map(|ids| Sample { terms: weighted(ids, &values), ..Sample::default() });
    let samples = samples.collect();
    Features::plain(samples, 0, numbers.len())
}

fn words(text: &str) -> Vec<String> {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let words = text.split(|c| !part_of_word(c)).filter(|word| word.chars().nth(1).is_some());
    words.map(str::to_lowercase).collect()
}

fn weighted(ids: &[u32], values: &[f32]) -> Vec<(usize, f64)> {
    let mut weights: BTreeMap<usize, f64> = BTreeMap::new();
    for &id in ids {
        let id = id as usize;
        *weights.entry(id).or_default() += f64::from(values.get(id).copied().unwrap_or_default());
    }
    let length = weights.values().map(|weight| weight * weight).sum::<f64>().sqrt();
    weights.into_iter().map(|(id, weight)| (id, weight / length)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(template: &str) -> Row {
        let template = template.to_owned();
        Row { message: template.clone(), template, label: 0, source: 0, group: None, place: None }
    }

    #[test]
    fn values_are_those_worked_out_by_hand() {
        let features = features(&[row("Disk disk failed"), row("a <num> failed!")]);
        assert_eq!(features.terms, 3);
        // disk: twice, in 1 of 2 templates; failed: once, in both.
        let (disk, failed) = (2.0 * ((3.0_f64 / 2.0).ln() + 1.0), 1.0);
        let length = (disk * disk + failed * failed).sqrt();
        let words = &features.samples[0].terms;
        assert_eq!(words.iter().map(|(word, _)| *word).collect::<Vec<_>>(), [0, 1]);
        for ((_, value), expected) in words.iter().zip([disk / length, failed / length]) {
            assert!((value - expected).abs() < 1e-6, "{value} is not {expected}");
        }
        // One letter is no word; a mask's name is one.
        assert_eq!(features.samples[1].terms.len(), 2);
    }

    #[test]
    fn a_template_without_words_has_no_features() {
        assert!(features(&[row("-- !")]).samples[0].terms.is_empty());
    }
}
