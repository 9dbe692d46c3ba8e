//! `logtriage train`: labelled messages become a model bundle.
//!
//! ```text
//! CSV ──► templates ──► embedding and words ──► logistic regression ──► bundle
//!                              ├─ cross-validation ──► C, temperature, thresholds, report
//!                              └─ names of groups, or k-means ──► groups
//! ```

pub(crate) mod calibrate;
pub(crate) mod confusion;
pub(crate) mod features;
pub(crate) mod folds;
pub(crate) mod groups;
pub(crate) mod guarantee;
mod kmeans;
mod logistic;
pub(crate) mod metrics;
pub(crate) mod report;
pub(crate) mod write;

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use logtriage_engine::semantic::{
    BundleError, BundleParts, Calibration, ClassifierInfo, Embedder, EmbedderInfo, Encoder,
    LABEL_RULE, Scratch, TABLE, Training, VOCABULARY, is_label, seal,
};
use logtriage_engine::{JournalProblem, Masker, Model, Threshold, read_journal};

use crate::failure::{Ended, Failure};
use crate::labelled::{Columns, Labelled};
use crate::transformer::EmbedderArgs;
use crate::{screen, setup};
use calibrate::{Answer, HeldOut};
use features::Features;
use folds::{By, FOLDS, Task};
use guarantee::Target;
use metrics::Scores;

/// Inverse strengths of regularisation that cross-validation chooses from.
const GRID: [f64; 6] = [1.0, 3.0, 6.0, 12.0, 24.0, 48.0];
/// Templates at least.
const MIN_TEMPLATES: usize = 20;
/// Templates of each label at least.
const MIN_PER_LABEL: usize = 5;
/// Labels at most.
const MAX_LABELS: usize = 256;

/// What comes next.
const LOOK_CLOSER: &str = "`logtriage evaluate model` on the same files shows rows whose label looks \
                           wrong, baselines, intervals and charts";

/// Train a model bundle on labelled messages
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  logtriage train labelled.csv -o bundle/
  logtriage train a.csv b.csv --label-column severity --target-error 0.1 -o bundle/
  logtriage train --verdicts state/verdicts.jsonl --verdicts state/verdicts.human.jsonl -o bundle/
  logtriage train labelled.csv --embedder onnx --onnx model.onnx --tokenizer tokenizer.json -o bundle/

Messages become templates first; one template counts once. Everything in the report is measured on
templates that the model did not see: by source, whole systems are held out (from 10 sources on);
by template, single lines. Thresholds follow from the former where there is one.")]
pub(crate) struct Args {
    /// CSV files with a header; none with --verdicts: the templates that the table's model was
    /// trained on
    #[arg(required_unless_present = "verdicts", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Journal of verdicts whose templates are learnt as well; may be given again, and a later one
    /// wins. Labels in the CSV files win over all of them
    #[arg(long, value_name = "FILE")]
    verdicts: Vec<PathBuf>,
    /// Directory of the bundle to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Table or bundle to start from [default: the built-in model's]
    #[arg(long, value_name = "DIR")]
    table: Option<PathBuf>,
    /// Inverse strength of regularisation [default: the best of 1, 3, 6, 12, 24, 48 by macro-F1]
    #[arg(long, value_name = "C")]
    c: Option<f64>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    embedder: EmbedderArgs,
    #[command(flatten)]
    columns: Columns,
}

