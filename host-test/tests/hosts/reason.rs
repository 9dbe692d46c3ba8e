//! The whole way of a template that nobody knows: a host writes it down, the command asks a server,
//! and the same host labels the next event by the verdict.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use host_test::{Host, Wamr, WamrSettings, command};
use scripted_llm::{Server, Step};

use crate::fixture::{Fixture, NO_LIMIT, kept, record, said, verdict};

/// Every key that `[reasoning]` takes, for a guest with the stack that Fluent Bit gives.
fn config(server: &Server) -> String {
    let url = server.base_url();
    format!(
        r#"{NO_LIMIT}
fields = ["by", "reason", "pending"]
[thresholds]
"Error" = "never"
"System Notification" = "never"
"Resource Usage" = "never"
"User Action" = "never"
"Workflow Error" = "never"
"Critical Error" = "never"
[reasoning]
state_dir = "state"
share = "message"
base_url = "{url}"
model = "scripted"
api_key_env = "NOT_SET_ANYWHERE"
templates_per_request = 20
examples = 1
neighbours = 2
max_answer_tokens = 100
[reasoning.limits]
requests_per_minute = 60
concurrent_requests = 1
templates_per_day = 100
tokens_per_day = 1000000
[reasoning.timeouts]
connect = 5
first_byte = 30
total = 60
[reasoning.price]
input = 0.1
output = 0.4
[reasoning.labels]
"User Action" = "somebody did something"
"#
    )
}

fn once(directory: &Path) -> Output {
    Command::new(command::logtriage())
        .args(["reason", "--once", "--config", "logtriage.toml"])
        .current_dir(directory)
        .output()
        .expect("the command runs")
}

/// Events pass until one of them shows what is waited for; the guest looks at its files every two
/// seconds.
fn until(
    host: &mut Wamr,
    message: &str,
    mut holds: impl FnMut(&serde_json::Value) -> bool,
) -> serde_json::Value {
    let began = Instant::now();
    loop {
        let answer = kept(host as &mut dyn Host, &record(message));
        let answer: serde_json::Value = serde_json::from_slice(&answer).expect("JSON");
        if holds(&answer) {
            return answer;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{answer}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_running_host_learns_what_the_server_said() {
    let judge = |_: &str| ("User Action".to_owned(), "somebody gave a password".to_owned());
    let server = Server::start([Step::Right], judge);
    let fixture = Fixture::new(&config(&server));
    let settings = WamrSettings { directory: Some(fixture.path()), ..WamrSettings::default() };
    let mut host = Wamr::start(&settings).expect("starts");
    let message = "gadget 7 was polished with password hunter2 by bob@example.com";
    let before = kept(&mut host, &record(message));
    assert_eq!(said(&before, "label"), "Unclassified");
    let pending = fixture.path().join("state/pending.jsonl");
    until(&mut host, message, |_| pending.exists());

    let output = once(fixture.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let request = server.received().remove(0);
    assert!(
        !request.body.contains("hunter2") && !request.body.contains("bob@"),
        "{}",
        request.body
    );
    assert!(request.question()["templates"][0]["message"].is_string());
    let later = "gadget 8 was polished with password swordfish by eve@example.com";
    let answer = until(&mut host, later, |answer| answer["triage"]["tier"] == "reasoning");
    assert_eq!(answer["triage"]["label"], "User Action");
    assert_eq!(answer["triage"]["by"], "scripted");
    assert_eq!(answer["triage"]["reason"], "somebody gave a password");
}

/// People's verdicts live in git, and reach hosts as a ConfigMap: a link is swapped.
#[cfg(unix)]
#[test]
fn a_running_host_follows_a_configmap_of_verdicts() {
    let fixture = Fixture::new(&format!("{NO_LIMIT}[reasoning]\n"));
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(to, fixture.path().join(name)).expect("can be linked");
    };
    let journal = "verdicts.human.jsonl";
    fixture.write(&format!("verdicts/..1/{journal}"), &verdict("all is well", "User Action"));
    fixture.write(&format!("verdicts/..2/{journal}"), &verdict("all is well", "Workflow Error"));
    std::fs::create_dir(fixture.path().join("state")).expect("can be made");
    link("..1", "verdicts/..data");
    link(&format!("..data/{journal}"), &format!("verdicts/{journal}"));
    link(&format!("../verdicts/{journal}"), &format!("state/{journal}"));
    let settings = WamrSettings { directory: Some(fixture.path()), ..WamrSettings::default() };
    let mut host = Wamr::start(&settings).expect("starts");
    let label =
        |label: &'static str| move |said: &serde_json::Value| said["triage"]["label"] == label;
    until(&mut host, "all is well", label("User Action"));
    link("..2", "verdicts/..new");
    let path = |name: &str| fixture.path().join("verdicts").join(name);
    std::fs::rename(path("..new"), path("..data")).expect("swapped");
    std::fs::remove_dir_all(path("..1")).expect("is there");
    let said = until(&mut host, "all is well", label("Workflow Error"));
    assert_eq!(said["triage"]["tier"], "reviewed");
}

/// A failed layer does not fail the others.
#[test]
fn a_server_in_trouble_changes_no_label() {
    let server = Server::start([Step::Status(401, Vec::new(), String::new())], |_: &str| {
        ("Error".to_owned(), String::new())
    });
    let fixture = Fixture::new(&config(&server));
    let settings = WamrSettings { directory: Some(fixture.path()), ..WamrSettings::default() };
    let mut host = Wamr::start(&settings).expect("starts");
    let records: Vec<_> = host_test::records::ordinary().map(<[u8]>::to_vec).collect();
    let label = |host: &mut Wamr| -> Vec<_> {
        records.iter().map(|record| said(&kept(host, record), "label")).collect()
    };
    let before = label(&mut host);
    std::thread::sleep(Duration::from_millis(2100));
    assert!(before == label(&mut host));
    assert_eq!(once(fixture.path()).status.code(), Some(2));
    std::thread::sleep(Duration::from_millis(2100));
    assert!(before == label(&mut host));
}
