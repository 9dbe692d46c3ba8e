//! The answer is only data: it names an allowed label for a template that was asked about, or it is
//! none.

use std::collections::BTreeMap;

use logtriage_engine::{LabelId, Labels, UNCLASSIFIED, redact};
use logtriage_files::is_active;
use serde_json::{Deserializer, Value};

/// A reason may be this long, in characters.
const LONGEST_REASON: usize = 240;

/// Places in an answer where JSON is looked for.
const PLACES: usize = 64;

/// What an answer says of one template.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// A label, and why.
    Label(LabelId, String),
    /// That it cannot tell, and why.
    Declined(String),
    /// Nothing that can be used: what is wrong with it.
    Wrong(String),
}

/// What `content` says of the template of each id.
///
/// Ids are made at random for each request, so that no log line can know one and answer for
/// another.
pub fn read(content: &str, ids: &[String], labels: &Labels) -> Vec<Said> {
    let entries = entries(content);
    let missing = match entries.is_empty() {
        true => "the answer holds no JSON object with verdicts",
        false => "there is no verdict for this id",
    };
    let mut said: BTreeMap<&str, Said> = BTreeMap::new();
    for entry in &entries {
        let Some(id) = ids.iter().find(|id| entry["id"] == **id) else { continue };
        let new = verdict(entry, labels);
        match said.get(id.as_str()) {
            Some(Said::Label(label, _)) if matches!(&new, Said::Label(l, _) if l == label) => {}
            Some(Said::Declined(_)) if matches!(new, Said::Declined(_)) => {}
            Some(_) => {
                said.insert(id, Said::Wrong("there are several verdicts for this id".to_owned()));
            }
            None => {
                said.insert(id, new);
            }
        }
    }
    let of = |id: &String| said.remove(id.as_str());
    ids.iter().map(of).map(|said| said.unwrap_or_else(|| Said::Wrong(missing.to_owned()))).collect()
}

fn verdict(entry: &Value, labels: &Labels) -> Said {
    let Some(label) = entry["label"].as_str() else {
        return Said::Wrong("its label is no string".to_owned());
    };
    let reason = match reason(&entry["reason"]) {
        Ok(reason) => reason,
        Err(wrong) => return Said::Wrong(wrong.to_owned()),
    };
    let label = label.trim();
    if label.eq_ignore_ascii_case(UNCLASSIFIED) {
        return Said::Declined(reason);
    }
    let known = labels.names().find(|name| name.eq_ignore_ascii_case(label));
    match known.and_then(|name| labels.find(name)) {
        Some(label) => Said::Label(label, reason),
        None => Said::Wrong("its label is none of the labels".to_owned()),
    }
}

/// One short line of printable text; none is fine.
fn reason(value: &Value) -> Result<String, &'static str> {
    let text = match value {
        Value::Null => "",
        Value::String(text) => text,
        _ => return Err("its reason is no string"),
    };
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().any(is_active) {
        return Err("its reason holds characters that cannot be printed");
    }
    if line.chars().count() > LONGEST_REASON {
        return Err("its reason is too long");
    }
    Ok(redact(&line).into_owned())
}

/// Everything in the answer that may be a verdict: the answer itself where it is JSON, else the
/// objects in what is written around them. What was thought before is passed over.
fn entries(content: &str) -> Vec<Value> {
    let content = content.rsplit_once("</think>").map_or(content, |(_, answer)| answer).trim();
    if let Ok(whole) = serde_json::from_str(content) {
        return verdicts_in(whole);
    }
    let mut entries = Vec::new();
    let mut rest = content;
    for _ in 0..PLACES {
        let Some(start) = rest.find('{') else { break };
        rest = rest.get(start..).unwrap_or_default();
        let mut values = Deserializer::from_str(rest).into_iter::<Value>();
        let read = match values.next() {
            Some(Ok(value)) => {
                entries.extend(verdicts_in(value));
                values.byte_offset()
            }
            _ => 1,
        };
        rest = rest.get(read..).unwrap_or_default();
    }
    entries
}

fn verdicts_in(value: Value) -> Vec<Value> {
    match value {
        Value::Array(entries) => entries,
        Value::Object(mut object) => match object.remove("verdicts") {
            Some(Value::Array(entries)) => entries,
            Some(_) => Vec::new(),
            None => vec![Value::Object(object)],
        },
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(content: &str) -> Vec<Said> {
        let ids = ["ab", "cd"].map(str::to_owned);
        read(content, &ids, &Labels::default())
    }

    fn label(name: &str, reason: &str) -> Said {
        Said::Label(Labels::default().find(name).expect("a label"), reason.to_owned())
    }

    const BOTH: &str = r#"{"verdicts":[{"id":"ab","label":"Error","reason":"failed"},
        {"id":"cd","label":"unclassified","reason":""}]}"#;

    #[test]
    fn a_good_answer_is_read_in_any_wrapping() {
        let both = [label("Error", "failed"), Said::Declined(String::new())];
        let list = BOTH.replacen("{\"verdicts\":", "", 1);
        for content in [
            BOTH.to_owned(),
            format!("```json\n{BOTH}\n```"),
            format!("Sure! Here it is:\n{BOTH}\nAnything else?"),
            format!("<think>{{\"verdicts\":[]}} hm</think>{BOTH}"),
            format!("{{not json {BOTH}"),
            list.trim_end_matches('}').to_owned(),
        ] {
            assert_eq!(said(&content), both, "{content}");
        }
    }

    #[test]
    fn what_is_no_verdict_is_told() {
        let one = |entry: &str| said(&format!("{{\"verdicts\":[{entry}]}}")).remove(0);
        let long = "x".repeat(241);
        for entry in [
            r#"{"id":"ab","label":"Fine"}"#,
            r#"{"id":"ab","label":7}"#,
            r#"{"id":"ab"}"#,
            r#"{"id":"zz","label":"Error"}"#,
            r#"{"id":"ab","label":"Error","reason":["x"]}"#,
            r#"{"id":"ab","label":"Error","reason":"a\u001b[2J"}"#,
            r#"{"id":"ab","label":"Error","reason":"\u202e"}"#,
            &format!(r#"{{"id":"ab","label":"Error","reason":"{long}"}}"#),
            r#"{"id":"ab","label":"Error"},{"id":"ab","label":"User Action"}"#,
            r#"{"id":"ab","label":"Error"},{"id":"ab","label":"Unclassified"}"#,
            "7",
        ] {
            assert!(matches!(one(entry), Said::Wrong(_)), "{entry}: {:?}", one(entry));
        }
        assert_eq!(one(r#"{"id":"ab","label":" error ","reason":"a\n b"}"#), label("Error", "a b"));
        assert_eq!(one(r#"{"id":"ab","label":"Error"}"#), label("Error", ""));
    }

    #[test]
    fn any_text_is_read_in_time() {
        let brackets = "{".repeat(200_000);
        for content in ["", "null", "[]", "{}", &brackets, &"[".repeat(200_000), "\u{0}"] {
            assert!(said(content).iter().all(|said| matches!(said, Said::Wrong(_))));
        }
    }
}
