//! `kfm wal inspect`: the frames as they lie in the files, or in the slots of a shared log; nothing is checked.

use kfm_rollback::Platform;
use kfm_wal::inspect::{FrameInspection, SegmentInspection};

use crate::error::Result;
use crate::output::{Answer, Screen, Tone, words};

/// Shows every segment and its newest frames.
pub(super) async fn run(platform: &Platform) -> Result<Answer> {
    let found = platform.wal_inspect().await?;
    let mut screen;
    if platform.wal_is_shared() {
        screen = Screen::new(Tone::Plain, words::count(found.segments.len() as u64, "slot"));
        show_slots(&mut screen, &found.segments);
    } else {
        screen = Screen::new(Tone::Plain, words::count(found.segments.len() as u64, "segment"));
        for segment in &found.segments {
            show(&mut screen, segment);
        }
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
    screen.newest(&segment.frames, |frame| row(frame.offset.to_string(), frame), heads("offset"));
    if segment.stray_bytes > 0 {
        screen.item(
            Tone::Bad,
            format!("{} outside of any whole frame", words::count(segment.stray_bytes, "byte")),
        );
    }
}

/// Shows slots, each with one frame if all is well.
fn show_slots(screen: &mut Screen, slots: &[SegmentInspection]) {
    let frames: Vec<_> =
        slots.iter().flat_map(|slot| slot.frames.iter().map(|frame| (slot.name.as_str(), frame))).collect();
    screen.newest(&frames, |(slot, frame)| row((*slot).to_owned(), frame), heads("slot"));
    for slot in slots {
        if slot.bytes == 0 {
            screen.item(Tone::Bad, format!("{} is missing, or empty", slot.name));
        } else if slot.stray_bytes > 0 {
            let stray = words::count(slot.stray_bytes, "byte");
            screen.item(Tone::Bad, format!("{} has {stray} outside of any whole frame", slot.name));
        }
    }
}

fn heads(place: &str) -> [&str; 7] {
    [place, "kind", "first", "records", "bytes", "epoch", "durable upto"]
}

fn row(place: String, frame: &FrameInspection) -> Vec<String> {
    vec![
        place,
        frame.kind.clone(),
        frame.first.to_string(),
        frame.count.to_string(),
        frame.bytes.to_string(),
        frame.epoch.to_string(),
        frame.durable_upto.to_string(),
    ]
}
