//! The assets of a document.

use super::reader::{Scalar, Statement};
use super::{kept, text, texts};

/// An asset that a document names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetFact {
    /// The asset's key in the document.
    pub key: String,
    /// Where its bytes lie, not resolved.
    pub href: String,
    /// The media type, where it is stated.
    pub media_type: Option<String>,
    /// The roles, as far as they are texts.
    pub roles: Vec<String>,
    /// `file:checksum`, a multihash in lower-case hex where the document is right; taken as it stands.
    pub checksum: Option<String>,
    /// `file:size` in bytes.
    pub size: Option<u64>,
    /// `auth:refs`: the authentication schemes that guard it (R56).
    pub auth_refs: Vec<String>,
}

/// Reads the assets of a JSON object, by key; those without an `href` as text are left out.
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
