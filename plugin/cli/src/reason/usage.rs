//! What was spent, and what may be: counts that outlive a run and that processes share.

use std::fs::File;
use std::path::PathBuf;

use logtriage_engine::{Limits, Price};
use logtriage_files::State;
use serde::{Deserialize, Serialize};

use super::breaker::{Breaker, Circuit};
use super::form::Form;
use super::journal::open;
use super::queue::replace;
use crate::failure::Failure;

const USAGE: &str = "usage.json";
const LOCK: &str = "usage.lock";
const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// What is expected of an answer, in tokens for each template, until it is known.
const ANSWER_TOKENS: u64 = 48;

/// Counts of one state directory, in `usage.json`. Times are in milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Days since 1970, UTC.
    pub day: u64,
    /// Of that day.
    pub today: Spent,
    /// Since the file was made.
    pub total: Spent,
    /// When the requests of the last minute were sent.
    pub recent: Vec<u64>,
    /// The server asked to be left alone until then.
    pub not_before: u64,
    /// Whether the server is left alone because it fails.
    pub breaker: Breaker,
    /// What is known of the server.
    pub server: Option<Server>,
}

/// What was spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spent {
    /// Requests sent.
    pub requests: u64,
    /// Requests that got no answer.
    pub failed: u64,
    /// Templates asked about, each as often as it was.
    pub templates: u64,
    /// Verdicts got.
    pub verdicts: u64,
    /// Templates declined.
    pub declined: u64,
    /// Tokens of questions.
    pub input_tokens: u64,
    /// Tokens of answers.
    pub output_tokens: u64,
}

/// Which form of request a server takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its `base_url` and `model`.
    pub name: String,
    /// The form of the requests.
    pub form: Form,
    /// A request of this form was answered.
    pub proven: bool,
    /// The day on which the form was chosen: a better one is tried again on the next.
    pub day: u64,
}

/// A request that went out, at what it is thought to cost until its answer is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    templates: u64,
    input: u64,
    output: u64,
}

/// Whether another request may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// Yes, with so many templates at most.
    Ask(u64),
    /// Not before this time.
    Wait(u64, Why),
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// `requests_per_minute`.
    Minute,
    /// The server's `Retry-After`.
    Server,
    /// The server failed too often.
    Breaker,
    /// `templates_per_day`.
    Templates,
    /// `tokens_per_day`.
    Tokens,
}

impl Why {
    /// For a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::Minute => "the limit requests_per_minute is reached",
            Self::Server => "the server asked to be left alone for a while",
            Self::Breaker => "the server failed too often in a row and is left alone for a while",
            Self::Templates => "the limit templates_per_day is reached",
            Self::Tokens => "the limit tokens_per_day is reached",
        }
    }
}

impl Spent {
    /// What it cost at these prices.
    pub fn cost(&self, price: &Price) -> f64 {
        (self.input_tokens as f64 * price.input + self.output_tokens as f64 * price.output) / 1e6
    }

    fn each(&mut self) -> [&mut u64; 7] {
        [
            &mut self.requests,
            &mut self.failed,
            &mut self.templates,
            &mut self.verdicts,
            &mut self.declined,
            &mut self.input_tokens,
            &mut self.output_tokens,
        ]
    }
}

impl Charge {
    /// The expected cost of a request of so many bytes about so many templates.
    pub fn expected(bytes: usize, templates: usize) -> Self {
        let templates = templates as u64;
        Self { templates, input: tokens(bytes), output: ANSWER_TOKENS * templates }
    }

    /// Tokens that are expected in all.
    pub fn tokens(&self) -> u64 {
        self.input + self.output
    }

    /// Tokens of the question, and of the answer.
    pub fn parts(&self) -> Spent {
        Spent {
            requests: 1,
            templates: self.templates,
            input_tokens: self.input,
            output_tokens: self.output,
            ..Spent::default()
        }
    }
}

/// Tokens in a text of so many bytes, by a rule of thumb that rather takes too many.
pub fn tokens(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(3)
}

