//! The place to which a reference leads, in one spelling.
//!
//! One place has many spellings: `data/raw/a.tif` is also `./data//raw/a.tif`, `data/x/../raw/a.tif`,
//! `data\raw\a.tif`, `data%2Fraw/a.tif` and, through a proxy that decodes once more, `data%252Fraw/a.tif`. Some
//! readers leave out characters that cannot be seen, end a name at a NUL or at its parameters (`data;v=1/raw`),
//! or take a bucket for the first folder (`s3://data/raw/a.tif`). Others undo `&#47;`, and a person takes the Cyrillic
//! `а` for the letter that it looks like.
//! Rules that forbid or compare places ask here, and never compare the texts of references.

use super::href::{is_absolute, unescape};
use crate::text::{is_hidden, lookalike};

/// How many times percent escapes are undone: a server does it once, and each proxy before it may do it
/// again.
const ENCODINGS_MAX: usize = 4;

/// The place to which a reference leads.
///
/// Two references with equal places lead to the same bytes, as far as their texts can tell. Names keep their
/// case, since most stores distinguish `A.tif` from `a.tif`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Scheme and authority in small letters, without the scheme's default port; `None` for a place in the
    /// store.
    origin: Option<String>,
    /// The names of the path, without dot segments and empty ones.
    names: Vec<String>,
    /// How many folders above the store the place is.
    climbs: usize,
    /// The text after `?`: another text may lead to other bytes.
    query: Option<String>,
}

impl Place {
    /// Resolves a reference against the path of its document, with all its escapes undone. The fragment does
    /// not change the place.
    pub fn of(document: &str, href: &str) -> Self {
        Self::of_decoded(document, &decoded(href))
    }

    fn of_decoded(document: &str, href: &str) -> Self {
        let href = href.split('#').next().unwrap_or_default();
        let (path, query) = match href.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (href, None),
        };
        let (origin, path) = split_origin(path);
        let is_relative = origin.is_none() && !path.starts_with('/');
        let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut place = Self { origin, names: Vec::new(), climbs: 0, query };
        if is_relative {
            place.follow(if path.is_empty() { document } else { folder });
        }
        place.follow(path);
        place
    }

    /// Returns the path in the store; `None` for a place on a server. What climbs above the store stays in it.
    pub(super) fn path(&self) -> Option<String> {
        self.origin.is_none().then(|| self.names.join("/"))
    }

    /// Writes the place on a server in one way, without its query; `None` for a place in the store. `http`, `https` and
    /// no scheme are one: a server of the web gives the same document by each.
    pub(super) fn address(&self) -> Option<String> {
        let origin = self.origin.as_ref()?;
        let (scheme, authority) = origin.split_once("://").unwrap_or((origin, ""));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (scheme, host) = match scheme {
            "http" | "https" | "" => ("", host.trim_end_matches(":80").trim_end_matches(":443")),
            other => (other, host),
        };
        let host = host.trim_end_matches(['.', ':']);
        Some(format!("{scheme}://{host}/{}", self.names.join("/")))
    }

    fn follow(&mut self, path: &str) {
        for name in path.split('/') {
            match name {
                "" | "." => {}
                ".." => {
                    if self.names.pop().is_none() {
                        self.climbs += 1;
                    }
                }
                name => self.names.push(name.to_owned()),
            }
        }
    }

    fn is_below(&self, folder: &[&str]) -> bool {
        // Some systems ignore blanks and points at the end of a name, and case; what stands before a colon or an
        // exclamation mark is the name of a service or of an archive.
        let is = |name: &&str, folder: &&str| {
            let name = name.rsplit([':', '!']).next().unwrap_or(name);
            name.trim_matches([' ', '.']).eq_ignore_ascii_case(folder)
        };
        let is_folder = |names: &[&str]| names.iter().zip(folder).all(|(name, folder)| is(name, folder));
        let names: Vec<&str> = self.buckets().chain(self.names.iter().map(String::as_str)).collect();
        names.windows(folder.len()).any(is_folder)
    }

    /// Names what may be the first folder of a place on a server: a bucket as the whole authority
    /// (`s3://data/raw`), before an account (`abfs://data@account/raw`), or before the name of an object store
    /// (`https://data.s3.amazonaws.com/raw`).
    fn buckets(&self) -> impl Iterator<Item = &str> {
        const STORES: [&str; 6] =
            [".s3.", ".s3-", ".storage.googleapis.com", ".digitaloceanspaces.com", ".oss-", ".cos."];
        let authority = self.origin.as_deref().and_then(|origin| origin.split_once("://"));
        let authority = authority.map(|(_, authority)| authority);
        let (container, host) = authority.map_or((None, None), |authority| match authority.split_once('@') {
            Some((container, host)) => (container.split(':').next(), Some(host)),
            None => (None, Some(authority)),
        });
        let host = host.map(|host| match STORES.iter().find_map(|store| host.find(store)) {
            Some(end) => &host[..end],
            None => host.split(':').next().unwrap_or(host),
        });
        host.into_iter().chain(container)
    }
}

