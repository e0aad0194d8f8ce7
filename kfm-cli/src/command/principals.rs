//! `kfm principals`: the principals that can approve (R68).

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kfm_policy::is_same_name;
use kfm_rollback::Platform;
use kfm_rollback::report::PrincipalLine;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::not_empty;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::key_file::KeyFile;
use crate::output::{Answer, Screen, Tone, words};

/// Commands of `kfm principals`.
#[derive(Debug, Subcommand)]
pub(crate) enum Principals {
    /// Add a principal; makes an Ed25519 key pair unless a public key is given
    Add(Add),
    /// List the principals, their roles and public keys
    List,
}

/// Arguments of `kfm principals add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The principal's name
    #[arg(value_parser = not_empty)]
    name: String,
    /// A role; may be repeated
    #[arg(long = "role", value_name = "ROLE", required = true, value_parser = not_empty)]
    roles: Vec<String>,
    /// Write the private key to this new file [default: NAME.key]
    #[arg(long, value_name = "FILE", conflicts_with = "public_key")]
    key_out: Option<PathBuf>,
    /// The public key of a pair that the principal has already, as hex
    #[arg(long, value_name = "HEX")]
    public_key: Option<String>,
}

/// Answer of `kfm principals list`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Known {
    principals: Vec<PrincipalLine>,
}

/// Answer of `kfm principals add`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Added {
    #[serde(flatten)]
    principal: PrincipalLine,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_file: Option<PathBuf>,
}

impl Principals {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        match self {
            Self::Add(add) if cx.is_rehearsal() => add.rehearse(cx).await,
            Self::Add(add) => add.run(cx).await,
            Self::List => list(cx).await,
        }
    }
}

async fn list(cx: &Context<'_>) -> Result<Answer> {
    let principals = cx.platform().await?.principals().await?;
    let mut screen = Screen::new(Tone::Plain, words::count(principals.len() as u64, "principal"));
    let rows =
        principals.iter().map(|line| vec![line.name.clone(), line.roles.join(", "), line.public_key.clone()]);
    screen.table(rows, ["name", "roles", "public key"]);
    Answer::new(&Known { principals }, screen)
}

impl Add {
    async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let platform = cx.platform_to_change().await?;
        let path = match self.public_key {
            Some(_) => None,
            // The name is refused below, and a key file of the principal that has it is not complained about before.
            None if self.is_taken(&platform).await => None,
            None => Some(self.key_out.clone().unwrap_or_else(|| format!("{}.key", self.name).into())),
        };
        if let Some(path) = &path {
            platform.refuse_own_place(path)?;
        }
        let kept = path
            .as_deref()
            .map(|path| KeyFile::create(path).map_err(|error| Box::new(Failure::file(path, &error))));
        let kept = kept.transpose()?;
        let (public_key, private_key) = match self.public_key {
            Some(key) => (key, None),
            None => Platform::new_key_pair(&self.name).map(|(public, private)| (public, Some(private)))?,
        };
        // On disk before the principal is in force: a key that cannot be kept must not count.
        let kept = match (&path, kept, private_key) {
            (Some(path), Some(file), Some(key)) => {
                Some(file.write(&key).map_err(|error| Failure::file(path, &error))?)
            }
            _ => None,
        };
        let added = platform.principal_add(&self.name, &self.roles, Some(&public_key)).await;
        // Of a principal that the list has, whatever else failed, the key is kept.
        let is_listed = |known: Vec<PrincipalLine>| known.iter().any(|known| known.public_key == public_key);
        if let (Err(_), Some(kept)) = (&added, kept)
            && !platform.principals().await.is_ok_and(is_listed)
        {
            kept.remove();
        }
        let (principal, _) = added?;
        let mut screen = Screen::new(Tone::Good, format!("{} can approve now", principal.name));
        screen.fact("roles", principal.roles.join(", ")).fact("public key", &principal.public_key);
        if let Some(path) = &path {
            screen.fact("private key", format!("{} (for {} alone)", path.display(), principal.name));
        }
        Answer::new(&Added { principal, key_file: path }, screen)
    }

    async fn is_taken(&self, platform: &Platform) -> bool {
        let is_it = |other: &PrincipalLine| is_same_name(&other.name, &self.name);
        platform.principals().await.is_ok_and(|known| known.iter().any(is_it))
    }

    /// Says whether the principal could be added, and adds none.
    async fn rehearse(self, cx: &Context<'_>) -> Result<Answer> {
        let platform = cx.platform_to_rehearse().await?;
        platform.principal_rehearse(&self.name, &self.roles, self.public_key.as_deref()).await?;
        let screen = Screen::new(Tone::Plain, format!("Would add {}", self.name));
        let mut keys = serde_json::json!({ "name": self.name, "roles": self.roles, "status": "dry_run" });
        if let Some(public_key) = self.public_key {
            keys["public_key"] = public_key.into();
        }
        Answer::new(&keys, screen)
    }
}
