//! `[host]`: the limits of the machine and its disks.

use super::Placed;
use super::bounds::Bad::{High, Low};
use super::bounds::Measure;
use crate::config::error::Fault;
use crate::config::spec::HostSpec;
use crate::config::{defaults, raw};
use crate::domain::sample::Unit;

const CPU: Measure = Measure::share("cpu", High);
const MEMORY: Measure = Measure::share("memory", High);
const SWAP: Measure = Measure::share("swap", High);
const LOAD: Measure = Measure { name: "load", unit: Unit::Count, bad: High, example: "> 1.5" };
const FREE: Measure = Measure::share("free", Low);
const INODES_FREE: Measure = Measure::share("inodes_free", Low);
const FULL_IN: Measure = Measure { name: "full_in", unit: Unit::Seconds, bad: Low, example: "< 7d" };

pub(super) fn host(host: Placed<'_, raw::Host>) -> Result<HostSpec, Fault> {
    let default = defaults::host();
    let Some((source, section)) = host else { return Ok(default) };
    // `tasks` is about names: see `Names`.
    let raw::Host { every, cpu, memory, swap, load, tasks: _, disk } = section.get_ref();
    for pattern in &disk.exclude {
        let text = pattern.get_ref();
        glob::Pattern::new(text)
            .map_err(|why| source.fault_at(pattern, format!("`{text}` is not a pattern: {why}")))?;
    }
    Ok(HostSpec {
        every: every.map_or(default.every, |every| every.0),
        cpu: CPU.bounds(cpu.as_ref(), default.cpu, source)?,
        memory: MEMORY.bounds(memory.as_ref(), default.memory, source)?,
        swap: SWAP.bounds(swap.as_ref(), default.swap, source)?,
        load: LOAD.bounds(load.as_ref(), default.load, source)?,
        disk_free: FREE.bounds(disk.free.as_ref(), default.disk_free, source)?,
        disk_inodes_free: INODES_FREE.bounds(disk.inodes_free.as_ref(), default.disk_inodes_free, source)?,
        disk_full_in: FULL_IN.bounds(disk.full_in.as_ref(), default.disk_full_in, source)?,
        disk_exclude: disk.exclude.iter().map(|pattern| pattern.get_ref().clone()).collect(),
    })
}
