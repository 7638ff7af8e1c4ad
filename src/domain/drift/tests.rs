//! Sets of tasks that are other sets later, and what is told of it.

use super::*;

fn installed(when: &str, user: &str, command: &str) -> Installed {
    let (when, user, command) = (when.to_owned(), user.to_owned(), command.to_owned());
    Installed { when, user, command, disabled: false, place: "crontab, line 1".to_owned() }
}

fn backup() -> Installed {
    installed("0 2 * * *", "root", "/srv/backup.sh")
}

fn set<const N: usize>(all: [(&str, Option<Installed>); N]) -> Set {
    all.into_iter().map(|(name, installed)| (name.to_owned(), installed)).collect()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(second, 0).expect("test time")
}

fn accepted(scope: &str, second: i64, set: Set) -> Acceptance {
    let text = |text: &str| text.to_owned();
    Acceptance { scope: text(scope), job: text("j"), at: at(second), operator: text("ann"), reason: text("moved"), set }
}

fn told(was: Installed, now: Installed) -> Vec<String> {
    Differences::between(&set([("backup", Some(was))]), &set([("backup", Some(now))])).edited
}

#[test]
fn every_way_in_which_a_task_is_another_is_told_with_what_it_was() {
    let edited = |now: Installed| told(backup(), now).join("|");
    assert_eq!(edited(backup()), "");
    let here = "backup (crontab, line 1)";
    assert_eq!(
        edited(installed("0 3 * * *", "root", "/srv/backup.sh")),
        format!("{here}: due `0 3 * * *`, was `0 2 * * *`")
    );
    assert_eq!(edited(installed("0 2 * * *", "ann", "/srv/backup.sh")), format!("{here}: user `ann`, was `root`"));
    let other = installed("0 2 * * *", "root", "/tmp/x");
    assert_eq!(edited(other), format!("{here}: command `/tmp/x`, was `/srv/backup.sh`"));
    let disabled = Installed { disabled: true, ..backup() };
    assert_eq!(edited(disabled.clone()), format!("{here}: disabled"));
    assert_eq!(told(disabled, backup()), [format!("{here}: enabled")]);
    // A line above it is no edit.
    assert_eq!(edited(Installed { place: "crontab, line 9".to_owned(), ..backup() }), "");
}

#[test]
fn what_came_and_what_went_is_named_and_what_is_known_to_be_gone_is_not() {
    let other = installed("@daily", "root", "/srv/other.sh");
    let was = set([("backup", Some(backup())), ("long-gone", None)]);
    let differences = Differences::between(&was, &set([("other", Some(other)), ("never", None)]));
    let here = "crontab, line 1";
    let expected = Differences {
        gone: vec![format!("backup ({here})")],
        edited: Vec::new(),
        new: vec![format!("other ({here})")],
    };
    assert_eq!(differences, expected);
    let texts: Vec<String> = differences.findings("the crontabs", "noon").into_iter().map(|one| one.text).collect();
    assert_eq!(
        texts,
        [
            format!("gone from the crontabs since noon: backup ({here})"),
            format!("new in the crontabs since noon: other ({here})")
        ]
    );
    assert!(Differences::between(&set([("long-gone", None)]), &Set::new()).is_empty());
}

#[test]
fn what_was_accepted_is_quiet_until_something_else_is_installed() {
    let finding = || vec![Finding::new(Status::Critical, "line", "its line is gone").advice("put it back")];
    let settled = |now: Set, accepted: Option<Acceptance>| {
        let mut drift = Drift::new("backup", now, accepted);
        let told = drift.settle(finding(), |at| at.timestamp().to_string()).remove(0);
        (told.status, told.text, told.advice.unwrap_or_default(), drift.told.len())
    };
    let loud = |advice: &str| (Status::Critical, "its line is gone".to_owned(), advice.to_owned(), 1);
    let advice = "put it back; or `rounds task accept backup --reason …` where it is meant to be so";
    let gone = || accepted("backup", 60, set([("backup", None)]));
    assert_eq!(settled(Set::new(), None), loud(advice));
    let quiet = (Status::Ok, "its line is gone; ann accepted it at 60: moved".to_owned(), String::new(), 0);
    assert_eq!(settled(Set::new(), Some(gone())), quiet);
    assert_eq!(settled(set([("backup", Some(backup()))]), Some(gone())), loud(advice));
}

#[test]
fn a_task_that_was_accepted_by_itself_is_part_of_what_is_expected_of_all() {
    let edited = installed("0 3 * * *", "root", "/srv/backup.sh");
    let all = accepted("cron", 100, set([("backup", Some(backup())), ("old", Some(backup()))]));
    let of_configuration = installed("0 9 * * *", "", "backup");
    let earlier = accepted("backup", 50, set([("backup", Some(installed("@hourly", "root", "x")))]));
    let later =
        accepted("backup", 150, set([("backup", Some(edited.clone())), (CONFIGURATION, Some(of_configuration))]));
    let gone = accepted("old", 160, set([("old", None)]));
    assert_eq!(expected(&all, &[earlier.clone(), all.clone()]), all.set);
    assert_eq!(expected(&all, &[gone, earlier, later, all.clone()]), set([("backup", Some(edited)), ("old", None)]));
}

#[test]
fn a_fingerprint_is_of_what_is_installed_and_not_of_where_it_stands() {
    let print = |set: Set| Drift::new("cron", set, None).fingerprint();
    let one = print(set([("backup", Some(backup()))]));
    assert_eq!(one, print(set([("backup", Some(Installed { place: String::new(), ..backup() })), ("old", None)])));
    assert_ne!(one, print(set([("backup", Some(Installed { disabled: true, ..backup() }))])));
    assert_ne!(one, print(Set::new()));
}
