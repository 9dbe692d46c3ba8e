//! `logtriage compile-rules`: rules for hosts that cannot compile them.

use std::io::Write;
use std::path::{Path, PathBuf};

use logtriage_engine::{CompiledRules, Labels};
use logtriage_files::FileError;

use crate::failure::{Ended, Failure};
use crate::screen;
use crate::setup::SetupArgs;

/// Compile the config's rules for Fluent Bit
///
/// A WebAssembly host has no room to compile regular expressions, so it reads rules compiled ahead
/// of time. Checks the rules with their examples as every command does and writes one file. Run it
/// again whenever a rule file changes: a host tells by a digest that its file is stale.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  logtriage compile-rules
  logtriage compile-rules --config /etc/logtriage/logtriage.toml
  logtriage compile-rules --config logtriage.toml -o build/rules.bin")]
pub struct Args {
    #[command(flatten)]
    setup: SetupArgs,

    /// The file to write; without it `rules.bin` beside the config
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Ended, Failure> {
    let loaded = args.setup.load()?;
    let model = loaded.model()?;
    let labels = Labels::new(model.labels().iter().map(String::as_str));
    let files = loaded.rule_files(&labels)?;
    let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), &**bytes)).collect();
    let compiled = CompiledRules::compile(&files, &labels).map_err(FileError::from)?;
    let output = args.output.clone().unwrap_or_else(|| loaded.compiled_rules());
    write(&output, &compiled.bytes).map_err(|problem| Failure::io(&output, problem))?;
    screen::tell(&format!(
        "{}: {} bytes; rules: {}; as tables: {}; as machines, slower, because a table would be too \
         large: {}",
        screen::safe(&output.display().to_string()),
        screen::grouped(compiled.bytes.len() as u64),
        compiled.rules,
        compiled.tables,
        compiled.rules - compiled.tables,
    ));
    Ok(Ended::Clean)
}

/// Puts a file in place at once: a host that reads it sees the old one or the new one.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut file = tempfile::Builder::new();
    // Readable for the host, which may run as another user.
    #[cfg(unix)]
    file.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = file.tempfile_in(directory.unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
