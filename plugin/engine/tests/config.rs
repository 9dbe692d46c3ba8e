//! The config: what it takes, its defaults, and errors that say where.

mod support;

use std::sync::Arc;

use logtriage_engine::{
    Confidence, Config, DEFAULT_MESSAGE_KEYS, DEFAULT_SOURCE_KEYS, Field, Labels, Limits,
    MAX_CACHE_SIZE, Model, ModelSource, OnExisting, Onnx, Price, Reasoning, RuleSource, Rules,
    Setup, Share, TextError, Threshold, Timeouts,
};
use proptest::prelude::*;

fn parse(text: &str) -> Config {
    Config::parse("logtriage.toml", text.as_bytes()).expect(text)
}

fn refused(text: &str) -> TextError {
    Config::parse("logtriage.toml", text.as_bytes()).expect_err(text)
}

#[test]
fn the_defaults_are_the_documented_ones() {
    for config in [Config::default(), parse(""), parse("# nothing\n[thresholds]\n")] {
        assert_eq!(config.message_keys, ["message", "log", "MESSAGE", "msg", "body"]);
        assert_eq!(config.source_keys, ["source", "service", "kubernetes.container_name"]);
        assert_eq!(config.output_key, "triage");
        assert_eq!(config.on_existing, OnExisting::Replace);
        assert_eq!(config.fields, []);
        assert_eq!(config.rules, [RuleSource::Builtin]);
        assert_eq!(config.model, ModelSource::Builtin);
        assert_eq!(config.cache_size, 16_384);
        assert_eq!(config.max_new_templates_per_second, None);
        assert_eq!(config.reasoning, None);
    }
    assert_eq!(parse(""), Config::default());
    assert_eq!((DEFAULT_MESSAGE_KEYS.len(), DEFAULT_SOURCE_KEYS.len()), (5, 3));
}

#[test]
fn every_key_of_the_reasoning_tier_is_read() {
    let config = parse(
        r#"
[reasoning]
state_dir = "kept"
share = "message"
base_url = "https://llm.example/v1"
model = "m"
api_key_env = "KEY"
api_key_file = "key"
prompt = "prompt.md"
templates_per_request = 100
examples = 0
neighbours = 20
max_answer_tokens = 0
[reasoning.limits]
requests_per_minute = 1
concurrent_requests = 64
templates_per_day = 2
tokens_per_day = 3
[reasoning.timeouts]
connect = 1
first_byte = 2
total = 3600
[reasoning.price]
input = 1
output = 2.5
[reasoning.labels]
"My Label" = "what it means"
"#,
    );
    let expected = Reasoning {
        state_dir: "kept".to_owned(),
        share: Share::Message,
        base_url: "https://llm.example/v1".to_owned(),
        model: "m".to_owned(),
        api_key_env: Some("KEY".to_owned()),
        api_key_file: Some("key".to_owned()),
        prompt: Some("prompt.md".to_owned()),
        templates_per_request: 100,
        examples: 0,
        neighbours: 20,
        max_answer_tokens: 0,
        limits: Limits {
            requests_per_minute: 1,
            concurrent_requests: 64,
            templates_per_day: 2,
            tokens_per_day: 3,
        },
        timeouts: Timeouts { connect: 1, first_byte: 2, total: 3600 },
        price: Price { input: 1.0, output: 2.5 },
        labels: [("My Label".to_owned(), "what it means".to_owned())].into(),
    };
    assert_eq!(config.reasoning, Some(expected));
}

