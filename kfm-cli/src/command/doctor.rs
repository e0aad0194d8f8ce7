//! `kfm doctor`: what is reachable, what each store can do, what is misconfigured.

use clap::Args;
use kfm_policy::Remedy;
use kfm_rollback::op::{Capabilities, CompareAndSet, Fence, ValueIs, Visible};
use kfm_rollback::report::StoreHealth;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::{Answer, Screen, Tone, words};
use crate::say;

/// Arguments of `kfm doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Also read everything each store holds, and digest it
    #[arg(long)]
    digests: bool,
}

impl Doctor {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let report = cx.platform().await?.doctor(self.digests).await?;
        let sick_own = report.own.iter().filter(|part| !part.ok).count();
        let sick = (report.stores.iter().filter(|store| !store.ok).count() + sick_own) as u64;
        let mut screen = match sick {
            0 => Screen::new(
                Tone::Good,
                format!("{} answer", words::count(report.stores.len() as u64, "store")),
            ),
            sick => Screen::new(
                Tone::Bad,
                format!("{} of the platform cannot be used", words::count(sick, "part")),
            ),
        };
        for store in &report.stores {
            show_store(&mut screen, store);
        }
        screen.heading("the platform's own");
        for part in &report.own {
            let (tone, word) = if part.ok { (Tone::Good, "ok") } else { (Tone::Bad, "FAILED") };
            screen.item(tone, format!("{word}  {}, {}", part.name, part.place));
            if let Some(server) = &part.server {
                screen.detail(format!("server: {server}"));
            }
            if let Some(error) = &part.error {
                screen.detail(say::sentence(error));
            }
        }
        if !report.findings.is_empty() {
            screen.heading("to look at");
        }
        for finding in &report.findings {
            screen.item(Tone::Warn, say::sentence(finding));
        }
        let mut next: Vec<Remedy> = report.stores.iter().filter_map(|store| store.remedy.clone()).collect();
        next.dedup();
        let next = cx.commands(&next);
        screen.next(&next);
        let complaint = (sick > 0).then(|| {
            Failure::findings(format!("parts of the platform cannot be used: count={sick}"))
                .with_hint("repair what FAILED; restore from a backup only what is lost or damaged")
                .with_next(next)
        });
        Ok(Answer::with_next(cx, &report, screen)?.complain(complaint))
    }
}

fn show_store(screen: &mut Screen, store: &StoreHealth) {
    let (tone, word) = if store.ok { (Tone::Good, "ok") } else { (Tone::Bad, "FAILED") };
    let product =
        store.product.iter().chain(&store.version).map(String::as_str).collect::<Vec<_>>().join(" ");
    screen.heading(format!("{} ({})", store.name, store.domain));
    screen.item(
        tone,
        match product.as_str() {
            "" => format!("{word}  {}", store.kind),
            product => format!("{word}  {}, {product}", store.kind),
        },
    );
    if let Some(error) = &store.error {
        screen.detail(error);
    }
    screen.detail(said(&store.capabilities));
    if let (Some(cells), Some(digest)) = (store.cells, store.digest) {
        screen.detail(format!("{}, {digest}", words::count(cells, "cell")));
    }
}

/// Says what a product can do in one line.
fn said(capabilities: &Capabilities) -> String {
    let word = |compared| match compared {
        CompareAndSet::Generation => "compare-and-set by generation",
        CompareAndSet::Value => "compare-and-set by value",
        CompareAndSet::None => "no compare-and-set",
    };
    let compare = match capabilities {
        Capabilities { put, retire, .. } if put == retire => word(*put).to_owned(),
        Capabilities { put, retire, .. } => {
            format!("{}, {} when a cell is retired", word(*put), word(*retire))
        }
    };
    let fence = match capabilities.fence {
        Fence::Token => "fenced by token",
        Fence::Lock => "fenced by the platform's lock",
    };
    let durable =
        if capabilities.durable_ack { "durable when answered" } else { "not durable when answered" };
    let mut said = format!("{compare}, {fence}, {durable}");
    if capabilities.visible == Visible::AfterSettle {
        said.push_str(", visible once settled");
    }
    if capabilities.value_is == ValueIs::Mark {
        said.push_str(", values are marks beside the contents");
    }
    said
}
