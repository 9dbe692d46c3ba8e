//! How far the model is trusted on a text in words that its training never had.
//!
//! What it makes of another language or of a blob rests on punctuation and is worth little. So a
//! text of which fewer than half of the word pieces are known is shrunk towards "any label":
//!
//! ```text
//! trust = min(1, 2 · known / word pieces)          punctuation apart; of none: 1
//!                                                  one letter that continues a word is not known
//! p'    = trust · p + (1 - trust) / labels
//! ```
//! `train` calibrates through the same two functions.

use super::model::Embedder;
use super::wordpiece::UNKNOWN;

impl Embedder {
    /// How far to trust a model on a text of these tokens, 0 to 1; `knows` says which tokens its
    /// training data had.
    pub fn trust(&self, ids: &[u32], knows: impl Fn(u32) -> bool) -> f64 {
        let (mut words, mut known) = (0_u32, 0_u32);
        for &id in ids {
            let token = self.token(id);
            if !matches!(token.as_bytes(), [mark] if mark.is_ascii_punctuation()) {
                words += 1;
                known += u32::from(knows(id) && token != UNKNOWN && !is_one_letter_more(token));
            }
        }
        if words == 0 { 1.0 } else { (2.0 * f64::from(known) / f64::from(words)).min(1.0) }
    }
}

/// Moves the probability of each label towards that of any label.
pub fn shrink(probabilities: &mut [f64], trust: f64) {
    if trust < 1.0 {
        let any = (1.0 - trust) / probabilities.len().max(1) as f64;
        probabilities.iter_mut().for_each(|p| *p = *p * trust + any);
    }
}

/// Such pieces are what is left of a word that is none.
fn is_one_letter_more(token: &str) -> bool {
    token.strip_prefix("##").is_some_and(|rest| rest.chars().nth(1).is_none())
}
