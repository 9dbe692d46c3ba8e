//! `wit/logtriage.wit` is well-formed, imports nothing, documents every item, and speaks of the
//! engine as the engine does.

use std::path::Path;

use logtriage_engine::{
    DEFAULT_LABELS, Event, Field, Kind, Learned, MAX_CACHE_SIZE, MAX_PENDING, MAX_RULES,
    MAX_TEMPLATE, MAX_VERDICTS, OFFER_AGAIN_AFTER, Outcome, Pending, Stats, TextError, Tier,
    UNCLASSIFIED, Verdict,
};
use wit_parser::{Docs, Function, Interface, Resolve, TypeDef, TypeDefKind, World, WorldItem};

/// The one package of the file.
struct Contract {
    resolve: Resolve,
}

impl Contract {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/logtriage.wit");
        let mut resolve = Resolve::default();
        resolve.push_file(path).expect("the file parses");
        Self { resolve }
    }

    fn world(&self) -> &World {
        let mut worlds = self.resolve.worlds.iter();
        let (_, world) = worlds.next().expect("a world");
        assert!(worlds.next().is_none(), "one world");
        world
    }

    fn labeller(&self) -> &Interface {
        let mut interfaces = self.resolve.interfaces.iter();
        let (_, labeller) = interfaces.next().expect("an interface");
        assert!(interfaces.next().is_none(), "one interface");
        labeller
    }

    fn types(&self) -> impl Iterator<Item = &TypeDef> {
        self.labeller().types.values().map(|id| &self.resolve.types[*id])
    }

    fn functions(&self) -> impl Iterator<Item = &Function> {
        self.labeller().functions.values()
    }

    /// The fields or cases of the type called `name`, in the engine's spelling.
    fn members(&self, name: &str) -> Vec<String> {
        let ty = &self.resolve.types[self.labeller().types[name]];
        members(ty).iter().map(|(member, _)| member.replace('-', "_")).collect()
    }

    /// The docs of `member` of the type called `name`, on one line.
    fn docs(&self, name: &str, member: &str) -> String {
        let ty = &self.resolve.types[self.labeller().types[name]];
        let members = members(ty);
        let (_, docs) = members.iter().find(|(known, _)| *known == member).expect("a member");
        text(docs)
    }
}

/// Fields or cases with their docs.
fn members(ty: &TypeDef) -> Vec<(&str, &Docs)> {
    match &ty.kind {
        TypeDefKind::Record(record) => {
            record.fields.iter().map(|field| (&*field.name, &field.docs)).collect()
        }
        TypeDefKind::Variant(variant) => {
            variant.cases.iter().map(|case| (&*case.name, &case.docs)).collect()
        }
        TypeDefKind::Enum(cases) => {
            cases.cases.iter().map(|case| (&*case.name, &case.docs)).collect()
        }
        other => panic!("{other:?} is not looked into"),
    }
}

fn text(docs: &Docs) -> String {
    let text = docs.contents.as_deref().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `16384` as it stands in the docs: `16,384`.
fn written(number: usize) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", written(number / 1000), number % 1000),
    }
}

/// The names of all fields of a type of the engine. One that the list lacks does not compile.
macro_rules! fields {
    ($type:ident { $($field:ident),* $(,)? }) => {{
        let _ = |$type { $($field: _),* }: $type| ();
        [$(stringify!($field)),*]
    }};
}

#[test]
fn the_world_imports_nothing_and_exports_the_labeller_alone() {
    let contract = Contract::read();
    let world = contract.world();
    assert_eq!(world.name, "plugin");
    assert_eq!(world.imports.len(), 0);
    let exports: Vec<_> = world
        .exports
        .values()
        .map(|item| match item {
            WorldItem::Interface { id, .. } => contract.resolve.interfaces[*id].name.as_deref(),
            other => panic!("{other:?} is exported"),
        })
        .collect();
    assert_eq!(exports, [Some("labeller")]);
}

#[test]
fn the_package_has_the_name_that_hosts_ask_for() {
    let contract = Contract::read();
    let names: Vec<_> = contract.resolve.package_names.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["logtriage:plugin@0.1.0"]);
}

#[test]
fn every_item_is_documented() {
    let contract = Contract::read();
    let mut items = Vec::new();
    for (_, package) in &contract.resolve.packages {
        items.push((package.name.to_string(), &package.docs));
    }
    items.push(("plugin".to_owned(), &contract.world().docs));
    items.push(("labeller".to_owned(), &contract.labeller().docs));
    for export in contract.world().exports.values() {
        if let WorldItem::Interface { docs, .. } = export {
            items.push(("export labeller".to_owned(), docs));
        }
    }
    items.extend(contract.functions().map(|function| (function.name.clone(), &function.docs)));
    for ty in contract.types() {
        let name = ty.name.as_deref().unwrap_or_default();
        items.push((name.to_owned(), &ty.docs));
        items.extend(members(ty).into_iter().map(|(m, docs)| (format!("{name}.{m}"), docs)));
    }
    assert!(items.len() > 80, "{} items were found", items.len());
    let silent: Vec<_> = items.iter().filter(|(_, docs)| text(docs).is_empty()).collect();
    assert!(silent.is_empty(), "without docs: {silent:?}");
}