/// Runs the command.
///
/// # Errors
/// If options, data or table cannot be used: one label only, fewer than 20 templates, a label with
/// fewer than 5, an unknown column. Nothing is written then.
pub(crate) fn run(args: &Args) -> Result<Ended, Failure> {
    args.target.check()?;
    check_c(args.c.unwrap_or(1.0))?;
    let parts = setup::bundle(args.table.as_deref())?;
    let encoder = args.embedder.open()?.map(|transformer| transformer as Arc<dyn Encoder>);
    let data = data(args, &parts, encoder.as_ref())?;
    check(&data)?;
    let (embedder, parts) = embedder(parts, encoder)?;
    let mut page = report::data(&data).map_err(sentence)?;
    let bundle = train(args, &data, &embedder, parts, &mut page)?;
    logtriage_files::write_parts(&args.output, &bundle).map_err(sentence)?;
    writeln!(page, "\nwrote {}", args.output.display()).map_err(sentence)?;
    if !args.files.is_empty() {
        writeln!(page, "{LOOK_CLOSER}").map_err(sentence)?;
    }
    screen::print(screen::safe(&page).as_bytes())?;
    Ok(Ended::Clean)
}

/// What embeds, and the parts of a bundle that it needs: with a transformer the vocabulary of
/// `parts` alone.
pub(crate) fn embedder(
    mut parts: BundleParts,
    encoder: Option<Arc<dyn Encoder>>,
) -> Result<(Embedder, BundleParts), Failure> {
    let Some(encoder) = encoder else {
        let embedder = Embedder::load(parts.clone()).map_err(sentence)?;
        parts.retain(|name, _| [VOCABULARY, TABLE].contains(&name.as_str()));
        return Ok((embedder, parts));
    };
    parts.retain(|name, _| name == VOCABULARY);
    let parts = seal(EmbedderInfo::Onnx(encoder.info().clone()), None, parts);
    Ok((Embedder::load_with(parts.clone(), encoder).map_err(sentence)?, parts))
}

/// The labelled templates: of the CSV files, else of the model at hand, and of the verdicts.
fn data(
    args: &Args,
    parts: &BundleParts,
    encoder: Option<&Arc<dyn Encoder>>,
) -> Result<Labelled, Failure> {
    let mut data = if args.files.is_empty() {
        let model = match (Model::load(parts.clone()), encoder) {
            (Err(BundleError::NoTransformer), Some(encoder)) => {
                Model::load_with(parts.clone(), Arc::clone(encoder))
            }
            (model, _) => model,
        };
        let model = model.map_err(|error| {
            Failure::other(format!("{error}; a table alone has no templates: name CSV files"))
        })?;
        let mut data = Labelled::empty();
        let name = |label: u16| model.labels().get(usize::from(label)).cloned().unwrap_or_default();
        let known =
            model.examples().iter().map(|known| (known.template.clone(), name(known.label)));
        data.add("model", known);
        let (mut scratch, group) = (Scratch::default(), |group| model.group_name(group));
        for row in data.rows.iter_mut().filter(|_| model.groups() > 0) {
            // Groups go on as they are.
            let said = model.predict_with_group(&row.template, &mut scratch).map_err(sentence)?;
            row.group = said.group.and_then(group).map(str::to_owned);
        }
        data
    } else {
        Labelled::read(&args.files, &args.columns).map_err(sentence)?
    };
    let mut masker = Masker::default();
    let mut verdicts = Vec::new();
    for path in &args.verdicts {
        let journal = std::fs::read(path).map_err(|problem| Failure::io(path, problem))?;
        let (read, problems) = read_journal(&journal);
        for JournalProblem { line, message } in problems {
            screen::tell(&format!("logtriage: {}:{line}: {message}", path.display()));
        }
        verdicts.extend(read.into_iter().map(|verdict| {
            (masker.mask_and_redact(verdict.template.as_bytes()).into_owned(), verdict.label)
        }));
    }
    data.add("verdicts", verdicts.into_iter());
    Ok(data)
}

/// An error as it is.
pub(crate) fn sentence(error: impl std::fmt::Display) -> Failure {
    Failure::other(error.to_string())
}

pub(crate) fn check_c(c: f64) -> Result<(), Failure> {
    if (1e-6..=1e6).contains(&c) {
        return Ok(());
    }
    Err(Failure::other(format!("--c is {c}, expected 1e-6 to 1e6")))
}

