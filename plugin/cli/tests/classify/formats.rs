//! What goes in and what comes out.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use logtriage_engine::Model;

use crate::place::{Place, column};

const ADDED: &str = "target_label,tier,confidence,template_id";

#[test]
fn csv_keeps_columns_and_rows_and_gets_four_columns() {
    let place = Place::new();
    place.file("a.csv", "when,source,log_message,note\n1,db,boom,x\n2,crm-1,Ada signed in,\n");
    let ran = place.classify(&["a.csv"]).quietly();
    let lines: Vec<_> = ran.text().lines().collect();
    assert_eq!(lines[0], format!("when,source,log_message,note,{ADDED}"));
    assert!(lines[1].starts_with("1,db,boom,x,Error,rule,1,"), "{}", lines[1]);
    assert!(lines[2].starts_with("2,crm-1,Ada signed in,,User Action,rule,1,"), "{}", lines[2]);
    for id in ran.column("template_id") {
        assert!(id.len() == 16 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
    }
}

#[test]
fn a_rule_for_a_source_looks_at_the_source_column() {
    let place = Place::new();
    place.file("a.csv", "system,log_message\ncrm-1,signed in\nshop,signed in\n");
    let labels = |args: &[&str]| place.classify(args).quietly().column("target_label");
    assert_eq!(labels(&["a.csv", "--source-column", "system"]), ["User Action", "Unclassified"]);
    assert_eq!(labels(&["a.csv"]), ["Unclassified", "Unclassified"]);
}

#[test]
fn the_message_column_can_be_chosen() {
    let place = Place::new();
    place.file("a.csv", "log_message,text\nfine,boom\nboom,fine\n");
    let ran = place.classify(&["a.csv", "--message-column", "text"]).quietly();
    assert_eq!(ran.column("target_label"), ["Error", "Unclassified"]);
}

#[test]
fn quoted_cells_are_read_without_quotation_marks_and_written_as_they_came() {
    let place = Place::new();
    let rules = "[[rule]]\nid = \"q\"\npattern = '^say \"hi\", bo\\nom$'\nlabel = \"Error\"\n";
    place.file("rules.toml", rules);
    place.file("a.csv", "source,log_message\n\"a\",\"say \"\"hi\"\", bo\nom\"\nb,plain\n");
    let ran = place.classify(&["a.csv"]).quietly();
    assert_eq!(ran.column("target_label"), ["Error", "Unclassified"]);
    assert!(ran.text().contains("\n\"a\",\"say \"\"hi\"\", bo\nom\",Error,rule,1,"));
}

#[test]
fn crlf_stays_and_is_no_part_of_a_cell() {
    let place = Place::new();
    place.file("rules.toml", "[[rule]]\nid = \"b\"\npattern = 'boom$'\nlabel = \"Error\"\n");
    place.file("a.csv", "source,log_message\r\na,boom\r\n\r\nb,fine\r\n");
    let ran = place.classify(&["a.csv"]).quietly();
    assert_eq!(ran.column("target_label"), ["Error", "Unclassified"]);
    assert!(ran.text().starts_with(&format!("source,log_message,{ADDED}\r\na,boom,Error,")));
    assert_eq!(ran.text().matches("\r\n").count(), 4);
    assert_eq!(ran.text().matches('\n').count(), 4);
}

#[test]
fn a_byte_order_mark_stays_and_hides_no_column() {
    let place = Place::new();
    for header in ["log_message,x", "\"log_message\",x"] {
        place.file("a.csv", format!("\u{feff}{header}\nboom,1\n"));
        let ran = place.classify(&["a.csv"]).quietly();
        assert!(ran.text().starts_with(&format!("\u{feff}{header},{ADDED}\nboom,1,Error,rule")));
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_plain_line() {
    let place = Place::new();
    place.file("rules.toml", "[[rule]]\nid = \"b\"\npattern = '^boom'\nlabel = \"Error\"\n");
    place.file("a.log", "\u{feff}boom\n\u{feff}boom\n").file("b.log", "\u{feff}boom");
    let ran = place.classify(&["a.log", "b.log"]).quietly();
    assert_eq!(ran.outcomes("label"), ["Error", "Unclassified", "Error"]);
    let messages: Vec<_> = ran.records().iter().map(|r| r["message"].clone()).collect();
    assert_eq!(messages, ["boom", "\u{feff}boom", "boom"]);
    let ran = place.classify(&["b.log", "--plain-output", "table"]).quietly();
    assert!(ran.text().contains("Error") && !ran.text().contains('\u{feff}'));
}

#[test]
fn tsv_and_other_delimiters() {
    let place = Place::new();
    place.file("a.tsv", "source\tlog_message\na,b\tboom\n");
    let ran = place.classify(&["a.tsv"]).quietly();
    assert_eq!(column(&ran.out, b'\t', "target_label"), ["Error"]);
    assert!(ran.text().contains("a,b\tboom\tError\trule\t1\t"));
    place.file("b.csv", "source;log_message\na,b;boom\n");
    let ran = place.classify(&["b.csv", "--delimiter", ";"]).quietly();
    assert_eq!(column(&ran.out, b';', "target_label"), ["Error"]);
    place.file("c.csv", "source\tlog_message\na\tboom\n");
    let ran = place.classify(&["c.csv", "--delimiter", "tab"]).quietly();
    assert_eq!(column(&ran.out, b'\t', "target_label"), ["Error"]);
    place.classify(&["c.csv", "--delimiter", "::"]).ends(2).says(&["one ASCII character"]);
}

#[test]
fn cells_of_ours_are_quoted_where_the_delimiter_asks_for_it() {
    let place = Place::new();
    place.file("a.csv", "log_message\n\"boom, \"\"x\"\" wall\"\n");
    let ran = place.classify(&["a.csv", "--fields", "template"]).quietly();
    let template = ran.column("template").remove(0);
    assert!(template.contains(',') && template.contains("wall"), "{template}");
}

#[test]
fn fields_are_columns_in_their_order() {
    let place = Place::new();
    place.file("a.csv", "source,log_message\ndb,boom\ndb,quiet night\n");
    let args = ["a.csv", "--fields", "candidates,group,rule,pending,template,by,reason,rule"];
    let ran = place.classify(&args).quietly();
    let header = ran.text().lines().next().unwrap_or_default();
    assert!(header.ends_with(&format!("{ADDED},candidates,group,rule,pending,template,by,reason")));
    assert_eq!(ran.column("rule"), ["boom", ""]);
    assert_eq!(ran.column("pending"), ["false", "true"]);
    assert_eq!(ran.column("template"), ["boom", "quiet night"]);
    let model = Model::builtin().expect("the built-in model loads");
    let known: Vec<_> = (0..model.groups() as u16).filter_map(|g| model.group_name(g)).collect();
    assert!(ran.column("group").iter().all(|group| known.contains(&group.as_str())));
    let candidates = ran.column("candidates");
    assert_eq!(candidates[0], "", "the model is not asked where a rule matches");
    let probabilities: Vec<f64> = candidates[1]
        .split(';')
        .map(|pair| pair.rsplit_once('=').expect("label=probability").1.parse().expect("a number"))
        .collect();
    assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)), "{probabilities:?}");
    assert!(probabilities.is_sorted_by(|a, b| a >= b), "{probabilities:?}");
    place.classify(&["a.csv", "--fields", "colour"]).ends(2).says(&["colour", "template"]);
}

