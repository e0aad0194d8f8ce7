//! What a plan's approver reads at 1, 40 and 20,002 cells.

use kfm_lineage::Digest;
use kfm_policy::Remedy;
use kfm_rollback::report::{
    ApprovalLine, DecisionLine, FindingLine, Listing, PlanReport, PlanShow, ScopeCounts, SkippedLine, Status,
    StepLine,
};

use super::shown;
use crate::command::rollback::{heading, question};
use crate::output::Paint;

const PUBLISH: &str = "pub_2025_11_14T03_15_42Z_naip";

fn digest(of: &str) -> Digest {
    Digest::of_bytes(of.as_bytes())
}

fn step(domain: &str, store: &str, key: String, action: &str) -> StepLine {
    let from = (action != "project").then(|| digest(&key));
    StepLine {
        domain: domain.into(),
        store: store.into(),
        unit: "naip".into(),
        key,
        action: action.into(),
        from,
        to: None,
    }
}

/// Retires so many documents, with a node for each, an alias and a namespace.
fn steps(documents: u64) -> Listing<StepLine> {
    let key = |n: u64| format!("naip/items/scene_{n:05}.json");
    let retired = (0..documents).map(|n| step("stac", "catalog", key(n), "retire"));
    let nodes = (0..documents).map(|n| step("graph", "graph", key(n), "project"));
    let others = [
        step("search", "search", "kfm-naip".into(), "project"),
        step("cache", "cache", "naip".into(), "project"),
    ];
    match documents {
        0 => Listing::of([step("stac", "catalog", key(0), "retire")]),
        _ => Listing::of(retired.chain(nodes).chain(others))
            .with_all(Remedy::ShowPlan { plan: digest("plan"), entire: true }),
    }
}

fn finding(rule: &str, n: u64, message: &str) -> FindingLine {
    let subject = format!("naip/items/scene_{n:05}.json");
    FindingLine::new(rule, kfm_policy::Severity::Warn, subject, message, "mend it")
}

fn plan(documents: u64, skipped: u64) -> PlanShow {
    let assets = (0..documents).map(|n| finding("FAIR-F3-asset", n, "an asset has no checksum"));
    let orphans = (0..documents).map(|n| finding("FAIR-I3-orphans", n, "introduced: no document lists it"));
    let left = |n: u64| SkippedLine {
        domain: "stac".into(),
        store: "catalog".into(),
        key: format!("naip/items/kept_{n:05}.json"),
        why: "superseded".into(),
        by: Some("pub_2025_11_15T03_15_42Z_fix".parse().expect("an id")),
    };
    let steps = steps(documents);
    let report = PlanReport {
        plan_id: digest("plan"),
        content_id: digest("content"),
        path: None,
        rollback_id: None,
        correction: None,
        publish_id: PUBLISH.parse().expect("an id"),
        reverts: None,
        status: Status::AwaitingApproval,
        scope: ScopeCounts { items: documents, ..ScopeCounts::default() },
        steps,
        skipped: Listing::of((0..skipped).map(left)),
        dependents: Vec::new(),
        risk_level: "high".into(),
        risk_reasons: vec!["a licence is loosened".into()],
        tier: 1,
        approvals_needed: vec!["1 reviewer".into()],
        decision: DecisionLine {
            allowed: true,
            policy_snapshot_ref: digest("policy"),
            rules: 21,
            entities: documents,
            links: 0,
        },
        findings: Listing::of(assets.chain(orphans)),
        broken_links_before: 0,
        broken_links_planned: 0,
        orphan_count_before: 0,
        orphan_count_planned: documents,
        foreign: Vec::new(),
        returned: 0,
        next: Vec::new(),
    };
    let at = "2025-11-14T03:20:00Z".parse().expect("a time");
    PlanShow {
        plan: report,
        kind: "rollback".into(),
        operation: "rb_2025_11_14T03_20_00Z_pub_2025_11_14T03_15_42Z_naip".parse().expect("an id"),
        requested_by: "olga".into(),
        created_at: at,
        reason: Some("asset links lead to another scene".into()),
        fresh: true,
        not_fresh_because: None,
        approvals: vec![ApprovalLine {
            principal: "ada".into(),
            role: "reviewer".into(),
            signed_at: at,
            expires_at: at,
            valid: false,
            why: Some("it has expired".into()),
        }],
        needed: vec!["1 reviewer".into()],
    }
}

fn screen(plan: &PlanShow) -> String {
    format!("{}\n{} [y/N]\n", shown(plan).render(Paint::new(false)), question(&plan.plan))
}

#[test]
fn a_plan_of_one_cell() {
    insta::assert_snapshot!("plan_of_1", screen(&plan(0, 0)));
}

#[test]
fn a_plan_of_forty_cells() {
    insta::assert_snapshot!("plan_of_40", screen(&plan(19, 1)));
}

#[test]
fn a_plan_of_twenty_thousand_cells_says_how_many_there_are_of_each_kind() {
    let plan = plan(10_000, 40);
    let said = screen(&plan);
    for line in [
        "retire 10,000 cells in catalog (stac)",
        "project 10,000 cells in graph (graph)",
        "FAIR-I3-orphans  10,000 times",
        "FAIR-F3-asset  10,000 times",
        "left alone: 40 cells",
        "Move 20,002 cells (10,000 graph, 10,000 stac, 1 cache, 1 search), leave 40 alone (owned by \
         pub_2025_11_15T03_15_42Z_fix) now?",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert!(
        said.find("FAIR-I3-orphans") < said.find("FAIR-F3-asset"),
        "what makes things worse stands first: {said}"
    );
    assert!(said.lines().count() < 60, "{said}");
    insta::assert_snapshot!("plan_of_20002", said);
}

/// A plan that was rehearsed is asked about as what it will do, not as the rehearsal that it was.
#[test]
fn the_heading_of_a_question_is_what_a_yes_does() {
    let mut plan = plan(40, 0).plan;
    plan.status = Status::DryRun;
    let heading = heading(&plan);
    let screen = crate::command::rollback::plan_screen(&plan).headed(crate::output::Tone::Warn, &heading);
    let text = screen.render(Paint::new(false));
    assert!(text.starts_with(&format!("Rollback of {PUBLISH}: will move 82 cells\n")), "{text}");
    assert!(!text.contains("dry run") && !text.contains("nothing was written"), "{text}");
}