impl Usage {
    /// Whether a request of about `tokens` may go out at `now`.
    pub fn may_ask(&mut self, limits: &Limits, tokens: u64, patience: u64, now: u64) -> May {
        self.turn_day(now);
        let tomorrow = (self.day + 1).saturating_mul(DAY);
        let templates = u64::from(limits.templates_per_day).saturating_sub(self.today.templates);
        let spent = self.today.input_tokens.saturating_add(self.today.output_tokens);
        if templates == 0 {
            return May::Wait(tomorrow, Why::Templates);
        }
        if spent.saturating_add(tokens) > u64::from(limits.tokens_per_day) {
            return May::Wait(tomorrow, Why::Tokens);
        }
        if let Circuit::Open(until) = self.breaker.circuit(now, patience) {
            return May::Wait(until, Why::Breaker);
        }
        if now < self.not_before && self.not_before - now <= 60 * MINUTE {
            return May::Wait(self.not_before, Why::Server);
        }
        self.recent.retain(|sent| *sent <= now && now - sent < MINUTE);
        if self.recent.len() >= limits.requests_per_minute as usize {
            let first = self.recent.iter().min().copied().unwrap_or(now);
            return May::Wait(first + MINUTE, Why::Minute);
        }
        May::Ask(templates)
    }

    /// A request goes out: it counts before its answer is there, so that a process that is stopped
    /// spends no more than it may.
    pub fn sent(&mut self, charge: &Charge, now: u64) {
        self.turn_day(now);
        self.recent.push(now);
        self.breaker.sent(now);
        self.add(&charge.parts());
    }

    /// The answer is there: what was charged becomes what it cost.
    pub fn answered(&mut self, charge: &Charge, cost: (u64, u64)) {
        self.breaker.succeeded();
        for spent in [&mut self.today, &mut self.total] {
            let correct = |place: &mut u64, charged: u64, cost: u64| {
                *place = place.saturating_sub(charged).saturating_add(cost);
            };
            correct(&mut spent.input_tokens, charge.input, cost.0);
            correct(&mut spent.output_tokens, charge.output, cost.1);
        }
    }

    /// There is no answer. What the question cost stays charged: nobody knows what the server read.
    pub fn failed(&mut self, charge: &Charge) {
        self.add(&Spent { failed: 1, ..Spent::default() });
        for spent in [&mut self.today, &mut self.total] {
            spent.output_tokens = spent.output_tokens.saturating_sub(charge.output);
        }
    }

    /// Adds to both counts.
    pub fn add(&mut self, more: &Spent) {
        let mut more = *more;
        for spent in [&mut self.today, &mut self.total] {
            for (place, more) in spent.each().into_iter().zip(more.each()) {
                *place = place.saturating_add(*more);
            }
        }
    }

    /// The form of requests that the server `name` takes.
    pub fn server(&mut self, name: &str, now: u64) -> &mut Server {
        let day = now / DAY;
        let known = self.server.take().filter(|server| {
            server.name == name && (server.day == day || server.form == Form::default())
        });
        let new = || Server { name: name.to_owned(), form: Form::default(), proven: false, day };
        self.server.insert(known.unwrap_or_else(new))
    }

    fn turn_day(&mut self, now: u64) {
        let day = now / DAY;
        if day != self.day {
            (self.day, self.today) = (day, Spent::default());
        }
    }
}

/// `usage.json` of one state directory. Every look and every change is made under a lock.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    lock: PathBuf,
}

impl Ledger {
    /// The ledger in a state directory; it need not exist.
    pub fn new(state: &State) -> Self {
        Self { path: state.directory().join(USAGE), lock: state.directory().join(LOCK) }
    }

