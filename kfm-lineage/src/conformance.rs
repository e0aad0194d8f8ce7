//! The conformance suite: a test for each law of [`LineageGraph`], for implementers.
//!
//! ```
//! # mod tests {
//! use kfm_lineage::MemoryLineage;
//!
//! kfm_lineage::lineage_conformance!(MemoryLineage::new());
//! # }
//! ```
//! The expression makes an empty graph and may await. Each law becomes a `tokio::test`.

use std::collections::BTreeSet;

use crate::digest::Digest;
use crate::graph::{
    Content, DerivativeKind, EntityKind, EntityVersion, LineageClass, LineageError, LineageGraph,
    LineageVersion, Source, VersionRef,
};
use crate::id::{EntityId, OperationId};

/// Makes a test of every law for the graph that an expression makes.
#[macro_export]
macro_rules! lineage_conformance {
    ($make:expr) => {
        $crate::lineage_conformance! { @laws $make;
            a_version_appended_again_changes_nothing
            a_version_is_never_overwritten
            what_is_not_known_is_refused
            dependants_are_transitive_and_contain_their_roots
            a_diamond_is_answered_once
            cycles_are_answered_like_anything_else
            ancestors_are_the_inverse_of_dependants
            answers_are_in_the_order_of_the_log
            history_is_no_dependence
            a_source_is_the_version_that_its_operation_made
            a_source_without_an_operation_is_the_newest_older_one
            a_doubtful_source_never_makes_a_dependant_disappear
            each_class_of_finding_is_found_where_it_is
        }
    };
    (@laws $make:expr; $($law:ident)+) => {
        $(
            #[tokio::test]
            async fn $law() {
                $crate::conformance::$law(&$make).await;
            }
        )+
    };
}

/// Law **Append once**: a version appended again as it was changes nothing.
pub async fn a_version_appended_again_changes_nothing(graph: &dyn LineageGraph) {
    let versions = [item("a", 1), item("b", 1).from("a", Some(1))].map(Draft::build);
    append(graph, &versions).await;
    let before = graph.dependants(&[named("a", 1)]).await;
    append(graph, &versions).await;
    append(graph, &versions[1..]).await;
    assert_eq!(graph.dependants(&[named("a", 1)]).await, before);
    assert_eq!(graph.history(&entity("a")).await.map(|versions| versions.len()), Ok(1));
}

/// Law **No overwrite**: a version appended with other content is refused.
pub async fn a_version_is_never_overwritten(graph: &dyn LineageGraph) {
    let first = item("a", 1).from("s", None).build();
    append(graph, std::slice::from_ref(&first)).await;
    let others = [
        EntityVersion { kind: EntityKind::StacCollection, ..first.clone() },
        EntityVersion { content: Content::Retired, ..first.clone() },
        EntityVersion { before: Some(Digest::of_bytes(b"other")), ..first.clone() },
        EntityVersion { predecessor: Some(operation(7)), ..first.clone() },
        EntityVersion { sources: Vec::new(), ..first.clone() },
    ];
    for other in others {
        let refused = Err(LineageError::Conflict { version: named("a", 1) });
        assert_eq!(graph.append(&[item("b", 1).build(), other]).await, refused);
        assert_eq!(names(graph.made_by(&operation(1)).await), ["a@1"], "nothing of the call is kept");
    }
    let twice = [item("b", 1).build(), item("b", 1).from("a", None).build()];
    assert_eq!(graph.append(&twice).await, Err(LineageError::Conflict { version: named("b", 1) }));
}

/// Law **Known or refused**: a question about an unknown id is an error.
pub async fn what_is_not_known_is_refused(graph: &dyn LineageGraph) {
    // `c` and operation 3 are only named: no version was made of `c` or by operation 3.
    append(graph, &[item("a", 1).build(), item("b", 2).from("c", Some(3)).build()]).await;
    let unknown = |id: String| Err(LineageError::Unknown { id });
    for version in [named("c", 3), named("a", 2), named("x", 9)] {
        assert_eq!(graph.dependants(&[named("a", 1), version.clone()]).await, unknown(version.to_string()));
        assert_eq!(graph.ancestors(&[named("a", 1), version.clone()]).await, unknown(version.to_string()));
    }
    for nobody in [operation(3), operation(9)] {
        assert_eq!(graph.made_by(&nobody).await, unknown(nobody.to_string()));
    }
    for nothing in [entity("c"), entity("x")] {
        assert_eq!(graph.history(&nothing).await, unknown(nothing.to_string()));
    }
}

