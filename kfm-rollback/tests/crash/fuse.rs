//! A fuse below a platform: after so many writes nothing reaches its disk any more, as if the process had been
//! killed.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use kfm_lineage::{Domain, Value};
use kfm_rollback::blob::{BlobError, BlobStore, BlobSwap, LocalBlobs, SwapOutcome};
use kfm_rollback::context::WriteContext;
use kfm_rollback::op::{Capabilities, Depth, DomainOp, Listed, OpError, Outcomes, Probe, Seen, Swap};
use kfm_telemetry::{AlertRecord, OperationRecord, RecordSink, TelemetryError, TelemetryWriter};
use kfm_wal::local::disk::{Access, Disk, DiskFile, DiskLock, RealDisk};

/// Lets so many writes pass, cuts the next one in half, and stops all that follow. Clones share the count.
#[derive(Debug, Clone)]
pub struct Fuse(Arc<Mutex<Burning>>);

#[derive(Debug)]
struct Burning {
    writes: usize,
    /// Where each write went, the cut one included.
    seen: Vec<String>,
    burnt: bool,
}

/// What becomes of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Passes,
    IsCut,
    Stops,
}

impl Fuse {
    /// A fuse that never burns out, and counts.
    pub fn endless() -> Self {
        Self::of(usize::MAX)
    }

    /// A fuse that burns out after `writes`.
    pub fn of(writes: usize) -> Self {
        Self(Arc::new(Mutex::new(Burning { writes, seen: Vec::new(), burnt: false })))
    }

    /// Where each write went.
    pub fn seen(&self) -> Vec<String> {
        self.lock().seen.clone()
    }

    /// Says whether a write was stopped.
    pub fn is_burnt(&self) -> bool {
        self.lock().burnt
    }

    fn write(&self, place: &str) -> Fate {
        let mut burning = self.lock();
        if burning.burnt {
            return Fate::Stops;
        }
        burning.seen.push(place.to_owned());
        burning.burnt = burning.seen.len() > burning.writes;
        if burning.burnt { Fate::IsCut } else { Fate::Passes }
    }

    /// A change that is made or not made, and never half made.
    fn change(&self, path: &Path) -> io::Result<()> {
        if self.write(&place_of(path)) == Fate::Passes { Ok(()) } else { Err(gone()) }
    }

    fn lock(&self) -> MutexGuard<'_, Burning> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gone() -> io::Error {
    io::Error::other("the process was killed before this")
}

/// Names the part of a platform that a path lies in.
fn place_of(path: &Path) -> String {
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    let known = ["ledger", "plans", "manifests", "wal", "graph", "search", "cache"];
    let place = parts.iter().rev().find(|part| known.contains(part));
    place.map_or_else(|| path.display().to_string(), |part| (*part).to_owned())
}

/// A file system with a fuse.
///
/// Nothing is synced: a killed process, unlike a machine without power, loses nothing of what it wrote.
#[derive(Debug)]
pub struct FusedDisk(pub Fuse);

impl Disk for FusedDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        self.0.change(dir)?;
        RealDisk.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        if matches!(access, Access::Create | Access::New) {
            self.0.change(path)?;
        }
        let inner = RealDisk.open(path, access)?;
        Ok(Box::new(FusedFile { inner, fuse: self.0.clone(), place: place_of(path) }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.change(to)?;
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.change(path)?;
        RealDisk.remove(path)
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        if self.0.is_burnt() { Err(gone()) } else { Ok(()) }
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        RealDisk.lock(path)
    }
}

#[derive(Debug)]
struct FusedFile {
    inner: Box<dyn DiskFile>,
    fuse: Fuse,
    place: String,
}

