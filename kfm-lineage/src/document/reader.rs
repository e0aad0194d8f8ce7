//! The one reader of documents: from bytes to all that they state.
//!
//! It is as lenient as the most lenient common reader, since that is what somebody will read a document with:
//! what any of them takes is taken here, and what is said twice is kept twice. What it cannot read as JSON it
//! reads by its tokens. It decides nothing: which statement counts is for those who ask.
//!
//! Time and memory are linear in the bytes, and nothing recurses: the depth of a document costs no stack.

mod encoding;
mod json;
mod quoted;
mod tokens;
mod tree;

pub(super) use encoding::decode;
pub(super) use tree::{Scalar, Statement, Tree};

/// Levels of nesting that are read as JSON; a document that goes deeper is read by its tokens.
const DEPTH_MAX: usize = 1000;

/// What a text is, with what it states.
#[derive(Debug)]
pub(super) enum Reading<'t> {
    /// A JSON object.
    Object(Tree<'t>),
    /// Something else that begins like JSON: another value, or text that is not valid and was read by its tokens.
    Tokens(Tree<'t>),
    /// Nothing that states anything.
    Nothing,
}

/// Reads a text.
pub(super) fn read(text: &str) -> Reading<'_> {
    match json::read(text) {
        Some(tree) => match tree.root().scalar() {
            Scalar::Object => Reading::Object(tree),
            Scalar::Array => Reading::Tokens(tree),
            Scalar::Null | Scalar::Bool(_) | Scalar::Number(_) | Scalar::Text(_) => Reading::Nothing,
        },
        None => tokens::read(text).map_or(Reading::Nothing, Reading::Tokens),
    }
}

/// Says whether a name means a word, which is in small letters: case, blanks, `_`, `-` and other signs do not
/// count.
pub(super) fn spells(name: &str, word: &str) -> bool {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).eq(word.chars())
}

#[cfg(test)]
mod tests;
