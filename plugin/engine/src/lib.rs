//! engine
mod template;
pub use template::{MAX_TEMPLATE, Masker, TemplateId};
