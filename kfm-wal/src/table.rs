//! Tables: many entries in one file beside the log, of which a reader takes a few, each part checked as it is read.
//!
//! A table is a file that is written once: pages of entries in the order of their keys, then an index with the first key
//! and the digest of each page. The digest of the index names the file, and the log names that digest as it does for a
//! snapshot (ADR 0012): so a reader checks the index when it opens the table, and a page when it takes an entry from it.
//!
//! ```text
//! page ...        entry: u32 length of the key, key, u32 length of the value, value
//! index           heading (a JSON line), then for each page: u32 length of its first key, that key,
//!                 u64 offset, u32 length, 32 bytes SHA-256
//! u64 offset of the index, 8 bytes `KFMTABLE`
//! ```
//! Numbers are little-endian.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use kfm_lineage::{Digest, DigestKind};
use sha2::{Digest as _, Sha256};

use crate::error::Source;
use crate::local::disk::{Access, Disk, DiskFile};

/// A page ends with the entry that brings it to this many bytes.
const PAGE_BYTES: usize = 64 * 1024;

/// The end of the file: where the index begins, and what the file is.
const END_BYTES: usize = 16;
const MARK: &[u8; 8] = b"KFMTABLE";

/// Pages that stay in memory once they were read: 8 MiB. When there are as many, all are forgotten.
const PAGES_KEPT: usize = 128;

/// A table that is open; entries are read from the file when they are asked for.
#[derive(Debug)]
pub struct Table {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    file: Mutex<Box<dyn DiskFile>>,
    pages: Vec<Page>,
    read: Mutex<HashMap<usize, Arc<Vec<Entry>>>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Page {
    first: Vec<u8>,
    at: u64,
    bytes: u32,
    digest: [u8; 32],
}

/// An entry: its key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// A change of an entry: its key and its new value; `None` takes the entry away.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

impl Table {
    /// Returns the values of keys, which must be in ascending order; each page is read once. `None` for a key that the
    /// table does not have.
    ///
    /// # Errors
    /// A page is damaged or cannot be read: nothing of the answer may be used, and the table not any more.
    pub fn read<'k>(&self, keys: impl IntoIterator<Item = &'k [u8]>) -> Result<Vec<Option<Vec<u8>>>, Source> {
        keys.into_iter().map(|key| self.get(key)).collect()
    }

