use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// Says whether a tree is equal to another reader's reading of the same text.
fn is(statement: Statement<'_>, value: &Value) -> bool {
    match (statement.scalar(), value) {
        (Scalar::Null, Value::Null) => true,
        (Scalar::Bool(a), Value::Bool(b)) => a == b,
        (Scalar::Number(a), Value::Number(b)) => a.parse::<f64>().ok() == b.as_f64(),
        (Scalar::Text(a), Value::String(b)) => a == b,
        (Scalar::Array, Value::Array(items)) => {
            statement.children().count() == items.len()
                && statement
                    .children()
                    .zip(items)
                    .all(|(child, item)| child.name().is_none() && is(child, item))
        }
        (Scalar::Object, Value::Object(members)) => {
            statement.children().count() == members.len()
                && members
                    .iter()
                    .all(|(name, value)| statement.last(name).is_some_and(|member| is(member, value)))
        }
        _ => false,
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn valid_json_is_read_as_another_reader_reads_it(value in any_json()) {
        for text in [value.to_string(), format!("{value:#}")] {
            let tree = json::read(&text).expect("it is valid");
            prop_assert!(is(tree.root(), &value), "{text}");
        }
    }

    #[test]
    fn what_json_refuses_has_no_shape_that_a_walk_cannot_stand(text in "[\\[\\]{}\"\\\\':, a1é\n]{0,64}") {
        for tree in [json::read(&text), tokens::read([text.as_str()])].into_iter().flatten() {
            let count = tree.root().inside().count();
            let by_levels = tree.root().children().map(|child| 1 + child.inside().count()).sum::<usize>();
            prop_assert_eq!(count, by_levels);
            prop_assert!(tree.root().inside().all(|statement| statement.end() <= tree.root().end()));
        }
    }
}

#[test]
fn what_no_common_reader_takes_is_not_json() {
    for text in [
        "",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "[1 2]",
        "{\"a\" 1}",
        "{a:1}",
        "['a']",
        "[01]",
        "[1.]",
        "[.5]",
        "[+1]",
        "[0x1]",
        "[1e]",
        "[\"\\x41\"]",
        "[\"\\u12\"]",
        "[\"a]",
        "[1]]",
        "[1] 2",
        "[nul]",
        "[-]",
        "[infinity]",
        "[--Infinity]",
        "{\"a\"}",
        "[}",
        "// a\n[1]",
        "\u{a0}[1]",
    ] {
        assert!(json::read(text).is_none(), "{text}");
    }
}

#[test]
fn names_are_spelt_without_case_blanks_and_signs() {
    assert!(spells("kfm:Care_Label ", "kfmcarelabel") && spells("derived-from", "derivedfrom"));
    assert!(!spells("kfm:care_labels", "kfmcarelabel") && !spells("", "id"));
}