/// Says whether a reference, or a path in its query, leads into a folder of these names, wherever that folder
/// is: in the store, above it, or on a server.
///
/// In doubt the answer is yes: names are compared without case, and it is enough that one of the readings
/// that the escapes allow leads there.
///
/// ```
/// use kfm_lineage::integrity::leads_below;
/// assert!(leads_below("data/items/a.json", "../r%61w/a.tif", &["data", "raw"]));
/// assert!(!leads_below("data/items/a.json", "../rawish/a.tif", &["data", "raw"]));
/// ```
pub fn leads_below(document: &str, href: &str, folder: &[&str]) -> bool {
    let leads = |href: &String| {
        let beside = href.split(['?', '&', '=', '#', ';', '|']).skip(1);
        let below = |href: &String| Place::of_decoded(document, href).is_below(folder);
        shortened(href).iter().any(below)
            || beside.into_iter().any(|part| Place::of_decoded("", part).is_below(folder))
    };
    lenient(href).iter().any(leads)
}

/// Lists what lenient readers may make of a reference: its decodings, and those of its likeness, in which character
/// references of HTML are undone and letters of other scripts are the letters that they look like.
fn lenient(href: &str) -> Vec<String> {
    let mut readings = decodings(href);
    for _ in 0..ENCODINGS_MAX {
        let Some(last) = readings.last() else { break };
        let likeness = lookalike(&without_character_references(last));
        if likeness == *last {
            break;
        }
        readings.extend(decodings(&likeness));
    }
    readings
}

/// Undoes the character references of HTML that may hide a letter or a separator: `&#47;`, `&#x2f;`, `&sol;`.
fn without_character_references(text: &str) -> String {
    const NAMED: [(&str, char); 6] =
        [("sol", '/'), ("bsol", '\\'), ("period", '.'), ("percnt", '%'), ("colon", ':'), ("amp", '&')];
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        plain.push_str(&rest[..start]);
        let after = &rest[start + 1..];
        let name: &str =
            &after[..after.find(|c: char| !c.is_ascii_alphanumeric() && c != '#').unwrap_or(after.len())];
        let numbered = name.strip_prefix('#').and_then(|number| match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => number.parse().ok(),
        });
        let named = || NAMED.iter().find(|(known, _)| *known == name).map(|(_, c)| *c);
        match numbered.and_then(char::from_u32).or_else(named) {
            Some(c) => {
                plain.push(c);
                rest = after[name.len()..].strip_prefix(';').unwrap_or(&after[name.len()..]);
            }
            None => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain + rest
}

/// Lists a reference and what is left of it where a reader leaves out what cannot be seen, ends it at a NUL, or
/// leaves out the parameters of names (RFC 3986, 3.3).
fn shortened(href: &str) -> Vec<String> {
    let mut texts = vec![href.to_owned()];
    if href.contains(is_hidden) {
        texts.push(href.chars().filter(|c| !is_hidden(*c)).collect());
    }
    if let Some((before, _)) = href.split_once('\0') {
        texts.push(before.to_owned());
    }
    if href.contains(';') {
        let path_end = href.find(['?', '#']).unwrap_or(href.len());
        let without = |text: &String| {
            let (path, rest) = text.split_at(path_end.min(text.len()));
            let names = path.split('/').map(|name| name.split(';').next().unwrap_or_default());
            format!("{}{rest}", names.collect::<Vec<_>>().join("/"))
        };
        texts.extend(texts.iter().map(without).collect::<Vec<_>>());
    }
    texts
}

/// Lists the places to which the readings of a reference lead that do not need a server: as a path of the store,
/// or as what stands behind `file:` or behind the store's name in the engine's own names of documents.
pub(super) fn readings(document: &str, href: &str) -> Vec<Place> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-/".contains(&byte);
    if href.bytes().all(is_plain) {
        // Nothing in it can be read in another way, and most references are so.
        return vec![Place::of_decoded(document, href)];
    }
    let mut places = Vec::new();
    for text in decodings(href).iter().flat_map(|text| shortened(text)) {
        places.push(Place::of_decoded(document, &text));
        let scheme = text.split_once(':').map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
        match scheme {
            Some((scheme, rest)) if scheme == "file" => {
                let path = rest.strip_prefix("//").map_or(rest, |path| path.trim_start_matches("localhost"));
                places.push(Place::of_decoded(document, path));
            }
            Some((scheme, rest)) if scheme == "kfm-stac" => {
                let key = rest.trim_start_matches('/').split_once('/').map_or("", |(_, key)| key);
                places.push(Place::of_decoded("", key));
            }
            _ => {}
        }
    }
    places
}

