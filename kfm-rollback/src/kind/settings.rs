//! The table of one store in `kfm.toml`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use kfm_lineage::Domain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::op::Role;

/// The settings of one store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct StoreSettings {
    /// stac, graph, search or cache.
    pub domain: Domain,
    /// A kind that the opener registered: static for a catalog in a folder or bucket, embedded for the rest.
    pub kind: String,
    /// Where it lies: a `file:` URL, or a path relative to `kfm.toml`; for a kind on a server, its URL.
    pub url: String,
    /// target: its documents are what everything else follows; exactly one store is. derived: it follows them.
    /// Default: the only stac store is the target, and every other store is derived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Whether the documents are projected into a derived store; default true. false: it holds only the cells that
    /// pipelines keep there themselves.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub projected: bool,
    /// How long an operation waits for the store while it does not answer, such as `90s` or `5m`; default 5 minutes.
    /// Then the operation is interrupted and can be resumed.
    #[serde(default, skip_serializing_if = "Patience::is_default")]
    pub patience: Patience,
    /// The values of the keys that only its kind has.
    #[serde(flatten)]
    #[schemars(skip)]
    pub own: BTreeMap<String, serde_json::Value>,
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_yes(said: &bool) -> bool {
    *said
}

impl StoreSettings {
    /// The keys that the table of every store may have.
    pub(crate) const KEYS: [&str; 6] = ["domain", "kind", "url", "role", "projected", "patience"];

    /// Returns the text of a key that only its kind has; `None` if the key is missing, or not a text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.own.get(key)?.as_str()
    }
}

/// How long an operation waits for a store that does not answer, to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Patience(pub Duration);

impl Patience {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self(Duration::from_secs(5 * 60))
    }
}

impl TryFrom<String> for Patience {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let parsed = text.parse::<jiff::SignedDuration>().map_err(|error| error.to_string());
        let patience = parsed.and_then(|span| Duration::try_from(span).map_err(|error| error.to_string()));
        patience
            .map(Self)
            .map_err(|why| format!("patience is not a time such as 90s or 5m: {why}: value={text}"))
    }
}

impl From<Patience> for String {
    fn from(Patience(time): Patience) -> Self {
        format!("{}ms", time.as_millis())
    }
}

/// Returns the path of a `file:` URL, or of a text without a scheme; `None` for every other URL.
pub fn local_path(url: &str) -> Option<PathBuf> {
    match url.split_once(':') {
        Some(("file", path)) => Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path))),
        Some((scheme, _)) if scheme.len() > 1 => None,
        _ => Some(PathBuf::from(url)),
    }
}
