//! A transformer that the host hands in: which one a bundle takes, and what it costs if it fails.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use logtriage_engine::semantic::{
    BundleError, BundleParts, EXAMPLE_EMBEDDINGS, EXAMPLES, EmbedderInfo, EncodeError, Encoder,
    GROUP_TITLES, GROUPS, HEAD, MANIFEST, Manifest, OnnxInfo, PartInfo, Pooling, Scratch, TABLE,
    builtin_parts, seal,
};
use logtriage_engine::{
    Confidence, Config, DEFAULT_LABELS, Engine, Event, Kind, Model, Outcome, Rules, Setup, Tier,
    Verdict,
};

/// Letters, counted; ill, where it is told to be.
#[derive(Debug)]
struct Letters {
    info: OnnxInfo,
    is_ill: AtomicBool,
    /// Gives no numbers rather than an error.
    is_mad: bool,
    asked: AtomicUsize,
}

impl Letters {
    fn new() -> Self {
        let info = OnnxInfo {
            width: 26,
            pooling: Pooling::Mean,
            max_length: 64,
            model: PartInfo::of(b"letters"),
            tokenizer: PartInfo::of(b"one by one"),
        };
        Self { info, is_ill: AtomicBool::new(false), is_mad: false, asked: AtomicUsize::new(0) }
    }

    fn row(text: &str) -> Vec<f32> {
        let count = |letter: u8| text.bytes().filter(|byte| *byte == letter).count() as f32;
        let counts: Vec<f32> = (b'a'..=b'z').map(count).collect();
        let length = counts.iter().map(|x| x * x).sum::<f32>().sqrt().max(1.0);
        counts.iter().map(|x| x / length).collect()
    }
}

impl Encoder for Letters {
    fn info(&self) -> &OnnxInfo {
        &self.info
    }

    fn encode(&self, text: &str, out: &mut [f32]) -> Result<(), EncodeError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        out.copy_from_slice(&Self::row(text));
        match self.is_ill.load(Ordering::Relaxed) {
            true if self.is_mad => out[3] = f32::NAN,
            true => return Err(EncodeError("it is ill".to_owned())),
            false => {}
        }
        Ok(())
    }
}

/// The built-in bundle as if `train` had made it with letters: `f` is critical, beside what words
/// say.
fn parts() -> BundleParts {
    static PARTS: LazyLock<BundleParts> = LazyLock::new(make_parts);
    PARTS.clone()
}

fn make_parts() -> BundleParts {
    let mut parts = builtin_parts();
    let mut info = Manifest::parse(&parts[MANIFEST]).unwrap().classifier.unwrap();
    for name in [TABLE, GROUPS, GROUP_TITLES] {
        parts.remove(name);
    }
    info.groups = 0;
    let (labels, critical) = (info.labels.len(), critical());
    let mut weights = vec![0.0_f32; labels * 27];
    weights[labels * 6 + critical] = 100.0;
    let head = weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
    let model = Model::builtin().unwrap();
    let scales = model.examples().iter().flat_map(|_| (1.0_f32 / 127.0).to_le_bytes());
    let mut embeddings: Vec<u8> = scales.collect();
    for example in model.examples() {
        let row = Letters::row(&example.template);
        embeddings.extend(row.iter().map(|x| (x * 127.0).round() as i8 as u8));
    }
    parts.insert(HEAD.to_owned(), Cow::Owned(head));
    parts.insert(EXAMPLE_EMBEDDINGS.to_owned(), Cow::Owned(embeddings));
    seal(EmbedderInfo::Onnx(Letters::new().info), Some(info), parts)
}

fn critical() -> usize {
    DEFAULT_LABELS.iter().position(|(label, _)| *label == "Critical Error").unwrap()
}

fn engine(encoder: Arc<Letters>, config: &str) -> Engine {
    let model = Model::load_with(parts(), encoder).unwrap();
    let config = Config::parse("logtriage.toml", config.as_bytes()).unwrap();
    Engine::new(Arc::new(Setup::new(&config, Rules::none(), Arc::new(model)).unwrap()))
}

