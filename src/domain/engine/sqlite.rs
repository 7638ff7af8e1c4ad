//! What can be limited of a SQLite database, and what upkeep it has.

mod upkeep;

pub(super) use self::upkeep::CAN;
use super::{Bad, Gauge};
use crate::domain::sample::Unit;

const MIB: f64 = 1024.0 * 1024.0;

pub(super) const GAUGES: &[Gauge] = &[
    // A database can also be too small: one that lost its tables is.
    Gauge::new("size", "size", Unit::Bytes, "> 500 MB").bad(Bad::Either),
    Gauge::new("latency", "our questions took", Unit::Seconds, "> 500 ms"),
    Gauge::new("growth", "growth", Unit::BytesPerDay, "> 10 MB/day"),
    Gauge::new("wal", "write-ahead log", Unit::Bytes, "> 64 MiB")
        .warn(64.0 * MIB, "a log this large says that no checkpoint gets through")
        .crit(1024.0 * MIB, "a log this large says that no checkpoint gets through")
        .hint("a reader that never ends its transaction keeps the log from being emptied; find it, and end it"),
    Gauge::new("free", "free space inside the file", Unit::Percent, "> 20 %")
        .warn(20.0, "a fifth of a file is worth the copy that a vacuum writes; less than 50 MB never are"),
    Gauge::new("fragmentation", "room inside pages in use", Unit::Percent, "> 40 %")
        .hint("a vacuum packs the rows anew"),
];
