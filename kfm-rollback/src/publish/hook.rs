//! The ingest hook (R49): a pipeline begins a publish, puts its documents, and completes or drops it.

use std::path::Path;

use bytes::Bytes;
use kfm_lineage::graph::DerivativeKind;
use kfm_lineage::{CellId, Digest, Domain, EntityId, PublishId};
use kfm_wal::record::{CodeRef, Derivative};

use super::changes::Changes;
use super::folder::check_size;
use super::unit::{Unit, publish_unit, rehearse_unit};
use crate::error::{Error, Result};
use crate::report::PublishReport;
use crate::session::Session;
use crate::stac::DocumentPath;

/// A publish that a pipeline puts together.
///
/// It holds the platform's lock from [`Platform::begin_publish`](crate::Platform::begin_publish) on, so that the
/// catalog which the pipeline looked at is the one that it changes: fetch first, then begin. The documents are held
/// in memory until [`complete`](Publish::complete), which records the intent and moves the references; if anything
/// fails, it goes back to the prior state. Nothing moves before. Dropping the publish before leaves everything as
/// it was.
///
/// ```no_run
/// # async fn ingest() -> kfm_rollback::Result<()> {
/// use kfm_rollback::{OpenOptions, Platform};
///
/// let platform = Platform::open("platform", OpenOptions::new("daily-ingest")).await?;
/// let mut publish = platform.begin_publish("kfm_daily_stac".parse().expect("a slug")).await?;
/// publish.put("stac/items/a.json", &b"{\"type\": \"Feature\", \"id\": \"a\"}"[..])?;
/// publish.retire("stac/items/old.json")?;
/// let report = publish.complete().await?;
/// println!("{:?} moved {} references", report.publish_id, report.steps.total);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Publish {
    session: Session,
    unit: Unit,
    changes: Changes,
    contents: Vec<(Digest, Bytes)>,
}

impl Publish {
    pub(crate) fn new(session: Session, unit: Unit) -> Self {
        Self { session, unit, changes: Changes::default(), contents: Vec::new() }
    }

    /// Returns the id under which it is recorded.
    pub fn publish_id(&self) -> &PublishId {
        &self.unit.id
    }

    /// Sets the code that makes this publish, for its record.
    pub fn set_code(&mut self, code: CodeRef) {
        self.unit.code = code;
    }

    /// Sets the reason, for its record.
    pub fn set_reason(&mut self, reason: impl Into<String>) {
        self.unit.reason = Some(reason.into());
    }

    /// Sets whether findings that make the catalog worse deny the publish; without this call the settings decide.
    pub fn set_strict(&mut self, strict: bool) {
        self.unit.strict = Some(strict);
    }

    /// Puts a document at a path of the catalog. A document that stands there is replaced when the publish
    /// completes.
    ///
    /// # Errors
    /// [`Error::Invalid`]: no document can have this path, or the document is empty or too large.
    pub fn put(&mut self, path: &str, document: impl Into<Bytes>) -> Result<()> {
        let path = document_path(path)?;
        let bytes = document.into();
        let limit = self.session.platform.settings().limits.document_bytes_max;
        check_size(path.as_str(), bytes.len() as u64, limit)?;
        let (digest, bytes) = self.session.form(path.as_str(), bytes)?;
        let facts = self.session.facts.project(digest, &bytes);
        self.contents.push((digest, bytes));
        let unchanged =
            self.session.history.value(&self.session.document(path.as_str()))? == Some(facts.digest);
        if unchanged {
            self.changes.documents.remove(path.as_str());
        } else {
            self.changes.documents.insert(path.to_string(), Some(facts));
        }
        Ok(())
    }

    /// Puts the file `from` at a path of the catalog.
    ///
    /// # Errors
    /// [`Error::File`]: the file cannot be read; otherwise as [`put`](Self::put).
    pub fn put_file(&mut self, path: &str, from: &Path) -> Result<()> {
        let bytes =
            std::fs::read(from).map_err(|source| Error::File { path: from.display().to_string(), source })?;
        self.put(path, bytes)
    }

    /// Retires the document at a path: readers no longer see it; its versions are kept.
    ///
    /// # Errors
    /// [`Error::Invalid`]: no document can have this path.
    pub fn retire(&mut self, path: &str) -> Result<()> {
        let path = document_path(path)?;
        if self.session.history.value(&self.session.document(path.as_str()))?.is_some() {
            self.changes.documents.insert(path.to_string(), None);
        } else {
            self.changes.documents.remove(path.as_str());
        }
        Ok(())
    }

