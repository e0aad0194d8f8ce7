//! The HTTP client of every store that is asked over HTTP, and the address in its `url`.

use std::error::Error;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use kfm_rollback::kind::Credentials;
use reqwest::{NoProxy, Proxy};

use crate::tls;

/// The most time that a connection takes, also where a request may take more.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// What the `url` of a store's table says: `https://HOST[:PORT][/PATH]`, or `http:` without TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// The address, without a slash at its end.
    pub(crate) text: String,
    pub(crate) is_encrypted: bool,
    /// Whether the server is on this machine.
    pub(crate) is_here: bool,
}

impl Address {
    /// Reads a URL. What is wrong with it is told without its text, which may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self, &'static str> {
        if url.contains('@') {
            return Err("it holds a user or a password, which belong into the environment");
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
        Ok(Self { text: url.trim_end_matches('/').to_owned(), is_encrypted, is_here })
    }
}

/// What is wrong, and the key of the table or the name in the environment that it is wrong with.
pub(crate) type Flaw = (&'static str, Box<dyn Error + Send + Sync>);

/// Makes an HTTP client, which reads nothing from the environment of the process and follows no redirection.
pub(crate) fn client(
    timeout: Duration,
    authorities: Option<&Path>,
    credentials: &Credentials,
) -> Result<reqwest::Client, Flaw> {
    let config = tls::client_config(authorities).map_err(|why| ("authorities", why))?;
    let builder = reqwest::Client::builder()
        .no_proxy()
        .tls_backend_preconfigured(config)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_MAX.min(timeout))
        .timeout(timeout)
        .user_agent(concat!("kfm/", env!("CARGO_PKG_VERSION")));
    let builder = proxies(credentials)?.into_iter().fold(builder, |builder, proxy| builder.proxy(proxy));
    builder.build().map_err(|error| ("url", error.into()))
}

/// Makes a proxy from its address, for some schemes or for all.
type MakeProxy = fn(String) -> reqwest::Result<Proxy>;

fn proxies(credentials: &Credentials) -> Result<Vec<Proxy>, Flaw> {
    let given = |name: &str| {
        let value = credentials.get(name).or_else(|| credentials.get(&name.to_ascii_lowercase()));
        value.filter(|value| !value.is_empty())
    };
    let none = given("NO_PROXY").and_then(NoProxy::from_string);
    let makers: [(&'static str, MakeProxy); 3] =
        [("HTTPS_PROXY", Proxy::https), ("HTTP_PROXY", Proxy::http), ("ALL_PROXY", Proxy::all)];
    let mut proxies = Vec::new();
    for (name, make) in makers {
        let Some(address) = given(name) else { continue };
        // The message does not repeat the address: it may hold a password.
        let made = make(address.to_owned()).map_err(|_| (name, "it is not the address of a proxy".into()))?;
        proxies.push(made.no_proxy(none.clone()));
    }
    Ok(proxies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_the_server_and_whether_it_is_encrypted_and_near() {
        let address = |url: &str| Address::parse(url).map(|at| (at.text, at.is_encrypted, at.is_here));
        assert_eq!(
            address("https://x.databases.neo4j.io/"),
            Ok(("https://x.databases.neo4j.io".into(), true, false))
        );
        assert_eq!(address("http://localhost:7474"), Ok(("http://localhost:7474".into(), false, true)));
        assert_eq!(address("http://[::1]:7474/graph"), Ok(("http://[::1]:7474/graph".into(), false, true)));
        assert_eq!(address("http://10.0.0.7:7474"), Ok(("http://10.0.0.7:7474".into(), false, false)));
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told_without_its_text() {
        for url in [
            "https://neo4j:hunter2@host",
            "ftp://hunter2",
            "https://host:hunter2",
            "https://host?password=hunter2",
            "https://",
            "hunter2",
        ] {
            let why = Address::parse(url).unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
