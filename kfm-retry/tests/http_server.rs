//! A real server on 127.0.0.1 that answers 429 with `Retry-After` or 503, resets, hangs or sends half an
//! answer: the calls arrive when the policy said. This is the only test file that waits in real time.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what failed by panicking")]

mod common;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use kfm_retry::classify::http_status;
use kfm_retry::{
    Backoff, Breaker, BreakerPolicy, Classify, Clock, ErrorClass, Failed, Jitter, Policy, Reason, Retry,
    RetryAfter, SystemClock, Verdict, idempotent,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with one connection.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Status(u16, Option<&'static str>),
    /// 429, and the date this many seconds from now.
    BusyFor(u64),
    Reset,
    Hang,
    Half,
}

/// A server with a script, one line a connection; after the last it answers 200.
struct Server {
    address: SocketAddr,
    arrivals: Arc<Mutex<Vec<Duration>>>,
}

impl Server {
    async fn start(script: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let (seen, mut script) = (Arc::clone(&arrivals), script.into_iter());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                seen.lock().unwrap().push(SystemClock.monotonic());
                tokio::spawn(answer(stream, script.next().unwrap_or(Answer::Status(200, None))));
            }
        });
        Self { address, arrivals }
    }

    /// The time between one arrival and the next, in milliseconds.
    fn gaps_ms(&self) -> Vec<u128> {
        let arrivals = self.arrivals.lock().unwrap();
        arrivals.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect()
    }
}

async fn answer(mut stream: TcpStream, answer: Answer) {
    let mut request = [0; 1024];
    if stream.read(&mut request).await.is_err() {
        return;
    }
    match answer {
        Answer::Status(status, retry_after) => {
            let hint = retry_after.map(|value| format!("Retry-After: {value}\r\n")).unwrap_or_default();
            let head = format!("HTTP/1.1 {status} X\r\n{hint}Content-Length: 4\r\n\r\nbody");
            stream.write_all(head.as_bytes()).await.ok();
        }
        Answer::BusyFor(seconds) => {
            let now = SystemClock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
            let date = common::imf_fixdate(now + seconds);
            let head = format!("HTTP/1.1 429 X\r\nRetry-After: {date}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await.ok();
        }
        Answer::Reset => stream.set_zero_linger().unwrap(),
        Answer::Hang => std::future::pending().await,
        Answer::Half => {
            stream.write_all(b"HTTP/1.1 200 X\r\nContent-Length: 4\r\n\r\nbo").await.ok();
        }
    }
}

#[derive(Debug)]
enum ClientError {
    Io(std::io::Error),
    Status(u16, Option<RetryAfter>),
}

impl Classify for ClientError {
    fn classify(&self) -> Verdict {
        match self {
            Self::Io(error) => error.classify(),
            Self::Status(status, retry_after) => Verdict::from(http_status(*status)).after(*retry_after),
        }
    }
}

/// The smallest client that can get a wrong answer.
async fn get(address: SocketAddr) -> Result<String, ClientError> {
    let mut stream = TcpStream::connect(address).await.map_err(ClientError::Io)?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .map_err(ClientError::Io)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.map_err(ClientError::Io)?;
    let cut_off = || ClientError::Io(std::io::ErrorKind::UnexpectedEof.into());
    let answer = String::from_utf8(answer).map_err(|_not_text| cut_off())?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(cut_off)?;
    let status: u16 = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut_off)?;
    if status >= 400 {
        let hint = head.lines().find_map(|line| line.strip_prefix("Retry-After: "));
        return Err(ClientError::Status(status, hint.and_then(RetryAfter::parse)));
    }
    if body.len() < 4 { Err(cut_off()) } else { Ok(body.to_owned()) }
}

/// 50 ms between attempts, 300 ms for each.
const QUICK: Policy = Policy::kfm()
    .backoff(Backoff::fixed(Duration::from_millis(50)).jitter(Jitter::None))
    .attempt_timeout(Duration::from_millis(300));

/// How late a busy machine may be; far less than the time-outs that the policy replaces.
const LATE_MAX_MS: u128 = 3_000;

