//! The values that a field really has, for an actor that asked for a value which no document has.

use crate::json_text::JsonText;

/// The most different values that are kept apart; the others are counted together.
const VALUES_MAX: usize = 10;

/// The most characters of a value that are shown.
const SHOWN_CHARS_MAX: usize = 60;

/// The values that a field has, each with the number of documents.
#[derive(Debug, Default)]
pub(crate) struct Found {
    values: Vec<(JsonText, u64)>,
    others: u64,
    protected: u64,
    absent: u64,
}

impl Found {
    /// Counts a value. In a protected document the value is counted and not kept (R66).
    pub(crate) fn note(&mut self, value: Option<JsonText>, is_protected: bool) {
        let Some(value) = value else {
            self.absent += 1;
            return;
        };
        if is_protected {
            self.protected += 1;
        } else if let Some((_, count)) = self.values.iter_mut().find(|(known, _)| known.is_same(&value)) {
            *count += 1;
        } else if self.values.len() < VALUES_MAX {
            self.values.push((value, 1));
        } else {
            self.others += 1;
        }
    }

    /// Counts a value that is nested too deep to be compared.
    pub(crate) fn note_deep(&mut self) {
        self.others += 1;
    }

    /// Returns how many documents were counted.
    pub(crate) fn documents(&self) -> u64 {
        self.values.iter().map(|(_, count)| count).sum::<u64>() + self.others + self.protected + self.absent
    }

    /// Lists the values, the most frequent first.
    pub(crate) fn words(&self) -> String {
        let mut values: Vec<_> = self.values.iter().map(|(value, count)| (shown(value), *count)).collect();
        values.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
        let mut words: Vec<String> =
            values.into_iter().map(|(value, count)| format!("{value} ({count})")).collect();
        for (count, what) in [
            (self.others, "others"),
            (self.protected, "not shown, protected"),
            (self.absent, "no such field"),
        ] {
            if count > 0 {
                words.push(format!("{what} ({count})"));
            }
        }
        words.join(", ")
    }
}

fn shown(value: &JsonText) -> String {
    let text = value.compact();
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_listed_with_their_numbers_and_protected_ones_are_not_told() {
        let mut found = Found::default();
        for value in ["MIT", "CC0-1.0", "CC0-1.0"] {
            found.note(Some(value.into()), false);
        }
        found.note(Some("a secret".into()), true);
        found.note(None, false);
        let told = r#""CC0-1.0" (2), "MIT" (1), not shown, protected (1), no such field (1)"#;
        assert_eq!((found.words().as_str(), found.documents()), (told, 5));
    }

    #[test]
    fn a_list_of_values_has_a_bound() {
        let mut found = Found::default();
        for n in 0..100 {
            found.note(Some("x".repeat(1_000).as_str().into()), false);
            found.note(Some(format!("{n}{}", "x".repeat(1_000)).as_str().into()), false);
        }
        assert!(found.words().len() < 2_000 && found.words().contains("others (91)"), "{}", found.words());
    }
}
