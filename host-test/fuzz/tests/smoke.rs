//! A short run of every fuzz target: seeds, and mutations of them.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

type Target = (&'static str, fn(&[u8]), &'static [&'static str]);

/// Each target with the files whose lines, and which whole, are its seeds.
const TARGETS: [Target; 7] = [
    ("splice", logtriage_fuzz::splice, &["configs/sample.jsonl"]),
    ("repair", logtriage_fuzz::repair, &["configs/sample.jsonl"]),
    ("filter", logtriage_fuzz::filter, &["configs/sample.jsonl"]),
    ("mask", logtriage_fuzz::mask, &["configs/sample.log", "models/corpus/web.csv"]),
    ("config", logtriage_fuzz::config, &["configs/logtriage.toml"]),
    ("rules", logtriage_fuzz::rules, &["configs/rules.toml"]),
    ("verdicts", logtriage_fuzz::verdicts, &["configs/sample.expected.jsonl"]),
];

/// Mutations of each target.
const CASES: u32 = 2000;

fn seeds(files: &[&str]) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut seeds = vec![Vec::new()];
    for file in files {
        let whole = fs::read(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        seeds.extend(whole.split(|b| *b == b'\n').map(<[u8]>::to_vec));
        seeds.push(whole);
    }
    seeds
}

#[test]
fn seeds_and_mutations_hold() {
    for (name, target, files) in TARGETS {
        let seeds = seeds(files);
        assert!(seeds.len() > 5, "{name} has seeds");
        seeds.iter().for_each(|seed| target(seed));
        let cases =
            ProptestConfig { cases: CASES, failure_persistence: None, ..Default::default() };
        proptest!(cases, |(mutation in mutation(seeds.clone()))| target(&mutation));
    }
}

/// A seed with bytes changed, taken out, doubled, or joined with another.
fn mutation(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let odd = prop::sample::select(b"{}[]\",:\\\0\n \x1b<>=%\xff\xc3-+0e".to_vec());
    let byte = prop_oneof![odd, any::<u8>()];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), byte, 0..4_u8), 0..6);
    let pick = prop::sample::select(seeds);
    (pick.clone(), pick, edits).prop_map(|(mut seed, other, edits)| {
        for (place, byte, edit) in edits {
            let place = place.index(seed.len() + 1);
            match edit {
                0 => seed.insert(place, byte),
                1 => seed.truncate(place),
                2 => seed.extend_from_slice(&other[place.min(other.len())..]),
                _ => drop(seed.get_mut(place).map(|old| *old = byte)),
            }
        }
        seed
    })
}
