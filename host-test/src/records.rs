//! The corpus: records that hosts hand over, as they are stored, and those too large to be stored.

use proptest::prelude::*;

#[path = "../../plugin/engine/tests/support/records.rs"]
mod generated;

pub use generated::{record, top_level_keys, undo};

/// Records that are JSON objects and awkward in one way each.
pub fn awkward() -> impl Iterator<Item = &'static [u8]> {
    lines(include_bytes!("../testdata/awkward.jsonl"))
}

/// Records as applications, containers and daemons write them.
pub fn ordinary() -> impl Iterator<Item = &'static [u8]> {
    lines(include_bytes!("../testdata/ordinary.jsonl"))
        .chain(lines(include_bytes!("../../configs/sample.jsonl")))
        .filter(|line| line.starts_with(b"{"))
}

/// What Fluent Bit hands over that is not JSON, each with what a guest makes of it before it
/// labels it.
pub fn repaired() -> impl Iterator<Item = (&'static [u8], &'static [u8])> {
    let mut lines = lines(include_bytes!("../testdata/not-json.txt"));
    std::iter::from_fn(move || Some((lines.next()?, lines.next()?)))
}

/// Lines without blank ones and comments.
fn lines(file: &'static [u8]) -> impl Iterator<Item = &'static [u8]> {
    file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#"))
}

/// Records that are large or deep: made, not stored.
pub fn large() -> Vec<Vec<u8>> {
    let nested = |open: &str, close: &str, depth| {
        let (open, close) = (open.repeat(depth), close.repeat(depth));
        format!(r#"{{"deep":{open}0{close},"log":"disk sda1 is full"}}"#)
    };
    let text = r#"a \"long\" line \u00e9 \ud83d\ude00 with user=ada from 10.0.0.1 "#;
    let long = |bytes: usize| text.repeat(bytes / text.len());
    let members = |count| -> String { (0..count).map(|n| format!("\"key-{n}\":{n},")).collect() };
    [
        nested("[", "]", 10_000),
        nested(r#"{"a":"#, "}", 10_000),
        nested(r#"[{"log":"#, "}]", 5_000),
        // Around the sizes at which Fluent Bit's own heap, a page and 64 KiB end.
        format!(r#"{{"log":"{}"}}"#, long(8_000)),
        format!(r#"{{"log":"{}"}}"#, long(65_536)),
        format!(r#"{{"log":"{}"}}"#, long(70_000)),
        format!(r#"{{"log":"{}","triage":"{}"}}"#, long(500_000), long(500_000)),
        format!(r#"{{"other":"{}","log":"upload of file 7 failed"}}"#, long(5_000_000)),
        format!(r#"{{{}"log":"job 7 ended"}}"#, members(50_000)),
        format!(r#"{{"log":{}}}"#, "9".repeat(300)),
        format!(r#"{{"log":"{}"}}"#, "\\\\".repeat(100_000)),
        format!(r#"{{"log":"{}"}}"#, "\\u0041".repeat(50_000)),
        format!(r#"{{"{}":1,"log":"a long key"}}"#, "k".repeat(100_000)),
        format!(r#"{{"log":"{}"}}"#, "(".repeat(50_000)),
        format!(r#"{{"log":"{}"}}"#, "a ".repeat(50_000)),
        format!(r#"{{"log":"{}"}}"#, "1.2.3.4:5/".repeat(10_000)),
    ]
    .map(String::into_bytes)
    .into()
}

/// The whole corpus of records that are JSON objects.
pub fn all() -> Vec<Vec<u8>> {
    awkward().chain(ordinary()).map(<[u8]>::to_vec).chain(large()).collect()
}

/// Messages: ordinary ones, with pieces taken out or put in, and noise.
pub fn message() -> impl Strategy<Value = Vec<u8>> {
    let ordinary: Vec<_> = ordinary().map(<[u8]>::to_vec).collect();
    let pieces = prop::sample::select(vec![
        "Failed password for root from 203.0.113.7 port 4711 ssh2",
        "GET /healthz HTTP/1.1\" 200 2",
        "panic: runtime error",
        "Out of memory: Killed process 4711 (java)",
        "job 42 failed",
        "user ada logged in",
        "disk /dev/sda1 at 91%",
        "is deprecated",
        "=",
        ": ",
        "\"",
        "<num>",
        "é",
        "\u{fffd}",
        "\t",
        " ",
        "[",
        "0x7f",
        "10.0.0.1",
    ]);
    let words = prop::collection::vec(pieces, 0..6).prop_map(|words| words.concat().into_bytes());
    let damaged = (prop::sample::select(ordinary), any::<prop::sample::Index>(), 0usize..20)
        .prop_map(|(mut line, place, length)| {
            let place = place.index(line.len());
            line.drain(place..(place + length).min(line.len()));
            line
        });
    prop_oneof![3 => words, 3 => damaged, 1 => prop::collection::vec(any::<u8>(), 0..60)]
}

/// A record as a host makes it of a message.
pub fn record_of(message: &[u8], source: Option<&str>) -> Vec<u8> {
    let message = String::from_utf8_lossy(message);
    let record = serde_json::json!({ "time": 1795157011.5, "log": message, "source": source });
    record.to_string().into_bytes()
}
