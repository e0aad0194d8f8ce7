#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod decimal;
mod field;
mod found;
mod json_text;
mod replace;
mod report;
mod revert;
mod span;
mod stac;

#[cfg(test)]
mod random_tests;

pub use field::{DEPTH_MAX, FieldPath, FieldPathError};
pub use json_text::{JsonText, JsonTextError};
pub use report::{report_of, report_of_line};
pub use revert::{rehearse_revert, revert};
pub use stac::{StacHotfix, stac};
