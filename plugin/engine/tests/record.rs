//! The record splice: what counts as message and source, and that no byte is lost.

#[path = "support/records.rs"]
mod records;
mod support;

use std::sync::LazyLock;

use logtriage_engine::record::{Fields, Keys, NotARecord, OnExisting, Record, is_family};
use logtriage_engine::{DEFAULT_MESSAGE_KEYS, DEFAULT_SOURCE_KEYS};
use proptest::prelude::*;

use records::{OBJECT, record, top_level_keys, undo};

fn default_keys() -> &'static Keys {
    static KEYS: LazyLock<Keys> = LazyLock::new(|| {
        Keys::new(
            &DEFAULT_MESSAGE_KEYS.map(str::to_owned),
            &DEFAULT_SOURCE_KEYS.map(str::to_owned),
            "triage",
        )
    });
    &KEYS
}

fn parse(record: &[u8]) -> Result<Record<'_>, NotARecord> {
    Record::parse(record, default_keys())
}

fn fields(record: &str) -> Fields<'_> {
    parse(record.as_bytes()).expect(record).fields()
}

fn splice_with(record: &[u8], on_existing: OnExisting) -> Vec<u8> {
    let mut out = Vec::new();
    let parsed = parse(record).expect("a record");
    parsed.splice(OBJECT.as_bytes(), on_existing, &mut out);
    out
}

fn splice(record: &str) -> String {
    String::from_utf8(splice_with(record.as_bytes(), OnExisting::Replace)).expect("UTF-8")
}

