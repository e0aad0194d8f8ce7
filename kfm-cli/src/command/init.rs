//! `kfm init`: a new platform.

use std::path::PathBuf;

use clap::Args;
use kfm_rollback::Platform;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::{Answer, Screen, Tone};
use crate::shell;

/// Arguments of `kfm init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The folder [default: --root, else the working directory]
    dir: Option<PathBuf>,
}

impl Init {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let dir = self.dir.or_else(|| cx.global.root.clone()).unwrap_or_else(|| PathBuf::from("."));
        if cx.is_rehearsal() {
            return rehearse(&dir);
        }
        let report = Platform::init(&dir).await?;
        let mut screen = Screen::new(Tone::Good, format!("A new platform: {}", shell::place(&report.root)));
        screen.heading("stores");
        for store in &report.stores {
            screen.row([store.name.as_str(), &store.domain, &store.kind, &store.url]);
        }
        let root = Some(dir.display().to_string()).filter(|root| root != ".");
        let label =
            "kfm labels assign --under '' --care public --authority WHO --reason WHY --review-by DATE";
        let publish = "kfm publish --from DIR --pipeline NAME";
        screen.next(&shell::with_root(&[label.to_owned(), publish.to_owned()], root.as_deref()));
        Answer::new(&report, screen)
    }
}

/// Says whether a platform could be made, without making it.
fn rehearse(dir: &std::path::Path) -> Result<Answer> {
    if dir.join("kfm.toml").exists() {
        return Err(Failure::usage(format!("this folder is a platform already: path={}", dir.display()))
            .with_hint("use it as it is, or name another folder")
            .into());
    }
    let screen = Screen::new(Tone::Plain, format!("Would make a platform: {}", dir.display()));
    Answer::new(&serde_json::json!({ "root": dir, "stores": [], "status": "dry_run" }), screen)
}
