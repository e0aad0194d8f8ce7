//! The order of steps: a reader that starts at a root and follows links never meets a broken one.
//!
//! A document appears before the document that lists it, and disappears after it; derived stores switch in between
//! (`docs/states.md` section 3), and in a derived catalog documents appear and disappear in the same order. Going back
//! makes the same steps from the last to the first.

use std::collections::{BTreeMap, BTreeSet};

use kfm_lineage::{CellId, Domain, Step};
use kfm_wal::record::Batch;

/// The most steps that one intent announces.
pub(crate) const BATCH_STEPS_MAX: usize = 1_000;

/// Where a step stands in the order for readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Documents of the target appear or change.
    Expand,
    /// Derived stores switch.
    Derive,
    /// Documents of the target disappear.
    Contract,
}

impl Phase {
    /// Returns the phase of a step.
    pub(crate) fn of(step: &Step) -> Self {
        match step.after {
            _ if step.derived || step.cell.domain != Domain::Stac => Self::Derive,
            Some(_) => Self::Expand,
            None => Self::Contract,
        }
    }

    /// Returns the word used in output.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Expand => "expand",
            Self::Derive => "derive",
            Self::Contract => "contract",
        }
    }
}

/// What a document lists, by path, before and after: its `child` and `item` targets in the store.
pub(crate) type Listings = BTreeMap<String, Vec<String>>;

/// Puts steps in order: adds (the listed document before the document that lists it), changes, derived cells,
/// retires (the listing document before the listed one). A document that is in the way of another one disappears
/// first: no store can have `x.json` as a file and as the folder of `x.json/y.json`. Derived stores come one after the
/// other, and each derived catalog in the same order as the target.
///
/// `after` holds what documents list once the steps are made, `before` what they list now; documents that do
/// not move need not be in them. Reference cycles, which real catalogs have, are cut at the smallest path.
pub(crate) fn order_steps(mut steps: Vec<Step>, before: &Listings, after: &Listings) -> Vec<Step> {
    steps.sort_by(|a, b| a.cell.cmp(&b.cell));
    let level_after = levels(&steps, after);
    let level_before = levels(&steps, before);
    let in_the_way = in_the_way(&steps);
    let mut store_number: BTreeMap<String, usize> = BTreeMap::new();
    for step in &steps {
        let next = store_number.len();
        store_number.entry(step.cell.store.clone()).or_insert(next);
    }
    steps.sort_by_key(|step| {
        let is_listed = step.cell.domain == Domain::Stac;
        let (turn, level) = match step.after {
            _ if !is_listed => (Turn::Change, 0),
            _ if in_the_way.contains(&step.cell) => (Turn::GiveWay, 0),
            Some(_) => {
                let turn = if step.before.is_none() { Turn::Add } else { Turn::Change };
                (turn, level_after.get(&step.cell.key).copied().unwrap_or(0))
            }
            None => (Turn::Retire, usize::MAX - level_before.get(&step.cell.key).copied().unwrap_or(0)),
        };
        match Phase::of(step) {
            Phase::Derive => (true, Phase::Derive, store_number[&step.cell.store], turn, level),
            phase => (turn != Turn::GiveWay, phase, 0, turn, level),
        }
    });
    steps
}

/// When a step has its turn within its phase and its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    GiveWay,
    Add,
    Change,
    Retire,
}

/// Lists the documents that disappear where another one appears below their path, or above it.
fn in_the_way(steps: &[Step]) -> BTreeSet<CellId> {
    let documents = || steps.iter().filter(|step| step.cell.domain == Domain::Stac);
    let added = documents().filter(|step| step.before.is_none() && step.after.is_some());
    let added: BTreeSet<(&str, &str)> =
        added.map(|step| (step.cell.store.as_str(), step.cell.key.as_str())).collect();
    let is_in_the_way = |step: &&Step| {
        let (store, key) = (step.cell.store.as_str(), step.cell.key.as_str());
        let above = key.match_indices('/').any(|(at, _)| added.contains(&(store, &key[..at])));
        let below = format!("{key}/");
        let next = added.range((store, below.as_str())..).next();
        above || next.is_some_and(|(other, path)| *other == store && path.starts_with(&below))
    };
    let gone = documents().filter(|step| step.after.is_none() && step.before.is_some());
    gone.filter(is_in_the_way).map(|step| step.cell.clone()).collect()
}

