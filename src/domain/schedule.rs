//! When a task is due: cron's five fields with cron's own meaning.

use crate::domain::time::Zone;

/// A cron schedule in a zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// As it was written: `0 2 * * *`, `@daily`.
    pub text: String,
    pub zone: Zone,
}