    /// What it says.
    pub fn read(&self) -> Result<Usage, Failure> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Usage::default()),
            Err(e) => return Err(Failure::io(&self.path, e)),
        };
        serde_json::from_slice(&bytes).map_err(|e| {
            Failure::other(format!(
                "{}: {e}; limits cannot be kept: remove the file to count anew",
                self.path.display()
            ))
        })
    }

    /// Changes it.
    pub fn change<T>(&self, change: impl FnOnce(&mut Usage) -> T) -> Result<T, Failure> {
        let _lock = self.locked()?;
        let before = self.read()?;
        let mut usage = before.clone();
        let result = change(&mut usage);
        if usage != before {
            replace(&self.path, |file| {
                serde_json::to_writer(file, &usage).map_err(std::io::Error::from)
            })?;
        }
        Ok(result)
    }

    fn locked(&self) -> Result<File, Failure> {
        let failed = |e| Failure::io(&self.lock, e);
        if let Some(directory) = self.lock.parent() {
            std::fs::create_dir_all(directory).map_err(failed)?;
        }
        let file = open(&self.lock).map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 20_000 * DAY + 5;

    fn limits() -> Limits {
        Limits {
            requests_per_minute: 2,
            concurrent_requests: 1,
            templates_per_day: 10,
            tokens_per_day: 1000,
        }
    }

    fn may(usage: &mut Usage, tokens: u64, now: u64) -> May {
        usage.may_ask(&limits(), tokens, 1000, now)
    }

    #[test]
    fn requests_per_minute_are_kept() {
        let mut usage = Usage::default();
        let charge = Charge::expected(3, 1);
        usage.sent(&charge, NOW);
        usage.sent(&charge, NOW + 10);
        assert_eq!(may(&mut usage, 1, NOW + 20), May::Wait(NOW + MINUTE, Why::Minute));
        assert_eq!(may(&mut usage, 1, NOW + MINUTE), May::Ask(8));
    }

    #[test]
    fn templates_and_tokens_per_day_are_kept() {
        let mut usage = Usage::default();
        assert_eq!(may(&mut usage, 1001, NOW), May::Wait(20_001 * DAY, Why::Tokens));
        let charge = Charge::expected(30, 10);
        usage.sent(&charge, NOW);
        assert_eq!(usage.today.input_tokens + usage.today.output_tokens, charge.tokens());
        usage.answered(&charge, (100, 7));
        assert_eq!((usage.today.input_tokens, usage.today.output_tokens), (100, 7));
        assert_eq!(may(&mut usage, 1, NOW), May::Wait(20_001 * DAY, Why::Templates));
        assert_eq!(may(&mut usage, 1, NOW + DAY), May::Ask(10));
        assert_eq!((usage.today, usage.total.templates), (Spent::default(), 10));
        assert_eq!(usage.total.cost(&Price { input: 1e6, output: 2e6 }), 114.0);
    }

    #[test]
    fn a_clock_that_was_set_back_stops_nothing_for_long() {
        let mut usage = Usage { not_before: NOW + 100 * DAY, ..Usage::default() };
        usage.recent = vec![NOW + DAY; 9];
        assert_eq!(may(&mut usage, 1, NOW), May::Ask(10));
    }

    #[test]
    fn a_better_form_is_tried_again_on_the_next_day() {
        let mut usage = Usage::default();
        let plain = Form { temperature: false, ..Form::default() };
        usage.server("a", NOW).form = plain;
        assert_eq!(usage.server("a", NOW).form, plain);
        assert_eq!(usage.server("a", NOW + DAY).form, Form::default());
        usage.server("a", NOW).form = plain;
        assert_eq!(usage.server("b", NOW).form, Form::default());
    }

    #[test]
    fn processes_share_a_ledger() {
        let directory = tempfile::tempdir().expect("a directory");
        let state = State::new(directory.path().join("new"));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        let one = Spent { requests: 1, ..Spent::default() };
                        Ledger::new(&state).change(|usage| usage.add(&one)).expect("changed");
                    }
                });
            }
        });
        assert_eq!(Ledger::new(&state).read().expect("read").total.requests, 40);
        std::fs::write(state.directory().join(USAGE), "{").expect("written");
        assert!(Ledger::new(&state).read().is_err());
    }
}
