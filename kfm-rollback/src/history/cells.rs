//! [`Cells`]: the cells that a log knows. Those of a snapshot are read when they are asked for; those that the log moved
//! since are in memory. So a command costs the cells that it looks at, not those that there are.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kfm_lineage::{CellId, Domain, Lsn, Step, Value};
use kfm_wal::error::Source;
use kfm_wal::table::{Entry, taken_over};

use super::cell::{CellHistory, Write};
use super::kept_cells::{KeptCells, cell_entry, is_operation, name_entry};
use crate::error::Result;

/// What a name of a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Naming {
    /// A STAC id that the document carried.
    Id,
    /// A collection that the document belonged to or was.
    Collection,
    /// A value that an operation wrote, or readers saw, as text.
    Content,
    /// Of documents that are collections: one of their ids is a collection that they belonged to. The name is empty.
    Group,
}

/// How much the log says of cells.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// How often the log gave a cell a value.
    pub moves: u64,
    /// How many documents readers have seen, in every catalog, retired ones too.
    pub documents: u64,
}

/// The cells of a log, by their ids.
#[derive(Debug, Default, Clone)]
pub(super) struct Cells {
    kept: Option<Arc<KeptCells>>,
    /// Over those that are kept.
    changed: BTreeMap<CellId, Arc<CellHistory>>,
    /// The names that changed cells have.
    names: BTreeMap<(Naming, String), BTreeSet<CellId>>,
    counts: Counts,
    counts_kept: Counts,
    /// The position of the snapshot.
    kept_at: Option<Lsn>,
}

impl Cells {
    /// Takes the cells of a snapshot.
    pub(super) fn of_snapshot(kept: KeptCells, counts: Counts, at: Lsn) -> Self {
        Self { kept: Some(Arc::new(kept)), kept_at: Some(at), counts, counts_kept: counts, ..Self::default() }
    }

    /// Returns the counts.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns the position of the snapshot; `None` without one.
    pub(super) fn kept_at(&self) -> Option<Lsn> {
        self.kept_at
    }

    /// Returns the counts of the snapshot.
    pub(super) fn counts_kept(&self) -> Counts {
        self.counts_kept
    }

    /// Returns the history of a cell; `None` if the log does not know the cell.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File): what is kept cannot be read, or is damaged and was removed.
    pub(super) fn get(&self, cell: &CellId) -> Result<Option<Arc<CellHistory>>> {
        if let Some(history) = self.changed.get(cell) {
            return Ok(Some(Arc::clone(history)));
        }
        match &self.kept {
            Some(kept) => Ok(kept.get(cell)?.map(Arc::new)),
            None => Ok(None),
        }
    }

