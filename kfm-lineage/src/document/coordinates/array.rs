//! Numbers that are neighbours in an array.

/// A number as the document has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figure {
    /// The value of the number.
    pub(super) value: f64,
    /// Number of digits after the point, as it is written.
    pub(super) fraction_digits: usize,
}

impl Figure {
    /// Reads a number that is written as in JSON; `None` if it does not fit into a double.
    pub(super) fn read(text: &str) -> Option<Self> {
        let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
        let fraction = |text: &str| text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let fraction_digits =
            if text.contains(['e', 'E']) { fraction(&value.to_string()) } else { fraction(text) };
        Some(Self { value, fraction_digits })
    }

    /// Says whether it can be a degree and has at least this many digits after the point.
    pub(super) fn is_degree(self, digits: usize) -> bool {
        self.value.abs() <= 180.0 && self.fraction_digits >= digits
    }
}

/// Says whether two neighbours are precise degrees: both have two digits after the point, and one of them is
/// negative or has three.
///
/// Around 0, 0 there is only sea: two numbers below 1 are fractions, colours or reflectances.
pub(super) fn has_pair(figures: &[Figure]) -> bool {
    figures.windows(2).any(|pair| is_pair(pair[0], pair[1]))
}

/// Says whether two numbers are precise degrees, one of which can be a latitude.
pub(super) fn is_pair(a: Figure, b: Figure) -> bool {
    a.is_degree(2)
        && b.is_degree(2)
        && a.value.abs().min(b.value.abs()) <= 90.0
        && a.value.abs().max(b.value.abs()) >= 1.0
        && (a.value < 0.0 || b.value < 0.0 || a.fraction_digits.max(b.fraction_digits) >= 3)
}

/// Says whether numbers under a name of places can be a place: two or more, not all of them mere counts.
pub(super) fn can_be_place(figures: &[Figure]) -> bool {
    let is_no_count =
        |figure: &Figure| figure.value < 0.0 || figure.fraction_digits > 0 || figure.value >= PROJECTED_MIN;
    figures.len() >= 2 && figures.iter().any(|figure| is_no_count(figure) && figure.value != 0.0)
}

/// From this many metres on two numbers count as a place in a projection: images are smaller.
pub(super) const PROJECTED_MIN: f64 = 100_000.0;

/// Says whether an `x` and its `y` are a place, in degrees or in metres.
pub(super) fn is_x_and_y(x: Figure, y: Figure) -> bool {
    is_pair(x, y) || (x.value.abs() >= PROJECTED_MIN && y.value.abs() >= PROJECTED_MIN)
}
