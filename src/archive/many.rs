//! Many files looked at by several threads: most of what each costs is the way to the kernel and back.

use std::thread;

/// From so many on it is worth more than one thread.
const MANY: usize = 200;
const MOST_THREADS: usize = 8;

/// What `each` says of every item, in their order.
pub fn map<T: Sync, R: Send>(items: &[T], each: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    if items.len() < MANY || threads == 1 {
        return items.iter().map(each).collect();
    }
    let each = &each;
    let part = |part| move || <[T]>::iter(part).map(each).collect::<Vec<R>>();
    thread::scope(|scope| {
        let parts: Vec<_> = items.chunks(items.len().div_ceil(threads)).map(|some| scope.spawn(part(some))).collect();
        let joined = parts.into_iter().map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_stands_where_its_question_stood() {
        for count in [0, 1, MANY - 1, MANY, MANY + 1, 10 * MANY + 7] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(map(&items, |item| item * 3), items.iter().map(|item| item * 3).collect::<Vec<_>>());
        }
    }
}
