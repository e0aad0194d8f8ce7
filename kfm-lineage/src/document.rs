//! Facts about one document, projected once from its bytes.
//!
//! Rules, counts and projections read these facts and never raw JSON: one projector means one answer to 'what
//! does this document say', and one place that must stand any input. Real catalogs hold empty files, half
//! written JSON, numbers where a text belongs and the same key twice; each has an answer here, none is an
//! error. A document is digested and restored as bytes (R26), so nothing is lost by what is left out here.

mod coordinates;
mod field;
mod shape;

pub use field::Field;
pub use shape::{Fault, ShapeFault};

use serde_json::{Map, Value};

use crate::digest::Digest;

/// The names under which documents state their own CARE label (R60).
pub const CARE_KEYS: [&str; 3] = ["kfm:care_label", "kfm:careLabel", "kfm:care_tag"];

/// What a document is, by what it says of itself.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// A STAC item: `type` is `Feature`.
    Item,
    /// A STAC collection.
    Collection,
    /// A STAC catalog.
    Catalog,
    /// A JSON object of no known type.
    Other,
    /// Not JSON, or JSON that is not an object.
    NotJson,
}

/// A link of a document, as it is written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkFact {
    /// What the target is to the document.
    pub rel: String,
    /// Where the link leads, not resolved.
    pub href: String,
    /// The media type that the link promises, where it does.
    pub media_type: Option<String>,
}

impl LinkFact {
    /// Says whether the link promises JSON, or nothing.
    ///
    /// Hierarchical links may exist a second time for people, as `text/html`; those are no edges of the
    /// catalog (STAC best practices, Media Types).
    pub fn leads_to_json(&self) -> bool {
        let Some(media_type) = &self.media_type else { return true };
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence == "application/json" || essence.ends_with("+json")
    }
}

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

/// What rules, counts and projections know of one version of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentFacts {
    /// Digest of the bytes.
    pub digest: Digest,
    /// Number of bytes.
    pub bytes: u64,
    /// What the document is.
    pub kind: DocumentKind,
    /// The STAC id; real catalogs repeat and change ids, so the entity is store and path instead.
    pub id: Option<String>,
    /// The `collection` field of an item.
    pub collection: Option<String>,
    /// `title` or `properties.title`.
    pub title: Option<String>,
    /// `description` or `properties.description`.
    pub description: Option<String>,
    /// `properties.datetime`, or `start_datetime` where that is null or missing.
    pub datetime: Option<String>,
    /// `version` or `properties.version` (version extension).
    pub version: Option<String>,
    /// Whether the document says that it is deprecated (version extension).
    pub deprecated: bool,
    /// `stac_version`.
    pub stac_version: Option<String>,
    /// The extensions that the document declares.
    pub stac_extensions: Vec<String>,
    /// `license` or `properties.license`.
    pub licence: Field<String>,
    /// The document's own CARE label, raw: any of [`CARE_KEYS`], at the top or in `properties`.
    ///
    /// [`Field::Malformed`] where one of them is no text or where two differ: what cannot be read denies.
    pub care: Field<String>,
    /// Whether any coordinate can be read from the document.
    ///
    /// Errs towards `true`: of a document that is not JSON only a blank one certainly has none.
    pub has_coordinates: bool,
    /// The links, in the document's order; those without a `rel` and an `href` as texts are left out.
    pub links: Vec<LinkFact>,
    /// The assets, by key; those without an `href` as text are left out.
    pub assets: Vec<AssetFact>,
    /// What STAC requires of the document's shape and is missing or of another type (VER-schema).
    pub shape_faults: Vec<ShapeFault>,
}

impl DocumentFacts {
    /// Projects a document's bytes.
    ///
    /// Stands any bytes. A byte order mark is skipped; of a key that occurs twice the last counts; a member
    /// of the wrong type is [`Field::Malformed`] or left out; JSON nested deeper than 127 levels is not
    /// read and is [`DocumentKind::NotJson`], as is what no `f64` can hold.
    ///
    /// ```
    /// use kfm_lineage::document::{DocumentFacts, DocumentKind, Field};
    /// let facts = DocumentFacts::project(br#"{"type": "Collection", "id": "a", "license": 4}"#);
    /// assert_eq!(facts.kind, DocumentKind::Collection);
    /// assert_eq!(facts.licence, Field::Malformed);
    /// assert_eq!(DocumentFacts::project(b"\n").kind, DocumentKind::NotJson);
    /// ```
    pub fn project(bytes: &[u8]) -> Self {
        let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        // The reader's own limit bounds the depth (serde_json: 128), so what follows may recurse.
        match serde_json::from_slice::<Value>(json) {
            Ok(Value::Object(document)) => Self::of_object(bytes, &document),
            Ok(_) | Err(_) => Self::of_no_object(bytes),
        }
    }

