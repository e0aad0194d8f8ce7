//! Why the policy's own files could not be read: until they can, nothing may be judged.

use std::fmt;

/// The files that the policy reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyFile {
    /// `policy/labels.toml`: labels and holds.
    Labels,
    /// `policy/suppressions.toml`: what was withdrawn and never comes back.
    Suppressions,
    /// `policy/principals.toml`: the principals, with their roles and keys.
    Principals,
    /// A principal's private key.
    PrivateKey,
}

impl fmt::Display for PolicyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Labels => "label registry",
            Self::Suppressions => "suppression list",
            Self::Principals => "list of principals",
            Self::PrivateKey => "private key",
        })
    }
}

/// Why the policy's own files could not be read.
///
/// Every variant is permanent: the same text gives the same error. A caller that gets one must not go on as
/// if the file were empty (R3); in the log of an operation it counts as 'policy cannot be evaluated'.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The file is not TOML: repair the line that the source names.
    #[error("{file} is not TOML: line={line}")]
    Syntax {
        /// The file with the error.
        file: PolicyFile,
        /// The number of the line, from 1.
        line: usize,
        /// The message of the parser.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A key is not known: correct its spelling.
    #[error("{file} has a key that is not known, the nearest one is `{nearest}`: line={line} key={key}")]
    UnknownKey {
        /// The file with the error.
        file: PolicyFile,
        /// The number of the line, from 1.
        line: usize,
        /// The key, as the file has it.
        key: String,
        /// The known key that is most like it.
        nearest: &'static str,
    },
    /// An entry lacks a key that it must have: add the key.
    #[error("{file} has an entry without `{key}`: line={line}")]
    MissingKey {
        /// The file with the error.
        file: PolicyFile,
        /// The line on which the entry begins, from 1.
        line: usize,
        /// The name of the missing key.
        key: &'static str,
    },
    /// An entry has no subject, or several: let it name exactly one.
    #[error("{file} has an entry that does not name exactly one of {keys}: line={line}")]
    NotOneSubject {
        /// The file with the error.
        file: PolicyFile,
        /// The line on which the entry begins, from 1.
        line: usize,
        /// The keys of which it must have one.
        keys: &'static str,
    },
    /// The value of a key is not valid: change it to what is expected.
    #[error("{file} expects {expected}: line={line} key={key}")]
    InvalidValue {
        /// The file with the error.
        file: PolicyFile,
        /// The number of the line, from 1.
        line: usize,
        /// The name of the key.
        key: String,
        /// The values that are accepted, in words.
        expected: String,
    },
    /// Two entries exclude each other: remove one.
    #[error("{file} has two principals with the same {what}: line={line} name={name}")]
    Duplicate {
        /// The file with the error.
        file: PolicyFile,
        /// The number of the line of the second entry, from 1; 0 if it is not in the file yet.
        line: usize,
        /// What both entries have: the same name, or the same key.
        what: &'static str,
        /// The name in the second entry.
        name: String,
    },
    /// An entry in force cannot be read: use a version of the toolkit that knows its form.
    #[error("a registry entry in the log cannot be read: position={position}")]
    InForce {
        /// Its position among the entries in force, from 0.
        position: usize,
        /// Why it cannot be read.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A private key file does not contain a key: give the file that was written when the principal was added.
    #[error("{file} is not in the form `kfm-ed25519-v1 <64 hex digits>`", file = PolicyFile::PrivateKey)]
    NotAKey,
}
