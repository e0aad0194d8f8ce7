//! What is known of a call to an object store when the network fails, by how far the call got.
#![cfg(feature = "s3")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener};

use kfm_wal::slots::{ObjectSlots, SlotError, Slots as _, cloud};

fn slots(server: SocketAddr) -> ObjectSlots {
    let pairs = [
        ("AWS_ENDPOINT", format!("http://{server}").as_str()),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    cloud::slots("s3://bucket/log", &pairs).unwrap()
}

fn create(slots: &ObjectSlots) -> SlotError {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(slots.create(1, "frame".into())).unwrap_err()
}

#[test]
fn where_nobody_is_there_to_connect_to_nothing_happened() {
    // Bound once, so that nobody else has it, and not listened at any more.
    let server = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = create(&slots(server));
    assert!(matches!(error, SlotError::Busy { .. }), "{error:?}");
}

#[test]
fn what_became_of_a_request_to_a_server_that_hung_up_is_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    let hangs_up = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        // The rest of the request is there and not read: closing resets the connection.
        connection.read_exact(&mut [0; 16]).unwrap();
    });
    let error = create(&slots(server));
    assert!(matches!(error, SlotError::Unknown { .. }), "{error:?}");
    hangs_up.join().unwrap();
}