    /// Returns the collection that the document belongs to: an item's `collection`, a collection's own id.
    ///
    /// It is the document's unit; catalogs and items without a collection have none (`-`).
    pub fn collections(&self) -> Option<&str> {
        match self.kind {
            DocumentKind::Item => self.collection.as_deref(),
            DocumentKind::Collection => self.id.as_deref(),
            DocumentKind::Catalog | DocumentKind::Other | DocumentKind::NotJson => None,
        }
    }

    /// Returns the links of one relation, in the document's order.
    pub fn links_of<'a>(&'a self, rel: &'a str) -> impl Iterator<Item = &'a LinkFact> {
        self.links.iter().filter(move |link| link.rel == rel)
    }

    fn of_no_object(bytes: &[u8]) -> Self {
        Self {
            digest: Digest::of_bytes(bytes),
            bytes: bytes.len() as u64,
            kind: DocumentKind::NotJson,
            id: None,
            collection: None,
            title: None,
            description: None,
            datetime: None,
            version: None,
            deprecated: false,
            stac_version: None,
            stac_extensions: Vec::new(),
            licence: Field::Absent,
            care: Field::Absent,
            has_coordinates: !bytes.iter().all(u8::is_ascii_whitespace),
            links: Vec::new(),
            assets: Vec::new(),
            shape_faults: Vec::new(),
        }
    }

    fn of_object(bytes: &[u8], document: &Map<String, Value>) -> Self {
        let kind = match document.get("type").and_then(Value::as_str) {
            Some("Feature") => DocumentKind::Item,
            Some("Collection") => DocumentKind::Collection,
            Some("Catalog") => DocumentKind::Catalog,
            _ => DocumentKind::Other,
        };
        let properties = document.get("properties").and_then(Value::as_object);
        let property = |key: &str| properties.and_then(|properties| properties.get(key));
        let either = |key: &str| text(document.get(key)).or_else(|| text(property(key)));
        Self {
            digest: Digest::of_bytes(bytes),
            bytes: bytes.len() as u64,
            kind,
            id: text(document.get("id")),
            collection: text(document.get("collection")),
            title: either("title"),
            description: either("description"),
            datetime: text(property("datetime")).or_else(|| text(property("start_datetime"))),
            version: either("version"),
            deprecated: [document.get("deprecated"), property("deprecated")]
                .contains(&Some(&Value::Bool(true))),
            stac_version: text(document.get("stac_version")),
            stac_extensions: texts(document.get("stac_extensions")),
            licence: Field::stated([document.get("license"), property("license")]),
            care: Field::stated(CARE_KEYS.iter().flat_map(|key| [document.get(*key), property(key)])),
            has_coordinates: coordinates::any_in(document),
            links: links(document.get("links")),
            assets: assets(document.get("assets")),
            shape_faults: shape::faults(kind, document),
        }
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    kept(items.iter().filter_map(Value::as_str).map(str::to_owned))
}

/// Collects without room for more: facts are held by the ten thousand, and never grow.
fn kept<T>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.shrink_to_fit();
    items
}

fn links(value: Option<&Value>) -> Vec<LinkFact> {
    let links = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let read = |link: &Value| {
        Some(LinkFact {
            rel: text(link.get("rel"))?,
            href: text(link.get("href"))?,
            media_type: text(link.get("type")),
        })
    };
    kept(links.iter().filter_map(read))
}

fn assets(value: Option<&Value>) -> Vec<AssetFact> {
    let Some(assets) = value.and_then(Value::as_object) else { return Vec::new() };
    let read = |(key, asset): (&String, &Value)| {
        Some(AssetFact {
            key: key.clone(),
            href: text(asset.get("href"))?,
            media_type: text(asset.get("type")),
            roles: texts(asset.get("roles")),
            checksum: text(asset.get("file:checksum")),
            size: asset.get("file:size").and_then(Value::as_u64),
            auth_refs: texts(asset.get("auth:refs")),
        })
    };
    let mut assets: Vec<AssetFact> = kept(assets.iter().filter_map(read));
    // Another crate of the build may switch serde_json's `preserve_order` on.
    assets.sort_by(|a, b| a.key.cmp(&b.key));
    assets
}

#[cfg(test)]
mod tests;