/// Says how far up each document stands: one level above the highest of the moved documents that it lists.
fn levels(steps: &[Step], listings: &Listings) -> BTreeMap<String, usize> {
    let moved: BTreeSet<&str> = steps
        .iter()
        .filter(|step| step.cell.domain == Domain::Stac)
        .map(|step| step.cell.key.as_str())
        .collect();
    let none = Vec::new();
    let mut levels: BTreeMap<String, usize> = BTreeMap::new();
    let mut entered = BTreeSet::new();
    for &root in &moved {
        if !entered.insert(root) {
            continue;
        }
        // Depth first without recursion, since a chain of catalogs may be as long as the whole catalog.
        let mut stack = vec![(root, 0)];
        while let Some((path, next)) = stack.pop() {
            let listed = listings.get(path).unwrap_or(&none);
            match listed.get(next) {
                Some(target) => {
                    stack.push((path, next + 1));
                    if let Some(&target) = moved.get(target.as_str())
                        && entered.insert(target)
                    {
                        stack.push((target, 0));
                    }
                }
                None => {
                    // Of a cycle, the document that was entered first has no level yet.
                    let below = listed.iter().filter_map(|target| levels.get(target)).max();
                    levels.insert(path.to_owned(), below.map_or(0, |below| below + 1));
                }
            }
        }
    }
    levels
}

/// Names the steps, by their place, that must not be made at the same time as the one before: a document that lists
/// one of those just added, or that is listed by one of those just retired. Between two such places the order of steps
/// does not matter to readers.
///
/// Where what a document lists is not known, `before` and `after` have no entry for it; then it stands alone.
pub(crate) fn barriers(steps: &[Step], before: &Listings, after: &Listings) -> BTreeSet<usize> {
    let mut barriers = BTreeSet::new();
    // The documents since the last barrier, and what they list.
    let (mut made, mut listed) = (BTreeSet::new(), BTreeSet::new());
    let (mut last, mut stands_alone) = (None, false);
    for (at, step) in steps.iter().enumerate() {
        let (is_document, appears) = (step.cell.domain == Domain::Stac, step.after.is_some());
        let (run, key) = ((&step.cell.store, is_document && appears), step.cell.key.as_str());
        let lists = match (is_document, appears) {
            (false, _) => Some(const { &Vec::new() }),
            (true, true) => after.get(key),
            (true, false) => before.get(key),
        };
        let depends = is_document
            && match appears {
                true => lists.is_some_and(|lists| lists.iter().any(|target| made.contains(target.as_str()))),
                false => listed.contains(key),
            };
        if last != Some(run) || depends || stands_alone || lists.is_none() {
            barriers.insert(at);
            made.clear();
            listed.clear();
        }
        made.insert(key);
        listed.extend(lists.into_iter().flatten().map(String::as_str));
        (last, stands_alone) = (Some(run), lists.is_none());
    }
    barriers
}

/// Cuts ordered steps into batches: each has steps of one store and one phase, at most [`BATCH_STEPS_MAX`].
pub(crate) fn batches(steps: &[Step]) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    let mut last: Option<(&str, Phase)> = None;
    for (index, step) in steps.iter().enumerate() {
        let run = (step.cell.store.as_str(), Phase::of(step));
        match batches.last_mut() {
            Some(batch) if last == Some(run) && (batch.count as usize) < BATCH_STEPS_MAX => batch.count += 1,
            _ => batches.push(Batch { first: index as u64, count: 1 }),
        }
        last = Some(run);
    }
    batches
}

#[cfg(test)]
mod tests {
    use kfm_lineage::{CellId, Digest, EntityId, Value};

    use super::*;

    fn step(domain: Domain, key: &str, before: bool, after: bool) -> Step {
        let value = |is: bool, text: &str| -> Value { is.then(|| Digest::of_bytes(text.as_bytes())) };
        Step {
            cell: CellId::new(domain, domain.as_str(), key),
            unit: "-".into(),
            entity: EntityId::parse(key).unwrap(),
            from_version: None,
            to_version: None,
            before: value(before, "before"),
            after: value(after, "after"),
            derived: domain != Domain::Stac,
            stac_id: None,
            collection: None,
            other_names: kfm_lineage::OtherNames::default(),
        }
    }

    fn listings(pairs: &[(&str, &[&str])]) -> Listings {
        pairs
            .iter()
            .map(|(path, listed)| ((*path).into(), listed.iter().map(|t| (*t).into()).collect()))
            .collect()
    }