    /// Returns the value of a key; `None` if the table does not have it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Source> {
        let Some(page) = self.page_before(|first| first <= key) else { return Ok(None) };
        let entries = self.page(page)?;
        let found = entries.binary_search_by(|(other, _)| other.as_slice().cmp(key));
        Ok(found.ok().map(|at| entries[at].1.clone()))
    }

    /// Lists the entries from the first one on whose key is not less than `from`, in the order of their keys; a page is
    /// read when its first entry is asked for. After an error there are no more.
    pub fn entries_from(&self, from: &[u8]) -> impl Iterator<Item = Result<Entry, Source>> + use<'_> {
        let first = self.page_before(|first| first <= from).unwrap_or(0);
        let from = from.to_vec();
        let mut pages = first..self.pages.len();
        let mut open: Option<(Arc<Vec<Entry>>, usize)> = None;
        std::iter::from_fn(move || {
            loop {
                if let Some((entries, at)) = &mut open
                    && let Some(entry) = entries.get(*at)
                {
                    *at += 1;
                    return Some(Ok(entry.clone()));
                }
                match self.page(pages.next()?) {
                    Ok(entries) => {
                        let at = entries.partition_point(|(key, _)| key.as_slice() < from.as_slice());
                        open = Some((entries, at));
                    }
                    Err(error) => {
                        pages = 0..0;
                        open = None;
                        return Some(Err(error));
                    }
                }
            }
        })
    }

    /// Reads every page.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn check(&self) -> Result<(), Source> {
        (0..self.pages.len()).try_for_each(|page| self.page(page).map(drop))
    }

    /// Returns the last page whose first key fulfils a condition that holds up to some key.
    fn page_before(&self, holds: impl Fn(&[u8]) -> bool) -> Option<usize> {
        self.pages.partition_point(|page| holds(&page.first)).checked_sub(1)
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the error for a reader that cannot go on. If a page is damaged, the file is removed, so that the next
    /// reader uses the log instead. That it cannot be removed changes nothing: no damaged page is believed.
    pub fn unusable(&self, error: Source) -> io::Error {
        error.downcast::<io::Error>().map_or_else(
            |damage| {
                let _ = self.disk.remove(&self.path);
                let why = format!("{damage}; it was removed: run the command again");
                io::Error::new(io::ErrorKind::InvalidData, why)
            },
            |error| *error,
        )
    }

    /// Opens the table in a file, whose index must have this digest and this heading.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        path: PathBuf,
        digest: &Digest,
        heading: &[u8],
    ) -> Result<Self, Source> {
        let mut file = disk.open(&path, Access::Read)?;
        let length = file.bytes()?;
        let mut end = [0; END_BYTES];
        let index_end = length.checked_sub(END_BYTES as u64).ok_or("a table without an end")?;
        read_all(file.as_mut(), index_end, &mut end)?;
        let at = u64::from_le_bytes(*end.first_chunk().ok_or("a table without an end")?);
        let index_bytes = index_end.checked_sub(at).filter(|_| end.ends_with(MARK));
        let mut index = vec![0; usize::try_from(index_bytes.ok_or("a table is damaged")?)?];
        read_all(file.as_mut(), at, &mut index)?;
        if !digest.matches(&index) {
            return Err("the index of a table is damaged".into());
        }
        let Some(mut rest) = index.strip_prefix(heading) else {
            return Err("another version wrote this table".into());
        };
        let mut pages = Vec::new();
        while !rest.is_empty() {
            let first = taken_text(&mut rest)?.to_vec();
            let at = u64::from_le_bytes(taken(&mut rest)?);
            let bytes = u32::from_le_bytes(taken(&mut rest)?);
            pages.push(Page { first, at, bytes, digest: taken(&mut rest)? });
        }
        let disk = Arc::clone(disk);
        Ok(Self { disk, path, file: Mutex::new(file), pages, read: Mutex::default() })
    }

    fn page(&self, number: usize) -> Result<Arc<Vec<Entry>>, Source> {
        let known = self.read.lock().unwrap_or_else(PoisonError::into_inner).get(&number).cloned();
        if let Some(entries) = known {
            return Ok(entries);
        }
        let entries = Arc::new(self.read_page(&self.pages[number])?);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.len() >= PAGES_KEPT {
            read.clear();
        }
        read.insert(number, Arc::clone(&entries));
        Ok(entries)
    }

    fn read_page(&self, page: &Page) -> Result<Vec<Entry>, Source> {
        let mut bytes = vec![0; usize::try_from(page.bytes)?];
        read_all(self.file.lock().unwrap_or_else(PoisonError::into_inner).as_mut(), page.at, &mut bytes)?;
        if <[u8; 32]>::from(Sha256::digest(&bytes)) != page.digest {
            return Err("a page of a table is damaged".into());
        }
        let (mut rest, mut entries) = (bytes.as_slice(), Vec::new());
        while !rest.is_empty() {
            entries.push((taken_text(&mut rest)?.to_vec(), taken_text(&mut rest)?.to_vec()));
        }
        Ok(entries)
    }
}

/// Lists the entries of a table that takes over from `kept`: those of that one, if there is one, with the changes made. The
/// changes are in the ascending order of their keys, each key once. Few entries are in memory at a time. After an error
/// there are no more; a table that was found damaged is [`unusable`](Table::unusable) from then on.
pub fn taken_over<C: IntoIterator<Item = Change>>(
    kept: Option<&Table>,
    changes: C,
) -> impl Iterator<Item = Result<Entry, Source>> + use<'_, C> {
    let entries = kept.into_iter().flat_map(|kept| {
        let usable = |entry: Result<Entry, Source>| entry.map_err(|error| kept.unusable(error).into());
        kept.entries_from(&[]).map(usable)
    });
    merged(entries, changes)
}

