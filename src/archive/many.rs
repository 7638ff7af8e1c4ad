//! Many files looked at by several threads, while the directory that names them is still being
//! read: most of what each costs is the way to the kernel and back.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// From so many on it is worth more than one thread.
const MANY: usize = 200;
/// So many are handed over at once.
const SOME: usize = 128;
const MOST_THREADS: usize = 8;

/// What `each` says of every item, in their order. The items come from this thread alone.
pub(super) fn map<T: Send, R: Send>(mut items: impl Iterator<Item = T>, each: impl Fn(T) -> R + Sync) -> Vec<R> {
    let few: Vec<T> = items.by_ref().take(MANY).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    if few.len() < MANY || threads == 1 {
        return few.into_iter().chain(items).map(each).collect();
    }
    let (hand, handed) = sync_channel(2 * threads);
    let (each, handed) = (&each, Arc::new(Mutex::new(handed)));
    let mut parts: Vec<(usize, Vec<R>)> = thread::scope(|scope| {
        // Theirs alone: once all of them are gone nothing more can be handed over.
        let shares = vec![handed; threads];
        let working: Vec<_> = shares.into_iter().map(|share| scope.spawn(move || work(&share, each))).collect();
        let mut items = few.into_iter().chain(items);
        let parts = (0..).map(|place| (place, items.by_ref().take(SOME).collect::<Vec<T>>()));
        for part in parts.take_while(|(_, part)| !part.is_empty()) {
            if hand.send(part).is_err() {
                // All of them panicked.
                break;
            }
        }
        drop(hand);
        let done = working.into_iter().map(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        done.flatten().collect()
    });
    parts.sort_by_key(|(place, _)| *place);
    parts.into_iter().flat_map(|(_, part)| part).collect()
}

/// Takes one part after the other, until no more come.
fn work<T, R>(handed: &Mutex<Receiver<(usize, Vec<T>)>>, each: impl Fn(T) -> R) -> Vec<(usize, Vec<R>)> {
    let next = || handed.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
    std::iter::from_fn(next).map(|(place, part)| (place, part.into_iter().map(&each).collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_stands_where_its_question_stood() {
        for count in [0, 1, MANY - 1, MANY, MANY + 1, 10 * MANY + 7] {
            let expected: Vec<usize> = (0..count).map(|item| item * 3).collect();
            assert_eq!(map(0..count, |item| item * 3), expected);
        }
    }

    #[test]
    fn a_panic_is_the_callers() {
        let of = |lot: fn(usize) -> bool| {
            std::panic::catch_unwind(|| map(0..100 * SOME, |item| assert!(!lot(item), "number {item}"))).is_err()
        };
        assert!(of(|item| item == 10 * SOME), "of one");
        assert!(of(|_| true), "of all");
        assert!(!of(|_| false), "of none");
    }
}
