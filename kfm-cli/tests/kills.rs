//! Real processes, killed at random places: afterwards everything is as planned or as before, and never anything
//! else (R5).
//!
//! A place is a call that the process makes for a file of the platform. Half of them are spread evenly over all calls of
//! the operation, half over those of its last part, in which something moves. `KFM_SEED` repeats a run.
#![cfg(target_os = "linux")]
#![allow(missing_docs, unreachable_pub, reason = "it is a test")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "the counts are part of what it shows")]

#[path = "support/faults.rs"]
mod faults;
#[path = "kills/stage.rs"]
mod stage;
#[path = "kills/watch.rs"]
mod watch;
#[path = "kills/work.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod work;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use kfm_rollback::report::Status;
use stage::{Documents, SECOND, State, ask, copy, first_version, run, run_to, second_version, state, status};
use watch::Versions;

/// How many kills must come before the process has ended.
const KILLS_MIN: u64 = 280;
/// How many operations are begun at most to get there.
const TRIALS_MAX: u64 = 600;
/// Operations under way at the same time.
const THREADS: usize = 2;
/// The part of an operation's calls, in percent from its beginning, after which something moves.
const LAST_PART_PERCENT: u64 = 40;
/// The choices of a run that names no other seed.
const SEED: u64 = 20_260_101;

/// A stream of choices, the same for the same seed.
struct Chance(u64);

impl Chance {
    /// Returns a number below `end` (splitmix64).
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % end.max(1)
    }
}

/// An operation, with the platform that it is begun on and where it leads.
struct Deed {
    name: &'static str,
    words: Vec<String>,
    platform: tempfile::TempDir,
    /// What all stores hold when it begins.
    begins: State,
    /// What they hold if the operation ends as planned, and if it goes back.
    planned: State,
    prior: State,
    /// How often it calls for a file of the platform.
    calls: u64,
    is_abort: bool,
}

impl Deed {
    /// Does the deed once on a copy, to see where it leads and how many calls it takes.
    fn new(name: &'static str, words: &[&str], platform: tempfile::TempDir) -> Self {
        let begins = state(platform.path());
        let done = copy(platform.path());
        let (output, calls) = faults::traced(&mut stage::command(done.path(), words), done.path());
        assert!(output.status.success(), "{name}: {output:#?}");
        let planned = state(done.path());
        assert_ne!(begins, planned, "{name}");
        Self {
            name,
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            platform,
            prior: begins.clone(),
            begins,
            planned,
            calls: calls.len() as u64,
            is_abort: false,
        }
    }

    fn words(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }

    /// A platform in which this was done.
    fn done(&self) -> tempfile::TempDir {
        let done = copy(self.platform.path());
        run_to(done.path(), &self.words(), 0);
        done
    }

    /// The abort of this, when some of its steps are made.
    fn abort(&self, name: &'static str, chance: &mut Chance) -> Self {
        const TRIES_MAX: u32 = 100;
        for _ in 0..TRIES_MAX {
            let platform = copy(self.platform.path());
            kill(platform.path(), &self.words(), self, chance);
            let now = state(platform.path());
            if let Some(open) = status(platform.path()).open.first()
                && now != self.prior
                && now != self.planned
            {
                let id = open.id.to_string();
                let abort = Self::new(name, &[&resume(&id)[..], &["--abort"]].concat(), platform);
                assert_eq!(abort.planned, self.prior, "it goes back");
                let (planned, prior) = (self.planned.clone(), self.prior.clone());
                return Self { planned, prior, is_abort: true, ..abort };
            }
        }
        panic!("{} is never killed between its steps", self.name)
    }
}

/// Where a kill found an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    /// Nothing had been opened.
    BeforeItWasOpen,
    /// It was open, and readers saw what they saw before.
    BeforeItsFirstStep,
    /// Readers saw some of it.
    BetweenItsSteps,
    /// Readers saw all of it, and its records were not complete.
    BeforeItsEnd,
    /// It had ended and not answered yet.
    AfterItsEnd,
}

/// Begins an operation and kills it at one of its calls; says whether the process got that far.
fn kill(root: &Path, words: &[&str], like: &Deed, chance: &mut Chance) -> bool {
    let first = if chance.below(2) == 0 { 0 } else { like.calls * LAST_PART_PERCENT / 100 };
    let call = 1 + first + chance.below(like.calls - first);
    faults::killed_before(&mut stage::command(root, words), root, call)
}

/// The text that a hotfix corrects in every item, and what it puts there.
const WRONG: &str = "Landsat Collection 2 Level-2";
const RIGHT: &str = "Landsat Collection 2, Level 2";
const HOTFIX: [&str; 13] = [
    "hotfix",
    "stac",
    "--collection",
    "landsat-c2-l2",
    "--field",
    "properties.description",
    "--from",
    WRONG,
    "--to",
    RIGHT,
    "--reason",
    "as the source has it",
    "--yes",
];

