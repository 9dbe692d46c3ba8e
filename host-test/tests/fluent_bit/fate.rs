//! What becomes of a record in a pipeline, as Fluent Bit's filters decide it.

use regex::Regex;
use serde_json::Value;

use crate::config::{Pipeline, Plugin};

/// The tags under which `record` reaches an output; empty if it is dropped. The `wasm` filter is
/// taken to leave the record as it is: what it may answer is what `record` stands for.
pub fn tags_out(pipeline: &Pipeline, tag: &str, record: &Value) -> Vec<String> {
    for filter in pipeline.all_filters() {
        if !matches(filter.get("match").unwrap_or("*"), tag) {
            continue;
        }
        match filter.name() {
            "wasm" | "kubernetes" => {}
            "log_to_metrics" => assert!(!filter.is_on("discard_logs"), "it would drop every event"),
            "grep" if grep_drops(filter, record) => return Vec::new(),
            "grep" => {}
            "rewrite_tag" => {
                let Some((new_tag, keeps)) = rewritten(filter, tag, record) else { continue };
                let mut tags = tags_out(pipeline, &new_tag, record);
                if !keeps {
                    return tags;
                }
                tags.extend(routed(pipeline, tag));
                return tags;
            }
            other => panic!("say here what the filter {other} does"),
        }
    }
    routed(pipeline, tag)
}

fn routed(pipeline: &Pipeline, tag: &str) -> Vec<String> {
    let reached = |output: &&Plugin| {
        output.name() != "null" && matches(output.get("match").expect("an output matches"), tag)
    };
    pipeline.outputs.iter().filter(reached).map(|_| tag.to_owned()).collect()
}

/// Patterns here are a tag, or its beginning and `*`.
fn matches(pattern: &str, tag: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => tag.starts_with(start),
        None => tag == pattern,
    }
}

fn grep_drops(filter: &Plugin, record: &Value) -> bool {
    assert_eq!(filter.get("regex"), None, "it would drop what it does not name");
    let excluded = |condition: &str| {
        let (key, pattern) = condition.split_once(' ').expect("a key and a pattern");
        holds(key, pattern, record)
    };
    let mut conditions = filter.all("exclude");
    match filter.get("logical_op") {
        Some("and") => conditions.all(excluded),
        None | Some("or" | "legacy") => conditions.any(excluded),
        Some(other) => panic!("grep does not know {other}"),
    }
}

/// The new tag, and whether the record stays under its old one, too.
fn rewritten(filter: &Plugin, tag: &str, record: &Value) -> Option<(String, bool)> {
    filter.all("rule").find_map(|rule| {
        let parts: Vec<&str> = rule.split_whitespace().collect();
        let [key, pattern, new_tag, keeps] = parts[..] else {
            panic!("a rule has four parts: {rule}")
        };
        holds(key, pattern, record).then(|| (new_tag.replace("$TAG", tag), keeps == "true"))
    })
}

/// Whether the value at `key`, as in `$triage['label']`, is a string that the pattern matches.
fn holds(key: &str, pattern: &str, record: &Value) -> bool {
    let path = key.trim_start_matches('$').split("['").map(|part| part.trim_end_matches("']"));
    let value = path.fold(record, |value, name| &value[name]);
    let pattern = Regex::new(pattern).expect("a regular expression");
    value.as_str().is_some_and(|text| pattern.is_match(text))
}
