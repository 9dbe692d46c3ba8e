//! The labels that events can get.

use std::sync::Arc;

/// The label of an event that no tier is sure of. It is in no label set: nothing predicts it.
pub const UNCLASSIFIED: &str = "Unclassified";

/// The default labels with their meanings, in the order of the documentation.
pub const DEFAULT_LABELS: [(&str, &str); 9] = [
    ("HTTP Status", "a request was served or answered with a status, access-log style"),
    (
        "Security Alert",
        "authentication or authorisation refused, attack, abuse, policy or integrity violation",
    ),
    (
        "Critical Error",
        "a service, node, disk or data is lost or down, or about to be, and a person must act now",
    ),
    ("Error", "an operation failed, the system goes on"),
    (
        "Resource Usage",
        "a level, limit or consumption of memory, CPU, disk, quota, temperature, connections",
    ),
    (
        "Workflow Error",
        "a business or batch process, job, pipeline or ticket step failed or was aborted",
    ),
    ("User Action", "a person did something: login, logout, created, changed, uploaded, ran"),
    (
        "Deprecation Warning",
        "a feature, API, option or version is deprecated, unsupported soon or removed",
    ),
    (
        "System Notification",
        "routine life of a system: start, stop, state change, progress, configuration, success",
    ),
];

/// The place of a label in its [`Labels`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LabelId(pub u16);

/// A label set: ordered, without duplicates. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    names: Arc<[Box<str>]>,
}

impl Default for Labels {
    fn default() -> Self {
        Self::new(DEFAULT_LABELS.iter().map(|(name, _)| *name))
    }
}

impl Labels {
    /// The first 65,535 distinct names.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut distinct: Vec<Box<str>> = Vec::new();
        for name in names {
            if distinct.len() < usize::from(u16::MAX) && !distinct.iter().any(|n| **n == *name) {
                distinct.push(name.into());
            }
        }
        Self { names: distinct.into() }
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The name of a label; `Unclassified` for one of another set.
    pub fn name(&self, id: LabelId) -> &str {
        self.names.get(usize::from(id.0)).map_or(UNCLASSIFIED, |name| name)
    }

    /// The label called `name`.
    pub fn find(&self, name: &str) -> Option<LabelId> {
        let place = self.names.iter().position(|known| **known == *name)?;
        u16::try_from(place).ok().map(LabelId)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }
}

impl std::fmt::Display for Labels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, name) in self.names().enumerate() {
            write!(f, "{}{name}", if place == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
