//! A model that was trained with a transformer says the same on every host that can load ONNX
//! Runtime; the guest, which cannot, says so, and events pass.
//!
//! `./test` installs ONNX Runtime. Under plain `cargo test` the variable `ORT_DYLIB_PATH` must say
//! where one is; without it these tests fail with the sentence that says how to get it.

#[path = "hosts/fixture.rs"]
#[allow(dead_code)]
mod fixture;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fixture::{Fixture, kept, said};
use host_test::sidecar::{SidecarHost, canonical};
use host_test::{CoreModule, CoreModuleSettings, Host, Kind, Lua, command, records};
use serde_json::Value;

const CONFIG: &str = "max_new_templates_per_second = 0
fields = [\"template\", \"candidates\"]
rules = []
model = \"bundle\"
[thresholds]
Error = 0.5
[semantic]
embedder = \"onnx\"
";

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin/onnx/tests/data/wordpiece").join(name)
}

/// A directory with a bundle and its transformer, trained on what is in a file of ours.
fn trained() -> Fixture {
    let fixture = Fixture::new(CONFIG);
    let mut csv = "source,log_message,target_label\n".to_owned();
    for thing in ["disk", "queue", "mail", "cache", "index", "backup", "session", "volume"] {
        for place in ["here", "there", "inside", "outside"] {
            csv += &format!("s,{thing} {place} failed badly,Error\n");
            csv += &format!("s,{thing} {place} started well,System Notification\n");
        }
    }
    fixture.write("labelled.csv", &csv);
    let output = Command::new(command::logtriage())
        .current_dir(fixture.path())
        .args(["train", "labelled.csv", "-o", "bundle", "--c", "6", "--target-error", "0.2"])
        .args(["--embedder", "onnx", "--max-length", "64"])
        .arg("--onnx")
        .arg(data("model.onnx"))
        .arg("--tokenizer")
        .arg(data("tokenizer.json"))
        .output()
        .expect("runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}; or run ./test");
    for name in ["model.onnx", "tokenizer.json"] {
        std::fs::copy(data(name), fixture.path().join("bundle").join(name)).expect("can be copied");
    }
    fixture
}

/// Records as Vector has them, so that every host gets the same: those of the corpus, and events
/// that the model knows.
fn events() -> Vec<Vec<u8>> {
    let own = ["printer here failed badly", "printer here started well", "Ошибка 接続 failed"];
    let own = own.into_iter().map(fixture::record);
    // Vector hands Lua an empty string for null.
    let is_same = |record: &Vec<u8>| !record.windows(4).any(|bytes| bytes == b"null");
    let events = own.chain(records::all()).filter_map(|record| canonical(&record));
    events.filter(is_same).take(120).collect()
}

/// What the command makes of them.
fn classified(directory: &Path, events: &[Vec<u8>]) -> Vec<Value> {
    std::fs::write(directory.join("events.jsonl"), events.join(&b'\n')).expect("can be written");
    let output = Command::new(command::logtriage())
        .current_dir(directory)
        .args(["classify", "events.jsonl"])
        .stderr(Stdio::inherit())
        .output()
        .expect("runs");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Numbers as floats: what passes through Vector or Lua keeps their value, not their form.
fn outcome(record: &Value) -> Value {
    fn floats(value: &Value) -> Value {
        match value {
            Value::Number(number) => number.as_f64().into(),
            Value::Array(items) => items.iter().map(floats).collect(),
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), floats(value))).collect()
            }
            other => other.clone(),
        }
    }
    floats(&record["triage"])
}

#[test]
fn the_command_the_sidecar_and_lua_say_the_same() {
    let fixture = trained();
    let events = events();
    let expected = classified(fixture.path(), &events);
    assert_eq!(expected.len(), events.len());
    let semantic = expected.iter().filter(|event| event["triage"]["tier"] == "semantic").count();
    assert!(semantic > 0, "the transformer decides nothing");
    assert_eq!(expected[0]["triage"]["label"], "Error");

    let sidecar = SidecarHost::start(Some(fixture.path())).expect("starts");
    let lua = Lua::start(Some(fixture.path())).expect("starts");
    let hosts: [(&str, Box<dyn Host>); 2] =
        [("sidecar", Box::new(sidecar)), ("Lua", Box::new(lua))];
    for (name, mut host) in hosts {
        for (event, expected) in events.iter().zip(&expected) {
            let record = kept(&mut *host, event);
            let found: Value = serde_json::from_slice(&record).expect("JSON");
            assert_eq!(outcome(&found), outcome(expected), "{name}: {}", fixture::shown(event));
        }
    }
}

#[test]
fn the_guest_says_that_it_cannot_and_events_pass() {
    let fixture = Fixture::new(CONFIG);
    let sentence = "needs ONNX Runtime, which this host cannot load";
    let refused = Kind::Component.start(Some(fixture.path())).err().expect("is refused");
    assert!(refused.to_string().contains(sentence), "{refused}");

    let settings =
        CoreModuleSettings { directory: Some(fixture.path()), ..CoreModuleSettings::default() };
    let mut guest = CoreModule::start(&settings).expect("starts");
    for record in [fixture::record("printer here failed badly"), fixture::record("again")] {
        let out = kept(&mut guest, &record);
        assert_eq!(
            (said(&out, "label"), said(&out, "tier")),
            ("Unclassified".into(), "none".into())
        );
    }
    let errors = guest.stderr();
    assert_eq!(errors.matches(sentence).count(), 1, "{errors}");
    assert!(errors.contains("records pass unlabelled"), "{errors}");
}
