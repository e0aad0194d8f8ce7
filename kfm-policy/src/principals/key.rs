//! Ed25519 keys, in the form of the files.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use kfm_lineage::{Digest, hex};
use serde::{Serialize, Serializer};

use crate::error::PolicyError;

/// A principal's public key, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Why a text is not a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 key of 64 hex digits")]
pub struct NotAPublicKey;

impl PublicKey {
    /// Returns the key's fingerprint: the SHA-256 of its 32 bytes.
    pub fn fingerprint(&self) -> Digest {
        Digest::of_bytes(self.0.as_bytes())
    }

    /// Says whether a signature over `message` was made with the private key of this public key.
    ///
    /// Strict in the sense of RFC 8032: a signature that would fit more than one message or key is refused.
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl FromStr for PublicKey {
    type Err = NotAPublicKey;

    fn from_str(text: &str) -> Result<Self, NotAPublicKey> {
        let bytes: [u8; 32] = hex::decode(text).ok_or(NotAPublicKey)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| NotAPublicKey)?;
        // A weak key verifies signatures that were made without any private key.
        if key.is_weak() { Err(NotAPublicKey) } else { Ok(Self(key)) }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for PublicKey {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PublicKey".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
    }
}

/// A principal's private key; it is wiped from memory when it is dropped.
///
/// Its file is text: comment lines that begin with `#`, and one line `kfm-ed25519-v1 <64 hex digits>`, the
/// digits being the seed of RFC 8032. The program that writes the file makes it readable only for its owner.
#[derive(Clone)]
pub struct PrivateKey(SigningKey);

const FORM: &str = "kfm-ed25519-v1";

impl PrivateKey {
    /// Makes the key of a seed: 32 bytes that the caller reads from the system's source of randomness.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`PolicyError::NotAKey`]: it is another file, or was changed; the message does not contain its text.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (Some(line), None) = (lines.next(), lines.next()) else { return Err(PolicyError::NotAKey) };
        let seed = line.strip_prefix(FORM).and_then(|digits| hex::decode(digits.trim()));
        seed.map(Self::from_seed).ok_or(PolicyError::NotAKey)
    }

    /// Returns the text of a principal's key file.
    pub fn to_file(&self, name: &str) -> String {
        let name: String = name.chars().filter(|c| !c.is_control()).collect();
        format!(
            "# Private key of {name}. Keep it secret: it approves in that name.\n{FORM} {}\n",
            hex::encode(self.0.as_bytes())
        )
    }

    /// Returns the public key of this private key.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message with Ed25519.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {})", self.public())
    }
}
