//! What an operator found right is quiet, through starts of the program, until it is another.

use super::*;
use crate::domain::drift::Drift;

impl World {
    /// What the probe of this name has of what is installed.
    async fn drift(&self, watched: &mut [Watched], name: &str) -> Drift {
        let probe = watched.iter_mut().find(|one| one.watch.id.name() == name).expect("a probe of this name");
        let reading = probe.probe.read(self.now).await.expect("a reading");
        reading.detail.drift().cloned().expect("what is installed")
    }

    /// An operator finds right what is told there.
    pub(super) async fn accept(&mut self, watched: &mut [Watched], name: &str, scope: &str) {
        let all = self.drift(watched, name).await;
        let drift = if all.scope == scope { all } else { all.of(scope) };
        let (job, operator, reason) = ("j".to_owned(), "ann".to_owned(), "the new server".to_owned());
        self.accepted.retain(|one| one.scope != scope);
        self.accepted.push(Acceptance { scope: scope.to_owned(), job, at: self.now, operator, reason, set: drift.now });
    }
}

/// What is told of one probe but that there is no evidence, with how bad it is.
pub(super) async fn of(world: &World, watched: &mut [Watched], name: &str) -> Vec<(Status, String)> {
    let watches = watched.iter().map(|one| one.watch.clone()).collect();
    let mut board = Board::new(watches, world.now);
    for one in watched {
        let outcome = one.probe.read(world.now).await;
        board.apply(&Observation { probe: one.watch.id.clone(), at: world.now, took: Duration::ZERO, outcome });
    }
    let found = board.assess(world.now).into_iter().find(|one| one.id.name() == name).expect("a probe of this name");
    let told = found.findings.into_iter().filter(|one| one.key != "evidence" && one.key != "slot");
    told.map(|finding| (finding.status, finding.text)).collect()
}

fn warned(text: &str) -> Vec<(Status, String)> {
    vec![(Status::Warning, text.to_owned())]
}

const LINES: &str = "0 2 * * * /srv/backup.sh\n0 3 * * * /srv/report.sh\n";

#[tokio::test]
async fn what_was_accepted_is_held_against_what_is_there_at_every_start() {
    let mut world = World::new(LINES, "");
    let mut first = world.watched();
    world.accept(&mut first, "cron", "cron").await;
    assert_eq!(of(&world, &mut world.watched(), "cron").await, []);

    // Whoever starts the program only now is told what happened before.
    world.crontab("0 2 * * * /tmp/evil.sh\n0 3 * * * /srv/report.sh --all\n");
    let told = of(&world, &mut world.watched(), "cron").await;
    let texts: Vec<&str> = told.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "gone from the crontabs since ann accepted it at 09:00: backup (crontab of ann, line 1)",
            "edited in the crontabs since ann accepted it at 09:00: report (crontab of ann, line 2): command \
             `/srv/report.sh --all`, was `/srv/report.sh`",
            "new in the crontabs since ann accepted it at 09:00: evil (crontab of ann, line 1)",
        ]
    );
    assert!(told.iter().all(|(status, _)| *status == Status::Warning));
    world.now += TimeDelta::minutes(1);
    let mut again = world.watched();
    world.accept(&mut again, "cron", "cron").await;
    assert_eq!(of(&world, &mut world.watched(), "cron").await, []);
}

#[tokio::test]
async fn one_line_may_be_accepted_without_the_others() {
    let mut world = World::new(LINES, "");
    let mut first = world.watched();
    world.accept(&mut first, "cron", "cron").await;
    world.now += TimeDelta::minutes(1);
    world.crontab("0 4 * * * /srv/backup.sh\n0 5 * * * /srv/report.sh\n");
    let mut watched = world.watched();
    world.accept(&mut watched, "cron", "backup").await;
    let left = "edited in the crontabs since ann accepted it at 09:00: report (crontab of ann, line 2): due `0 5 * * *`, \
                was `0 3 * * *`";
    assert_eq!(of(&world, &mut world.watched(), "cron").await, warned(left));
}

#[tokio::test]
async fn two_lines_with_one_purpose_are_quiet_once_they_are_accepted() {
    let lines = "0 2 * * * /srv/backup.sh\n0 2 * * * /srv/backup.sh\n";
    let mut world = World::new(lines, "");
    let mut watched = world.watched();
    let told = of(&world, &mut watched, "cron").await;
    let text = "2 lines run the same, `/srv/backup.sh`: crontab of ann, line 1 (0 2 * * *); crontab of ann, line 2 (0 2 * * *)";
    assert_eq!(told, warned(text));
    world.accept(&mut watched, "cron", "cron").await;
    let quiet = vec![(Status::Ok, format!("{text}; ann accepted it at 09:00: the new server"))];
    assert_eq!(of(&world, &mut world.watched(), "cron").await, quiet);
    world.crontab(&format!("{lines}0 9 * * * /srv/other.sh\n"));
    let told = of(&world, &mut world.watched(), "cron").await;
    assert_eq!(told[0], (Status::Warning, text.to_owned()), "all of it again once anything is another");
}

