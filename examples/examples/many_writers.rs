//! Many writers on one log at once: hosts that share a folder, or a bucket, and append without a lock.
//!
//! `cargo run -p kfm-examples --example many_writers`

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use kfm_retry::SystemClock;
use kfm_wal::slots::{FolderSlots, Mode, SlotLog, SlotOptions};
use kfm_wal::{Depth, Lsn, NewRecord, WalError, WalStore};

/// Opens the log as each host does. `slots::slots_at` does it for a bucket or a database.
async fn open(folder: &Path) -> Result<SlotLog, WalError> {
    let options = SlotOptions::new(Arc::new(SystemClock)).with_mode(Mode::Shared);
    Ok(SlotLog::open(Arc::new(FolderSlots::new(folder)?), options).await?.0)
}

/// Appends twenty records. A host that loses the race for a place takes the next one.
async fn work(host: u8, log: SlotLog) -> Result<(), WalError> {
    for n in 0..20 {
        let record = NewRecord {
            op_id: std::array::from_fn(|at| [host, n].get(at).copied().unwrap_or_default()),
            rtype: 1,
            schema: 1,
            at: "2025-11-14T03:15:42Z".parse().expect("a time"),
            payload: format!("host {host} does {n}").into_bytes(),
        };
        log.append(&[record], None).await?;
    }
    Ok(())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut hosts = Vec::new();
    for host in 0..4 {
        hosts.push(tokio::spawn(work(host, open(folder.path()).await?)));
    }
    for host in hosts {
        host.await??;
    }

    let log = open(folder.path()).await?;
    let records = log.scan(Lsn(1), 1_000).await?;
    let ids: BTreeSet<[u8; 16]> = records.iter().map(|stored| stored.record.op_id).collect();
    assert_eq!((records.len(), ids.len()), (80, 80), "each once, in one order for all");
    // Of each host in the order in which it did them.
    for host in 0..4 {
        let of_host = records.iter().map(|stored| stored.record.op_id).filter(|id| id[0] == host);
        assert!(of_host.map(|id| id[1]).eq(0..20));
    }
    assert!(log.verify(Depth::Chain).await?.ok);
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_runs() {
        super::main().expect("it runs");
    }
}
