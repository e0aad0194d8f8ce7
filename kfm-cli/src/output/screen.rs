//! [`Screen`]: what a person reads, as lines that know their kind.
//!
//! Commands say of what kind a line is; this file alone decides how it looks. So every screen has one shape: a
//! headline that says how things stand, the facts, the lists, and at the end what to do next.

use std::fmt::Write;

use kfm_lineage::text::shown;
use kfm_policy::Remedy;
use kfm_rollback::report::Listing;

use super::paint::{Paint, Tone};
use super::words;
use crate::say;

/// Lines of one list that a screen shows; of the other entries it shows the number.
pub(crate) const LIST_LINES_MAX: usize = 20;

/// Lines for a person to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Screen {
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    Headline(Tone, String),
    Fact(String, String),
    Heading(String),
    Item(Tone, String),
    Detail(String),
    Row(Vec<String>),
    Raw(String),
    Command(String),
}

impl Screen {
    /// Makes a screen that begins with its headline: one sentence that says how things stand.
    pub(crate) fn new(tone: Tone, headline: impl Into<String>) -> Self {
        Self { lines: vec![Line::Headline(tone, headline.into())] }
    }

    /// Makes a screen that is a text as it stands, such as a script.
    pub(crate) fn raw(text: impl Into<String>) -> Self {
        Self { lines: vec![Line::Raw(text.into())] }
    }

    /// Adds a headline, for a screen of several parts.
    pub(crate) fn headline(&mut self, tone: Tone, text: impl Into<String>) -> &mut Self {
        self.push(Line::Headline(tone, text.into()))
    }

    /// Returns the screen with another headline in the place of its own.
    pub(crate) fn headed(&self, tone: Tone, text: impl Into<String>) -> Self {
        let mut lines = self.lines.clone();
        if matches!(lines.first(), Some(Line::Headline(..))) {
            lines.remove(0);
        }
        lines.insert(0, Line::Headline(tone, text.into()));
        Self { lines }
    }

    /// Adds a remark below the headline, or as the first line of a screen without a headline.
    pub(crate) fn insert_below_headline(&mut self, text: impl Into<String>) -> &mut Self {
        let at = usize::from(matches!(self.lines.first(), Some(Line::Headline(..))));
        self.lines.insert(at, Line::Item(Tone::Dim, text.into()));
        self
    }

    /// Adds a fact: its name and its value.
    pub(crate) fn fact(&mut self, label: &str, value: impl ToString) -> &mut Self {
        self.push(Line::Fact(label.to_owned(), value.to_string()))
    }

    /// Adds a fact, if there is one.
    pub(crate) fn fact_if(&mut self, label: &str, value: Option<impl ToString>) -> &mut Self {
        match value {
            Some(value) => self.fact(label, value),
            None => self,
        }
    }

    /// Adds the heading of a list.
    pub(crate) fn heading(&mut self, text: impl Into<String>) -> &mut Self {
        self.push(Line::Heading(text.into()))
    }

    /// Adds an entry of a list.
    pub(crate) fn item(&mut self, tone: Tone, text: impl Into<String>) -> &mut Self {
        self.push(Line::Item(tone, text.into()))
    }

    /// Adds a detail of the entry above.
    pub(crate) fn detail(&mut self, text: impl Into<String>) -> &mut Self {
        self.push(Line::Detail(text.into()))
    }

