//! The answer to one question: the toolkit's number, the peer's, the limit, and the ratios.

/// One line of the answer; a smaller number is better, unless the unit says `more`.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was measured, and the name of the peer.
    pub name: String,
    /// The number of this toolkit.
    pub ours: f64,
    /// The number of the peer, if there is one.
    pub peer: Option<f64>,
    /// The limit for this toolkit, if one was set; for a rate, what the machine itself can do.
    pub limit: Option<f64>,
    /// The unit of the numbers.
    pub unit: &'static str,
    /// How many passes or rounds the number comes from.
    pub runs: usize,
}

impl Row {
    fn ratio_to_peer(&self) -> Option<f64> {
        self.peer.filter(|peer| *peer > 0.0).map(|peer| self.ours / peer)
    }

    fn ratio_to_limit(&self) -> Option<f64> {
        self.limit.filter(|limit| *limit > 0.0).map(|limit| self.ours / limit)
    }
}

/// Prints a table, or one JSON object a line.
pub fn print(rows: &[Row], json: bool) {
    if !json {
        println!(
            "{:58} {:>9} {:>9} {:>7} {:18} {:>8} {:>9} {:>5}",
            "name", "ours", "peer", "limit", "unit", "to peer", "to limit", "runs"
        );
    }
    for row in rows {
        if json {
            let object = serde_json::json!({
                "name": row.name, "ours": row.ours, "peer": row.peer, "limit": row.limit, "unit": row.unit,
                "ratio_to_peer": row.ratio_to_peer(), "ratio_to_limit": row.ratio_to_limit(), "runs": row.runs,
            });
            println!("{object}");
        } else {
            let cell =
                |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
            println!(
                "{:58} {:>9.2} {:>9} {:>7} {:18} {:>8} {:>9} {:>5}",
                row.name,
                row.ours,
                cell(row.peer),
                cell(row.limit),
                row.unit,
                cell(row.ratio_to_peer()),
                cell(row.ratio_to_limit()),
                row.runs
            );
        }
    }
}
