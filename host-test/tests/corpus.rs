//! The labelled corpus keeps what `models/corpus/README.md` says of it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use logtriage_engine::{DEFAULT_LABELS, Masker, Model};
use regex::Regex;

struct Line {
    place: String,
    source: String,
    message: String,
    label: String,
    group: String,
}

fn corpus() -> Vec<Line> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/corpus");
    let mut files: Vec<_> = fs::read_dir(directory)
        .expect("the corpus is there")
        .map(|entry| entry.expect("can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "csv"))
        .collect();
    files.sort();
    files.iter().flat_map(|file| read(file)).collect()
}

fn read(file: &Path) -> Vec<Line> {
    let name = file.file_name().expect("a name").to_string_lossy();
    let mut reader = csv::Reader::from_path(file).expect("can be read");
    let header = vec!["source", "log_message", "target_label", "group"];
    assert_eq!(reader.headers().expect("a header"), header);
    reader
        .into_records()
        .map(|record| {
            let record = record.expect("four columns of UTF-8");
            let line = record.position().map_or(0, csv::Position::line);
            Line {
                place: format!("{name}:{line}"),
                source: record[0].to_owned(),
                message: record[1].to_owned(),
                label: record[2].to_owned(),
                group: record[3].to_owned(),
            }
        })
        .collect()
}

#[test]
fn every_line_has_a_source_a_message_and_a_known_label() {
    let labels: HashSet<_> = DEFAULT_LABELS.iter().map(|(label, _)| *label).collect();
    for Line { place, source, message, label, .. } in corpus() {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c);
        assert!(!source.is_empty() && source.chars().all(plain), "{place}: source {source:?}");
        assert!(!message.trim().is_empty() && !message.contains('\n'), "{place}: message");
        assert!(labels.contains(label.as_str()), "{place}: label {label:?}");
    }
}

/// The groups are those of the built-in model, but for the smallest.
#[test]
fn every_line_is_filed_under_a_known_group() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/groups/groups.csv");
    let mut reader = csv::Reader::from_path(file).expect("the list of groups");
    assert_eq!(reader.headers().expect("a header"), vec!["group", "meaning"]);
    let rows: Vec<_> = reader.records().map(|row| row.expect("two columns of UTF-8")).collect();
    let known: BTreeSet<String> = rows.iter().map(|row| row[0].to_owned()).collect();
    assert_eq!(known.len(), rows.len(), "a group is listed twice");
    assert!(rows.iter().all(|row| !row[1].trim().is_empty()), "a group has no meaning");
    let used: BTreeSet<String> = corpus()
        .into_iter()
        .map(|Line { place, group, .. }| {
            assert!(known.contains(&group), "{place}: group {group:?}");
            group
        })
        .collect();
    assert_eq!(used, known);
    let model = Model::builtin().expect("the built-in model loads");
    let named = (0..model.groups() as u16).filter_map(|group| model.group_name(group));
    assert!(named.map(str::to_owned).collect::<BTreeSet<_>>().is_subset(&known));
}

#[test]
fn no_two_lines_have_the_same_template() {
    let mut masker = Masker::default();
    let mut places: HashMap<String, String> = HashMap::new();
    let mut twice = Vec::new();
    for Line { place, message, .. } in corpus() {
        let template = masker.mask(message.as_bytes()).to_owned();
        if let Some(first) = places.insert(template, place.clone()) {
            twice.push(format!("{place} and {first}: {message}"));
        }
    }
    assert!(twice.is_empty(), "{twice:#?}");
}

#[test]
fn there_is_enough_of_every_label_and_of_every_system() {
    let lines = corpus();
    assert!(lines.len() >= 5000, "{} lines", lines.len());
    let count = |of: fn(&Line) -> &str| {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        lines.iter().for_each(|line| *counts.entry(of(line)).or_default() += 1);
        counts
    };
    let labels = count(|line| &line.label);
    for (label, _) in DEFAULT_LABELS {
        let least = if label == "HTTP Status" { 80 } else { 250 };
        assert!(labels.get(label).is_some_and(|n| *n >= least), "{label}: {:?}", labels.get(label));
    }
    let sources = count(|line| &line.source);
    let whole = sources.values().filter(|n| **n >= 4).count();
    assert!(whole >= 700, "{whole} systems of four lines or more");
}

/// The words of a line, without what holds a digit.
fn words<'m>(word: &Regex, message: &'m str) -> BTreeSet<&'m str> {
    let words = word.find_iter(message).map(|found| found.as_str());
    words.filter(|word| !word.contains(|c: char| c.is_numeric())).collect()
}

