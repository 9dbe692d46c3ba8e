//! The invariants that hold for every host.

use std::cell::RefCell;

use host_test::{CoreModule, CoreModuleSettings, Host, Kind, Wamr, WamrSettings, records};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};
use serde::de::IgnoredAny;

use crate::fixture::{
    Fixture, NO_LIMIT, VERBOSE, check_same, kept, new_words, record, reference, said, shown, start,
};
use crate::support;

/// The hosts that run the guest.
const GUESTS: [Kind; 3] = [Kind::Component, Kind::CoreModule, Kind::Wamr];

/// Runs a property with one host of each kind that lives through all cases.
fn check<S: Strategy>(
    cases: u32,
    kinds: &[Kind],
    strategy: S,
    property: impl Fn(&mut [Box<dyn Host>], S::Value) -> TestCaseResult,
) {
    let fixture = Fixture::with_verdicts(VERBOSE);
    let hosts = kinds.iter().map(|kind| start(*kind, Some(fixture.path()))).collect::<Vec<_>>();
    let hosts = RefCell::new(hosts);
    let result = TestRunner::new(support::config(cases))
        .run(&strategy, |value| property(&mut hosts.borrow_mut(), value));
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn every_event_in_is_an_event_out() {
    let records = records::all();
    assert!(records.len() > 150, "{} records", records.len());
    for kind in Kind::ALL {
        let mut host = start(kind, None);
        for record in &records {
            let out = kept(&mut *host, record);
            assert!(host_test::fluent_bit::is_object(&out), "{kind:?}: {}", shown(record));
        }
    }
}

/// Whatever the bytes: an event comes out, which Fluent Bit takes, and the next one is labelled.
#[test]
fn every_event_in_is_an_event_out_whatever_the_bytes() {
    let bytes = prop_oneof![
        3 => prop::collection::vec(any::<u8>(), 0..80),
        2 => records::record().prop_map(String::into_bytes),
        // Damaged.
        3 => (records::record(), any::<prop::sample::Index>(), any::<u8>()).prop_map(
            |(record, place, byte)| {
                let mut bytes = record.into_bytes();
                let place = place.index(bytes.len());
                bytes[place] = byte;
                bytes
            },
        ),
        // Cut off.
        1 => (records::record(), any::<prop::sample::Index>()).prop_map(|(record, end)| {
            record.as_bytes()[..end.index(record.len())].to_vec()
        }),
        2 => prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"", "\\", "nan", "-inf", "\\x61", "1", "-", "null",
                "\"log\"", "\"triage\"", "{1:", "{[", "1.797693134862316e+308", " ",
            ]),
            0..20,
        )
        .prop_map(|pieces| pieces.concat().into_bytes()),
    ];
    let good = record("Failed password for root from 203.0.113.7 port 4711 ssh2");
    check(400, &Kind::ALL, bytes, |hosts, bytes| {
        for host in hosts {
            let out = host.annotate(&bytes);
            prop_assert!(out.is_ok(), "{:?}: {}", out, shown(&bytes));
            let next = host.annotate(&good);
            let next = next.as_deref().map(|out| said(out, "label"));
            prop_assert_eq!(next, Ok("Security Alert".into()));
        }
        Ok(())
    });
}

#[test]
fn taking_our_keys_out_gives_the_input_back() {
    let records = records::all();
    for kind in Kind::ALL {
        let mut host = start(kind, None);
        for record in &records {
            let out = kept(&mut *host, record);
            assert!(
                records::undo(&out) == *record,
                "{kind:?}, of {}:\n{}",
                shown(record),
                shown(&out)
            );
        }
    }
}

#[test]
fn outcomes_are_the_same_on_every_host() {
    let records = records::all();
    let fixture = Fixture::with_verdicts(VERBOSE);
    for directory in [None, Some(fixture.path())] {
        let expected = reference(directory, &records);
        for kind in GUESTS {
            let mut host = start(kind, directory);
            check_same(&expected, &mut *host, &records, &format!("{kind:?} on {directory:?}"));
        }
    }
}

/// The corpus shows all tiers, so that agreeing on it means something.
#[test]
fn the_corpus_reaches_every_tier() {
    let fixture = Fixture::with_verdicts(VERBOSE);
    let records: Vec<_> =
        records::awkward().chain(records::ordinary()).map(<[u8]>::to_vec).collect();
    let outcomes = reference(Some(fixture.path()), &records);
    for tier in ["rule", "reviewed", "semantic", "reasoning", "none"] {
        let shown = format!("\"tier\":\"{tier}\"");
        let some = outcomes.iter().any(|out| String::from_utf8_lossy(out).contains(&shown));
        assert!(some, "no record of the corpus reaches tier {tier}");
    }
}

