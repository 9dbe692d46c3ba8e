//! Labels log events through three tiers, cheapest first. No files, sockets, clock, environment,
//! threads or `unsafe`: hosts hand it bytes and the time, and take out what it wants asked.
//!
//! ```text
//! record bytes ── record ──► Event { message, source }
//!                              │ rules      regular expressions on the message   ──► "rule"
//!                              │ template   variable parts masked
//!                              │ verdicts   a person's word on the template      ──► "reviewed"
//!                              │ semantic   cache, or embedding and regression   ──► "semantic"
//!                              │ verdicts   an LLM's word on the template        ──► "reasoning"
//!                              ▼ pending    asked once, elsewhere                ──► "none"
//! same bytes + one key ◄── splice ── Outcome { label, tier, confidence, template_id, … }
//! ```
//!
//! ```
//! use std::sync::Arc;
//! use logtriage_engine::{BUILTIN_RULES, Config, Engine, Event, Labels, Model, Rules, Setup, Tier};
//!
//! let model = Arc::new(Model::builtin()?);
//! let rules = Rules::parse(&[("builtin", BUILTIN_RULES.as_bytes())], &Labels::default())?;
//! let mut engine = Engine::new(Arc::new(Setup::new(&Config::default(), rules, model)?));
//!
//! let message = b"Failed password for root from 203.0.113.7 port 4711 ssh2".as_slice();
//! let outcome = engine.label(&Event { message: Some(message.into()), source: None }, 0);
//! assert_eq!((outcome.label, outcome.tier), ("Security Alert", Tier::Rule));
//! assert_eq!(outcome.template, "Failed password for <*> from <ip> port <num> ssh2");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It does not read files, write logs, ask an LLM or know of any host's format but JSON records:
//! the command and the adapters do.

#![warn(unreachable_pub)]

mod cache;
mod config;
mod engine;
mod labels;
mod location;
mod outcome;
mod pending;
pub mod record;
mod redact;
mod rules;
pub mod semantic;
mod shapes;
mod stats;
mod swar;
mod template;
mod verdicts;

pub use config::{
    Config, DEFAULT_MESSAGE_KEYS, DEFAULT_SOURCE_KEYS, Field, Limits, MAX_CACHE_SIZE, MAX_THREADS,
    ModelSource, OnExisting, Onnx, Price, Reasoning, RuleSource, Share, Timeouts,
};
pub use engine::{Annotated, Engine, Event, Setup};
pub use labels::{DEFAULT_LABELS, LabelId, Labels, UNCLASSIFIED};
pub use location::TextError;
pub use outcome::{FieldValue, Outcome, Tier, write_string};
pub use pending::{MAX_PENDING, OFFER_AGAIN_AFTER, Pending};
pub use redact::redact;
pub use rules::{BUILTIN_RULES, CompiledRulesError, RuleMatch, RuleScratch, Rules};
#[cfg(feature = "regex")]
pub use rules::{CompiledRules, MAX_COMPILED_RULES, MAX_RULES};
pub use semantic::{Confidence, Model, Prediction, Threshold};
pub use stats::Stats;
pub use template::{MAX_TEMPLATE, Masker, TemplateId};
pub use verdicts::{JournalProblem, Kind, Learned, MAX_VERDICTS, Verdict, read_journal};
