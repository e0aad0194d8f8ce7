//! What readers see, and that looking changes nothing.

use std::collections::BTreeMap;

use crate::conformance::{Fixture, Outcome};
use crate::op::{Depth, Listed, Seen, Swap, Swapped, ValueIs, Visible};

/// Answers come in the order of the keys that were asked for, those of absent cells among them.
pub async fn answers_come_in_the_order_of_the_keys(fixture: &Fixture) {
    let (a, b) = (fixture.value(1).await, fixture.value(2).await);
    fixture.swap_all(&[("a.json", None, a), ("b.json", None, b), ("z.json", None, a)]).await;
    let keys = ["z.json", "never.json", "b.json", "a.json", "no/folder.json"].map(str::to_owned);
    let (content, other) = (Some(fixture.content(1, 0)), Some(fixture.content(2, 0)));
    for depth in [Depth::Mark, Depth::Content] {
        let seen = fixture.op().observe(&keys, depth).await.expect("the store answers");
        let values: Vec<_> = seen.into_iter().map(|seen| seen.value).collect();
        assert_eq!(values, [a, None, b, a, None], "not in the order of the keys");
    }
    let read = fixture.op().read(&keys).await.expect("the store answers");
    assert!(read == [content.clone(), None, other, content, None], "not in the order of the keys");
    assert!(fixture.op().observe(&[], Depth::Content).await.expect("the store answers").is_empty());
}

/// A form is its own form, is the same each time, and has the digest of its bytes.
pub async fn a_form_is_its_own_form_and_matches_its_digest(fixture: &Fixture) {
    let op = fixture.op();
    for n in 1..4 {
        let content = fixture.content(n, 0);
        let (digest, form) = op.form("x.json", content.clone()).expect("a content of the domain");
        assert!(digest.matches(&form), "the digest is not that of the bytes: {digest}");
        assert_eq!(op.form("x.json", content).expect("a content of the domain"), (digest, form.clone()));
        assert_eq!(
            op.form("x.json", form.clone()).expect("its own form"),
            (digest, form),
            "a form is not its own form"
        );
    }
}

/// A probe says which product it is, and finds nothing in a healthy one that breaks a promise.
pub async fn a_probe_names_the_product_and_finds_a_healthy_one_healthy(fixture: &Fixture) {
    let probe = fixture.op().probe().await.expect("the store answers");
    assert!(!probe.product.is_empty() && !probe.version.is_empty(), "no product is named: {probe:?}");
    let broken = probe.findings.iter().find(|finding| finding.breaks_promise);
    assert_eq!(broken, None, "the product under test is misconfigured");
}

/// **Reads write nothing**: not a byte, a name or a time stamp changes.
pub async fn reads_write_nothing(fixture: &Fixture) {
    let unused = fixture.state().await;
    look(fixture).await;
    assert!(fixture.state().await == unused, "reading an unused store wrote something");
    let a = fixture.value(1).await;
    fixture.swap_all(&[("x.json", None, a), ("y/z.json", None, a)]).await;
    let before = fixture.state().await;
    look(fixture).await;
    assert!(fixture.state().await == before, "reading wrote something");
}

async fn look(fixture: &Fixture) {
    let op = fixture.op();
    op.probe().await.expect("the store answers");
    op.strays().await.expect("the store answers");
    fixture.seen().await;
    for key in ["x.json", "never.json"] {
        fixture.seen_at(key, Depth::Mark).await;
        fixture.observe(key).await;
        fixture.read(key).await;
    }
}

/// A page has at most as many cells as were asked for, in ascending order, above its start; what it says of a cell is
/// so.
pub async fn a_page_is_bounded_ascending_and_above_its_start(fixture: &Fixture) {
    let a = fixture.value(1).await;
    let keys = ["a.json", "a/b.json", "b.json", "c-d.json", "c.json", "c/d.json", "z.json"];
    fixture.swap_all(&keys.map(|key| (key, None, a))).await;
    fixture.swap_all(&[("b.json", a, None)]).await;
    let op = fixture.op();
    for limit in [1, 2, 3, 100] {
        let mut listed: Vec<Listed> = Vec::new();
        loop {
            let after = listed.last().map(|(key, _)| key.as_str());
            let page = op.scan(after, limit).await.expect("the store answers");
            assert!(page.len() <= limit, "a page of {} of at most {limit}", page.len());
            let is_above = page.iter().all(|(key, _)| after.is_none_or(|after| key.as_str() > after));
            assert!(is_above, "not above {after:?}: {page:?}");
            if page.is_empty() {
                break;
            }
            listed.extend(page);
        }
        let listed_keys: Vec<&str> = listed.iter().map(|(key, _)| key.as_str()).collect();
        let expected = ["a.json", "a/b.json", "c-d.json", "c.json", "c/d.json", "z.json"];
        assert_eq!(listed_keys, expected, "not the standing cells, in ascending order");
        for (key, known) in &listed {
            if let Some(known) = known {
                assert_eq!(*known, fixture.seen_at(key, Depth::Mark).await, "{key} is listed as another one");
            }
        }
    }
    assert!(op.scan(Some("z.json"), 10).await.expect("the store answers").is_empty());
}

