//! Colour: on a terminal, unless `NO_COLOR` says otherwise; never the only carrier of a meaning.

/// How a piece of text is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing special.
    Plain,
    /// As it should be.
    Good,
    /// To be looked at.
    Warn,
    /// Wrong, or refused.
    Bad,
    /// Secondary.
    Dim,
    /// A command to run.
    Command,
}

/// Whether and how text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// Makes a paint that is on or off.
    pub(crate) fn new(on: bool) -> Self {
        Self { on }
    }

    /// Colours text by its tone.
    pub(crate) fn tone(self, tone: Tone, text: &str) -> String {
        self.wrap(code(tone), text)
    }

    /// Colours text by its tone and makes it bold.
    pub(crate) fn bold(self, tone: Tone, text: &str) -> String {
        match code(tone) {
            "" => self.wrap("1", text),
            code => self.wrap(&format!("1;{code}"), text),
        }
    }

    fn wrap(self, code: &str, text: &str) -> String {
        match (self.on, code) {
            (false, _) | (true, "") => text.to_owned(),
            (true, code) => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

/// Returns the parameters of the SGR sequence (ECMA-48, 8.3.117).
fn code(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "",
        Tone::Good => "32",
        Tone::Warn => "33",
        Tone::Bad => "31",
        Tone::Dim => "2",
        Tone::Command => "36",
    }
}
