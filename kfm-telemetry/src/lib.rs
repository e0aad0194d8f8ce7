#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod alert;
mod alerts;
#[cfg(feature = "test-util")]
pub mod conformance;
pub mod due;
mod durable;
pub mod error;
#[cfg(feature = "test-util")]
pub mod faulty;
pub mod focus;
pub mod ledger;
mod line_file;
pub mod memory;
pub mod notify;
pub mod record;
pub mod schema;
pub mod sink;
pub mod slo;
pub mod statement;
pub mod text;
pub mod validate;
pub mod writer;

pub use alert::{AlertEvent, AlertKind, AlertRecord, Severity};
pub use alerts::Alerts;
pub use error::TelemetryError;
pub use ledger::{Ledger, LedgerEntry};
pub use memory::MemorySink;
pub use notify::Notifier;
pub use record::{EventId, EventStatus, OperationRecord, RecordDefect, RecordKind, Stage};
pub use sink::RecordSink;
pub use text::{Label, Reason, TextError};
pub use writer::TelemetryWriter;
