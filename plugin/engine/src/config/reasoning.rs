//! `[reasoning]`: where unknown templates are kept, and who is asked about them.
//!
//! ```toml
//! [reasoning]
//! base_url = "http://127.0.0.1:11434/v1"
//! model = "qwen3:4b"
//! api_key_env = "LOGTRIAGE_API_KEY"
//!
//! [reasoning.limits]
//! templates_per_day = 500
//!
//! [reasoning.labels]
//! "Workflow Error" = "a step of a billing run failed"
//! ```
//!
//! Every host reads and checks all of it; only `logtriage reason` uses more than `state_dir` and
//! `share`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// `[reasoning]`. Paths are as written, relative to the config.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reasoning {
    /// The state directory: `pending.jsonl`, `verdicts.jsonl`, `verdicts.human.jsonl`. Default
    /// `state`.
    pub state_dir: String,
    /// What may be kept of an unknown event, and sent. Default: the template alone.
    pub share: Share,
    /// Where an OpenAI-compatible server is: `/chat/completions` is added. Default: an Ollama on
    /// this machine.
    pub base_url: String,
    /// The model to ask for. Default `qwen3:4b`.
    pub model: String,
    /// The environment variable that holds the API key, if the server wants one.
    pub api_key_env: Option<String>,
    /// The file that holds the API key.
    pub api_key_file: Option<String>,
    /// A prompt of one's own instead of the built-in one.
    pub prompt: Option<String>,
    /// Templates that are asked about in one request: 1 to 100, default 20.
    #[serde(deserialize_with = "batch")]
    pub templates_per_request: u32,
    /// Labelled templates that are shown with each as examples: 0 to 20, default 3.
    #[serde(deserialize_with = "shown")]
    pub examples: u32,
    /// Other unknown templates that are shown with each because they first came within the same
    /// seconds: 0 to 20, default 3.
    #[serde(deserialize_with = "shown")]
    pub neighbours: u32,
    /// Tokens that an answer may have; thinking counts. 0 leaves it to the server. Default 8,192.
    pub max_answer_tokens: u32,
    /// What may be spent.
    pub limits: Limits,
    /// How long a request may take.
    pub timeouts: Timeouts,
    /// What tokens cost.
    pub price: Price,
    /// Meanings of labels, instead of the default ones or for labels of one's own.
    pub labels: BTreeMap<String, String>,
}

/// What may be kept of an unknown event in the state directory, and sent to the server. Secrets are
/// redacted in either case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Share {
    /// The template and the source.
    #[default]
    Template,
    /// The message of the first event as well.
    Message,
}

/// `[reasoning.limits]`: what may be spent, each at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Default 30.
    #[serde(deserialize_with = "at_least_one")]
    pub requests_per_minute: u32,
    /// Requests under way at once: 1 to 64, default 2.
    #[serde(deserialize_with = "at_once")]
    pub concurrent_requests: u32,
    /// Default 5,000; a day is one of UTC.
    #[serde(deserialize_with = "at_least_one")]
    pub templates_per_day: u32,
    /// Of questions and answers together. Default 2,000,000.
    #[serde(deserialize_with = "at_least_one")]
    pub tokens_per_day: u32,
}

/// `[reasoning.timeouts]`, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// Until there is a connection. Default 10.
    #[serde(deserialize_with = "seconds")]
    pub connect: u32,
    /// Until the answer begins. Default 120: a model on a processor is slow.
    #[serde(deserialize_with = "seconds")]
    pub first_byte: u32,
    /// For the whole call. Default 300.
    #[serde(deserialize_with = "seconds")]
    pub total: u32,
}

/// `[reasoning.price]`: what a million tokens cost, in any currency. Default 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Price {
    /// Of the questions.
    #[serde(deserialize_with = "price")]
    pub input: f64,
    /// Of the answers.
    #[serde(deserialize_with = "price")]
    pub output: f64,
}

impl Default for Reasoning {
    fn default() -> Self {
        Self {
            state_dir: "state".to_owned(),
            share: Share::default(),
            base_url: "http://127.0.0.1:11434/v1".to_owned(),
            model: "qwen3:4b".to_owned(),
            api_key_env: None,
            api_key_file: None,
            prompt: None,
            templates_per_request: 20,
            examples: 3,
            neighbours: 3,
            max_answer_tokens: 8192,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            price: Price::default(),
            labels: BTreeMap::new(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_minute: 30,
            concurrent_requests: 2,
            templates_per_day: 5_000,
            tokens_per_day: 2_000_000,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: 10, first_byte: 120, total: 300 }
    }
}

fn batch<'de, D: Deserializer<'de>>(value: D) -> Result<u32, D::Error> {
    within(value, 1..=100)
}

fn shown<'de, D: Deserializer<'de>>(value: D) -> Result<u32, D::Error> {
    within(value, 0..=20)
}

fn at_once<'de, D: Deserializer<'de>>(value: D) -> Result<u32, D::Error> {
    within(value, 1..=64)
}

fn seconds<'de, D: Deserializer<'de>>(value: D) -> Result<u32, D::Error> {
    within(value, 1..=3600)
}

fn at_least_one<'de, D: Deserializer<'de>>(value: D) -> Result<u32, D::Error> {
    within(value, 1..=u32::MAX)
}

fn within<'de, D: Deserializer<'de>>(
    value: D,
    range: RangeInclusive<u32>,
) -> Result<u32, D::Error> {
    let (least, most) = (*range.start(), *range.end());
    let number = i64::deserialize(value)?;
    let valid = u32::try_from(number).ok().filter(|number| range.contains(number));
    valid.ok_or_else(|| D::Error::custom(format!("is {number}; it takes {least} to {most}")))
}

fn price<'de, D: Deserializer<'de>>(value: D) -> Result<f64, D::Error> {
    let price = f64::deserialize(value)?;
    if (0.0..=1e6).contains(&price) {
        return Ok(price);
    }
    Err(D::Error::custom(format!("is {price}; it takes 0 to 1000000 for a million tokens")))
}
