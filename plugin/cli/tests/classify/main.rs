//! The command as a user runs it: real processes, real files.
//!
//! Nothing here depends on what the model says: the tests' config labels by two rules and never by
//! the model, so that every other event is `Unclassified`.

mod bad_config;
mod bad_input;
mod bad_model;
mod compile_rules;
mod formats;
mod live;
mod lossless;
mod other_commands;
mod place;
mod state;