    /// Returns the history that a cell had in the snapshot.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(super) fn kept(&self, cell: &CellId) -> Result<Option<CellHistory>> {
        match &self.kept {
            Some(kept) => kept.get(cell),
            None => Ok(None),
        }
    }

    /// Brings cells into memory, so that they can be changed. It changes nothing that can be seen.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(super) fn load<'c>(&mut self, cells: impl IntoIterator<Item = &'c CellId>) -> Result<()> {
        let Some(kept) = self.kept.clone() else { return Ok(()) };
        for cell in cells {
            if !self.changed.contains_key(cell)
                && let Some(history) = kept.get(cell)?
            {
                self.changed.insert(cell.clone(), Arc::new(history));
            }
        }
        Ok(())
    }

    /// Notes what readers see from the operation opened at `lsn` on. The cell is loaded.
    pub(super) fn observe(&mut self, cell: &CellId, lsn: Lsn, value: Value) {
        let history = self.loaded(cell);
        let is_first = value.is_some() && history.last_seen().is_none();
        history.observe(lsn, value);
        self.counts.moves += 1;
        self.counts.documents += u64::from(is_first && cell.domain == Domain::Stac);
        self.name_content(value, cell);
    }

    /// Notes what an operation wrote. The cell is loaded.
    pub(super) fn write(&mut self, write: Write) {
        let cell = write.step.cell.clone();
        self.name_content(write.step.after, &cell);
        self.loaded(&cell).writes.push(write);
    }

    /// Notes the names and version numbers that a document carries. The cell is loaded.
    pub(super) fn note_names(&mut self, step: &Step) {
        for id in step.stac_id.iter().chain(&step.other_names.ids) {
            self.name(Naming::Id, id.clone(), &step.cell);
        }
        for collection in step.collection.iter().chain(&step.other_names.collections) {
            self.name(Naming::Collection, collection.clone(), &step.cell);
        }
        let history = self.loaded(&step.cell);
        history.note_names(step);
        if !history.ids.is_disjoint(&history.collections) {
            self.name(Naming::Group, String::new(), &step.cell);
        }
    }

    fn name_content(&mut self, value: Value, cell: &CellId) {
        if let Some(digest) = value {
            self.name(Naming::Content, digest.to_string(), cell);
        }
    }

    fn name(&mut self, naming: Naming, name: String, cell: &CellId) {
        self.names.entry((naming, name)).or_default().insert(cell.clone());
    }

    fn loaded(&mut self, cell: &CellId) -> &mut CellHistory {
        Arc::make_mut(self.changed.entry(cell.clone()).or_default())
    }

    /// Returns the cells that have, or had, a name.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(super) fn named(&self, naming: Naming, name: &str) -> Result<BTreeSet<CellId>> {
        let mut cells = match &self.kept {
            Some(kept) => kept.named(naming, name)?,
            None => BTreeSet::new(),
        };
        cells.extend(self.names.get(&(naming, name.to_owned())).into_iter().flatten().cloned());
        Ok(cells)
    }

    /// Lists the cells that the log moved, or that it named, since the snapshot.
    pub(super) fn since_snapshot(&self) -> impl Iterator<Item = &CellId> {
        self.changed.keys()
    }

    /// Lists all cells in order, each with its history. After an error there are no more.
    pub(super) fn iter(&self) -> impl Iterator<Item = Result<(CellId, Arc<CellHistory>)>> + '_ {
        self.iter_from(CellId::new(Domain::Stac, "", ""))
    }

    /// Lists the cells from `from` on, as [`iter`](Self::iter).
    pub(super) fn iter_from(
        &self,
        from: CellId,
    ) -> impl Iterator<Item = Result<(CellId, Arc<CellHistory>)>> + '_ {
        let kept = self.kept.as_deref().map(|kept| kept.iter_from(&from));
        let mut kept = kept.into_iter().flatten().peekable();
        let mut changed = self.changed.range(from..).peekable();
        std::iter::from_fn(move || {
            loop {
                let order = match (kept.peek(), changed.peek()) {
                    (None, None) => return None,
                    (Some(Ok((kept, _))), Some((changed, _))) => kept.cmp(changed),
                    (Some(_), _) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                };
                match order {
                    Ordering::Less => {
                        let (cell, history) = match kept.next()? {
                            Ok(next) => next,
                            Err(error) => return Some(Err(error)),
                        };
                        let history = self.kept.as_deref()?.decode(&cell, &history);
                        return Some(history.map(|history| (cell, Arc::new(history))));
                    }
                    Ordering::Equal => drop(kept.next()),
                    Ordering::Greater => {
                        let (cell, history) = changed.next()?;
                        return Some(Ok((cell.clone(), Arc::clone(history))));
                    }
                }
            }
        })
    }

    /// Lists the entries of a table that has all cells and their names, in order: those of the snapshot, and over them
    /// what changed since, with the entries of `more`.
    ///
    /// # Errors
    /// A cell has no such form.
    pub(super) fn entries(
        &self,
        more: Vec<Entry>,
    ) -> Result<impl Iterator<Item = Result<Entry, Source>> + '_, Source> {
        // Few beside those that are kept, and those of the first snapshot are in memory anyway.
        let mut changed = more;
        for (cell, history) in &self.changed {
            changed.push(cell_entry(cell, history)?);
        }
        for ((naming, name), cells) in &self.names {
            changed.extend(cells.iter().map(|cell| name_entry(*naming, name, cell)));
        }
        changed.sort_unstable();
        let changes = changed.into_iter().map(|(key, value)| (key, Some(value)));
        Ok(taken_over(self.kept.as_deref().map(KeptCells::table), changes))
    }
}

impl PartialEq for Cells {
    /// Compares what they say of cells, whether it is kept or in memory; what cannot be read is equal to nothing.
    fn eq(&self, other: &Self) -> bool {
        let all = |cells: &Self| -> Option<Vec<Entry>> {
            let entries = cells.entries(Vec::new()).ok()?;
            entries.filter(|entry| !entry.as_ref().is_ok_and(is_operation)).collect::<Result<_, _>>().ok()
        };
        self.counts == other.counts && all(self).is_some_and(|cells| Some(cells) == all(other))
    }
}
