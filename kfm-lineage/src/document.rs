//! Facts about one document, projected once from its bytes.
//!
//! Rules, counts and projections read these facts and never raw JSON: one projector gives one answer to 'what
//! does this document say', and is the one place that must take any input. Real catalogs have empty files,
//! half-written JSON, numbers where a text belongs and the same key twice. Each of these has an answer here,
//! and none is an error. The facts show what most readers see of the document; its protection follows
//! everything that any reader could see. A document is digested and restored as bytes (R26), so nothing is
//! lost by what the facts leave out.

mod asset;
mod coordinates;
mod digests;
mod field;
mod labels;
mod link;
mod mention;
mod names;
mod reader;
mod reference;
mod shape;
mod ties;

pub use asset::AssetFact;
pub use coordinates::{PlaceFact, Precision, has_place};
pub use field::Field;
pub use labels::CARE_KEYS;
pub use link::LinkFact;
pub use mention::Mention;
pub use reference::AssetReference;
pub use shape::{Fault, ShapeFault};
pub use ties::{Relation, Tie};

use std::collections::BTreeSet;

use crate::digest::Digest;
use digests::Digests;
use names::Names;
use reader::{Reading, Scalar, Statement, Text, spells};

/// The kind of a document, by what it says about itself.
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
    /// A STAC collection: `type` is `Collection`.
    Collection,
    /// A STAC catalog: `type` is `Catalog`. What rules, counts and projections know about one version of one
    /// document.
    Catalog,
    /// A JSON object of no known type.
    Other,
    /// Not JSON, or JSON that is not an object.
    NotJson,
}

/// Names the readers of this build: facts that others made may be other facts.
pub const READERS: &str = env!("KFM_READERS");

/// What rules, counts and projections know of one version of one document.
///
/// Written by serde, they are a cache for these very [`READERS`] and no format.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DocumentFacts {
    /// Digest of the document's bytes.
    pub digest: Digest,
    /// Length of the document in bytes.
    pub bytes: u64,
    /// The kind of document.
    pub kind: DocumentKind,
    /// The STAC id; none if it is not a text. Real catalogs repeat and change ids, so an entity is a store
    /// and a path instead.
    pub id: Option<String>,
    /// The `collection` field of an item; none if it is not a text.
    pub collection: Option<String>,
    /// Ids that the document states beside [`Self::id`]: a second one, a number, one in text that is not
    /// valid JSON.
    pub other_ids: Box<[String]>,
    /// Collections that the document names beside [`Self::collection`]: a second one, one in `properties`,
    /// one in text that is not valid JSON.
    pub other_collections: Box<[String]>,
    /// Whether text that is not valid JSON names an id or a collection, and no value can be read behind that
    /// name; or something stands before the document in it, so that it cannot be told where it begins.
    pub has_unread_names: bool,
    /// The text of `title` or of `properties.title`.
    pub title: Option<String>,
    /// The text of `description` or of `properties.description`.
    pub description: Option<String>,
    /// `properties.datetime`, or `properties.start_datetime` if that one is null or missing.
    pub datetime: Option<String>,
    /// `version` or `properties.version` (version extension).
    pub version: Option<String>,
    /// Whether the document says that it is deprecated (version extension).
    pub deprecated: bool,
    /// The STAC version that the document states, `stac_version`.
    pub stac_version: Option<String>,
    /// The addresses of the STAC extensions that the document declares.
    pub stac_extensions: Vec<String>,
    /// The licence that the document states in `license` or in `properties.license`.
    pub licence: Field<String>,
    /// Every licence that a reader may see there, sorted, each once: of a licence that is stated several times or
    /// in an array, all of them.
    pub licences: Box<[String]>,
    /// The document's own CARE labels, as they are written, each once: any of [`CARE_KEYS`], at any place.
    ///
    /// [`Field::Malformed`] if one of them is not a text, or if the document states two types, so that it
    /// cannot be told what is labelled: a label that cannot be read denies.
    pub care: Field<Vec<String>>,
    /// Whether any coordinate can be read from the document, in numbers or in a text; cells of the H3 grid do
    /// not count.
    ///
    /// In doubt this is `true`: a document that is not JSON certainly has no coordinates only if it is blank.
    pub has_coordinates: bool,
    /// Whether a text of the document, a value or a name, reads like a place ([`has_place`]).
    pub has_places_in_texts: bool,
    /// The finest resolution (0 to 15) of the cells of the H3 grid that the document names; none if it names
    /// none.
    pub finest_cell: Option<u8>,
    /// The first members that have a place or a cell, each once: where in the document, and how precise. A document that
    /// is not JSON has none here, whatever it says.
    pub places: Box<[PlaceFact]>,
    /// The links, in the order of the document. A link is left out if its `rel` or its `href` is not a text.
    pub links: Vec<LinkFact>,
    /// What the document says it belongs to, comes from and holds, in other ways than [`Self::links`].
    pub ties: Box<[Tie]>,
    /// The assets, sorted by key. An asset is left out if its `href` is not a text.
    pub assets: Vec<AssetFact>,
    /// Every reference of the assets that any reader may follow, sorted, each once.
    pub references: Box<[AssetReference]>,
    /// The SHA-256 digests that texts of the document spell, at any place and in any way: content that it refers
    /// to. Some may be digests of nothing.
    pub digests: Box<[Digest]>,
    /// The texts, at any depth, in which the name `raw` may occur: every reference to raw data is among them
    /// (R73).
    pub raw_mentions: Vec<Mention>,
    /// What STAC demands of the document's shape and is missing or of another type (VER-schema).
    pub shape_faults: Vec<ShapeFault>,
}

