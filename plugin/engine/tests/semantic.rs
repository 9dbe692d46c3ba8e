//! The semantic tier against independent references: token ids of the `tokenizers` library,
//! embeddings recomputed in f64 from the table's bytes, bundles broken in every way.

use std::borrow::Cow;

use logtriage_engine::semantic::{
    BundleError, BundleParts, EXAMPLES, Embedder, FRAGMENT_LEXICON, FRAGMENTS, GROUP_TITLES,
    GROUPS, HEAD, LEXICON, MANIFEST, Scratch, TABLE, VOCABULARY, WIDTH, builtin_parts,
};
use logtriage_engine::{Confidence, Masker, Model, Threshold};
use proptest::prelude::*;

/// `{"text", "ids"}` per line, made by `models/teacher/golden.py`: every third message of
/// `models/corpus`, every eighth template, and Unicode that hurts. Literals such as `[MASK]`, which
/// the library takes for special tokens and we do not, are not among them.
const GOLDEN: &str = include_str!("golden/tokens.jsonl");

#[derive(serde::Deserialize)]
struct Golden {
    text: String,
    ids: Vec<u32>,
}

fn golden() -> impl Iterator<Item = Golden> {
    GOLDEN.lines().map(|line| serde_json::from_str(line).unwrap())
}

fn model() -> Model {
    Model::builtin().unwrap()
}

#[test]
fn token_ids_are_those_of_the_tokenizers_library() {
    let model = model();
    let mut scratch = Scratch::default();
    let mut seen = 0;
    for Golden { text, ids } in golden() {
        assert_eq!(model.embedder().tokens(&text, &mut scratch), ids, "{text:?}");
        seen += 1;
    }
    assert!(seen >= 2000, "{seen} lines");
}

#[test]
fn special_tokens_in_a_log_are_text() {
    let model = model();
    let mut scratch = Scratch::default();
    let embedder = model.embedder();
    let ids = embedder.tokens("[MASK]", &mut scratch).to_vec();
    let tokens: Vec<&str> = ids.iter().map(|&id| embedder.token(id)).collect();
    assert_eq!(tokens, ["[", "mask", "]"]);
}

/// The embedding by the definition, in f64, from the bytes of the table.
fn reference(table: &[u8], ids: &[u32]) -> Vec<f64> {
    let tokens = table.len() / (WIDTH + 8);
    let float = |at: usize| {
        f64::from(f32::from_le_bytes(table[tokens * WIDTH + 4 * at..][..4].try_into().unwrap()))
    };
    let mut sum = vec![0.0; WIDTH];
    for &id in ids {
        let id = id as usize;
        let (scale, weight) = (float(id), float(tokens + id));
        for (sum, &byte) in sum.iter_mut().zip(&table[id * WIDTH..][..WIDTH]) {
            *sum += weight * scale * f64::from(byte as i8);
        }
    }
    let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
    sum.iter().map(|x| if length > 0.0 { x / length } else { 0.0 }).collect()
}

#[test]
fn embeddings_agree_with_a_reference_in_f64() {
    let model = model();
    let table = &builtin_parts()[TABLE];
    let mut scratch = Scratch::default();
    for Golden { text, ids } in golden() {
        let expected = reference(table, &ids);
        for (got, expected) in model.embed(&text, &mut scratch).unwrap().iter().zip(expected) {
            assert!((f64::from(*got) - expected).abs() < 1e-5, "{text:?}");
        }
    }
}

#[test]
fn an_empty_text_is_the_zero_vector_and_still_gets_an_answer() {
    let model = model();
    let mut scratch = Scratch::default();
    assert!(model.embed("", &mut scratch).unwrap().iter().all(|x| *x == 0.0));
    let prediction = model.predict("", &mut scratch).unwrap();
    assert!(usize::from(prediction.label) < model.labels().len());
}

#[test]
fn predictions_make_sense() {
    let model = model();
    let mut scratch = Scratch::default();
    for (template, label) in [
        ("Failed password for <*> from <ip> port <num> ssh2", "Security Alert"),
        ("Kernel panic - not syncing: Fatal exception", "Critical Error"),
        ("\"GET <path> HTTP/1.1\" <2xx> <num>", "HTTP Status"),
        ("option <*> is deprecated and will be removed in version <num>", "Deprecation Warning"),
    ] {
        let prediction = model.predict(template, &mut scratch).unwrap();
        assert_eq!(model.labels()[usize::from(prediction.label)], label, "{template}");
        assert_eq!(prediction.candidates[0], (prediction.label, prediction.confidence));
        assert!(prediction.candidates.is_sorted_by(|a, b| a.1 >= b.1));
    }
}