#[test]
fn every_key_is_read() {
    let config = parse(
        r#"
message_keys = ["text", "a.b"]
source_keys = []
output_key = "my-label_1.x@y"
on_existing = "keep"
fields = ["group", "candidates", "template", "pending", "reason", "by", "rule"]
rules = ["mine.toml", "builtin"]
model = "bundle"
cache_size = 1
max_new_templates_per_second = 500
[thresholds]
"Security Alert" = 0.9
"User Action" = "never"
Error = 1
"HTTP Status" = 0.0
[reasoning]
state_dir = "kept"
"#,
    );
    assert_eq!(config.message_keys, ["text", "a.b"]);
    assert!(config.source_keys.is_empty());
    assert_eq!(config.output_key, "my-label_1.x@y");
    assert_eq!(config.on_existing, OnExisting::Keep);
    let names: Vec<_> = config.fields.iter().map(|field| field.name()).collect();
    assert_eq!(names, ["group", "candidates", "template", "pending", "reason", "by", "rule"]);
    assert_eq!(config.rules, [RuleSource::File("mine.toml".to_owned()), RuleSource::Builtin]);
    assert_eq!(config.model, ModelSource::Directory("bundle".to_owned()));
    assert_eq!((config.cache_size, config.max_new_templates_per_second), (1, Some(500)));
    let reasoning = config.reasoning.as_ref().expect("[reasoning]");
    assert_eq!(reasoning.state_dir, "kept");
    assert_eq!(parse("[reasoning]").reasoning, Some(Reasoning::default()));

    let labels = Labels::default();
    let given = [Threshold::At(Confidence::from_probability(0.5)); 9];
    let thresholds = config.thresholds(&labels, &given).expect("thresholds");
    let of = |name: &str| thresholds[usize::from(labels.find(name).expect(name).0)];
    let at = |least| Threshold::At(Confidence::from_probability(least));
    assert_eq!(of("Security Alert"), at(0.9));
    assert_eq!(of("User Action"), Threshold::Never);
    assert_eq!(of("Error"), at(1.0));
    assert_eq!(of("HTTP Status"), at(0.0));
    assert_eq!(of("Workflow Error"), at(0.5));
}

#[test]
fn every_key_of_the_semantic_tier_is_read() {
    for none in ["", "[semantic]", "[semantic]\nembedder = \"static\""] {
        assert_eq!(parse(none).onnx, None);
    }
    let least = Onnx { model: None, tokenizer: None, runtime: None, threads: 1 };
    let text = "model = \"bundle\"\n[semantic]\nembedder = \"onnx\"";
    assert_eq!(parse(text).onnx, Some(least));
    let all = Onnx {
        model: Some("m.onnx".to_owned()),
        tokenizer: Some("t.json".to_owned()),
        runtime: Some("libonnxruntime.so".to_owned()),
        threads: 4,
    };
    let keys = "onnx = \"m.onnx\"\ntokenizer = \"t.json\"\nruntime = \"libonnxruntime.so\"";
    assert_eq!(parse(&format!("{text}\n{keys}\nthreads = 4")).onnx, Some(all));
}

#[test]
fn field_names_are_those_of_the_config() {
    for (name, field) in Field::ALL {
        assert_eq!(field.name(), name);
        assert_eq!(parse(&format!("fields = [\"{name}\"]")).fields, [field]);
    }
}

#[test]
fn more_keys_than_can_be_found_are_refused() {
    let keys = |count: usize| {
        let list: Vec<String> = (0..count).map(|n| format!("\"k{n}\"")).collect();
        format!("\nmessage_keys = [{}]\nsource_keys = [\"a.b\"]", list.join(","))
    };
    // A dotted key counts twice: for itself, and for the object that it may lead into.
    assert!(Config::parse("c", keys(30).as_bytes()).is_ok());
    let error = Config::parse("c", keys(31).as_bytes()).expect_err("too many");
    assert_eq!((error.line, error.column), (3, 15), "{error}");
    assert!(error.message.contains("more than 32 keys"), "{error}");
}

