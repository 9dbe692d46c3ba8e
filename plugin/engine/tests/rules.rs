//! Rules: the built-in ones, first match in file order, and errors that say where.

mod support;

use std::collections::HashMap;

use logtriage_engine::{
    BUILTIN_RULES, DEFAULT_LABELS, Labels, MAX_RULES, RuleScratch, Rules, TextError,
};
use proptest::prelude::*;

fn parse(text: &str) -> Result<Rules, TextError> {
    Rules::parse(&[("rules.toml", text.as_bytes())], &Labels::default())
}

fn refused(text: &str) -> TextError {
    parse(text).expect_err(text)
}

/// The id of the first rule that matches.
fn first<'r>(rules: &'r Rules, message: &[u8], source: Option<&str>) -> Option<&'r str> {
    let found = rules.first_match(message, source, &mut RuleScratch::default())?;
    rules.id(found.place)
}

// The built-in rules

#[derive(serde::Deserialize)]
struct BuiltinFile {
    rule: Vec<BuiltinRule>,
}

#[derive(serde::Deserialize)]
struct BuiltinRule {
    id: String,
    label: String,
    source: Option<String>,
    #[serde(default)]
    matches: Vec<String>,
    #[serde(default)]
    rejects: Vec<String>,
}

fn builtin() -> Vec<BuiltinRule> {
    toml::from_str::<BuiltinFile>(BUILTIN_RULES).expect("TOML").rule
}

#[test]
fn every_builtin_rule_has_examples_and_they_hold() {
    let rules = parse(BUILTIN_RULES).expect("the built-in rules");
    let all = builtin();
    assert_eq!(rules.len(), all.len());
    for rule in &all {
        assert!(!rule.matches.is_empty(), "{} has no `matches`", rule.id);
        assert!(!rule.rejects.is_empty(), "{} has no `rejects`", rule.id);
    }
}

/// A line that a rule names as its own must not get another label from a rule before it.
#[test]
fn no_builtin_rule_takes_the_examples_of_another_label() {
    let rules = parse(BUILTIN_RULES).expect("the built-in rules");
    let all = builtin();
    let labels: HashMap<_, _> = all.iter().map(|rule| (&*rule.id, &*rule.label)).collect();
    let mut wrong = Vec::new();
    for rule in all.iter().filter(|rule| rule.source.is_none()) {
        for example in &rule.matches {
            let id = first(&rules, example.as_bytes(), None).expect("the rule itself at least");
            if labels[id] != rule.label {
                wrong.push((&rule.id, id, example));
            }
        }
        for example in &rule.rejects {
            assert_ne!(first(&rules, example.as_bytes(), None), Some(&*rule.id), "{example}");
        }
    }
    assert!(wrong.is_empty(), "rule, taken by, example: {wrong:#?}");
}

// First match in file order

#[test]
fn the_first_rule_in_file_order_wins() {
    let one = b"[[rule]]\nid = \"one\"\npattern = \"disk\"\nlabel = \"Error\"\n";
    let two = b"[[rule]]\nid = \"two\"\npattern = \"disk full\"\nlabel = \"Critical Error\"\n";
    let labels = Labels::default();
    let rules = Rules::parse(&[("a", one), ("b", two)], &labels).expect("rules");
    assert_eq!(first(&rules, b"disk full", None), Some("one"));
    let rules = Rules::parse(&[("b", two), ("a", one)], &labels).expect("rules");
    assert_eq!(first(&rules, b"disk full", None), Some("two"));
    assert_eq!(first(&rules, b"disk gone", None), Some("one"));
    assert_eq!(first(&rules, b"", None), None);
}

#[test]
fn a_rule_for_a_source_needs_that_source() {
    let text = rule("a", "x", "Error", "source = \"db-*\"\n") + &rule("b", "x", "Error", "");
    let rules = parse(&text).expect("rules");
    assert_eq!(first(&rules, b"x", Some("db-1")), Some("a"));
    assert_eq!(first(&rules, b"x", Some("DB-1")), Some("b"));
    assert_eq!(first(&rules, b"x", Some("web")), Some("b"));
    assert_eq!(first(&rules, b"x", None), Some("b"));
}

#[test]
fn messages_need_not_be_utf8() {
    let text = rule("bytes", r"(?-u:\xff)end", "Error", "") + &rule("dot", "a.b", "Error", "");
    let rules = parse(&text).expect("rules");
    assert_eq!(first(&rules, b"\xfe\xffend", None), Some("bytes"));
    assert_eq!(first(&rules, "aéb".as_bytes(), None), Some("dot"));
    assert_eq!(first(&rules, b"a\xffb", None), None);
}

