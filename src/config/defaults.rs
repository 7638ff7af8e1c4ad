//! What holds where a configuration says nothing. The built-in round has no other limits than
//! these.

use std::time::Duration;

use super::spec::{Bounds, HostSpec};
use crate::domain::limit::Limit;
use crate::domain::sample::Unit::{Count, Percent, Seconds};
use crate::platform::lacks;

pub(super) const KEEP_OBSERVATIONS: Duration = Duration::from_hours(90 * 24);
/// Seven years, as auditors count them: of 365.25 days.
pub(super) const KEEP_AUDIT: Duration = Duration::from_hours(7 * 8766);

pub(super) const DATABASE_EVERY: Duration = Duration::from_secs(30);
pub(super) const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);
pub(super) const CHECK_EVERY: Duration = Duration::from_mins(1);
pub(super) const CHECK_TIMEOUT: Duration = Duration::from_secs(10);
pub(super) const BACKUP_GRACE: Duration = Duration::from_mins(30);
pub(super) const TASK_GRACE: Duration = Duration::from_mins(15);
pub(super) const ACTION_TIMEOUT: Duration = Duration::from_mins(5);

/// `[host]` where nothing is written.
pub(super) fn host() -> HostSpec {
    let between = |warning, critical| Bounds { warning: Some(warning), critical: Some(critical), ..Bounds::default() };
    let warning = |limit| Bounds { warning: Some(limit), ..Bounds::default() };
    let over = |percent| Limit::over(percent, Percent);
    let under = |percent| Limit::under(percent, Percent);
    // What a system does not have is limited only where somebody asks for it.
    let unless = |lacking: Option<&str>, bounds| if lacking.is_some() { Bounds::default() } else { bounds };
    HostSpec {
        every: Duration::from_secs(2),
        cpu: Bounds { hold: Duration::from_mins(5), ..between(over(70.0), over(90.0)) },
        memory: between(over(80.0), over(95.0)),
        swap: warning(over(25.0)),
        load: unless(lacks::LOAD, between(Limit::over(1.5, Count), Limit::over(4.0, Count))),
        disk_free: between(under(20.0), under(10.0)),
        disk_inodes_free: unless(lacks::INODES, warning(under(10.0))),
        disk_full_in: warning(Limit::under(7.0 * 86_400.0, Seconds)),
        disk_exclude: Vec::new(),
    }
}
