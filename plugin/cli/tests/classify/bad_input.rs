//! Bad data: what is said, how the run ends, and that the rest is labelled all the same.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::place::{COMMAND, Place};

#[test]
fn a_missing_column_lists_those_that_are_there() {
    let place = Place::new();
    place.file("a.csv", "when,text\n1,boom\n");
    let ran = place.classify(&["a.csv"]).ends(2).gives_nothing();
    ran.says(&["a.csv has no column \"log_message\"", "when, text", "--message-column"]);
}

#[test]
fn a_wrong_delimiter_is_recognised() {
    let place = Place::new();
    for (delimiter, advice) in [(";", "--delimiter ';'"), ("\t", "--delimiter tab"), ("|", "'|'")] {
        place.file("a.csv", ["source", "log_message\na", "boom\n"].join(delimiter));
        place.classify(&["a.csv"]).ends(2).gives_nothing().says(&["a.csv", advice]);
    }
    place.file("a.csv", "when;text\n1;boom\n");
    place.classify(&["a.csv"]).ends(2).says(&["log_message", "--delimiter ';'"]);
    place.file("a.tsv", "source,log_message\na,boom\n");
    place.classify(&["a.tsv"]).ends(2).says(&["--delimiter ','"]);
}

#[test]
fn a_header_with_an_open_quotation_mark() {
    let place = Place::new();
    place.file("a.csv", "source,\"log_message\na,boom\n");
    place.classify(&["a.csv"]).ends(2).gives_nothing().says(&["a.csv", "header", "never closes"]);
    place.file("a.csv", "log_message,\"source\na,boom\n");
    place.classify(&["a.csv"]).ends(2).gives_nothing().says(&["a.csv", "header", "never closes"]);
}

#[test]
fn a_cell_that_is_not_utf8_is_labelled_and_keeps_its_bytes() {
    let place = Place::new();
    place.file("a.csv", b"source,log_message\ncrm\xff,boom \xff\xfe\xc3\n");
    let ran = place.classify(&["a.csv"]).quietly();
    assert!(ran.out.windows(11).any(|w| w == b"boom \xff\xfe\xc3,Er"));
    assert_eq!(ran.column("target_label"), ["Error"]);
}

#[test]
fn nul_bytes_are_bytes() {
    let place = Place::new();
    place.file("a.csv", b"source,log_message\n\0,\0boom\0\nb,boom\n");
    let ran = place.classify(&["a.csv"]).quietly();
    assert_eq!(ran.column("log_message"), ["\0boom\0", "boom"]);
    assert_eq!(ran.column("target_label"), ["Error", "Error"]);
}

#[test]
fn an_open_quotation_mark_costs_one_row() {
    let place = Place::new();
    place.file("a.csv", "source,log_message\na,boom\n\nb,\"boom\nc,boom\nd,fine\n");
    let ran = place.classify(&["a.csv"]).ends(1);
    let ran = ran.says(&["a.csv:4: ", "quotation mark", "never closed", "passes unlabelled"]);
    assert_eq!(ran.said.lines().count(), 1, "{}", ran.said);
    let lines: Vec<_> = ran.text().lines().collect();
    assert_eq!((lines[2], lines[3]), ("", "b,\"boom,,,,"));
    assert!(lines[1].starts_with("a,boom,Error,rule") && lines[4].starts_with("c,boom,Error,rule"));
    assert!(lines[5].starts_with("d,fine,Unclassified,none") && lines.len() == 6);
}

#[test]
fn ragged_rows_pass_with_empty_cells() {
    let place = Place::new();
    place.file("a.csv", "source,log_message,n\r\na\r\nb,boom,1,2\r\nc,boom,3\r\n");
    let ran = place.classify(&["a.csv"]).ends(1);
    let ran = ran.says(&[
        "a.csv:2: 1 fields where the header has 3; the row passes unlabelled",
        "a.csv:3: 4 fields where the header has 3",
    ]);
    let lines: Vec<_> = ran.text().lines().collect();
    assert_eq!((lines[1], lines[2]), ("a,,,,,,", "b,boom,1,2,,,,"));
    assert!(lines[3].starts_with("c,boom,3,Error,rule,1,"));
}

