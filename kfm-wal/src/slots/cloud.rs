//! Object stores over the network: makes a client from an address; the client neither retries nor judges.
//!
//! The client's own retries are off. A client that repeats a request by itself hears of its own success as
//! 'already there'; and the log repeats anyway, with the same bytes into the same slot.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::client::{
    ClientConfigKey, ClientOptions, HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse,
    HttpService,
};
use object_store::path::Path;
#[cfg(feature = "azure")]
use object_store::signer::Url;
use object_store::{ObjectStore, RetryConfig};
use reqwest::{NoProxy, Proxy};

use super::ObjectSlots;
use super::address::{AddressError, shown};
use super::object::Heard;
use super::removal::Product;
pub use super::removal::Remover;
#[cfg(feature = "azure")]
use super::removal::below;
use super::tls::client_config;

/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// How many characters of a server's report about itself are kept.
const SERVER_CHARS_MAX: usize = 200;

/// How long a request may take; after that it is not known what became of it.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Makes slots at `s3://bucket/prefix` or `az://container/prefix`, through the client that [`object_store()`] makes.
///
/// # Errors
/// As [`object_store()`].
pub fn slots(url: &str, environment: &[(String, String)]) -> Result<ObjectSlots, AddressError> {
    let server = Heard::default();
    let (made, prefix) = client(url, environment, &server)?;
    Ok(ObjectSlots::new(made.store, prefix).with_place(url).with_server(server))
}

/// Makes a client for `s3://bucket/prefix` or `az://container/prefix`, and returns it with the prefix. It tries nothing
/// again by itself.
///
/// Nothing is connected yet. Of the pairs in `environment` those are used whose names begin with `AWS_` or
/// `AZURE_`, under the names that object_store's builders know: `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`,
/// `AWS_ALLOW_HTTP`, `AZURE_STORAGE_ACCOUNT_NAME`, …. Without credentials among them the client asks for the
/// machine's own identity, as the products do. `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` among
/// the pairs, in upper or lower case, name the proxy to the server. The environment of the process itself is
/// not read.
///
/// # Errors
/// [`AddressError`]: the address or one of the pairs is not valid; repair it.
pub fn object_store(
    url: &str,
    environment: &[(String, String)],
) -> Result<(Arc<dyn ObjectStore>, Path), AddressError> {
    let bucket = bucket(url, environment)?;
    Ok((bucket.store, bucket.prefix))
}

/// A place in an object store, as its address names it.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// The client, which tries nothing again by itself.
    pub store: Arc<dyn ObjectStore>,
    /// The prefix in the bucket; empty for the whole bucket.
    pub prefix: Path,
    /// Removes objects of the bucket with a condition, which the client cannot.
    pub remover: Remover,
    /// The server that the pairs of the environment name; empty for the product's own.
    pub endpoint: String,
}

/// Makes a client for `s3://bucket/prefix` or `az://container/prefix`, as [`object_store()`] does, and what removes
/// objects there with a condition.
///
/// # Errors
/// As [`object_store()`].
pub fn bucket(url: &str, environment: &[(String, String)]) -> Result<Bucket, AddressError> {
    let (made, prefix) = client(url, environment, &Heard::default())?;
    Ok(Bucket { store: made.store, prefix, remover: made.remover, endpoint: made.endpoint })
}

/// A client for a bucket.
struct Made {
    store: Arc<dyn ObjectStore>,
    remover: Remover,
    endpoint: String,
}

fn client(url: &str, environment: &[(String, String)], server: &Heard) -> Result<(Made, Path), AddressError> {
    let unreadable = || AddressError::Unreadable { url: shown(url) };
    let (scheme, rest) = url.split_once("://").ok_or_else(unreadable)?;
    let (place, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if place.is_empty() || rest.contains(['?', '#', '@']) {
        return Err(unreadable());
    }
    let prefix = Path::parse(prefix).map_err(|_| unreadable())?;
    let connector = Connector { server: Arc::clone(server), proxies: proxies(environment)? };
    let made = match scheme {
        "s3" => s3(url, environment, connector)?,
        "az" => azure(url, environment, connector)?,
        _ => return Err(unreadable()),
    };
    Ok((made, prefix))
}

/// Returns the settings of one product among the pairs, under the names that its builder knows.
#[cfg(any(feature = "s3", feature = "azure"))]
fn settings<'a, K: std::str::FromStr>(
    environment: &'a [(String, String)],
    prefix: &'a str,
) -> impl Iterator<Item = (K, &'a str)> {
    environment
        .iter()
        .filter(move |(name, _)| name.starts_with(prefix))
        .filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value.as_str())))
}

