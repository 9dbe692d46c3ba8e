//! An agent keeps up with its files, and labels whatever they do.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use logtriage_engine::{BUILTIN_RULES, CompiledRules, Labels, MAX_VERDICTS};
use logtriage_files::{Agent, COMPILED, Loaded, RuleForm};
use tempfile::TempDir;

const RULE: &str = "[[rule]]\nid = \"mine\"\npattern = 'frobnicator'\nlabel = \"Workflow Error\"\n";
const OTHER: &str = "[[rule]]\nid = \"mine\"\npattern = 'frobnicator'\nlabel = \"User Action\"\n";
const CONFIG: &str = "rules = \"rules.toml\"\n[reasoning]\n";

/// No tier knows it.
const STRANGE: &str = "zzyzx quux blorb 17";

/// A directory with a config, and the clock of a test.
struct Place {
    directory: TempDir,
    now: u64,
}

impl Place {
    fn new(config: &str) -> Self {
        let place = Self { directory: tempfile::tempdir().expect("a directory"), now: 1 };
        place.write("logtriage.toml", config);
        place.write("rules.toml", RULE);
        fs::create_dir(place.path("state")).expect("a directory");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("a file");
    }

    fn append(&self, name: &str, text: &str) {
        let mut all = fs::read(self.path(name)).unwrap_or_default();
        all.extend_from_slice(text.as_bytes());
        self.write(name, all);
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn compile(&self) {
        let rules = self.read("rules.toml");
        let files = [("rules.toml", rules.as_bytes())];
        let compiled = CompiledRules::compile(&files, &Labels::default()).expect("rules");
        self.write(COMPILED, compiled.bytes);
    }

    fn open(&self, form: RuleForm) -> Agent {
        let loaded = Loaded::read(&self.path("logtriage.toml")).expect("a config");
        Agent::open(loaded, form).expect("an agent")
    }

    /// The label and tier of a message, some seconds later, when every piece of work is done.
    fn label(&mut self, agent: &mut Agent, message: &str) -> (String, String) {
        for _ in 0..20 {
            self.now += 2000;
            label_now(agent, message, self.now);
        }
        label_now(agent, message, self.now)
    }
}

fn label_now(agent: &mut Agent, message: &str, now: u64) -> (String, String) {
    let record = serde_json::json!({ "message": message }).to_string();
    let mut out = Vec::new();
    agent.annotate(record.as_bytes(), now, &mut out);
    let out: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
    let text = |key: &str| out["triage"][key].as_str().expect("a text").to_owned();
    (text("label"), text("tier"))
}

fn both(label: &str, tier: &str) -> (String, String) {
    (label.to_owned(), tier.to_owned())
}

/// Rules in compiled form, the built-in ones among them.
fn compiled() -> RuleForm {
    static BUILTIN: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let files = [("built-in rules", BUILTIN_RULES.as_bytes())];
        CompiledRules::compile(&files, &Labels::default()).expect("rules").bytes
    });
    RuleForm::Compiled { builtin: &BUILTIN }
}

fn verdict(template: &str, label: &str) -> String {
    serde_json::json!({"template": template, "label": label, "by": "test"}).to_string() + "\n"
}

/// So that a file of the same length is another one for `stat`.
fn age(path: &Path) {
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    let file = fs::File::options().append(true).open(path).expect("a file");
    file.set_modified(old).expect("a time");
}

#[test]
fn text_and_compiled_rules_are_read_again_when_they_change() {
    for form in [RuleForm::Text, compiled()] {
        let mut place = Place::new(CONFIG);
        place.compile();
        age(&place.path("rules.toml"));
        age(&place.path(COMPILED));
        let mut agent = place.open(form);
        let label = place.label(&mut agent, "frobnicator stopped");
        assert_eq!(label, both("Workflow Error", "rule"), "{form:?}");
        place.write("rules.toml", OTHER);
        place.compile();
        assert_eq!(place.label(&mut agent, "frobnicator stopped"), both("User Action", "rule"));
        assert!(agent.reports().is_empty());
    }
}

#[test]
fn rules_that_became_wrong_leave_the_old_ones_and_are_reported_once() {
    let mut place = Place::new(CONFIG);
    let mut agent = place.open(RuleForm::Text);
    place.write("rules.toml", "[[rule]]\nid = 7");
    assert_eq!(place.label(&mut agent, "frobnicator stopped"), both("Workflow Error", "rule"));
    let told = agent.reports().take();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("rules.toml:2:6") && told[0].contains("stay as they were"),
        "{told:?}"
    );
}

