//! Protection never rolls back (R61, R62; `docs/states.md` section 4), as long as nothing can be masked.

use kfm_rollback::report::{FindingLine, Status};
use kfm_rollback::{Error, ExecuteRequest, PlanRequest, PlanTarget};

use crate::acts::{execute_plan, plan, revert, roll_back, seen, signer, try_roll_back};
use crate::small::{assert_projected, item, item_at_a_place, path, put, said, titles, try_put};
use crate::support::World;

async fn label(world: &World, id: &str, care: &str) {
    world.label_document(&path(id), care).await;
}

fn append(world: &World, file: &str, table: &str, id: &str, more: &str) {
    let path_of_file = world.root().join("policy").join(file);
    let text = std::fs::read_to_string(&path_of_file).unwrap();
    let entity = path(id);
    let entry = format!(
        "\n[[{table}]]\nentity = \"{entity}\"\nauthority = \"Prairie Band Council\"\nreason = \"asked\"\n{more}"
    );
    std::fs::write(path_of_file, text + &entry).unwrap();
}

fn withdraw(world: &World, id: &str) {
    append(world, "suppressions.toml", "suppression", id, "");
}

fn hold(world: &World, id: &str) {
    append(world, "labels.toml", "hold", id, "review_by = \"2030-06-30\"\n");
}

fn denials(error: Error) -> Vec<FindingLine> {
    assert_eq!(error.kind(), "denied", "{error}");
    let Error::Denied { findings, .. } = error else { panic!("{error}") };
    findings.into_iter().filter(|finding| finding.denies).collect()
}

/// The first publish says where `a` is, the second does not any more. Returns the second.
async fn a_place_taken_out(world: &World) -> String {
    put(world, &[("a", Some(item_at_a_place("a", "exact"))), ("b", Some(item("b", "first")))]).await;
    put(world, &[("a", Some(item("a", "vague"))), ("b", Some(item("b", "second")))]).await
}

#[tokio::test]
async fn what_a_raised_label_outgrew_is_denied_by_name_and_hidden_where_that_is_asked_for() {
    let world = World::new().await;
    let publish = a_place_taken_out(&world).await;
    label(&world, "a", "sensitive").await;
    let before = seen(&world.open().await).await;

    let denied = denials(try_roll_back(&world, &publish).await.unwrap_err());
    assert!(denied.iter().any(|finding| finding.subject == path("a")), "{denied:#?}");
    assert!(denied.iter().all(|finding| finding.subject != path("b")), "{denied:#?}");
    assert_eq!(seen(&world.open().await).await, before);

    let request = PlanRequest { hide_unmaskable: true, ..PlanRequest::new(&publish) };
    let planned = world.open().await.plan(request).await.unwrap();
    let retired = planned.steps.first.iter().find(|step| step.key == path("a")).unwrap();
    assert_eq!((retired.action.as_str(), retired.to), ("retire", None));
    let reviewer = signer(&world, "maria", "reviewer").await;
    crate::acts::approve(&world, &planned.plan_id.to_string(), &reviewer).await;
    execute_plan(&world, &planned.plan_id.to_string()).await.unwrap();
    assert_eq!(titles(&world), said(&[("b", "first")]));
    assert_projected(&world).await;
}

#[tokio::test]
async fn a_label_that_was_in_force_holds_though_its_entry_is_gone_from_the_file() {
    let world = World::new().await;
    let labels = world.root().join("policy/labels.toml");
    let without = std::fs::read_to_string(&labels).unwrap();
    let publish = a_place_taken_out(&world).await;
    label(&world, "a", "sensitive").await;
    std::fs::write(&labels, without).unwrap();
    let denied = denials(try_roll_back(&world, &publish).await.unwrap_err());
    assert!(denied.iter().any(|finding| finding.subject == path("a")), "{denied:#?}");
}

#[tokio::test]
async fn what_was_withdrawn_comes_back_by_no_rollback() {
    let world = World::new().await;
    put(&world, &[("a", Some(item("a", "first"))), ("b", Some(item("b", "first")))]).await;
    let publish = put(&world, &[("a", None), ("b", Some(item("b", "second")))]).await;
    withdraw(&world, "a");

    let planned = plan(&world, &publish).await;
    let skipped = planned.skipped.first.iter().find(|line| line.key == path("a")).unwrap();
    assert!(skipped.why.contains("CARE-A3-resurrect"), "{skipped:?}");
    roll_back(&world, &publish).await;
    assert_eq!(titles(&world), said(&[("b", "first")]));
    assert_projected(&world).await;
}

#[tokio::test]
async fn what_was_withdrawn_comes_back_by_no_revert() {
    let world = World::new().await;
    let reviewer = signer(&world, "maria", "reviewer").await;
    let added = [("a", Some(item("a", "new"))), ("b", Some(item("b", "new")))];
    let publish = put(&world, &added).await;
    let done = roll_back(&world, &publish).await;
    withdraw(&world, "a");

    let reverted = revert(&world, done.rollback_id.unwrap().as_str(), &reviewer).await;
    assert_eq!(reverted.report.status, Status::Completed);
    assert_eq!(titles(&world), said(&[("b", "new")]));
    assert_projected(&world).await;
}

