//! `kfm wal inspect`: the frames as they lie in the files, judged by nothing.

use kfm_rollback::{Error, Platform};
use kfm_wal::local::inspect::{FrameInspection, SegmentInspection, inspect};

use crate::error::{Failure, Result};
use crate::output::{Answer, Screen, Tone, words};

/// Shows every segment and its newest frames.
pub(super) fn run(platform: &Platform) -> Result<Answer> {
    if platform.wal_is_shared() {
        let place = platform.wal_place();
        let message = format!("a shared log has no segments to be shown: place={place}");
        let next = ["kfm wal verify".to_owned(), "kfm wal export".to_owned()];
        return Err(Failure::usage(message)
            .with_hint("its frames are judged by verify")
            .with_next(next)
            .into());
    }
    let found = inspect(platform.wal_dir()).map_err(Error::from)?;
    let mut screen = Screen::new(Tone::Plain, words::count(found.segments.len() as u64, "segment"));
    for segment in &found.segments {
        show(&mut screen, segment);
    }
    if !found.quarantined.is_empty() {
        screen.heading("set aside");
    }
    for name in &found.quarantined {
        screen.item(Tone::Warn, name);
    }
    Answer::new(&found, screen)
}

fn show(screen: &mut Screen, segment: &SegmentInspection) {
    let frames = words::count(segment.frames.len() as u64, "frame");
    screen.heading(format!("{}: {} and {frames}", segment.name, words::count(segment.bytes, "byte")));
    let heads = ["offset", "kind", "first", "records", "bytes", "epoch", "durable upto"];
    screen.newest(&segment.frames, row, heads);
    if segment.stray_bytes > 0 {
        screen.item(Tone::Bad, format!("{} of no whole frame", words::count(segment.stray_bytes, "byte")));
    }
}

fn row(frame: &FrameInspection) -> Vec<String> {
    vec![
        frame.offset.to_string(),
        frame.kind.clone(),
        frame.first.to_string(),
        frame.count.to_string(),
        frame.bytes.to_string(),
        frame.epoch.to_string(),
        frame.durable_upto.to_string(),
    ]
}
