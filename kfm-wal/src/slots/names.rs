//! The names of slots where they are objects or files: they sort as the numbers do, and no folder holds too
//! many.

/// How many slots are in one folder: few enough for people and for file systems.
pub(crate) const SLOTS_A_FOLDER: u64 = 4096;

/// The folder of all slots but the first.
pub(crate) const CHAIN: &str = "chain";

/// Returns the name of slot `n`, below the log's root.
pub(crate) fn name_of(n: u64) -> String {
    match n {
        0 => "FORMAT".to_owned(),
        _ => format!("{CHAIN}/{:08}/{n:020}", n / SLOTS_A_FOLDER),
    }
}

/// Returns the slot that a file's name stands for; `None` if it is not a slot's name.
pub(crate) fn number_of(file: &str) -> Option<u64> {
    file.parse().ok().filter(|n| *n > 0 && name_of(*n).ends_with(&format!("/{file}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_numbers_do_and_read_back() {
        assert_eq!(name_of(4097), "chain/00000001/00000000000000004097");
        assert_eq!(name_of(0), "FORMAT");
        assert!(name_of(4095) < name_of(4096) && name_of(99_999) < name_of(100_000));
        for n in [1, 4096, u64::MAX] {
            assert_eq!(number_of(name_of(n).rsplit_once('/').unwrap().1), Some(n));
        }
        for other in ["", "7", "00000000000000000000", "00000000000000000007#1", "FORMAT"] {
            assert_eq!(number_of(other), None, "{other}");
        }
    }
}