fn label<'e>(engine: &'e mut Engine, message: &str) -> Outcome<'e> {
    let message = Some(Cow::Owned(message.as_bytes().to_vec()));
    engine.label(&Event { message, source: None }, 0)
}

fn ill() -> Arc<Letters> {
    let encoder = Letters::new();
    encoder.is_ill.store(true, Ordering::Relaxed);
    Arc::new(encoder)
}

const SURE: &str = "[thresholds]\n\"Critical Error\" = 0.5";

#[test]
fn a_host_s_encoder_embeds_once_for_each_template() {
    let encoder = Arc::new(Letters::new());
    let mut engine = engine(Arc::clone(&encoder), SURE);
    for _ in 0..3 {
        let outcome = label(&mut engine, "offline buffer");
        assert_eq!((outcome.label, outcome.tier), ("Critical Error", Tier::Semantic));
    }
    assert_eq!(encoder.asked.load(Ordering::Relaxed), 1);
}

#[test]
fn the_examples_embeddings_are_those_of_the_bundle() {
    let encoder = Arc::new(Letters::new());
    let model = Model::load_with(parts(), encoder.clone()).unwrap();
    let example = &model.examples()[7];
    let near = model.nearest(&example.template, 3);
    assert_eq!(near.len(), 3);
    assert!(near[0].similarity > 0.99 && near[0].similarity >= near[2].similarity, "{near:?}");
    assert!(near.iter().any(|near| near.template == example.template), "{near:?}");
    assert_eq!(encoder.asked.load(Ordering::Relaxed), 1);
}

#[test]
fn an_explanation_adds_up_to_the_logit() {
    let model = Model::load_with(parts(), Arc::new(Letters::new())).unwrap();
    let explanation = model.explain("fan failed at once").unwrap();
    let whole = explanation.whole.unwrap();
    let tokens: f64 = explanation.tokens.iter().map(|token| token.share).sum();
    assert_eq!(usize::from(explanation.labels[0].0), critical());
    assert!(whole > 1.0, "{whole}");
    let sum = whole + tokens + explanation.bias;
    assert!((sum - explanation.logit).abs() < 1e-3, "{sum} is not {}", explanation.logit);
    assert_eq!(Model::builtin().unwrap().explain("disk full").unwrap().whole, None);
}

#[test]
fn a_head_is_never_used_with_another_transformer() {
    let good = Letters::new();
    let other = |change: fn(&mut OnnxInfo)| {
        let mut encoder = Letters::new();
        change(&mut encoder.info);
        match Model::load_with(parts(), Arc::new(encoder)).unwrap_err() {
            BundleError::OtherTransformer { difference } => difference,
            error => panic!("{error}"),
        }
    };
    let digest = &good.info.model.xxh3_128;
    let model = other(|info| info.model = PartInfo::of(b"more letters"));
    assert!(model.starts_with(&format!("its model had XXH3-128 {digest}, this has ")), "{model}");
    let tokenizer = other(|info| info.tokenizer = PartInfo::of(b"two by two"));
    assert!(tokenizer.starts_with("its tokenizer had XXH3-128 "), "{tokenizer}");
    for change in [
        (|info: &mut OnnxInfo| info.pooling = Pooling::Cls) as fn(&mut OnnxInfo),
        |info| info.max_length = 32,
        |info| info.width = 27,
    ] {
        let difference = other(change);
        assert!(
            difference.starts_with("it was used with 26 numbers, Mean, 64 tokens"),
            "{difference}"
        );
    }
    let error = Model::load(parts()).unwrap_err();
    assert_eq!(error, BundleError::NoTransformer);
    assert!(error.to_string().contains("embedder = \"onnx\""), "{error}");
    let error = Model::load_with(builtin_parts(), Arc::new(good)).unwrap_err();
    assert_eq!(error, BundleError::NeedsNoTransformer);
}

