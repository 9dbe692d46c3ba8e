//! How well templates group lines: grouping accuracy on logs whose true templates are known.

use std::collections::HashMap;

use logtriage_engine::Masker;

/// What was measured on one file.
#[derive(Debug, Clone, PartialEq)]
pub struct Grouping {
    /// Messages read.
    pub messages: usize,
    /// True templates among them.
    pub truths: usize,
    /// Distinct templates that masking made.
    pub keys: usize,
    /// Messages whose group is exactly the true group.
    pub exact: usize,
}

impl Grouping {
    /// Share of the messages whose group is exactly the true one (Zhu et al., ICSE-SEIP 2019).
    pub fn accuracy(&self) -> f64 {
        self.exact as f64 / self.messages.max(1) as f64
    }

    /// Distinct templates made for each true one.
    pub fn keys_per_truth(&self) -> f64 {
        self.keys as f64 / self.truths.max(1) as f64
    }
}

/// Groups `(message, true template)` pairs by our template and compares.
pub fn measure<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Grouping {
    let mut masker = Masker::default();
    let mut by_key: HashMap<String, HashMap<&str, usize>> = HashMap::new();
    let mut by_truth: HashMap<&str, usize> = HashMap::new();
    let mut messages = 0;
    for (message, truth) in pairs {
        let key = masker.mask(message.as_bytes()).to_owned();
        *by_key.entry(key).or_default().entry(truth).or_default() += 1;
        *by_truth.entry(truth).or_default() += 1;
        messages += 1;
    }
    let exact = by_key
        .values()
        .filter(|truths| truths.len() == 1)
        .flat_map(|truths| truths.iter())
        .filter(|(truth, count)| by_truth.get(*truth) == Some(count))
        .map(|(_, count)| count)
        .sum();
    Grouping { messages, truths: by_truth.len(), keys: by_key.len(), exact }
}
