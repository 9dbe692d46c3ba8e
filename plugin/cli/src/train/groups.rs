//! Groups of templates: as the data names them, else as k-means finds them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use logtriage_engine::Model;
use logtriage_engine::semantic::{
    BundleError, BundleParts, Embedder, GROUP_TITLES, GROUPS, LABEL_RULE, MAX_GROUPS, Scratch,
    group_point, is_label, seal,
};
use ndarray::{Array2, ArrayView1};

use super::calibrate::HeldOut;
use super::features::{Features, Sample};
use super::kmeans::KMeans;
use super::logistic::{self, Weights};
use super::sentence;
use crate::failure::Failure;
use crate::labelled::Labelled;
use crate::screen::one_line;

/// Groups that k-means makes at most, of templates enough. `models/README.md` says why so many.
const GROUPS_AT_MOST: usize = 64;
/// Templates for each of them at least.
const TEMPLATES_PER_GROUP: usize = 20;
/// Templates of a named group at least; of fewer nothing can be learnt.
const MIN_PER_GROUP: usize = 10;
/// Inverse strength of regularisation of named groups: in a study on the default corpus, by source,
/// better than 100 and not worse than 40.
const C: f64 = 10.0;
/// Characters of a title at most.
const TITLE: usize = 100;

/// What decides on a template's group, one row each.
struct Groups {
    names: Vec<String>,
    titles: Vec<String>,
    centroids: Array2<f32>,
    offsets: Vec<f32>,
}

/// The names that enough rows have.
pub(super) struct Names<'a> {
    names: Vec<&'a str>,
    /// For each row its place among them.
    of: Vec<Option<usize>>,
    /// Those that too few rows have.
    rare: usize,
}

impl<'a> Names<'a> {
    /// `None` where the data names no groups.
    ///
    /// # Errors
    /// If a name cannot be one, or there are too many.
    pub(super) fn of(data: &'a Labelled) -> Result<Option<Self>, Failure> {
        let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
        for name in data.rows.iter().filter_map(|row| row.group.as_deref()) {
            if !is_label(name) {
                let message = format!("{name:?} cannot be a group, expected {LABEL_RULE}");
                return Err(Failure::other(message));
            }
            *sizes.entry(name).or_default() += 1;
        }
        let all = sizes.len();
        sizes.retain(|_, size| *size >= MIN_PER_GROUP);
        let names: Vec<&str> = sizes.into_keys().collect();
        let rare = all - names.len();
        if names.len() > MAX_GROUPS {
            let found = names.len();
            return Err(Failure::other(format!(
                "{found} groups, at most {MAX_GROUPS} are possible"
            )));
        }
        let of = data.rows.iter();
        let of = of.map(|row| names.binary_search(&row.group.as_deref()?).ok()).collect();
        Ok((names.len() > 1).then_some(Self { names, of, rare }))
    }

    fn report(&self, templates: usize, right: usize, unseen: usize) -> String {
        let (count, share) = (self.names.len(), 100.0 * right as f64 / unseen.max(1) as f64);
        let rare = match self.rare {
            0 => String::new(),
            rare => format!("; {rare} groups of fewer than {MIN_PER_GROUP} templates are left out"),
        };
        format!(
            "\n{count} groups of {templates} templates; {share:.1} % of {unseen} held out get their own{rare}\n"
        )
    }
}

/// What named groups are learnt from.
pub(super) struct Lesson<'a> {
    pub(super) data: &'a Labelled,
    pub(super) embedder: &'a Embedder,
    /// What models say of the templates that they have not seen, and at which temperature.
    pub(super) held_out: &'a [HeldOut],
    pub(super) temperature: f64,
    /// The folds of `held_out`.
    pub(super) folds: &'a [usize],
}

