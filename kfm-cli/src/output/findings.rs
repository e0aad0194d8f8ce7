//! Findings and conflicts on a screen: what was found, and what to do about it.

use kfm_policy::Advice;
use kfm_rollback::report::{Alike, Conflicts, FindingLine, Group, Listing, ProtectedLine};

use super::screen::{LIST_LINES_MAX, Screen};
use super::{Tone, words};
use crate::say;

/// Shows why policy denied: the findings that deny, and how many others there are.
pub(crate) fn denial(findings: &Listing<FindingLine>) -> Screen {
    let mut screen = Screen::default();
    let (denying, others): (Vec<_>, Vec<_>) =
        findings.groups.iter().partition(|group| group.of.denies == Some(true));
    screen.heading("denied because");
    show_groups(&mut screen, denying.into_iter());
    let others: u64 = others.iter().map(|group| group.total).sum();
    if others > 0 {
        let deny = if others == 1 { "does" } else { "do" };
        screen.item(Tone::Dim, format!("and {} that {deny} not deny", words::count(others, "finding")));
    }
    screen
}

/// Shows findings, one group for each rule: how many, and for each thing that the rule found, about what, what was
/// found, what to do.
///
/// A rule that says the same of eighty documents is one thing to think about, not eighty.
fn show_groups<'a>(screen: &mut Screen, groups: impl ExactSizeIterator<Item = &'a Group<FindingLine>>) {
    let more = groups.len().saturating_sub(LIST_LINES_MAX) as u64;
    for group in groups.take(LIST_LINES_MAX) {
        show_group(screen, group);
    }
    screen.more(more, None);
}

fn show_group(screen: &mut Screen, group: &Group<FindingLine>) {
    let Some(finding) = group.first.first() else { return };
    let tone = if finding.denies { Tone::Bad } else { Tone::Warn };
    let code = finding.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
    match group.total {
        1 => screen.item(tone, format!("{}{code}  {}", finding.rule, finding.subject)),
        many => screen.item(tone, format!("{}{code}  {} times", finding.rule, words::number(many))),
    };
    let shown = group.kinds.len().min(KINDS_SHOWN);
    for (at, kind) in group.kinds[..shown].iter().enumerate() {
        let next = group.kinds[..shown].get(at + 1).and_then(|next| next.first.first());
        show_kind(screen, kind, group.total > 1, next.map(|next| &next.remedy));
    }
    let counted: u64 = group.kinds[..shown].iter().map(|kind| kind.total).sum();
    let more = group.total.saturating_sub(counted);
    if more > 0 {
        screen.detail(format!("and {} more of this rule, about something else", words::number(more)));
    }
}

/// Kinds of one rule's findings that a screen shows; of the others it shows the number.
const KINDS_SHOWN: usize = 5;

/// Shows findings of one rule that say the same: about what, what was found, and what to do, unless `next_remedy`,
/// that of the kind below, is the same.
fn show_kind(screen: &mut Screen, kind: &Alike<FindingLine>, names: bool, next_remedy: Option<&Advice>) {
    let Some(finding) = kind.first.first() else { return };
    let text = |text: &str, instead: &str| match kind.subjects {
        1 => text.to_owned(),
        _ => finding.without_subject(text, instead),
    };
    for sample in kind.first.iter().filter(|_| names) {
        screen.detail(&sample.subject);
    }
    let more = kind.subjects.saturating_sub(kind.first.len() as u64);
    if more > 0 {
        screen.detail(format!("and {} more", words::number(more)));
    }
    screen.detail(format!("seen: {}", text(&finding.message, "-")));
    if !finding.remedy.is_empty() && next_remedy != Some(&finding.remedy) {
        screen.detail(format!("do: {}", text(&say::sentence(&finding.remedy), "PATH")));
    }
}

/// Adds findings under a heading of their own; nothing if there are none.
pub(crate) fn finding_list(screen: &mut Screen, heading: &str, findings: &Listing<FindingLine>) {
    if findings.total == 0 {
        return;
    }
    screen.heading(format!("{}{heading}", words::count(findings.total, "finding")));
    show_groups(screen, findings.groups.iter());
}