#[test]
fn no_rules_match_nothing() {
    for rules in [Rules::none(), parse("").expect("empty")] {
        assert!(rules.is_empty());
        assert_eq!(first(&rules, b"anything", Some("any")), None);
    }
}

#[test]
fn one_scratch_serves_several_rule_sets() {
    let small = parse(&rule("s", "abc", "Error", "")).expect("rules");
    let large: String =
        (0..200).map(|n| rule(&format!("r{n}"), &format!("w{n}x"), "Error", "")).collect();
    let large = parse(&large).expect("rules");
    let mut scratch = RuleScratch::default();
    assert_eq!(large.first_match(b"w199x", None, &mut scratch).map(|m| m.place), Some(199));
    assert_eq!(small.first_match(b"w199x", None, &mut scratch), None);
    assert_eq!(small.first_match(b"abc", None, &mut scratch).map(|m| m.place), Some(0));
}

#[test]
fn five_thousand_rules_are_usable() {
    let text: String = (0..5000)
        .map(|n| {
            let pattern = format!("unit{n} (?:failed|stopped{n}|gone{n}) at [0-9]+");
            rule(&format!("r{n}"), &pattern, "Error", "")
        })
        .collect();
    let rules = parse(&text).expect("rules");
    let mut scratch = RuleScratch::default();
    for n in (0..5000).step_by(7) {
        let message = format!("unit{n} gone{n} at 17");
        let found = rules.first_match(message.as_bytes(), None, &mut scratch);
        assert_eq!(found.map(|found| found.place), Some(n));
        assert_eq!(rules.first_match(b"unit gone at 17", None, &mut scratch), None);
    }
}

/// Patterns over few letters, so that they often match, of every shape the filter looks into.
fn pattern() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => "[abkKsS]{1,4}",
        2 => prop::sample::select(vec![
            "[Aa]", "[bB][Aa]", "[ab]", "[^a]", "\\d", "\\w+", "\\s", ".", "\\b", "^", "$", "é",
            "ſ", "K", "(?-u:\\xff)", "(?i:aB)", "(?i-u:ks)", "ab|", "-", "\\.", "[[:upper:]]",
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| parts.concat()),
            1 => prop::collection::vec(inner.clone(), 2..4)
                .prop_map(|parts| format!("(?:{})", parts.join("|"))),
            1 => (inner.clone(), prop::sample::select(vec!["?", "*", "+", "{2}", "{0,2}", "+?"]))
                .prop_map(|(part, times)| format!("(?:{part}){times}")),
            1 => inner.prop_map(|part| format!("({part})")),
        ]
    })
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        5 => "[abABkKsS]{1,5}".prop_map(String::into_bytes),
        1 => prop::sample::select(vec![" ", "é", "É", "ſ", "K", "7", ".", "-", "\n"])
            .prop_map(|text| text.as_bytes().to_vec()),
        1 => Just(b"\xff".to_vec()),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

const GLOBS: [&str; 6] = ["a", "a*", "*b", "?", "*", "a*b?"];
const SOURCES: [&str; 7] = ["", "a", "b", "ab", "axb", "aabbx", "é"];

/// What the documentation says a glob is, as a regular expression.
fn glob_matches(glob: &str, source: &str) -> bool {
    let pattern: String = glob
        .chars()
        .map(|c| match c {
            '*' => "(?s:.*)".to_owned(),
            '?' => "(?s:.)".to_owned(),
            c => regex::escape(&c.to_string()),
        })
        .collect();
    regex::Regex::new(&format!("^(?:{pattern})$")).expect("a pattern").is_match(source)
}

#[derive(Debug, Clone)]
struct Candidate {
    pattern: String,
    case_insensitive: bool,
    source: Option<&'static str>,
}

impl Candidate {
    fn compiled(&self) -> Option<regex::bytes::Regex> {
        let mut builder = regex::bytes::RegexBuilder::new(&self.pattern);
        let pattern = builder.case_insensitive(self.case_insensitive).build().ok()?;
        (!pattern.is_match(b"")).then_some(pattern)
    }
}

fn candidate() -> impl Strategy<Value = Candidate> {
    (pattern(), any::<bool>(), prop::option::weighted(0.3, prop::sample::select(GLOBS.to_vec())))
        .prop_map(|(pattern, case_insensitive, source)| Candidate {
            pattern,
            case_insensitive,
            source,
        })
}

