//! Operator stories: what is typed, what is observed, what the screen shows, what is done. Each
//! is a file in `tests/stories`; its screens are snapshots beside it.

#![expect(clippy::panic, reason = "a story that cannot go on says where and why")]

mod detail;
mod looks;
pub(crate) mod screen;
pub(crate) mod world;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Size;
use rounds::domain::action_name::ActionName;
use rounds::domain::audit::{Actor, AuditRecord};
use rounds::domain::checklist::MarkKind;
use rounds::domain::explain::Subject;
use rounds::domain::incident::{Says, Turn};
use rounds::domain::inventory::Target;
use rounds::domain::job::{JobEvent, JobId, JobResult, Outcome, Progress};
use rounds::domain::limit::parse_quantity;
use rounds::domain::look::Aspect;
use rounds::domain::observation::{Detail, Observation, ProbeError, ProbeId, Reading};
use rounds::domain::sample::{Sample, Value};
use rounds::domain::time::{Timestamp, span};
use rounds::domain::update::Update;
use rounds::tui::app::{App, Effect, Event, Signal, Which};
use rounds::tui::keymap::Chord;
use serde::Deserialize;

/// One story.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    /// What it tells, in the operator's words.
    #[serde(rename = "story")]
    tells: String,
    config: String,
    start: String,
    #[serde(default = "usual_size")]
    size: [u16; 2],
    #[serde(default)]
    step: Vec<Step>,
}

fn usual_size() -> [u16; 2] {
    [120, 40]
}

/// One step; its parts happen in the order of the fields.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Step {
    /// Lets time go by.
    advance: Option<String>,
    resize: Option<[u16; 2]>,
    /// What probes see.
    observe: Vec<Seen>,
    /// What becomes of the job that was started last: `started`, `prints …`, `progress 3/10`,
    /// `succeeded …`, `failed …`, `refused …`.
    job: Option<String>,
    store_failed: Option<String>,
    /// What somebody notes of the one incident: `open`, `note` or `close`, with what it says.
    incident: Option<Noted>,
    /// What the look brings that was asked for last.
    looked: Option<looks::Seen>,
    /// The plan that comes for the statement that was asked about last.
    explained: Option<looks::Planned>,
    /// Keys, half a second apart.
    keys: Option<String>,
    /// Keys that come in one burst.
    burst: Option<String>,
    /// Text, typed letter by letter.
    text: Option<String>,
    paste: Option<String>,
    signal: Option<String>,
    /// A snapshot of what is shown now, by this name.
    screen: Option<String>,
    /// What must stand somewhere on the screen, or must not.
    shows: Vec<String>,
    hides: Vec<String>,
    /// What the world was asked to do in this step; changes of status are not listed.
    effects: Option<Vec<String>>,
}

/// A note of an incident.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Noted {
    turn: String,
    #[serde(default)]
    says: Says,
}

impl Noted {
    /// Its record, by an operator who is elsewhere.
    fn record(self, seq: u64, now: Timestamp) -> AuditRecord {
        let turn = match self.turn.as_str() {
            "open" => Turn::Open,
            "note" => Turn::Note,
            "close" => Turn::Close,
            other => panic!("no turn of an incident is called `{other}`"),
        };
        let actor = Actor { operator: "asha".to_owned(), ..Actor::default() };
        let entry = turn.entry("019", "backup:rota-db", &self.says, &actor, now);
        AuditRecord { seq, entry, prev: String::new(), hash: String::new() }
    }
}

/// One reading: samples as text (`17.8 %`, a time), or the error in their place.
#[derive(Deserialize)]
struct Seen {
    probe: String,
    error: Option<String>,
    /// The files of a backup, newest first.
    #[serde(default)]
    files: Vec<String>,
    /// When a task is due, and its runs, newest first.
    schedule: Option<String>,
    #[serde(default)]
    runs: Vec<String>,
    /// Until when the task is frozen.
    frozen: Option<String>,
    #[serde(flatten)]
    samples: BTreeMap<String, String>,
}