/// Shows the cells that protection left at another value than the operation's end asks for, by store and rule.
pub(crate) fn protected_list(screen: &mut Screen, protected: &Listing<ProtectedLine>) {
    if protected.total == 0 {
        return;
    }
    screen.heading(format!("changed by protection: {}", words::count(protected.total, "cell")));
    for group in protected.groups.iter().take(LIST_LINES_MAX) {
        let of = |text: &Option<String>| text.clone().unwrap_or_default();
        let cells = words::count(group.total, "cell");
        screen.item(Tone::Warn, format!("{cells} of {}  {}", of(&group.of.store), of(&group.of.rule)));
        for cell in &group.first {
            let end = if cell.to.is_none() { "absent" } else { "projected anew" };
            screen.detail(format!("{}  {end} now", cell.key));
        }
        let more = group.total.saturating_sub(group.first.len() as u64);
        if more > 0 {
            screen.detail(format!("and {} more", words::number(more)));
        }
    }
    screen.more(protected.groups.len().saturating_sub(LIST_LINES_MAX) as u64, None);
}

/// Shows what stands against an operation.
pub(crate) fn conflict_list(against: &Conflicts) -> Screen {
    let mut screen = Screen::default();
    if against.conflicts_total > 0 {
        screen.heading("what stands against it");
    }
    for conflict in against.conflicts.iter().take(LIST_LINES_MAX) {
        screen.item(Tone::Warn, format!("{}  {}", conflict.kind, conflict.subject)).detail(&conflict.message);
        if let (Some(expected), Some(observed)) = (&conflict.expected, &conflict.observed) {
            screen.detail(format!("expected {expected}, seen {observed}"));
        }
    }
    screen.more(against.conflicts_total.saturating_sub(LIST_LINES_MAX as u64), None);
    screen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::paint::Paint;

    fn finding(rule: &str, subject: &str, message: &str, remedy: &str) -> FindingLine {
        FindingLine::new(rule, kfm_policy::Severity::Warn, subject, message, remedy)
    }

    fn shown(findings: impl IntoIterator<Item = FindingLine>) -> String {
        let mut screen = Screen::default();
        finding_list(&mut screen, "", &Listing::of(findings));
        screen.render(Paint::new(false))
    }

    #[test]
    fn what_a_rule_says_of_different_documents_is_shown_apart() {
        let text = shown([
            finding("protection", "a.json", "asks for withdrawn", "publish without it"),
            finding("protection", "b.json", "asks for quarantined", "ask for the hold to be lifted"),
            finding("protection", "c.json", "asks for quarantined", "ask for the hold to be lifted"),
        ]);
        assert!(text.contains("protection  3 times"), "{text}");
        let lines: Vec<&str> =
            text.lines().skip_while(|line| !line.contains("3 times")).map(str::trim).collect();
        let expected = [
            "a.json",
            "seen: asks for withdrawn",
            "do: publish without it",
            "b.json",
            "c.json",
            "seen: asks for quarantined",
            "do: ask for the hold to be lifted",
        ];
        assert_eq!(lines[1..8], expected, "{text}");
    }

    #[test]
    fn a_subject_is_named_once_for_one_thing_and_again_for_another() {
        let same = || finding("id", "a.json", "its id would be another", "publish it anew");
        let text =
            shown([same(), same(), same(), finding("id", "a.json", "it has no id", "publish it anew")]);
        assert!(text.contains("id  4 times"), "{text}");
        assert_eq!(text.matches("a.json").count(), 2, "{text}");
        assert_eq!(text.matches("publish it anew").count(), 1, "{text}");
    }

    #[test]
    fn a_message_that_names_its_subject_is_one_for_all_subjects() {
        let one = |path: &str| finding("self", path, &format!("the link of {path}, leads away"), "mend it");
        let text = shown(["x/a.json", "x/b.json", "x/c.json", "x/d.json"].map(one));
        assert!(text.contains("and 1 more") && text.contains("seen: the link of -, leads away"), "{text}");
        let many =
            (0..30).map(|n| finding("link", &format!("{n}.json"), &format!("leads to {n}"), "mend it"));
        let text = shown(many);
        assert!(text.contains("link  30 times") && text.contains("and 25 more of this rule"), "{text}");
    }
}
