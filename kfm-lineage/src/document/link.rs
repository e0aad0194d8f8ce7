//! The links of a document, as readers of the catalog follow them.

use super::reader::{Statement, spells};
use super::{kept, text};

/// A link of a document, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LinkFact {
    /// The relation of the target to the document.
    pub rel: String,
    /// The address of the target, as it is written, not resolved.
    pub href: String,
    /// The media type that the link promises; none if it does not promise one.
    pub media_type: Option<String>,
}

impl LinkFact {
    /// Says whether the link promises JSON, or promises nothing.
    ///
    /// A hierarchical link may exist a second time for people, as `text/html`; that one is not an edge of the
    /// catalog (STAC best practices, Media Types).
    pub fn leads_to_json(&self) -> bool {
        let Some(media_type) = &self.media_type else { return true };
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence == "application/json" || essence.ends_with("+json")
    }

    /// Says whether the link makes the document to which it leads reachable.
    pub(crate) fn lists(&self) -> bool {
        matches!(self.rel.as_str(), "item" | "child") && self.leads_to_json()
    }
}

/// Reads the links of a JSON object, in its order; leaves out a link whose `rel` or `href` is not a text.
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

/// Says whether a link has one relation and one target, both of them texts.
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
