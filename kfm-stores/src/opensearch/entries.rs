//! The documents that a content asks an index to show.

use bytes::Bytes;
use kfm_lineage::Digest;
use kfm_rollback::context::WriteContext;
use kfm_rollback::op::{OpError, Seen, Swap};
use serde_json::Value;

/// Nodes of a listing that are read together.
const NODES_MAX: usize = 64;

/// What a content asks for.
#[derive(Debug)]
pub(super) enum Asks {
    /// These documents, in ascending order of their paths' bytes.
    Documents(Vec<(String, Digest)>),
    /// Itself, as one document.
    Itself,
}

/// A node of a listing.
enum Node {
    Leaf(Vec<(String, Digest)>),
    Branch(Vec<Digest>),
}

/// Reads a content; the nodes of a listing come from the version store.
pub(super) async fn of(cx: &WriteContext, store: &str, content: &Bytes) -> Result<Asks, OpError> {
    let Some(root) = node(content) else { return Ok(Asks::Itself) };
    let mut documents = Vec::new();
    // Depth first, so that the documents come in order; a group of siblings is read together.
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        match node {
            Node::Leaf(entries) => documents.extend(entries),
            Node::Branch(digests) => {
                let mut below = Vec::with_capacity(digests.len());
                for digests in digests.chunks(NODES_MAX) {
                    for (content, digest) in contents(cx, store, digests).await.into_iter().zip(digests) {
                        let content = content?;
                        let found = node_of(&content);
                        below.push(found.ok_or_else(|| {
                            OpError::permanent(
                                store,
                                "-",
                                format!("a listing's node is no node: digest={digest}"),
                            )
                        })?);
                    }
                }
                open.extend(below.into_iter().rev());
            }
        }
    }
    Ok(Asks::Documents(documents))
}

/// Reads contents from the version store, by their digests.
pub(super) async fn contents(
    cx: &WriteContext,
    store: &str,
    digests: &[Digest],
) -> Vec<Result<Bytes, OpError>> {
    let asked: Vec<Swap> = digests
        .iter()
        .map(|digest| Swap { key: "-".to_owned(), from: Seen::default(), to: Some(*digest) })
        .collect();
    let contents = cx.contents(store, &asked).await;
    contents.into_iter().map(|content| content.map(Option::unwrap_or_default)).collect()
}

fn node(content: &Bytes) -> Option<Node> {
    node_of(content).filter(|node| match node {
        Node::Leaf(entries) => !entries.is_empty(),
        Node::Branch(below) => !below.is_empty(),
    })
}

fn node_of(content: &Bytes) -> Option<Node> {
    let content: Value = serde_json::from_slice(content).ok()?;
    let pair = |pair: &Value| -> Option<(String, Digest)> {
        let [name, digest] = &pair.as_array()?[..] else { return None };
        Some((name.as_str()?.to_owned(), digest.as_str()?.parse().ok()?))
    };
    match &content {
        Value::Array(entries) => Some(Node::Leaf(entries.iter().map(pair).collect::<Option<_>>()?)),
        Value::Object(members) if members.len() == 1 => {
            let below = members.get("below")?.as_array()?;
            let below: Option<Vec<_>> = below.iter().map(pair).collect();
            Some(Node::Branch(below?.into_iter().map(|(_, digest)| digest).collect()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_told_from_another_content() {
        let is_listing = |text: &str| node(&Bytes::copy_from_slice(text.as_bytes())).is_some();
        let digest = Digest::of_bytes(b"a");
        assert!(is_listing(&format!(r#"[["a.json","{digest}"]]"#)));
        assert!(is_listing(&format!(r#"{{"below":[["a.json","{digest}"]]}}"#)));
        for other in ["[]", r#"{"below":[]}"#, r#"[["a.json","x"]]"#, r#"{"n":1}"#, r#"["a"]"#, "x"] {
            assert!(!is_listing(other), "{other}");
        }
    }
}