#[test]
fn every_error_says_where_and_what() {
    let cases = [
        ("  unknown = 1", 1, 3, "unknown field `unknown`, expected one of `message_keys`"),
        ("[unknown]", 1, 2, "unknown field `unknown`"),
        ("\nmessage_keys = []", 2, 16, "no event would have a message"),
        ("message_keys = [\"a\", \"\"]", 1, 16, "message_keys holds an empty key"),
        ("message_keys = \"a\"", 1, 16, "expected a list in square brackets"),
        ("message_keys = [\"a\", 7]", 1, 22, "expected a string"),
        ("source_keys = [\"\"]", 1, 15, "source_keys holds an empty key"),
        ("output_key = \"\"", 1, 14, "output_key takes 1 to 64"),
        ("output_key = \"a b\"", 1, 14, "output_key takes 1 to 64"),
        ("output_key = \"a\\\"b\"", 1, 14, "output_key takes 1 to 64"),
        ("output_key = \"é\"", 1, 14, "output_key takes 1 to 64"),
        ("output_key = \"log\"", 1, 14, "takes the place of the event's \"log\""),
        (
            "source_keys = [\"x\"]\noutput_key = \"x\"",
            2,
            14,
            "takes the place of the event's \"x\"",
        ),
        ("message_keys = [\"triage.a\"]", 1, 1, "takes the place of the event's \"triage.a\""),
        ("\non_existing = \"drop\"", 2, 15, "expected `replace` or `keep`"),
        ("fields = [\"template\",\n \"nope\"]", 2, 2, "unknown variant `nope`, expected one of"),
        ("fields = [\"rule\", \"by\", \"rule\"]", 1, 10, "fields names \"rule\" twice"),
        ("rules = 7", 1, 9, "a file name, \"builtin\", or a list of these"),
        ("rules = [\"a\", 7]", 1, 9, "a file name, \"builtin\", or a list of these"),
        ("rules = \"\"", 1, 9, "rules holds an empty file name"),
        ("model = \"\"", 1, 9, "model is an empty directory name"),
        ("model = 1", 1, 9, "expected a string"),
        ("\n[semantic]\nembedder = \"bert\"", 3, 12, "expected `static` or `onnx`"),
        ("[semantic]\nmodel = \"m\"", 2, 1, "unknown field `model`"),
        ("[semantic]\nembedder = \"onnx\"", 2, 12, "takes a model of its own: write model = "),
        ("[semantic]\nonnx = \"m.onnx\"", 2, 8, "onnx is for embedder = \"onnx\" alone"),
        ("[semantic]\nthreads = 2", 2, 11, "threads is for embedder = \"onnx\" alone"),
        ("[semantic]\nruntime = \"\"", 2, 11, "runtime is an empty file name"),
        (
            "model = \"m\"\n[semantic]\nembedder = \"onnx\"\nthreads = 65",
            4,
            11,
            "threads is 65; it takes 1 to 64",
        ),
        ("cache_size = 0", 1, 14, "cache_size is 0; it takes 1 to 1048576"),
        ("cache_size = 1048577", 1, 14, "cache_size is 1048577; it takes 1 to 1048576"),
        ("cache_size = -1", 1, 14, "invalid value"),
        ("cache_size = 1.5", 1, 14, "invalid type"),
        ("max_new_templates_per_second = -1", 1, 32, "invalid value"),
        ("max_new_templates_per_second = 4294967296", 1, 32, "invalid value"),
        ("thresholds = 1", 1, 14, "invalid type"),
        ("[thresholds]\nError = 1.1", 2, 9, "\"Error\" takes a number from 0 to 1, or \"never\""),
        ("[thresholds]\nError = -0.1", 2, 9, "takes a number from 0 to 1, or \"never\""),
        ("[thresholds]\nError = 2", 2, 9, "takes a number from 0 to 1, or \"never\""),
        ("[thresholds]\nError = nan", 2, 9, "takes a number from 0 to 1, or \"never\""),
        ("[thresholds]\nError = inf", 2, 9, "takes a number from 0 to 1, or \"never\""),
        ("[thresholds]\nError = \"Never\"", 2, 9, "takes a number from 0 to 1, or \"never\""),
        ("[thresholds]\nError = [1]", 2, 9, "a number from 0 to 1, or \"never\""),
        ("[reasoning]\nurl = \"x\"", 2, 1, "unknown field `url`"),
        ("[reasoning]\nshare = \"all\"", 2, 9, "expected `template` or `message`"),
        ("[reasoning]\napi_key = \"sk-1\"", 2, 1, "unknown field `api_key`"),
        ("[reasoning]\ntemplates_per_request = 0", 2, 25, "is 0; it takes 1 to 100"),
        ("[reasoning]\nneighbours = 21", 2, 14, "is 21; it takes 0 to 20"),
        ("[reasoning]\ntemplates_per_request = -1", 2, 25, "is -1; it takes 1 to 100"),
        ("[reasoning.limits]\nrequests_per_minute = 0", 2, 23, "it takes 1 to 4294967295"),
        ("[reasoning.limits]\nconcurrent_requests = 65", 2, 23, "is 65; it takes 1 to 64"),
        ("[reasoning.timeouts]\ntotal = 9999", 2, 9, "is 9999; it takes 1 to 3600"),
        ("[reasoning.price]\ninput = -0.1", 2, 9, "is -0.1; it takes 0 to 1000000"),
        ("[reasoning.price]\noutput = nan", 2, 10, "is NaN; it takes 0 to 1000000"),
        ("[reasoning.labels]\nError = 1", 2, 9, "expected a string"),
        ("[reasoning]\nstate_dir = 1", 2, 13, "expected a string"),
        ("cache_size = 1\ncache_size = 2", 2, 1, "duplicate key"),
        ("cache_size", 1, 11, "expected `=`"),
        ("a = \"é\" b", 1, 9, ""),
    ];
    for (text, line, column, message) in cases {
        let error = refused(text);
        assert_eq!((error.line, error.column), (line, column), "{text}\n{error}");
        assert!(error.message.contains(message), "{text}\n{error}");
        assert!(error.to_string().starts_with(&format!("logtriage.toml:{line}:{column}: ")));
    }
    assert_eq!(MAX_CACHE_SIZE, 1_048_576);
    assert_eq!(parse("cache_size = 1048576").cache_size, MAX_CACHE_SIZE);
}

