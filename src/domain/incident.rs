//! Incidents: what failed, why, what it was mended with, what it cost and what was learned. Each is
//! its notes in the audit log, which nobody changes afterwards; here they are read together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::audit::{Actor, AuditEntry, AuditRecord, Phase};
use crate::domain::redact;
use crate::domain::time::Timestamp;

/// How the notes of incidents are linked: by this, and an id. What follows is the job that opened
/// one, where it was a job.
pub const LINK: &str = "incident:";

/// What the record of an incident has to say before it is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    FailedAt,
    Cause,
    BackupUsed,
    DataLost,
    Lessons,
}

impl Field {
    pub const ALL: [Field; 5] = [Field::FailedAt, Field::Cause, Field::BackupUsed, Field::DataLost, Field::Lessons];

    /// As a document names it.
    pub const fn key(self) -> &'static str {
        match self {
            Field::FailedAt => "failed_at",
            Field::Cause => "cause",
            Field::BackupUsed => "backup_used",
            Field::DataLost => "data_lost",
            Field::Lessons => "lessons",
        }
    }

    /// As people read it.
    pub const fn label(self) -> &'static str {
        match self {
            Field::FailedAt => "failed at",
            Field::Cause => "cause",
            Field::BackupUsed => "backup used",
            Field::DataLost => "data lost",
            Field::Lessons => "lessons learned",
        }
    }

    /// As the command line asks for it.
    pub const fn flag(self) -> &'static str {
        match self {
            Field::FailedAt => "--failed-at",
            Field::Cause => "--cause",
            Field::BackupUsed => "--backup-used",
            Field::DataLost => "--data-lost",
            Field::Lessons => "--lessons",
        }
    }
}

/// What is known of it, by field.
pub type Fields = BTreeMap<Field, String>;

/// What one note adds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Says {
    /// What it is called; only said as it is opened.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub fields: Fields,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// What a note does to its incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Open,
    Note,
    Close,
}

impl Turn {
    const ALL: [Turn; 3] = [Turn::Open, Turn::Note, Turn::Close];

    /// What the audit log calls it.
    pub const fn word(self) -> &'static str {
        match self {
            Turn::Open => "incident-open",
            Turn::Note => "incident-note",
            Turn::Close => "incident-close",
        }
    }

    /// The note, for the audit log. `id` is the same for all notes of one incident.
    pub fn entry(self, id: &str, target: &str, says: &Says, actor: &Actor, at: Timestamp) -> AuditEntry {
        let clear = |text: &String| redact::text(text.trim()).into_owned();
        let fields: Fields = says.fields.iter().map(|(field, text)| (*field, clear(text))).collect();
        let says = Says { title: clear(&says.title), fields, text: clear(&says.text) };
        let begins = match self {
            Turn::Open => format!("incident opened: {}", says.title),
            Turn::Note => "incident".to_owned(),
            Turn::Close => "incident closed".to_owned(),
        };
        // Whoever opens one is told all five, and which of them nobody has said yet.
        let told = Field::ALL.into_iter().filter_map(|field| match says.fields.get(&field) {
            Some(text) if !text.is_empty() => Some(format!("{}: {text}", field.label())),
            _ if self == Turn::Open => Some(format!("{}: to be written", field.label())),
            _ => None,
        });
        let text = Some(says.text.clone()).filter(|text| !text.is_empty());
        let detail: Vec<String> = std::iter::once(begins).chain(text).chain(told).collect();
        AuditEntry {
            at,
            phase: Phase::Note,
            correlation: format!("{LINK}{id}"),
            actor: actor.clone(),
            action: self.word().to_owned(),
            target: target.to_owned(),
            risk: "routine".to_owned(),
            reason: String::new(),
            // It is text and texts by names: there is nothing that could not be written.
            plan: serde_json::to_string(&says).unwrap_or_default(),
            outcome: None,
            detail: detail.join("; "),
            took_s: None,
        }
    }
}

/// Something that failed, and what is known of it by now.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// The number of the record that opened it.
    pub number: u64,
    /// What links its notes, without what all such links begin with.
    pub id: String,
    /// What it is about, such as `backup:rota-db`; may be nothing.
    pub target: String,
    pub title: String,
    pub opened_at: Timestamp,
    pub opened_by: String,
    pub fields: Fields,
    /// Oldest first.
    pub notes: Vec<Note>,
    pub closed: Option<Closed>,
}

/// What somebody added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub at: Timestamp,
    pub by: String,
    pub text: String,
}

/// When it was closed, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    pub at: Timestamp,
    pub by: String,
}

impl Incident {
    pub fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// What somebody has yet to say.
    pub fn missing(&self) -> Vec<Field> {
        let said = |field: &Field| self.fields.get(field).is_some_and(|text| !text.is_empty());
        Field::ALL.into_iter().filter(|field| !said(field)).collect()
    }

    fn take(&mut self, says: Says, record: &AuditRecord) {
        let entry = &record.entry;
        // What is closed does not change any more, whoever comes late.
        if !self.is_open() {
            return;
        }
        self.fields.extend(says.fields.into_iter().filter(|(_, text)| !text.is_empty()));
        if !says.text.is_empty() {
            self.notes.push(Note { at: entry.at, by: entry.actor.operator.clone(), text: says.text });
        }
    }
}

