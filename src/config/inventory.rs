//! What a configuration gives to act upon.

use super::address::Address;
use super::spec::{BackupSpec, Config, DatabaseSpec, TaskSource, TaskSpec};
use crate::domain::inventory::{BackupCard, DatabaseCard, Inventory, TaskCard};

impl Config {
    /// Every target that is configured. Tasks that are found at run time join later.
    pub fn inventory(&self) -> Inventory {
        Inventory {
            host: self.host_name.clone(),
            system: self.system.clone(),
            zone: self.zone.clone(),
            databases: self.databases.iter().map(|spec| (spec.id.clone(), spec.card())).collect(),
            backups: self.backups.iter().map(|spec| (spec.id.clone(), spec.card())).collect(),
            tasks: self.tasks.iter().map(|spec| (spec.id.clone(), spec.card())).collect(),
            actions: self.actions.iter().map(|card| (card.name.as_str().to_owned(), card.clone())).collect(),
        }
    }
}

impl DatabaseSpec {
    fn card(&self) -> DatabaseCard {
        DatabaseCard {
            id: self.id.clone(),
            engine: self.address.engine().name,
            location: match &self.address {
                Address::File(path) => path.display().to_string(),
                Address::Server(_) | Address::Mysql(_) => self.address.to_string(),
            },
            path: self.address.file().map(ToOwned::to_owned),
            name: match &self.address {
                Address::File(_) => String::new(),
                Address::Server(server) => server.database.clone(),
                Address::Mysql(server) => server.database.clone(),
            },
            can: self.address.engine().can,
            timeout: self.timeout,
        }
    }
}

impl BackupSpec {
    fn card(&self) -> BackupCard {
        BackupCard {
            id: self.id.clone(),
            database: self.database.clone(),
            command: self.command.clone(),
            files: self.own_files().cloned(),
            compress: self.compress,
            rows: self.rows.clone(),
            keep: self.keep.clone(),
            copy: self.copy.as_ref().map(|copy| copy.place.clone()),
            drill_queries: self.drill.queries.clone(),
            schedule: self.schedule.clone(),
            restore: self.restore.clone(),
        }
    }
}

impl TaskSpec {
    fn card(&self) -> TaskCard {
        let why = match self.source {
            TaskSource::Cron => "its line has not been found in a crontab; say with `run` how it is started",
            TaskSource::Systemd | TaskSource::Schtasks if self.export.is_some() => "it belongs to another machine",
            TaskSource::Systemd => "systemd was not asked for it; say with `run` how it is started",
            TaskSource::Schtasks => "the Task Scheduler was not asked for it; say with `run` how it is started",
            TaskSource::Exec | TaskSource::File | TaskSource::Log | TaskSource::Sql => {
                "nothing says how it is started; say it with `run`"
            }
        };
        let run = self.run.clone().ok_or_else(|| why.to_owned());
        TaskCard { id: self.id.clone(), run, repeat: self.repeat }
    }
}