#[test]
fn lines_are_counted_through_quoted_cells_and_over_batches() {
    let place = Place::new();
    let rows = "a,\"boom\nsecond\r\nthird\"\n".repeat(2000);
    place.file("a.csv", format!("source,log_message\n{rows}only one\n"));
    let ran = place.classify(&["a.csv"]).ends(1).says(&["a.csv:6002: "]);
    assert_eq!(ran.said.lines().count(), 1);
}

#[test]
fn a_cell_of_ten_megabytes() {
    let place = Place::new();
    let cell = "x".repeat(10 << 20);
    place.file("a.csv", format!("source,log_message\na,boom {cell}\nb,boom\n"));
    let ran = place.classify(&["a.csv"]).quietly();
    assert_eq!(ran.column("target_label"), ["Error", "Error"]);
    assert!(ran.out.len() > cell.len());
}

#[test]
fn an_empty_csv_file_has_no_header() {
    let place = Place::new();
    for empty in ["", "\n\r\n", "\u{feff}"] {
        place.file("a.csv", empty);
        place.classify(&["a.csv"]).ends(2).gives_nothing().says(&["a.csv is empty", "header"]);
    }
    place.file("a.csv", "log_message");
    let ran = place.classify(&["a.csv"]).quietly();
    assert_eq!(ran.text(), "log_message,target_label,tier,confidence,template_id\n");
}

#[test]
fn other_empty_files_give_nothing() {
    let place = Place::new();
    for name in ["a.jsonl", "a.log"] {
        place.file(name, "");
        place.classify(&[name]).quietly().gives_nothing();
    }
}

#[test]
fn a_directory() {
    let place = Place::new();
    place.file("logs/a.log", "boom\n");
    let ran = place.classify(&["logs"]).ends(2).gives_nothing();
    ran.says(&["logs is a directory", "logs/*.log"]);
}

#[test]
fn a_missing_file_costs_no_work() {
    let place = Place::new();
    place.file("a.log", "boom\n");
    place.classify(&["a.log", "b.log"]).ends(2).gives_nothing().says(&["b.log: No such file"]);
}

#[test]
fn input_and_output_in_one_file() {
    let place = Place::new();
    place.file("a.log", "boom\n");
    let ran = place.classify(&["a.log", "-o", "./a.log"]).ends(2);
    ran.says(&["a.log is input and output", "another file"]);
    assert_eq!(place.text("a.log"), "boom\n");
}

#[cfg(unix)]
#[test]
fn input_and_output_in_one_file_by_another_name() {
    let place = Place::new();
    place.file("a.log", "boom\n");
    std::os::unix::fs::symlink("a.log", place.path("soft.log")).expect("linked");
    std::fs::hard_link(place.path("a.log"), place.path("hard.log")).expect("linked");
    for output in ["soft.log", "hard.log"] {
        let ran = place.classify(&["a.log", "-o", output]);
        ran.ends(2).says(&["a.log is input and output"]);
    }
    let open = || std::fs::File::options().read(true).append(true).open(place.path("a.log"));
    let run = |args: &[&str], input: Stdio, output: Stdio| {
        let mut command = Command::new(COMMAND);
        command.arg("classify").args(args).current_dir(place.directory());
        command.stdin(input).stdout(output).output().expect("run").status.code()
    };
    let file = || Stdio::from(open().expect("opened"));
    assert_eq!(run(&["-", "-o", "a.log"], file(), Stdio::null()), Some(2));
    assert_eq!(run(&["a.log"], Stdio::null(), file()), Some(2));
    assert_eq!(run(&["-"], file(), file()), Some(2));
    assert_eq!(place.text("a.log"), "boom\n");
    assert_eq!(run(&["a.log"], file(), Stdio::null()), Some(0));
}

#[test]
fn a_run_that_cannot_start_leaves_the_output_alone() {
    let place = Place::new();
    place.file("a.csv", "text\nboom\n").file("out.csv", "older\n");
    place.classify(&["a.csv", "-o", "out.csv"]).ends(2);
    assert_eq!(place.text("out.csv"), "older\n");
}

