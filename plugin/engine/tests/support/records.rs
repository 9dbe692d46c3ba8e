//! Records for property tests, and how our key is taken out of one: shared with `host-test`.

use proptest::prelude::*;

/// An object of ours, as it is inserted.
pub const OBJECT: &str = r#"{"label":"Error","tier":"rule","confidence":1}"#;

/// Takes the last member away, and one `_input` from each key of its family.
pub fn undo(output: &[u8]) -> Vec<u8> {
    let keys = top_level_keys(output);
    let (last, _) = *keys.last().expect("our member");
    let close = output.iter().rposition(|b| *b == b'}').expect("a closing brace");
    let begin = if keys.len() == 1 { last } else { last - 1 };
    let mut input = Vec::new();
    let mut from = 0;
    for (begin, end) in keys.iter().copied().filter(|(key, _)| *key != last) {
        if is_family(&output[begin..end]) {
            input.extend_from_slice(&output[from..end - "_input\"".len()]);
            from = end - 1;
        }
    }
    input.extend_from_slice(&output[from..begin]);
    input.extend_from_slice(&output[close..]);
    input
}

/// Where each key of an object begins and ends, with its quotation marks.
pub fn top_level_keys(object: &[u8]) -> Vec<(usize, usize)> {
    let mut keys = Vec::new();
    let (mut depth, mut at, mut is_key) = (0, 0, false);
    while at < object.len() {
        match object[at] {
            b'{' | b'[' => {
                depth += 1;
                is_key = depth == 1;
            }
            b'}' | b']' => depth -= 1,
            b',' => is_key = depth == 1,
            b'"' => {
                let begin = at;
                at += 1;
                while object[at] != b'"' {
                    at += if object[at] == b'\\' { 2 } else { 1 };
                }
                if std::mem::take(&mut is_key) {
                    keys.push((begin, at + 1));
                }
            }
            _ => {}
        }
        at += 1;
    }
    keys
}

fn is_family(key: &[u8]) -> bool {
    let name: String = serde_json::from_slice(key).unwrap_or_default();
    let rest = name.strip_prefix("triage").map(|rest| rest.replace("_input", ""));
    rest.is_some_and(|rest| rest.is_empty())
}

fn spaces() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", "", "", " ", "\n", "\t", "\r\n", "  "])
}

/// A string as it may stand in a log, with its quotation marks; not always strict JSON.
fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => prop::sample::select(vec![
            "\\\"", "\\\\", "\\/", "\\b", "\\n", "\\u0061", "\\u005F", "\\u00e9", "\\ud83d\\ude00",
            "triage", "_input", "message", "}", "{", "]", "[", ",", ":", "'", " ", "é", "😀", "\u{7f}",
        ])
        .prop_map(str::to_owned),
        1 => prop::sample::select(vec!["\\ud83d", "\\ude00", "\\q", "\\u12", "\n", "\0", "\t"])
            .prop_map(str::to_owned),
        3 => "[a-z]{1,5}",
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn key() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "triage",
        "tri\\u0061ge",
        "\\u0074\\u0072\\u0069\\u0061\\u0067\\u0065",
        "triage_input",
        "triage\\u005finput",
        "tri\\u0061ge_input_input",
        "triage_inputs",
        "triag",
        "message",
        "mess\\u0061ge",
        "kubernetes",
        "container_name",
        "a.b",
        "",
    ]);
    prop_oneof![known.prop_map(|key| format!("\"{key}\"")), string()]
}

fn value() -> impl Strategy<Value = String> {
    let scalar = prop::sample::select(vec![
        "0",
        "-0",
        "1e5",
        "1E-7",
        "-12.50",
        "123456789012345678901234567890",
        "true",
        "false",
        "null",
        "1.7976931348623157e309",
        "{}",
        "[]",
        "[ ]",
        "{ }",
        OBJECT,
    ]);
    let leaf = prop_oneof![scalar.prop_map(str::to_owned), string()];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec((spaces(), inner.clone(), spaces()), 1..4).prop_map(|items| {
                let items: Vec<_> = items.iter().map(|(a, v, b)| format!("{a}{v}{b}")).collect();
                format!("[{}]", items.join(","))
            }),
            object_of(inner, 1),
        ]
    })
}

fn object_of(value: impl Strategy<Value = String>, least: usize) -> impl Strategy<Value = String> {
    let member = (spaces(), key(), spaces(), spaces(), value, spaces())
        .prop_map(|(a, key, b, c, value, d)| format!("{a}{key}{b}:{c}{value}{d}"));
    prop::collection::vec(member, least..6).prop_map(|members| format!("{{{}}}", members.join(",")))
}

/// A record as it may come, with white space and without: JSON, or nearly.
pub fn record() -> impl Strategy<Value = String> {
    (spaces(), object_of(value(), 0), spaces()).prop_map(|(a, object, b)| format!("{a}{object}{b}"))
}
