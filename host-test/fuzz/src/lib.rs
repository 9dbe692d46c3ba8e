//! What must hold for any bytes: the bodies of the fuzz targets.
//!
//! A short run over seeds and mutations of them is among the tests; `host-test/README.md` says how
//! to run them long. Each function panics where something does not hold.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use logtriage::filter::Filter;
use logtriage::repair;
use logtriage_engine::record::{Keys, OnExisting, Record};
use logtriage_engine::{
    Config, DEFAULT_MESSAGE_KEYS, DEFAULT_SOURCE_KEYS, Engine, Kind, Labels, MAX_TEMPLATE, Masker,
    Model, Rules, Setup, read_journal,
};

const KEY: &str = "triage";
const OBJECT: &[u8] = br#"{"label":"Error","tier":"rule","confidence":1}"#;

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    Keys::new(
        &DEFAULT_MESSAGE_KEYS.map(str::to_owned),
        &DEFAULT_SOURCE_KEYS.map(str::to_owned),
        KEY,
    )
});

static MODEL: LazyLock<Arc<Model>> =
    LazyLock::new(|| Arc::new(Model::builtin().expect("the built-in model is sound")));

/// The record splice: what is taken for a record keeps its bytes, and gets our key once.
pub fn splice(data: &[u8]) {
    let Ok(record) = Record::parse(data, &KEYS) else { return };
    record.fields();
    let mut once = Vec::new();
    record.splice(OBJECT, OnExisting::Replace, &mut once);
    let spliced = Record::parse(&once, &KEYS).expect("a record stays one");
    let mut twice = Vec::new();
    spliced.splice(OBJECT, OnExisting::Replace, &mut twice);
    assert_eq!(once, twice, "labelling twice changes something");
    if !record.has_our_keys() {
        let addition = once.len() - data.len();
        let close = data.iter().rposition(|b| *b == b'}').expect("an object");
        assert_eq!(once[..close], data[..close]);
        assert_eq!(once[close + addition..], data[close..]);
    }
}

/// The repair: what comes out is JSON, stays as it is, and is the input if that was JSON.
pub fn repair(data: &[u8]) {
    if let Some(repaired) = repair::repair(data) {
        assert_eq!(repair::repair(&repaired).as_ref(), Some(&repaired));
        if let Ok(text) = std::str::from_utf8(&repaired) {
            assert!(is_object(text), "{text}");
        }
    }
    let quoted = repair::quote(data).expect("memory");
    assert!(is_object(std::str::from_utf8(&quoted).expect("UTF-8")));
}

/// The filter: one object goes out for whatever comes in.
pub fn filter(data: &[u8]) {
    thread_local!(static FILTER: RefCell<Filter> = Filter::open(&[], 0).into());
    FILTER.with_borrow_mut(|filter| {
        let answer = filter.answer(data, 0).expect("memory");
        let (zero, answer) = answer.split_last().expect("a zero");
        assert!(*zero == 0 && !answer.contains(&0));
        Record::parse(answer, &KEYS).expect("a record");
        if let Ok(text) = std::str::from_utf8(answer) {
            assert!(is_object(text), "{text}");
        }
    });
}

/// The mask: bounded, deterministic, and a template masks to itself.
pub fn mask(data: &[u8]) {
    let mut masker = Masker::default();
    let template = masker.mask(data).to_owned();
    assert!(template.len() <= MAX_TEMPLATE);
    assert_eq!(masker.mask(template.as_bytes()), template, "not idempotent");
    assert_eq!(Masker::default().mask(data), template, "not deterministic");
}

/// The config: an error, or something that an engine runs with.
pub fn config(data: &[u8]) {
    match Config::parse("logtriage.toml", data) {
        Ok(config) => {
            let setup = Setup::new(&config, Rules::none(), Arc::clone(&MODEL));
            if let Ok(setup) = setup {
                let mut out = Vec::new();
                Engine::new(Arc::new(setup)).annotate(b"{\"log\":\"a\"}", 0, &mut out);
                assert!(Record::parse(&out, &KEYS).is_ok());
            }
        }
        Err(error) => assert!(error.line > 0 && error.column > 0 && !error.message.is_empty()),
    }
}

/// Rules, as text and compiled: an error, or rules that can be asked.
pub fn rules(data: &[u8]) {
    let labels = Labels::default();
    let text = Rules::parse(&[("rules.toml", data)], &labels);
    let compiled = Rules::load(data.to_vec(), &labels);
    for rules in text.ok().into_iter().chain(compiled.ok()) {
        rules.first_match(data, Some("nginx"), &mut Default::default());
    }
}

/// Journals of verdicts: lines that cannot be read are passed over, and the others learnt.
pub fn verdicts(data: &[u8]) {
    thread_local!(static SETUP: Arc<Setup> = Arc::new(
        Setup::new(&Config::default(), Rules::none(), Arc::clone(&MODEL)).expect("defaults"),
    ));
    let (verdicts, _problems) = read_journal(data);
    let mut engine = Engine::new(SETUP.with(Arc::clone));
    let learned = engine.learn(Kind::Machine, &verdicts);
    assert_eq!(learned.taken + learned.refused, verdicts.len());
}

/// Whether a strict reader takes it as an object; what is too deep for it is not asked.
fn is_object(text: &str) -> bool {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) => value.is_object(),
        Err(error) => error.to_string().contains("recursion limit"),
    }
}