#[test]
fn an_output_that_cannot_be_written() {
    let place = Place::new();
    place.file("a.log", "boom\n".repeat(5000));
    place.classify(&["a.log", "-o", "no/such/dir.jsonl"]).ends(2).says(&["no/such/dir.jsonl: "]);
    if cfg!(target_os = "linux") {
        place.classify(&["a.log", "-o", "/dev/full"]).ends(2).says(&["/dev/full: No space left"]);
    }
}

#[test]
fn columns_of_ours_that_are_already_there() {
    let place = Place::new();
    place.file("a.csv", "log_message,tier\nboom,x\n");
    let ran = place.classify(&["a.csv"]).ends(2).gives_nothing();
    ran.says(&["a.csv already has a column \"tier\"", "--prefix triage_"]);
}

#[test]
fn names_of_our_columns_are_cells() {
    let place = Place::new();
    place.file("a.csv", "log_message\nboom\n");
    let ran = place.classify(&["a.csv", "--prefix", "x,\"y"]).quietly();
    assert_eq!(ran.column("x,\"ytarget_label"), ["Error"]);
}

#[test]
fn files_with_other_columns_are_refused() {
    let place = Place::new();
    place.file("a.csv", "source,log_message\na,boom\n").file("b.csv", "log_message,source\n");
    let ran = place.classify(&["a.csv", "b.csv"]).ends(2).gives_nothing();
    ran.says(&["b.csv has other columns than a.csv", "two runs"]);
}

#[test]
fn mixed_formats_are_refused() {
    let place = Place::new();
    place.file("a.csv", "log_message\nboom\n").file("b.jsonl", "{}\n");
    let ran = place.classify(&["a.csv", "b.jsonl"]).ends(2).gives_nothing();
    ran.says(&["a.csv and b.jsonl have different formats", "--format"]);
}

#[test]
fn options_of_another_format_are_refused() {
    let place = Place::new();
    place.file("a.csv", "log_message\nboom\n").file("a.log", "boom\n").file("a.jsonl", "{}\n");
    let refused = |args: &[&str], words: &[&str]| {
        place.classify(args).ends(2).gives_nothing().says(words);
    };
    refused(&["a.log", "--message-column", "x"], &["--message-column is for CSV", "--format csv"]);
    refused(&["-", "--delimiter", ";"], &["--delimiter is for CSV", "plain lines"]);
    refused(&["a.jsonl", "--message-column", "x"], &["read as JSONL", "message_keys"]);
    refused(&["a.jsonl", "--source-column", "x"], &["source_keys in logtriage.toml"]);
    refused(&["a.jsonl", "--prefix", "x"], &["--prefix is for CSV", "output_key"]);
    refused(&["a.jsonl", "--plain-output", "table"], &["for plain lines", "--format plain"]);
    refused(&["a.csv", "--plain-output", "jsonl"], &["a.csv is read as CSV", "--format plain"]);
}

#[test]
fn compressed_input_is_refused() {
    let place = Place::new();
    for (magic, packer, unpack) in [
        (b"\x1f\x8b\x08\0".as_slice(), "gzip", "zcat"),
        (b"\xfd7zXZ\0", "xz", "xzcat"),
        (b"\x28\xb5\x2f\xfd\n", "zstd", "zstdcat"),
    ] {
        let words = format!("looks {packer}-compressed: {unpack} FILE | logtriage classify");
        place.file("a.log", magic).file("b.log", "boom\n").file("out", "older\n");
        let ran = place.classify(&["b.log", "a.log", "-o", "out"]).ends(2);
        ran.says(&["a.log ", &words]);
        assert_eq!(place.text("out"), "older\n");
        for format in ["csv", "plain"] {
            let ran = place.classify_with(&["--format", format, "-"], magic).ends(2);
            ran.gives_nothing().says(&["standard input ", &words]);
        }
    }
}

#[test]
fn lines_that_are_no_records_pass() {
    let place = Place::new();
    place.file("a.jsonl", "{\"log\":\"boom\"}\n{\"log\":\n[1]\n{\"log\":\"boom\"}\n");
    let ran = place.classify(&["a.jsonl"]).ends(1);
    let ran =
        ran.says(&["a.jsonl:2: no valid JSON at byte 7", "a.jsonl:3: a JSON object is expected"]);
    let lines: Vec<_> = ran.text().lines().collect();
    assert_eq!((lines[1], lines[2]), ("{\"log\":", "[1]"));
    assert!(lines[0].contains("\"Error\"") && lines[3].contains("\"Error\""));
}

