//! Where an href leads, from its text alone (RFC 3986, with the path of its document as base).

use std::borrow::Cow;

/// What the text of an href says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reference {
    /// It has a scheme or an authority, so it leads somewhere without a base.
    Absolute,
    /// It climbs out of the store, where nothing can be looked up.
    Outside {
        /// Whether it leads to a document, by its name.
        is_document: bool,
    },
    /// It leads to this path in the store.
    Path(String),
}

/// Reads an href as RFC 3986 does: query and fragment do not change the path, and escapes stand for their
/// bytes.
pub(super) fn read(document: &str, href: &str) -> Reference {
    let path = href.split(['?', '#']).next().unwrap_or_default();
    if path.is_empty() && !is_absolute(href) {
        return Reference::Path(document.to_owned());
    }
    read_literally(document, &unescape(path))
}

/// Reads an href as if every character of it belonged to the path.
///
/// Real catalogs have documents named `a#1.json`, and link to them in this spelling.
pub(super) fn read_literally(document: &str, href: &str) -> Reference {
    if is_absolute(href) {
        return Reference::Absolute;
    }
    let base = match href.strip_prefix('/') {
        Some(_) => "",
        None => document.rsplit_once('/').map_or("", |(folder, _)| folder),
    };
    let mut segments: Vec<&str> = base.split('/').filter(|segment| !segment.is_empty()).collect();
    let mut rest = href.strip_prefix('/').unwrap_or(href).split('/').peekable();
    while let Some(segment) = rest.next() {
        match segment {
            "." | ".." => {
                if segment == ".." && segments.pop().is_none() {
                    return Reference::Outside { is_document: is_document(href) };
                }
                if rest.peek().is_none() {
                    segments.push("");
                }
            }
            name => segments.push(name),
        }
    }
    Reference::Path(segments.join("/"))
}

/// Says whether a path is that of a document: `*.json` or `*.geojson`; all others are assets.
pub(super) fn is_document(path: &str) -> bool {
    path.ends_with(".json") || path.ends_with(".geojson")
}

/// Says whether an href has a scheme (RFC 3986, 3.1) or begins with an authority.
pub(super) fn is_absolute(href: &str) -> bool {
    if href.starts_with("//") {
        return true;
    }
    let Some((scheme, _)) = href.split_once(':') else { return false };
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Replaces percent escapes by their bytes. An escape that is not valid, or whose bytes are not UTF-8, stays
/// as it is.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| hex_pair(bytes.get(at + 1..at + 3)?)).flatten();
        plain.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(plain).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn hex_pair(pair: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(document: &str, href: &str) -> String {
        match read(document, href) {
            Reference::Path(path) => path,
            other => panic!("{href}: {other:?}"),
        }
    }

    #[test]
    fn a_relative_href_leads_on_from_the_documents_folder() {
        assert_eq!(path("stac/items/a.json", "../catalog.json"), "stac/catalog.json");
        assert_eq!(path("stac/items/a.json", "./b.json"), "stac/items/b.json");
        assert_eq!(path("a.json", "b/./c/../d.json"), "b/d.json");
        assert_eq!(path("stac/items/a.json", "/x/y.json"), "x/y.json");
    }

    #[test]
    fn a_trailing_slash_and_a_folder_lead_to_no_document() {
        for href in ["..", "../", ".", "./", "b/"] {
            assert!(!is_document(&path("stac/a.json", href)), "{href}");
        }
        assert_eq!(path("stac/x.json/a.json", ".."), "stac/");
    }

    #[test]
    fn an_href_that_climbs_out_of_the_store_leads_outside() {
        assert_eq!(read("stac/a.json", "../../catalog.json?x"), Reference::Outside { is_document: true });
        assert_eq!(read("a.json", "/../catalog.json"), Reference::Outside { is_document: true });
        assert_eq!(read("a.json", "../data/a.tif"), Reference::Outside { is_document: false });
    }

    #[test]
    fn an_href_with_a_scheme_or_an_authority_is_absolute() {
        for href in ["https://a.org/b.json", "s3://b/c.json", "urn:x:y", "//a.org/b.json", "mailto:a@b"] {
            assert_eq!(read("a.json", href), Reference::Absolute, "{href}");
        }
        assert_eq!(path("a.json", "./2025-01-01T00:00:00Z.json"), "2025-01-01T00:00:00Z.json");
    }

    #[test]
    fn escapes_stand_for_their_bytes_and_broken_ones_for_themselves() {
        assert_eq!(path("i/a.json", "hydrography_%3Cyear%3e.json"), "i/hydrography_<year>.json");
        assert_eq!(path("i/a.json", "100%.json"), "i/100%.json");
        assert_eq!(path("i/a.json", "%ff%zz.json"), "i/%ff%zz.json");
        assert_eq!(path("i/a.json", "%c3%a9.json"), "i/\u{e9}.json");
    }

    #[test]
    fn query_and_fragment_lead_nowhere_else() {
        assert_eq!(path("i/a.json", "b.json?x=1#y"), "i/b.json");
        assert_eq!(path("i/a.json", "#here"), "i/a.json");
        assert_eq!(path("i/a.json", ""), "i/a.json");
        assert_eq!(read_literally("i/a.json", "b#1.json"), Reference::Path("i/b#1.json".into()));
    }
}
