//! All values of a text, in its order: a tree in one flat list, so that walking it needs no recursion.

use std::borrow::Cow;

/// A value without what is inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::document) enum Scalar<'t> {
    /// The value `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it is written, so that no digit is lost.
    Number(Cow<'t, str>),
    /// A text, with its escapes read.
    Text(Cow<'t, str>),
    /// An array; its items follow it in the list.
    Array,
    /// An object; its members follow it in the list.
    Object,
    /// Something that cannot be read, in the place of a value.
    Unread,
}

#[derive(Debug)]
struct Node<'t> {
    name: Option<Cow<'t, str>>,
    scalar: Scalar<'t>,
    /// The number of the first node after it that is not inside it.
    end: usize,
}

/// The values of a text; there is at least one value.
#[derive(Debug)]
pub(in crate::document) struct Tree<'t> {
    nodes: Vec<Node<'t>>,
}

impl Tree<'_> {
    /// Returns the value that contains all others.
    pub(in crate::document) fn root(&self) -> Statement<'_> {
        Statement { nodes: &self.nodes, at: 0 }
    }
}

/// One value of a text, with its name and everything inside it.
#[derive(Debug, Clone, Copy)]
pub(in crate::document) struct Statement<'a> {
    nodes: &'a [Node<'a>],
    at: usize,
}

impl<'a> Statement<'a> {
    /// Returns the name of a member; an item of an array has none.
    pub(in crate::document) fn name(self) -> Option<&'a str> {
        self.nodes[self.at].name.as_deref()
    }

    /// Returns the value itself.
    pub(in crate::document) fn scalar(self) -> &'a Scalar<'a> {
        &self.nodes[self.at].scalar
    }

    /// Returns the value if it is a text.
    pub(in crate::document) fn text(self) -> Option<&'a str> {
        match self.scalar() {
            Scalar::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Lists the members or items, in the order of the text.
    pub(in crate::document) fn children(self) -> impl Iterator<Item = Self> {
        let (end, mut next) = (self.end(), self.at + 1);
        std::iter::from_fn(move || {
            let child = (next < end).then_some(Self { at: next, ..self })?;
            next = child.end();
            Some(child)
        })
    }

    /// Lists everything inside the value, at any depth, in the order of the text.
    pub(in crate::document) fn inside(self) -> impl Iterator<Item = Self> {
        (self.at + 1..self.end()).map(move |at| Self { at, ..self })
    }

    /// Lists the members with a name; a name may occur more than once.
    pub(in crate::document) fn members(self, name: &str) -> impl Iterator<Item = Self> {
        self.children().filter(move |child| child.name() == Some(name))
    }

    /// Returns the last member with a name, which is the one that most readers see.
    pub(in crate::document) fn last(self, name: &str) -> Option<Self> {
        self.members(name).last()
    }

    /// Lists the texts and numbers that the value is or contains, at any depth.
    pub(in crate::document) fn words(self) -> impl Iterator<Item = &'a str> {
        std::iter::once(self).chain(self.inside()).filter_map(|statement| match statement.scalar() {
            Scalar::Text(word) | Scalar::Number(word) => Some(word.as_ref()),
            Scalar::Null | Scalar::Bool(_) | Scalar::Array | Scalar::Object | Scalar::Unread => None,
        })
    }

    /// Returns the number of the value in the order of the text.
    pub(in crate::document) fn position(self) -> usize {
        self.at
    }

    /// Returns the number of the first value after it that is not inside it.
    pub(in crate::document) fn end(self) -> usize {
        self.nodes[self.at].end
    }

    /// Says whether the value is an object.
    pub(in crate::document) fn is_object(self) -> bool {
        *self.scalar() == Scalar::Object
    }

    /// Says whether the value is an array.
    pub(in crate::document) fn is_array(self) -> bool {
        *self.scalar() == Scalar::Array
    }
}

/// A tree that is being built: values are closed in the reverse order of their opening.
#[derive(Debug, Default)]
pub(super) struct Builder<'t> {
    nodes: Vec<Node<'t>>,
    open: Vec<usize>,
}

/// The array or object into which the next value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Innermost {
    pub(super) is_object: bool,
    pub(super) is_empty: bool,
}

impl<'t> Builder<'t> {
    /// Adds a value without children.
    pub(super) fn add(&mut self, name: Option<Cow<'t, str>>, scalar: Scalar<'t>) {
        let end = self.nodes.len() + 1;
        self.nodes.push(Node { name, scalar, end });
    }

    /// Opens an array or an object.
    pub(super) fn open(&mut self, name: Option<Cow<'t, str>>, scalar: Scalar<'t>) {
        self.open.push(self.nodes.len());
        self.add(name, scalar);
    }

    /// Closes the value that was opened last.
    pub(super) fn close(&mut self) {
        let end = self.nodes.len();
        if let Some(node) = self.open.pop().and_then(|at| self.nodes.get_mut(at)) {
            node.end = end;
        }
    }

    /// Returns the value that was opened last and is not closed.
    pub(super) fn innermost(&self) -> Option<Innermost> {
        let at = *self.open.last()?;
        let is_object = self.nodes[at].scalar == Scalar::Object;
        Some(Innermost { is_object, is_empty: at + 1 == self.nodes.len() })
    }

    /// Returns how many values are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Closes what is still open and returns the tree; `None` if it is empty.
    pub(super) fn finish(mut self) -> Option<Tree<'t>> {
        while !self.open.is_empty() {
            self.close();
        }
        (!self.nodes.is_empty()).then_some(Tree { nodes: self.nodes })
    }
}