#[test]
fn outcomes_are_the_same_on_every_host_for_any_record() {
    // What is not JSON for every reader is repaired for Fluent Bit, and for it alone.
    let is_json = |record: &String| {
        host_test::fluent_bit::is_object(record.as_bytes())
            && serde_json::from_str::<IgnoredAny>(record).is_ok()
    };
    let record = records::record().prop_filter("Fluent Bit hands over JSON", is_json);
    check(300, &Kind::ALL, record, |hosts, record| same(hosts, record.as_bytes()));
}

#[test]
fn outcomes_are_the_same_on_every_host_for_any_message() {
    let source = prop::option::of(prop::sample::select(vec!["sshd", "nginx", "billing", ""]));
    check(300, &Kind::ALL, (records::message(), source), |hosts, (message, source)| {
        same(hosts, &records::record_of(&message, source))
    });
}

/// What is not JSON comes to the engine and to the component alike: they repair nothing.
#[test]
fn the_component_agrees_with_the_engine_on_any_bytes() {
    let bytes = prop_oneof![
        records::record().prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..60),
    ];
    check(300, &[Kind::Native, Kind::Component], bytes, |hosts, bytes| same(hosts, &bytes));
}

fn same(hosts: &mut [Box<dyn Host>], record: &[u8]) -> TestCaseResult {
    let outcomes: Vec<_> = hosts.iter_mut().map(|host| host.annotate(record)).collect();
    for outcome in &outcomes {
        prop_assert_eq!(outcome, &outcomes[0]);
    }
    Ok(())
}

/// Twice and in both directions, so that every event meets a cache that others have filled.
#[test]
fn the_cache_never_changes_an_outcome() {
    let records: Vec<_> =
        records::awkward().chain(records::ordinary()).map(<[u8]>::to_vec).collect();
    let expected = reference(Some(Fixture::new(VERBOSE).path()), &records);
    let backwards: Vec<_> = records.iter().rev().cloned().collect();
    let expected_backwards: Vec<_> = expected.iter().rev().cloned().collect();
    for size in [1, 2, 16_384] {
        let fixture = Fixture::new(&format!("{VERBOSE}\ncache_size = {size}\n"));
        for kind in Kind::ALL {
            let mut host = start(kind, Some(fixture.path()));
            let what = format!("{kind:?} with cache_size = {size}");
            check_same(&expected, &mut *host, &records, &what);
            check_same(&expected_backwards, &mut *host, &backwards, &what);
        }
    }
}

/// However a stream is shared out among instances, each event gets the same bytes.
#[test]
fn batches_do_not_matter() {
    let records: Vec<_> = records::ordinary().map(<[u8]>::to_vec).collect();
    let fixture = Fixture::with_verdicts(VERBOSE);
    let expected = reference(Some(fixture.path()), &records);
    for kind in GUESTS {
        for (batch, expected) in records.chunks(20).zip(expected.chunks(20)) {
            let mut host = start(kind, Some(fixture.path()));
            check_same(expected, &mut *host, batch, &format!("{kind:?} in batches"));
        }
    }
}

#[test]
fn labelling_twice_changes_nothing() {
    let records = records::all();
    for kind in Kind::ALL {
        let mut host = start(kind, None);
        for record in &records {
            let once = kept(&mut *host, record);
            let twice = kept(&mut *host, &once);
            assert!(twice == once, "{kind:?}: {}\n{}", shown(&once), shown(&twice));
        }
    }
}

/// Templates without end fill the cache and the queue, and then nothing grows.
#[test]
fn memory_is_bounded_whatever_comes_in() {
    let fixture = Fixture::new(&format!("{NO_LIMIT}cache_size = 1000\n"));
    let directory = Some(fixture.path());
    let mut core =
        CoreModule::start(&CoreModuleSettings { directory, ..Default::default() }).expect("starts");
    let mut wamr = Wamr::start(&WamrSettings { directory, ..Default::default() }).expect("starts");
    let mut feed = |numbers: std::ops::Range<u32>| {
        for number in numbers {
            let record = record(&new_words(number));
            kept(&mut core, &record);
            kept(&mut wamr, &record);
        }
        (core.memory_size(), wamr.memory_size())
    };
    let full = feed(0..8_000);
    assert_eq!(feed(8_000..16_000), full);
}

/// A template is its own template, on every host.
#[test]
fn masking_is_idempotent() {
    let fixture = Fixture::new(VERBOSE);
    for kind in Kind::ALL {
        let mut host = start(kind, Some(fixture.path()));
        for line in records::awkward().chain(records::ordinary()) {
            let out = kept(&mut *host, line);
            let Some(template) = said(&out, "template").as_str().map(str::to_owned) else {
                continue;
            };
            let again = kept(&mut *host, &record(&template));
            assert_eq!(said(&again, "template"), template, "{kind:?}: {}", shown(line));
        }
    }
}
