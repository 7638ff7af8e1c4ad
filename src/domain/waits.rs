//! Who waits for whom: the roots of it, who wait for nobody, and the queue behind each.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What a server calls a prepared transaction that is waited for: it has no session.
pub const PREPARED: u64 = 0;

/// A graph of sessions, each waiting for some others.
#[derive(Clone, Debug, Default)]
pub struct Waits {
    /// The pids, ascending; everything else counts places in it.
    pids: Vec<u64>,
    /// Whom each waits for.
    ahead: Vec<Vec<usize>>,
    /// Who waits for it directly.
    after: Vec<Vec<usize>>,
}

impl Waits {
    /// Sessions with whom they wait for; one that waits for nobody may be left out.
    pub fn of<B: IntoIterator<Item = u64>>(sessions: impl IntoIterator<Item = (u64, B)>) -> Self {
        let mut edges: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        for (pid, behind) in sessions {
            edges.entry(pid).or_default().extend(behind.into_iter().filter(|other| *other != pid));
        }
        edges.retain(|_, behind| !behind.is_empty());
        let pids: BTreeSet<u64> = edges.iter().flat_map(|(pid, behind)| behind.iter().chain([pid])).copied().collect();
        let pids: Vec<u64> = pids.into_iter().collect();
        let place = |pid: &u64| pids.binary_search(pid).ok();
        let mut waits = Self { ahead: vec![Vec::new(); pids.len()], after: vec![Vec::new(); pids.len()], pids: vec![] };
        for (pid, behind) in &edges {
            let Some(waiter) = place(pid) else { continue };
            for holder in behind.iter().filter_map(place) {
                waits.ahead[waiter].push(holder);
                waits.after[holder].push(waiter);
            }
        }
        waits.pids = pids;
        waits
    }

    /// Who waits for nobody, each with all who wait behind it, however far. In a circle nobody
    /// does; its lowest pid then stands for all, until the server breaks it.
    pub fn roots(&self) -> Vec<(u64, Vec<u64>)> {
        let heads = self.heads();
        let behind = |head: &usize| {
            let mut reached: Vec<usize> = self.reach(*head).into_iter().filter(|place| place != head).collect();
            reached.sort_unstable();
            (self.pids[*head], reached.into_iter().map(|place| self.pids[place]).collect())
        };
        heads.iter().map(behind).collect()
    }

    /// Everybody once, with how far down the queue: below whom they wait for, and of several
    /// below the one who is furthest down itself. The root with the longest queue comes first.
    pub fn tree(&self) -> Vec<(usize, u64)> {
        let heads = self.heads();
        let mut depth: Vec<Option<usize>> = vec![None; self.pids.len()];
        let mut parent: Vec<Option<usize>> = vec![None; self.pids.len()];
        let mut open: VecDeque<usize> = heads.iter().copied().collect();
        for head in &heads {
            depth[*head] = Some(0);
        }
        // The nearest way from a root tells how far down each is.
        while let Some(place) = open.pop_front() {
            for waiter in &self.after[place] {
                if depth[*waiter].is_none() {
                    depth[*waiter] = depth[place].map(|depth| depth + 1);
                    open.push_back(*waiter);
                }
            }
        }
        // Whoever also waits for others of the same distance stands below the last of them.
        for (place, parent) in parent.iter_mut().enumerate().filter(|(place, _)| !heads.contains(place)) {
            let longest = |holder: &&usize| (self.ahead[**holder].len(), depth[**holder], self.pids[**holder]);
            *parent = self.ahead[place].iter().max_by_key(longest).copied();
        }
        let mut below: Vec<Vec<usize>> = vec![Vec::new(); self.pids.len()];
        for (place, parent) in parent.iter().enumerate() {
            if let Some(parent) = parent {
                below[*parent].push(place);
            }
        }
        let mut told = vec![false; self.pids.len()];
        let mut lines = Vec::with_capacity(self.pids.len());
        let mut ordered = heads;
        ordered.sort_by_key(|head| (std::cmp::Reverse(self.reach(*head).len()), self.pids[*head]));
        // A circle among those below would be told from nowhere: whoever is left is a root then.
        for start in ordered.into_iter().chain(0..self.pids.len()) {
            let mut stack = vec![(0, start)];
            while let Some((depth, place)) = stack.pop() {
                if std::mem::replace(&mut told[place], true) {
                    continue;
                }
                lines.push((depth, self.pids[place]));
                stack.extend(below[place].iter().rev().map(|waiter| (depth + 1, *waiter)));
            }
        }
        lines
    }