#[test]
fn a_text_in_words_that_training_never_had_gets_no_confident_answer() {
    let (model, mut scratch) = (model(), Scratch::default());
    for text in [
        "[注文管理] <time> 警告: 在庫が残りわずかです (商品コード=<*>, 残り=<*>)",
        "Ошибка подключения к базе данных: время ожидания истекло",
        "<time> zqxvw jkqzz vvxqj qqzzk wxvjq [zzqqj] (xxkqv=<*>)",
    ] {
        let prediction = model.predict(text, &mut scratch).unwrap();
        assert!(prediction.confidence.probability() < 0.5, "{text}: {prediction:?}");
    }
}

/// Words of one letter, and characters that are none, say nothing.
#[test]
fn random_bytes_get_no_confident_answer() {
    let (model, mut scratch, mut masker) = (model(), Scratch::default(), Masker::default());
    let mut random = 1_u64;
    let mut byte = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as u8
    };
    let sure = (0..1000).filter(|_| {
        let line: Vec<u8> = (0..200).map(|_| byte()).collect();
        let said = model.predict(masker.mask(&line), &mut scratch).unwrap();
        model.thresholds()[usize::from(said.label)].admits(said.confidence)
    });
    let sure = sure.count();
    assert!(sure <= 20, "{sure} of 1000 lines of random bytes are labelled");
}

#[test]
fn an_explanation_adds_up_to_the_logit() {
    let model = model();
    let template = "error: disk <path> is full, no space left on device; disk <path> full";
    let explanation = model.explain(template).unwrap();
    let total: f64 = explanation.tokens.iter().map(|token| token.share).sum();
    assert!((total + explanation.bias - explanation.logit).abs() < 1e-4);
    let strength = |at: usize| explanation.tokens[at].share.abs();
    assert!((1..explanation.tokens.len()).all(|at| strength(at - 1) >= strength(at)));
    let probability: f64 = explanation.labels.iter().map(|(_, p)| p).sum();
    assert!((probability - 1.0).abs() < 1e-9);
    let prediction = model.predict(template, &mut Scratch::default()).unwrap();
    assert_eq!(explanation.labels[0].0, prediction.label);
}

#[test]
fn an_example_is_nearest_to_itself() {
    let model = model();
    let example = &model.examples()[100];
    let near = model.nearest(&example.template, 3);
    assert_eq!(near.len(), 3);
    assert!(near[0].similarity > 0.9999, "{near:?}");
    assert!(near.iter().any(|near| near.template == example.template));
}

#[test]
fn the_builtin_bundle_is_whole() {
    let model = Model::load(builtin_parts()).unwrap();
    assert_eq!(model.labels().len(), 9);
    let default: Vec<&str> = logtriage_engine::DEFAULT_LABELS.iter().map(|(n, _)| *n).collect();
    assert_eq!(model.labels(), default);
    assert!(model.examples().len() > 5000);
}

/// Rounding may take a title that stands at a border to the next group.
#[test]
fn groups_hold_what_their_title_says() {
    let model = model();
    let mut scratch = Scratch::default();
    let mut group =
        |template: &str| model.predict_with_group(template, &mut scratch).unwrap().group.unwrap();
    assert!(model.groups() > 30);
    // A long title is cut.
    let whole = (0..model.groups() as u16).filter(|&g| !model.group_title(g).ends_with('…'));
    let (found, all) = whole.fold((0, 0), |(found, all), g| {
        (found + usize::from(group(model.group_title(g)) == g), all + 1)
    });
    assert!(all > 20 && 10 * found >= 9 * all, "{found} of {all}");
    assert_ne!(group("Backup of <id> failed"), group("Backup completed successfully"));
}

#[test]
fn confidence_prints_as_json_does() {
    for (units, text) in
        [(0, "0"), (10_000, "1"), (9_700, "0.97"), (9_731, "0.9731"), (1, "0.0001")]
    {
        assert_eq!(Confidence::from_units(units).unwrap().to_string(), text);
    }
    for units in 0..=10_000 {
        let confidence = Confidence::from_units(units).unwrap();
        assert_eq!(Confidence::from_probability(confidence.probability()), confidence);
    }
    for (probability, units) in
        [(f64::NAN, 0), (-1.0, 0), (2.0, 10_000), (f64::INFINITY, 10_000), (0.00005, 1)]
    {
        assert_eq!(Confidence::from_probability(probability).units(), units);
    }
    assert!(!Threshold::Never.admits(Confidence::ONE));
}