    /// Adds a row of a table; rows that stand together are aligned.
    pub(crate) fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) -> &mut Self {
        self.push(Line::Row(cells.into_iter().map(str::to_owned).collect()))
    }

    /// Adds a table with its heads; nothing if it has no rows.
    pub(crate) fn table<const N: usize>(
        &mut self,
        rows: impl Iterator<Item = Vec<String>>,
        heads: [&str; N],
    ) -> &mut Self {
        for (at, row) in rows.enumerate() {
            if at == 0 {
                self.row(heads);
            }
            self.push(Line::Row(row));
        }
        self
    }

    /// Adds the newest entries of a list in the log's order as a table, and says how many older ones there are.
    pub(crate) fn newest<T, const N: usize>(
        &mut self,
        entries: &[T],
        row: impl FnMut(&T) -> Vec<String>,
        heads: [&str; N],
    ) -> &mut Self {
        let older = entries.len().saturating_sub(LIST_LINES_MAX);
        self.table(entries[older..].iter().map(row), heads);
        match older {
            0 => self,
            _ => self.item(Tone::Dim, format!("and {older} older; --json lists them")),
        }
    }

    /// Adds the entries of a list up to [`LIST_LINES_MAX`], and says how many more there are and where.
    pub(crate) fn list<T>(&mut self, listing: &Listing<T>, mut show: impl FnMut(&mut Self, &T)) -> &mut Self {
        for entry in listing.first.iter().take(LIST_LINES_MAX) {
            show(self, entry);
        }
        let shown = listing.first.len().min(LIST_LINES_MAX) as u64;
        self.more(listing.total.saturating_sub(shown), listing.all.as_ref())
    }

    /// Says how many entries are not shown, and which command lists them all; adds nothing for 0 entries.
    pub(crate) fn more(&mut self, more: u64, all: Option<&Remedy>) -> &mut Self {
        let said = words::number(more);
        match (more, all) {
            (0, _) => self,
            (_, Some(all)) => {
                self.item(Tone::Dim, format!("and {said} more, all by: {}", say::command_line(all)))
            }
            (_, None) => self.item(Tone::Dim, format!("and {said} more; --json lists them")),
        }
    }

    /// Ends the screen with the commands to run next; adds nothing if there is no command.
    pub(crate) fn next(&mut self, commands: &[String]) -> &mut Self {
        if !commands.is_empty() {
            self.heading("next");
        }
        for command in commands {
            self.command(command);
        }
        self
    }

    /// Adds a command that can be run.
    pub(crate) fn command(&mut self, command: impl Into<String>) -> &mut Self {
        self.push(Line::Command(command.into()))
    }

    /// Adds the lines of another screen.
    pub(crate) fn append(&mut self, other: Self) -> &mut Self {
        self.lines.extend(other.lines);
        self
    }

    /// Returns the commands that the screen names.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(|line| match line {
            Line::Command(command) => Some(command.as_str()),
            _ => None,
        })
    }

    /// Says whether the screen names commands to run.
    pub(crate) fn names_commands(&self) -> bool {
        self.lines.iter().any(|line| matches!(line, Line::Command(_)))
    }

    fn push(&mut self, line: Line) -> &mut Self {
        self.lines.push(line);
        self
    }

    /// Renders the lines; each block of facts and each table is aligned by itself.
    pub(crate) fn render(&self, paint: Paint) -> String {
        let mut text = String::new();
        let mut rest = self.lines.as_slice();
        while let Some(line) = rest.first() {
            let run = rest.iter().take_while(|next| same_block(line, next)).count().max(1);
            let (block, after) = rest.split_at(run);
            let separate = match line {
                Line::Headline(..) | Line::Heading(_) => !text.is_empty(),
                Line::Fact(..) | Line::Row(_) => true,
                Line::Item(..) | Line::Detail(_) | Line::Raw(_) | Line::Command(_) => false,
            };
            // A table right below its heading belongs to the heading; facts are set apart from the headline.
            let below_heading = matches!(line, Line::Row(_)) && text_ends_with_heading(self, rest.len());
            if separate && !below_heading && !text.is_empty() {
                text.push('\n');
            }
            render_block(&mut text, block, paint);
            rest = after;
        }
        text
    }
}

fn text_ends_with_heading(screen: &Screen, rest: usize) -> bool {
    let before = screen.lines.len() - rest;
    before > 0 && matches!(screen.lines[before - 1], Line::Heading(_))
}

fn same_block(first: &Line, next: &Line) -> bool {
    matches!((first, next), (Line::Fact(..), Line::Fact(..)) | (Line::Row(_), Line::Row(_)))
}

