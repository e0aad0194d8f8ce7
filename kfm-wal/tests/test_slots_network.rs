//! What is known of a call to an object store when the network fails, depending on how far the call got.
#![cfg(feature = "s3")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener};

use kfm_wal::slots::{ObjectSlots, SlotError, Slots as _, cloud};

fn slots(server: SocketAddr) -> ObjectSlots {
    slots_with(server, &[])
}

/// Slots on a server, with further pairs of the environment.
fn slots_with(server: SocketAddr, more: &[(&str, &str)]) -> ObjectSlots {
    let endpoint = format!("http://{server}");
    let pairs = [
        ("AWS_ENDPOINT", endpoint.as_str()),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let pairs = pairs.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    cloud::slots("s3://bucket/log", &pairs.collect::<Vec<_>>()).unwrap()
}

/// An address at which no server listens: a port that no program gets by chance.
fn nobody() -> SocketAddr {
    ([127, 0, 0, 1], 1).into()
}

fn create(slots: &ObjectSlots) -> SlotError {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(slots.create(1, "frame".into())).unwrap_err()
}

/// A server that reads the first words of a request, which its thread returns, and hangs up: the unread rest
/// resets the connection.
fn hears_first_words() -> (SocketAddr, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    let hears = std::thread::spawn(move || {
        let mut words = [0; 24];
        listener.accept().unwrap().0.read_exact(&mut words).unwrap();
        String::from_utf8_lossy(&words).into_owned()
    });
    (server, hears)
}

#[test]
fn where_nobody_is_there_to_connect_to_nothing_happened() {
    let error = create(&slots(nobody()));
    assert!(matches!(error, SlotError::Busy { .. }), "{error:?}");
}

#[test]
fn what_became_of_a_request_to_a_server_that_hung_up_is_unknown() {
    let (server, hangs_up) = hears_first_words();
    let error = create(&slots(server));
    assert!(matches!(error, SlotError::Unknown { .. }), "{error:?}");
    hangs_up.join().unwrap();
}

#[test]
fn a_server_is_reached_by_the_proxy_that_is_handed_in_unless_it_is_exempt() {
    let server = nobody();
    let (proxy, hears) = hears_first_words();
    create(&slots_with(server, &[("http_proxy", &format!("http://{proxy}"))]));
    assert_eq!(hears.join().unwrap(), format!("PUT http://{server}/bucket/")[..24]);

    let (server, hears) = hears_first_words();
    create(&slots_with(
        server,
        &[("HTTP_PROXY", &format!("http://{}", nobody())), ("NO_PROXY", "127.0.0.1")],
    ));
    assert!(hears.join().unwrap().starts_with("PUT /bucket/log/chain/"));
}

#[test]
fn no_proxy_is_taken_from_the_environment() {
    // The environment of a whole process: this program runs once more, for one test.
    let once_more = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_became_of_a_request_to_a_server_that_hung_up_is_unknown"])
        .envs(["HTTP_PROXY", "http_proxy", "ALL_PROXY"].map(|name| (name, format!("http://{}", nobody()))))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    assert!(once_more.status.success(), "{}", String::from_utf8_lossy(&once_more.stdout));
}
