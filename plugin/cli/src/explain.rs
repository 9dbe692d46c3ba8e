//! `logtriage explain`.
use crate::failure::{Ended, Failure};
use crate::setup::SetupArgs;

/// Show how a message gets its label
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The message
    message: String,
    #[command(flatten)]
    setup: SetupArgs,
}

/// Runs the command.
pub fn run(_args: &Args) -> Result<Ended, Failure> {
    todo!()
}
