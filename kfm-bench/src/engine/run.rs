//! One run of the command: how long it took, and the most memory that it held.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The command, in a folder.
pub struct Kfm {
    program: PathBuf,
    root: PathBuf,
}

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Milliseconds from the start of the process to its end.
    pub ms: f64,
    /// The most memory of the process in MiB, as the system said last before its end.
    pub peak_mib: f64,
}

impl Run {
    /// Returns the least of both in each.
    pub fn better(self, other: Self) -> Self {
        Self { ms: self.ms.min(other.ms), peak_mib: self.peak_mib.min(other.peak_mib) }
    }
}

impl Kfm {
    pub fn new(program: &Path, root: &Path) -> Self {
        let program = program.canonicalize().expect("the command, built with --release");
        Self { program, root: root.to_owned() }
    }

    /// Makes a platform in which everything may be shown.
    pub fn init(&self) {
        self.run(&["init"]);
        let label = ["labels", "assign", "--under", "", "--care", "public", "--authority", "Council"];
        self.run(&[&label[..], &["--reason", "open data", "--review-by", "2099-12-31", "--yes"]].concat());
    }

    /// Runs the command; it must succeed.
    pub fn run(&self, words: &[&str]) -> Run {
        let begun = Instant::now();
        let child = Command::new(&self.program)
            .args(words)
            .current_dir(&self.root)
            .env("KFM_ACTOR", "bench")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.expect("the command starts");
        let (ended, peak_mib) = until_it_ends(&mut child);
        let ms = (ended - begun).as_secs_f64() * 1e3;
        let output = child.wait_with_output().expect("it ended");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        Run { ms, peak_mib }
    }
}

/// Looks at the process until it ends; what it says on standard error is less than a pipe holds.
fn until_it_ends(child: &mut Child) -> (Instant, f64) {
    let mut peak_mib = 0.0;
    loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
        peak_mib = kib.map_or(peak_mib, |kib| kib / 1024.0);
        if child.try_wait().expect("a child").is_some() {
            return (Instant::now(), peak_mib);
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}