/// What a hotfix makes of documents.
fn corrected(mut documents: Documents) -> Documents {
    let (wrong, right) = (format!("\"description\":\"{WRONG}\""), format!("\"description\":\"{RIGHT}\""));
    for (_, content) in documents.iter_mut().filter(|(path, _)| path.contains("/items/")) {
        let text = std::str::from_utf8(content).unwrap();
        assert!(text.contains(&wrong));
        *content = text.replacen(&wrong, &right, 1).into_bytes();
    }
    documents
}

/// The counts of a run.
#[derive(Default)]
struct Tally {
    found: BTreeMap<(&'static str, Found), u64>,
    kills: u64,
    kills_of_recovery: u64,
    resumed: u64,
    aborted: u64,
    reads: u64,
}

/// Kills a deed once, takes it up, and checks what is there at every moment.
fn trial(deed: &Deed, versions: &Versions, chance: &mut Chance, tally: &Mutex<Tally>) {
    let root = copy(deed.platform.path());
    let root = root.path();
    let stop = AtomicBool::new(false);
    let sightings = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| versions.watch(&root.join("catalog"), &stop));
        if kill(root, &deed.words(), deed, chance) {
            let found = find(deed, root);
            {
                let mut tally = tally.lock().unwrap();
                tally.kills += 1;
                *tally.found.entry((deed.name, found)).or_default() += 1;
            }
            if found != Found::AfterItsEnd {
                take_up(deed, root, chance, tally);
            }
        }
        stop.store(true, Ordering::SeqCst);
        watcher.join().unwrap()
    });
    assert_eq!(sightings.strange, None, "a document was seen that is not one of its versions");
    tally.lock().unwrap().reads += sightings.reads;
    check_records(root);
}

fn find(deed: &Deed, root: &Path) -> Found {
    let (now, is_open) = (state(root), !status(root).open.is_empty());
    let end = if deed.is_abort { &deed.prior } else { &deed.planned };
    match (is_open, now) {
        (false, now) if now == deed.begins => Found::BeforeItWasOpen,
        (false, now) => {
            assert_eq!(&now, end, "nothing is open");
            Found::AfterItsEnd
        }
        (true, now) if now == deed.begins => Found::BeforeItsFirstStep,
        (true, now) if &now == end => Found::BeforeItsEnd,
        (true, _) => Found::BetweenItsSteps,
    }
}

/// Resumes or aborts what a kill left, killing that too now and then, and checks where it ends.
fn take_up(deed: &Deed, root: &Path, chance: &mut Chance, tally: &Mutex<Tally>) {
    let mut end = Status::Completed;
    if status(root).open.is_empty() && run(root, &deed.words()).status.success() {
        assert_eq!(state(root), deed.planned);
    } else {
        let id = status(root).open[0].id.to_string();
        let mut words = resume(&id).to_vec();
        if chance.below(2) == 0 {
            words.push("--abort");
        }
        if chance.below(3) == 0 && kill(root, &words, deed, chance) {
            tally.lock().unwrap().kills_of_recovery += 1;
        }
        words.push("--json");
        let output = run(root, &words);
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        // A recovery that was killed after its end has nothing left to resume.
        let ended = output.status.code() == Some(6) && status(root).open.is_empty();
        assert!(output.status.success() || ended, "{answer:#}");
        let now = state(root);
        end = match now == deed.prior {
            true => Status::Aborted,
            false => Status::Completed,
        };
        if end == Status::Completed {
            assert_eq!(now, deed.planned, "a third state");
        }
        if !ended {
            assert_eq!(answer["status"], end.as_str(), "{answer:#}");
        }
        let is_free_to_choose = !words.contains(&"--abort") && deed.is_abort;
        assert!(is_free_to_choose || (end == Status::Aborted) == words.contains(&"--abort"), "{words:?}");
        check_rollback(root, &id);
    }
    let mut tally = tally.lock().unwrap();
    *if end == Status::Aborted { &mut tally.aborted } else { &mut tally.resumed } += 1;
}

/// The words that take an operation up again.
fn resume(id: &str) -> [&str; 4] {
    match id.split('_').next() {
        Some("pub") => ["publish", "resume", "--publish-id", id],
        Some("hf") => ["hotfix", "resume", "--hotfix-id", id],
        _ => ["rollback", "resume", "--rollback-id", id],
    }
}

fn check_rollback(root: &Path, id: &str) {
    if id.starts_with("rb_") {
        let report = ask(root, async |platform| platform.verify(id).await.unwrap());
        assert!(report.ok, "{report:#?}");
    }
    let left: Vec<_> = stage::files_below(&root.join("catalog")).into_keys().collect();
    assert!(!left.iter().any(|path| stage::is_dot_file(path)), "left over: {left:?}");
}

fn check_records(root: &Path) {
    ask(root, async |platform| {
        assert!(platform.status().await.unwrap().open.is_empty());
        assert!(platform.wal_verify().await.unwrap().ok);
        assert!(platform.ledger_verify().await.unwrap().ledger.ok);
    });
}

