//! One database, looked at as the dashboard does: with its limits, and with a past.

use std::path::Path;
use std::time::Duration;

use rounds::config::spec::DatabaseSpec;
use rounds::config::{Environment, parse};
use rounds::domain::board::{Assessment, Board};
use rounds::domain::finding::Finding;
use rounds::probe::{Context, KINDS, Watched};
use rounds::runtime::clock::Clock;

/// A database that is looked at over and over, as the dashboard does.
#[derive(Debug)]
pub(crate) struct Watching {
    watched: Watched,
    board: Board,
    clock: Clock,
}

impl Watching {
    pub(crate) fn of(spec: DatabaseSpec) -> Self {
        let environment = Environment { xdg_state_home: Some("/nowhere".into()), ..Environment::default() };
        let mut config = parse("test.toml", Path::new("/"), "version = 1", &environment).expect("a configuration");
        config.databases = vec![spec];
        let context = Context {
            ledger: std::sync::Arc::new(rounds::ledger::NoLedger),
            system: "rota".into(),
            zone: rounds::domain::time::Zone::utc(),
            at_start: rounds::scheduler::ask,
            state_dir: "/nowhere".into(),
        };
        let kind = KINDS.iter().find(|kind| kind.name == "database").expect("the kind");
        let mut watched = (kind.build)(&config, &context).into_iter().next().expect("one probe");
        for rule in &mut watched.watch.rules {
            rule.hold = Duration::ZERO;
        }
        let clock = Clock::following_tokio(Clock::system().now());
        let board = Board::new(vec![watched.watch.clone()], clock.now());
        Self { watched, board, clock }
    }

    /// Looks once.
    pub(crate) async fn look(&mut self) -> Assessment {
        let at = self.clock.now();
        let started = tokio::time::Instant::now();
        let outcome = self.watched.probe.read(at).await;
        let probe = self.watched.watch.id.clone();
        let observation = rounds::domain::observation::Observation { probe, at, took: started.elapsed(), outcome };
        self.board.apply(&observation);
        self.board.assess(self.clock.now()).remove(0)
    }

    /// Lets so much time pass at once for whoever looks; that of a server goes on as ever.
    pub(crate) async fn passes(time: Duration) {
        tokio::time::pause();
        tokio::time::advance(time).await;
        tokio::time::resume();
    }

    /// Looks until nothing is wrong any more.
    pub(crate) async fn until_well(&mut self) {
        let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
        loop {
            let found = sentences(&self.look().await);
            if found.is_empty() {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "it never was well: {found:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Looks until a finding says `text`; what was found last instead is told after a minute.
    pub(crate) async fn until(&mut self, text: &str) -> Finding {
        let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
        loop {
            let assessment = self.look().await;
            if let Some(finding) = assessment.findings.iter().find(|finding| finding.text.contains(text)) {
                return finding.clone();
            }
            let found = sentences(&assessment);
            assert!(
                tokio::time::Instant::now() < deadline,
                "nobody said `{text}`, but {found:?}; {:?}",
                assessment.samples
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Every finding with its status.
pub(crate) fn sentences(assessment: &Assessment) -> Vec<String> {
    assessment.findings.iter().map(|finding| format!("{}: {}", finding.status, finding.text)).collect()
}
