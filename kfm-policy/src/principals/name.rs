//! Names of principals and actors: which texts are the name of one person.

use kfm_lineage::text::{is_hidden, lookalike};
use unicode_normalization::UnicodeNormalization;

/// Says whether two texts are the name of one person.
///
/// They are if they differ only in case, in the width or the form of their letters (`ａｄａ`, `𝐚𝐝𝐚`, an accent that is
/// written apart), in characters that cannot be seen, in blanks, or in letters of other scripts that look the same
/// (the Cyrillic `аda`). Rules that ask for two persons must not be kept by one person with two spellings of a name.
pub fn is_same_name(a: &str, b: &str) -> bool {
    a == b
        || folded(a) == folded(b)
        || seen(a) == seen(b)
        || seen(&a.to_uppercase()) == seen(&b.to_uppercase())
}

/// Returns one spelling for all names that look the same; in small and in capital letters these are others.
fn seen(name: &str) -> String {
    folded(&lookalike(name))
}

/// Returns one spelling for all spellings of a name: NFKC without hidden characters, its case folded, and one blank
/// between two words.
fn folded(name: &str) -> String {
    let seen: String = name.nfkc().filter(|c| !is_hidden(*c) || c.is_whitespace()).collect();
    // Upper case first: it has one form for letters that have several small ones, as `ß` and `ss`, `σ` and `ς`.
    let folded: String = seen.to_uppercase().to_lowercase().nfkc().collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_one_person() {
        for twin in [
            "ada",
            "ADA",
            "ａｄａ",
            "Ａda",
            "𝐚𝐝𝐚",
            "ⓐda",
            "a\u{200b}da",
            "ad\u{ad}a",
            "\u{feff}ada",
            "a\u{34f}da",
            "ada\u{fe0f}",
            " ada ",
            "ada\u{a0}",
        ] {
            assert!(is_same_name("ada", twin), "{twin:?}");
        }
        for (one, other) in [
            ("Zoë", "Zoe\u{308}"),
            ("Straße", "STRASSE"),
            ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
            ("José  Díaz", "jose\u{301} dı\u{301}az"),
            ("ﬁona", "fiona"),
            ("Bo Lee", "bo\u{3000}lee"),
            ("K", "k"),
            ("ada", "аda"),
            ("ada", "АDА"),
            ("HANNA", "НАNNА"),
            ("oto", "ото"),
            ("ADA", "ΑDΑ"),
            ("ｏto", "ото"),
        ] {
            assert!(is_same_name(one, other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn other_names_are_other_persons() {
        for (one, other) in [
            ("ada", "adam"),
            ("ada", "a da"),
            ("Zoë", "Zoe"),
            ("José", "Jose"),
            ("ops1", "ops2"),
            ("ada@a.org", "ada@b.org"),
            ("一", "二"),
            ("Анна", "Anna"),
            ("Ivan", "Иван"),
            ("bam", "barn"),
            ("Il", "ll"),
            ("ops1", "opsl"),
            ("", "a"),
        ] {
            assert!(!is_same_name(one, other), "{one:?} {other:?}");
        }
    }
}
