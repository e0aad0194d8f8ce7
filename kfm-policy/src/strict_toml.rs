//! Reads TOML files strictly: a key that is not known is an error, with its line and the nearest key that is known.
//!
//! A typed deserializer does not say on which line an entry lacks a key, nor which known key a misspelt one
//! was meant to be. And a registry in which `cares = "restricted"` is silently ignored would fail open. The policy's
//! files, which are lists of tables, are read here; what is public is for readers of other files.

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::civil::Date;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{PolicyError, PolicyFile};

/// The tables of one kind in a file, written as `[[name]]`.
#[derive(Debug)]
pub(crate) struct TableForm {
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [&'static str],
}

/// One table `[[name]]` of a file.
#[derive(Debug)]
pub(crate) struct Table<'t> {
    pub(crate) name: &'static str,
    /// The line on which the table begins, from 1.
    pub(crate) line: usize,
    file: PolicyFile,
    lines: Rc<Lines>,
    values: BTreeMap<String, Spanned<DeValue<'t>>>,
}

/// Reads all tables of a file, in the order in which they stand there.
pub(crate) fn read<'t>(
    file: PolicyFile,
    text: &'t str,
    forms: &[TableForm],
) -> Result<Vec<Table<'t>>, PolicyError> {
    let lines = Rc::new(Lines::of(text));
    let root = DeTable::parse(text).map_err(|source| PolicyError::Syntax {
        file,
        line: lines.at(source.span().map_or(0, |span| span.start)),
        // The parser's whole message repeats the line of the file, over several lines.
        source: source.message().to_owned().into(),
    })?;
    let mut tables = Vec::new();
    for (key, value) in root.into_inner() {
        let line = lines.at(key.span().start);
        let key = key.into_inner();
        let Some(form) = forms.iter().find(|form| form.name == key) else {
            let names: Vec<_> = forms.iter().map(|form| form.name).collect();
            return Err(PolicyError::UnknownKey {
                file,
                line,
                nearest: nearest(&key, &names),
                key: key.into_owned(),
            });
        };
        let not_a_list = || PolicyError::InvalidValue {
            file,
            line,
            key: form.name.to_owned(),
            expected: format!("a list of tables, written [[{}]]", form.name),
        };
        let DeValue::Array(items) = value.into_inner() else { return Err(not_a_list()) };
        for item in items {
            let start = item.span().start;
            let DeValue::Table(fields) = item.into_inner() else { return Err(not_a_list()) };
            tables.push((start, table(file, &lines, form, start, fields)?));
        }
    }
    tables.sort_by_key(|(start, _)| *start);
    Ok(tables.into_iter().map(|(_, table)| table).collect())
}

fn table<'t>(
    file: PolicyFile,
    lines: &Rc<Lines>,
    form: &TableForm,
    start: usize,
    fields: DeTable<'t>,
) -> Result<Table<'t>, PolicyError> {
    let mut values = BTreeMap::new();
    for (key, value) in fields {
        if !form.keys.contains(&key.get_ref().as_ref()) {
            return Err(PolicyError::UnknownKey {
                file,
                line: lines.at(key.span().start),
                nearest: nearest(key.get_ref(), form.keys),
                key: key.into_inner().into_owned(),
            });
        }
        values.insert(key.into_inner().into_owned(), value);
    }
    Ok(Table { name: form.name, line: lines.at(start), file, lines: Rc::clone(lines), values })
}

impl Table<'_> {
    /// Returns a text; a blank one is an error.
    pub(crate) fn text(&self, key: &'static str) -> Result<Option<&str>, PolicyError> {
        match self.values.get(key) {
            None => Ok(None),
            Some(value) => match value.get_ref().as_str() {
                Some(text) if !text.trim().is_empty() => Ok(Some(text)),
                _ => Err(self.invalid(key, "a text that is not blank")),
            },
        }
    }

    /// Returns a text; it is an error if it is missing.
    pub(crate) fn required_text(&self, key: &'static str) -> Result<&str, PolicyError> {
        self.text(key)?.ok_or_else(|| self.missing(key))
    }

    /// Returns a text that may be empty: for prefixes, of which the empty one means everything.
    pub(crate) fn prefix(&self, key: &'static str) -> Result<Option<&str>, PolicyError> {
        match self.values.get(key) {
            None => Ok(None),
            Some(value) => value.get_ref().as_str().map(Some).ok_or_else(|| self.invalid(key, "a text")),
        }
    }

    /// Returns a truth value; false if it is missing.
    pub(crate) fn flag(&self, key: &'static str) -> Result<bool, PolicyError> {
        match self.values.get(key) {
            None => Ok(false),
            Some(value) => value.get_ref().as_bool().ok_or_else(|| self.invalid(key, "true or false")),
        }
    }

    /// Returns a date, as TOML's own or as a text; it is an error if it is missing.
    pub(crate) fn required_date(&self, key: &'static str) -> Result<Date, PolicyError> {
        let value = self.values.get(key).ok_or_else(|| self.missing(key))?;
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(date) => date.to_string(),
            _ => String::new(),
        };
        let is_date = text.len() == "2027-06-30".len();
        let date = text.parse().ok().filter(|_| is_date);
        date.ok_or_else(|| self.invalid(key, "a date such as 2027-06-30"))
    }

    /// Returns a list of texts; it is an error if it is missing or empty.
    pub(crate) fn required_texts(&self, key: &'static str) -> Result<Vec<&str>, PolicyError> {
        let value = self.values.get(key).ok_or_else(|| self.missing(key))?;
        let texts: Option<Vec<&str>> = value
            .get_ref()
            .as_array()
            .map(|items| items.iter().map(|item| item.get_ref().as_str()).collect())
            .unwrap_or_default();
        texts.filter(|texts| !texts.is_empty()).ok_or_else(|| self.invalid(key, "a list of texts"))
    }

    /// Makes the error of an entry that lacks a key.
    pub(crate) fn missing(&self, key: &'static str) -> PolicyError {
        PolicyError::MissingKey { file: self.file, line: self.line, key }
    }

    /// Makes the error of an entry that has none, or several, of the keys of which it must have exactly one.
    pub(crate) fn not_one(&self, keys: &'static str) -> PolicyError {
        PolicyError::NotOneSubject { file: self.file, line: self.line, keys }
    }

    /// Makes the error of a key whose value is not valid.
    pub(crate) fn invalid(&self, key: &'static str, expected: impl Into<String>) -> PolicyError {
        let line = self.values.get(key).map_or(self.line, |value| self.lines.at(value.span().start));
        PolicyError::InvalidValue { file: self.file, line, key: key.to_owned(), expected: expected.into() }
    }
}

