//! What stands between the tokens of a text and is neither: blanks, comments, the marks of a merge, tags.

/// A longer tag is read as words.
const TAG_CHARS_MAX: usize = 64;

/// Something beside the statements of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aside {
    /// A comment, or the line of a mark that opens or ends a conflict.
    Comment,
    /// The line of a mark behind which a conflict says the same in another way.
    Instead,
    /// The line of a mark behind which the first way of a conflict begins.
    Conflict,
    /// A tag, which says of which type the next value is.
    Tag,
}

/// Where the last comments of a text end, so that none is looked for behind them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    star: usize,
    arrow: usize,
}

impl Ends {
    pub(super) fn of(text: &str) -> Self {
        let last = |close| text.rfind(close).unwrap_or_default();
        Self { star: last("*/"), arrow: last("-->") }
    }

    /// Reads what begins at a place of the text, and its length in bytes. A comment that does not end is no
    /// comment.
    pub(super) fn read(self, text: &str, at: usize) -> Option<(Aside, usize)> {
        let rest = text.get(at..)?;
        let line =
            |aside| Some((aside, rest.find(['\n', '\r', '\u{2028}', '\u{2029}']).unwrap_or(rest.len())));
        let block = |open: &str, close: &str, last: usize| {
            let inside = rest.strip_prefix(open).filter(|_| at + open.len() <= last)?;
            Some((Aside::Comment, open.len() + inside.find(close)? + close.len()))
        };
        match rest.as_bytes().first()? {
            b'#' => line(Aside::Comment),
            b'/' if rest.starts_with("//") => line(Aside::Comment),
            b'/' => block("/*", "*/", self.star),
            b'<' if rest.starts_with("<<<<<<<") => line(Aside::Conflict),
            b'<' => block("<!--", "-->", self.arrow),
            b'|' if rest.starts_with("|||||||") => line(Aside::Instead),
            b'=' if rest.starts_with("=======") => line(Aside::Instead),
            b'>' if rest.starts_with(">>>>>>>") => line(Aside::Comment),
            b'!' => {
                let ends = |c: char| c.is_whitespace() || "\"',{}[]".contains(c);
                let end = |ends: &dyn Fn(char) -> bool| {
                    rest.char_indices().take(TAG_CHARS_MAX).find(|(_, c)| ends(*c)).map(|(at, _)| at)
                };
                let verbatim = rest.starts_with("!<").then(|| end(&|c| c == '>').map(|at| at + 1)).flatten();
                Some((Aside::Tag, verbatim.or_else(|| end(&ends)).unwrap_or(1)))
            }
            _ => None,
        }
    }
}

/// Says whether a character is part of a number, a word or a name without quotes.
pub(super) fn is_of_a_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.' | '+' | '-');
    }
    !is_blank(c) && !matches!(c, '“' | '”' | '„' | '‟' | '‘' | '’' | '‚' | '«' | '»' | '：' | '，')
}

/// Says whether a character shows nothing.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{2064}' | '\u{feff}')
}
