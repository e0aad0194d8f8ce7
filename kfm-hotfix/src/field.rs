//! [`FieldPath`]: the name of a field of a document.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// The most steps of a path; the reader of documents goes no deeper either.
pub const DEPTH_MAX: usize = 127;

/// Names a field of a JSON document: `properties.license`, `providers.0.url`.
///
/// Steps are separated by dots. A step names a member of an object or, as a number from 0 without leading
/// zeros, an element of an array. A member whose name has a dot is reached by a JSON pointer (RFC 6901), which
/// begins with a slash: `/properties/sat:orbit.state`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath {
    text: String,
    steps: Vec<String>,
}

/// Why a text does not name a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this does not name a field, {why}: field=`{text}`")]
pub struct FieldPathError {
    why: &'static str,
    text: String,
}

impl FieldPath {
    /// Parses a path.
    ///
    /// ```
    /// use kfm_hotfix::FieldPath;
    /// assert_eq!(FieldPath::parse("/a.b/c~1d")?.steps(), ["a.b", "c/d"]);
    /// assert!(FieldPath::parse("properties..license").is_err());
    /// # Ok::<(), kfm_hotfix::FieldPathError>(())
    /// ```
    ///
    /// # Errors
    /// [`FieldPathError`]: the path is empty, or has an empty step, too many steps, or a bad escape; repair it.
    pub fn parse(text: &str) -> Result<Self, FieldPathError> {
        let refused = |why| FieldPathError { why, text: text.chars().take(200).collect() };
        let steps: Option<Vec<String>> = match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(unescaped).collect(),
            None => Some(text.split('.').map(str::to_owned).collect()),
        };
        let steps = steps.ok_or_else(|| refused("a ~ in a pointer is followed by 0 or 1"))?;
        if !text.starts_with('/') && steps.iter().any(String::is_empty) {
            return Err(refused("a step is empty"));
        }
        if steps.len() > DEPTH_MAX {
            return Err(refused("it has too many steps"));
        }
        Ok(Self { text: text.to_owned(), steps })
    }

    /// Returns the steps from the document's root.
    pub fn steps(&self) -> &[String] {
        &self.steps
    }

    /// Returns the field's value in a document; `None` if the document has no such field.
    pub fn value_in<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.steps.iter().try_fold(document, |value, step| match value {
            Value::Object(members) => members.get(step),
            Value::Array(elements) => elements.get(index_of(step)?),
            _ => None,
        })
    }

    /// Returns the field's value, so that the caller can change it.
    #[cfg(test)]
    pub(crate) fn value_in_mut<'a>(&self, document: &'a mut Value) -> Option<&'a mut Value> {
        self.steps.iter().try_fold(document, |value, step| match value {
            Value::Object(members) => members.get_mut(step),
            Value::Array(elements) => elements.get_mut(index_of(step)?),
            _ => None,
        })
    }
}

/// Reads a step as the index of an array's element (RFC 6901: digits without leading zeros).
pub(crate) fn index_of(step: &str) -> Option<usize> {
    let canonical = step == "0" || !step.starts_with('0');
    (canonical && step.bytes().all(|byte| byte.is_ascii_digit())).then(|| step.parse().ok()).flatten()
}

fn unescaped(step: &str) -> Option<String> {
    let mut parts = step.split('~');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = match part.as_bytes().first() {
            Some(b'0') => "~",
            Some(b'1') => "/",
            _ => return None,
        };
        text.push_str(rest);
        text.push_str(&part[1..]);
    }
    Some(text)
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for FieldPath {
    type Err = FieldPathError;

    fn from_str(text: &str) -> Result<Self, FieldPathError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(path: &str, document: &Value) -> Option<Value> {
        FieldPath::parse(path).expect("a path").value_in(document).cloned()
    }

    #[test]
    fn a_step_names_a_member_or_an_element() {
        let document = json!({"a": [{"b": 1}, {"b": 2}], "0": 3, "x.y": 4, "p/q~": 5, "": 6});
        assert_eq!(value("a.1.b", &document), Some(json!(2)));
        assert_eq!(value("0", &document), Some(json!(3)), "a member may be called 0");
        assert_eq!(value("/x.y", &document), Some(json!(4)));
        assert_eq!(value("/p~1q~0", &document), Some(json!(5)));
        assert_eq!(value("/", &document), Some(json!(6)));
        for absent in ["a.2", "a.01", "a.+1", "a.-", "a.b", "x.y", "0.a", "a.18446744073709551616"] {
            assert_eq!(value(absent, &document), None, "{absent}");
        }
    }

    #[test]
    fn what_names_no_field_is_refused() {
        let deep = vec!["a"; DEPTH_MAX + 1].join(".");
        for text in ["", ".", "a.", ".a", "a..b", "/a~2", "/a~", &deep] {
            assert!(FieldPath::parse(text).is_err(), "{text}");
        }
    }
}
