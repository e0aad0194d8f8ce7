//! What another reader finds in a document.

use hifijson::token::Lex;
use hifijson::value::{Value, parse_bounded};
use kfm_lineage::{DocumentFacts, Field};
use serde::Deserialize;

/// Members that hold coordinates if they are a number or an array of numbers; the facts know more such
/// members.
const COORDINATES: [&str; 6] = ["coordinates", "bbox", "lat", "latitude", "lon", "longitude"];

/// How many levels the other reader follows; it recurses.
const DEPTH_MAX: usize = 900;

/// The statements that protection depends on.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub struct Found {
    pub ids: Vec<String>,
    pub collections: Vec<String>,
    pub labels: Vec<String>,
    pub links: Vec<(String, String)>,
    pub coordinates: bool,
}

impl Found {
    pub fn len(&self) -> u64 {
        let lists = self.ids.len() + self.collections.len() + self.labels.len() + self.links.len();
        lists as u64 + u64::from(self.coordinates)
    }

    /// Reads a document with `hifijson`; `None` if that refuses it, or if it is not an object.
    pub fn by_hifijson(document: &[u8]) -> Option<Self> {
        let mut lexer = hifijson::SliceLexer::new(document);
        let read = lexer.exactly_one(Lex::ws_peek, |next, lexer| parse_bounded(DEPTH_MAX, next, lexer));
        match read.ok()? {
            Value::Object(members) => Some(Self::of(&members)),
            _ => None,
        }
    }

    fn of<N, S: AsRef<str>>(members: &[(S, Value<N, S>)]) -> Self {
        let mut found = Self { ids: texts(members, "id"), ..Self::default() };
        found.collections = texts(members, "collection");
        for (_, properties) in members.iter().filter(|(name, _)| name.as_ref() == "properties") {
            if let Value::Object(properties) = properties {
                found.collections.extend(texts(properties, "collection"));
            }
        }
        for (_, links) in members.iter().filter(|(name, _)| name.as_ref() == "links") {
            let Value::Array(links) = links else { continue };
            for link in links {
                let Value::Object(link) = link else { continue };
                let last = |name| link.iter().rfind(|(key, _)| key.as_ref() == name).map(|(_, value)| value);
                if let (Some(Value::String(rel)), Some(Value::String(href))) = (last("rel"), last("href")) {
                    found.links.push((rel.as_ref().to_owned(), href.as_ref().to_owned()));
                }
            }
        }
        found.walk(members);
        found
    }

    fn walk<N, S: AsRef<str>>(&mut self, members: &[(S, Value<N, S>)]) {
        let mut rest: Vec<(Option<&str>, &Value<N, S>)> =
            members.iter().map(|(name, value)| (Some(name.as_ref()), value)).collect();
        while let Some((name, value)) = rest.pop() {
            match value {
                Value::String(label) if name.is_some_and(names_a_label) => {
                    self.labels.push(label.as_ref().to_owned());
                }
                Value::Array(items) => rest.extend(items.iter().map(|item| (None, item))),
                Value::Object(members) => {
                    rest.extend(members.iter().map(|(name, value)| (Some(name.as_ref()), value)));
                }
                _ => {}
            }
            self.coordinates |= name.is_some_and(|name| COORDINATES.contains(&name)) && holds_a_number(value);
        }
    }

    /// Lists what this reader found and the facts lack.
    pub fn missing_in(&self, facts: &DocumentFacts) -> Vec<String> {
        let mut missing = Vec::new();
        let blank = |name: &String| name.trim().is_empty();
        for id in self.ids.iter().filter(|id| !blank(id) && !facts.ids().any(|known| known == id.as_str())) {
            missing.push(format!("the id {id:?}"));
        }
        let is_known = |name: &str| facts.stated_collections().any(|known| known == name);
        for name in self.collections.iter().filter(|name| !blank(name) && !is_known(name)) {
            missing.push(format!("the collection {name:?}"));
        }
        let denies = facts.care == Field::Malformed;
        let labels = facts.care.present().map(Vec::as_slice).unwrap_or_default();
        for label in self.labels.iter().filter(|label| !denies && !labels.contains(label)) {
            missing.push(format!("the label {label:?}"));
        }
        let has = |rel: &str, href: &str| facts.links.iter().any(|link| link.rel == rel && link.href == href);
        for (rel, href) in self.links.iter().filter(|(rel, href)| !has(rel, href)) {
            missing.push(format!("the link {rel:?} to {href:?}"));
        }
        if self.coordinates && !facts.has_coordinates {
            missing.push("a coordinate".to_owned());
        }
        missing
    }
}

fn texts<N, S: AsRef<str>>(members: &[(S, Value<N, S>)], name: &str) -> Vec<String> {
    let named = members.iter().filter(|(key, _)| key.as_ref() == name);
    named
        .filter_map(|(_, value)| match value {
            Value::String(text) => Some(text.as_ref().to_owned()),
            _ => None,
        })
        .collect()
}

fn names_a_label(name: &str) -> bool {
    let spelt: String = name.chars().filter(|c| !c.is_whitespace() && !"_-".contains(*c)).collect();
    matches!(spelt.to_lowercase().as_str(), "kfm:carelabel" | "kfm:caretag")
}

fn holds_a_number<N, S>(value: &Value<N, S>) -> bool {
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        match value {
            Value::Number(_) => return true,
            Value::Array(items) => rest.extend(items),
            _ => {}
        }
    }
    false
}
