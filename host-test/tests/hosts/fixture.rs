//! Directories as users have them, and what tests say of records.

use std::path::Path;

use host_test::{Host, Kind, Lost};
use logtriage_engine::{BUILTIN_RULES, CompiledRules, Labels};
use tempfile::TempDir;

/// The limit on new templates would make outcomes depend on how fast a test runs.
pub(crate) const NO_LIMIT: &str = "max_new_templates_per_second = 0\n";

/// A config that shows everything that must agree.
pub(crate) const VERBOSE: &str = r#"
max_new_templates_per_second = 0
fields = ["template", "rule", "by", "reason", "candidates", "group"]
"#;

/// What a config says that has rules of its own.
pub(crate) const OWN_RULES: &str = "rules = [\"rules.toml\", \"builtin\"]\n";

/// A message of the corpus that the model is not sure of. A verdict may name any message of its
/// template.
const UNSURE: &str = "26/11/20 07:03:31 INFO TaskSetManager: Finished task 17.0 in stage 4.0 \
    (TID 211) in 812 ms on worker-3 (executor 2) (18/200)";

/// A directory with a `logtriage.toml`.
pub(crate) struct Fixture {
    directory: TempDir,
}

impl Fixture {
    pub(crate) fn new(config: &str) -> Self {
        let fixture = Self { directory: TempDir::new().expect("a temporary directory") };
        fixture.write("logtriage.toml", config);
        fixture
    }

    /// With verdicts of a person and of a machine.
    pub(crate) fn with_verdicts(config: &str) -> Self {
        let fixture = Self::new(&format!("{config}\n[reasoning]\n"));
        fixture.write("state/verdicts.human.jsonl", &verdict("all is well", "User Action"));
        fixture.write("state/verdicts.jsonl", &verdict(UNSURE, "Workflow Error"));
        fixture
    }

    /// Adds rules of its own before the built-in ones, as text and compiled.
    pub(crate) fn write_rules(&self, pattern: &str, label: &str) {
        let text = format!("[[rule]]\nid = \"own\"\npattern = '{pattern}'\nlabel = \"{label}\"\n");
        let files = [("rules.toml", text.as_bytes()), ("built-in rules", BUILTIN_RULES.as_bytes())];
        let compiled = CompiledRules::compile(&files, &Labels::default()).expect("right rules");
        self.write("rules.toml", &text);
        std::fs::write(self.path().join("rules.bin"), compiled.bytes).expect("can be written");
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("can be made");
        std::fs::write(path, content).expect("can be written");
    }
}

/// A line of a journal.
pub(crate) fn verdict(template: &str, label: &str) -> String {
    let verdict = serde_json::json!({ "template": template, "label": label, "by": "test" });
    format!("{verdict}\n")
}

/// A host that must start.
pub(crate) fn start(kind: Kind, directory: Option<&Path>) -> Box<dyn Host> {
    kind.start(directory).unwrap_or_else(|error| panic!("{kind:?}: {error}"))
}

/// The record as it goes on, which it must.
pub(crate) fn kept(host: &mut dyn Host, record: &[u8]) -> Vec<u8> {
    host.annotate(record).unwrap_or_else(|lost| panic!("{:?}: {}", cut(lost), shown(record)))
}

/// Holds one host's outcomes against another's.
pub(crate) fn check_same(
    expected: &[Vec<u8>],
    host: &mut dyn Host,
    records: &[Vec<u8>],
    what: &str,
) {
    for (record, expected) in records.iter().zip(expected) {
        let out = kept(host, record);
        assert!(
            out == *expected,
            "{what}, of {}:\n{}\ninstead of\n{}",
            shown(record),
            shown(&out),
            shown(expected)
        );
    }
}

/// What the engine itself makes of the records.
pub(crate) fn reference(directory: Option<&Path>, records: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut native = start(Kind::Native, directory);
    records.iter().map(|record| kept(&mut *native, record)).collect()
}

/// The value of one of our keys; null for records that a strict reader of trees refuses.
pub(crate) fn said(out: &[u8], key: &str) -> serde_json::Value {
    let tree: serde_json::Value = serde_json::from_slice(out).unwrap_or_default();
    tree["triage"][key].clone()
}

/// A record with that message.
pub(crate) fn record(message: &str) -> Vec<u8> {
    serde_json::json!({ "log": message }).to_string().into_bytes()
}

/// Words that make a template of their own for each number.
pub(crate) fn new_words(number: u32) -> String {
    let letter = |at| char::from(b'a' + (number / 26u32.pow(at) % 26) as u8);
    (0..4).map(|at| format!("{}{0}{0}y", letter(at))).collect::<Vec<_>>().join(" ")
}

/// Bytes for a message of a test, with the middle of long ones left out.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 700;
    if bytes.len() <= 2 * MOST {
        return bytes.escape_ascii().to_string();
    }
    let (head, tail) = (&bytes[..MOST], &bytes[bytes.len() - MOST..]);
    format!("{} … {} ({} bytes)", head.escape_ascii(), tail.escape_ascii(), bytes.len())
}

fn cut(lost: Lost) -> Lost {
    match lost {
        Lost::NotAnObject(answer) => Lost::NotAnObject(shown(&answer).into_bytes()),
        other => other,
    }
}
