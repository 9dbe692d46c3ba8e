//! `logtriage reason --status`: every limit, and how much of it is used.

use logtriage_engine::Price;

use super::asker::Asker;
use super::breaker::Circuit;
use super::client::LONGEST_ANSWER;
use super::places::Places;
use super::queue::Waiting;
use super::usage::{Spent, Usage};
use crate::screen::{self, grouped};

/// What `--status` prints.
pub fn page(
    asker: &Asker<'_>,
    places: &Places,
    waiting: &[Waiting],
    usage: &Usage,
    has_key: bool,
    now: u64,
) -> String {
    let reasoning = &asker.reasoning;
    let (limits, today, total) = (&reasoning.limits, &usage.today, &usage.total);
    let minute = usage.recent.iter().filter(|sent| **sent <= now && now - **sent < 60_000).count();
    let spent = today.input_tokens.saturating_add(today.output_tokens);
    let events: u64 = waiting.iter().map(|waiting| waiting.count).sum();
    let of = |count: u64, limit: u32| format!("{} of {}", grouped(count), grouped(limit.into()));
    let timeouts = &reasoning.timeouts;
    let lines = [
        ("server", format!("{}, model {}", reasoning.base_url, reasoning.model)),
        ("", format!("{}; prompt {}", key(has_key), asker.prompt.digest)),
        ("", circuit(usage, now)),
        (
            "directories",
            places
                .states()
                .map(|s| s.directory().display().to_string())
                .collect::<Vec<_>>()
                .join(", "),
        ),
        (
            "waiting",
            format!("{} templates of {} events", grouped(waiting.len() as u64), grouped(events)),
        ),
        (
            "",
            format!(
                "{} rest because they were declined",
                grouped(places.resting(asker, now / 1000) as u64)
            ),
        ),
        ("verdicts", format!("{} templates have one", grouped(places.known() as u64))),
        ("this minute", format!("requests {}", of(minute as u64, limits.requests_per_minute))),
        ("today", format!("templates {}", of(today.templates, limits.templates_per_day))),
        ("", format!("tokens {}", of(spent, limits.tokens_per_day))),
        ("", spent_words(today, &reasoning.price)),
        ("in all", spent_words(total, &reasoning.price)),
        (
            "at once",
            format!(
                "{} requests of {} templates at most",
                limits.concurrent_requests, reasoning.templates_per_request
            ),
        ),
        (
            "an answer",
            format!(
                "{}, {} MiB at most",
                match reasoning.max_answer_tokens {
                    0 => "as many tokens as the server gives".to_owned(),
                    most => format!("{} tokens", grouped(most.into())),
                },
                LONGEST_ANSWER >> 20
            ),
        ),
        (
            "timeouts",
            format!(
                "{} s to connect, {} s to the first byte, {} s in all",
                timeouts.connect, timeouts.first_byte, timeouts.total
            ),
        ),
    ];
    let mut page = String::new();
    for (name, text) in lines {
        page.push_str(&format!("{name:<12} {}\n", screen::one_line(&text, 400)));
    }
    page
}

fn key(has_key: bool) -> &'static str {
    if has_key { "an API key is sent" } else { "no API key is sent" }
}

fn circuit(usage: &Usage, now: u64) -> String {
    let seconds = |until: u64| until.saturating_sub(now).div_ceil(1000);
    if usage.not_before > now {
        return format!("it asked to be left alone for {} s more", seconds(usage.not_before));
    }
    match usage.breaker.circuit(now, 0) {
        Circuit::Closed => "circuit closed".to_owned(),
        Circuit::HalfOpen => "circuit half open: the next request decides".to_owned(),
        Circuit::Open(until) => {
            format!("circuit open for {} s: it failed too often", seconds(until))
        }
    }
}

/// What was spent, and its price if there are prices.
pub fn spent_words(spent: &Spent, price: &Price) -> String {
    let mut text = format!(
        "{} requests ({} failed), {} templates, {} verdicts, {} declined, {} + {} tokens",
        grouped(spent.requests),
        grouped(spent.failed),
        grouped(spent.templates),
        grouped(spent.verdicts),
        grouped(spent.declined),
        grouped(spent.input_tokens),
        grouped(spent.output_tokens),
    );
    if *price != Price::default() {
        text.push_str(&format!(", money {:.4}", spent.cost(price)));
    }
    text
}
