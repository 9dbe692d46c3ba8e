//! Running a config in a real Vector.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use host_test::command::Running;
use serde_json::Value;

/// Until everything is out.
const PATIENCE: Duration = Duration::from_secs(60);

/// Labels that the config thins out where they are sure.
const NOISE: [&str; 3] = ["HTTP Status", "System Notification", "Deprecation Warning"];

/// A Vector, run in the project's directory.
pub struct Vector {
    program: PathBuf,
    root: PathBuf,
}

impl Vector {
    pub fn new(program: PathBuf, root: PathBuf) -> Self {
        assert!(root.join("dist/logtriage.so").is_file(), "run ./build first");
        Self { program, root }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.root).output().expect("vector runs")
    }

    /// A subcommand finds no fault.
    pub fn succeeds(&self, arguments: &[&str]) {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}:\n{said}\n{stderr}");
    }

    /// A config does not start, and Vector says why.
    pub fn refuses(&self, config: &str, why: &str) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("vector.yaml");
        fs::write(&path, config).expect("can be written");
        let output = self.run(&["validate", path.to_str().expect("UTF-8")]);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(!output.status.success() && said.contains(why), "{said}");
    }

    /// What comes out has the labels that the command gives, and nothing is missing but noise.
    pub fn labels(&self, config: &str) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("vector.yaml");
        let own = format!("data_dir: {}", directory.path().display());
        fs::write(&path, config.replace("data_dir: dist", &own)).expect("can be written");
        let out = directory.path().join("out");
        let child = Command::new(&self.program)
            .arg("--config")
            .arg(&path)
            .current_dir(&self.root)
            .stdout(File::create(&out).expect("can be written"))
            .stderr(File::create(directory.path().join("log")).expect("can be written"))
            .spawn();
        let running = Running(child.expect("vector runs"));
        let expected = self.root.join("configs/sample.log.expected.jsonl");
        let expected = labels(&fs::read_to_string(expected).expect("the expected output"));
        let said = || labels(&String::from_utf8_lossy(&fs::read(&out).expect("can be read")));
        let end = Instant::now() + PATIENCE;
        while said().len() < expected.len() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(200));
        }
        drop(running);
        let log = fs::read_to_string(directory.path().join("log")).expect("can be read");
        assert!(!log.contains("ERROR") && !log.contains("[logtriage]"), "{log}");
        assert_eq!(said(), expected, "{log}");
    }
}

/// The labels of the whole lines of JSON that are no noise, sorted.
fn labels(lines: &str) -> Vec<String> {
    let mut labels: Vec<String> = lines
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .map(|event| event["triage"].clone())
        .filter(|triage| {
            let sure = ["rule", "reviewed", "semantic"].iter().any(|tier| triage["tier"] == *tier);
            !sure || !NOISE.iter().any(|label| triage["label"] == *label)
        })
        .map(|triage| triage["label"].to_string())
        .collect();
    labels.sort();
    labels
}