impl DocumentFacts {
    /// Projects the bytes of a document.
    ///
    /// Takes any bytes, in UTF-8, UTF-16 or UTF-32, and reads them as the most lenient common reader does:
    /// `NaN`, numbers of any size, lone surrogates, members that occur twice, a thousand levels. A member of
    /// the wrong type is [`Field::Malformed`] or left out.
    ///
    /// If a member occurs twice, the facts show the last one, and all of them count for protection. A text
    /// that is not valid and has a name in quotes with a colon behind it is [`DocumentKind::NotJson`], whatever
    /// stands before that name; its ids, collections, labels, licences, asset references and ties are read from its
    /// tokens. So is a JSON text that holds the document.
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
        Self::project_as(Digest::of_bytes(bytes), bytes)
    }

    /// Projects the bytes of a document, with the digest of them that the caller has.
    pub fn project_as(digest: Digest, bytes: &[u8]) -> Self {
        let mut digests = Digests::default();
        for text in Text::all(bytes) {
            match text.read() {
                Reading::Object(tree) => return Self::of_object(digest, bytes, tree.root()),
                Reading::Tokens(tree) => return Self::of_tokens(digest, bytes, &text, tree.root()),
                Reading::Among(tree) => {
                    let facts = Self::of_tokens(digest, bytes, &text, tree.root());
                    return Self { has_unread_names: true, ..facts };
                }
                Reading::Nothing => digests.read(text.as_str()),
            }
        }
        Self { digests: digests.finish(), ..Self::of_nothing(digest, bytes) }
    }

    /// Leaves out what a census does not count ([`CatalogView::census`](crate::integrity::CatalogView::census)), so that
    /// many documents can be held at once. What is left says nothing of the document's protection.
    #[must_use]
    pub fn to_be_counted(self) -> Self {
        let Self { digest, bytes, kind, id, collection, deprecated, links, .. } = self;
        Self { bytes, kind, id, collection, deprecated, links, ..Self::of_nothing(digest, b"") }
    }

    /// Returns the collection that the document belongs to: an item's `collection`, or a collection's own id.
    ///
    /// It is the document's unit. Catalogs and items without a collection have `None`, which the log writes
    /// as `-`.
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

    /// Lists every collection that the document says it belongs to, whatever kind of document it is.
    pub fn stated_collections(&self) -> impl Iterator<Item = &str> {
        self.collection.iter().chain(&self.other_collections).map(String::as_str)
    }

    /// Returns the links of one relation, in the document's order.
    pub fn links_of<'a>(&'a self, rel: &'a str) -> impl Iterator<Item = &'a LinkFact> {
        self.links.iter().filter(move |link| link.rel == rel)
    }

    /// Lists what ties the document to others, in any spelling: the relation, and the address of the other
    /// document.
    pub fn related(&self) -> impl Iterator<Item = (Relation, &str)> {
        let links =
            self.links.iter().filter_map(|link| Some((Relation::read(&link.rel)?, link.href.as_str())));
        links.chain(self.ties.iter().map(|tie| (tie.relation, tie.target.as_str())))
    }

    fn of_nothing(digest: Digest, bytes: &[u8]) -> Self {
        Self {
            digest,
            bytes: bytes.len() as u64,
            kind: DocumentKind::NotJson,
            id: None,
            collection: None,
            other_ids: Box::default(),
            other_collections: Box::default(),
            has_unread_names: false,
            title: None,
            description: None,
            datetime: None,
            version: None,
            deprecated: false,
            stac_version: None,
            stac_extensions: Vec::new(),
            licence: Field::Absent,
            licences: Box::default(),
            care: Field::Absent,
            has_coordinates: !bytes.iter().all(u8::is_ascii_whitespace),
            has_places_in_texts: false,
            finest_cell: None,
            places: Box::default(),
            links: Vec::new(),
            ties: Box::default(),
            assets: Vec::new(),
            references: Box::default(),
            digests: Box::default(),
            raw_mentions: Vec::new(),
            shape_faults: Vec::new(),
        }
    }

    fn of_tokens(digest: Digest, bytes: &[u8], text: &Text<'_>, root: Statement<'_>) -> Self {
        let names = Names::of_tokens(root);
        let licences = root.inside().filter(|statement| statement.name() == Some("license"));
        let mut digests = Digests::of(root);
        digests.read(text.as_str());
        Self {
            other_ids: others(names.ids, None),
            other_collections: others(names.collections, None),
            has_unread_names: names.has_unread,
            licence: Field::stated(licences),
            licences: licences_of(root.inside()),
            care: labels::stated(root),
            has_places_in_texts: coordinates::places(root).in_texts,
            ties: ties::stated(root, |_| false),
            references: reference::stated(root, false),
            digests: digests.finish(),
            raw_mentions: mention::mentions(root, "raw"),
            ..Self::of_nothing(digest, bytes)
        }
    }

    fn of_object(digest: Digest, bytes: &[u8], document: Statement<'_>) -> Self {
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
        let properties_of =
            |member: Statement<'_>| member.name().is_some_and(|name| spells(name, "properties"));
        let in_any_properties =
            document.children().filter(|member| properties_of(*member)).flat_map(Statement::children);
        let (id, collection) = (text(document.last("id")), text(document.last("collection")));
        let names = Names::of_object(document);
        let plain_links = link::plain(document);
        let is_true = |statement: Statement<'_>| *statement.scalar() == Scalar::Bool(true);
        let places = coordinates::places(document);
        Self {
            digest,
            bytes: bytes.len() as u64,
            kind,
            other_ids: others(names.ids, id.as_deref()),
            other_collections: others(names.collections, collection.as_deref()),
            has_unread_names: false,
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
            licences: licences_of(document.children().chain(in_any_properties)),
            care: if is_of_one_type(document) { labels::stated(document) } else { Field::Malformed },
            has_coordinates: places.anywhere,
            has_places_in_texts: places.in_texts,
            finest_cell: places.finest_cell,
            places: places.found.into(),
            links: link::read(document),
            ties: ties::stated(document, |link| plain_links.binary_search(&link.position()).is_ok()),
            assets: asset::read(document),
            references: reference::stated(document, true),
            digests: Digests::of(document).finish(),
            raw_mentions: mention::mentions(document, "raw"),
            shape_faults: shape::faults(kind, document),
        }
    }
}

/// Says whether all `type` members of a document are equal.
fn is_of_one_type(document: Statement<'_>) -> bool {
    let mut types = document.members("type").map(Statement::scalar);
    types.next().is_none_or(|first| types.all(|other| other == first))
}

/// Lists the texts of every statement among these that is a licence by its name.
fn licences_of<'a>(statements: impl Iterator<Item = Statement<'a>>) -> Box<[String]> {
    let is_licence = |name: &str| spells(name, "license") || spells(name, "licence");
    let licences = statements.filter(|statement| statement.name().is_some_and(is_licence));
    let texts: BTreeSet<&str> = licences.flat_map(Statement::words).collect();
    texts.into_iter().map(str::to_owned).collect()
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

/// Collects into memory of exactly the needed size: there are tens of thousands of facts, and they never
/// grow.
fn kept<T>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.shrink_to_fit();
    items
}

#[cfg(test)]
mod tests;
