//! Decides what is asked next, and what becomes of an answer. It does no I/O but for the ledger,
//! and knows the time only by being told.

use std::collections::VecDeque;

use logtriage_engine::LabelId;

use super::answer::{self, Said};
use super::asker::{Asker, Request};
use super::client::{CallError, Reply};
use super::form::Form;
use super::queue::Waiting;
use super::usage::{Charge, Ledger, May, Spent, Why, tokens};
use crate::failure::Failure;

/// How often the same request is sent, at most.
const TRIES: u32 = 4;

/// Waits longer than this, in milliseconds, end a round.
const PATIENCE: u64 = 65_000;

/// How long a worker waits that has nothing to do while others are asking, in milliseconds.
const SHORT: u64 = 20;

/// Before the second try, in milliseconds; before each further one twice as long.
const FIRST_BACKOFF: u64 = 1_000;

/// A server that counts more tokens than this for one request cannot be believed.
const BELIEVABLE_TOKENS: u64 = 10_000_000;

/// A round of questions.
#[derive(Debug)]
pub struct Desk<'d, 'm> {
    asker: &'d Asker<'m>,
    ledger: &'d Ledger,
    /// The most important first.
    templates: Vec<Waiting>,
    /// Those before were asked about at least once.
    asked: usize,
    again: VecDeque<Job>,
    running: usize,
    stop: Option<Stop>,
    report: Report,
}

/// Templates that are asked about together, again.
#[derive(Debug, Default)]
struct Job {
    templates: Vec<usize>,
    /// What was wrong with the answer before.
    complaint: Option<String>,
    /// How often this very request was sent.
    tries: u32,
    not_before: u64,
}

/// A request that is on its way.
#[derive(Debug)]
pub struct Order {
    job: Job,
    form: Form,
    request: Request,
}

impl Order {
    /// The body of the request.
    pub fn body(&self) -> &serde_json::Value {
        &self.request.body
    }
}

/// What a worker does next.
#[derive(Debug)]
pub enum Next {
    /// Send this, and come back with what [`Desk::finish`] wants.
    Ask(Box<Order>),
    /// Come back after so many milliseconds.
    Wait(u64),
    /// Nothing any more.
    Done,
}

/// Why a round ended before everything was asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// Nothing may be asked before this time.
    Until(u64, Why),
    /// A person must do something first.
    Fatal(String),
}

/// What became of a template.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// Its place in the list that the desk was given.
    pub template: usize,
    /// The label, or `None` for declined.
    pub label: Option<LabelId>,
    /// Why.
    pub reason: String,
}

/// What a round did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What was spent.
    pub spent: Spent,
    /// Problems, in the order in which they came.
    pub problems: Vec<String>,
    /// Why it ended early.
    pub stopped: Option<Stop>,
}

impl<'d, 'm> Desk<'d, 'm> {
    /// A round about `templates`, in this order.
    pub fn new(asker: &'d Asker<'m>, ledger: &'d Ledger, templates: Vec<Waiting>) -> Self {
        Self {
            asker,
            ledger,
            templates,
            asked: 0,
            again: VecDeque::new(),
            running: 0,
            stop: None,
            report: Report::default(),
        }
    }

    /// What a worker does at `now`, in milliseconds since 1970.
    ///
    /// # Errors
    /// The ledger cannot be kept.
    pub fn next(&mut self, now: u64) -> Result<Next, Failure> {
        if self.stop.is_some() {
            return Ok(if self.running == 0 { Next::Done } else { Next::Wait(SHORT) });
        }
        if self.running >= self.asker.reasoning.limits.concurrent_requests as usize {
            return Ok(Next::Wait(SHORT));
        }
        match self.next_job(now) {
            Ok(job) => self.send(job, now),
            Err(Some(wait)) => Ok(Next::Wait(wait)),
            Err(None) if self.running > 0 => Ok(Next::Wait(SHORT)),
            Err(None) => Ok(Next::Done),
        }
    }

    /// What is asked next: what was asked before comes first. Else how long to wait for it, if
    /// there is something.
    fn next_job(&mut self, now: u64) -> Result<Job, Option<u64>> {
        if let Some(place) = self.again.iter().position(|job| job.not_before <= now)
            && let Some(job) = self.again.remove(place)
        {
            return Ok(job);
        }
        let batch = self.asker.reasoning.templates_per_request as usize;
        let end = self.templates.len().min(self.asked + batch);
        if self.asked < end {
            let templates = (self.asked..end).collect();
            self.asked = end;
            return Ok(Job { templates, ..Job::default() });
        }
        let waits =
            self.again.iter().map(|job| job.not_before.saturating_sub(now).clamp(1, PATIENCE));
        Err(waits.min())
    }

