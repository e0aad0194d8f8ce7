//! How an entry may name its subject, and by which texts the entry is then found.
//!
//! An entry that can be about nothing protects nothing, while its author believes that it does. So a form
//! that no document and no id can have is refused, with a proposal what to write instead. A form with only
//! one possible meaning (the name that the engine itself prints, a percent-encoded path) is found by that
//! meaning and by its letters.

use kfm_lineage::DocumentPath;
use kfm_lineage::document_path::{DOCUMENT_SUFFIXES, fault_of};

/// Why a text cannot be a subject, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misspelt {
    pub(super) why: &'static str,
    /// What was probably meant; `None` if that cannot be told.
    pub(super) instead: Option<String>,
}

impl Misspelt {
    fn new(why: &'static str) -> Self {
        Self { why, instead: None }
    }

    fn write(self, instead: impl Into<String>) -> Self {
        let instead = instead.into();
        Self { instead: Some(format!("{instead:?}")).filter(|_| !instead.is_empty()), ..self }
    }
}

impl std::fmt::Display for Misspelt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.why)?;
        self.instead.as_ref().map_or(Ok(()), |instead| write!(f, ", write {instead}"))
    }
}

/// Checks the text of `entity`: an id, the path of a document, or the name that the engine prints for one.
///
/// # Errors
/// [`Misspelt`]: the text cannot be any of these.
pub(super) fn check_entity(text: &str) -> Result<(), Misspelt> {
    let rest = check_letters(text)?;
    if let Some(key) = engine_key(rest) {
        return match fault_of(&key) {
            _ if key.starts_with("-/") => {
                Err(Misspelt::new("it is the name of a path too long to be printed"))
            }
            Some(why) => Err(Misspelt::new(why)),
            None => Ok(()),
        };
    }
    let lower = rest.to_ascii_lowercase();
    let ends_as_document = DOCUMENT_SUFFIXES.iter().any(|suffix| lower.ends_with(suffix));
    if lower.starts_with("file:") || (rest.contains("://") && ends_as_document) {
        return Err(Misspelt::new("it is a URL, and a path is relative to the catalog"));
    }
    if rest.contains('*') {
        return Err(Misspelt::new("it has a wildcard: a folder is named by `under`"));
    }
    if rest.ends_with('/') {
        return Err(Misspelt::new("it ends with a slash: a folder is named by `under`"));
    }
    check_relative(rest)?;
    if ends_as_document {
        return DocumentPath::parse(rest).map(drop).map_err(|error| Misspelt::new(error.why));
    }
    let cut = DOCUMENT_SUFFIXES.iter().filter_map(|suffix| {
        let end = lower.find(suffix)? + suffix.len();
        rest[end..].starts_with(['?', '#']).then_some(end)
    });
    match cut.min() {
        Some(end) => Err(Misspelt::new("a path has no query and no fragment").write(&rest[..end])),
        None => Ok(()),
    }
}

/// Checks the text of `under`: a folder of the catalog, with or without a slash at its end; the empty text
/// means the whole catalog.
///
/// # Errors
/// [`Misspelt`]: no document can lie there.
pub(super) fn check_folder(text: &str) -> Result<(), Misspelt> {
    if text.is_empty() {
        return Ok(());
    }
    let rest = check_letters(text)?;
    if matches!(rest.trim_end_matches('/'), "" | "." | "*" | "**") {
        return Err(Misspelt { why: "everything is the empty text", instead: Some("\"\"".into()) });
    }
    if let Some(key) = engine_key(rest) {
        let folder = key.strip_suffix('/').unwrap_or(&key);
        let fault = fault_of(folder).filter(|_| !folder.is_empty());
        return fault.map_or(Ok(()), |why| Err(Misspelt::new(why)));
    }
    if rest.contains("://") || rest.to_ascii_lowercase().starts_with("file:") {
        return Err(Misspelt::new("it is a URL, and a folder is relative to the catalog"));
    }
    if rest.contains('*') {
        let folder = rest.split('*').next().unwrap_or_default();
        let folder = folder.rfind('/').map_or("", |slash| &folder[..=slash]);
        return Err(
            Misspelt::new("it has a wildcard: everything below a folder is meant anyway").write(folder)
        );
    }
    check_relative(rest)?;
    let folder = rest.strip_suffix('/').unwrap_or(rest);
    fault_of(folder).map_or(Ok(()), |why| Err(Misspelt::new(why)))
}

