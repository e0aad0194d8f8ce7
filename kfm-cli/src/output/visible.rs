//! [`Visible`]: a text that may be written to a terminal.
//!
//! A text that a file, a pipeline or a person wrote may hold characters that steer a terminal, turn the direction
//! of reading round, or take no room ([`kfm_lineage::text`]). Everything that this command writes for people is a
//! `Visible`, and every way to make one escapes such characters.

use kfm_lineage::text::shown_lines;

use super::envelope::Envelope;
use super::paint::Paint;
use super::screen::Screen;

/// A text in which every character can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Visible(String);

impl Visible {
    /// Escapes a text of one line or of several.
    pub(super) fn lines(text: &str) -> Self {
        Self(shown_lines(text).into_owned())
    }

    /// Escapes the parser's message; its colours are removed.
    pub(super) fn of_parser(text: &str) -> Self {
        Self::lines(&without_colours(text))
    }

    /// Renders a screen, which escapes the texts of its lines and adds colours of its own.
    pub(super) fn screen(screen: &Screen, paint: Paint) -> Self {
        Self(screen.render(paint))
    }

    /// Takes the answer for programs: it is JSON and stays as it is.
    pub(super) fn json(envelope: &Envelope<'_>) -> Self {
        Self(envelope.to_text())
    }

    /// Returns the text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Removes the parameters of colours (`ESC [ 1 ; 31 m`), and nothing else.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').strip_prefix('m') {
            Some(rest) => plain.push_str(rest),
            None => plain.extend(["\u{1b}[", part]),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_of_the_parser_are_left_out_and_what_an_argument_holds_is_shown() {
        let text = "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m no \u{1b}]0;x\u{7} \u{1b}[2J \u{202e}\n";
        assert_eq!(Visible::of_parser(text).as_str(), "error: no \\u{1b}]0;x\\u{7} \\u{1b}[2J \\u{202e}\n");
    }
}