/// Makes changes in a list of entries; both are in the order of their keys.
fn merged(
    kept: impl IntoIterator<Item = Result<Entry, Source>>,
    changes: impl IntoIterator<Item = Change>,
) -> impl Iterator<Item = Result<Entry, Source>> {
    let (mut kept, mut changes) = (kept.into_iter().peekable(), changes.into_iter().peekable());
    let mut has_failed = false;
    std::iter::from_fn(move || {
        while !has_failed {
            let order = match (kept.peek(), changes.peek()) {
                (Some(Ok((kept, _))), Some((changed, _))) => kept.cmp(changed),
                (Some(_), _) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            if order == Ordering::Less {
                return kept.next().inspect(|entry| has_failed = entry.is_err());
            }
            if order == Ordering::Equal {
                kept.next();
            }
            if let (key, Some(value)) = changes.next()? {
                return Some(Ok((key, value)));
            }
        }
        None
    })
}

/// Writes a table, whose entries must be in the ascending order of their keys, each key once; returns the digest of its
/// index.
pub(crate) fn write(
    file: &mut dyn DiskFile,
    heading: &[u8],
    entries: impl Iterator<Item = Result<Entry, Source>>,
) -> io::Result<Digest> {
    let (mut index, mut page, mut first, mut written) = (heading.to_vec(), Vec::new(), None, 0_u64);
    let mut end_page = |file: &mut dyn DiskFile, page: &mut Vec<u8>, first: &mut Option<Vec<u8>>| {
        let Some(first) = first.take() else { return Ok(()) };
        file.write_at(written, page)?;
        put_text(&mut index, &first)?;
        index.extend(written.to_le_bytes());
        index.extend(length(page)?.to_le_bytes());
        index.extend(Sha256::digest(&*page));
        written += page.len() as u64;
        page.clear();
        Ok::<_, io::Error>(())
    };
    for entry in entries {
        let (key, value) = entry.map_err(io::Error::other)?;
        put_text(&mut page, &key)?;
        put_text(&mut page, &value)?;
        first.get_or_insert(key);
        if page.len() >= PAGE_BYTES {
            end_page(file, &mut page, &mut first)?;
        }
    }
    end_page(file, &mut page, &mut first)?;
    let digest = Digest::from_parts(DigestKind::Bytes, Sha256::digest(&index).into());
    file.write_at(written, &index)?;
    let end = [written.to_le_bytes(), *MARK].concat();
    file.write_at(written + index.len() as u64, &end)?;
    Ok(digest)
}

fn length(bytes: &[u8]) -> io::Result<u32> {
    u32::try_from(bytes.len()).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))
}

fn put_text(to: &mut Vec<u8>, text: &[u8]) -> io::Result<()> {
    to.extend(length(text)?.to_le_bytes());
    to.extend(text);
    Ok(())
}

fn read_all(file: &mut dyn DiskFile, at: u64, buffer: &mut [u8]) -> Result<(), Source> {
    match file.read_at(at, buffer)? == buffer.len() {
        true => Ok(()),
        false => Err("a table ends too early".into()),
    }
}

fn taken<const N: usize>(from: &mut &[u8]) -> Result<[u8; N], Source> {
    let (taken, rest) = from.split_first_chunk().ok_or("an entry of a table ends too early")?;
    *from = rest;
    Ok(*taken)
}

