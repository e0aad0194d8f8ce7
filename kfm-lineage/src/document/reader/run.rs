//! A name and the pieces of its value, in a text that is not valid JSON.

use std::borrow::Cow;

use super::spells;
use super::tokens::scalar;
use super::tree::{Builder, Scalar};

/// The names that protection depends on.
const WORDS: [&str; 6] = ["id", "collection", "kfmcarelabel", "kfmcaretag", "carelabel", "caretag"];

/// A longer name with escapes is no name of a run: it would be copied for each piece.
const COPIED_BYTES_MAX: usize = 256;

/// Returns which of the names that protection depends on a name spells.
pub(super) fn word_of(name: &str) -> Option<&'static str> {
    WORDS.into_iter().find(|word| spells(name, word))
}

/// Returns a name that costs little to copy.
pub(super) fn name_of<'t>(name: &Cow<'t, str>) -> Option<Cow<'t, str>> {
    match name {
        Cow::Owned(owned) if owned.len() > COPIED_BYTES_MAX => word_of(owned).map(Cow::Borrowed),
        short => Some(short.clone()),
    }
}

/// A name, and what stands behind it up to a comma, a bracket or the next name.
#[derive(Debug)]
pub(super) struct Run<'t> {
    name: Cow<'t, str>,
    /// Whether a colon or an equals sign stands behind the name.
    pub(super) is_signed: bool,
    pieces: Vec<(Cow<'t, str>, bool)>,
}

impl<'t> Run<'t> {
    pub(super) fn new(name: &Cow<'t, str>, is_signed: bool) -> Option<Self> {
        Some(Self { name: name_of(name)?, is_signed, pieces: Vec::new() })
    }

    /// Returns the name if only words without quotes stand behind it.
    pub(super) fn name_behind_words(&self) -> Option<Cow<'t, str>> {
        let is_only_words = !self.is_empty() && self.pieces.iter().all(|(_, is_quoted)| !is_quoted);
        is_only_words.then(|| self.name.clone())
    }

    /// Returns the label's name of which this name and a part behind its colon are the halves.
    pub(super) fn name_with(&self, part: &str) -> Option<&'static str> {
        if spells(&self.name, "kfm") { word_of(&format!("kfm{part}")) } else { None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn add(&mut self, piece: Cow<'t, str>, is_quoted: bool) {
        self.pieces.push((piece, is_quoted));
    }

    /// Forgets the last piece, which turned out to be the next name.
    pub(super) fn forget_last(&mut self) {
        self.pieces.pop();
    }

    /// States the pieces after the first one, which is stated already, and the whole.
    pub(super) fn state(self, tree: &mut Builder<'t>) {
        let Self { name, pieces, .. } = self;
        if pieces.len() < 2 {
            return;
        }
        let joined = |by: &str, of: &dyn Fn(bool) -> bool| {
            let pieces = pieces.iter().filter(|(_, is_quoted)| of(*is_quoted));
            pieces.map(|(piece, _)| piece.as_ref()).collect::<Vec<_>>().join(by)
        };
        let wholes = [joined("", &|is_quoted| is_quoted), joined(" ", &|is_quoted| !is_quoted)];
        for whole in wholes.into_iter().filter(|whole| !whole.is_empty()) {
            tree.add(Some(name.clone()), Scalar::Text(Cow::Owned(whole)));
        }
        for (piece, is_quoted) in pieces.into_iter().skip(1) {
            tree.add(Some(name.clone()), scalar(piece, is_quoted));
        }
    }

    /// Ends the value; a name with a sign and no value has one that cannot be read.
    pub(super) fn end(self, tree: &mut Builder<'t>) {
        if self.is_signed && self.is_empty() && word_of(&self.name).is_some() {
            tree.add(Some(self.name), Scalar::Unread);
        } else {
            self.state(tree);
        }
    }
}
