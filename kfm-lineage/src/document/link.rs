//! The links of a document, as the catalog's readers follow them.

use super::reader::{Statement, spells};
use super::{kept, text};

/// A link of a document, as it is written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkFact {
    /// What the target is to the document.
    pub rel: String,
    /// Where the link leads, not resolved.
    pub href: String,
    /// The media type that the link promises, where it does.
    pub media_type: Option<String>,
}

impl LinkFact {
    /// Says whether the link promises JSON, or nothing.
    ///
    /// Hierarchical links may exist a second time for people, as `text/html`; those are no edges of the
    /// catalog (STAC best practices, Media Types).
    pub fn leads_to_json(&self) -> bool {
        let Some(media_type) = &self.media_type else { return true };
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence == "application/json" || essence.ends_with("+json")
    }
}

/// Reads the links of a JSON object, in its order; those without a `rel` and an `href` as texts are left out.
pub(super) fn read(document: Statement<'_>) -> Vec<LinkFact> {
    let read = |link: Statement<'_>| {
        Some(LinkFact {
            rel: text(link.last("rel"))?,
            href: text(link.last("href"))?,
            media_type: text(link.last("type")),
        })
    };
    kept(all(document).filter_map(read))
}

/// Lists the places of the links that say no more than their [`LinkFact`] does, in ascending order.
pub(super) fn plain(document: Statement<'_>) -> Vec<usize> {
    all(document).filter(|link| is_plain(*link)).map(Statement::position).collect()
}

/// Says whether a link has one relation and one target, and both are texts.
fn is_plain(link: Statement<'_>) -> bool {
    let of = |word: &str| {
        link.children().filter(|member| member.name().is_some_and(|name| spells(name, word))).count()
    };
    let is_text = |name: &str| link.last(name).is_some_and(|member| member.text().is_some());
    let is_one_word =
        link.last("rel").and_then(Statement::text).is_some_and(|rel| !rel.contains(char::is_whitespace));
    is_one_word && is_text("href") && (of("rel"), of("href"), of("roles")) == (1, 1, 0)
}

fn all(document: Statement<'_>) -> impl Iterator<Item = Statement<'_>> {
    document.members("links").filter(|links| links.is_array()).flat_map(Statement::children)
}
