//! The tree itself: nothing in it speaks of somebody's machine, and its scripts can be run.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The tracked files, or all where the tree is no clone, as in a release archive.
fn files() -> Vec<String> {
    let names = tracked().unwrap_or_else(|| {
        let mut names = Vec::new();
        walk(Path::new(""), &mut names);
        names
    });
    for own in ["README.md", "host-test/tests/tree.rs"] {
        assert!(names.iter().any(|name| name == own), "{own} is not among the files");
    }
    names
}

/// Adds every file below `directory`, which is relative to the root, but for what is built.
fn walk(directory: &Path, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(root().join(directory)).expect("can be read") {
        let entry = entry.expect("can be read");
        let path = directory.join(entry.file_name());
        let name = path.to_str().expect("names are UTF-8").to_owned();
        if !entry.file_type().expect("has a type").is_dir() {
            names.push(name);
        } else if ![".git", "target", "dist"].contains(&name.as_str()) {
            walk(&path, names);
        }
    }
}

/// `None` where the tree is no clone or there is no git.
fn tracked() -> Option<Vec<String>> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().ok()?;
    let names = String::from_utf8(listed.stdout).expect("names are UTF-8");
    let names: Vec<_> = names.split_terminator('\0').map(str::to_owned).collect();
    (listed.status.success() && !names.is_empty()).then_some(names)
}

/// Files that hold log lines, which speak of many machines, none of them ours.
fn is_data(name: &str) -> bool {
    let data = ["models/", "configs/", "host-test/testdata/"];
    let text = [".md", ".toml", ".py", ".conf", ".yaml"];
    data.iter().any(|directory| name.starts_with(directory))
        && !text.iter().any(|extension| name.ends_with(extension))
}

#[test]
fn no_file_speaks_of_somebodys_machine() {
    let names = files();
    // In parts, so that this file is none of those it looks for.
    let private = ["/work", "/.cargo", "/.rustup"].map(|start| format!("{start}/"));
    let mut found = Vec::new();
    for name in names.iter().filter(|name| !is_data(name)) {
        // Removed but not committed yet, or not text.
        let Ok(text) = std::fs::read_to_string(root().join(name)) else { continue };
        for (number, line) in (1..).zip(text.lines()) {
            if private.iter().any(|path| line.contains(path)) {
                found.push(format!("{name}:{number}: {line}"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_tracked_file_is_found_without_git() {
    let mut walked = Vec::new();
    walk(Path::new(""), &mut walked);
    let missing = |name: &String| root().join(name).exists() && !walked.contains(name);
    let missed: Vec<String> = files().into_iter().filter(missing).collect();
    assert!(missed.is_empty(), "{missed:?}");
}

/// README begins with it, and the harness has a program, too.
#[test]
fn cargo_run_knows_which_program_is_meant() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let list = |key: &str| metadata[key].as_array().expect(key).clone();
    let default = list("workspace_default_members");
    let packages = list("packages").into_iter().filter(|package| default.contains(&package["id"]));
    let programs: Vec<_> =
        packages.filter_map(|p| p["default_run"].as_str().map(str::to_owned)).collect();
    assert_eq!(programs, ["logtriage"]);
}

#[cfg(unix)]
#[test]
fn the_scripts_can_be_run() {
    use std::os::unix::fs::PermissionsExt;
    for script in ["test", "build", ".ci/run"] {
        let path = root().join(script);
        let mode = std::fs::metadata(&path).expect(script).permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{script} is not executable");
        let text = std::fs::read_to_string(&path).expect(script);
        assert!(text.starts_with("#!/usr/bin/env bash\n"), "{script} names no interpreter");
        assert!(text.contains("\nset -euo pipefail\n"), "{script} goes on after a failure");
    }
}
