//! PostgreSQL, on servers that are started for it and brought into the very state a check is for.

mod acts;
mod beside;
mod broken;
#[cfg(target_os = "linux")]
mod directories;
#[cfg(target_os = "linux")]
mod disks;
mod drills;
mod dumps;
mod explain;
mod faults;
mod figures;
mod hands;
mod load;
mod manners;
mod operations;
mod program;
mod protocol;
mod restores;
mod roles;
mod rows;
pub(crate) mod server;
mod sessions;
mod shape;
pub(crate) mod tls;
