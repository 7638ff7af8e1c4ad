//! MySQL and MariaDB, on MariaDB servers that are started for it and brought into the very state
//! a check is for. There is no package of MySQL where these tests run: what differs there is held
//! against its manual, in the checks themselves.

mod acts;
#[cfg(target_os = "linux")]
mod disks;
mod drills;
mod dumps;
mod explain;
mod faults;
mod hands;
mod manners;
mod roles;
mod rows;
mod server;
mod sessions;
mod tls;
