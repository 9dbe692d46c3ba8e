//! What else nobody knew first came about when a template did: a cause and its effects often come
//! together.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::Serialize;

use super::queue::Waiting;

/// Neighbours first came at most so far apart, in milliseconds.
const NEAR: u64 = 5_000;

/// So many are looked at before and after a template: thousands may come at once.
const LOOKED_AT: usize = 16;

/// Of a longer neighbour only the beginning is shown, in characters.
const LONGEST: usize = 200;

/// A template that first came about when another one did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Neighbour {
    /// How long after the other one it came; negative: before.
    pub seconds: f64,
    /// Where it came from, if that is known and is not where the other one came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Masked and redacted.
    pub template: String,
}

/// The neighbours of each template that has some among `waiting`, which wait in one directory: at
/// most `most` each, in the order in which they came. Those of the same source are preferred, then
/// the nearest. Templates of which nobody knows when they came have none, and are none.
pub fn find<'w>(
    waiting: impl Iterator<Item = &'w Waiting>,
    most: usize,
) -> HashMap<String, Vec<Neighbour>> {
    let timed = |waiting: &'w Waiting| Some((waiting.first_seen_ms?, waiting));
    let mut line: Vec<_> = waiting.filter_map(timed).collect();
    line.sort_by(|(a, one), (b, other)| a.cmp(b).then_with(|| one.template.cmp(&other.template)));
    let mut found = HashMap::new();
    for (place, (time, template)) in line.iter().enumerate() {
        let near = |(other, _): &&(u64, &Waiting)| other.abs_diff(*time) <= NEAR;
        let (before, after) = line.split_at(place);
        let before = before.iter().rev().take(LOOKED_AT).take_while(near);
        let after = after.iter().skip(1).take(LOOKED_AT).take_while(near);
        let mut near: Vec<_> = before.chain(after).collect();
        near.sort_by_key(|(other, w)| (w.source != template.source, other.abs_diff(*time)));
        near.truncate(most);
        near.sort_by_key(|(other, w)| (*other, Reverse(w.count)));
        if !near.is_empty() {
            let neighbours = near.into_iter().map(|near| neighbour((*time, template), *near));
            found.insert(template.template.clone(), neighbours.collect());
        }
    }
    found
}

fn neighbour((time, of): (u64, &Waiting), (other, waiting): (u64, &Waiting)) -> Neighbour {
    let tenths = (other.abs_diff(time) as f64 / 100.0).round() / 10.0;
    Neighbour {
        seconds: if other < time { -tenths } else { tenths },
        source: waiting.source.clone().filter(|_| waiting.source != of.source),
        template: waiting.template.chars().take(LONGEST).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(template: &str, source: &str, first_seen_ms: Option<u64>) -> Waiting {
        let (template, source) = (template.to_owned(), Some(source.to_owned()));
        Waiting { template, source, first_seen_ms, ..Waiting::default() }
    }

    fn near(all: &[Waiting], of: &str) -> Vec<(f64, Option<String>, String)> {
        let found = find(all.iter(), 2).remove(of).unwrap_or_default();
        found.into_iter().map(|n| (n.seconds, n.source, n.template)).collect()
    }

    #[test]
    fn neighbours_come_within_seconds_and_from_the_same_source_first() {
        let all = [
            waiting("pool is empty", "db", Some(10_000)),
            waiting("order is lost", "shop", Some(11_240)),
            waiting("cart is stale", "shop", Some(16_240)),
            waiting("lamp glows", "door", Some(11_300)),
            waiting("much later", "shop", Some(16_241)),
            waiting("at some time", "shop", None),
        ];
        let text = str::to_owned;
        let expected =
            [(0.1, Some(text("door")), text("lamp glows")), (5.0, None, text("cart is stale"))];
        assert_eq!(near(&all, "order is lost"), expected);
        let expected = [
            (1.2, Some(text("shop")), text("order is lost")),
            (1.3, Some(text("door")), text("lamp glows")),
        ];
        assert_eq!(near(&all, "pool is empty"), expected);
        assert_eq!(near(&all, "lamp glows")[0].0, -1.3);
        assert_eq!(near(&all, "at some time"), []);
    }

    #[test]
    fn a_storm_costs_little_and_long_templates_are_cut() {
        let long = |n: usize| format!("{n} {}", "é".repeat(500));
        let all: Vec<_> = (0..20_000).map(|n| waiting(&long(n), "s", Some(7))).collect();
        let found = find(all.iter(), 3);
        assert_eq!(found.len(), all.len());
        let cut = |neighbour: &Neighbour| neighbour.template.chars().count() == LONGEST;
        assert!(found.values().all(|near| near.len() == 3 && near.iter().all(cut)));
        assert_eq!(find(all.iter(), 0), HashMap::new());
    }
}