/// Law **Closed**: dependants and ancestors are transitive and contain what was asked about.
pub async fn dependants_are_transitive_and_contain_their_roots(graph: &dyn LineageGraph) {
    let chain =
        [item("a", 1), item("b", 2).from("a", Some(1)), item("c", 3).from("b", Some(2)), item("d", 3)];
    append(graph, &chain.map(Draft::build)).await;
    assert_eq!(names(graph.dependants(&[named("a", 1)]).await), ["a@1", "b@2", "c@3"]);
    assert_eq!(names(graph.ancestors(&[named("c", 3)]).await), ["a@1", "b@2", "c@3"]);
    assert_eq!(names(graph.dependants(&[named("c", 3)]).await), ["c@3"]);
    assert_eq!(names(graph.dependants(&[]).await), [""; 0]);
}

/// Law **Once**: a version reached on several paths is answered once.
pub async fn a_diamond_is_answered_once(graph: &dyn LineageGraph) {
    let diamond = [
        item("a", 1),
        item("b", 1).from("a", Some(1)),
        item("c", 1).from("a", Some(1)).from("a", None),
        item("d", 1).from("b", Some(1)).from("c", Some(1)),
    ];
    append(graph, &diamond.map(Draft::build)).await;
    let root = named("a", 1);
    assert_eq!(names(graph.dependants(&[root.clone(), root]).await), ["a@1", "b@1", "c@1", "d@1"]);
    assert_eq!(names(graph.ancestors(&[named("d", 1)]).await), ["a@1", "b@1", "c@1", "d@1"]);
}

/// Law **Cycle-safe**: versions that name each other as sources are answered.
pub async fn cycles_are_answered_like_anything_else(graph: &dyn LineageGraph) {
    let cycle = [
        item("a", 1).from("c", Some(1)).from("a", Some(1)),
        item("b", 1).from("a", Some(1)),
        item("c", 1).from("b", Some(1)),
        item("d", 2).from("b", Some(1)),
    ];
    append(graph, &cycle.map(Draft::build)).await;
    for root in ["a", "b", "c"] {
        assert_eq!(names(graph.dependants(&[named(root, 1)]).await), ["a@1", "b@1", "c@1", "d@2"]);
        assert_eq!(names(graph.ancestors(&[named(root, 1)]).await), ["a@1", "b@1", "c@1"]);
    }
}

/// Law **Inverse**: dependants and ancestors are the inverse of each other.
pub async fn ancestors_are_the_inverse_of_dependants(graph: &dyn LineageGraph) {
    // Every version is made from some of those before it, and one version from one after it.
    let versions: Vec<EntityVersion> = (0..40u32)
        .map(|n| {
            let sources = (0..n).filter(|m| (n * 7 + m * 13) % 11 == 0).chain((n == 20).then_some(30));
            sources.fold(item(&format!("e{n}"), 1), |draft, m| draft.from(&format!("e{m}"), Some(1))).build()
        })
        .collect();
    append(graph, &versions).await;
    let all: Vec<VersionRef> = (0..40).map(|n| named(&format!("e{n}"), 1)).collect();
    let mut dependants = BTreeSet::new();
    let mut ancestors = BTreeSet::new();
    for one in &all {
        for other in graph.dependants(std::slice::from_ref(one)).await.expect("it was appended") {
            dependants.insert((one.clone(), other.name()));
        }
        for other in graph.ancestors(std::slice::from_ref(one)).await.expect("it was appended") {
            ancestors.insert((other.name(), one.clone()));
        }
    }
    assert_eq!(dependants, ancestors);
    assert!(dependants.len() > all.len(), "something depends on something else");
}

/// Law **Log order**: answers are in the order of appending.
pub async fn answers_are_in_the_order_of_the_log(graph: &dyn LineageGraph) {
    let versions =
        [item("z", 1), item("m", 1), item("a", 2).from("z", Some(1)), item("b", 3).from("m", Some(1))];
    append(graph, &versions.map(Draft::build)).await;
    let expected = ["z@1", "m@1", "a@2", "b@3"];
    for roots in [[named("z", 1), named("m", 1)], [named("m", 1), named("z", 1)]] {
        assert_eq!(names(graph.dependants(&roots).await), expected);
    }
    assert_eq!(names(graph.ancestors(&[named("b", 3), named("a", 2)]).await), expected);
    assert_eq!(names(graph.made_by(&operation(1)).await), ["z@1", "m@1"]);
}

