//! Schedulers: where tasks are scheduled, and the records their runs leave.

pub mod crontab;
pub mod spool;
