//! A lane through time, on a server that does as it is told.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::database::check::LaneKind;
use crate::domain::finding::Remark;
use crate::domain::sample::Sample;

/// How the server behaves; the numbers count what was asked of it.
#[derive(Debug, Default)]
struct Scene {
    hangs: std::sync::atomic::AtomicBool,
    refuses: std::sync::atomic::AtomicBool,
    /// It was restarted: whoever was connected is not any more.
    restarted: std::sync::atomic::AtomicBool,
    /// Milliseconds an answer takes.
    slow: AtomicUsize,
    dials: AtomicUsize,
    asked: AtomicUsize,
    open: Arc<()>,
}

struct Line(Arc<Scene>, #[expect(dead_code, reason = "counts the open connections")] Arc<()>);

impl Wire for Line {
    type Server = ();

    fn greet(&mut self) -> BoxFuture<'_, Result<(), AskError>> {
        Box::pin(async {
            if self.0.restarted.swap(false, Ordering::SeqCst) {
                return Err(AskError::Lost("terminated by an administrator".into()));
            }
            Ok(())
        })
    }

    fn ask<'a>(&'a mut self, _question: &'a str) -> BoxFuture<'a, Result<Vec<Row>, AskError>> {
        Box::pin(async {
            let count = self.0.asked.fetch_add(1, Ordering::SeqCst) + 1;
            if self.0.hangs.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_millis(self.0.slow.load(Ordering::SeqCst) as u64)).await;
            if self.0.refuses.load(Ordering::SeqCst) {
                return Err(AskError::Refused { why: "a lock".into(), grant: None });
            }
            Ok(vec![Row::new([Some(count.to_string().as_str()), Some(&"long ".repeat(20))])])
        })
    }
}

struct Phone(Arc<Scene>);

impl Dial for Phone {
    type Wire = Line;

    fn dial(&self) -> BoxFuture<'_, Result<Line, DatabaseError>> {
        Box::pin(async {
            self.0.dials.fetch_add(1, Ordering::SeqCst);
            Ok(Line(Arc::clone(&self.0), Arc::clone(&self.0.open)))
        })
    }
}

const CHECK: Check<()> = Check {
    gauges: &["connections", "sessions"],
    lane: LaneKind::Fast,
    remembers: true,
    ask: |()| Question::Ask("how many"),
    read: |look| {
        let mut measured = Measured::default();
        measured.sample(Sample::count("connections", look.first().and_then(|row| row.number(0)).unwrap_or(-1.0)));
        measured.sample(Sample::count("past", look.past.len() as f64));
        measured.remark(Remark::new("connections", "so many"));
        if let Some(oldest) = look.past.last() {
            measured.sample(Sample::seconds("oldest", oldest.ago.as_secs_f64()));
            assert_eq!(oldest.rows[0].get(1), None, "a long text is not kept");
        }
        measured
    },
};

/// Asks something else of a server that was promoted.
static PROMOTED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
const ROLE: Check<()> = Check {
    ask: |()| Question::Ask(if PROMOTED.load(Ordering::SeqCst) { "as a primary" } else { "as a standby" }),
    ..CHECK
};

const DEADLINE: Duration = Duration::from_secs(4);

fn scene() -> (Arc<Scene>, Phone, Lane<Line>) {
    let scene = Arc::new(Scene::default());
    (Arc::clone(&scene), Phone(scene), Lane::new(0.0))
}

async fn read(lane: &Lane<Line>, phone: &Phone) -> Result<Measured, String> {
    lane.read(phone, &[&CHECK], DEADLINE).await.map(|heard| heard.measured).map_err(|error| error.to_string())
}

