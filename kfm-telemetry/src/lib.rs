//! Operation records, alerts, objectives and the governance ledger.

pub mod alert;
mod durable;
pub mod error;
mod line_file;
pub mod memory;
pub mod notify;
pub mod record;
pub mod sink;
pub mod text;
pub mod writer;

pub use alert::{AlertEvent, AlertKind, AlertRecord, Alerts, Severity};
pub use error::TelemetryError;
pub use memory::MemorySink;
pub use notify::Notifier;
pub use record::{EventId, OperationRecord, RecordDefect, RecordKind, Stage, Status};
pub use sink::RecordSink;
pub use text::{Label, Reason, TextError};
pub use writer::TelemetryWriter;
