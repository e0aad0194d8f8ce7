//! The only reader of documents: from bytes to everything that they state.
//!
//! It is as lenient as the most lenient common reader, since some program will read the document with that
//! one. What any of them accepts is accepted here, and what is stated twice is kept twice. A text that cannot
//! be read as JSON is read by its tokens. The reader decides nothing: its callers decide which statement
//! counts.
//!
//! Time and memory are linear in the bytes, and nothing recurses: a deep document needs no deep stack.

mod aside;
mod encoding;
mod json;
mod quoted;
mod run;
mod tokens;
mod tree;

pub(super) use encoding::decode;
pub(super) use tree::{Scalar, Statement, Tree};

/// How many levels of nesting are read as JSON; a deeper document is read by its tokens.
const DEPTH_MAX: usize = 1000;

/// The result of reading a text.
#[derive(Debug)]
pub(super) enum Reading<'t> {
    /// A JSON object.
    Object(Tree<'t>),
    /// Something else that begins like JSON: another value, or text that is not valid and was read by its
    /// tokens.
    Tokens(Tree<'t>),
    /// A text that states nothing.
    Nothing,
}

/// Reads a text.
pub(super) fn read(text: &str) -> Reading<'_> {
    match json::read(text) {
        Some(tree) => match tree.root().scalar() {
            Scalar::Object => Reading::Object(tree),
            Scalar::Array => Reading::Tokens(tree),
            _ => Reading::Nothing,
        },
        None => tokens::read(text).map_or(Reading::Nothing, Reading::Tokens),
    }
}

/// Says whether a name spells a word, which is given in small letters. Case, blanks, `_`, `-` and other signs
/// do not count.
pub(super) fn spells(name: &str, word: &str) -> bool {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).eq(word.chars())
}

#[cfg(test)]
mod tests;
