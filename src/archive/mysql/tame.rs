//! What of a dump goes into a scratch: nothing that names another schema or the server itself, no
//! event that would begin to work there, and no definer that our user may not speak for.

use crate::domain::sanitize;

/// Of a longer line only so much is looked at; it holds rows.
const LONGEST: usize = 64 * 1024;
/// Statements that reach beyond the schema they are run in.
const BEYOND: &[&str] = &[
    "USE",
    "CREATE DATABASE",
    "CREATE SCHEMA",
    "DROP DATABASE",
    "DROP SCHEMA",
    "CHANGE MASTER",
    "CHANGE REPLICATION",
    "START SLAVE",
    "START REPLICA",
    "STOP SLAVE",
    "STOP REPLICA",
    "SET GLOBAL",
    "SET @@GLOBAL",
    "SET PERSIST",
    "GRANT",
    "REVOKE",
    "CREATE USER",
    "CREATE OR REPLACE USER",
    "DROP USER",
    "ALTER USER",
    "CREATE ROLE",
    "FLUSH",
    "RESET",
    "INSTALL",
    "PURGE",
    "KILL",
    "SHUTDOWN",
];
/// After these stands the name of what is changed.
const NAMING: &[&str] = &[
    "INSERT INTO ",
    "INSERT IGNORE INTO ",
    "REPLACE INTO ",
    "CREATE TABLE ",
    "CREATE TABLE IF NOT EXISTS ",
    "DROP TABLE IF EXISTS ",
    "DROP TABLE ",
    "DROP VIEW IF EXISTS ",
    "ALTER TABLE ",
    "LOCK TABLES ",
    "TRUNCATE TABLE ",
    "DELETE FROM ",
    "UPDATE ",
];

/// A dump as it comes by, in pieces of any size.
#[derive(Debug)]
pub(super) struct Tame {
    /// The schema it goes to.
    into: String,
    line: Vec<u8>,
    number: u64,
    /// The rest of a line of which enough was seen.
    passing: bool,
    /// Within what has another delimiter: the text of routines, triggers and events.
    in_routine: bool,
    /// Within the events.
    leaving_out: bool,
    /// Events that were left out.
    pub(super) events: u64,
}

impl Tame {
    pub(super) fn new(into: &str) -> Self {
        Self {
            into: into.to_owned(),
            line: Vec::new(),
            number: 0,
            passing: false,
            in_routine: false,
            leaving_out: false,
            events: 0,
        }
    }

    /// Gives what may go in to `out`. The error says why none of it may.
    pub(super) fn take(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        for piece in text.split_inclusive(|byte| *byte == b'\n') {
            let ends = piece.ends_with(b"\n");
            if self.passing {
                out.extend_from_slice(if self.leaving_out { &[] } else { piece });
                self.passing = !ends;
                continue;
            }
            self.line.extend_from_slice(piece);
            if ends || self.line.len() >= LONGEST {
                self.passing = !ends;
                self.end(out)?;
            }
        }
        Ok(())
    }

    /// The last line, where no line end came after it.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        if self.line.is_empty() { Ok(()) } else { self.end(out) }
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        self.number += 1;
        let line = std::mem::take(&mut self.line);
        if let Some(delimiter) = line.strip_prefix(b"DELIMITER ") {
            self.in_routine = delimiter.trim_ascii() != b";";
        } else if !self.in_routine {
            let begins = |text: &str| line.starts_with(text.as_bytes());
            if begins("-- Dumping events for database") {
                self.leaving_out = true;
            } else if begins("-- Dumping routines for database") || begins("/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE") {
                self.leaving_out = false;
            }
            beyond(&line).map_err(|why| format!("line {}: {why}", self.number))?;
        }
        if self.leaving_out {
            self.events +=
                u64::from(line.windows(7).any(|word| word == b" EVENT ") && line.starts_with(b"/*!50106 CREATE"));
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix(b"ALTER DATABASE `")
            && let Some(end) = rest.iter().position(|byte| *byte == b'`')
        {
            out.extend_from_slice(b"ALTER DATABASE `");
            out.extend_from_slice(self.into.as_bytes());
            out.extend_from_slice(&rest[end..]);
            return Ok(());
        }
        match definer(&line) {
            Some((from, to)) => {
                out.extend_from_slice(&line[..from]);
                out.extend_from_slice(&line[to..]);
            }
            None => out.extend_from_slice(&line),
        }
        Ok(())
    }
}

/// Why a line would reach beyond its schema.
fn beyond(line: &[u8]) -> Result<(), String> {
    let mut bare = line;
    for opening in [&b"/*!"[..], b"/*M!"] {
        if let Some(rest) = line.strip_prefix(opening) {
            bare = rest.trim_ascii_start();
            while let [b'0'..=b'9', rest @ ..] = bare {
                bare = rest;
            }
            bare = bare.trim_ascii_start();
        }
    }
    let head = String::from_utf8_lossy(&bare[..bare.len().min(256)]).into_owned();
    let upper = head.to_ascii_uppercase();
    let shown = || sanitize::line(head.lines().next().unwrap_or_default().trim());
    let is_word = |word: &&&str| {
        upper
            .strip_prefix(**word)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    };
    if BEYOND.iter().any(|word| is_word(&word)) {
        return Err(format!("`{}` reaches beyond the one schema that a drill makes; dump one database alone", shown()));
    }
    let Some(prefix) = NAMING.iter().filter(|prefix| upper.starts_with(**prefix)).max_by_key(|prefix| prefix.len())
    else {
        return Ok(());
    };
    if is_qualified(&head[prefix.len()..]) {
        return Err(format!("`{}` names a schema of its own; dump one database alone", shown()));
    }
    Ok(())
}