/// While another writes, a cell that stands all the time is on exactly one page.
pub async fn pages_miss_nothing_while_another_writes(fixture: &Fixture) {
    let a = fixture.value(1).await;
    let steady = ["d.json", "f.json", "h.json", "k.json", "m.json"];
    fixture.swap_all(&steady.map(|key| (key, None, a))).await;
    fixture.swap_all(&[("e.json", None, a), ("j.json", None, a), ("l.json", None, a)]).await;
    // What another writes after each page: before where the pages are, and where they have not been.
    let meanwhile = [
        vec![("a.json", None, a), ("g.json", None, a)],
        vec![("d0.json", None, a), ("j.json", a, None)],
        vec![("e.json", a, None), ("b.json", None, a)],
        vec![("l.json", a, None), ("z.json", None, a)],
    ];
    let (op, mut listed) = (fixture.op(), Vec::<String>::new());
    let mut meanwhile = meanwhile.into_iter();
    loop {
        let page = op.scan(listed.last().map(String::as_str), 2).await.expect("the store answers");
        if page.is_empty() {
            break;
        }
        listed.extend(page.into_iter().map(|(key, _)| key));
        assert!(listed.is_sorted_by(|a, b| a < b), "a cell is on two pages: {listed:?}");
        if let Some(swaps) = meanwhile.next() {
            fixture.swap_all(&swaps).await;
        }
    }
    let missing: Vec<_> = steady.iter().filter(|key| !listed.iter().any(|listed| listed == *key)).collect();
    assert!(missing.is_empty(), "the pages miss {missing:?}: {listed:?}");
}

/// **Whole**, and no cache: another handle reads the old value or the new one, and after the swap only the new one.
pub async fn a_reader_sees_the_old_value_or_the_new_one(fixture: &Fixture) {
    const ROUNDS: u64 = 8;
    let mut contents = Vec::new();
    for n in 0..ROUNDS {
        let content = fixture.content(n, 100_000);
        contents.push((fixture.store(&content).await, Some(content)));
    }
    let (reader, key) = (fixture.op(), ["x.json".to_owned()]);
    fixture.swap("x.json", None, contents[0].0).await;
    for pair in contents.windows(2) {
        let [(from, old), (to, new)] = pair else { continue };
        let reads = async {
            for _ in 0..4 {
                let read = reader.read(&key).await.expect("the store answers");
                assert!(read[0] == *old || read[0] == *new, "a reader saw what was never swapped in");
            }
        };
        let (outcome, ()) = futures::future::join(fixture.swap("x.json", *from, *to), reads).await;
        assert_eq!(outcome, Outcome::Applied);
        assert!(reader.read(&key).await.expect("the store answers")[0] == *new, "a handle caches");
    }
}

/// One of the product's readers sees a swap when it is answered, or once it is settled, as the store promises; to settle
/// again does no harm.
pub async fn another_reader_sees_what_was_swapped(fixture: &Fixture) {
    let (op, cx, keys) = (fixture.op(), fixture.context(), ["x.json".to_owned()]);
    for (to, n) in [(fixture.value(1).await, Some(1)), (fixture.value(2).await, Some(2)), (None, None)] {
        let [from] = &op.observe(&keys, Depth::Mark).await.expect("the store answers")[..] else {
            panic!("one")
        };
        let swap = Swap { key: keys[0].clone(), from: from.clone(), to };
        let swapped = op.swap(&cx, &[swap]).await.expect("the store takes the batch");
        assert!(matches!(swapped[..], [Ok(Swapped::Applied { .. })]), "{swapped:?}");
        if op.capabilities().visible == Visible::AfterSettle {
            op.settle(&cx, &keys).await.expect("the store settles");
            op.settle(&cx, &keys).await.expect("the store settles again");
        }
        let read = match &fixture.read {
            Some(read) => read(keys[0].clone()).await,
            None => fixture.read(&keys[0]).await,
        };
        assert!(read == n.map(|n| fixture.content(n, 0)), "another reader does not see it yet");
    }
    op.settle(&cx, &["never.json".to_owned()]).await.expect("there is nothing to settle");
}

/// What another hand makes of a content is seen by a look at the content, also if a mark beside it is as it was. Where
/// the value is said to be the content's, every look sees it.
pub async fn a_foreign_edit_is_seen_though_the_mark_is_as_it_was(fixture: &Fixture) {
    let Some(edit) = &fixture.edit else { return };
    let (a, by_hand) = (fixture.value(1).await, fixture.content(2, 0));
    fixture.swap("x.json", None, a).await;
    edit(("x.json".to_owned(), by_hand.clone())).await;
    assert!(fixture.read("x.json").await == Some(by_hand), "it was not edited, or a read does not see it");
    let Seen { value, .. } = fixture.seen_at("x.json", Depth::Content).await;
    assert_ne!(value, a, "a look at the content does not see the edit");
    if fixture.op().capabilities().value_is == ValueIs::Content {
        let Seen { value, .. } = fixture.seen_at("x.json", Depth::Mark).await;
        assert_ne!(value, a, "the value is that of a mark");
    }
}

/// `recover` removes what a crash left and changes nothing that readers see, also when it runs a second time.
pub async fn recovery_removes_only_what_no_reader_sees(fixture: &Fixture) {
    let a = fixture.value(1).await;
    fixture.swap_all(&[("x.json", None, a), ("y/z.json", None, a)]).await;
    let seen: BTreeMap<_, _> = fixture.seen().await;
    let names = async || fixture.state().await.map(|state| state.into_keys().collect::<Vec<_>>());
    let before = names().await;
    for _ in 0..2 {
        if let Some(leave) = &fixture.leave_unfinished {
            leave();
        }
        assert_eq!(fixture.seen().await, seen, "readers see what a crash left");
        fixture.op().recover(&fixture.context()).await.expect("the store recovers");
        fixture.op().recover(&fixture.context()).await.expect("the store recovers again");
        assert_eq!(names().await, before, "recovery left something, or took too much");
        assert_eq!(fixture.seen().await, seen, "recovery changed what readers see");
    }
    assert_eq!(fixture.swap("x.json", a, None).await, Outcome::Applied, "recovery spoilt the store");
}
