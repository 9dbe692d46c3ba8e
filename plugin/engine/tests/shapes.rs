//! What is known of a message's shape never changes what is said of a message.

mod support;

use std::sync::{Arc, LazyLock};

use logtriage_engine::{
    Config, Engine, Event, Kind, Labels, Masker, Model, RuleScratch, Rules, Setup, Verdict,
};
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
    "commit 4f1a2b-7c in /srv/00ab12cd/x done",
    "[req-38101a0b-2d4f-44a5-aaaa-931a7d4c6d4b] 503 for 0badc0de42, retries 3 of 5",
    "user 12ab34cd logged in from 192.0.2.77 port 51234",
    "\u{1b}[31mERROR 17\u{1b}[0m 3 retries",
];

/// Rules that look at digits, at ids, at sources, and at none of these.
const RULES: &str = r#"
[[rule]]
id = "bad-code"
pattern = '\b[0-9]bad'
label = "Error"

[[rule]]
id = "commit"
pattern = 'commit 4f[0-9a-f]+-[0-7a-b]{2} '
source = "d*"
label = "User Action"

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

/// A line, with some of its digits changed, and of what its ids may be made of.
fn varied() -> impl Strategy<Value = String> {
    let lines: Vec<&str> = LINES.lines().chain(DELICATE.iter().copied()).collect();
    let delicate = prop::sample::select(DELICATE.to_vec());
    let line = prop_oneof![1 => prop::sample::select(lines), 2 => delicate];
    let digits = prop::collection::vec(prop::option::weighted(0.4, b'0'..=b'9'), 64);
    let letters = prop::collection::vec(prop::option::weighted(0.4, b'a'..=b'f'), 64);
    (line, digits, letters).prop_map(|(line, digits, letters)| {
        let mut digits = digits.into_iter().cycle();
        let mut letters = letters.into_iter().cycle();
        let in_id = |word: &str| word.bytes().any(|b| b.is_ascii_digit());
        let vary = |word: &str| -> String {
            let vary = |c: char| match c {
                '0'..='9' => digits.next().flatten().map_or(c, char::from),
                'a'..='f' if in_id(word) => letters.next().flatten().map_or(c, char::from),
                _ => c,
            };
            word.chars().map(vary).collect()
        };
        line.split_inclusive([' ', '/', '-']).map(vary).collect()
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

/// What happens to an engine.
#[derive(Clone, Debug)]
enum Step {
    Annotate(String),
    /// Somebody says of this message's template that it is an error.
    Learn(Kind, String),
    /// The verdicts of a kind are gone.
    Forget(Kind),
    /// The other rules apply from now on.
    SetRules(bool),
}

/// Few messages, which come again and again: what was said of one is kept.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let steps = |messages: Vec<String>| {
        let kind = || prop::sample::select(vec![Kind::Person, Kind::Machine]);
        // With another name it is another shape, with the same template.
        let name = || prop::option::of("[g-z]{1,3}");
        let named = |(message, name): (String, Option<String>)| match name {
            Some(name) => format!("{message} user={name}"),
            None => message,
        };
        let message = || (prop::sample::select(messages.clone()), name()).prop_map(named);
        let step = prop_oneof![
            8 => message().prop_map(Step::Annotate),
            2 => (kind(), message()).prop_map(|(kind, message)| Step::Learn(kind, message)),
            1 => kind().prop_map(Step::Forget),
            1 => any::<bool>().prop_map(Step::SetRules),
        ];
        prop::collection::vec(step, 1..40)
    };
    prop::collection::vec(varied(), 1..4).prop_flat_map(steps)
}

/// Does what changes outcomes.
fn change(engine: &mut Engine, step: &Step) {
    match step {
        Step::Annotate(_) => {}
        Step::Learn(kind, message) => {
            let template = Masker::default().mask(message.as_bytes()).to_owned();
            let verdict = Verdict { template, label: "Error".into(), by: None, reason: None };
            engine.learn(*kind, &[verdict]);
        }
        Step::Forget(kind) => {
            engine.begin_relearning(*kind);
            engine.end_relearning(*kind);
        }
        Step::SetRules(own) => {
            let files = &RULE_FILES[..usize::from(*own)];
            let rules = Rules::parse(files, &Labels::default()).expect("rules");
            engine.set_rules(rules).expect("the same labels");
        }
    }
}

proptest! {
    #![proptest_config(support::config(100))]

    #[test]
    fn what_was_said_before_is_said_again_until_something_changes(
        steps in steps(),
        setup in prop::sample::select(SETUPS.to_vec()),
    ) {
        let mut engine = Engine::new(Arc::clone(&setup));
        for (place, step) in steps.iter().enumerate() {
            change(&mut engine, step);
            let Step::Annotate(message) = step else { continue };
            let record = serde_json::json!({ "message": message }).to_string();
            let mut fresh = Engine::new(Arc::clone(&setup));
            steps[..place].iter().for_each(|step| change(&mut fresh, step));
            let (mut out, mut expected) = (Vec::new(), Vec::new());
            engine.annotate(record.as_bytes(), 0, &mut out);
            fresh.annotate(record.as_bytes(), 0, &mut expected);
            prop_assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&expected));
        }
        let stats = engine.stats();
        prop_assert_eq!(stats.tiers.iter().sum::<u64>(), stats.events);
    }
}
