//! Short texts that end up in records: bounded, in one line, never empty.

/// Defines a text of 1 to `$bytes_max` bytes without control characters.
macro_rules! text_of {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $bytes_max:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Parses a text.
            ///
            /// # Errors
            /// [`TextError`](crate::TextError): it is empty, too long, or has control characters; shorten it.
            pub fn parse(text: &str) -> Result<Self, crate::TextError> {
                if crate::text::fits(text, $bytes_max) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(crate::TextError { kind: $kind, bytes_max: $bytes_max })
                }
            }

            /// Makes a text from one that may not fit: control characters become spaces, what is too long is
            /// cut, and nothing at all is `-`. For what must be recorded whatever somebody typed.
            pub fn lossy(text: &str) -> Self {
                Self(crate::text::fitted(text, $bytes_max))
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&<String as serde::Deserialize>::deserialize(deserializer)?)
                    .map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                // JSON Schema counts characters, we count bytes: the schema is the wider of the two.
                schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": $bytes_max })
            }
        }
    };
}

pub(crate) use text_of;

text_of!(
    /// A short text that somebody chose: an actor, a version, a reference.
    Label, "label", 512
);

text_of!(
    /// A sentence that a person wrote for other persons: a reason.
    Reason, "reason", 4096
);

/// Why a text is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("not a {kind}, expected a text in one line that is not empty: bytes_max={bytes_max}")]
pub struct TextError {
    /// What was wanted.
    pub kind: &'static str,
    /// The longest that is accepted.
    pub bytes_max: usize,
}

/// Marks where a text was cut.
const CUT: char = '…';

pub(crate) fn fitted(text: &str, bytes_max: usize) -> String {
    let mut fitted: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if fitted.len() > bytes_max {
        let room = bytes_max - CUT.len_utf8();
        let end =
            fitted.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= room).last();
        fitted.truncate(end.unwrap_or(0));
        fitted.push(CUT);
    }
    if fitted.trim().is_empty() { "-".to_owned() } else { fitted }
}

pub(crate) fn fits(text: &str, bytes_max: usize) -> bool {
    !text.trim().is_empty() && text.len() <= bytes_max && !text.chars().any(char::is_control)
}
