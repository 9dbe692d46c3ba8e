//! Prepares what the guest cannot make at run time, and how it is linked.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use logtriage_engine::{BUILTIN_RULES, CompiledRules, Labels};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    let files = [("built-in rules", BUILTIN_RULES.as_bytes())];
    let rules = CompiledRules::compile(&files, &Labels::default()).expect("the rules are sound");
    fs::write(out.join("rules.bin"), rules.bytes).expect("the build directory can be written");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("wasi") {
        link();
    }
}

/// A reactor: without `_initialize` the linker wraps every export into one that runs constructors
/// before and destructors after each call.
fn link() {
    let start = libraries().join("self-contained/crt1-reactor.o");
    println!("cargo::rustc-link-arg-cdylib={}", start.display());
    for name in ["_initialize", "malloc", "free"] {
        println!("cargo::rustc-link-arg-cdylib=--export={name}");
    }
}

/// Where the target's libraries are.
fn libraries() -> PathBuf {
    let target = env::var("TARGET").expect("set by cargo");
    let rustc = env::var_os("RUSTC").expect("set by cargo");
    let printed = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", &target])
        .output()
        .expect("rustc runs");
    Path::new(String::from_utf8_lossy(&printed.stdout).trim()).to_owned()
}
