//! What Fluent Bit hands over that is not JSON survives, and nothing else of the record changes.

use host_test::{Kind, records};

use crate::fixture::{Fixture, NO_LIMIT, kept, shown, start};

#[test]
fn what_fluent_bit_hands_over_that_is_not_json_is_repaired() {
    let fixture = Fixture::new(NO_LIMIT);
    let pairs: Vec<_> = records::repaired().collect();
    assert!(pairs.len() >= 20, "{} pairs", pairs.len());
    for kind in Kind::FLUENT_BIT {
        let mut host = start(kind, Some(fixture.path()));
        for (record, repaired) in &pairs {
            let expected = kept(&mut *host, repaired);
            let out = kept(&mut *host, record);
            assert!(
                out == expected,
                "{kind:?}, of {}:\n{}\ninstead of\n{}",
                shown(record),
                shown(&out),
                shown(&expected)
            );
        }
    }
}

/// The stored repairs are repairs: the first of a pair is lost without one, the second is not.
#[test]
fn the_pairs_are_what_they_say() {
    for (record, repaired) in records::repaired() {
        let unchanged = record == repaired;
        assert_eq!(host_test::fluent_bit::is_object(record), unchanged, "{}", shown(record));
        assert!(host_test::fluent_bit::is_object(repaired), "{}", shown(repaired));
    }
}
