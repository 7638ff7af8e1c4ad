//! A statement that runs, and what looks on beside it: tells how far it is, and stops it on the
//! server when nobody wants it any more.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::hand::{Hand, Said};
use crate::database::mysql::connect::Dialer;
use crate::database::mysql::server::Flavour;
use crate::database::row::Row;
use crate::database::{Assignment, News};

/// How often it is looked how far the work is.
const LOOK: Duration = Duration::from_millis(500);
/// How long a statement that was killed may take to end before its session is ended.
const STOPS: Duration = Duration::from_secs(4);
/// So many looks without its session, and so long without an answer, are the end of it for us.
const GONE: u32 = 6;
const SILENCE: Duration = Duration::from_mins(2);

/// The connection that works, and the one that looks on.
#[derive(Debug)]
pub(super) struct Run<'a> {
    dialer: &'a Dialer,
    eye: Hand,
    hand: Hand,
    /// The number of the connection that works.
    pub(super) id: u64,
}

impl<'a> Run<'a> {
    pub(super) fn new(dialer: &'a Dialer, eye: Hand, hand: Hand) -> Self {
        let id = hand.id;
        Self { dialer, eye, hand, id }
    }

    pub(super) fn eye(&mut self) -> &mut Hand {
        &mut self.eye
    }

    pub(super) async fn close(self) {
        self.hand.close().await;
        self.eye.close().await;
    }

    /// Runs it to its end, which comes soon when it is not wanted any more. Progress is told of
    /// the only statement there is.
    pub(super) async fn follow(&mut self, sql: &str, job: &mut Assignment, only: bool) -> Result<Vec<Row>, Said> {
        let Self { dialer, eye, hand, id } = self;
        let cancel = job.cancel.clone();
        let question = question(eye.flavour, *id);
        let (mut heard, mut missed) = (Instant::now(), 0);
        let mut statement = std::pin::pin!(hand.ask(sql));
        loop {
            tokio::select! {
                biased;
                said = &mut statement => return said,
                () = cancel.cancelled() => {
                    for what in ["QUERY", "CONNECTION"] {
                        kill(dialer, eye, what, *id).await;
                        if let Ok(said) = timeout(STOPS, &mut statement).await {
                            return said;
                        }
                    }
                    return Err(Said::Lost(format!("connection {id} on the server does not stop")));
                }
                () = sleep(LOOK) => {
                    if let Ok(Ok(rows)) = timeout(LOOK * 4, eye.ask(&question)).await {
                        if let (Some(news), true) = (rows.first().and_then(progress), only) {
                            (job.tell)(news);
                        }
                        heard = Instant::now();
                        missed = if rows.is_empty() { missed + 1 } else { 0 };
                    } else {
                        look_anew(dialer, eye).await;
                    }
                    // What became of it then is not known, and nobody would ever tell.
                    if missed >= GONE {
                        return Err(Said::Lost(format!("connection {id} is gone from the server without an answer")));
                    }
                    if heard.elapsed() >= SILENCE {
                        return Err(Said::Lost("the server is silent; whether it goes on is not known".to_owned()));
                    }
                }
            }
        }
    }
}

/// Kills what our own connection runs, over a new one where the old one is gone.
async fn kill(dialer: &Dialer, eye: &mut Hand, what: &str, id: u64) {
    let statement = format!("KILL {what} {id}");
    if timeout(LOOK * 2, eye.ask(&statement)).await.is_ok_and(|said| said.is_ok()) {
        return;
    }
    look_anew(dialer, eye).await;
    let _then_its_own_limit_ends_it = timeout(LOOK * 2, eye.ask(&statement)).await;
}

async fn look_anew(dialer: &Dialer, eye: &mut Hand) {
    if let Ok(Ok(new)) = timeout(LOOK * 4, Hand::watching(dialer)).await {
        *eye = new;
    }
}

/// Only MariaDB tells how far a statement is.
fn question(flavour: Flavour, id: u64) -> String {
    let figures = match flavour {
        Flavour::MariaDb => "stage, max_stage, progress",
        Flavour::MySql => "NULL, NULL, NULL",
    };
    format!("SELECT {figures} FROM information_schema.processlist WHERE id = {id}")
}

fn progress(row: &Row) -> Option<News> {
    let (stage, of) = (row.whole(0)?, row.whole(1).filter(|of| *of > 0)?);
    let done = stage.saturating_sub(1) * 100 + row.number(2)?.clamp(0.0, 100.0) as u64;
    Some(News::Progress { done, of: of * 100 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_act_has_ended_before_the_executor_gives_it_up() {
        // The executor waits ten seconds for work that was told to stop.
        assert!(STOPS * 2 + LOOK * 2 < Duration::from_secs(10));
    }

    #[test]
    fn a_statement_of_two_stages_is_told_as_one() {
        let row = |stage, of, done| Row::new([Some(stage), Some(of), Some(done)]);
        assert_eq!(progress(&row("2", "2", "50.000")), Some(News::Progress { done: 150, of: 200 }));
        assert_eq!(progress(&row("0", "0", "0.000")), None);
    }
}
