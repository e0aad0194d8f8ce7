//! What a server says of itself, and what of it breaks a promise of the store.

use kfm_rollback::op::{Misconfigured, Probe};
use redis::Value;

/// The settings that a probe asks for.
pub(super) const ASKED: [&str; 3] = ["appendonly", "appendfsync", "no-appendfsync-on-rewrite"];

/// Reads the answer to `CONFIG GET` of one setting.
pub(super) fn setting(answer: Value) -> Option<(String, String)> {
    let pairs: Vec<(String, String)> = redis::from_redis_value(answer).ok()?;
    pairs.into_iter().next()
}

/// Judges what `INFO` and `CONFIG GET` say. `is_durable`: the store promises that an answer is on the disk.
pub(super) fn judge(info: &str, config: &[(String, String)], is_durable: bool) -> Probe {
    let told = |name: &str| {
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(other, _)| *other == name).map(|(_, value)| value.trim())
    };
    let set = |name: &str| config.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    let mut findings = Vec::new();
    let mut find = |what: String, remedy: &str, breaks_promise| {
        findings.push(Misconfigured { what, remedy: remedy.to_owned(), breaks_promise });
    };

    if told("role").is_some_and(|role| role != "master") {
        find("it is a replica, which takes no change".into(), "name the primary in the store's url", true);
    }
    let policy = told("maxmemory_policy").unwrap_or_default();
    let is_limited = told("maxmemory").is_some_and(|bytes| bytes != "0");
    if policy.starts_with("allkeys-") && is_limited {
        find(
            format!("maxmemory-policy {policy} may remove namespaces and the fence when memory is short"),
            "set a policy that begins with volatile-, or noeviction: the store's keys do not expire",
            is_durable,
        );
    }
    if told("aof_enabled") == Some("1") && told("aof_last_write_status").is_some_and(|status| status != "ok")
    {
        find(
            "its last write to the append-only file failed".into(),
            "make room on its disk, and see its log",
            is_durable,
        );
    }
    if is_durable {
        let or_none = "or write durability = \"none\" in the store's table";
        match (set("appendonly"), set("appendfsync")) {
            (Some("yes"), Some("always")) => {
                if set("no-appendfsync-on-rewrite") == Some("yes") {
                    let what = "no-appendfsync-on-rewrite is yes: while it rewrites its file, answers are not on the disk";
                    find(what.into(), &format!("set it to no, {or_none}"), true);
                }
            }
            (None, _) | (_, None) => find(
                "it does not show whether each write is on the disk before it is answered".into(),
                &format!("permit CONFIG GET, {or_none}"),
                true,
            ),
            (Some(only), Some(fsync)) => find(
                format!("appendonly is {only} and appendfsync is {fsync}: a crash loses what was answered"),
                &format!("set appendonly to yes and appendfsync to always, {or_none}"),
                true,
            ),
        }
        if told("connected_slaves").is_some_and(|replicas| replicas != "0") {
            find(
                "it has replicas, which follow later: a fail-over loses the last answers".into(),
                "after a fail-over, verify the platform and project its documents again",
                false,
            );
        }
    }
    let (product, version) = match told("valkey_version") {
        Some(version) => ("Valkey", version),
        None => ("Redis", told("redis_version").unwrap_or("not told")),
    };
    Probe { product: product.into(), version: version.into(), findings }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "# Server\r\nredis_version:7.0.15\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n\
                        # Memory\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\naof_last_write_status:ok\r\n";

    fn config(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// Whether each finding breaks a promise.
    fn found(info: &str, pairs: &[(&str, &str)], is_durable: bool) -> Vec<bool> {
        judge(info, &config(pairs), is_durable)
            .findings
            .iter()
            .map(|finding| finding.breaks_promise)
            .collect()
    }

    const ALWAYS: [(&str, &str); 2] = [("appendonly", "yes"), ("appendfsync", "always")];

    #[test]
    fn a_server_that_syncs_each_write_keeps_what_is_promised() {
        let probe = judge(INFO, &config(&ALWAYS), true);
        assert_eq!(probe, Probe::healthy("Redis", "7.0.15"));
        let valkey = format!("{INFO}server_name:valkey\r\nvalkey_version:8.1.0\r\n");
        assert_eq!(judge(&valkey, &config(&ALWAYS), true), Probe::healthy("Valkey", "8.1.0"));
    }

    #[test]
    fn durability_is_not_believed() {
        for pairs in [
            &[("appendonly", "no"), ("appendfsync", "always")][..],
            &[("appendonly", "yes"), ("appendfsync", "everysec")],
            &[("appendonly", "yes"), ("appendfsync", "always"), ("no-appendfsync-on-rewrite", "yes")],
            &[],
        ] {
            assert_eq!(found(INFO, pairs, true), [true], "{pairs:?}");
            assert!(found(INFO, pairs, false).is_empty(), "{pairs:?}");
        }
        let replicated = INFO.replace("connected_slaves:0", "connected_slaves:1");
        assert_eq!(found(&replicated, &ALWAYS, true), [false]);
        let failing = INFO.replace("aof_last_write_status:ok", "aof_last_write_status:err");
        assert_eq!(found(&failing, &ALWAYS, true), [true]);
    }

    #[test]
    fn what_may_remove_a_cell_is_found() {
        let evicting = INFO.replace("noeviction", "allkeys-lru");
        assert!(found(&evicting, &ALWAYS, true).is_empty(), "without a limit nothing is removed");
        let evicting = evicting.replace("maxmemory:0", "maxmemory:1000000");
        assert_eq!(found(&evicting, &ALWAYS, true), [true]);
        assert_eq!(found(&evicting, &[], false), [false]);
        assert!(found(&evicting.replace("allkeys", "volatile"), &ALWAYS, true).is_empty());
    }

    #[test]
    fn a_replica_is_not_written_to() {
        assert_eq!(found(&INFO.replace("role:master", "role:slave"), &ALWAYS, true), [true]);
    }
}