#[test]
fn compiled_rules_that_are_absent_stale_or_damaged_give_way_to_the_builtin_ones() {
    type Spoil = (&'static str, fn(&Place));
    let spoil: [Spoil; 3] = [
        ("No such file", |place| fs::remove_file(place.path(COMPILED)).expect("removed")),
        ("is stale", |place| place.write("rules.toml", OTHER)),
        ("rules.bin", |place| place.write(COMPILED, b"no rules at all")),
    ];
    for (problem, spoil) in spoil {
        let mut place = Place::new(CONFIG);
        place.compile();
        spoil(&place);
        let mut agent = place.open(compiled());
        let told = agent.reports().take().join("\n");
        assert!(told.contains(problem) && told.contains("the built-in rules apply"), "{told}");
        assert!(told.contains("logtriage compile-rules"), "{told}");
        let login = "Failed password for root from 203.0.113.7 port 4711 ssh2";
        assert_eq!(place.label(&mut agent, login), both("Security Alert", "rule"));
        assert_ne!(place.label(&mut agent, "frobnicator stopped").1, "rule");
        // Once they are put right, they apply.
        place.compile();
        assert_eq!(place.label(&mut agent, "frobnicator stopped").1, "rule");
    }
}

#[test]
fn unknown_templates_are_appended_and_verdicts_picked_up() {
    let mut place = Place::new(CONFIG);
    let mut agent = place.open(RuleForm::Text);
    assert_eq!(place.label(&mut agent, STRANGE).1, "none");
    let pending = place.read("state/pending.jsonl");
    let lines: Vec<&str> = pending.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 1, "{pending}");
    let line: serde_json::Value = serde_json::from_str(lines[0]).expect("JSON");
    assert_eq!(line["template"], "zzyzx quux blorb <num>");

    place.append("state/verdicts.jsonl", &verdict(STRANGE, "Workflow Error"));
    assert_eq!(place.label(&mut agent, STRANGE), both("Workflow Error", "reasoning"));
    place.append("state/verdicts.jsonl", &verdict(STRANGE, "Error"));
    assert_eq!(place.label(&mut agent, STRANGE), both("Error", "reasoning"));
    place.append("state/verdicts.human.jsonl", &verdict(STRANGE, "User Action"));
    assert_eq!(place.label(&mut agent, STRANGE), both("User Action", "reviewed"));
    // What a person takes back is taken back.
    place.write("state/verdicts.human.jsonl", "");
    assert_eq!(place.label(&mut agent, STRANGE), both("Error", "reasoning"));
    fs::remove_file(place.path("state/verdicts.jsonl")).expect("removed");
    assert_eq!(place.label(&mut agent, STRANGE).1, "none");
}

/// By the clock of the wall, though events are labelled by one that begins anywhere.
#[test]
fn pending_templates_say_when_they_first_came() {
    let place = Place::new(CONFIG);
    let mut agent = place.open(RuleForm::Text);
    label_now(&mut agent, "frobnicator stopped", 1_000);
    for now in [1_400, 2_900, 3_400] {
        label_now(&mut agent, STRANGE, now);
    }
    let pending = place.read("state/pending.jsonl");
    let line: serde_json::Value = serde_json::from_str(pending.trim()).expect("one line");
    let written = line["time"].as_u64().expect("seconds") * 1000;
    let first = line["first_seen_ms"].as_u64().expect("milliseconds");
    // It was written down two seconds later, in whole seconds.
    assert!((written..written + 1000).contains(&(first + 2_000)), "{line}");
    assert_eq!(line["count"], 3);
}

#[test]
fn verdicts_known_at_the_start_hold_for_the_first_event() {
    let place = Place::new(CONFIG);
    place.write("state/verdicts.jsonl", verdict(STRANGE, "Error"));
    let mut agent = place.open(RuleForm::Text);
    assert_eq!(label_now(&mut agent, STRANGE, 1), both("Error", "reasoning"));
}

#[test]
fn a_truncated_or_broken_journal_costs_only_its_broken_lines() {
    let mut place = Place::new(CONFIG);
    let torn = &verdict("another zzyzx", "Error")[..20];
    let journal = format!("no json\n{}{torn}", verdict(STRANGE, "Error"));
    place.write("state/verdicts.jsonl", journal);
    let mut agent = place.open(RuleForm::Text);
    assert_eq!(place.label(&mut agent, STRANGE), both("Error", "reasoning"));
    let told = agent.reports().take();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("verdicts.jsonl:1: "), "{told:?}");
    // The torn line is read when it is whole.
    place.append("state/verdicts.jsonl", &verdict("another zzyzx", "Error")[20..]);
    assert_eq!(place.label(&mut agent, "another zzyzx"), both("Error", "reasoning"));
}

#[test]
fn a_journal_longer_than_a_piece_is_read_in_pieces() {
    let mut place = Place::new(CONFIG);
    let word = |n: usize| {
        let letter = char::from(b'a' + (n % 26) as u8);
        format!("{STRANGE} {letter}{} {}", "x".repeat(n / 26), "qqzx vvjk ".repeat(22))
    };
    let journal: String = (0..2000).map(|n| verdict(&word(n), "Error")).collect();
    assert!(journal.len() > 5 << 16);
    place.write("state/verdicts.jsonl", &journal);
    let mut agent = place.open(RuleForm::Text);
    for n in [0, 999, 1999] {
        assert_eq!(place.label(&mut agent, &word(n)), both("Error", "reasoning"), "{n}");
    }
    const { assert!(2000 < MAX_VERDICTS) };
}

