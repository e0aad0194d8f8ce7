#![doc = include_str!("../README.md")]

mod field;
mod found;
mod replace;
mod report;
mod revert;
mod same;
mod span;
mod stac;

pub use field::{DEPTH_MAX, FieldPath, FieldPathError};
pub use report::{report_of, report_of_line};
pub use revert::{rehearse_revert, revert};
pub use same::is_same;
pub use stac::{StacHotfix, stac};
