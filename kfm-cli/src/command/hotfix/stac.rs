//! `kfm hotfix stac`: one field of the documents of a collection, compare-and-set (R70).

use clap::Args;
use kfm_hotfix::{FieldPath, JsonText, JsonTextError, StacHotfix};

use crate::cli::{free_text, not_an_option, not_empty};
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
    /// The value that is wrong: JSON, or a text as it stands; a number matches every spelling of it, 30 also 30.0
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, value_parser = json_or_text)]
    from: JsonText,
    /// The value that is right, put as it is written here: JSON, or a text as it stands
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, value_parser = json_or_text)]
    to: JsonText,
    /// Why; it is recorded in log, manifest and ledger
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, value_parser = free_text)]
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
            return answer(
                cx,
                kfm_hotfix::stac(&cx.platform_to_rehearse().await?, request(true, None)).await?,
            );
        }
        let platform = cx.platform_to_change().await?;
        let mut shown = None;
        if !self.yes && cx.can_ask() {
            let rehearsal = kfm_hotfix::stac(&platform, request(true, None)).await?;
            if rehearsal.ready == Some(true) && rehearsal.matches > 0 {
                let text = format!("Correct {} now?", words::count(rehearsal.matches, "document"));
                let later = self.command_line();
                let heading = format!(
                    "Hotfix of {}: will correct {}",
                    self.collection,
                    words::count(rehearsal.matches, "document")
                );
                confirm(
                    cx,
                    &Question { heading: &heading, screen: &screen(&rehearsal), text: &text, later },
                )?;
                shown = rehearsal.content_id;
            }
        }
        answer(cx, kfm_hotfix::stac(&platform, request(false, shown)).await?)
    }

    /// Returns the command that executes this later, without asking.
    fn command_line(&self) -> String {
        let (from, to) = (said(&self.from), said(&self.to));
        let field = self.field.to_string();
        let words = ["kfm", "hotfix", "stac", "--collection", &self.collection, "--field", &field];
        let values = ["--from", &from, "--to", &to, "--reason", &self.reason, "--yes"];
        shell::line(words.into_iter().chain(values))
    }
}

/// Reads a value: as JSON if it is JSON, else as a text as it stands; `"1.0"` in double quotes is a text.
fn json_or_text(text: &str) -> std::result::Result<JsonText, String> {
    match not_an_option(text)?.parse::<JsonText>() {
        Err(JsonTextError::NotJson { .. }) => Ok(JsonText::from(text)),
        read => read.map_err(|error| error.to_string()),
    }
}

/// Writes a value so that [`json_or_text`] reads the same value back.
fn said(value: &JsonText) -> String {
    match serde_json::from_str::<String>(value.text()) {
        Ok(text) if text.parse::<JsonText>().is_err() && JsonText::from(text.as_str()) == *value => text,
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_json_where_it_is_json_and_a_text_elsewhere() {
        for (text, read) in [
            ("UNKNOWN", "\"UNKNOWN\""),
            ("-none-", "\"-none-\""),
            ("007", "\"007\""),
            ("NaN", "\"NaN\""),
            ("30.0", "30.0"),
            ("-9999", "-9999"),
            ("\"30\"", "\"30\""),
            ("null", "null"),
        ] {
            assert_eq!(json_or_text(text).unwrap().text(), read);
        }
        for text in [&"[".repeat(200), "--to"] {
            assert!(json_or_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_that_was_said_reads_back() {
        for text in ["UNKNOWN", "\"30\"", "30.0", "[ \"a\" ]", "\"\"", "\"\\u0041\"", "\"a\\nb\"", "\"[[\""] {
            let value = json_or_text(text).unwrap();
            assert_eq!(json_or_text(&said(&value)), Ok(value));
        }
    }
}
