//! Histories for tests, told in a line for each operation, as if the log had these records.
//!
//! `A publish a=1 b=1` names the operation `A`, which gives the documents `a` and `b` the value `1`; `-` is absent.
//! `R rollback A a=-`, `V revert A a=1` and `H hotfix a=2` are told with the cells that move, too. A word behind the cells
//! is an end that is not completion: `(open)`, `(aborted)` or `(failed)`. `A ends` completes what was left open.
//!
//! A step begins at what the log says, unless its line gives another value: `a=0>1`. `a=1~-` was planned to `1`, and
//! protection made it absent. `graph:a` is a cell that a pipeline keeps in the graph, `*graph:a` one that is derived.

use std::collections::BTreeMap;

use kfm_lineage::{
    CellId, Digest, Domain, EntityId, HotfixId, Lsn, OperationId, OperationKind, PublishId, RollbackId, Step,
    Timestamp, Value, Version,
};
use kfm_wal::record::{Close, EndState, PlanRecord, SegmentRef, TreatedCell};

use super::{Closed, History, JournalState, Operation};
use crate::scope::scope_digest;

/// A history, and the names of its operations.
pub(crate) struct Given {
    pub history: History,
    names: BTreeMap<String, OperationId>,
    steps: BTreeMap<OperationId, Vec<Step>>,
}

impl Given {
    /// Folds operations, told in lines that end with `;`.
    pub(crate) fn log(lines: &str) -> Self {
        let mut given = Self { history: History::default(), names: BTreeMap::new(), steps: BTreeMap::new() };
        given.go_on(lines);
        given
    }

    /// Folds more operations.
    pub(crate) fn go_on(&mut self, lines: &str) {
        for line in lines.split(';').map(str::trim).filter(|line| !line.is_empty()) {
            self.take(line);
        }
    }

    fn take(&mut self, line: &str) {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let end = match words.last() {
            Some(&"(open)") => None,
            Some(&"(aborted)") => Some(EndState::Aborted),
            Some(&"(failed)") => Some(EndState::Failed),
            _ => Some(EndState::Completed),
        };
        words.retain(|word| !word.starts_with('('));
        if words[1] == "ends" {
            let id = self.id(words[0]);
            let steps = self.steps[&id].clone();
            return self.end(&id, EndState::Completed, steps, &[]);
        }
        let (name, kind) = (words[0], kind(words[1]));
        let lsn = self.history.folded.next();
        let is_turn = matches!(kind, OperationKind::Rollback | OperationKind::Revert);
        let target = is_turn.then(|| self.id(words[2]));
        let id = id_of(kind, name, target.as_ref());
        let cells = &words[if is_turn { 3 } else { 2 }..];
        let steps: Vec<Step> = cells.iter().map(|cell| self.step(cell)).collect();
        let treated = cells.iter().filter_map(|cell| treated(cell)).collect::<Vec<_>>();
        self.names.insert(name.to_owned(), id.clone());
        self.steps.insert(id.clone(), steps.clone());
        let operation = operation(lsn, kind, id.clone(), target.unwrap_or_else(|| id.clone()), &steps);
        self.history.note_names_of(&steps).unwrap();
        self.history.open(operation);
        self.history.folded = lsn;
        if let Some(end) = end {
            self.end(&id, end, steps, &treated);
        }
    }

    /// Ends an operation.
    fn end(&mut self, id: &OperationId, end: EndState, steps: Vec<Step>, treated: &[TreatedCell]) {
        let lsn = self.history.folded.next();
        self.history.folded = lsn;
        let close = Close {
            end,
            applied: 0,
            already: 0,
            scope_digest: Digest::of_bytes(b""),
            treated: Vec::new(),
            treated_segment: None,
            error: None,
            manifest: None,
        };
        let Ok(Some(operation)) = self.history.ending(id, lsn) else { return };
        let steps = if end == EndState::Completed { steps } else { Vec::new() };
        let cells = steps.iter().map(|step| &step.cell).chain(treated.iter().map(|treated| &treated.cell));
        self.history.cells.load(cells).unwrap();
        self.history.end(operation, Closed { lsn, at: Timestamp::UNIX_EPOCH, close }, steps, treated);
    }

    /// Returns the id of an operation by its name.
    pub(crate) fn id(&self, name: &str) -> OperationId {
        self.names.get(name).unwrap_or_else(|| panic!("no operation has the name {name}")).clone()
    }

    /// Returns an operation by its name.
    pub(crate) fn operation(&self, name: &str) -> &Operation {
        self.history.operation(&self.id(name)).unwrap()
    }

    /// Returns the name of an operation; `-` for none.
    pub(crate) fn name(&self, id: Option<&OperationId>) -> &str {
        self.names.iter().find(|(_, known)| Some(*known) == id).map_or("-", |(name, _)| name)
    }

    /// Returns the steps of an operation, as its record has them.
    pub(crate) fn steps_of(&self, name: &str) -> &[Step] {
        &self.steps[&self.id(name)]
    }

