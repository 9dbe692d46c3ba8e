//! Hosts that misbehave and directories that are broken: no record is lost, and labelling goes on.

use std::path::Path;
use std::time::Duration;

use host_test::{
    Clock, CoreModule, CoreModuleSettings, Host, Kind, Lost, Wamr, WamrSettings, records,
};

use crate::fixture::{
    Fixture, NO_LIMIT, VERBOSE, check_same, kept, new_words, record, reference, said, shown, start,
    verdict,
};

/// A record whose rule is built in.
const ATTACK: &str = "Failed password for root from 203.0.113.7 port 4711 ssh2";

/// Calls of the host that frees nothing; `LOGTRIAGE_CALLS=1000000` for the long way.
fn calls() -> u32 {
    std::env::var("LOGTRIAGE_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(100_000)
}

fn core_module(settings: CoreModuleSettings<'_>) -> CoreModule {
    CoreModule::start(&settings).expect("starts")
}

fn wamr(settings: WamrSettings<'_>) -> Wamr {
    Wamr::start(&settings).expect("starts")
}

fn ordinary() -> Vec<Vec<u8>> {
    records::ordinary().map(<[u8]>::to_vec).collect()
}

/// The outcomes of ordinary records are the engine's, with the built-in config.
fn check_labels(host: &mut dyn Host, what: &str) {
    let records = ordinary();
    check_same(&reference(None, &records), host, &records, what);
}

#[test]
fn a_host_that_never_frees_costs_no_memory() {
    let mut wamr = wamr(WamrSettings { frees: false, ..WamrSettings::default() });
    let mut core = core_module(CoreModuleSettings { frees: false, ..Default::default() });
    let records = ordinary();
    let pass = |host: &mut dyn Host, calls: u32| {
        for record in records.iter().cycle().take(calls as usize) {
            kept(host, record);
        }
    };
    pass(&mut wamr, 2_000);
    pass(&mut core, 2_000);
    let before = (wamr.memory_size(), core.memory_size());
    pass(&mut wamr, calls());
    pass(&mut core, calls());
    assert_eq!((wamr.memory_size(), core.memory_size()), before);
}

/// Large records in between: what they took is given back, or used again.
#[test]
fn a_host_that_never_frees_costs_no_memory_for_large_records() {
    let mut host = wamr(WamrSettings { frees: false, ..WamrSettings::default() });
    let large = records::large();
    let mut pass = || {
        large.iter().for_each(|record| drop(kept(&mut host, record)));
        host.memory_size()
    };
    pass();
    let before = pass();
    for _ in 0..5 {
        assert_eq!(pass(), before);
    }
}

#[test]
fn a_record_that_did_not_fit_into_the_guest_is_no_trap() {
    for frees in [true, false] {
        let mut wamr = wamr(WamrSettings { frees, ..WamrSettings::default() });
        let mut core = core_module(CoreModuleSettings { frees, ..Default::default() });
        for length in [0, 1, 70_000, u32::MAX] {
            for answer in [wamr.call_without_record(length), core.call_without_record(length)] {
                assert!(!matches!(answer, Err(Lost::Trap(_))), "{frees} {length}: {answer:?}");
            }
            for host in [&mut wamr as &mut dyn Host, &mut core] {
                assert_eq!(said(&kept(host, &record(ATTACK)), "label"), "Security Alert");
            }
        }
    }
}

/// A stack that is too small even for this guest costs the records that it traps at, three at most:
/// those after pass unlabelled, and standard error says what to do.
#[test]
fn a_guest_that_traps_goes_on_unlabelled() {
    let mut trapped = 0;
    for stack_size in (3072..8192).step_by(512) {
        let mut host = wamr(WamrSettings { stack_size, ..WamrSettings::default() });
        let lost = ordinary().iter().filter(|line| host.annotate(line).is_err()).count();
        let stderr = host.stderr().expect("can be read");
        trapped += lost;
        assert!(lost <= 3, "{lost} records with a stack of {stack_size} bytes: {stderr}");
        assert_eq!(stderr.contains("[logtriage]"), lost > 0, "{stack_size}: {stderr}");
    }
    assert!(trapped > 0, "no stack was too small");
}

/// As Fluent Bit did before 4.1.
#[test]
fn an_instance_for_each_chunk_labels_the_same() {
    let records = ordinary();
    let expected = reference(None, &records);
    for (chunk, expected) in records.chunks(10).zip(expected.chunks(10)) {
        let mut host = wamr(WamrSettings { frees: false, ..WamrSettings::default() });
        check_same(expected, &mut host, chunk, "an instance for each chunk");
    }
}

#[test]
fn a_read_only_directory_costs_no_label() {
    let fixture = Fixture::with_verdicts(VERBOSE);
    let directory = Some(fixture.path());
    let records = ordinary();
    let expected = reference(directory, &records);
    let mut host =
        core_module(CoreModuleSettings { directory, writable: false, ..Default::default() });
    check_same(&expected, &mut host, &records, "a read-only directory");
    assert!(!fixture.path().join("state/pending.jsonl").exists());
}

/// Root may write everywhere, but not into a file as if it were a directory.
#[test]
fn a_state_directory_that_cannot_be_made_costs_no_label() {
    let fixture = Fixture::new(&format!("{NO_LIMIT}[reasoning]\n"));
    fixture.write("state", "a file\n");
    let directory = Some(fixture.path());
    for kind in Kind::FLUENT_BIT {
        check_labels(&mut *start(kind, directory), &format!("{kind:?} without state"));
    }
}

#[test]
fn a_truncated_journal_costs_only_what_was_cut_off() {
    let whole =
        [verdict("all is well", "User Action"), verdict("job <num> ended", "Error")].concat();
    let records = [record("all is well"), record("job 7 ended"), record(ATTACK)];
    for end in (0..=whole.len()).step_by(7) {
        let fixture = Fixture::new(&format!("{VERBOSE}\n[reasoning]\n"));
        fixture.write("state/verdicts.human.jsonl", &whole[..end]);
        fixture.write("state/verdicts.jsonl", &whole[..whole.len() - end]);
        let directory = Some(fixture.path());
        let expected = reference(directory, &records);
        let mut host = core_module(CoreModuleSettings { directory, ..Default::default() });
        check_same(&expected, &mut host, &records, &format!("journals cut at {end}"));
    }
}

#[test]
fn a_clock_that_goes_backwards_costs_nothing() {
    let fixture = Fixture::with_verdicts(VERBOSE);
    let directory = Some(fixture.path());
    let records = ordinary();
    let expected = reference(directory, &records);
    let clock = Clock::default();
    clock.set(Duration::from_secs(1_000_000));
    let mut host =
        core_module(CoreModuleSettings { directory, clock: Some(&clock), ..Default::default() });
    for seconds in [1_000_000, 999_990, 10, 0, 1 << 33, 5] {
        clock.set(Duration::from_secs(seconds));
        check_same(&expected, &mut host, &records, &format!("at {seconds} s"));
    }
}

/// The limit on new templates is the guest's default; it must not stay shut for the time by which
/// the clock was put back.
#[test]
fn a_clock_that_goes_backwards_does_not_shut_out_new_templates() {
    let clock = Clock::default();
    clock.set(Duration::from_secs(1_000));
    let mut host = core_module(CoreModuleSettings { clock: Some(&clock), ..Default::default() });
    // A known template has a confidence; one that was not looked at has none.
    let looked_at = |host: &mut CoreModule, number| {
        said(&kept(host, &record(&new_words(number))), "confidence") != 0
    };
    let admitted = (0..2_000).filter(|number| looked_at(&mut host, *number)).count();
    assert!((1..2_000).contains(&admitted), "{admitted} of 2,000 in a moment");
    assert!(!looked_at(&mut host, 2_000));
    clock.set(Duration::from_secs(10));
    assert!(looked_at(&mut host, 2_001), "after the clock was put back");
}

#[test]
fn a_directory_that_is_missing_is_refused_and_an_empty_one_is_not() {
    let missing = Path::new("target/there-is-no-such-directory");
    for kind in Kind::ALL {
        assert!(kind.start(Some(missing)).is_err(), "{kind:?}");
    }
    let empty = tempfile::tempdir().expect("a directory");
    for kind in Kind::ALL {
        check_labels(&mut *start(kind, Some(empty.path())), &format!("{kind:?}, no config"));
    }
}

/// Config, rules, model: whatever is wrong, events pass, and standard error says what it is, once.
#[test]
fn a_bad_config_is_said_and_events_pass() {
    let cases = [
        ("not TOML", "this is = = not TOML"),
        ("not UTF-8", "\u{fffd}"),
        ("an unknown key", "no_such_key = 1"),
        ("a threshold out of range", "[thresholds]\nError = 7"),
        ("rules that are not there", "rules = [\"no-such-rules.toml\"]"),
        ("a model that is not there", "model = \"no-such-model\""),
    ];
    for (what, config) in cases {
        let fixture = Fixture::new(config);
        if what == "not UTF-8" {
            std::fs::write(fixture.path().join("logtriage.toml"), b"\xff\xfe").expect("written");
        }
        let directory = Some(fixture.path());
        let mut wamr = wamr(WamrSettings { directory, ..WamrSettings::default() });
        let mut core = core_module(CoreModuleSettings { directory, ..Default::default() });
        for line in ordinary() {
            for host in [&mut wamr as &mut dyn Host, &mut core] {
                let out = kept(host, &line);
                let passed = out == line || records::undo(&out) == line;
                assert!(passed, "{what}: {}", shown(&out));
            }
        }
        for stderr in [wamr.stderr().expect("can be read"), core.stderr()] {
            let lines: Vec<_> = stderr.lines().collect();
            assert!(!lines.is_empty(), "{what}: nothing was said");
            assert!(lines.len() <= 4, "{what}: {stderr}");
            let named = ["logtriage.toml", "no-such-rules", "no-such-model", "rules.bin"];
            assert!(named.iter().any(|name| stderr.contains(name)), "{what}: {stderr}");
        }
    }
}

#[test]
fn a_good_config_says_nothing() {
    let fixture = Fixture::with_verdicts(VERBOSE);
    let directory = Some(fixture.path());
    let mut host = wamr(WamrSettings { directory, ..WamrSettings::default() });
    ordinary().iter().for_each(|record| drop(kept(&mut host, record)));
    assert_eq!(host.stderr().expect("can be read"), "");
}
