//! Confidence and threshold: probabilities in steps of 1/10,000.

use serde::{Deserialize, Serialize};

/// A calibrated probability, 0 to 1, rounded to 4 decimals before anything is done with it, so
/// that what is compared is what is printed.
///
/// ```
/// use logtriage_engine::Confidence;
/// assert_eq!(Confidence::from_probability(0.97314).to_string(), "0.9731");
/// assert_eq!(Confidence::from_probability(0.97).to_string(), "0.97");
/// assert_eq!(Confidence::ONE.to_string(), "1");
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(into = "f64", try_from = "f64")]
pub struct Confidence(u16);

impl Confidence {
    /// No confidence at all.
    pub const ZERO: Self = Self(0);
    /// Certainty.
    pub const ONE: Self = Self(10_000);

    /// From 1/10,000ths; `None` above 10,000.
    pub const fn from_units(units: u16) -> Option<Self> {
        if units <= Self::ONE.0 { Some(Self(units)) } else { None }
    }

    /// Rounds half up; what is below 0 or no number becomes 0, what is above 1 becomes 1.
    pub fn from_probability(probability: f64) -> Self {
        // `as` saturates, and makes 0 of NaN.
        Self(((probability * 10_000.0 + 0.5) as u16).min(Self::ONE.0))
    }

    /// In 1/10,000ths, 0 to 10,000.
    pub const fn units(self) -> u16 {
        self.0
    }

    /// Appends what `Display` prints, without the detour over a float.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::ZERO => return out.push(b'0'),
            Self::ONE => return out.push(b'1'),
            _ => out.extend_from_slice(b"0."),
        }
        let mut rest = self.0;
        for unit in [1000, 100, 10, 1] {
            if rest > 0 {
                out.push(b'0' + (rest / unit % 10) as u8);
                rest %= unit;
            }
        }
    }

    /// As a number from 0 to 1.
    pub fn probability(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }
}

impl From<Confidence> for f64 {
    fn from(confidence: Confidence) -> Self {
        confidence.probability()
    }
}

impl TryFrom<f64> for Confidence {
    type Error = &'static str;

    fn try_from(probability: f64) -> Result<Self, Self::Error> {
        if (0.0..=1.0).contains(&probability) {
            Ok(Self::from_probability(probability))
        } else {
            Err("expected a number from 0 to 1")
        }
    }
}

/// The shortest decimal form: `1`, `0.97`, `0.9731`.
impl std::fmt::Display for Confidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.probability(), f)
    }
}

/// The least confidence at which the semantic tier gives a label.
///
/// In a manifest or config: a number from 0 to 1, or `"never"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Threshold {
    /// Given from this confidence on.
    At(Confidence),
    /// Never given.
    #[serde(with = "never")]
    Never,
}

impl Threshold {
    /// Whether a label may be given at `confidence`.
    pub fn admits(self, confidence: Confidence) -> bool {
        match self {
            Self::At(least) => confidence >= least,
            Self::Never => false,
        }
    }
}

/// A number, or `never`.
impl std::fmt::Display for Threshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(least) => std::fmt::Display::fmt(least, f),
            Self::Never => f.pad("never"),
        }
    }
}

/// The unit variant as the word `never`.
mod never {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("never")
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "never" => Ok(()),
            _ => Err(de::Error::custom("expected a number from 0 to 1 or \"never\"")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Confidence;

    #[test]
    fn what_is_written_is_what_is_printed() {
        for confidence in (0..=10_000).filter_map(Confidence::from_units) {
            let mut written = Vec::new();
            confidence.write(&mut written);
            assert_eq!(String::from_utf8_lossy(&written), confidence.to_string());
        }
    }
}
