//! What the pure core costs when there is a great deal of everything: ten thousand probes, of
//! which a thousand need attention. `cargo bench --bench core`

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use rounds::domain::board::{Board, Watch};
use rounds::domain::inventory::{Inventory, Target};
use rounds::domain::limit::{Limit, Rule};
use rounds::domain::observation::{Detail, Observation, ProbeId, Reading};
use rounds::domain::sample::{Sample, Unit};
use rounds::domain::schedule::Schedule;
use rounds::domain::task::{RunEnd, TaskFacts, TaskJudge, TaskPolicy, TaskRun};
use rounds::domain::time::{Timestamp, Zone};
use rounds::domain::update::Update;
use rounds::tui::app::{App, Event, Setup};
use rounds::tui::keymap::Keymap;
use rounds::tui::theme::{ColorDepth, Theme, ThemeName};
use rounds::tui::view;

const PROBES: usize = 10_000;
/// Every so many'th is not well.
const ONE_IN: usize = 10;
const MINUTE: Duration = Duration::from_mins(1);

fn now() -> Timestamp {
    "2026-03-02T09:04:12Z".parse().expect("a time")
}

/// Ten thousand checks with three values and two rules each.
fn checks() -> (Vec<Watch>, Vec<Observation>) {
    let one = |index: usize| {
        let id = ProbeId::new("command", &format!("check-{index}"));
        let mut watch = Watch::new(id.clone(), "rota", MINUTE, Duration::from_secs(5));
        watch.rules = vec![
            Rule::new("used", "used").warn(Limit::over(80.0, Unit::Percent)).crit(Limit::over(95.0, Unit::Percent)),
            Rule::new("latency", "latency").warn(Limit::over(2.0, Unit::Seconds)),
        ];
        let used = if index.is_multiple_of(ONE_IN) { 91.0 } else { 40.0 };
        let samples =
            vec![Sample::percent("used", used), Sample::seconds("latency", 0.2), Sample::count("rows", index as f64)];
        let outcome = Ok(Reading::of(samples));
        (watch, Observation { probe: id, at: now() - chrono::TimeDelta::seconds(5), took: MINUTE / 60, outcome })
    };
    (0..PROBES).map(one).unzip()
}

/// Ten thousand hourly tasks with a day of runs each; the newest of every tenth failed.
fn tasks() -> (Vec<Watch>, Vec<Observation>) {
    let one = |index: usize| {
        let name = format!("task-{index}");
        let id = ProbeId::new("task", &name);
        let mut watch = Watch::new(id.clone(), "rota", MINUTE, Duration::from_secs(5));
        watch.judge = Some(Arc::new(TaskJudge));
        watch.target = Some(Target::task(&name));
        let policy = TaskPolicy {
            id: name.clone(),
            schedule: Schedule::parse("0 * * * *", Zone::utc()).ok(),
            grace: MINUTE * 15,
            runnable: true,
            ..TaskPolicy::default()
        };
        let run = |hour: u32| {
            let started_at = "2026-03-02T09:00:00Z".parse::<Timestamp>().expect("a time") - MINUTE * 60 * hour;
            let exit_code = Some(i32::from(hour == 0 && index.is_multiple_of(ONE_IN)));
            let end = RunEnd { at: started_at + MINUTE, took_s: 60.0, exit_code, ..RunEnd::default() };
            let id = format!("{name}-{hour:02}");
            TaskRun {
                id,
                task: name.clone(),
                started_at,
                ended: Some(end),
                alive: false,
                tail: String::new(),
                untold: false,
            }
        };
        let since = now() - chrono::TimeDelta::days(2);
        let facts = TaskFacts::new(Arc::new(policy), (0..24).map(run).collect(), Some(since));
        let outcome = Ok(Reading::default().with(Detail::task(facts)));
        (watch, Observation { probe: id, at: now() - chrono::TimeDelta::seconds(5), took: MINUTE / 60, outcome })
    };
    (0..PROBES).map(one).unzip()
}

