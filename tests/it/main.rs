//! The one integration binary: the program from outside.

mod exec;
