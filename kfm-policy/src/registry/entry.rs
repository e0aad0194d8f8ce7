//! The entries of the registries, in their durable form: the log keeps an entry once it is in force.

use jiff::civil::Date;
use kfm_lineage::{Digest, DigestKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spelling::{self, Misspelt};
use crate::error::{PolicyError, PolicyFile};
use crate::label::{CareLabel, VOCABULARY};
use crate::strict_toml::{self, Table, TableForm};
use crate::treatment::Treatment;

/// One entry of a registry.
///
/// It is never taken back: the log keeps it, and the strictest of all entries that apply holds. Lowering
/// protection is an operation of its own, `declassify`, which is not built yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RegistryEntry {
    /// Says how entities may be shown.
    Label(LabelEntry),
    /// Stops every change of entities; lifting it is not built yet.
    Hold(HoldEntry),
    /// Withdraws entities or content for good (R62); it has no date because it does not expire.
    Suppression(SuppressionEntry),
}

/// Says how entities may be shown: one `[[label]]` of `policy/labels.toml`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelEntry {
    /// The entity, by its id or its path in the catalog; none if `under` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// A folder of the catalog: the entry is about everything below it; the empty text means the whole
    /// catalog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<String>,
    /// The label, which demands a treatment.
    pub care: CareLabel,
    /// The authority that decided.
    pub authority: String,
    /// The reason that the authority gave.
    pub reason: String,
    /// The day by which the entry must be reviewed.
    pub review_by: Date,
    /// Whether the entities are heritage (R65).
    #[serde(default, skip_serializing_if = "is_false")]
    pub heritage: bool,
    /// A stronger masking than the label demands by itself; none if there is no such demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masking: Option<Treatment>,
}

/// Stops every change of entities: one `[[hold]]` of `policy/labels.toml`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldEntry {
    /// The entity, by its id or its path in the catalog; none if `under` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// A folder of the catalog: the entry is about everything below it; the empty text means the whole
    /// catalog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<String>,
    /// The authority that placed the hold.
    pub authority: String,
    /// The reason that the authority gave.
    pub reason: String,
    /// The day by which the hold must be reviewed; it does not end by itself.
    pub review_by: Date,
}

/// Withdraws entities or content for good: one `[[suppression]]` of `policy/suppressions.toml`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuppressionEntry {
    /// The entity, by its id or its path in the catalog; none if `under` or `digest` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// A folder of the catalog: the entry is about everything below it; the empty text means the whole
    /// catalog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<String>,
    /// The `sha256:` digest of the bytes of a document, or of content that a document refers to: any text in it
    /// that spells the digest does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The authority that withdrew it; only that authority can lift the withdrawal.
    pub authority: String,
    /// The reason that the authority gave.
    pub reason: String,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

const LABEL: TableForm = TableForm {
    name: "label",
    keys: &["entity", "under", "care", "authority", "reason", "review_by", "heritage", "masking"],
};
const HOLD: TableForm =
    TableForm { name: "hold", keys: &["entity", "under", "authority", "reason", "review_by"] };
const SUPPRESSION: TableForm =
    TableForm { name: "suppression", keys: &["entity", "under", "digest", "authority", "reason"] };

