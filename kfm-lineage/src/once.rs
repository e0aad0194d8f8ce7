//! [`read_once`]: JSON in which a name occurs only once in an object.
//!
//! RFC 8259 leaves open what a repeated name means, and readers differ. A document that is signed or executed
//! may have only one meaning, so it is read by this function.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads a JSON value; an object with two members of the same name is an error, at any depth.
///
/// ```
/// assert!(kfm_lineage::read_once(br#" {"a": [1, {"b": null}]} "#).is_ok());
/// assert!(kfm_lineage::read_once(br#"{"a": [{"b": 1, "\u0062": 2}]}"#).is_err());
/// ```
///
/// # Errors
/// The text is not JSON, is nested too deep, or repeats a name: do not use the document.
pub fn read_once(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Once>(bytes).map(|Once(value)| value)
}

struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value in which a name stands once")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(Once(element)) = access.next_element()? {
            elements.push(element);
        }
        Ok(elements.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Once(member))) = access.next_entry::<String, Once>()? {
            if members.insert(name, member).is_some() {
                return Err(A::Error::custom("a name stands twice in one object"));
            }
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_any_reader_reads_it() {
        let text = br#"{"a": [1, -2, 1.5, "x", null, true, {}], "b": 18446744073709551615, "c": ""}"#;
        assert_eq!(read_once(text).unwrap(), serde_json::from_slice::<Value>(text).unwrap());
    }

    #[test]
    fn a_name_that_stands_twice_is_refused_at_any_depth_and_in_any_spelling() {
        for text in [r#"{"a":1,"a":1}"#, r#"[[{"b":{"a":1,"\u0061":2}}]]"#, "{", "", "1 2"] {
            assert!(read_once(text.as_bytes()).is_err(), "{text}");
        }
        assert!(read_once(br#"{"a": {"a": [{"a": 1}, {"a": 1}]}}"#).is_ok(), "each in its own object");
    }
}