fn render_block(text: &mut String, block: &[Line], paint: Paint) {
    let block: &[Line] = &block.iter().map(visible).collect::<Vec<_>>();
    let label_width = block.iter().filter_map(label_width).max().unwrap_or(0);
    let widths = column_widths(block);
    for line in block {
        // Writing to a String cannot fail.
        let _ = match line {
            Line::Headline(tone, headline) => writeln!(text, "{}", paint.bold(*tone, headline)),
            Line::Fact(label, value) => {
                let label = format!("{label:label_width$}");
                writeln!(text, "  {}  {value}", paint.tone(Tone::Dim, &label))
            }
            Line::Heading(heading) => writeln!(text, "{}", paint.bold(Tone::Plain, heading)),
            Line::Item(tone, item) => writeln!(text, "  {}", paint.tone(*tone, item)),
            Line::Detail(detail) => writeln!(text, "      {}", paint.tone(Tone::Dim, detail)),
            Line::Row(cells) => writeln!(text, "  {}", aligned(cells, &widths)),
            Line::Raw(raw) => write!(text, "{raw}"),
            Line::Command(command) => writeln!(text, "  {}", paint.tone(Tone::Command, command)),
        };
    }
}

/// Shows characters that cannot be seen: a text of a file or a person must not steer the terminal, nor read as
/// something else.
fn visible(line: &Line) -> Line {
    let shown = |text: &String| shown(text).into_owned();
    match line {
        Line::Headline(tone, text) => Line::Headline(*tone, shown(text)),
        Line::Fact(label, value) => Line::Fact(shown(label), shown(value)),
        Line::Heading(text) => Line::Heading(shown(text)),
        Line::Item(tone, text) => Line::Item(*tone, shown(text)),
        Line::Detail(text) => Line::Detail(shown(text)),
        Line::Row(cells) => Line::Row(cells.iter().map(shown).collect()),
        Line::Command(text) => Line::Command(shown(text)),
        Line::Raw(text) => Line::Raw(text.clone()),
    }
}

fn label_width(line: &Line) -> Option<usize> {
    match line {
        Line::Fact(label, _) => Some(label.chars().count()),
        _ => None,
    }
}

fn column_widths(block: &[Line]) -> Vec<usize> {
    let mut widths = Vec::new();
    for line in block {
        let Line::Row(cells) = line else { continue };
        widths.resize(widths.len().max(cells.len()), 0);
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}

fn aligned(cells: &[String], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, &width)| format!("{cell:width$}"));
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use kfm_rollback::report::SkippedLine;

    use super::*;

    #[test]
    fn a_screen_aligns_its_facts_and_ends_with_what_to_do_next() {
        let mut screen = Screen::new(Tone::Good, "Rolled back: 2 cells");
        screen.fact("id", "rb_1").fact("broken links", "0, as before");
        screen.heading("skipped").row(["a.json", "superseded"]).row(["longer.json", "asked"]);
        screen.next(&["kfm status".to_owned()]);
        assert_eq!(
            screen.render(Paint::new(false)),
            "Rolled back: 2 cells\n\n  id            rb_1\n  broken links  0, as before\n\nskipped\n  a.json       \
             superseded\n  longer.json  asked\n\nnext\n  kfm status\n"
        );
    }

    #[test]
    fn a_long_list_is_cut_and_says_where_the_rest_is() {
        let cell = |n: u32| SkippedLine {
            domain: "stac".into(),
            store: "catalog".into(),
            key: n.to_string(),
            why: "asked".into(),
            by: None,
        };
        let listing = Listing::of((0..1_500).map(cell)).with_all(Remedy::ListLabels);
        let mut screen = Screen::default();
        screen.list(&listing, |screen, entry| {
            screen.item(Tone::Plain, entry.key.clone());
        });
        let text = screen.render(Paint::new(false));
        assert_eq!(text.lines().count(), LIST_LINES_MAX + 1);
        assert!(text.ends_with("and 1,480 more, all by: kfm labels list\n"), "{text}");
    }

    #[test]
    fn what_cannot_be_seen_is_shown_and_does_not_steer_the_terminal() {
        let mut screen = Screen::new(Tone::Good, "a\u{1b}[31m");
        screen.fact("reason", "two\nlines").row(["\u{202e}a", "b"]).row(["c", "\u{200b}"]);
        assert_eq!(
            screen.render(Paint::new(false)),
            "a\\u{1b}[31m\n\n  reason  two\\nlines\n\n  \\u{202e}a  b\n  c          \\u{200b}\n"
        );
    }

    #[test]
    fn colour_is_added_around_the_words_and_changes_none() {
        let screen = Screen::new(Tone::Bad, "denied");
        assert_eq!(screen.render(Paint::new(true)), "\u{1b}[1;31mdenied\u{1b}[0m\n");
    }
}
