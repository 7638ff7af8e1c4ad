//! `[[database]]`

use std::collections::BTreeMap;

use super::bounds::Measure;
use super::{Scope, deadline, id};
use crate::config::address::Address;
use crate::config::error::Fault;
use crate::config::nearest::{listed, nearest};
use crate::config::secret::SecretRef;
use crate::config::source::Source;
use crate::config::spec::{Bounds, DatabaseSpec};
use crate::config::{defaults, raw};
use crate::domain::engine::{EngineCard, Gauge};
use crate::domain::upkeep::{TableName, Verb};

pub(super) fn database(raw: &raw::Database, source: &Source, _: &Scope<'_>) -> Result<DatabaseSpec, Fault> {
    let every = raw.every.map_or(defaults::DATABASE_EVERY, |every| every.0);
    let address = Address::parse(raw.url.get_ref(), &source.directory).map_err(|why| source.fault_at(&raw.url, why))?;
    let password = match (&raw.password, &address) {
        (Some(written), Address::File(_)) => {
            return Err(source.fault_at(written, "a SQLite file has no password; leave `password` out"));
        }
        (Some(written), Address::Server(_) | Address::Mysql(_)) => {
            Some(SecretRef::parse(written.get_ref(), &source.directory).map_err(|why| source.fault_at(written, why))?)
        }
        (None, _) => None,
    };
    let engine = address.engine();
    if let Some(written) = raw.integrity.as_ref().filter(|_| engine.way(Verb::Integrity).is_none()) {
        let name = engine.name;
        return Err(source.fault_at(written, format!("{name} has no integrity check; leave `integrity` out")));
    }
    let operations_table = raw.operations_table.as_ref().map(|written| match &address {
        Address::Server(_) => TableName::parse(written.get_ref()).map_err(|why| source.fault_at(written, why)),
        Address::File(_) | Address::Mysql(_) => {
            Err(source.fault_at(written, "`operations_table` is for PostgreSQL; leave it out"))
        }
    });
    Ok(DatabaseSpec {
        operations_table: operations_table.transpose()?,
        id: id(&raw.id),
        limits: limits(raw, engine, source)?,
        address,
        password,
        every,
        timeout: deadline(raw.timeout.as_ref(), defaults::DATABASE_TIMEOUT, every, source)?,
        integrity_every: raw.integrity.as_ref().map(|integrity| integrity.get_ref().every.0),
    })
}

/// The limits of every gauge of the engine: as written, or its own. What no gauge of this engine
/// is, is refused: a limit that is silently ignored is worse than none.
fn limits(
    raw: &raw::Database,
    engine: &'static EngineCard,
    source: &Source,
) -> Result<BTreeMap<&'static str, Bounds>, Fault> {
    if let Some((key, written)) = raw.limits.iter().find(|(key, _)| engine.gauge(key).is_none()) {
        let known: Vec<&str> = engine.gauges.iter().map(|gauge| gauge.key).collect();
        let advice = match nearest(key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", listed(&known)),
        };
        return Err(source.fault_at(written, format!("`{key}` is nothing that {} has; {advice}", engine.name)));
    }
    let limits = engine.gauges.iter().map(|gauge| {
        let written = raw.limits.get(gauge.key).map(toml::Spanned::get_ref);
        Ok((gauge.key, Measure::of(gauge).bounds(written, default(gauge), source)?))
    });
    limits.collect()
}

fn default(gauge: &Gauge) -> Bounds {
    let limited = gauge.warning.is_some() || gauge.critical.is_some();
    Bounds {
        warning: gauge.warning,
        critical: gauge.critical,
        hold: gauge.hold,
        hint: gauge.hint.filter(|_| limited).map(ToOwned::to_owned),
    }
}