/// Whether a record tells of an incident.
pub fn tells(record: &AuditRecord) -> bool {
    turn(record).is_some()
}

fn turn(record: &AuditRecord) -> Option<Turn> {
    let entry = &record.entry;
    let linked = entry.phase == Phase::Note && entry.correlation.starts_with(LINK);
    Turn::ALL.into_iter().find(|turn| linked && turn.word() == entry.action)
}

/// Every incident that records tell of, in the order they were opened; the records may be any, oldest
/// first.
pub fn all<'a>(records: impl IntoIterator<Item = &'a AuditRecord>) -> Vec<Incident> {
    let mut incidents: Vec<Incident> = Vec::new();
    for record in records {
        let Some(turn) = turn(record) else { continue };
        let entry = &record.entry;
        let id = entry.correlation.strip_prefix(LINK).unwrap_or_default();
        let says: Says = serde_json::from_str(&entry.plan).unwrap_or_default();
        if turn == Turn::Open && incidents.iter().all(|known| known.id != id) {
            incidents.push(Incident {
                number: record.seq,
                id: id.to_owned(),
                target: entry.target.clone(),
                title: says.title.clone(),
                opened_at: entry.at,
                opened_by: entry.actor.operator.clone(),
                fields: Fields::new(),
                notes: Vec::new(),
                closed: None,
            });
        }
        let Some(incident) = incidents.iter_mut().find(|known| known.id == id) else { continue };
        incident.take(says, record);
        if turn == Turn::Close && incident.is_open() {
            incident.closed = Some(Closed { at: entry.at, by: entry.actor.operator.clone() });
        }
    }
    incidents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(turns: &[(Turn, &str, Says)]) -> Vec<AuditRecord> {
        let actor = Actor { operator: "asha".into(), ..Actor::default() };
        let record = |(index, (turn, id, says)): (usize, &(Turn, &str, Says))| AuditRecord {
            seq: 7 + index as u64,
            entry: turn.entry(id, "backup:rota-db", says, &actor, Timestamp::UNIX_EPOCH),
            prev: String::new(),
            hash: String::new(),
        };
        turns.iter().enumerate().map(record).collect()
    }

    fn says(fields: &[(Field, &str)]) -> Says {
        Says { fields: fields.iter().map(|(field, text)| (*field, (*text).to_owned())).collect(), ..Says::default() }
    }

    #[test]
    fn what_is_noted_adds_up_until_it_is_closed_and_no_longer() {
        let opened = Says { title: "Restore rota".into(), ..says(&[(Field::Cause, ""), (Field::DataLost, "an hour")]) };
        let notes = [
            (Turn::Open, "a", opened),
            (Turn::Note, "a", Says { text: "the import stopped".into(), ..says(&[(Field::Cause, "the import")]) }),
            (Turn::Note, "b", says(&[(Field::Cause, "nobody opened that one")])),
            (Turn::Note, "a", says(&[(Field::Cause, "a full disk"), (Field::DataLost, " ")])),
            (Turn::Close, "a", says(&[(Field::Lessons, "a floor for the disk")])),
            (Turn::Note, "a", Says { text: "too late".into(), ..says(&[(Field::Cause, "another")]) }),
            (Turn::Close, "a", Says::default()),
        ];
        let told = records(&notes);
        let open = &all(&told[..4])[0];
        assert!(open.is_open());
        assert_eq!(open.missing(), [Field::FailedAt, Field::BackupUsed, Field::Lessons]);
        let found = all(&told);
        let [incident] = found.as_slice() else { unreachable!("one of them: {found:?}") };
        assert_eq!((incident.number, incident.title.as_str(), incident.is_open()), (7, "Restore rota", false));
        assert_eq!(incident.fields[&Field::Cause], "a full disk");
        assert_eq!(incident.fields[&Field::DataLost], "an hour", "nothing takes the place of nothing");
        assert_eq!(incident.notes.iter().map(|note| note.text.as_str()).collect::<Vec<_>>(), ["the import stopped"]);
    }

    #[test]
    fn a_note_says_in_the_log_what_it_says_and_no_secret() {
        let notes = records(&[(
            Turn::Open,
            "a",
            Says {
                title: "Restore".into(),
                ..says(&[(Field::Cause, "postgres://rota:hunter2@db/rota was in the script")])
            },
        )]);
        let entry = &notes[0].entry;
        let detail = "incident opened: Restore; failed at: to be written; cause: postgres://rota:***@db/rota was in the \
                      script; backup used: to be written; data lost: to be written; lessons learned: to be written";
        assert_eq!(entry.detail, detail);
        assert!(!entry.plan.contains("hunter2"), "{}", entry.plan);
        assert!(tells(&notes[0]));
        let act =
            AuditRecord { entry: AuditEntry { correlation: "a job".into(), ..entry.clone() }, ..notes[0].clone() };
        assert!(!tells(&act) && all([&act]).is_empty(), "an act that is called so is none");
    }
}
