//! What waits for a store that is away: the latest so many, and a count of those that had to
//! go. Memory stays flat however long it takes.

/// More than this is not held of one sort: half a day of a large round.
const HELD: usize = 10_000;

/// Things in the order they came, oldest first.
#[derive(Debug)]
pub(super) struct Backlog<T> {
    held: Vec<T>,
    lost: usize,
}

impl<T> Default for Backlog<T> {
    fn default() -> Self {
        Self { held: Vec::new(), lost: 0 }
    }
}

impl<T> Backlog<T> {
    /// Takes more; the oldest go when there is no more room.
    pub(super) fn hold(&mut self, more: impl IntoIterator<Item = T>) {
        self.held.extend(more);
        if self.held.len() > HELD {
            // A tenth at a time, so that not every newcomer moves all the others.
            let gone = self.held.len() - (HELD - HELD / 10);
            self.held.drain(..gone);
            self.lost += gone;
        }
    }

    pub(super) fn held(&self) -> &[T] {
        &self.held
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// All that was held is safe now.
    pub(super) fn written(&mut self, what: &str) {
        if self.lost > 0 {
            tracing::warn!(lost = self.lost, "the store was away too long: some {what} were not kept");
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_held_and_memory_stays_flat() {
        let mut backlog = Backlog::default();
        (0..3 * HELD).for_each(|number| backlog.hold([number]));
        let held = backlog.held();
        assert!(held.len() <= HELD && held.len() >= HELD - HELD / 10, "{}", held.len());
        assert_eq!(held.last(), Some(&(3 * HELD - 1)), "the latest is there");
        assert!(held.is_sorted_by(|a, b| a + 1 == *b), "and none before it is missing");
        assert_eq!(backlog.lost + backlog.held().len(), 3 * HELD);
        backlog.written("numbers");
        assert!(backlog.is_empty());
    }
}
