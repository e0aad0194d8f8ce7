//! Facts about one document, projected once from its bytes.
//!
//! Rules, counts and projections read these facts and never raw JSON: one projector means one answer to 'what
//! does this document say', and one place that must stand any input. Real catalogs hold empty files, half
//! written JSON, numbers where a text belongs and the same key twice; each has an answer here, none is an
//! error. What is shown of a document is what most readers see of it; what it is protected by is everything
//! that any reader could see. A document is digested and restored as bytes (R26), so nothing is lost by what is left out here.

mod asset;
mod coordinates;
mod field;
mod labels;
mod link;
mod mention;
mod names;
mod reader;
mod shape;
mod ties;

pub use asset::AssetFact;
pub use coordinates::has_place;
pub use field::Field;
pub use labels::CARE_KEYS;
pub use link::LinkFact;
pub use mention::Mention;
pub use shape::{Fault, ShapeFault};
pub use ties::{Relation, Tie};

use std::collections::BTreeSet;

use crate::digest::Digest;
use names::Names;
use reader::{Reading, Scalar, Statement};

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
    /// Ids that the document states beside [`Self::id`]: twice, as a number, in text that is not valid JSON.
    pub other_ids: Box<[String]>,
    /// Collections that it names beside [`Self::collection`]: twice, in `properties`, in text that is not valid.
    pub other_collections: Box<[String]>,
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
    /// The document's own CARE labels, raw and each once: any of [`CARE_KEYS`], wherever they stand.
    ///
    /// [`Field::Malformed`] where one of them is no text, or where the document says of itself that it is of two
    /// types, so that nobody can tell what is labelled: what cannot be read denies.
    pub care: Field<Vec<String>>,
    /// Whether any coordinate can be read from the document, in numbers or in a text; cells of the H3 grid do
    /// not count.
    ///
    /// Errs towards `true`: of a document that is not JSON only a blank one certainly has none.
    pub has_coordinates: bool,
    /// Whether a text of the document, a value or a name, reads like a place ([`has_place`]).
    pub has_places_in_texts: bool,
    /// The finest resolution (0 to 15) of the cells of the H3 grid that the document names.
    pub finest_cell: Option<u8>,
    /// The links, in the document's order; those without a `rel` and an `href` as texts are left out.
    pub links: Vec<LinkFact>,
    /// What the document says it belongs to, comes from and holds, beside what [`Self::links`] say.
    pub ties: Box<[Tie]>,
    /// The assets, by key; those without an `href` as text are left out.
    pub assets: Vec<AssetFact>,
    /// The texts, at any depth, in which the name `raw` may occur: what refers to raw data is among them (R73).
    pub raw_mentions: Vec<Mention>,
    /// What STAC requires of the document's shape and is missing or of another type (VER-schema).
    pub shape_faults: Vec<ShapeFault>,
}

