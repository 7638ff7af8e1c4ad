//! Running probes: each alone, each with a deadline, in a loop for the dashboard or once for
//! `check`. A probe answers or is unknown; it never disappears and never runs twice at once.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::domain::board::{Board, Watch};
use crate::domain::observation::{Observation, ProbeError};
use crate::domain::sanitize;
use crate::domain::update::Update;
use crate::probe::{Probe, Watched};
use crate::runtime::clock::Clock;

/// Reads one probe for ever: each interval, or when woken. Ends when nobody listens. One that
/// brings no reading is left alone for a whole interval, one that panics for two and then four,
/// and one that has panicked three times in a row until it is woken.
pub(super) async fn watch(watched: Watched, clock: Clock, updates: mpsc::Sender<Update>, wake: Arc<Notify>) {
    let Watched { watch, mut probe } = watched;
    let mut panics = 0;
    loop {
        // Whoever asked up to now is answered by the reading that begins now.
        let _ = wake.notified().now_or_never();
        let begun = Instant::now();
        let mut observation = observe(&watch, probe.as_mut(), watch.timeout, &clock).await;
        let pause = match observation.outcome {
            // A board counts the age of a reading from its beginning, and so is the interval.
            Ok(_) => Some(watch.every.saturating_sub(begun.elapsed())),
            Err(ProbeError::Panicked(ref text)) => {
                panics += 1;
                let pause = watch.every.saturating_mul(1 << panics.min(MOST_PANICS)).min(LONGEST_PAUSE);
                if panics >= MOST_PANICS {
                    observation.outcome = Err(ProbeError::GivenUp { panics, text: text.clone() });
                }
                (panics < MOST_PANICS).then(|| pause.max(watch.every))
            }
            Err(_) => Some(watch.every),
        };
        if !matches!(observation.outcome, Err(ProbeError::Panicked(_) | ProbeError::GivenUp { .. })) {
            panics = 0;
        }
        if updates.send(Update::Observed(observation)).await.is_err() {
            return;
        }
        let rest = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = rest => {}
            () = wake.notified() => {}
            () = updates.closed() => return,
        }
    }
}

/// How often in a row a probe may panic before it is only read when somebody asks.
const MOST_PANICS: u32 = 3;
/// How long a probe that panics is left alone at most.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// One reading, within `deadline`. Whatever panics, before the reading, in it, or while one that
/// took too long is put away, is an answer too.
async fn observe(watch: &Watch, probe: &mut dyn Probe, deadline: Duration, clock: &Clock) -> Observation {
    let at = clock.now();
    let started = Instant::now();
    let reading = async { tokio::time::timeout(deadline, async { probe.read(at).await }).await };
    let outcome = match AssertUnwindSafe(reading).catch_unwind().await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_elapsed)) => Err(ProbeError::Timeout(deadline)),
        Err(panic) => {
            let text = sanitize::panic(&*panic);
            tracing::error!(probe = %watch.id, panic = %text, "a probe panicked");
            Err(ProbeError::Panicked(text))
        }
    };
    Observation { probe: watch.id.clone(), at, took: started.elapsed(), outcome }
}

