//! Who gets the key, and what leaves the machine.

use scripted_llm::{Server, Step};
use serde_json::json;

use crate::place::{Place, judge};

const KEY: &str = "sk-test-0123456789";

#[test]
fn the_key_goes_to_the_server_and_nowhere_else() {
    let other = Server::start([Step::Right], judge);
    let location = format!("{}/chat/completions", other.base_url());
    let refusal = json!({"error": {"message": format!("{KEY} is no good")}}).to_string();
    // What is shown of it ends in the middle of the key.
    let cut = format!("{}{KEY}", "-".repeat(190));
    for (steps, status) in [
        (vec![Step::Right], 0),
        (vec![Step::Status(307, vec![("location", location.clone())], String::new())], 2),
        (vec![Step::Status(302, vec![("location", location)], String::new())], 2),
        (vec![Step::Status(401, vec![], refusal.clone())], 2),
        (vec![Step::Status(500, vec![], refusal), Step::Right], 0),
        (vec![Step::Status(200, vec![], cut), Step::Right], 0),
        (vec![Step::Entries(json!({"label": "Error", "reason": format!("by {KEY}")}))], 0),
    ] {
        let place = Place::new(steps);
        place.pending(&["kettle boils"]);
        let output = place.command(&["--once"]).env("REASON_TEST_KEY", KEY).output().expect("runs");
        assert_eq!(output.status.code(), Some(status));
        let header = format!("Bearer {KEY}");
        let received = place.server.received();
        assert!(received.iter().all(|r| r.header("authorization") == Some(&header)));
        let said = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&said).contains(&KEY[..8]));
        for entry in std::fs::read_dir(place.path("state")).expect("there") {
            let path = entry.expect("an entry").path();
            let bytes = std::fs::read(&path).expect("can be read");
            assert!(!String::from_utf8_lossy(&bytes).contains(KEY), "{}", path.display());
        }
    }
    assert_eq!(other.received().len(), 0, "a redirect was followed");
}

#[test]
fn no_key_goes_over_a_network_unencrypted() {
    let place = Place::new([Step::Right]);
    place.pending(&["kettle boils"]);
    for url in ["http://llm.example/v1", "http://10.0.0.1/v1", "http://localhost.example/v1"] {
        let config =
            format!("[reasoning]\nbase_url = \"{url}\"\napi_key_env = \"REASON_TEST_KEY\"\n");
        place.write("logtriage.toml", &config);
        let output =
            place.command(&["--status"]).env("REASON_TEST_KEY", KEY).output().expect("runs");
        assert_eq!(output.status.code(), Some(2), "{url}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("unencrypted"));
    }
}

#[test]
fn the_key_may_be_in_a_file() {
    let place = Place::new([Step::Right]);
    place.config("api_key_file = \"key\"\n");
    place.pending(&["kettle boils"]);
    assert!(place.once().with(2).errors.contains("key"), "it is not there");
    for wrong in ["two words", "two\nlines", "umläut"] {
        place.write("key", wrong);
        assert!(place.once().with(2).errors.contains("no API key"));
    }
    place.write("key", &format!("{KEY}\n"));
    place.once().with(0);
    let header = format!("Bearer {KEY}");
    assert_eq!(place.server.received()[0].header("authorization"), Some(header.as_str()));
}

/// In its place, or in the place of its name.
#[test]
fn a_key_in_the_config_is_refused_and_not_repeated() {
    let place = Place::new([Step::Right]);
    for name in ["api_key", "api_key_env"] {
        place.write("logtriage.toml", &format!("[reasoning]\n{name} = \"{KEY}\"\n"));
        let ran = place.reason(&["--status"]).with(2);
        assert!(ran.errors.contains("api_key_env") && !ran.errors.contains(KEY), "{}", ran.errors);
    }
}

/// A proxy of the environment is not told what goes to this machine.
#[test]
fn a_proxy_sees_nothing_of_a_local_server() {
    let proxy = Server::start([Step::Right], judge);
    let place = Place::new([Step::Right]);
    place.pending(&["kettle boils"]);
    let url = proxy.base_url();
    let mut command = place.command(&["--once"]);
    command.env("HTTP_PROXY", &url).env("http_proxy", &url).env("ALL_PROXY", &url);
    assert!(command.output().expect("runs").status.success());
    assert_eq!((proxy.received().len(), place.server.received().len()), (0, 1));
}

/// Whatever a host wrote, older than ours or not ours.
#[test]
fn secrets_leave_in_no_mode() {
    let line = json!({
        "template": "login with password hunter2 from bob@example.com",
        "source": "mail for bob@example.com",
        "message": "login with password hunter2 card 4111 1111 1111 1111 token=abcdef",
        "count": 3,
    });
    for (share, with_message) in [("template", false), ("message", true)] {
        let place = Place::new([Step::Right]);
        place.config(&format!("share = \"{share}\"\n"));
        place.write("state/pending.jsonl", &format!("\n{line}\n"));
        place.once().with(0);
        let received = &place.server.received()[0];
        let asked = &received.question()["templates"][0];
        assert_eq!(asked["template"], "login with password <*> from <email>");
        assert_eq!(asked["source"], "mail for <email>");
        assert_eq!(asked["message"].is_string(), with_message);
        let kept = place.text("state/verdicts.jsonl") + &place.text("state/waiting.jsonl");
        for secret in ["hunter2", "bob@", "4111", "abcdef"] {
            assert!(!received.body.contains(secret), "{secret}: {}", received.body);
            assert!(!kept.contains(secret), "{secret}: {kept}");
        }
    }
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new([Step::Entries(json!({"label": "Unclassified"})), Step::Right]);
    place.pending(&["kettle boils"]).once().with(0);
    place.pending(&["lamp glows"]).once().with(0);
    let mut seen = 0;
    for entry in std::fs::read_dir(place.path("state")).expect("there") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.path());
        seen += 1;
    }
    assert!(seen >= 6, "{seen}");
}
