//! The small pieces panes are drawn with. Each draws into an area it is given, clips itself,
//! and remembers nothing.

pub mod age;
pub mod bar;
pub mod beside;
pub mod calendar;
pub mod empty;
pub mod grid;
pub mod hint;
pub mod list;
#[cfg(test)]
pub mod look;
pub mod mark;
pub mod spark;
pub mod strip;
pub mod table;
pub mod tally;
pub mod text;
pub mod under;
