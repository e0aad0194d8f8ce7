//! The statements of a text that is not valid JSON: every name with a value after it.
//!
//! Real catalogs have documents in which a comma is missing, two documents in one file, or half a document. A
//! person can read them, and so can a program that searches for a name. Brackets are followed as far as they
//! fit. A doubtful statement is kept, not left out: one statement too many can only add protection.
//!
//! What stands between a name and its value (blanks of any kind, comments, tags, prefixes, the marks of a
//! merge) does not part them, and a value in pieces is stated in pieces and as a whole. Where it is doubtful
//! whether something is a comment, or where a text ends, the text is read in both ways.

use std::borrow::Cow;

use super::DEPTH_MAX;
use super::aside::{Aside, Ends, is_blank, is_of_a_word};
use super::quoted::{closing, unescape};
use super::run::{Run, name_of, word_of};
use super::tree::{Builder, Scalar, Tree};

/// Reads the statements of texts, one after the other; `None` if the texts hold no statement.
pub(super) fn read<'t>(texts: impl IntoIterator<Item = &'t str>) -> Option<Tree<'t>> {
    let mut tree = Builder::default();
    tree.open(None, Scalar::Object);
    for text in texts {
        let mut reader = Reader {
            text,
            ends: Ends::of(text),
            way: Way { mends_quotes: true, knows_asides: true },
            met: Way { mends_quotes: false, knows_asides: false },
            at: 0,
            tree,
            open: [0, 0],
            too_deep: 0,
            name: None,
            run: None,
            aside: None,
            conflict: None,
        };
        reader.pass();
        let met = reader.met;
        if met.mends_quotes {
            reader.again(Way { mends_quotes: false, knows_asides: true });
        }
        if met.knows_asides {
            reader.again(Way { mends_quotes: true, knows_asides: false });
        }
        reader.close_all();
        tree = reader.tree;
    }
    tree.finish()
}

/// Returns the first character of a text that is not a blank, not a control character and not in a comment.
pub(super) fn beginning(text: &str) -> Option<char> {
    let (ends, mut at) = (Ends::of(text), 0);
    loop {
        at += text[at..].find(|c| !is_blank(c))?;
        match ends.read(text, at) {
            Some((_, length)) => at += length,
            None => return text[at..].chars().next(),
        }
    }
}

/// Says whether a name in quotes, with a colon behind it, stands anywhere in a text.
pub(super) fn names_something(text: &str) -> bool {
    let mut behind = ['\0'; 2];
    for c in text.chars().filter(|c| !is_blank(*c)) {
        let ends_a_name = matches!(behind, [_, '"' | '\'' | '”'] | ['*', '/'] | ['-', '>']);
        if matches!(c, ':' | '：') && ends_a_name {
            return true;
        }
        behind = [behind[1], c];
    }
    false
}

/// Says whether letters are a prefix of a text (`u"a"`, `rb"a"`, `$@"a"`).
fn is_prefix(word: &str) -> bool {
    word.len() <= 2 && word.bytes().all(|byte| b"uUbBrRfFlLnN$".contains(&byte))
}

/// Says whether a word has no letter and no digit: a plus between two pieces, a blank in another encoding.
fn is_sign(word: &str) -> bool {
    !word.contains(char::is_alphanumeric)
}

/// How the doubtful is read, or which of it was met.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// A letter directly behind a quote means that a quote is missing before it.
    mends_quotes: bool,
    /// There are comments, tags and marks of a merge.
    knows_asides: bool,
}

/// A comment that is being read, and what was read before it and goes on behind it.
#[derive(Debug)]
struct Around<'t> {
    end: usize,
    depth: usize,
    name: Option<Cow<'t, str>>,
    run: Option<Run<'t>>,
}

struct Reader<'t> {
    text: &'t str,
    ends: Ends,
    way: Way,
    met: Way,
    at: usize,
    tree: Builder<'t>,
    /// How many arrays and how many objects are open, so that a bracket that closes nothing is passed over at
    /// once.
    open: [usize; 2],
    /// How many were opened below the last level that is followed.
    too_deep: usize,
    /// The last text, if it may be the name of the next value.
    name: Option<Cow<'t, str>>,
    /// The last name with a sign behind it, and the pieces of its value.
    run: Option<Run<'t>>,
    aside: Option<Around<'t>>,
    /// The name before a conflict, which its other ways are values of too.
    conflict: Option<Cow<'t, str>>,
}

