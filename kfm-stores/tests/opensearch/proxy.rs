//! What stands between the adapter and the server: a connection that is cut, a broken copy of the adapter, a gateway.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use kfm_rollback::conformance::Cut;

/// What the proxy does with requests.
#[derive(Debug, Clone)]
pub enum Spoils {
    /// Cuts the connection at the first swap.
    Cuts(Cut),
    /// Takes the comparison out of each swap.
    ComparesNothing,
    /// Answers the first requests itself: with this status, header and body.
    Answers(usize, &'static str),
    /// Counts the copies within the server.
    CountsCopies(Arc<AtomicUsize>),
}

/// Starts a proxy to a server, and returns its URL. It ends with the process.
pub fn proxy(url: &str, spoils: Spoils) -> String {
    let server = url.strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let (is_cut, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (server, is_cut, asked) = (server.clone(), Arc::clone(&is_cut), Arc::clone(&asked));
            let spoils = spoils.clone();
            std::thread::spawn(move || serve(client, &server, &spoils, &is_cut, &asked));
        }
    });
    format!("http://{at}")
}

/// Hands on one request and its answer.
fn serve(
    mut client: TcpStream,
    server: &str,
    spoils: &Spoils,
    is_cut: &AtomicBool,
    asked: &AtomicUsize,
) -> Option<()> {
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
    let is_swap = head.starts_with("POST /_aliases") || head.contains("/_bulk?kfm");
    let mut cuts = None;
    match spoils {
        Spoils::Cuts(cut) if is_swap && !is_cut.swap(true, Ordering::Relaxed) => cuts = Some(*cut),
        Spoils::ComparesNothing if is_swap => body = compared_no_more(&body),
        Spoils::Answers(first, answer) if asked.fetch_add(1, Ordering::Relaxed) < *first => {
            client.write_all(answer.as_bytes()).ok()?;
            return client.shutdown(Shutdown::Both).ok();
        }
        Spoils::CountsCopies(copies) if head.starts_with("POST /_reindex") => {
            copies.fetch_add(1, Ordering::Relaxed);
        }
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
        // The server does not say that it closes, and a client would ask here again.
        let line = answer.windows(2).position(|pair| pair == b"\r\n")? + 2;
        answer.splice(line..line, *b"connection: close\r\n");
        client.write_all(&answer).ok()?;
    }
    client.shutdown(Shutdown::Both).ok()
}

/// The swap of a broken adapter: it reads, and then writes whatever stands there by then.
fn compared_no_more(body: &str) -> String {
    let compared = "\"must_exist\":true";
    assert!(body.contains(compared), "the swap compares otherwise: {body}");
    body.replace(compared, "\"must_exist\":false")
}
