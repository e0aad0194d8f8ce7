//! Ids on the command line: without a flag or behind their flag; and what `latest` was resolved to.

use clap::Args;
use kfm_lineage::IdKind;
use kfm_rollback::Platform;
use serde::Serialize;

use crate::context::Context;
use crate::error::Result;

/// The word for the newest operation or, where one is resumed, for the open one.
const LATEST: &str = "latest";

/// What `latest`, or an id that was left out, was resolved to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Resolved {
    asked: String,
    id: String,
}

impl std::fmt::Display for Resolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is {}", self.asked, self.id)
    }
}

/// An id argument: it stands alone, or behind the flag that scripts have always used.
macro_rules! id_argument {
    ($(#[$about:meta])* $name:ident, $flag:ident, required = $required:literal, $help:literal) => {
        $(#[$about])*
        #[derive(Debug, Clone, Args)]
        #[group(required = $required, multiple = false)]
        pub(crate) struct $name {
            #[doc = $help]
            #[arg(value_name = "ID")]
            id: Option<String>,
            /// The same, by its flag
            #[arg(long, value_name = "ID")]
            $flag: Option<String>,
        }

        impl $name {
            /// Returns the text that was typed; `latest` if none was.
            pub(crate) fn text(&self) -> String {
                self.id.as_ref().or(self.$flag.as_ref()).cloned().unwrap_or_else(|| LATEST.to_owned())
            }
        }
    };
}

id_argument! {
    /// The publish that a command is about.
    PublishArg, publish_id, required = true, "The publish: its id, a unique prefix of it, or latest"
}
id_argument! {
    /// The rollback that a command is about.
    RollbackArg, rollback_id, required = true, "The rollback: its id, a unique prefix of it, or latest"
}
id_argument! {
    /// The rollback or hotfix that is verified.
    VerifiedArg, rollback_id, required = true,
    "The rollback or hotfix: its id, a unique prefix of it, or latest for the newest rollback"
}
id_argument! {
    /// The hotfix that a command is about.
    HotfixArg, hotfix_id, required = true, "The hotfix: its id, a unique prefix of it, or latest"
}
id_argument! {
    /// The publish that is resumed or aborted.
    OpenPublishArg, publish_id, required = false, "Its id, or a unique prefix of it [default: the one that is open]"
}
id_argument! {
    /// The rollback that is resumed or aborted.
    OpenRollbackArg, rollback_id, required = false, "Its id, or a unique prefix of it [default: the one that is open]"
}
id_argument! {
    /// The hotfix that is resumed or aborted.
    OpenHotfixArg, hotfix_id, required = false, "Its id, or a unique prefix of it [default: the one that is open]"
}
id_argument! {
    /// The rollback whose status is asked for.
    StatusArg, rollback_id, required = false,
    "The rollback: its id, a unique prefix of it, or latest [default: the open one, else the latest]"
}

impl StatusArg {
    /// Says whether no id was typed: then the open rollback is meant, else the latest, else none.
    pub(crate) fn is_left_out(&self) -> bool {
        self.id.is_none() && self.rollback_id.is_none()
    }
}

/// Resolves `latest`, and notes for the answer what it is. Every other text stays as it is, and so does a `latest`
/// that names nothing: the engine's error says why.
pub(crate) async fn newest(cx: &Context<'_>, platform: &Platform, kind: IdKind, text: String) -> String {
    if text != LATEST {
        return text;
    }
    let found = platform.latest(kind).await.ok();
    found.map_or(text, |id| cx.resolved_to(LATEST, id.to_string()))
}

/// The same where an operation is resumed or aborted: `latest` is the only open one of its kind.
pub(crate) async fn open(cx: &Context<'_>, platform: &Platform, kind: IdKind, text: String) -> String {
    if text != LATEST {
        return text;
    }
    let found = platform.latest_open(kind).await.ok();
    found.map_or(text, |id| cx.resolved_to(LATEST, id.to_string()))
}

/// The same for a rehearsal, which records no refusal: so the command itself says why nothing can be resumed.
pub(crate) async fn open_rehearsed(
    cx: &Context<'_>,
    platform: &Platform,
    kind: IdKind,
    text: String,
) -> Result<String> {
    match text == LATEST {
        true => Ok(cx.resolved_to(LATEST, platform.latest_open(kind).await?.to_string())),
        false => Ok(text),
    }
}

impl Context<'_> {
    fn resolved_to(&self, asked: &str, id: String) -> String {
        self.note_resolved(Resolved { asked: asked.to_owned(), id: id.clone() });
        id
    }
}