/// Reads every probe once, all at the same time, onto `board`. What has not answered by
/// `deadline` is unknown.
pub async fn sweep(watched: Vec<Watched>, deadline: Duration, clock: &Clock, mut board: Board) -> Board {
    let mut readings = JoinSet::new();
    for Watched { watch, mut probe } in watched {
        let clock = clock.clone();
        readings.spawn(async move {
            let limit = watch.timeout.min(deadline);
            observe(&watch, probe.as_mut(), limit, &clock).await
        });
    }
    // The probes keep the deadline themselves, and a panic is an answer.
    while let Some(reading) = readings.join_next().await {
        if let Ok(observation) = reading {
            board.apply(&observation);
        }
    }
    board
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::observation::{ProbeId, Reading};
    use crate::domain::sample::Sample;
    use crate::domain::status::Status;
    use crate::domain::time::Timestamp;
    use crate::probe::BoxFuture;

    #[derive(Debug)]
    enum Scripted {
        Answers(u32),
        Hangs,
        /// This many seconds each time.
        Takes(u64),
        Panics,
        /// Before there is anything to wait for.
        PanicsAtOnce,
        /// When nobody waits for it any more.
        PanicsWhenDropped,
    }

    struct Fragile;

    impl Drop for Fragile {
        fn drop(&mut self) {
            panic!("dropped in the middle");
        }
    }

    impl Probe for Scripted {
        fn read(&mut self, _now: Timestamp) -> BoxFuture<'_, Result<Reading, ProbeError>> {
            if matches!(self, Scripted::PanicsAtOnce) {
                panic!("no such column");
            }
            Box::pin(async move {
                match self {
                    Scripted::PanicsAtOnce => unreachable!(),
                    Scripted::PanicsWhenDropped => {
                        let _fragile = Fragile;
                        std::future::pending().await
                    }
                    Scripted::Answers(times) => {
                        *times += 1;
                        Ok(Reading::of(vec![Sample::count("times", f64::from(*times))]))
                    }
                    Scripted::Takes(seconds) => {
                        tokio::time::sleep(Duration::from_secs(*seconds)).await;
                        Ok(Reading::default())
                    }
                    Scripted::Hangs => std::future::pending().await,
                    Scripted::Panics => panic!("index out of bounds"),
                }
            })
        }
    }

    fn watched(name: &str, probe: Scripted) -> Watched {
        let id = ProbeId::new("command", name);
        let watch = Watch::new(id, "x", Duration::from_secs(10), Duration::from_secs(5));
        Watched { watch, probe: Box::new(probe) }
    }

    fn base() -> Timestamp {
        "2026-03-02T08:00:00Z".parse().expect("test time")
    }

    #[tokio::test(start_paused = true)]
    async fn one_dead_probe_never_holds_the_others() {
        let clock = Clock::following_tokio(base());
        let all = vec![
            watched("good", Scripted::Answers(0)),
            watched("hung", Scripted::Hangs),
            watched("broken", Scripted::Panics),
        ];
        let started = Instant::now();
        let board = Board::new(all.iter().map(|one| one.watch.clone()).collect(), base());
        let board = sweep(all, Duration::from_secs(2), &clock, board).await;
        assert_eq!(started.elapsed(), Duration::from_secs(2), "the global deadline cuts the probe's own");
        let assessments = board.assess(clock.now());
        assert_eq!(
            assessments.iter().map(|one| one.status).collect::<Vec<_>>(),
            [Status::Ok, Status::Unknown, Status::Unknown]
        );
        assert_eq!(assessments[1].findings[0].text, "no answer within 2.0 s");
        assert!(assessments[2].findings[0].text.contains("index out of bounds"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_anywhere_is_an_answer_and_not_a_wait() {
        let clock = Clock::following_tokio(base());
        let all = vec![watched("early", Scripted::PanicsAtOnce), watched("late", Scripted::PanicsWhenDropped)];
        let board = Board::new(all.iter().map(|one| one.watch.clone()).collect(), base());
        let board = sweep(all, Duration::from_secs(2), &clock, board).await;
        for (assessment, text) in board.assess(clock.now()).iter().zip(["no such column", "dropped in the middle"]) {
            assert_eq!((assessment.status, assessment.waiting), (Status::Unknown, false), "{}", assessment.id);
            assert!(assessment.findings[0].text.contains(text), "{:?}", assessment.findings);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_panics_again_is_left_alone_longer_and_after_three_times_until_it_is_asked_for() {
        let clock = Clock::following_tokio(base());
        let (sender, mut updates) = mpsc::channel(16);
        let wake = Arc::new(Notify::new());
        let broken = watched("broken", Scripted::PanicsAtOnce);
        tokio::spawn(watch(broken, clock.clone(), sender, Arc::clone(&wake)));
        let mut at = Vec::new();
        let mut said = Vec::new();
        for _ in 0..3 {
            let Some(Update::Observed(observation)) = updates.recv().await else { panic!("an observation") };
            at.push((observation.at - base()).num_seconds());
            said.push(observation.outcome.expect_err("it panics").to_string());
        }
        assert_eq!(at, [0, 20, 60]);
        assert!(said[1].starts_with("the probe itself failed, please report it: "), "{said:?}");
        assert_eq!(
            said[2],
            "the probe itself failed 3 times in a row and is not read again until you ask (r), please report it: no such column"
        );
        let day = Duration::from_hours(24);
        assert!(tokio::time::timeout(day, updates.recv()).await.is_err(), "nobody asked");
        wake.notify_one();
        let Some(Update::Observed(observation)) = updates.recv().await else { panic!("an observation") };
        assert_eq!((observation.at - base()).num_seconds(), 60 + 86_400);
        assert!(matches!(observation.outcome, Err(ProbeError::GivenUp { panics: 4, .. })), "{observation:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reading_is_on_its_interval_too_and_a_failed_one_rests() {
        let clock = Clock::following_tokio(base());
        for (probe, expected) in [(Scripted::Takes(4), [0, 10, 20]), (Scripted::Takes(6), [0, 15, 30])] {
            let begun = Instant::now();
            let (sender, mut updates) = mpsc::channel(16);
            let task = tokio::spawn(watch(watched("slow", probe), clock.clone(), sender, Arc::new(Notify::new())));
            let began = clock.now();
            let mut at = Vec::new();
            for _ in 0..3 {
                let Some(Update::Observed(observation)) = updates.recv().await else { panic!("an observation") };
                at.push((observation.at - began).num_seconds());
            }
            assert_eq!(at, expected, "{:?}", begun.elapsed());
            task.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_reads_on_its_interval_and_ten_wakes_are_one_reading() {
        let clock = Clock::following_tokio(base());
        let (sender, mut updates) = mpsc::channel(16);
        let wake = Arc::new(Notify::new());
        tokio::spawn(watch(watched("good", Scripted::Answers(0)), clock.clone(), sender, Arc::clone(&wake)));
        let mut at = Vec::new();
        for _ in 0..2 {
            let Some(Update::Observed(observation)) = updates.recv().await else { panic!("an observation") };
            at.push((observation.at - base()).num_seconds());
        }
        for _ in 0..10 {
            wake.notify_one();
        }
        for _ in 0..2 {
            let Some(Update::Observed(observation)) = updates.recv().await else { panic!("an observation") };
            at.push((observation.at - base()).num_seconds());
        }
        assert_eq!(at, [0, 10, 10, 20]);
    }
}