impl<'t> Reader<'t> {
    /// Reads the text once more, in another way, beside what was read before.
    fn again(&mut self, way: Way) {
        self.close_all();
        (self.way, self.at, self.open, self.too_deep) = (way, 0, [0, 0], 0);
        (self.name, self.run, self.aside, self.conflict) = (None, None, None, None);
        self.pass();
    }

    fn close_all(&mut self) {
        while self.tree.depth() > 1 {
            self.tree.close();
        }
    }

    fn pass(&mut self) {
        loop {
            if self.at >= self.limit() {
                match self.aside.take() {
                    Some(around) => self.leave(around),
                    None => break,
                }
                continue;
            }
            let Some(c) = self.text[self.at..].chars().next() else { break };
            // In a text that is read without them, to look for each would cost the square of its length.
            if self.aside.is_none()
                && self.way.knows_asides
                && let Some((aside, length)) = self.ends.read(self.text, self.at)
            {
                self.met.knows_asides = true;
                self.enter(aside, length);
                continue;
            }
            match c {
                '"' | '\'' => self.quoted(c as u8),
                '{' | '[' => self.opening(c),
                '}' | ']' => self.closing(c),
                '\\' => {
                    let escaped = self.text.as_bytes().get(self.at + 1).is_some_and(u8::is_ascii);
                    self.at += 1 + usize::from(escaped);
                }
                ':' | '=' | '：' => self.sign(c),
                c if is_of_a_word(c) => self.word(),
                c => {
                    if matches!(c, ',' | '，') {
                        self.end_run();
                        self.name = None;
                    }
                    self.at += c.len_utf8();
                }
            }
        }
        self.end_run();
    }

    fn limit(&self) -> usize {
        self.aside.as_ref().map_or(self.text.len(), |around| around.end)
    }

    /// Passes over a tag, or goes into a comment: what it says is read too.
    fn enter(&mut self, aside: Aside, length: usize) {
        match aside {
            Aside::Tag => {
                self.at += length;
                return;
            }
            Aside::Comment => {}
            Aside::Conflict => self.conflict = self.name.as_ref().and_then(name_of),
            Aside::Instead => {
                self.end_run();
                self.name = self.conflict.clone();
                self.run = self.name.as_ref().and_then(|name| Run::new(name, false));
            }
        }
        let (end, depth) = (self.at + length, self.tree.depth());
        let name = self.name.as_ref().filter(|_| aside == Aside::Comment).and_then(name_of);
        let name = std::mem::replace(&mut self.name, name);
        self.aside = Some(Around { end, depth, name, run: self.run.take() });
        // The sign itself is passed over: it would be read as the sign behind a name.
        self.at += 1;
    }

    /// Goes on behind a comment as if it were not there.
    fn leave(&mut self, around: Around<'t>) {
        if let Some(run) = self.run.take() {
            run.state(&mut self.tree);
        }
        while self.tree.depth() > around.depth {
            if let Some(inside) = self.tree.innermost() {
                self.open[usize::from(inside.is_object)] -= 1;
            }
            self.tree.close();
        }
        (self.at, self.name, self.run) = (around.end, around.name, around.run);
    }

    fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            run.end(&mut self.tree);
        }
    }

    /// Reads the sign between a name and its value.
    fn sign(&mut self, sign: char) {
        self.at += sign.len_utf8();
        match &mut self.run {
            Some(run) if run.is_empty() => run.is_signed = true,
            run => {
                if let Some(mut run) = run.take() {
                    // A name without quotes may have a colon in it: `kfm:care_label`.
                    if let Some(whole) = self.name.as_ref().and_then(|name| run.name_with(name)) {
                        self.name = Some(Cow::Borrowed(whole));
                    }
                    run.forget_last();
                    run.end(&mut self.tree);
                }
                self.run = self.name.as_ref().and_then(|name| Run::new(name, true));
            }
        }
    }

    fn opening(&mut self, sign: char) {
        self.at += 1;
        let mut name = self.name.take();
        if let Some(run) = self.run.take() {
            // A word between a name and a bracket is the name of a type.
            name = run.name_behind_words().or(name);
            run.state(&mut self.tree);
        }
        if self.tree.depth() > DEPTH_MAX {
            self.too_deep += usize::from(self.aside.is_none());
            return;
        }
        self.open[usize::from(sign == '{')] += 1;
        self.tree.open(name, if sign == '{' { Scalar::Object } else { Scalar::Array });
    }

    /// Closes the innermost value of its kind, and all that was left open inside it. A comment closes nothing.
    fn closing(&mut self, sign: char) {
        self.at += 1;
        self.name = None;
        if self.aside.is_some() {
            return;
        }
        self.end_run();
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        let is_object = sign == '}';
        if self.open[usize::from(is_object)] == 0 {
            return;
        }
        while let Some(inside) = self.tree.innermost() {
            self.open[usize::from(inside.is_object)] -= 1;
            self.tree.close();
            if inside.is_object == is_object {
                break;
            }
        }
    }

    /// Reads a text between quotes.
    ///
    /// A sign or a blank follows a closing quote directly. A letter there means that a quote was missing
    /// earlier, and that this quote opens the next text. The text before it is then stated twice: with and
    /// without the signs at its end.
    fn quoted(&mut self, quote: u8) {
        let (from, limit) = (self.at + 1, self.limit());
        let end = closing(&self.text[..limit], from, quote);
        if quote == b'\'' && end.is_none_or(|end| self.text[from..end].contains(['"', '\n'])) {
            self.at = from;
            return;
        }
        let Some(end) = end else {
            // It is half a document, and the text ends with it.
            self.at = limit;
            return self.found(unescape(&self.text[from..limit]).text, true);
        };
        let raw = &self.text[from..end];
        let opens_the_next = quote == b'"' && self.goes_on(end + 1);
        self.met.mends_quotes |= opens_the_next;
        if opens_the_next && self.way.mends_quotes {
            let trimmed = raw.trim_end_matches(|c: char| c.is_whitespace() || ",:{}[]".contains(c));
            let name = self.name.clone();
            self.found(unescape(trimmed).text, true);
            self.name = name;
            self.at = end;
        } else {
            self.at = end + 1;
        }
        self.found(unescape(raw).text, true);
    }

    /// Says whether a word begins at a place, and not the sign or the prefix of another piece.
    fn goes_on(&self, at: usize) -> bool {
        let rest = &self.text[at..self.limit()];
        let word = &rest[..rest.find(|c| !is_of_a_word(c)).unwrap_or(rest.len())];
        let behind = rest[word.len()..].chars().next();
        !(is_sign(word) || is_prefix(word) && matches!(behind, Some('"' | '\'')))
    }

    /// Reads a number, a word such as `null`, or a name without quotes.
    fn word(&mut self) {
        let rest = &self.text[self.at..self.limit()];
        let length = rest.find(|c| !is_of_a_word(c)).unwrap_or(rest.len());
        let word = &rest[..length];
        self.at += length;
        if !(is_sign(word) || is_prefix(word) && rest[length..].starts_with(['"', '\''])) {
            self.found(Cow::Borrowed(word), false);
        }
    }

    /// States a value for the name before it, and keeps the value, which may be the name of the next one.
    fn found(&mut self, token: Cow<'t, str>, is_quoted: bool) {
        let name = self.name.replace(token.clone());
        let is_item = self.tree.innermost().is_some_and(|inside| !inside.is_object);
        match &mut self.run {
            Some(run) => run.add(token.clone(), is_quoted),
            None if word_of(&token).is_some() => self.run = Run::new(&token, false),
            None => {}
        }
        if name.is_some() || is_item {
            self.tree.add(name, scalar(token, is_quoted));
        }
    }
}

/// Reads a value by its text.
pub(super) fn scalar(token: Cow<'_, str>, is_quoted: bool) -> Scalar<'_> {
    match token.as_ref() {
        _ if is_quoted => Scalar::Text(token),
        "null" => Scalar::Null,
        "true" => Scalar::Bool(true),
        "false" => Scalar::Bool(false),
        _ => Scalar::Number(token),
    }
}
