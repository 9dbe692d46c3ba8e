//! Which literals a match of a pattern must hold: the filter before the automata.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// More alternatives than this filter too little for what they cost.
const MAX_ALTERNATIVES: usize = 64;

/// A literal shorter than this is in too many lines.
const MIN_LENGTH: usize = 2;

/// Literals of which each match holds at least one, lower-cased; to be looked for without regard
/// to ASCII case. `None` if the pattern gives none.
pub(in super::super) fn required(pattern: &str, case_insensitive: bool) -> Option<Vec<Vec<u8>>> {
    let hir = ParserBuilder::new()
        .utf8(false)
        .case_insensitive(case_insensitive)
        .build()
        .parse(pattern)
        .ok()?;
    needed(&hir).filter(|set| set.iter().all(|literal| literal.len() >= MIN_LENGTH))
}

fn needed(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(vec![literal.0.to_ascii_lowercase()]),
        HirKind::Capture(capture) => needed(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => needed(&repetition.sub),
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(needed(branch)?);
            }
            (all.len() <= MAX_ALTERNATIVES).then_some(all)
        }
        HirKind::Concat(parts) => best_of(parts),
        HirKind::Class(class) => letter(class).map(|letter| vec![vec![letter]]),
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) => None,
    }
}

/// Of all parts that must follow each other, the one whose shortest literal is longest. Letters in
/// either case (`[Ff][Aa]…`) join into one literal.
fn best_of(parts: &[Hir]) -> Option<Vec<Vec<u8>>> {
    let mut sets = Vec::new();
    let mut joined = Vec::new();
    for part in parts {
        match part.kind() {
            HirKind::Literal(literal) => joined.extend(literal.0.to_ascii_lowercase()),
            HirKind::Class(class) if letter(class).is_some() => joined.extend(letter(class)),
            _ => {
                sets.push(vec![std::mem::take(&mut joined)]);
                sets.extend(needed(part));
            }
        }
    }
    sets.push(vec![joined]);
    let shortest = |set: &Vec<Vec<u8>>| set.iter().map(Vec::len).min().unwrap_or(0);
    sets.into_iter().max_by_key(|set| (shortest(set), usize::MAX - set.len()))
}

/// The letter of a class that holds just its two cases. (`(?i)k` also holds the Kelvin sign and
/// `(?i)s` the long s: these are no such classes.)
fn letter(class: &Class) -> Option<u8> {
    let members: Vec<u32> = match class {
        Class::Unicode(class) => class
            .ranges()
            .iter()
            .flat_map(|range| u32::from(range.start())..=u32::from(range.end()))
            .take(3)
            .collect(),
        Class::Bytes(class) => class
            .ranges()
            .iter()
            .flat_map(|range| u32::from(range.start())..=u32::from(range.end()))
            .take(3)
            .collect(),
    };
    match members[..] {
        [upper, lower] if upper + 32 == lower => {
            u8::try_from(lower).ok().filter(u8::is_ascii_lowercase)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::required;

    fn literals(pattern: &str, case_insensitive: bool) -> Option<Vec<String>> {
        let set = required(pattern, case_insensitive)?;
        Some(set.into_iter().map(|l| String::from_utf8(l).expect("ASCII")).collect())
    }

    #[test]
    fn finds_what_a_match_must_hold() {
        let some = |set: &[&str]| Some(set.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            literals("Failed (?:password|publickey) for ", false),
            some(&["password", "publickey"])
        );
        assert_eq!(literals("Out of Memory", true), some(&["out of memory"]));
        assert_eq!(literals("disk (full|[0-9]+%)", false), some(&["disk "]));
        assert_eq!(literals("(abc)+x?", false), some(&["abc"]));
        assert_eq!(literals("[0-9]+", false), None);
        assert_eq!(literals("a|b", false), None);
        assert_eq!(literals("(foo)?", false), None);
    }

    #[test]
    fn letters_with_more_than_two_cases_break_a_literal() {
        assert_eq!(literals("tasks", true), Some(vec!["ta".to_owned()]));
    }
}
