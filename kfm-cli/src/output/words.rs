//! How counts, digests, times and durations are said on every screen.

use std::collections::BTreeMap;

use kfm_lineage::{Timestamp, Value};
use kfm_rollback::report::CellCount;

/// Says a number with its thousands apart: `20,002`.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut said = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            said.push(',');
        }
        said.push(digit);
    }
    said
}

/// Says a number with its noun: `1 document`, `40 documents`.
pub(crate) fn count(many: u64, noun: &str) -> String {
    let said = number(many);
    match (many, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        _ if noun.ends_with("sh") => format!("{said} {noun}es"),
        (_, Some(stem)) if !noun.ends_with("ay") => format!("{said} {stem}ies"),
        _ => format!("{said} {noun}s"),
    }
}

/// Says a count of cells with its parts: `85 cells (43 graph, 40 stac, 2 search)`.
pub(crate) fn cells(cells: &CellCount) -> String {
    cells_by(cells.total, &cells.by_domain)
}

/// Says how many cells there are, with their parts: the greatest first.
pub(crate) fn cells_by(total: u64, by_domain: &BTreeMap<String, u64>) -> String {
    let mut parts: Vec<_> = by_domain.iter().collect();
    parts.sort_by_key(|(_, many)| std::cmp::Reverse(**many));
    let parts: Vec<_> = parts.iter().map(|(domain, many)| format!("{} {domain}", number(**many))).collect();
    match parts.as_slice() {
        [] => count(total, "cell"),
        _ => format!("{} ({})", count(total, "cell"), parts.join(", ")),
    }
}

/// Says how many of the cells counted before it had their value already: `, 3 of them were so already`; nothing if none
/// had.
pub(crate) fn already(many: u64) -> String {
    match many {
        0 => String::new(),
        1 => ", 1 of them was so already".to_owned(),
        many => format!(", {} of them were so already", number(many)),
    }
}

/// Says how many of the cells counted before it end otherwise, since protection asks for it: `, but for 3 cells that
/// protection changed`; nothing if none does.
pub(crate) fn but_protected(many: u64) -> String {
    match many {
        0 => String::new(),
        many => format!(", but for {} that protection changed", count(many, "cell")),
    }
}

/// Says what a number was and is: `45, as before` or `45, was 44`.
pub(crate) fn change(before: u64, after: u64) -> String {
    let (before_said, after_said) = (number(before), number(after));
    if before == after {
        format!("{after_said}, as before")
    } else {
        format!("{after_said}, was {before_said}")
    }
}

/// Says what a value was and is to be, in one line: `"UNKNOWN" -> "CC-BY-4.0"`.
pub(crate) fn from_to(from: &str, to: &str) -> String {
    let line = |text: &str| text.replace(['\n', '\r', '\t'], " ");
    format!("{} -> {}", line(from), line(to))
}

/// Shortens a value, so that two values still look different: `absent`, or 12 digits of the digest.
pub(crate) fn short_value(value: &Value) -> String {
    value.map_or_else(|| "absent".to_owned(), |digest| short(&digest.to_string()))
}

/// Shortens a digest to its kind and 12 digits, as git does; other texts stay whole.
pub(crate) fn short(text: &str) -> String {
    match text.split_once(':') {
        Some((kind, hex)) if hex.len() == 64 => format!("{kind}:{}", &hex[..12]),
        _ => text.to_owned(),
    }
}

/// Says a time to the second, in UTC.
pub(crate) fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Begins a sentence with a capital.
pub(crate) fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Says a duration: `840 ms`, `12.3 s`, `7 min 5 s`.
pub(crate) fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// Says that approvals went with their plan; `None` if there were none.
pub(crate) fn approvals_spent(spent: u64) -> Option<String> {
    let are = if spent == 1 { "is" } else { "are" };
    (spent > 0)
        .then(|| format!("{} {are} spent with this plan; a new plan needs its own", count(spent, "approval")))
}

/// Says how long a command worked; `None` if that is not known, since nothing was to be done.
pub(crate) fn took(ms: u64) -> Option<String> {
    (ms > 0).then(|| duration(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_with_their_nouns() {
        assert_eq!(count(1, "document"), "1 document");
        assert_eq!(count(0, "document"), "0 documents");
        assert_eq!(count(3, "entry"), "3 entries");
        assert_eq!(count(3, "day"), "3 days");
        assert_eq!(count(2, "publish"), "2 publishes");
        assert_eq!(
            (count(20_002, "cell"), count(1_000_000, "cell")),
            ("20,002 cells".into(), "1,000,000 cells".into())
        );
    }

    #[test]
    fn digests_are_shortened_and_other_texts_are_not() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        assert_eq!(short(&digest), "sha256:abababababab");
        assert_eq!(short("absent"), "absent");
    }

    #[test]
    fn durations_are_said_in_the_unit_that_fits() {
        assert_eq!(duration(999), "999 ms");
        assert_eq!(duration(12_345), "12.3 s");
        assert_eq!(duration(425_000), "7 min 5 s");
    }
}
