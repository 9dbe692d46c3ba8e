//! Rules and verdicts are picked up while the guest runs, by a clock that the tests set.

use std::path::Path;
use std::time::Duration;

use host_test::{Clock, CoreModule, CoreModuleSettings, records};

use crate::fixture::{Fixture, NO_LIMIT, OWN_RULES, kept, record, said, verdict};

/// Longer than the two seconds between two looks at the files.
const A_WHILE: Duration = Duration::from_secs(5);

struct Running {
    host: CoreModule,
    clock: Clock,
    now: Duration,
}

impl Running {
    fn start(directory: &Path) -> Self {
        let clock = Clock::default();
        let now = Duration::from_secs(1_000);
        clock.set(now);
        let settings = CoreModuleSettings {
            directory: Some(directory),
            clock: Some(&clock),
            ..CoreModuleSettings::default()
        };
        let host = CoreModule::start(&settings).expect("starts");
        Self { host, clock, now }
    }

    /// The next events come after a while; at most so much is read for each.
    fn wait(&mut self) {
        for _ in 0..4 {
            self.now += A_WHILE;
            self.clock.set(self.now);
            kept(&mut self.host, &record("something else"));
        }
    }

    fn label(&mut self, message: &str) -> serde_json::Value {
        said(&kept(&mut self.host, &record(message)), "label")
    }
}

fn reasoning() -> String {
    format!("{NO_LIMIT}[reasoning]\n[thresholds]\n\"System Notification\" = \"never\"\n")
}

#[test]
fn verdicts_are_picked_up_and_taken_back() {
    let fixture = Fixture::new(&reasoning());
    let mut running = Running::start(fixture.path());
    assert_ne!(running.label("all is well"), "User Action");
    fixture.write("state/verdicts.human.jsonl", &verdict("all is well", "User Action"));
    running.wait();
    assert_eq!(running.label("all is well"), "User Action");
    fixture.write("state/verdicts.human.jsonl", &verdict("all is well", "Workflow Error"));
    running.wait();
    assert_eq!(running.label("all is well"), "Workflow Error");
    std::fs::remove_file(fixture.path().join("state/verdicts.human.jsonl")).expect("is there");
    running.wait();
    assert_ne!(running.label("all is well"), "Workflow Error");
}

#[test]
fn rules_are_picked_up() {
    let fixture = Fixture::new(&format!("{NO_LIMIT}{OWN_RULES}"));
    fixture.write_rules("^kettle .* boils$", "User Action");
    let mut running = Running::start(fixture.path());
    assert_eq!(running.label("kettle 7 boils"), "User Action");
    fixture.write_rules("^kettle .* boils$", "Workflow Error");
    running.wait();
    assert_eq!(running.label("kettle 7 boils"), "Workflow Error");
    assert_eq!(running.host.stderr(), "");
}

/// A ConfigMap is a symbolic link to a directory, which is swapped for another.
#[cfg(unix)]
#[test]
fn a_configmap_swapped_under_the_guest_is_picked_up() {
    let fixture = Fixture::new("");
    let version = |number: u32, label: &str| {
        let directory = fixture.path().join(format!("..{number}"));
        std::fs::create_dir(&directory).expect("can be made");
        fixture.write("logtriage.toml", &format!("{NO_LIMIT}{OWN_RULES}"));
        fixture.write_rules("^kettle .* boils$", label);
        for file in ["logtriage.toml", "rules.toml", "rules.bin"] {
            std::fs::rename(fixture.path().join(file), directory.join(file)).expect("can be moved");
        }
    };
    let link = |from: &str, to: &str| {
        std::os::unix::fs::symlink(from, fixture.path().join(to)).expect("can be linked");
    };
    version(1, "User Action");
    version(2, "Workflow Error");
    link("..1", "..data");
    for file in ["logtriage.toml", "rules.toml", "rules.bin"] {
        link(&format!("..data/{file}"), file);
    }
    let mut running = Running::start(fixture.path());
    assert_eq!(running.label("kettle 7 boils"), "User Action");
    link("..2", "..new");
    std::fs::rename(fixture.path().join("..new"), fixture.path().join("..data")).expect("swapped");
    running.wait();
    assert_eq!(running.label("kettle 7 boils"), "Workflow Error");
    // The directory it pointed to before is removed a while later.
    std::fs::remove_dir_all(fixture.path().join("..1")).expect("is there");
    running.wait();
    assert_eq!(running.label("kettle 7 boils"), "Workflow Error");
}

/// Never half-applied: a file that became wrong changes nothing but standard error.
#[test]
fn what_is_wrong_leaves_the_old_state() {
    let fixture = Fixture::new(&format!("{OWN_RULES}{}", reasoning()));
    fixture.write_rules("^kettle .* boils$", "User Action");
    let records: Vec<_> = records::ordinary().map(<[u8]>::to_vec).collect();
    let mut running = Running::start(fixture.path());
    let before: Vec<_> = records.iter().map(|record| kept(&mut running.host, record)).collect();
    let sound = std::fs::read(fixture.path().join("rules.bin")).expect("is there");
    let mut damaged = vec![Vec::new(), b"not rules".to_vec(), sound[..sound.len() / 2].to_vec()];
    for place in [0, 7, 100, sound.len() / 2, sound.len() - 1] {
        let mut bytes = sound.clone();
        bytes[place] ^= 0x10;
        damaged.push(bytes);
    }
    for bytes in &damaged {
        std::fs::write(fixture.path().join("rules.bin"), bytes).expect("can be written");
        running.wait();
        let after: Vec<_> = records.iter().map(|record| kept(&mut running.host, record)).collect();
        assert!(after == before, "outcomes changed");
        assert_eq!(running.label("kettle 7 boils"), "User Action");
    }
    assert!(running.host.stderr().contains("rules.bin"), "{}", running.host.stderr());
}

/// Damage of any kind is an error or no verdict; never a trap.
#[test]
fn damaged_journals_stop_nothing() {
    let fixture = Fixture::new(&reasoning());
    let good = verdict("all is well", "User Action");
    let mut running = Running::start(fixture.path());
    for damage in ["\0", "{", "[[[[", "\"", "{\"template\":7}", "\u{fffd}", "{}{}", "nan"] {
        let deep = damage.repeat(50_000);
        for bad in [damage, &deep] {
            fixture.write("state/verdicts.jsonl", &format!("{bad}\n{good}"));
            fixture.write("state/verdicts.human.jsonl", &format!("{good}{bad}"));
            running.wait();
            assert_eq!(running.label("all is well"), "User Action", "{damage:?}");
        }
    }
}

#[test]
fn templates_that_nobody_knows_are_written_down_in_whole_lines() {
    let fixture = Fixture::new(&format!(
        "{NO_LIMIT}[reasoning]\n[thresholds]\n\"System Notification\" = \"never\"\nError = \"never\"\n"
    ));
    let mut running = Running::start(fixture.path());
    for line in records::ordinary() {
        kept(&mut running.host, line);
    }
    running.wait();
    let pending = std::fs::read_to_string(fixture.path().join("state/pending.jsonl"))
        .expect("templates were written down");
    assert!(pending.ends_with('\n'), "a line is not ended");
    let mut count = 0;
    for line in pending.lines().filter(|line| !line.is_empty()) {
        let tree: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(tree["template"].is_string() && tree["first_seen_ms"].is_u64(), "{line}");
        count += 1;
    }
    assert!(count > 0);
}