/// Law **No history**: a predecessor is no source.
pub async fn history_is_no_dependence(graph: &dyn LineageGraph) {
    let chain = [item("a", 1), item("a", 2).after(1), item("b", 2), item("a", 5).after(2)];
    append(graph, &chain.map(Draft::build)).await;
    assert_eq!(names(graph.dependants(&[named("a", 1)]).await), ["a@1"]);
    assert_eq!(names(graph.ancestors(&[named("a", 5)]).await), ["a@5"]);
    let history = graph.history(&entity("a")).await.expect("it was appended");
    let predecessors: Vec<_> = history.iter().map(|version| version.predecessor.clone()).collect();
    assert_eq!(predecessors, [None, Some(operation(1)), Some(operation(2))]);
    assert_eq!(names(Ok(history)), ["a@1", "a@2", "a@5"]);
}

/// Law **Exact sources**, for a source that names its operation.
pub async fn a_source_is_the_version_that_its_operation_made(graph: &dyn LineageGraph) {
    // Operation 2 was undone when `b` was made, and a hotfix depends on the version that it patched.
    let versions = [
        item("a", 1),
        item("a", 2).after(1),
        item("b", 3).from("a", Some(1)),
        item("a", 4).after(2).from("a", Some(2)),
    ];
    append(graph, &versions.map(Draft::build)).await;
    assert_eq!(names(graph.dependants(&[named("a", 1)]).await), ["a@1", "b@3"]);
    assert_eq!(names(graph.dependants(&[named("a", 2)]).await), ["a@2", "a@4"]);
}

/// Law **Exact sources**, for a source that names no operation.
pub async fn a_source_without_an_operation_is_the_newest_older_one(graph: &dyn LineageGraph) {
    // All in one call, as a graph is fed from a log: a later version is no source of an earlier one.
    let versions = [
        item("a", 1),
        item("a", 2).after(1),
        item("b", 3).from("a", None),
        item("c", 4).from("a", None),
        item("a", 4).after(2),
        item("a", 5).after(4),
        item("a", 6).after(5).from("a", None),
    ];
    append(graph, &versions.map(Draft::build)).await;
    assert_eq!(names(graph.dependants(&[named("a", 1)]).await), ["a@1"]);
    assert_eq!(names(graph.dependants(&[named("a", 2)]).await), ["a@2", "b@3"]);
    assert_eq!(names(graph.dependants(&[named("a", 4)]).await), ["c@4", "a@4"]);
    assert_eq!(names(graph.dependants(&[named("a", 5)]).await), ["a@5", "a@6"]);
}

/// Law **Never fewer**: a doubt never makes a dependant disappear.
pub async fn a_doubtful_source_never_makes_a_dependant_disappear(graph: &dyn LineageGraph) {
    append(graph, &[item("a", 1).build()]).await;
    append(graph, &[item("b", 2).from("a", Some(9)), item("c", 2).from("x", None)].map(Draft::build)).await;
    append(graph, &[item("x", 3).build()]).await;
    assert_eq!(names(graph.dependants(&[named("a", 1)]).await), ["a@1", "b@2"]);
    assert_eq!(names(graph.dependants(&[named("x", 3)]).await), ["x@3"], "sources are not resolved anew");
    let present = BTreeSet::new();
    let findings = graph.check(&present).await.expect("nothing can fail");
    let found: Vec<_> = findings.into_iter().map(|finding| (finding.class, finding.entity)).collect();
    assert_eq!(found, ["b", "c"].map(|name| (LineageClass::UnknownSource, entity(name))));
}

