//! Forgeries put before a real platform, by somebody who can write its folder: nothing panics, nothing moves but what
//! was planned, and what is put back from a backup brings the platform back.

use std::collections::BTreeMap;

use kfm_lineage::Timestamp;
use kfm_rollback::{PlanRequest, Project};
use kfm_wal::local::{LocalLog, LocalOptions};
use kfm_wal::record::Record;
use kfm_wal::{NewRecord, WalStore};
use serde_json::{Value, json};

use crate::forge::{execute, item, log_of, put};
use crate::mutate::{Chance, mutated, spliced};
use crate::snapshots::Kept;
use crate::stage::{Seen, Stage, seen, snapshots};
use crate::walk::{Counts, counted};

/// Of so many platforms one is worked on after it was brought back.
const WORKED_ON_EVERY: u64 = 20;

/// What is forged.
#[derive(Debug, Clone, PartialEq)]
enum Forged {
    /// Records that can be read, behind the log's own.
    Records(Vec<Record>),
    /// A record that may not be what it says it is.
    Raw(NewRecord),
    /// A snapshot; named by the log, or not.
    Snapshot { is_named: bool },
    /// The manifest of a rollback.
    Manifest(Value),
    /// A file of the policy.
    Policy(&'static str, String),
}

/// What became of forgeries of one kind.
#[derive(Debug, Default)]
struct Met {
    platforms: u64,
    /// Platforms on which the plan was executed all the same, exactly.
    executed: u64,
    /// Platforms on which what was open was resumed or aborted.
    ended: u64,
    /// Platforms that said nothing but errors until they were put back.
    stopped: u64,
}

/// Shows forgeries to a platform, one after the other, and brings it back after each.
pub async fn walk(seed: u64, count: u64) -> Counts {
    let mut chance = Chance::of_seed(seed);
    let stage = Stage::new().await;
    let wal = log_of(&stage.world.open().await).await;
    let scratch = tempfile::tempdir_in(stage.world.root()).unwrap();
    let kept = Kept::of(&wal, &stage.world.open().await.versions(), scratch.path()).await;
    drop((wal, scratch));
    let mut met: BTreeMap<&str, Met> = BTreeMap::new();
    for n in 0..count {
        let Some((kind, forged)) = forge(&mut chance, &stage, &kept).await else { continue };
        let met = met.entry(kind).or_default();
        met.platforms += 1;
        look(&stage, &forged, met).await;
        // On one of two the plan is executed and what is open is ended; the other one is brought back as it is.
        let is_worked_on = n % 2 == 0;
        end_what_is_open(&stage, &forged, met, is_worked_on).await;
        if is_worked_on {
            act(&stage, &forged, met).await;
            stage.restore(&[""]);
        } else {
            bring_back(&stage, &forged, n % WORKED_ON_EVERY == 1).await;
        }
    }
    let counts = met.into_iter().flat_map(|(kind, met)| {
        let Met { platforms, executed, ended, stopped } = met;
        let counts =
            [("platforms", platforms), ("executed", executed), ("ended", ended), ("stopped", stopped)];
        counted(kind, &counts)
    });
    counts.map(|(what, count)| (format!("before a platform, {what}"), count)).collect()
}

/// Forges something and puts it before the platform; none if the log itself refuses it.
async fn forge(chance: &mut Chance, stage: &Stage, kept: &Kept) -> Option<(&'static str, Forged)> {
    let root = stage.world.root();
    match chance.below(20) {
        0..=9 => {
            let wal = log_of(&stage.world.open().await).await;
            let mut records = Vec::new();
            for _ in 0..=chance.below(3) {
                let Some(record) = forged_record(chance, stage) else { continue };
                if wal.append(record.clone()).await.is_ok() {
                    records.push(record);
                }
            }
            (!records.is_empty()).then_some(("records", Forged::Records(records)))
        }
        10..=12 => {
            let record = raw(chance, stage);
            let options = LocalOptions::new(stage.world.clock.clone());
            let (log, _) = LocalLog::open(stage.world.open().await.wal_dir(), options).unwrap();
            let appended = log.append(std::slice::from_ref(&record), None).await;
            appended.is_ok().then_some(("raw records", Forged::Raw(record)))
        }
        13..=15 => {
            let is_named = chance.below(3) > 0;
            let wal = log_of(&stage.world.open().await).await;
            let folder = snapshots(root);
            let record = kept.lay_forged(chance, kept.of, &folder);
            if is_named {
                wal.append(record).await.unwrap();
            }
            Some(("snapshots", Forged::Snapshot { is_named }))
        }
        16 => {
            let manifest: Value = serde_json::from_slice(&std::fs::read(stage.manifest()).unwrap()).unwrap();
            let forged = mutated(chance, &manifest);
            std::fs::write(stage.manifest(), forged.to_string()).unwrap();
            (forged != manifest).then_some(("manifests", Forged::Manifest(forged)))
        }
        _ => {
            let (file, text) = policy_file(chance)?;
            std::fs::write(root.join(file), &text).unwrap();
            Some(("registries", Forged::Policy(file, text)))
        }
    }
}

/// A record of the log with something changed in it, or one of them again under another operation's id.
fn forged_record(chance: &mut Chance, stage: &Stage) -> Option<Record> {
    let value = chance.of(&stage.values).clone();
    let forged = match chance.below(4) {
        0 => renamed(chance, stage, &value),
        1 => {
            let renamed = renamed(chance, stage, &value);
            spliced(chance, &renamed, &stage.values)
        }
        2 => spliced(chance, &value, &stage.values),
        _ => mutated(chance, &value),
    };
    let forged = serde_json::from_value(forged).ok();
    forged.filter(|record| !stage.records.contains(record) && !fits_in_all_that_is_judged(record, stage))
}

/// Says whether a record opens a real publish anew under another id: it fits in everything that is judged, so that only
/// a witness of the log tells it from the engine's own (`execute/fit.rs`).
fn fits_in_all_that_is_judged(record: &Record, stage: &Stage) -> bool {
    let Record::PublishIntent(forged) = record else { return false };
    stage.records.iter().any(|real| {
        matches!(real, Record::PublishIntent(real) if real.publish_id != forged.publish_id
            && (real.kind, real.steps.digest) == (forged.kind, forged.steps.digest)
            && (real.pre_state_hash, real.post_state_expected)
                == (forged.pre_state_hash, forged.post_state_expected))
    })
}

/// The same value, where one operation's id is another's or a new one.
fn renamed(chance: &mut Chance, stage: &Stage, value: &Value) -> Value {
    let ids: Vec<&str> = stage
        .values
        .iter()
        .flat_map(|value| {
            ["/publish_id", "/wal_id", "/operation"].iter().filter_map(|id| value.pointer(id)?.as_str())
        })
        .collect();
    let new =
        ["pub_2027_01_01T00_00_00Z_evil", "rb_2027_01_01T00_00_00Z_pub_x", "hf_2027_01_01T00_00_00Z_stac_x"];
    let from = chance.of(&ids);
    let to = if chance.below(2) == 0 { chance.of(&ids) } else { chance.of(&new) };
    serde_json::from_str(&value.to_string().replace(*from, to)).unwrap_or_default()
}

/// A record whose bytes, type and form need not fit each other.
fn raw(chance: &mut Chance, stage: &Stage) -> NewRecord {
    let value = chance_value(chance, stage);
    let mut payload = mutated(chance, value).to_string().into_bytes();
    match chance.below(4) {
        0 => payload.truncate(chance.below(payload.len())),
        1 => payload = vec![b'['; 200_000],
        _ => {}
    }
    let rtype = match chance.below(4) {
        0 => chance.below(20) as u16,
        1 => 0x8000 | chance.below(20) as u16,
        _ => 1 + chance.below(9) as u16,
    };
    let mut op_id = [0; 16];
    op_id[..8].copy_from_slice(&chance.next().to_be_bytes());
    let at = *chance.of(&[Timestamp::UNIX_EPOCH, Timestamp::MAX, Timestamp::MIN]);
    NewRecord { op_id, rtype, schema: chance.below(4) as u16, at, payload }
}

fn chance_value<'a>(chance: &mut Chance, stage: &'a Stage) -> &'a Value {
    chance.of(&stage.values)
}