#[test]
fn a_prefix_makes_room_for_columns_that_are_there() {
    let place = Place::new();
    place.file("a.csv", "log_message\nboom\n");
    let first = place.classify(&["a.csv"]).quietly();
    place.file("b.csv", &first.out);
    let second = place.classify(&["b.csv", "--prefix", "again_"]).quietly();
    assert_eq!(second.column("again_target_label"), ["Error"]);
    assert_eq!(second.column("again_template_id"), second.column("template_id"));
}

#[test]
fn several_files_give_one_header() {
    let place = Place::new();
    place.file("a.csv", "source,log_message\na,boom\n");
    place.file("b.csv", "source,log_message\r\nb,fine\r\n");
    place.file("c.csv", "\u{feff}source,\"log_message\"\nc,boom\n");
    let ran = place.classify(&["a.csv", "b.csv", "c.csv", "a.csv"]).quietly();
    assert_eq!(ran.column("source"), ["a", "b", "c", "a"]);
    assert_eq!(ran.column("target_label"), ["Error", "Unclassified", "Error", "Error"]);
    assert_eq!(ran.text().lines().count(), 5);
}

#[test]
fn files_without_a_last_line_end_do_not_run_together() {
    let place = Place::new();
    place.file("a.csv", "log_message\nboom").file("b.csv", "log_message\nfine");
    let ran = place.classify(&["a.csv", "b.csv"]).quietly();
    assert_eq!(ran.column("log_message"), ["boom", "fine"]);
    assert_eq!(ran.column("target_label"), ["Error", "Unclassified"]);
    place.file("a.jsonl", r#"{"log":"boom"}"#).file("b.jsonl", r#"{"log":"fine"}"#);
    let ran = place.classify(&["a.jsonl", "b.jsonl"]).quietly();
    assert_eq!(ran.outcomes("label"), ["Error", "Unclassified"]);
    place.file("a.log", "boom").file("b.log", "fine");
    assert_eq!(place.classify(&["a.log", "b.log"]).quietly().records().len(), 2);
}

#[test]
fn standard_input_needs_a_format_or_is_plain() {
    let place = Place::new();
    let ran = place.classify_with(&["--format", "csv", "-"], "log_message\nboom\n").quietly();
    assert_eq!(ran.column("target_label"), ["Error"]);
    let ran = place.classify_with(&["--format", "jsonl", "-"], "{\"msg\":\"boom\"}\n").quietly();
    assert!(ran.text().starts_with("{\"msg\":\"boom\",\"triage\":{\"label\":\"Error\""));
    let ran = place.classify_with(&["-"], "boom\n").quietly();
    assert!(ran.text().starts_with("{\"message\":\"boom\",\"triage\":{\"label\":\"Error\""));
}

#[test]
fn an_output_file_gets_what_standard_output_would() {
    let place = Place::new();
    place.file("a.csv", "log_message\nboom\n").file("out.csv", "something older and longer\n");
    let there = place.classify(&["a.csv"]).quietly();
    place.classify(&["a.csv", "-o", "out.csv"]).quietly().gives_nothing();
    assert_eq!(place.read("out.csv"), there.out);
}

#[test]
fn jsonl_keeps_its_bytes_and_gets_one_object_last() {
    let place = Place::new();
    let input =
        "{ \"n\" : 1.50e+3, \"message\" : \"boom \\u00e9\\/\" }\r\n\n  \n{}\n{\"log\":\"fine\"}";
    place.file("a.jsonl", input);
    let ran = place.classify(&["a.jsonl"]).quietly();
    let lines: Vec<_> = ran.text().split('\n').collect();
    let first =
        "{ \"n\" : 1.50e+3, \"message\" : \"boom \\u00e9\\/\" ,\"triage\":{\"label\":\"Error\"";
    assert!(lines[0].starts_with(first) && lines[0].ends_with("\"}}\r"), "{}", lines[0]);
    assert_eq!((lines[1], lines[2]), ("", "  "));
    let unknown = r#"{"triage":{"label":"Unclassified","tier":"none","confidence":0}}"#;
    assert_eq!(lines[3], unknown);
    assert!(lines[4].starts_with("{\"log\":\"fine\",\"triage\":{") && lines[4].ends_with("\"}}"));
    assert_eq!(lines.len(), 5, "no line end is added after the last");
}

#[test]
fn a_message_and_a_source_are_found_where_the_config_says() {
    let place = Place::new();
    let config =
        format!("message_keys = [\"a.b\"]\nsource_keys = [\"who\"]\n{}", crate::place::CONFIG);
    place.file("logtriage.toml", config);
    place
        .file("a.jsonl", "{\"a\":{\"b\":\"signed in\"},\"who\":\"crm\"}\n{\"message\":\"boom\"}\n");
    let ran = place.classify(&["a.jsonl"]).quietly();
    assert_eq!(ran.outcomes("label"), ["User Action", "Unclassified"]);
}

#[test]
fn a_forged_object_is_replaced_and_kept() {
    let place = Place::new();
    place.file("a.jsonl", "{\"triage\":{\"label\":\"forged\"},\"message\":\"boom\"}\n");
    let ran = place.classify(&["a.jsonl"]).quietly();
    assert_eq!(ran.outcomes("label"), ["Error"]);
    assert_eq!(ran.records()[0]["triage_input"]["label"], "forged");
}

#[test]
fn jsonl_labelled_twice_is_the_same() {
    let place = Place::new();
    place.file(
        "a.jsonl",
        "{\"message\":\"boom\"}\r\n\n{\"a\":1}\nnot json\n[1]\n{\"log\":\"fine\"}",
    );
    let once = place.classify(&["a.jsonl", "--fields", "template,rule"]).ends(1);
    place.file("once.jsonl", &once.out);
    let twice = place.classify(&["once.jsonl", "--fields", "template,rule"]).ends(1);
    assert!(once.text().contains("\"rule\":\"boom\""));
    assert_eq!(once.text(), twice.text());
}

#[test]
fn plain_lines_become_records() {
    let place = Place::new();
    place.file("a.log", b"boom\r\n\nco\x00de \x1b[31mred\x1b[0m\nbad \xff\xfe byte\nlast boom");
    let ran = place.classify(&["a.log"]).quietly();
    let records = ran.records();
    let messages: Vec<_> = records.iter().map(|r| r["message"].as_str().expect("text")).collect();
    let expected =
        ["boom", "", "co\0de \u{1b}[31mred\u{1b}[0m", "bad \u{fffd}\u{fffd} byte", "last boom"];
    assert_eq!(messages, expected);
    let labels = ["Error", "Unclassified", "Unclassified", "Unclassified", "Error"];
    assert_eq!(ran.outcomes("label"), labels);
    assert!(ran.out.is_ascii() && ran.out.ends_with(b"}\n"));
    let raw = BASE64_STANDARD.decode(records[3]["raw_base64"].as_str().expect("its bytes"));
    assert_eq!(raw.expect("base64"), b"bad \xff\xfe byte");
    assert_eq!(records.iter().filter(|r| r.get("raw_base64").is_some()).count(), 1);
}

#[test]
fn nothing_in_a_table_acts_on_a_terminal() {
    let place = Place::new();
    place.file("a.log", "boom \u{1b}[2J\u{7}\u{9b}31m \u{202e}evil\u{2066}\tx\0\rback\nfine\n");
    let ran =
        place.classify(&["a.log", "--plain-output", "table", "--fields", "template"]).quietly();
    let active = |c: &char| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert_eq!(ran.text().chars().find(active), None, "{:?}", ran.text());
    let lines: Vec<_> = ran.text().lines().collect();
    assert!(lines[0].starts_with("LABEL") && lines[1].starts_with("Error "), "{lines:?}");
    assert!(lines[1].contains("boom") && lines[1].contains("evil") && lines[1].contains("back"));
    assert!(lines[2].starts_with("    template: boom"), "{lines:?}");
}

#[test]
fn a_file_name_cannot_act_on_a_terminal_either() {
    let place = Place::new();
    let ran = place.classify(&["no\u{1b}[2Jfile.log"]).ends(2).says(&["no", "file.log"]);
    assert!(!ran.said.contains('\u{1b}'));
}

#[test]
fn plain_output_can_be_forced_to_jsonl_and_format_beats_the_extension() {
    let place = Place::new();
    place.file("a.csv", "boom\n");
    let ran = place.classify(&["a.csv", "--format", "plain", "--plain-output", "jsonl"]).quietly();
    assert_eq!(ran.outcomes("label"), ["Error"]);
}

/// More than ten batches, with rows that differ.
fn many_rows() -> Vec<String> {
    let row = |n: usize| match n % 7 {
        0 => format!("crm,User {n} signed in\n"),
        1 => format!("db,\"boom {n},\nsecond line\"\n"),
        2 => format!("db,one,too many {n}\n"),
        3 => "\n".to_owned(),
        _ => format!("app,step {} of task number {n}\r\n", "abcdefgh".split_at(n % 8).0),
    };
    (0..11_000).map(row).collect()
}

#[test]
fn any_number_of_threads_gives_the_same_output_and_the_same_words() {
    let place = Place::new();
    place.file("a.csv", format!("source,log_message\n{}", many_rows().concat()));
    let run = |threads| {
        place.classify(&["a.csv", "--threads", threads, "--fields", "template,candidates"]).ends(1)
    };
    let (one, two, five) = (run("1"), run("2"), run("5"));
    assert!(one.text().lines().count() > 11_000);
    assert!(one.out == two.out && one.out == five.out);
    assert_eq!((&one.said, &one.said), (&two.said, &five.said));
}

#[test]
fn any_batch_split_gives_the_same_output() {
    let place = Place::new();
    let rows = many_rows();
    place.file("whole.csv", format!("source,log_message\n{}", rows.concat()));
    let whole = place.classify(&["whole.csv", "--threads", "3"]).ends(1);
    // Every file begins a batch.
    let cuts = [0, 1, 2, 1023, 1024, 1025, 3000, 9999, rows.len()];
    let names: Vec<_> = (1..cuts.len()).map(|part| format!("part{part}.csv")).collect();
    for (name, cut) in names.iter().zip(cuts.windows(2)) {
        place.file(name, format!("source,log_message\n{}", rows[cut[0]..cut[1]].concat()));
    }
    let mut args: Vec<_> = names.iter().map(String::as_str).collect();
    args.extend(["--threads", "3"]);
    assert!(place.classify(&args).ends(1).out == whole.out);
}

#[test]
fn the_summary_counts_what_went_through() {
    let place = Place::new();
    place.file("a.jsonl", "{\"log\":\"boom\"}\n{\"log\":\"fine\"}\n{\"log\":\"fine\"}\n{}\nx\n");
    let ran = place.run(&["classify", "a.jsonl", "--threads", "1"]).ends(1);
    ran.says(&[
        "4 events in ",
        "rule 1 (25.0 %)",
        "Error 1 (25.0 %)",
        "Unclassified 3 (75.0 %)",
        "1 hits, 1 misses",
        "1 templates are unknown",
        "1 events have none",
        "1 rows passed unlabelled",
    ]);
}