#[tokio::test(start_paused = true)]
async fn one_connection_serves_every_reading() {
    let (scene, phone, lane) = scene();
    for count in 1..=3 {
        let measured = read(&lane, &phone).await.expect("an answer");
        assert_eq!(measured.samples[0], Sample::count("connections", f64::from(count)));
        tokio::time::advance(Duration::from_secs(30)).await;
    }
    assert_eq!(scene.dials.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_hangs_costs_the_connection_and_the_lane_rests_longer_each_time() {
    let (scene, phone, lane) = scene();
    scene.hangs.store(true, Ordering::SeqCst);
    for rest in [5, 10, 20, 40, 60, 60] {
        let started = Instant::now();
        let said = read(&lane, &phone).await.expect_err("it hangs");
        assert_eq!((started.elapsed(), said.as_str()), (DEADLINE, "no answer to `connections` within 4.0 s"));
        assert_eq!(Arc::strong_count(&scene.open), 1, "the connection is gone");
        let asked = scene.asked.load(Ordering::SeqCst);
        tokio::time::advance(Duration::from_millis(rest * 1000 - 2)).await;
        let said = read(&lane, &phone).await.expect_err("it rests");
        assert!(said.contains("no answer to `connections` within 4.0 s; asked again in"), "{said}");
        assert_eq!(scene.asked.load(Ordering::SeqCst), asked, "nothing was asked while it rests");
        tokio::time::advance(Duration::from_millis(3)).await;
    }
    scene.hangs.store(false, Ordering::SeqCst);
    assert!(read(&lane, &phone).await.is_ok());
    scene.hangs.store(true, Ordering::SeqCst);
    tokio::time::advance(Duration::from_secs(30)).await;
    assert!(read(&lane, &phone).await.is_err());
    tokio::time::advance(Duration::from_millis(5_001)).await;
    scene.hangs.store(false, Ordering::SeqCst);
    assert!(read(&lane, &phone).await.is_ok(), "after a good reading rests begin anew");
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_is_dropped_takes_its_connection_along_and_two_never_run_at_once() {
    let (scene, phone, lane) = scene();
    scene.hangs.store(true, Ordering::SeqCst);
    {
        let first = read(&lane, &phone);
        tokio::pin!(first);
        assert!(tokio::time::timeout(Duration::from_secs(1), &mut first).await.is_err());
        let second = read(&lane, &phone).await.expect_err("the first is still there");
        assert_eq!(second, "an earlier reading has not come back");
    }
    assert_eq!(Arc::strong_count(&scene.open), 1);
    scene.hangs.store(false, Ordering::SeqCst);
    assert!(read(&lane, &phone).await.is_ok());
    assert_eq!(scene.dials.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_unknown_and_costs_nothing_else() {
    let (scene, phone, lane) = scene();
    scene.refuses.store(true, Ordering::SeqCst);
    let measured = read(&lane, &phone).await.expect("the reading itself is well");
    let hidden: Vec<&str> = measured.hidden.iter().map(|hidden| hidden.key).collect();
    assert_eq!((hidden, measured.samples.len()), (vec!["connections", "sessions"], 0));
    scene.refuses.store(false, Ordering::SeqCst);
    assert_eq!(read(&lane, &phone).await.expect("an answer").samples.len(), 2);
    assert_eq!(scene.dials.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_costly_check_is_asked_less_often_and_keeps_its_figure_meanwhile() {
    let (scene, phone, lane) = scene();
    scene.slow.store(500, Ordering::SeqCst);
    let mut asked = Vec::new();
    for _ in 0..10 {
        let measured = read(&lane, &phone).await.expect("an answer");
        assert_eq!(measured.samples[0], Sample::count("connections", scene.asked.load(Ordering::SeqCst) as f64));
        asked.push(scene.asked.load(Ordering::SeqCst));
        tokio::time::advance(Duration::from_secs(30)).await;
    }
    assert_eq!(asked, [1, 1, 1, 1, 2, 2, 2, 2, 3, 3], "half a second each 100 s");
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_somebody_wants_asks_everything_anew() {
    let scene = Arc::new(Scene::default());
    let every = Duration::from_secs(30);
    let (phone, lane) = (Phone(Arc::clone(&scene)), Lane::with(0.0, Economy { patience: 200, every: Some(every) }));
    scene.slow.store(500, Ordering::SeqCst);
    let mut asked = Vec::new();
    for pause in [30, 30, 5, 5, 30, 30] {
        read(&lane, &phone).await.expect("an answer");
        asked.push(scene.asked.load(Ordering::SeqCst));
        tokio::time::advance(Duration::from_secs(pause)).await;
    }
    assert_eq!(asked, [1, 1, 1, 2, 3, 3], "by itself each 100 s, and at once when it is wanted");
}

#[tokio::test(start_paused = true)]
async fn a_check_that_is_refused_after_a_long_time_is_asked_less_often_too() {
    let (scene, phone, lane) = scene();
    scene.slow.store(500, Ordering::SeqCst);
    scene.refuses.store(true, Ordering::SeqCst);
    let mut asked = Vec::new();
    for _ in 0..10 {
        let measured = read(&lane, &phone).await.expect("the reading itself is well");
        assert_eq!(measured.hidden.len(), 2, "unknown, whether it was asked or not");
        asked.push(scene.asked.load(Ordering::SeqCst));
        tokio::time::advance(Duration::from_secs(30)).await;
    }
    assert_eq!(asked, [1, 1, 1, 1, 2, 2, 2, 2, 3, 3], "half a second each 100 s");
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_another_question_is_not_kept() {
    let (scene, phone, lane) = scene();
    scene.slow.store(500, Ordering::SeqCst);
    let mut figures = Vec::new();
    for promoted in [false, false, true, true] {
        PROMOTED.store(promoted, Ordering::SeqCst);
        let heard = lane.read(&phone, &[&ROLE], DEADLINE).await.expect("an answer");
        figures.push(
            heard
                .measured
                .samples
                .iter()
                .filter_map(|sample| sample.value.number(chrono::DateTime::UNIX_EPOCH))
                .map(|(number, _)| number)
                .collect::<Vec<_>>(),
        );
        tokio::time::advance(Duration::from_secs(15)).await;
    }
    assert_eq!(
        figures,
        [[1.0, 0.0], [1.0, 0.0], [2.0, 0.0], [2.0, 0.0]],
        "asked anew at once, without the standby's past"
    );
}

#[tokio::test(start_paused = true)]
async fn the_past_reaches_back_an_hour() {
    let (_scene, phone, lane) = scene();
    let mut past = Vec::new();
    for _ in 0..300 {
        let measured = read(&lane, &phone).await.expect("an answer");
        past.push((measured.samples[1].clone(), measured.samples.last().cloned().expect("a sample")));
        tokio::time::advance(Duration::from_secs(15)).await;
    }
    assert_eq!(past[3].0, Sample::count("past", 3.0));
    let (count, oldest) = (number(&past[299].0), number(&past[299].1));
    assert!(count <= 35.0, "of what is long ago one in five minutes is enough: {count}");
    assert!((3300.0..=3600.0).contains(&oldest), "{oldest}");
}

fn number(sample: &Sample) -> f64 {
    sample.value.number(chrono::DateTime::UNIX_EPOCH).expect("a number").0
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_died_while_nobody_used_it_costs_no_reading() {
    let (scene, phone, lane) = scene();
    assert!(read(&lane, &phone).await.is_ok());
    scene.restarted.store(true, Ordering::SeqCst);
    assert!(read(&lane, &phone).await.is_ok(), "a restart between two readings is nobody's worry");
    assert_eq!(scene.dials.load(Ordering::SeqCst), 2);
    // Whoever is sent away right after it was let in is not let in over and over.
    let (scene, phone, lane) = self::scene();
    scene.restarted.store(true, Ordering::SeqCst);
    assert!(read(&lane, &phone).await.is_err());
    assert_eq!(scene.dials.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_figure_of_an_earlier_reading_says_how_old_it_is_and_why() {
    let (scene, phone, lane) = scene();
    scene.slow.store(500, Ordering::SeqCst);
    let fresh = read(&lane, &phone).await.expect("an answer");
    assert_eq!((fresh.remarks[0].text.as_str(), fresh.facts.len()), ("so many", 0));
    tokio::time::advance(Duration::from_secs(30)).await;
    let kept = read(&lane, &phone).await.expect("an answer");
    assert_eq!(kept.remarks[0].text, "so many (seen 31 s ago)");
    let why = "connections: seen 31 s ago, for the server takes 500 ms for it";
    assert_eq!(kept.facts, [("asked less often".into(), why.to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn somebody_who_asks_by_hand_waits_for_a_reading_and_a_reading_for_them() {
    let (scene, phone, lane) = scene();
    scene.slow.store(1000, Ordering::SeqCst);
    let ask = || lane.ask(&phone, &|()| Question::Ask("by hand"), DEADLINE);
    let (reading, answer) = tokio::join!(read(&lane, &phone), ask());
    assert!(reading.is_ok());
    assert_eq!(answer.expect("an answer").rows.expect("rows").len(), 1);
    let (answer, reading) = tokio::join!(ask(), read(&lane, &phone));
    assert!(answer.is_ok() && reading.is_ok(), "{reading:?}");
    assert_eq!(scene.dials.load(Ordering::SeqCst), 1, "through the same connection");
    scene.refuses.store(true, Ordering::SeqCst);
    assert!(matches!(ask().await.expect("the server is well").rows, Err(Question::Hidden { .. })));
    scene.hangs.store(true, Ordering::SeqCst);
    assert!(ask().await.is_err());
    let said = ask().await.expect_err("it rests").to_string();
    assert!(said.contains("asked again in"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_for_a_check_that_does_not_look_back() {
    const NOW: Check<()> = Check { remembers: false, ..CHECK };
    let (_scene, phone, lane) = scene();
    for _ in 0..3 {
        let measured = lane.read(&phone, &[&NOW], DEADLINE).await.expect("an answer").measured;
        assert_eq!(measured.samples[1], Sample::count("past", 0.0));
        tokio::time::advance(Duration::from_secs(15)).await;
    }
}