/// A scheduler may be late, but must not be early.
fn assert_gap(gap_ms: u128, planned_ms: u128) {
    let planned = planned_ms..planned_ms + LATE_MAX_MS;
    assert!(planned.contains(&gap_ms), "gap {gap_ms} ms, planned {planned_ms} ms");
}

#[tokio::test]
async fn errors_resets_half_answers_and_hangs_are_retried_at_the_planned_moments() {
    let server =
        Server::start(vec![Answer::Status(503, None), Answer::Reset, Answer::Half, Answer::Hang]).await;
    let (retry, mut began) = (Retry::new(QUICK), Vec::new());

    let call = retry.run(idempotent("page"), || {
        began.push(SystemClock.monotonic());
        get(server.address)
    });
    let body = call.await.unwrap();

    assert_eq!(body, "body");
    let gaps = server.gaps_ms();
    assert_eq!(gaps.len(), 4);
    gaps[..3].iter().for_each(|gap| assert_gap(*gap, 50));
    // The time-out counts from the beginning of the attempt, and a busy server sees that late.
    assert_gap((began[4] - began[3]).as_millis(), 300 + 50);
}

#[tokio::test]
async fn retry_after_moves_the_next_arrival() {
    let server = Server::start(vec![Answer::Status(429, Some("1"))]).await;
    let retry = Retry::new(QUICK);

    retry.run(idempotent("page"), || get(server.address)).await.unwrap();

    let gaps = server.gaps_ms();
    assert_gap(gaps[0], 1_000);
}

#[tokio::test]
async fn a_retry_after_date_moves_the_next_arrival() {
    let server = Server::start(vec![Answer::BusyFor(2)]).await;
    let retry = Retry::new(QUICK);

    retry.run(idempotent("page"), || get(server.address)).await.unwrap();

    // A date has no fractions: two seconds from now are more than one.
    assert_gap(server.gaps_ms()[0], 1_000);
}

#[tokio::test]
async fn a_retry_after_beyond_the_deadline_gives_up_at_once() {
    let server = Server::start(vec![Answer::Status(429, Some("60"))]).await;
    let retry = Retry::new(QUICK.total(Duration::from_secs(5)));
    let began = SystemClock.monotonic();

    let failed = retry.run(idempotent("page"), || get(server.address)).await.unwrap_err();

    assert!(matches!(failed.reason(), Reason::DeadlineWouldPass { .. }));
    assert!(matches!(failed.error, Some(ClientError::Status(429, _))));
    assert!(SystemClock.monotonic() - began < Duration::from_secs(5), "it does not sleep towards it");
}

#[tokio::test]
async fn five_attempts_arrive_and_no_sixth() {
    let server = Server::start(vec![Answer::Status(503, None); 9]).await;
    let retry = Retry::new(QUICK);

    let failed = retry.run(idempotent("page"), || get(server.address)).await.unwrap_err();

    assert_eq!(failed.reason(), Reason::AttemptsExhausted);
    tokio::task::yield_now().await;
    assert_eq!(server.arrivals.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn what_is_forbidden_arrives_once() {
    for status in [401, 403, 404, 422] {
        let server = Server::start(vec![Answer::Status(status, None); 9]).await;
        let failed: Failed<ClientError> =
            Retry::new(QUICK).run(idempotent("page"), || get(server.address)).await.unwrap_err();
        assert_eq!(failed.reason(), Reason::NotRetryable, "{status}");
        assert_eq!(server.arrivals.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_open_breaker_keeps_calls_from_arriving() {
    let server = Server::start(vec![Answer::Status(503, None); 99]).await;
    let breaker = Breaker::new("server", BreakerPolicy::kfm());
    let retry = Retry::new(QUICK.attempts(1)).circuit_breaker(&breaker);
    for _ in 0..10 {
        retry.run(idempotent("page"), || get(server.address)).await.unwrap_err();
    }
    assert_eq!(server.arrivals.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_refused_connection_is_the_networks_failure() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let failed = Retry::new(QUICK.attempts(2)).run(idempotent("page"), || get(address)).await.unwrap_err();
    assert_eq!((failed.class(), failed.attempts()), (ErrorClass::Network, 2));
}