#[test]
fn a_threshold_needs_a_label_of_the_model() {
    let config = parse("[thresholds]\nError = 0.5\n  \"Eror\" = 0.5\n");
    let model = Arc::new(Model::builtin().expect("the built-in model"));
    let error = Setup::new(&config, Rules::none(), model).expect_err("an unknown label");
    assert_eq!((error.line, error.column), (3, 3));
    assert!(error.message.starts_with("threshold for unknown label \"Eror\"; "), "{error}");
    assert!(error.message.contains("HTTP Status, Security Alert"), "{error}");
}

#[test]
fn bytes_that_are_not_utf8_are_named() {
    let error = Config::parse("c", b"# \xc3\xa9\nmodel = '\xc3'").expect_err("not UTF-8");
    assert_eq!((error.line, error.column), (2, 10));
    assert!(error.message.contains("not UTF-8"), "{error}");
}

#[test]
fn a_byte_order_mark_and_crlf_are_fine() {
    assert_eq!(parse("\u{feff}cache_size = 7\r\nmodel = \"m\"\r\n").cache_size, 7);
    let error = refused("\u{feff}cache_size = 7\r\n\r\ncache_size = 0\r\n");
    assert_eq!((error.line, error.column), (3, 1));
}

#[test]
fn no_nesting_overflows() {
    let deep = 100_000;
    for text in [
        format!("x = {}", "[".repeat(deep)),
        format!("x = {}1{}", "{a=".repeat(deep), "}".repeat(deep)),
        format!("{}a = 1", "a.".repeat(deep)),
        format!("[{}a]", "a.".repeat(deep)),
        format!("[thresholds]\nx = {}{}", "[".repeat(60), "]".repeat(60)),
    ] {
        refused(&text);
    }
}

/// What a config is made of, in any order.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "message_keys = ", "source_keys = ", "output_key = ", "on_existing = ", "fields = ",
            "rules = ", "model = ", "cache_size = ", "max_new_templates_per_second = ",
            "[thresholds]\n", "[reasoning]\n", "Error = ", "\"never\"", "\"template\"", "\"builtin\"",
            "[\"a\"]", "[", "]", "{", "}", "\"", "'", "\\", ",", ".", "=", "\n", "\n", "\n", "#",
            "\r", "\0", "é", "\u{feff}", "1", "0.5", "-1", "nan", "true", "99999999999999999999",
        ])
        .prop_map(str::to_owned),
        1 => "[ -~]{0,6}",
    ]
}

proptest! {
    #![proptest_config(support::config(1500))]

    #[test]
    fn arbitrary_text_never_panics(pieces in prop::collection::vec(piece(), 0..30)) {
        let text = pieces.concat();
        if let Err(error) = Config::parse("c", text.as_bytes()) {
            prop_assert!((1..=text.matches('\n').count() + 1).contains(&error.line), "{}", error);
            prop_assert!(error.column >= 1 && !error.message.is_empty(), "{}", error);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = Config::parse("c", &bytes);
    }
}