proptest! {
    #![proptest_config(support::config(200))]

    /// Trying every pattern in order finds the same rule: the filter never changes the result.
    #[test]
    fn the_literal_filter_never_changes_the_result(
        candidates in prop::collection::vec(candidate(), 1..12),
        messages in prop::collection::vec(message(), 8),
        source in prop::option::of(prop::sample::select(SOURCES.to_vec())),
    ) {
        let kept: Vec<_> = candidates.iter().filter_map(|c| Some((c, c.compiled()?))).collect();
        let text: String = kept.iter().zip(0..).map(|((candidate, _), n)| {
            let mut more = format!("case_insensitive = {}\n", candidate.case_insensitive);
            if let Some(glob) = candidate.source {
                more.push_str(&format!("source = {}\n", quoted(glob)));
            }
            rule(&format!("r{n}"), &candidate.pattern, "Error", &more)
        }).collect();
        let rules = parse(&text).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let mut scratch = RuleScratch::default();
        for message in &messages {
            let naive = kept.iter().position(|(candidate, pattern)| {
                candidate.source.is_none_or(|glob| source.is_some_and(|s| glob_matches(glob, s)))
                    && pattern.is_match(message)
            });
            let found = rules.first_match(message, source, &mut scratch).map(|found| found.place);
            prop_assert_eq!(found, naive, "{:?}", message.escape_ascii().to_string());
        }
    }

    #[test]
    fn globs_are_what_they_say(glob in "[ab*?]{0,8}", source in "[abé]{0,8}") {
        let text = rule("g", "x", "Error", &format!("source = {}\n", quoted(&glob)));
        let rules = parse(&text).expect("rules");
        prop_assert_eq!(first(&rules, b"x", Some(&source)).is_some(), glob_matches(&glob, &source));
    }

    #[test]
    fn arbitrary_text_never_panics(pieces in prop::collection::vec(toml_piece(), 0..40)) {
        if let Err(error) = parse(&pieces.concat()) {
            let lines = pieces.concat().matches('\n').count() + 1;
            prop_assert!((1..=lines).contains(&error.line) && error.column >= 1, "{}", error);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = Rules::parse(&[("rules.toml", &bytes)], &Labels::default());
    }
}

/// What `rules.toml` is made of, in any order.
fn toml_piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "[[rule]]\n", "[rule]\n", "id = ", "pattern = ", "label = ", "source = ", "matches = ",
            "rejects = ", "case_insensitive = ", "true", "\n", "\n", "\n", "\"", "'", "'''", "\"\"\"",
            "[", "]", "{", "}", ",", ".", "=", "#", "\\", "\r", "é", "\0", "1", "-", "nan",
            "1979-05-27", "\"a\"", "\"Error\"", "'(a'", "'a|'", "'x{9999}'", "[\"a\", \"b\"]",
            "id = \"a\"\npattern = \"b\"\nlabel = \"Error\"\n",
        ])
        .prop_map(str::to_owned),
        1 => "[ -~]{0,6}",
    ]
}

// Errors

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn rule(id: &str, pattern: &str, label: &str, more: &str) -> String {
    let (id, pattern, label) = (quoted(id), quoted(pattern), quoted(label));
    format!("[[rule]]\nid = {id}\npattern = {pattern}\nlabel = {label}\n{more}\n")
}

