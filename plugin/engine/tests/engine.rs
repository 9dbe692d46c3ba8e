//! The engine: outcomes that depend on the event alone, tiers in their order, the pending queue,
//! and counts that add up.
//!
//! What the model says of a template is left to the model: where a tier matters here, thresholds of
//! 0 and `never` open and close the semantic one.

mod support;

use std::sync::Arc;

use logtriage_engine::semantic::{MANIFEST, Manifest, Scratch, builtin_parts, seal};
use logtriage_engine::{
    Annotated, BUILTIN_RULES, Confidence, Config, Engine, Event, Field, Kind, Labels, Learned,
    MAX_PENDING, Masker, Model, OFFER_AGAIN_AFTER, Outcome, Rules, Setup, Stats, TemplateId, Tier,
    UNCLASSIFIED, Verdict, read_journal,
};
use proptest::prelude::*;

const RULES: &str = r#"
[[rule]]
id = "disk"
pattern = 'disk full$'
label = "Critical Error"

[[rule]]
id = "db"
pattern = 'slow'
label = "Resource Usage"
source = "db*"
"#;

const ALL_FIELDS: &str =
    r#"fields = ["template", "rule", "by", "reason", "pending", "candidates", "group"]"#;

fn config(text: &str) -> Config {
    Config::parse("logtriage.toml", text.as_bytes()).expect(text)
}

fn setup(text: &str) -> Arc<Setup> {
    let model = Arc::new(Model::builtin().expect("the built-in model"));
    let labels = Labels::new(model.labels().iter().map(String::as_str));
    let rules = Rules::parse(&[("rules.toml", RULES.as_bytes())], &labels).expect("rules");
    Arc::new(Setup::new(&config(text), rules, model).expect("a setup"))
}

/// A config in which every label has this threshold.
fn thresholds(text: &str, threshold: &str) -> String {
    let labels = Labels::default();
    let lines: Vec<_> = labels.names().map(|name| format!("\"{name}\" = {threshold}")).collect();
    format!("{text}\n[thresholds]\n{}", lines.join("\n"))
}

/// An engine whose model is never sure.
fn unsure(text: &str) -> Engine {
    Engine::new(setup(&thresholds(text, "\"never\"")))
}

/// An engine whose model is always sure.
fn sure(text: &str) -> Engine {
    Engine::new(setup(&thresholds(text, "0")))
}

fn event<'e>(message: &'e str, source: Option<&'e str>) -> Event<'e> {
    Event { message: Some(message.as_bytes().into()), source: source.map(Into::into) }
}

fn label<'e>(engine: &'e mut Engine, message: &str) -> Outcome<'e> {
    engine.label(&event(message, None), 0)
}

fn verdict(template: &str, label: &str, by: &str) -> Verdict {
    Verdict {
        template: template.to_owned(),
        label: label.to_owned(),
        by: Some(by.to_owned()),
        reason: Some(format!("says {by}")),
    }
}

fn annotate(engine: &mut Engine, record: &str) -> String {
    let mut out = Vec::new();
    engine.annotate(record.as_bytes(), 0, &mut out);
    String::from_utf8(out).expect("UTF-8")
}

fn template_of(message: &str) -> String {
    Masker::default().mask(message.as_bytes()).to_owned()
}

// Groups

