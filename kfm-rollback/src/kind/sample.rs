//! [`Sample`]: what the table of a new store of a kind says in `kfm.toml`.

use std::fmt::Write as _;

use kfm_lineage::Domain;

use super::StoreKind;

/// What the table of a new store says and explains: [`Platform::init_with`](crate::Platform::init_with) writes it.
///
/// The text has no credential: it names those pairs of the environment that have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// What the store is and what it needs, in one sentence or more.
    pub about: &'static str,
    /// The `url` of a store for which none is given, best one on this machine; `{name}` stands for the store's name. Empty:
    /// a `url` has to be given.
    pub url: &'static str,
    /// What `url` may be, in one sentence.
    pub url_about: &'static str,
    /// Names of the environment that authenticate the process to the store, the one that is needed most first.
    pub environment: &'static [&'static str],
    /// Keys of the kind's own, each with an example of its value in TOML: written as a comment below what the kind says
    /// about the key.
    pub examples: &'static [(&'static str, &'static str)],
    /// Whether a store of this kind can be the target of a platform; asked in the domain stac alone.
    pub can_be_target: bool,
}

impl Sample {
    /// The sample of a kind that has none of its own: every key without an example.
    pub(crate) const NONE: Self = Self {
        about: "",
        url: "",
        url_about: "Where the store lies.",
        environment: &[],
        examples: &[],
        can_be_target: true,
    };
}

/// What a table is written for.
#[derive(Debug)]
pub(crate) struct NewTable<'a> {
    /// The store's name.
    pub(crate) name: &'a str,
    /// The store's domain.
    pub(crate) domain: Domain,
    /// The store's kind.
    pub(crate) kind: &'a dyn StoreKind,
    /// Where the store lies.
    pub(crate) url: &'a str,
    /// The value of `role`; `None` writes none.
    pub(crate) role: Option<&'static str>,
}

impl NewTable<'_> {
    /// Returns the table as text, with comments.
    pub(crate) fn text(&self, sample: &Sample) -> String {
        let mut text = String::new();
        comment(&mut text, sample.about);
        comment(&mut text, &self.about_environment(sample));
        let _ = writeln!(text, "[stores.{}]", self.name);
        let _ = writeln!(text, "domain = {}", quoted(self.domain.as_str()));
        let _ = writeln!(text, "kind = {}", quoted(self.kind.kind()));
        comment(&mut text, sample.url_about);
        let _ = writeln!(text, "url = {}", quoted(self.url));
        if let Some(role) = self.role {
            let _ = writeln!(text, "role = {}", quoted(role));
        }
        for (name, value) in sample.examples {
            if let Some(key) = self.kind.keys().iter().find(|key| key.name == *name) {
                comment(&mut text, key.about);
                let _ = writeln!(text, "# {name} = {value}");
            }
        }
        text
    }

    fn about_environment(&self, sample: &Sample) -> String {
        let Some(first) = sample.environment.first() else { return String::new() };
        let names = sample.environment.join(", ");
        let own = format!("KFM_{}_{first}", self.name.to_uppercase().replace('-', "_"));
        format!(
            "From the environment, never from this file: {names}; for this store alone {own} and its kin."
        )
    }
}

/// The most characters of a comment's line.
const LINE_CHARS_MAX: usize = 100;

/// Writes a comment, broken into lines between words.
fn comment(text: &mut String, about: &str) {
    let mut line = String::new();
    for word in about.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > LINE_CHARS_MAX {
            let _ = writeln!(text, "#{line}");
            line.clear();
        }
        line.push(' ');
        line.push_str(word);
    }
    if !line.is_empty() {
        let _ = writeln!(text, "#{line}");
    }
}

/// Returns a text as a value of TOML; what no value can have is refused when the settings are read.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