#[test]
fn hundreds_of_kills_leave_what_was_planned_or_what_was_before_and_never_half_a_document() {
    #[allow(clippy::disallowed_methods, reason = "a test is asked to repeat a run by its seed")]
    let seed = std::env::var("KFM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    println!("KFM_SEED={seed}");
    let publish = Deed::new("publish", &stage::publish("second", SECOND), stage::platform());
    let words = ["rollback", "execute", "--publish-id", SECOND, "--reason", "it is wrong", "--yes"];
    let execute = Deed::new("execute", &words, publish.done());
    let words = ["rollback", "revert", "--rollback-id", "latest", "--reason", "it was right", "--yes"];
    let revert = Deed::new("revert", &words, execute.done());
    let abort = execute.abort("abort", &mut Chance(seed));
    let hotfix = Deed::new("hotfix stac", &HOTFIX, stage::platform());
    assert_eq!(hotfix.planned.documents, corrected(first_version()));
    let words = ["hotfix", "revert", "--hotfix-id", "latest", "--reason", "it was right", "--yes"];
    let hotfix_revert = Deed::new("hotfix revert", &words, hotfix.done());
    assert_eq!(hotfix_revert.planned, hotfix.prior);
    let hotfix_abort = hotfix.abort("hotfix abort", &mut Chance(seed));
    let deeds = [publish, execute, revert, abort, hotfix, hotfix_revert, hotfix_abort];
    for deed in &deeds {
        println!("{} takes {} calls", deed.name, deed.calls);
    }
    let versions = Versions::of(&[&first_version(), &second_version(), &corrected(first_version())]);

    let (tally, trials) = (Mutex::new(Tally::default()), AtomicU64::new(0));
    let work = || {
        while tally.lock().unwrap().kills < KILLS_MIN {
            let trial_number = trials.fetch_add(1, Ordering::SeqCst);
            assert!(trial_number < TRIALS_MAX, "too few processes came to where they were to be killed");
            let deed = &deeds[trial_number as usize % deeds.len()];
            let mut chance = Chance(seed ^ trial_number.wrapping_mul(0x2545_f491_4f6c_dd1d));
            let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                trial(deed, &versions, &mut chance, &tally);
            }));
            if let Err(panic) = tried {
                println!("trial {trial_number} of {}: KFM_SEED={seed}", deed.name);
                std::panic::resume_unwind(panic);
            }
        }
    };
    std::thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));

    let tally = tally.into_inner().unwrap();
    for ((deed, found), kills) in &tally.found {
        println!("{deed} killed {found:?}: {kills}");
    }
    println!("{} kills, {} of recoveries besides", tally.kills, tally.kills_of_recovery);
    println!("{} ended as planned, {} as before", tally.resumed, tally.aborted);
    println!("{} documents read meanwhile, none of them half written", tally.reads);
    for found in
        [Found::BeforeItWasOpen, Found::BeforeItsFirstStep, Found::BetweenItsSteps, Found::BeforeItsEnd]
    {
        let kills: u64 = tally.found.iter().filter(|((_, at), _)| *at == found).map(|(_, kills)| kills).sum();
        assert!(kills > 0, "no kill was {found:?}");
    }
    assert!(tally.kills_of_recovery > 0 && tally.resumed > 0 && tally.aborted > 0);
    let (root, latest) = (deeds[2].done(), "latest");
    for words in [vec!["status"], vec!["wal", "verify"], vec!["verify", "--rollback-id", latest]] {
        run_to(root.path(), &words, 0);
    }
}

#[test]
fn a_torn_tail_that_a_kill_left_is_reported_by_readers_and_repaired_by_whoever_resumes() {
    let root = stage::platform();
    let root = root.path();
    let worker = work::waiting(root, &stage::publish("second", SECOND), "anna");
    worker.kill();
    work::set_grace(root, 0);
    tear(root);

    let verified = |code| -> serde_json::Value {
        serde_json::from_slice(&run_to(root, &["wal", "verify", "--json"], code).stdout).unwrap()
    };
    let torn = verified(1);
    assert_eq!(torn["torn_bytes"], TORN.len(), "{torn:#}");
    assert_eq!(status(root).open[0].status, Status::Interrupted);
    run_to(root, &["publish", "resume", "--publish-id", SECOND], 0);
    let repaired = verified(0);
    assert_eq!((&repaired["torn_bytes"], &repaired["quarantined"]), (&0.into(), &1.into()), "{repaired:#}");
    assert_eq!(state(root).documents, second_version());
}

/// What is left of a frame whose write was cut off.
const TORN: &[u8] = b"cut off here";

/// Leaves a part of a frame behind the last one of the operations log.
fn tear(root: &Path) {
    let inspected = run_to(root, &["wal", "inspect", "--json"], 0).stdout;
    let inspected: serde_json::Value = serde_json::from_slice(&inspected).unwrap();
    let segment = inspected["segments"].as_array().unwrap().last().unwrap();
    let frames = segment["frames"].as_array().unwrap();
    let last = frames.iter().rfind(|frame| frame["kind"] != "mark").unwrap();
    let end = last["offset"].as_u64().unwrap() + last["bytes"].as_u64().unwrap();
    let file = root.join("wal").join(segment["name"].as_str().unwrap());
    let file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, TORN, end).unwrap();
}
