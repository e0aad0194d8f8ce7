//! The connection to a server: one, made at the first request, and anew after it broke.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, RedisConnectionInfo, RedisError, Value};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::failed::Failed;
use super::place::Place;

/// The server of a store, and the way to it.
pub(super) struct Link {
    place: Place,
    info: RedisConnectionInfo,
    tls: Option<Arc<ClientConfig>>,
    limit: Duration,
    open: tokio::sync::Mutex<Option<MultiplexedConnection>>,
    /// The node of a cluster that has the store's keys, once another node has named it.
    moved_to: Mutex<Option<(String, u16)>>,
}

impl Link {
    /// Connects to nothing yet. `limit` is how long it may take to connect, and to answer one request.
    pub(super) fn new(
        place: Place,
        (user, password): (Option<&str>, Option<&str>),
        tls: Option<ClientConfig>,
        limit: Duration,
    ) -> Self {
        let mut info = RedisConnectionInfo::default().set_db(place.database);
        if let Some(user) = user {
            info = info.set_username(user);
        }
        if let Some(password) = password {
            info = info.set_password(password);
        }
        let (open, moved_to) = (tokio::sync::Mutex::default(), Mutex::default());
        Self { place, info, tls: tls.map(Arc::new), limit, open, moved_to }
    }

    /// Makes a request; of the node of a cluster that has the keys, once another node has named it.
    ///
    /// # Cancel safety
    /// A request that was sent is done by the server, also if the call is dropped.
    pub(super) async fn ask(&self, command: &Cmd) -> Result<Value, Failed> {
        match self.ask_here(command).await {
            // The node that says so has done nothing.
            Err(failed) if failed.names_another_node() => self.ask_here(command).await,
            answered => answered,
        }
    }

    async fn ask_here(&self, command: &Cmd) -> Result<Value, Failed> {
        let mut connection = self.connection().await?;
        let answer = connection.send_packed_command(command).await.and_then(Value::extract_error);
        let failed = match answer.map_err(Failed::of) {
            Ok(value) => return Ok(value),
            Err(failed) => failed,
        };
        if let Failed::Refused(error) = &failed
            && failed.names_another_node()
            && let Some((address, _)) = error.redirect_node()
        {
            self.note_move(address);
        }
        if failed.ends_connection() {
            *self.open.lock().await = None;
        }
        Err(failed)
    }

    async fn connection(&self) -> Result<MultiplexedConnection, Failed> {
        let mut open = self.open.lock().await;
        if let Some(connection) = &*open {
            return Ok(connection.clone());
        }
        let made = match timeout(self.limit, self.connect()).await {
            Ok(made) => made,
            Err(_) => Err(Failed::NotConnected(Box::new(io::Error::from(io::ErrorKind::TimedOut)))),
        };
        // The next try begins at the server that the settings name: the other one may be gone.
        let made = made.inspect_err(|_| *self.moved_to() = None)?;
        *open = Some(made.clone());
        Ok(made)
    }

    async fn connect(&self) -> Result<MultiplexedConnection, Failed> {
        let not_connected = |error: io::Error| Failed::NotConnected(Box::new(error));
        let moved_to = self.moved_to().clone();
        let (host, port) = moved_to.unwrap_or_else(|| (self.place.host.clone(), self.place.port));
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(not_connected)?;
        stream.set_nodelay(true).map_err(not_connected)?;
        match &self.tls {
            None => self.greet(stream).await,
            Some(config) => {
                let name = ServerName::try_from(host)
                    .map_err(|error| not_connected(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
                let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
                self.greet(stream.map_err(not_connected)?).await
            }
        }
    }

    /// Authenticates, chooses the database, and lets a task drive the connection until its last user is gone.
    async fn greet<S>(&self, stream: S) -> Result<MultiplexedConnection, Failed>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(self.limit));
        let made = MultiplexedConnection::new_with_config(&self.info, stream, config).await;
        let (connection, driver) = made.map_err(|error: RedisError| Failed::NotConnected(Box::new(error)))?;
        tokio::spawn(driver);
        Ok(connection)
    }

    fn note_move(&self, address: &str) {
        let parts = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        if let Some((host, port)) = parts {
            // An empty host is that of the node that says so.
            let host = if host.is_empty() { &self.place.host } else { host };
            *self.moved_to() = Some((host.to_owned(), port));
        }
    }

    fn moved_to(&self) -> std::sync::MutexGuard<'_, Option<(String, u16)>> {
        self.moved_to.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("place", &self.place).finish_non_exhaustive()
    }
}