fn taken_text<'b>(from: &mut &'b [u8]) -> Result<&'b [u8], Source> {
    let length = usize::try_from(u32::from_le_bytes(taken(from)?))?;
    let (text, rest) = from.split_at_checked(length).ok_or("an entry of a table ends too early")?;
    *from = rest;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::disk::RealDisk;

    fn new_file(folder: &Path) -> Box<dyn DiskFile> {
        RealDisk.open(&folder.join("a.table"), Access::New).unwrap()
    }

    fn open(folder: &Path, digest: &Digest, heading: &[u8]) -> Result<Table, Source> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        Table::open(&disk, folder.join("a.table"), digest, heading)
    }

    fn key(n: usize) -> Vec<u8> {
        format!("key {n:05}").into_bytes()
    }

    /// 3,000 entries of 100 bytes: five pages.
    fn written(folder: &Path) -> Digest {
        let entries = (0..3_000).map(|n| Ok((key(2 * n), vec![(n % 251) as u8; 100])));
        write(new_file(folder).as_mut(), b"heading\n", entries).unwrap()
    }

    #[test]
    fn entries_are_found_in_any_page_and_others_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let digest = written(folder.path());
        let table = open(folder.path(), &digest, b"heading\n").unwrap();
        assert_eq!(table.pages.len(), 6);
        let keys: Vec<Vec<u8>> = (0..6_100).map(key).collect();
        let values = table.read(keys.iter().map(Vec::as_slice)).unwrap();
        for (n, value) in values.iter().enumerate() {
            let expected = (n % 2 == 0 && n < 6_000).then(|| vec![(n / 2 % 251) as u8; 100]);
            assert_eq!(*value, expected, "{n}");
        }
        for from in [0, 1, 655, 656, 657, 5_998, 5_999, 7_000] {
            let expected: Vec<Vec<u8>> = (from..6_000).filter(|n| n % 2 == 0).map(key).collect();
            let listed = table.entries_from(&key(from)).map(|entry| entry.unwrap().0);
            assert_eq!(listed.collect::<Vec<_>>(), expected, "from {from}");
        }
        let twice = [key(8), key(8)];
        assert!(table.read(twice.iter().map(Vec::as_slice)).unwrap().iter().all(Option::is_some));
    }

    #[test]
    fn a_table_takes_over_with_the_changes_made() {
        let kept = |keys: &[usize]| keys.iter().map(|n| Ok((key(*n), vec![0]))).collect::<Vec<_>>();
        let listed = |kept: Vec<Result<Entry, Source>>, changes: &[(usize, Option<u8>)]| {
            let changes = changes.iter().map(|(n, value)| (key(*n), value.map(|value| vec![value])));
            let changes: Vec<Change> = changes.collect();
            merged(kept, changes).map(|entry| entry.map_err(|error| error.to_string())).collect::<Vec<_>>()
        };
        let expected = |entries: &[(usize, u8)]| {
            entries.iter().map(|(n, value)| Ok((key(*n), vec![*value]))).collect::<Vec<_>>()
        };
        let changes =
            [(0, Some(1)), (2, None), (3, Some(1)), (4, None), (6, Some(1)), (8, Some(1)), (9, None)];
        assert_eq!(
            listed(kept(&[1, 2, 3, 5, 6]), &changes),
            expected(&[(0, 1), (1, 0), (3, 1), (5, 0), (6, 1), (8, 1)])
        );
        assert_eq!(listed(Vec::new(), &changes), expected(&[(0, 1), (3, 1), (6, 1), (8, 1)]));
        assert_eq!(listed(kept(&[1, 2]), &[]), expected(&[(1, 0), (2, 0)]));
        // What cannot be read is never passed over as if it had not been there.
        let unread = vec![Ok((key(1), vec![0])), Err("damaged".into())];
        let both = [Ok((key(1), vec![0])), Err("damaged".to_owned())];
        assert_eq!(listed(unread, &[(2, Some(1))]), both);
    }

    #[test]
    fn a_table_without_entries_has_no_page() {
        let folder = tempfile::tempdir().unwrap();
        let digest = write(new_file(folder.path()).as_mut(), b"h\n", std::iter::empty()).unwrap();
        let table = open(folder.path(), &digest, b"h\n").unwrap();
        assert_eq!(table.read([b"a".as_slice()]).unwrap(), [None]);
    }

    #[test]
    fn a_table_of_another_heading_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let digest = written(folder.path());
        assert!(open(folder.path(), &digest, b"another\n").is_err());
    }

    /// Every byte of the end, and one in 97 of the others: nothing that was altered is given as an entry.
    #[test]
    fn what_is_damaged_at_any_byte_is_an_error_and_never_believed() {
        let folder = tempfile::tempdir().unwrap();
        let digest = written(folder.path());
        let path = folder.path().join("a.table");
        let whole = std::fs::read(&path).unwrap();
        let keys: Vec<Vec<u8>> = (0..6_000).map(key).collect();
        let all = || {
            let table = open(folder.path(), &digest, b"heading\n")?;
            let listed = open(folder.path(), &digest, b"heading\n")?;
            let listed = listed.entries_from(b"").collect::<Result<Vec<_>, _>>();
            let read = table.read(keys.iter().map(Vec::as_slice));
            assert_eq!(listed.is_ok(), read.is_ok());
            assert_eq!(table.check().is_ok(), read.is_ok());
            read
        };
        let expected = all().unwrap();
        let places = (0..whole.len()).step_by(97).chain(whole.len() - 600..whole.len());
        for at in places {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x20;
            std::fs::write(&path, &damaged).unwrap();
            assert!(all().is_err(), "byte {at}");
        }
        for length in (0..whole.len()).step_by(1_009) {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(all().is_err(), "cut at {length}");
        }
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(all().unwrap(), expected);
    }
}
