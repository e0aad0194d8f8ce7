//! What cannot be seen is shown: characters that steer a terminal, turn the direction of reading round or take no
//! room reach no screen as they are, and `--json` gives them as they are.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;

use support::{Run, Sandbox, base, item};

/// One of each kind, with what a screen shows instead.
const HIDDEN: [(&str, &str); 9] = [
    ("\u{202e}", "\\u{202e}"),
    ("\u{2066}", "\\u{2066}"),
    ("\u{200b}", "\\u{200b}"),
    ("\u{200d}", "\\u{200d}"),
    ("\u{feff}", "\\u{feff}"),
    ("\u{ad}", "\\u{ad}"),
    ("\u{2028}", "\\u{2028}"),
    ("\u{e0041}", "\\u{e0041}"),
    ("\u{3164}", "\\u{3164}"),
];

/// What a screen must never hold as it is.
fn steers(run: &Run) -> Option<char> {
    let text = [run.stdout.as_str(), run.stderr.as_str()].concat();
    text.chars()
        .find(|c| (c.is_control() && *c != '\n') || HIDDEN.iter().any(|(hidden, _)| hidden.contains(*c)))
}

#[test]
fn paths_ids_titles_reasons_and_actors_are_shown_with_their_hidden_characters() {
    let sandbox = Sandbox::platform();
    let mixed: String = HIDDEN.iter().map(|(hidden, _)| format!("a{hidden}")).collect();
    let mut documents = base(&["a"]);
    let (path, title) = (format!("things/{mixed}.json"), format!("t{mixed}"));
    documents.push((&path, item(&mixed, &title)));
    sandbox.publish("one", &documents);
    sandbox.publish("two", &[(&path, item(&mixed, "second"))]);
    let reason = format!("because{mixed}");
    let screens: [&[&str]; 7] = [
        &["rollback", "plan", "--publish-id", "latest"],
        &["rollback", "execute", "--publish-id", "latest", "--reason", &reason, "--yes", "--actor", &mixed],
        &["rollback", "list"],
        &["publish", "list"],
        &["catalog", "check"],
        &["status"],
        &["ledger", "list"],
    ];
    let mut seen = String::new();
    for words in screens {
        let run = sandbox.kfm(words);
        assert_eq!(steers(&run), None, "{words:?}: {run:?}");
        seen += &run.stdout;
        seen += &run.stderr;
    }
    for (_, shown) in HIDDEN {
        assert!(seen.contains(shown), "{shown}: {seen}");
    }
}

#[test]
fn a_command_line_that_is_wrong_is_shown_with_its_hidden_characters() {
    let sandbox = Sandbox::platform();
    for (hidden, shown) in
        HIDDEN.into_iter().chain([("\u{9b}", "\\u{9b}"), ("\r", "\\r"), ("\u{1b}", "\\u{1b}")])
    {
        let odd = format!("x{hidden}y");
        for words in [&["rollback", &odd][..], &["status", &format!("--{odd}")], &["rollback", "list", &odd]]
        {
            let run = sandbox.kfm(words);
            assert_eq!((run.code, steers(&run)), (2, None), "{words:?}: {run:?}");
            assert!(run.stderr.contains(shown), "{words:?}: {run:?}");
        }
        let run = sandbox.kfm(&["publish", "--from", &odd, "--pipeline", "p"]);
        assert_eq!(steers(&run), None, "{run:?}");
    }
}

#[test]
fn what_people_write_in_any_script_stays_readable() {
    let sandbox = Sandbox::platform();
    for text in
        ["Zażółć gęślą jaźń", "سلام دنیا", "שלום", "नमस्ते", "東京", "e\u{301}", "🗺\u{fe0f} 👩\u{200d}🚀"]
    {
        let run = sandbox.kfm(&["rollback", "show", text]);
        assert!(run.stderr.contains(text), "{text}: {run:?}");
    }
}

#[test]
fn programs_get_what_stands_there() {
    let sandbox = Sandbox::platform();
    let odd = "x\u{202e}y";
    let answer = sandbox.json(2, &["rollback", "show", odd]);
    assert!(answer["error"]["message"].as_str().unwrap().contains(odd), "{answer:#}");
}

/// Every print goes through the one module in which only a `Visible` can be written.
#[test]
fn no_other_file_of_the_command_writes_to_standard_output_or_error() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            let prints = ["print!(", "println!(", "stdout()", "stderr()", ".print()"];
            let found = prints.iter().filter(|print| text.replace("is_terminal", "").contains(*print));
            let is_the_one = path.ends_with("output/mod.rs") || path.ends_with("config.rs");
            assert!(is_the_one || found.count() == 0, "{} prints by itself", path.display());
        }
    }
    assert!(files > 40, "{files}");
}
