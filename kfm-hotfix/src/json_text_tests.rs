use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(text: &str) -> JsonText {
    text.parse().expect("JSON")
}

#[test]
fn the_text_stays_as_it_is_written() {
    for text in ["30.0", "-0.0", "1e400", "9007199254740993", "\"\\u0041\"", "{ \"b\" : 1,\n\"a\":[ ] }"] {
        assert_eq!(read(&format!(" \n{text}\t")).text(), text);
    }
    assert_eq!(JsonText::from("a \"b\"").text(), r#""a \"b\"""#);
    assert!(JsonText::from("a \"b\"").is_same(&read(r#""a \u0022b\"""#)));
    assert_eq!(
        JsonText::try_from(&json!({"a": [1.5, null]})).map(|it| it.to_string()),
        Ok(r#"{"a":[1.5,null]}"#.into())
    );
}

#[test]
fn values_are_the_same_by_what_they_say() {
    for (a, b) in [
        ("[1, 2.0]", "[1.0,2]"),
        (r#"{"a": 1, "b": [2]}"#, r#"{"b":[2.0],"a":1}"#),
        (r#""\u0041\/\n""#, "\"A/\\u000a\""),
        (r#""\ud83d\ude00""#, "\"😀\""),
        (r#"{"a": 1, "a": 2}"#, r#"{"a": 2}"#),
    ] {
        assert!(read(a).is_same(&read(b)), "{a} {b}");
    }
    for (a, b) in [
        ("1", "\"1\""),
        ("0", "false"),
        ("null", "\"null\""),
        ("[1,2]", "[2,1]"),
        (r#"{"a":1}"#, r#"{"a":1,"b":2}"#),
        (r#""\ud83d""#, r#""\ud83e""#),
        ("9007199254740993", "9007199254740992.0"),
    ] {
        assert!(!read(a).is_same(&read(b)), "{a} {b}");
    }
}

#[test]
fn what_is_not_json_is_refused_and_what_is_too_deep_is_told_apart() {
    for text in [
        "",
        "UNKNOWN",
        "01",
        "1.",
        ".5",
        "+1",
        "-",
        "1e",
        "NaN",
        "-Infinity",
        "'a'",
        "\"a",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\u{1}\"",
        "[1,]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":1,}",
        "{a:1}",
        "nul",
        "1 2",
        "[",
        "{",
        "\"\\",
        "\"\\u1",
    ] {
        assert!(matches!(text.parse::<JsonText>(), Err(JsonTextError::NotJson { .. })), "{text}");
    }
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    assert!(nested(DEPTH_MAX).parse::<JsonText>().is_ok());
    for levels in [DEPTH_MAX + 1, 1_000_000] {
        assert_eq!(nested(levels).parse::<JsonText>(), Err(JsonTextError::TooDeep));
    }
}

#[test]
fn what_readers_differ_about_is_said() {
    for (text, word) in
        [(r#"[{"a":1,"\u0061":2}]"#, "twice"), (r#""\udc00x""#, "surrogate"), ("[-1e400]", "double")]
    {
        assert!(read(text).doubt().is_some_and(|doubt| doubt.contains(word)), "{text}");
    }
    for text in ["9007199254740993", "1e308", "1e-400", r#"[{"a":1},{"a":1}]"#] {
        assert_eq!(read(text).doubt(), None, "{text}");
    }
}

#[test]
fn an_answer_has_the_text_of_what_it_could_not_hold_as_a_value() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    for text in ["1e400".to_owned(), nested(65)] {
        assert_eq!(read(&text).value(), json!(text));
    }
    assert_eq!(read("[30.0]").value(), json!([30.0]));
}

#[test]
fn a_screen_shows_no_white_space_but_that_of_texts() {
    assert_eq!(read("{ \"a b\" :\n[ 1 , \"c \\\" d\" ] }").compact(), r#"{"a b":[1,"c \" d"]}"#);
}

proptest! {
    /// What serde_json takes is taken, says the same to itself in both spellings, and what it refuses is refused,
    /// but for numbers and surrogates that it has no room for.
    #[test]
    fn a_text_is_json_if_another_reader_says_so(text in r#"[\[\]{}":,\\ 01eE+.\-atruefalsn]{0,24}"#) {
        let theirs = serde_json::from_str::<Value>(&text);
        let ours = text.parse::<JsonText>();
        match (&theirs, &ours) {
            (Ok(value), Ok(read)) => prop_assert!(read.doubt().is_some() || JsonText::try_from(value).is_ok_and(|it| read.is_same(&it)), "{}", text),
            (Err(_), Ok(read)) => prop_assert!(read.doubt().is_some(), "{}", text),
            (Ok(_), Err(_)) => prop_assert!(false, "{}", text),
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn any_text_has_an_answer(text in any::<String>()) {
        let _ = text.parse::<JsonText>();
    }
}
