//! Laws that hold whatever happens: random but repeatable events against the whole app.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Size;
use rounds::domain::job::{JobEvent, JobId, JobResult, Outcome, Progress};
use rounds::domain::observation::{Observation, ProbeError, Reading};
use rounds::domain::sample::{Sample, Unit};
use rounds::domain::time::Timestamp;
use rounds::domain::update::Update;
use rounds::tui::app::{App, Effect, Event, Signal};
use rounds::tui::overlay::Overlay;
use rounds::tui::pane::Selection;

use crate::stories::{screen, world};

/// A generator that is the same on every machine (xorshift64*).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }

    pub(crate) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.roll(choices.len() as u64) as usize]
    }

    fn event(&mut self, now: Timestamp) -> Event {
        const SIZES: [(u16, u16); 9] =
            [(1, 1), (0, 0), (20, 5), (60, 18), (80, 24), (120, 40), (160, 50), (200, 70), (3, 90)];
        match self.roll(20) {
            0 => Event::Resize(self.of(&SIZES.map(|(width, height)| Size::new(width, height)))),
            1 => Event::Tick,
            2 => Event::Paste("rota\nrm -rf é\u{1b}[31m".to_owned()),
            3 => Event::Mouse(MouseEvent {
                kind: self.of(&[
                    MouseEventKind::ScrollDown,
                    MouseEventKind::ScrollUp,
                    MouseEventKind::Down(MouseButton::Left),
                    MouseEventKind::Moved,
                ]),
                column: self.roll(200) as u16,
                row: self.roll(60) as u16,
                modifiers: KeyModifiers::NONE,
            }),
            4 | 5 => Event::Update(self.observed(now)),
            6 => Event::Update(self.job(now)),
            7 => Event::Update(Update::StoreFailed(self.of(&[None, Some("disk full")]).map(str::to_owned))),
            8 => Event::Signal(self.of(&[Signal::Stop, Signal::Continue])),
            _ => Event::Key(self.key()),
        }
    }

    fn key(&mut self) -> KeyEvent {
        const LETTERS: &[u8] = b"?:/nNqhjklgGzxrpy0123456789VIbvROeSu[]WXyyyyrota-db restart-serverpurge-exports ";
        const OTHERS: [KeyCode; 12] = [
            KeyCode::Enter,
            KeyCode::Enter,
            KeyCode::Esc,
            KeyCode::Tab,
            KeyCode::BackTab,
            KeyCode::Up,
            KeyCode::Down,
            KeyCode::Left,
            KeyCode::PageDown,
            KeyCode::Backspace,
            KeyCode::Home,
            KeyCode::F(1),
        ];
        match self.roll(10) {
            0..6 => KeyEvent::new(KeyCode::Char(char::from(self.of(LETTERS))), KeyModifiers::NONE),
            6 => KeyEvent::new(KeyCode::Char(char::from(self.of(b"crlpud"))), KeyModifiers::CONTROL),
            _ => KeyEvent::new(self.of(&OTHERS), KeyModifiers::NONE),
        }
    }

    fn observed(&mut self, now: Timestamp) -> Update {
        let watches = world::watches();
        let probe = watches[self.roll(watches.len() as u64) as usize].id.clone();
        let outcome = match self.roll(4) {
            0 => Err(ProbeError::Timeout(Duration::from_secs(5))),
            _ => Ok(Reading::of(vec![
                Sample::percent("free", self.roll(100) as f64),
                Sample::percent("cpu", self.of(&[f64::NAN, f64::INFINITY, -1.0, 50.0, 99.0])),
                Sample::gauge("size", self.roll(1_000_000_000) as f64, Unit::Bytes),
                Sample::time("taken", now - chrono::Duration::hours(self.roll(60).cast_signed())),
                Sample::text("note", "日本語 \u{202e}x"),
            ])),
        };
        Update::Observed(Observation { probe, at: now, took: Duration::from_millis(3), outcome })
    }

    fn job(&mut self, now: Timestamp) -> Update {
        let job = JobId(format!("job-{}", self.roll(4)));
        let (action, target) =
            (rounds::domain::action_name::ActionName::BACKUP, rounds::domain::inventory::Target::backup("rota-db"));
        Update::Job(match self.roll(6) {
            3 => JobEvent::Asked { job, action, title: "Back up".to_owned(), target, at: now },
            4 => JobEvent::Refused { job: Some(job), action, target, at: now, why: "no room".to_owned() },
            0 => JobEvent::Started { job, action, title: "Back up".to_owned(), target, at: now, log: None },
            1 => JobEvent::Line { job, line: "x".repeat(self.roll(300) as usize) },
            2 => {
                let (done, of, bytes) = (self.roll(9), self.roll(5), self.roll(2) == 0);
                JobEvent::Progress { job, progress: Progress { done, of, bytes, since: now } }
            }
            _ => {
                let result = self.of(&[JobResult::Succeeded, JobResult::Failed, JobResult::Cancelled]);
                JobEvent::Finished {
                    job,
                    at: now,
                    outcome: Outcome { result, detail: "x".to_owned(), exit_code: None },
                }
            }
        })
    }
}

