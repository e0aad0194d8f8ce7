//! Finds the bytes of one value in a JSON document.
//!
//! A document is corrected in the bytes of one value and nowhere else: its author chose its order, its numbers, its
//! white space and its escapes, and a digest covers all of them. So the document is not parsed and printed again;
//! the place of the value is found in its text.

use std::ops::Range;

use crate::field::{FieldPath, index_of};

/// Finds the bytes of a field's value; `None` if there is no such field.
///
/// `json` must be a whole JSON text without a byte order mark, which the caller has parsed before. Of any other
/// text the result has no meaning, but there is no panic. Of a member that is there twice, the last one counts, as
/// for every reader of documents here.
pub(crate) fn span_of(json: &[u8], field: &FieldPath) -> Option<Range<usize>> {
    let mut at = Scanner { json, at: 0 };
    at.skip_space();
    for step in field.steps() {
        match at.peek()? {
            b'{' => at.enter_member(step)?,
            b'[' => at.enter_element(index_of(step)?)?,
            _ => return None,
        }
    }
    let start = at.at;
    at.skip_value()?;
    Some(start..at.at)
}

/// Finds the bytes of every statement of a field about which readers differ: it, or a value that it is in, is there
/// more than once. Empty if they do not differ.
pub(crate) fn rivals_of(json: &[u8], field: &FieldPath) -> Vec<Range<usize>> {
    let mut start = Scanner { json, at: 0 };
    start.skip_space();
    let (mut places, mut differ) = (vec![start.at], false);
    for step in field.steps() {
        let mut inside = Vec::new();
        for at in places {
            let mut scanner = Scanner { json, at };
            match scanner.peek() {
                Some(b'{') => {
                    let members = scanner.members(step).unwrap_or_default();
                    differ |= members.len() > 1;
                    inside.extend(members);
                }
                Some(b'[') => {
                    let entered = index_of(step).and_then(|index| scanner.enter_element(index));
                    inside.extend(entered.map(|()| scanner.at));
                }
                _ => {}
            }
        }
        places = inside;
    }
    let span = |start: usize| {
        let mut scanner = Scanner { json, at: start };
        scanner.skip_value().map(|()| start..scanner.at)
    };
    places.into_iter().filter(|_| differ).filter_map(span).collect()
}