    fn keys(steps: &[Step]) -> Vec<&str> {
        steps.iter().map(|step| step.cell.key.as_str()).collect()
    }

    #[test]
    fn a_document_appears_before_what_lists_it_and_disappears_after_it() {
        let tree = listings(&[("catalog.json", &["c.json"]), ("c.json", &["i1.json", "i2.json"])]);
        let paths = ["catalog.json", "c.json", "i1.json", "i2.json"];
        let added = paths.map(|path| step(Domain::Stac, path, false, true)).to_vec();
        assert_eq!(
            keys(&order_steps(added, &Listings::new(), &tree)),
            ["i1.json", "i2.json", "c.json", "catalog.json"]
        );
        let retired = paths.map(|path| step(Domain::Stac, path, true, false)).to_vec();
        assert_eq!(
            keys(&order_steps(retired, &tree, &Listings::new())),
            ["catalog.json", "c.json", "i1.json", "i2.json"]
        );
    }

    #[test]
    fn only_what_lists_another_step_waits_for_it() {
        let tree = listings(&[
            ("catalog.json", &["c.json", "d.json"]),
            ("c.json", &["i1.json", "i2.json"]),
            ("d.json", &["i3.json"]),
            ("i1.json", &[]),
            ("i2.json", &[]),
            ("i3.json", &[]),
        ]);
        let paths = ["catalog.json", "c.json", "d.json", "i1.json", "i2.json", "i3.json"];
        let cut = |adds: bool, before: &Listings, after: &Listings| {
            let steps = paths.map(|path| step(Domain::Stac, path, !adds, adds)).to_vec();
            let steps = order_steps(steps, before, after);
            barriers(&steps, before, after).into_iter().collect::<Vec<_>>()
        };
        let none = Listings::new();
        assert_eq!(cut(true, &none, &tree), [0, 3, 5], "three items, two collections, the catalog");
        assert_eq!(cut(false, &tree, &none), [0, 1, 3], "the catalog, two collections, three items");
        assert_eq!(cut(true, &none, &none), [0, 1, 2, 3, 4, 5], "nothing is known of them");
    }

    #[test]
    fn steps_in_an_order_of_an_older_engine_wait_for_each_other_too() {
        let tree = listings(&[
            ("c.json", &["i1.json"]),
            ("d.json", &["i2.json"]),
            ("i1.json", &[]),
            ("i2.json", &[]),
        ]);
        let steps =
            ["i1.json", "c.json", "i2.json", "d.json"].map(|path| step(Domain::Stac, path, false, true));
        assert_eq!(barriers(&steps, &Listings::new(), &tree).into_iter().collect::<Vec<_>>(), [0, 1, 3]);
    }

    #[test]
    fn derived_cells_switch_between_appearing_and_disappearing() {
        let steps = vec![
            step(Domain::Stac, "old.json", true, false),
            step(Domain::Cache, "kfm-c", true, true),
            step(Domain::Stac, "new.json", false, true),
            step(Domain::Stac, "c.json", true, true),
            step(Domain::Graph, "new.json", false, true),
        ];
        let ordered = order_steps(steps, &Listings::new(), &listings(&[("c.json", &["new.json"])]));
        assert_eq!(keys(&ordered), ["new.json", "c.json", "new.json", "kfm-c", "old.json"]);
    }

    #[test]
    fn a_derived_catalog_switches_with_the_derived_stores_in_the_order_of_its_own_readers() {
        let copy = |path: &str, before: bool, after: bool| Step {
            derived: true,
            cell: CellId::new(Domain::Stac, "mirror", path),
            ..step(Domain::Stac, path, before, after)
        };
        let target = |path: &str, before: bool, after: bool| step(Domain::Stac, path, before, after);
        let moved = [
            ("c.json", true, true),
            ("new.json", false, true),
            ("old.json", true, false),
            ("x.json", true, false),
            ("x.json/y.json", false, true),
        ];
        let mut steps: Vec<Step> = moved.iter().map(|(path, was, is)| target(path, *was, *is)).collect();
        steps.extend(moved.iter().map(|(path, was, is)| copy(path, *was, *is)));
        steps.push(step(Domain::Graph, "new.json", false, true));
        let ordered = order_steps(steps, &Listings::new(), &listings(&[("c.json", &["new.json"])]));
        let named: Vec<String> =
            ordered.iter().map(|step| format!("{} {}", step.cell.store, step.cell.key)).collect();
        assert_eq!(
            named,
            [
                "stac x.json",
                "stac new.json",
                "stac x.json/y.json",
                "stac c.json",
                "mirror x.json",
                "mirror new.json",
                "mirror x.json/y.json",
                "mirror c.json",
                "mirror old.json",
                "graph new.json",
                "stac old.json",
            ]
        );
        let phases: Vec<Phase> = ordered.iter().map(Phase::of).collect();
        assert!(phases[1..].is_sorted(), "{phases:?}");
    }

