//! Records that nest too deep to be read, cut so that the rest of them can be.
//!
//! A version before ADR 0014 could append what no reader takes: a hotfix of a value with a hundred and more levels. Such
//! a log must be read for as long as there are logs, and the reader's limit stays, since it keeps a forged log from
//! ending the process. What is cut is free JSON for people to read; what operations act on is never nested like that.

/// Levels of a record that are read; its own fields take fewer than ten.
const LEVELS_MAX: usize = 64;

/// What stands in the place of a value that is cut.
const CUT: &str = "\"(nested too deep to be read)\"";

/// Returns a JSON text without the values below the deepest level that is read; none if there are none.
pub(crate) fn shallow(json: &[u8]) -> Option<Vec<u8>> {
    let mut kept = Vec::with_capacity(json.len());
    let (mut levels, mut in_text, mut is_escaped, mut is_cut) = (0_usize, false, false, false);
    for byte in json {
        let was_deeper = levels > LEVELS_MAX;
        if in_text {
            in_text = is_escaped || *byte != b'"';
            is_escaped = !is_escaped && *byte == b'\\';
        } else {
            match byte {
                b'"' => in_text = true,
                b'[' | b'{' => levels += 1,
                b']' | b'}' => levels = levels.checked_sub(1)?,
                _ => {}
            }
        }
        let is_deeper = levels > LEVELS_MAX;
        if is_deeper && !was_deeper {
            kept.extend_from_slice(CUT.as_bytes());
            is_cut = true;
        } else if !is_deeper && !was_deeper {
            kept.push(*byte);
        }
    }
    is_cut.then_some(kept)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn nested(levels: usize) -> String {
        format!("{{\"a\":\"]}}\\\"[\",\"deep\":{}{},\"b\":[1,2]}}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn what_lies_too_deep_is_cut_and_nothing_else() {
        for levels in [LEVELS_MAX, 127, 128, 5_000, 400_000] {
            let cut = shallow(nested(levels).as_bytes()).unwrap();
            let read: Value = serde_json::from_slice(&cut).unwrap();
            assert_eq!((&read["a"], &read["b"]), (&json!("]}\"["), &json!([1, 2])), "{levels}");
        }
        assert_eq!(shallow(nested(LEVELS_MAX - 1).as_bytes()), None);
    }

    #[test]
    fn what_is_no_json_is_no_better_afterwards() {
        for text in ["]", "\"", &"[".repeat(100_000), &"{\"a\":".repeat(1_000)] {
            let cut = shallow(text.as_bytes()).unwrap_or_default();
            assert!(serde_json::from_slice::<Value>(&cut).is_err(), "{text:.20}");
        }
    }
}
