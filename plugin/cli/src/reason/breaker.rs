//! A server that fails again and again is left alone for a while, and then asked once.

use serde::{Deserialize, Serialize};

/// Failures in a row that open the circuit.
const FAILURES: u32 = 5;

/// How long it stays open the first time, in milliseconds; each time that the probe fails, twice as
/// long.
const FIRST_PAUSE: u64 = 30_000;

/// How long it stays open at most.
const LONGEST_PAUSE: u64 = 15 * 60_000;

/// A circuit breaker. Times are in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Breaker {
    failures: u32,
    /// How often it opened since the last success.
    opened: u32,
    open_until: u64,
    /// When a probe was sent that has not been answered.
    probing_since: Option<u64>,
}

/// What the breaker says of another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    /// Go on.
    Closed,
    /// One request, to see whether the server is back.
    HalfOpen,
    /// None before this time.
    Open(u64),
}

impl Breaker {
    /// How it stands at `now`. `patience`: a probe that was sent longer ago than this is lost.
    pub fn circuit(&self, now: u64, patience: u64) -> Circuit {
        match (self.opened, self.probing_since) {
            (0, _) => Circuit::Closed,
            (_, Some(since)) if now < since.saturating_add(patience) && now >= since => {
                Circuit::Open(since.saturating_add(patience))
            }
            // A clock that was set back must not keep it open.
            _ if now < self.open_until && self.open_until - now <= 2 * LONGEST_PAUSE => {
                Circuit::Open(self.open_until)
            }
            _ => Circuit::HalfOpen,
        }
    }

    /// A request goes out.
    pub fn sent(&mut self, now: u64) {
        if self.opened > 0 {
            self.probing_since = Some(now);
        }
    }

    /// The server answered.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// The server failed. `jitter`: 0 to 1.
    pub fn failed(&mut self, now: u64, jitter: f64) {
        self.failures = self.failures.saturating_add(1);
        let probe_failed = self.probing_since.take().is_some();
        if probe_failed || (self.opened == 0 && self.failures >= FAILURES) {
            let pause = FIRST_PAUSE.saturating_mul(1 << self.opened.min(16)).min(LONGEST_PAUSE);
            self.open_until = now.saturating_add(pause + (pause as f64 * jitter / 4.0) as u64);
            self.opened = self.opened.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: u64 = 300_000;

    fn failed(times: u32) -> Breaker {
        let mut breaker = Breaker::default();
        (0..times).for_each(|_| breaker.failed(0, 0.0));
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row() {
        assert_eq!(failed(FAILURES - 1).circuit(0, PATIENCE), Circuit::Closed);
        assert_eq!(failed(FAILURES).circuit(0, PATIENCE), Circuit::Open(FIRST_PAUSE));
        let mut breaker = failed(FAILURES - 1);
        breaker.succeeded();
        breaker.failed(0, 0.0);
        assert_eq!(breaker.circuit(0, PATIENCE), Circuit::Closed);
    }

    #[test]
    fn one_probe_decides() {
        let mut breaker = failed(FAILURES);
        assert_eq!(breaker.circuit(FIRST_PAUSE, PATIENCE), Circuit::HalfOpen);
        breaker.sent(FIRST_PAUSE);
        assert!(matches!(breaker.circuit(FIRST_PAUSE, PATIENCE), Circuit::Open(_)), "one alone");
        breaker.failed(FIRST_PAUSE, 0.0);
        assert_eq!(breaker.circuit(FIRST_PAUSE, PATIENCE), Circuit::Open(3 * FIRST_PAUSE));
        breaker.sent(3 * FIRST_PAUSE);
        breaker.succeeded();
        assert_eq!(breaker.circuit(3 * FIRST_PAUSE, PATIENCE), Circuit::Closed);
    }

    #[test]
    fn pauses_are_bounded_and_a_lost_probe_is_forgotten() {
        let mut breaker = failed(FAILURES);
        for _ in 0..100 {
            breaker.sent(0);
            breaker.failed(0, 1.0);
        }
        let Circuit::Open(until) = breaker.circuit(0, PATIENCE) else { panic!("{breaker:?}") };
        assert!(until <= LONGEST_PAUSE + LONGEST_PAUSE / 4);
        breaker.sent(until);
        assert_eq!(breaker.circuit(until + PATIENCE, PATIENCE), Circuit::HalfOpen);
    }
}
