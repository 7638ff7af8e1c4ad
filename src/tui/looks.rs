//! What databases were asked to show, and what they answered: the latest good answer to each
//! question with its time, what was asked since, and why the last one brought nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::explain::{Explained, Subject};
use crate::domain::look::{Aspect, Looked, Sight};
use crate::domain::time::{Timestamp, span};

/// How old an answer is when somebody looks at it and the next question goes out.
const EVERY: Duration = Duration::from_secs(5);

/// One question: which database, and what of it.
type Question = (String, Aspect);

/// Every question that was asked in this session.
#[derive(Clone, Debug, Default)]
pub struct Looks {
    questions: BTreeMap<Question, Look>,
    /// The latest plan that was asked for.
    plan: Option<Explained>,
}

/// What is known of one question.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// When it was asked, while no answer has come.
    pub asked_at: Option<Timestamp>,
    /// The latest answer.
    pub answer: Option<Answer>,
    /// Why the question after that brought none.
    pub failed: Option<String>,
    tried_at: Option<Timestamp>,
}

/// What was seen, when, and how long it took to see it.
#[derive(Clone, Debug)]
pub struct Answer {
    pub at: Timestamp,
    pub took_s: f64,
    pub sight: Sight,
}

impl Looks {
    pub fn of(&self, database: &str, aspect: Aspect) -> Option<&Look> {
        // A handful of questions is looked through faster than a key is made.
        self.questions.iter().find(|((of, what), _)| of == database && *what == aspect).map(|(_, look)| look)
    }

    /// Whether the question shall go out now; it counts as asked then. There is never a second
    /// one beside one that has not come back.
    pub fn ask(&mut self, database: &str, aspect: Aspect, now: Timestamp) -> bool {
        let look = self.questions.entry((database.to_owned(), aspect)).or_default();
        let free = look.asked_at.is_none();
        if free {
            look.asked_at = Some(now);
        }
        free
    }

    /// The same, when the last answer is old enough.
    pub fn ask_when_due(&mut self, database: &str, aspect: Aspect, now: Timestamp) -> bool {
        let last = self.of(database, aspect).and_then(|look| look.tried_at);
        last.is_none_or(|last| now < last || now - last >= span(EVERY)) && self.ask(database, aspect, now)
    }

    /// The plan of this statement, once there is one.
    pub fn plan(&self, database: &str, subject: &Subject) -> Option<&Explained> {
        self.plan.as_ref().filter(|plan| plan.database == database && plan.subject == *subject)
    }

    /// A plan is asked for: what was told of an earlier one is none of it.
    pub fn ask_plan(&mut self) {
        self.plan = None;
    }

    pub fn take_plan(&mut self, explained: Explained) {
        self.plan = Some(explained);
    }

    /// Takes an answer. A question that failed leaves the answer before it, which grows old.
    pub fn take(&mut self, looked: Looked) {
        let look = self.questions.entry((looked.database, looked.aspect)).or_default();
        look.asked_at = None;
        look.tried_at = Some(looked.at);
        match looked.outcome {
            Ok(sight) => {
                look.answer = Some(Answer { at: looked.at, took_s: looked.took_s, sight });
                look.failed = None;
            }
            Err(why) => look.failed = Some(why),
        }
    }
}

impl Look {
    /// Whether the answer is older than two questions apart.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.answer.as_ref().is_some_and(|answer| now - answer.at > span(EVERY * 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::Activity;
    use chrono::TimeDelta;

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn looked(second: i64, outcome: Result<Sight, String>) -> Looked {
        Looked { database: "rota".into(), aspect: Aspect::Sessions, at: at(second), took_s: 0.1, outcome }
    }

    #[test]
    fn a_question_is_never_doubled_and_comes_again_when_its_answer_is_old() {
        let mut looks = Looks::default();
        let mut due = |second| looks.ask_when_due("rota", Aspect::Sessions, at(second));
        assert_eq!([due(0), due(1), due(60)], [true, false, false], "one that has not come back is waited for");
        looks.take(looked(60, Ok(Sight::Sessions(Activity::default()))));
        let mut due = |second| looks.ask_when_due("rota", Aspect::Sessions, at(second));
        assert_eq!([due(61), due(65)], [false, true]);
    }

    #[test]
    fn a_failure_leaves_the_answer_before_it_which_grows_old() {
        let mut looks = Looks::default();
        looks.take(looked(0, Ok(Sight::Sessions(Activity::default()))));
        looks.take(looked(9, Err("no answer within 5 s".to_owned())));
        let look = looks.of("rota", Aspect::Sessions).expect("it was asked");
        assert_eq!(look.answer.as_ref().map(|answer| answer.at), Some(at(0)));
        assert_eq!(look.failed.as_deref(), Some("no answer within 5 s"));
        assert_eq!((look.is_stale(at(10)), look.is_stale(at(11))), (false, true));
    }
}
