//! For each fault of a server what happens, as the documentation says.

use std::time::Duration;

use scripted_llm::Step;
use serde_json::json;

use crate::place::{LABEL, Place};

fn one(script: impl IntoIterator<Item = Step>) -> Place {
    let place = Place::new(script);
    place.config(
        "[reasoning.timeouts]\nconnect = 2\nfirst_byte = 1\ntotal = 2\n\
         [reasoning.limits]\nrequests_per_minute = 1000\n",
    );
    place.pending(&["kettle boils"]);
    place
}

fn status(status: u16, headers: &[(&'static str, &str)]) -> Step {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Step::Status(status, headers, json!({"error": {"message": "so it is"}}).to_string())
}

#[track_caller]
fn labelled(place: &Place, requests: usize) {
    assert_eq!(place.verdicts(), [("kettle boils".to_owned(), LABEL.to_owned())]);
    assert_eq!(place.server.received().len(), requests);
    assert_eq!((place.waiting(), place.declined()), (vec![], vec![]));
}

/// Nothing is lost: the template waits for the next run.
#[track_caller]
fn waits(place: &Place) {
    assert_eq!((place.verdicts().len(), place.declined().len()), (0, 0));
    assert_eq!(place.waiting(), ["kettle boils"]);
}

/// Answers that can be used.
#[test]
fn right_answers_in_any_wrapping_are_taken() {
    for step in [Step::Right, Step::Prose, Step::Gzip, Step::KeepAliveThenClose] {
        let place = one([step]);
        place.once().with(0);
        labelled(&place, 1);
    }
}

/// Asked once more, with the error.
#[test]
fn an_answer_that_cannot_be_used_is_asked_for_once_more() {
    let entry = |entry| Step::Entries(entry);
    for step in [
        entry(json!({"label": "Fine", "reason": ""})),
        entry(json!({"label": "Error", "reason": "x".repeat(500)})),
        entry(json!({"reason": "no label"})),
        Step::Content("I would rather not.".to_owned()),
        Step::Content("{\"verdicts\":[]}".to_owned()),
        Step::Cut,
    ] {
        let place = one([step.clone(), Step::Right]);
        place.once().with(0);
        labelled(&place, 2);
        let second = place.server.received()[1].json();
        let question = second["messages"][1]["content"].as_str().expect("text").to_owned();
        assert!(question.contains("An earlier answer about these could not be used"), "{step:?}");
        // Twice wrong is declined, and remembered.
        let place = one([step]);
        place.once().with(0);
        place.pending(&["kettle boils"]).once().with(0);
        assert_eq!((place.declined().len(), place.server.received().len()), (1, 2));
        assert_eq!(place.verdicts(), []);
    }
}

#[test]
fn unclassified_is_declined_and_not_asked_again_before_long() {
    let place = one([Step::Entries(json!({"label": "Unclassified", "reason": "who knows"}))]);
    place.once().with(0);
    place.pending(&["kettle boils"]).once().with(0);
    assert_eq!((place.declined().len(), place.server.received().len()), (1, 1));
    assert!(place.verdicts().is_empty());
    // Another model may know better.
    let config = place.text("logtriage.toml").replace("\"m\"", "\"n\"");
    place.write("logtriage.toml", &config);
    place.once().with(0);
    assert_eq!(place.server.received().len(), 2);
}

#[test]
fn what_a_batch_does_not_answer_is_asked_again_alone() {
    let place = one([Step::FirstOnly, Step::Right]);
    place.pending(&["kettle boils", "lamp glows", "door opens"]).once().with(0);
    assert_eq!(place.server.asked().len(), 3 + 2);
    assert_eq!(place.verdicts().len(), 3);
}

/// The same request again, a little later.
#[test]
fn a_server_in_trouble_is_asked_again() {
    for step in [
        status(408, &[]),
        status(429, &[]),
        status(429, &[("retry-after", "1")]),
        status(500, &[]),
        status(503, &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")]),
        Step::CloseMidBody,
        Step::NotHttp,
        Step::Huge(100 << 20),
        Step::Hang,
        Step::Drip,
        Step::Status(200, vec![], "<html>".to_owned()),
    ] {
        let place = one([step, Step::Right]);
        place.once().with(0);
        labelled(&place, 2);
    }
}

#[test]
fn retry_after_is_obeyed_and_outlives_the_run() {
    let place = one([status(429, &[("retry-after", "600")]), Step::Right]);
    let ran = place.once().with(1);
    assert!(ran.errors.contains("asked to be left alone"), "{}", ran.errors);
    place.once().with(1);
    assert_eq!(place.server.received().len(), 1);
    waits(&place);
    assert!(place.reason(&["--status"]).with(0).output.contains("left alone for"));
}

#[test]
fn a_dead_server_opens_the_circuit_and_is_probed_once() {
    let place = one([status(500, &[])]);
    place.once().with(1);
    assert_eq!(place.server.received().len(), 4);
    let ran = place.once().with(1);
    assert!(ran.errors.contains("failed too often"), "{}", ran.errors);
    assert_eq!(place.server.received().len(), 5);
    place.once().with(1);
    assert_eq!(place.server.received().len(), 5, "the circuit is open");
    waits(&place);
    // Half an hour later: one probe, and it closes.
    let usage = place.text("state/usage.json");
    let mut usage: serde_json::Value = serde_json::from_str(&usage).expect("JSON");
    usage["breaker"]["open_until"] = json!(0);
    place.write("state/usage.json", &usage.to_string());
    place.once().with(1);
    assert_eq!(place.server.received().len(), 6, "one probe");
}

/// A person must do something: nothing is declined, nothing is asked further.
#[test]
fn what_a_person_must_mend_ends_the_run() {
    for (step, words) in [
        (status(401, &[]), "api_key_env"),
        (status(402, &[]), "so it is"),
        (status(403, &[]), "api_key_env"),
        (status(404, &[]), "base_url and model"),
        (status(301, &[("location", "http://evil.example/")]), "http://evil.example/"),
        (status(307, &[("location", "/elsewhere")]), "redirects are not followed"),
        (status(400, &[]), "so it is"),
    ] {
        let place = one([step]);
        let ran = place.once().with(2);
        assert_eq!(ran.errors.matches(words).count(), 1, "{words}: {}", ran.errors);
        waits(&place);
    }
}

/// What a server does not take is given up, one after the other, and remembered.
#[test]
fn a_request_takes_the_form_that_the_server_takes() {
    for keys in [
        &["json_schema"][..],
        &["response_format"],
        &["\"temperature\"", "max_tokens"],
        &["\"temperature\"", "max_tokens", "max_completion_tokens", "response_format"],
    ] {
        let place = one([Step::RefusesKeys(keys)]);
        place.once().with(0);
        let requests = place.server.received().len();
        labelled(&place, requests);
        place.pending(&["lamp glows"]).once().with(0);
        assert_eq!(place.server.received().len(), requests + 1, "{keys:?} is remembered");
    }
}

/// A template that the server refuses to look at costs itself alone.
#[test]
fn a_template_that_is_refused_is_found_and_declined() {
    let place = one([Step::RefusesText("kettle")]);
    place.pending(&["lamp glows", "door opens", "window shuts"]).once().with(0);
    assert_eq!(place.declined(), ["kettle boils"]);
    assert_eq!(place.verdicts().len(), 3);
}

#[test]
fn nobody_listens() {
    let place = one([Step::Right]);
    let config =
        place.text("logtriage.toml").replace(&place.server.base_url(), "http://127.0.0.1:9/v1");
    place.write("logtriage.toml", &config);
    place.once().with(1);
    waits(&place);
}

/// Nobody takes the connection: the system has no room left for those that wait to be taken.
#[cfg(target_os = "linux")]
#[test]
fn a_connection_is_waited_for_only_so_long() {
    use std::net::{TcpListener, TcpStream};
    use std::time::Instant;

    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(500));
    let waiting: Vec<_> = (0..800).map_while(|place| connect(place).ok()).collect();
    assert!(waiting.len() < 800, "the system takes as many as there are");
    let place = one([Step::Right]);
    let config = place.text("logtriage.toml");
    let config = config.replace(&place.server.base_url(), &format!("http://{address}/v1"));
    // Nothing else ends the call; the system itself gives up after two minutes.
    let config = config.replace("connect = 2\nfirst_byte = 1\ntotal = 2", "connect = 1");
    place.write("logtriage.toml", &config);
    let began = Instant::now();
    let ran = place.once().with(1);
    assert!(ran.errors.contains("timeout"), "{}", ran.errors);
    assert!(began.elapsed() < Duration::from_secs(100), "{:?}", began.elapsed());
    waits(&place);
}

#[test]
fn slow_is_not_dead() {
    let place = one([Step::Slow(Duration::from_millis(300))]);
    place.once().with(0);
    labelled(&place, 1);
}

#[test]
fn a_journal_that_cannot_be_written_stops_asking_and_loses_nothing() {
    let place = one([Step::Right]);
    std::fs::create_dir_all(place.path("state/verdicts.jsonl")).expect("a directory in its place");
    assert!(place.once().with(2).errors.contains("verdicts.jsonl"));
    waits(&place);
    std::fs::remove_dir(place.path("state/verdicts.jsonl")).expect("there");
    place.once().with(0);
    labelled(&place, 2);
}
