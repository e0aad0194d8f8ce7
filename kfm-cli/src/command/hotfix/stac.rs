//! `kfm hotfix stac`: one field of the documents of a collection, compare-and-set (R70).

use clap::Args;
use kfm_hotfix::{FieldPath, StacHotfix};
use serde_json::Value;

use crate::cli::not_empty;
use crate::context::Context;
use crate::error::Result;
use crate::output::{Answer, words};
use crate::prompt::{Question, confirm};
use crate::shell;

use super::{answer, screen};

/// Arguments of `kfm hotfix stac`.
#[derive(Debug, Args)]
pub(crate) struct Stac {
    /// The collection whose documents are corrected
    #[arg(long, value_name = "ID", value_parser = not_empty)]
    collection: String,
    /// The field, such as properties.license or providers.0.url, or a JSON pointer
    #[arg(long, value_name = "PATH")]
    field: FieldPath,
    /// The value that is wrong: JSON, or a text as it stands
    #[arg(long, value_name = "VALUE", value_parser = json_or_text)]
    from: Value,
    /// The value that is right: JSON, or a text as it stands
    #[arg(long, value_name = "VALUE", value_parser = json_or_text)]
    to: Value,
    /// Why; it is recorded in log, manifest and ledger
    #[arg(long, value_name = "TEXT", value_parser = not_empty)]
    reason: String,
    /// Show the matches and the change of each, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask, on a terminal
    #[arg(long)]
    yes: bool,
}

impl Stac {
    pub(crate) async fn run(self, cx: &Context<'_>) -> Result<Answer> {
        let request = |dry_run, shown| StacHotfix {
            collection: self.collection.clone(),
            field: self.field.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            reason: self.reason.clone(),
            dry_run,
            shown,
        };
        if self.dry_run || cx.is_rehearsal() {
            return answer(cx, kfm_hotfix::stac(&cx.platform().await?, request(true, None)).await?);
        }
        let platform = cx.platform_to_change().await?;
        let mut shown = None;
        if !self.yes && cx.can_ask() {
            let rehearsal = kfm_hotfix::stac(&platform, request(true, None)).await?;
            if rehearsal.ready == Some(true) && rehearsal.matches > 0 {
                let text = format!("Correct {} now?", words::count(rehearsal.matches, "document"));
                let later = self.command_line();
                confirm(cx, &Question { screen: &screen(&rehearsal), text: &text, later })?;
                shown = rehearsal.content_id;
            }
        }
        answer(cx, kfm_hotfix::stac(&platform, request(false, shown)).await?)
    }

    /// Returns the command that does this later, without asking.
    fn command_line(&self) -> String {
        let (from, to) = (said(&self.from), said(&self.to));
        let field = self.field.to_string();
        let words = ["kfm", "hotfix", "stac", "--collection", &self.collection, "--field", &field];
        let values = ["--from", &from, "--to", &to, "--reason", &self.reason, "--yes"];
        shell::line(words.into_iter().chain(values))
    }
}

/// Reads a value: JSON where it is JSON, else a text as it stands; `"1.0"` in double quotes is a text.
fn json_or_text(text: &str) -> std::result::Result<Value, std::convert::Infallible> {
    Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())))
}

/// Says a value so that [`json_or_text`] reads it back.
fn said(value: &Value) -> String {
    match value {
        Value::String(text) if serde_json::from_str::<Value>(text).is_err() => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_json_where_it_is_json_and_a_text_elsewhere() {
        for (text, value) in
            [("UNKNOWN", json!("UNKNOWN")), ("30", json!(30)), ("\"30\"", json!("30")), ("null", json!(null))]
        {
            assert_eq!(json_or_text(text), Ok(value));
        }
    }

    #[test]
    fn a_value_that_was_said_reads_back() {
        for value in [json!("UNKNOWN"), json!("30"), json!(30), json!(["a"]), json!("")] {
            assert_eq!(json_or_text(&said(&value)), Ok(value));
        }
    }
}