fn board((watches, observations): (Vec<Watch>, Vec<Observation>)) -> Board {
    let mut board = Board::new(watches, now());
    for observation in &observations {
        board.apply(observation);
    }
    board
}

/// The dashboard with all of it on the screen.
fn app(all: (Vec<Watch>, Vec<Observation>)) -> App {
    let (watches, observations) = all;
    let setup = Setup {
        board: Board::new(watches, now()),
        checklists: Vec::new(),
        inventory: Inventory::default(),
        zone: Zone::utc(),
        theme: Theme::built_in(ThemeName::Dark, ColorDepth::TrueColor, false),
        keymap: Keymap::built_in(),
        operator: "asha".to_owned(),
        read_only: false,
    };
    let mut app = App::new(setup, now());
    drop(app.update(now(), Event::Resize(Size::new(120, 40))));
    for observation in observations {
        drop(app.update(now(), Event::Update(Update::Observed(observation))));
    }
    drop(app.settle(now()));
    let counts = app.facts().report.counts();
    assert_eq!(counts.ok, PROBES - PROBES / ONE_IN, "the fixture is not what this bench says");
    app
}

fn press(app: &mut App, code: KeyCode) {
    drop(app.update(now(), Event::Key(KeyEvent::new(code, KeyModifiers::NONE))));
}

fn assessing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("assess");
    for (name, all) in [("10,000 checks", checks()), ("10,000 tasks", tasks())] {
        let board = board(all);
        group.bench_function(name, |bench| bench.iter(|| black_box(&board).assess(now())));
    }
    group.finish();
}

/// Where the next and the last instant of a schedule are, from any moment of a year; the clock
/// changes twice in it.
fn scheduling(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("schedule");
    let zone = Zone::named("Europe/London").unwrap_or_default();
    for text in ["*/5 * * * *", "0 2 * * *", "30 1,2 * * 0", "0 8 1 * *", "0 0 29 2 *"] {
        let Ok(schedule) = Schedule::parse(text, zone.clone()) else { continue };
        let mut hour = 0;
        let mut at = move || {
            hour = (hour + 37) % (24 * 365);
            now() + chrono::TimeDelta::hours(hour)
        };
        group.bench_function(format!("next of {text}"), |bench| bench.iter(|| black_box(&schedule).next(at())));
        group.bench_function(format!("prev of {text}"), |bench| bench.iter(|| black_box(&schedule).prev(at())));
    }
    group.finish();
}

fn drawing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("with 10,000 tasks, 1,000 of them to attend to");
    let mut app = app(tasks());
    let mut buffer = Buffer::empty(Rect::new(0, 0, 120, 40));
    group.bench_function("a frame", |bench| {
        bench.iter(|| {
            buffer.reset();
            view::render(black_box(&app), &mut buffer);
        });
    });
    group.bench_function("a frame of the tasks alone", |bench| {
        press(&mut app, KeyCode::Char('6'));
        press(&mut app, KeyCode::Char('z'));
        bench.iter(|| {
            buffer.reset();
            view::render(black_box(&app), &mut buffer);
        });
        press(&mut app, KeyCode::Char('z'));
    });
    group.bench_function("a key and its frame", |bench| {
        bench.iter(|| {
            press(&mut app, KeyCode::Down);
            buffer.reset();
            view::render(black_box(&app), &mut buffer);
        });
    });
    group.bench_function("a tick", |bench| {
        bench.iter(|| {
            drop(app.update(now(), Event::Tick));
            app.settle(now())
        });
    });
    group.bench_function("the verdict", |bench| bench.iter(|| black_box(&app.facts().report).verdict()));
    let report = app.facts().report.clone();
    group.bench_function("the report as JSON", |bench| {
        bench.iter_batched(|| (), |()| black_box(&report).json(), BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, assessing, scheduling, drawing);
criterion_main!(benches);
