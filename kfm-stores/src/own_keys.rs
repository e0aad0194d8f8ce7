//! The keys that only a store's kind knows, read from its table and refused in one way.

use std::fmt::Display;
use std::time::Duration;

use jiff::SignedDuration;
use kfm_rollback::kind::{Key, Surroundings};
use kfm_rollback::{Error, Result};

/// Says of a key that it is not valid, and why; `why` never repeats a value, which may be a secret.
pub(crate) fn refused(at: &Surroundings<'_>, key: &str, why: &dyn Display) -> Error {
    let message = format!("{key} is not valid, {why}: store={}", at.name);
    Error::invalid(message, "repair the store's table in kfm.toml")
}

/// Returns the text of a key; `None` if the table does not have the key.
///
/// # Errors
/// [`Error::Invalid`]: the value is not a text.
pub(crate) fn text<'a>(at: &'a Surroundings<'_>, key: Key) -> Result<Option<&'a str>> {
    match (at.settings.own.get(key.name), at.settings.text(key.name)) {
        (Some(_), None) => Err(refused(at, key.name, &"it is not a text")),
        (_, text) => Ok(text),
    }
}

/// Returns the time limit of a key, above zero; `default` if the table does not have the key.
///
/// # Errors
/// [`Error::Invalid`]: the value is not such a time, for which `example` stands.
pub(crate) fn time_limit(
    at: &Surroundings<'_>,
    key: Key,
    example: &str,
    default: Duration,
) -> Result<Duration> {
    let Some(text) = text(at, key)? else { return Ok(default) };
    let span = text.parse::<SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
    let limit = span.filter(|limit| !limit.is_zero());
    limit.ok_or_else(|| refused(at, key.name, &format!("it is not a time such as {example}")))
}
