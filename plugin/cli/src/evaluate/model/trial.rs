//! One way to hold out, and what every contestant says then.

use indicatif::ProgressBar;
use logtriage_engine::Threshold;

use super::bootstrap::Resamples;
use super::contestants::{Contest, Contestant, Means};
use crate::failure::Failure;
use crate::labelled::Labelled;
use crate::train::calibrate::{self, Answer, HeldOut};
use crate::train::confusion::Confusion;
use crate::train::folds::{self, By, FOLDS, Task};
use crate::train::guarantee;
use crate::train::sentence;

/// What is held out together.
pub(super) struct Split {
    pub(super) by: By,
    /// Of each template.
    pub(super) folds: Vec<usize>,
    /// What the bootstrap draws: the source of each template, or the template itself.
    pub(super) units: Vec<usize>,
}

impl Split {
    /// The headline first: by source, if there are two.
    pub(super) fn all(data: &Labelled, folds: usize) -> Vec<Self> {
        let by_template = Self {
            by: By::Template,
            folds: folds::by_template(&targets(data), data.labels.len(), folds.min(FOLDS)),
            units: (0..data.rows.len()).collect(),
        };
        if data.sources.len() < 2 {
            return vec![by_template];
        }
        let units = data.row_sources();
        let folds = folds::by_group(&units, folds.min(data.sources.len()));
        vec![Self { by: By::Source, folds, units }, by_template]
    }

    pub(super) fn is_by_template(&self) -> bool {
        self.by == By::Template
    }

    /// Folds in use.
    pub(super) fn count(&self) -> usize {
        self.folds.iter().max().map_or(0, |last| last + 1)
    }
}

/// The label of each template.
pub(super) fn targets(data: &Labelled) -> Vec<usize> {
    data.rows.iter().map(|row| row.label).collect()
}

/// What a contestant said of templates that its training did not have.
pub(super) struct Said {
    pub(super) name: &'static str,
    pub(super) confusion: Confusion,
    pub(super) resamples: Resamples,
    /// Absent where answers have no confidence.
    pub(super) sure: Option<Sure>,
}

/// Answers with their confidence.
pub(super) struct Sure {
    pub(super) c: f64,
    pub(super) temperature: f64,
    pub(super) held_out: Vec<HeldOut>,
    pub(super) answers: Vec<Answer>,
}

/// All that was said, in the order of the contestants.
pub(super) struct Trial {
    pub(super) said: Vec<Said>,
    /// Of our model.
    pub(super) thresholds: Vec<Threshold>,
}

impl Trial {
    /// Hears everybody. The first trial chooses C, temperature and thresholds; later ones keep
    /// what the first chose.
    pub(super) fn run(
        contest: &Contest<'_>,
        data: &Labelled,
        split: &Split,
        first: Option<&Self>,
        target_error: f64,
        bar: &ProgressBar,
    ) -> Result<Self, Failure> {
        let mut said = Vec::new();
        for (at, contestant) in contest.contestants.iter().enumerate() {
            bar.set_message(format!("{}, held out by {}", contestant.name, split.by.name()));
            let before = first.and_then(|trial| trial.said.get(at)?.sure.as_ref());
            said.push(hear(contestant, data, split, before)?);
            bar.inc(1);
        }
        let ours = said.first().and_then(|said| said.sure.as_ref());
        let choose = || {
            let answers = ours.map_or(&[][..], |sure| &sure.answers);
            guarantee::thresholds(answers, data.labels.len(), target_error)
        };
        let thresholds = first.map_or_else(choose, |first| first.thresholds.clone());
        Ok(Self { said, thresholds })
    }

    /// Of our model, which comes first.
    pub(super) fn ours(&self) -> Option<(&Said, &Sure)> {
        let said = self.said.first()?;
        Some((said, said.sure.as_ref()?))
    }
}

fn hear(
    contestant: &Contestant<'_>,
    data: &Labelled,
    split: &Split,
    before: Option<&Sure>,
) -> Result<Said, Failure> {
    let targets = targets(data);
    let (answers, sure) = match &contestant.means {
        Means::Fixed(said) => (said.clone(), None),
        Means::Regression { features, embedder, grid } => {
            let labels = data.labels.len();
            let c = before.map(|before| before.c);
            let grid = c.map_or_else(|| grid.clone(), |c| vec![c]);
            let task = |c| Task { features, targets: &targets, labels, embedder: *embedder, c };
            let temperature = before.map(|before| before.temperature);
            let sure = best(split, grid.into_iter().map(task), temperature)?;
            (sure.answers.iter().map(|answer| Some(answer.said)).collect(), Some(sure))
        }
    };
    let pairs: Vec<_> = targets.iter().copied().zip(answers).collect();
    Ok(Said {
        name: contestant.name,
        confusion: Confusion::of(data.labels.len(), pairs.iter().copied()),
        resamples: Resamples::draw(&split.units, data.labels.len(), &pairs),
        sure,
    })
}

/// What the task with the best macro-F1 says, of equals the first.
fn best<'a>(
    split: &Split,
    tasks: impl Iterator<Item = Task<'a>>,
    temperature: Option<f64>,
) -> Result<Sure, Failure> {
    let mut best: Option<(f64, Sure)> = None;
    for task in tasks {
        let sure = sure(split, task, temperature, |_| true)?;
        let pairs = sure.answers.iter().map(|answer| (answer.truth, Some(answer.said)));
        let score = Confusion::of(task.labels, pairs).macro_f1();
        if best.as_ref().is_none_or(|(before, _)| score > *before) {
            best = Some((score, sure));
        }
    }
    best.map(|(_, sure)| sure).ok_or_else(|| Failure::other("no C to choose from"))
}

/// What models of those rows that `learns` lets through say; without a temperature, the one that
/// fits best.
pub(super) fn sure(
    split: &Split,
    task: Task<'_>,
    temperature: Option<f64>,
    learns: impl Fn(usize) -> bool + Sync,
) -> Result<Sure, Failure> {
    let held_out = task.out_of_fold(&split.folds, learns).map_err(sentence)?;
    let fitted = || calibrate::temperature(&held_out, task.targets).map_err(sentence);
    let temperature = temperature.map_or_else(fitted, Ok)?;
    let answers = calibrate::answers(&held_out, task.targets, temperature);
    Ok(Sure { c: task.c, temperature, held_out, answers })
}
