//! SHA-256 digests, and the key of a work item.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use super::StageError;
use crate::seed::Seed;
use crate::witness::Key;

/// A SHA-256 digest; in text and JSON, 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Returns the digest of `bytes`.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = StageError;

    fn from_str(text: &str) -> Result<Self, StageError> {
        let invalid = || StageError::Invalid { what: "digest", value: text.to_owned() };
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 64 || !text.bytes().all(is_hex) {
            return Err(invalid());
        }
        let mut bytes = [0; 32];
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).map_err(|_not_hex| invalid())?;
        }
        Ok(Self(bytes))
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schemars")]
impl schemars::JsonSchema for Digest {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
    }
}

/// The work item of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkItem<'a> {
    /// The id of the dataset; without a `|`.
    pub dataset_id: &'a str,
    /// The version of the dataset; without a `|`.
    pub version: &'a str,
    /// The address from which its data comes.
    pub source_uri: &'a str,
}

/// The name of a work item, the same for all its attempts and in every process (R84).
///
/// ```
/// use kfm_retry::stage::{IdempotencyKey, WorkItem};
///
/// let item = WorkItem { dataset_id: "ks-naip-2023", version: "7", source_uri: "s3://naip/38099.tif" };
/// assert_eq!(
///     IdempotencyKey::of(item).unwrap().to_string(),
///     "5039dd61b2746542fc8692049e90bb993d3c0065967c2a2e16a0185bd472e94f"
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(Digest);

impl IdempotencyKey {
    /// Makes the key: `sha256(dataset_id|version|source_uri)`.
    ///
    /// # Errors
    /// [`StageError::Invalid`]: the dataset or the version contains a `|`, so that two items could have the
    /// same key.
    pub fn of(item: WorkItem<'_>) -> Result<Self, StageError> {
        for (what, value) in [("dataset_id", item.dataset_id), ("version", item.version)] {
            if value.contains('|') {
                return Err(StageError::Invalid { what, value: value.to_owned() });
            }
        }
        Ok(Self(Digest::of(format!("{}|{}|{}", item.dataset_id, item.version, item.source_uri))))
    }

    /// Returns the seed of the key, which is its first eight bytes.
    pub fn seed(&self) -> Seed {
        let (first, _) = self.0.0.split_first_chunk::<8>().expect("a digest has 32 bytes");
        Seed::new(u64::from_be_bytes(*first))
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<&IdempotencyKey> for Key<'_> {
    fn from(key: &IdempotencyKey) -> Self {
        key.seed().into()
    }
}
