//! Short texts in records: bounded in length, in one line, never empty.

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
            /// [`TextError`](crate::TextError): the text is empty, too long, or has control characters;
            /// correct it.
            pub fn parse(text: &str) -> Result<Self, crate::TextError> {
                if crate::text::fits(text, $bytes_max) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(crate::TextError { kind: $kind, bytes_max: $bytes_max })
                }
            }

            /// Makes a text from one that may not fit: control characters become spaces, a text that is too
            /// long is cut, and an empty one becomes `-`. For texts that must be recorded whatever a person
            /// typed.
            pub fn lossy(text: &str) -> Self {
                Self(crate::text::fitted(text, $bytes_max))
            }

            /// Returns the text as it is.
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
                // JSON Schema counts characters and this type counts bytes: the schema allows more.
                schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": $bytes_max })
            }
        }
    };
}

pub(crate) use text_of;

text_of!(
    /// A short text that a caller chooses: an actor, a version, a reference. At most 512 bytes.
    Label, "label", 512
);

text_of!(
    /// A sentence that a person wrote for other persons: a reason. At most 4096 bytes.
    Reason, "reason", 4096
);

/// Why a text is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("not a {kind}, expected a text in one line that is not empty: bytes_max={bytes_max}")]
pub struct TextError {
    /// The kind of text that was expected.
    pub kind: &'static str,
    /// The longest text that is accepted, in bytes.
    pub bytes_max: usize,
}

/// The mark at the place where a text was cut.
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
