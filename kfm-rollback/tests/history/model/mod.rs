//! Random histories of publishes, hotfixes, rollbacks, reverts and edits by hand, against a model of what the oracle
//! says of owners, predecessors and undone marks (`docs/states.md` section 2).
//!
//! `KFM_MODEL_SEED=17 cargo test -p kfm-rollback --test history model` runs one history alone.

mod chance;
mod choose;
mod oracle;
mod rig;

use chance::Chance;
use choose::{Action, choose, choose_cells};
use oracle::{Answer, Oracle};
use rig::{Engine, Seen};

/// Histories in a test run.
const HISTORIES: u64 = 112;

/// Histories that wait for the disk side by side.
const SIDE_BY_SIDE: u64 = 8;

#[test]
fn random_histories_end_where_the_model_says_after_every_operation() {
    #[allow(clippy::disallowed_methods, reason = "a test is run with a seed of its own")]
    if let Ok(seed) = std::env::var("KFM_MODEL_SEED") {
        run(seed.parse().unwrap());
        return;
    }
    let lane = |lane: u64| -> Vec<Answer> {
        (lane..HISTORIES).step_by(SIDE_BY_SIDE as usize).flat_map(run).collect()
    };
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..SIDE_BY_SIDE).map(|at| scope.spawn(move || lane(at))).collect();
        let ended = lanes.into_iter().map(|lane| lane.join());
        ended.flat_map(|lane| lane.expect("each history ends where the model says")).collect()
    });
    // A model that is never tried in one of its corners says nothing about it.
    let corner = |is: fn(&Answer) -> bool| answers.iter().filter(|answer| is(answer)).count();
    for (count, name) in [
        (corner(|answer| matches!(answer, Answer::Moved { left, .. } if left.is_empty())), "moved whole"),
        (corner(|answer| matches!(answer, Answer::Moved { left, .. } if !left.is_empty())), "moved in part"),
        (corner(|answer| matches!(answer, Answer::Moved { documents: 0, .. })), "moved no document"),
        (
            corner(|answer| matches!(answer, Answer::Nothing { owners, .. } if !owners.is_empty())),
            "all skipped",
        ),
        (corner(|answer| matches!(answer, Answer::Denied)), "denied"),
        (corner(|answer| matches!(answer, Answer::Refused)), "refused"),
        (corner(|answer| matches!(answer, Answer::Patched(_))), "patched since"),
        (corner(|answer| matches!(answer, Answer::WentBack)), "went back"),
    ] {
        assert!(count >= 3, "too few histories come here: {name} {count}");
    }
}

fn run(seed: u64) -> Vec<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(history(seed))
}

/// One random history; the model and the engine are compared after each operation.
async fn history(seed: u64) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut chance = Chance::new(seed);
    let mut oracle = Oracle::default();
    let keeps = seed % 2 == 1;
    let engine = Engine::new(keeps).await;
    let cells = choose_cells(&mut chance);
    let mut told = format!("seed {seed}");
    for _ in 0..chance.between(8, 16) {
        let action = choose(&mut chance, &oracle, &cells);
        told.push_str(&format!("\n  {action:?}"));
        let answered = match &action {
            Action::Publish(cells, stop) => engine.publish(cells, *stop).await,
            Action::Correct(collection, stop) => engine.correct(collection, *stop).await,
            Action::EditByHand(cell, value) => engine.edit_and_reconcile(cell, *value).await,
            Action::RollBack(operation, how) => {
                engine.roll_back(&oracle.operations[*operation].name, how).await
            }
            Action::Revert { turn } => engine.revert(&oracle.turns[*turn].name).await,
        };
        let expected = match &action {
            _ if answered == Answer::WentBack => Answer::WentBack,
            Action::Publish(cells, _) => oracle.publish(cells, &answered),
            Action::Correct(collection, _) => oracle.correct(collection, &answered),
            Action::EditByHand(cell, value) => oracle.reconcile(cell, *value, &answered),
            Action::RollBack(operation, how) => oracle.roll_back(*operation, how.skip.as_ref(), &answered),
            Action::Revert { turn } => oracle.revert(*turn, &answered),
        };
        assert_eq!(answered, expected, "{told}");
        assert_eq!(engine.undone().await, oracle.undone(), "{told}");
        assert_eq!(engine.seen().await, Seen::of(&oracle), "{told}");
        answers.push(answered);
    }
    if keeps {
        engine.assert_kept_as_made_anew().await;
    }
    answers
}
