//! Alerts are recorded first and sent then; a program that fails is recorded, and the operation goes on.
#![cfg(all(unix, feature = "test-util"))]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kfm_retry::clock::Sleep;
use kfm_retry::{Clock, ManualClock, SystemClock};
use kfm_telemetry::conformance::alert;
use kfm_telemetry::faulty::{Fault, FaultySink};
use kfm_telemetry::{AlertEvent, AlertRecord, Alerts, MemorySink, Notifier};

fn shell(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(str::to_owned).to_vec()
}

fn notifier(script: &str, folder: &Path) -> Notifier {
    Notifier::new(&shell(script), Arc::new(SystemClock)).unwrap().with_folder(folder)
}

struct Stage {
    sink: Arc<MemorySink>,
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        Self { sink: Arc::new(MemorySink::new()), folder: tempfile::tempdir().unwrap() }
    }

    async fn raise_with(&self, notifier: Notifier) -> AlertEvent {
        Alerts::new(self.sink.clone()).with_notifier(notifier).raise(&alert(1)).await.unwrap()
    }

    /// The class of the program's failure, as it was recorded.
    fn class(&self) -> Option<String> {
        self.sink.alerts().last().unwrap().error_class.as_ref().map(ToString::to_string)
    }
}

#[tokio::test]
async fn without_a_program_an_alert_is_recorded_and_told_to_nobody() {
    let stage = Stage::new();
    let event = Alerts::new(stage.sink.clone()).raise(&alert(1)).await.unwrap();
    assert_eq!(event, AlertEvent::Raised);
    assert_eq!(stage.sink.alerts(), [alert(1)]);
}

#[tokio::test]
async fn the_program_gets_the_alert_as_one_line_of_json() {
    let stage = Stage::new();
    let event = stage.raise_with(notifier("cat > got.json", stage.folder.path())).await;
    assert_eq!(event, AlertEvent::Notified);
    let got = std::fs::read_to_string(stage.folder.path().join("got.json")).unwrap();
    assert!(got.ends_with('\n') && got.lines().count() == 1, "{got}");
    assert_eq!(serde_json::from_str::<AlertRecord>(&got).unwrap(), alert(1));
    let events: Vec<_> = stage.sink.alerts().iter().map(|alert| alert.event).collect();
    assert_eq!(events, [AlertEvent::Raised, AlertEvent::Notified]);
}

#[tokio::test]
async fn a_program_that_fails_fails_nothing_and_is_recorded() {
    let stage = Stage::new();
    let event = stage.raise_with(notifier("exit 3", stage.folder.path())).await;
    assert_eq!(event, AlertEvent::NotifyFailed);
    assert_eq!(stage.class().as_deref(), Some("exit_3"));
    assert!(stage.sink.alerts().iter().all(|alert| alert.check().is_ok()));
}

#[tokio::test]
async fn a_program_that_is_not_there_fails_nothing_and_is_recorded() {
    let stage = Stage::new();
    let missing = Notifier::new(&["./missing.sh".to_owned()], Arc::new(SystemClock)).unwrap();
    let event = stage.raise_with(missing.with_folder(stage.folder.path())).await;
    assert_eq!(event, AlertEvent::NotifyFailed);
    assert_eq!(stage.class().as_deref(), Some("not_started"));
}

#[tokio::test]
async fn a_relative_program_is_taken_from_the_folder() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::new();
    let program = stage.folder.path().join("notify.sh");
    std::fs::write(&program, "#!/bin/sh\ncat > got.json\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let relative = Notifier::new(&["./notify.sh".to_owned()], Arc::new(SystemClock)).unwrap();
    assert_eq!(stage.raise_with(relative.with_folder(stage.folder.path())).await, AlertEvent::Notified);
    assert!(stage.folder.path().join("got.json").exists());
}

/// A clock that stands still until a file is there, and then shows an hour later.
#[derive(Debug)]
struct UntilThere {
    file: PathBuf,
    clock: Arc<ManualClock>,
}

impl Clock for UntilThere {
    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn wall(&self) -> SystemTime {
        self.clock.wall()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let (file, clock) = (self.file.clone(), self.clock.clone());
        Box::pin(async move {
            SystemClock.sleep(duration).await;
            if file.exists() {
                clock.advance(Duration::from_secs(3600));
            }
        })
    }
}

#[tokio::test]
async fn a_program_that_hangs_is_killed() {
    let stage = Stage::new();
    let file = stage.folder.path().join("pid");
    let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
    let clock = Arc::new(UntilThere { file: file.clone(), clock });
    let hanging = Notifier::new(&shell("echo $$ > new && mv new pid && exec sleep 600"), clock).unwrap();
    let event = stage.raise_with(hanging.with_folder(stage.folder.path())).await;
    assert_eq!(event, AlertEvent::NotifyFailed);
    assert_eq!(stage.class().as_deref(), Some("timeout"));
    let pid = std::fs::read_to_string(file).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists(), "the program is gone: pid={pid}");
}

#[tokio::test]
async fn a_program_that_does_not_read_may_succeed() {
    let stage = Stage::new();
    let event = stage.raise_with(notifier("exec 0<&-; exit 0", stage.folder.path())).await;
    assert_eq!(event, AlertEvent::Notified);
}

#[tokio::test]
async fn nobody_is_told_of_an_alert_that_was_not_recorded() {
    let stage = Stage::new();
    let sink = Arc::new(FaultySink::new(MemorySink::new(), [Fault::Lost]));
    let alerts = Alerts::new(sink).with_notifier(notifier("touch told", stage.folder.path()));
    assert!(alerts.raise(&alert(1)).await.is_err());
    assert!(!stage.folder.path().join("told").exists());
}

#[test]
fn a_command_without_words_is_no_notifier() {
    assert!(Notifier::new(&[], Arc::new(SystemClock)).is_none());
}
