//! The one integration binary: the program from outside.

#[cfg(target_os = "linux")]
mod accept;
#[cfg(unix)]
mod acts;
mod architecture;
#[cfg(unix)]
mod backup;
#[cfg(unix)]
mod cli;
mod config;
#[cfg(target_os = "linux")]
mod cron_daemon;
#[cfg(unix)]
mod crontab;
#[cfg(unix)]
mod demo;
#[cfg(target_os = "linux")]
mod disks;
#[cfg(unix)]
mod exec;
#[cfg(target_os = "linux")]
mod exec_runner;
#[cfg(unix)]
mod exports;
#[cfg(target_os = "linux")]
mod faults;
#[cfg(target_os = "linux")]
mod freeze;
#[cfg(target_os = "linux")]
mod heartbeat;
#[cfg(target_os = "linux")]
mod hung;
#[cfg(unix)]
mod jobs;
mod laws;
#[cfg(unix)]
mod mysql;
#[cfg(unix)]
mod pictures;
#[cfg(unix)]
mod postgresql;
#[cfg(unix)]
mod probes;
#[cfg(unix)]
mod prune;
mod random;
mod readme;
#[cfg(target_os = "linux")]
mod readonly;
#[cfg(unix)]
mod recovery;
#[cfg(unix)]
mod restore;
#[cfg(target_os = "linux")]
mod secrets;
#[cfg(unix)]
mod shelf;
mod sqlite;
#[cfg(target_os = "linux")]
mod sqlite_findings;
mod stale;
#[cfg(target_os = "linux")]
mod stop_run;
#[cfg(unix)]
mod store;
mod stories;
#[cfg(unix)]
mod support;
#[cfg(target_os = "linux")]
mod systemd;
#[cfg(unix)]
mod terminal;
#[cfg(unix)]
mod tools;
#[cfg(unix)]
mod trusted;
