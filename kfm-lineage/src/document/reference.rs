//! Every reference of a document's assets, by whichever statement: what guards an asset is only as strong as the
//! weakest of them.

use std::collections::BTreeSet;

use super::reader::{Statement, spells};

/// One reference of an asset: its `href`, one of several that it states, or one of its alternates.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct AssetReference {
    /// The key of the asset; `None` if text that is not valid JSON does not tell which asset it is.
    pub asset: Option<String>,
    /// The names between the asset and the reference, joined by `/`: empty for the asset's own `href`,
    /// `alternate/s3` for an alternate.
    pub place: String,
    /// The address, as it is written, not resolved.
    pub href: String,
    /// Whether every statement beside it that names authentication schemes (`auth:refs`) names one, and there is
    /// such a statement.
    pub has_auth: bool,
}

/// The most characters of a key or a name in a place: there may be one for each reference.
const NAME_CHARS_MAX: usize = 256;

/// A value that contains the current one.
struct Around<'a> {
    end: usize,
    is_array: bool,
    holds_assets: bool,
    /// The key of the asset, if it is an asset or inside one.
    asset: Option<&'a str>,
    /// How long the text of the place is up to here.
    place_length: usize,
    is_link: bool,
    has_auth: bool,
}

/// Reads the references of all assets, at any depth; of text that is not valid JSON also those of unknown assets.
pub(super) fn stated(root: Statement<'_>, is_json: bool) -> Box<[AssetReference]> {
    let mut references = BTreeSet::new();
    let mut place = String::new();
    let mut around = vec![Around::new(root, None, false, 0)];
    let mut passed = 0;
    for statement in root.inside() {
        if statement.position() < passed {
            continue;
        }
        while around.len() > 1 && around.last().is_some_and(|last| last.end <= statement.position()) {
            around.pop();
        }
        let Some(last) = around.last() else { break };
        place.truncate(last.place_length);
        let named = |word| statement.name().is_some_and(|name| spells(name, word));
        if named("href") {
            passed = statement.end();
            if last.asset.is_some() || !is_json && !last.is_link {
                references.extend(statement.words().map(|href| AssetReference {
                    asset: last.asset.map(cut),
                    place: cut(&place),
                    href: href.to_owned(),
                    has_auth: last.has_auth,
                }));
            }
        } else if statement.is_object() || statement.is_array() {
            let asset = last.asset.or_else(|| statement.name().filter(|_| last.holds_assets));
            let holds_assets = asset.is_none() && (named("assets") || last.holds_assets && last.is_array);
            if let Some(name) =
                statement.name().filter(|_| last.asset.is_some() && place.len() < NAME_CHARS_MAX)
            {
                place.push_str(if place.is_empty() { "" } else { "/" });
                place.push_str(&cut(name));
            }
            around.push(Around::new(statement, asset, holds_assets, place.len()));
        }
    }
    references.into_iter().collect()
}

impl<'a> Around<'a> {
    fn new(value: Statement<'a>, asset: Option<&'a str>, holds_assets: bool, place_length: usize) -> Self {
        Self {
            end: value.end(),
            is_array: value.is_array(),
            holds_assets,
            asset,
            place_length,
            is_link: is_a_link(value),
            has_auth: has_auth(value),
        }
    }
}

fn cut(name: &str) -> String {
    name.chars().take(NAME_CHARS_MAX).collect()
}

/// Says whether an object, whose members a reader may see in any order, names schemes in every `auth:refs` that it has.
fn has_auth(object: Statement<'_>) -> bool {
    let mut schemes =
        object.children().filter(|member| member.name().is_some_and(|name| spells(name, "authrefs")));
    let names_one =
        |refs: Statement<'_>| refs.is_array() && refs.children().any(|scheme| scheme.text().is_some());
    schemes.next().is_some_and(names_one) && schemes.all(names_one)
}

fn is_a_link(object: Statement<'_>) -> bool {
    object.children().any(|member| member.name().is_some_and(|name| spells(name, "rel")))
}
