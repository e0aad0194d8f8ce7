//! What answers, and what is misconfigured in it.

use kfm_rollback::op::{Misconfigured, OpError, Probe};
use reqwest::Method;
use serde_json::Value;

use super::client::{Asked, Body, Client};
use super::names::Names;

/// The first versions that refuse a swap whose alias is not there: `must_exist`.
const VERSIONS_MIN: [(&str, (u32, u32)); 2] = [("OpenSearch", (2, 0)), ("Elasticsearch", (7, 17))];

pub(super) async fn probe(client: &Client, names: &Names) -> Result<Probe, OpError> {
    let answer = client.look(Method::GET, "", Body::None).await?;
    let version = answer["version"]["number"].as_str();
    let (Some(version), Some(product)) = (version, product(&answer)) else {
        return Err(OpError::Misconfigured {
            store: client.store().to_owned(),
            what: format!("neither OpenSearch nor Elasticsearch answers: address={}", client.address()),
            remedy: "write the address of the search server into url".into(),
        });
    };
    let mut probe = Probe::healthy(product, version);
    probe.findings.extend(too_old(product, version));
    probe.findings.extend(health(client, names).await?);
    probe.findings.extend(cluster(client).await?);
    probe.findings.extend(indexes(client, names).await?);
    Ok(probe)
}

/// Returns the product's name; its version may be another one's for old clients.
fn product(answer: &Value) -> Option<&'static str> {
    match answer["version"]["distribution"].as_str() {
        Some("opensearch") => Some("OpenSearch"),
        Some(_) => None,
        None => (answer["tagline"] == "You Know, for Search").then_some("Elasticsearch"),
    }
}

fn finding(what: String, remedy: &str, breaks_promise: bool) -> Misconfigured {
    Misconfigured { what, remedy: remedy.to_owned(), breaks_promise }
}

fn too_old(product: &str, version: &str) -> Option<Misconfigured> {
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let (_, least) = VERSIONS_MIN.iter().find(|(name, _)| *name == product)?;
    let what = "it does not refuse a swap whose alias is not there".to_owned();
    (version < *least).then(|| finding(what, "use OpenSearch 2 or Elasticsearch 7.17, or later", true))
}

/// Asks about the store's own indexes, as far as there are any.
async fn health(client: &Client, names: &Names) -> Result<Option<Misconfigured>, OpError> {
    let path = format!("_cluster/health/{}?expand_wildcards=all&timeout=1s", names.all());
    let answer = client.ask(Asked::ToLook, Method::GET, &path, Body::None).await;
    let status = match &answer {
        Ok(answer) => answer.body["status"].as_str().unwrap_or_default(),
        // Where it is not permitted, an index that is red says so itself.
        Err(OpError::Misconfigured { .. }) => return Ok(None),
        Err(_) => return answer.map(|_| None),
    };
    Ok((status == "red").then(|| {
        let what = "an index of the store has lost a shard: status=red".to_owned();
        finding(what, "see GET _cluster/allocation/explain; then project into the store", true)
    }))
}

/// Looks at what the cluster forbids.
async fn cluster(client: &Client) -> Result<Vec<Misconfigured>, OpError> {
    let path = "_cluster/settings?flat_settings=true";
    let answer = match client.ask(Asked::ToLook, Method::GET, path, Body::None).await {
        Ok(answer) => answer.body,
        // Only an administrator may ask, on some servers.
        Err(OpError::Misconfigured { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let is_set = |name: &str| {
        let set = |kind: &str| answer[kind][name].as_str().map(|value| value == "true");
        set("transient").or(set("persistent")).unwrap_or(false)
    };
    let blocks =
        ["cluster.blocks.read_only", "cluster.blocks.read_only_allow_delete", "cluster.blocks.create_index"];
    let blocks = blocks.into_iter().filter(|name| is_set(name));
    let blocked = |name| {
        finding(
            format!("the cluster takes no new index: {name}"),
            "set it to null, once its cause is gone",
            true,
        )
    };
    Ok(blocks.map(blocked).collect())
}

/// Looks at the settings of the store's indexes.
async fn indexes(client: &Client, names: &Names) -> Result<Vec<Misconfigured>, OpError> {
    let path = format!(
        "{}/_settings?flat_settings=true&ignore_unavailable=true&allow_no_indices=true&expand_wildcards=all",
        names.all()
    );
    let answer = client.ask(Asked::ToLook, Method::GET, &path, Body::None).await?;
    let mut found = [Vec::new(), Vec::new(), Vec::new()];
    if answer.is_ok() {
        for (index, settings) in answer.body.as_object().into_iter().flatten() {
            let of = |name: &str| settings["settings"][name].as_str().unwrap_or_default();
            if of("index.translog.durability") == "async" {
                found[0].push(index.as_str());
            }
            if of("index.blocks.read_only_allow_delete") == "true" {
                found[1].push(index.as_str());
            }
            let is_late = of("index.refresh_interval")
                .strip_suffix('s')
                .is_some_and(|s| s.parse::<f64>().is_ok_and(|s| s > 60.0));
            if is_late || of("index.refresh_interval") == "-1" {
                found[2].push(index.as_str());
            }
        }
    }
    let [lossy, blocked, late] = found.map(|indexes| (!indexes.is_empty()).then(|| named(&indexes)));
    Ok([
        lossy.map(|indexes| {
            let what =
                format!("a crash loses what was written last, translog.durability is async: {indexes}");
            finding(what, "set index.translog.durability of these indexes to request, then look at the digests of the store", true)
        }),
        blocked.map(|indexes| {
            let what = format!("indexes are read-only, since the disk is nearly full: {indexes}");
            finding(
                what,
                "free the disk; where the block stays, set index.blocks.read_only_allow_delete to null",
                true,
            )
        }),
        late.map(|indexes| {
            let what = format!("what another hand writes is seen late, refresh_interval is long: {indexes}");
            finding(what, "set index.refresh_interval of these indexes to null", false)
        }),
    ]
    .into_iter()
    .flatten()
    .collect())
}

/// Indexes that a finding names.
const NAMED_MAX: usize = 3;

fn named(indexes: &[&str]) -> String {
    let more = indexes.len().saturating_sub(NAMED_MAX);
    let named = indexes[..indexes.len().min(NAMED_MAX)].join(" ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (product, version, expected) in [
            ("OpenSearch", "1.3.20", true),
            ("OpenSearch", "2.19.6", false),
            ("OpenSearch", "3.0.0", false),
            ("Elasticsearch", "7.10.2", true),
            ("Elasticsearch", "7.17.29", false),
            ("Elasticsearch", "8.19.21", false),
        ] {
            assert_eq!(too_old(product, version).is_some(), expected, "{product} {version}");
        }
    }

    #[test]
    fn products_are_told_by_what_they_say_and_not_by_a_number() {
        let compatible =
            serde_json::json!({ "version": { "distribution": "opensearch", "number": "7.10.2" } });
        assert_eq!(product(&compatible), Some("OpenSearch"));
        let other =
            serde_json::json!({ "tagline": "You Know, for Search", "version": { "number": "8.19.21" } });
        assert_eq!(product(&other), Some("Elasticsearch"));
        assert_eq!(product(&serde_json::json!({ "version": {} })), None);
    }
}
