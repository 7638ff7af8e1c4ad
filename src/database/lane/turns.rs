//! A question that is asked in turns: what it is about may be so much that asking for all of it at
//! once would hold too many locks on the server.

use crate::database::check::AFTER;
use crate::database::lane::{AskError, Wire};
use crate::database::row::Row;

/// Asks once; or, in turns, until one brings nothing further. A turn goes on behind the number in
/// the first column of the last row before it, and is a transaction of its own.
pub(super) async fn ask<W: Wire>(wire: &mut W, question: &str, in_turns: bool) -> Result<Vec<Row>, AskError> {
    if !in_turns {
        return wire.ask(question).await;
    }
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let rows = wire.ask(&question.replace(AFTER, &after.to_string())).await?;
        let next = rows.last().and_then(|row| row.whole(0)).filter(|next| *next > after);
        all.extend(rows);
        let Some(next) = next else { return Ok(all) };
        after = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::BoxFuture;

    /// A server that has rows behind nought, three and five; and of one it says the same for ever.
    struct Line {
        asked: Vec<String>,
        stuck: bool,
    }

    impl Wire for Line {
        type Server = ();

        fn greet(&mut self) -> BoxFuture<'_, Result<(), AskError>> {
            Box::pin(async { Ok(()) })
        }

        fn ask<'a>(&'a mut self, question: &'a str) -> BoxFuture<'a, Result<Vec<Row>, AskError>> {
            Box::pin(async move {
                self.asked.push(question.to_owned());
                let last = match question {
                    "rows behind 0" => "3",
                    "rows behind 3" => "5",
                    "rows behind 5" if self.stuck => "5",
                    _ => return Ok(Vec::new()),
                };
                Ok(vec![Row::new([Some(last)])])
            })
        }
    }

    #[tokio::test]
    async fn every_turn_goes_on_where_the_last_one_ended_and_none_is_asked_for_ever() {
        for stuck in [false, true] {
            let mut line = Line { asked: Vec::new(), stuck };
            let rows = ask(&mut line, "rows behind $AFTER", true).await.expect("rows");
            assert_eq!(line.asked, ["rows behind 0", "rows behind 3", "rows behind 5"]);
            assert_eq!(rows.len(), if stuck { 3 } else { 2 });
        }
        let mut line = Line { asked: Vec::new(), stuck: false };
        let rows = ask(&mut line, "costs $AFTER", false).await.expect("an answer");
        assert!(rows.is_empty() && line.asked == ["costs $AFTER"], "what an operator asks is asked as it is");
    }
}