#[test]
fn files_that_cannot_be_written_cost_no_label() {
    let mut place = Place::new(CONFIG);
    fs::remove_dir(place.path("state")).expect("removed");
    place.write("state", "a file where a directory should be");
    let mut agent = place.open(RuleForm::Text);
    assert_eq!(place.label(&mut agent, STRANGE).1, "none");
    let login = "Failed password for root from 203.0.113.7 port 4711 ssh2";
    assert_eq!(place.label(&mut agent, login).0, "Security Alert");
    assert!(agent.reports().take().iter().any(|told| told.contains("templates are not kept")));
}

#[test]
fn a_clock_that_runs_backwards_stops_nothing() {
    let place = Place::new(CONFIG);
    let mut agent = place.open(RuleForm::Text);
    label_now(&mut agent, STRANGE, u64::MAX);
    place.write("state/verdicts.jsonl", verdict(STRANGE, "Error"));
    for now in [1_000_000, 0, 999] {
        label_now(&mut agent, STRANGE, now);
    }
    assert_eq!(label_now(&mut agent, STRANGE, 5_000_000), both("Error", "reasoning"));
}

/// A mounted ConfigMap: files are links into a directory that is itself a link, which is swapped.
#[cfg(unix)]
#[test]
fn a_link_swapped_on_the_way_is_noticed() {
    use std::os::unix::fs::symlink;
    let mut place = Place::new(CONFIG);
    for (version, rules) in [("v1", RULE), ("v2", OTHER)] {
        fs::create_dir(place.path(version)).expect("a directory");
        place.write(&format!("{version}/rules.toml"), rules);
    }
    age(&place.path("v1/rules.toml"));
    fs::remove_file(place.path("rules.toml")).expect("removed");
    symlink("v1", place.path("..data")).expect("a link");
    symlink("..data/rules.toml", place.path("rules.toml")).expect("a link");
    let mut agent = place.open(RuleForm::Text);
    assert_eq!(place.label(&mut agent, "frobnicator stopped").0, "Workflow Error");
    symlink("v2", place.path("..new")).expect("a link");
    fs::rename(place.path("..new"), place.path("..data")).expect("swapped");
    assert_eq!(place.label(&mut agent, "frobnicator stopped").0, "User Action");
}

/// Journals that live in git, shared as a ConfigMap: links in the state directory lead to its
/// files.
#[cfg(unix)]
#[test]
fn verdicts_of_a_swapped_configmap_are_picked_up() {
    use std::os::unix::fs::symlink;
    const JOURNALS: [&str; 2] = ["verdicts.human.jsonl", "verdicts.jsonl"];
    let mut place = Place::new(CONFIG);
    fs::create_dir(place.path("verdicts")).expect("a directory");
    // Longer than what tells whether a journal only grew.
    let tail: String =
        (0..9).map(|n| verdict(&format!("{STRANGE} {}", "x".repeat(n + 1)), "Error")).collect();
    let version = |name: &str, human: &str, machine: &str| {
        fs::create_dir(place.path(&format!("verdicts/{name}"))).expect("a directory");
        let journals = [human, machine].map(|label| verdict(STRANGE, label) + &tail);
        for ((file, journal), what) in JOURNALS.iter().zip(journals).zip([human, machine]) {
            if !what.is_empty() {
                place.write(&format!("verdicts/{name}/{file}"), journal);
            }
        }
    };
    version("..1", "User Action", "Error");
    version("..2", "Critical Error", "Error");
    version("..3", "", "Workflow Error");
    age(&place.path("verdicts/..3/verdicts.jsonl"));
    // As long as the one before.
    version("..4", "", "Security Alert");
    symlink("..1", place.path("verdicts/..data")).expect("a link");
    for file in JOURNALS {
        symlink(format!("..data/{file}"), place.path("verdicts").join(file)).expect("a link");
        symlink(format!("../verdicts/{file}"), place.path("state").join(file)).expect("a link");
    }
    let mut agent = place.open(RuleForm::Text);
    assert_eq!(place.label(&mut agent, STRANGE), both("User Action", "reviewed"));
    let mut before = "..1";
    for (name, label, tier) in [
        ("..2", "Critical Error", "reviewed"),
        ("..3", "Workflow Error", "reasoning"),
        ("..4", "Security Alert", "reasoning"),
    ] {
        symlink(name, place.path("verdicts/..new")).expect("a link");
        fs::rename(place.path("verdicts/..new"), place.path("verdicts/..data")).expect("swapped");
        fs::remove_dir_all(place.path("verdicts").join(before)).expect("removed");
        before = name;
        assert_eq!(place.label(&mut agent, STRANGE), both(label, tier), "{name}");
    }
    assert!(agent.reports().is_empty(), "{:?}", agent.reports().take());
}
