//! Configs and rules that are wrong: where, what, and what to do. Nothing is labelled.

use crate::place::{Place, Ran, refused};

/// What `classify` says to this config.
fn with_config(config: impl AsRef<[u8]>) -> Ran {
    let place = Place::new();
    place.file("a.log", "boom\n").file("mine.toml", config);
    place.classify(&["--config", "mine.toml", "a.log"])
}

/// What `classify` says to these rules.
fn with_rules(rules: impl AsRef<[u8]>) -> Ran {
    let place = Place::new();
    place.file("a.log", "boom\n").file("rules.toml", rules);
    place.classify(&["a.log"])
}

fn rule(id: &str, pattern: &str, label: &str) -> String {
    format!("[[rule]]\nid = '{id}'\npattern = '{pattern}'\nlabel = '{label}'\n")
}

#[test]
fn the_tests_own_config_and_rules_are_fine() {
    with_config("rules = 'rules.toml'\ncache_size = 1\n").quietly();
    with_rules(rule("a", "boom", "Error")).quietly();
}

#[test]
fn a_config_in_the_working_directory_is_used() {
    let place = Place::new();
    place.file("a.log", "boom\n").file("logtriage.toml", "nope = 1\n");
    refused(place.classify(&["a.log"]), &["logtriage.toml:1:1", "nope"]);
}

#[test]
fn a_config_may_have_a_byte_order_mark_and_crlf() {
    with_config("\u{feff}rules = 'rules.toml'\r\ncache_size = 5\r\n").quietly();
}

#[test]
fn an_unknown_key() {
    let ran = with_config("cache_size = 5\ncash_size = 6\n");
    refused(ran, &["mine.toml:2:1", "unknown field `cash_size`", "`cache_size`"]);
    refused(with_config("[reasoning]\nurl = 'x'\n"), &["mine.toml:2:1", "`url`", "`state_dir`"]);
}

#[test]
fn a_value_of_the_wrong_type() {
    let ran = with_config("\ncache_size = 'big'\n");
    refused(ran, &["mine.toml:2:14", "\"big\"", "expected a whole number"]);
    refused(with_config("message_keys = 'log'\n"), &["mine.toml:1:16", "expected a list"]);
    refused(with_config("cache_size = -1\n"), &["mine.toml:1:14", "a whole number from 0"]);
}

#[test]
fn what_is_no_toml() {
    refused(with_config("rules = = 1\n"), &["mine.toml:1:"]);
    refused(with_config("rules = 'a\n"), &["mine.toml:1:"]);
}

#[test]
fn a_threshold_of_an_unknown_label() {
    let ran = with_config("rules = 'rules.toml'\n[thresholds]\nEror = 0.5\n");
    refused(ran, &["mine.toml:3:1", "unknown label \"Eror\"", "Security Alert"]);
}

#[test]
fn a_threshold_out_of_range() {
    let ran = with_config("[thresholds]\nError = 97\n");
    refused(ran, &["mine.toml:2:9", "\"Error\"", "a number from 0 to 1, or \"never\""]);
}

#[test]
fn a_cache_of_no_templates() {
    refused(
        with_config("cache_size = 0\n"),
        &["mine.toml:1:14", "cache_size is 0", "1 to 1048576"],
    );
}

#[test]
fn a_config_that_is_not_utf8() {
    let ran = with_config(b"# caf\xe9\n".repeat(2));
    refused(ran, &["mine.toml:1:6", "not UTF-8", "save the file as UTF-8"]);
}

#[test]
fn a_missing_config_or_rules_file() {
    let place = Place::new();
    place.file("a.log", "boom\n");
    let ran = place.classify(&["--config", "no.toml", "a.log"]);
    refused(ran, &["no.toml: No such file"]);
    let ran = with_config("rules = ['builtin', 'no-rules.toml']\n");
    refused(ran, &["mine.toml: rules = \"no-rules.toml\": No such file"]);
    refused(with_config("model = 'nope'\n"), &["mine.toml: model = \"nope\": No such file"]);
    refused(with_config("model = 'a.log'\n"), &["mine.toml: model = \"a.log\": Not a directory"]);
}

#[test]
fn rules_are_found_beside_their_config() {
    let place = Place::empty();
    place.file("a.log", "boom\n").file("etc/mine.toml", "rules = 'rules.toml'\n");
    place.file("etc/rules.toml", rule("a", "boom", "Critical Error"));
    let ran = place.classify(&["--config", "etc/mine.toml", "a.log"]).quietly();
    assert_eq!(ran.outcomes("label"), ["Critical Error"]);
}

#[test]
fn an_invalid_pattern() {
    let ran = with_rules(rule("good", "a", "Error") + &rule("bad", "(boom", "Error"));
    refused(
        ran,
        &["rules.toml:7:", "rule \"bad\"", "no valid regular expression", "unclosed group"],
    );
}

#[test]
fn a_pattern_that_is_too_large() {
    let ran = with_rules(rule("big", r"(\w{100}){100}", "Error"));
    refused(ran, &["rules.toml:3:", "rule \"big\"", "larger than", "make repetitions"]);
}

#[test]
fn a_pattern_that_matches_everything() {
    let ran = with_rules(rule("all", "(boom)?", "Error"));
    refused(ran, &["rules.toml:3:", "rule \"all\"", "matches the empty message"]);
}

#[test]
fn a_rule_id_twice() {
    let ran = with_rules(rule("a", "x", "Error") + &rule("a", "y", "Error"));
    refused(ran, &["rules.toml:6:", "rule id \"a\" is taken by rules.toml:2"]);
}

#[test]
fn a_rule_with_an_unknown_label() {
    let ran = with_rules(rule("a", "x", "Eror"));
    refused(ran, &["rules.toml:4:", "unknown label \"Eror\"", "Error", "System Notification"]);
    refused(with_rules(rule("a", "x", "Unclassified")), &["unknown label \"Unclassified\""]);
}

#[test]
fn a_rule_that_contradicts_its_example() {
    let ran = with_rules(rule("a", "x", "Error") + "matches = ['x', 'y']\n");
    refused(ran, &["rules.toml:5:", "rule \"a\" does not match this example"]);
}

#[test]
fn a_rule_with_a_wrong_or_missing_key() {
    let ran = with_rules(rule("a", "x", "Error") + "severity = 3\n");
    refused(ran, &["rules.toml:5:1", "unknown field `severity`"]);
    let ran = with_rules(rule("a", "x", "Error") + "[[rule]]\nid = 'b'\nlabel = 'Error'\n");
    refused(ran, &["rules.toml:5:", "missing field `pattern`"]);
}

#[test]
fn rules_that_are_not_utf8() {
    refused(with_rules(b"\n\xff"), &["rules.toml:2:1", "not UTF-8"]);
}