#[tokio::test]
async fn what_was_withdrawn_and_still_stands_is_taken_away_by_what_touches_it() {
    let world = World::new().await;
    put(&world, &[("a", Some(item("a", "first")))]).await;
    let publish = put(&world, &[("a", Some(item("a", "second"))), ("b", Some(item("b", "new")))]).await;
    withdraw(&world, "a");
    roll_back(&world, &publish).await;
    assert_eq!(titles(&world), said(&[]));
    assert_projected(&world).await;
}

#[tokio::test]
async fn nothing_under_a_hold_is_rolled_back() {
    let world = World::new().await;
    let publish = put(&world, &[("a", Some(item("a", "new"))), ("b", Some(item("b", "new")))]).await;
    hold(&world, "a");
    for hide_unmaskable in [false, true] {
        let request = PlanRequest { hide_unmaskable, ..PlanRequest::new(&publish) };
        let denied = denials(world.open().await.plan(request).await.unwrap_err());
        assert_eq!(denied[0].rule, "CARE-A2-hold");
        assert_eq!(denied[0].subject, path("a"));
    }
    assert_eq!(titles(&world), said(&[("a", "new"), ("b", "new")]));
}

#[tokio::test]
async fn protection_that_rises_between_plan_and_execute_denies_or_makes_the_plan_stale() {
    // A label that the restored content does not satisfy any more: denied now.
    let world = World::new().await;
    let publish = a_place_taken_out(&world).await;
    let planned = plan(&world, &publish).await.plan_id.to_string();
    label(&world, "a", "restricted").await;
    let denied = denials(execute_plan(&world, &planned).await.unwrap_err());
    assert!(denied.iter().any(|finding| finding.subject == path("a")), "{denied:#?}");

    // A withdrawal: the cell would end at another value than planned.
    let world = World::new().await;
    let publish = a_place_taken_out(&world).await;
    let planned = plan(&world, &publish).await.plan_id.to_string();
    withdraw(&world, "a");
    let stale = execute_plan(&world, &planned).await.unwrap_err();
    assert_eq!(stale.kind(), "conflict", "{stale}");
    assert_eq!(titles(&world), said(&[("a", "vague"), ("b", "second")]));
}

#[tokio::test]
async fn protection_that_rises_elsewhere_between_plan_and_execute_changes_nothing() {
    let world = World::new().await;
    put(&world, &[("z", Some(item("z", "apart")))]).await;
    let publish = a_place_taken_out(&world).await;
    let planned = plan(&world, &publish).await.plan_id.to_string();
    label(&world, "z", "sensitive").await;
    let done = execute_plan(&world, &planned).await.unwrap();
    assert_eq!(done.status, Status::Completed);
    assert_eq!(titles(&world), said(&[("a", "exact"), ("b", "first"), ("z", "apart")]));
}

/// A publish that was interrupted when it had changed `a` and `b` and added `c`, and projected none of it.
async fn interrupted(world: &World) -> String {
    put(world, &[("a", Some(item("a", "first"))), ("b", Some(item("b", "first")))]).await;
    let platform = world.open_stopping().await;
    let new = |id| (id, Some(item(id, "second")));
    let stopped = try_put(&platform, &[new("a"), new("b"), new("c")]).await.unwrap_err();
    let Error::Unfinished { operation, status, .. } = stopped else { panic!("{stopped}") };
    assert_eq!(status, Status::Interrupted);
    assert_eq!(titles(world), said(&[("a", "second"), ("b", "second"), ("c", "second")]));
    operation.to_string()
}

#[tokio::test]
async fn what_is_withdrawn_while_a_publish_is_unfinished_is_gone_in_both_directions() {
    for (abort, rest) in [(true, [("b", "first")].as_slice()), (false, &[("b", "second"), ("c", "second")])] {
        let world = World::new().await;
        let publish = interrupted(&world).await;
        withdraw(&world, "a");
        let ended = world.open().await.publish_resume(&publish, abort).await.unwrap();
        assert_eq!(ended.status, if abort { Status::Aborted } else { Status::Completed });
        assert_eq!(titles(&world), said(rest), "abort={abort}");
        assert_projected(&world).await;
    }
}

#[tokio::test]
async fn a_hold_placed_while_a_rollback_is_unfinished_hides_in_both_directions() {
    for abort in [true, false] {
        let world = World::new().await;
        put(&world, &[("a", Some(item("a", "first"))), ("b", Some(item("b", "first")))]).await;
        let second = [("a", Some(item("a", "second"))), ("b", Some(item("b", "second")))];
        let publish = put(&world, &second).await;
        let platform = world.open_stopping().await;
        let request = ExecuteRequest::new(PlanTarget::Publish(publish), "it was wrong");
        let stopped = platform.execute(request).await.unwrap_err();
        let Error::Unfinished { operation, .. } = stopped else { panic!("{stopped}") };

        hold(&world, "a");
        let ended = world.open().await.rollback_resume(operation.as_str(), abort, Vec::new()).await.unwrap();
        assert_eq!(ended.status, if abort { Status::Aborted } else { Status::Completed });
        let rest = if abort { ("b", "second") } else { ("b", "first") };
        assert_eq!(titles(&world), said(&[rest]), "abort={abort}");
        assert_projected(&world).await;
    }
}
