//! `compile-rules`: the file it writes, and what stops it.

use logtriage_engine::{BUILTIN_RULES, Labels, RuleScratch, Rules};

use crate::place::Place;

const RULE: &str = "[[rule]]\nid = 'mine'\npattern = 'zonk [0-9]+'\nlabel = 'Error'\n";

fn load(place: &Place, name: &str) -> Rules {
    Rules::load(place.read(name), &Labels::default()).expect("compiled rules")
}

fn first<'r>(rules: &'r Rules, message: &str) -> Option<&'r str> {
    let found = rules.first_match(message.as_bytes(), None, &mut RuleScratch::default())?;
    rules.id(found.place)
}

#[test]
fn the_rules_of_the_config_are_written_beside_it() {
    let place = Place::empty();
    std::fs::create_dir(place.path("conf")).expect("a directory");
    place.file("conf/own.toml", RULE).file("conf/logtriage.toml", "rules = 'own.toml'\n");
    let ran = place.run(&["compile-rules", "--config", "conf/logtriage.toml"]).ends(0);
    ran.gives_nothing().says(&[
        "conf/rules.bin",
        "rules: 1; as tables: 1; as machines",
        "large: 0",
    ]);
    let rules = load(&place, "conf/rules.bin");
    assert_eq!(first(&rules, "zonk 7"), Some("mine"));
    assert_eq!(first(&rules, "zonk"), None);
    assert_eq!(rules.digest(), Rules::digest_of(&[("own.toml", RULE.as_bytes())]));
    let left = std::fs::read_dir(place.path("conf")).expect("a directory").count();
    assert_eq!(left, 3, "nothing temporary is left");
}

#[test]
fn builtin_rules_and_files_keep_their_order() {
    let place = Place::empty();
    let config = "rules = ['own.toml', 'builtin']\n";
    place.file("own.toml", RULE).file("logtriage.toml", config).file("out.bin", "old");
    place.run(&["compile-rules", "-o", "out.bin"]).ends(0).says(&["out.bin"]);
    let rules = load(&place, "out.bin");
    assert_eq!(rules.id(0), Some("mine"));
    assert_eq!(first(&rules, "POSSIBLE BREAK-IN ATTEMPT!"), Some("sshd-break-in-attempt"));
    let sources = [("own.toml", RULE.as_bytes()), ("built-in rules", BUILTIN_RULES.as_bytes())];
    assert_eq!(rules.digest(), Rules::digest_of(&sources));
    assert_ne!(rules.digest(), Rules::digest_of(&sources[1..]));
}

#[test]
fn wrong_rules_leave_the_old_file() {
    let place = Place::empty();
    place.file("logtriage.toml", "rules = 'own.toml'\n").file("rules.bin", "old");
    place.file("own.toml", RULE.replace("zonk", "(zonk"));
    let ran = place.run(&["compile-rules"]).ends(2).gives_nothing();
    ran.says(&["own.toml:3:11", "rule \"mine\"", "no valid regular expression"]);
    place.file("own.toml", format!("{RULE}matches = ['zonk seven']\n"));
    let ran = place.run(&["compile-rules"]).ends(2).gives_nothing();
    ran.says(&["own.toml:5:12", "does not match this example"]);
    assert_eq!(place.text("rules.bin"), "old");
    place.file("own.toml", RULE);
    let ran = place.run(&["compile-rules", "-o", "no/such/rules.bin"]).ends(2).gives_nothing();
    ran.says(&["no/such/rules.bin", "No such file"]);
}

#[test]
fn help_has_examples() {
    let ran = Place::empty().run(&["compile-rules", "--help"]).quietly();
    assert!(ran.text().contains("logtriage compile-rules --config"), "{}", ran.text());
}
