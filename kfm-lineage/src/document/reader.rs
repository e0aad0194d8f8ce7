//! The only reader of documents: from bytes to everything that they state.
//!
//! It is as lenient as the most lenient common reader, since some program will read the document with that
//! one. What any of them accepts is accepted here, and what is stated twice is kept twice. A text that cannot
//! be read as JSON is read by its tokens, also behind other text and inside a JSON text that holds the document.
//! The reader decides nothing: its callers decide which statement counts.
//!
//! Time and memory are linear in the bytes, and nothing recurses: a deep document needs no deep stack.

mod aside;
mod encoding;
mod json;
mod quoted;
mod run;
mod tokens;
mod tree;

pub(super) use tree::{Scalar, Statement, Tree};

use std::borrow::Cow;

/// How many levels of nesting are read as JSON; a deeper document is read by its tokens.
const DEPTH_MAX: usize = 1000;

/// How many JSON texts may be inside each other, with the document in the innermost.
const WRAPPINGS_MAX: usize = 4;

/// One of the texts that the bytes of a document may be.
#[derive(Debug)]
pub(super) struct Text<'b> {
    text: Cow<'b, str>,
    /// Whether the encoding was guessed: a wrong guess can begin with a bracket by chance, and names nothing.
    is_guess: bool,
    /// The first character that is not a blank and not in a comment.
    first: Option<char>,
    /// What stands inside its quotes, if it does not begin as an object: each text has the escapes of the one before it
    /// read.
    inside: Vec<String>,
}

/// The result of reading a text.
#[derive(Debug)]
pub(super) enum Reading<'t> {
    /// A JSON object.
    Object(Tree<'t>),
    /// Something else that begins like JSON: another value, or text that is not valid and was read by its
    /// tokens.
    Tokens(Tree<'t>),
    /// Names with values among other text, or inside a JSON text.
    Among(Tree<'t>),
    /// A text that states nothing.
    Nothing,
}

impl<'b> Text<'b> {
    /// Lists the texts that bytes may be, the likeliest first. The next one counts only if this one states nothing.
    pub(super) fn all(bytes: &'b [u8]) -> impl Iterator<Item = Self> {
        encoding::texts(bytes).map(|(text, is_guess)| Self::new(text, is_guess))
    }

    #[cfg(test)]
    pub(super) fn of(text: &'b str) -> Self {
        Self::new(Cow::Borrowed(text), false)
    }

    fn new(text: Cow<'b, str>, is_guess: bool) -> Self {
        let first = tokens::beginning(&text);
        let mut inside = Vec::new();
        while first != Some('{') && inside.len() < WRAPPINGS_MAX {
            let outer = inside.last().map_or(text.as_ref(), String::as_str);
            if !outer.contains("\\\"") {
                break;
            }
            inside.push(quoted::unescape(outer).text.into_owned());
        }
        Self { text, is_guess, first, inside }
    }

    /// Returns the text as it is.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Reads the text.
    pub(super) fn read(&self) -> Reading<'_> {
        match json::read(&self.text) {
            Some(tree) if tree.root().is_object() => return Reading::Object(tree),
            Some(tree) if tree.root().is_array() && self.inside.is_empty() => return Reading::Tokens(tree),
            _ => {}
        }
        let all = || std::iter::once(self.as_str()).chain(self.inside.iter().map(String::as_str));
        let begins_like_json = matches!(self.first, Some('{' | '['));
        if !(begins_like_json && !self.is_guess || all().any(tokens::names_something)) {
            return Reading::Nothing;
        }
        match tokens::read(all()) {
            Some(tree) if begins_like_json => Reading::Tokens(tree),
            Some(tree) => Reading::Among(tree),
            None => Reading::Nothing,
        }
    }
}

/// Says whether a name spells a word, which is given in small letters. Case, blanks, `_`, `-` and other signs
/// do not count.
pub(super) fn spells(name: &str, word: &str) -> bool {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).eq(word.chars())
}

#[cfg(test)]
mod tests;
