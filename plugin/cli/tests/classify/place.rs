//! A working directory of its own, and the command run in it.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use tempfile::TempDir;

pub(crate) const COMMAND: &str = env!("CARGO_BIN_EXE_logtriage");

pub(crate) const RULES: &str = r#"
[[rule]]
id = "boom"
pattern = "boom"
label = "Error"

[[rule]]
id = "signed-in"
pattern = "signed in"
source = "crm*"
label = "User Action"
"#;

pub(crate) const CONFIG: &str = r#"
rules = "rules.toml"
[thresholds]
"HTTP Status" = "never"
"Security Alert" = "never"
"Critical Error" = "never"
"Error" = "never"
"Resource Usage" = "never"
"Workflow Error" = "never"
"User Action" = "never"
"Deprecation Warning" = "never"
"System Notification" = "never"
"#;

pub(crate) struct Place(TempDir);

impl Place {
    /// With the tests' config and rules.
    pub(crate) fn new() -> Self {
        let place = Self::empty();
        place.file("logtriage.toml", CONFIG).file("rules.toml", RULES);
        place
    }

    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn directory(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        std::fs::write(path, content).expect("written");
        self
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("read")
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).expect("text")
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, Vec::new())
    }

    pub(crate) fn run_with(&self, args: &[&str], input: impl Into<Vec<u8>>) -> Ran {
        let output = Command::new(COMMAND)
            .current_dir(self.directory())
            .args(args)
            .write_stdin(input)
            .output()
            .expect("run");
        Ran {
            code: output.status.code(),
            out: output.stdout,
            said: String::from_utf8(output.stderr).expect("messages are text"),
        }
    }

    /// `classify` without a summary.
    pub(crate) fn classify(&self, args: &[&str]) -> Ran {
        self.classify_with(args, Vec::new())
    }

    pub(crate) fn classify_with(&self, args: &[&str], input: impl Into<Vec<u8>>) -> Ran {
        self.run_with(&[&["classify", "-q"], args].concat(), input)
    }
}

/// What a run did.
pub(crate) struct Ran {
    code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) said: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "it said: {}", self.said);
        assert!(!self.said.contains("panicked"), "{}", self.said);
        self
    }

    /// Status 0, and not a word.
    #[track_caller]
    pub(crate) fn quietly(self) -> Self {
        let ran = self.ends(0);
        assert_eq!(ran.said, "");
        ran
    }

    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for part in words {
            assert!(self.said.contains(part), "{part:?} is not in: {}", self.said);
        }
        self
    }

    /// Nothing on standard output.
    #[track_caller]
    pub(crate) fn gives_nothing(self) -> Self {
        assert_eq!(String::from_utf8_lossy(&self.out), "");
        self
    }

    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).expect("text")
    }

    /// A column of CSV output.
    #[track_caller]
    pub(crate) fn column(&self, name: &str) -> Vec<String> {
        column(&self.out, b',', name)
    }

    /// The records of JSONL output.
    #[track_caller]
    pub(crate) fn records(&self) -> Vec<serde_json::Value> {
        let lines = self.out.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).expect("a record")).collect()
    }

    /// What JSONL output has under `triage`.
    #[track_caller]
    pub(crate) fn outcomes(&self, field: &str) -> Vec<String> {
        let field =
            |record: &serde_json::Value| record["triage"][field].as_str().map(str::to_owned);
        self.records().iter().map(|record| field(record).unwrap_or_default()).collect()
    }
}

/// The run did not start, and says why.
#[track_caller]
pub(crate) fn refused(ran: Ran, words: &[&str]) {
    ran.ends(2).gives_nothing().says(words);
}

/// A column of CSV, read by another reader than the command's.
#[track_caller]
pub(crate) fn column(csv: &[u8], delimiter: u8, name: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(csv);
    let header = reader.headers().expect("a header").clone();
    let place = header.iter().position(|column| column == name);
    let place = place.unwrap_or_else(|| panic!("no column {name} in {header:?}"));
    let cell = |row: csv::ByteRecord| String::from_utf8_lossy(&row[place]).into_owned();
    reader.byte_records().map(|row| cell(row.expect("a row"))).collect()
}
