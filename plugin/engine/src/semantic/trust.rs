//! How far the model is trusted on a text in words that its training never had.
//!
//! What it makes of another language or of a blob rests on punctuation and is worth little. So a
//! text of which fewer than half of the word pieces are known is shrunk towards "any label":
//!
//! ```text
//! trust = min(1, 2 · known / (word pieces + unreadable characters))      of none: 1
//! p'    = trust · p + (1 - trust) / labels
//! ```
//! Punctuation is no word piece; one letter or digit alone is never known, because gibberish falls
//! into such pieces. `train` calibrates through the same functions.

use super::model::Embedder;
use super::wordpiece::UNKNOWN;

impl Embedder {
    /// How far to trust a model on a text of these tokens and so many unreadable characters, 0 to
    /// 1; `knows` says which tokens its training data had.
    pub fn trust(&self, ids: &[u32], unreadable: usize, knows: impl Fn(u32) -> bool) -> f64 {
        let (mut words, mut known) = (unreadable, 0_u32);
        for &id in ids {
            let token = self.token(id);
            if !matches!(token.as_bytes(), [mark] if mark.is_ascii_punctuation()) {
                words += 1;
                known += u32::from(knows(id) && token != UNKNOWN && !is_one_letter(token));
            }
        }
        if words == 0 { 1.0 } else { (2.0 * f64::from(known) / words as f64).min(1.0) }
    }
}

/// Moves the probability of each label towards that of any label.
pub fn shrink(probabilities: &mut [f64], trust: f64) {
    if trust < 1.0 {
        let any = (1.0 - trust) / probabilities.len().max(1) as f64;
        probabilities.iter_mut().for_each(|p| *p = *p * trust + any);
    }
}

/// Characters that no text has, and that the tokeniser passes over: control characters, and what
/// stands for bytes that are no UTF-8.
pub fn unreadable(text: &str) -> usize {
    text.chars().filter(|c| c.is_control() || *c == char::REPLACEMENT_CHARACTER).count()
}

/// In a script with a word a letter they may say something.
fn is_one_letter(token: &str) -> bool {
    matches!(token.strip_prefix("##").unwrap_or(token).as_bytes(), [_])
}