    /// The roots, and of each circle that no root leads to one.
    fn heads(&self) -> Vec<usize> {
        let mut heads: Vec<usize> = (0..self.pids.len()).filter(|place| self.ahead[*place].is_empty()).collect();
        let mut reached = vec![false; self.pids.len()];
        for head in &heads {
            self.mark(*head, &mut reached);
        }
        while let Some(start) = reached.iter().position(|reached| !reached) {
            let head = self.lowest_of_circle(start, &reached);
            self.mark(head, &mut reached);
            heads.push(head);
        }
        heads.sort_unstable();
        heads
    }

    /// Follows whom one waits for until somebody comes twice, and returns the lowest in that circle.
    fn lowest_of_circle(&self, start: usize, reached: &[bool]) -> usize {
        let (mut way, mut seen) = (Vec::new(), BTreeSet::new());
        let mut place = start;
        while seen.insert(place) {
            way.push(place);
            place = self.ahead[place].iter().copied().find(|ahead| !reached[*ahead]).unwrap_or(start);
        }
        let circle = way.iter().skip_while(|step| **step != place);
        circle.copied().min().unwrap_or(start)
    }

    fn reach(&self, head: usize) -> Vec<usize> {
        let mut reached = vec![false; self.pids.len()];
        self.mark(head, &mut reached);
        (0..self.pids.len()).filter(|place| reached[*place]).collect()
    }

    /// Marks a root and all behind it that are not marked yet.
    fn mark(&self, head: usize, reached: &mut [bool]) {
        let mut open = vec![head];
        reached[head] = true;
        while let Some(place) = open.pop() {
            for waiter in &self.after[place] {
                if !std::mem::replace(&mut reached[*waiter], true) {
                    open.push(*waiter);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(edges: &[(u64, &[u64])]) -> Waits {
        Waits::of(edges.iter().map(|(pid, behind)| (*pid, behind.iter().copied())))
    }

    #[test]
    fn the_root_of_a_chain_has_everybody_behind_it() {
        let chain = waits(&[(1, &[4711]), (2, &[1, 4711]), (3, &[2])]);
        assert_eq!(chain.roots(), [(4711, vec![1, 2, 3])]);
        assert_eq!(chain.tree(), [(0, 4711), (1, 1), (2, 2), (3, 3)]);
        assert_eq!(waits(&[(1, &[]), (2, &[2])]).roots(), []);
    }

    #[test]
    fn whoever_waits_for_two_is_behind_both_and_told_once() {
        let two = waits(&[(3, &[1, 2]), (4, &[2])]);
        assert_eq!(two.roots(), [(1, vec![3]), (2, vec![3, 4])]);
        assert_eq!(two.tree(), [(0, 2), (1, 3), (1, 4), (0, 1)]);
    }

    #[test]
    fn in_a_circle_the_lowest_stands_for_all() {
        let circle = waits(&[(1, &[2]), (2, &[3]), (3, &[1]), (9, &[3])]);
        assert_eq!(circle.roots(), [(1, vec![2, 3, 9])]);
        let told: BTreeSet<u64> = circle.tree().into_iter().map(|(_, pid)| pid).collect();
        assert_eq!(told, BTreeSet::from([1, 2, 3, 9]));
    }

    #[test]
    fn a_queue_of_a_thousand_in_which_each_waits_for_all_before_it_is_no_work() {
        let sessions = (1..=1000u64).map(|pid| (pid, 0..pid));
        let waits = Waits::of(sessions);
        assert_eq!(waits.roots()[0].1.len(), 1000);
        assert_eq!(waits.tree().last(), Some(&(1000, 1000)), "each below the one before it");
        // Many who hold, and many who wait for all of them.
        let shared = Waits::of((1000..1500u64).map(|pid| (pid, 0..500)));
        assert_eq!(shared.roots().len(), 500);
    }
}
