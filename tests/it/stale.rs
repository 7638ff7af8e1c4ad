//! Old numbers never look fresh: each source falls silent in its turn, and time goes on.

use std::time::Duration;

use chrono::TimeDelta;
use rounds::domain::board::Watch;
use rounds::domain::observation::{Observation, Reading};
use rounds::domain::sample::Sample;
use rounds::domain::status::Status;
use rounds::domain::time::Timestamp;
use rounds::domain::update::Update;
use rounds::tui::app::{App, Event};

use crate::stories::{screen, world};

/// A reading in which nothing is wrong.
fn well(watch: &Watch, now: Timestamp) -> Event {
    let samples = vec![
        Sample::percent("cpu", 12.0),
        Sample::percent("free", 71.0),
        Sample::bytes("size", 1000),
        Sample::time("taken", now),
    ];
    let (probe, took) = (watch.id.clone(), Duration::from_millis(3));
    Event::Update(Update::Observed(Observation { probe, at: now, took, outcome: Ok(Reading::of(samples)) }))
}

/// The verdict: the word of the header.
fn is_ready(app: &App) -> bool {
    let picture = screen::picture(app);
    let verdict = picture.lines().nth(1).unwrap_or_default().to_owned();
    assert!(["READY", "WAITING"].iter().any(|word| verdict.contains(word)), "{verdict}");
    verdict.contains("READY") && !verdict.contains("NOT READY")
}

#[test]
fn whoever_falls_silent_is_dimmed_with_its_age_and_the_verdict_is_not_green() {
    let start = world::at("2026-03-02T08:00:00Z");
    let watches = world::watches();
    for silent in &watches {
        let mut app = world::app("rota", start);
        for watch in &watches {
            let _ = app.update(start, well(watch, start));
        }
        let _ = app.settle(start);
        assert!(is_ready(&app), "{} begins well", silent.id);
        assert!(!screen::picture(&app).contains("stale"), "{}", screen::picture(&app));

        // The others go on being read, each taking nearly its deadline; time goes in steps of a second.
        let dimmed = start + TimeDelta::from_std(silent.every * 2).expect("a span") + TimeDelta::seconds(1);
        let mut now = start;
        while now < dimmed {
            now += TimeDelta::seconds(1);
            for watch in watches.iter().filter(|one| one.id != silent.id) {
                // Readings begin an interval apart, and arrive when they have taken their time.
                let took = watch.timeout.min(watch.every).as_secs().cast_signed();
                let begun = now - TimeDelta::seconds(took);
                let since = (begun - start).num_seconds();
                if since > 0 && since.cast_unsigned().is_multiple_of(watch.every.as_secs()) {
                    let _ = app.update(now, well(watch, begun));
                }
            }
            let _ = app.update(now, Event::Tick);
            let _ = app.settle(now);
            for one in &app.facts().report.assessments {
                let expected = one.id == silent.id && now == dimmed;
                assert_eq!(one.stale, expected, "{} at {now} while {} is silent", one.id, silent.id);
            }
            let picture = screen::picture(&app);
            assert_eq!(is_ready(&app), now < dimmed, "{} is silent, at {now}:\n{picture}", silent.id);
        }
        let one = app.facts().report.assessments.iter().find(|one| one.id == silent.id).expect("it is watched");
        assert_eq!((one.status, one.stale), (Status::Unknown, true), "{}", silent.id);
        let picture = screen::picture(&app);
        assert!(picture.contains("no reading for "), "{picture}");
    }
    println!("{} sources", watches.len());
}
