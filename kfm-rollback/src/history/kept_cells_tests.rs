use std::path::Path;

use kfm_wal::local::disk::RealDisk;

use super::*;
use crate::history::given::{Given, cell, value};

fn snapshots(folder: &Path) -> Snapshots {
    Snapshots::new(folder, Arc::new(RealDisk))
}

fn head() -> Head {
    Head { lsn: Lsn(9), chain: Digest::of_bytes(b"chain"), epoch: 1 }
}

/// Keeps the cells of a history, and opens them.
fn kept(given: &Given, folder: &Path) -> (KeptCells, Digest) {
    let snapshots = snapshots(folder);
    let digest = keep(given.history.cells.entries(), head(), &snapshots).unwrap();
    (open(given, folder, digest).unwrap(), digest)
}

fn open(given: &Given, folder: &Path, digest: Digest) -> Result<KeptCells, Source> {
    let opened = given.history.operations().map(|operation| (operation.opened, operation.id.clone()));
    KeptCells::open(&snapshots(folder), head(), digest, opened.collect())
}

/// Two catalogs, a graph, ids that begin alike, and names in all directions.
const LOG: &str = "A publish a=1 a/b=1 ab=2 mirror:a=1 graph:a=3; B publish a=2 é=1 a-b=1; R rollback B a=1; \
                   C publish ab=- (aborted); H hotfix a/b=4; D publish z=1~- (open)";

#[test]
fn what_is_kept_is_what_was_folded_in_the_same_order() {
    let folder = tempfile::tempdir().unwrap();
    let given = Given::log(LOG);
    let (kept, _) = kept(&given, folder.path());
    let expected: Vec<_> = given.history.cells().map(Result::unwrap).collect();
    assert!(expected.len() > 7);
    let all = kept.iter_from(&CellId::new(Domain::Stac, "", "")).map(Result::unwrap);
    let all: Vec<_> =
        all.map(|(cell, bytes)| (cell.clone(), Arc::new(kept.decode(&cell, &bytes).unwrap()))).collect();
    assert_eq!(all, expected);
    for (cell, history) in &expected {
        assert_eq!(kept.get(cell).unwrap().as_ref(), Some(&**history));
        let from: Vec<CellId> = kept.iter_from(cell).map(|next| next.unwrap().0).collect();
        let rest = expected.iter().map(|(other, _)| other).filter(|other| *other >= cell);
        assert_eq!(from, rest.cloned().collect::<Vec<_>>());
    }
    assert_eq!(kept.get(&cell("nothing")).unwrap(), None);
}

#[test]
fn a_name_leads_to_every_cell_that_ever_had_it_and_to_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let given = Given::log(LOG);
    let (kept, _) = kept(&given, folder.path());
    let named = |word: &str| {
        let digest = value(word).unwrap().to_string();
        let cells = kept.named(Naming::Content, &digest).unwrap();
        assert_eq!(cells, given.history.named(Naming::Content, &digest).unwrap());
        cells.into_iter().map(|cell| cell.key).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(named("2"), "a ab");
    assert_eq!(named("4"), "a/b");
    assert_eq!(named("7"), "");
    assert!(kept.named(Naming::Content, "").unwrap().is_empty(), "no name begins another");
}

#[test]
fn a_digest_of_any_kind_is_kept_as_it_is() {
    for kind in KINDS {
        let value = Some(Digest::from_parts(kind, [7; 32]));
        assert_eq!(value_of(kept_value(value)).unwrap(), value);
    }
    assert_eq!(value_of(None).unwrap(), None);
    assert!(value_of(Some((4, [7; 32]))).is_err());
}

/// Whatever byte is damaged: a cell is read as it was, or the table is refused and gone.
#[test]
fn what_is_damaged_at_any_byte_is_never_believed_and_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let given = Given::log(LOG);
    let (whole, digest) = kept(&given, folder.path());
    let expected = whole.get(&cell("a")).unwrap();
    let path = whole.table.path().to_owned();
    let bytes = std::fs::read(&path).unwrap();
    let (mut refused, mut removed) = (0, 0);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x11;
        std::fs::write(&path, damaged).unwrap();
        match open(&given, folder.path(), digest) {
            Err(_) => refused += 1,
            Ok(kept) => {
                let error = kept.get(&cell("a")).expect_err(&format!("byte {at}: {expected:?}"));
                let text = crate::error::text_of(&error);
                assert!(text.contains("cells-") && text.contains("run the command again"), "{text}");
                assert!(!path.exists());
                removed += 1;
            }
        }
    }
    assert!(refused > 100 && removed > 100, "{refused} {removed}");
}
