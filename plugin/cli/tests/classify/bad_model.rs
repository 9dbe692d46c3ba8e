//! Bundles that are damaged: which part, and nothing is labelled.

use std::fs;
use std::path::Path;

use crate::place::{Place, Ran, refused};

/// A copy of the default bundle in `bundle/`, and a config that uses it.
fn with_bundle() -> Place {
    let place = Place::empty();
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/default");
    fs::create_dir(place.path("bundle")).expect("a directory");
    for entry in fs::read_dir(default).expect("the default bundle") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), place.path("bundle").join(entry.file_name())).expect("a copy");
    }
    place.file("logtriage.toml", "model = 'bundle'\n").file("a.log", "boom\n");
    place
}

/// What `classify` says after `damage` to one part.
fn damaged(part: &str, damage: impl Fn(&mut Vec<u8>)) -> Ran {
    let place = with_bundle();
    let path = place.path("bundle").join(part);
    let mut bytes = fs::read(&path).expect("a part");
    damage(&mut bytes);
    fs::write(&path, bytes).expect("written");
    place.classify(&["a.log"])
}

#[test]
fn a_whole_bundle_works() {
    with_bundle().classify(&["a.log"]).quietly();
}

#[test]
fn a_bundle_that_is_not_there() {
    let place = Place::empty();
    place.file("logtriage.toml", "model = 'nowhere'\n").file("a.log", "boom\n");
    refused(place.classify(&["a.log"]), &["nowhere"]);
}

#[test]
fn a_part_that_is_missing() {
    let place = with_bundle();
    fs::remove_file(place.path("bundle/head.bin")).expect("removed");
    refused(place.classify(&["a.log"]), &["bundle", "head.bin"]);
}

#[test]
fn a_part_that_is_cut_short() {
    for part in ["table.bin", "vocab.txt", "head.bin", "lexicon.bin", "examples.jsonl"] {
        refused(damaged(part, |bytes| bytes.truncate(bytes.len() / 2)), &["bundle", part]);
    }
}

#[test]
fn a_part_with_another_bit() {
    for part in ["table.bin", "vocab.txt", "head.bin", "lexicon.bin", "examples.jsonl"] {
        let flip = |bytes: &mut Vec<u8>| bytes[100] ^= 1;
        refused(damaged(part, flip), &["bundle", part, "damaged"]);
    }
}

#[test]
fn a_manifest_that_is_no_json_or_of_another_format() {
    refused(damaged("manifest.json", |bytes| bytes.truncate(40)), &["bundle", "manifest.json"]);
    let newer = |bytes: &mut Vec<u8>| {
        let text = String::from_utf8_lossy(bytes).replace("\"format\": 1", "\"format\": 2");
        *bytes = text.into_bytes();
    };
    refused(damaged("manifest.json", newer), &["bundle", "manifest.json", "format"]);
}
