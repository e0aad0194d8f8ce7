//! The model: `docs/states.md` section 2 with nothing of the engine in it, and the one row of section 5 that
//! documents without any link can run into.

use std::collections::{BTreeMap, BTreeSet};

/// A cell of the small platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// An item: an orphan wherever it is, since nothing links to it.
    Item(&'static str),
    /// A Catalog: a root, and never an orphan.
    Root(&'static str),
    /// A document that is not JSON.
    Text(&'static str),
    /// A cell of the graph that the pipeline keeps itself.
    Own(&'static str),
}

pub const CELLS: [Cell; 8] = [
    Cell::Item("items/a.json"),
    Cell::Item("items/b.json"),
    Cell::Item("items/c.json"),
    Cell::Root("catalogs/x.json"),
    Cell::Root("catalogs/y.json"),
    Cell::Text("notes/raw.json"),
    Cell::Own("knowledge/p"),
    Cell::Own("knowledge/q"),
];

impl Cell {
    pub fn key(self) -> &'static str {
        match self {
            Self::Item(key) | Self::Root(key) | Self::Text(key) | Self::Own(key) => key,
        }
    }

    pub fn is_document(self) -> bool {
        !matches!(self, Self::Own(_))
    }

    /// Whether it is an orphan wherever it is: neither a root nor listed by anything.
    fn is_orphan(self) -> bool {
        matches!(self, Self::Item(_) | Self::Text(_))
    }

    /// The collection that a value of the cell belongs to.
    pub fn collection(self, value: u64) -> Option<&'static str> {
        match self {
            Self::Item("items/c.json") if value % 2 == 1 => Some("odd"),
            Self::Item("items/c.json") => Some("even"),
            Self::Item(_) => Some("even"),
            _ => None,
        }
    }
}

/// What a hotfix makes of a value: another one of the same collection.
pub fn corrected(value: u64) -> u64 {
    value + 2
}

/// Values by cell; a cell that is not there is absent.
pub type Values = BTreeMap<Cell, u64>;

/// An operation that writes values of its own: a publish, a reconcile or a hotfix.
#[derive(Debug, Clone)]
pub struct Operation {
    pub name: String,
    pub wrote: BTreeMap<Cell, Option<u64>>,
    /// Whose version of each cell it patched, if it is a hotfix.
    patched: BTreeMap<Cell, usize>,
    pub undone: bool,
    at: Moment,
}

/// A rollback, or a revert: it says whether an operation stands.
#[derive(Debug, Clone)]
pub struct Turn {
    pub name: String,
    pub operation: usize,
    pub stands: bool,
    at: Moment,
}

/// What readers saw right before and right after.
#[derive(Debug, Clone)]
struct Moment {
    before: Values,
    after: Values,
}

/// Why a cell is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    Asked,
    Unchanged,
    /// A later standing operation moved it.
    Owned(String),
}

/// What an operation comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It completed under this name, moved so many documents, and left these cells alone.
    Moved {
        name: String,
        documents: u64,
        left: BTreeMap<&'static str, Left>,
    },
    /// There was nothing to do; these cells were left alone, and these operations own them, newest first.
    Nothing {
        left: BTreeMap<&'static str, Left>,
        owners: Vec<String>,
    },
    Denied,
    /// A later one did the same again.
    Refused,
    /// These hotfixes patched what it made, or what was made from that.
    Patched(BTreeSet<String>),
    /// A publish or a hotfix completed under this name, or changed nothing.
    Published(Option<String>),
    /// It was interrupted and taken back: it never happened.
    WentBack,
}

impl Answer {
    /// The name under which it completed, which the log gives and the model takes over.
    fn name(&self) -> String {
        match self {
            Self::Moved { name, .. } | Self::Published(Some(name)) => name.clone(),
            _ => "a name".to_owned(),
        }
    }
}

#[derive(Debug, Default)]
pub struct Oracle {
    pub operations: Vec<Operation>,
    pub turns: Vec<Turn>,
    pub seen: Values,
    /// What a node shows of its document, by path; a reconcile moves none.
    pub nodes: BTreeMap<&'static str, u64>,
    /// What an alias and a namespace list, by collection; a reconcile moves none.
    pub listings: BTreeMap<&'static str, Values>,
}

