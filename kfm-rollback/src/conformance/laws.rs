//! The laws, one function each: it panics if the store does not keep the law.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Fixture, content, digest_of};
use crate::op::{OpError, Swap, SwapOutcome};

/// **Compare-and-set**: a cell of another value is left as it is, and the answer says what it is.
pub async fn a_cell_of_another_value_is_left_alone(fixture: &Fixture) {
    let (a, b, c) = (fixture.value(1).await, fixture.value(2).await, fixture.value(3).await);
    assert_eq!(fixture.swap("x.json", a, b).await, SwapOutcome::Conflict { observed: None });
    assert_eq!(fixture.swap("x.json", None, a).await, SwapOutcome::Applied);
    let before = fixture.seen().await;
    for (from, to) in [(b, c), (None, c), (b, None)] {
        let outcome = fixture.swap("x.json", from, to).await;
        assert_eq!(outcome, SwapOutcome::Conflict { observed: a }, "from {from:?} to {to:?}");
        assert_eq!(fixture.seen().await, before, "a refused swap changed the store");
    }
}

/// **Idempotent**: the same swap again changes nothing and says so, whatever its `from`.
pub async fn a_swap_made_twice_is_made_once(fixture: &Fixture) {
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    for (from, to) in [(None, a), (a, b), (b, None)] {
        assert_eq!(fixture.swap("x.json", from, to).await, SwapOutcome::Applied);
        let once = fixture.seen().await;
        let again = fixture.swap("x.json", from, to).await;
        assert_eq!(again, SwapOutcome::Already, "the same swap was made twice");
        assert_eq!(fixture.swap("x.json", to, to).await, SwapOutcome::Already);
        assert_eq!(fixture.seen().await, once);
    }
    assert_eq!(fixture.swap("x.json", a, None).await, SwapOutcome::Already);
}

/// **Inverse**: swaps and their inverses in reverse order leave everything as it was to readers.
pub async fn a_batch_and_its_inverse_leave_the_store_as_it_was(fixture: &Fixture) {
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    fixture.swap_all(&[("kept.json", None, a), ("gone.json", None, a)]).await;
    let before = fixture.seen().await;
    let batch = [("new.json", None, b), ("kept.json", a, b), ("gone.json", a, None)];
    assert_eq!(fixture.swap_all(&batch).await, [SwapOutcome::Applied; 3]);
    assert_ne!(fixture.seen().await, before);
    let inverse: Vec<_> = batch.iter().rev().map(|&(key, from, to)| (key, to, from)).collect();
    assert_eq!(fixture.swap_all(&inverse).await, [SwapOutcome::Applied; 3], "the inverse was not made");
    assert_eq!(fixture.seen().await, before, "the inverse left something else");
}

/// **Exact**: what was swapped in is what is listed, observed and read, small or large.
pub async fn what_was_swapped_in_is_read_exactly(fixture: &Fixture) {
    let domain = fixture.op().domain();
    let mut expected = BTreeMap::new();
    for (n, bytes_min) in [(1, 0), (2, 5_000), (3, 70_000), (4, 1_200_000)] {
        let key = format!("{n}.json");
        let content = content(domain, n, bytes_min);
        let value = Some(fixture.store(&content).await);
        assert_eq!(fixture.swap(&key, None, value).await, SwapOutcome::Applied);
        expected.insert(key, (value, Some(content)));
    }
    assert!(fixture.seen().await == expected, "what is seen is not what was swapped in");
    let never = ["never.json", "no/folder.json"].map(str::to_owned);
    assert_eq!(fixture.op().observe(&never).await.expect("the store answers"), [None, None]);
    assert_eq!(fixture.read("never.json").await, None);
}

