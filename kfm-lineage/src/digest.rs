//! Digests that say what they were computed from (R26).
//!
//! Two digests of different kinds are never equal, even if their 32 bytes are the same: the digest of a
//! document's bytes and the digest of its meaning answer different questions.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::canonical::{CanonicalError, canonical_json};
use crate::hex;

/// What a [`Digest`] was computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DigestKind {
    /// `sha256:`: the exact bytes, whatever they contain.
    Bytes,
    /// `jcs-sha256:`: the canonical JSON (RFC 8785) of a raw JSON value.
    Canonical,
    /// `norm-sha256:`: the normalised meaning, for stores that reformat the values that they are given.
    Normalised,
    /// `hmac-sha256:`: the bytes under a key, for content that a guess must not confirm (R15).
    Keyed,
}

impl DigestKind {
    const ALL: [Self; 4] = [Self::Bytes, Self::Canonical, Self::Normalised, Self::Keyed];

    /// Returns the prefix in the text of the digest, which stands before the colon.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Bytes => "sha256",
            Self::Canonical => "jcs-sha256",
            Self::Normalised => "norm-sha256",
            Self::Keyed => "hmac-sha256",
        }
    }
}

/// A SHA-256 digest with its kind, written `sha256:<64 lower-case hex digits>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    kind: DigestKind,
    bytes: [u8; 32],
}

impl Digest {
    /// Makes the digest of bytes as they are.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self { kind: DigestKind::Bytes, bytes: Sha256::digest(bytes).into() }
    }

    /// Makes the digest of the canonical form of a JSON value.
    ///
    /// # Errors
    /// [`CanonicalError`]: the value has no canonical form; repair the value. Makes the digest of bytes that
    /// the caller got from [`canonical_json`].
    pub fn of_json(value: &serde_json::Value) -> Result<Self, CanonicalError> {
        Ok(Self::of_canonical_bytes(&canonical_json(value)?))
    }

    /// Digests bytes that the caller got from [`canonical_json`].
    pub fn of_canonical_bytes(canonical: &[u8]) -> Self {
        Self { kind: DigestKind::Canonical, bytes: Sha256::digest(canonical).into() }
    }

    /// Makes the digest of a normalised JSON value; the adapter decides what normalised means, as a part of
    /// its version.
    ///
    /// # Errors
    /// [`CanonicalError`]: as for [`Digest::of_json`].
    pub fn of_normalised(value: &serde_json::Value) -> Result<Self, CanonicalError> {
        Ok(Self { kind: DigestKind::Normalised, bytes: Sha256::digest(canonical_json(value)?).into() })
    }

    /// Makes the digest of bytes under a key, with HMAC-SHA-256 (RFC 2104).
    pub fn keyed(key: &[u8], bytes: &[u8]) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(bytes);
        Self { kind: DigestKind::Keyed, bytes: mac.finalize().into_bytes().into() }
    }

    /// Makes a digest from its parts, for formats that store them separately.
    pub fn from_parts(kind: DigestKind, bytes: [u8; 32]) -> Self {
        Self { kind, bytes }
    }

    /// Returns what the digest was computed from.
    pub fn kind(&self) -> DigestKind {
        self.kind
    }

    /// Returns the 32 bytes of the digest.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Returns the 64 lower-case hex digits, without the prefix: the name of a version in the version store.
    pub fn hex(&self) -> String {
        hex::encode(self.bytes)
    }

    /// Says whether this digest was computed from `bytes`.
    ///
    /// Works for digests of bytes, and of canonical JSON that is given in canonical form. Other kinds cannot
    /// be checked from bytes alone, and the answer is `false`.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        match self.kind {
            DigestKind::Bytes | DigestKind::Canonical => {
                self.bytes == <[u8; 32]>::from(Sha256::digest(bytes))
            }
            DigestKind::Normalised | DigestKind::Keyed => false,
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.prefix(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("not a digest, expected a known prefix, a colon and 64 lower-case hex digits: text={text}")]
pub struct DigestError {
    /// The text that was refused.
    pub text: String,
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let refuse = || DigestError { text: text.chars().take(100).collect() };
        let (prefix, digits) = text.split_once(':').ok_or_else(refuse)?;
        let kind = DigestKind::ALL.into_iter().find(|kind| kind.prefix() == prefix).ok_or_else(refuse)?;
        let bytes = hex::decode(digits).ok_or_else(refuse)?;
        Ok(Self { kind, bytes })
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Digest {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^(sha256|jcs-sha256|norm-sha256|hmac-sha256):[0-9a-f]{64}$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_no_bytes_is_the_published_one() {
        assert_eq!(
            Digest::of_bytes(b"").to_string(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn a_keyed_digest_is_the_one_of_rfc_4231_case_2() {
        assert_eq!(
            Digest::keyed(b"Jefe", b"what do ya want for nothing?").to_string(),
            "hmac-sha256:5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn digests_of_different_kinds_are_never_equal() {
        let value = serde_json::json!({});
        assert_eq!(Digest::of_bytes(b"{}").bytes(), Digest::of_json(&value).unwrap().bytes());
        assert_ne!(Digest::of_bytes(b"{}"), Digest::of_json(&value).unwrap());
        assert_ne!(Digest::of_normalised(&value).unwrap(), Digest::of_json(&value).unwrap());
    }

    #[test]
    fn a_digest_reads_back_what_it_writes() {
        for digest in [Digest::of_bytes(b"a"), Digest::keyed(b"k", b"a")] {
            assert_eq!(digest.to_string().parse(), Ok(digest));
        }
    }

    #[test]
    fn texts_that_are_not_digests_are_refused() {
        let hex = Digest::of_bytes(b"").hex();
        for text in [
            "",
            "sha256",
            &hex,
            "md5:00",
            &format!("sha256:{}", hex.to_uppercase()),
            &format!("sha256:{hex}0"),
        ] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
