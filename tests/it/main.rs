//! The one integration binary: the program from outside.

mod backup;
mod sqlite;
