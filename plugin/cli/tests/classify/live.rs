//! Streams that stay open, and lines that do not end.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use crate::place::{COMMAND, Place};

/// The command, with its input open.
fn live(place: &Place, args: &[&str]) -> (Child, ChildStdin) {
    let mut child = Command::new(COMMAND)
        .args([&["classify", "-q"], args].concat())
        .current_dir(place.directory())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("run");
    let input = child.stdin.take().expect("its input");
    (child, input)
}

#[test]
fn a_live_stream_is_labelled_as_it_comes() {
    let place = Place::new();
    for (format, head) in [("plain", ""), ("jsonl", ""), ("csv", "log_message\n\n")] {
        let (mut child, mut input) = live(&place, &["--format", format, "-"]);
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let mut lines = output.lines().map(|line| line.expect("text"));
        input.write_all(head.as_bytes()).expect("taken");
        for _ in 0..3 {
            let line = if format == "jsonl" { "{\"log\":\"boom\"}\n" } else { "boom\n" };
            input.write_all(line.as_bytes()).expect("taken");
            // A test that waits here for ever has found what it looks for.
            assert!(lines.any(|line| line.contains("boom") && line.contains("Error")));
        }
        drop(input);
        assert_eq!(child.wait().expect("an end").code(), Some(0));
    }
}

#[test]
fn strict_does_not_wait_for_more_input() {
    let place = Place::new();
    let (mut child, mut input) = live(&place, &["--strict", "--format", "jsonl", "-"]);
    input.write_all(b"no record\n").expect("taken");
    let began = Instant::now();
    let ended = loop {
        match child.try_wait().expect("asked") {
            None if began.elapsed() < Duration::from_secs(30) => {
                std::thread::sleep(Duration::from_millis(20));
            }
            ended => break ended,
        }
    };
    drop(input);
    assert_eq!(ended.and_then(|status| status.code()), Some(1));
}

#[test]
fn a_line_too_long_to_be_held_passes() {
    let place = Place::new();
    // Characters of three bytes: pieces end between them.
    let line = "€".repeat((66 << 20) / 3);
    let input = format!("{{\"log\":\"boom\"}}\n{line}\r\n{{\"log\":\"boom\"}}\n{line}");
    let ran = place.classify_with(&["--format", "jsonl", "-"], input).ends(1);
    let ran = ran.says(&["standard input:2: longer than 64 MiB; the row passes", "input:4: "]);
    assert_eq!(ran.said.lines().count(), 2, "{}", ran.said);
    let lines: Vec<_> = ran.text().split('\n').collect();
    assert!(lines[0].contains("\"Error\"") && lines[2].contains("\"Error\""));
    assert!(lines[1].strip_suffix('\r') == Some(&line) && lines[3] == line && lines.len() == 4);

    let ran = place.classify_with(&["-"], format!("boom\n{line}\nboom\n")).ends(1);
    let records = ran.records();
    let labelled = |place: usize| records[place]["triage"]["label"] == "Error";
    assert!(labelled(0) && labelled(records.len() - 1));
    let pieces = &records[1..records.len() - 1];
    assert!(pieces.iter().all(|piece| piece.get("triage").or(piece.get("raw_base64")).is_none()));
    let pieces: String = pieces.iter().filter_map(|piece| piece["message"].as_str()).collect();
    assert!(pieces == line);

    let csv = format!("log_message,n\nboom,1\n{line}\nboom,2\n");
    let ran = place.classify_with(&["--format", "csv", "-"], csv).ends(1);
    let lines: Vec<_> = ran.text().lines().collect();
    assert!(lines[2].strip_suffix(",,,,") == Some(&line) && lines.len() == 4);
    assert!(lines[1].starts_with("boom,1,Error") && lines[3].starts_with("boom,2,Error"));
}
