//! `kfm init`: a new platform.

use std::path::PathBuf;

use clap::Args;
use kfm_rollback::Platform;
use kfm_rollback::kind::StoreKind;
use kfm_rollback::platform::{NewStore, built_in_kinds};
use kfm_rollback::report::{InitReport, StoreSummary};

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::{Answer, Screen, Tone};
use crate::shell;

/// Arguments of `kfm init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The folder [default: --root, else the working directory]
    dir: Option<PathBuf>,
    /// A store of this kind instead of the embedded one of its domain; may be given several times
    #[arg(long = "store", value_name = "[NAME:]KIND[=URL]", value_parser = store, long_help = about_stores())]
    stores: Vec<NewStore>,
}

impl Init {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let dir = self.dir.or_else(|| cx.global.root.clone()).unwrap_or_else(|| PathBuf::from("."));
        let made = Platform::init_with(&dir, &self.stores, cx.options_to_read()).await;
        let report = made.map_err(|error| before_any_file(error.into()))?;
        let mut screen = match cx.is_rehearsal() {
            true => Screen::new(Tone::Plain, format!("Would make a platform: {}", dir.display())),
            false => Screen::new(Tone::Good, format!("A new platform: {}", shell::place(&report.root))),
        };
        show_stores(&mut screen, &report.stores);
        if cx.is_rehearsal() {
            let InitReport { root, stores } = report;
            return Answer::new(
                &serde_json::json!({ "root": root, "stores": stores, "status": "dry_run" }),
                screen,
            );
        }
        let root = Some(dir.display().to_string()).filter(|root| root != ".");
        let mut next = Vec::new();
        if !self.stores.is_empty() {
            next.push("kfm doctor".to_owned());
        }
        next.push(
            "kfm labels assign --under '' --care public --authority WHO --reason WHY --review-by DATE"
                .to_owned(),
        );
        next.push("kfm publish --from DIR --pipeline NAME".to_owned());
        screen.next(&shell::with_root(&next, root.as_deref()));
        Answer::new(&report, screen)
    }
}

/// Says what to mend where there is no `kfm.toml` yet that the hint could mean.
fn before_any_file(failure: Box<Failure>) -> Box<Failure> {
    match failure.hint.starts_with("repair ") {
        true => Box::new(failure.with_hint(
            "nothing was written: give --store another URL, or set in the environment what is named here",
        )),
        false => failure,
    }
}

fn show_stores(screen: &mut Screen, stores: &[StoreSummary]) {
    screen.heading("stores");
    for store in stores {
        screen.row([store.name.as_str(), &store.domain, &store.kind, &store.url]);
    }
    let authenticated = stores.iter().filter(|store| !store.environment.is_empty());
    for (position, store) in authenticated.enumerate() {
        if position == 0 {
            screen.heading("credentials, from the environment");
        }
        screen.row([store.name.as_str(), &store.environment.join(", ")]);
    }
}

fn about_stores() -> String {
    let products = kfm_stores::kinds();
    let built_in = built_in_kinds();
    let kinds: Vec<&str> =
        built_in.iter().chain(products.iter().map(AsRef::as_ref)).map(StoreKind::kind).collect();
    format!(
        "A store of this kind instead of the embedded one of its domain; may be given several times\n\n\
         Kinds: {}. NAME is catalog, graph, search or cache if it is not given, URL one on this machine. kfm.toml gets the \
         store's table, with a comment for each key. Credentials stay in the environment.\n\n\
         For example: --store static=s3://bucket/stac --store neo4j=https://graph.example.org:7473 --store redis",
        kinds.join(", ")
    )
}

/// Reads `[NAME:]KIND[=URL]`.
fn store(text: &str) -> std::result::Result<NewStore, String> {
    let (store, url) = text.split_once('=').map_or((text, None), |(store, url)| (store, Some(url)));
    let (name, kind) = store.split_once(':').map_or((None, store), |(name, kind)| (Some(name), kind));
    if kind.is_empty() || name == Some("") || url == Some("") {
        return Err("a name, a kind or a url is empty, write [NAME:]KIND[=URL]".to_owned());
    }
    Ok(NewStore { kind: kind.to_owned(), name: name.map(str::to_owned), url: url.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_by_its_kind_and_may_have_a_name_and_a_url() {
        let read = |text: &str| {
            let store = store(text)?;
            Ok::<_, String>((store.name, store.kind, store.url))
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(read("redis"), Ok((None, "redis".into(), None)));
        assert_eq!(read("cdn:redis"), Ok((text("cdn"), "redis".into(), None)));
        assert_eq!(read("static=s3://b/p=q"), Ok((None, "static".into(), text("s3://b/p=q"))));
        assert_eq!(read("a:redis=redis://h:1/0"), Ok((text("a"), "redis".into(), text("redis://h:1/0"))));
        for wrong in ["", "=", "a:", ":redis", "redis=", "a:=file:x"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