/// The subject of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach<'a> {
    Entity(&'a str),
    Under(&'a str),
    Content(&'a Digest),
}

impl RegistryEntry {
    /// Writes the entry as the block that a registry file has for it.
    pub fn to_toml(&self) -> String {
        #[derive(Serialize)]
        struct File<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            label: Option<[&'a LabelEntry; 1]>,
            #[serde(skip_serializing_if = "Option::is_none")]
            hold: Option<[&'a HoldEntry; 1]>,
            #[serde(skip_serializing_if = "Option::is_none")]
            suppression: Option<[&'a SuppressionEntry; 1]>,
        }
        let mut file = File { label: None, hold: None, suppression: None };
        match self {
            Self::Label(entry) => file.label = Some([entry]),
            Self::Hold(entry) => file.hold = Some([entry]),
            Self::Suppression(entry) => file.suppression = Some([entry]),
        }
        toml::to_string(&file).expect("texts, dates, flags and words can be written as TOML")
    }

    /// Says whether the entry is a label for exactly this path.
    pub(super) fn labels_exactly(&self, path: &str) -> bool {
        let Self::Label(label) = self else { return false };
        [&label.entity, &label.under]
            .into_iter()
            .flatten()
            .any(|place| spelling::names(place).iter().any(|name| name == path))
    }

    /// Returns the subject of the entry.
    ///
    /// An entry from the log is taken as it was taken then, whatever its spelling: it is in force.
    pub(super) fn reach(&self) -> Result<Reach<'_>, ReachError> {
        let (entity, under, digest) = match self {
            Self::Label(entry) => (&entry.entity, &entry.under, None),
            Self::Hold(entry) => (&entry.entity, &entry.under, None),
            Self::Suppression(entry) => (&entry.entity, &entry.under, entry.digest.as_ref()),
        };
        match (entity, under, digest) {
            (Some(entity), None, None) => Ok(Reach::Entity(entity)),
            (None, Some(under), None) => Ok(Reach::Under(under)),
            (None, None, Some(digest)) if digest.kind() != DigestKind::Bytes => Err(ReachError::NotOfBytes),
            (None, None, Some(digest)) => Ok(Reach::Content(digest)),
            _ => Err(ReachError::NotOne),
        }
    }

    /// Says why the entry cannot be about anything, and what to write instead; `None` if its spelling is
    /// right.
    pub fn misspelt(&self) -> Option<String> {
        self.spelling().err().map(|(_, misspelt)| misspelt.to_string())
    }

    fn spelling(&self) -> Result<(), (&'static str, Misspelt)> {
        match self.reach() {
            Ok(Reach::Entity(entity)) => {
                spelling::check_entity(entity).map_err(|misspelt| ("entity", misspelt))
            }
            Ok(Reach::Under(folder)) => {
                spelling::check_folder(folder).map_err(|misspelt| ("under", misspelt))
            }
            Ok(Reach::Content(_)) | Err(_) => Ok(()),
        }
    }

    /// Says whether the entry demands more than showing everything as it is.
    pub fn raises(&self) -> bool {
        self.asks() > Treatment::Public
    }

    /// Returns the day by which it must be looked at again; a withdrawal has none.
    pub fn review_by(&self) -> Option<Date> {
        match self {
            Self::Label(label) => Some(label.review_by),
            Self::Hold(hold) => Some(hold.review_by),
            Self::Suppression(_) => None,
        }
    }

    /// Returns the treatment that it demands of what it covers.
    pub fn asks(&self) -> Treatment {
        match self {
            Self::Label(label) => {
                Treatment::least_for(label.care).max(label.masking.unwrap_or(Treatment::Public))
            }
            Self::Hold(_) => Treatment::Quarantined,
            Self::Suppression(_) => Treatment::Withdrawn,
        }
    }
}

/// Why an entry cannot be about anything that exists. An entry without effect is refused, not ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReachError {
    #[error("exactly one of entity, under and (for a suppression) digest is needed")]
    NotOne,
    #[error("the digest is not of bytes")]
    NotOfBytes,
}

/// Reads `policy/labels.toml`.
pub(super) fn read_labels(text: &str) -> Result<Vec<RegistryEntry>, PolicyError> {
    strict_toml::read(PolicyFile::Labels, text, &[LABEL, HOLD])?
        .iter()
        .map(|table| if table.name == HOLD.name { hold(table) } else { label(table) })
        .collect()
}

/// Reads `policy/suppressions.toml`.
pub(super) fn read_suppressions(text: &str) -> Result<Vec<RegistryEntry>, PolicyError> {
    strict_toml::read(PolicyFile::Suppressions, text, &[SUPPRESSION])?.iter().map(suppression).collect()
}

fn label(table: &Table<'_>) -> Result<RegistryEntry, PolicyError> {
    let care = table.required_text("care")?;
    let words = || VOCABULARY.map(|(word, _)| word).join(", ");
    let masking = table.text("masking")?.map(|text| masking(text).ok_or(()));
    let entry = LabelEntry {
        entity: table.text("entity")?.map(str::to_owned),
        under: table.prefix("under")?.map(str::to_owned),
        care: CareLabel::parse(care).map_err(|_| table.invalid("care", format!("one of {}", words())))?,
        authority: table.required_text("authority")?.to_owned(),
        reason: table.required_text("reason")?.to_owned(),
        review_by: table.required_date("review_by")?,
        heritage: table.flag("heritage")?,
        masking: masking.transpose().map_err(|()| table.invalid("masking", "h3_r7, h3_r5 or no_geometry"))?,
    };
    checked(table, RegistryEntry::Label(entry))
}

/// Reads a masking; `None` for a hold or a withdrawal, which are entries of their own and not maskings.
fn masking(text: &str) -> Option<Treatment> {
    [Treatment::H3R7, Treatment::H3R5, Treatment::NoGeometry].into_iter().find(|t| t.as_str() == text)
}

fn hold(table: &Table<'_>) -> Result<RegistryEntry, PolicyError> {
    let entry = HoldEntry {
        entity: table.text("entity")?.map(str::to_owned),
        under: table.prefix("under")?.map(str::to_owned),
        authority: table.required_text("authority")?.to_owned(),
        reason: table.required_text("reason")?.to_owned(),
        review_by: table.required_date("review_by")?,
    };
    checked(table, RegistryEntry::Hold(entry))
}

fn suppression(table: &Table<'_>) -> Result<RegistryEntry, PolicyError> {
    let digest = table.text("digest")?.map(str::parse).transpose();
    let entry = SuppressionEntry {
        entity: table.text("entity")?.map(str::to_owned),
        under: table.prefix("under")?.map(str::to_owned),
        digest: digest.map_err(|_| table.invalid("digest", "a digest such as sha256:<64 hex digits>"))?,
        authority: table.required_text("authority")?.to_owned(),
        reason: table.required_text("reason")?.to_owned(),
    };
    checked(table, RegistryEntry::Suppression(entry))
}

fn checked(table: &Table<'_>, entry: RegistryEntry) -> Result<RegistryEntry, PolicyError> {
    match entry.reach() {
        Ok(_) => {}
        Err(ReachError::NotOne) if table.name == SUPPRESSION.name => {
            return Err(table.not_one("`entity`, `under` and `digest`"));
        }
        Err(ReachError::NotOne) => return Err(table.not_one("`entity` and `under`")),
        Err(ReachError::NotOfBytes) => return Err(table.invalid("digest", "a sha256: digest of bytes")),
    }
    match entry.spelling() {
        Ok(()) => Ok(entry),
        Err((key, misspelt)) => Err(misspelt_key(table, key, &misspelt)),
    }
}

fn misspelt_key(table: &Table<'_>, key: &'static str, misspelt: &Misspelt) -> PolicyError {
    let what = match key {
        "entity" => "an id, or a path that a document of the catalog can have",
        _ => "a folder of the catalog",
    };
    table.invalid(key, format!("{what}: {misspelt}"))
}