#[test]
fn each_error_says_where_and_what() {
    let long = "x".repeat(65);
    let glob = format!("source = {}\n", quoted(&"*".repeat(257)));
    let cases = [
        (
            rule("a", "(b", "Error", ""),
            3,
            11,
            "rule \"a\": the pattern is no valid regular expression",
        ),
        (rule("a", "b(?=c)", "Error", ""), 3, 11, "look-around"),
        (rule("a", "(?:[a-z]{500}){500}", "Error", ""), 3, 11, "larger than 1048576 bytes"),
        (rule("a", "b*", "Error", ""), 3, 11, "matches the empty message"),
        (rule("a", "", "Error", ""), 3, 11, "matches the empty message"),
        (rule("a", "^$|b", "Error", ""), 3, 11, "matches the empty message"),
        (rule("a", "b", "Eror", ""), 4, 9, "unknown label \"Eror\"; the labels are: HTTP Status, "),
        (rule("a", "b", "Unclassified", ""), 4, 9, "unknown label"),
        (rule("a", "b", "error", ""), 4, 9, "unknown label"),
        (rule("a", "b", "Error", "sorce = \"x\""), 5, 1, "unknown field `sorce`"),
        (
            rule("a", "b", "Error", "matches = [\"b\", \"c\"]"),
            5,
            17,
            "rule \"a\" does not match this example",
        ),
        (
            rule("a", "b", "Error", "rejects = [\n  \"c\",\n  \"b\",\n]"),
            7,
            3,
            "rule \"a\" matches this example",
        ),
        (rule("a", "b", "Error", "case_insensitive = 1"), 5, 20, "expected a boolean"),
        (rule("a", "b", "Error", &glob), 5, 10, "at most 256 bytes"),
        (rule("", "b", "Error", ""), 2, 6, "a rule id takes 1 to 64"),
        (rule("a b", "b", "Error", ""), 2, 6, "a rule id takes 1 to 64"),
        (rule("é", "b", "Error", ""), 2, 6, "a rule id takes 1 to 64"),
        (rule(&long, "b", "Error", ""), 2, 6, "a rule id takes 1 to 64"),
        ("[[rule]]\nid = \"a\"\npattern = \"b\"\n".to_owned(), 1, 1, "missing field `label`"),
        ("\n\n[[rules]]\n".to_owned(), 3, 3, "unknown field `rules`"),
        ("rule = 7".to_owned(), 1, 8, "expected a list in square brackets"),
        ("[[rule]]\nid = \"a\" \"b\"\n".to_owned(), 2, 10, ""),
        ("# é\n[[rule]]\nid = 'é' = 2\n".to_owned(), 3, 10, ""),
        (format!("x = {}", "[".repeat(100_000)), 1, 85, "recurs"),
        (format!("{}a = 1", "a.".repeat(100_000)), 1, 1, "recurs"),
    ];
    for (text, line, column, message) in cases {
        let error = refused(&text);
        let text = text.get(..200).unwrap_or(&text);
        assert_eq!((error.line, error.column), (line, column), "{text}\n{error}");
        assert!(error.message.contains(message), "{text}\n{error}");
        assert!(error.to_string().starts_with(&format!("rules.toml:{line}:{column}: ")));
    }
}

#[test]
fn a_second_id_names_the_first() {
    let text =
        rule("a", "b", "Error", "") + &rule("b", "b", "Error", "") + &rule("a", "c", "Error", "");
    let error = refused(&text);
    assert_eq!(error.to_string(), "rules.toml:12:6: rule id \"a\" is taken by rules.toml:2");
    let one = rule("a", "b", "Error", "");
    let labels = Labels::default();
    let error = Rules::parse(&[("x.toml", one.as_bytes()), ("y.toml", one.as_bytes())], &labels);
    let error = error.expect_err("a duplicate");
    assert_eq!(error.to_string(), "y.toml:2:6: rule id \"a\" is taken by x.toml:2");
}

#[test]
fn bytes_that_are_not_utf8_are_named() {
    let error = Rules::parse(&[("r", b"# \xc3\xa9\nx = '\xff'")], &Labels::default());
    let error = error.expect_err("not UTF-8");
    assert_eq!((error.line, error.column), (2, 6));
    assert!(error.message.contains("not UTF-8"), "{error}");
}

#[test]
fn a_byte_order_mark_and_crlf_are_fine() {
    let text = format!("\u{feff}{}", rule("a", "b", "Error", "")).replace('\n', "\r\n");
    assert_eq!(parse(&text).expect("rules").len(), 1);
    let wrong = format!("\u{feff}{}", rule("a", "(", "Error", "")).replace('\n', "\r\n");
    assert_eq!((refused(&wrong).line, refused(&wrong).column), (3, 11));
}

#[test]
fn too_many_rules_are_refused() {
    let text: String = (0..=MAX_RULES).map(|n| rule(&format!("r{n}"), "b", "Error", "")).collect();
    let error = refused(&text);
    assert_eq!(
        (error.line, error.message),
        (MAX_RULES * 5 + 2, format!("more than {MAX_RULES} rules"))
    );
}

#[test]
fn rules_speak_the_labels_they_are_given() {
    let labels = Labels::new(["Good", "Bad"]);
    let text = rule("a", "b", "Bad", "");
    let rules = Rules::parse(&[("r", text.as_bytes())], &labels).expect("rules");
    let found = rules.first_match(b"b", None, &mut RuleScratch::default()).expect("a match");
    assert_eq!(labels.name(found.label), "Bad");
    assert!(DEFAULT_LABELS.iter().all(|(name, _)| *name != "Bad"));
    assert!(parse(&text).is_err());
}