/// Makes a proxy from its address, for some schemes or for all.
type MakeProxy = fn(String) -> reqwest::Result<Proxy>;

/// Returns the proxies that the pairs of an environment name; the first one for the scheme of a request
/// serves it.
fn proxies(environment: &[(String, String)]) -> Result<Vec<Proxy>, AddressError> {
    let given = |name: &str| {
        let named =
            environment.iter().find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_empty());
        named.map(|(_, value)| value.as_str())
    };
    let none = given("NO_PROXY").and_then(NoProxy::from_string);
    let makers: [(&str, MakeProxy); 3] =
        [("HTTPS_PROXY", Proxy::https), ("HTTP_PROXY", Proxy::http), ("ALL_PROXY", Proxy::all)];
    let mut proxies = Vec::new();
    for (name, make) in makers {
        let Some(address) = given(name) else { continue };
        // The message does not repeat the address: it may hold a password.
        let flaw =
            |_| AddressError::Client { source: format!("{name} is not the address of a proxy").into() };
        proxies.push(make(address.to_owned()).map_err(flaw)?.no_proxy(none.clone()));
    }
    Ok(proxies)
}

fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

#[cfg(feature = "s3")]
fn s3(url: &str, environment: &[(String, String)], connector: Connector) -> Result<Made, AddressError> {
    use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};

    let mut builder = AmazonS3Builder::new();
    for (key, value) in settings(environment, "AWS_") {
        builder = builder.with_config(key, value);
    }
    let allows_http = builder.get_config_value(&Key::Client(ClientConfigKey::AllowHttp));
    let endpoint = builder.get_config_value(&Key::Endpoint).unwrap_or_default();
    let region = builder.get_config_value(&Key::Region).unwrap_or_else(|| REGION.to_owned());
    let client = connector.http(allows_http.as_deref() == Some("true")).map_err(failed)?;
    let built = builder.with_url(url).with_retry(no_retries()).with_http_connector(connector).build();
    let store = Arc::new(built.map_err(failed)?);
    let remover = Remover::new(Product::S3 { store: Arc::clone(&store), region }, client);
    Ok(Made { store, remover, endpoint })
}

/// The region of a client that is told none.
#[cfg(feature = "s3")]
const REGION: &str = "us-east-1";

fn failed(source: object_store::Error) -> AddressError {
    AddressError::Client { source: Box::new(source) }
}

#[cfg(not(feature = "s3"))]
fn s3(url: &str, _: &[(String, String)], _: Connector) -> Result<Made, AddressError> {
    Err(AddressError::NotBuilt { url: url.to_owned(), feature: "s3" })
}

#[cfg(feature = "azure")]
fn azure(url: &str, environment: &[(String, String)], connector: Connector) -> Result<Made, AddressError> {
    use object_store::azure::{AzureConfigKey as Key, MicrosoftAzureBuilder};

    let mut builder = MicrosoftAzureBuilder::new();
    for (key, value) in settings(environment, "AZURE_") {
        builder = builder.with_config(key, value);
    }
    let builder = builder.with_url(url).with_retry(no_retries());
    let given = |key| builder.get_config_value(&key).unwrap_or_default();
    let (account, endpoint) = (given(Key::AccountName), given(Key::Endpoint));
    let client = connector.http(given(Key::Client(ClientConfigKey::AllowHttp)) == "true").map_err(failed)?;
    let service = match endpoint.as_str() {
        "" => format!("https://{account}.blob.core.windows.net"),
        endpoint => endpoint.to_owned(),
    };
    let store = Arc::new(builder.with_http_connector(connector).build().map_err(failed)?);
    let flaw = |source| AddressError::Client { source };
    let service: Url = service.parse().map_err(|error| flaw(Box::new(error)))?;
    // The builder reads it from the address only when it builds.
    let name = url.split('/').nth(2).unwrap_or_default();
    let container = below(&service, &Path::from(name)).map_err(failed)?;
    let product = Product::Azure { store: Arc::clone(&store), account, container };
    Ok(Made { store, remover: Remover::new(product, client), endpoint })
}

