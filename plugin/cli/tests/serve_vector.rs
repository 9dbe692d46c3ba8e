//! `logtriage serve-vector` as a process: how it starts, and how it ends.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use assert_cmd::cargo::cargo_bin;

fn command() -> Command {
    let mut command = Command::new(cargo_bin("logtriage"));
    // No config in the working directory.
    command.arg("serve-vector").current_dir(env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Runs a command that must not start, and gives what it says.
fn refused(arguments: &[&str]) -> String {
    let output = command().args(arguments).output().expect("runs");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn what_is_wrong_ends_with_status_2_and_says_what() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("logtriage.toml");
    std::fs::write(&config, "fields = []\nno_such_key = 1\n").expect("can be written");
    let config = config.to_str().expect("UTF-8");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").to_string();
    for (arguments, expected) in [
        (&["--config", "no-such.toml"][..], "logtriage: no-such.toml: "),
        (&["--config", config], "logtriage.toml:2:1: "),
        (&["--listen", &taken], "cannot listen on "),
        (&["--listen", "localhost"], "--listen"),
        (&["--forward", "localhost"], "it has no port; give HOST:PORT"),
        (&["--listen-cert", "a.pem"], "--listen-key"),
        (&["--listen-cert", "a.pem", "--listen-key", "a.key"], "a.pem: "),
        (&["--forward-name", "a.example"], "--forward-ca"),
        (&["--no-such-option"], "--no-such-option"),
    ] {
        let mut with_port = vec!["--metrics-listen", "127.0.0.1:0"];
        if !arguments.contains(&"--listen") {
            with_port.extend(["--listen", "127.0.0.1:0"]);
        }
        with_port.extend(arguments);
        let said = refused(&with_port);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

/// A running sidecar, from the moment on at which it serves.
struct Running {
    child: Child,
    log: BufReader<std::process::ChildStderr>,
    first: String,
}

impl Running {
    fn start(arguments: &[String]) -> Self {
        let mut child =
            command().args(arguments).stderr(Stdio::piped()).spawn().expect("can be started");
        let mut log = BufReader::new(child.stderr.take().expect("standard error"));
        let mut first = String::new();
        log.read_line(&mut first).expect("can be read");
        Self { child, log, first }
    }

    /// Sends a signal by its name; gives the status and what was logged since the start.
    fn stop(mut self, signal: &str) -> (Option<i32>, String) {
        let sent = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill").success());
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).expect("can be read");
        (self.child.wait().expect("ends").code(), rest)
    }
}

fn strings(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|argument| (*argument).to_owned()).collect()
}

#[test]
fn signals_end_it_well() {
    for signal in ["-TERM", "-INT"] {
        let running = Running::start(&strings(&["--listen", "127.0.0.1:0"]));
        assert!(running.first.contains("serving listen=127.0.0.1:"), "{}", running.first);
        let (status, log) = running.stop(signal);
        assert_eq!(status, Some(0), "{log}");
        assert!(log.contains("stopped"), "{log}");
    }
}

#[test]
fn logs_can_be_json() {
    let arguments = ["--listen", "127.0.0.1:0", "--log-format", "json"];
    let running = Running::start(&strings(&arguments));
    let line: serde_json::Value = serde_json::from_str(&running.first).expect("JSON");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["fields"]["message"], "serving");
    assert_eq!(line["fields"]["forward"], "127.0.0.1:9101");
    running.stop("-TERM");
}

/// The shipped unit starts the command as it wants to be started.
#[test]
fn the_systemd_unit_runs() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/vector");
    let unit = std::fs::read_to_string(configs.join("logtriage-sidecar.service"));
    let unit = unit.expect("the unit");
    let value = |key: &str| {
        let line = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {key}"))
    };
    let mut words = value("ExecStart").split_whitespace();
    assert!(words.next().is_some_and(|program| program.ends_with("/logtriage")));
    assert_eq!(words.next(), Some("serve-vector"));
    let config = configs.join("logtriage.toml");
    let arguments: Vec<String> = words
        .map(|word| match word {
            "/etc/logtriage/logtriage.toml" => config.to_str().expect("UTF-8").to_owned(),
            // Any that is free.
            "127.0.0.1:9100" | "127.0.0.1:9102" => "127.0.0.1:0".to_owned(),
            other => other.to_owned(),
        })
        .collect();
    let running = Running::start(&arguments);
    assert!(running.first.contains(" INFO serving "), "{}", running.first);
    assert_eq!(running.stop("-TERM").0, Some(0));
    // More than the 25 seconds that requests have to end.
    assert_eq!(value("TimeoutStopSec"), "30");
}