/// Whether a model can be trained on this.
pub(crate) fn check(data: &Labelled) -> Result<(), Failure> {
    let refuse = |reason: String| Err(Failure::other(reason));
    if let Some(label) = data.labels.iter().find(|label| !is_label(label)) {
        return refuse(format!("{label:?} cannot be a label, expected {LABEL_RULE}"));
    }
    if let [label] = data.labels.as_slice() {
        return refuse(format!("every row has the label {label:?}; a model needs at least two"));
    }
    if data.labels.len() > MAX_LABELS {
        return refuse(format!("{} labels, at most {MAX_LABELS} are possible", data.labels.len()));
    }
    if data.rows.len() < MIN_TEMPLATES {
        let found = data.rows.len();
        return refuse(format!("{found} distinct templates; a model needs {MIN_TEMPLATES}"));
    }
    for (number, label) in data.labels.iter().enumerate() {
        let found = data.rows.iter().filter(|row| row.label == number).count();
        if found < MIN_PER_LABEL {
            return refuse(format!(
                "{label:?} has {found} distinct templates; each label needs {MIN_PER_LABEL}"
            ));
        }
    }
    Ok(())
}

fn train(
    args: &Args,
    data: &Labelled,
    embedder: &Embedder,
    parts: BundleParts,
    page: &mut String,
) -> Result<BundleParts, Failure> {
    let features = Features::of(&data.rows, embedder).map_err(sentence)?;
    let targets: Vec<usize> = data.rows.iter().map(|row| row.label).collect();
    let names = groups::Names::of(data)?;
    let (by, others) = ways(data);
    let (c, first) = choose_c(args, embedder, &features, &targets, data, by, page)?;
    let temperature = calibrate::temperature(&first, &targets).map_err(sentence)?;
    writeln!(page, "C {c}, temperature {temperature:.4}").map_err(sentence)?;

    let answers = calibrate::answers(&first, &targets, temperature);
    let thresholds = guarantee::thresholds(&answers, data.labels.len(), args.target.error);
    let calibration = calibration(by.name(), data, &answers, &thresholds, args.target.error);
    let mut quality = vec![show(by, &answers, data, &thresholds, page)?];
    for &by in others {
        let held_out = hold_out(embedder, &features, &targets, data, by, c)?;
        let answers = calibrate::answers(&held_out, &targets, temperature);
        quality.push(show(by, &answers, data, &thresholds, page)?);
    }
    page.push_str(&report::promise(&data.labels, &thresholds, &calibration).map_err(sentence)?);
    if thresholds.iter().all(|threshold| *threshold == Threshold::Never) {
        screen::tell(&never_labels(args.target.error));
    }
    trade_off(&answers, data.labels.len(), page).map_err(sentence)?;

    let all: Vec<usize> = (0..targets.len()).collect();
    let weights =
        logistic::fit(&features, &targets, &all, data.labels.len(), c).map_err(sentence)?;
    let training = Training {
        digest: write::data_digest(data),
        templates: data.rows.len(),
        sources: data.sources.len(),
        c,
    };
    let labels = data.labels.clone();
    let calibration = Some(calibration);
    let info = ClassifierInfo {
        labels,
        thresholds,
        temperature,
        calibration,
        groups: 0,
        training,
        quality,
    };
    let bundle = write::bundle(parts, embedder.info().clone(), info, &weights, &features, data);
    if let EmbedderInfo::Onnx(_) = embedder.info() {
        // Its distances are another scale's than the table's, for which groups were measured.
        return Ok(bundle);
    }
    let Some(names) = names else {
        return groups::find(bundle, data.rows.len()).map_err(sentence);
    };
    let folds = folds(data, by);
    groups::Lesson { data, embedder, held_out: &first, temperature, folds: &folds }
        .learn(bundle, &names, page)
}

/// How `thresholds` were chosen, for the manifest and the report.
pub(crate) fn calibration(
    by: &str,
    data: &Labelled,
    answers: &[Answer],
    thresholds: &[Threshold],
    target: f64,
) -> Calibration {
    Calibration {
        by: by.to_owned(),
        digest: write::data_digest(data),
        templates: data.rows.len(),
        probability: guarantee::PROBABILITY,
        labels: guarantee::found(answers, thresholds, target),
    }
}