/// **Exact**: names are taken as they are, with whatever a document's name may contain.
pub async fn odd_names_are_names_like_others(fixture: &Fixture) {
    let mut names = [
        "hydrography_<year>.json",
        "x#1.json",
        "a b/c d.json",
        "a%20b/c.json",
        "日本/ç\u{301}.json",
        "q?*|\".json",
        "-x/y z.json",
    ];
    let mut swaps = Vec::new();
    for (name, n) in names.iter().zip(1..) {
        swaps.push((*name, None, fixture.value(n).await));
    }
    assert_eq!(fixture.swap_all(&swaps).await, [SwapOutcome::Applied; 7]);
    names.sort_unstable();
    assert_eq!(
        fixture.op().keys().await.expect("the store answers"),
        names,
        "not the names, or not ascending"
    );
    for (name, _, value) in &swaps {
        assert_eq!(fixture.observe(name).await, *value, "{name}");
    }
    let inverse: Vec<_> = swaps.iter().rev().map(|&(key, from, to)| (key, to, from)).collect();
    assert_eq!(fixture.swap_all(&inverse).await, [SwapOutcome::Applied; 7]);
    assert!(fixture.seen().await.is_empty());
}

/// A key that the store cannot have is refused as such, wherever it is used, and changes nothing.
pub async fn a_key_that_cannot_be_is_refused(fixture: &Fixture) {
    let (op, cx, value) = (fixture.op(), fixture.context(), fixture.value(1).await);
    for key in ["", "a\nb.json", "a\0.json"] {
        let swap = Swap { key: key.to_owned(), from: None, to: value };
        let answers = [
            op.observe(&[key.to_owned()]).await.map(drop),
            op.read(key).await.map(drop),
            op.swap(&cx, &[swap]).await.map(drop),
        ];
        for answer in answers {
            assert!(matches!(answer, Err(OpError::InvalidKey { .. })), "{key:?}: {answer:?}");
        }
    }
    assert!(fixture.seen().await.is_empty());
}

/// Swaps are made in the order of the batch, and a conflict does not stop those after it.
pub async fn a_batch_is_swapped_in_its_order(fixture: &Fixture) {
    let (a, b, c) = (fixture.value(1).await, fixture.value(2).await, fixture.value(3).await);
    let batch = [
        ("x.json", None, a),
        ("y.json", None, b),
        ("x.json", a, b),
        ("x.json", a, c),
        ("x.json", b, c),
        ("y.json", b, None),
        ("y.json", None, a),
    ];
    let applied = SwapOutcome::Applied;
    let conflict = SwapOutcome::Conflict { observed: b };
    assert_eq!(
        fixture.swap_all(&batch).await,
        [applied, applied, applied, conflict, applied, applied, applied],
        "not the answers of this order"
    );
    assert_eq!((fixture.observe("x.json").await, fixture.observe("y.json").await), (c, a));
    assert!(fixture.swap_all(&[]).await.is_empty());
}

/// A value may come back: A to B to A to B is four swaps.
pub async fn a_value_may_come_back(fixture: &Fixture) {
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    for (from, to) in [(None, a), (a, b), (b, a), (a, b), (b, None), (None, b), (b, a)] {
        assert_eq!(fixture.swap("x.json", from, to).await, SwapOutcome::Applied, "from {from:?} to {to:?}");
        assert_eq!(fixture.observe("x.json").await, to);
    }
}

/// Content that the version store lacks is an error that names its digest, and the cell is left as it is.
pub async fn a_cell_whose_content_is_missing_is_left_alone(fixture: &Fixture) {
    let domain = fixture.op().domain();
    let a = fixture.value(1).await;
    fixture.swap("x.json", None, a).await;
    let missing = digest_of(domain, &content(domain, 99, 0));
    for (key, from) in [("x.json", a), ("new.json", None)] {
        let swap = Swap { key: key.to_owned(), from, to: Some(missing) };
        let answer = fixture.op().swap(&fixture.context(), &[swap]).await;
        assert!(
            matches!(&answer, Err(OpError::Content { digest, .. }) if *digest == missing),
            "{key}: {answer:?}"
        );
        assert_eq!(fixture.observe(key).await, from, "{key}");
    }
}

