//! Numbers that look random, from a seed that is printed: what failed once can fail again.
#![expect(clippy::print_stdout, reason = "the seed")]

use std::hash::{BuildHasher, Hasher};

/// The generator of Marsaglia, xorshift64 (2003).
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    #[cfg_attr(not(unix), expect(dead_code, reason = "the trials are for Unix"))]
    pub(crate) fn new() -> Self {
        Self::seeded(std::hash::RandomState::new().build_hasher().finish() | 1)
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        println!("seed {seed}");
        Self(seed)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
