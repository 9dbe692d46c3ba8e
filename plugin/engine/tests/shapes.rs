//! What is known of a message's shape never changes what is said of a message.

mod support;

use std::sync::{Arc, LazyLock};

use logtriage_engine::{Config, Engine, Event, Labels, Masker, Model, RuleScratch, Rules, Setup};
use proptest::prelude::*;

/// Lines of many systems; each is a shape, and its digits are varied.
const LINES: &str = include_str!("../../../configs/sample.log");

/// Where a digit's value matters, or nearly: statuses, exit codes, counts, years, kept words, hex.
const DELICATE: &[&str] = &[
    "GET / HTTP/1.1 status 200 in 12 ms",
    "HTTP status: 503 from 10.0.0.17:8080",
    "process exited with code 0",
    "exit status 137, 0 errors, 12 failed",
    "finished: 0 failures, 1 error",
    "Mon Nov 20 06:00:01 2026 job 7 done",
    "Nov 20 06:00:01 2026 host-1 app[17]: 0x1f at 0",
    "2026-11-20T06:02:41.123+0100 ssh2 ipv4 x86 s3 node-3 eth0",
    "user7 logged in from 192.0.2.77 port 51234 ssh2",
    "error 404 code=0 status=1 rc=10 exit_code=0",
    "<5xx> <2xx> from <ip> and 500",
    "backup of db1 took 1h20m, 30% of 5 GB, file a1.bz2",
    "disk 97% full, rule 5 of 12",
    "deadbeef01 0000 00 0 01 10 007",
    "\u{1b}[31mERROR 17\u{1b}[0m 3 retries",
];

/// Rules that look at digits, at sources, and at neither.
const RULES: &str = r#"
[[rule]]
id = "first-node"
pattern = 'node-[1-3]\b'
label = "Resource Usage"

[[rule]]
id = "only-web"
pattern = 'retries'
source = "web*"
label = "Error"

[[rule]]
id = "full"
pattern = '[5-9][0-9]% full'
label = "Resource Usage"

[[rule]]
id = "login"
pattern = 'logged in from [0-9.]+ port [0-9]+'
label = "User Action"
"#;

static RULE_FILES: [(&str, &[u8]); 2] = [
    ("rules.toml", RULES.as_bytes()),
    ("built-in rules", logtriage_engine::BUILTIN_RULES.as_bytes()),
];

fn rules() -> Rules {
    Rules::parse(&RULE_FILES, &Labels::default()).expect("rules")
}

/// Caches that hold hardly anything, a little, and everything.
static SETUPS: LazyLock<[Arc<Setup>; 3]> = LazyLock::new(|| {
    let model = Arc::new(Model::builtin().expect("a model"));
    [1, 3, 1000].map(|cache_size| {
        let config = format!("cache_size = {cache_size}");
        let config = Config::parse("c", config.as_bytes()).expect("a config");
        Arc::new(Setup::new(&config, rules(), Arc::clone(&model)).expect("a setup"))
    })
});

/// A line, with some of its digits changed.
fn varied() -> impl Strategy<Value = String> {
    let lines: Vec<&str> = LINES.lines().chain(DELICATE.iter().copied()).collect();
    let delicate = prop::sample::select(DELICATE.to_vec());
    let line = prop_oneof![1 => prop::sample::select(lines), 2 => delicate];
    let digits = prop::collection::vec(prop::option::weighted(0.4, b'0'..=b'9'), 64);
    (line, digits).prop_map(|(line, digits)| {
        let mut digits = digits.into_iter().cycle();
        let vary = |c: char| match c {
            '0'..='9' => digits.next().flatten().map_or(c, char::from),
            _ => c,
        };
        line.chars().map(vary).collect()
    })
}

proptest! {
    #![proptest_config(support::config(200))]

    #[test]
    fn an_engine_that_has_seen_much_says_what_a_fresh_look_says(
        messages in prop::collection::vec((varied(), prop::option::of("web|db")), 1..60),
        setup in prop::sample::select(SETUPS.to_vec()),
    ) {
        static FRESH: LazyLock<Rules> = LazyLock::new(rules);
        let mut engine = Engine::new(setup);
        for (message, source) in &messages {
            let event = Event {
                message: Some(message.as_bytes().into()),
                source: source.as_deref().map(Into::into),
            };
            let outcome = engine.label(&event, 0);
            let mut masker = Masker::default();
            prop_assert_eq!(outcome.template, masker.mask(message.as_bytes()));
            let rule = FRESH.first_match(
                message.trim_end().as_bytes(),
                source.as_deref(),
                &mut RuleScratch::default(),
            );
            let rule = rule.and_then(|rule| FRESH.id(rule.place));
            prop_assert_eq!(outcome.rule, rule, "{}", message);
        }
    }
}
