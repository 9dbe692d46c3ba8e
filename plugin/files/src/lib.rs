//! The files around an engine, for every host that has a file system: the command, the WebAssembly
//! guest, a module inside another program.
//!
//! * [`Loaded`] is a config and where it stands; it reads the rules and the model that it names.
//! * [`State`] is the state directory: templates that wait for a verdict, and the verdicts.
//! * [`Agent`] is an engine that keeps up with its files while records pass through it.

mod agent;
mod error;
mod journal;
mod line;
mod loaded;
mod parts;
mod report;
mod rules;
mod state;
#[cfg(feature = "onnx")]
mod transformer;
mod watch;

pub use agent::Agent;
pub use error::FileError;
pub use line::{is_active, json_line};
pub use loaded::{CONFIG, Loaded, NO_TRANSFORMERS};
pub use parts::{load_model, read as read_parts, write as write_parts};
pub use report::{Reports, print_reports};
pub use rules::{COMPILED, RuleFile, RuleForm};
pub use state::{HUMAN_VERDICTS, Journals, PENDING, State, VERDICTS};
#[cfg(feature = "onnx")]
pub use transformer::{MODEL, TOKENIZER, TransformerFiles};