/// Refuses letters that neither a path nor an id written by a person has.
fn check_letters(text: &str) -> Result<&str, Misspelt> {
    let trimmed = text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
    if trimmed.is_empty() {
        return Err(Misspelt::new("it is blank"));
    }
    if trimmed != text {
        return Err(Misspelt::new("it has blanks around it").write(trimmed));
    }
    if text.chars().any(char::is_control) {
        return Err(Misspelt::new("it has a control character"));
    }
    if text.contains('\\') {
        return Err(Misspelt::new("it has a backslash").write(text.replace('\\', "/")));
    }
    let quoted = ['"', '\'', '`']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote).filter(|inside| !inside.is_empty()));
    match quoted {
        Some(inside) => Err(Misspelt::new("it has quotes of its own around it").write(inside)),
        None => Ok(text),
    }
}

/// Refuses path steps that lead nowhere, or out of the catalog.
fn check_relative(text: &str) -> Result<(), Misspelt> {
    let steps = || text.split('/');
    let plain = || steps().filter(|step| !matches!(*step, "" | ".")).collect::<Vec<_>>().join("/");
    if steps().any(|step| step == "..") {
        return Err(Misspelt::new("it leads out of its folder by `..`"));
    }
    if text.starts_with('/') {
        return Err(Misspelt::new("it begins with a slash, and is relative to the catalog").write(plain()));
    }
    if steps().any(|step| step == ".") {
        return Err(Misspelt::new("it has a `.` as a folder").write(plain()));
    }
    if text.contains("//") && !text.contains("://") {
        return Err(Misspelt::new("it has an empty folder").write(plain()));
    }
    Ok(())
}

/// Says whether a letter is invisible: such letters come along when a text is copied.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Lists the texts by which the subject of an entry is found: its letters, and its only possible meaning.
pub(super) fn names(text: &str) -> Vec<String> {
    let mut names = vec![text.to_owned()];
    let decoded = engine_key(text).or_else(|| percent_decoded(text));
    names.extend(decoded.filter(|name| name != text));
    names
}

/// Returns the key in the name that the engine prints for a cell: `kfm-stac://catalog/d/0.json` as an entity
/// (R13), `stac:catalog/d/0.json` as a cell. The store in the name does not matter: the path is protected.
fn engine_key(text: &str) -> Option<String> {
    let domains = ["stac", "graph", "search", "cache"];
    let in_store = domains.iter().find_map(|domain| {
        let entity =
            text.strip_prefix("kfm-").and_then(|rest| rest.strip_prefix(domain)?.strip_prefix("://"));
        entity.or_else(|| text.strip_prefix(domain)?.strip_prefix(':').filter(|rest| rest.contains('/')))
    })?;
    let key = in_store.split_once('/').map_or("", |(_, key)| key);
    Some(percent_decoded(key).unwrap_or_else(|| key.to_owned()))
}

