//! A member on which rules depend: present, absent, or present and not readable.

use super::reader::Statement;

/// What a document says under one name, or under several names with the same meaning.
///
/// Absent and malformed are different answers. What is absent may be stated elsewhere (in the registry).
/// Malformed means that the document states something which cannot be obeyed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Field<T> {
    /// It is stated, once or several times alike.
    Present(T),
    /// It is not stated anywhere.
    Absent,
    /// It is stated as something else than a text, or differently in two places.
    Malformed,
}

impl<T> Field<T> {
    /// Returns the value; `None` if it is not present.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Malformed => None,
        }
    }
}

impl Field<String> {
    /// Reads one statement from all the places where it may stand.
    pub(super) fn stated<'a>(places: impl IntoIterator<Item = Statement<'a>>) -> Self {
        let mut stated: Option<&str> = None;
        for place in places {
            match (place.text(), stated) {
                (Some(text), Some(earlier)) if text == earlier => {}
                (Some(text), None) => stated = Some(text),
                _ => return Self::Malformed,
            }
        }
        stated.map_or(Self::Absent, |text| Self::Present(text.to_owned()))
    }
}