#[test]
fn strict_stops_at_the_first_bad_row() {
    let place = Place::new();
    place.file("a.csv", "source,log_message\na,boom\nbad\nb,boom\nworse\n");
    let ran = place.run(&["classify", "a.csv", "--strict"]).ends(1);
    assert_eq!(
        ran.said,
        "logtriage: a.csv:3: 1 fields where the header has 2; stopped here (--strict)\n"
    );
    let lines: Vec<_> = ran.text().lines().collect();
    assert!(lines.len() == 2 && lines[1].starts_with("a,boom,Error"), "{lines:?}");
    place.file("a.csv", "source,log_message\na,boom\n");
    place.classify(&["a.csv", "--strict"]).quietly();
}

#[test]
fn strict_stops_far_into_a_file() {
    let place = Place::new();
    let good = "{\"log\":\"boom\"}\n".repeat(5000);
    place.file("a.jsonl", format!("{good}x\n{good}"));
    let ran = place.classify(&["a.jsonl", "--strict", "--threads", "3"]).ends(1);
    assert_eq!(ran.text().lines().count(), 5000);
    ran.says(&["a.jsonl:5001: "]);
}

#[test]
fn many_bad_rows_are_counted() {
    let place = Place::new();
    place.file("a.csv", format!("source,log_message\n{}", "bad\n".repeat(2500)));
    let ran = place.classify(&["a.csv"]).ends(1);
    let ran = ran.says(&["a.csv:2: ", "a.csv:21: ", "and 2480 more rows"]);
    assert_eq!(ran.said.lines().count(), 21);
    assert_eq!(ran.text().lines().count(), 2501);
}

/// Reads a line, goes away, and says how the command took it.
fn head(place: &Place, args: &[&str], listens: bool) -> (String, Option<i32>, String) {
    let mut child = Command::new(COMMAND)
        .args(args)
        .current_dir(place.directory())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("run");
    if !listens {
        drop(child.stderr.take());
    }
    let mut line = String::new();
    let mut output = BufReader::with_capacity(16, child.stdout.take().expect("its output"));
    output.read_line(&mut line).expect("a line");
    drop(output);
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut said).expect("messages");
    }
    (line, child.wait().expect("an end").code(), said)
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    let place = Place::new();
    place.file("a.log", "boom\n".repeat(30_000));
    let (line, code, said) = head(&place, &["classify", "a.log"], true);
    assert!(line.starts_with("{\"message\":\"boom\""), "{line}");
    assert_eq!((code, said.as_str()), (Some(0), ""));
}

#[test]
fn nobody_need_listen_to_messages() {
    let place = Place::new();
    place.file("a.csv", "log_message\na,b\nboom\n");
    let (line, code, _) = head(&place, &["classify", "a.csv"], false);
    assert!(line.starts_with("log_message,target_label"));
    assert_eq!(code, Some(1));
}

/// A name that no mask takes for a number.
#[cfg(target_os = "linux")]
fn letters(number: u8) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

/// Sixty megabytes go through a command that holds a fraction of them.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_input() {
    use std::io::Write;
    let place = Place::new();
    let mut child = Command::new(COMMAND)
        .args(["classify", "-q", "--threads", "1", "--format", "jsonl", "-"])
        .current_dir(place.directory())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("run");
    let mut input = child.stdin.take().expect("its input");
    // Megabytes of one line that is no JSON, and of events that are labelled, each time others.
    let broken = [vec![b'x'; 1 << 20], b"\n".to_vec()].concat();
    let padding = "x".repeat(1 << 12);
    for round in 0..30 {
        input.write_all(&broken).expect("taken");
        for name in (0..=255).map(|n| format!("{}{}", letters(round), letters(n))) {
            writeln!(input, r#"{{"message":"the {name} is full","padding":"{padding}"}}"#)
                .expect("taken");
        }
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("status");
    drop(input);
    assert_eq!(child.wait().expect("an end").code(), Some(1));
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    // Of 62 MB that went in, and beside the program itself.
    assert!(kilobytes < 48_000, "{kilobytes} kB");
}
