//! What words of systems that training never saw have in common with those it did: letters.
//!
//! A fragment is a run of four bytes of the normalised text, across the ends of words, so that
//! `unreachable` is near `not reachable`, `OOMKilled` near `oom-kill`, and a little of the order of
//! words is seen (character n-grams, Cavnar and Trenkle 1994; the hashing trick, Weinberger et al.,
//! ICML 2009). Like a token, each has a weight for each label in a [`super::lexicon::Lexicon`];
//! unlike a token it counts as often as it comes, which saves sorting them.

/// Places that fragments are hashed to.
pub const FRAGMENTS: usize = 1 << BITS;
/// Bytes of a fragment.
pub(crate) const LENGTH: usize = 4;

const BITS: u32 = 15;

/// The place of each fragment of a normalised text, in the order of the text; of a text of fewer
/// than four bytes there is none.
pub(crate) fn fragments(normal: &str) -> impl Iterator<Item = u32> + '_ {
    let run = |bytes: &[u8]| bytes.first_chunk::<LENGTH>().copied().unwrap_or_default();
    normal.as_bytes().windows(LENGTH).map(move |bytes| place(run(bytes)))
}

/// Fibonacci hashing: the top bits of a product with 2³² by the golden ratio.
fn place(run: [u8; LENGTH]) -> u32 {
    u32::from_le_bytes(run).wrapping_mul(0x9e37_79b1) >> (u32::BITS - BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_the_same_place_wherever_it_stands() {
        let all: Vec<u32> = fragments("disk full, disk").collect();
        assert_eq!(all.len(), "disk full, disk".len() - 3);
        assert_eq!(all.first(), all.last());
        assert!(all.iter().all(|&place| (place as usize) < FRAGMENTS));
        // Places are in bundles: they never change.
        assert_eq!(fragments("disk").collect::<Vec<_>>(), [6_668]);
        assert_eq!(fragments("dis").count(), 0);
    }
}
