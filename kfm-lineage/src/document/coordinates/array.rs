//! Numbers that stand beside each other in an array.

/// A number as a document has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figure {
    /// Its value.
    pub(super) value: f64,
    /// Digits after the point that it is written with.
    pub(super) fraction_digits: usize,
}

impl Figure {
    /// Reads a number as JSON writes it; none if no double holds it.
    pub(super) fn read(text: &str) -> Option<Self> {
        let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
        let fraction = |text: &str| text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let fraction_digits =
            if text.contains(['e', 'E']) { fraction(&value.to_string()) } else { fraction(text) };
        Some(Self { value, fraction_digits })
    }

    /// Says whether it is a degree with at least so many digits after the point.
    pub(super) fn is_degree(self, digits: usize) -> bool {
        self.value.abs() <= 180.0 && self.fraction_digits >= digits
    }
}

/// Says whether two neighbours are precise degrees: two digits after the point each, of which one is negative
/// or has three.
///
/// Around 0, 0 is nothing but sea: two numbers below 1 are fractions, colours or reflectances.
pub(super) fn has_pair(figures: &[Figure]) -> bool {
    figures.windows(2).any(|pair| is_pair(pair[0], pair[1]))
}

/// Says whether two numbers are precise degrees, of which one can be a latitude.
pub(super) fn is_pair(a: Figure, b: Figure) -> bool {
    a.is_degree(2)
        && b.is_degree(2)
        && a.value.abs().min(b.value.abs()) <= 90.0
        && a.value.abs().max(b.value.abs()) >= 1.0
        && (a.value < 0.0 || b.value < 0.0 || a.fraction_digits.max(b.fraction_digits) >= 3)
}

/// Says whether numbers under a name of places can be a place: two or more that are no mere counts.
pub(super) fn can_be_place(figures: &[Figure]) -> bool {
    let is_no_count =
        |figure: &Figure| figure.value < 0.0 || figure.fraction_digits > 0 || figure.value >= PROJECTED_MIN;
    figures.len() >= 2 && figures.iter().any(|figure| is_no_count(figure) && figure.value != 0.0)
}

/// Metres from which two numbers are taken for a place in a projection: images are smaller.
const PROJECTED_MIN: f64 = 100_000.0;

/// Says whether an `x` and its `y` are a place, in degrees or in metres.
pub(super) fn is_x_and_y(x: Figure, y: Figure) -> bool {
    is_pair(x, y) || (x.value.abs() >= PROJECTED_MIN && y.value.abs() >= PROJECTED_MIN)
}
