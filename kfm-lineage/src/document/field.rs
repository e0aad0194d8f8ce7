//! A member that rules depend on: there, not there, or there and unreadable.

use super::reader::Statement;

/// What a document says under one name, or several that mean the same.
///
/// Absent and malformed are different answers: the first may be given elsewhere (the registry), the second
/// means that somebody said something which cannot be obeyed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field<T> {
    /// Stated, once or several times alike.
    Present(T),
    /// Not stated anywhere.
    Absent,
    /// Stated as something else than a text, or stated differently in two places.
    Malformed,
}

impl<T> Field<T> {
    /// Returns the value, if it is present.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Malformed => None,
        }
    }
}

impl Field<String> {
    /// Reads one statement from all places where it stands.
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
