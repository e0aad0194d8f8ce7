//! Where a server is.

/// What the `url` of a store's table says: `redis://HOST[:PORT][/DATABASE]`, or `rediss:` for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) database: i64,
    pub(super) is_encrypted: bool,
}

/// The port of a Redis whose URL names none.
const PORT: u16 = 6379;

impl Place {
    /// Reads a URL. What is wrong with it is told without its text, which may hold a password.
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        let (is_encrypted, rest) = match url.split_once("://") {
            Some(("redis", rest)) => (false, rest),
            Some(("rediss", rest)) => (true, rest),
            _ => return Err("it does not begin with redis:// or rediss://"),
        };
        if rest.contains('@') {
            return Err("it holds a user or a password, which belong into REDIS_USERNAME and REDIS_PASSWORD");
        }
        if rest.contains(['?', '#']) {
            return Err("it has something after the database");
        }
        let (server, database) = rest.split_once('/').unwrap_or((rest, ""));
        let database = match database {
            "" => 0,
            digits => {
                digits.parse::<u32>().map_err(|_| "after the server comes the number of a database")?.into()
            }
        };
        // The colons of an IPv6 address are within brackets.
        let (host, port) = match server.strip_prefix('[').map(|server| server.split_once(']')) {
            Some(Some((host, port))) => (host, port),
            Some(None) => return Err("a bracket is not closed"),
            None => server.find(':').map_or((server, ""), |at| server.split_at(at)),
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().map_err(|_| "after the host comes the number of a port")?,
            None if port.is_empty() => PORT,
            None => return Err("after the host comes the number of a port"),
        };
        if host.is_empty() {
            return Err("it names no host");
        }
        Ok(Self { host: host.to_owned(), port, database, is_encrypted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_host_port_database_and_whether_it_is_encrypted() {
        let place = |host: &str, port, database, is_encrypted| {
            Ok(Place { host: host.to_owned(), port, database, is_encrypted })
        };
        assert_eq!(Place::parse("redis://cache.example"), place("cache.example", 6379, 0, false));
        assert_eq!(Place::parse("rediss://cache.example:6380/3"), place("cache.example", 6380, 3, true));
        assert_eq!(Place::parse("redis://[::1]:6380/"), place("::1", 6380, 0, false));
        assert_eq!(Place::parse("redis://[::1]"), place("::1", 6379, 0, false));
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told_without_its_text() {
        for url in [
            "redis://user:hunter2@host",
            "redis://:hunter2@host:1/0",
            "unix:///hunter2",
            "redis://host:hunter2",
            "redis://host/hunter2",
            "redis://host?password=hunter2",
            "redis://",
            "redis://[::1",
            "redis://[::1]6379",
        ] {
            let why = Place::parse(url).unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
        assert!(Place::parse("redis://:hunter2@host").unwrap_err().contains("REDIS_PASSWORD"));
    }
}