/// Access-log lines share their format and have no other words; nor do lines of fewer than three.
#[test]
fn no_line_is_a_near_copy_of_another_of_its_label() {
    let word = Regex::new(r"[^\W\d][\w.:/-]*").expect("a right pattern");
    let lines = corpus();
    for (label, _) in DEFAULT_LABELS.into_iter().filter(|(label, _)| *label != "HTTP Status") {
        let mut numbers = HashMap::new();
        let of_label = lines.iter().filter(|line| line.label == label).map(|line| {
            let mut number = |word| {
                let next = numbers.len();
                *numbers.entry(word).or_insert(next)
            };
            let mut words: Vec<usize> =
                words(&word, &line.message).into_iter().map(&mut number).collect();
            words.sort_unstable();
            (words, &line.place)
        });
        let mut of_label: Vec<_> = of_label.filter(|(words, _)| words.len() >= 3).collect();
        of_label.sort_by_key(|(words, _)| words.len());
        for (at, (a, place)) in of_label.iter().enumerate() {
            // A set of over 5/4 the size cannot be that near.
            let near_in_size =
                of_label[at + 1..].iter().take_while(|(b, _)| b.len() * 4 <= a.len() * 5);
            for (b, other) in near_in_size {
                let common = common(a, b);
                let all = a.len() + b.len() - common;
                assert!(common * 5 < all * 4, "{place} and {other} share {common} of {all} words");
            }
        }
    }
}

/// How many numbers two ascending lists share.
fn common(a: &[usize], b: &[usize]) -> usize {
    let (mut i, mut j, mut common) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        common += usize::from(a[i] == b[j]);
        let (next_i, next_j) = (a[i] <= b[j], b[j] <= a[i]);
        i += usize::from(next_i);
        j += usize::from(next_j);
    }
    common
}

/// Addresses from RFC 5737 and RFC 3849, private, loopback and other special networks, and masks:
/// none that could be somebody's.
#[test]
fn no_address_is_anybody_s() {
    let quad = Regex::new(r"(?:[^0-9A-Za-z.]|^)((?:[0-9]{1,3}\.){3}[0-9]{1,3})(?:[^0-9.]|$)");
    let quad = quad.expect("a right pattern");
    // Versions and object identifiers of four numbers.
    let no_addresses =
        ["4.132.2.1", "6.4.0.11", "4.0.1.0", "5.2.3.1", "2.5.29.17", "1.25.3.1", "8.5.5.4"];
    for Line { place, message, .. } in corpus() {
        for found in quad.captures_iter(&message) {
            let is_version = message[..found.get_match().start()].ends_with("Version");
            let Ok(IpAddr::V4(address)) = found[1].parse() else { continue };
            let is_version = is_version || no_addresses.contains(&&found[1]);
            assert!(is_version || is_nobody_s(address), "{place}: {address} in {message}");
        }
    }
}

fn is_nobody_s(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_documentation()
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || a == 255
        || a == 0
        || (a == 198 && (18..20).contains(&b))
        || (a == 100 && (64..128).contains(&b))
}

#[test]
fn every_mail_address_is_of_a_reserved_domain() {
    let mail = Regex::new(r"[A-Za-z0-9._-]+@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[a-z]{2,})");
    let mail = mail.expect("a right pattern");
    // RFC 2606, RFC 6762, RFC 8375 and what is no domain: units of systemd and files.
    let reserved = [
        "example.com",
        "example.org",
        "example.net",
        "example",
        "test",
        "invalid",
        "local",
        "home.arpa",
        "internal",
        "lan",
        "service",
        "mount",
        "timer",
        "journal",
        "png",
        "worker",
    ];
    for Line { place, message, .. } in corpus() {
        for found in mail.captures_iter(&message) {
            let domain = found[1].to_ascii_lowercase();
            let is_reserved = reserved.iter().any(|end| {
                domain.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            });
            assert!(is_reserved, "{place}: {} in {message}", &found[0]);
        }
    }
}

#[test]
fn nothing_looks_like_a_key() {
    let key = r"AKIA[0-9A-Z]{16}|gh[pousr]_\w{30}|eyJ\w{20}|-----BEGIN|xox[bp]-\d|sk_live_";
    let key = Regex::new(key).expect("a right pattern");
    for Line { place, message, .. } in corpus() {
        assert!(!key.is_match(&message), "{place}: {message}");
    }
}
