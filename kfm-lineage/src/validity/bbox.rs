//! Boxes (RFC 7946 section 5): four numbers or six, the south not above the north.
//!
//! A west that is greater than the east crosses the antimeridian, and is valid.

use serde_json::Value;

use super::fault::Faults;

/// Checks a value that should be a box.
pub(super) fn look(bbox: &Value, pointer: &str, faults: &mut Faults) {
    let numbers: Option<Vec<f64>> =
        bbox.as_array().and_then(|elements| elements.iter().map(Value::as_f64).collect());
    let corners = match numbers.as_deref() {
        Some([west, south, east, north]) => [*west, *south, *east, *north],
        Some([west, south, low, east, north, high]) => {
            if low > high {
                faults.note(pointer, "has its lowest height above its highest");
            }
            [*west, *south, *east, *north]
        }
        _ => return faults.note(pointer, "is not a box of 4 or 6 numbers"),
    };
    let [west, south, east, north] = corners;
    if south > north {
        faults.note(pointer, "has its south above its north");
    }
    if [west, east].iter().any(|longitude| longitude.abs() > 180.0)
        || [south, north].iter().any(|latitude| latitude.abs() > 90.0)
    {
        faults.note(pointer, "leaves the range of degrees");
    }
}
