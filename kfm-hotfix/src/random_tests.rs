//! Random values put into random documents: the change is exact and so is its way back, or it is refused.

use kfm_wal::record::Correction;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

use crate::field::{DEPTH_MAX, FieldPath};
use crate::json_text::JsonText;
use crate::replace::{replaced, value_text};
use crate::span::{depth_of, span_of};
use crate::stac::{StacHotfix, correction_of};

const CASES: u32 = 100_000;

/// JSON texts as people and machines write them: numbers of any size in any spelling, escapes, half surrogate pairs,
/// repeated names, white space, and a value that is nested deep.
fn texts() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?",
        Just("9007199254740993".to_owned()),
        Just("-0.0".to_owned()),
        Just("1e400".to_owned()),
        r#""([a-z{}\[\]:, ü😀]|\\"|\\\\|\\n|\\u00e9|\\ud83d|\\/){0,6}""#,
    ];
    let name = r#""([ab]|\\u0061|ü|/|~|[.]){1,2}""#;
    let space = || "[ \n\t]{0,2}";
    let nested = leaf.prop_recursive(3, 12, 3, move |inner| {
        let member = (space(), name, space(), inner.clone(), space())
            .prop_map(|(a, name, b, value, c)| format!("{a}{name}{b}:{value}{c}"));
        let element = (space(), inner, space()).prop_map(|(a, value, b)| format!("{a}{value}{b}"));
        prop_oneof![
            proptest::collection::vec(member, 0..3).prop_map(|all| format!("{{{}}}", all.join(","))),
            proptest::collection::vec(element, 0..3).prop_map(|all| format!("[{}]", all.join(","))),
        ]
    });
    let wrapped = (nested, prop_oneof![20 => Just(0_usize), 1 => 100_usize..140]);
    wrapped.prop_map(|(text, levels)| format!("{}{text}{}", "[".repeat(levels), "]".repeat(levels)))
}

/// One field that a document has, chosen by a number; none if it is a leaf.
fn field_of(document: &str, choice: usize) -> Option<FieldPath> {
    // To find the fields only: a number that no reader of ours takes may stand anywhere.
    let plain = document.replace("1e400", "1").replace("\\ud83d", "");
    let mut paths = Vec::new();
    list(&serde_json::from_str(&plain).ok()?, "", &mut paths);
    FieldPath::parse(paths.get(choice % paths.len().max(1))?).ok()
}

fn list(value: &Value, at: &str, found: &mut Vec<String>) {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            members.iter().map(|(name, it)| (name.replace('~', "~0").replace('/', "~1"), it)).collect()
        }
        Value::Array(elements) => elements.iter().enumerate().map(|(n, it)| (n.to_string(), it)).collect(),
        _ => Vec::new(),
    };
    for (name, member) in members {
        let path = format!("{at}/{name}");
        found.push(path.clone());
        list(member, &path, found);
    }
}

/// What the log keeps of a correction says the same texts when it is read back.
fn keeps_its_texts(from: &JsonText, to: &JsonText) -> bool {
    let field = FieldPath::parse("a").expect("a path");
    let correction = correction_of(&StacHotfix::new("c", field, from.clone(), to.clone()));
    let kept = kfm_lineage::canonical::canonical_of(&correction).expect("it has a canonical form");
    let read: Correction = serde_json::from_slice(&kept).expect("it reads back");
    read == correction && read.written() == Some((from.to_string(), to.to_string()))
}

#[test]
fn a_change_and_its_way_back_are_exact_or_it_is_refused() {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let cases = (texts(), any::<usize>(), texts());
    let outcome = runner.run(&cases, |(document, choice, to)| {
        let Some(field) = field_of(&document, choice) else { return Ok(()) };
        let Ok(to) = to.parse::<JsonText>() else {
            prop_assert!(depth_of(to.as_bytes()) > DEPTH_MAX, "{}", to);
            return Ok(());
        };
        let Some(old) = value_text(document.as_bytes(), &field) else { return Ok(()) };
        let span = span_of(document.as_bytes(), &field).expect("it has a value");
        match replaced(document.as_bytes(), &field, &to) {
            Some(after) => {
                let expected = format!("{}{}{}", &document[..span.start], to.text(), &document[span.end..]);
                prop_assert_eq!(std::str::from_utf8(&after), Ok(expected.as_str()));
                if let Ok(old) = old.parse::<JsonText>() {
                    let back = replaced(&after, &field, &old);
                    prop_assert_eq!(back.as_deref(), Some(document.as_bytes()));
                    prop_assert!(keeps_its_texts(&old, &to), "{} -> {}", old, to);
                }
            }
            None => {
                let levels = depth_of(to.text().as_bytes()) + field.steps().len();
                prop_assert!(levels > DEPTH_MAX, "{} {} {}", document, field, to);
            }
        }
        Ok(())
    });
    assert!(outcome.is_ok(), "{outcome:?}");
}
