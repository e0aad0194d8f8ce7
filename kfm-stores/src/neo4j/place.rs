//! Where a server is.

use crate::http::Address;

/// Reads the `url` of a store's table. What is wrong with it is told without its text, which may hold a password.
pub(super) fn parse(url: &str) -> Result<Address, &'static str> {
    if url.contains('@') {
        return Err("it holds a user or a password, which belong into NEO4J_USERNAME and NEO4J_PASSWORD");
    }
    if ["bolt", "neo4j"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(
            "the store speaks to Neo4j over HTTP: it is https:// and the same host, with port 7473 unless it is Aura",
        );
    }
    Address::parse(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_url_is_told_without_its_text() {
        for url in ["https://neo4j:hunter2@host", "neo4j+s://hunter2", "bolt://hunter2:7687"] {
            let why = parse(url).unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
        assert!(parse("https://neo4j:hunter2@host").unwrap_err().contains("NEO4J_PASSWORD"));
    }
}
