//! A connection that is cut at the next swap.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kfm_rollback::conformance::Cut;

/// Listens on a port that leads to `port`, for one connection; returns it.
pub fn through(port: u16, cut: Cut) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let is_deaf = Arc::new(AtomicBool::new(false));
        let (from, to, ends_answer) =
            (server.try_clone().unwrap(), client.try_clone().unwrap(), Arc::clone(&is_deaf));
        std::thread::spawn(move || carry(from, to, |_| !ends_answer.load(Ordering::SeqCst)));
        carry(client, server, |bytes| {
            let is_swap = bytes.windows(4).any(|word| word == b"EVAL");
            is_deaf.fetch_or(is_swap && cut == Cut::Answer, Ordering::SeqCst);
            !(is_swap && cut == Cut::Request)
        });
    });
    own
}

/// Carries bytes until one end closes, or something may not go on; then closes both.
fn carry(mut from: TcpStream, mut to: TcpStream, may_go_on: impl Fn(&[u8]) -> bool) {
    let mut bytes = vec![0; 1 << 20];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        if !may_go_on(&bytes[..n]) || to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    for end in [from, to] {
        // It may be closed already.
        end.shutdown(Shutdown::Both).ok();
    }
}