#[test]
fn the_message_is_found() {
    let cases: &[(&str, Option<&str>)] = &[
        (r#"{"message":"a"}"#, Some("a")),
        (r#"{"message":""}"#, Some("")),
        (r#"{"log":"b","message":"a"}"#, Some("a")),
        (r#"{"body":"e","msg":"d","MESSAGE":"c","log":"b"}"#, Some("b")),
        // Of duplicates the last counts, whatever it is.
        (r#"{"message":"a","message":"b"}"#, Some("b")),
        (r#"{"message":"a","message":null,"log":"c"}"#, Some("c")),
        (r#"{"message":"a","mess\u0061ge":"b"}"#, Some("b")),
        // Numbers and booleans as they are written.
        (r#"{"message":1.50e+3}"#, Some("1.50e+3")),
        (r#"{"message":-0}"#, Some("-0")),
        (r#"{"message":true}"#, Some("true")),
        (r#"{"message":false}"#, Some("false")),
        // What is no text is skipped.
        (r#"{"message":null}"#, None),
        (r#"{"message":{"log":"b"},"log":"c"}"#, Some("c")),
        (r#"{"message":["a"],"msg":"d"}"#, Some("d")),
        (r#"{"inner":{"message":"a"}}"#, None),
        ("{}", None),
        // Escapes.
        (r#"{"message":"\"\\\/\b\f\n\r\t\u0041"}"#, Some("\"\\/\u{8}\u{c}\n\r\tA")),
        (r#"{"message":"\u0000"}"#, Some("\0")),
        (r#"{"message":"\ud83d\ude00!"}"#, Some("😀!")),
        (r#"{"message":"\ud83dx"}"#, Some("\u{fffd}x")),
        (r#"{"message":"\ud83d\u0041"}"#, Some("\u{fffd}A")),
        (r#"{"message":"\ud83d\ud83d\ude00"}"#, Some("\u{fffd}😀")),
        (r#"{"message":"\ude00\ud83d"}"#, Some("\u{fffd}\u{fffd}")),
        (r#"{"message":"\q\u12"}"#, Some("\u{fffd}\u{fffd}12")),
        (" \t\r\n{ \"message\" : \"a\" } \n", Some("a")),
    ];
    for (record, expected) in cases {
        let found = fields(record).message;
        assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{record}");
    }
}

#[test]
fn a_literal_key_comes_before_a_dotted_path() {
    let keys = Keys::new(&["a.b".to_owned(), "c".to_owned()], &["k.l.m".to_owned()], "triage");
    let cases: &[(&str, Option<&str>)] = &[
        (r#"{"a.b":"literal","a":{"b":"path"}}"#, Some("literal")),
        (r#"{"a":{"b":"path"},"a.b":"literal"}"#, Some("literal")),
        (r#"{"a":{"b":"path"},"c":"next"}"#, Some("path")),
        (r#"{"a.b":null,"a":{"b":"path"}}"#, Some("path")),
        (r#"{"a":{"b":{"x":1}},"c":"next"}"#, Some("next")),
        (r#"{"a":{"b":1},"a":{"b":2}}"#, Some("2")),
        (r#"{"a":"text","c":"next"}"#, Some("next")),
        (r#"{"a":["b"],"c":"next"}"#, Some("next")),
        (r#"{"\u0061":{"\u0062":"path"}}"#, Some("path")),
        (r#"{"a\u002eb":"literal"}"#, Some("literal")),
    ];
    for (record, expected) in cases {
        let found = Record::parse(record.as_bytes(), &keys).expect(record).fields().message;
        assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{record}");
    }
    let sources: &[(&str, Option<&str>)] = &[
        (r#"{"k":{"l":{"m":"deep"}}}"#, Some("deep")),
        (r#"{"k":{"l.m":"mixed","l":{"m":"deep"}}}"#, Some("mixed")),
        (r#"{"k":{"l.m":null,"l":{"m":"deep"}}}"#, Some("deep")),
        (r#"{"k.l":{"m":"mixed"},"k":{"l":{"m":["deep"]}}}"#, Some("mixed")),
        (r#"{"k":{"l":{"m":["deep"]}},"k.l":{"m":7}}"#, Some("7")),
    ];
    for (record, expected) in sources {
        let found = Record::parse(record.as_bytes(), &keys).expect(record).fields().source;
        assert_eq!(found.as_deref(), *expected, "{record}");
    }
}

#[test]
fn the_source_is_found() {
    assert_eq!(fields(r#"{"source":"a","service":"b"}"#).source.as_deref(), Some("a"));
    assert_eq!(fields(r#"{"source":{},"service":7}"#).source.as_deref(), Some("7"));
    let record = r#"{"kubernetes":{"container_name":"c","labels":{"source":"x"}}}"#;
    assert_eq!(fields(record).source.as_deref(), Some("c"));
    assert_eq!(fields(r#"{"tag":"x","file":"y"}"#).source, None);
}

#[test]
fn bytes_that_are_not_utf8_stay_in_the_message() {
    let record = b"{\"message\":\"\xff\\n\xfe\",\"source\":\"\xff\"}";
    let fields = parse(record).expect("a record").fields();
    assert_eq!(fields.message.as_deref(), Some(b"\xff\n\xfe".as_slice()));
    assert_eq!(fields.source.as_deref(), Some("\u{fffd}"));
}

#[test]
fn the_object_becomes_the_last_member() {
    let ours = format!("\"triage\":{OBJECT}");
    let cases = [
        ("{}", format!("{{{ours}}}")),
        (" { } \n", format!(" {{ {ours}}} \n")),
        (r#"{"a":1}"#, format!(r#"{{"a":1,{ours}}}"#)),
        ("{\"a\" : [1, {\"triage\":2}] }", format!("{{\"a\" : [1, {{\"triage\":2}}] ,{ours}}}")),
        (r#"{"triage":1}"#, format!(r#"{{"triage_input":1,{ours}}}"#)),
        (r#"{"tri\u0061ge":1}"#, format!(r#"{{"tri\u0061ge_input":1,{ours}}}"#)),
        (
            r#"{"triage":1,"triage":2,"triage_input":3}"#,
            format!(r#"{{"triage_input":1,"triage_input":2,"triage_input_input":3,{ours}}}"#),
        ),
        (r#"{"triage_input":3}"#, format!(r#"{{"triage_input_input":3,{ours}}}"#)),
        (
            r#"{"triage_inputs":1,"triages":2,"Triage":3,"triage_":4}"#,
            format!(r#"{{"triage_inputs":1,"triages":2,"Triage":3,"triage_":4,{ours}}}"#),
        ),
    ];
    for (record, expected) in cases {
        assert_eq!(splice(record), expected, "{record}");
        assert_eq!(splice(&expected), expected, "twice: {record}");
    }
}

#[test]
fn an_equal_object_stays_where_it_is() {
    for record in [
        format!(r#"{{"triage":{OBJECT},"b":1}}"#),
        format!(r#"{{"tri\u0061ge":{OBJECT},"triage_input":1}}"#),
    ] {
        assert_eq!(splice(&record), record);
    }
    let twice = format!(r#"{{"triage":{OBJECT},"triage":{OBJECT}}}"#);
    assert_eq!(undo(splice(&twice).as_bytes()), twice.as_bytes());
}

#[test]
fn a_trusted_upstream_keeps_its_object() {
    for record in [r#"{"triage":1}"#, r#"{"triage":1,"triage":2}"#, r#"{"tri\u0061ge":null}"#] {
        assert_eq!(splice_with(record.as_bytes(), OnExisting::Keep), record.as_bytes());
    }
    let other = br#"{"triage_input":1}"#;
    assert_eq!(undo(&splice_with(other, OnExisting::Keep)), other);
}

#[test]
fn what_is_no_object_is_refused() {
    for json in ["[]", "[1, {\"a\":2}]", "\"a\"", " 12 ", "-1.5e3", "true", "false", "null"] {
        let refused = parse(json.as_bytes()).err();
        assert_eq!(refused, Some(NotARecord::OtherJson), "{json}");
    }
    let malformed = [
        "",
        " ",
        "{",
        "}",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1}}",
        "{\"a\":1} x",
        "{\"a\":[1,]}",
        "{\"a\":[1}",
        "{\"a\":[1}]",
        "{\"a\":{\"b\":1]}",
        "{\"a\":{1:2}}",
        "{\"a\":\"b}",
        "{\"a\":\"b\\\"}",
        "{\"a\":nul}",
        "{\"a\":nullx}",
        "{\"a\":-}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":1//x\n}",
        "{}{}",
        "[",
        "]",
        "[1",
        "truex",
        "plain text",
        "\u{feff}{}",
        "\0",
        "{\"a\":\u{a0}1}",
    ];
    for text in malformed {
        let refused = parse(text.as_bytes()).err();
        assert!(matches!(refused, Some(NotARecord::Malformed(_))), "{text:?}: {refused:?}");
    }
}

#[test]
fn an_error_says_where() {
    let Some(error) = parse(b"{\"a\":1 \"b\":2}").err() else { panic!("accepted") };
    assert_eq!(error.to_string(), "no valid JSON at byte 7: expected `,` or `}`");
}

#[test]
fn no_nesting_is_too_deep() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        let deep = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        let record = format!(r#"{{"deep":{deep},"message":"m"}}"#);
        assert_eq!(fields(&record).message.as_deref(), Some(b"m".as_slice()));
        assert_eq!(undo(splice(&record).as_bytes()), record.as_bytes());
        let unbalanced = record.replacen(close, "", 1);
        assert!(parse(unbalanced.as_bytes()).is_err());
    }
}

#[test]
fn five_megabytes_pass() {
    let text = "a \\\"long\\\" line \\u00e9 ".repeat(5_000_000 / 22);
    let record = format!(r#"{{"triage":"{text}","message":"{text}"}}"#);
    assert!(fields(&record).message.is_some());
    assert!(undo(splice(&record).as_bytes()) == record.as_bytes());

    let many = "\"k\":0,".repeat(200_000);
    let record = format!(r#"{{{many}"message":"m"}}"#);
    assert_eq!(fields(&record).message.as_deref(), Some(b"m".as_slice()));
    assert!(undo(splice(&record).as_bytes()) == record.as_bytes());
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

proptest! {
    #![proptest_config(support::config(300))]

    #[test]
    fn no_byte_is_lost(record in record()) {
        let output = splice(&record);
        if output == record {
            let triage: Vec<_> = top_level_keys(record.as_bytes())
                .into_iter()
                .filter(|(a, b)| {
                    serde_json::from_str(&record[*a..*b]).is_ok_and(|key: String| key == "triage")
                })
                .collect();
            prop_assert_eq!(triage.len(), 1, "only one object that equals ours stays");
            let rest = record[triage[0].1..].trim_start().strip_prefix(':').map(str::trim_start);
            prop_assert!(rest.is_some_and(|rest| rest.starts_with(OBJECT)));
        } else {
            let undone = String::from_utf8(undo(output.as_bytes()))?;
            prop_assert_eq!(undone, record);
        }
        prop_assert_eq!(splice(&output), output);
    }

    #[test]
    fn valid_json_stays_valid_and_holds_one_object_of_ours(record in record()) {
        let output = splice(&record);
        prop_assert_eq!(is_json(&output), is_json(&record));
        if let Ok(tree) = serde_json::from_str::<serde_json::Value>(&output) {
            prop_assert_eq!(&tree["triage"], &serde_json::from_str::<serde_json::Value>(OBJECT)?);
        }
    }

    /// What a reader of trees finds under a key is what we find.
    #[test]
    fn the_look_up_agrees_with_a_json_reader(record in record()) {
        if let Ok(tree) = serde_json::from_str::<serde_json::Value>(&record) {
            let expected = match &tree["message"] {
                serde_json::Value::String(text) => Some(text.clone()),
                serde_json::Value::Bool(truth) => Some(truth.to_string()),
                _ => None,
            };
            if !tree["message"].is_number() {
                let keys = Keys::new(&["message".to_owned()], &[], "triage");
                let parsed = Record::parse(record.as_bytes(), &keys).expect("a record");
                let found = parsed.fields().message;
                prop_assert_eq!(found.as_deref(), expected.as_deref().map(str::as_bytes));
            }
        }
    }

    #[test]
    fn a_truncated_object_is_refused(record in record()) {
        let whole = record.trim_end().as_bytes();
        for end in 0..whole.len() {
            prop_assert!(parse(&whole[..end]).is_err(), "{:?}", &record.get(..end));
        }
    }

    /// Damaged records either pass whole or are refused; what passes can still be undone.
    #[test]
    fn damage_never_panics(
        record in record(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = record.into_bytes();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(parsed) = parse(&bytes) {
            parsed.fields();
            let output = splice_with(&bytes, OnExisting::Replace);
            prop_assert_eq!(splice_with(&output, OnExisting::Replace), output);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = parse(&bytes).map(|record| record.fields().message.is_some());
    }

    /// What is told by first byte and length alone is never one that is looked for.
    #[test]
    fn a_key_that_is_looked_for_may_matter(
        names in prop::collection::vec("[a-dA-D.é]{1,4}|[a-d]{62,66}", 1..4),
        output in "[a-d]{1,3}|[a-d]{60,70}",
        inputs in 0..12_usize,
        key in "[a-dA-D.é]{0,4}(_input){0,3}",
    ) {
        let keys = Keys::new(&names, &[], &output);
        let family = output.clone() + &"_input".repeat(inputs);
        for key in [&family, &key].into_iter().chain(&names) {
            let matters = keys.place(key.as_bytes()).is_some() || is_family(key.as_bytes(), &output);
            prop_assert!(keys.may_matter(key.as_bytes()) || !matters, "{key}");
        }
        prop_assert!(is_family(family.as_bytes(), &output));
    }
}