    /// Sets a cell of a graph, search or cache store that the pipeline keeps itself; `None` retires it.
    ///
    /// Such a cell has an owner, as a document has, and rolls back as a document does.
    ///
    /// # Errors
    /// [`Error::NotFound`]: there is no such store. [`Error::Invalid`]: the store holds documents, or the content
    /// has no canonical form.
    pub fn set_cell(&mut self, store: &str, key: &str, content: Option<&serde_json::Value>) -> Result<()> {
        let op = self
            .session
            .platform
            .store(store)
            .ok_or_else(|| Error::NotFound { kind: "store", text: store.to_owned() })?;
        if op.domain() == Domain::Stac {
            return Err(Error::invalid(
                format!("documents are put by their path: store={store}"),
                "use put or retire",
            ));
        }
        let value = match content {
            Some(content) => {
                let bytes = kfm_lineage::canonical_json(content).map_err(|error| Error::Invalid {
                    message: format!("the content has no canonical form: store={store} key={key}"),
                    hint: "write large integers as strings".into(),
                    source: Some(Box::new(error)),
                })?;
                let (digest, bytes) = op.form(key, Bytes::from(bytes))?;
                self.contents.push((digest, bytes));
                Some(digest)
            }
            None => None,
        };
        self.changes.cells.insert(CellId::new(op.domain(), store, key), value);
        Ok(())
    }

    /// Records something that the run made besides (R30), such as tiles or a report.
    ///
    /// `depends_on` names what it was made from: entities, paths of the catalog, or STAC ids. As long as the
    /// derivative stands, what it was made from cannot be rolled back.
    ///
    /// # Errors
    /// [`Error::Invalid`]: its id is not valid, its type is not known, or the run has recorded this id already.
    pub fn add_derivative(&mut self, derivative: Derivative) -> Result<()> {
        let refuse = |source: Box<dyn std::error::Error + Send + Sync>| Error::Invalid {
            message: format!("the derivative cannot be recorded: id={}", derivative.id),
            hint: "give it an id of its own, and one of the known types".into(),
            source: Some(source),
        };
        derivative.kind.parse::<DerivativeKind>().map_err(|error| refuse(error.into()))?;
        let id = EntityId::parse(&derivative.id).map_err(|error| refuse(error.into()))?;
        let is_cell = id.as_str().strip_prefix("kfm-").is_some_and(|rest| rest.contains("://"));
        if is_cell || self.changes.derivatives.iter().any(|other| other.id == derivative.id) {
            return Err(refuse("the id is taken".into()));
        }
        self.changes.derivatives.push(derivative);
        Ok(())
    }

    /// A strict publish is judged by the validity of documents that are not in the version store yet.
    fn note_validity(&self) {
        if self.unit.is_strict(&self.session) {
            for (digest, bytes) in &self.contents {
                self.session.facts.note_validity(*digest, bytes);
            }
        }
    }

    /// Says what [`complete`](Self::complete) would do, and writes nothing.
    ///
    /// # Errors
    /// As [`complete`](Self::complete), without the errors of the execution.
    pub async fn rehearse(&mut self) -> Result<PublishReport> {
        self.note_validity();
        rehearse_unit(&mut self.session, &self.unit, &self.changes).await
    }

    /// Records the intent, moves the references, verifies the end and records it.
    ///
    /// # Cancel safety
    /// A dropped future leaves an interrupted publish, which can be resumed or aborted.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Conflict`]: nothing moved. [`Error::Failed`]: it went back to the prior state.
    /// [`Error::Unfinished`]: it is open and waits for what the error says.
    pub async fn complete(mut self) -> Result<PublishReport> {
        self.note_validity();
        let contents = std::mem::take(&mut self.contents);
        let result = publish_unit(&mut self.session, &self.unit, self.changes, async |versions| {
            versions.put(contents).await?;
            Ok(())
        })
        .await;
        let subject = Some(self.unit.id.clone().into());
        crate::refusal::recorded(&mut self.session, crate::asked::Asked::Publish, subject, None, result).await
    }
}

fn document_path(path: &str) -> Result<DocumentPath> {
    DocumentPath::parse(path).map_err(|error| Error::Invalid {
        message: format!("not a path that a document can have: path={path}"),
        hint: "give a path relative to the catalog, that ends in .json or .geojson".into(),
        source: Some(Box::new(error)),
    })
}
