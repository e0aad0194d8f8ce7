//! The texts of a document that name a folder, each with its place in the document.

use super::reader::Statement;
use crate::integrity::may_name;

/// A text of a document, with its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Mention {
    /// The place of the text, as a JSON pointer.
    pub pointer: String,
    /// The text, as the document has it.
    pub text: String,
}

/// Lists the texts, at any depth, in which a name may occur, also hidden by escapes.
pub(super) fn mentions(root: Statement<'_>, name: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut around = vec![Around { end: root.end(), pointer_length: 0, children: 0 }];
    let mut pointer = String::new();
    for statement in root.inside() {
        while around.len() > 1 && around.last().is_some_and(|last| last.end <= statement.position()) {
            around.pop();
        }
        let Some(last) = around.last_mut() else { break };
        pointer.truncate(last.pointer_length);
        pointer.push('/');
        match statement.name() {
            Some(member) => pointer.push_str(&member.replace('~', "~0").replace('/', "~1")),
            None => pointer.push_str(&last.children.to_string()),
        }
        last.children += 1;
        around.push(Around { end: statement.end(), pointer_length: pointer.len(), children: 0 });
        if let Some(text) = statement.text().filter(|text| may_name(text, name)) {
            found.push(Mention { pointer: pointer.clone(), text: text.to_owned() });
        }
    }
    found
}

/// A value that contains the current one.
struct Around {
    end: usize,
    pointer_length: usize,
    /// How many of its children were met so far.
    children: usize,
}

#[cfg(test)]
mod tests {
    use super::super::reader::{Reading, Text};
    use super::*;

    #[test]
    fn a_text_is_found_at_its_place_however_it_is_spelt() {
        let text = r#"{
            "assets": {"a/b": {"href": "../data/r%61w/a.tif"}, "c": {"href": "a.tif"}},
            "properties": {"raw": 1, "sources": ["RAW", "r%2561w", "row"], "s": "raw", "s": "\u0072aw"}
        }"#;
        let text = Text::of(text);
        let Reading::Object(tree) = text.read() else { panic!("an object") };
        let found = mentions(tree.root(), "raw");
        let found: Vec<_> =
            found.iter().map(|mention| (mention.pointer.as_str(), mention.text.as_str())).collect();
        assert_eq!(
            found,
            [
                ("/assets/a~1b/href", "../data/r%61w/a.tif"),
                ("/properties/sources/0", "RAW"),
                ("/properties/sources/1", "r%2561w"),
                ("/properties/s", "raw"),
                ("/properties/s", "raw"),
            ]
        );
    }
}
