//! `logtriage calibrate`: the thresholds of a bundle, chosen anew on labelled messages of one's
//! own.

use std::collections::HashSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use logtriage_engine::semantic::{BundleParts, EncodeError, Scratch, seal};
use logtriage_engine::{Model, Threshold};

use crate::failure::{Ended, Failure};
use crate::labelled::{Columns, Labelled};
use crate::train::calibrate::Answer;
use crate::train::guarantee::{self, Target};
use crate::train::{calibration, never_labels, report, sentence};
use crate::transformer::TransformerArgs;
use crate::{screen, setup};

/// Choose a model's thresholds anew, on labelled messages of your own
///
/// Writes the model again with other thresholds: for each label the lowest confidence from which on
/// its answers are wrong at most as often as --target-error says, with probability 95%. A label for
/// which there is none gets "never".
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  logtriage calibrate labelled.csv -o bundle/
  logtriage calibrate labelled.csv --model tickets-model --target-error 0.1 -o bundle/

Messages become templates first; one template has one vote. Templates that the model was trained on
are left out. 59 answers of a label without an error are the least for a target of 0.05. The promise
holds for logs like those of the files: label a random sample of the stream's templates. Rules,
which come before the model, are not asked.")]
pub(crate) struct Args {
    /// CSV files with a header
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Bundle whose thresholds are chosen [default: the built-in model]
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Directory of the bundle to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    transformer: TransformerArgs,
    #[command(flatten)]
    columns: Columns,
}

/// Runs the command.
///
/// # Errors
/// If options, files or bundle cannot be used: a label that the model does not have, no template
/// but those that it was trained on. Nothing is written then.
pub(crate) fn run(args: &Args) -> Result<Ended, Failure> {
    args.target.check()?;
    let parts = setup::bundle(args.model.as_deref())?;
    let directory = args.model.as_deref().unwrap_or(Path::new(""));
    let model = match args.transformer.files().open(directory, &parts)? {
        Some(encoder) => Model::load_with(parts.clone(), encoder),
        None => Model::load(parts.clone()),
    };
    let model = model.map_err(sentence)?;
    let mut data = Labelled::read(&args.files, &args.columns).map_err(sentence)?;
    check_labels(&data, &model)?;
    let mut page = report::data(&data).map_err(sentence)?;
    let left_out = leave_out_known(&mut data, &model);
    writeln!(page, "{left_out} templates are left out: the model was trained on them")
        .map_err(sentence)?;
    if data.rows.is_empty() {
        let reason = "the model was trained on every template of the files: it takes others";
        return Err(Failure::other(reason.to_owned()));
    }
    let bundle = calibrated(args, parts, &model, &data, &mut page)?;
    logtriage_files::write_parts(&args.output, &bundle).map_err(sentence)?;
    writeln!(page, "\nwrote {}", args.output.display()).map_err(sentence)?;
    screen::print(screen::safe(&page).as_bytes())?;
    Ok(Ended::Clean)
}

fn check_labels(data: &Labelled, model: &Model) -> Result<(), Failure> {
    let Some(label) = data.labels.iter().find(|label| !model.labels().contains(label)) else {
        return Ok(());
    };
    let known = model.labels().join(", ");
    Err(Failure::other(format!("{label:?} is not a label of the model; its labels are: {known}")))
}

/// Leaves out the templates that the model was trained on, and says how many.
fn leave_out_known(data: &mut Labelled, model: &Model) -> usize {
    let known: HashSet<&str> =
        model.examples().iter().map(|example| example.template.as_str()).collect();
    let before = data.rows.len();
    data.rows.retain(|row| !known.contains(row.template.as_str()));
    before - data.rows.len()
}

/// What the model says of each template.
fn answers(model: &Model, data: &Labelled) -> Result<Vec<Answer>, EncodeError> {
    let mut scratch = Scratch::default();
    let answer = |row: &crate::labelled::Row| {
        let prediction = model.predict(&row.template, &mut scratch)?;
        let name = &data.labels[row.label];
        Ok(Answer {
            truth: model.labels().iter().position(|label| label == name).unwrap_or(usize::MAX),
            said: usize::from(prediction.label),
            confidence: prediction.confidence,
        })
    };
    data.rows.iter().map(answer).collect()
}

/// The bundle with thresholds of `data`; what they promise goes to `page`.
fn calibrated(
    args: &Args,
    parts: BundleParts,
    model: &Model,
    data: &Labelled,
    page: &mut String,
) -> Result<BundleParts, Failure> {
    let mut info = model.info().clone();
    let answers = answers(model, data).map_err(sentence)?;
    info.thresholds = guarantee::thresholds(&answers, info.labels.len(), args.target.error);
    let found = calibration("calibrate", data, &answers, &info.thresholds, args.target.error);
    page.push_str(&report::promise(&info.labels, &info.thresholds, &found).map_err(sentence)?);
    if info.thresholds.iter().all(|threshold| *threshold == Threshold::Never) {
        screen::tell(&never_labels(args.target.error));
    }
    info.calibration = Some(found);
    Ok(seal(model.embedder().info().clone(), Some(info), parts))
}
