use kfm_lineage::Digest;
use kfm_policy::advice;

use super::*;

const PUBLISH: &str = "pub_2025_11_14T03_15_42Z_daily";
const ROLLBACK: &str = "rb_2025_11_15T00_00_00Z_pub_2025_11_14T03_15_42Z_daily_1";
const HOTFIX: &str = "hf_2025_11_16T00_00_00Z_stac_1";

fn id(text: &str) -> OperationId {
    text.parse().unwrap()
}

/// Every variant, with each kind of operation where that makes a difference. A new variant is found by the match in
/// [`command_line`]; its line belongs here.
#[test]
fn each_remedy_has_its_command_line() {
    let plan = Digest::of_bytes(b"plan");
    let keys = |keys: &[&str]| keys.iter().map(|&key| key.to_owned()).collect::<Vec<_>>();
    let table = [
        (Remedy::Resume { operation: id(PUBLISH) }, format!("kfm publish resume --publish-id {PUBLISH}")),
        (Remedy::Resume { operation: id(ROLLBACK) }, format!("kfm rollback resume --rollback-id {ROLLBACK}")),
        (Remedy::Resume { operation: id(HOTFIX) }, format!("kfm hotfix resume --hotfix-id {HOTFIX}")),
        (
            Remedy::Abort { operation: id(PUBLISH) },
            format!("kfm publish resume --publish-id {PUBLISH} --abort"),
        ),
        (
            Remedy::Abort { operation: id(ROLLBACK) },
            format!("kfm rollback resume --rollback-id {ROLLBACK} --abort"),
        ),
        (Remedy::Abort { operation: id(HOTFIX) }, format!("kfm hotfix resume --hotfix-id {HOTFIX} --abort")),
        (Remedy::undo(&id(PUBLISH)), format!("kfm rollback plan --publish-id {PUBLISH}")),
        (Remedy::undo(&id(ROLLBACK)), format!("kfm rollback revert --rollback-id {ROLLBACK} --reason '…'")),
        (Remedy::undo(&id(HOTFIX)), format!("kfm hotfix revert --hotfix-id {HOTFIX} --reason '…'")),
        (
            Remedy::Undo { operation: id(PUBLISH), skip: keys(&["a.json", "b c.json"]) },
            format!("kfm rollback plan --publish-id {PUBLISH} --skip a.json 'b c.json'"),
        ),
        (
            Remedy::RollBack { operation: id(PUBLISH) },
            format!("kfm rollback execute --publish-id {PUBLISH} --reason '…'"),
        ),
        (
            Remedy::RehearseRollback { operation: id(PUBLISH) },
            format!("kfm rollback dry-run --publish-id {PUBLISH} --all"),
        ),
        (
            Remedy::ShowOperation { operation: id(PUBLISH), entire: false },
            format!("kfm publish show {PUBLISH}"),
        ),
        (
            Remedy::ShowOperation { operation: id(ROLLBACK), entire: true },
            format!("kfm rollback show {ROLLBACK} --all"),
        ),
        (Remedy::ShowOperation { operation: id(HOTFIX), entire: false }, format!("kfm hotfix show {HOTFIX}")),
        (Remedy::VerifyOperation { operation: id(ROLLBACK) }, format!("kfm verify --rollback-id {ROLLBACK}")),
        (Remedy::VerifyOperation { operation: id(HOTFIX) }, format!("kfm verify {HOTFIX}")),
        (Remedy::ShowPlan { plan, entire: false }, format!("kfm plan show {plan}")),
        (Remedy::ShowPlan { plan, entire: true }, format!("kfm plan show {plan} --all")),
        (Remedy::RehearsePlan { plan }, format!("kfm rollback dry-run --plan {plan}")),
        (Remedy::ApprovePlan { plan }, format!("kfm approve {plan} --as NAME --role reviewer --key FILE")),
        (Remedy::ListApprovals { plan }, format!("kfm approvals {plan}")),
        (Remedy::ExecutePlan { plan }, format!("kfm rollback execute --plan {plan} --reason '…'")),
        (Remedy::CancelPlan { plan }, format!("kfm plan cancel {plan} --reason '…'")),
        (Remedy::ShowStatus, "kfm status".into()),
        (Remedy::ListPublishes, "kfm publish list".into()),
        (Remedy::ListRollbacks, "kfm rollback list".into()),
        (Remedy::ListHotfixes, "kfm hotfix list".into()),
        (Remedy::ListPrincipals, "kfm principals list".into()),
        (Remedy::ListLabels, "kfm labels list".into()),
        (Remedy::Adopt, "kfm adopt".into()),
        (Remedy::ListForeign, "kfm reconcile".into()),
        (Remedy::AdoptForeign, "kfm reconcile --adopt".into()),
        (Remedy::Project, "kfm project".into()),
        (Remedy::Publish, "kfm publish --from FOLDER --pipeline NAME".into()),
        (
            Remedy::AssignLabel { entity: "b c.json".into() },
            "kfm labels assign --entity 'b c.json' --care LABEL --authority NAME --reason '…' --review-by DATE"
                .into(),
        ),
        (
            Remedy::AddPrincipal { role: "reviewer".into() },
            "kfm principals add NAME --role reviewer --key-out FILE".into(),
        ),
        (Remedy::PublishMirror, "kfm publish --from FOLDER --pipeline NAME --mirror".into()),
        (Remedy::CheckCatalog, "kfm catalog check".into()),
        (Remedy::Examine { digests: false }, "kfm doctor".into()),
        (Remedy::Examine { digests: true }, "kfm doctor --digests".into()),
        (Remedy::VerifyLog, "kfm wal verify".into()),
        (Remedy::VerifyLedger, "kfm ledger verify".into()),
        (Remedy::RepairLedger, "kfm ledger repair".into()),
        (Remedy::MakePlatform, "kfm init".into()),
    ];
    for (remedy, line) in table {
        assert_eq!(command_line(&remedy), line, "{remedy:?}");
        // What is on a screen can be typed: the parser knows each of its words.
        let words = line.replace("'…'", "why").replace("'b c.json'", "bc.json").replace("NAME", "name");
        let words = words.replace("DATE", "2099-01-01");
        let arguments: Vec<std::ffi::OsString> = words.split(' ').map(Into::into).collect();
        let parsed = crate::cli::parse(&arguments);
        assert!(
            parsed.is_ok(),
            "{line}: {}",
            parsed.err().map_or_else(String::new, |usage| usage.error.to_string())
        );
        // The library's words have none of the command's.
        let named = remedy.to_string();
        assert!(!named.contains("kfm ") && !named.contains(" --"), "{named}");
    }
}