/// What is said of a model whose semantic tier gives no label.
pub(crate) fn never_labels(target_error: f64) -> String {
    format!(
        "logtriage: no label reaches the target error: at {target_error} at least {} answers without \
         an error are needed per label, so this model labels nothing; give more examples, \
         raise --target-error, or set [thresholds] in logtriage.toml",
        guarantee::answers_needed(target_error)
    )
}

/// What calibration follows, and what is reported beside it.
fn ways(data: &Labelled) -> (By, &'static [By]) {
    if data.sources.len() >= folds::MIN_SOURCES {
        (By::Source, &[By::Template])
    } else {
        (By::Template, &[])
    }
}

/// The fold of each row.
fn folds(data: &Labelled, by: By) -> Vec<usize> {
    let targets: Vec<usize> = data.rows.iter().map(|row| row.label).collect();
    match by {
        By::Source => folds::by_group(&data.row_sources(), FOLDS),
        By::Template => folds::by_template(&targets, data.labels.len(), FOLDS),
    }
}

fn hold_out(
    embedder: &Embedder,
    features: &Features,
    targets: &[usize],
    data: &Labelled,
    by: By,
    c: f64,
) -> Result<Vec<HeldOut>, Failure> {
    let labels = data.labels.len();
    let folds = folds(data, by);
    let task = Task { features, targets, labels, embedder: Some(embedder), c };
    task.out_of_fold(&folds, |_| true).map_err(sentence)
}

/// The C with the best held-out macro-F1, the smaller of equals; what is given is taken.
fn choose_c(
    args: &Args,
    embedder: &Embedder,
    features: &Features,
    targets: &[usize],
    data: &Labelled,
    by: By,
    page: &mut String,
) -> Result<(f64, Vec<HeldOut>), Failure> {
    let mut best: Option<(f64, f64, Vec<HeldOut>)> = None;
    let given = args.c.map(|c| vec![c]);
    for c in given.unwrap_or(GRID.to_vec()) {
        let held_out = hold_out(embedder, features, targets, data, by, c)?;
        let answers = calibrate::answers(&held_out, targets, 1.0);
        let score = Scores::of(&answers, &vec![Threshold::Never; data.labels.len()]).macro_f1;
        writeln!(page, "C {c}: held-out macro-F1 {score:.4}").map_err(sentence)?;
        if best.as_ref().is_none_or(|(_, before, _)| score > *before) {
            best = Some((c, score, held_out));
        }
    }
    let (c, _, held_out) = best.ok_or_else(|| Failure::other("no C to choose from"))?;
    Ok((c, held_out))
}

fn show(
    by: By,
    answers: &[Answer],
    data: &Labelled,
    thresholds: &[Threshold],
    page: &mut String,
) -> Result<logtriage_engine::semantic::Quality, Failure> {
    let scores = Scores::of(answers, thresholds);
    page.push_str(&report::scores(by, &scores, &data.labels, thresholds).map_err(sentence)?);
    Ok(scores.quality(by.name()))
}

/// What other target errors would give.
fn trade_off(answers: &[Answer], labels: usize, page: &mut String) -> std::fmt::Result {
    writeln!(page, "\ntarget error  coverage  accuracy of what is covered  labels never given")?;
    for target in [0.02, 0.05, 0.1, 0.15, 0.2] {
        let thresholds = guarantee::thresholds(answers, labels, target);
        let scores = Scores::of(answers, &thresholds);
        let never = thresholds.iter().filter(|threshold| **threshold == Threshold::Never).count();
        writeln!(
            page,
            "{target:12}  {:8.4}  {:27.4}  {never:18}",
            scores.coverage, scores.accuracy_when_covered
        )?;
    }
    Ok(())
}
