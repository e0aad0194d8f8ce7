//! Whether a place can be read from a document.
//!
//! The answer measures what would become visible again (R61), so it errs towards yes. It asks three questions
//! of every statement, at whatever depth: does its name promise a place and its value hold one ([`key`]), do
//! numbers stand side by side as degrees do ([`array`]), and does a text read like a place ([`written`])? Cells
//! of the H3 grid are told apart ([`cell`]): they are how places are masked.
//!
//! What looks alike and is none: versions, dates, sizes, shapes, wavelengths, squares of a grid that are as
//! wide as 100 km, paths and rows of satellites, reference systems that are not centred on a place.

mod array;
mod cell;
mod key;
mod scan;
mod written;

use std::collections::HashMap;

use super::reader::{Scalar, Statement};
use array::Figure;
use key::Meaning;

pub use written::has_place;

/// What of places can be read from a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// A place, anywhere.
    pub(super) anywhere: bool,
    /// A place in a text that people read: a value, or a name.
    pub(super) in_texts: bool,
    /// The finest resolution of the cells of the H3 grid that are named.
    pub(super) finest_cell: Option<u8>,
}

/// Looks for places in all that a text states.
pub(super) fn places(root: Statement<'_>) -> Places {
    let mut look = Look::default();
    look.at(root, Meaning::Plain);
    // What is open around a value: where it ends, what it means, and whether its names are keys of assets.
    let mut around = vec![(root.end(), Meaning::Plain, false)];
    for statement in root.inside() {
        while around.last().is_some_and(|(end, ..)| *end <= statement.position()) {
            around.pop();
        }
        let (_, under, are_assets) = around.last().copied().unwrap_or((0, Meaning::Plain, false));
        let meaning = match statement.name() {
            Some(name) => {
                let own = look.meaning(name);
                // The keys of assets are chosen freely: `footprint` may be any file.
                if are_assets && statement.is_object() { under } else { under.with(own) }
            }
            None => under,
        };
        look.at(statement, meaning);
        let holds_assets = matches!(statement.name(), Some("assets" | "item_assets"));
        around.push((statement.end(), meaning, holds_assets));
    }
    look.places
}

/// A walk through a text.
#[derive(Debug, Default)]
struct Look<'d> {
    places: Places,
    /// Names that were met, since documents repeat theirs.
    meanings: HashMap<&'d str, Meaning>,
}

impl<'d> Look<'d> {
    /// Looks at one value, and at how those right inside it stand together.
    fn at(&mut self, statement: Statement<'d>, meaning: Meaning) {
        match statement.scalar() {
            Scalar::Null | Scalar::Bool(_) => {}
            Scalar::Number(number) => self.number(number, meaning),
            Scalar::Text(text) => {
                self.text(text);
                self.promised(text, meaning);
            }
            Scalar::Array => self.items(statement, meaning),
            Scalar::Object => self.places.anywhere |= has_x_and_y(statement) || has_box(statement),
        }
        // The two halves of a pair may be a name and its value.
        if let (Some(name), Scalar::Number(value) | Scalar::Text(value)) =
            (statement.name(), statement.scalar())
            && name.contains('.')
        {
            self.text(&format!("{name}: {value}"));
        }
    }

    fn meaning(&mut self, name: &'d str) -> Meaning {
        if let Some(meaning) = self.meanings.get(name) {
            return *meaning;
        }
        self.text(name);
        let meaning = key::meaning(name);
        self.meanings.insert(name, meaning);
        meaning
    }

    fn items(&mut self, array: Statement<'d>, meaning: Meaning) {
        let figures: Vec<Figure> = array.children().filter_map(figure).collect();
        let measured = meaning == Meaning::Quantity
            && figures.iter().all(|figure| (0.0..=WAVELENGTH_MICROMETRES_MAX).contains(&figure.value));
        self.places.anywhere |= !measured && array::has_pair(&figures);
        self.places.anywhere |= meaning == Meaning::Place && array::can_be_place(&figures);
        // The halves of a pair may be two texts.
        let texts: Vec<&str> = array.children().filter_map(Statement::text).collect();
        let are_halves = texts.len() > 1 && texts.iter().all(|text| text.len() <= HALF_LENGTH_MAX);
        if are_halves || (figures.len() > 1 && !texts.is_empty()) {
            self.text(&texts.join(", "));
        }
    }