#[test]
fn a_sentence_has_its_commands_in_quotes_and_its_parameters_as_flags() {
    let said = advice!["record them by ", Remedy::AdoptForeign, ", or leave ", Parameter::Skip, " out"];
    assert_eq!(sentence(&said), "record them by 'kfm reconcile --adopt', or leave --skip out");
    let after_a_colon = advice!["the store is missing; make and fill it: ", Remedy::Project];
    assert_eq!(sentence(&after_a_colon), "the store is missing; make and fill it: kfm project");
    let in_front = advice![Remedy::ListForeign, " lists what another hand changed"];
    assert_eq!(sentence(&in_front), "'kfm reconcile' lists what another hand changed");
    assert_eq!(sentence(&Remedy::Project.into()), "kfm project");
    assert_eq!(sentence(&Advice::from("mend it")), "mend it");
}

#[test]
fn each_parameter_is_a_flag() {
    use Parameter as P;
    let table = [
        (P::Skip, "--skip"),
        (P::Force, "--force --justification"),
        (P::HideUnmaskable, "--on-unmaskable hide"),
        (P::DryRun, "--dry-run"),
        (P::MaySweep, "--yes"),
        (P::EvenIfNothing, "--yes"),
        (P::Reason, "--reason"),
        (P::Entity, "--entity"),
        (P::Under, "--under"),
        (P::PublicKey, "--public-key"),
        (P::Root, "--root"),
        (P::From, "--from"),
        (P::To, "--to"),
    ];
    for (parameter, flag) in table {
        assert_eq!(sentence(&parameter.into()), flag);
        assert_eq!(Advice::from(parameter).to_string(), format!("`{}`", parameter.as_str()));
    }
}