/// Returns the text with its percent-encoded letters decoded; `None` if it has none, or if they are not valid
/// text.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    let mut found = false;
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let encoded = digits.filter(|_| first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (byte, taken) = encoded.map_or((first, 1), |byte| (byte, 3));
        found |= encoded.is_some();
        bytes.push(byte);
        rest = &rest[taken..];
    }
    String::from_utf8(bytes).ok().filter(|_| found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_paths_and_the_names_that_the_engine_prints_are_taken() {
        for text in [
            "d0",
            "landsat/LC08",
            "kfm-stac:landsat:WRS2:029030:2025-11-13",
            "urn:ogc:def:x",
            "https://example.org/collections/soil",
            "d/0.json",
            "a b/ç.geojson",
            "hydrography_<year>.json",
            "x#1.json",
            "a%20b.json",
            "kfm-stac://catalog/d/0.json",
            "kfm-stac://catalog/a%25b.json",
            "kfm-graph://graph/site-42",
            "stac:catalog/d/0.json",
            "..a",
            "Śródmieście 7",
        ] {
            assert_eq!(check_entity(text), Ok(()), "{text}");
        }
        for text in
            ["", "d", "d/", "a b/", "d/0.json", "a%20b/", "kfm-stac://catalog/d/", "kfm-stac://catalog/"]
        {
            assert_eq!(check_folder(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn an_entity_that_can_be_nothing_is_refused_with_what_to_write() {
        for (text, said) in [
            ("", "it is blank"),
            (" \u{a0}\u{200b}", "it is blank"),
            ("d/0.json ", "it has blanks around it, write \"d/0.json\""),
            ("\u{feff}d0", "it has blanks around it, write \"d0\""),
            ("d0\u{200b}", "it has blanks around it, write \"d0\""),
            ("\td0", "it has blanks around it, write \"d0\""),
            ("d\n0", "it has a control character"),
            ("d\\0.json", "it has a backslash, write \"d/0.json\""),
            ("'d0'", "it has quotes of its own around it, write \"d0\""),
            ("`d/0.json`", "it has quotes of its own around it, write \"d/0.json\""),
            ("./d/0.json", "it has a `.` as a folder, write \"d/0.json\""),
            ("./d0", "it has a `.` as a folder, write \"d0\""),
            ("d/./0.json", "it has a `.` as a folder, write \"d/0.json\""),
            ("/d/0.json", "it begins with a slash, and is relative to the catalog, write \"d/0.json\""),
            ("//d/0.json", "it begins with a slash, and is relative to the catalog, write \"d/0.json\""),
            ("/d0", "it begins with a slash, and is relative to the catalog, write \"d0\""),
            ("d//0.json", "it has an empty folder, write \"d/0.json\""),
            ("../d/0.json", "it leads out of its folder by `..`"),
            ("d/../0.json", "it leads out of its folder by `..`"),
            ("d/", "it ends with a slash: a folder is named by `under`"),
            ("d/*", "it has a wildcard: a folder is named by `under`"),
            ("*.json", "it has a wildcard: a folder is named by `under`"),
            ("d/.0.json", "a segment begins with a dot"),
            ("d/0.JSON", "it does not end with .json or .geojson"),
            ("d/0.json#/id", "a path has no query and no fragment, write \"d/0.json\""),
            ("d/0.json?v=1", "a path has no query and no fragment, write \"d/0.json\""),
            ("https://h/d/0.json", "it is a URL, and a path is relative to the catalog"),
            ("file:catalog/d/0.json", "it is a URL, and a path is relative to the catalog"),
            ("kfm-stac://catalog", "it is empty"),
            ("kfm-stac://catalog//d/0.json", "it has an empty segment"),
            ("kfm-stac://catalog/./d", "a segment begins with a dot"),
        ] {
            let refused = check_entity(text).map_err(|misspelt| misspelt.to_string());
            assert_eq!(refused, Err(said.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn a_folder_in_which_nothing_can_lie_is_refused_with_what_to_write() {
        for (text, said) in [
            (" ", "it is blank"),
            ("d/ ", "it has blanks around it, write \"d/\""),
            ("/", "everything is the empty text, write \"\""),
            (".", "everything is the empty text, write \"\""),
            ("./", "everything is the empty text, write \"\""),
            ("*", "everything is the empty text, write \"\""),
            ("**/", "everything is the empty text, write \"\""),
            ("./d/", "it has a `.` as a folder, write \"d\""),
            ("/d/", "it begins with a slash, and is relative to the catalog, write \"d\""),
            ("d//", "it has an empty folder, write \"d\""),
            ("d//e", "it has an empty folder, write \"d/e\""),
            ("d\\e\\", "it has a backslash, write \"d/e/\""),
            ("../d", "it leads out of its folder by `..`"),
            ("d/*", "it has a wildcard: everything below a folder is meant anyway, write \"d/\""),
            ("d/**/x", "it has a wildcard: everything below a folder is meant anyway, write \"d/\""),
            (".git/", "a segment begins with a dot"),
            ("file:catalog/d", "it is a URL, and a folder is relative to the catalog"),
            ("https://h/d/", "it is a URL, and a folder is relative to the catalog"),
        ] {
            let refused = check_folder(text).map_err(|misspelt| misspelt.to_string());
            assert_eq!(refused, Err(said.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn what_can_only_mean_one_thing_is_found_by_it() {
        for (text, found) in [
            ("kfm-stac://catalog/d/0.json", vec!["d/0.json"]),
            ("kfm-stac://other/a%0Ab.json", vec!["a\nb.json"]),
            ("stac:catalog/d/0.json", vec!["d/0.json"]),
            ("a%20b%2Fc.json", vec!["a b/c.json"]),
            ("100%", vec![]),
            ("%ff", vec![]),
            ("d0", vec![]),
        ] {
            let names = names(text);
            assert_eq!(names[0], text);
            assert_eq!(names[1..], found, "{text}");
        }
    }
}
