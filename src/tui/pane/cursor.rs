//! Which row of a list the operator is on: by what the row is, not by where it stands, so
//! that rows may come, go and change places under it.

use std::borrow::Borrow;

use crate::tui::command::Command;

/// A place in a list whose rows are known by a `K`.
#[derive(Clone, Debug)]
pub struct Cursor<K> {
    /// `None` until it is moved: the first row, whichever that is.
    on: Option<K>,
    /// Where that row stood when the cursor came to it: the place to stay when it goes away.
    at: usize,
}

impl<K> Default for Cursor<K> {
    fn default() -> Self {
        Self { on: None, at: 0 }
    }
}

impl<K: Clone + PartialEq> Cursor<K> {
    /// What it was put on; `None` until it is moved.
    pub fn key(&self) -> Option<&K> {
        self.on.as_ref()
    }

    /// Where the cursor is in this list; `None` when it is empty.
    pub fn place<Q: Borrow<K>>(&self, keys: &[Q]) -> Option<usize> {
        let here = self.on.as_ref().and_then(|on| {
            // Of rows that are known by the same, it is the one it came to.
            let stayed = keys.get(self.at).filter(|key| (*key).borrow() == on).map(|_| self.at);
            stayed.or_else(|| keys.iter().position(|key| key.borrow() == on))
        });
        here.or_else(|| Some(self.at.min(keys.len().checked_sub(1)?)))
    }

    /// Moves by a command; `false` when the command is not about moving. `page` is the number
    /// of rows that are shown.
    pub fn follow<Q: Borrow<K>>(&mut self, command: Command, keys: &[Q], page: u16) -> bool {
        let (Some(here), Some(last)) = (self.place(keys), keys.len().checked_sub(1)) else { return false };
        let half = usize::from(page / 2).max(1);
        let there = match command {
            Command::Up => here.saturating_sub(1),
            Command::Down => here + 1,
            Command::Top => 0,
            Command::Bottom => last,
            Command::HalfPageUp => here.saturating_sub(half),
            Command::HalfPageDown => here + half,
            // The filter leaves only matches, so the next one is the next row, around the end.
            Command::NextMatch => (here + 1) % keys.len(),
            Command::PreviousMatch => here.checked_sub(1).unwrap_or(last),
            _ => return false,
        };
        self.go(keys, there.min(last));
        true
    }

    /// Goes to the row that stands at `there`, if one does.
    pub fn go<Q: Borrow<K>>(&mut self, keys: &[Q], there: usize) {
        if let Some(key) = keys.get(there) {
            self.at = there;
            self.on = Some(key.borrow().clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_its_row_when_rows_change_places() {
        let mut cursor = Cursor::<&str>::default();
        assert_eq!(cursor.place(&["a", "b", "c"]), Some(0));
        assert!(cursor.follow(Command::Down, &["a", "b", "c"], 10));
        assert_eq!(cursor.place(&["b", "c", "a"]), Some(0));
        assert_eq!(cursor.place(&["x", "y", "z", "b"]), Some(3));
    }

    #[test]
    fn rows_that_look_the_same_hold_it_up_nowhere() {
        let keys = ["a", "b", "b", "b", "c"];
        let mut cursor = Cursor::<&str>::default();
        for there in [1, 2, 3, 4] {
            assert!(cursor.follow(Command::Down, &keys, 10));
            assert_eq!(cursor.place(&keys), Some(there));
        }
    }

    #[test]
    fn it_stays_in_its_place_when_its_row_goes_away() {
        let mut cursor = Cursor::<&str>::default();
        cursor.follow(Command::Bottom, &["a", "b", "c"], 10);
        assert_eq!(cursor.place(&["a", "b"]), Some(1));
        assert_eq!(cursor.place::<&str>(&[]), None);
        assert!(!cursor.follow::<&str>(Command::Down, &[], 10));
    }

    #[test]
    fn it_never_leaves_the_list() {
        let keys = ["a", "b", "c", "d", "e"];
        let table = [
            (Command::Up, 0),
            (Command::Down, 1),
            (Command::HalfPageDown, 3),
            (Command::HalfPageDown, 4),
            (Command::Down, 4),
            (Command::NextMatch, 0),
            (Command::PreviousMatch, 4),
            (Command::HalfPageUp, 2),
            (Command::Top, 0),
            (Command::Bottom, 4),
        ];
        let mut cursor = Cursor::<&str>::default();
        for (command, there) in table {
            assert!(cursor.follow(command, &keys, 4));
            assert_eq!(cursor.place(&keys), Some(there), "{command:?}");
        }
        assert!(!cursor.follow(Command::Tick, &keys, 4));
    }
}
