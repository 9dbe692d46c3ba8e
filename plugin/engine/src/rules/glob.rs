//! Source globs: `*` for any characters, `?` for one.

/// A pattern for a whole source name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob(Box<[char]>);

impl Glob {
    pub(super) fn new(pattern: &str) -> Self {
        Self(pattern.chars().collect())
    }

    #[cfg(feature = "regex")]
    pub(super) fn pattern(&self) -> String {
        self.0.iter().collect()
    }

    /// Whether the whole of `source` matches. Goes back to the last `*` only: at worst the product
    /// of both lengths.
    pub(super) fn matches(&self, source: &str) -> bool {
        let (pattern, text) = (&self.0, source);
        let mut rest = text.chars();
        let mut at = 0;
        let mut star: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            let mut next = rest.clone();
            match (pattern.get(at), next.next()) {
                (Some('*'), _) => {
                    at += 1;
                    star = Some((at, rest.clone()));
                }
                (Some(p), Some(c)) if *p == '?' || *p == c => {
                    at += 1;
                    rest = next;
                }
                (None, None) => return true,
                _ => {
                    let Some((after, from)) = &mut star else { return false };
                    if from.next().is_none() {
                        return false;
                    }
                    at = *after;
                    rest = from.clone();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn star_and_question_mark() {
        let cases = [
            ("nginx", "nginx", true),
            ("nginx", "nginx2", false),
            ("nginx*", "nginx-ingress", true),
            ("*-api", "billing-api", true),
            ("*-api", "billing-api-2", false),
            ("a*b*c", "a-b-b-c", true),
            ("db-?", "db-1", true),
            ("db-?", "db-", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("?", "ü", true),
        ];
        for (glob, source, expected) in cases {
            assert_eq!(Glob::new(glob).matches(source), expected, "{glob} on {source}");
        }
    }
}
