//! Money and politeness.

use scripted_llm::Step;

use crate::place::Place;

fn many(count: usize) -> Vec<String> {
    const WORDS: [&str; 10] =
        ["ape", "bear", "cat", "dog", "eel", "fox", "gnu", "hare", "ibex", "jay"];
    let word = |n: usize| WORDS[n % 10];
    (0..count).map(|n| format!("{} {} {} runs", word(n / 100), word(n / 10), word(n))).collect()
}

fn place(count: usize, config: &str) -> Place {
    let place = Place::new([Step::Right]);
    place.config(config);
    let templates = many(count);
    place.pending(&templates.iter().map(String::as_str).collect::<Vec<_>>());
    place
}

#[test]
fn templates_per_day_are_kept_and_the_rest_waits() {
    let place = place(10, "templates_per_request = 3\n[reasoning.limits]\ntemplates_per_day = 7\n");
    let ran = place.once().with(1);
    assert!(ran.errors.contains("templates_per_day"), "{}", ran.errors);
    place.once().with(1);
    assert_eq!((place.server.asked().len(), place.verdicts().len()), (7, 7));
    assert_eq!(place.waiting().len(), 3);
    // The most frequent were asked first.
    let mut asked = place.server.asked();
    asked.sort();
    assert_eq!(asked, many(7));
}

#[test]
fn tokens_per_day_are_kept() {
    let place = place(3, "[reasoning.limits]\ntokens_per_day = 100\n");
    assert!(place.once().with(1).errors.contains("tokens_per_day"));
    assert_eq!(place.server.received().len(), 0);
}

#[test]
fn requests_are_few_and_templates_go_together() {
    let place =
        place(45, "templates_per_request = 20\n[reasoning.limits]\nconcurrent_requests = 4\n");
    place.once().with(0);
    assert_eq!(place.server.received().len(), 3);
    assert_eq!(place.verdicts().len(), 45);
}

/// The server sees as many at once as there may be, and never more.
#[test]
fn concurrent_requests_are_kept() {
    for most in [1, 3] {
        let place = Place::new([Step::Together(most)]);
        place.config(&format!(
            "templates_per_request = 1\n[reasoning.limits]\nrequests_per_minute = 1000\n\
             concurrent_requests = {most}\n"
        ));
        let templates = many(10);
        place.pending(&templates.iter().map(String::as_str).collect::<Vec<_>>());
        place.once().with(0);
        assert_eq!((place.verdicts().len(), place.server.most_at_once()), (10, most));
    }
}

#[test]
fn a_damaged_ledger_is_no_licence_to_spend() {
    let place = place(1, "");
    place.write("state/usage.json", "{");
    assert!(place.once().with(2).errors.contains("usage.json"));
    assert_eq!(place.server.received().len(), 0);
}