    /// Reads a text, whatever it is called.
    fn text(&mut self, text: &str) {
        let found = has_place(text);
        self.places.in_texts |= found;
        self.places.anywhere |= found;
        cell::resolutions_in(text).for_each(|resolution| self.cell(resolution));
    }

    /// Reads a text by what its name promises.
    fn promised(&mut self, text: &str, meaning: Meaning) {
        let text = text.trim();
        let is_cell = cell::resolutions_in(text).count() > 0 && text.chars().all(char::is_alphanumeric);
        self.places.anywhere |= match meaning {
            Meaning::Plain | Meaning::About | Meaning::Quantity => false,
            Meaning::Place => written::has_two_degrees(text),
            Meaning::Grid => written::has_grid_reference(text),
            Meaning::Code => {
                !is_cell && text.chars().filter(|c| c.is_alphanumeric()).count() >= CODE_LENGTH_MIN
            }
            Meaning::Coordinates => {
                !is_cell
                    && written::is_centred_system(text).unwrap_or_else(|| text.contains(char::is_numeric))
            }
        };
    }

    fn number(&mut self, number: &str, meaning: Meaning) {
        if let Some(resolution) = number.parse().ok().and_then(cell::resolution) {
            return self.cell(resolution);
        }
        self.places.anywhere |= match meaning {
            Meaning::Plain | Meaning::About | Meaning::Quantity => false,
            Meaning::Place => {
                Figure::read(number).is_some_and(|figure| figure.is_degree(3) && figure.value.abs() >= 1.0)
            }
            Meaning::Grid => written::has_grid_reference(number),
            Meaning::Code | Meaning::Coordinates => true,
        };
    }

    fn cell(&mut self, resolution: u8) {
        self.places.finest_cell = self.places.finest_cell.max(Some(resolution));
    }
}

/// Bytes that one half of a place, a latitude or a longitude, may take.
const HALF_LENGTH_MAX: usize = 32;

/// Letters from which a code names a place that is smaller than a country.
const CODE_LENGTH_MIN: usize = 4;

/// Micrometres up to which numbers under a name of wavelengths are wavelengths.
const WAVELENGTH_MICROMETRES_MAX: f64 = 20.0;

/// Reads a number, or a text that is one.
fn figure(statement: Statement<'_>) -> Option<Figure> {
    match statement.scalar() {
        Scalar::Number(number) => Figure::read(number),
        Scalar::Text(text) => Figure::read(text.trim()),
        Scalar::Null | Scalar::Bool(_) | Scalar::Array | Scalar::Object => None,
    }
}

/// Says whether an `x` and a `y` of one name stand side by side and can be a place.
fn has_x_and_y(object: Statement<'_>) -> bool {
    let named =
        |letters: [char; 2]| object.children().filter_map(Statement::name).any(|name| name.contains(letters));
    if !named(['x', 'X']) || !named(['y', 'Y']) {
        return false;
    }
    let expected: HashMap<Vec<String>, Figure> = object
        .children()
        .filter_map(|member| Some((key::x_with_its_y(member.name()?)?, figure(member)?)))
        .collect();
    !expected.is_empty()
        && object.children().any(|member| {
            let x = member.name().and_then(|name| expected.get(&key::parts(name)));
            x.zip(figure(member)).is_some_and(|(x, y)| array::is_x_and_y(*x, y))
        })
}

/// Says whether two sides of a box stand side by side: `north` and `west`, `xmin` and `ymax`.
fn has_box(object: Statement<'_>) -> bool {
    let is_side = |member: &Statement<'_>| member.name().is_some_and(key::is_side_of_a_box);
    let sides: Vec<Figure> = object.children().filter(is_side).filter_map(figure).collect();
    array::can_be_place(&sides)
}

#[cfg(test)]
mod tests;