    fn send(&mut self, mut job: Job, now: u64) -> Result<Next, Failure> {
        let server = self.asker.server();
        let form = self.ledger.change(|usage| usage.server(&server, now).form)?;
        let mut request = self.request(&job, form)?;
        loop {
            match self.reserve(&request.charge, job.templates.len(), now)? {
                May::Ask(most) if most < job.templates.len() as u64 => {
                    let templates = job.templates.split_off(most as usize);
                    let complaint = job.complaint.clone();
                    self.again.push_front(Job { templates, complaint, ..Job::default() });
                    request = self.request(&job, form)?;
                }
                May::Ask(_) => break,
                May::Wait(until, why) => {
                    let wait = until.saturating_sub(now).max(1);
                    self.again.push_front(job);
                    if wait > PATIENCE || why == Why::Breaker {
                        self.stop = Some(Stop::Until(until, why));
                    }
                    return Ok(Next::Wait(wait.min(PATIENCE)));
                }
            }
        }
        self.running += 1;
        self.report.spent.requests += 1;
        self.report.spent.templates += job.templates.len() as u64;
        Ok(Next::Ask(Box::new(Order { job, form, request })))
    }

    fn request(&self, job: &Job, form: Form) -> Result<Request, Failure> {
        let templates: Vec<_> =
            job.templates.iter().filter_map(|place| self.templates.get(*place)).collect();
        self.asker.request(&templates, job.complaint.as_deref(), form)
    }

    /// Counts the request, if it may go out and is not too large.
    fn reserve(&self, charge: &Charge, templates: usize, now: u64) -> Result<May, Failure> {
        let reasoning = &self.asker.reasoning;
        // A call takes no longer than this.
        let patience = u64::from(reasoning.timeouts.total) * 1000 + 10_000;
        self.ledger.change(|usage| {
            let may = usage.may_ask(&reasoning.limits, charge.tokens(), patience, now);
            if matches!(may, May::Ask(most) if most >= templates as u64) {
                usage.sent(charge, now);
            }
            may
        })
    }

    /// Takes what became of a request. Gives what is settled by it.
    ///
    /// # Errors
    /// The ledger cannot be kept.
    pub fn finish(
        &mut self,
        order: Order,
        result: Result<Reply, CallError>,
        now: u64,
    ) -> Result<Vec<Settled>, Failure> {
        self.running = self.running.saturating_sub(1);
        match result {
            Ok(reply) => self.answered(order, &reply, now),
            Err(CallError::Refused(why)) => self.refused(order, why, now),
            Err(CallError::Later(why, wait)) => {
                self.failed(&order.request.charge)?;
                self.ledger.change(|usage| {
                    usage.breaker.failed(now, fastrand::f64());
                    if let Some(wait) = wait {
                        let until = now.saturating_add(wait.as_millis() as u64);
                        usage.not_before = usage.not_before.max(until);
                    }
                })?;
                self.problem(why);
                let mut job = order.job;
                job.tries += 1;
                job.not_before = now + backoff(job.tries);
                // After the last try it goes on waiting in its file, for the next round.
                if job.tries < TRIES {
                    self.again.push_back(job);
                }
                Ok(Vec::new())
            }
            Err(CallError::Fatal(why)) => {
                self.failed(&order.request.charge)?;
                self.ledger.change(|usage| usage.breaker.failed(now, fastrand::f64()))?;
                self.stop = Some(Stop::Fatal(why));
                Ok(Vec::new())
            }
        }
    }

    fn answered(&mut self, order: Order, reply: &Reply, now: u64) -> Result<Vec<Settled>, Failure> {
        let Order { job, form, request } = order;
        let said = answer::read(&reply.content, &request.ids, &self.asker.labels);
        let mut settled = Vec::new();
        let mut wrong: Vec<(usize, String)> = Vec::new();
        for (template, said) in job.templates.into_iter().zip(said) {
            match said {
                Said::Label(label, reason) => {
                    settled.push(Settled { template, label: Some(label), reason });
                }
                Said::Declined(reason) => settled.push(Settled { template, label: None, reason }),
                Said::Wrong(why) if job.complaint.is_some() => {
                    let reason = format!("no answer could be used: {why}");
                    settled.push(Settled { template, label: None, reason });
                }
                Said::Wrong(why) => wrong.push((template, why)),
            }
        }
        self.count(&request, reply, &settled, form, now)?;
        self.correct(wrong, reply.cut);
        Ok(settled)
    }

