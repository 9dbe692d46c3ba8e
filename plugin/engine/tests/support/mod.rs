//! What the property tests share.

use proptest::prelude::ProptestConfig;

/// `cases` for each property, unless `PROPTEST_CASES` says otherwise. Counterexamples are kept as
/// cases in the tests, where they can be read, and not as seeds in files beside them.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let asked = std::env::var_os("PROPTEST_CASES").map(|_| default.cases);
    ProptestConfig { cases: asked.unwrap_or(cases), failure_persistence: None, ..default }
}