impl Oracle {
    /// A publish moves the cells whose values differ.
    pub fn publish(&mut self, cells: &BTreeMap<Cell, Option<u64>>, answered: &Answer) -> Answer {
        let differs = |(cell, value): &(&Cell, &Option<u64>)| self.seen.get(cell).copied() != **value;
        let wrote: BTreeMap<_, _> =
            cells.iter().filter(differs).map(|(cell, value)| (*cell, *value)).collect();
        if wrote.is_empty() {
            return Answer::Published(None);
        }
        let name = answered.name();
        let at = self.make(&wrote);
        self.project(&wrote, &at.before);
        self.begin(name, wrote, at)
    }

    /// A hotfix writes another value into every document of a collection.
    pub fn correct(&mut self, collection: &str, answered: &Answer) -> Answer {
        let members = self.seen.iter().filter(|(cell, value)| cell.collection(**value) == Some(collection));
        let wrote: BTreeMap<Cell, Option<u64>> =
            members.map(|(cell, value)| (*cell, Some(corrected(*value)))).collect();
        // What a rollback left alone on request still stands, and no operation owns it.
        let patched = wrote.keys().filter_map(|cell| Some((*cell, self.owner_now(cell)?))).collect();
        let name = answered.name();
        let at = self.make(&wrote);
        self.project(&wrote, &at.before);
        let answer = self.begin(name, wrote, at);
        self.operations.last_mut().unwrap().patched = patched;
        answer
    }

    fn begin(&mut self, name: String, wrote: BTreeMap<Cell, Option<u64>>, at: Moment) -> Answer {
        let operation = Operation { name: name.clone(), wrote, patched: BTreeMap::new(), undone: false, at };
        self.operations.push(operation);
        Answer::Published(Some(name))
    }

    /// A value that the log does not know is recorded as a publish that moves nothing, and derived cells follow it.
    pub fn reconcile(&mut self, cell: &Cell, value: Option<u64>, answered: &Answer) -> Answer {
        if self.seen.get(cell).copied() == value {
            return Answer::Published(None);
        }
        let name = answered.name();
        let wrote = BTreeMap::from([(*cell, value)]);
        let at = self.make(&wrote);
        self.project(&wrote, &at.before);
        self.begin(name, wrote, at)
    }

    pub fn roll_back(&mut self, operation: usize, skip: Option<&Cell>, answered: &Answer) -> Answer {
        if self.operations[operation].undone {
            return Answer::Nothing { left: BTreeMap::new(), owners: Vec::new() };
        }
        self.turn(operation, false, skip, answered)
    }

    /// The hotfixes whose value stands, and that patched what an operation made, or a patch of that.
    fn patches_of(&self, operation: usize) -> BTreeSet<String> {
        let mut standing = BTreeSet::new();
        for cell in self.operations[operation].wrote.keys() {
            let mut made = BTreeSet::from([operation]);
            for (at, later) in self.operations.iter().enumerate() {
                if later.patched.get(cell).is_some_and(|patched| made.contains(patched)) {
                    made.insert(at);
                }
            }
            let owner = self.owner_now(cell).filter(|owner| *owner != operation && made.contains(owner));
            standing.extend(owner.map(|owner| self.operations[owner].name.clone()));
        }
        standing
    }

    /// Takes a rollback back, or a revert: the operation stands the other way round.
    pub fn revert(&mut self, turn: usize, answered: &Answer) -> Answer {
        let Turn { operation, stands, .. } = self.turns[turn].clone();
        let last = self.turns.iter().rposition(|other| other.operation == operation).unwrap();
        if last != turn && self.turns[last].stands == stands {
            return Answer::Refused;
        }
        if self.operations[operation].undone == stands {
            return Answer::Nothing { left: BTreeMap::new(), owners: Vec::new() };
        }
        self.turn(operation, !stands, None, answered)
    }

    /// The last standing operation that moved a cell.
    fn owner_now(&self, cell: &Cell) -> Option<usize> {
        let wrote = |operation: &Operation| !operation.undone && operation.wrote.contains_key(cell);
        self.operations.iter().rposition(wrote)
    }

    /// The last standing operation that moved a cell, if `assumed` stood or not.
    fn owner(&self, cell: &Cell, assumed: usize, stands: bool) -> Option<usize> {
        let is_standing = |at: usize| if at == assumed { stands } else { !self.operations[at].undone };
        (0..self.operations.len())
            .rev()
            .find(|at| is_standing(*at) && self.operations[*at].wrote.contains_key(cell))
    }