fn policy_file(chance: &mut Chance) -> Option<(&'static str, String)> {
    let label =
        json!({"under": "", "care": "public", "authority": "A", "reason": "r", "review_by": "2030-01-01"});
    let withdrawn = json!({"entity": "a.json", "authority": "A", "reason": "r"});
    let principal = json!({"name": "bea", "roles": ["reviewer", "council"], "public_key": "00".repeat(32)});
    let (file, name, entry) = chance
        .of(&[
            ("policy/labels.toml", "label", label),
            ("policy/suppressions.toml", "suppression", withdrawn),
            ("policy/principals.toml", "principal", principal),
        ])
        .clone();
    let text = toml::to_string(&json!({ name: [mutated(chance, &entry)] })).ok()?;
    Some((file, text))
}

/// Looks at a forged platform by every command that does, and plans on it.
async fn look(stage: &Stage, forged: &Forged, met: &mut Met) {
    let world = &stage.world;
    let why = || format!("{forged:#?}");
    let platform = world.open().await;
    let looks = [
        platform.status().await.is_ok(),
        platform.publishes().await.is_ok(),
        platform.plans().await.is_ok(),
        platform.plan_show(&stage.plan_id).await.is_ok(),
        platform.labels().await.is_ok(),
        platform.doctor(true).await.is_ok_and(|report| report.findings.is_empty()),
        platform.ledger_verify().await.is_ok_and(|report| report.ledger.ok),
        platform.reconcile(false).await.is_ok(),
        platform.catalog_check().await.is_ok(),
    ];
    let verified = platform.verify(&stage.rollback).await;
    if matches!(forged, Forged::Manifest(_)) {
        assert!(!verified.is_ok_and(|report| report.ok), "it is not the manifest of the log: {}", why());
    }
    met.stopped += u64::from(!looks.contains(&true));
    assert_eq!(seen(world).await, stage.prior, "who looks moves nothing: {}", why());
    let _ = world.open().await.plan(PlanRequest::new("latest")).await;
    assert_eq!(seen(world).await, stage.prior, "a plan moves nothing: {}", why());
}

