//! Commands as a person can paste them.

/// Quotes a word for a POSIX shell, where it needs it.
pub(crate) fn quote(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=+,@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Joins words to a line that a POSIX shell splits into the same words.
pub(crate) fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// Adds `--root` to commands that name no platform, so that they can be pasted as they stand.
pub(crate) fn with_root(commands: &[String], root: Option<&str>) -> Vec<String> {
    let Some(root) = root else { return commands.to_vec() };
    let named = format!("kfm --root {} ", quote(root));
    let name = |command: &String| match command.strip_prefix("kfm ") {
        Some(rest) if !rest.starts_with("--root") => format!("{named}{rest}"),
        _ => command.clone(),
    };
    commands.iter().map(name).collect()
}

/// Adds `--yes` to commands that ask, if no person can be asked.
pub(crate) fn with_yes(commands: &[String], unasked: bool) -> Vec<String> {
    let asks = |command: &String| command.contains(" rollback execute ") && !command.contains(" --yes");
    let yes = |command: &String| match unasked && asks(command) {
        true => format!("{command} --yes"),
        false => command.clone(),
    };
    commands.iter().map(yes).collect()
}

/// Returns the name of a file as a person in the working directory would write it.
pub(crate) fn place(path: impl AsRef<std::path::Path>) -> String {
    let path = path.as_ref();
    let here = std::env::current_dir().ok();
    let below = here.as_ref().and_then(|here| path.strip_prefix(here).ok());
    match below {
        Some(below) if below.as_os_str().is_empty() => ".".to_owned(),
        below => below.unwrap_or(path).display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_odd_characters_are_quoted_for_the_shell() {
        assert_eq!(
            line(["kfm", "--reason", "it's bad", "", "sha256:ab"]),
            r"kfm --reason 'it'\''s bad' '' sha256:ab"
        );
    }

    #[test]
    fn a_command_that_asks_gets_its_yes_once_where_nobody_can_be_asked() {
        let execute = "kfm rollback execute --plan p --reason '…'".to_owned();
        let commands = [execute.clone(), format!("{execute} --yes"), "kfm status".to_owned()];
        let yes = format!("{execute} --yes");
        assert_eq!(with_yes(&commands, true), [yes.clone(), yes, "kfm status".to_owned()]);
        assert_eq!(with_yes(&commands, false), commands);
    }

    #[test]
    fn a_command_for_another_folder_names_the_platform() {
        let next = ["kfm status".to_owned(), "mount /data".to_owned()];
        assert_eq!(with_root(&next, Some("my demo")), ["kfm --root 'my demo' status", "mount /data"]);
        assert_eq!(with_root(&next, None), next);
    }
}
