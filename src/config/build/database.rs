//! `[[database]]`

use super::bounds::{Bad, Measure};
use super::system::sqlite_path;
use super::{Scope, deadline, id};
use crate::config::error::Fault;
use crate::config::source::Source;
use crate::config::spec::DatabaseSpec;
use crate::config::{defaults, raw};
use crate::domain::sample::Unit;

/// A database can also be too small: one that lost its tables is.
const SIZE: Measure = Measure { name: "size", unit: Unit::Bytes, bad: Bad::Either, example: "> 500 MB" };
const LATENCY: Measure = Measure { name: "latency", unit: Unit::Seconds, bad: Bad::High, example: "> 500 ms" };
const GROWTH: Measure = Measure { name: "growth", unit: Unit::BytesPerDay, bad: Bad::High, example: "> 10 MB/day" };

pub(super) fn database(raw: &raw::Database, source: &Source, _: &Scope<'_>) -> Result<DatabaseSpec, Fault> {
    let every = raw.every.map_or(defaults::DATABASE_EVERY, |every| every.0);
    Ok(DatabaseSpec {
        id: id(&raw.id),
        path: sqlite_path(raw.url.get_ref(), &source.directory).map_err(|why| source.fault_at(&raw.url, why))?,
        every,
        timeout: deadline(raw.timeout.as_ref(), defaults::DATABASE_TIMEOUT, every, source)?,
        size: SIZE.optional(raw.size.as_ref(), source)?,
        latency: LATENCY.optional(raw.latency.as_ref(), source)?,
        growth: GROWTH.optional(raw.growth.as_ref(), source)?,
        integrity_every: raw.integrity.as_ref().map(|integrity| integrity.every.0),
    })
}
