//! Corrects one field of the documents of a collection, by compare-and-set (R70).

use bytes::Bytes;
use kfm_lineage::{Digest, Slug};
use kfm_rollback::report::{FieldChange, HotfixReport, Listing, Status};
use kfm_rollback::{Error, Hotfix, HotfixDone, HotfixRequest, Platform, Result, StandingDocument};
use kfm_rollback::{Parameter, advice};
use kfm_wal::record::{CorrectedTexts, CorrectedValues, Correction};

use crate::field::FieldPath;
use crate::found::Found;
use crate::json_text::JsonText;
use crate::replace::{replaced, rivals, value_text};
use crate::report::{empty, judged, next_of_rehearsal};
use crate::span::depth_of;

/// The kind of these hotfixes, in their ids and records.
const KIND: &str = "stac";

/// The most bytes of each of the two values: the log's record holds them.
const VALUE_BYTES_MAX: usize = 64 * 1024;

/// The most levels of a value that the log's record keeps as a value. A deeper one is kept as a text, since the
/// record is nested itself and readers have a limit.
const VALUE_LEVELS_MAX: usize = 16;

/// What [`stac`] is asked to do.
///
/// ```
/// use kfm_hotfix::{FieldPath, StacHotfix};
/// let hotfix = StacHotfix {
///     reason: "the source states it".to_owned(),
///     ..StacHotfix::new("landsat-c2-l2", FieldPath::parse("properties.license")?, "UNKNOWN", "CC-BY-4.0")
/// };
/// assert!(!hotfix.dry_run);
/// # Ok::<(), kfm_hotfix::FieldPathError>(())
/// ```
#[derive(Debug, Clone)]
pub struct StacHotfix {
    /// The collection: its items and its own document are the scope.
    pub collection: String,
    /// The field to correct, in every document of the scope.
    pub field: FieldPath,
    /// The wrong value; it is replaced where the field has a value that means the same.
    pub from: JsonText,
    /// The right value, put as it is written; it may be another spelling of `from`.
    pub to: JsonText,
    /// The reason; recorded in log, manifest and ledger.
    pub reason: String,
    /// Whether to show only the matches and the change of each, and write nothing.
    pub dry_run: bool,
    /// The `content_id` that a rehearsal showed to the actor; if the change is another one by now, the hotfix is
    /// refused.
    pub shown: Option<Digest>,
}

impl StacHotfix {
    /// Replaces `from` by `to`; the caller adds the reason.
    pub fn new(
        collection: impl Into<String>,
        field: FieldPath,
        from: impl Into<JsonText>,
        to: impl Into<JsonText>,
    ) -> Self {
        Self {
            collection: collection.into(),
            field,
            from: from.into(),
            to: to.into(),
            reason: String::new(),
            dry_run: false,
            shown: None,
        }
    }
}

/// Corrects one field of the documents of a collection: all documents that have the old value or, on failure, none.
///
/// In such a document the bytes of the value are replaced, and no others. If no document has the old value but some
/// have the new one, there is nothing to do, and the answer says so.
///
/// # Cancel safety
/// A dropped future leaves nothing, or an interrupted hotfix that can be resumed or aborted.
///
/// # Errors
/// [`Error::NotFound`]: the log knows no document of this collection. [`Error::Invalid`]: no document has either
/// value, and the error lists the values found; a document states the field more than once, and one of the statements
/// is the old value; or the request is not valid. [`Error::ApprovalRequired`]: it is
/// planned and must be approved; then execute the plan, or ask for the same hotfix again. Otherwise as
/// [`Platform::execute`].
pub async fn stac(platform: &Platform, request: StacHotfix) -> Result<HotfixReport> {
    refuse_unusable(&request)?;
    let engine = HotfixRequest {
        dry_run: request.dry_run,
        shown: request.shown,
        ..HotfixRequest::new(slug_of(&request.collection), correction_of(&request), request.reason.clone())
    };
    let mut hotfix = platform.begin_hotfix(engine).await?;
    let matched = Matched::in_scope(&hotfix, &request).await?;
    if matched.changes.is_empty() {
        return matched.nothing_to_do(&request);
    }
    let Matched { changes, already, found } = matched;
    let mut lines = Vec::with_capacity(changes.len());
    for Change { document, was, bytes } in changes {
        lines.push(FieldChange {
            key: document.path.clone(),
            field: request.field.to_string(),
            from: was.value(),
            to: request.to.value(),
            from_text: was.to_string(),
            to_text: request.to.to_string(),
            before: document.digest,
            after: Digest::of_bytes(&bytes),
        });
        hotfix.replace(&document, bytes)?;
    }
    let report = HotfixReport {
        matches: lines.len() as u64,
        skipped: already,
        others: found.documents(),
        changes: Listing::of(lines),
        ..empty(Status::DryRun)
    };
    Ok(match hotfix.finish().await? {
        HotfixDone::Rehearsed(rehearsal) => HotfixReport {
            ready: Some(rehearsal.ready),
            next: next_of_rehearsal(&rehearsal),
            against: rehearsal.against.clone(),
            ..judged(report, &rehearsal.plan)
        },
        HotfixDone::Executed { plan, report: done } => HotfixReport {
            hotfix_id: done.hotfix_id,
            plan_id: Some(plan.plan_id),
            status: done.status,
            changed: done.applied,
            already: done.already,
            manifest: done.manifest,
            note: done.note,
            next: done.next,
            ..judged(report, &plan)
        },
    })
}

/// A document that has the old value, and its correction.
struct Change {
    document: StandingDocument,
    /// The value as the document spells it; as the request spells it, if no text of the document may be shown.
    was: JsonText,
    /// The document's bytes after the correction.
    bytes: Bytes,
}

