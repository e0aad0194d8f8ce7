use std::fs;

use super::*;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn with(bytes: &[u8]) -> Self {
        let place = Self::new();
        fs::write(place.path(), bytes).unwrap();
        place
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ops_test.ndjson")
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    /// The bytes that were set aside, in any order.
    fn aside(&self) -> Vec<Vec<u8>> {
        let parts = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        parts
            .filter(|path| path.extension().is_some_and(|e| e == "part"))
            .map(|p| fs::read(p).unwrap())
            .collect()
    }
}

const LINE: &[u8] = b"{\"n\":2}\n";

#[test]
fn a_line_is_added_at_the_end_and_nothing_else_changes() {
    let place = Place::with(b"{\"n\":1}\n");
    append(&place.path(), LINE).unwrap();
    assert_eq!(place.bytes(), b"{\"n\":1}\n{\"n\":2}\n");
    assert!(place.aside().is_empty());
}

#[test]
fn folders_and_file_are_made_with_the_first_line() {
    let place = Place::new();
    let path = place.folder.path().join("data/processed/telemetry/ops_test.ndjson");
    append(&path, LINE).unwrap();
    assert_eq!(fs::read(&path).unwrap(), LINE);
}

#[test]
fn a_line_torn_at_any_byte_is_set_aside_whole_before_the_next_one() {
    let whole = b"{\"text\":\"a\\nb\",\"n\":[1,{}]}\n";
    for cut in 1..whole.len() - 1 {
        let place = Place::with(&[b"{\"n\":1}\n", &whole[..cut]].concat());
        append(&place.path(), LINE).unwrap();
        assert_eq!(place.bytes(), b"{\"n\":1}\n{\"n\":2}\n", "cut={cut}");
        assert_eq!(place.aside(), [whole[..cut].to_vec()], "cut={cut}");
    }
}

#[test]
fn a_whole_record_that_lacks_only_its_end_of_line_gets_it() {
    let place = Place::with(b"{\"n\":1}");
    append(&place.path(), LINE).unwrap();
    assert_eq!(place.bytes(), b"{\"n\":1}\n{\"n\":2}\n");
    assert!(place.aside().is_empty());
}

#[test]
fn a_last_line_with_zeros_in_it_is_torn_even_if_it_ends() {
    let torn = b"\0\0\0\0\0\"n\":1}\n";
    let place = Place::with(&[LINE, torn].concat());
    append(&place.path(), LINE).unwrap();
    assert_eq!(place.bytes(), [LINE, LINE].concat());
    assert_eq!(place.aside(), [torn.to_vec()]);
}

#[test]
fn a_repair_that_was_interrupted_after_the_copy_is_done_again_without_a_second_copy() {
    let torn = b"{\"n\":";
    let place = Place::with(&[LINE, torn].concat());
    fs::write(torn_file(&place.path(), LINE.len() as u64, torn), b"").unwrap();
    append(&place.path(), LINE).unwrap();
    assert_eq!(place.bytes(), [LINE, LINE].concat());
    assert_eq!(place.aside(), [torn.to_vec()]);
}

#[test]
fn a_whole_line_that_is_no_record_is_left_for_validation_to_find() {
    let place = Place::with(b"hello\n");
    append(&place.path(), LINE).unwrap();
    assert_eq!(place.bytes(), b"hello\n{\"n\":2}\n");
}

#[test]
fn a_file_without_lines_is_refused_and_left_alone() {
    let foreign = vec![b'x'; usize::try_from(TAIL_BYTES_MAX).unwrap() + 1];
    let place = Place::with(&foreign);
    assert!(matches!(append(&place.path(), LINE), Err(AppendFault::ForeignTail)));
    assert_eq!(place.bytes(), foreign);
}

#[test]
fn a_file_that_another_handle_has_locked_is_busy_and_unchanged() {
    let place = Place::with(LINE);
    let holder = File::open(place.path()).unwrap();
    holder.lock().unwrap();
    assert!(matches!(append(&place.path(), LINE), Err(AppendFault::Busy)));
    assert_eq!(place.bytes(), LINE);
    drop(holder);
    append(&place.path(), LINE).unwrap();
}

#[test]
fn a_place_that_cannot_hold_a_file_is_an_error() {
    let place = Place::with(LINE);
    assert!(matches!(append(&place.path().join("ops_test.ndjson"), LINE), Err(AppendFault::Io(_))));
}