/// Says whether documents may be hidden: where somebody says that they are protected.
fn may_hide(forged: &Forged) -> bool {
    match forged {
        Forged::Records(records) => records.iter().any(|record| matches!(record, Record::Labels(_))),
        Forged::Snapshot { is_named } => *is_named,
        Forged::Policy(..) => true,
        Forged::Raw(_) | Forged::Manifest(_) => false,
    }
}

/// Resumes and aborts what is open, be it the stage's own operation, where that is wanted, or one of the forgery.
async fn end_what_is_open(stage: &Stage, forged: &Forged, met: &mut Met, also_its_own: bool) {
    let why = || format!("{forged:#?}");
    let open = stage.world.open().await.status().await.map(|status| status.open).unwrap_or_default();
    for operation in open.iter().filter(|operation| also_its_own || operation.id.as_str() != stage.open) {
        for abort in [false, true] {
            let platform = stage.world.open().await;
            let id = operation.id.as_str();
            let ended = match id.get(..3) {
                Some("pub") => platform.publish_resume(id, abort).await.map(drop),
                Some("rb_") => platform.rollback_resume(id, abort, Vec::new()).await.map(drop),
                _ => platform.hotfix_resume(id, abort, Vec::new()).await.map(drop),
            };
            met.ended += u64::from(ended.is_ok());
            let now = stage.assert_no_act(may_hide(forged), &why).await;
            if id != stage.open {
                assert!(
                    catalog(&now)
                        .all(|(key, held)| [stage.prior.get(key), stage.resumed.get(key)]
                            .contains(&Some(held))),
                    "{id} moved something: {}",
                    why()
                );
            }
        }
    }
}

/// Executes the plan: exactly, or not at all.
async fn act(stage: &Stage, forged: &Forged, met: &mut Met) {
    let why = || format!("{forged:#?}");
    let before = seen(&stage.world).await;
    let executed = stage.world.open_as("executor").await.execute(execute(&stage.plan_id)).await;
    let now = stage.assert_no_act(may_hide(forged), &why).await;
    let is_made = |key: &&(String, String)| now.get(*key) == stage.planned.get(*key);
    match &executed {
        Ok(report) if report.applied.total > 0 => {
            met.executed += 1;
            let moved = stage
                .planned
                .keys()
                .chain(stage.prior.keys())
                .filter(|key| key.0 == "catalog" && stage.prior.get(*key) != stage.planned.get(*key));
            assert!(
                moved.into_iter().all(|key| is_made(&key)) || may_hide(forged),
                "not as planned: {}",
                why()
            );
        }
        Err(error) if error.kind() == "unfinished" => {}
        _ => assert!(catalog(&now).eq(catalog(&before)), "{executed:?}: {}", why()),
    }
}

fn catalog(seen: &Seen) -> impl Iterator<Item = (&(String, String), &Vec<u8>)> {
    seen.iter().filter(|((store, _), _)| store == "catalog")
}

/// Puts back what was forged, from a backup of that alone, and asserts that the platform is what it was.
async fn bring_back(stage: &Stage, forged: &Forged, is_worked_on: bool) {
    let why = || format!("{forged:#?}");
    assert!(
        catalog(&seen(&stage.world).await).eq(catalog(&stage.prior)),
        "nothing was to be moved: {}",
        why()
    );
    match forged {
        Forged::Policy(..) => stage.restore(&["policy", "wal", ".kfm/ledger", ".kfm/ledger-owed"]),
        Forged::Manifest(_) => stage.restore(&[".kfm/manifests", "wal", ".kfm/ledger"]),
        Forged::Snapshot { .. } => {
            std::fs::remove_dir_all(snapshots(stage.world.root())).unwrap();
            stage.restore(&["wal", ".kfm/ledger"]);
        }
        Forged::Records(_) | Forged::Raw(_) => stage.restore(&["wal", ".kfm/ledger", ".kfm/ledger-owed"]),
    }
    let platform = stage.world.open().await;
    assert_eq!(platform.status().await.unwrap(), stage.status, "{}", why());
    if is_worked_on {
        assert!(platform.wal_verify().await.unwrap().ok, "{}", why());
        let ledger = platform.ledger_verify().await.unwrap();
        assert!(ledger.ledger.ok, "{ledger:#?}: {}", why());
        assert_eq!(platform.reconcile(false).await.unwrap().foreign.total, 0, "{}", why());
        assert!(platform.verify(&stage.rollback).await.unwrap().ok, "{}", why());
        stage.world.open_as("executor").await.execute(execute(&stage.plan_id)).await.unwrap();
        stage.world.open().await.publish_resume(&stage.open, false).await.unwrap();
        put(&stage.world, &[("f.json", item("f", "it lives on"))]).await;
        stage.world.open().await.project(Project::default()).await.unwrap();
        assert_eq!(stage.world.open().await.catalog_check().await.unwrap().store_skew, 0, "{}", why());
    }
    stage.restore(&[""]);
}
