//! Date-times (RFC 3339 section 5.6), in the members for which STAC demands them.

use serde_json::Value;

use super::fault::Faults;

/// Members that hold a date-time, in the properties of an item and in an asset.
const MEMBERS: [&str; 8] = [
    "datetime",
    "start_datetime",
    "end_datetime",
    "created",
    "updated",
    "published",
    "expires",
    "unpublished",
];

const FAULT: &str = "is not a date-time of RFC 3339";

/// Checks the properties and assets of an item.
pub(super) fn look_at_item(item: &Value, faults: &mut Faults) {
    if let Some(properties) = item.get("properties") {
        look_at_members(properties, "/properties", faults);
    }
    look_at_assets(item, faults);
}

/// Checks the extent, members and assets of a collection.
pub(super) fn look_at_collection(collection: &Value, faults: &mut Faults) {
    look_at_members(collection, "", faults);
    look_at_assets(collection, faults);
    let intervals = collection.pointer("/extent/temporal/interval").and_then(Value::as_array);
    for (index, interval) in intervals.into_iter().flatten().enumerate() {
        for (end, value) in interval.as_array().into_iter().flatten().enumerate() {
            look(value, &format!("/extent/temporal/interval/{index}/{end}"), faults);
        }
    }
}

fn look_at_assets(document: &Value, faults: &mut Faults) {
    for (key, asset) in document.get("assets").and_then(Value::as_object).into_iter().flatten() {
        let key = key.replace('~', "~0").replace('/', "~1");
        look_at_members(asset, &format!("/assets/{key}"), faults);
    }
}

fn look_at_members(object: &Value, pointer: &str, faults: &mut Faults) {
    for name in MEMBERS {
        if let Some(value) = object.get(name) {
            look(value, &format!("{pointer}/{name}"), faults);
        }
    }
}

/// Checks one value. Null is left to the rule that demands a time.
fn look(value: &Value, pointer: &str, faults: &mut Faults) {
    if !value.is_null() && !value.as_str().is_some_and(is_date_time) {
        faults.note(pointer, FAULT);
    }
}

/// Says whether a text is a `date-time` of RFC 3339: a `T` between date and time, and an offset.
fn is_date_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else { return false };
    is_date(date) && is_time(time)
}

fn is_date(date: &str) -> bool {
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let (Some(year), Some(month), Some(day)) = (digits(year, 4), digits(month, 2), digits(day, 2)) else {
        return false;
    };
    (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day)
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_time(time: &str) -> bool {
    let Some(offset_at) = time.find(['Z', 'z', '+', '-']) else { return false };
    let (clock, offset) = time.split_at(offset_at);
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(clock, rest)| (clock, Some(rest)));
    let is_fraction = |rest: &str| !rest.is_empty() && rest.bytes().all(|digit| digit.is_ascii_digit());
    // Second 60 is valid: a leap second.
    is_clock(clock, &[23, 59, 60]) && fraction.is_none_or(is_fraction) && is_offset(offset)
}

fn is_offset(offset: &str) -> bool {
    matches!(offset, "Z" | "z")
        || offset.strip_prefix(['+', '-']).is_some_and(|rest| is_clock(rest, &[23, 59]))
}

/// Says whether a text consists of numbers of two digits with colons between them, each at most its limit.
fn is_clock(text: &str, limits: &[u32]) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let is_within = |(part, limit): (&&str, &u32)| digits(part, 2).is_some_and(|number| number <= *limit);
    parts.len() == limits.len() && parts.iter().zip(limits).all(is_within)
}

fn digits(text: &str, count: usize) -> Option<u32> {
    let is_number = text.len() == count && text.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_time_has_a_real_day_a_t_and_an_offset() {
        for text in [
            "2020-01-01T00:00:00Z",
            "2016-01-01T23:00:49.089420+00:00",
            "2020-02-29t23:59:60z",
            "2000-02-29T12:00:00-06:30",
            "1937-01-01T12:00:27.87+00:20",
        ] {
            assert!(is_date_time(text), "{text}");
        }
        for text in [
            "",
            "not a date",
            "2016-01-01 23:00:49.089420+00:00",
            "2020-01-01",
            "2020-01-01T00:00:00",
            "2020-01-01T00:00Z",
            "2020-1-01T00:00:00Z",
            "2019-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2020-04-31T00:00:00Z",
            "2020-13-01T00:00:00Z",
            "2020-00-01T00:00:00Z",
            "2020-01-01T24:00:00Z",
            "2020-01-01T00:60:00Z",
            "2020-01-01T00:00:61Z",
            "2020-01-01T00:00:00.Z",
            "2020-01-01T00:00:00+0000",
            "2020-01-01T00:00:00+24:00",
            "2020-01-01T00:00:00Zx",
            " 2020-01-01T00:00:00Z",
            "２020-01-01T00:00:00Z",
            "20200101T000000Z",
            "2020-01-01T00:00:00,5Z",
        ] {
            assert!(!is_date_time(text), "{text}");
        }
    }
}
