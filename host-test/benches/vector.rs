//! What the Lua module costs in Lua as Vector embeds it, beside hooks that do less, on the same
//! events in the same run.
//!
//! `cargo bench --bench vector` prints the time for all events of a set, and at the end the time of
//! one event and the ratios. Ratios of one run hold on any machine, single times do not. In the
//! rows of a hook is what Vector does with each event: its table is made, the hook is called, the
//! table that it emits is read. What the rest of Vector does is not.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use host_test::bench::{Varying, line, print_ratios};
use host_test::guest;
use host_test::lua::{Lua, Value, labeller};
use logtriage_engine::{BUILTIN_RULES, Config, Engine, Event, Labels, Model, Rules, Setup};

const EVENTS: usize = 3_000;

const IDENTITY: &str = "a hook that emits the event";
const NATIVE: &str = "the engine alone";
const ANNOTATE: &str = "annotate alone";
const HOOK: &str = "a hook that labels and emits the event";
const THREE_FIELDS: &str = "a hook that adds a table of three fields";

/// A set of events as the `file` source makes them, with messages of about 140 bytes.
struct Corpus {
    name: &'static str,
    messages: Vec<String>,
}

fn generated(name: &'static str, varying: Varying) -> Corpus {
    Corpus { name, messages: (0..EVENTS).map(|event| line(event, varying)).collect() }
}

fn log(message: &str) -> Value {
    let text = |text: &str| Value::Bytes(text.as_bytes().to_vec());
    Value::Object(BTreeMap::from([
        ("file".to_owned(), text("/var/log/billing.log")),
        ("host".to_owned(), text("host-7")),
        ("message".to_owned(), text(message)),
        ("source_type".to_owned(), text("file")),
        ("timestamp".to_owned(), Value::Timestamp([2026, 11, 20, 7, 3, 31, 118_200_000])),
    ]))
}

fn engine() -> Engine {
    let rules = Rules::parse(&[("rules", BUILTIN_RULES.as_bytes())], &Labels::default());
    let model = Model::builtin().expect("the built-in model loads");
    let rules = rules.expect("the built-in rules are right");
    let setup = Setup::new(&Config::default(), rules, model.into());
    Engine::new(setup.expect("the default config is right").into())
}

fn hook(process: &str) -> Lua {
    Lua::load(guest::lua_module(), &labeller("shared = false"), process).expect("starts")
}

fn events(c: &mut Criterion, corpus: &Corpus) {
    let logs: Vec<_> = corpus.messages.iter().map(|message| log(message)).collect();
    let mut group = c.benchmark_group(corpus.name);
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.sample_size(20);

    let mut engine = engine();
    group.bench_function(NATIVE, |b| {
        b.iter(|| {
            for message in &corpus.messages {
                let event = Event { message: Some(message.as_bytes().into()), source: None };
                black_box(engine.label(black_box(&event), 0).label_id);
            }
        });
    });
    annotate_alone(&mut group, &logs);
    let hooks = [
        (IDENTITY, "function(event, emit) emit(event) end"),
        (HOOK, "function(event, emit) pcall(labeller.annotate, labeller, event) emit(event) end"),
        (
            THREE_FIELDS,
            "function(event, emit)
                 event.log.triage = { label = 'Error', tier = 'rule', confidence = 1.0 }
                 emit(event)
             end",
        ),
    ];
    for (name, process) in hooks {
        let mut lua = hook(process);
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            let pass = |logs: Vec<Value>| {
                for log in logs {
                    black_box(lua.process(log).expect("emits"));
                }
            };
            b.iter_batched(|| logs.clone(), pass, BatchSize::LargeInput);
        });
    }
    group.finish();
}

type Group<'c> = criterion::BenchmarkGroup<'c, criterion::measurement::WallTime>;

/// A loop in Lua over events that are there already, less the same loop without the call; events
/// that it labelled have no label any more when it comes again.
fn annotate_alone(group: &mut Group<'_>, logs: &[Value]) {
    let lua = hook("function() end");
    let state = lua.lua();
    let code = |body: &str| {
        let code = format!(
            "local labeller, events = ...
             return function()
                 for n = 1, #events do local event = events[n]; {body} event.log.triage = nil end
             end"
        );
        let tables = logs.iter().map(|log| state.create_table_from([("log", log.clone())]));
        let tables: Vec<mlua::Table> = tables.collect::<mlua::Result<_>>().expect("tables");
        let labeller: mlua::Value = state.globals().get("labeller").expect("a labeller");
        let made = state.load(code).call::<mlua::Function>((labeller, tables));
        made.expect("a function")
    };
    for (name, body) in [(ANNOTATE, "labeller:annotate(event)"), ("the loop around it", "")] {
        let pass = code(body);
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| pass.call::<()>(()).expect("runs"));
        });
    }
}

/// The mean time of each row per event, and beside the hook that only emits.
fn ratios(corpus: &Corpus) {
    let bytes: usize = corpus.messages.iter().map(String::len).sum();
    println!("\n{}: {EVENTS} messages of {} bytes a pass", corpus.name, bytes / EVENTS);
    let rows = [NATIVE, ANNOTATE, "the loop around it", IDENTITY, HOOK, THREE_FIELDS];
    print_ratios(corpus.name, EVENTS, IDENTITY, &rows);
}

fn main() {
    let corpora = [
        generated("vector, numbers", Varying::Numbers),
        generated("vector, hexadecimal ids", Varying::Ids),
    ];
    let mut criterion = Criterion::default().configure_from_args();
    for corpus in &corpora {
        events(&mut criterion, corpus);
    }
    criterion.final_summary();
    corpora.iter().for_each(ratios);
}
