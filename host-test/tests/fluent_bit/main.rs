//! Every config under `configs/fluent-bit` can be read, names files that are there, and drops no
//! event but those that it names. With `FLUENT_BIT=/path/to/fluent-bit` set, and after `./build`,
//! each also runs in Fluent Bit.

mod config;
mod fate;
mod run;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use logtriage_engine::{Config, DEFAULT_LABELS, UNCLASSIFIED};
use serde_json::{Value, json};

use config::{Pipeline, Plugin};
use fate::tags_out;

const DIRECTORY: &str = "configs/fluent-bit";

/// Configs that run as they are, but for the DaemonSet's.
const YAML: [&str; 6] = [
    "fluent-bit.yaml",
    "processor.yaml",
    "forward.yaml",
    "noise.yaml",
    "tags.yaml",
    "metrics.yaml",
];
const CLASSIC: [&str; 2] = ["fluent-bit.conf", "noise.conf"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(DIRECTORY).join(name)).expect(name)
}

fn pipelines() -> Vec<(String, Pipeline)> {
    let yaml = YAML.iter().map(|name| (*name, Pipeline::from_yaml(&read(name))));
    let classic = CLASSIC.iter().map(|name| (*name, Pipeline::from_classic(&read(name))));
    let kubernetes = Pipeline::from_yaml(&kubernetes_config("fluent-bit", "fluent-bit.yaml"));
    yaml.chain(classic)
        .chain([("kubernetes.yaml", kubernetes)])
        .map(|(name, pipeline)| (name.to_owned(), pipeline))
        .collect()
}

fn manifests() -> Vec<Value> {
    serde_saphyr::from_multiple(&read("kubernetes.yaml")).expect("YAML")
}

fn manifest(kind: &str, name: &str) -> Value {
    let is_it = |m: &Value| m["kind"] == kind && m["metadata"]["name"] == name;
    manifests().into_iter().find(is_it).unwrap_or_else(|| panic!("no {kind} {name}"))
}

/// A file in a ConfigMap of the DaemonSet's.
fn kubernetes_config(map: &str, file: &str) -> String {
    let map = manifest("ConfigMap", map);
    map["data"][file].as_str().unwrap_or_else(|| panic!("no {file}")).to_owned()
}

fn labeller(pipeline: &Pipeline) -> &Plugin {
    pipeline.all_filters().find(|filter| filter.name() == "wasm").expect("a wasm filter")
}

#[test]
fn no_file_is_without_a_test_or_a_description() {
    let others = ["README.md", "logtriage.toml", "kubernetes.yaml"];
    let known: BTreeSet<&str> = YAML.into_iter().chain(CLASSIC).chain(others).collect();
    let readme = read("README.md");
    for entry in fs::read_dir(root().join(DIRECTORY)).expect("can be read") {
        let name = entry.expect("can be read").file_name().into_string().expect("UTF-8");
        // What running them leaves there.
        if name == "state" {
            continue;
        }
        assert!(known.contains(name.as_str()), "{name} needs a test");
        assert!(
            name == "README.md" || readme.contains(&format!("`{name}`")),
            "{name} in README.md"
        );
    }
}

#[test]
fn every_filter_calls_the_module_as_it_wants_to_be_called() {
    for (name, pipeline) in pipelines() {
        let filter = labeller(&pipeline);
        assert_eq!(filter.get("function_name"), Some("logtriage"), "{name}");
        assert_eq!(filter.get("wasm_stack_size"), Some("65536"), "{name}");
        assert_eq!(filter.get("event_format"), None, "{name}: only the default is safe");
        assert!(filter.get("wasm_path").is_some_and(|path| path.ends_with("/logtriage.wasm")));
    }
}

#[test]
fn every_file_that_a_config_names_is_there() {
    let build = fs::read_to_string(root().join("build")).expect("build");
    assert!(build.contains("logtriage.wasm"), "./build makes the module");
    for (name, pipeline) in pipelines() {
        if name == "kubernetes.yaml" {
            continue;
        }
        let filter = labeller(&pipeline);
        assert_eq!(filter.get("wasm_path"), Some("dist/logtriage.wasm"), "{name}");
        let directory = root().join(filter.get("accessible_paths").expect("accessible_paths"));
        assert!(directory.join("logtriage.toml").is_file(), "{name}: {}", directory.display());
        for path in pipeline.inputs.iter().filter_map(|input| input.get("path")) {
            assert!(root().join(path).is_file(), "{name}: {path}");
        }
        let text = read(&name);
        assert!(
            text.contains(&format!("fluent-bit -c {DIRECTORY}/{name}")),
            "{name}: how to run it"
        );
    }
}

