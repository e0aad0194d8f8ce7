//! The one JSON object of `--json`.

use kfm_lineage::schema::SchemaFile;
use kfm_policy::{Advice, Remedy};
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::Failure;

/// The object on standard output with `--json`, on success and on failure.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Envelope<'a> {
    schema: String,
    ok: bool,
    exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorObject<'a>>,
    /// What `latest`, or an id that was left out, was resolved to: `{asked, id}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved: Option<Value>,
    #[serde(flatten)]
    keys: Map<String, Value>,
}

/// What went wrong, and what to do next.
#[derive(Debug, Serialize, JsonSchema)]
struct ErrorObject<'a> {
    kind: &'a str,
    message: &'a str,
    causes: &'a [String],
    hint: &'a str,
    next: &'a [String],
}

impl<'a> Envelope<'a> {
    /// Wraps the keys of an answer; `failure` says why the exit code is not 0.
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
        let resolved = keys.remove("resolved");
        let exit_code = failure.map_or(0, |failure| failure.exit_code);
        Self { schema: format!("kfm.{command}/v1"), ok: exit_code == 0, exit_code, error, resolved, keys }
    }

    /// Returns the object as text, with a line feed at the end.
    pub(crate) fn to_text(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.expect("an object of text keys and JSON values serialises") + "\n"
    }
}

/// The types that an answer has as text, and those that only these are made of.
const SAID: [&str; 4] = [Remedy::NAME, Advice::NAME, "Part", "Parameter"];

/// Says of a remedy or an advice of the engine that an answer has it as text.
fn said(schema: &mut Schema) {
    let is_said = |value: &Value| {
        let name = value["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/"));
        name.is_some_and(|name| SAID.contains(&name))
    };
    if is_said(schema.as_value()) {
        schema.remove("$ref");
        schema.insert("type".to_owned(), "string".into());
    }
    let may_be_null = schema.get("anyOf").and_then(Value::as_array).is_some_and(|any| match any.as_slice() {
        [one, null] => is_said(one) && null["type"] == "null",
        _ => false,
    });
    if may_be_null {
        schema.remove("anyOf");
        schema.insert("type".to_owned(), serde_json::json!(["string", "null"]));
    }
    if let Some(types) = schema.get_mut("$defs").and_then(Value::as_object_mut) {
        types.retain(|name, _| !SAID.contains(&name.as_str()));
    }
}

/// Takes the types out that nothing refers to any more.
fn without_unused(file: &mut SchemaFile) {
    loop {
        let text = file.text();
        let types = file.schema.get_mut("$defs").and_then(Value::as_object_mut);
        let Some(types) = types else { return };
        let before = types.len();
        types.retain(|name, _| text.contains(&format!("\"#/$defs/{name}\"")));
        if types.len() == before {
            return;
        }
    }
}

/// Makes the schema of what a command answers: the envelope, with the answer's keys beside it.
///
/// The answer's own required keys are there whenever `ok` is true. A refusal has only those keys that it can fill,
/// and so has a rehearsal (`status` is `dry_run`: `--ci`, `--dry-run`).
pub(crate) fn answer_schema<T: JsonSchema>(command: &str) -> SchemaFile {
    let mut file = SchemaFile::of::<T>(format!("cli/{command}-v1.json"));
    RecursiveTransform(said).transform(&mut file.schema);
    let envelope = SchemaFile::of::<Envelope<'static>>("");
    let (answer, envelope) = (file.schema.ensure_object(), envelope.schema.as_object().cloned());
    let envelope = envelope.expect("the envelope's schema is an object");
    for section in ["properties", "$defs"] {
        let below = answer.entry(section).or_insert_with(|| Value::Object(Map::new()));
        let added = envelope.get(section).and_then(Value::as_object).cloned().unwrap_or_default();
        below.as_object_mut().expect("a section of a schema is an object").extend(added);
    }
    answer["properties"]["schema"] = serde_json::json!({ "const": format!("kfm.{command}/v1") });
    let own = answer.insert("required".to_owned(), envelope["required"].clone());
    if let Some(own) = own {
        answer.insert(
            "if".to_owned(),
            serde_json::json!({ "properties": {
            "ok": { "const": true },
            "status": { "not": { "const": "dry_run" } },
        } }),
        );
        answer.insert("then".to_owned(), serde_json::json!({ "required": own }));
    }
    without_unused(&mut file);
    file
}