/// Returns a reference with all its escapes undone, as its most lenient reader would follow it.
pub fn decoded(href: &str) -> String {
    decodings(href).pop().unwrap_or_default()
}

/// Says whether a name may be part of a reference, in one of its readings.
pub(crate) fn may_name(href: &str, name: &str) -> bool {
    let names = |text: &str| text.to_ascii_lowercase().contains(name);
    let may_hide = |c: char| matches!(c, '%' | '&') || !c.is_ascii() || is_hidden(c);
    names(href) || (href.contains(may_hide) && lenient(href).iter().any(|text| names(text)))
}

/// Returns the readings of a reference, from the text itself to the text with all escapes undone.
///
/// As browsers do, it leaves out tabs, ends of lines and the blanks around the text, and reads a backslash as
/// a slash.
fn decodings(href: &str) -> Vec<String> {
    let plain = |text: &str| {
        let kept = text.chars().filter(|c| !matches!(c, '\t' | '\n' | '\r'));
        let text: String = kept.map(|c| if c == '\\' { '/' } else { c }).collect();
        text.trim_matches(|c: char| c.is_whitespace() || c.is_control()).to_owned()
    };
    let mut readings = vec![plain(href)];
    while let Some(last) = readings.last().filter(|_| readings.len() <= ENCODINGS_MAX) {
        let next = plain(&unescape(last));
        if next == *last {
            break;
        }
        readings.push(next);
    }
    readings
}