#[test]
fn the_configs_of_the_module_are_valid() {
    let kubernetes = kubernetes_config("logtriage", "logtriage.toml");
    for (name, text) in
        [("logtriage.toml", read("logtriage.toml")), ("kubernetes.yaml", kubernetes)]
    {
        let config = Config::parse(name, text.as_bytes()).expect(name);
        assert!(config.reasoning.is_some(), "{name} shows where the state goes");
    }
}

#[test]
fn both_syntaxes_say_the_same() {
    for classic in CLASSIC {
        let yaml = classic.replace(".conf", ".yaml");
        let (classic, yaml) = (read(classic), read(&yaml));
        let yaml = Pipeline::from_yaml(&yaml).normal();
        assert_eq!(Pipeline::from_classic(&classic).normal(), yaml);
    }
}

#[test]
fn forward_runs_on_a_thread_of_its_own() {
    for (name, pipeline) in pipelines() {
        for input in pipeline.inputs.iter().filter(|input| input.name() == "forward") {
            assert!(input.is_on("threaded"), "{name}: on a coroutine's stack every event is lost");
            assert!(
                input.processors.is_empty(),
                "{name}: and so is it in a processor, even threaded"
            );
        }
    }
}

#[test]
fn the_filter_is_also_shown_as_a_processor() {
    let processor = Pipeline::from_yaml(&read("processor.yaml"));
    assert_eq!(processor.inputs[0].processors[0].name(), "wasm");
    assert!(processor.filters.is_empty(), "it would label twice");
}

#[test]
fn the_daemon_set_mounts_what_its_config_names() {
    let pipeline = Pipeline::from_yaml(&kubernetes_config("fluent-bit", "fluent-bit.yaml"));
    let filter = labeller(&pipeline);
    let pod = &manifest("DaemonSet", "fluent-bit")["spec"]["template"]["spec"];
    let mounts = pod["containers"][0]["volumeMounts"].as_array().expect("mounts");
    let mount = |path: &str| {
        let holds = |m: &&Value| {
            let place = m["mountPath"].as_str().expect("mountPath");
            path == place || path.starts_with(&format!("{place}/"))
        };
        mounts.iter().find(holds).unwrap_or_else(|| panic!("{path} is not mounted"))
    };
    let volume = |mount: &Value| {
        let is_it = |v: &&Value| v["name"] == mount["name"];
        let volumes = pod["volumes"].as_array().expect("volumes");
        volumes.iter().find(is_it).unwrap_or_else(|| panic!("no volume for {mount}")).clone()
    };

    let paths: Vec<&str> = filter.get("accessible_paths").expect("paths").split(',').collect();
    let config = mount(paths[0]);
    assert_eq!(config["mountPath"], paths[0], "logtriage.toml stands directly in it");
    assert_eq!(config["subPath"], Value::Null, "a subPath is never renewed");
    assert_eq!(volume(config)["configMap"]["name"], "logtriage");

    let text = kubernetes_config("logtriage", "logtriage.toml");
    let config = Config::parse("logtriage.toml", text.as_bytes()).expect("valid");
    let state = config.reasoning.expect("[reasoning]").state_dir;
    assert!(paths.iter().any(|path| state.starts_with(path)), "{state} is accessible");
    let state = mount(&state);
    assert_ne!(state["readOnly"], true);
    assert!(volume(state)["hostPath"].is_object(), "the state outlives the pod");

    let module = filter.get("wasm_path").expect("wasm_path");
    let init = &pod["initContainers"][0];
    assert_eq!(init["command"][2], module, "the init container puts it there");
    assert_eq!(init["volumeMounts"][0]["name"], volume(mount(module))["name"]);
    for input in &pipeline.inputs {
        mount(input.get("path").expect("tail has a path"));
        mount(input.get("db").expect("tail keeps its place"));
    }
    let arguments = &pod["containers"][0]["args"][0];
    let file = arguments.as_str().and_then(|a| a.strip_prefix("--config=")).expect("--config");
    assert_eq!(volume(mount(file))["configMap"]["name"], "fluent-bit");
}

