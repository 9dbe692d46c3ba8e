//! Which literals a match of a pattern must hold: the filter before the automata.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::filter::LONG;

/// More alternatives than this filter too little for what they cost.
const MAX_ALTERNATIVES: usize = 64;

/// At most this many literals are made of parts that follow each other.
const MAX_JOINED: usize = 16;

/// A literal shorter than this is in too many lines.
const MIN_LENGTH: usize = 2;

/// More than these are not joined to what is long enough without them.
const MAX_BRANCHES: usize = 4;

/// A literal of this length is in few enough lines; more alternatives do not pay.
const ENOUGH: usize = 12;

/// Literals, lower-cased.
pub(super) type Set = Vec<Vec<u8>>;

/// Literals of which each match holds at least one, lower-cased; to be looked for without regard
/// to ASCII case. `None` if the pattern gives none. The pattern must be blind to digits (see
/// `blind`): then no literal has any.
pub(in super::super) fn required(pattern: &Hir) -> Option<Set> {
    needed(pattern).filter(|set| shortest(set) >= MIN_LENGTH).map(least)
}

fn needed(hir: &Hir) -> Option<Set> {
    match hir.kind() {
        HirKind::Concat(parts) => best_of(parts),
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(needed(branch)?);
            }
            (all.len() <= MAX_ALTERNATIVES).then_some(all)
        }
        HirKind::Capture(capture) => needed(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => needed(&repetition.sub),
        _ => exact(hir),
    }
}

/// Of all literals in parts that must follow each other, the best.
fn best_of(parts: &[Hir]) -> Option<Set> {
    let mut sets = Vec::new();
    let mut joined = empty();
    for part in parts {
        match exact(part).and_then(|set| join(&joined, &set)) {
            Some(longer) => joined = longer,
            None => {
                let (start, end) = (edge(part, Edge::Start), edge(part, Edge::End));
                sets.push(join(&joined, &start).unwrap_or(joined));
                sets.extend(needed(part));
                joined = end;
            }
        }
    }
    sets.push(joined);
    sets.into_iter()
        .max_by_key(|set| (shortest(set).min(ENOUGH), usize::MAX - set.len(), shortest(set)))
}

/// All texts that an expression matches, if they are few.
fn exact(hir: &Hir) -> Option<Set> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(empty()),
        HirKind::Literal(literal) => Some(vec![literal.0.to_ascii_lowercase()]),
        HirKind::Class(class) => members(class),
        HirKind::Capture(capture) => exact(&capture.sub),
        HirKind::Concat(parts) => {
            parts.iter().try_fold(empty(), |joined, part| join(&joined, &exact(part)?))
        }
        HirKind::Alternation(branches) => {
            let sets: Option<Vec<Set>> = branches.iter().map(exact).collect();
            few(sets?.concat())
        }
        HirKind::Repetition(repetition) => {
            let one = exact(&repetition.sub)?;
            let times = |n: u32| (0..n).try_fold(empty(), |joined, _| join(&joined, &one));
            let (min, max) = (repetition.min, repetition.max.filter(|max| *max <= 8)?);
            let sets: Option<Vec<Set>> = (min..=max).map(times).collect();
            few(sets?.concat())
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Start,
    End,
}

/// Texts of which each match of an expression has one at its start, or at its end.
fn edge(hir: &Hir, edge_at: Edge) -> Set {
    if let Some(set) = exact(hir) {
        return set;
    }
    let set = match hir.kind() {
        HirKind::Capture(capture) => Some(edge(&capture.sub, edge_at)),
        HirKind::Repetition(repetition) if repetition.min > 0 => {
            Some(edge(&repetition.sub, edge_at))
        }
        HirKind::Alternation(branches) => {
            let sets: Vec<Set> = branches.iter().map(|branch| edge(branch, edge_at)).collect();
            few(sets.concat())
        }
        HirKind::Concat(parts) => {
            let parts: Vec<&Hir> = match edge_at {
                Edge::Start => parts.iter().collect(),
                Edge::End => parts.iter().rev().collect(),
            };
            let mut joined = empty();
            for part in parts {
                let next = edge(part, edge_at);
                let longer = match edge_at {
                    Edge::Start => join(&joined, &next),
                    Edge::End => join(&next, &joined),
                };
                match longer.filter(|set| set.len() <= MAX_BRANCHES) {
                    Some(longer) => joined = longer,
                    None => break,
                }
                if exact(part).is_none() {
                    break;
                }
            }
            Some(joined)
        }
        _ => None,
    };
    set.filter(|set| set.len() <= MAX_BRANCHES).unwrap_or_else(empty)
}

