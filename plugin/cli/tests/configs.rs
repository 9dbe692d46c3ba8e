//! Every file under `configs/` works as it is. The sample inputs have their expected outputs beside
//! them: `BLESS=1 cargo test -p logtriage --test configs` writes those anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs")
}

/// Runs in an empty directory, so that no `logtriage.toml` is found by itself.
fn logtriage(directory: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_logtriage"))
        .args(args)
        .current_dir(directory)
        .output()
        .expect("logtriage runs")
}

fn path(name: &str) -> String {
    configs().join(name).to_str().expect("UTF-8").to_owned()
}

#[test]
fn samples_give_their_expected_output() {
    let directory = tempfile::tempdir().expect("a directory");
    let fields = "template,rule,candidates";
    for (input, expected) in [
        ("sample.log", "sample.log.expected.jsonl"),
        ("sample.jsonl", "sample.expected.jsonl"),
        ("sample.csv", "sample.expected.csv"),
    ] {
        let output = logtriage(directory.path(), &["classify", &path(input), "--fields", fields]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        if std::env::var_os("BLESS").is_some() {
            fs::write(path(expected), &output.stdout).expect("can be written");
        }
        let expected_bytes = fs::read(path(expected)).expect("can be read");
        let lines = |bytes: &[u8]| -> Vec<String> {
            String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect()
        };
        let (made, wanted) = (lines(&output.stdout), lines(&expected_bytes));
        assert_eq!(made.len(), wanted.len(), "{expected} has as many lines");
        let other = made.iter().zip(&wanted).find(|(made, wanted)| made != wanted);
        assert_eq!(other, None, "made and expected differ in {expected}");
    }
}

#[test]
fn the_sample_shows_every_label_and_tier() {
    let expected = fs::read_to_string(path("sample.log.expected.jsonl")).expect("can be read");
    let labels = logtriage_engine::DEFAULT_LABELS.iter().map(|(label, _)| *label);
    for label in labels.chain(["Unclassified"]) {
        assert!(expected.contains(&format!("\"label\":\"{label}\",\"tier\"")), "{label}");
    }
    for tier in ["rule", "semantic", "none"] {
        assert!(expected.contains(&format!("\"tier\":\"{tier}\"")), "{tier}");
    }
}

#[test]
fn the_example_config_and_rules_work() {
    let directory = tempfile::tempdir().expect("a directory");
    for file in ["logtriage.toml", "rules.toml"] {
        fs::copy(path(file), directory.path().join(file)).expect("can be copied");
    }
    let args = ["classify", &path("sample.log"), "--fields", "rule"];
    let output = logtriage(directory.path(), &args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let labelled = String::from_utf8_lossy(&output.stdout);
    assert!(labelled.contains("\"rule\":\"coffee-machine\""), "a rule of the example file matches");
    assert!(labelled.contains("\"rule\":\"http-"), "and so do the built-in ones");
    let pending = fs::read_to_string(directory.path().join("state/pending.jsonl"));
    assert!(pending.expect("unknown templates are kept").contains("\"template\""));
}

/// Runs what a service runs, but for `--watch`, with its config at the place of `config`.
fn runs_as(args: &[&str], config: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let text = config.replace("/var/lib/logtriage/state", "state");
    let key = text.lines().find_map(|line| line.strip_prefix("api_key_file = ")).expect("a key");
    let text = text.replace(key, "\"key\"");
    fs::write(directory.path().join("mine.toml"), text).expect("can be written");
    fs::write(directory.path().join("key"), "k\n").expect("can be written");
    let named = |arg: &&str| match *arg {
        "--watch" => "--status".to_owned(),
        arg if arg.ends_with(".toml") => "mine.toml".to_owned(),
        arg => arg.to_owned(),
    };
    assert!(args.contains(&"--watch"), "{args:?}");
    let args: Vec<_> = args.iter().map(named).collect();
    let output = logtriage(directory.path(), &args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(page.contains("an API key is sent") && page.contains("of 500"), "{page}");
}

#[test]
fn the_systemd_unit_runs_the_command() {
    let config = fs::read_to_string(path("reason/logtriage.toml")).expect("can be read");
    let unit = fs::read_to_string(path("reason/logtriage-reason.service")).expect("can be read");
    let setting = |name: &str| {
        let mut found = unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let value = found.next().unwrap_or_else(|| panic!("{name} is not set"));
        assert_eq!(found.next(), None, "{name} is set once");
        value
    };
    for line in unit.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let section = ["[Unit]", "[Service]", "[Install]"].contains(&line);
        assert!(section || line.split_once('=').is_some(), "{line}");
    }
    let mut args = setting("ExecStart").split(' ');
    assert_eq!(args.next(), Some("/usr/local/bin/logtriage"));
    let args: Vec<_> = args.collect();
    assert_eq!(args.last(), Some(&"/etc/logtriage/logtriage.toml"));
    runs_as(&args, &config);
    // The key that it loads is the one that the config reads.
    let (credential, _) = setting("LoadCredential").split_once(':').expect("a name and a file");
    let key = format!("/run/credentials/logtriage-reason.service/{credential}");
    assert!(config.contains(&format!("api_key_file = \"{key}\"")));
    assert!(config.contains(&format!("\"/var/lib/{}/state\"", setting("StateDirectory"))));
}

#[test]
fn the_sidecar_runs_the_command() {
    let text = fs::read_to_string(path("reason/kubernetes.yaml")).expect("can be read");
    let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&text).expect("YAML");
    let of_kind = |kind: &str| {
        let found = documents.iter().find(|document| document["kind"] == kind);
        found.unwrap_or_else(|| panic!("no {kind}"))
    };
    let config = of_kind("ConfigMap")["data"]["logtriage.toml"].as_str().expect("a config");
    let maps = documents.iter().filter(|document| document["kind"] == "ConfigMap");
    let journal = maps.filter_map(|map| map["data"]["verdicts.human.jsonl"].as_str()).next();
    let pod = &of_kind("DaemonSet")["spec"]["template"]["spec"];
    let containers = pod["containers"].as_array().expect("containers");
    let reason = containers.iter().find(|c| c["name"] == "reason").expect("the sidecar");
    let args: Vec<_> =
        reason["args"].as_array().expect("args").iter().filter_map(|a| a.as_str()).collect();
    runs_as(&args, config);
    // Every volume that is mounted is there, and the two containers share the state.
    let names = |list: &serde_json::Value| -> Vec<String> {
        let list = list.as_array().expect("a list").iter();
        list.map(|item| item["name"].as_str().expect("a name").to_owned()).collect()
    };
    let volumes = names(&pod["volumes"]);
    for container in containers {
        let mounted = names(&container["volumeMounts"]);
        assert!(mounted.iter().all(|name| volumes.contains(name)), "{mounted:?}");
        for shared in ["state", "verdicts"] {
            assert!(mounted.contains(&shared.to_owned()), "{mounted:?}");
        }
    }
    let prepares = pod["initContainers"][0]["args"][0].as_str().expect("a script");
    #[cfg(unix)]
    people_are_believed(prepares, config, journal.expect("a journal"));
    let mount = reason["volumeMounts"].as_array().expect("mounts").iter();
    let key = mount.clone().find(|mount| mount["name"] == "key").expect("the key");
    let file = format!("{}/api-key", key["mountPath"].as_str().expect("a path"));
    assert!(config.contains(&format!("api_key_file = \"{file}\"")));
    assert!(of_kind("Secret")["stringData"]["api-key"].is_string());
}

/// Runs what prepares a node, and labels an event there by the ConfigMap's journal.
#[cfg(unix)]
fn people_are_believed(prepares: &str, config: &str, journal: &str) {
    let node = tempfile::tempdir().expect("a directory");
    let at = |name: &str| node.path().join(name);
    for directory in ["config", "state", "state/verdicts", "state/verdicts/..1"] {
        fs::create_dir(at(directory)).expect("a directory");
    }
    fs::write(at("config/logtriage.toml"), config).expect("can be written");
    // As a ConfigMap is mounted.
    fs::write(at("state/verdicts/..1/verdicts.human.jsonl"), journal).expect("can be written");
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, at(name)).expect("a link");
    link("..1", "state/verdicts/..data");
    link("..data/verdicts.human.jsonl", "state/verdicts/verdicts.human.jsonl");
    let place = |name: &str| at(name).to_str().expect("UTF-8").to_owned();
    let script = prepares.replace("/config/", &(place("config") + "/"));
    let script = script.replace("/var/lib/logtriage", &place("state"));
    // A node is prepared again and again.
    for _ in 0..2 {
        let ran = Command::new("sh").args(["-ec", &script]).status().expect("sh runs");
        assert!(ran.success(), "{script}");
    }
    fs::write(at("a.log"), "Checkpoint 7 of shard 9 skipped\n").expect("can be written");
    let args = ["classify", "a.log", "--config", "state/logtriage.toml"];
    let output = logtriage(node.path(), &args);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("\"System Notification\",\"tier\":\"reviewed\""), "{said}");
}

#[test]
fn no_file_is_without_a_test() {
    let known = [
        // `fluent-bit` and `vector` are tested under `host-test/tests`.
        "fluent-bit",
        "logtriage.toml",
        "reason",
        "rules.toml",
        "sample.csv",
        "sample.expected.csv",
        "sample.expected.jsonl",
        "sample.jsonl",
        "sample.log",
        "sample.log.expected.jsonl",
        // In `evaluate_model.rs` and `train.rs`.
        "tickets.csv",
        "vector",
    ];
    let mut files: Vec<_> = fs::read_dir(configs())
        .expect("can be read")
        .map(|entry| entry.expect("can be read").file_name().into_string().expect("UTF-8"))
        .collect();
    files.sort();
    assert_eq!(files, known);
}
