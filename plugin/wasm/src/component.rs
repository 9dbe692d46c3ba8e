//! The interface of `wit/logtriage.wit`: the engine, as a component.
#![allow(unsafe_code, reason = "the bindings are generated")]

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

use logtriage_engine as engine;
use logtriage_engine::semantic::BundleParts;
use logtriage_engine::{Config, Engine, Labels, Model, ModelSource, Rules, Setup};
use logtriage_files::NO_TRANSFORMERS;

use crate::BUILTIN;

mod bindings {
    #![allow(missing_docs, clippy::all, reason = "generated")]
    wit_bindgen::generate!({ path: "../../wit", world: "plugin", generate_all });
}

use bindings::exports::logtriage::plugin::labeller::{
    Candidate, Error, Event, File, Guest, Kind, LabelCount, Learned, Outcome, Pending, Stats,
    TextError, Tier, TierCounts, Verdict,
};

bindings::export!(Component with_types_in bindings);

struct Component;

thread_local! {
    /// The labeller of this instance; `None` until it is first needed.
    static LABELLER: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

/// Works with the labeller, which is the built-in one if nothing was configured. `None` if there
/// can be none, which the tests exclude.
fn with_engine<T>(work: impl FnOnce(&mut Engine) -> T) -> Option<T> {
    let work = |labeller: &RefCell<Option<Engine>>| {
        let mut labeller = labeller.try_borrow_mut().ok()?;
        if labeller.is_none() {
            *labeller = Some(make(None, None, None).ok()?);
        }
        labeller.as_mut().map(work)
    };
    LABELLER.try_with(work).ok().flatten()
}

impl Guest for Component {
    fn configure(
        config: Option<Vec<u8>>,
        rules: Option<Vec<u8>>,
        model: Option<Vec<File>>,
    ) -> Result<(), Error> {
        let engine = make(config, rules, model)?;
        let held = LABELLER.try_with(|labeller| {
            labeller.try_borrow_mut().map(|mut labeller| *labeller = Some(engine)).is_ok()
        });
        if held == Ok(true) { Ok(()) } else { Err(Error::Model("is in use".to_owned())) }
    }

    fn label(event: Event, now: u64) -> Outcome {
        with_engine(|engine| label(engine, &event, now)).unwrap_or_else(unclassified)
    }

    fn label_many(events: Vec<Event>, now: u64) -> Vec<Outcome> {
        events.into_iter().map(|event| Self::label(event, now)).collect()
    }

    fn annotate(record: Vec<u8>, now: u64) -> Vec<u8> {
        let annotated = with_engine(|engine| {
            let mut out = Vec::with_capacity(record.len() + 256);
            engine.annotate(&record, now, &mut out);
            out
        });
        annotated.unwrap_or(record)
    }

    fn take_pending(most: u32, now: u64) -> Vec<Pending> {
        with_engine(|engine| {
            let taken = engine.take_pending(most as usize, now);
            taken.into_iter().map(|pending| waiting(pending, engine.setup().labels())).collect()
        })
        .unwrap_or_default()
    }

    fn learn(verdicts: Vec<Verdict>) -> Learned {
        with_engine(|engine| {
            let mut learned = Learned { taken: 0, refused: 0 };
            for verdict in verdicts {
                let kind = match verdict.kind {
                    Kind::Person => engine::Kind::Person,
                    Kind::Machine => engine::Kind::Machine,
                };
                let Verdict { template, label, by, reason, .. } = verdict;
                let one = engine.learn(kind, &[engine::Verdict { template, label, by, reason }]);
                learned.taken += one.taken as u64;
                learned.refused += one.refused as u64;
            }
            learned
        })
        .unwrap_or(Learned { taken: 0, refused: 0 })
    }

    fn current_stats() -> Stats {
        with_engine(|engine| stats(&engine.stats(), engine.setup().labels()))
            .unwrap_or_else(|| stats(&engine::Stats::default(), &Labels::default()))
    }
}

/// A labeller of what the host handed over.
fn make(
    config: Option<Vec<u8>>,
    rules: Option<Vec<u8>>,
    model: Option<Vec<File>>,
) -> Result<Engine, Error> {
    let config = match config {
        Some(bytes) => Config::parse("logtriage.toml", &bytes).map_err(text_error)?,
        None => Config::default(),
    };
    let model = read_model(&config, model)?;
    let labels = Labels::new(model.labels().iter().map(String::as_str));
    let rules = read_rules(&config, rules, &labels)?;
    let setup = Setup::new(&config, rules, Arc::new(model)).map_err(text_error)?;
    Ok(Engine::new(Arc::new(setup)))
}

fn read_model(config: &Config, files: Option<Vec<File>>) -> Result<Model, Error> {
    if config.onnx.is_some() {
        return Err(Error::Model(NO_TRANSFORMERS.to_owned()));
    }
    let ModelSource::Directory(name) = &config.model else {
        return Model::builtin().map_err(|error| Error::Model(error.to_string()));
    };
    let files = files.ok_or_else(|| Error::MissingFile(name.clone()))?;
    let parts: BundleParts =
        files.into_iter().map(|file| (file.name, Cow::Owned(file.content))).collect();
    Model::load(parts).map_err(|error| Error::Model(error.to_string()))
}

fn read_rules(config: &Config, compiled: Option<Vec<u8>>, labels: &Labels) -> Result<Rules, Error> {
    let bytes = match compiled {
        _ if config.rules == Config::default().rules && *labels != Labels::default() => {
            return Ok(Rules::none());
        }
        _ if config.rules == Config::default().rules => Cow::Borrowed(BUILTIN),
        Some(bytes) => Cow::Owned(bytes),
        None => return Err(Error::MissingFile("rules.bin".to_owned())),
    };
    Rules::load(bytes, labels).map_err(|error| Error::Rules(error.to_string()))
}

fn label(engine: &mut Engine, event: &Event, now: u64) -> Outcome {
    let event = engine::Event {
        message: event.message.as_deref().map(Cow::Borrowed),
        source: event.source.as_deref().map(Cow::Borrowed),
    };
    let labels = engine.setup().labels().clone();
    let outcome = engine.label(&event, now);
    Outcome {
        label: outcome.label.to_owned(),
        tier: match outcome.tier {
            engine::Tier::Rule => Tier::Rule,
            engine::Tier::Reviewed => Tier::Reviewed,
            engine::Tier::Semantic => Tier::Semantic,
            engine::Tier::Reasoning => Tier::Reasoning,
            engine::Tier::None => Tier::None,
        },
        confidence: outcome.confidence.probability(),
        template_id: outcome.template_id.map(|id| id.to_string()),
        template: outcome.template_id.map(|_| outcome.template.to_owned()),
        rule: outcome.rule.map(str::to_owned),
        by: outcome.by.map(str::to_owned),
        reason: outcome.reason.map(str::to_owned),
        pending: outcome.pending,
        candidates: candidates(outcome.candidates, &labels),
        group: outcome.group.map(str::to_owned),
    }
}

fn unclassified() -> Outcome {
    Outcome {
        label: engine::UNCLASSIFIED.to_owned(),
        tier: Tier::None,
        confidence: 0.0,
        template_id: None,
        template: None,
        rule: None,
        by: None,
        reason: None,
        pending: false,
        candidates: Vec::new(),
        group: None,
    }
}

fn candidates(of: &[(engine::LabelId, engine::Confidence)], labels: &Labels) -> Vec<Candidate> {
    let candidate = |(label, confidence): &(engine::LabelId, engine::Confidence)| Candidate {
        label: labels.name(*label).to_owned(),
        confidence: confidence.probability(),
    };
    of.iter().map(candidate).collect()
}

fn waiting(pending: engine::Pending, labels: &Labels) -> Pending {
    Pending {
        template_id: pending.template_id.to_string(),
        candidates: candidates(&pending.candidates, labels),
        template: pending.template,
        source: pending.source,
        message: pending.message,
        count: pending.count,
        first_seen: pending.first_seen,
    }
}

fn stats(stats: &engine::Stats, labels: &Labels) -> Stats {
    let [rule, reviewed, semantic, reasoning, none] = stats.tiers;
    let label = |(name, count): (&str, &u64)| LabelCount { label: name.to_owned(), count: *count };
    Stats {
        events: stats.events,
        tiers: TierCounts { rule, reviewed, semantic, reasoning, none },
        labels: labels.names().zip(&stats.labels).map(label).collect(),
        no_message: stats.no_message,
        not_records: stats.not_records,
        malformed: stats.malformed,
        cache_hits: stats.cache_hits,
        cache_misses: stats.cache_misses,
        cached: stats.cached,
        shed: stats.shed,
        pending: stats.pending,
        pending_let_go: stats.pending_let_go,
    }
}

fn text_error(error: engine::TextError) -> Error {
    let engine::TextError { file, line, column, message } = error;
    Error::Config(TextError { file, line: line as u32, column: column as u32, message })
}
