//! Whether a place can be read from a document.
//!
//! The answer measures what would become visible again (R61), so in doubt it is yes. Three questions are
//! asked of every statement, at any depth. Does its name promise a place, and does its value hold one
//! ([`key`])? Do numbers stand side by side as degrees do ([`array`])? Does a text read like a place
//! ([`written`])? Cells of the H3 grid are reported separately ([`cell`]), because places are masked with
//! them.
//!
//! These look alike and are not places: versions, dates, sizes, shapes, wavelengths, squares of a grid that
//! are 100 km wide, paths and rows of satellites, reference systems that are not centred on a place.

mod array;
mod cell;
mod code;
mod grid;
mod key;
mod numerals;
mod scan;
mod shapes;
mod survey;
mod written;

use std::collections::HashMap;

use super::reader::{Scalar, Statement};
use array::Figure;
use key::Meaning;

pub use written::has_place;

/// The places that can be read from a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// Whether there is a place anywhere.
    pub(super) anywhere: bool,
    /// Whether there is a place in a text that people read: a value, or a name.
    pub(super) in_texts: bool,
    /// The finest resolution of the named cells of the H3 grid; none if no cell is named.
    pub(super) finest_cell: Option<u8>,
}

/// Looks for places in everything that a text states.
pub(super) fn places(root: Statement<'_>) -> Places {
    let mut look = Look::default();
    look.at(root, Meaning::Plain);
    // The values that contain the current one: where each ends, its meaning, and whether its names are keys
    // of assets.
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
    /// The meanings of names that were met, since documents repeat their names.
    meanings: HashMap<&'d str, Meaning>,
}

impl<'d> Look<'d> {
    /// Looks at one value, and at how the values directly inside it stand together.
    fn at(&mut self, statement: Statement<'d>, meaning: Meaning) {
        match statement.scalar() {
            Scalar::Null | Scalar::Bool(_) | Scalar::Unread => {}
            Scalar::Number(number) => self.number(number, meaning),
            Scalar::Text(text) => {
                self.text(text);
                self.promised(text, meaning);
            }
            Scalar::Array => self.items(statement, meaning),
            Scalar::Object => {
                self.places.anywhere |=
                    has_x_and_y(statement) || has_box(statement) || has_township(statement);
            }
        }
        // A name and its value may be the two halves of a pair.
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
        // Two texts may be the two halves of a pair.
        let texts: Vec<&str> = array.children().filter_map(Statement::text).collect();
        let are_halves = texts.len() > 1 && texts.iter().all(|text| text.len() <= HALF_LENGTH_MAX);
        if are_halves || (figures.len() > 1 && !texts.is_empty()) {
            self.text(&texts.join(", "));
        }
    }

    /// Reads a text, whatever its name is.
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

/// How many bytes one half of a place, a latitude or a longitude, may have.
const HALF_LENGTH_MAX: usize = 32;

/// From this many letters on a code names a place that is smaller than a country.
const CODE_LENGTH_MIN: usize = 4;

/// Up to this many micrometres, numbers under a name of wavelengths are wavelengths.
const WAVELENGTH_MICROMETRES_MAX: f64 = 20.0;

/// Reads a number, or a text that is a number.
fn figure(statement: Statement<'_>) -> Option<Figure> {
    match statement.scalar() {
        Scalar::Number(number) => Figure::read(number),
        Scalar::Text(text) => Figure::read(text.trim()),
        Scalar::Null | Scalar::Bool(_) | Scalar::Array | Scalar::Object | Scalar::Unread => None,
    }
}

/// Says whether an `x` and a `y` with the same name stand side by side and can be a place.
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

/// Says whether a township and its range stand side by side, each with its direction.
fn has_township(object: Statement<'_>) -> bool {
    let text = |names: [&str; 3]| {
        let is_named = |member: &Statement<'_>| {
            member
                .name()
                .is_some_and(|name| matches!(&*key::parts(name), [part] if names.contains(&part.as_str())))
        };
        object.children().find(is_named).and_then(Statement::text)
    };
    let Some(township) = text(["township", "twp", "tp"]) else { return false };
    let Some(range) = text(["range", "rge", "rng"]) else { return false };
    written::has_township(&format!("{township} {range}"))
}

#[cfg(test)]
mod tests;