impl Lesson<'_> {
    /// The bundle with groups by these names: multinomial logistic regression over the points, of
    /// which the weights are the centroids. Says how often that is right on a fold that is held
    /// out.
    ///
    /// # Errors
    /// If the bundle cannot be used.
    pub(super) fn learn(
        &self,
        bundle: BundleParts,
        names: &Names<'_>,
        page: &mut String,
    ) -> Result<BundleParts, Failure> {
        let (rows, targets): (Vec<usize>, Vec<usize>) =
            (0..).zip(&names.of).filter_map(|(row, group)| Some((row, (*group)?))).unzip();
        let samples = self.samples(&rows);
        let width = samples.first().map_or(0, |sample| sample.embedding.len());
        let features = Features::plain(samples, width, 0);
        let learn = |places: &[usize]| {
            logistic::fit(&features, &targets, places, names.names.len(), C).map_err(sentence)
        };

        let all: Vec<usize> = (0..rows.len()).collect();
        let (unseen, seen): (Vec<usize>, Vec<usize>) =
            all.iter().partition(|&&place| self.folds[rows[place]] == 0);
        let rehearsal = learn(&seen)?;
        let is_right =
            |&&place: &&usize| best(&rehearsal.logits(&features.samples[place])) == targets[place];
        let right = unseen.iter().filter(is_right).count();
        page.push_str(&names.report(rows.len(), right, unseen.len()));

        let weights = learn(&all)?;
        let titles = self.titles(&bundle, names, &weights)?;
        let shape = (names.names.len(), width);
        let bias = weights.row(width);
        let most = bias.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let groups = Groups {
            names: names.names.iter().map(|name| (*name).to_owned()).collect(),
            titles,
            centroids: Array2::from_shape_fn(shape, |(group, at)| weights.row(at)[group] as f32),
            offsets: bias.iter().map(|bias| (most - bias) as f32).collect(),
        };
        groups.into_bundle(bundle).map_err(sentence)
    }

    /// For each group that of its templates which the model is surest to file there, a short one if
    /// there is one.
    fn titles(
        &self,
        bundle: &BundleParts,
        names: &Names<'_>,
        weights: &Weights,
    ) -> Result<Vec<String>, Failure> {
        let model = Model::load(bundle.clone()).map_err(sentence)?;
        let logits: Vec<Vec<f64>> = points(&model)
            .rows()
            .into_iter()
            .map(|point| {
                let embedding = point.iter().copied().map(f64::from).collect();
                weights.logits(&Sample { embedding, ..Sample::default() })
            })
            .collect();
        let title = |group: usize| {
            let sure = |row: &usize| logits[*row][group];
            let rank = |row: &usize| {
                (best(&logits[*row]) == group, is_short(&self.data.rows[*row].template))
            };
            let own = (0..logits.len()).filter(|&row| names.of[row] == Some(group));
            let title = own.max_by(|a, b| rank(a).cmp(&rank(b)).then(sure(a).total_cmp(&sure(b))));
            title.map_or(String::new(), |row| one_line(&self.data.rows[row].template, TITLE))
        };
        Ok((0..names.names.len()).map(title).collect())
    }

    /// The points of these rows, with what the held-out model says for the probabilities.
    fn samples(&self, rows: &[usize]) -> Vec<Sample> {
        let (mut scratch, mut point) = (Scratch::default(), Vec::new());
        let sample = |&row: &usize| {
            let probabilities = self.held_out[row].probabilities(self.temperature);
            let embedding = self.embedder.embed(&self.data.rows[row].template, &mut scratch);
            // Only models of tables have groups, and a table never fails.
            group_point(embedding.unwrap_or_default(), &probabilities, &mut point);
            let embedding = point.iter().copied().map(f64::from).collect();
            Sample { embedding, ..Sample::default() }
        };
        rows.iter().map(sample).collect()
    }
}

/// The bundle with groups that k-means finds, as many as its templates allow.
///
/// # Errors
/// If the bundle cannot be used.
pub(super) fn find(bundle: BundleParts, templates: usize) -> Result<BundleParts, BundleError> {
    let number = (templates / TEMPLATES_PER_GROUP).clamp(1, GROUPS_AT_MOST);
    find_so_many(bundle, number)
}

/// The bundle with so many groups, in the place of those that it has; fewer if it was trained on
/// fewer templates.
///
/// # Errors
/// If the bundle cannot be used.
pub(crate) fn find_so_many(bundle: BundleParts, number: usize) -> Result<BundleParts, BundleError> {
    let model = Model::load(bundle.clone())?;
    let mut found = KMeans::of(points(&model), number);
    found.largest_first();
    let templates: Vec<&str> =
        model.examples().iter().map(|example| example.template.as_str()).collect();
    let central = found.most_central(|place| is_short(templates[place]));
    let groups = Groups {
        names: (0..central.len()).map(|group| format!("g{group:03}")).collect(),
        titles: central.into_iter().map(|place| one_line(templates[place], TITLE)).collect(),
        offsets: found.centroids.rows().into_iter().map(|c| c.dot(&c) / 2.0).collect(),
        centroids: found.centroids,
    };
    groups.into_bundle(bundle)
}

fn is_short(template: &str) -> bool {
    template.chars().count() <= TITLE
}

/// The place of the greatest.
fn best(logits: &[f64]) -> usize {
    (0..logits.len()).rev().max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap_or_default()
}

/// One row for each template that the model was trained on.
fn points(model: &Model) -> Array2<f32> {
    let mut scratch = Scratch::default();
    // Only models of tables have groups, and a table never fails.
    let width = model.point("", &mut scratch).map_or(0, <[f32]>::len);
    let mut points = Array2::zeros((model.examples().len(), width));
    for (example, mut row) in model.examples().iter().zip(points.rows_mut()) {
        if let Ok(point) = model.point(&example.template, &mut scratch) {
            row.assign(&ArrayView1::from(point));
        }
    }
    points
}

impl Groups {
    fn into_bundle(self, mut bundle: BundleParts) -> Result<BundleParts, BundleError> {
        let model = Model::load(bundle.clone())?;
        let line = |(name, title): (&String, &String)| format!("{name}\t{title}\n");
        let titles: String = self.names.iter().zip(&self.titles).map(line).collect();
        bundle.insert(GROUPS.to_owned(), Cow::Owned(self.quantised()));
        bundle.insert(GROUP_TITLES.to_owned(), Cow::Owned(titles.into_bytes()));
        let mut info = model.info().clone();
        info.groups = self.names.len();
        Ok(seal(model.embedder().info().clone(), Some(info), bundle))
    }

    /// Scales, offsets, then for each dimension the centroids in 8 bits.
    fn quantised(&self) -> Vec<u8> {
        let most = |row: ArrayView1<'_, f32>| row.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let rows = self.centroids.rows();
        let scales: Vec<f32> = rows.into_iter().map(|row| most(row) / 127.0).collect();
        let level =
            |x: f32, scale: f32| if scale > 0.0 { (x / scale).round() as i8 as u8 } else { 0 };
        let levels = self.centroids.columns().into_iter().flat_map(|column| {
            let levels = column.iter().zip(&scales).map(|(&x, &scale)| level(x, scale));
            levels.collect::<Vec<u8>>()
        });
        let floats = scales.iter().chain(&self.offsets);
        floats.flat_map(|float| float.to_le_bytes()).chain(levels).collect()
    }
}
