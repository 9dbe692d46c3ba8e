//! What becomes of the bytes of a request.

use std::cell::RefCell;

use host_test::sidecar::events::{bytes, field, request, undo};
use host_test::sidecar::loaded;
use host_test::sidecar::proto::{Event, EventWrapper, PushEventsRequest, Value};
use logtriage_sidecar::{Labeller, MAX_MESSAGE};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use prost::Message;

use crate::fixture::{Fixture, VERBOSE, shown};
use crate::support;

fn labeller(config: &str) -> Labeller {
    let fixture = Fixture::with_verdicts(config);
    let loaded = loaded(Some(fixture.path())).expect("a config");
    Labeller::open(loaded).expect("opens")
}

fn labelled(labeller: &mut Labeller, request: &[u8]) -> Vec<u8> {
    labeller.label(request, 0).unwrap_or_else(|| request.to_vec())
}

/// Runs a property with one labeller that lives through all cases.
fn check<S: Strategy>(
    cases: u32,
    strategy: S,
    property: impl Fn(&mut Labeller, S::Value) -> Result<(), TestCaseError>,
) {
    let labeller = RefCell::new(labeller(VERBOSE));
    let result = TestRunner::new(support::config(cases))
        .run(&strategy, |value| property(&mut labeller.borrow_mut(), value));
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Events as Vector reads them, without what we add.
fn without_ours(request: &[u8], labelled: &[u8]) -> Option<(Vec<EventWrapper>, Vec<EventWrapper>)> {
    let before = PushEventsRequest::decode(request).ok()?.events;
    let mut after = PushEventsRequest::decode(labelled).expect("what was sound is sound").events;
    assert_eq!(before.len(), after.len(), "events");
    for (before, after) in before.iter().zip(&mut after) {
        if before != after
            && let Some(Event::Log(log)) = &mut after.event
        {
            let root = log.root_mut().expect("an object");
            root.remove("triage").expect("our key");
            let renamed: Vec<String> = root.keys().filter(|key| is_ours(key)).cloned().collect();
            // From the shortest on, so that none meets another.
            for key in renamed {
                let value = root.remove(&key).unwrap_or_default();
                root.insert(
                    key.trim_end_matches("_input").to_owned() + &key["triage_input".len()..],
                    value,
                );
            }
        }
    }
    Some((before, after))
}

fn is_ours(key: &str) -> bool {
    key.replace("_input", "") == "triage"
}

#[test]
fn taking_our_key_out_gives_the_request_back() {
    check(600, request(), |labeller, request| {
        let out = labelled(labeller, &request);
        let back = undo(&request, &out);
        prop_assert!(back == request, "{}\nto {}", shown(&request), shown(&out));
        Ok(())
    });
}

/// Whatever the bytes: what Vector can read it reads as before, but for our key.
#[test]
fn nothing_changes_but_our_key() {
    let any = prop_oneof![request(), bytes(), bytes()];
    check(1500, any, |labeller, request| {
        let out = labelled(labeller, &request);
        // What Vector cannot read, its downstream refuses.
        if let Some((before, after)) = without_ours(&request, &out) {
            let same = before.encode_to_vec() == after.encode_to_vec();
            prop_assert!(same, "{}\nto {}", shown(&request), shown(&out));
        }
        Ok(())
    });
}

trait Encoded {
    fn encode_to_vec(&self) -> Vec<u8>;
}

impl Encoded for Vec<EventWrapper> {
    fn encode_to_vec(&self) -> Vec<u8> {
        self.iter().flat_map(|event| field(1, &event.encode_to_vec())).collect()
    }
}

#[test]
fn labelling_twice_changes_nothing() {
    check(400, request(), |labeller, request| {
        let once = labelled(labeller, &request);
        let twice = labeller.label(&once, 0);
        prop_assert!(twice.is_none(), "{}\nto {:?}", shown(&once), twice.map(|out| shown(&out)));
        // Nor does it when another Vector has read it in between.
        let Ok(read) = PushEventsRequest::decode(&once[..]) else { return Ok(()) };
        let written = read.encode_to_vec();
        prop_assert_eq!(labeller.label(&written, 0), None);
        Ok(())
    });
}

#[test]
fn a_key_that_is_there_stays_where_the_config_says_so() {
    let mut labeller = labeller("on_existing = \"keep\"\n");
    let entry =
        |key: &[u8], text: &[u8]| field(1, &[field(1, key), field(2, &field(1, text))].concat());
    let theirs = [entry(b"triage", b"theirs"), entry(b"message", b"job 7 failed")].concat();
    let request = field(1, &field(1, &theirs));
    assert_eq!(labeller.label(&request, 0), None);
    let without = field(1, &field(1, &entry(b"message", b"job 7 failed")));
    assert!(labeller.label(&without, 0).is_some());
}

/// Both forms of a log, the later key of two, keys down a path.
#[test]
fn the_message_is_found_where_vector_has_it() {
    let mut labeller = labeller("fields = [\"template\"]\nmessage_keys = [\"a.b\", \"message\"]\n");
    let text = |text: &[u8]| field(1, text);
    let entry = |key: &[u8], value: &[u8]| field(1, &[field(1, key), field(2, value)].concat());
    let map = |entries: &[u8]| field(7, entries);
    let roots = [
        (entry(b"message", &text(b"one")), "one"),
        ([entry(b"message", &text(b"one")), entry(b"message", &text(b"two"))].concat(), "two"),
        ([entry(b"message", &text(b"one")), entry(b"message", &map(b""))].concat(), ""),
        (
            [entry(b"message", &text(b"one")), entry(b"a", &map(&entry(b"b", &text(b"two"))))]
                .concat(),
            "two",
        ),
        (
            [entry(b"a.b", &text(b"one")), entry(b"a", &map(&entry(b"b", &text(b"two"))))].concat(),
            "one",
        ),
        (entry(b"message", b"\x20\x2a"), "<num>"),
        (entry(b"message", b"\x30\x01"), "true"),
        (entry(b"message", b"\x48\x00"), ""),
    ];
    for (root, expected) in roots {
        let dummy = entry(b".", b"\x48\x00");
        let as_fields = field(1, &root);
        let as_value = field(1, &[dummy, field(2, &field(7, &root))].concat());
        for log in [as_fields, as_value] {
            let out = labelled(&mut labeller, &field(1, &log));
            let read = PushEventsRequest::decode(&out[..]).expect("sound");
            let Some(Event::Log(log)) = &read.events[0].event else { panic!("a log") };
            let triage = serde_json::Value::from(&log.root().expect("an object")["triage"]);
            let template = triage["template"].as_str().unwrap_or_default();
            assert_eq!(template, expected, "{}", shown(&root));
        }
    }
}

#[test]
fn what_is_no_object_and_no_log_passes() {
    let mut labeller = labeller(VERBOSE);
    let text = Value { kind: None };
    assert_eq!(text.encode_to_vec(), b"");
    let rootless = field(1, &field(2, &field(1, b"just a line")));
    let metric = field(2, &field(1, b"cpu"));
    let trace = field(3, &field(1, &field(1, b"span")));
    for event in [rootless, metric, trace, Vec::new(), field(9, b"new")] {
        assert_eq!(labeller.label(&field(1, &event), 0), None, "{}", shown(&event));
    }
    let tally = labeller.take_tally();
    let counts = [tally.logs, tally.rootless, tally.metrics, tally.traces, tally.unknown];
    assert_eq!(counts, [1, 1, 1, 1, 2]);
}

/// Events before the place where a request is cut off are not labelled either, nor counted.
#[test]
fn a_request_that_is_cut_off_passes_as_it_is() {
    let mut labeller = labeller(VERBOSE);
    let entry = [field(1, b"message"), field(2, &field(1, b"disk full"))].concat();
    let event = field(1, &field(1, &field(1, &entry)));
    let request = event.repeat(3);
    assert!(labeller.label(&request, 0).is_some());
    labeller.take_tally();
    for cut in 2 * event.len() + 1..request.len() {
        assert_eq!(labeller.label(&request[..cut], 0), None, "{cut}");
    }
    let tally = labeller.take_tally();
    assert_eq!((tally.logs, tally.malformed_requests), (0, event.len() as u64 - 1));
}

/// Logs without a field are twenty times as long with a label; what is held in memory is not.
#[test]
fn labels_stop_where_a_request_gets_too_large() {
    let request = field(1, &field(1, &[])).repeat(2 << 20);
    let labelled = labelled(&mut labeller(""), &request);
    let most = MAX_MESSAGE + request.len() + 1_000;
    assert!((MAX_MESSAGE + 1..most).contains(&labelled.len()), "{}", labelled.len());
}