#[cfg(not(feature = "azure"))]
fn azure(url: &str, _: &[(String, String)], _: Connector) -> Result<Made, AddressError> {
    Err(AddressError::NotBuilt { url: url.to_owned(), feature: "azure" })
}

/// Makes the HTTP client, with this crate's own TLS.
///
/// By default the client would use the cryptography that the process has chosen, and panic where the process
/// has chosen none.
#[derive(Debug)]
struct Connector {
    server: Heard,
    proxies: Vec<Proxy>,
}

/// A client that notes what the first answer says about the server.
#[derive(Debug)]
struct Listening {
    client: reqwest::Client,
    server: Heard,
}

#[async_trait]
impl HttpService for Listening {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = HttpService::call(&self.client, request).await?;
        if let Some(Ok(server)) = answer.headers().get("server").map(|server| server.to_str()) {
            self.server.get_or_init(|| server.chars().take(SERVER_CHARS_MAX).collect());
        }
        Ok(answer)
    }
}

impl Connector {
    /// Makes a client that goes by this connector's proxies.
    fn http(&self, allows_http: bool) -> object_store::Result<reqwest::Client> {
        let failed = |source| object_store::Error::Generic { store: "HTTP", source };
        // By default the builder would look for proxies in the environment of the process.
        let builder = self
            .proxies
            .iter()
            .cloned()
            .fold(reqwest::Client::builder().no_proxy(), |builder, proxy| builder.proxy(proxy));
        builder
            .tls_backend_preconfigured(client_config(None).map_err(failed)?)
            .https_only(!allows_http)
            .connect_timeout(CONNECT_MAX)
            .timeout(ANSWER_MAX)
            .user_agent(concat!("kfm/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| failed(Box::new(error)))
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let allows_http = options.get_config_value(&ClientConfigKey::AllowHttp);
        let client = self.http(allows_http.as_deref() == Some("true"))?;
        Ok(HttpClient::new(Listening { client, server: Arc::clone(&self.server) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(feature = "s3", feature = "azure"))]
    use crate::slots::Slots;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[cfg(all(feature = "s3", feature = "azure"))]
    #[test]
    fn the_slots_are_below_the_address() {
        let aws = pairs(&[("AWS_REGION", "us-east-1"), ("PATH", "/bin")]);
        assert_eq!(slots("s3://bucket/logs/kansas", &aws).unwrap().place(), "s3://bucket/logs/kansas");
        let azure =
            pairs(&[("AZURE_STORAGE_ACCOUNT_NAME", "account"), ("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")]);
        assert_eq!(slots("az://container", &azure).unwrap().place(), "az://container");
    }

    #[test]
    fn an_address_that_says_too_little_or_too_much_is_refused() {
        for url in ["bucket", "s3://", "s3:///x", "ftp://bucket/x", "s3://key@bucket/x", "s3://bucket/x?a=b"]
        {
            let refused = slots(url, &[]).err();
            assert!(matches!(refused, Some(AddressError::Unreadable { .. })), "{url}: {refused:?}");
            assert!(!format!("{refused:?}").contains("key"), "{refused:?}");
        }
    }

    #[test]
    fn a_proxy_that_is_none_is_refused_without_repeating_it() {
        let refused = proxies(&pairs(&[("https_proxy", "http://me:hush@:x")])).err().unwrap();
        let said = std::error::Error::source(&refused).unwrap().to_string();
        assert_eq!(said, "HTTPS_PROXY is not the address of a proxy");
        assert!(proxies(&pairs(&[("HTTP_PROXY", ""), ("NO_PROXY", "*")])).unwrap().is_empty());
    }

    #[cfg(feature = "azure")]
    #[test]
    fn a_client_that_lacks_something_says_so() {
        let refused = slots("az://container", &[]).err();
        assert!(matches!(refused, Some(AddressError::Client { .. })), "{refused:?}");
    }
}
