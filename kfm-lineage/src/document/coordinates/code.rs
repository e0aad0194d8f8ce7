//! Places in codes of letters and digits: geohashes, plus codes, what3words, locators, short links.

/// Words between the name of a code and the code: parts of addresses, and `geohash is …`.
const BETWEEN: [&str; 16] = [
    "org", "com", "net", "io", "es", "co", "softeng", "html", "is", "of", "the", "code", "value", "cell",
    "hash", "for",
];

/// How many letters a code has at least if the text is the address of a place.
const ADDRESS_LENGTH_MIN: usize = 5;

/// Says whether a text names a place by a code, and says of what kind the code is; a plus code says it by
/// itself.
pub(super) fn in_code(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    geohash(&lower)
        || three_words(&lower)
        || locator(&lower)
        || short_link(text)
        || text.split(|c: char| !(c.is_alphanumeric() || c == '+')).any(has_plus_code)
}

/// Lists what stands behind each of these names.
fn behind<'t>(text: &'t str, names: &'t [&str]) -> impl Iterator<Item = &'t str> {
    names.iter().flat_map(|name| text.match_indices(name).map(|(at, name)| &text[at + name.len()..]))
}

fn geohash(lower: &str) -> bool {
    const NAMES: [&str; 5] = ["geohash", "geo hash", "geo-hash", "geo_hash", "ghash"];
    behind(lower, &NAMES).any(|rest| {
        let is_address = rest.starts_with('.');
        let mut words = rest.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let word = words.find(|word| !BETWEEN.contains(word)).unwrap_or_default();
        let letters = |word: &str| word.len() >= ADDRESS_LENGTH_MIN && is_of_geohash(word);
        is_geohash(word) || (is_address && letters(word))
    })
}

fn is_of_geohash(word: &str) -> bool {
    (4..=12).contains(&word.len()) && word.chars().all(|c| "0123456789bcdefghjkmnpqrstuvwxyz".contains(c))
}

fn is_geohash(word: &str) -> bool {
    is_of_geohash(word)
        && word.contains(|c: char| c.is_ascii_digit())
        && word.contains(|c: char| c.is_ascii_alphabetic())
}

/// Says whether a word contains a plus code: eight characters of its alphabet, or four to seven where a town
/// near by is named, then a plus and two to seven more.
fn has_plus_code(word: &str) -> bool {
    // Addresses write a plus for a blank too.
    let parts: Vec<&str> = word.split('+').collect();
    parts.windows(2).any(|pair| is_plus_code(pair[0], pair[1]))
}

fn is_plus_code(area: &str, place: &str) -> bool {
    const ALPHABET: &str = "23456789CFGHJMPQRVWX";
    let whole = area.len() == 8;
    if !(whole || (4..=7).contains(&area.len())) || !(2..=7).contains(&place.len()) {
        return false;
    }
    // In small letters only a whole code is taken: `gff2+33` is in every text of letters and digits.
    let valid = |c: char| ALPHABET.contains(if whole { c.to_ascii_uppercase() } else { c });
    let has = |is: fn(&char) -> bool| area.chars().chain(place.chars()).any(|c| is(&c));
    area.chars().chain(place.chars()).all(valid)
        && has(char::is_ascii_digit)
        && has(char::is_ascii_alphabetic)
}

/// Three words behind three slashes, or behind the name of the service.
fn three_words(lower: &str) -> bool {
    let is_place = |rest: &str| {
        let rest = [".com", ".co"].iter().find_map(|end| rest.strip_prefix(end)).unwrap_or(rest);
        let rest = rest.trim_start_matches(|c: char| !c.is_alphabetic());
        let end = rest.find(|c: char| !c.is_alphabetic() && c != '.').unwrap_or(rest.len());
        let words: Vec<&str> = rest[..end].trim_end_matches('.').split('.').collect();
        words.len() == 3 && words.iter().all(|word| word.chars().count() >= 3)
    };
    // `file:///` is the beginning of an address.
    let slashes = lower.match_indices("///").filter(|(at, _)| !lower[..*at].ends_with(':'));
    let slashes = slashes.map(|(at, name)| &lower[at + name.len()..]);
    let slashes = slashes.filter(|rest| rest.starts_with(char::is_alphabetic));
    behind(lower, &["what3words", "w3w"]).chain(slashes).any(is_place)
}

/// A locator of radio amateurs, in a text that says that it is one: `Maidenhead EM28jx`.
fn locator(lower: &str) -> bool {
    const NAMES: [&str; 5] = ["maidenhead", "gridsquare", "grid square", "grid locator", "qth"];
    behind(lower, &NAMES).any(|rest| {
        let mut words = rest.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.find(|word| !BETWEEN.contains(word) && *word != "locator").is_some_and(is_locator)
    })
}

/// Says whether a word is a locator of six characters or more; four name an area of more than 100 km.
pub(super) fn is_locator(word: &str) -> bool {
    let bytes = word.as_bytes();
    let within = |at: usize, first: u8, last: u8| {
        bytes.get(at).is_some_and(|byte| (first..=last).contains(&byte.to_ascii_lowercase()))
    };
    matches!(bytes.len(), 6 | 8 | 10)
        && (0..2).all(|at| within(at, b'a', b'r'))
        && (2..4).all(|at| within(at, b'0', b'9'))
        && (4..6).all(|at| within(at, b'a', b'x'))
        && (6..8).all(|at| bytes.len() <= at || within(at, b'0', b'9'))
}

/// A short link of OpenStreetMap, which holds the place itself.
fn short_link(text: &str) -> bool {
    behind(text, &["osm.org/go/", "openstreetmap.org/go/"]).any(|rest| {
        let is_code = |c: &char| c.is_ascii_alphanumeric() || "_~@-".contains(*c);
        rest.chars().take_while(is_code).count() >= ADDRESS_LENGTH_MIN
    })
}
