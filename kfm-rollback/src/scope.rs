//! The digest of a scope: what readers see at a set of cells, as one value.
//!
//! The end of an operation is judged by this digest, never by the absence of errors. It is SHA-256 over one line
//! for each cell, `domain TAB store TAB key TAB value LF`, in the order of the cell ids. Control characters of a
//! key are escaped as in JSON; an absent value is `-`.

use kfm_lineage::{CellId, Digest, Value};

/// Digests the values of cells. Their order does not matter; a cell that is given twice counts twice.
pub(crate) fn scope_digest<'a>(cells: impl IntoIterator<Item = (&'a CellId, Value)>) -> Digest {
    let mut cells: Vec<(&CellId, Value)> = cells.into_iter().collect();
    cells.sort();
    let mut text = Vec::with_capacity(cells.len() * 128);
    for (cell, value) in cells {
        let key = serde_json::to_string(&cell.key).expect("a text is JSON");
        let value = value.map_or_else(|| "-".to_owned(), |digest| digest.to_string());
        text.extend_from_slice(format!("{}\t{}\t{key}\t{value}\n", cell.domain, cell.store).as_bytes());
    }
    Digest::of_bytes(&text)
}

#[cfg(test)]
mod tests {
    use kfm_lineage::Domain;

    use super::*;

    #[test]
    fn the_digest_tells_values_cells_and_absence_apart_but_not_order() {
        let a = CellId::new(Domain::Stac, "catalog", "a.json");
        let b = CellId::new(Domain::Stac, "catalog", "b.json");
        let v = Some(Digest::of_bytes(b"v"));
        assert_eq!(scope_digest([(&a, v), (&b, None)]), scope_digest([(&b, None), (&a, v)]));
        assert_ne!(scope_digest([(&a, v), (&b, None)]), scope_digest([(&a, None), (&b, v)]));
        assert_ne!(scope_digest([(&a, v)]), scope_digest([(&a, v), (&b, None)]));
    }
    #[test]
    fn each_part_of_a_scope_changes_its_digest() {
        let cell = |key: &str| CellId::new(Domain::Stac, "catalog", key);
        let value = |text: &str| Some(Digest::of_bytes(text.as_bytes()));
        let (a, b) = (cell("a.json"), cell("b.json"));
        let base = scope_digest([(&a, value("v")), (&b, None)]);
        for (rule, cells) in [
            ("a cell that is retired, and was not", vec![(a.clone(), None), (b.clone(), None)]),
            ("a cell that is there, and was retired", vec![(a.clone(), value("v")), (b.clone(), value("v"))]),
            ("a retired cell is part of the scope", vec![(a.clone(), value("v"))]),
            ("another value", vec![(a.clone(), value("w")), (b.clone(), None)]),
            ("another key", vec![(a.clone(), value("v")), (cell("c.json"), None)]),
            (
                "another store",
                vec![(a.clone(), value("v")), (CellId::new(Domain::Stac, "mirror", "b.json"), None)],
            ),
            (
                "another domain",
                vec![(a.clone(), value("v")), (CellId::new(Domain::Graph, "catalog", "b.json"), None)],
            ),
            ("a cell twice", vec![(a.clone(), value("v")), (b.clone(), None), (b.clone(), None)]),
            ("the values exchanged", vec![(a.clone(), None), (b.clone(), value("v"))]),
        ] {
            assert_ne!(scope_digest(cells.iter().map(|(cell, value)| (cell, *value))), base, "{rule}");
        }
    }

    #[test]
    fn the_digest_is_that_of_a_line_for_each_cell() {
        // Durable: the log has such digests. Another text is another format.
        let (odd, graph) =
            (CellId::new(Domain::Stac, "catalog", "a\tb"), CellId::new(Domain::Graph, "g", "n"));
        let v = Digest::of_bytes(b"v");
        let text = format!("stac\tcatalog\t\"a\\tb\"\t-\ngraph\tg\t\"n\"\t{v}\n");
        assert_eq!(scope_digest([(&graph, Some(v)), (&odd, None)]), Digest::of_bytes(text.as_bytes()));
    }
}
