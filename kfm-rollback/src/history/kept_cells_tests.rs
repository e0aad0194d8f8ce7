use std::path::Path;

use kfm_wal::local::disk::RealDisk;

use super::*;
use crate::history::History;
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
    let digest = keep(&given.history.cells, given.history.operations(), head(), &snapshots).unwrap();
    (open(folder, digest).unwrap(), digest)
}

fn open(folder: &Path, digest: Digest) -> Result<KeptCells, Source> {
    Ok(KeptCells::open(&snapshots(folder), head(), digest)?.0)
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

/// Whatever byte is damaged: a cell is read as it was, or the table is refused, or it is gone.
#[test]
fn what_is_damaged_at_any_byte_is_never_believed_and_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    // Several pages: the operations are read when the table is opened, the cell is in another page.
    let many: Vec<String> = (0..800).map(|n| format!("m{n:03}=1")).collect();
    let given = Given::log(&format!("{LOG}; M publish {}", many.join(" ")));
    let (whole, digest) = kept(&given, folder.path());
    let expected = whole.get(&cell("a")).unwrap();
    assert!(expected.is_some());
    let path = whole.table.path().to_owned();
    let bytes = std::fs::read(&path).unwrap();
    let (mut refused, mut removed, mut elsewhere) = (0, 0, 0);
    for at in (0..bytes.len()).step_by(139) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x11;
        std::fs::write(&path, damaged).unwrap();
        match open(folder.path(), digest).map(|kept| kept.get(&cell("a"))) {
            Err(_) => refused += 1,
            Ok(Ok(read)) => {
                assert_eq!(read, expected, "byte {at}");
                elsewhere += 1;
            }
            Ok(Err(error)) => {
                let text = crate::error::text_of(&error);
                assert!(text.contains("cells-") && text.contains("run the command again"), "{text}");
                assert!(!path.exists());
                removed += 1;
            }
        }
    }
    assert!(refused > 100 && removed > 100 && elsewhere > 100, "{refused} {removed} {elsewhere}");
}

/// A table that takes over from another says what one made anew says, whatever was written, undone or left open since.
#[test]
fn a_table_that_takes_over_is_that_of_the_whole_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = format!("{LOG}; E publish a=5 z=- (open); D ends; V revert B a=4 ab=2; E ends");
    let turns: Vec<&str> = log.split("; ").collect();
    let snapshots = snapshots(folder.path());
    let kept = |history: &History| history.keep(head(), &snapshots).unwrap()[CELLS];
    let anew = kept(&Given::log(&log).history);
    for cut in 1..turns.len() {
        let mut given = Given::log(&turns[..cut].join("; "));
        let (table, operations) = KeptCells::open(&snapshots, head(), kept(&given.history)).unwrap();
        assert!(operations.iter().eq(given.history.operations()));
        let counts = given.history.counts();
        given.history.cells = Cells::of_snapshot(table, counts, given.history.position());
        given.go_on(&turns[cut..].join("; "));
        // The digest of an index names every page.
        assert_eq!(kept(&given.history), anew, "after {cut}");
    }
}
