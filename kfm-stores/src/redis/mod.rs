//! Caches in Redis: `kind = "redis"` of a store's table.
//!
//! A cell is a namespace of the cache, and one hash in Redis has all of it: its value, the content that readers see, and
//! its generation, which rises with each change in either direction. One script compares, checks the fence and changes,
//! so that no reader sees half of it and no second writer comes in between. `docs/guides/redis.md` has the names of the
//! keys, the permissions and what was tested.

mod class;
mod failed;
mod kind;
mod link;
mod names;
mod place;
mod probe;
mod rows;
mod store;

pub use kind::RedisKind;