impl DocumentFacts {
    /// Projects a document's bytes.
    ///
    /// Stands any bytes, in UTF-8, UTF-16 or UTF-32, and reads them as the most lenient common reader does: `NaN`,
    /// numbers of any size, lone surrogates, members that occur twice, a thousand levels. A member of the wrong type
    /// is [`Field::Malformed`] or left out.
    ///
    /// Of a member that occurs twice the last is shown, and all count for protection. Text that begins like JSON
    /// and is not valid is [`DocumentKind::NotJson`]; its ids, collections, labels and ties are read from its tokens.
    ///
    /// ```
    /// use kfm_lineage::document::{DocumentFacts, DocumentKind, Field};
    /// let facts = DocumentFacts::project(br#"{"type": "Collection", "id": "a", "license": 4}"#);
    /// assert_eq!(facts.kind, DocumentKind::Collection);
    /// assert_eq!(facts.licence, Field::Malformed);
    /// let broken = DocumentFacts::project(br#"{"type": "Feature" "id": "a""#);
    /// assert_eq!(broken.kind, DocumentKind::NotJson);
    /// assert_eq!(broken.ids().collect::<Vec<_>>(), ["a"]);
    /// ```
    pub fn project(bytes: &[u8]) -> Self {
        match reader::read(&reader::decode(bytes)) {
            Reading::Object(tree) => Self::of_object(bytes, tree.root()),
            Reading::Tokens(tree) => Self::of_tokens(bytes, tree.root()),
            Reading::Nothing => Self::of_nothing(bytes),
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

    /// Lists every id that the document states.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.id.iter().chain(&self.other_ids).map(String::as_str)
    }

    /// Lists every collection that the document says it belongs to, whatever type it is of.
    pub fn stated_collections(&self) -> impl Iterator<Item = &str> {
        self.collection.iter().chain(&self.other_collections).map(String::as_str)
    }

    /// Returns the links of one relation, in the document's order.
    pub fn links_of<'a>(&'a self, rel: &'a str) -> impl Iterator<Item = &'a LinkFact> {
        self.links.iter().filter(move |link| link.rel == rel)
    }

    /// Lists what ties the document to others, however it is spelt: the relation, and where the other is.
    pub fn related(&self) -> impl Iterator<Item = (Relation, &str)> {
        let links =
            self.links.iter().filter_map(|link| Some((Relation::read(&link.rel)?, link.href.as_str())));
        links.chain(self.ties.iter().map(|tie| (tie.relation, tie.target.as_str())))
    }

    fn of_nothing(bytes: &[u8]) -> Self {
        Self {
            digest: Digest::of_bytes(bytes),
            bytes: bytes.len() as u64,
            kind: DocumentKind::NotJson,
            id: None,
            collection: None,
            other_ids: Box::default(),
            other_collections: Box::default(),
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
            has_places_in_texts: false,
            finest_cell: None,
            links: Vec::new(),
            ties: Box::default(),
            assets: Vec::new(),
            raw_mentions: Vec::new(),
            shape_faults: Vec::new(),
        }
    }

    fn of_tokens(bytes: &[u8], root: Statement<'_>) -> Self {
        let names = Names::of_tokens(root);
        let licences = root.inside().filter(|statement| statement.name() == Some("license"));
        Self {
            other_ids: others(names.ids, None),
            other_collections: others(names.collections, None),
            licence: Field::stated(licences),
            care: labels::stated(root),
            has_places_in_texts: coordinates::places(root).in_texts,
            ties: ties::stated(root, |_| false),
            raw_mentions: mention::mentions(root, "raw"),
            ..Self::of_nothing(bytes)
        }
    }

    fn of_object(bytes: &[u8], document: Statement<'_>) -> Self {
        let kind = match document.last("type").and_then(Statement::text) {
            Some("Feature") => DocumentKind::Item,
            Some("Collection") => DocumentKind::Collection,
            Some("Catalog") => DocumentKind::Catalog,
            _ => DocumentKind::Other,
        };
        let properties = document.last("properties");
        let property = |key: &str| properties.and_then(|properties| properties.last(key));
        let either = |key: &str| text(document.last(key)).or_else(|| text(property(key)));
        let in_properties =
            |key| document.members("properties").flat_map(move |properties| properties.members(key));
        let (id, collection) = (text(document.last("id")), text(document.last("collection")));
        let names = Names::of_object(document);
        let plain_links = link::plain(document);
        let is_true = |statement: Statement<'_>| *statement.scalar() == Scalar::Bool(true);
        let places = coordinates::places(document);
        Self {
            digest: Digest::of_bytes(bytes),
            bytes: bytes.len() as u64,
            kind,
            other_ids: others(names.ids, id.as_deref()),
            other_collections: others(names.collections, collection.as_deref()),
            id,
            collection,
            title: either("title"),
            description: either("description"),
            datetime: text(property("datetime")).or_else(|| text(property("start_datetime"))),
            version: either("version"),
            deprecated: [document.last("deprecated"), property("deprecated")]
                .into_iter()
                .flatten()
                .any(is_true),
            stac_version: text(document.last("stac_version")),
            stac_extensions: texts(document.last("stac_extensions")),
            licence: Field::stated(document.members("license").chain(in_properties("license"))),
            care: if is_of_one_type(document) { labels::stated(document) } else { Field::Malformed },
            has_coordinates: places.anywhere,
            has_places_in_texts: places.in_texts,
            finest_cell: places.finest_cell,
            links: link::read(document),
            ties: ties::stated(document, |link| plain_links.binary_search(&link.position()).is_ok()),
            assets: asset::read(document),
            raw_mentions: mention::mentions(document, "raw"),
            shape_faults: shape::faults(kind, document),
        }
    }
}

/// Says whether a document does not contradict itself about what it is.
fn is_of_one_type(document: Statement<'_>) -> bool {
    let mut types = document.members("type").map(Statement::scalar);
    types.next().is_none_or(|first| types.all(|other| other == first))
}

fn others(names: BTreeSet<&str>, shown: Option<&str>) -> Box<[String]> {
    names.into_iter().filter(|name| Some(*name) != shown).map(str::to_owned).collect()
}

fn text(value: Option<Statement<'_>>) -> Option<String> {
    value.and_then(Statement::text).map(str::to_owned)
}

fn texts(value: Option<Statement<'_>>) -> Vec<String> {
    let items = value.filter(|value| value.is_array()).into_iter().flat_map(Statement::children);
    kept(items.filter_map(Statement::text).map(str::to_owned))
}

/// Collects without room for more: facts are held by the ten thousand, and never grow.
fn kept<T>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.shrink_to_fit();
    items
}

#[cfg(test)]
mod tests;