    #[test]
    fn a_cycle_of_listings_ends_and_loses_no_step() {
        let cycle = listings(&[("a.json", &["b.json"]), ("b.json", &["a.json"])]);
        let steps = ["a.json", "b.json"].map(|path| step(Domain::Stac, path, false, true)).to_vec();
        assert_eq!(keys(&order_steps(steps, &Listings::new(), &cycle)), ["b.json", "a.json"]);
    }

    #[test]
    fn batches_cover_every_step_once_and_never_span_stores() {
        let mut steps: Vec<Step> =
            (0..2_500).map(|n| step(Domain::Stac, &format!("{n:05}.json"), false, true)).collect();
        steps.push(step(Domain::Graph, "n", false, true));
        let batches = batches(&steps);
        let sizes: Vec<u64> = batches.iter().map(|batch| batch.count).collect();
        assert_eq!(sizes, [1_000, 1_000, 500, 1]);
        assert!(batches.windows(2).all(|pair| pair[0].first + pair[0].count == pair[1].first));
    }

    #[test]
    fn a_document_stands_one_level_above_the_highest_of_those_it_lists() {
        for (rule, moved, tree, expected) in [
            ("what lists nothing stands at the bottom", "a b", &[][..], "a=0 b=0"),
            (
                "a collection above its items, the root above it",
                "c i r",
                &[("c", &["i"][..]), ("r", &["c"])],
                "c=1 i=0 r=2",
            ),
            ("it goes by the highest", "c i r", &[("c", &["i"]), ("r", &["i", "c"])], "c=1 i=0 r=2"),
            ("documents that do not move do not count", "i r", &[("c", &["i"]), ("r", &["c"])], "i=0 r=0"),
            (
                "a document listed twice stands where it stands",
                "c d i",
                &[("c", &["i"]), ("d", &["i"])],
                "c=1 d=1 i=0",
            ),
            ("of a cycle, the smallest path comes last", "a b", &[("a", &["b"]), ("b", &["a"])], "a=1 b=0"),
            ("a document that lists itself", "a", &[("a", &["a"])], "a=0"),
        ] {
            let steps: Vec<Step> =
                moved.split(' ').map(|path| step(Domain::Stac, path, false, true)).collect();
            let found = levels(&steps, &listings(tree));
            let found: Vec<String> = found.iter().map(|(path, level)| format!("{path}={level}")).collect();
            assert_eq!(found.join(" "), expected, "{rule}");
        }
    }

    #[test]
    fn a_chain_of_catalogs_may_be_as_long_as_the_whole_catalog() {
        let path = |n: usize| format!("{n:06}");
        let steps: Vec<Step> = (0..50_000).map(|n| step(Domain::Stac, &path(n), false, true)).collect();
        let chain: Listings = (1..50_000).map(|n| (path(n), vec![path(n - 1)])).collect();
        assert_eq!(levels(&steps, &chain)[&path(49_999)], 49_999);
    }

    #[test]
    fn a_step_has_its_phase_by_its_store_and_by_what_it_leaves() {
        for (rule, step, phase) in [
            ("a document appears", step(Domain::Stac, "a", false, true), Phase::Expand),
            ("a document changes", step(Domain::Stac, "a", true, true), Phase::Expand),
            ("a document disappears", step(Domain::Stac, "a", true, false), Phase::Contract),
            ("a node appears", step(Domain::Graph, "a", false, true), Phase::Derive),
            ("an alias disappears", step(Domain::Search, "a", true, false), Phase::Derive),
            (
                "a document of a derived catalog disappears",
                Step { derived: true, ..step(Domain::Stac, "a", true, false) },
                Phase::Derive,
            ),
            (
                "a cell that a pipeline keeps in the graph",
                Step { derived: false, ..step(Domain::Graph, "a", true, false) },
                Phase::Derive,
            ),
        ] {
            assert_eq!(Phase::of(&step), phase, "{rule}");
        }
    }
}