#[test]
fn groups_and_embeddings_that_do_not_fit_are_refused() {
    let refuse = |parts: BundleParts| {
        Model::load_with(parts, Arc::new(Letters::new())).unwrap_err().to_string()
    };
    let manifest = Manifest::parse(&parts()[MANIFEST]).unwrap();
    let mut info = manifest.classifier.unwrap();
    info.groups = 2;
    let error = refuse(seal(manifest.embedder.clone(), Some(info.clone()), parts()));
    assert!(error.contains("has 2 groups, expected none beside a transformer"), "{error}");
    info.groups = 0;
    let one_more = info.training.templates + 1;
    let mut more = info.clone();
    more.training.templates = one_more;
    let error = refuse(seal(manifest.embedder.clone(), Some(more), parts()));
    let expected =
        format!("examples.bin has {} bytes, expected {}", 30 * one_more - 30, 30 * one_more);
    assert!(error.contains(&expected), "{error}");
    let mut broken = parts();
    let examples = broken[EXAMPLES].to_vec();
    let cut = examples.iter().position(|byte| *byte == b'\n').unwrap();
    broken.insert(EXAMPLES.to_owned(), Cow::Owned(examples[cut..].to_vec()));
    let error = refuse(seal(manifest.embedder, Some(info), broken));
    assert!(error.contains("examples.jsonl"), "{error}");
}

#[test]
fn an_event_passes_a_transformer_that_fails() {
    let encoder = ill();
    let mut engine = engine(Arc::clone(&encoder), SURE);
    let outcome = label(&mut engine, "offline buffer");
    assert_eq!((outcome.label, outcome.tier), ("Unclassified", Tier::None));
    assert_eq!(outcome.confidence, Confidence::ZERO);
    assert!(outcome.pending, "it is unknown as any other");
    assert!(outcome.candidates.is_empty());
    label(&mut engine, "logged in");
    assert_eq!(engine.stats().encoder_failures, 2);
    assert_eq!(engine.take_failure(), Some(EncodeError("it is ill".to_owned())));
    assert_eq!(engine.take_failure(), None);

    let verdict = |template: &str, label: &str| Verdict {
        template: template.to_owned(),
        label: label.to_owned(),
        by: None,
        reason: None,
    };
    engine.learn(Kind::Machine, &[verdict("offline buffer", "Error")]);
    engine.learn(Kind::Person, &[verdict("logged in", "User Action")]);
    // As objects, too, of which some are kept.
    for _ in 0..4 {
        let record = br#"{"message":"offline buffer"}"#;
        let mut out = Vec::new();
        engine.annotate(record, 0, &mut out);
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains(r#""label":"Error","tier":"reasoning","confidence":0,"#), "{out}");
    }
    assert_eq!(label(&mut engine, "logged in").tier, Tier::Reviewed);

    assert_eq!(encoder.asked.load(Ordering::Relaxed), 2, "not for every event of a template");
    assert_eq!(engine.stats().encoder_failures, 7);

    // What is well again is asked again after a while.
    encoder.is_ill.store(false, Ordering::Relaxed);
    let record = br#"{"message":"offline buffer"}"#;
    engine.annotate(record, 9_999, &mut Vec::new());
    assert_eq!(encoder.asked.load(Ordering::Relaxed), 2);
    for _ in 0..2 {
        let mut out = Vec::new();
        engine.annotate(record, 10_000, &mut out);
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains(r#""label":"Critical Error","tier":"semantic""#), "{out}");
    }
}

#[test]
fn what_is_no_number_is_a_failure() {
    let mut encoder = Letters::new();
    encoder.is_mad = true;
    encoder.is_ill.store(true, Ordering::Relaxed);
    let mut engine = engine(Arc::new(encoder), "[thresholds]\n\"Critical Error\" = 0");
    assert_eq!(label(&mut engine, "offline buffer").tier, Tier::None);
    assert!(engine.take_failure().unwrap().to_string().contains("no number"));
}

#[test]
fn an_index_leaves_out_what_cannot_be_embedded() {
    let model = Model::load_with(parts(), ill()).unwrap();
    assert!(model.nearest("disk full", 3).is_empty());
    assert!(model.explain("disk full").is_err());
    assert!(model.predict("disk full", &mut Scratch::default()).is_err());
}
