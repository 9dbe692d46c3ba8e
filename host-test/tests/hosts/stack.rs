//! Fluent Bit's default `wasm_stack_size` is 8192 bytes, and users leave it as it is.

use host_test::{Wamr, WamrSettings, records};

use crate::fixture::{Fixture, VERBOSE, check_same, reference};

fn the_corpus_passes_with(stack_size: u32) {
    let mut records = records::all();
    let fixture = Fixture::with_verdicts(VERBOSE);
    let directory = Some(fixture.path());
    let expected = reference(directory, &records);
    let settings = WamrSettings { directory, stack_size, ..WamrSettings::default() };
    let mut host = Wamr::start(&settings).expect("starts");
    check_same(&expected, &mut host, &records, &format!("a stack of {stack_size} bytes"));
    // These take other ways through the guest.
    records = records::repaired().map(|(record, _)| record.to_vec()).collect();
    for record in &records {
        crate::fixture::kept(&mut host, record);
    }
}

#[test]
fn the_corpus_passes_at_the_default_stack_size() {
    the_corpus_passes_with(8192);
}

/// A margin: a change that takes more stack fails here before it fails at users'.
#[test]
fn an_eighth_of_the_default_stack_is_left() {
    the_corpus_passes_with(7168);
}
