//! Why policy's own files could not be read: nothing may be judged until they can.

use std::fmt;

/// The files that policy reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyFile {
    /// `policy/labels.toml`: labels and holds.
    Labels,
    /// `policy/suppressions.toml`: what was withdrawn and never comes back.
    Suppressions,
    /// `policy/principals.toml`: who may approve.
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

/// Why policy's own files could not be read.
///
/// Every variant is permanent: the same text gives the same error. Whoever gets one must not go on as if the
/// file were empty (R3); in the log of an operation it counts as 'policy cannot be evaluated'.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The file is not TOML: repair the line that the source names.
    #[error("{file} is not TOML: line={line}")]
    Syntax {
        /// Which file.
        file: PolicyFile,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A key is not one of ours: correct its spelling.
    #[error("{file} has a key that is not known, the nearest one is `{nearest}`: line={line} key={key}")]
    UnknownKey {
        /// Which file.
        file: PolicyFile,
        /// The line, from 1.
        line: usize,
        /// The key as it stands there.
        key: String,
        /// The known key that is nearest.
        nearest: &'static str,
    },
    /// An entry lacks a key that it must have: add it.
    #[error("{file} has an entry without `{key}`: line={line}")]
    MissingKey {
        /// Which file.
        file: PolicyFile,
        /// The line on which the entry begins, from 1.
        line: usize,
        /// The key that is missing.
        key: &'static str,
    },
    /// An entry is about nothing, or about two things: let it name exactly one.
    #[error("{file} has an entry that does not name exactly one of {keys}: line={line}")]
    NotOneSubject {
        /// Which file.
        file: PolicyFile,
        /// The line on which the entry begins, from 1.
        line: usize,
        /// The keys of which it must have one.
        keys: &'static str,
    },
    /// A key has a value that it cannot have: change it to what is expected.
    #[error("{file} expects {expected}: line={line} key={key}")]
    InvalidValue {
        /// Which file.
        file: PolicyFile,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
        /// What would have been accepted.
        expected: String,
    },
    /// Two entries cannot both stand: remove one.
    #[error("{file} has two principals with the same {what}: line={line} name={name}")]
    Duplicate {
        /// Which file.
        file: PolicyFile,
        /// The line of the second one, from 1; 0 if it is not in the file yet.
        line: usize,
        /// What they share: a name, or a key.
        what: &'static str,
        /// The name of the second one.
        name: String,
    },
    /// An entry that is in force cannot be read: use a version of the toolkit that knows its form.
    #[error("a registry entry in the log cannot be read: position={position}")]
    InForce {
        /// Its position among the entries in force, from 0.
        position: usize,
        /// What its form lacks.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A private key file does not hold a key: give the file that `principals add` wrote.
    #[error("{file} is not in the form `kfm-ed25519-v1 <64 hex digits>`", file = PolicyFile::PrivateKey)]
    NotAKey,
}
