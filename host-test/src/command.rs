//! The `logtriage` command, built by whoever needs it; processes that end with their owners.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::LazyLock;

use crate::{Failure, root};

/// The command's file.
///
/// # Panics
/// Where it cannot be built: no test of it can go on.
pub fn logtriage() -> &'static Path {
    static COMMAND: LazyLock<PathBuf> =
        LazyLock::new(|| build().unwrap_or_else(|error| panic!("{error}")));
    &COMMAND
}

/// As `cargo test --workspace` builds it, so that there it is built already.
fn build() -> Result<PathBuf, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["test", "--locked", "--workspace", "--test", "reason", "--no-run"])
        .current_dir(root())
        .output()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the command cannot be built:\n{said}").into());
    }
    // Tests stand in `deps`, the command beside it.
    let test = std::env::current_exe()?;
    let directory = test.parent().and_then(Path::parent).ok_or("a test has no directory")?;
    Ok(directory.join("logtriage").with_extension(std::env::consts::EXE_EXTENSION))
}

/// A process that is killed when this is dropped.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
