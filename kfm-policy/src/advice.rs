//! [`Advice`]: a sentence that says what to do, with what it names as data.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize, Serializer};

use crate::remedy::Remedy;

/// A sentence about what to do.
///
/// It is a text in which remedies and parameters stand as data, so that every program says them in its own words: the
/// library's `record them by a reconcile that adopts` is a command's `record them by 'kfm reconcile --adopt'`.
/// [`Display`](fmt::Display) gives the sentence in the library's words. An adapter or a check that has only words makes
/// its advice from a text.
///
/// As JSON it is a string, or a list of strings, remedies and parameters where it names any.
///
/// ```
/// use kfm_policy::{Advice, Parameter, Part, Remedy};
///
/// let plain = Advice::from("execute the plan on Monday");
/// assert_eq!(plain.to_string(), "execute the plan on Monday");
///
/// let advice = kfm_policy::advice!["record them by ", Remedy::AdoptForeign, ", or name them in ", Parameter::Skip];
/// assert_eq!(advice.to_string(), "record them by a reconcile that adopts, or name them in `skip`");
/// assert_eq!(advice.remedies().collect::<Vec<_>>(), [&Remedy::AdoptForeign]);
/// let own = |part: &Part| match part {
///     Part::Text(text) => text.clone(),
///     Part::Remedy(_) => "the button Adopt".into(),
///     Part::Parameter { .. } => "the list on the left".into(),
/// };
/// let own: String = advice.parts().iter().map(own).collect();
/// assert_eq!(own, "record them by the button Adopt, or name them in the list on the left");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Form")]
pub struct Advice(Vec<Part>);

/// One part of an [`Advice`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Part {
    /// Words.
    Text(String),
    /// The name of a request's parameter.
    Parameter {
        /// The parameter.
        parameter: Parameter,
    },
    /// Something that the caller can do.
    Remedy(Remedy),
}

/// A parameter of a request, where an [`Advice`] names it; it is called as the field of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Parameter {
    /// Keys of cells to leave alone.
    Skip,
    /// To go on although versions are gone (R46), and why that is right.
    Force,
    /// To take a document that cannot be masked out of what readers see.
    HideUnmaskable,
    /// To look only, and write nothing.
    DryRun,
    /// That a mirror may retire much of the catalog.
    MaySweep,
    /// That an entry is meant although it covers nothing yet.
    EvenIfNothing,
    /// Why it is asked for.
    Reason,
    /// The one entity that a label is about.
    Entity,
    /// The folder that a label is about.
    Under,
    /// The public key of a principal.
    PublicKey,
    /// The platform's folder.
    Root,
    /// The value that a hotfix replaces.
    From,
    /// The value that a hotfix writes.
    To,
}

impl Advice {
    /// The name under which the type serialises, by which a serializer can tell it from other texts and lists.
    pub const NAME: &str = "Advice";

    /// Makes an advice of its parts.
    pub fn of(parts: impl IntoIterator<Item = Part>) -> Self {
        let mut advice = Self::default();
        parts.into_iter().for_each(|part| advice.push(part));
        advice
    }

    /// Adds a part; texts that meet become one, and an empty one is left out.
    pub fn push(&mut self, part: impl Into<Part>) {
        match (part.into(), self.0.last_mut()) {
            (Part::Text(text), _) if text.is_empty() => {}
            (Part::Text(text), Some(Part::Text(before))) => before.push_str(&text),
            (part, _) => self.0.push(part),
        }
    }

    /// Returns the advice with another behind it.
    #[must_use]
    pub fn and(mut self, other: impl Into<Self>) -> Self {
        other.into().0.into_iter().for_each(|part| self.push(part));
        self
    }

    /// Says whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the remedies that it names, in their order.
    pub fn remedies(&self) -> impl Iterator<Item = &Remedy> {
        self.0.iter().filter_map(|part| match part {
            Part::Remedy(remedy) => Some(remedy),
            Part::Text(_) | Part::Parameter { .. } => None,
        })
    }

    /// Returns the parts, for a program that says them in its own words.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }
}

/// Makes an [`Advice`] of texts, remedies and parameters.
#[macro_export]
macro_rules! advice {
    ($($part:expr),+ $(,)?) => { $crate::Advice::of([$($crate::Part::from($part)),+]) };
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| part.fmt(f))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Parameter { parameter } => write!(f, "`{}`", parameter.as_str()),
            Self::Remedy(remedy) => remedy.fmt(f),
        }
    }
}

impl Parameter {
    /// Returns the name of the request's field.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Force => "force",
            Self::HideUnmaskable => "hide_unmaskable",
            Self::DryRun => "dry_run",
            Self::MaySweep => "may_sweep",
            Self::EvenIfNothing => "even_if_nothing",
            Self::Reason => "reason",
            Self::Entity => "entity",
            Self::Under => "under",
            Self::PublicKey => "public_key",
            Self::Root => "root",
            Self::From => "from",
            Self::To => "to",
        }
    }
}

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Remedy> for Part {
    fn from(remedy: Remedy) -> Self {
        Self::Remedy(remedy)
    }
}

impl From<Parameter> for Part {
    fn from(parameter: Parameter) -> Self {
        Self::Parameter { parameter }
    }
}

impl<P: Into<Part>> From<P> for Advice {
    fn from(part: P) -> Self {
        Self::of([part.into()])
    }
}

/// How an advice is written.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Form {
    Text(String),
    Parts(Vec<Part>),
}

impl From<Form> for Advice {
    fn from(form: Form) -> Self {
        match form {
            Form::Text(text) => Self::from(text),
            Form::Parts(parts) => Self::of(parts),
        }
    }
}

impl Serialize for Advice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [] => serializer.serialize_newtype_struct(Self::NAME, ""),
            [Part::Text(text)] => serializer.serialize_newtype_struct(Self::NAME, text),
            parts => serializer.serialize_newtype_struct(Self::NAME, parts),
        }
    }
}

impl JsonSchema for Advice {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Self::NAME.into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Form::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_advice_of_words_alone_is_a_string_as_it_was_before_there_were_remedies() {
        let advice = Advice::from("mend it");
        assert_eq!(serde_json::to_value(&advice).unwrap(), json!("mend it"));
        assert_eq!(serde_json::from_value::<Advice>(json!("mend it")).unwrap(), advice);
        assert_eq!(serde_json::to_value(Advice::default()).unwrap(), json!(""));
        assert!(serde_json::from_value::<Advice>(json!("")).unwrap().is_empty());
    }

    #[test]
    fn what_an_advice_names_is_data_and_comes_back() {
        let advice =
            advice!["say it in ", Parameter::Reason, "; then ", Remedy::Examine { digests: true }, "."];
        let written = json!([
            "say it in ",
            { "parameter": "reason" },
            "; then ",
            { "remedy": "examine", "digests": true },
            "."
        ]);
        assert_eq!(serde_json::to_value(&advice).unwrap(), written);
        assert_eq!(serde_json::from_value::<Advice>(written).unwrap(), advice);
    }

    #[test]
    fn texts_that_meet_are_one_and_an_empty_one_is_none() {
        let advice = Advice::from("a").and("b").and("").and(Remedy::Adopt).and("c");
        assert_eq!(advice, advice!["ab", Remedy::Adopt, "c"]);
    }
}
