//! The assets of a document.

use super::reader::{Scalar, Statement};
use super::{kept, text, texts};

/// An asset that a document names.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AssetFact {
    /// The key of the asset in the document.
    pub key: String,
    /// The address of the asset's bytes, as it is written, not resolved.
    pub href: String,
    /// The media type; none if the document does not state one.
    pub media_type: Option<String>,
    /// The roles, as far as they are texts.
    pub roles: Vec<String>,
    /// `file:checksum` as it is written; in a correct document a multihash in lower-case hex.
    pub checksum: Option<String>,
    /// The asset's size in bytes, `file:size`; none if the document does not state it.
    pub size: Option<u64>,
    /// `auth:refs`: the authentication schemes that guard the asset (R56).
    pub auth_refs: Vec<String>,
}

/// Reads the assets of a JSON object, sorted by key; leaves out an asset whose `href` is not a text.
pub(super) fn read(document: Statement<'_>) -> Vec<AssetFact> {
    let read = |asset: Statement<'_>| {
        Some(AssetFact {
            key: asset.name()?.to_owned(),
            href: text(asset.last("href"))?,
            media_type: text(asset.last("type")),
            roles: texts(asset.last("roles")),
            checksum: text(asset.last("file:checksum")),
            size: asset.last("file:size").and_then(whole),
            auth_refs: texts(asset.last("auth:refs")),
        })
    };
    let assets = document.members("assets").filter(|assets| assets.is_object());
    let mut assets = kept(assets.flat_map(Statement::children).filter_map(read));
    assets.sort_by(|a, b| a.key.cmp(&b.key));
    assets
}

fn whole(value: Statement<'_>) -> Option<u64> {
    match value.scalar() {
        Scalar::Number(number) => number.parse().ok(),
        _ => None,
    }
}
