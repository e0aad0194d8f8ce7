//! What one swap does, and what a batch does.

use std::collections::BTreeMap;

use crate::conformance::{Fixture, Outcome};
use crate::op::{Depth, OpError, Seen, Swap, Swapped};

/// **Compare-and-set**: a cell of another value is left as it is, and the answer says what it is.
pub async fn a_cell_of_another_value_is_left_alone(fixture: &Fixture) {
    let (a, b, c) = (fixture.value(1).await, fixture.value(2).await, fixture.value(3).await);
    assert_eq!(fixture.swap("x.json", a, b).await, Outcome::Conflict(None));
    assert_eq!(fixture.swap("x.json", None, a).await, Outcome::Applied);
    let before = fixture.seen().await;
    for (from, to) in [(b, c), (None, c), (b, None)] {
        let outcome = fixture.swap("x.json", from, to).await;
        assert_eq!(outcome, Outcome::Conflict(a), "from {from:?} to {to:?}");
        assert_eq!(fixture.seen().await, before, "a refused swap changed the store");
    }
}

/// **Idempotent**: the same swap again changes nothing and says so, whatever its `from`.
pub async fn a_swap_made_twice_is_made_once(fixture: &Fixture) {
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    for (from, to) in [(None, a), (a, b), (b, None)] {
        assert_eq!(fixture.swap("x.json", from, to).await, Outcome::Applied);
        let once = fixture.seen().await;
        let again = fixture.swap("x.json", from, to).await;
        assert_eq!(again, Outcome::Already, "the same swap was made twice");
        assert_eq!(fixture.swap("x.json", to, to).await, Outcome::Already);
        assert_eq!(fixture.seen().await, once);
    }
    assert_eq!(fixture.swap("x.json", a, None).await, Outcome::Already);
}

/// **Inverse**: swaps and their inverses leave everything as it was to readers.
pub async fn a_batch_and_its_inverse_leave_the_store_as_it_was(fixture: &Fixture) {
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    fixture.swap_all(&[("kept.json", None, a), ("gone.json", None, a)]).await;
    let before = fixture.seen().await;
    let batch = [("new.json", None, b), ("kept.json", a, b), ("gone.json", a, None)];
    assert_eq!(fixture.swap_all(&batch).await, [Outcome::Applied; 3]);
    assert_ne!(fixture.seen().await, before);
    let inverse: Vec<_> = batch.iter().rev().map(|&(key, from, to)| (key, to, from)).collect();
    assert_eq!(fixture.swap_all(&inverse).await, [Outcome::Applied; 3], "the inverse was not made");
    assert_eq!(fixture.seen().await, before, "the inverse left something else");
}

/// **Exact**: what was swapped in is what is listed, observed and read, small or large.
pub async fn what_was_swapped_in_is_read_exactly(fixture: &Fixture) {
    let mut expected = BTreeMap::new();
    for (n, bytes_min) in [(1, 0), (2, 5_000), (3, 70_000), (4, 1_200_000)] {
        let key = format!("{n}.json");
        let content = fixture.content(n, bytes_min);
        let value = fixture.store(&content).await;
        assert_eq!(fixture.swap(&key, None, value).await, Outcome::Applied);
        expected.insert(key, (value, Some(content)));
    }
    assert!(fixture.seen().await == expected, "what is seen is not what was swapped in");
    for never in ["never.json", "no/folder.json"] {
        assert_eq!(fixture.observe(never).await, None);
        assert_eq!(fixture.read(never).await, None);
    }
}

/// **Exact**: names are taken as they are, with whatever a key of the store may contain.
pub async fn odd_names_are_names_like_others(fixture: &Fixture) {
    let mut names: Vec<&str> = fixture.names.iter().map(String::as_str).collect();
    let mut swaps = Vec::new();
    for (name, n) in names.iter().zip(1..) {
        swaps.push((*name, None, fixture.value(n).await));
    }
    assert_eq!(fixture.swap_all(&swaps).await, vec![Outcome::Applied; names.len()]);
    names.sort_unstable();
    assert_eq!(fixture.keys().await, names, "not the names, or not ascending");
    for (name, _, value) in &swaps {
        assert_eq!(fixture.observe(name).await, *value, "{name}");
    }
    let inverse: Vec<_> = swaps.iter().rev().map(|&(key, from, to)| (key, to, from)).collect();
    assert_eq!(fixture.swap_all(&inverse).await, vec![Outcome::Applied; names.len()]);
    assert!(fixture.seen().await.is_empty());
}