/// Records as they leave the labeller, and others: what may come to the filters after it.
fn records() -> Vec<Value> {
    let labels = DEFAULT_LABELS.iter().map(|(label, _)| *label);
    let near = ["HTTP Status ", "Not an HTTP Status", "http status", "Chatter", ""];
    let labels: Vec<_> = labels.chain([UNCLASSIFIED]).chain(near).collect();
    let tiers = ["rule", "reviewed", "semantic", "reasoning", "none", "rules", ""];
    let mut records: Vec<Value> = Vec::new();
    for label in labels {
        for tier in tiers {
            records.push(json!({"log": "x", "triage": {"label": label, "tier": tier}}));
        }
        records.push(json!({"log": "x", "triage": {"label": label}}));
        records.push(json!({"log": "x", "triage": label}));
        records.push(json!({"log": "x", "label": label, "tier": "rule"}));
        records.push(json!({"log": "x", "triage": [label, "rule"]}));
        records.push(json!({"log": "x", "triage_input": {"label": label, "tier": "rule"}}));
        records.push(json!({"log": "x", "nested": {"triage": {"label": label, "tier": "rule"}}}));
    }
    let odd =
        [json!(null), json!(1), json!({}), json!([]), json!({"tier": "rule"}), json!({"label": 1})];
    records.extend(odd.map(|triage| json!({"log": "x", "triage": triage})));
    records.extend([json!({}), json!({"log": "x"})]);
    records
}

fn tag(pipeline: &Pipeline) -> String {
    let input = &pipeline.inputs[0];
    let tag = input.get("tag").map(str::to_owned);
    tag.unwrap_or_else(|| format!("{}log", input.get("tag_prefix").expect("a tag or a prefix")))
}

#[test]
fn nothing_is_dropped_but_what_is_named_and_sure() {
    let mut dropping = BTreeSet::new();
    for (name, pipeline) in pipelines() {
        for record in records() {
            if tags_out(&pipeline, &tag(&pipeline), &record).is_empty() {
                let tier = record["triage"]["tier"].as_str().unwrap_or("no tier");
                let label = record["triage"]["label"].as_str().unwrap_or("no label");
                assert!(["rule", "reviewed", "semantic"].contains(&tier), "{name} drops {record}");
                let noise = ["HTTP Status", "System Notification"];
                assert!(noise.contains(&label), "{name} drops {record}");
                dropping.insert(name.clone());
            }
        }
    }
    let noise = ["noise.conf", "noise.yaml"].map(str::to_owned);
    assert_eq!(dropping, BTreeSet::from(noise), "these drop, and no other");
}

#[test]
fn noise_is_dropped_and_alerts_are_copied() {
    for pipeline in
        [Pipeline::from_yaml(&read("noise.yaml")), Pipeline::from_classic(&read("noise.conf"))]
    {
        let tags = |label: &str, tier: &str| {
            tags_out(&pipeline, "app.log", &json!({"triage": {"label": label, "tier": tier}}))
        };
        for tier in ["rule", "reviewed", "semantic"] {
            assert!(tags("HTTP Status", tier).is_empty());
            assert!(tags("System Notification", tier).is_empty());
        }
        for tier in ["reasoning", "none"] {
            assert_eq!(tags("HTTP Status", tier), ["app.log"]);
        }
        assert_eq!(tags("Error", "rule"), ["app.log"]);
        assert_eq!(tags("Security Alert", "rule"), ["alert.app.log", "app.log"]);
        assert_eq!(tags("Critical Error", "reasoning"), ["alert.app.log", "app.log"]);
    }
}

#[test]
fn every_label_gets_a_tag_of_its_own() {
    let pipeline = Pipeline::from_yaml(&read("tags.yaml"));
    let tags = |label: &str| tags_out(&pipeline, "app.log", &json!({"triage": {"label": label}}));
    let mut seen = BTreeSet::new();
    for (label, _) in DEFAULT_LABELS {
        let tags = tags(label);
        assert!(tags.len() == 1 && tags[0].starts_with("label."), "{label}: {tags:?}");
        assert!(seen.insert(tags), "{label} shares its tag");
    }
    assert_eq!(tags(UNCLASSIFIED), ["app.log"]);
    assert_eq!(tags("Mine"), ["app.log"]);
}

#[test]
fn every_config_runs_in_fluent_bit() {
    let Some(program) = std::env::var_os("FLUENT_BIT") else {
        eprintln!("FLUENT_BIT names no fluent-bit: the configs are not run");
        return;
    };
    let fluent_bit = run::FluentBit::new(program.into(), root());
    for (name, pipeline) in pipelines() {
        if name == "kubernetes.yaml" {
            fluent_bit.accepts(&kubernetes_config("fluent-bit", "fluent-bit.yaml"));
        } else {
            fluent_bit.labels(&format!("{DIRECTORY}/{name}"), &pipeline);
        }
    }
}