/// Splits off scheme and authority.
fn split_origin(path: &str) -> (Option<String>, &str) {
    if !is_absolute(path) {
        return (None, path);
    }
    let (scheme, rest) = match path.split_once(':') {
        Some((scheme, rest)) if !path.starts_with('/') => (scheme.to_ascii_lowercase(), rest),
        _ => (String::new(), path),
    };
    let Some(rest) = rest.strip_prefix("//") else { return (Some(scheme), rest) };
    let end = rest.find('/').unwrap_or(rest.len());
    let authority = rest[..end].to_ascii_lowercase();
    let port = match scheme.as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    let authority = authority.strip_suffix(port).unwrap_or(&authority);
    (Some(format!("{scheme}://{authority}")), &rest[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_has_many_spellings() {
        let place = Place::of("stac/items/a.json", "../data/raw/a.tif");
        for href in [
            "../data//raw/a.tif",
            "./../data/./raw/a.tif",
            "../data/x/../raw/a.tif",
            "..\\data\\raw\\a.tif",
            "../data/r%61w/a.tif",
            "../data%2Fraw%2fa.tif",
            "../data%252Fraw/a.tif",
            "%2e%2e/data/raw/a.tif",
            " ../data/raw/a.tif ",
            "../da\tta/ra\nw/a.tif",
            "/stac/data/raw/a.tif",
            "../data/raw/a.tif#part",
        ] {
            assert_eq!(Place::of("stac/items/a.json", href), place, "{href}");
        }
        for href in
            ["../data/raw/A.tif", "../data/raw/b.tif", "../data/raw/a.tif?v=2", "../../data/raw/a.tif"]
        {
            assert_ne!(Place::of("stac/items/a.json", href), place, "{href}");
        }
    }

    #[test]
    fn a_place_on_a_server_is_the_same_from_every_document() {
        let place = Place::of("a.json", "https://example.org/data/a.tif");
        for href in [
            "HTTPS://Example.ORG/data/a.tif",
            "https://example.org:443/data/x/../a.tif",
            "https://example.org//data/%61.tif",
        ] {
            assert_eq!(Place::of("b/c.json", href), place, "{href}");
        }
        for href in [
            "http://example.org/data/a.tif",
            "https://example.org:8080/data/a.tif",
            "//example.org/data/a.tif",
        ] {
            assert_ne!(Place::of("b/c.json", href), place, "{href}");
        }
    }

    #[test]
    fn an_address_on_the_web_is_one_by_each_scheme() {
        let address = |href: &str| Place::of("a.json", href).address();
        let https = address("https://example.org/a.json");
        for href in
            ["http://example.org/a.json", "//example.org/a.json", "HTTP://user@Example.org:80/./a.json"]
        {
            assert_eq!(address(href), https, "{href}");
        }
        for href in
            ["s3://example.org/a.json", "https://example.org:8080/a.json", "http://example.org/b.json"]
        {
            assert_ne!(address(href), https, "{href}");
        }
    }

    #[test]
    fn what_leads_below_a_folder_is_found_in_every_spelling() {
        for (document, href) in [
            ("i0.json", "../data/raw/a.tif"),
            ("i0.json", "data/raw/a.tif"),
            ("data/items/a.json", "../raw/x.tif"),
            ("data/a.json", "raw/x.tif"),
            ("data/raw/a.json", "x.tif"),
            ("a.json", "/data//raw/x.tif"),
            ("a.json", "data%2Fraw/x.tif"),
            ("a.json", "../data/r%61w/a.tif"),
            ("a.json", "../data/r%2561w/a.tif"),
            ("a.json", "data\\raw\\x.tif"),
            ("a.json", "DATA/Raw/x.tif"),
            ("a.json", "data./raw /x.tif"),
            ("a.json", "https://h/data/raw/x.tif"),
            ("a.json", "https://h/a/data/b/../raw/x.tif?sig=1"),
            ("a.json", "s3://bucket/data/raw/x.tif"),
            ("a.json", "file:///srv/data/raw/x.tif"),
            ("a.json", "/vsis3/bucket/data/raw/x.tif"),
            ("a.json", "https://tiles/cog?url=s3://b/data/raw/x.tif"),
            ("a.json", "https://tiles/cog?url=s3%3A%2F%2Fb%2Fdata%2Fraw%2Fx.tif"),
            ("a.json", "data/raw"),
            // The bucket is the first folder.
            ("a.json", "s3://data/raw/x.tif"),
            ("a.json", "S3://Data/RAW/x.tif"),
            ("a.json", "gs://data/raw/x.tif"),
            ("a.json", "az://data/raw/x.tif"),
            ("a.json", "abfs://data@account.dfs.core.windows.net/raw/x.tif"),
            ("a.json", "https://data.s3.us-west-2.amazonaws.com/raw/x.tif"),
            ("a.json", "https://data.s3-us-west-2.amazonaws.com/raw/x.tif"),
            ("a.json", "https://data.storage.googleapis.com/raw/x.tif"),
            ("a.json", "https://s3.amazonaws.com/data/raw/x.tif"),
            ("a.json", "arn:aws:s3:::data/raw/x.tif"),
            ("a.json", "file://data/raw/x.tif"),
            ("a.json", "zip://x.zip!data/raw/x.tif"),
            ("a.json", "https://tiles/cog?url=s3://data/raw/x.tif"),
            // What ends a name, or cannot be seen in it.
            ("a.json", "data/raw%00/x.tif"),
            ("a.json", "data/raw%00.png"),
            ("a.json", "data%00/raw/x.tif"),
            ("a.json", "da%00ta/raw/x.tif"),
            ("a.json", "data/raw%2500/x.tif"),
            ("a.json", "data/raw;v=1/x.tif"),
            ("a.json", "data;v=1/raw;v=2/x.tif;v=3"),
            ("a.json", "data;a=b;c/raw%3Bv=1/x.tif"),
            ("data/items/a.json", "../raw;v=1/x.tif?y=2"),
            ("a.json", "da\u{200b}ta/raw/x.tif"),
            ("a.json", "data/r\u{200d}aw/x.tif"),
            ("a.json", "data/raw\u{feff}/x.tif"),
            ("a.json", "data/r%E2%80%8Baw/x.tif"),
            ("a.json", "data/ra\u{ad}w;v=1/x.tif"),
        ] {
            assert!(leads_below(document, href, &["data", "raw"]), "{document}: {href}");
        }
    }

    #[test]
    fn what_only_sounds_like_the_folder_is_elsewhere() {
        for (document, href) in [
            ("a.json", "rawdata/x.tif"),
            ("a.json", "mydata/raw_notes.txt"),
            ("a.json", "data/rawish/x"),
            ("a.json", "data/raw/../x.tif"),
            ("data/items/a.json", "../x.tif"),
            ("a.json", "raw/x.tif"),
            ("a.json", "data/x/raw/y.tif"),
            ("a.json", "mydata/raw/x.tif"),
            ("a.json", "https://data/raw.tif"),
            ("a.json", "https://data.example.org/raw/x.tif"),
            ("a.json", "https://raw.s3.amazonaws.com/data/x.tif"),
            ("a.json", "s3://data/rawish/x.tif"),
            ("a.json", "s3://mydata/raw/x.tif"),
            ("a.json", "s3://data/x.tif"),
            ("a.json", "data;raw/x.tif"),
            ("a.json", "x.tif;data=raw"),
            ("a.json", "data/x.tif?v=1.25&w=0.75"),
            ("a.json", "data/x%00raw.tif"),
            ("a.json", "see data/raw for more"),
            ("a.json", ""),
        ] {
            assert!(!leads_below(document, href, &["data", "raw"]), "{document}: {href}");
        }
    }
}