/// Law **Findings**: each class of finding is found where it is, and nowhere else.
pub async fn each_class_of_finding_is_found_where_it_is(graph: &dyn LineageGraph) {
    let asset = |name| item(name, 1).kind(EntityKind::SourceAsset);
    let tiles = |name, n| item(name, n).kind(EntityKind::Derivative(DerivativeKind::Tiles));
    let mut no_digest = item("no-digest", 1).build();
    no_digest.content = Content::Unrecorded;
    let mut other_before = item("other-before", 2).after(1).build();
    other_before.before = Some(Digest::of_bytes(b"edited by hand"));
    let mut no_predecessor = item("no-predecessor", 2).build();
    no_predecessor.before = Some(Digest::of_bytes(b"from nowhere"));
    let mut adopted = item("adopted", 1).build();
    adopted.before = Some(Digest::of_bytes(b"adopted@1"));
    let mut retired = tiles("retired", 2).after(1).build();
    retired.content = Content::Retired;
    let versions = [
        asset("unused").build(),
        asset("used").build(),
        item("scene", 1).from("used", Some(1)).build(),
        tiles("tiles", 1).from("scene", Some(1)).build(),
        tiles("from-nothing", 1).build(),
        tiles("from-itself", 1).from("from-itself", Some(1)).build(),
        tiles("retired", 1).from("scene", Some(1)).build(),
        retired,
        no_digest,
        item("other-before", 1).build(),
        other_before,
        no_predecessor,
        item("lost-predecessor", 2).after(7).build(),
        item("later-predecessor", 1).after(2).build(),
        item("later-predecessor", 2).build(),
        adopted,
        item("unknown-source", 2).from("x", Some(1)).build(),
    ];
    append(graph, &versions).await;
    let present = ["scene", "stranger"].map(entity).into();
    let findings = graph.check(&present).await.expect("nothing can fail");
    let found: Vec<String> = findings
        .iter()
        .map(|finding| {
            let name = finding.entity.as_str().trim_start_matches("kfm-stac://catalog/");
            let made_by =
                finding.operation.as_ref().map_or_else(String::new, |by| format!("@{}", number(by)));
            format!("{} {name}{made_by}", finding.class)
        })
        .collect();
    assert_eq!(
        found,
        [
            "orphan unused",
            "missing_digest no-digest@1",
            "broken_chain later-predecessor@1",
            "broken_chain lost-predecessor@2",
            "broken_chain no-predecessor@2",
            "broken_chain other-before@2",
            "item_without_lineage stranger",
            "output_without_origin from-itself@1",
            "output_without_origin from-nothing@1",
            "unknown_source unknown-source@2",
        ]
    );
}

/// A version that is being built.
struct Draft(EntityVersion);

fn item(name: &str, n: u32) -> Draft {
    Draft(EntityVersion {
        entity: entity(name),
        kind: EntityKind::StacItem,
        operation: operation(n),
        content: content(name, n),
        before: None,
        predecessor: None,
        sources: Vec::new(),
    })
}

impl Draft {
    fn kind(mut self, kind: EntityKind) -> Self {
        self.0.kind = kind;
        self
    }

    fn from(mut self, name: &str, n: Option<u32>) -> Self {
        self.0.sources.push(Source { entity: entity(name), operation: n.map(operation) });
        self
    }

    fn after(mut self, n: u32) -> Self {
        let name = self.0.entity.as_str().trim_start_matches("kfm-stac://catalog/").to_owned();
        self.0.predecessor = Some(operation(n));
        self.0.before = match content(&name, n) {
            Content::Digest(digest) => Some(digest),
            Content::Retired | Content::Unrecorded => None,
        };
        self
    }

    fn build(self) -> EntityVersion {
        self.0
    }
}

fn content(name: &str, n: u32) -> Content {
    Content::Digest(Digest::of_bytes(format!("{name}@{n}").as_bytes()))
}

fn entity(name: &str) -> EntityId {
    EntityId::parse(&format!("kfm-stac://catalog/{name}")).expect("a short name without control characters")
}

fn operation(n: u32) -> OperationId {
    OperationId::parse(&format!("pub_2025_01_01T00_00_{n:02}Z_test")).expect("the owner's form")
}

/// Returns the number from which a test has made an operation's id.
fn number(operation: &OperationId) -> u32 {
    operation.as_str()[21..23].parse().expect("two digits")
}

fn named(name: &str, n: u32) -> VersionRef {
    VersionRef { entity: entity(name), operation: operation(n) }
}

async fn append(graph: &dyn LineageGraph, versions: &[EntityVersion]) {
    assert_eq!(graph.append(versions).await, Ok(()));
}

fn names(versions: Result<Vec<LineageVersion>, LineageError>) -> Vec<String> {
    let versions = versions.expect("everything that is asked about was appended");
    let short = |version: &LineageVersion| {
        let name = version.entity.as_str().trim_start_matches("kfm-stac://catalog/");
        format!("{name}@{}", number(&version.operation))
    };
    versions.iter().map(short).collect()
}
