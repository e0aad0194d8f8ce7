//! What stands between the adapter and the server: a connection that is cut, and a broken copy of the adapter.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kfm_rollback::conformance::Cut;

/// What the proxy does with the statements that swap.
#[derive(Debug, Clone, Copy)]
pub enum Spoils {
    /// Cuts the connection at the first one.
    Cuts(Cut),
    /// Takes the locks out of each, so that it reads, and a moment later writes what follows from it.
    Unlocks,
}

/// Starts a proxy to a server, and returns its URL. It ends with the process.
pub fn proxy(url: &str, spoils: Spoils) -> String {
    let server = url.strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let is_cut = Arc::new(AtomicBool::new(false));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (server, is_cut) = (server.clone(), Arc::clone(&is_cut));
            std::thread::spawn(move || serve(client, &server, spoils, &is_cut));
        }
    });
    format!("http://{at}")
}

/// Hands on one request and its answer.
fn serve(mut client: TcpStream, server: &str, spoils: Spoils, is_cut: &AtomicBool) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 || line == "\r\n" {
            break;
        }
        match line.to_ascii_lowercase().strip_prefix("content-length:") {
            Some(bytes) => length = bytes.trim().parse().ok()?,
            None => head.push_str(&line),
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut body = String::from_utf8(body).ok()?;
    let is_swap = body.contains("row.again");
    let mut cuts = None;
    match spoils {
        Spoils::Cuts(cut) if is_swap && !is_cut.swap(true, Ordering::Relaxed) => cuts = Some(cut),
        Spoils::Unlocks if is_swap => body = unlocked(&body),
        _ => {}
    }
    if matches!(cuts, Some(Cut::Request)) {
        return client.shutdown(Shutdown::Both).ok();
    }
    let mut upstream = TcpStream::connect(server).ok()?;
    write!(upstream, "{head}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).ok()?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).ok()?;
    if cuts.is_none() {
        client.write_all(&answer).ok()?;
    }
    client.shutdown(Shutdown::Both).ok()
}

/// The statement of a broken adapter: it takes no lock before it reads, and thinks for a while before it writes.
fn unlocked(body: &str) -> String {
    let mut body = body.to_owned();
    for lock in ["SET f.kfm_lock = true", "REMOVE f.kfm_lock", "SET n.kfm_lock = true", "REMOVE n.kfm_lock"] {
        assert!(body.contains(lock), "the statement has another lock: {lock}");
        body = body.replace(lock, "");
    }
    let thinks = "WITH row, v, generation, reduce(n = 0, i IN range(1, 400000) | n + i) AS thought, CASE";
    let read = "WITH row, v, generation, CASE";
    assert!(body.contains(read), "the statement reads otherwise");
    body.replace(read, thinks)
}