#[test]
fn every_template_has_a_group_where_the_config_asks() {
    let mut engine = sure("fields = [\"group\"]");
    engine.learn(Kind::Person, &[verdict("ada knows", "Error", "ada")]);
    let model = Model::builtin().expect("the built-in model");
    let mut scratch = Scratch::default();
    for (message, tier) in
        [("disk full", Tier::Rule), ("ada knows", Tier::Reviewed), ("started", Tier::Semantic)]
    {
        let group = model
            .predict_with_group(message, &mut scratch)
            .expect("a table")
            .group
            .expect("a group");
        // New, from the cache, and as the shape is known.
        for _ in 0..4 {
            let outcome = label(&mut engine, message);
            assert_eq!((outcome.tier, outcome.group), (tier, model.group_name(group)));
            let record = annotate(&mut engine, &format!(r#"{{"message":"{message}"}}"#));
            let name = model.group_name(group).expect("a name");
            assert!(record.contains(&format!(r#","group":"{name}"}}"#)), "{record}");
        }
        assert_eq!(label(&mut sure(""), message).group, None);
    }
    assert!(label(&mut engine, "disk full").candidates.is_empty());
    assert_eq!(label(&mut engine, "").group, None);
    let stats = engine.stats();
    assert_eq!(stats.cache_hits + stats.cache_misses + 1, stats.events);
}

#[test]
fn a_group_that_was_shed_comes_later() {
    let mut engine = sure("fields = [\"group\"]\nmax_new_templates_per_second = 1");
    label(&mut engine, "started");
    let record = br#"{"message":"disk full"}"#;
    for (now, is_there) in [(0, false), (1, false), (2, false), (1000, true), (1001, true)] {
        let mut out = Vec::new();
        engine.annotate(record, now, &mut out);
        let out = String::from_utf8(out).expect("UTF-8");
        assert!(out.contains("Critical Error"), "{out}");
        assert_eq!(out.contains("group"), is_there, "{out}");
    }
}

#[test]
fn a_group_needs_a_model_with_groups() {
    let mut parts = builtin_parts();
    let manifest = Manifest::parse(&parts[MANIFEST]).expect("a manifest");
    let mut info = manifest.classifier.expect("a classifier");
    info.groups = 0;
    parts = seal(manifest.embedder, Some(info), parts);
    let model = Arc::new(Model::load(parts).expect("a model"));
    let rules = || Rules::parse(&[], &Labels::default()).expect("no rules");
    let error = Setup::new(&config("cache_size = 9\nfields = [\"group\"]"), rules(), model.clone());
    let error = error.expect_err("no groups").to_string();
    assert!(error.starts_with("logtriage.toml:2:10: fields names \"group\""), "{error}");
    assert!(Setup::new(&config(""), rules(), model).is_ok());
}

// Tiers in their order

#[test]
fn a_rule_comes_before_a_person() {
    let mut engine = sure("");
    engine.learn(Kind::Person, &[verdict("disk full", "Error", "ada")]);
    let outcome = label(&mut engine, "disk full");
    assert_eq!((outcome.label, outcome.tier), ("Critical Error", Tier::Rule));
    assert_eq!((outcome.rule, outcome.by, outcome.reason), (Some("disk"), None, None));
    assert_eq!(outcome.confidence.probability(), 1.0);
    assert!(outcome.candidates.is_empty() && !outcome.pending);
}

#[test]
fn a_rule_may_want_a_source() {
    let mut engine = unsure("");
    assert_eq!(engine.label(&event("slow", Some("db-1")), 0).rule, Some("db"));
    assert_eq!(engine.label(&event("slow", Some("web")), 0).tier, Tier::None);
    assert_eq!(engine.label(&event("slow", None), 0).tier, Tier::None);
}

#[test]
fn a_person_comes_before_the_model_and_a_machine_after_it() {
    let (person, machine) = (
        verdict("job <num> ended", "User Action", "ada"),
        verdict("job <num> ended", "Workflow Error", "qwen"),
    );
    for (mut engine, without_person) in [(sure(""), Tier::Semantic), (unsure(""), Tier::Reasoning)]
    {
        let learned = engine.learn(Kind::Machine, std::slice::from_ref(&machine));
        assert_eq!(learned, Learned { taken: 1, refused: 0 });
        let outcome = label(&mut engine, "job 7 ended");
        assert_eq!(outcome.tier, without_person);
        assert!(!outcome.pending);
        if without_person == Tier::Reasoning {
            assert_eq!((outcome.label, outcome.by), ("Workflow Error", Some("qwen")));
            assert_eq!(outcome.reason, Some("says qwen"));
            let best = outcome.candidates.iter().map(|(_, confidence)| *confidence).max();
            assert_eq!(outcome.confidence, best.unwrap_or(Confidence::ZERO));
        }
        engine.learn(Kind::Person, std::slice::from_ref(&person));
        let outcome = label(&mut engine, "job 8 ended");
        assert_eq!((outcome.label, outcome.tier), ("User Action", Tier::Reviewed));
        assert_eq!((outcome.by, outcome.reason), (Some("ada"), Some("says ada")));
        assert_eq!(outcome.confidence.probability(), 1.0);
        // An LLM's later word changes nothing.
        engine.learn(Kind::Machine, std::slice::from_ref(&machine));
        assert_eq!(label(&mut engine, "job 9 ended").tier, Tier::Reviewed);
    }
}

#[test]
fn a_later_verdict_beats_an_earlier_one_of_the_same_kind() {
    for (kind, tier) in [(Kind::Person, Tier::Reviewed), (Kind::Machine, Tier::Reasoning)] {
        let mut engine = unsure("");
        let both = [verdict("a b", "Error", "one"), verdict("a b", "User Action", "two")];
        engine.learn(kind, &both);
        let outcome = label(&mut engine, "a b");
        assert_eq!((outcome.label, outcome.tier, outcome.by), ("User Action", tier, Some("two")));
        engine.learn(kind, &both[..1]);
        assert_eq!(label(&mut engine, "a b").by, Some("one"));
    }
}

#[test]
fn a_verdict_that_cannot_hold_is_refused_and_changes_nothing() {
    let mut engine = unsure("");
    engine.learn(Kind::Machine, &[verdict("a b", "Error", "one")]);
    let refused = [
        verdict("a b", "No Such Label", "two"),
        verdict("a b", UNCLASSIFIED, "two"),
        verdict("a b", "", "two"),
        verdict("", "Error", "two"),
        verdict(" \n\t", "Error", "two"),
    ];
    assert_eq!(engine.learn(Kind::Machine, &refused), Learned { taken: 0, refused: 5 });
    assert_eq!(label(&mut engine, "a b").by, Some("one"));
}

#[test]
fn a_verdicts_template_is_masked_again() {
    let mut engine = unsure("");
    engine.learn(Kind::Person, &[verdict("job 7 of ada@example.com ended", "Error", "ada")]);
    let outcome = label(&mut engine, "job 8 of bob@example.org ended");
    assert_eq!((outcome.label, outcome.tier), ("Error", Tier::Reviewed));
}

#[test]
fn a_verdict_holds_for_its_own_template_only() {
    let mut engine = unsure("");
    engine.learn(Kind::Person, &[verdict("job <num> ended", "Error", "ada")]);
    for other in ["job ended", "job 7 ended well", "Job 7 ended", "job <*> ended"] {
        assert_eq!(label(&mut engine, other).tier, Tier::None, "{other}");
    }
}

// Messages of every kind

#[test]
fn an_event_without_a_message_is_none() {
    let mut engine = sure("");
    let outcome = engine.label(&Event { message: None, source: Some("db".into()) }, 0);
    assert_eq!((outcome.label, outcome.tier), (UNCLASSIFIED, Tier::None));
    assert_eq!((outcome.template_id, outcome.template, outcome.pending), (None, "", false));
    assert_eq!(
        annotate(&mut engine, r#"{"a":1}"#),
        r#"{"a":1,"triage":{"label":"Unclassified","tier":"none","confidence":0}}"#
    );
    let stats = engine.stats();
    assert_eq!((stats.events, stats.no_message, stats.tier(Tier::None)), (2, 2, 2));
    assert_eq!((stats.cache_misses, stats.pending), (0, 0));
}

#[test]
fn an_empty_message_is_none_and_never_pending() {
    for message in ["", " ", "\n\n", "\u{1b}[0m", "\0"] {
        let mut engine = unsure("");
        let outcome = label(&mut engine, message);
        assert_eq!((outcome.label, outcome.tier), (UNCLASSIFIED, Tier::None), "{message:?}");
        assert_eq!((outcome.template, outcome.pending), ("", false), "{message:?}");
        assert_eq!(outcome.template_id, Some(TemplateId::of("")), "{message:?}");
        assert_eq!((engine.stats().pending, engine.stats().cache_misses), (0, 0));
    }
}

#[test]
fn a_trailing_newline_changes_nothing() {
    for end in ["", "\n", "\r\n", " \t\n\n"] {
        let mut engine = unsure("");
        assert_eq!(
            label(&mut engine, &format!("the disk full{end}")).rule,
            Some("disk"),
            "{end:?}"
        );
        assert_eq!(label(&mut engine, &format!("a job{end}")).template, "a job", "{end:?}");
    }
}

#[test]
fn what_is_no_record_passes_unchanged() {
    let mut engine = unsure("");
    for text in ["[1]", "7", "\"a\"", "null", "", "{", "plain", "{\"a\":1}}"] {
        let mut out = b"before".to_vec();
        let annotated = engine.annotate(text.as_bytes(), 0, &mut out);
        assert!(matches!(annotated, Annotated::Passed(_)), "{text}");
        assert_eq!(out, format!("before{text}").into_bytes());
    }
    let stats = engine.stats();
    assert_eq!((stats.not_records, stats.malformed, stats.events), (4, 4, 0));
}

#[test]
fn the_config_says_how_records_are_written() {
    let mut engine = unsure("output_key = \"t.x\"\nfields = [\"rule\", \"template\"]");
    let record = r#"{"message":"disk full","t.x":{"label":"Error"}}"#;
    let id = TemplateId::of("disk full");
    assert_eq!(
        annotate(&mut engine, record),
        format!(
            concat!(
                r#"{{"message":"disk full","t.x_input":{{"label":"Error"}},"t.x":"#,
                r#"{{"label":"Critical Error","tier":"rule","confidence":1,"template_id":"{}","#,
                r#""rule":"disk","template":"disk full"}}}}"#
            ),
            id
        )
    );
    let mut trusting = unsure("on_existing = \"keep\"");
    let record = r#"{"message":"disk full","triage":{"label":"Error"}}"#;
    assert_eq!(annotate(&mut trusting, record), record);
}

/// Text from logs and verdicts reaches the output as ASCII without control characters.
#[test]
fn hostile_text_is_escaped() {
    let hostile = "\u{1b}[2J\u{7}\"}],\\ <script> \u{202e}é😀\u{9b}31m\u{0}\r";
    let mut engine = unsure(ALL_FIELDS);
    let message = format!("beware {hostile}");
    engine.learn(
        Kind::Person,
        &[Verdict {
            template: message.clone(),
            label: "Error".to_owned(),
            by: Some(hostile.to_owned()),
            reason: Some(hostile.to_owned()),
        }],
    );
    let record = serde_json::json!({ "message": message }).to_string();
    let output = annotate(&mut engine, &record);
    let ours = output.strip_prefix(record.strip_suffix('}').expect("an object")).expect("spliced");
    assert!(ours.bytes().all(|b| (b' '..=b'~').contains(&b)), "{ours}");
    let read: serde_json::Value = serde_json::from_str(&output).expect("JSON");
    assert_eq!(read["triage"]["by"], hostile);
    assert_eq!(read["triage"]["reason"], hostile);
    assert_eq!(read["triage"]["template"], template_of(&message));
    assert_eq!(read["triage"]["tier"], "reviewed");
}

// The pending queue

#[test]
fn an_unknown_template_is_queued_once() {
    let mut engine = unsure("");
    for (n, source) in [(1, Some("first")), (2, Some("second")), (3, None)] {
        let message = format!("strange thing {n} happened");
        assert!(engine.label(&event(&message, source), 0).pending);
    }
    label(&mut engine, "another thing");
    let candidates = label(&mut engine, "strange thing 4 happened").candidates.to_vec();
    assert_eq!(engine.stats().pending, 2);
    let pending = engine.take_pending(10, 0);
    let [strange, another] = &pending[..] else { panic!("{pending:?}") };
    assert_eq!(strange.template, "strange thing <num> happened");
    assert_eq!(strange.template_id, TemplateId::of(&strange.template));
    assert_eq!((strange.source.as_deref(), strange.count), (Some("first"), 4));
    assert_eq!(strange.candidates, candidates);
    assert_eq!((another.source.as_deref(), another.count), (None, 1));
    assert_eq!(engine.stats().pending, 0);
    assert!(engine.take_pending(10, 0).is_empty());
}

/// One question, one verdict, whatever the secret was; and the secret goes nowhere.
#[test]
fn what_waits_for_a_verdict_is_redacted() {
    let secret = |word: &str| format!("gateway login with password {word} took 3 ms");
    let template = "gateway login with password <*> took <dur>";
    let mut engine = unsure("");
    for word in ["hunter2", "swordfish"] {
        let source = "bob@example.com";
        let message = secret(word);
        assert!(engine.label(&event(&message, Some(source)), 0).pending);
    }
    let waiting = engine.take_pending(9, 0);
    assert_eq!(waiting.len(), 1);
    assert_eq!((waiting[0].template.as_str(), waiting[0].count), (template, 2));
    assert_eq!(waiting[0].source.as_deref(), Some("<email>"));
    assert_eq!(waiting[0].message, None);
    for learnt in [template, &secret("letmein")] {
        let mut engine = unsure("");
        engine.learn(Kind::Machine, &[verdict(learnt, "Security Alert", "qwen")]);
        let outcome = label(&mut engine, &secret("swordfish"));
        assert_eq!((outcome.label, outcome.tier), ("Security Alert", Tier::Reasoning));
        assert_eq!(outcome.by, Some("qwen"));
    }
}

/// Whose secret nobody looked for before: the model was sure, and the template in the cache.
#[test]
fn a_verdict_holds_for_a_template_that_the_model_was_sure_of() {
    let secret = |word: &str| format!("gateway login with password {word} took 3 ms");
    let mut engine = sure("");
    assert_eq!(label(&mut engine, &secret("hunter2")).tier, Tier::Semantic);
    engine.learn(Kind::Person, &[verdict(&secret("letmein"), "Security Alert", "ana")]);
    for word in ["hunter2", "hunter2", "swordfish"] {
        assert_eq!(label(&mut engine, &secret(word)).by, Some("ana"));
    }
}

#[test]
fn a_message_waits_only_where_the_config_says_so() {
    let mut engine = unsure("[reasoning]\nshare = \"message\"\n");
    let long = format!("kettle 7 boils for bob@example.com {}", "é".repeat(3000));
    label(&mut engine, &long);
    let message = engine.take_pending(1, 0).remove(0).message.expect("it is kept");
    assert!(
        message.starts_with("kettle 7 boils for <email> éé")
            && (2047..=2048).contains(&message.len()),
        "{message}"
    );
}

#[test]
fn a_taken_template_rests_and_is_offered_again() {
    let mut engine = unsure("");
    let mut offered = |now| {
        assert!(engine.label(&event("strange", None), now).pending);
        engine.take_pending(10, now).len()
    };
    assert_eq!(offered(5), 1);
    assert_eq!(offered(6), 0);
    assert_eq!(offered(5 + OFFER_AGAIN_AFTER - 1), 0);
    assert_eq!(offered(5 + OFFER_AGAIN_AFTER), 1);
    assert_eq!(offered(5 + OFFER_AGAIN_AFTER + 1), 0);
    // A clock that runs backwards costs accuracy, nothing else.
    assert_eq!(offered(0), 0);
    assert_eq!(offered(u64::MAX), 1);
}

#[test]
fn a_verdict_settles_what_waits() {
    for kind in [Kind::Person, Kind::Machine] {
        let mut engine = unsure("");
        for message in ["one thing", "two things", "three things"] {
            label(&mut engine, message);
        }
        engine.learn(kind, &[verdict("two things", "Error", "x")]);
        let left: Vec<_> = engine.take_pending(10, 0).into_iter().map(|p| p.template).collect();
        assert_eq!(left, ["one thing", "three things"]);
        assert!(!label(&mut engine, "two things").pending);
    }
}

/// A word for each number, so that each makes a template of its own.
fn word(n: usize) -> String {
    format!("{n:05}").chars().map(|digit| char::from(b'a' + digit as u8 - b'0')).collect()
}

#[test]
fn the_queue_is_bounded_and_says_what_it_let_go() {
    let mut engine = unsure("cache_size = 16");
    for n in 0..MAX_PENDING + 10 {
        let pending = label(&mut engine, &format!("strange {}", word(n))).pending;
        assert_eq!(pending, n < MAX_PENDING);
    }
    let stats = engine.stats();
    assert_eq!((stats.pending, stats.pending_let_go), (MAX_PENDING as u64, 10));
    assert_eq!(stats.cached, 16);
    assert_eq!(engine.take_pending(7, 0).len(), 7);
    assert_eq!(engine.take_pending(usize::MAX, 0).len(), MAX_PENDING - 7);
    assert!(label(&mut engine, &format!("strange {}", word(MAX_PENDING))).pending);
}

#[test]
fn a_long_source_is_cut_between_characters() {
    let mut engine = unsure("");
    let source = "é".repeat(1000);
    engine.label(&event("strange", Some(&source)), 0);
    assert_eq!(engine.take_pending(1, 0)[0].source.as_deref(), Some(&*"é".repeat(128)));
}

// The limit on new templates

#[test]
fn new_templates_beyond_the_limit_are_shed_and_counted() {
    for mut engine in
        [sure("max_new_templates_per_second = 2"), unsure("max_new_templates_per_second = 2")]
    {
        let mut is_shed = |message: &str, now| {
            let before = engine.stats().shed;
            let outcome = engine.label(&event(message, None), now);
            let (tier, pending) = (outcome.tier, outcome.pending);
            let shed = engine.stats().shed - before == 1;
            if shed {
                assert_eq!((tier, pending), (Tier::None, false), "{message}");
            }
            shed
        };
        assert_eq!(
            ["a", "b", "c", "a", "b", "c"].map(|m| is_shed(m, 5)),
            [false, false, true, false, false, true]
        );
        assert!(!is_shed("the disk full", 5), "rules have no limit");
        assert!(is_shed("c", 999));
        assert_eq!(["c", "d", "e"].map(|m| is_shed(m, 1000)), [false, false, true]);
        let stats = engine.stats();
        assert_eq!((stats.shed, stats.cache_misses, stats.cache_hits), (4, 4, 2));
    }
}

#[test]
fn a_storm_costs_no_template_its_verdict() {
    let mut engine = unsure("max_new_templates_per_second = 1");
    engine.learn(Kind::Machine, &[verdict("known", "Error", "qwen")]);
    engine.learn(Kind::Person, &[verdict("reviewed", "Error", "ada")]);
    label(&mut engine, "storm");
    assert_eq!(label(&mut engine, "more storm").tier, Tier::None);
    assert_eq!(label(&mut engine, "known").tier, Tier::Reasoning);
    assert_eq!(label(&mut engine, "reviewed").tier, Tier::Reviewed);
    assert_eq!(engine.stats().shed, 1);
}

// Properties

/// An event of a stream in which templates come again.
#[derive(Clone, Debug)]
struct Sent {
    message: Option<Vec<u8>>,
    source: Option<&'static str>,
}

impl Sent {
    fn event(&self) -> Event<'_> {
        Event {
            message: self.message.as_deref().map(Into::into),
            source: self.source.map(Into::into),
        }
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let word = prop::sample::select(vec![
        "job",
        "ended",
        "slow",
        "disk full",
        "user ada",
        "503",
        "\n",
        "",
    ]);
    let text = prop::collection::vec(word, 0..4).prop_map(|words| words.join(" ").into_bytes());
    let message = prop_oneof![
        6 => text,
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    let source = prop::option::of(prop::sample::select(vec!["db-1", "web", ""]));
    (prop::option::weighted(0.95, message), source)
        .prop_map(|(message, source)| Sent { message, source })
}

fn stream() -> impl Strategy<Value = Vec<Sent>> {
    prop::collection::vec(sent(), 0..40)
}

fn teach(engine: &mut Engine) {
    engine.learn(Kind::Person, &[verdict("job ended", "User Action", "ada")]);
    engine.learn(
        Kind::Machine,
        &[verdict("job", "Error", "qwen"), verdict("job ended", "Error", "qwen")],
    );
}

/// Everything that an outcome says, but for `pending`.
fn said(engine: &mut Engine, sent: &Sent) -> String {
    const FIELDS: [Field; 5] =
        [Field::Template, Field::Rule, Field::By, Field::Reason, Field::Candidates];
    let mut json = Vec::new();
    engine.label(&sent.event(), 0).write_json(&FIELDS, &Labels::default(), &mut json);
    String::from_utf8(json).expect("ASCII")
}

fn engine_like(setup: &Arc<Setup>) -> Engine {
    let mut engine = Engine::new(Arc::clone(setup));
    teach(&mut engine);
    engine
}

/// `asks_always`: for a group the model is asked of what a rule labels, too.
fn check_sums(stats: &Stats, asks_always: bool) -> Result<(), TestCaseError> {
    let none = stats.tier(Tier::None);
    prop_assert_eq!(stats.tiers.iter().sum::<u64>(), stats.events);
    prop_assert_eq!(stats.labels.iter().sum::<u64>() + none, stats.events);
    prop_assert!(stats.no_message + stats.shed <= none);
    let asked = stats.events - if asks_always { 0 } else { stats.tier(Tier::Rule) };
    // An empty message has no template to ask for.
    prop_assert!(stats.cache_hits + stats.cache_misses + stats.shed + stats.no_message <= asked);
    prop_assert!(stats.cached <= stats.cache_misses);
    Ok(())
}

proptest! {
    #![proptest_config(support::config(60))]

    /// The cache never changes an outcome, and neither do the events before.
    #[test]
    fn outcomes_depend_on_the_event_alone(stream in stream()) {
        let alone = setup("");
        let expected: Vec<_> = stream.iter().map(|sent| said(&mut engine_like(&alone), sent)).collect();
        for size in [1, 2, 3, 5, 16_384] {
            let mut engine = engine_like(&setup(&format!("cache_size = {size}")));
            let seen: Vec<_> = stream.iter().map(|sent| said(&mut engine, sent)).collect();
            prop_assert_eq!(&seen, &expected, "cache_size = {}", size);
            prop_assert!(engine.stats().cached <= size);
            let again: Vec<_> = stream.iter().rev().map(|sent| said(&mut engine, sent)).collect();
            prop_assert!(again.iter().eq(expected.iter().rev()), "backwards");
        }
    }

    /// However a stream is shared out among engines, each event gets the same bytes.
    #[test]
    fn batches_and_engines_do_not_matter(
        stream in stream(),
        turns in prop::collection::vec(0usize..3, 40),
    ) {
        let setup = setup("fields = [\"template\", \"rule\", \"by\", \"candidates\", \"group\"]");
        let records: Vec<_> = stream.iter().map(|sent| {
            let message = sent.message.as_deref().map(String::from_utf8_lossy);
            serde_json::json!({ "message": message, "source": sent.source }).to_string()
        }).collect();
        let mut one = engine_like(&setup);
        let mut several = [(); 3].map(|()| engine_like(&setup));
        let mut sum = Stats::default();
        for (record, turn) in records.iter().zip(&turns) {
            prop_assert_eq!(annotate(&mut one, record), annotate(&mut several[*turn], record));
        }
        for engine in &several {
            check_sums(&engine.stats(), true)?;
            sum.add(&engine.stats());
        }
        prop_assert_eq!((sum.tiers, sum.labels), (one.stats().tiers, one.stats().labels));
    }

    #[test]
    fn labelling_twice_changes_nothing(stream in stream()) {
        let mut engine = engine_like(&setup(ALL_FIELDS));
        for sent in &stream {
            let message = sent.message.as_deref().map(String::from_utf8_lossy);
            let record = serde_json::json!({ "message": message, "triage": 7 }).to_string();
            let once = annotate(&mut engine, &record);
            prop_assert_eq!(annotate(&mut engine, &once), once);
        }
    }

    #[test]
    fn counts_add_up(
        stream in prop::collection::vec((sent(), 0u64..3000), 0..60),
        limit in 0u32..4,
        threshold in prop::sample::select(vec!["\"never\"", "0", "0.5"]),
    ) {
        let text = format!("cache_size = 3\nmax_new_templates_per_second = {limit}");
        let mut engine = engine_like(&setup(&thresholds(&text, threshold)));
        for (sent, now) in &stream {
            engine.label(&sent.event(), *now);
        }
        let stats = engine.stats();
        prop_assert_eq!(stats.events, stream.len() as u64);
        prop_assert!(stats.coverage() <= 1.0);
        check_sums(&stats, false)?;
        let waiting: u64 = engine.take_pending(usize::MAX, 0).iter().map(|p| p.count).sum();
        prop_assert!(waiting <= stats.tier(Tier::None));
    }

    #[test]
    fn arbitrary_bytes_pass_unchanged_or_labelled(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut engine = Engine::new(setup(""));
        let mut out = Vec::new();
        if let Annotated::Passed(_) = engine.annotate(&bytes, 0, &mut out) {
            prop_assert_eq!(&out, &bytes);
        }
        engine.label(&Event { message: Some((&bytes).into()), source: None }, 0);
        check_sums(&engine.stats(), false)?;
    }

    #[test]
    fn broken_journals_cost_only_their_broken_lines(lines in prop::collection::vec(line(), 0..12)) {
        let mut journal = lines.join(&b'\n');
        journal.push(b'\n');
        let (verdicts, problems) = read_journal(&journal);
        let good = lines.iter().filter(|line| line.as_slice() == GOOD_LINE.as_bytes()).count();
        prop_assert!(verdicts.len() >= good);
        prop_assert!(verdicts.len() + problems.len() <= journal.split(|b| *b == b'\n').count());
        for problem in &problems {
            let line = journal.split(|b| *b == b'\n').nth(problem.line - 1);
            prop_assert!(line.is_some_and(|line| line != GOOD_LINE.as_bytes()), "{:?}", problem);
        }
        let learned = Engine::new(setup("")).learn(Kind::Machine, &verdicts);
        prop_assert_eq!(learned.taken + learned.refused, verdicts.len());
    }
}

const GOOD_LINE: &str = r#"{"template":"a <num>","label":"Error","by":"m","reason":null,"at":7}"#;

fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => Just(GOOD_LINE.as_bytes().to_vec()),
        2 => (0..GOOD_LINE.len()).prop_map(|end| GOOD_LINE.as_bytes()[..end].to_vec()),
        2 => prop::collection::vec(any::<u8>(), 0..30),
        2 => (0..GOOD_LINE.len(), any::<u8>()).prop_map(|(place, byte)| {
            let mut line = GOOD_LINE.as_bytes().to_vec();
            line[place] = byte;
            line
        }),
        1 => Just("[".repeat(10_000).into_bytes()),
        1 => Just(format!("{{\"x\":{}", "[".repeat(10_000)).into_bytes()),
    ]
}

// Journals

#[test]
fn a_journals_problems_say_which_line() {
    let journal = [
        "\u{feff}{\"template\":\"a\",\"label\":\"Error\"}\r",
        "",
        "{\"template\":7,\"label\":\"Error\"}",
        "{\"template\":\"a\"}",
        "{\"template\":\"b\",\"label\":\"Unclassified\"}",
        "{\"template\":\"a\",\"label\":\"Error\",\"label\":\"Error\"}",
        "[]",
        "{\"template\":\"c\",\"label\":\"Er",
        "{\"template\":\"d\",\"label\":\"Error\"}",
    ]
    .join("\n");
    let (verdicts, problems) = read_journal(journal.as_bytes());
    let templates: Vec<_> = verdicts.iter().map(|verdict| &*verdict.template).collect();
    assert_eq!(templates, ["a", "d"]);
    assert_eq!(problems.iter().map(|p| p.line).collect::<Vec<_>>(), [3, 4, 6, 7, 8]);
}

/// A last line that was cut while it was written is no problem; one with a mistake is.
#[test]
fn a_torn_last_line_is_passed_over_and_a_wrong_one_is_not() {
    for end in 0..GOOD_LINE.len() {
        let journal = format!("{GOOD_LINE}\n{}", &GOOD_LINE[..end]);
        let (verdicts, problems) = read_journal(journal.as_bytes());
        assert_eq!((verdicts.len(), problems.len()), (1, 0), "{journal}");
    }
    for wrong in ["{\"template\":\"a\" \"label\":\"Error\"}", "not json", "{\"template\":\"a\"}"] {
        let (verdicts, problems) = read_journal(format!("{GOOD_LINE}\n{wrong}").as_bytes());
        assert_eq!((verdicts.len(), problems.len()), (1, 1), "{wrong}");
        assert_eq!(problems[0].line, 2);
    }
}

#[test]
fn a_line_that_is_too_long_is_a_problem() {
    let long = format!(r#"{{"template":"{}","label":"Error"}}"#, "x".repeat(1 << 16));
    let (verdicts, problems) = read_journal(format!("{long}\n{GOOD_LINE}\n").as_bytes());
    assert_eq!((verdicts.len(), problems.len()), (1, 1));
    assert!(problems[0].message.contains("65536"), "{problems:?}");
}

#[test]
fn the_builtin_rules_and_model_go_together() {
    let model = Arc::new(Model::builtin().expect("the built-in model"));
    let labels = Labels::new(model.labels().iter().map(String::as_str));
    let rules = Rules::parse(&[("builtin", BUILTIN_RULES.as_bytes())], &labels).expect("rules");
    let mut engine = Engine::new(Arc::new(Setup::new(&Config::default(), rules, model).expect("")));
    let message = "Failed password for root from 203.0.113.7 port 4711 ssh2";
    assert_eq!(label(&mut engine, message).label, "Security Alert");
}

#[test]
fn rules_and_model_must_have_the_same_labels() {
    let labels = Labels::new(["Good", "Bad"]);
    let file = b"[[rule]]\nid = \"a\"\npattern = \"abc\"\nlabel = \"Bad\"\n".as_slice();
    let rules = Rules::parse(&[("rules.toml", file)], &labels).expect("right rules");
    let model = std::sync::Arc::new(logtriage_engine::Model::builtin().expect("loads"));
    let refused = Setup::new(&Config::default(), rules, model).expect_err("other labels");
    assert!(refused.message.contains("Good, Bad"), "{refused}");
}