    /// Asks once more about what was not answered, and says what was wrong. An answer that was cut
    /// is asked for in two halves.
    fn correct(&mut self, wrong: Vec<(usize, String)>, cut: bool) {
        if wrong.is_empty() {
            return;
        }
        let mut complaints: Vec<_> = wrong.iter().map(|(_, why)| why.as_str()).collect();
        complaints.sort_unstable();
        complaints.dedup();
        let complaint = complaints.join("; ");
        let templates: Vec<_> = wrong.iter().map(|(template, _)| *template).collect();
        let size = if cut { templates.len().div_ceil(2) } else { templates.len() };
        for part in templates.chunks(size) {
            let job = Job {
                templates: part.to_vec(),
                complaint: Some(complaint.clone()),
                ..Job::default()
            };
            self.again.push_back(job);
        }
    }

    fn count(
        &mut self,
        request: &Request,
        reply: &Reply,
        settled: &[Settled],
        form: Form,
        now: u64,
    ) -> Result<(), Failure> {
        let expected = request.charge.parts();
        let cost = reply
            .tokens
            .filter(|(input, output)| *input.max(output) <= BELIEVABLE_TOKENS)
            .unwrap_or((expected.input_tokens, tokens(reply.content.len())));
        let verdicts = settled.iter().filter(|settled| settled.label.is_some()).count() as u64;
        let declined = settled.len() as u64 - verdicts;
        let server = self.asker.server();
        self.ledger.change(|usage| {
            usage.answered(&request.charge, cost);
            usage.add(&Spent { verdicts, declined, ..Spent::default() });
            let server = usage.server(&server, now);
            server.proven |= server.form == form;
        })?;
        let spent = &mut self.report.spent;
        spent.verdicts += verdicts;
        spent.declined += declined;
        spent.input_tokens += cost.0;
        spent.output_tokens += cost.1;
        Ok(())
    }

    /// The server does not take the request: because of its form, or because of one of its
    /// templates. Which one is found by halves.
    fn refused(&mut self, order: Order, why: String, now: u64) -> Result<Vec<Settled>, Failure> {
        self.failed(&order.request.charge)?;
        let name = self.asker.server();
        let tries_other_form = self.ledger.change(|usage| {
            let server = usage.server(&name, now);
            if server.form != order.form {
                return true;
            }
            match order.form.after_refusal(&why).filter(|_| !server.proven) {
                Some(form) => {
                    server.form = form;
                    server.day = now / (24 * 3600 * 1000);
                    true
                }
                None => false,
            }
        })?;
        let Job { mut templates, complaint, .. } = order.job;
        if tries_other_form {
            self.again.push_front(Job { templates, complaint, ..Job::default() });
            return Ok(Vec::new());
        }
        if let [template] = templates[..] {
            return Ok(self.refused_alone(template, why));
        }
        let half = templates.split_off(templates.len() / 2);
        for templates in [templates, half] {
            self.again.push_back(Job { templates, complaint: complaint.clone(), ..Job::default() });
        }
        Ok(Vec::new())
    }

    /// A server that answers others does not take this one. One that answers nothing is not to be
    /// asked at all.
    fn refused_alone(&mut self, template: usize, why: String) -> Vec<Settled> {
        if self.report.spent.verdicts + self.report.spent.declined == 0 {
            self.stop = Some(Stop::Fatal(why));
            return Vec::new();
        }
        self.report.spent.declined += 1;
        vec![Settled { template, label: None, reason: format!("the server refuses it: {why}") }]
    }

    fn failed(&mut self, charge: &Charge) -> Result<(), Failure> {
        self.report.spent.failed += 1;
        self.report.spent.input_tokens += charge.parts().input_tokens;
        self.ledger.change(|usage| usage.failed(charge))
    }

    fn problem(&mut self, why: String) {
        if !self.report.problems.contains(&why) {
            self.report.problems.push(why);
        }
    }

    /// The templates, in the order in which they were given.
    pub fn templates(&self) -> &[Waiting] {
        &self.templates
    }

    /// What the round did.
    pub fn report(self) -> Report {
        Report { stopped: self.stop, ..self.report }
    }
}

/// Between half and the whole of a time that doubles with each try.
fn backoff(tries: u32) -> u64 {
    let longest = FIRST_BACKOFF << tries.saturating_sub(1).min(6);
    fastrand::u64(longest / 2..=longest)
}
