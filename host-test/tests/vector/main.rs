//! Every config under `configs/vector` that holds the Lua module can be read, names files that are
//! there, labels as the command does, and drops no event but those that it names. With
//! `VECTOR=/path/to/vector` set, and after `./build`, they also run in Vector.

mod run;

use std::fs;

use host_test::lua::{Lua, Value};
use host_test::{guest, root};
use logtriage_engine::{Config, DEFAULT_LABELS};
use serde_json::Value as Json;

const DIRECTORY: &str = "configs/vector";
const CONFIG: &str = "lua.yaml";

/// What a label must be from for an event to be thinned out.
const SURE: &str = r#"includes(["rule", "reviewed", "semantic"], .triage.tier)"#;

fn read(name: &str) -> String {
    fs::read_to_string(root().join(DIRECTORY).join(name)).expect(name)
}

fn config() -> Json {
    serde_saphyr::from_str(&read(CONFIG)).expect("YAML")
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no string"))
}

/// The Lua of the config, in Lua as Vector embeds it.
fn transform() -> Lua {
    let label = &config()["transforms"]["label"];
    // Vector runs in the project's directory.
    let directory = root().join(DIRECTORY);
    let source = text(&label["source"]).replace(DIRECTORY, &directory.display().to_string());
    let process = text(&label["hooks"]["process"]);
    Lua::load(guest::lua_module(), &source, process).unwrap_or_else(|error| panic!("{error}"))
}

fn event(message: &str) -> Value {
    Value::from(serde_json::json!({ "message": message, "source_type": "file" }))
}

#[test]
fn every_file_is_described_and_the_configs_name_files_that_are_there() {
    let readme = read("README.md");
    for entry in fs::read_dir(root().join(DIRECTORY)).expect("can be read") {
        let name = entry.expect("can be read").file_name().into_string().expect("UTF-8");
        let described = name == "README.md" || readme.contains(&format!("`{name}`"));
        // What running them leaves there.
        assert!(described || name == "state", "{name} in README.md");
    }
    let toml = Config::parse("logtriage.toml", read("logtriage.toml").as_bytes()).expect("right");
    assert!(toml.reasoning.is_some(), "it shows where the state goes");
    let build = fs::read_to_string(root().join("build")).expect("build");
    assert!(build.contains("dist/logtriage.so"), "./build makes the module");
    for path in config()["sources"]["app"]["include"].as_array().expect("files") {
        assert!(root().join(text(path)).is_file(), "{path}");
    }
    assert!(
        read(CONFIG).contains(&format!("vector --config {DIRECTORY}/{CONFIG}")),
        "how to run it"
    );
}

#[test]
fn its_lua_labels_as_the_command_does() {
    let mut lua = transform();
    let expected = fs::read_to_string(root().join("configs/sample.log.expected.jsonl"));
    for line in expected.expect("the expected output").lines() {
        let expected: Json = serde_json::from_str(line).expect("JSON");
        let message = text(&expected["message"]);
        let out = lua.process(event(message)).expect("emits");
        assert_eq!(out.len(), 1, "{message}");
        let triage = &out[0].json()["triage"];
        for member in ["label", "tier", "template_id"] {
            assert_eq!(triage[member], expected["triage"][member], "{message}");
        }
    }
}

#[test]
fn a_labeller_that_fails_costs_no_event() {
    let mut lua = transform();
    for labeller in ["{annotate = function() error('no') end}", "{annotate = 7}", "{}"] {
        lua.lua().load(format!("labeller = {labeller}")).exec().expect("Lua");
        assert_eq!(lua.process(event("x")).expect("emits"), [event("x")], "{labeller}");
    }
}

/// From the labeller every event reaches the sink `kept`, or is thinned out by name and only where
/// its label is sure.
#[test]
fn nothing_is_dropped_but_what_is_named_and_sure() {
    let config = config();
    let transforms = config["transforms"].as_object().expect("transforms");
    let routes = transforms["by_label"]["route"].as_object().expect("routes");
    assert_eq!(transforms["by_label"]["inputs"], serde_json::json!(["label"]));
    let outputs = routes.keys().map(|route| format!("by_label.{route}"));
    for output in outputs.chain(["by_label._unmatched".to_owned()]) {
        let thinned = way_to_kept(&config, &output);
        let Some(route) = routes.get(output.trim_start_matches("by_label.")) else {
            assert!(!thinned, "{output} is thinned out");
            continue;
        };
        let condition = text(route);
        let label = DEFAULT_LABELS
            .iter()
            .find(|(label, _)| condition == format!(".triage.label == \"{label}\" && {SURE}"));
        assert!(!thinned || label.is_some(), "{output} is thinned out where {condition}");
    }
}

/// Whether what leaves `output` is thinned out on its way to the sink `kept`, which it must reach.
fn way_to_kept(config: &Json, output: &str) -> bool {
    let takes = |of: &Json| {
        of["inputs"].as_array().expect("inputs").iter().any(|input| text(input) == output)
    };
    if takes(&config["sinks"]["kept"]) {
        return false;
    }
    let transforms = config["transforms"].as_object().expect("transforms");
    let (name, next) = transforms
        .iter()
        .find(|(_, transform)| takes(transform))
        .unwrap_or_else(|| panic!("{output} leads nowhere"));
    let thins = match text(&next["type"]) {
        "remap" => false,
        "reduce" | "sample" | "throttle" => true,
        other => panic!("say here what {other} does"),
    };
    way_to_kept(config, name) || thins
}

#[test]
fn it_runs_in_vector() {
    let Some(program) = std::env::var_os("VECTOR") else {
        eprintln!("VECTOR names no vector: the config is not run");
        return;
    };
    let vector = run::Vector::new(program.into(), root());
    let path = format!("{DIRECTORY}/{CONFIG}");
    vector.succeeds(&["validate", &path]);
    vector.succeeds(&["test", &path]);
    vector.labels(&read(CONFIG));
    vector.refuses(&read(CONFIG).replace("{ config =", "{ confi ="), "unknown option");
}