    fn turn(&mut self, operation: usize, stands: bool, skip: Option<&Cell>, answered: &Answer) -> Answer {
        let patches = if stands { BTreeSet::new() } else { self.patches_of(operation) };
        if !patches.is_empty() {
            return Answer::Patched(patches);
        }
        let (mut steps, mut left, mut owners) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for cell in self.operations[operation].wrote.keys() {
            if skip == Some(cell) {
                left.insert(cell.key(), Left::Asked);
                continue;
            }
            // The operation stands before a rollback of it, and after a revert.
            let owner = self.owner(cell, operation, true).unwrap();
            if owner != operation {
                left.insert(cell.key(), Left::Owned(self.operations[owner].name.clone()));
                owners.push(owner);
                continue;
            }
            let source = self.owner(cell, operation, stands);
            let to = source.and_then(|source| self.operations[source].wrote[cell]);
            if self.seen.get(cell).copied() == to {
                left.insert(cell.key(), Left::Unchanged);
            } else {
                steps.insert(*cell, to);
            }
        }
        if steps.is_empty() && !stands {
            owners.sort_unstable();
            owners.dedup();
            let owners = owners.into_iter().rev().map(|owner| self.operations[owner].name.clone()).collect();
            return Answer::Nothing { left, owners };
        }
        if self.makes_an_orphan(operation, stands, &steps) {
            return Answer::Denied;
        }
        let name = answered.name();
        let documents = steps.keys().filter(|cell| cell.is_document()).count() as u64;
        let at = self.make(&steps);
        self.project(&steps, &at.before);
        self.operations[operation].undone = !stands;
        self.turns.push(Turn { name: name.clone(), operation, stands, at });
        Answer::Moved { name, documents, left }
    }

    /// Section 5: an orphan is denied if it is introduced (neither there now nor returned), or if the undone
    /// operation made it in a cell that moves and it is left. What is undone by a revert is the last turn.
    fn makes_an_orphan(&self, operation: usize, stands: bool, steps: &BTreeMap<Cell, Option<u64>>) -> bool {
        let undone = match stands {
            false => &self.operations[operation].at,
            true => &self.turns.iter().rfind(|turn| turn.operation == operation).unwrap().at,
        };
        steps.iter().filter(|(cell, to)| cell.is_orphan() && to.is_some()).any(|(cell, _)| {
            let introduced = !self.seen.contains_key(cell) && !undone.before.contains_key(cell);
            let made_by_it = undone.after.contains_key(cell) && !undone.before.contains_key(cell);
            introduced || made_by_it
        })
    }

    fn make(&mut self, steps: &BTreeMap<Cell, Option<u64>>) -> Moment {
        let before = self.seen.clone();
        for (cell, to) in steps {
            match to {
                Some(value) => self.seen.insert(*cell, *value),
                None => self.seen.remove(cell),
            };
        }
        Moment { before, after: self.seen.clone() }
    }

    /// Derived cells that the moved documents feed get the projection of the documents as they are now.
    fn project(&mut self, steps: &BTreeMap<Cell, Option<u64>>, before: &Values) {
        for (cell, to) in steps.iter().filter(|(cell, _)| cell.is_document()) {
            match to {
                Some(value) if !matches!(cell, Cell::Text(_)) => self.nodes.insert(cell.key(), *value),
                _ => self.nodes.remove(cell.key()),
            };
            let fed = [before.get(cell).copied(), *to].into_iter().flatten();
            for collection in fed.filter_map(|value| cell.collection(value)) {
                let is_member = |(cell, value): &(&Cell, &u64)| cell.collection(**value) == Some(collection);
                let members: Values =
                    self.seen.iter().filter(is_member).map(|(cell, value)| (*cell, *value)).collect();
                match members.is_empty() {
                    true => self.listings.remove(collection),
                    false => self.listings.insert(collection, members),
                };
            }
        }
    }

    /// The publishes that are marked as undone, in order.
    pub fn undone(&self) -> Vec<&str> {
        let undone = self.operations.iter().filter(|it| it.undone && it.name.starts_with("pub_"));
        undone.map(|operation| operation.name.as_str()).collect()
    }
}
