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

/// One place that can be read from a document: where it stands, and how precise it is. It never says where on earth
/// it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PlaceFact {
    /// The member that has it, as a JSON pointer. A `*` stands for each item of an array, each key of assets, and each
    /// name that may tell a place itself.
    pub at: Box<str>,
    /// How precise it is; of several places in one member, the most precise one.
    pub precision: Precision,
}

/// How precise a place is; the later ones of this list are the ones to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Precision {
    /// A cell of the H3 grid, by its resolution, 0 to 15.
    Cell(u8),
    /// A text, or a name, that reads like a place.
    Text,
    /// A code, or numbers that are not degrees, such as metres of a projection.
    Other,
    /// Degrees with so many digits after the point.
    Degrees(u8),
}

/// The places that can be read from a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// Whether there is a place anywhere.
    pub(super) anywhere: bool,
    /// Whether there is a place in a text that people read: a value, or a name.
    pub(super) in_texts: bool,
    /// The finest resolution of the named cells of the H3 grid; none if no cell is named.
    pub(super) finest_cell: Option<u8>,
    /// The first members that have a place or a cell, each once; at most [`FOUND_MAX`]. A place takes the room of a cell,
    /// and a cell that of a coarser one.
    pub(super) found: Vec<PlaceFact>,
}

/// The most members of a document that are kept as having a place.
const FOUND_MAX: usize = 4;

/// Looks for places in everything that a text states.
pub(super) fn places(root: Statement<'_>) -> Places {
    let mut look = Look::default();
    look.at(root, Meaning::Plain);
    for statement in root.inside() {
        while look.around.last().is_some_and(|around| around.end <= statement.position()) {
            look.around.pop();
        }
        let (under, are_assets) = look
            .around
            .last()
            .map_or((Meaning::Plain, false), |around| (around.meaning, around.holds_assets));
        look.step = Step::of(statement, are_assets);
        look.member = match look.step {
            Step::Member(_) => statement.position(),
            Step::Root | Step::Any => look.around.last().map_or(0, |around| around.member),
        };
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
        let (step, member) = (look.step, look.member);
        look.around.push(Around { end: statement.end(), meaning, holds_assets, step, member });
    }
    look.places
}

/// A value that contains the current one.
#[derive(Debug)]
struct Around<'d> {
    /// The number of the first value that is not inside it.
    end: usize,
    meaning: Meaning,
    /// Whether its names are keys of assets.
    holds_assets: bool,
    step: Step<'d>,
    /// The number of the innermost member that it is, or is in.
    member: usize,
}

/// One step of a pointer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Step<'d> {
    /// The document itself.
    #[default]
    Root,
    /// A member with this name.
    Member(&'d str),
    /// An item of an array, or an asset.
    Any,
}

impl<'d> Step<'d> {
    fn of(statement: Statement<'d>, is_asset: bool) -> Self {
        match statement.name() {
            Some(name) if !is_asset => Self::Member(name),
            _ => Self::Any,
        }
    }
}

