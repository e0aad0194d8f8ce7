//! Canonical JSON: the JSON Canonicalization Scheme of RFC 8785.
//!
//! Keys are sorted by UTF-16 code units, there is no white space, and numbers are written as ECMAScript
//! prints them. It is written from the raw value, never from a value that went through a type, since types
//! drop nulls and rewrite dates (R26). The keys are sorted here and not by the map, because another crate in
//! the build may switch on `preserve_order`.

use serde_json::{Number, Value};

/// The largest exact integer, 2^53: larger ones are not exact as ECMAScript's numbers and are refused, not
/// rounded.
const EXACT_INTEGER_MAX: u64 = 1 << 53;

/// Why a value has no canonical form.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CanonicalError {
    /// An integer above 2^53: write it as a string.
    #[error("integer is not exact as a JSON number, write it as a string: value={value}")]
    InexactInteger {
        /// The integer, as it was read.
        value: String,
    },
    /// A typed value could not be written as JSON, which is a defect of its type: report it.
    #[error("value cannot be written as JSON")]
    NotJson,
}

/// Writes a JSON value in its canonical form.
///
/// ```
/// let value = serde_json::json!({"b": 1.0, "a": [null, "\u{20ac}"]});
/// assert_eq!(kfm_lineage::canonical_json(&value).unwrap(), "{\"a\":[null,\"\u{20ac}\"],\"b\":1}".as_bytes());
/// ```
///
/// # Errors
/// [`CanonicalError::InexactInteger`]: an integer beyond 2^53; repair the document.
pub fn canonical_json(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::with_capacity(256);
    write(value, &mut out)?;
    Ok(out)
}

/// Writes a typed value in canonical form: for the toolkit's own records, whose types have the same form as
/// the raw value.
///
/// # Errors
/// [`CanonicalError`]: the value contains something that has no canonical form.
pub fn canonical_of<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    canonical_json(&serde_json::to_value(value).map_err(|_| CanonicalError::NotJson)?)
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(number, out)?,
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(map) => {
            let mut members: Vec<(&String, &Value)> = map.iter().collect();
            members.sort_by(|(a, _), (b, _)| compare_utf16(a, b));
            out.push(b'{');
            for (i, (key, member)) in members.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_string(key, out);
                out.push(b':');
                write(member, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// Orders keys by UTF-16 code units (RFC 8785, 3.2.3), which differs from byte order above U+FFFF.
fn compare_utf16(a: &str, b: &str) -> std::cmp::Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

fn write_number(number: &Number, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    let inexact = |magnitude: u64| {
        if magnitude > EXACT_INTEGER_MAX {
            Err(CanonicalError::InexactInteger { value: number.to_string() })
        } else {
            Ok(())
        }
    };
    if let Some(integer) = number.as_u64() {
        inexact(integer)?;
        out.extend_from_slice(integer.to_string().as_bytes());
    } else if let Some(integer) = number.as_i64() {
        inexact(integer.unsigned_abs())?;
        out.extend_from_slice(integer.to_string().as_bytes());
    } else {
        let float =
            number.as_f64().ok_or_else(|| CanonicalError::InexactInteger { value: number.to_string() })?;
        out.extend_from_slice(ryu_js::Buffer::new().format(float).as_bytes());
    }
    Ok(())
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            0x00..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        String::from_utf8(canonical_json(&serde_json::from_str(text).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn the_example_of_rfc_8785_comes_out_as_printed_there() {
        let text = r#"{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"#;
        let expected = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
            \"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        assert_eq!(canonical(text), expected);
    }

    #[test]
    fn keys_are_sorted_by_utf16_code_units() {
        // U+1F600 is D83D DE00 in UTF-16 and comes before U+FB33, though its bytes come after.
        assert_eq!(canonical("{\"\u{fb33}\": 1, \"\u{1f600}\": 2}"), "{\"\u{1f600}\":2,\"\u{fb33}\":1}");
    }

    #[test]
    fn an_integer_beyond_2_to_the_53_is_refused_not_rounded() {
        let value: Value = serde_json::from_str("{\"size\": 9007199254740993}").unwrap();
        assert!(matches!(canonical_json(&value), Err(CanonicalError::InexactInteger { .. })));
        assert_eq!(canonical("-9007199254740992"), "-9007199254740992");
    }

    #[test]
    fn a_coordinate_of_17_digits_keeps_its_golden_digest() {
        // Fails if serde_json is built without float_roundtrip anywhere in the workspace.
        let value: Value = serde_json::from_str("[-105.08437639116218, 41.38251766441993, 5e-324]").unwrap();
        assert_eq!(canonical_json(&value).unwrap(), b"[-105.08437639116218,41.38251766441993,5e-324]");
    }
}
