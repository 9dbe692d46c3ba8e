//! Why a template got its label: every label's probability, and each token's part in the best.

use std::ops::Range;

use super::encoder::EncodeError;
use super::fragments::LENGTH;
use super::model::{Model, Scratch, Source};

/// What a model thinks of a template, for people to read.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Every label with its calibrated probability, the best first.
    pub labels: Vec<(u16, f64)>,
    /// Each token's part in the best label's logit, the strongest first, by absolute size.
    pub tokens: Vec<TokenShare>,
    /// The part that no token has: what the best label's logit is for an empty text, and what
    /// fragments of words say that no tokens make up.
    pub bias: f64,
    /// What a transformer's embedding of the whole text adds to it; none of a table's, which is in
    /// the tokens' parts.
    pub whole: Option<f64>,
    /// The best label's logit: the bias, the whole's and all the tokens' parts, up to rounding.
    pub logit: f64,
}

/// A token's part in a logit.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenShare {
    /// Text of the token; `##` where it continues a word.
    pub token: String,
    /// Position among the template's tokens, from 0.
    pub position: usize,
    /// What it adds to the logit; negative speaks against the label.
    pub share: f64,
}

impl Model {
    /// Explains what [`Model::predict`] says of `template`.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn explain(&self, template: &str) -> Result<Explanation, EncodeError> {
        let mut scratch = Scratch::default();
        let factor = self.score(template, &mut scratch)?;
        self.probabilities(&mut scratch);
        let mut labels: Vec<(u16, f64)> =
            (0..).zip(scratch.probabilities.iter().copied()).collect();
        labels.sort_by(|a, b| b.1.total_cmp(&a.1));
        let best = labels.first().map_or(0, |&(label, _)| usize::from(label));
        let (tokens, rest) = self.shares(&scratch, factor, best);
        Ok(Explanation {
            labels,
            tokens,
            bias: f64::from(self.head.bias(best)) + rest,
            whole: self.whole(&scratch, best),
            logit: scratch.logits.get(best).map_or(0.0, |&logit| f64::from(logit)),
        })
    }

    /// What an embedding that no token has a part in adds to the logit of `label`.
    fn whole(&self, scratch: &Scratch, label: usize) -> Option<f64> {
        let Source::Encoder(_) = self.embedder.source else { return None };
        let parts = scratch.embedding.iter().zip(self.head.column(label));
        Some(parts.map(|(&x, weight)| f64::from(x) * f64::from(weight)).sum())
    }

    /// Each token's part, the strongest first, and what is left.
    fn shares(&self, scratch: &Scratch, factor: f32, label: usize) -> (Vec<TokenShare>, f64) {
        let ids = &scratch.ids;
        let share = |(position, &id): (usize, &u32)| {
            let token = self.embedder.token(id).to_owned();
            TokenShare { token, position, share: 0.0 }
        };
        let mut shares: Vec<TokenShare> = ids.iter().enumerate().map(share).collect();
        if let Source::Table(table) = &self.embedder.source {
            let means = table.contributions(ids, factor, &self.head, label);
            shares.iter_mut().zip(means).for_each(|(share, part)| share.share = part);
        }
        for (word, part) in self.lexicon.contributions(&scratch.words, label) {
            // The lexicon sees a token once, so its occurrences have equal parts.
            let count = ids.iter().filter(|&&id| id == word).count().max(1) as f64;
            for (_, share) in ids.iter().zip(&mut shares).filter(|(id, _)| **id == word) {
                share.share += part / count;
            }
        }
        let rest = self.share_out_fragments(scratch, label, &mut shares);
        shares.sort_by(|a, b| b.share.abs().total_cmp(&a.share.abs()));
        (shares, rest)
    }

    /// Adds each fragment's part to the tokens it overlaps, byte by byte; returns that of fragments
    /// that overlap none.
    fn share_out_fragments(
        &self,
        scratch: &Scratch,
        label: usize,
        shares: &mut [TokenShare],
    ) -> f64 {
        let spans = spans(&scratch.normal, shares);
        let mut rest = 0.0;
        let parts = self.fragments.contributions(&scratch.fragments, label);
        for (start, (_, part)) in parts.enumerate() {
            let overlaps: Vec<usize> =
                spans.iter().map(|span| overlap(span, &(start..start + LENGTH))).collect();
            let total: usize = overlaps.iter().sum();
            if total == 0 {
                rest += part;
                continue;
            }
            for (share, &overlap) in shares.iter_mut().zip(&overlaps) {
                share.share += part * overlap as f64 / total as f64;
            }
        }
        rest
    }
}

/// Where each token stands in the normalised text; nowhere if a word is unknown.
fn spans(normal: &str, tokens: &[TokenShare]) -> Vec<Range<usize>> {
    let mut at = 0;
    let span = |TokenShare { token, .. }: &TokenShare| {
        let text = token.strip_prefix("##").filter(|rest| !rest.is_empty()).unwrap_or(token);
        let found = normal.get(at..).and_then(|rest| rest.find(text));
        let start = found.map_or(at, |offset| at + offset);
        let end = found.map_or(at, |_| start + text.len());
        at = end;
        start..end
    };
    tokens.iter().map(span).collect()
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> usize {
    a.end.min(b.end).saturating_sub(a.start.max(b.start))
}
