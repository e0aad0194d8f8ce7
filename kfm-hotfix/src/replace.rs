//! Replaces the value of one field in a document, and nothing else.

use serde::de::IgnoredAny;

use crate::field::{DEPTH_MAX, FieldPath};
use crate::json_text::JsonText;
use crate::span::{depth_of, rivals_of, span_of};

/// The mark that some editors write before a JSON text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Returns the text of a field's value as the document has it; `None` if there is no such field, or the document is
/// not JSON. Of two members with one name, the last one counts.
pub(crate) fn value_text<'a>(document: &'a [u8], field: &FieldPath) -> Option<&'a str> {
    let json = json_of(document)?;
    json.get(span_of(json.as_bytes(), field)?)
}

/// Lists the texts of a field's values if readers differ about it, since it or a value that it is in is there more than
/// once; empty if they do not.
pub(crate) fn rivals<'a>(document: &'a [u8], field: &FieldPath) -> Vec<&'a str> {
    let Some(json) = json_of(document) else { return Vec::new() };
    rivals_of(json.as_bytes(), field).into_iter().filter_map(|span| json.get(span)).collect()
}

/// Returns the document with the bytes of one value replaced; every other byte stays.
///
/// The result is read again: it must be JSON and have the new value. `None` if the document has no such field, if
/// the result is not so, or if the replacement would nest the document deeper than readers go; then the document is
/// left alone.
pub(crate) fn replaced(document: &[u8], field: &FieldPath, to: &JsonText) -> Option<Vec<u8>> {
    let json = json_of(document)?;
    let mark = document.len() - json.len();
    let span = span_of(json.as_bytes(), field)?;
    let mut bytes = Vec::with_capacity(document.len() + to.text().len());
    bytes.extend_from_slice(&document[..mark + span.start]);
    bytes.extend_from_slice(to.text().as_bytes());
    bytes.extend_from_slice(&document[mark + span.end..]);
    let is_as_meant = value_text(&bytes, field) == Some(to.text());
    let levels = depth_of(&bytes);
    (is_as_meant && (levels <= DEPTH_MAX || levels <= depth_of(document))).then_some(bytes)
}