    /// Makes the step that a word tells, from what the log says now.
    pub(crate) fn step(&self, word: &str) -> Step {
        let (key, values) = word.split_once('=').unwrap_or((word, "-"));
        let values = values.split_once('~').map_or(values, |(planned, _)| planned);
        let cell = cell(key);
        let (before, after) = match values.split_once('>') {
            Some((before, after)) => (value(before), value(after)),
            None => (self.history.value(&cell).unwrap(), value(values)),
        };
        step(key, before, after)
    }

    /// Makes the steps that words tell.
    pub(crate) fn steps(&self, words: &str) -> Vec<Step> {
        words.split_whitespace().map(|word| self.step(word)).collect()
    }
}

impl History {
    /// Notes a stored plan, as its record does.
    pub(crate) fn note_plan(&mut self, plan: PlanRecord) {
        self.plans.insert(plan.plan_id, (self.folded, plan));
    }
}

fn kind(word: &str) -> OperationKind {
    match word {
        "publish" => OperationKind::Publish,
        "adopt" => OperationKind::Adopt,
        "reconcile" => OperationKind::Reconcile,
        "project" => OperationKind::Project,
        "hotfix" => OperationKind::Hotfix,
        "rollback" => OperationKind::Rollback,
        "revert" => OperationKind::Revert,
        other => panic!("no kind of operation: {other}"),
    }
}

fn id_of(kind: OperationKind, name: &str, target: Option<&OperationId>) -> OperationId {
    let name = name.to_lowercase();
    let time = "2025_11_14T00_00_00Z";
    match (kind, target) {
        (OperationKind::Hotfix, _) => HotfixId::parse(&format!("hf_{time}_stac_{name}")).unwrap().into(),
        (_, Some(target)) => RollbackId::parse(&format!("rb_{time}_{target}_{name}")).unwrap().into(),
        (_, None) => PublishId::parse(&format!("pub_{time}_{name}")).unwrap().into(),
    }
}

fn operation(
    lsn: Lsn,
    kind: OperationKind,
    id: OperationId,
    target: OperationId,
    steps: &[Step],
) -> Operation {
    let digest = Digest::of_bytes(id.as_str().as_bytes());
    Operation {
        kind,
        opened: lsn,
        opened_at: Timestamp::UNIX_EPOCH,
        requested_by: "ops".into(),
        reason: None,
        pipeline: kind.as_str().into(),
        steps: SegmentRef { digest, count: steps.len() as u64, bytes: 0 },
        already: 0,
        derivatives: None,
        skipped: None,
        target,
        reverts: None,
        policy_snapshot_ref: digest,
        pre_state_hash: scope_digest(steps.iter().map(|step| (&step.cell, step.before))),
        post_state_expected: scope_digest(steps.iter().map(|step| (&step.cell, step.after))),
        sbom_ref: None,
        manifest_ref: None,
        plan_id: None,
        content_id: None,
        frame: None,
        journal: JournalState::default(),
        closed: None,
        id,
    }
}

fn treated(word: &str) -> Option<TreatedCell> {
    let (key, values) = word.split_once('=')?;
    let (_, given) = values.split_once('~')?;
    Some(TreatedCell { cell: cell(key), value: value(given), why: "CARE-A3-resurrect".into() })
}

/// Names a cell: a document of the target, or a cell of the store before the colon.
pub(crate) fn cell(key: &str) -> CellId {
    match key.trim_start_matches('*').split_once(':') {
        Some((store, key)) => {
            let domain = match store {
                "graph" => Domain::Graph,
                "search" => Domain::Search,
                "cache" => Domain::Cache,
                _ => Domain::Stac,
            };
            CellId::new(domain, store, key)
        }
        None => CellId::new(Domain::Stac, "catalog", key),
    }
}

/// Makes the value that a word stands for; `-` is absent.
pub(crate) fn value(word: &str) -> Value {
    (word != "-").then(|| Digest::of_bytes(word.as_bytes()))
}

/// Makes a step of a cell.
pub(crate) fn step(key: &str, before: Value, after: Value) -> Step {
    let version = |value: Value| value.map(|digest| Version::parse(&digest.hex()[..6]).unwrap());
    Step {
        cell: cell(key),
        unit: "-".into(),
        entity: EntityId::parse(key).unwrap(),
        from_version: version(before),
        to_version: version(after),
        before,
        after,
        derived: key.starts_with('*'),
        stac_id: None,
        collection: None,
        other_names: kfm_lineage::OtherNames::default(),
    }
}

/// Says what steps do, a word a step: `a:1>2`. Values are those of one character, and absent.
pub(crate) fn told<'a>(steps: impl IntoIterator<Item = &'a Step>) -> String {
    let words = steps.into_iter().map(|step| {
        let store =
            if step.cell.store == "catalog" { String::new() } else { format!("{}:", step.cell.store) };
        format!("{store}{}={}>{}", step.cell.key, word(step.before), word(step.after))
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Returns the word that a value stands for.
pub(crate) fn word(of: Value) -> String {
    let known = ('!'..='~').map(String::from).find(|word| value(word) == of);
    known.unwrap_or_else(|| "?".into())
}
