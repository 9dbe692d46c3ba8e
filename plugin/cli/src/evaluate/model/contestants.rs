//! Who answers: the model that `train` would make, and what it is held against.

use std::time::Duration;

use logtriage_engine::semantic::{Embedder, Pooling};
use logtriage_onnx::{Files, Transformer, Usage};

use super::Args;
use super::{rivals, tfidf};
use crate::failure::Failure;
use crate::labelled::Labelled;
use crate::train::features::{Features, Sample};
use crate::train::sentence;
use crate::transformer::MAX_LENGTH;

/// Inverse strengths of regularisation that the baselines choose from, by the macro-F1 that is then
/// reported: an advantage that ours, which has one, does not have.
const GRID: [f64; 4] = [1.0, 4.0, 16.0, 64.0];

/// One way to label templates.
pub(super) struct Contestant<'a> {
    pub(super) name: &'static str,
    pub(super) means: Means<'a>,
}

/// How a contestant comes to its answers.
pub(super) enum Means<'a> {
    /// Logistic regression, trained for each fold.
    Regression {
        features: Features,
        /// Says how far the model is trusted; without it, wholly.
        embedder: Option<&'a Embedder>,
        /// Inverse strengths of regularisation to choose from.
        grid: Vec<f64>,
    },
    /// Answers that no training changes, one for each template; none is a wrong one.
    Fixed(Vec<Option<usize>>),
}

/// All contestants, ours first.
pub(super) struct Contest<'a> {
    pub(super) contestants: Vec<Contestant<'a>>,
    /// Who is not here, and why.
    pub(super) absent: Vec<String>,
    /// What the transformer took for each template, on one core.
    pub(super) transformer_cost: Option<Duration>,
}

impl<'a> Contest<'a> {
    /// Everybody to whom these labels mean something.
    pub(super) fn enter(
        args: &Args,
        data: &Labelled,
        embedder: &'a Embedder,
    ) -> Result<Self, Failure> {
        let features = Features::of(&data.rows, embedder).map_err(sentence)?;
        let ours = Means::Regression { features, embedder: Some(embedder), grid: vec![args.c] };
        let mut contest = Self {
            contestants: vec![Contestant { name: "this model", means: ours }],
            absent: Vec::new(),
            transformer_cost: None,
        };
        contest.transformer(args, data)?;
        let features = tfidf::features(&data.rows);
        let grid = GRID.to_vec();
        contest.add("TF-IDF + regression", Means::Regression { features, embedder: None, grid });
        match rivals::rules(data)? {
            Some(said) => contest.add("rules alone", Means::Fixed(said)),
            None => contest.miss("rules alone: no label here is one of the built-in rules'"),
        }
        match rivals::grep(data) {
            Some(said) => contest.add("grep fail|error", Means::Fixed(said)),
            None => {
                contest.miss("grep fail|error: Error and System Notification are no labels here")
            }
        }
        Ok(contest)
    }

    fn transformer(&mut self, args: &Args, data: &Labelled) -> Result<(), Failure> {
        let (Some(model), Some(tokenizer)) = (&args.teacher, &args.embedder.tokenizer) else {
            self.miss("transformer + regression: no --teacher");
            return Ok(());
        };
        let (model, tokenizer) = (model.clone(), tokenizer.clone());
        let files = Files { model, tokenizer, runtime: args.embedder.onnxruntime.clone() };
        // One thread, whose time is what it costs.
        let usage = Usage { pooling: Pooling::Mean, max_length: MAX_LENGTH, threads: 1 };
        let teacher = Transformer::open(&files, usage).map_err(sentence)?;
        let (embeddings, cost) = rivals::embed(&teacher, data)?;
        let features = dense(embeddings);
        let grid = GRID.to_vec();
        let means = Means::Regression { features, embedder: None, grid };
        self.add("transformer + regression", means);
        self.transformer_cost = Some(cost);
        Ok(())
    }

    fn add(&mut self, name: &'static str, means: Means<'a>) {
        self.contestants.push(Contestant { name, means });
    }

    fn miss(&mut self, why: &str) {
        self.absent.push(why.to_owned());
    }
}

/// Embeddings alone, without words.
fn dense(embeddings: Vec<Vec<f64>>) -> Features {
    let width = embeddings.first().map_or(0, Vec::len);
    let sample = |embedding| Sample { embedding, ..Sample::default() };
    let samples = embeddings.into_iter().map(sample).collect();
    Features::plain(samples, width, 0)
}
