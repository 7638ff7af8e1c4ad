//! What differs from system to system: who may touch a file, what room a disk has, which
//! process is which, the terminal, and what a system cannot tell at all. Above this floor
//! nobody asks which system it is.

pub mod asleep;
pub mod file;
pub mod lacks;
pub mod locks;
pub mod machine;
pub mod mount_table;
pub mod nameless;
pub mod network;
pub mod places;
pub mod process;
pub mod program;
pub mod room;
pub mod terminal;
pub mod tree;
pub mod unnamed;
pub mod user;