/// **Keeps**: after a retire and a replacement, the content that the engine stored can still be restored.
pub async fn what_was_retired_or_replaced_can_be_restored(fixture: &Fixture) {
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    let content = fixture.versions.get(&a.expect("a value")).await.expect("it was stored");
    for between in [None, b] {
        fixture.swap("x.json", None, a).await;
        fixture.swap("x.json", a, between).await;
        assert_eq!(fixture.swap("x.json", between, a).await, SwapOutcome::Applied);
        assert_eq!(fixture.read("x.json").await, Some(content.clone()), "restored as something else");
        fixture.swap("x.json", a, None).await;
        assert_eq!(fixture.read("x.json").await, None, "a retired cell is absent");
        assert!(fixture.op().keys().await.expect("the store answers").is_empty());
    }
}

/// **Reads write nothing**: no byte, no name and no time stamp changes.
pub async fn reads_write_nothing(fixture: &Fixture) {
    let Some(folder) = &fixture.folder else { return };
    let a = fixture.value(1).await;
    let unused = files(folder);
    fixture.seen().await;
    fixture.observe("never.json").await;
    fixture.read("never.json").await;
    assert_eq!(files(folder), unused, "reading an unused store wrote something");
    fixture.swap_all(&[("x.json", None, a), ("y/z.json", None, a)]).await;
    let before = files(folder);
    fixture.seen().await;
    fixture.observe("never.json").await;
    fixture.read("never.json").await;
    assert_eq!(files(folder), before, "reading wrote something");
}

/// **Whole**, and no cache: another handle reads the old value or the new one, and after the swap only the new one.
pub async fn a_reader_sees_the_old_value_or_the_new_one(fixture: &Fixture) {
    const ROUNDS: u64 = 8;
    let domain = fixture.op().domain();
    let mut contents = Vec::new();
    for n in 0..ROUNDS {
        let content = content(domain, n, 100_000);
        contents.push((Some(fixture.store(&content).await), Some(content)));
    }
    let reader = fixture.op();
    fixture.swap("x.json", None, contents[0].0).await;
    for pair in contents.windows(2) {
        let [(from, old), (to, new)] = pair else { continue };
        let reads = async {
            for _ in 0..4 {
                let read = reader.read("x.json").await.expect("the store answers");
                assert!(read == *old || read == *new, "a reader saw what was never swapped in");
            }
        };
        let (outcome, ()) = futures::future::join(fixture.swap("x.json", *from, *to), reads).await;
        assert_eq!(outcome, SwapOutcome::Applied);
        assert!(reader.read("x.json").await.expect("the store answers") == *new, "a handle caches");
    }
}

/// `recover` removes what a crash left and changes nothing that readers see, also when it runs a second time.
pub async fn recovery_removes_only_what_nobody_sees(fixture: &Fixture) {
    let a = fixture.value(1).await;
    fixture.swap_all(&[("x.json", None, a), ("y/z.json", None, a)]).await;
    let seen = fixture.seen().await;
    let names = fixture.folder.as_deref().map(|folder| files(folder).into_keys().collect::<Vec<_>>());
    for _ in 0..2 {
        if let Some(leave) = &fixture.leave_unfinished {
            leave();
        }
        assert_eq!(fixture.seen().await, seen, "readers see what a crash left");
        fixture.op().recover(&fixture.context()).await.expect("the store recovers");
        fixture.op().recover(&fixture.context()).await.expect("the store recovers again");
        let left = fixture.folder.as_deref().map(|folder| files(folder).into_keys().collect::<Vec<_>>());
        assert_eq!(left, names, "recovery left something, or took too much");
        assert_eq!(fixture.seen().await, seen, "recovery changed what readers see");
    }
    assert_eq!(fixture.swap("x.json", a, None).await, SwapOutcome::Applied, "recovery spoilt the store");
}

/// Everything in a folder: names, bytes and times of change.
fn files(root: &Path) -> BTreeMap<PathBuf, (Vec<u8>, Option<SystemTime>)> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("the folder can be read").path();
            let changed = std::fs::symlink_metadata(&path).and_then(|metadata| metadata.modified()).ok();
            if path.is_dir() {
                folders.push(path.clone());
            }
            files.insert(path.clone(), (std::fs::read(&path).unwrap_or_default(), changed));
        }
    }
    files
}
