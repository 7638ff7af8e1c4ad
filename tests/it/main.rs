//! The one integration binary: the program from outside.

mod laws;
mod stories;