/// Returns a document's text without a byte order mark; `None` if it is not JSON.
fn json_of(document: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(document.strip_prefix(BYTE_ORDER_MARK).unwrap_or(document)).ok()?;
    serde_json::from_str::<IgnoredAny>(text).ok().map(|_| text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn patched(document: &str, field: &str, to: &str) -> Option<String> {
        let (field, to) = (FieldPath::parse(field).expect("a path"), to.parse().expect("JSON"));
        let bytes = replaced(document.as_bytes(), &field, &to)?;
        Some(String::from_utf8(bytes).expect("text stays text"))
    }

    #[test]
    fn every_other_byte_is_what_it_was() {
        let document = "\u{feff}{\n  \"b\": 1.0, \"properties\" : {\"license\" :  \"UNKNOWN\" ,\"x\":1e2},\n \"a\": \"\\u00fc\"}\n";
        let expected = document.replace("\"UNKNOWN\"", "\"CC-BY-4.0\"");
        assert_eq!(patched(document, "properties.license", "\"CC-BY-4.0\""), Some(expected));
    }

    #[test]
    fn of_a_member_that_is_there_twice_the_last_is_replaced() {
        let told = patched(r#"{"a": 1, "a": 1}"#, "a", "2");
        assert_eq!(told.as_deref(), Some(r#"{"a": 1, "a": 2}"#));
    }

    #[test]
    fn what_is_not_json_or_has_no_such_field_is_left_alone() {
        for document in ["", "\n", "{\"a\": 1", "[1]", "{\"b\": 1}", "{\"a\": 1} x", "{\"a\": NaN}"] {
            assert_eq!(patched(document, "a", "2"), None, "{document}");
        }
    }

    #[test]
    fn numbers_that_no_double_holds_are_replaced_like_others_and_texts_are_put_as_they_are_written() {
        let document = r#"{"a": 1e999, "b": 9007199254740993, "c": "\ud800"}"#;
        assert_eq!(
            patched(document, "a", "30.0").as_deref(),
            Some(r#"{"a": 30.0, "b": 9007199254740993, "c": "\ud800"}"#)
        );
        assert_eq!(
            patched(document, "b", "[ 1e2 ]").as_deref(),
            Some(r#"{"a": 1e999, "b": [ 1e2 ], "c": "\ud800"}"#)
        );
    }

    #[test]
    fn a_document_gets_no_deeper_than_readers_go_unless_it_was() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(patched(r#"{"a": {"b": 1}}"#, "a.b", &nested(DEPTH_MAX - 2)).is_some());
        assert_eq!(patched(r#"{"a": {"b": 1}}"#, "a.b", &nested(DEPTH_MAX - 1)), None);
        let deep = format!(r#"{{"a": {{"b": 1}}, "c": {}}}"#, nested(500));
        assert!(patched(&deep, "a.b", &nested(DEPTH_MAX - 1)).is_some());
    }

    /// JSON texts with white space, escapes, repeated names and numbers in many forms.
    fn texts() -> impl Strategy<Value = String> {
        let name = prop_oneof![
            Just("\"a\"".to_owned()),
            Just("\"b\"".to_owned()),
            Just("\"\\u0061\"".to_owned()),
            Just("\"ü.é\"".to_owned()),
        ];
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9])?",
            r#""([a-z{}\[\]:, ü😀]|\\"|\\\\|\\n|\\u00e9|\\/){0,6}""#,
        ];
        let space = || "[ \n\t]{0,2}";
        leaf.prop_recursive(4, 24, 4, move |inner| {
            let member = (space(), name.clone(), space(), space(), inner.clone(), space())
                .prop_map(|(a, name, b, c, value, d)| format!("{a}{name}{b}:{c}{value}{d}"));
            let element = (space(), inner, space()).prop_map(|(a, value, b)| format!("{a}{value}{b}"));
            prop_oneof![
                proptest::collection::vec(member, 0..4).prop_map(|all| format!("{{{}}}", all.join(","))),
                proptest::collection::vec(element, 0..4).prop_map(|all| format!("[{}]", all.join(","))),
            ]
        })
    }

    /// Every field of a document, by pointer.
    fn fields(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let path = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                    found.push(path.clone());
                    fields(member, &path, found);
                }
            }
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    found.push(format!("{at}/{index}"));
                    fields(element, &format!("{at}/{index}"), found);
                }
            }
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn only_the_value_differs_in_meaning_and_in_bytes(text in texts(), to in prop_oneof![Just(json!("new")), Just(json!({"n": [1.5, null]}))]) {
            let mut paths = Vec::new();
            fields(&serde_json::from_str(&text).expect("the texts are JSON"), "", &mut paths);
            for path in paths {
                let field = FieldPath::parse(&path).expect("a pointer");
                let written = JsonText::try_from(&to).expect("not deep");
                let after = replaced(text.as_bytes(), &field, &written);
                let after = after.expect("a field that a document has can be replaced");
                let mut expected: Value = serde_json::from_str(&text).expect("JSON");
                *field.value_in_mut(&mut expected).expect("the field") = to.clone();
                prop_assert_eq!(&serde_json::from_slice::<Value>(&after).expect("JSON"), &expected);
                let new = to.to_string();
                let span = span_of(text.as_bytes(), &field).expect("found");
                prop_assert_eq!(&after[..span.start], &text.as_bytes()[..span.start]);
                prop_assert_eq!(&after[span.start + new.len()..], &text.as_bytes()[span.end..]);
                prop_assert!(serde_json::from_slice::<Value>(&text.as_bytes()[span]).is_ok(), "a whole value is replaced");
            }
        }
    }
}