macro_rules! stories {
    ($($name:ident)*) => {
        $(#[test] fn $name() { play(stringify!($name)); })*

        #[test]
        fn every_story_is_told() {
            let mut files: Vec<String> = std::fs::read_dir(folder())
                .expect("the folder of stories")
                .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
                .filter_map(|name| Some(name.strip_suffix(".toml")?.replace('-', "_")))
                .collect();
            files.sort();
            let mut told = vec![$(stringify!($name)),*];
            told.sort_unstable();
            assert_eq!(files, told);
        }
    };
}

stories! {
    a_command_for_a_name_that_is_none
    a_freeze_is_seen_from_everywhere
    a_job_that_may_not_begin
    a_key_that_does_nothing_says_why
    a_month_of_a_task
    a_restart_in_production_wants_its_name
    a_task_that_already_ran_today
    an_earlier_list_is_not_mistaken_for_todays
    an_incident_is_named_until_it_is_closed
    enter_on_a_checklist_says_what_it_wants
    filter_typing_never_acts
    how_a_statement_would_be_run
    keys_typed_too_soon_are_dropped
    long_lines_are_cut_with_a_mark
    one_world_at_every_size
    quit_with_a_running_job
    six_answers_of_a_backup
    skip_with_a_reason_and_sign
    stale_backup
    the_log_of_a_task_is_searched
    the_store_fails_and_recovers
    vacuum_refused_read_only
    what_is_large_and_what_is_slow
    who_holds_everybody_up
    why_and_what_can_be_done
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/stories")
}

fn play(name: &str) {
    let file = name.replace('_', "-");
    let text = std::fs::read_to_string(folder().join(format!("{file}.toml"))).expect("the story's file");
    let story: Story = toml::from_str(&text).unwrap_or_else(|error| panic!("{file}.toml: {error}"));
    assert!(story.tells.ends_with('.'), "{file}.toml: a story is told in sentences");
    let now = world::at(&story.start);
    let mut play = Play {
        app: world::app(&story.config, now),
        now,
        effects: Vec::new(),
        started: Vec::new(),
        asked: None,
        explains: None,
    };
    play.event(Event::Resize(Size::new(story.size[0], story.size[1])));
    for (index, step) in story.step.into_iter().enumerate() {
        play.step(&file, index + 1, step);
    }
}

struct Play {
    app: App,
    now: Timestamp,
    /// Those of the present step.
    effects: Vec<String>,
    started: Vec<(ActionName, String, Target)>,
    /// The look that was asked for last.
    asked: Option<(String, Aspect)>,
    /// The statement whose plan was asked for last.
    explains: Option<(String, Subject)>,
}

impl Play {
    fn step(&mut self, file: &str, number: usize, step: Step) {
        self.effects.clear();
        if let Some(text) = step.advance {
            self.pass(humantime::parse_duration(&text).expect("a duration"));
            self.event(Event::Tick);
        }
        if let Some([width, height]) = step.resize {
            self.event(Event::Resize(Size::new(width, height)));
        }
        for seen in step.observe {
            self.observe(seen);
        }
        if let Some(what) = step.job {
            let event = self.job(&what);
            self.event(Event::Update(Update::Job(event)));
        }
        if let Some(why) = step.store_failed {
            self.event(Event::Update(Update::StoreFailed(Some(why).filter(|why| !why.is_empty()))));
        }
        if let Some(noted) = step.incident {
            let record = noted.record(16 + number as u64, self.now);
            self.event(Event::Update(Update::Audited(Box::new(record))));
        }
        if let Some(seen) = step.looked {
            let (database, aspect) = self.asked.clone().expect("a look was asked for");
            let looked = seen.of(&database, aspect, self.now);
            self.event(Event::Update(Update::Looked(Box::new(looked))));
        }
        if let Some(planned) = step.explained {
            let (database, subject) = self.explains.clone().expect("a plan was asked for");
            let explained = planned.of(&database, subject, self.now);
            self.event(Event::Update(Update::Explained(Box::new(explained))));
        }
        for key in step.keys.iter().flat_map(|keys| keys.split_whitespace()) {
            self.pass(Duration::from_millis(500));
            self.key(key);
        }
        if step.burst.is_some() {
            self.pass(Duration::from_millis(500));
        }
        for key in step.burst.iter().flat_map(|keys| keys.split_whitespace()) {
            self.key(key);
        }
        for letter in step.text.iter().flat_map(|text| text.chars()) {
            self.pass(Duration::from_millis(500));
            self.event(Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE)));
        }
        if let Some(text) = step.paste {
            self.event(Event::Paste(text));
        }
        if let Some(signal) = step.signal {
            let signal = match signal.as_str() {
                "terminate" => Signal::Terminate,
                "hangup" => Signal::Hangup,
                "continue" => Signal::Continue,
                other => panic!("{file} step {number}: no signal `{other}`"),
            };
            self.event(Event::Signal(signal));
        }
        let picture = screen::picture(&self.app);
        for text in &step.shows {
            assert!(picture.contains(text), "{file} step {number}: `{text}` is not shown\n{picture}");
        }
        for text in &step.hides {
            assert!(!picture.contains(text), "{file} step {number}: `{text}` is shown\n{picture}");
        }
        if let Some(name) = step.screen {
            let folder = folder().join("snapshots");
            insta::with_settings!({
                snapshot_path => folder, prepend_module_to_snapshot => false, omit_expression => true
            }, {
                insta::assert_snapshot!(format!("{file}--{}", name.replace(' ', "-")), picture);
            });
        }
        if let Some(expected) = step.effects {
            assert_eq!(self.effects, expected, "{file} step {number}\n{picture}");
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += span(time);
    }

    fn key(&mut self, text: &str) {
        let chord: Chord = text.parse().unwrap_or_else(|_| panic!("`{text}` is no key"));
        self.event(Event::Key(chord.event()));
    }

    /// Gives an event to the app, and the world's answers after it.
    fn event(&mut self, event: Event) {
        let mut effects = self.app.update(self.now, event);
        effects.extend(self.app.settle(self.now));
        for effect in effects {
            if let Some(text) = described(&effect) {
                self.effects.push(text);
            }
            match effect {
                Effect::Start { plan, .. } => {
                    let plan = plan.plan();
                    self.started.push((plan.action.clone(), plan.title.clone(), plan.target.clone()));
                }
                Effect::Explain { database, subject } => self.explains = Some((database, subject)),
                Effect::Look { database, aspect } => self.asked = Some((database, aspect)),
                Effect::Mark(mark) => self.event(Event::Update(Update::Marked(mark))),
                Effect::Sign(signature) => self.event(Event::Update(Update::Signed(signature))),
                _ => {}
            }
        }
    }

    fn observe(&mut self, seen: Seen) {
        let samples = seen.samples.into_iter().map(|(key, text)| {
            let value = match parse_quantity(&text) {
                Some((value, unit)) => Value::Gauge(value, unit),
                None => Value::Time(world::at(&text)),
            };
            Sample::new(key, value)
        });
        let outcome = match seen.error {
            Some(error) => Err(ProbeError::Unreachable(error)),
            None => Ok(Reading::of(samples.collect()).with(match &seen.schedule {
                Some(schedule) => detail::runs(schedule, &seen.runs, seen.frozen.as_deref()),
                None if seen.files.is_empty() => Detail::None,
                None => detail::files(&seen.files),
            })),
        };
        let probe = ProbeId::from(seen.probe.as_str());
        let observation = Observation { probe, at: self.now, took: Duration::from_millis(20), outcome };
        self.event(Event::Update(Update::Observed(observation)));
    }

    fn job(&self, what: &str) -> JobEvent {
        let (action, title, target) = self.started.last().cloned().expect("something was started");
        let job = JobId(format!("job-{}", self.started.len()));
        let (word, rest) = what.split_once(' ').unwrap_or((what, ""));
        let ended = |result| JobEvent::Finished {
            job: job.clone(),
            at: self.now,
            outcome: Outcome { result, detail: rest.to_owned(), exit_code: None },
        };
        match word {
            "asked" => JobEvent::Asked { job, action, title, target, at: self.now },
            "started" => JobEvent::Started { job, action, title, target, at: self.now, log: None },
            "prints" => JobEvent::Line { job, line: rest.to_owned() },
            "progress" => {
                let (done, of) = rest.split_once('/').expect("progress 3/10");
                let number = |text: &str| text.parse().expect("a number");
                let progress = Progress { done: number(done), of: number(of), bytes: true, since: self.now };
                JobEvent::Progress { job, progress }
            }
            "succeeded" => ended(JobResult::Succeeded),
            "failed" => ended(JobResult::Failed),
            "cancelled" => ended(JobResult::Cancelled),
            "refused" => JobEvent::Refused { job: Some(job), action, target, at: self.now, why: rest.to_owned() },
            other => panic!("a job is never `{other}`"),
        }
    }
}

