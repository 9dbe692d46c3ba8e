//! Rules compiled ahead of time: they match what the patterns match, whatever the message, and
//! bytes that are no such rules are refused or harmless.

mod support;

use std::sync::LazyLock;

use logtriage_engine::{
    BUILTIN_RULES, CompiledRules, CompiledRulesError, Labels, RuleScratch, Rules,
};
use proptest::prelude::*;

fn compile(text: &str) -> CompiledRules {
    let files = [("rules.toml", text.as_bytes())];
    CompiledRules::compile(&files, &Labels::default()).expect(text)
}

fn load(compiled: CompiledRules) -> Rules {
    Rules::load(compiled.bytes, &Labels::default()).expect("compiled rules")
}

static BUILTIN: LazyLock<CompiledRules> = LazyLock::new(|| compile(BUILTIN_RULES));

/// Every example of the built-in rules.
fn examples() -> Vec<String> {
    let file: toml::Table = toml::from_str(BUILTIN_RULES).expect("TOML");
    let rules = file["rule"].as_array().expect("rules");
    let lists = rules.iter().flat_map(|rule| [&rule["matches"], &rule["rejects"]]);
    let texts = lists.flat_map(|list| list.as_array().expect("a list"));
    texts.map(|text| text.as_str().expect("a text").to_owned()).collect()
}

#[test]
fn compiled_builtin_rules_take_what_the_patterns_take() {
    let patterns = Rules::builtin(&Labels::default()).expect("the built-in rules");
    let compiled = load(BUILTIN.clone());
    assert_eq!(compiled.len(), patterns.len());
    assert_eq!(compiled.digest(), patterns.digest());
    let mut scratch = RuleScratch::default();
    for example in examples() {
        let expected = patterns.first_match(example.as_bytes(), None, &mut scratch);
        let found = compiled.first_match(example.as_bytes(), None, &mut scratch);
        assert_eq!(found, expected, "{example}");
        assert_eq!(
            found.and_then(|f| compiled.id(f.place)),
            expected.and_then(|f| patterns.id(f.place))
        );
    }
}

#[test]
fn other_bytes_are_refused() {
    let labels = Labels::default();
    let refused = |bytes: &[u8]| Rules::load(bytes.to_vec(), &labels).expect_err("refused");
    assert_eq!(refused(b""), CompiledRulesError::Foreign);
    assert_eq!(refused(b"[[rule]]"), CompiledRulesError::Foreign);
    let bytes = compile("[[rule]]\nid = \"a\"\npattern = \"b\"\nlabel = \"Error\"\n").bytes;
    for len in 0..bytes.len() {
        let error = refused(&bytes[..len]);
        assert!(
            matches!(error, CompiledRulesError::Foreign | CompiledRulesError::Damaged),
            "{len}: {error}"
        );
    }
    let mut newer = bytes.clone();
    newer[8] = 200;
    assert_eq!(refused(&newer), CompiledRulesError::Version { found: 200 });
    let error = Rules::load(bytes, &Labels::new(["Good"])).expect_err("another label set");
    assert!(error.to_string().contains("\"a\" has the unknown label \"Error\""), "{error}");
}

/// Patterns that are hard on one of the forms, or on what they say of bytes.
const AWKWARD: [&str; 38] = [
    "a{3,7}b",
    "(?:ab){2,}c",
    "x{2}y{0,3}z",
    "[^\"]{0,20}end",
    "(?:a|b){5,9}c",
    "a.{4}b",
    r"-\B",
    r"\B ",
    r"\bfail\b",
    r"\Bfail\B",
    r"\b\d+\b",
    r"(?-u:\b)fail(?-u:\b)",
    r"(?-u:\B)ail",
    r"\b{start}é",
    r"é\b{end}",
    r"\b{start-half}x",
    r"x\b{end-half}",
    r"(?-u:\b{start})x",
    "end$",
    "^start",
    "(?m)^b$",
    "(?m)a$",
    "(?mR)^b$",
    "(?mR)a$",
    "(?i)straße",
    "(?i)kelvins",
    r"\p{Greek}{2}",
    r"\w{2,4}-\w{2,4}",
    r"[^\x00-\x7F]x",
    r"\d\s\d",
    r"(?s).a.b",
    r"(?s-u)a.b",
    r"(?-u:[\x80-\xff])a",
    "a+?b+?c",
    "(?U)a+b",
    "foo|bar[0-9]|^baz$",
    "abc|abd|xyz+|(?:q|w)e",
    r"(?:^|[ab])c(?:$|\b)",
];

