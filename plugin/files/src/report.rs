//! What is to be told to a person, and not too often.

use std::collections::BTreeMap;
use std::io::Write;

/// A problem that goes on is told again after this many milliseconds.
const AGAIN_AFTER: u64 = 60_000;

/// Texts for a person, a line each. A problem is told at once the first time, then at most once a
/// minute, with how often it came in between.
#[derive(Debug, Default)]
pub struct Reports {
    told: BTreeMap<&'static str, Told>,
    waiting: Vec<String>,
}

#[derive(Debug)]
struct Told {
    at: u64,
    since: u64,
}

impl Reports {
    /// Tells `message`; problems of one `kind` share the limit.
    pub fn tell(&mut self, kind: &'static str, now: u64, message: impl FnOnce() -> String) {
        match self.told.get_mut(kind) {
            Some(told) if now.abs_diff(told.at) < AGAIN_AFTER => told.since += 1,
            Some(told) => {
                let often = std::mem::take(&mut told.since);
                told.at = now;
                let message = message();
                self.waiting.push(match often {
                    0 => message,
                    often => format!("{message} (and {often} times more since the last report)"),
                });
            }
            None => {
                self.told.insert(kind, Told { at: now, since: 0 });
                self.waiting.push(message());
            }
        }
    }

    /// Whether there is something to tell.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes what is to be told.
    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.waiting)
    }
}

/// Prints reports on standard error, a line each. Control characters would act on a terminal.
pub fn print_reports(reports: Vec<String>) {
    for report in reports {
        let line: String = report.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        // There is nobody to tell that nobody can be told.
        let _ = writeln!(std::io::stderr(), "[logtriage] {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::Reports;

    #[test]
    fn a_problem_that_goes_on_is_told_once_a_minute_with_its_count() {
        let mut reports = Reports::default();
        let mut said = Vec::new();
        for now in (0..=120_000).step_by(1000) {
            reports.tell("disk", now, || "the disk is full".to_owned());
            said.extend(reports.take());
        }
        let again = "the disk is full (and 59 times more since the last report)";
        assert_eq!(said, ["the disk is full", again, again]);
    }

    #[test]
    fn kinds_do_not_hide_each_other() {
        let mut reports = Reports::default();
        for kind in ["disk", "rules", "disk"] {
            reports.tell(kind, 0, || kind.to_owned());
        }
        assert_eq!(reports.take(), ["disk", "rules"]);
        assert!(reports.is_empty());
    }
}
