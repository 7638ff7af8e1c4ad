//! The database of the demo: the staff rota of a care home, as large as one gets in a year.

use std::path::Path;
use std::time::Duration;

use chrono::NaiveDate;
use rusqlite::{Connection, params};

/// How far ahead shifts are planned, in days.
pub(super) const PLANNED: i64 = 14;
/// How many days of shifts there are before that.
pub(super) const HISTORY: i64 = 400;
/// How many people there are.
const STAFF: i64 = 240;
pub(super) const WARDS: [&str; 6] = ["Ash", "Birch", "Cedar", "Elm", "Hazel", "Rowan"];

const SCHEMA: &str = "
PRAGMA journal_mode = WAL;
CREATE TABLE staff (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, ward TEXT NOT NULL
);
CREATE TABLE shift (
    id INTEGER PRIMARY KEY, staff INTEGER NOT NULL REFERENCES staff, day TEXT NOT NULL,
    starts TEXT NOT NULL, hours INTEGER NOT NULL, note TEXT NOT NULL
);
CREATE INDEX shift_by_day ON shift (day);
CREATE TABLE leave (
    id INTEGER PRIMARY KEY, staff INTEGER NOT NULL REFERENCES staff, first_day TEXT NOT NULL,
    last_day TEXT NOT NULL, state TEXT NOT NULL
);
CREATE TABLE clocking (
    id INTEGER PRIMARY KEY, staff INTEGER NOT NULL REFERENCES staff, at TEXT NOT NULL, what TEXT NOT NULL
);";

/// Opens the database as its own application does.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    // In a write-ahead log a commit need not reach the disk at once to be safe from our end.
    connection.execute_batch("PRAGMA synchronous = NORMAL")?;
    Ok(connection)
}

/// Makes the tables, the staff and three years of leave before `today`.
pub(super) fn found(connection: &mut Connection, today: NaiveDate) -> rusqlite::Result<()> {
    const FIRST: [&str; 12] =
        ["Ada", "Ben", "Chloe", "David", "Elsie", "Farah", "George", "Hannah", "Imran", "Joan", "Kofi", "Lena"];
    const LAST: [&str; 20] = [
        "Abbott", "Baker", "Chen", "Doyle", "Evans", "Frost", "Gill", "Hughes", "Ibrahim", "Jones", "Khan", "Lewis",
        "Mills", "Nolan", "Owen", "Patel", "Quinn", "Reid", "Shah", "Turner",
    ];
    connection.execute_batch(SCHEMA)?;
    let all = connection.transaction()?;
    {
        let mut staff = all.prepare("INSERT INTO staff (id, name, role, ward) VALUES (?1, ?2, ?3, ?4)")?;
        for (number, id) in (1..=STAFF).enumerate() {
            let name = format!("{} {}", FIRST[number % FIRST.len()], LAST[number / FIRST.len() % LAST.len()]);
            let role = if number.is_multiple_of(5) { "nurse" } else { "carer" };
            staff.execute(params![id, name, role, WARDS[number % WARDS.len()]])?;
        }
    }
    all.execute(
        "WITH RECURSIVE turn (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM turn WHERE n < 11) \
         INSERT INTO leave (staff, first_day, last_day, state) \
         SELECT staff.id, date(?1, (staff.id % 30 - n * 91) || ' days'), \
                date(?1, (staff.id % 30 - n * 91 + 6) || ' days'), 'approved' \
           FROM staff, turn",
        [today.to_string()],
    )?;
    all.commit()
}

/// Plans the shifts of some days.
pub(super) fn plan(connection: &mut Connection, first: NaiveDate, days: i64) -> rusqlite::Result<()> {
    let all = connection.transaction()?;
    all.execute(
        "WITH RECURSIVE turn (n, day) AS ( \
             SELECT 0, ?1 UNION ALL SELECT n + 1, date(?1, '+' || (n + 1) || ' days') FROM turn WHERE n + 1 < ?2) \
         INSERT INTO shift (staff, day, starts, hours, note) \
         SELECT staff.id, day, CASE staff.id % 3 WHEN 0 THEN '07:00' WHEN 1 THEN '14:00' ELSE '21:00' END, \
                7 + staff.id % 3, \
                staff.ward || ' ward, room ' || (1 + (staff.id * 7 + n) % 48) || ': medication round, ' || \
                CASE (staff.id + n) % 4 \
                  WHEN 0 THEN 'fluids chart kept, turned every two hours, family visit in the afternoon' \
                  WHEN 1 THEN 'walked to the garden, slept well, care plan to be reviewed this week' \
                  WHEN 2 THEN 'asked for the chaplain, weight taken, dressing changed in the evening' \
                  ELSE 'quiet night, blood pressure taken twice, new glasses ordered' END \
           FROM turn, staff WHERE (staff.id + n) % 7 < 5",
        params![first.to_string(), days],
    )?;
    all.commit()
}

/// Leaves room in the file that a vacuum gives back: a table that was imported and dropped.
pub(super) fn leave_room(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE import AS SELECT * FROM shift LIMIT 12000; DROP TABLE import; PRAGMA wal_checkpoint(TRUNCATE)",
    )
}
