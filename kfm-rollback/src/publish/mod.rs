//! Publishes: units of steps, each recorded before it is made (R10, R49).

mod adopt;
mod again;
mod changes;
mod folder;
mod from_folder;
mod hook;
mod project;
mod sweep;
mod unit;

pub use from_folder::PublishFolder;
pub use hook::Publish;
pub use project::Project;

pub(crate) use adopt::{adopt, reconcile, rehearse_adopt, rehearse_reconcile};
pub(crate) use again::resume_publish;
pub(crate) use folder::check_size;
pub(crate) use from_folder::publish_folder;
pub(crate) use project::project;
pub(crate) use unit::Unit;
