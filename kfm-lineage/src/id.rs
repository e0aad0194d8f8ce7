//! Ids: the names of operations, entities and versions (R11, R12, R13).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use jiff::Timestamp;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("not a {kind}, expected {expected}: text={text}")]
pub struct IdError {
    /// The kind of id that was expected, in the words of the glossary.
    pub kind: &'static str,
    /// The form that is accepted.
    pub expected: &'static str,
    /// The text that was refused.
    pub text: String,
}

fn refuse(kind: &'static str, expected: &'static str, text: &str) -> IdError {
    IdError { kind, expected, text: text.chars().take(200).collect() }
}

/// Position of a record in a log: from 1, no gaps. 0 is the position before the first record.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Lsn(pub u64);

impl Lsn {
    /// The position before the first record, 0.
    pub const ZERO: Self = Self(0);

    /// Returns the position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns the position before this one; 0 for 0.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Parses the text of an id.
            ///
            /// # Errors
            /// [`IdError`]: the text does not have the form that the error names; correct it.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(refuse($kind, $expected, text)) }
            }

            /// Returns the text of the id.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id!(
    /// A short name, such as the pipeline's part of a publish id.
    Slug, "slug", "1 to 64 of a-z, 0-9 and _", is_slug
);
text_id!(
    /// The id of a publish: `pub_2025_11_14T03_15_42Z_kfm_daily_stac`.
    PublishId, "publish id", "pub_<UTC time>_<pipeline slug>", |text| {
        text.strip_prefix("pub_").and_then(strip_time).is_some_and(|rest| is_slug_bounded(rest, 80))
    }
);
text_id!(
    /// The id of a rollback or of a revert: `rb_<UTC time>_<publish id>`.
    RollbackId, "rollback id", "rb_<UTC time>_<publish id>", |text| {
        text.strip_prefix("rb_").and_then(strip_time).is_some_and(is_id_text)
    }
);
text_id!(
    /// The id of a hotfix: `hf_<UTC time>_<kind>_<slug>`.
    HotfixId, "hotfix id", "hf_<UTC time>_<kind>_<slug>", |text| {
        text.strip_prefix("hf_").and_then(strip_time).is_some_and(|rest| is_slug_bounded(rest, 140))
    }
);
text_id!(
    /// The id of an entity: a URI, a namespaced id, or a store and a path (R13).
    EntityId, "entity id", "1 to 2,048 bytes without control characters", |text| {
        !text.is_empty() && text.len() <= 2048 && !text.chars().any(char::is_control)
    }
);
text_id!(
    /// The version of an entity, an opaque text: versions are never ordered by their text (R12).
    Version, "version", "1 to 256 bytes without control characters", |text| {
        !text.is_empty() && text.len() <= 256 && !text.chars().any(char::is_control)
    }
);
text_id!(
    /// The id of any operation: a publish, a rollback or a hotfix; its prefix tells which.
    OperationId, "operation id", "pub_…, rb_… or hf_…", |text| {
        PublishId::parse(text).is_ok() || RollbackId::parse(text).is_ok() || HotfixId::parse(text).is_ok()
    }
);

/// What the prefix of an operation's id tells; the log tells the [kind](crate::OperationKind) more exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IdKind {
    /// A publish; adopting, reconciling and projecting have such an id too.
    Publish,
    /// A rollback; a revert has such an id too.
    Rollback,
    /// A hotfix of one field.
    Hotfix,
}

impl IdKind {
    /// Returns the word used in records and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Rollback => "rollback",
            Self::Hotfix => "hotfix",
        }
    }
}

impl fmt::Display for IdKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PublishId {
    /// Makes the id of a publish that begins at `at`. `nth` counts the publishes of that second from 1; the
    /// second one gets `_2`, and so on.
    pub fn new(at: Timestamp, pipeline: &Slug, nth: u32) -> Self {
        Self(format!("pub_{}_{pipeline}{}", id_time(at), nth_suffix(nth)))
    }
}

impl RollbackId {
    /// Makes the id of a rollback of `target` that is planned at `at`. `nth` counts the rollbacks of that
    /// second from 1; the second one gets `_2`, and so on.
    ///
    /// `target` is the publish or the hotfix whose effect is undone, or made again.
    pub fn new(at: Timestamp, target: &OperationId, nth: u32) -> Self {
        Self(format!("rb_{}_{target}{}", id_time(at), nth_suffix(nth)))
    }
}

