//! The labelled corpus is what its README says: format, sizes, distinct templates, no private data.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use logtriage_engine::{DEFAULT_LABELS, Masker};
use regex::Regex;

struct Line {
    /// `file:line`.
    place: String,
    source: String,
    message: String,
    label: String,
    template: String,
}

fn files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/corpus");
    let entries =
        std::fs::read_dir(directory).expect("a corpus").map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "csv")).collect();
    files.sort();
    files
}

fn lines() -> Vec<Line> {
    let mut masker = Masker::default();
    let mut lines = Vec::new();
    for path in files() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut reader = csv::Reader::from_path(&path).expect("opens");
        assert_eq!(reader.headers().unwrap(), vec!["source", "log_message", "target_label"]);
        for (number, row) in (2..).zip(reader.into_records()) {
            let row = row.expect("RFC 4180 CSV in UTF-8");
            lines.push(Line {
                place: format!("{name}:{number}"),
                source: row[0].to_owned(),
                template: masker.mask(row[1].as_bytes()).to_owned(),
                message: row[1].to_owned(),
                label: row[2].to_owned(),
            });
        }
    }
    lines
}

#[test]
fn it_is_written_as_its_readme_says() {
    let source = Regex::new("^[a-z0-9][a-z0-9._-]*$").unwrap();
    for path in files() {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains('\r') && text.ends_with('\n'), "{}: LF line ends", path.display());
    }
    for line in lines() {
        let place = &line.place;
        assert!(source.is_match(&line.source), "{place}: source {:?}", line.source);
        assert!(
            DEFAULT_LABELS.iter().any(|(label, _)| *label == line.label),
            "{place}: label {:?}",
            line.label
        );
        assert!(!line.message.trim().is_empty(), "{place}: no message");
        assert!(!line.message.contains(['\n', '\r', '\u{1b}']), "{place}: a control character");
    }
}

#[test]
fn it_is_large_and_balanced_enough() {
    let lines = lines();
    let distinct = |of: fn(&Line) -> &str| lines.iter().map(of).collect::<BTreeSet<_>>().len();
    assert!(distinct(|line| &line.template) >= 5_000);
    assert!(distinct(|line| &line.source) >= 80);
    let mut counts = BTreeMap::new();
    lines.iter().for_each(|line| *counts.entry(line.label.as_str()).or_insert(0) += 1);
    for (label, _) in DEFAULT_LABELS {
        let least = if label == "HTTP Status" { 80 } else { 250 };
        assert!(counts.get(label).is_some_and(|count| *count >= least), "{label}: {counts:?}");
    }
}

#[test]
fn no_two_lines_have_one_template() {
    let mut seen = HashMap::new();
    for line in lines() {
        if let Some(before) = seen.insert(line.template.clone(), line.place.clone()) {
            panic!("{before} and {} have the template {:?}", line.place, line.template);
        }
    }
}

/// The words of a line, without what holds a digit.
fn words<'m>(word: &Regex, message: &'m str) -> BTreeSet<&'m str> {
    let words = word.find_iter(message).map(|found| found.as_str());
    words.filter(|word| !word.contains(|c: char| c.is_numeric())).collect()
}

/// Access-log lines share their format and have no other words; nor do lines of fewer than three.
#[test]
fn no_line_is_a_near_copy_of_another_of_its_label() {
    let (lines, word) = (lines(), Regex::new(r"[^\W\d][\w.:/-]*").unwrap());
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

/// Addresses of documentation, private and local networks and masks; versions and object
/// identifiers of four numbers look like addresses.
#[test]
fn no_line_holds_private_data() {
    const NO_ADDRESSES: [&str; 8] = [
        "4.132.2.1",
        "6.4.0.11",
        "4.0.1.0",
        "5.2.3.1",
        "2.5.29.17",
        "1.25.3.1",
        "8.5.5.4",
        "8.0.0.0",
    ];
    let address =
        Regex::new(r"(?:^|[^\w.])(\d{1,3}(?:\.\d{1,3}){3})(?:$|[^\d.]|\.\D|\.$)").unwrap();
    let mail = Regex::new(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,})\b").unwrap();
    let secret =
        Regex::new(r"AKIA[0-9A-Z]{16}|gh[pousr]_\w{30}|eyJ\w{20}|-----BEGIN|xox[bp]-\d|sk_live_")
            .unwrap();
    let reserved = Regex::new(
        r"(?i)(^|\.)(example\.(com|org|net)|example|internal|local|localdomain|lan|test|invalid|service)$",
    )
    .unwrap();
    for Line { place, message, .. } in lines() {
        for found in address.captures_iter(&message) {
            let text = &found[1];
            let outside = text.parse().is_ok_and(|ip: Ipv4Addr| !is_reserved(ip));
            assert!(!outside || NO_ADDRESSES.contains(&text), "{place}: the address {text}");
        }
        for found in mail.captures_iter(&message) {
            let domain = &found[1];
            let no_domain = [".png", ".journal", ".worker"].iter().any(|end| domain.ends_with(end));
            assert!(no_domain || reserved.is_match(domain), "{place}: the domain {domain}");
        }
        assert!(!secret.is_match(&message), "{place}: what looks like a key");
    }
}

fn is_reserved(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let benchmarks = a == 198 && (18..20).contains(&b);
    ip.is_documentation()
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || shared
        || benchmarks
        || a == 0
        || a >= 240
}