/// The places where the lines of a text end, computed once: a registry of 100,000 entries asks for as many
/// lines.
#[derive(Debug)]
pub struct Lines {
    ends: Vec<usize>,
}

impl Lines {
    /// Looks for the ends of all lines of a text.
    pub fn of(text: &str) -> Self {
        Self { ends: text.match_indices('\n').map(|(at, _)| at).collect() }
    }

    /// Returns the line, from 1, of a place that is given in bytes.
    pub fn at(&self, offset: usize) -> usize {
        1 + self.ends.partition_point(|end| *end < offset)
    }
}

/// Returns the known word that takes the fewest edits to become `word`, whose capitals do not count; the first one
/// of several, and an empty text if no word is known.
pub fn nearest(word: &str, known: &[&'static str]) -> &'static str {
    let word = word.to_lowercase();
    known.iter().copied().min_by_key(|candidate| strsim::levenshtein(&word, candidate)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: TableForm = TableForm { name: "label", keys: &["entity", "care", "review_by"] };

    fn refused(text: &str) -> String {
        read(PolicyFile::Labels, text, &[FORM]).unwrap_err().to_string()
    }

    #[test]
    fn tables_come_in_the_order_of_the_file() {
        let text = "[[label]]\ncare = 'b'\n\n[[label]]\ncare = 'a'\n";
        let tables = read(PolicyFile::Labels, text, &[FORM]).unwrap();
        let lines: Vec<_> = tables.iter().map(|table| (table.line, table.text("care").unwrap())).collect();
        assert_eq!(lines, [(1, Some("b")), (4, Some("a"))]);
    }

    #[test]
    fn an_unknown_key_names_the_nearest_and_the_line() {
        assert_eq!(
            refused("[[label]]\nentity = 'x'\ncares = 'public'\n"),
            "label registry has a key that is not known, the nearest one is `care`: line=3 key=cares"
        );
        assert_eq!(
            refused("\n[[labels]]\n"),
            "label registry has a key that is not known, the nearest one is `label`: line=2 key=labels"
        );
    }

    #[test]
    fn what_is_not_toml_names_the_line() {
        assert_eq!(refused("[[label]]\ncare = \n"), "label registry is not TOML: line=2");
    }

    #[test]
    fn a_key_given_twice_is_refused() {
        assert_eq!(refused("[[label]]\ncare = 'a'\ncare = 'b'\n"), "label registry is not TOML: line=3");
    }

    #[test]
    fn a_single_table_is_not_a_list() {
        assert_eq!(
            refused("[label]\ncare = 'public'\n"),
            "label registry expects a list of tables, written [[label]]: line=1 key=label"
        );
    }

    #[test]
    fn dates_are_whole_days() {
        let table = |text| read(PolicyFile::Labels, text, &[FORM]).unwrap().remove(0);
        let day = jiff::civil::date(2027, 6, 30);
        assert_eq!(table("[[label]]\nreview_by = '2027-06-30'").required_date("review_by").unwrap(), day);
        assert_eq!(table("[[label]]\nreview_by = 2027-06-30").required_date("review_by").unwrap(), day);
        for text in ["'2027-06-31'", "'2027-06-30T00:00:00Z'", "'soon'", "20270630", "2027-06-30T00:00:00Z"] {
            let text = format!("[[label]]\nreview_by = {text}");
            let error = read(PolicyFile::Labels, &text, &[FORM]).unwrap()[0].required_date("review_by");
            assert_eq!(
                error.unwrap_err().to_string(),
                "label registry expects a date such as 2027-06-30: line=2 key=review_by"
            );
        }
    }
}
