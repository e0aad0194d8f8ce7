//! Values changed by structure, from a seed.

use serde_json::{Value, json};

/// Numbers from a seed (splitmix64).
pub struct Chance(u64);

impl Chance {
    pub fn of_seed(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Changes a value in one place or a few, so that it is mostly still what it was: half of the changes put a value of
/// the same kind in the place.
pub fn mutated(chance: &mut Chance, value: &Value) -> Value {
    let mut value = value.clone();
    for _ in 0..=chance.below(3) {
        let paths = paths_of(&value);
        let (from, to) = (chance.of(&paths).clone(), chance.of(&paths).clone());
        if chance.below(2) == 0 {
            let parts: Vec<Value> = paths.iter().filter_map(|path| value.pointer(path).cloned()).collect();
            if let Some(place) = value.pointer_mut(&to) {
                *place = like(chance, place, &parts);
            }
            continue;
        }
        let replacement = match chance.below(12) {
            0 => Value::Null,
            1 => json!(chance.of(&[0, 1, u64::MAX, i64::MAX as u64, 1 << 53, (1 << 53) + 1])),
            2 => json!(chance.of(&[-1, i64::MIN])),
            3 => json!(chance.of(&[0.5, 1e308, -0.0])),
            4 => json!(chance.of(&["", ".", "../a", "a\u{0}b", "\u{202e}", "a\\b", "x/y.json"])),
            5 => json!("x".repeat(*chance.of(&[300, 70_000]))),
            6 => (0..*chance.of(&[3, 120, 130])).fold(json!(1), |value, _| json!([value])),
            7 => json!({}),
            8 => json!([]),
            9 => chance.of(&words()).clone(),
            // A part of it in another place.
            _ => value.pointer(&from).cloned().unwrap_or_default(),
        };
        match to.rsplit_once('/') {
            Some((above, name)) if chance.below(4) == 0 => remove(&mut value, above, name),
            _ => {
                if let Some(place) = value.pointer_mut(&to) {
                    *place = replacement;
                }
            }
        }
    }
    value
}

/// Returns another value that could stand where `value` stands: of the same JSON type, and of a text the same beginning.
fn like(chance: &mut Chance, value: &Value, parts: &[Value]) -> Value {
    let beginning = |text: &str| text.split([':', '_']).next().unwrap_or_default().to_owned();
    let others: Vec<Value> = match value {
        Value::Number(_) => [0_u64, 1, 2, 7, 1 << 53].map(Value::from).to_vec(),
        Value::Bool(is) => vec![json!(!is)],
        Value::String(text) => {
            let texts = parts
                .iter()
                .cloned()
                .chain(words())
                .filter(|other| other.as_str().is_some_and(|other| beginning(other) == beginning(text)));
            texts.collect()
        }
        Value::Array(items) => vec![json!([]), [&items[..], &items[..]].concat().into()],
        Value::Object(_) => parts.iter().filter(|other| other.is_object()).cloned().collect(),
        Value::Null => vec![json!("x"), json!(1)],
    };
    chance.of(&others).clone()
}

/// Puts parts of other values into a value, so that each of them is something that stands somewhere.
pub fn spliced(chance: &mut Chance, value: &Value, others: &[Value]) -> Value {
    let mut value = value.clone();
    for _ in 0..=chance.below(2) {
        let other = chance.of(others);
        let (from, to) = (chance.of(&paths_of(other)).clone(), chance.of(&paths_of(&value)).clone());
        // Mostly under the same name, where it means something.
        let name = to.rsplit('/').next().unwrap_or_default();
        let same = paths_of(other).into_iter().find(|path| path.rsplit('/').next() == Some(name));
        let from = same.filter(|_| chance.below(4) > 0).unwrap_or(from);
        if let (Some(part), Some(place)) = (other.pointer(&from).cloned(), value.pointer_mut(&to)) {
            *place = part;
        }
    }
    value
}

/// What stands in durable forms, and could stand elsewhere in them.
fn words() -> Vec<Value> {
    let digest = |byte: &str| json!(format!("sha256:{}", byte.repeat(32)));
    vec![
        json!("pub_2027_01_01T00_00_00Z_evil"),
        json!("rb_2027_01_01T00_00_00Z_evil"),
        json!("hf_2027_01_01T00_00_00Z_stac_x"),
        json!("rollback"),
        json!("revert"),
        json!("hotfix"),
        json!("adopt"),
        json!("completed"),
        json!("aborted"),
        json!("backward"),
        json!("9999-12-31T23:59:59Z"),
        json!("-009999-01-02T01:59:59Z"),
        digest("00"),
        digest("ff"),
        json!(true),
    ]
}

fn remove(value: &mut Value, above: &str, name: &str) {
    match value.pointer_mut(above) {
        Some(Value::Object(members)) => {
            members.remove(name);
        }
        Some(Value::Array(items)) => {
            items.pop();
        }
        _ => {}
    }
}

/// The JSON pointers of all parts of a value.
fn paths_of(value: &Value) -> Vec<String> {
    let mut paths = vec![String::new()];
    let mut at = 0;
    while let Some(path) = paths.get(at).cloned() {
        match value.pointer(&path) {
            Some(Value::Object(members)) => {
                let escaped = members.keys().map(|key| key.replace('~', "~0").replace('/', "~1"));
                paths.extend(escaped.map(|key| format!("{path}/{key}")));
            }
            Some(Value::Array(items)) => paths.extend((0..items.len().min(4)).map(|n| format!("{path}/{n}"))),
            _ => {}
        }
        at += 1;
    }
    paths
}