/// Whether a name begins with that of its schema: `` `rota`.`staff` ``
fn is_qualified(text: &str) -> bool {
    let Some(mut rest) = text.strip_prefix('`') else {
        return text.split([' ', '(', ';', ',', '\n']).next().is_some_and(|name| name.contains('.'));
    };
    while let Some(end) = rest.find('`') {
        rest = &rest[end + 1..];
        match rest.strip_prefix('`') {
            Some(more) => rest = more,
            None => return rest.trim_start().starts_with('.'),
        }
    }
    false
}

/// Where a line names its definer: ``DEFINER=`root`@`localhost` ``
fn definer(line: &[u8]) -> Option<(usize, usize)> {
    const WORD: &[u8] = b"DEFINER=`";
    if !line.starts_with(b"/*!5") && !line.starts_with(b"CREATE ") {
        return None;
    }
    let head = &line[..line.len().min(1024)];
    let from = head.windows(WORD.len()).position(|word| word == WORD)?;
    let name = |text: &[u8], mut at: usize| {
        loop {
            at += text.get(at..)?.iter().position(|byte| *byte == b'`')? + 1;
            match text.get(at) {
                Some(b'`') => at += 1,
                _ => return Some(at),
            }
        }
    };
    let user = name(line, from + WORD.len())?;
    let to = if line[user..].starts_with(b"@`") { name(line, user + 2)? } else { user };
    Some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tamed(text: &str) -> Result<(String, u64), String> {
        let mut tame = Tame::new("scratch");
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(7) {
            tame.take(piece, &mut out)?;
        }
        tame.finish(&mut out)?;
        Ok((String::from_utf8(out).expect("text"), tame.events))
    }

    #[test]
    fn rows_and_routines_pass_and_events_and_definers_do_not() {
        let text = "-- MariaDB dump\n/*!40000 ALTER TABLE `a` DISABLE KEYS */;\nINSERT INTO `a` VALUES\n(1,'USE rota'),\n(2,'x');\n\
            ALTER DATABASE `rota` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ;\n\
            /*!50003 CREATE*/ /*!50017 DEFINER=`ro``ot`@`localhost`*/ /*!50003 TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @x=1 */;;\n\
            /*!50013 DEFINER=`root`@`%` SQL SECURITY DEFINER */\n\
            -- Dumping events for database 'rota'\nDELIMITER ;;\n\
            /*!50106 CREATE*/ /*!50117 DEFINER=`root`@`localhost`*/ /*!50106 EVENT `e` ON SCHEDULE EVERY 1 DAY DO\n\
            -- Dumping routines for database 'in a comment'\ndelete from a */ ;;\nDELIMITER ;\n\
            -- Dumping routines for database 'rota'\nDELIMITER ;;\nCREATE DEFINER=`root`@`localhost` PROCEDURE `p`()\n\
            BEGIN\nFLUSH TABLES;\nEND ;;\nDELIMITER ;\n-- Dump completed\n";
        let (out, events) = tamed(text).expect("harmless");
        assert_eq!(events, 1);
        for gone in ["EVENT", "delete from a", "root", "ro``ot", "`rota`"] {
            assert!(!out.contains(gone), "{gone}: {out}");
        }
        for kept in [
            "(1,'USE rota'),\n(2,'x');\n",
            "ALTER DATABASE `scratch` CHARACTER SET utf8mb4",
            "/*!50003 CREATE*/ /*!50017 */ /*!50003 TRIGGER t",
            "/*!50013  SQL SECURITY DEFINER */",
            "CREATE  PROCEDURE `p`()\nBEGIN\nFLUSH TABLES;\nEND ;;\n",
            "-- Dump completed\n",
        ] {
            assert!(out.contains(kept), "{kept}: {out}");
        }
    }

    #[test]
    fn what_reaches_beyond_its_schema_is_refused_with_its_line() {
        for statement in [
            "USE `rota`;",
            "use rota;",
            "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `rota`;",
            "/*!40000 DROP DATABASE IF EXISTS `rota`*/;",
            "SET @@GLOBAL.GTID_PURGED='x';",
            "CHANGE MASTER TO MASTER_LOG_FILE='x';",
            "GRANT ALL ON *.* TO x;",
            "INSERT INTO `rota`.`staff` VALUES (1);",
            "INSERT INTO rota.staff VALUES (1);",
            "DROP TABLE IF EXISTS `rota` . `staff`;",
        ] {
            let why = tamed(&format!("-- MySQL dump\n{statement}\n")).expect_err(statement);
            assert!(why.starts_with("line 2: `"), "{statement}: {why}");
        }
        for harmless in
            ["INSERT INTO `od.d` VALUES (1);", "INSERT INTO `a``.b` VALUES (1.5);", "USER_DATA", "-- USE it"]
        {
            tamed(harmless).expect(harmless);
        }
    }

    #[test]
    fn a_line_longer_than_any_other_passes_whole() {
        let text = format!("INSERT INTO `a` VALUES ('{}');\nUSE x;\n", "USE y; ".repeat(20_000));
        let why = tamed(&text).expect_err("the second line");
        assert!(why.starts_with("line 2: `USE x;`"), "{why}");
    }
}
