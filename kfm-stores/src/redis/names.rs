//! The names of the keys in Redis.

/// Names the keys of one store. They share a hash tag, so that a cluster keeps them on one node and one script can change
/// them together.
#[derive(Debug, Clone)]
pub(super) struct Names {
    tag: String,
}

/// The most bytes of a prefix, and of a cell's key.
const BYTES_MAX: usize = 1_024;

impl Names {
    /// Begins every name with `prefix`.
    ///
    /// # Errors
    /// What is wrong with the prefix.
    pub(super) fn new(prefix: &str) -> Result<Self, &'static str> {
        match fault_of(prefix) {
            Some(fault) => Err(fault),
            None if prefix.contains(['{', '}']) => Err("it has braces, which mark the hash tag"),
            None => Ok(Self { tag: format!("{{{prefix}}}") }),
        }
    }

    /// The highest token of an executor that was here.
    pub(super) fn fence(&self) -> String {
        format!("{}:fence", self.tag)
    }

    /// The newest generation of any cell.
    pub(super) fn generation(&self) -> String {
        format!("{}:generation", self.tag)
    }

    /// The keys of the cells that are not absent: a sorted set, since Redis lists its own keys in no order.
    pub(super) fn index(&self) -> String {
        format!("{}:cells", self.tag)
    }

    /// What became of the cells, newest last: a stream, for those who rebuild what depends on them.
    pub(super) fn changes(&self) -> String {
        format!("{}:changes", self.tag)
    }

    /// The rows that services have built from a cell: a sorted set, by the generation that each was built from.
    pub(super) fn rows(&self, key: &str) -> String {
        format!("{}:rows:{key}", self.tag)
    }

    /// Says whether a key can be a service's row. Every other name among the notes of rows is left alone, so that a note
    /// removes nothing else, and no key of another node.
    pub(super) fn is_row(&self, name: &str) -> bool {
        name.strip_prefix(&self.tag).is_some_and(|name| name.starts_with(":row:"))
    }

    /// One cell: a hash.
    pub(super) fn cell(&self, key: &str) -> String {
        format!("{}:cell:{key}", self.tag)
    }
}

/// Says why a cell cannot have this key, or a store this prefix.
pub(super) fn fault_of(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > BYTES_MAX {
        Some("it is longer than 1024 bytes")
    } else if name.chars().any(char::is_control) {
        Some("it has control characters")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_of_a_store_have_one_hash_tag() {
        let names = Names::new("kfm:cache").unwrap();
        for name in [
            names.fence(),
            names.generation(),
            names.index(),
            names.changes(),
            names.rows("x"),
            names.cell("{x}"),
        ] {
            assert!(name.starts_with("{kfm:cache}:"), "{name}");
        }
    }

    #[test]
    fn only_a_row_of_the_store_is_a_row() {
        let names = Names::new("kfm:cache").unwrap();
        assert!(names.is_row("{kfm:cache}:row:tiles:7/24/48"));
        for name in ["{kfm:cache}:fence", "{kfm:cache}:rows:x", "{kfm:other}:row:x", "sessions:1", ""] {
            assert!(!names.is_row(name), "{name}");
        }
    }

    #[test]
    fn a_prefix_that_would_be_another_hash_tag_is_refused() {
        for prefix in ["", "a{b}", "a}b", "a\nb", &"x".repeat(1_025)] {
            assert!(Names::new(prefix).is_err(), "{prefix}");
        }
    }
}