/// The characters of a small class.
fn members(class: &Class) -> Option<Set> {
    let mut set = Vec::new();
    let most = 2 * MAX_JOINED;
    match class {
        Class::Unicode(class) => {
            let all = class.ranges().iter().flat_map(|range| range.start()..=range.end());
            set.extend(all.take(most + 1).map(|c| c.to_string().into_bytes()));
        }
        Class::Bytes(class) => {
            let all = class.ranges().iter().flat_map(|range| range.start()..=range.end());
            set.extend(all.take(most + 1).map(|byte| vec![byte]));
        }
    }
    if set.len() > most || set.contains(&b"0".to_vec()) {
        return None;
    }
    set.iter_mut().for_each(|text| text.make_ascii_lowercase());
    few(set)
}

fn empty() -> Set {
    vec![Vec::new()]
}

fn shortest(set: &Set) -> usize {
    set.iter().map(Vec::len).min().unwrap_or(0)
}

/// Each text only once, if they are few.
fn few(mut set: Set) -> Option<Set> {
    set.sort();
    set.dedup();
    (set.len() <= MAX_JOINED).then_some(set)
}

/// Each of `first` followed by each of `second`, if they are few, or worth it.
fn join(first: &Set, second: &Set) -> Option<Set> {
    let dear = second.len() > MAX_BRANCHES && shortest(first) >= LONG
        || second.len() > 1 && shortest(first) >= ENOUGH
        || first.len() > 1 && shortest(second) >= ENOUGH;
    if dear {
        return None;
    }
    few(first.iter().flat_map(|a| second.iter().map(|b| [&**a, &**b].concat())).collect())
}

/// Without those that hold another one of the set.
fn least(mut set: Set) -> Set {
    set.sort_by_key(Vec::len);
    let mut kept: Set = Vec::new();
    for literal in set {
        let holds = |other: &Vec<u8>| literal.windows(other.len()).any(|part| part == &**other);
        if !kept.iter().any(holds) {
            kept.push(literal);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::blind::blind;
    use super::super::parse;
    use super::required;

    fn literals(pattern: &str, case_insensitive: bool) -> Option<Vec<String>> {
        let set = required(&blind(&parse(pattern, case_insensitive)?))?;
        Some(set.into_iter().map(|l| String::from_utf8(l).expect("ASCII")).collect())
    }

    #[test]
    fn finds_what_a_match_must_hold() {
        let some = |set: &[&str]| Some(set.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            literals("Failed (?:password|publickey) for ", false),
            some(&["failed password for ", "failed publickey for "])
        );
        assert_eq!(literals("Out of Memory", true), some(&["out of memory"]));
        assert_eq!(literals("disk (full|[0-9]+%)", false), some(&["disk "]));
        assert_eq!(literals("(abc)+x?", false), some(&["abc"]));
        assert_eq!(literals("[0-9]+", false), None);
        assert_eq!(literals("a|b", false), None);
        assert_eq!(literals("(foo)?", false), None);
        assert_eq!(literals("HTTP/1[.][01]", false), some(&["http/"]));
    }

    #[test]
    fn parts_that_follow_each_other_join() {
        let some = |set: &[&str]| Some(set.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        assert_eq!(literals("[0-9]+ ?% (?:full|used)$", false), some(&["% full", "% used"]));
        assert_eq!(literals("avc: +denied +for", false), some(&[" denied "]));
        assert_eq!(literals("a[0-9]+(?:bc|d[0-9]*f)e{2,3}", false), some(&["fee", "bcee"]));
    }

    #[test]
    fn letters_with_more_than_two_cases_are_all_looked_for() {
        let found = literals("tasks", true).expect("literals");
        assert_eq!(found.len(), 8);
        assert!(found.contains(&"tasks".to_owned()) && found.contains(&"ta\u{17f}ks".to_owned()));
        assert!(found.contains(&"ta\u{17f}\u{212a}s".to_owned()));
    }
}
