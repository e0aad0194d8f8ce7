//! Where a server is.

use std::net::IpAddr;

/// What the `url` of a store's table says: `https://HOST[:PORT][/PATH]`, or `http:` without TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The address, without a slash at its end.
    pub(super) address: String,
    pub(super) is_encrypted: bool,
    /// Whether the server is on this machine.
    pub(super) is_here: bool,
}

impl Place {
    /// Reads a URL. What is wrong with it is told without its text, which may hold a password.
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        if url.contains('@') {
            return Err("it holds a user or a password, which belong into NEO4J_USERNAME and NEO4J_PASSWORD");
        }
        if ["bolt", "neo4j"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(
                "the store speaks to Neo4j over HTTP: it is https:// and the same host, with port 7473 unless it is Aura",
            );
        }
        let (is_encrypted, rest) = match url.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => return Err("it does not begin with https:// or http://"),
        };
        if rest.contains(['?', '#']) {
            return Err("it has something after the path");
        }
        let parsed = reqwest::Url::parse(url).map_err(|_| "it is not a URL")?;
        let host = parsed.host_str().filter(|host| !host.is_empty()).ok_or("it names no host")?;
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let is_here = host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback());
        Ok(Self { address: url.trim_end_matches('/').to_owned(), is_encrypted, is_here })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_the_server_and_whether_it_is_encrypted_and_near() {
        let place =
            |url: &str| Place::parse(url).map(|place| (place.address, place.is_encrypted, place.is_here));
        assert_eq!(
            place("https://x.databases.neo4j.io/"),
            Ok(("https://x.databases.neo4j.io".into(), true, false))
        );
        assert_eq!(place("http://localhost:7474"), Ok(("http://localhost:7474".into(), false, true)));
        assert_eq!(place("http://[::1]:7474/graph"), Ok(("http://[::1]:7474/graph".into(), false, true)));
        assert_eq!(place("http://10.0.0.7:7474"), Ok(("http://10.0.0.7:7474".into(), false, false)));
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told_without_its_text() {
        for url in [
            "https://neo4j:hunter2@host",
            "neo4j+s://hunter2",
            "bolt://hunter2:7687",
            "https://host:hunter2",
            "https://host?password=hunter2",
            "https://",
            "hunter2",
        ] {
            let why = Place::parse(url).unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
        assert!(Place::parse("https://neo4j:hunter2@host").unwrap_err().contains("NEO4J_PASSWORD"));
    }
}
