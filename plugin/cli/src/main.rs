//! The `logtriage` command.
//!
//! Results go to standard output, everything else to standard error. Exit status: 0 done, 1 ran
//! but something in the data was wrong, 2 could not run (usage, config, model).

mod calibrate;
mod classify;
mod compile_rules;
mod distil;
mod evaluate;
mod explain;
mod failure;
mod labelled;
mod reason;
mod review;
mod screen;
mod serve_vector;
mod setup;
mod suggest_rules;
mod train;
mod transformer;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use failure::{Ended, Failure};

/// Labels log events: rules first, then a small semantic model, then an LLM's verdicts.
#[derive(Parser)]
#[command(name = "logtriage", version, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Classify(classify::Args),
    Explain(explain::Args),
    Reason(reason::Args),
    Review(review::Args),
    ServeVector(serve_vector::Args),
    SuggestRules(suggest_rules::Args),
    CompileRules(compile_rules::Args),
    Evaluate(evaluate::Args),
    Train(train::Args),
    Calibrate(calibrate::Args),
    Distil(distil::Args),
    /// Print a completion script for a shell
    ///
    /// Example: logtriage completions bash > /etc/bash_completion.d/logtriage
    Completions {
        /// The shell to write for.
        shell: Shell,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(Ended::Clean) => ExitCode::SUCCESS,
        Ok(Ended::WithProblems) => ExitCode::from(1),
        Err(failure) => {
            screen::tell(&format!("logtriage: {failure}"));
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<Ended, Failure> {
    match command {
        Command::Classify(args) => classify::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Reason(args) => reason::run(&args),
        Command::Review(args) => review::run(&args),
        Command::ServeVector(args) => serve_vector::run(&args),
        Command::SuggestRules(args) => suggest_rules::run(&args),
        Command::CompileRules(args) => compile_rules::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Calibrate(args) => calibrate::run(&args),
        Command::Distil(args) => distil::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "logtriage", &mut script);
            screen::print(&script)?;
            Ok(Ended::Clean)
        }
    }
}