impl HotfixId {
    /// Makes the id of a hotfix of `kind` (`stac`, `graph`, `index`) with the name `slug`, planned at `at`;
    /// `nth` as for the other ids.
    pub fn new(at: Timestamp, kind: &Slug, slug: &Slug, nth: u32) -> Self {
        Self(format!("hf_{}_{kind}_{slug}{}", id_time(at), nth_suffix(nth)))
    }
}

impl OperationId {
    /// Returns what the id's prefix tells.
    pub fn kind(&self) -> IdKind {
        match self.0.as_bytes() {
            [b'p', ..] => IdKind::Publish,
            [b'r', ..] => IdKind::Rollback,
            _ => IdKind::Hotfix,
        }
    }
}

impl From<PublishId> for OperationId {
    fn from(id: PublishId) -> Self {
        Self(id.0)
    }
}

impl From<RollbackId> for OperationId {
    fn from(id: RollbackId) -> Self {
        Self(id.0)
    }
}

impl From<HotfixId> for OperationId {
    fn from(id: HotfixId) -> Self {
        Self(id.0)
    }
}

impl Version {
    /// Makes the version of a document that has none of its own, from the time of its publish (R12).
    pub fn from_time(at: Timestamp) -> Self {
        Self(format!("v{}", id_time(at)))
    }
}

/// Writes a time in the form of ids: `2025_11_14T03_15_42Z`.
fn id_time(at: Timestamp) -> String {
    at.strftime("%Y_%m_%dT%H_%M_%SZ").to_string()
}

fn nth_suffix(nth: u32) -> String {
    if nth <= 1 { String::new() } else { format!("_{nth}") }
}

/// Removes a time `2025_11_14T03_15_42Z_` from the beginning of a text; `None` if there is none.
fn strip_time(text: &str) -> Option<&str> {
    const SHAPE: &[u8] = b"dddd_dd_ddTdd_dd_ddZ_";
    let (time, rest) = text.split_at_checked(SHAPE.len())?;
    let fits = time.bytes().zip(SHAPE).all(|(byte, shape)| match shape {
        b'd' => byte.is_ascii_digit(),
        literal => byte == *literal,
    });
    fits.then_some(rest)
}

fn is_slug(text: &str) -> bool {
    is_slug_bounded(text, 64)
}

fn is_slug_bounded(text: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_id_text(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_publish_id_has_the_owners_form() {
        let id = PublishId::new(at("2025-11-14T03:15:42.9Z"), &"kfm_daily_stac".parse().unwrap(), 1);
        assert_eq!(id.as_str(), "pub_2025_11_14T03_15_42Z_kfm_daily_stac");
        assert_eq!(PublishId::parse(id.as_str()), Ok(id));
    }

    #[test]
    fn the_second_id_of_a_second_gets_a_suffix_and_still_parses() {
        let publish = PublishId::new(at("2025-11-14T03:15:42Z"), &"daily".parse().unwrap(), 2);
        assert_eq!(publish.as_str(), "pub_2025_11_14T03_15_42Z_daily_2");
        let rollback = RollbackId::new(at("2025-11-15T00:00:00Z"), &publish.into(), 3);
        assert_eq!(rollback.as_str(), "rb_2025_11_15T00_00_00Z_pub_2025_11_14T03_15_42Z_daily_2_3");
        assert_eq!(OperationId::from(RollbackId::parse(rollback.as_str()).unwrap()).kind(), IdKind::Rollback);
    }

    #[test]
    fn ids_of_the_wrong_form_are_refused_by_name() {
        for text in [
            "",
            "pub_",
            "pub_2025_11_14_daily",
            "pub_2025_11_14T03_15_42Z_",
            "pub_2025_11_14T03_15_42Z_Daily",
        ] {
            assert_eq!(PublishId::parse(text).unwrap_err().kind, "publish id", "{text}");
        }
        assert!(Slug::parse(&"a".repeat(65)).is_err());
        assert!(EntityId::parse("a\nb").is_err());
        assert!(OperationId::parse("xx_2025_11_14T03_15_42Z_daily").is_err());
    }
}
