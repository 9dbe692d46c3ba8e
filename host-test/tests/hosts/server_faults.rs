//! A server that fails in any known way changes nothing of what the stream says, neither while it
//! is asked nor afterwards: a layer that fails costs only its own answers.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use host_test::{command, records};
use logtriage_files::{Agent, Loaded, RuleForm};
use scripted_llm::{Server, Step};
use serde_json::{Value, json};

use crate::fixture::{Fixture, NO_LIMIT};

const LABEL: &str = "User Action";

/// Half of the events of the corpus are known to no tier.
const STREAM: &str = "fields = [\"template\", \"rule\", \"by\", \"reason\", \"candidates\"]\n\
    [thresholds]\n\"Error\" = \"never\"\n\"System Notification\" = \"never\"\n";

fn status(status: u16, header: Option<(&'static str, &str)>) -> Step {
    let headers = header.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
    Step::Status(status, headers, json!({"error": {"message": "so it is"}}).to_string())
}

/// Faults of which no answer comes that could be used.
fn faults() -> Vec<Step> {
    let entry =
        |label: &str, reason: &str| Step::Entries(json!({"label": label, "reason": reason}));
    let date = "Sun, 06 Nov 2044 08:49:37 GMT";
    vec![
        status(301, Some(("location", "http://127.0.0.1:9/"))),
        status(302, Some(("location", "/elsewhere"))),
        status(307, Some(("location", "http://evil.example/"))),
        status(400, None),
        status(401, None),
        status(404, None),
        status(429, None),
        status(429, Some(("retry-after", "1"))),
        status(429, Some(("retry-after", date))),
        status(500, None),
        status(503, None),
        status(503, Some(("retry-after", "600"))),
        Step::Status(200, vec![], "<html>".to_owned()),
        Step::Status(200, vec![("content-encoding", "gzip".to_owned())], "no gzip".to_owned()),
        Step::RefusesText("templates"),
        Step::Drip,
        Step::Hang,
        Step::CloseMidBody,
        Step::Huge(100 << 20),
        Step::NotHttp,
        Step::Content("I would rather not.".to_owned()),
        Step::Content("{\"verdicts\":[]}".to_owned()),
        entry("Fine", "a label that is none"),
        entry(LABEL, "\u{1b}[2J"),
        entry("Unclassified", "who knows"),
    ]
}

/// Answers that look odd, and are right as far as they go.
fn oddities() -> Vec<Step> {
    vec![Step::Right, Step::Prose, Step::Gzip, Step::KeepAliveThenClose, Step::Cut]
}

/// A host that labels events, and the process that asks about what it does not know.
struct Stream {
    fixture: Fixture,
    agent: Agent,
    now: u64,
}

impl Stream {
    fn new(reasoning: &str) -> Self {
        let fixture = Fixture::new(&format!("{NO_LIMIT}{STREAM}{reasoning}"));
        let loaded = Loaded::read(&fixture.path().join("logtriage.toml")).expect("a config");
        let agent = Agent::open(loaded, RuleForm::Text).expect("an agent");
        Self { fixture, agent, now: 0 }
    }

    fn asking(server: &Server, total: u32) -> Self {
        Self::new(&format!(
            "[reasoning]\nbase_url = \"{}\"\nmodel = \"m\"\nexamples = 0\n\
             [reasoning.limits]\nrequests_per_minute = 1000\n\
             [reasoning.timeouts]\ntotal = {total}\n",
            server.base_url()
        ))
    }

    /// What it says of each event of the corpus; there is time to look at the files before each.
    fn says(&mut self) -> Vec<Vec<u8>> {
        let label = |record: &[u8]| {
            self.now += 2_000;
            let mut out = Vec::new();
            self.agent.annotate(record, self.now, &mut out);
            out
        };
        records::ordinary().map(label).collect()
    }

    fn ask(&self) -> Child {
        Command::new(command::logtriage())
            .args(["reason", "--once", "--quiet", "--config", "logtriage.toml"])
            .current_dir(self.fixture.path())
            .stderr(Stdio::null())
            .spawn()
            .expect("the command runs")
    }

    /// Labels events until the process has ended, and twice afterwards; gives what it says then.
    /// `check` sees all that it says.
    fn beside(
        &mut self,
        mut process: Child,
        check: impl Fn(&[Vec<u8>]),
    ) -> (ExitStatus, Vec<Vec<u8>>) {
        loop {
            let ended = process.try_wait().expect("it is ours");
            check(&self.says());
            if let Some(status) = ended {
                return (status, self.says());
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

fn judge(_: &str) -> (String, String) {
    (LABEL.to_owned(), "somebody did it".to_owned())
}

fn tier(said: &[u8]) -> Value {
    let said: Value = serde_json::from_slice(said).unwrap_or_default();
    said["triage"]["tier"].clone()
}

#[test]
fn no_fault_changes_what_the_stream_says() {
    let expected = Stream::new("").says();
    let unknown = expected.iter().filter(|said| tier(said) == "none").count();
    assert!(unknown > 5 && unknown < expected.len(), "{unknown} of {}", expected.len());
    thread::scope(|scope| {
        for fault in faults() {
            let expected = &expected;
            scope.spawn(move || {
                let server = Server::start([fault.clone()], judge);
                let mut stream = Stream::asking(&server, 3);
                let same = |said: &[Vec<u8>]| assert!(said == expected, "{fault:?}");
                same(&stream.says());
                let (status, said) = stream.beside(stream.ask(), same);
                same(&said);
                assert!(status.code().is_some() && !server.received().is_empty(), "{fault:?}");
            });
        }
    });
}

/// What was known stays as it was, and what was not has its verdict or waits for it.
#[test]
fn answers_that_look_odd_are_used() {
    let expected = Stream::new("").says();
    for oddity in oddities() {
        let server = Server::start([oddity.clone()], judge);
        let mut stream = Stream::asking(&server, 120);
        stream.says();
        let (status, said) = stream.beside(stream.ask(), |_| {});
        assert!(status.success(), "{oddity:?}");
        for (said, expected) in said.iter().zip(&expected) {
            let was_known = tier(expected) != "none";
            assert!(said == expected || !was_known && tier(said) == "reasoning", "{oddity:?}");
        }
        let learnt = said.iter().filter(|said| tier(said) == "reasoning").count();
        assert!(learnt > 5, "{oddity:?}");
    }
}
