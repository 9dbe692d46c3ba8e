//! What a request asks a server for beside the answer: servers differ in what they take.

use logtriage_engine::{Labels, UNCLASSIFIED};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A request's form. It begins with the strictest one, and gives up what a server refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// How the answer's form is asked for.
    pub output: Output,
    /// Whether temperature 0 is asked for: some models take none.
    pub temperature: bool,
    /// How the answer's length is limited.
    pub limit: Limit,
}

/// How the answer's form is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// By a JSON schema that names the ids and labels.
    JsonSchema,
    /// As some JSON object.
    JsonObject,
    /// By the prompt alone.
    Plain,
}

/// How the answer's length is limited: newer models have another name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// `max_tokens`.
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
    /// Not at all.
    None,
}

impl Default for Form {
    fn default() -> Self {
        Self { output: Output::JsonSchema, temperature: true, limit: Limit::MaxTokens }
    }
}

impl Form {
    /// The next form to try after a refusal: without what the server's complaint names, else with
    /// less structure. `None` where there is nothing left to give up.
    pub fn after_refusal(self, complaint: &str) -> Option<Self> {
        let complains = |of: &[&str]| of.iter().any(|word| complaint.contains(word));
        if self.temperature && complains(&["temperature"]) {
            return Some(Self { temperature: false, ..self });
        }
        if self.limit != Limit::None && complains(&["max_tokens", "max_completion_tokens"]) {
            let limit = match self.limit {
                Limit::MaxTokens => Limit::MaxCompletionTokens,
                Limit::MaxCompletionTokens | Limit::None => Limit::None,
            };
            return Some(Self { limit, ..self });
        }
        match self.output {
            Output::JsonSchema => Some(Self { output: Output::JsonObject, ..self }),
            Output::JsonObject => Some(Self { output: Output::Plain, ..self }),
            Output::Plain if self.temperature || self.limit != Limit::None => {
                Some(Self { temperature: false, limit: Limit::None, ..self })
            }
            Output::Plain => None,
        }
    }

    /// The body of a request.
    pub fn body(
        self,
        model: &str,
        system: &str,
        user: &str,
        max_tokens: u32,
        (ids, labels): (&[String], &Labels),
    ) -> Value {
        let mut body = json!({
            "model": model,
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": user},
            ],
            "stream": false,
        });
        if self.temperature {
            body["temperature"] = json!(0);
        }
        match self.limit {
            Limit::MaxTokens if max_tokens > 0 => body["max_tokens"] = json!(max_tokens),
            Limit::MaxCompletionTokens if max_tokens > 0 => {
                body["max_completion_tokens"] = json!(max_tokens);
            }
            _ => {}
        }
        match self.output {
            Output::JsonSchema => body["response_format"] = schema(ids, labels),
            Output::JsonObject => body["response_format"] = json!({"type": "json_object"}),
            Output::Plain => {}
        }
        body
    }
}

fn schema(ids: &[String], labels: &Labels) -> Value {
    let labels: Vec<_> = labels.names().chain([UNCLASSIFIED]).collect();
    let verdict = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["id", "label", "reason"],
        "properties": {
            "id": {"type": "string", "enum": ids},
            "label": {"type": "string", "enum": labels},
            "reason": {"type": "string"},
        },
    });
    let schema = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["verdicts"],
        "properties": {"verdicts": {"type": "array", "items": verdict}},
    });
    json!({
        "type": "json_schema",
        "json_schema": {"name": "verdicts", "strict": true, "schema": schema},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_gives_up_what_is_complained_of() {
        let form = Form::default();
        let after =
            |form: Form, complaint| form.after_refusal(complaint).expect("something is left");
        assert!(!after(form, "'temperature' is not supported").temperature);
        let limit = after(form, "use 'max_completion_tokens' instead of 'max_tokens'");
        assert_eq!(limit.limit, Limit::MaxCompletionTokens);
        assert_eq!(after(limit, "max_completion_tokens is unknown").limit, Limit::None);
        assert_eq!(after(form, "response_format").output, Output::JsonObject);
        assert_eq!(after(form, "").output, Output::JsonObject);
    }

    #[test]
    fn nothing_is_given_up_for_ever() {
        for complaint in ["", "temperature", "max_tokens", "json_schema"] {
            let mut forms = vec![Form::default()];
            while let Some(next) = forms.last().and_then(|form| form.after_refusal(complaint)) {
                assert!(!forms.contains(&next), "{forms:?} {next:?}");
                forms.push(next);
            }
            let last = forms.last().expect("one at least");
            assert!(last.output == Output::Plain && !last.temperature && last.limit == Limit::None);
        }
    }
}