/// An effect as stories name it.
fn described(effect: &Effect) -> Option<String> {
    Some(match effect {
        Effect::Refresh(Which::All) => "read everything".to_owned(),
        Effect::Refresh(Which::Probe(probe)) => format!("read {probe}"),
        Effect::Start { plan, reason } if reason.is_empty() => {
            format!("start {} on {}", plan.plan().action, plan.plan().target)
        }
        Effect::Start { plan, reason } => {
            format!("start {} on {} because {reason}", plan.plan().action, plan.plan().target)
        }
        Effect::Look { database, aspect } => {
            let what = match aspect {
                Aspect::Sessions => "sessions",
                Aspect::Tables => "tables",
                Aspect::Statements => "statements",
            };
            format!("look at the {what} of {database}")
        }
        Effect::Explain { database, subject } => format!("explain {subject:?} of {database}"),
        Effect::Cancel(job) => format!("cancel {job}"),
        Effect::Mark(mark) => {
            let word = match mark.kind {
                MarkKind::Tick => "tick",
                MarkKind::Skip => "skip",
                MarkKind::Undo => "undo",
            };
            format!("{word} {} {} ({}) {}", mark.checklist, mark.item, mark.operator, mark.note).trim_end().to_owned()
        }
        Effect::Sign(signature) => {
            format!(
                "sign {} {} by {}: {}",
                signature.checklist, signature.period, signature.operator, signature.exceptions
            )
        }
        Effect::Copy(text) => format!("copy {text}"),
        Effect::Suspend => "suspend".to_owned(),
        Effect::Redraw => "redraw".to_owned(),
        Effect::Quit => "quit".to_owned(),
        Effect::RecordChanges(_) => return None,
    })
}