const NIGHTLY: &str =
    "[[task]]\nid = \"nightly\"\nsource = \"cron\"\nmatch = \"backup.sh\"\nschedule = \"0 2 * * *\"\n";

#[tokio::test]
async fn a_task_that_differs_from_its_configuration_is_quiet_until_one_of_them_is_another() {
    let mut world = World::new("0 3 * * * /srv/backup.sh\n", NIGHTLY);
    let mut watched = world.watched();
    let text = "the crontab says `0 3 * * *` (daily at 03:00, UTC), the configuration `0 2 * * *` (daily at 02:00, UTC) \
                (crontab of ann, line 1)";
    assert_eq!(of(&world, &mut watched, "nightly").await, warned(text));
    world.accept(&mut watched, "nightly", "nightly").await;
    let quiet = vec![(Status::Ok, format!("{text}; ann accepted it at 09:00: the new server"))];
    assert_eq!(of(&world, &mut world.watched(), "nightly").await, quiet);

    // The same schedule, and somebody else runs it.
    let system = world.root.path().join("etc/crontab");
    world.crontab("");
    std::fs::write(&system, "0 3 * * * root /srv/backup.sh\n").expect("crontab");
    let told = of(&world, &mut world.watched(), "nightly").await;
    let other = "edited in what is installed of it since ann accepted it at 09:00: backup (/etc/crontab, line 1): user \
                 `root`, was `ann`";
    assert_eq!(told[1], (Status::Warning, other.to_owned()), "{told:?}");
    assert_eq!(told[0].0, Status::Warning, "{told:?}");

    // It is gone, and that is right, too.
    std::fs::remove_file(&system).expect("crontab");
    let gone = "its line is gone from the crontab: none contains `backup.sh`";
    assert_eq!(of(&world, &mut world.watched(), "nightly").await, [(Status::Critical, gone.to_owned())]);
    let mut watched = world.watched();
    world.accept(&mut watched, "nightly", "nightly").await;
    let quiet = vec![(Status::Ok, format!("{gone}; ann accepted it at 09:00: the new server"))];
    assert_eq!(of(&world, &mut world.watched(), "nightly").await, quiet);
    world.crontab("0 3 * * * /srv/backup.sh\n");
    assert_eq!(of(&world, &mut world.watched(), "nightly").await[0].0, Status::Warning, "it is back");
}

#[tokio::test]
async fn a_configuration_that_is_another_is_told_of_what_was_accepted() {
    let mut world = World::new("0 3 * * * /srv/backup.sh\n", NIGHTLY);
    let mut watched = world.watched();
    world.accept(&mut watched, "nightly", "nightly").await;
    let mut other = World::new("0 3 * * * /srv/backup.sh\n", &NIGHTLY.replace("0 2", "0 1"));
    other.accepted.clone_from(&world.accepted);
    let told = of(&other, &mut other.watched(), "nightly").await;
    assert_eq!(told[0].0, Status::Warning, "{told:?}");
    let what = "the configuration: due `0 1 * * *`, was `0 2 * * *`";
    assert!(told[1].1.ends_with(what), "{told:?}");
}

#[tokio::test]
async fn a_line_that_is_gone_is_accepted_by_its_own_name_or_with_all_others() {
    for scope in ["backup", "cron"] {
        let mut world = World::new(LINES, "");
        let mut watched = world.watched();
        world.accept(&mut watched, "cron", "cron").await;
        world.now += TimeDelta::minutes(1);
        world.crontab("0 3 * * * /srv/report.sh\n");
        let gone = "its line is gone from the crontab; it was crontab of ann, line 1";
        assert_eq!(of(&world, &mut watched, "backup").await, [(Status::Critical, gone.to_owned())]);
        world.accept(&mut watched, "cron", scope).await;
        // The same program goes on; its ledger is the one that knows more now.
        let mut watched = World { accepted: world.accepted.clone(), ..World::new(LINES, "") }.watched_of(&world);
        assert_eq!(of(&world, &mut watched, "cron").await, [], "{scope}");
        let quiet = vec![(Status::Ok, format!("{gone}; ann accepted it at 09:01: the new server"))];
        assert_eq!(of(&world, &mut watched, "backup").await, quiet, "{scope}");
    }
}

impl World {
    /// Probes that were built when this was all there was, and look at what is in another by now.
    fn watched_of(self, now: &World) -> Vec<Watched> {
        let text = std::fs::read_to_string(now.root.path().join("var/spool/cron/crontabs/ann")).expect("crontab");
        now.crontab(LINES);
        let scene = now.scene();
        let watched = self.watched_in(&scene);
        now.crontab(&text);
        watched
    }
}

#[tokio::test]
async fn what_is_frozen_is_no_other_line() {
    let mut world = World::new(LINES, "");
    let mut first = world.watched();
    world.accept(&mut first, "cron", "cron").await;
    for held in ["frozen 2026-03-02T16:00:00Z 0198", "disabled - 0198"] {
        world.crontab(&format!("#held-by-rounds {held} | 0 2 * * * /srv/backup.sh\n0 3 * * * /srv/report.sh\n"));
        assert_eq!(of(&world, &mut world.watched(), "cron").await, [], "{held}");
    }
}
