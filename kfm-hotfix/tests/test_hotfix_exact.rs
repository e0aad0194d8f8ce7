//! Random values through the whole engine: a hotfix and its revert are exact to the byte, or refused with nothing
//! written, and the log is read by every command after each.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../../kfm-rollback/tests/support/mod.rs"]
mod support;

use kfm_hotfix::{FieldPath, JsonText, StacHotfix};
use kfm_rollback::Error;
use support::World;

const CASES: u64 = 100;

/// A generator of numbers that are the same in every run (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn number(&mut self) -> String {
        let digits: String = (0..=self.below(30)).map(|_| char::from(b'0' + self.below(10) as u8)).collect();
        let whole = format!("1{digits}");
        let sign = if self.below(2) == 0 { "-" } else { "" };
        match self.below(5) {
            0 => format!("{sign}{whole}"),
            1 => format!("{sign}0.{digits}"),
            2 => format!("{sign}{whole}.0e-{}", self.below(400)),
            3 => format!("{sign}1E+{}", self.below(400)),
            _ => ["0", "-0.0", "30", "30.0", "9007199254740993", "1e400"][self.below(6) as usize].to_owned(),
        }
    }

    fn value(&mut self, levels: u64) -> String {
        match self.below(if levels == 0 { 5 } else { 8 }) {
            0..=2 => self.number(),
            3 => ["null", "true", "\"\"", "\"\\u00fc \\ud83d\\ude00\"", "\"\\ud83d\"", "\"-9999\""]
                [self.below(6) as usize]
                .to_owned(),
            4 => format!("\"{}\"", self.number()),
            5 => format!("[ {},{} ]", self.value(levels - 1), self.value(levels - 1)),
            6 => format!("{{\"b\" : {},\n\"a\":{}}}", self.value(levels - 1), self.value(levels - 1)),
            _ => {
                let depth = self.below(130) as usize;
                format!("{}{}{}", "[".repeat(depth), self.number(), "]".repeat(depth))
            }
        }
    }
}

fn document(value: &str) -> String {
    format!(
        r#"{{"type":"Feature","stac_version":"1.0.0","id":"a","collection":"c","geometry":null,
 "properties": {{ "datetime" : "2020-01-01T00:00:00Z", "x" :  {value} , "license":"CC0-1.0"}},"links":[],"assets":{{}}}}"#
    )
}

#[tokio::test]
async fn a_hotfix_and_its_revert_are_exact_or_refused() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.json"), document("\"none yet\"")).unwrap();
    world.publish(folder.path()).await;
    let mut chance = Chance(70);
    let mut now = "\"none yet\"".to_owned();
    let (mut made, mut refused) = (0, 0);
    for case in 0..CASES {
        let to = chance.value(2);
        let before = world.documents();
        let platform = world.open().await;
        let field = FieldPath::parse("properties.x").unwrap();
        let from: JsonText = now.parse().unwrap();
        let hotfix = async |to: JsonText| {
            let request = StacHotfix { reason: "by chance".into(), ..StacHotfix::new("c", field, from, to) };
            kfm_hotfix::stac(&platform, request).await
        };
        let outcome = match to.parse::<JsonText>() {
            Ok(text) => hotfix(text).await,
            Err(_) => continue,
        };
        match outcome {
            Ok(report) if report.hotfix_id.is_some() => {
                made += 1;
                assert_eq!(world.documents()["a.json"], document(&to).into_bytes(), "{case}: {now} -> {to}");
                if chance.below(2) == 0 {
                    let id = report.hotfix_id.unwrap();
                    kfm_hotfix::revert(&world.open().await, id.as_str(), "back").await.unwrap();
                    assert_eq!(world.documents(), before, "{case}: {now} -> {to}");
                } else {
                    now.clone_from(&to);
                }
            }
            Ok(_) => panic!("{case}: {now} -> {to}: nothing to do, and they differ"),
            Err(Error::Invalid { .. } | Error::Denied { .. }) => {
                refused += 1;
                assert_eq!(world.documents(), before, "{case}: {now} -> {to}");
            }
            Err(error) => panic!("{case}: {now} -> {to}: {error}"),
        }
        let status = world.open().await.status().await.unwrap();
        assert!(status.open.is_empty(), "{case}: {now} -> {to}");
    }
    assert!(made > CASES / 3 && refused > 3, "made={made} refused={refused}");
    assert!(!world.open().await.publishes().await.unwrap().publishes.is_empty());
}