#[test]
fn the_labeller_has_the_calls_that_hosts_need() {
    let contract = Contract::read();
    let names: Vec<_> = contract.functions().map(|function| &*function.name).collect();
    let needed =
        ["configure", "label", "label-many", "annotate", "take-pending", "learn", "current-stats"];
    assert_eq!(names, needed);
}

#[test]
fn tiers_are_those_of_the_engine() {
    let contract = Contract::read();
    let tiers = Tier::ALL.map(Tier::name);
    assert_eq!(contract.members("tier"), tiers);
    assert_eq!(contract.members("tier-counts"), tiers);
}

#[test]
fn kinds_are_those_of_the_engine() {
    let name = |kind| match kind {
        Kind::Person => "person",
        Kind::Machine => "machine",
    };
    assert_eq!(Contract::read().members("kind"), [Kind::Person, Kind::Machine].map(name));
}

#[test]
fn events_and_outcomes_are_those_of_the_engine() {
    let contract = Contract::read();
    assert_eq!(contract.members("event"), fields!(Event { message, source }));
    let engine = fields!(Outcome {
        label_id,
        label,
        tier,
        confidence,
        template_id,
        template,
        rule,
        by,
        reason,
        pending,
        candidates,
        group,
    });
    // An id of a label means nothing outside.
    assert_eq!(contract.members("outcome"), engine[1..]);
    let printed = ["label", "tier", "confidence", "template_id"].into_iter();
    let printed = printed.chain(Field::ALL.map(|(name, _)| name));
    assert_eq!(contract.members("outcome"), printed.collect::<Vec<_>>());
}

#[test]
fn verdicts_and_pending_templates_are_those_of_the_engine() {
    let contract = Contract::read();
    let verdict = fields!(Verdict { template, label, by, reason });
    assert_eq!(contract.members("verdict"), [&verdict[..], &["kind"]].concat());
    let pending =
        fields!(Pending { template, template_id, source, message, count, candidates, first_seen });
    assert_eq!(contract.members("pending"), pending);
    assert_eq!(contract.members("learned"), fields!(Learned { taken, refused }));
}

#[test]
fn counts_are_those_of_the_engine() {
    let engine = fields!(Stats {
        events,
        tiers,
        labels,
        no_message,
        not_records,
        malformed,
        cache_hits,
        cache_misses,
        cached,
        shed,
        pending,
        pending_let_go,
        encoder_failures,
    });
    // The guest has no transformer that could fail.
    let mut contract = Contract::read().members("stats");
    contract.push("encoder_failures".to_owned());
    assert_eq!(contract, engine);
}

#[test]
fn errors_in_texts_are_those_of_the_engine() {
    let engine = fields!(TextError { file, line, column, message });
    assert_eq!(Contract::read().members("text-error"), engine);
}

#[test]
fn the_labels_in_the_docs_are_the_default_ones() {
    let docs = Contract::read().docs("outcome", "label");
    let quoted: Vec<_> = docs.split('`').skip(1).step_by(2).collect();
    let labels = DEFAULT_LABELS.iter().map(|(name, _)| *name);
    assert_eq!(quoted, [UNCLASSIFIED].into_iter().chain(labels).collect::<Vec<_>>());
}

#[test]
fn the_limits_in_the_docs_are_the_engines() {
    let contract = Contract::read();
    let limits = [
        ("outcome", "template", MAX_TEMPLATE),
        ("pending", "template", MAX_TEMPLATE),
        ("stats", "pending", MAX_PENDING),
        ("stats", "cached", MAX_CACHE_SIZE),
        ("stats", "cached", logtriage_engine::Config::default().cache_size),
        ("learned", "refused", MAX_VERDICTS),
        ("error", "rules", MAX_RULES),
    ];
    for (ty, member, limit) in limits {
        let docs = contract.docs(ty, member);
        assert!(docs.contains(&written(limit)), "{ty}.{member} does not say {limit}: {docs}");
    }
    let take_pending = text(&contract.labeller().functions["take-pending"].docs);
    assert!(take_pending.contains(&written(MAX_PENDING)), "{take_pending}");
    assert!(take_pending.contains("ten minutes") && OFFER_AGAIN_AFTER == 10 * 60_000);
}
