//! Running configs in a real Fluent Bit.

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::config::Pipeline;
use crate::fate::tags_out;

/// Until everything is out; Fluent Bit flushes once a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// A Fluent Bit, run in the project's directory.
pub struct FluentBit {
    program: PathBuf,
    root: PathBuf,
}

/// A running one.
struct Running {
    child: Child,
    output: tempfile::TempDir,
}

impl FluentBit {
    pub fn new(program: PathBuf, root: PathBuf) -> Self {
        assert!(root.join("dist/logtriage.wasm").is_file(), "run ./build first");
        Self { program, root }
    }

    /// Fluent Bit finds no fault with a config whose other files are not on this machine.
    pub fn accepts(&self, config: &str) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("fluent-bit.yaml");
        // It looks for these two even in a dry run.
        let config: String = config
            .lines()
            .filter(|line| !line.contains("parsers_file"))
            .map(|line| line.replace("/opt/logtriage/", "dist/") + "\n")
            .collect();
        fs::write(&path, config).expect("can be written");
        let mut command = Command::new(&self.program);
        let output = command.arg("--dry-run").arg("-c").arg(path).current_dir(&self.root).output();
        let output = output.expect("fluent-bit runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// What comes out has the labels that the command gives, and nothing is missing but what the
    /// config drops.
    pub fn labels(&self, config: &str, pipeline: &Pipeline) {
        let running = self.start(config);
        let input = &pipeline.inputs[0];
        let expected = if input.name() == "forward" {
            send(input.get("listen").expect("listen"), input.get("port").expect("port"));
            vec!["\"Security Alert\"".to_owned()]
        } else {
            assert_eq!(input.get("path"), Some("configs/sample.log"));
            self.labels_of_the_sample(pipeline)
        };
        let end = Instant::now() + PATIENCE;
        while running.labels().len() < expected.len() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(200));
        }
        let log = running.read("log");
        assert!(!log.contains("[error]") && !log.contains("[logtriage]"), "{config}:\n{log}");
        assert_eq!(running.labels(), expected, "{config}:\n{log}");
    }

    /// The command's labels of what should pass, sorted.
    fn labels_of_the_sample(&self, pipeline: &Pipeline) -> Vec<String> {
        let path = self.root.join("configs/sample.log.expected.jsonl");
        let records = json_lines(&fs::read_to_string(path).expect("the expected output"));
        let passes = |record: &&Value| !tags_out(pipeline, "app.log", record).is_empty();
        labels(&records.iter().filter(passes).cloned().collect::<Vec<_>>())
    }

    fn start(&self, config: &str) -> Running {
        let output = tempfile::tempdir().expect("a directory");
        let file = |name: &str| File::create(output.path().join(name)).expect("can be written");
        let child = Command::new(&self.program)
            .args(["-c", config])
            .current_dir(&self.root)
            .stdout(file("out"))
            .stderr(file("log"))
            .spawn()
            .expect("fluent-bit runs");
        Running { child, output }
    }
}

impl Running {
    fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.output.path().join(name)).expect("can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The labels of the records so far, sorted.
    fn labels(&self) -> Vec<String> {
        labels(&json_lines(&self.read("out")))
    }
}

/// The whole lines of JSON; other outputs write other lines.
fn json_lines(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn labels(records: &[Value]) -> Vec<String> {
    let label = |record: &Value| record["triage"]["label"].to_string();
    let mut labels: Vec<String> = records.iter().map(label).collect();
    labels.sort();
    labels
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One event by the forward protocol, in msgpack: `["log", 1, {"log": "…"}]`.
fn send(host: &str, port: &str) {
    let message = "Failed password for root from 203.0.113.7 port 4711 ssh2";
    let mut event = vec![0x93, 0xa3];
    event.extend(b"log");
    event.extend([1, 0x81, 0xa3]);
    event.extend(b"log");
    event.extend([0xd9, u8::try_from(message.len()).expect("short")]);
    event.extend(message.as_bytes());
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Ok(mut stream) = TcpStream::connect(format!("{host}:{port}")) {
            stream.write_all(&event).expect("can be sent");
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("nobody listens at {host}:{port}");
}
