//! The guest and the Lua module, built by whoever needs them: `./test` on a fresh clone needs no
//! step before.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::{Failure, root};

const TARGET: &str = "wasm32-wasip1";

/// The core module that Fluent Bit loads.
///
/// # Panics
/// Where it cannot be built: no test of it can go on.
pub fn core_module() -> &'static [u8] {
    static MODULE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let manifest = root().join("Cargo.toml");
        let module = build(&manifest, "guest", "logtriage-wasm", "logtriage.wasm");
        module.unwrap_or_else(|error| panic!("{error}"))
    });
    &MODULE
}

/// The same module as a component.
///
/// # Panics
/// As [`core_module`].
pub fn component() -> &'static [u8] {
    static COMPONENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
        logtriage_component::encode(core_module()).unwrap_or_else(|error| panic!("{error}"))
    });
    &COMPONENT
}

/// A guest of `host-test/guests`, which shows what others' filters cost.
///
/// # Panics
/// As [`core_module`].
pub fn baseline(package: &str) -> Vec<u8> {
    let manifest = root().join("host-test/guests/Cargo.toml");
    let file = package.replace('-', "_") + ".wasm";
    build(&manifest, "release", package, &file).unwrap_or_else(|error| panic!("{error}"))
}

/// The Lua module that Vector loads. It is loaded from where it was built: one that is replaced
/// while a program has it crashes that program.
///
/// # Panics
/// As [`core_module`].
pub fn lua_module() -> &'static Path {
    static MODULE: LazyLock<PathBuf> = LazyLock::new(|| native("release", &[]));
    &MODULE
}

/// The same, with overflow checks and debug assertions, and panicking on a message that asks for
/// it.
///
/// # Panics
/// As [`core_module`].
pub fn panicking_lua_module() -> &'static Path {
    static MODULE: LazyLock<PathBuf> =
        LazyLock::new(|| native("dev", &["--features", "panic-on-demand"]));
    &MODULE
}

fn native(profile: &str, options: &[&str]) -> PathBuf {
    let package = ["--profile", profile, "--package", "logtriage-vector"];
    let built = cargo_build(&root().join("Cargo.toml"), &[&package, options].concat());
    built.unwrap_or_else(|error| panic!("{error}"));
    let directory = if profile == "dev" { "debug" } else { profile };
    let file =
        format!("{}logtriage_vector{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    target_directory().join(directory).join(file)
}

fn build(manifest: &Path, profile: &str, package: &str, file: &str) -> Result<Vec<u8>, Failure> {
    let what = ["--profile", profile, "--package", package, "--target", TARGET];
    cargo_build(manifest, &what)?;
    let file = target_directory().join(TARGET).join(profile).join(file);
    std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()).into())
}

/// Runs cargo in a target directory of its own: the one of this build may be locked. Cargo lets one
/// process at a time build there, and the others find everything built.
fn cargo_build(manifest: &Path, what: &[&str]) -> Result<(), Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--locked"])
        .args(what)
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(target_directory())
        // Flags for the machine that tests are not for the guest.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("cargo build {} fails:\n{said}", what.join(" ")).into())
}

fn target_directory() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(target).join("guest")
}