#[test]
fn a_missing_part_is_named() {
    for name in [MANIFEST, VOCABULARY, TABLE, HEAD, LEXICON, FRAGMENT_LEXICON, EXAMPLES] {
        let mut parts = builtin_parts();
        parts.remove(name);
        let error = Model::load(parts).unwrap_err();
        assert_eq!(error, BundleError::Missing { part: name.to_owned() });
    }
}

#[test]
fn another_format_is_refused() {
    let mut parts = builtin_parts();
    let text = String::from_utf8(parts[MANIFEST].to_vec()).unwrap();
    let text = text.replacen("\"format\": 1", "\"format\": 2", 1);
    parts.insert(MANIFEST.to_owned(), Cow::Owned(text.into_bytes()));
    assert_eq!(Model::load(parts).unwrap_err(), BundleError::Format { found: 2 });
}

/// What a bundle was before it had groups and kept its calibration.
#[test]
fn an_older_bundle_loads_and_has_no_groups() {
    let mut parts = builtin_parts();
    let mut manifest: serde_json::Value = serde_json::from_slice(&parts[MANIFEST]).unwrap();
    let classifier = manifest["classifier"].as_object_mut().unwrap();
    classifier.remove("groups");
    classifier.remove("calibration");
    classifier["training"]["target_error"] = 0.1.into();
    for name in [GROUPS, GROUP_TITLES] {
        parts.remove(name);
        manifest["parts"].as_object_mut().unwrap().remove(name);
    }
    parts.insert(MANIFEST.to_owned(), Cow::Owned(manifest.to_string().into_bytes()));
    let model = Model::load(parts).unwrap();
    let prediction = model.predict_with_group("disk failed", &mut Scratch::default()).unwrap();
    assert_eq!((model.groups(), prediction.group), (0, None));
    assert_eq!(model.info().calibration, None);
}

#[test]
fn a_table_alone_is_no_model() {
    let mut parts = builtin_parts();
    let text = String::from_utf8(parts[MANIFEST].to_vec()).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    manifest.as_object_mut().unwrap().remove("classifier");
    parts.insert(MANIFEST.to_owned(), Cow::Owned(manifest.to_string().into_bytes()));
    let error = Model::load(parts.clone()).unwrap_err();
    assert!(error.to_string().contains("manifest.json has no classifier"), "{error}");
    assert!(Embedder::load(parts).is_ok());
}

/// A changed mask makes what the model was trained on another text than what it is asked.
#[test]
fn the_examples_of_the_built_in_model_are_what_the_mask_makes_today() {
    let mut masker = logtriage_engine::Masker::default();
    let model = model();
    let templates = model.examples().iter().map(|example| &example.template);
    let changed: Vec<_> =
        templates.filter(|template| masker.mask(template.as_bytes()) != **template).collect();
    assert!(changed.is_empty(), "train again, or the mask is not idempotent: {changed:#?}");
}

/// A bundle of five tokens and two labels, so that thousands of broken ones load quickly.
fn small() -> BundleParts {
    use logtriage_engine::semantic::{ClassifierInfo, EmbedderInfo, TableInfo, Training, seal};
    let tokens = 5;
    let floats = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let mut table: Vec<u8> = (0..tokens * WIDTH).map(|at| (at % 251) as u8).collect();
    table.extend(floats(&vec![0.01; tokens * 2]));
    let head = floats(&vec![0.25; 2 * (WIDTH + 1)]);
    let mut lexicon = floats(&vec![1.0; tokens + 2]);
    lexicon.extend((0..tokens * 2).map(|at| at as u8));
    let mut fragments = floats(&vec![1.0; FRAGMENTS + 2]);
    fragments.extend((0..FRAGMENTS * 2).map(|at| at as u8));
    // The first is far away from everything.
    let mut groups = floats(&[1.0, 0.01, 1e5, 0.0]);
    groups.extend([127, 0].repeat(WIDTH + 2));
    let files = [
        (VOCABULARY, b"[UNK]\nfailed\ndisk\n##s\n.\n".to_vec()),
        (TABLE, table),
        (HEAD, head),
        (LEXICON, lexicon),
        (FRAGMENT_LEXICON, fragments),
        (GROUPS, groups),
        (GROUP_TITLES, b"bad-disk\tdisk failed\ngood disk\tdisks fine\n".to_vec()),
        (EXAMPLES, b"{\"template\":\"disk failed\",\"label\":\"bad\"}\n".to_vec()),
    ];
    let files = files.map(|(name, bytes)| (name.to_owned(), Cow::Owned(bytes)));
    let info = TableInfo { width: WIDTH, tokens, origin: "a test".to_owned() };
    let classifier = ClassifierInfo {
        labels: vec!["bad".to_owned(), "good".to_owned()],
        thresholds: vec![Threshold::At(Confidence::ONE), Threshold::Never],
        temperature: 1.5,
        calibration: None,
        groups: 2,
        training: Training::default(),
        quality: Vec::new(),
    };
    seal(EmbedderInfo::Table(info), Some(classifier), BundleParts::from(files))
}

