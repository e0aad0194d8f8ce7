//! The one JSON object of `--json`.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::Failure;

/// What stands on standard output with `--json`, on success and on failure.
#[derive(Debug, Serialize)]
pub(crate) struct Envelope<'a> {
    schema: String,
    ok: bool,
    exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorObject<'a>>,
    #[serde(flatten)]
    keys: Map<String, Value>,
}

#[derive(Debug, Serialize)]
struct ErrorObject<'a> {
    kind: &'a str,
    message: &'a str,
    causes: &'a [String],
    hint: &'a str,
    next: &'a [String],
}

impl<'a> Envelope<'a> {
    /// Wraps the keys of an answer; `failure` is why the exit code is not 0.
    pub(crate) fn new(command: &str, mut keys: Map<String, Value>, failure: Option<&'a Failure>) -> Self {
        for reserved in ["schema", "ok", "exit_code", "error"] {
            keys.remove(reserved);
        }
        let error = failure.map(|failure| ErrorObject {
            kind: &failure.kind,
            message: &failure.message,
            causes: &failure.causes,
            hint: &failure.hint,
            next: &failure.next,
        });
        let exit_code = failure.map_or(0, |failure| failure.exit_code);
        Self { schema: format!("kfm.{command}/v1"), ok: exit_code == 0, exit_code, error, keys }
    }

    /// Returns the object as text, with a line feed at the end.
    pub(crate) fn to_text(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.expect("an object of text keys and JSON values serialises") + "\n"
    }
}