#[test]
fn whatever_happens_nothing_panics_and_nothing_starts_unseen() {
    let mut started = 0;
    for seed in 1..=24 {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let mut now = world::at("2026-03-02T08:55:00Z");
        let config = dice.of(&["rota", "rota-production", "rota-read-only"]);
        let mut app = world::app(config, now);
        for round in 0..400 {
            now += chrono::Duration::milliseconds(dice.of(&[0, 50, 300, 2_000, 600_000, -5_000]));
            let event = dice.event(now);
            let shown = shown_plan(&app);
            let mut effects = app.update(now, event.clone());
            effects.extend(app.settle(now));
            for effect in effects {
                if let Effect::Start { plan, .. } = effect {
                    started += 1;
                    let title = Some(plan.plan().to_string());
                    assert_eq!(title, shown, "seed {seed} round {round}: {event:?} started what was not shown");
                }
            }
            check_selection(&app, seed, round);
            if round % 7 == 0 {
                let size = app.ui().size;
                let picture = screen::picture(&app);
                assert!(picture.lines().count() >= usize::from(size.height), "seed {seed} round {round}");
            }
        }
    }
    assert!(started > 5, "the dice never confirmed a plan ({started}): the law was not tested");
}

fn shown_plan(app: &App) -> Option<String> {
    match app.overlay() {
        Some(Overlay::Confirm(confirm)) => Some(confirm.plan().to_string()),
        _ => None,
    }
}

/// What is selected exists.
fn check_selection(app: &App, seed: u64, round: usize) {
    assert!(app.ui().focus < app.panes().len(), "seed {seed} round {round}");
    let facts = app.facts();
    let exists = match app.selection() {
        None => true,
        Some(Selection::Probe(probe)) => facts.report.assessments.iter().any(|one| one.id == probe),
        Some(Selection::Item { item, .. }) => {
            facts.report.checklists.iter().flat_map(|list| &list.items).any(|one| one.text == item)
        }
        Some(Selection::Job(job)) => facts.jobs.get(&job).is_some(),
        Some(Selection::Record(seq)) => facts.audit.iter().any(|record| record.seq == seq),
        Some(Selection::List(id)) => facts.report.checklists.iter().any(|list| list.id == id),
    };
    assert!(exists, "seed {seed} round {round}: {:?}", app.selection());
}

#[test]
fn replaying_the_same_updates_gives_the_same_picture() {
    let start = world::at("2026-03-02T08:55:00Z");
    let picture = || {
        let (mut app, mut dice, mut now) = (world::app("rota", start), Dice(7), start);
        for _ in 0..50 {
            now += chrono::Duration::seconds(20);
            let update = dice.observed(now);
            let _ = app.update(now, Event::Update(update));
            let _ = app.settle(now);
        }
        screen::picture(&app)
    };
    assert_eq!(picture(), picture());
}

#[test]
fn two_periods_away_there_is_still_a_list_and_back_is_now() {
    let start = world::at("2026-03-02T08:55:00Z");
    let mut app = world::app("rota", start);
    for key in ['2', '['] {
        let _ = app.update(start, Event::Key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE)));
    }
    let period = |app: &App| app.see(1).report.checklists[0].period.key.clone();
    assert_eq!(period(&app), "2026-03-01");
    let _ = app.update(start, Event::Key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE)));
    assert_eq!(period(&app), "2026-03-02");
}