/// A key that the store cannot have is refused as such, wherever it is used, and nothing of its batch is swapped.
pub async fn a_key_that_cannot_be_is_refused(fixture: &Fixture) {
    let (op, cx, value) = (fixture.op(), fixture.context(), fixture.value(1).await);
    for key in ["", "a\nb.json", "a\0.json"] {
        let swap = |key: &str| Swap { key: key.to_owned(), from: Seen::default(), to: value };
        let answers = [
            op.observe(&[key.to_owned()], Depth::Mark).await.map(drop),
            op.read(&[key.to_owned()]).await.map(drop),
            op.swap(&cx, &[swap("ok.json"), swap(key)]).await.map(drop),
        ];
        for answer in answers {
            assert!(matches!(answer, Err(OpError::InvalidKey { .. })), "{key:?}: {answer:?}");
        }
    }
    assert!(fixture.seen().await.is_empty());
}

/// Each cell of a batch has an outcome of its own, in the place of its swap: what stands in the way of one does not
/// stop the others.
pub async fn each_cell_of_a_batch_has_its_own_outcome(fixture: &Fixture) {
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    fixture.swap_all(&[("other.json", None, a), ("done.json", None, b), ("gone.json", None, a)]).await;
    let batch = [
        ("new.json", None, b),
        ("other.json", b, None),
        ("done.json", a, b),
        ("gone.json", a, None),
        ("newer.json", None, a),
    ];
    let expected =
        [Outcome::Applied, Outcome::Conflict(a), Outcome::Already, Outcome::Applied, Outcome::Applied];
    assert_eq!(fixture.swap_all(&batch).await, expected, "not an outcome for each cell");
    let standing: Vec<_> = fixture.seen().await.into_iter().map(|(key, (value, _))| (key, value)).collect();
    let expected = [("done.json", b), ("new.json", b), ("newer.json", a), ("other.json", a)];
    assert_eq!(standing, expected.map(|(key, value)| (key.to_owned(), value)), "not what the answers say");
    assert!(fixture.swap_all(&[]).await.is_empty());
}

/// A value may come back: A to B to A to B is four swaps.
pub async fn a_value_may_come_back(fixture: &Fixture) {
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    for (from, to) in [(None, a), (a, b), (b, a), (a, b), (b, None), (None, b), (b, a)] {
        assert_eq!(fixture.swap("x.json", from, to).await, Outcome::Applied, "from {from:?} to {to:?}");
        assert_eq!(fixture.observe("x.json").await, to);
    }
}

/// Content that the version store lacks is an error that names its digest, and the cell is left as it is; the others of
/// the batch are swapped.
pub async fn a_cell_whose_content_is_missing_is_left_alone(fixture: &Fixture) {
    let a = fixture.value(1).await;
    fixture.swap("x.json", None, a).await;
    let (missing, _) = fixture.op().form("x.json", fixture.content(99, 0)).expect("a content of the domain");
    let from = [("x.json", a), ("new.json", None)];
    for (key, from) in from {
        let other = format!("beside {key}");
        let batch = [(key, from, Some(missing)), (&other, None, a)];
        let answers = fixture.try_swap_all(&batch).await;
        assert!(
            matches!(&answers[0], Err(OpError::Content { digest, .. }) if *digest == missing),
            "{key}: {:?}",
            answers[0]
        );
        assert!(matches!(&answers[1], Ok(Swapped::Applied { .. })), "{key}: {:?}", answers[1]);
        assert_eq!(fixture.observe(key).await, from, "{key}");
        assert_eq!(fixture.observe(&other).await, a, "{key}");
    }
}

/// **Keeps**: after a retire and a replacement, the content that the engine stored can still be restored.
pub async fn what_was_retired_or_replaced_can_be_restored(fixture: &Fixture) {
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    let content = fixture.content(1, 0);
    for between in [None, b] {
        fixture.swap("x.json", None, a).await;
        fixture.swap("x.json", a, between).await;
        assert_eq!(fixture.swap("x.json", between, a).await, Outcome::Applied);
        assert_eq!(fixture.read("x.json").await, Some(content.clone()), "restored as something else");
        fixture.swap("x.json", a, None).await;
        assert_eq!(fixture.read("x.json").await, None, "a retired cell is absent");
        assert!(fixture.keys().await.is_empty());
    }
}
