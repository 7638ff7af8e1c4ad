//! What a session is asked again and again, and has the server plan only once: of what a cheap
//! question costs, to read and to plan it is the larger part.

use std::collections::BTreeMap;

/// More than there are checks. What an operator asks by hand, and turns that are never the same,
/// do not gather on the server.
const MOST: usize = 64;

/// How a question is put.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As it is: it may never be asked again.
    Plain,
    /// It comes a second time, and is to be planned for good first.
    Prepared { first: String, then: String },
    /// The server has its plan.
    Planned(String),
}

/// The questions of one session.
#[derive(Debug, Default)]
pub(super) struct Questions(BTreeMap<String, Known>);

#[derive(Debug)]
struct Known {
    number: usize,
    planned: bool,
}

impl Questions {
    /// How to put this question now.
    pub(super) fn way(&mut self, question: &str) -> Way {
        let number = self.0.len();
        let Some(known) = self.0.get(question) else {
            if number < MOST {
                self.0.insert(question.to_owned(), Known { number, planned: false });
            }
            return Way::Plain;
        };
        let then = format!("EXECUTE rounds_{}", known.number);
        if known.planned {
            return Way::Planned(then);
        }
        Way::Prepared { first: format!("PREPARE rounds_{} AS {question}", known.number), then }
    }

    /// The server has its plan.
    pub(super) fn is_planned(&mut self, question: &str) {
        if let Some(known) = self.0.get_mut(question) {
            known.planned = true;
        }
    }

    /// The server has no plans of ours any more.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_planned_when_it_comes_again() {
        let mut questions = Questions::default();
        assert_eq!(questions.way("SELECT 1"), Way::Plain);
        assert_eq!(questions.way("SELECT 2"), Way::Plain);
        let prepared = |number, question: &str| Way::Prepared {
            first: format!("PREPARE rounds_{number} AS {question}"),
            then: format!("EXECUTE rounds_{number}"),
        };
        assert_eq!(questions.way("SELECT 2"), prepared(1, "SELECT 2"));
        assert_eq!(questions.way("SELECT 2"), prepared(1, "SELECT 2"), "the server refused to plan it");
        questions.is_planned("SELECT 2");
        assert_eq!(questions.way("SELECT 2"), Way::Planned("EXECUTE rounds_1".to_owned()));
        assert_eq!(questions.way("SELECT 1"), prepared(0, "SELECT 1"));
        questions.forget();
        assert_eq!(questions.way("SELECT 2"), Way::Plain);
    }

    #[test]
    fn what_never_comes_again_does_not_gather() {
        let mut questions = Questions::default();
        for number in 0..10 * MOST {
            assert_eq!(questions.way(&number.to_string()), Way::Plain);
        }
        assert_eq!(questions.0.len(), MOST);
        assert!(matches!(questions.way("0"), Way::Prepared { .. }), "what came first is still known");
    }
}
