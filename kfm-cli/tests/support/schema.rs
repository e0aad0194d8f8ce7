//! Judges a JSON value by a schema: the part of JSON Schema that our generated schemas use, and no more.
//!
//! A keyword that is not known here is a panic, so that nothing passes for want of a check.

use serde_json::Value;

/// Returns what is wrong with `value`, as paths and reasons.
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    judge(schema, schema, value, "$", &mut faults);
    faults
}

fn judge(root: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let schema = match schema {
        Value::Bool(true) => return,
        Value::Bool(false) => return faults.push(format!("{at}: nothing may stand here")),
        Value::Object(schema) => schema,
        _ => panic!("{at}: no schema: {schema}"),
    };
    let holds = |schema: &Value| {
        let mut inner = Vec::new();
        judge(root, schema, value, at, &mut inner);
        inner.is_empty()
    };
    for (keyword, demand) in schema {
        match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" | "default" | "format" | "then"
            | "examples" => {}
            "$ref" => judge(root, resolve(root, demand), value, at, faults),
            "type" if !types(demand).iter().any(|word| is(word, value)) => {
                faults.push(format!("{at}: not of type {demand}: {value}"));
            }
            "type" => {}
            "const" if demand != value => faults.push(format!("{at}: {value} is not {demand}")),
            "const" => {}
            "enum" if !demand.as_array().unwrap().contains(value) => {
                faults.push(format!("{at}: {value} is not one of {demand}"));
            }
            "enum" => {}
            "minimum" => {
                if value.as_f64().is_some_and(|number| number < demand.as_f64().unwrap()) {
                    faults.push(format!("{at}: {value} is below {demand}"));
                }
            }
            "maximum" => {
                if value.as_f64().is_some_and(|number| number > demand.as_f64().unwrap()) {
                    faults.push(format!("{at}: {value} is above {demand}"));
                }
            }
            // Patterns are the types' own business: they parse what they print.
            "pattern" | "maxLength" | "minLength" | "minItems" | "maxItems" => {}
            "required" => {
                let Some(object) = value.as_object() else { continue };
                for name in demand.as_array().unwrap().iter().map(|name| name.as_str().unwrap()) {
                    if !object.contains_key(name) {
                        faults.push(format!("{at}: {name} is missing"));
                    }
                }
            }
            "properties" => {
                for (name, below) in demand.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        judge(root, below, value, &format!("{at}.{name}"), faults);
                    }
                }
            }
            "additionalProperties" | "unevaluatedProperties" => {
                let Some(object) = value.as_object() else { continue };
                for (name, value) in object {
                    if schema.get("properties").and_then(|known| known.get(name)).is_none() {
                        judge(root, demand, value, &format!("{at}.{name}"), faults);
                    }
                }
            }
            "items" => {
                for (n, value) in value.as_array().into_iter().flatten().enumerate() {
                    judge(root, demand, value, &format!("{at}[{n}]"), faults);
                }
            }
            "anyOf" | "oneOf" => {
                let holding = demand.as_array().unwrap().iter().filter(|schema| holds(schema)).count();
                if holding == 0 || (keyword == "oneOf" && holding > 1) {
                    faults.push(format!("{at}: {holding} of {keyword} hold for {value}"));
                }
            }
            "allOf" => {
                for schema in demand.as_array().unwrap() {
                    judge(root, schema, value, at, faults);
                }
            }
            "not" if holds(demand) => faults.push(format!("{at}: {value} is what it must not be")),
            "not" => {}
            "if" => {
                if holds(demand) {
                    judge(root, &schema["then"], value, at, faults);
                }
            }
            unknown => panic!("{at}: the keyword {unknown} is not judged here; add it"),
        }
    }
}

fn resolve<'a>(root: &'a Value, reference: &Value) -> &'a Value {
    let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
    root.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

fn types(demand: &Value) -> Vec<&str> {
    match demand {
        Value::Array(words) => words.iter().map(|word| word.as_str().unwrap()).collect(),
        word => vec![word.as_str().unwrap()],
    }
}

fn is(word: &str, value: &Value) -> bool {
    match word {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        unknown => panic!("no such type: {unknown}"),
    }
}
