//! The sections as they are written, before names are resolved: what serde reads. Which keys
//! exist is told by the schema, which is checked first and speaks better about them.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use toml::Spanned;

use super::spec::Tool;
use super::values::{Allowance, Argv, Every, Id, Interval, Label, LimitText, Size, TimeOfDay};
use crate::domain::backup::Compression;
use crate::domain::checklist::Period;
use crate::domain::inventory::{ParamKind, Repeat};
use crate::domain::plan::Risk;

/// One file, without its `version`, which is checked before anything else is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    pub(super) include: Vec<Spanned<String>>,
    pub(super) system: Option<Spanned<System>>,
    pub(super) store: Option<Spanned<Store>>,
    pub(super) actions: Option<Spanned<Actions>>,
    pub(super) host: Option<Spanned<Host>>,
    pub(super) database: Vec<Database>,
    pub(super) backup: Vec<Backup>,
    pub(super) task: Vec<Task>,
    pub(super) check: Vec<Check>,
    pub(super) action: Vec<Action>,
    pub(super) checklist: Vec<Checklist>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct System {
    pub(super) name: Option<Id>,
    pub(super) title: Option<Label>,
    pub(super) environment: Option<Spanned<Label>>,
    pub(super) timezone: Option<Spanned<String>>,
    pub(super) owner: Option<Label>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Store {
    pub(super) url: Option<Spanned<String>>,
    pub(super) keep_observations: Option<Interval>,
    pub(super) keep_audit: Option<Interval>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Actions {
    pub(super) read_only: bool,
    pub(super) log_directory: Option<Spanned<String>>,
}

/// `{ warn = "> 70 %", crit = "> 90 %", for = "5m", hint = "…" }`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Bounds {
    pub(super) warn: Option<Spanned<LimitText>>,
    pub(super) crit: Option<Spanned<LimitText>>,
    #[serde(rename = "for")]
    pub(super) hold: Option<Allowance>,
    pub(super) hint: Option<Label>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Host {
    pub(super) every: Option<Every>,
    pub(super) cpu: Option<Bounds>,
    pub(super) memory: Option<Bounds>,
    pub(super) swap: Option<Bounds>,
    pub(super) load: Option<Bounds>,
    pub(super) tasks: Option<bool>,
    pub(super) disk: Disk,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Disk {
    pub(super) free: Option<Bounds>,
    pub(super) inodes_free: Option<Bounds>,
    pub(super) full_in: Option<Bounds>,
    pub(super) exclude: Vec<Spanned<String>>,
}

/// Any key that is none of these is a limit; which ones there are depends on the engine.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) id: Spanned<Id>,
    pub(super) url: Spanned<String>,
    pub(super) password: Option<Spanned<String>>,
    pub(super) every: Option<Every>,
    pub(super) timeout: Option<Spanned<Interval>>,
    pub(super) integrity: Option<Spanned<Integrity>>,
    pub(super) operations_table: Option<Spanned<String>>,
    pub(super) limits: BTreeMap<String, Spanned<Bounds>>,
}

/// By hand, for serde's `flatten` forgets where a value stands.
impl<'de> Deserialize<'de> for Database {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Section;

        impl<'de> Visitor<'de> for Section {
            type Value = Database;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a [[database]]")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Database, A::Error> {
                let (mut id, mut url, mut password, mut every, mut timeout, mut integrity, mut operations_table) =
                    (None, None, None, None, None, None, None);
                let mut limits = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "id" => id = Some(map.next_value()?),
                        "url" => url = Some(map.next_value()?),
                        "password" => password = Some(map.next_value()?),
                        "every" => every = Some(map.next_value()?),
                        "timeout" => timeout = Some(map.next_value()?),
                        "integrity" => integrity = Some(map.next_value()?),
                        "operations_table" => operations_table = Some(map.next_value()?),
                        _ => {
                            limits.insert(key, map.next_value()?);
                        }
                    }
                }
                let id = id.ok_or_else(|| A::Error::missing_field("id"))?;
                let url = url.ok_or_else(|| A::Error::missing_field("url"))?;
                Ok(Database { id, url, password, every, timeout, integrity, operations_table, limits })
            }
        }

        deserializer.deserialize_map(Section)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Integrity {
    pub(super) every: Interval,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Backup {
    pub(super) id: Spanned<Id>,
    pub(super) database: Option<Spanned<String>>,
    pub(super) command: Option<Spanned<Argv>>,
    pub(super) files: Option<Spanned<String>>,
    pub(super) compress: Option<Spanned<Compression>>,
    pub(super) pair: Option<Spanned<String>>,
    pub(super) manifest: Option<Spanned<String>>,
    pub(super) tool: Option<Spanned<Tool>>,
    pub(super) repository: Option<Spanned<String>>,
    pub(super) stanza: Option<Spanned<String>>,
    pub(super) password: Option<Spanned<String>>,
    #[serde(rename = "match")]
    pub(super) matches: Option<Spanned<String>>,
    pub(super) schedule: Option<Spanned<String>>,
    pub(super) grace: Option<Allowance>,
    pub(super) rpo: Option<Interval>,
    pub(super) min_size: Option<Size>,
    pub(super) size_change: Option<Bounds>,
    #[serde(default)]
    pub(super) verify: Verify,
    pub(super) keep: Option<Spanned<Keep>>,
    pub(super) rto: Option<Interval>,
    pub(super) copy: Option<Spanned<SecondPlace>>,
    #[serde(default)]
    pub(super) drill: Drill,
    #[serde(default)]
    pub(super) restore: Restore,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Restore {
    pub(super) stop: Option<Spanned<String>>,
    pub(super) start: Option<Spanned<String>>,
    pub(super) verify: Vec<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecondPlace {
    pub(super) to: Option<Spanned<String>>,
    pub(super) command: Option<Spanned<Argv>>,
    pub(super) hash: Option<Spanned<Argv>>,
    pub(super) max_age: Option<Interval>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Drill {
    pub(super) every: Option<Interval>,
    pub(super) queries: Vec<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Keep {
    pub(super) last: Option<Spanned<i64>>,
    pub(super) hourly: Option<Spanned<i64>>,
    pub(super) daily: Option<Spanned<i64>>,
    pub(super) weekly: Option<Spanned<i64>>,
    pub(super) monthly: Option<Spanned<i64>>,
    pub(super) yearly: Option<Spanned<i64>>,
    pub(super) within: Option<Interval>,
    pub(super) pick: Option<Spanned<String>>,
    pub(super) min: Option<Spanned<i64>>,
    pub(super) week_start: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Verify {
    pub(super) every: Option<Interval>,
    pub(super) rows: Option<Spanned<Vec<String>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Task {
    pub(super) id: Spanned<Id>,
    pub(super) source: Spanned<String>,
    #[serde(rename = "match")]
    pub(super) matches: Option<Spanned<String>>,
    pub(super) path: Option<Spanned<String>>,
    pub(super) database: Option<Spanned<String>>,
    pub(super) export: Option<Spanned<String>>,
    pub(super) schedule: Option<Spanned<String>>,
    pub(super) timezone: Option<Spanned<String>>,
    pub(super) grace: Option<Allowance>,
    pub(super) min_duration: Option<Spanned<Interval>>,
    pub(super) max_duration: Option<Interval>,
    pub(super) run: Option<Run>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    pub(super) command: Argv,
    pub(super) directory: Option<Spanned<String>>,
    pub(super) repeat: Option<Repeat>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Check {
    pub(super) id: Spanned<Id>,
    pub(super) command: Option<Argv>,
    pub(super) file: Option<Newest>,
    pub(super) age: Option<Spanned<Bounds>>,
    pub(super) every: Option<Every>,
    pub(super) timeout: Option<Spanned<Interval>>,
    #[serde(default)]
    pub(super) depends_on: Vec<Spanned<String>>,
}

/// `file = { newest = "exports/*" }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Newest {
    pub(super) newest: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Action {
    pub(super) id: Spanned<Id>,
    pub(super) title: Option<Label>,
    pub(super) risk: Risk,
    pub(super) command: Spanned<Argv>,
    pub(super) timeout: Option<Interval>,
    #[serde(default)]
    pub(super) params: Vec<Param>,
    #[serde(default)]
    pub(super) guards: Vec<Spanned<Guard>>,
    pub(super) verify: Option<Postcondition>,
    pub(super) undo: Option<Label>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Param {
    pub(super) name: Spanned<String>,
    pub(super) kind: ParamKind,
    pub(super) default: Option<Spanned<String>>,
}

/// `{ backup = "rota-db", within = "30m" }` or `{ idle = "rota" }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Guard {
    pub(super) backup: Option<Spanned<String>>,
    pub(super) within: Option<Interval>,
    pub(super) idle: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Postcondition {
    pub(super) check: Spanned<String>,
    pub(super) within: Interval,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checklist {
    pub(super) id: Spanned<Id>,
    pub(super) title: Label,
    pub(super) every: Period,
    pub(super) due: Option<Spanned<TimeOfDay>>,
    pub(super) sign_by: Option<Spanned<TimeOfDay>>,
    pub(super) owner: Option<Label>,
    pub(super) items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Item {
    pub(super) text: Spanned<Label>,
    pub(super) check: Option<Spanned<String>>,
    pub(super) confirm: Option<Spanned<bool>>,
}
