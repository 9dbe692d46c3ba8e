//! Rules compiled ahead of time: they match what the patterns match, whatever the message, and
//! bytes that are no such rules are refused or harmless.

mod support;

use std::sync::LazyLock;

use logtriage_engine::{
    BUILTIN_RULES, CompiledRules, CompiledRulesError, Labels, RuleScratch, Rules,
};

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
