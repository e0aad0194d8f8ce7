//! Cells of the H3 grid, with which places are masked (`h3_r5`, `h3_r7`).

const RESOLUTION_MAX: u8 = 15;
const BASE_CELLS: u64 = 122;
const DIGIT_BITS: u32 = 3;
/// The number of hex digits of a cell; the zero before them is not written.
const HEX_DIGITS: usize = 15;

/// Returns the resolution of a cell, given its number; `None` if the number is not that of a cell.
///
/// The bits from the highest on: one that is 0, four for the mode (1: a cell), three that are 0, four for the
/// resolution, seven for the base cell, and fifteen digits of three bits each, of which unused ones are all
/// ones.
pub(super) fn resolution(index: u64) -> Option<u8> {
    if index >> 56 != 0b0000_1000 {
        return None;
    }
    let resolution = (index >> 52 & 0xf) as u8;
    let digit = |at: u8| index >> (DIGIT_BITS * u32::from(RESOLUTION_MAX - at)) & 0b111;
    let is_used = |at: u8| digit(at) < 7;
    let valid = (index >> 45 & 0x7f) < BASE_CELLS
        && (1..=resolution).all(is_used)
        && (resolution + 1..=RESOLUTION_MAX).all(|at| !is_used(at));
    valid.then_some(resolution)
}

/// Lists the resolutions of the cells that a text names in hexadecimal digits.
pub(super) fn resolutions_in(text: &str) -> impl Iterator<Item = u8> {
    let long_enough = text.len() >= HEX_DIGITS;
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(move |_| long_enough);
    words.filter(|word| word.len() >= HEX_DIGITS).filter_map(|word| {
        let hex = word.strip_prefix("0x").unwrap_or(word);
        let hex = hex.strip_prefix('0').filter(|hex| hex.len() == HEX_DIGITS).unwrap_or(hex);
        let index = (hex.len() == HEX_DIGITS).then(|| u64::from_str_radix(hex, 16).ok()).flatten()?;
        resolution(index)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_tells_its_resolution() {
        // The examples of H3's documentation, and their parents.
        for (cell, expected) in [
            ("8928308280fffff", 9),
            ("85283473fffffff", 5),
            ("872830828ffffff", 7),
            ("8f2830828052d25", 15),
            ("8029fffffffffff", 0),
            ("0x85283473FFFFFFF", 5),
        ] {
            assert_eq!(resolutions_in(&format!("in {cell}, near")).collect::<Vec<_>>(), [expected], "{cell}");
        }
        assert_eq!(resolution(0x0852_8347_3fff_ffff), Some(5));
    }

    #[test]
    fn other_numbers_and_words_are_no_cells() {
        for text in
            ["85283473ffffffe", "95283473fffffff", "85283473ffffff", "123456789012345", "20210405101112000"]
        {
            assert_eq!(resolutions_in(text).count(), 0, "{text}");
        }
    }
}