/// Every part of the small bundle but the manifest.
fn names() -> impl Strategy<Value = String> {
    let names = small().into_keys().filter(|name| name != MANIFEST);
    proptest::sample::select(names.collect::<Vec<_>>())
}

/// Writes the manifest anew, so that only what is said in `parts` itself is wrong.
fn resealed(parts: BundleParts) -> BundleParts {
    use logtriage_engine::semantic::{Manifest, seal};
    let manifest = Manifest::parse(&parts[MANIFEST]).unwrap();
    seal(manifest.embedder, manifest.classifier, parts)
}

#[test]
fn the_small_bundle_loads() {
    let model = Model::load(small()).unwrap();
    let mut scratch = Scratch::default();
    assert_eq!(model.embedder().tokens("Disks failed. Häh?", &mut scratch), [2, 3, 1, 4, 0, 0]);
    let prediction = model.predict("disk", &mut scratch).unwrap();
    assert_eq!(prediction.candidates[2], (0, Confidence::ZERO));
    assert_eq!(model.thresholds()[1], Threshold::Never);
    assert_eq!(prediction.group, None, "nobody asked");
    let group = model.predict_with_group("disk", &mut scratch).unwrap().group.unwrap();
    assert_eq!(
        (model.group_name(group), model.group_title(group)),
        (Some("good disk"), "disks fine")
    );
    assert_eq!((model.group_name(2), model.group_title(2)), (None, ""));
}

proptest! {
    #[test]
    fn a_cut_part_is_named(name in names(), cut in any::<prop::sample::Index>()) {
        let mut parts = small();
        let whole = parts[&name].to_vec();
        let cut = cut.index(whole.len());
        parts.insert(name.clone(), Cow::Owned(whole[..cut].to_vec()));
        let error = Model::load(parts.clone()).unwrap_err();
        let expected =
            BundleError::Size { part: name.clone(), expected: whole.len(), found: cut };
        prop_assert_eq!(error, expected);
        // The manifest agrees with the cut part: the shape tells, or what is left is whole.
        if let Err(error) = Model::load(resealed(parts)) {
            prop_assert!(error.to_string().contains(&name), "{error}");
        }
    }

    #[test]
    fn a_flipped_bit_is_named(
        name in names(), at in any::<prop::sample::Index>(), bit in 0..8_u32,
    ) {
        let mut parts = small();
        let mut bytes = parts[&name].to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        parts.insert(name.clone(), Cow::Owned(bytes));
        let error = Model::load(parts.clone()).unwrap_err();
        let named = matches!(&error, BundleError::Checksum { part, .. } if *part == name);
        prop_assert!(named, "{error}");
        match Model::load(resealed(parts)) {
            Err(error) => prop_assert!(error.to_string().contains(&name), "{error}"),
            // Another number, but one in range: the model works.
            Ok(model) => {
                model.predict_with_group("disks failed.", &mut Scratch::default()).unwrap();
                model.nearest("disk", 2);
            }
        }
    }

    #[test]
    fn a_broken_manifest_never_panics(at in any::<prop::sample::Index>(), byte: u8, cut: bool) {
        let mut parts = small();
        let mut bytes = parts[MANIFEST].to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if cut {
            bytes.truncate(at);
        }
        parts.insert(MANIFEST.to_owned(), Cow::Owned(bytes));
        if let Ok(model) = Model::load(parts) {
            model.explain("disks failed.").unwrap();
        }
    }
}

#[test]
fn a_prediction_depends_on_the_text_alone() {
    let model = model();
    let kept = std::cell::RefCell::new(Scratch::default());
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    runner
        .run(&"\\PC{0,200}", |text| {
            let first = model.predict(&text, &mut Scratch::default()).unwrap();
            prop_assert_eq!(first, model.predict(&text, &mut kept.borrow_mut()).unwrap());
            let share: u32 = first.candidates.iter().map(|(_, c)| u32::from(c.units())).sum();
            prop_assert!(share <= 10_002);
            Ok(())
        })
        .unwrap();
}
