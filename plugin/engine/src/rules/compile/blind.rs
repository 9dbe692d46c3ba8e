//! Whether a pattern tells one digit from another.

use regex_syntax::hir::{
    Capture, Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind,
    Repetition,
};

/// The pattern with every digit as any digit: it matches whatever the pattern matches, and does not
/// tell ASCII digits apart. Equal to the pattern if that does not, either.
pub(in super::super) fn blind(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => hir.clone(),
        HirKind::Literal(literal) => Hir::concat(pieces(&literal.0)),
        HirKind::Class(class) => Hir::class(blind_class(class)),
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            sub: Box::new(blind(&repetition.sub)),
            ..repetition.clone()
        }),
        HirKind::Capture(capture) => {
            Hir::capture(Capture { sub: Box::new(blind(&capture.sub)), ..capture.clone() })
        }
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(blind).collect()),
        HirKind::Alternation(branches) => Hir::alternation(branches.iter().map(blind).collect()),
    }
}

/// A literal, cut at its digits.
fn pieces(literal: &[u8]) -> Vec<Hir> {
    let digits = || Hir::class(Class::Bytes(ClassBytes::new([ClassBytesRange::new(b'0', b'9')])));
    let runs = literal.chunk_by(|a, b| !a.is_ascii_digit() && !b.is_ascii_digit());
    let piece = |run: &[u8]| match run {
        [digit] if digit.is_ascii_digit() => digits(),
        _ => Hir::literal(run),
    };
    runs.map(piece).collect()
}

fn blind_class(class: &Class) -> Class {
    let mut class = class.clone();
    match &mut class {
        Class::Unicode(class) => {
            let digits = ClassUnicode::new([ClassUnicodeRange::new('0', '9')]);
            let mut in_it = class.clone();
            in_it.intersect(&digits);
            if !in_it.ranges().is_empty() {
                class.union(&digits);
            }
        }
        Class::Bytes(class) => {
            let digits = ClassBytes::new([ClassBytesRange::new(b'0', b'9')]);
            let mut in_it = class.clone();
            in_it.intersect(&digits);
            if !in_it.ranges().is_empty() {
                class.union(&digits);
            }
        }
    }
    class
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::blind;

    fn sees_digits(pattern: &str) -> bool {
        let hir = parse(pattern, false).expect("a pattern");
        blind(&hir) != hir
    }

    #[test]
    fn a_pattern_that_takes_all_digits_alike_sees_none() {
        for pattern in ["", "abc", r"[0-9]+ ms", r"\d{3}", "[^\"]*x", r"\w\b", "(a|[0-9a-f]{2})?"] {
            assert!(!sees_digits(pattern), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_tells_digits_apart_sees_them() {
        for pattern in ["ssh2", "[1-5][0-9]{2}", "[^0]", "(a|b7)", "[a-z0]+", r"(?-u:[\x30])x"] {
            assert!(sees_digits(pattern), "{pattern}");
        }
    }
}