/// A walk through a text.
#[derive(Debug, Default)]
struct Look<'d> {
    places: Places,
    /// The meanings of names that were met, since documents repeat their names.
    meanings: HashMap<&'d str, Meaning>,
    /// The values that contain the current one.
    around: Vec<Around<'d>>,
    /// The last step to the current value.
    step: Step<'d>,
    /// The number of the innermost member that the current value is, or is in.
    member: usize,
    /// The member in which a place was found last, and its number among those that were found.
    last: Option<(usize, usize)>,
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
                if has_x_and_y(statement) || has_box(statement) {
                    let figures: Vec<Figure> = statement.children().filter_map(figure).collect();
                    self.found(precision(&figures));
                }
                if has_township(statement) {
                    self.found(Precision::Text);
                }
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
        if (!measured && array::has_pair(&figures))
            || (meaning == Meaning::Place && array::can_be_place(&figures))
        {
            self.found(precision(&figures));
        }
        // Two texts may be the two halves of a pair.
        let texts: Vec<&str> = array.children().filter_map(Statement::text).collect();
        let are_halves = texts.len() > 1 && texts.iter().all(|text| text.len() <= HALF_LENGTH_MAX);
        if are_halves || (figures.len() > 1 && !texts.is_empty()) {
            self.text(&texts.join(", "));
        }
    }

    /// Reads a text, whatever its name is.
    fn text(&mut self, text: &str) {
        if has_place(text) {
            self.places.in_texts = true;
            self.found(Precision::Text);
        }
        cell::resolutions_in(text).for_each(|resolution| self.cell(resolution));
    }

    /// Reads a text by what its name promises.
    fn promised(&mut self, text: &str, meaning: Meaning) {
        let text = text.trim();
        let is_cell = cell::resolutions_in(text).count() > 0 && text.chars().all(char::is_alphanumeric);
        let is_place = match meaning {
            Meaning::Plain | Meaning::About | Meaning::Quantity => false,
            Meaning::Place => written::has_two_degrees(text) || written::has_two_metres(text),
            Meaning::Grid => written::has_grid_reference(text),
            Meaning::Code => {
                !is_cell && text.chars().filter(|c| c.is_alphanumeric()).count() >= CODE_LENGTH_MIN
            }
            Meaning::Coordinates => {
                !is_cell
                    && written::is_centred_system(text).unwrap_or_else(|| text.contains(char::is_numeric))
            }
        };
        if is_place || shapes::is_well_known_binary(text) {
            self.found(Precision::Text);
        }
    }

    fn number(&mut self, number: &str, meaning: Meaning) {
        if let Some(resolution) = number.parse().ok().and_then(cell::resolution) {
            return self.cell(resolution);
        }
        let is_place = match meaning {
            Meaning::Plain | Meaning::About | Meaning::Quantity => false,
            Meaning::Place => {
                Figure::read(number).is_some_and(|figure| figure.is_degree(3) && figure.value.abs() >= 1.0)
            }
            Meaning::Grid => written::has_grid_reference(number),
            Meaning::Code | Meaning::Coordinates => true,
        };
        if is_place {
            self.found(match meaning {
                Meaning::Place | Meaning::Coordinates => precision(Figure::read(number).as_slice()),
                _ => Precision::Other,
            });
        }
    }

    fn cell(&mut self, resolution: u8) {
        self.places.finest_cell = self.places.finest_cell.max(Some(resolution));
        self.note(Precision::Cell(resolution));
    }

    fn found(&mut self, precision: Precision) {
        self.places.anywhere = true;
        self.note(precision);
    }

    /// Notes the member that the current value is in. A polygon has thousands of pairs, and all of them are in one member.
    fn note(&mut self, precision: Precision) {
        let found = match self.last {
            Some((member, found)) if member == self.member => found,
            _ => {
                let Some(found) = self.room_for(precision) else { return };
                self.last = Some((self.member, found));
                found
            }
        };
        let place = &mut self.places.found[found];
        place.precision = place.precision.max(precision);
    }

    /// Returns the number of the current member among those that were found; `None` if there is no room for it.
    fn room_for(&mut self, precision: Precision) -> Option<usize> {
        let known = &self.places.found;
        let is_coarser = |(_, place): &(usize, &PlaceFact)| {
            matches!(place.precision, Precision::Cell(_)) && place.precision < precision
        };
        let coarser = known.iter().enumerate().filter(is_coarser).min_by_key(|(_, place)| place.precision);
        let coarser = coarser.map(|(found, _)| found);
        if known.len() == FOUND_MAX && coarser.is_none() {
            return None;
        }
        let at = self.pointer();
        let known = &mut self.places.found;
        if let Some(found) = known.iter().position(|place| *place.at == *at) {
            return Some(found);
        }
        let place = PlaceFact { at: at.into(), precision };
        if known.len() < FOUND_MAX {
            known.push(place);
            return Some(known.len() - 1);
        }
        known[coarser?] = place;
        coarser
    }

    /// Returns the pointer of the innermost member that contains the current value.
    fn pointer(&self) -> String {
        let steps = self.around.iter().map(|around| around.step).chain([self.step]);
        let mut pointer = String::new();
        let mut end = 0;
        for step in steps {
            match step {
                Step::Root => continue,
                Step::Any => pointer.push_str("/*"),
                Step::Member(name) => {
                    pointer.push('/');
                    match tells_nothing(name) {
                        true => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
                        false => pointer.push('*'),
                    }
                    end = pointer.len();
                }
            }
        }
        pointer.truncate(end);
        pointer
    }
}

/// Returns the precision of numbers that can be a place.
fn precision(figures: &[Figure]) -> Precision {
    let digits = figures.iter().map(|figure| figure.fraction_digits).max().unwrap_or_default();
    match !figures.is_empty() && figures.iter().all(|figure| figure.is_degree(0)) {
        true => Precision::Degrees(u8::try_from(digits).unwrap_or(u8::MAX)),
        false => Precision::Other,
    }
}

/// Says whether a name can be shown: it is short, and does not tell a place, a cell or many digits.
fn tells_nothing(name: &str) -> bool {
    name.len() <= NAME_LENGTH_MAX
        && name.chars().filter(char::is_ascii_digit).count() <= NAME_DIGITS_MAX
        && !has_place(name)
        && cell::resolutions_in(name).next().is_none()
}

/// The longest name that is shown, in bytes.
const NAME_LENGTH_MAX: usize = 40;

/// How many digits a name that is shown may have.
const NAME_DIGITS_MAX: usize = 2;

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