/// Each with the meaning that the `regex` crate gives it.
static PATTERNS: LazyLock<Vec<(&str, Rules, regex::bytes::Regex)>> = LazyLock::new(|| {
    let rule =
        |pattern| format!("[[rule]]\nid = 'a'\npattern = '''{pattern}'''\nlabel = 'Error'\n");
    let all = AWKWARD.into_iter().map(|pattern| {
        let meaning = regex::bytes::Regex::new(pattern).expect(pattern);
        (pattern, load(compile(&rule(pattern))), meaning)
    });
    all.collect()
});

/// Messages of what the awkward patterns speak of, broken anywhere.
fn awkward_message() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "a", "aa", "b", "ab", "c", "x", "xy", "z", "abc", "abd", "fail", "end", "start", "\n",
        "\r", "\r\n", " ", "-", "7", "42", "é", "ß", "straße", "STRASSE", "ſ", "KelvinS", "αβ",
        "日", "_", "\"", "foo", "bar7", "baz", "xyz", "we", "\u{301}", "\u{200d}",
    ]);
    let piece = prop_oneof![
        8 => words.prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..3),
        1 => prop::sample::select(vec![&b"\xff"[..], b"\xc3", b"\xa9", b"\xe2\x84", b"\xf0\x9f"])
            .prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

/// An example of a built-in rule with a few changes, or two of them in part.
fn mutated_example() -> impl Strategy<Value = Vec<u8>> {
    static EXAMPLES: LazyLock<Vec<String>> = LazyLock::new(examples);
    let example = || any::<prop::sample::Index>().prop_map(|at| at.get(&EXAMPLES).clone());
    let change = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 0..5u8);
    (example(), example(), prop::collection::vec(change, 0..4)).prop_map(|(one, other, changes)| {
        let mut message = one.into_bytes();
        for (at, from, byte, kind) in changes {
            let at = at.index(message.len() + 1);
            match kind {
                0 if at < message.len() => message[at] = byte,
                1 if at < message.len() => drop(message.remove(at)),
                2 => message.insert(at, byte),
                3 => message.truncate(at),
                _ => message.extend(&other.as_bytes()[from.index(other.len())..]),
            }
        }
        message
    })
}

proptest! {
    #![proptest_config(support::config(400))]

    #[test]
    fn compiled_patterns_match_what_the_patterns_match(message in awkward_message()) {
        let mut scratch = RuleScratch::default();
        for (pattern, compiled, meaning) in PATTERNS.iter() {
            let found = compiled.first_match(&message, None, &mut scratch).is_some();
            let text = message.escape_ascii().to_string();
            prop_assert_eq!(found, meaning.is_match(&message), "{} on {}", pattern, text);
        }
    }

    #[test]
    fn compiled_builtin_rules_agree_on_changed_examples(message in mutated_example()) {
        static BOTH: LazyLock<[Rules; 2]> = LazyLock::new(|| {
            [Rules::builtin(&Labels::default()).expect("the built-in rules"), load(BUILTIN.clone())]
        });
        let mut scratch = RuleScratch::default();
        let [expected, found] = BOTH.each_ref().map(|r| r.first_match(&message, None, &mut scratch));
        prop_assert_eq!(found, expected, "{}", message.escape_ascii().to_string());
    }

    /// Bytes that are damaged where the checksum is made right again: an error, or rules that end.
    #[test]
    fn hostile_bytes_do_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        message in awkward_message(),
    ) {
        static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| {
            let rule = |(n, pattern)| {
                format!("[[rule]]\nid = '{n}'\npattern = '''{pattern}'''\nlabel = 'Error'\n")
            };
            compile(&AWKWARD.iter().enumerate().map(rule).collect::<String>()).bytes
        });
        let mut bytes = FILE.clone();
        for (at, byte) in changes {
            // Half of the changes hit the head and the small tables.
            let within = if byte % 2 == 0 { 2000.min(bytes.len()) } else { bytes.len() };
            bytes[at.index(within)] = byte;
        }
        let sum = xxhash_rust::xxh3::xxh3_64(&bytes[24..]);
        bytes[16..24].copy_from_slice(&sum.to_le_bytes());
        if let Ok(rules) = Rules::load(bytes, &Labels::default()) {
            rules.first_match(&message, None, &mut RuleScratch::default());
        }
    }
}

#[test]
fn every_builtin_rule_is_a_table_and_all_are_small() {
    assert_eq!(BUILTIN.tables, BUILTIN.rules, "a machine costs fifty times as much as a table");
    assert!(BUILTIN.bytes.len() < 1_700_000, "{} bytes", BUILTIN.bytes.len());
}
