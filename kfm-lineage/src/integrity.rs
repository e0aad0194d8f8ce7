//! The integrity of a catalog: links, orphans, ids (R48).
//!
//! A [`CatalogView`] is one epoch of a catalog: every document of a store, by its path. Its [`Census`] is
//! taken offline, in time linear in documents and links, and is the same for the same documents on every
//! machine. Real catalogs have broken links from the start, so a census alone says little:
//! [`IntegrityChange`] compares two of them and tells what an operation introduces from what was there
//! before.

mod around;
mod census;
mod change;
mod counted;
mod href;
mod layered;
mod links;
mod listing;
mod place;
mod reach;
mod version_links;
mod view;

pub(crate) use href::unescape;
pub(crate) use place::may_name;

pub use around::{Neighbourhood, Term, Wanted};
pub use census::{Beyond, Break, Census, CensusCounts, LinkClass};
pub use change::{IntegrityChange, IntegrityFinding};
pub use counted::CountedCatalog;
pub use place::{Place, decoded, leads_below};
pub use view::{CatalogView, Lead};