/// Returns how deep a JSON text is nested.
pub(crate) fn depth_of(json: &[u8]) -> usize {
    let mut at = Scanner { json, at: 0 };
    let (mut depth, mut deepest) = (0_usize, 0);
    while let Some(byte) = at.peek() {
        match byte {
            b'"' => {
                if at.skip_string().is_none() {
                    break;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
        at.at += 1;
    }
    deepest
}

/// A place in a JSON text.
struct Scanner<'a> {
    json: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    /// Passes over the next byte if it is this one.
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Goes from an object to the value of the last member with this name.
    fn enter_member(&mut self, name: &str) -> Option<()> {
        self.at = self.members(name)?.pop()?;
        Some(())
    }

    /// Lists the places of the values of an object's members with this name, and passes over the object up to its
    /// closing brace.
    fn members(&mut self, name: &str) -> Option<Vec<usize>> {
        let mut found = Vec::new();
        self.take(b'{')?;
        self.skip_space();
        while self.peek()? != b'}' {
            let start = self.at;
            self.skip_string()?;
            // Names are compared after reading, since one may be written with escapes.
            let is_wanted =
                serde_json::from_slice::<String>(&self.json[start..self.at]).is_ok_and(|read| read == name);
            self.skip_space();
            self.take(b':')?;
            self.skip_space();
            if is_wanted {
                found.push(self.at);
            }
            self.skip_value()?;
            self.skip_comma()?;
        }
        Some(found)
    }

    /// Goes from an array to one of its elements.
    fn enter_element(&mut self, index: usize) -> Option<()> {
        self.take(b'[')?;
        self.skip_space();
        for _ in 0..index {
            (self.peek()? != b']').then(|| self.skip_value())??;
            self.skip_comma()?;
        }
        (self.peek()? != b']').then_some(())
    }

    /// Passes over white space and one comma up to the next value; stops before a closing bracket or brace.
    fn skip_comma(&mut self) -> Option<()> {
        self.skip_space();
        match self.peek()? {
            b',' => {
                self.at += 1;
                self.skip_space();
                Some(())
            }
            b'}' | b']' => Some(()),
            _ => None,
        }
    }

    /// Passes over one value of any kind. It counts the depth instead of recursing.
    fn skip_value(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => self.skip_string()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth > 0 => self.at += 1,
                _ => self.skip_word()?,
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    fn skip_string(&mut self) -> Option<()> {
        self.take(b'"')?;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }

    /// Passes over a number, `true`, `false` or `null`.
    fn skip_word(&mut self) -> Option<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.')) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(json: &str, field: &str) -> Option<String> {
        let span = span_of(json.as_bytes(), &FieldPath::parse(field).expect("a path"))?;
        Some(json[span].to_owned())
    }

    #[test]
    fn a_value_is_found_as_it_is_written() {
        let json =
            "{ \"a\" :\t{\"b\":[ 1.0, -2E+3,{\"c\" : \"x\\\"}\\\\\"}\n],\"d\":{} , \"e\":[]},\"f\":null}";
        for (field, text) in [
            ("a.b.0", "1.0"),
            ("a.b.1", "-2E+3"),
            ("a.b.2.c", "\"x\\\"}\\\\\""),
            ("a.b.2", "{\"c\" : \"x\\\"}\\\\\"}"),
            ("a.d", "{}"),
            ("a.e", "[]"),
            ("f", "null"),
        ] {
            assert_eq!(found(json, field).as_deref(), Some(text), "{field}");
        }
        for absent in ["a.b.3", "a.b.c", "a.d.x", "a.e.0", "f.x", "g", "a.b.0.x"] {
            assert_eq!(found(json, absent), None, "{absent}");
        }
    }

    #[test]
    fn the_depth_of_a_text_counts_no_signs_in_texts() {
        for (json, depth) in [("1", 0), ("[]", 1), (r#"{"[[[": "]]{\"{", "a": [{}]}"#, 3), ("[[1],[[2]]]", 3)]
        {
            assert_eq!(depth_of(json.as_bytes()), depth, "{json}");
        }
    }

    #[test]
    fn names_are_compared_as_they_read_and_the_last_of_two_counts() {
        assert_eq!(found(r#"{"\u0061": 1}"#, "a").as_deref(), Some("1"));
        assert_eq!(found(r#"{"ü": 1, "\u00fc": 2}"#, "ü").as_deref(), Some("2"));
        assert_eq!(found(r#"{"a": {"b": 1}, "a": {"c": 2}}"#, "a.b"), None);
        assert_eq!(found(r#"{"a": {"b": 1}, "a": {"b": 2}}"#, "a.b").as_deref(), Some("2"));
        assert_eq!(found(r#"{"😀": {"\ud83d\ude00": 1}}"#, "😀.😀").as_deref(), Some("1"));
    }

    #[test]
    fn readers_differ_about_what_is_there_twice_or_in_what_is_there_twice() {
        let rivals = |json: &str, field: &str| {
            let field = FieldPath::parse(field).expect("a path");
            rivals_of(json.as_bytes(), &field)
                .into_iter()
                .map(|span| json[span].to_owned())
                .collect::<Vec<_>>()
        };
        for (json, field, told) in [
            (r#"{"v": 1, "\u0076": 2}"#, "v", vec!["1", "2"]),
            (r#"{"p": {"v": 1}, "p": {}}"#, "p.v", vec!["1"]),
            (r#"{"p": {"v": 1}, "p": [3], "p": {"v": {"a": 1}}}"#, "p.v", vec!["1", r#"{"a": 1}"#]),
            (r#"[{"v": 1, "v": 1}]"#, "0.v", vec!["1", "1"]),
            (r#"{"v": 1, "w": 2, "w": 3}"#, "v", vec![]),
            (r#"{"p": {"w": 1}, "p": {}}"#, "p.v", vec![]),
        ] {
            assert_eq!(rivals(json, field), told, "{json}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..60), field in "[ab0-2](\\.[ab0-2]){0,2}") {
            if let Some(span) = span_of(&bytes, &FieldPath::parse(&field).expect("a path")) {
                prop_assert!(span.start < span.end && span.end <= bytes.len());
            }
        }

        #[test]
        fn any_text_of_json_signs_has_an_answer(text in r#"[\[\]{}":,\\ a1b.-]{0,40}"#, field in "[ab0-2](\\.[ab0-2]){0,2}") {
            if let Some(span) = span_of(text.as_bytes(), &FieldPath::parse(&field).expect("a path")) {
                prop_assert!(span.start < span.end && span.end <= text.len());
            }
        }
    }
}
