//! A state directory with templates that wait, and the command run on it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use scripted_llm::{Server, Step};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Every template of the tests gets this label.
pub(crate) const LABEL: &str = "Workflow Error";

/// A right answer.
pub(crate) fn judge(_template: &str) -> (String, String) {
    (LABEL.to_owned(), "a step failed".to_owned())
}

pub(crate) struct Place {
    directory: TempDir,
    pub(crate) server: Server,
}

/// How the command ended.
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Place {
    /// With a server of this script.
    pub(crate) fn new(script: impl IntoIterator<Item = Step>) -> Self {
        let server = Server::start(script, judge);
        let place = Self { directory: tempfile::tempdir().expect("a directory"), server };
        place.config("");
        place
    }

    /// The same with another server.
    pub(crate) fn served_by(mut self, server: Server) -> Self {
        let config = self.text("logtriage.toml");
        let config = config.replace(&self.server.base_url(), &server.base_url());
        self.server = server;
        self.write("logtriage.toml", &config);
        self
    }

    /// Writes the config, with `more` behind the keys of `[reasoning]`.
    pub(crate) fn config(&self, more: &str) {
        let url = self.server.base_url();
        let config = format!(
            "[reasoning]\nbase_url = \"{url}\"\nmodel = \"m\"\nexamples = 0\n\
             api_key_env = \"REASON_TEST_KEY\"\n{more}"
        );
        self.write("logtriage.toml", &config);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("can be written");
    }

    /// What is in a file; nothing if it is not there.
    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Appends templates as hosts do.
    pub(crate) fn pending(&self, templates: &[&str]) -> &Self {
        self.pending_in("state", templates)
    }

    pub(crate) fn pending_in(&self, state: &str, templates: &[&str]) -> &Self {
        let name = format!("{state}/pending.jsonl");
        let mut text = self.text(&name);
        for (place, template) in templates.iter().enumerate() {
            let count = 1000 - place.min(999);
            let line = json!({"template": template, "count": count, "time": 1, "source": "app",
                "candidates": [{"label": "Error", "confidence": 0.4}]});
            text.push_str(&format!("\n{line}\n"));
        }
        self.write(&name, &text);
        self
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_logtriage"));
        command
            .args(["reason", "--config", "logtriage.toml"])
            .args(args)
            .current_dir(self.directory.path())
            .env_remove("REASON_TEST_KEY");
        command
    }

    pub(crate) fn reason(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().expect("runs"))
    }

    pub(crate) fn once(&self) -> Ran {
        self.reason(&["--once"])
    }

    /// The lines of a JSONL file that are JSON.
    pub(crate) fn lines(&self, name: &str) -> Vec<Value> {
        let text = self.text(name);
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Template and label of each verdict.
    pub(crate) fn verdicts(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        let lines = self.lines("state/verdicts.jsonl");
        lines.iter().map(|line| (text(&line["template"]), text(&line["label"]))).collect()
    }

    /// The templates that were declined.
    pub(crate) fn declined(&self) -> Vec<String> {
        let lines = self.lines("state/declined.jsonl");
        lines.iter().map(|line| line["template"].as_str().expect("a string").to_owned()).collect()
    }

    /// The templates that still wait.
    pub(crate) fn waiting(&self) -> Vec<String> {
        let lines = self.lines("state/waiting.jsonl");
        lines.iter().map(|line| line["template"].as_str().expect("a string").to_owned()).collect()
    }
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            status: output.status.code().expect("ended by itself"),
            output: String::from_utf8(output.stdout).expect("UTF-8"),
            errors: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// It ended with this status.
    #[track_caller]
    pub(crate) fn with(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{}{}", self.output, self.errors);
        self
    }
}