/// The values that the documents of the scope have in the field.
struct Matched {
    /// Documents that have the old value.
    changes: Vec<Change>,
    /// How many documents have the new value.
    already: u64,
    /// The values of all other documents.
    found: Found,
}

impl Matched {
    async fn in_scope(hotfix: &Hotfix, request: &StacHotfix) -> Result<Self> {
        let scope = hotfix.documents_of(&request.collection).await?;
        if scope.is_empty() {
            return Err(Error::NotFound { kind: "collection", text: request.collection.clone() });
        }
        let mut matched = Self { changes: Vec::new(), already: 0, found: Found::default() };
        for document in scope {
            let bytes = hotfix.read(&document).await?;
            let is_from = |text: &str| text.parse().is_ok_and(|value: JsonText| value.is_same(&request.from));
            if rivals(&bytes, &request.field).into_iter().any(is_from) {
                return Err(stated_twice(request, &document));
            }
            let value = match value_text(&bytes, &request.field).map(str::parse::<JsonText>) {
                None => None,
                Some(Ok(value)) => Some(value),
                Some(Err(_)) => {
                    matched.found.note_deep();
                    continue;
                }
            };
            match value {
                Some(value) if value == request.to => matched.already += 1,
                Some(value) if value.is_same(&request.from) => {
                    let corrected = replaced(&bytes, &request.field, &request.to);
                    let corrected = corrected.ok_or_else(|| unplaced(request, &document))?;
                    let was = if document.is_protected { request.from.clone() } else { value };
                    matched.changes.push(Change { document, was, bytes: corrected.into() });
                }
                Some(value) if value.is_same(&request.to) => matched.already += 1,
                value => matched.found.note(value, document.is_protected),
            }
        }
        Ok(matched)
    }

    /// Answers if no document has the old value.
    fn nothing_to_do(self, request: &StacHotfix) -> Result<HotfixReport> {
        let StacHotfix { collection, field, .. } = request;
        if self.already == 0 {
            return Err(Error::invalid(
                format!(
                    "no document has this value or the new one: collection=`{collection}` field=`{field}` found={}",
                    self.found.words()
                ),
                advice![
                    "give one of the values found as ",
                    Parameter::From,
                    "; a text in double quotes is a text, 1 is a number",
                ],
            ));
        }
        let status = if request.dry_run { Status::DryRun } else { Status::Completed };
        Ok(HotfixReport {
            skipped: self.already,
            others: self.found.documents(),
            note: Some("nothing to do: the new value is there already".to_owned()),
            ready: request.dry_run.then_some(true),
            ..empty(status)
        })
    }
}

/// The error for a value that cannot be replaced by itself, or whose replacement would nest the document too deep:
/// no document is changed.
fn unplaced(request: &StacHotfix, document: &StandingDocument) -> Error {
    Error::invalid(
        format!(
            "the value cannot be replaced by itself, or the document would be nested too deep for its readers: \
             path=`{}` field=`{}`",
            document.path, request.field
        ),
        "correct this document at its source and publish it",
    )
}

/// The error for a value that some readers of the document would still see, since it stands there more than once: no
/// document is changed.
fn stated_twice(request: &StacHotfix, document: &StandingDocument) -> Error {
    Error::invalid(
        format!(
            "readers of JSON differ about the field, it or what it is in is there more than once: path=`{}` field=`{}`",
            document.path, request.field
        ),
        "correct this document at its source and publish it",
    )
}

fn refuse_unusable(request: &StacHotfix) -> Result<()> {
    if request.from == request.to {
        return Err(Error::invalid(
            format!("the two values are the same: field=`{}`", request.field),
            advice!["give the value that is right as ", Parameter::To],
        ));
    }
    for (name, value) in [("from", &request.from), ("to", &request.to)] {
        let bytes = value.text().len();
        if bytes > VALUE_BYTES_MAX {
            return Err(Error::invalid(
                format!("a value is above the limit: {name} bytes={bytes} bytes_max={VALUE_BYTES_MAX}"),
                "publish the corrected documents instead",
            ));
        }
    }
    match request.to.doubt() {
        None => Ok(()),
        Some(doubt) => Err(Error::invalid(
            format!("readers of JSON would differ about the new value, {doubt}: field=`{}`", request.field),
            advice!["give a value as ", Parameter::To, " that every reader of JSON takes for the same"],
        )),
    }
}

/// Describes the correction for the log: by its values, or by their texts where a value would not keep every byte.
pub(crate) fn correction_of(request: &StacHotfix) -> Correction {
    let values = [&request.from, &request.to];
    let is_kept = values.into_iter().all(|it| {
        let (text, value) = (it.text(), it.value());
        depth_of(text.as_bytes()) <= VALUE_LEVELS_MAX
            && serde_json::to_string(&value).is_ok_and(|written| written == text)
            && kfm_lineage::canonical_json(&value).is_ok_and(|canonical| canonical == text.as_bytes())
    });
    let texts = CorrectedTexts { from: request.from.to_string(), to: request.to.to_string() };
    let values = CorrectedValues { from: request.from.value(), to: request.to.value() };
    Correction {
        kind: KIND.to_owned(),
        scope: request.collection.clone(),
        field: request.field.to_string(),
        values: is_kept.then_some(values),
        texts: (!is_kept).then_some(texts),
    }
}

/// Makes the last part of the hotfix's id from the collection's name.
fn slug_of(collection: &str) -> Slug {
    const CHARS_MAX: usize = 64;
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let text: String = collection.chars().map(plain).take(CHARS_MAX).collect();
    Slug::parse(&text).unwrap_or_else(|_| Slug::parse("unnamed").expect("a literal slug"))
}
