//! The names on the server: aliases, indexes, and what the control index tells.

use std::fmt::Write as _;

use kfm_lineage::{Digest, document_path};
use kfm_rollback::op::OpError;

/// The most bytes of a name on the server.
const NAME_BYTES_MAX: usize = 255;

/// The most bytes of `prefix` and the store's name: aliases of 200 bytes, as the projector makes them, still fit.
const OWN_BYTES_MAX: usize = 28;

/// Bytes of a name that a cell's key does not have: the control index's `.kfm`, two `=` and a number.
const AROUND_BYTES: usize = 27;

/// Hex digits of a content's digest in the name of an index.
const DIGITS: usize = 12;

#[derive(Debug, Clone)]
pub(super) struct Names {
    store: String,
    prefix: String,
    /// What the names of the store's own indexes begin with, without the dot.
    own: String,
}

impl Names {
    /// Takes the store's name, and what every name begins with.
    pub(super) fn new(store: &str, prefix: &str) -> Result<Self, &'static str> {
        let own = format!("{prefix}{store}").to_ascii_lowercase();
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        if !own.chars().all(is_plain) || prefix.chars().any(|c| c.is_ascii_uppercase()) {
            Err("it has other characters than a-z, 0-9, dot, - and _")
        } else if !own.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            Err("it does not begin with a letter or a digit")
        } else if own.len() > OWN_BYTES_MAX {
            Err("with the store's name it is longer than 28 bytes")
        } else {
            Ok(Self { store: store.to_owned(), prefix: prefix.to_owned(), own })
        }
    }

    /// Returns what a key is written as in names.
    ///
    /// # Errors
    /// [`OpError::InvalidKey`]: no name can have it.
    pub(super) fn escaped(&self, key: &str) -> Result<String, OpError> {
        let escaped = escaped(key);
        let why = document_path::fault_of(key).or_else(|| {
            let is_long = self.own.len() + AROUND_BYTES + escaped.len() > NAME_BYTES_MAX;
            is_long.then_some("it is too long for an alias")
        });
        match why {
            Some(why) => {
                Err(OpError::InvalidKey { store: self.store.clone(), key: document_path::shown(key), why })
            }
            None => Ok(escaped),
        }
    }

    /// Returns the alias of a cell.
    pub(super) fn alias(&self, escaped: &str) -> String {
        format!("{}{escaped}", self.prefix)
    }

    /// Returns the key whose alias this is; `None` if it is no alias of a cell.
    pub(super) fn key_of(&self, alias: &str) -> Option<String> {
        unescaped(alias.strip_prefix(&self.prefix)?)
    }

    /// Returns the `n`th name of an index of a content.
    pub(super) fn index(&self, escaped: &str, value: &Digest, n: usize) -> String {
        let (own, digits) = (&self.own, &value.hex()[..DIGITS]);
        if n == 0 { format!("{own}.{escaped}-{digits}") } else { format!("{own}.{escaped}-{digits}.{n}") }
    }

    /// Says whether an index is one of the store's.
    pub(super) fn is_own(&self, index: &str) -> bool {
        index.strip_prefix(&self.own).is_some_and(|rest| rest.starts_with('.')) && index != self.control()
    }

    /// Returns the pattern of all of the store's indexes.
    pub(super) fn all(&self) -> String {
        format!("{}.*", self.own)
    }

    /// Returns the control index.
    pub(super) fn control(&self) -> String {
        format!("{}.kfm", self.own)
    }

    /// Returns the alias of the control index that is the fence: the highest token, and how many changes there were.
    pub(super) fn fence(&self, fence: Fence) -> String {
        format!("{}=fence={}={}", self.control(), fence.token, fence.changes)
    }

    /// Returns the alias of the control index that says when a cell changed last.
    pub(super) fn changed(&self, escaped: &str, change: u64) -> String {
        format!("{}={change}={escaped}", self.control())
    }

    /// Reads an alias of the control index.
    pub(super) fn noted<'a>(&self, alias: &'a str) -> Option<Noted<'a>> {
        let rest = alias.strip_prefix(&self.control())?.strip_prefix('=')?;
        let (first, rest) = rest.split_once('=')?;
        if first == "fence" {
            let (token, changes) = rest.split_once('=')?;
            let fence = Fence { token: token.parse().ok()?, changes: changes.parse().ok()? };
            return Some(Noted::Fence(fence));
        }
        Some(Noted::Changed { escaped: rest, change: first.parse().ok()? })
    }
}

/// The fence: the highest token of an executor that was here, and how often anything was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Fence {
    pub(super) token: u64,
    pub(super) changes: u64,
}

/// What an alias of the control index says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Noted<'a> {
    Fence(Fence),
    Changed { escaped: &'a str, change: u64 },
}

fn escaped(key: &str) -> String {
    let mut escaped = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'~' => escaped.push(char::from(byte)),
            b'_' | b'-' | b'.' if !escaped.is_empty() => escaped.push(char::from(byte)),
            _ => drop(write!(escaped, "={byte:02x}")),
        }
    }
    escaped
}

fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('=');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend(part.get(2..)?.bytes());
    }
    String::from_utf8(bytes).ok().filter(|key| escaped(key) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_projector_names_an_alias_stays_as_it_is() {
        for key in ["kfm-landsat-c2_l2", "kfm-~4candsat~209", "kfm-"] {
            assert_eq!(escaped(key), key);
        }
    }

    #[test]
    fn every_key_has_a_name_of_its_own_and_comes_back() {
        let keys = ["a", "A", "=61", "a b/c d.json", "日本/ç\u{301}.json", "-x", "_x", "x-", "q?*|\".json"];
        let names: Vec<String> = keys.iter().map(|key| escaped(key)).collect();
        for (key, name) in keys.iter().zip(&names) {
            assert_eq!(unescaped(name).as_deref(), Some(*key), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-~=".contains(&b)), "{name}");
            assert_eq!(names.iter().filter(|other| *other == name).count(), 1);
        }
        for other in ["A", "=zz", "=6", "=61", "-x"] {
            assert_eq!(unescaped(other), None, "{other} is no name of a key");
        }
    }

    #[test]
    fn what_the_control_index_tells_is_read_back() {
        let names = Names::new("search", "test.").unwrap();
        let fence = Fence { token: 7, changes: 12 };
        assert_eq!(names.noted(&names.fence(fence)), Some(Noted::Fence(fence)));
        let changed = names.changed("a=20b", 12);
        assert_eq!(names.noted(&changed), Some(Noted::Changed { escaped: "a=20b", change: 12 }));
        assert_eq!(names.noted("a"), None);
    }

    #[test]
    fn a_prefix_that_no_index_can_have_is_refused() {
        for prefix in ["A", "-a", "_", ".", "a*", "a,b", "a/", "a b", "=", "a-prefix-that-is-much-too-long"] {
            assert!(Names::new("search", prefix).is_err(), "{prefix}");
        }
        assert!(Names::new("search", "").is_ok());
    }

    #[test]
    fn the_longest_alias_of_the_projector_fits() {
        let names = Names::new("search", "a-prefix-of-22-bytes--.").map(|_| ()).err();
        assert!(names.is_some(), "29 bytes");
        let names = Names::new("search", "a-prefix-of-22-bytes--").unwrap();
        assert!(names.escaped(&"x".repeat(200)).is_ok());
        assert!(names.escaped(&"x".repeat(201)).is_err());
    }
}
