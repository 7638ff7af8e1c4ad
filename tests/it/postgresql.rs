//! PostgreSQL, on servers that are started for it and brought into the very state a check is for.

mod faults;
mod manners;
mod program;
mod roles;
mod server;
