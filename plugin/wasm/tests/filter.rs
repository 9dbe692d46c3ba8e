//! Whatever comes in or is wrong, a record goes out.

use std::fs;
use std::path::PathBuf;

use logtriage::filter::{Filter, Trapped};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

const UNLABELLED: &str = r#"{"label":"Unclassified","tier":"none","confidence":0}"#;

fn directory(config: &str) -> (TempDir, Vec<PathBuf>) {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("logtriage.toml"), config).expect("a file");
    let paths = vec![directory.path().join("absent"), directory.path().to_owned()];
    (directory, paths)
}

/// The answer, without the zero that ends it.
fn answer(filter: &mut Filter, record: &[u8]) -> String {
    let answer = filter.answer(record, 0).expect("memory");
    let (zero, text) = answer.split_last().expect("a zero");
    assert_eq!(*zero, 0);
    String::from_utf8(text.to_vec()).expect("UTF-8")
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn without_any_config_it_labels() {
    let mut filter = Filter::open(&[], 0);
    let out =
        read(&answer(&mut filter, br#"{"log":"kernel: Out of memory: Killed process 1 (java)"}"#));
    assert_eq!(out["triage"]["label"], "Critical Error");
    assert!(filter.reports().is_empty());
}

#[test]
fn the_first_directory_with_a_config_counts() {
    let (_directory, paths) = directory("output_key = \"mine\"");
    let out = read(&answer(&mut Filter::open(&paths, 0), br#"{"log":"a"}"#));
    assert!(out["mine"].is_object() && out.get("triage").is_none());
}

#[test]
fn with_a_wrong_config_records_pass_and_it_is_said_once() {
    let (_directory, paths) = directory("\nmessage_key = \"log\"");
    let mut filter = Filter::open(&paths, 0);
    for _ in 0..3 {
        let out = answer(&mut filter, br#"{"log":"a","n":1e2}"#);
        assert_eq!(out, format!(r#"{{"log":"a","n":1e2,"triage":{UNLABELLED}}}"#));
    }
    let told = filter.reports();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("logtriage.toml:2:1: unknown field `message_key`"), "{told:?}");
    assert!(told[0].ends_with("records pass unlabelled"), "{told:?}");
}

#[test]
fn a_forged_label_is_moved_aside_even_where_nothing_is_labelled() {
    let (_directory, paths) = directory("nonsense");
    let forged = r#"{"triage":{"label":"HTTP Status","tier":"rule"},"n":nan}"#;
    let out = read(&answer(&mut Filter::open(&paths, 0), forged.as_bytes()));
    assert_eq!(out["triage"], read(UNLABELLED));
    assert_eq!(out["triage_input"]["label"], "HTTP Status");
}

#[test]
fn what_is_not_json_is_repaired_and_labelled() {
    let mut filter = Filter::open(&[], 0);
    let record =
        br#"{"log":"sshd: Failed password for root from 192.0.2.7 port 22 ssh2","v":nan,1:"\x61"}"#;
    let out = read(&answer(&mut filter, record));
    assert_eq!(out["triage"]["label"], "Security Alert");
    assert_eq!((&out["v"], &out["1"]), (&Value::Null, &json!("\\x61")));
}

#[test]
fn what_only_a_lenient_reader_takes_is_repaired() {
    let mut filter = Filter::open(&[], 0);
    let huge = "9".repeat(400);
    let cases = [
        (r#"{"triage":{"triage":"\u12"}}"#.to_owned(), r#"{"triage_input":{"triage":"\\u12"},"#),
        (format!(r#"{{"n":-{huge}}}"#), r#"{"n":-1.7976931348623157e+308,"#),
    ];
    for (record, begin) in cases {
        let out = answer(&mut filter, record.as_bytes());
        assert!(out.starts_with(begin), "{out}");
    }
}

#[test]
fn numbers_with_exponents_stay_as_they_are() {
    let mut filter = Filter::open(&[], 0);
    let out = answer(&mut filter, br#"{"a":1e-05,"b":-2.5E+10,"c":"\u00e9"}"#);
    assert!(out.starts_with(r#"{"a":1e-05,"b":-2.5E+10,"c":"\u00e9","triage":{"#), "{out}");
}

#[test]
fn what_is_hopeless_goes_on_as_text() {
    let mut filter = Filter::open(&[], 0);
    for record in ["", "[1,2]", "{\"a\":", "\"text\"", "{}{}", "\0", "{\"a\":\"\0\"}x"] {
        let out = read(&answer(&mut filter, record.as_bytes()));
        assert_eq!(out["logtriage_unreadable"], record);
        assert!(out["triage"].is_object());
    }
    assert_eq!(filter.reports().len(), 1);
}

#[test]
fn a_record_that_was_not_handed_over_leaves_a_trace() {
    let mut filter = Filter::open(&[], 0);
    let answer = filter.without_record(70_000, 0).to_vec();
    assert_eq!(answer, b"{\"logtriage_lost\":\"a record of 70000 bytes\"}\0");
    assert!(filter.reports()[0].contains("70000 bytes"));
}

#[test]
fn a_config_that_trapped_is_not_tried_again_and_labelling_only_a_few_times() {
    let label = |trapped| {
        let mut filter = Filter::after(trapped, Vec::new, 0);
        let out =
            answer(&mut filter, br#"{"log":"kernel: Out of memory: Killed process 1 (java)"}"#);
        (read(&out)["triage"]["tier"].clone(), filter.reports().len())
    };
    assert_eq!(label(Trapped::WhileConfiguring), (json!("none"), 1));
    assert_eq!(label(Trapped::WhileLabelling { times: 1 }), (json!("rule"), 1));
    assert_eq!(label(Trapped::WhileLabelling { times: 3 }), (json!("none"), 1));
}

#[test]
fn more_new_templates_than_the_limit_pass_unlabelled() {
    let mut filter = Filter::open(&[], 0);
    let tiers: Vec<Value> = (0..600_u32)
        .map(|n| {
            let word: String = n.to_string().bytes().map(|b| char::from(b - b'0' + b'a')).collect();
            let record = format!(r#"{{"log":"zzyzx {word} quux {word}"}}"#);
            read(&answer(&mut filter, record.as_bytes()))["triage"]["confidence"].clone()
        })
        .collect();
    assert_ne!(tiers[499], json!(0));
    assert_eq!(tiers[500], json!(0));
}

proptest! {
    /// One object out for whatever comes in; what was an object keeps its bytes.
    #[test]
    fn a_record_always_goes_out(record in records()) {
        thread_local!(static FILTER: std::cell::RefCell<Filter> = Filter::open(&[], 0).into());
        FILTER.with_borrow_mut(|filter| {
            let out = answer(filter, &record);
            prop_assert!(read(&out).is_object());
            let sound = serde_json::from_slice::<Value>(&record).is_ok_and(|value| value.is_object());
            if sound && !out.contains("triage_input") {
                let close = record.iter().rposition(|b| *b == b'}').expect("an object");
                prop_assert_eq!(&out.as_bytes()[..close], &record[..close]);
            }
            Ok(())
        })?;
    }
}

/// Objects, near objects, and noise.
fn records() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"log\":",
        "\"triage\":",
        "\"a b\"",
        "nan",
        "1e5",
        "-0",
        "\"\\x61\"",
        "\"\\u00e9\"",
        "1:",
        "null",
        "\"ü\"",
        "1.797693134862316e+308",
    ]);
    let soup = prop::collection::vec(piece, 0..10).prop_map(|p| format!("{{{}}}", p.concat()));
    prop_oneof![
        soup.prop_map(String::into_bytes),
        "[ -~]{0,40}".prop_map(|text| json!({"log": text, "n": 1}).to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..40),
    ]
}