impl DiskFile for FusedFile {
    fn bytes(&mut self) -> io::Result<u64> {
        self.inner.bytes()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read_at(offset, buffer)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match self.fuse.write(&self.place) {
            Fate::Passes => self.inner.write_at(offset, bytes),
            Fate::IsCut => self.inner.write_at(offset, &bytes[..bytes.len() / 2]).and(Err(gone())),
            Fate::Stops => Err(gone()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.fuse.is_burnt() { Err(gone()) } else { Ok(()) }
    }
}

/// A folder of blobs with a fuse: keys change one by one, and the cut write leaves half a temporary file.
#[derive(Debug)]
pub struct FusedBlobs {
    inner: LocalBlobs,
    root: PathBuf,
    place: &'static str,
    fuse: Fuse,
}

impl FusedBlobs {
    pub fn new(root: PathBuf, place: &'static str, fuse: Fuse) -> Self {
        Self { inner: LocalBlobs::new(&root), root, place, fuse }
    }

    /// Leaves what a process leaves that is killed while it writes the temporary file.
    fn litter(&self, swap: &BlobSwap) -> io::Result<()> {
        let Some(bytes) = &swap.to else { return Ok(()) };
        let path = self.root.join(&swap.key);
        let folder = path.parent().unwrap_or(&self.root);
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join(".kfm-1-1.tmp"), &bytes[..bytes.len() / 2])
    }
}

fn gone_blob(key: &str) -> BlobError {
    BlobError::Permanent { key: key.to_owned(), source: Box::new(gone()) }
}

#[async_trait]
impl BlobStore for FusedBlobs {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, BlobError> {
        self.inner.get(key).await
    }

    async fn digests(&self, keys: &[String]) -> Result<Vec<Value>, BlobError> {
        self.inner.digests(keys).await
    }

    async fn list(&self, suffixes: &[&str]) -> Result<Vec<String>, BlobError> {
        self.inner.list(suffixes).await
    }

    async fn swap(&self, batch: Vec<BlobSwap>) -> Result<Vec<SwapOutcome>, BlobError> {
        let mut outcomes = Vec::new();
        for swap in batch {
            let key = swap.key.clone();
            match self.fuse.write(self.place) {
                Fate::Passes => outcomes.extend(self.inner.swap(vec![swap]).await?),
                Fate::IsCut => {
                    self.litter(&swap).map_err(|_| gone_blob(&key))?;
                    return Err(gone_blob(&key));
                }
                Fate::Stops => return Err(gone_blob(&key)),
            }
        }
        Ok(outcomes)
    }

    fn compares_on_removal(&self) -> bool {
        self.inner.compares_on_removal()
    }

    async fn sweep(&self) -> Result<(), BlobError> {
        if self.fuse.is_burnt() { Err(gone_blob("-")) } else { self.inner.sweep().await }
    }
}

/// An embedded store with a fuse: a database changes all cells of a batch or none, so the process is killed before the
/// change, or after it and before its answer.
#[derive(Debug)]
pub struct FusedStore {
    pub inner: Arc<dyn DomainOp>,
    pub fuse: Fuse,
}

impl FusedStore {
    fn pass(&self) -> Result<(), OpError> {
        let killed =
            || OpError::permanent(self.name(), "-", Box::new(gone()) as Box<dyn Error + Send + Sync>);
        if self.fuse.write(self.name()) == Fate::Passes { Ok(()) } else { Err(killed()) }
    }
}

#[async_trait]
impl DomainOp for FusedStore {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn domain(&self) -> Domain {
        self.inner.domain()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn probe(&self) -> Result<Probe, OpError> {
        self.inner.probe().await
    }

    async fn scan(&self, after: Option<&str>, limit: usize) -> Result<Vec<Listed>, OpError> {
        self.inner.scan(after, limit).await
    }

    async fn observe(&self, keys: &[String], depth: Depth) -> Result<Vec<Seen>, OpError> {
        self.inner.observe(keys, depth).await
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, OpError> {
        self.inner.read(keys).await
    }

    async fn swap(&self, cx: &WriteContext, batch: &[Swap]) -> Result<Outcomes, OpError> {
        self.pass()?;
        let outcomes = self.inner.swap(cx, batch).await?;
        self.pass()?;
        Ok(outcomes)
    }

    async fn recover(&self, cx: &WriteContext) -> Result<(), OpError> {
        self.pass()?;
        self.inner.recover(cx).await
    }
}

/// Telemetry with a fuse.
#[derive(Debug)]
pub struct FusedRecords {
    pub inner: TelemetryWriter,
    pub fuse: Fuse,
}

impl FusedRecords {
    fn pass(&self) -> Result<(), TelemetryError> {
        match self.fuse.write("telemetry") {
            Fate::Passes => Ok(()),
            _ => Err(TelemetryError::NotWritten { path: "telemetry".into(), source: gone().into() }),
        }
    }
}

#[async_trait]
impl RecordSink for FusedRecords {
    async fn append(&self, record: &OperationRecord) -> Result<(), TelemetryError> {
        self.pass()?;
        self.inner.append(record).await
    }

    async fn alert(&self, record: &AlertRecord) -> Result<(), TelemetryError> {
        self.pass()?;
        self.inner.alert(record).await
    }
}
