//! The sidecar says of every record what the engine says.

use host_test::sidecar::{SidecarHost, canonical};
use host_test::{Host, Kind, records};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};
use serde_json::Value;
use std::cell::RefCell;
use std::path::Path;

use crate::fixture::{Fixture, VERBOSE, shown, start};
use crate::support;

/// The sidecar and the engine itself.
struct Both {
    sidecar: SidecarHost,
    native: Box<dyn Host>,
}

impl Both {
    fn start(directory: Option<&Path>) -> Self {
        let sidecar = SidecarHost::start(directory).expect("starts");
        Self { sidecar, native: start(Kind::Native, directory) }
    }

    /// Holds one against the other, on a record as Vector reads it.
    fn check(&mut self, record: &[u8]) -> TestCaseResult {
        let Some(record) = canonical(record) else { return Ok(()) };
        let said = self.sidecar.annotate(&record);
        prop_assert!(said.is_ok(), "{:?}, of {}", said, shown(&record));
        let expected = self.native.annotate(&record);
        let (said, expected) =
            (tree(&said.unwrap_or_default()), tree(&expected.unwrap_or_default()));
        prop_assert_eq!(said, expected, "{}", shown(&record));
        Ok(())
    }
}

/// A record with all numbers as floats: Vector writes a confidence of 1 as 1.0.
fn tree(record: &[u8]) -> Value {
    fn floats(value: Value) -> Value {
        match value {
            Value::Number(number) => number.as_f64().into(),
            Value::Array(items) => items.into_iter().map(floats).collect(),
            Value::Object(members) => {
                members.into_iter().map(|(name, value)| (name, floats(value))).collect()
            }
            other => other,
        }
    }
    floats(serde_json::from_slice(record).expect("JSON"))
}

/// Deeper than Vector sends.
fn is_too_deep(record: &[u8]) -> bool {
    let text = String::from_utf8_lossy(record);
    text.matches(['{', '[']).count() > 500
}

#[test]
fn outcomes_are_the_engines() {
    let fixture = Fixture::with_verdicts(VERBOSE);
    for directory in [None, Some(fixture.path())] {
        let mut both = Both::start(directory);
        let mut checked = 0;
        let all = records::all();
        // From the second time on what was said of a template is said again.
        let short = || all.iter().filter(|record| record.len() < 1000);
        let records = all.iter().chain(short()).chain(short()).chain(short());
        for record in records.filter(|record| !is_too_deep(record)) {
            checked += usize::from(canonical(record).is_some());
            both.check(record).unwrap_or_else(|failure| panic!("{failure}"));
        }
        assert!(checked > 500, "{checked} records");
    }
}

#[test]
fn outcomes_are_the_engines_for_any_record_and_message() {
    let fixture = Fixture::with_verdicts(VERBOSE);
    let both = RefCell::new(Both::start(Some(fixture.path())));
    let source = prop::option::of(prop::sample::select(vec!["sshd", "nginx", "billing", ""]));
    let record = prop_oneof![
        records::record().prop_map(String::into_bytes),
        (records::message(), source)
            .prop_map(|(message, source)| records::record_of(&message, source)),
    ];
    let result = TestRunner::new(support::config(400))
        .run(&record, |record| both.borrow_mut().check(&record));
    result.unwrap_or_else(|failure| panic!("{failure}"));
}
