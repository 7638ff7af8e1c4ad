//! Names of backups, of every hour of a year and of none.

use super::*;

fn utc(text: &str) -> Timestamp {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").expect("test time").and_utc()
}

fn london(text: &str) -> StampPattern {
    StampPattern::parse(text, Zone::named("Europe/London").expect("zone")).expect("pattern")
}

#[test]
fn a_name_says_when_the_backup_was_taken_in_its_own_zone() {
    let pattern = london("/srv/rota/db_backup_%Y%m%d_%H%M%S.sqlite3");
    let summer = utc("2026-07-01 01:00:07");
    assert_eq!(pattern.name_for(summer), Path::new("/srv/rota/db_backup_20260701_020007.sqlite3"));
    assert_eq!(pattern.taken_at("db_backup_20260701_020007.sqlite3"), Some(summer));
    assert_eq!(pattern.taken_at("db_backup_20260701_020007.sqlite3.zst"), Some(summer));
    assert_eq!(pattern.taken_at("db_backup_20260701_020007.sqlite3.gz.zst"), None);
    assert_eq!(pattern.dir(), Path::new("/srv/rota"));
}

#[test]
fn what_ends_in_dir_is_a_directory_and_its_name_says_nothing_of_packing() {
    let (tree, file) = (london("/srv/rota_%Y%m%d.dir"), london("/srv/rota_%Y%m%d.dump"));
    assert!(tree.is_directory() && !file.is_directory());
    let named = |pattern: &StampPattern, name: &str| pattern.packed(Compression::Zstd, Path::new(name));
    assert_eq!(named(&tree, "/srv/rota_20260302.dir"), Path::new("/srv/rota_20260302.dir"));
    assert_eq!(named(&file, "/srv/rota_20260302.dump"), Path::new("/srv/rota_20260302.dump.zst"));
}

#[test]
fn names_that_are_not_of_the_pattern_are_left_alone() {
    let pattern = london("/srv/db_%Y%m%d_%H%M%S.sqlite3");
    for name in [
        "db_20260701_020007.sqlite3.manifest.json",
        "db_20260701_020007.sqlite3.bz2",
        ".partial-db_20260701_020007.sqlite3",
        "db_20260230_020007.sqlite3",
        "db_20260701_250007.sqlite3",
        "db_2026070_1020007.sqlite3",
        "db_+2260701_020007.sqlite3",
        "db_２026070_020007.sqlite3",
        "xdb_20260701_020007.sqlite3",
        "",
    ] {
        assert_eq!(pattern.taken_at(name), None, "{name}");
    }
}

#[test]
fn stamps_across_the_changes_of_the_clock() {
    let pattern = london("/srv/db_%Y%m%d_%H%M%S.bak");
    // Shown twice on 25 October: the first of the two.
    assert_eq!(pattern.taken_at("db_20261025_013000.bak"), Some(utc("2026-10-25 00:30:00")));
    // Both instants get the same name; the second copy is refused rather than merged.
    assert_eq!(pattern.name_for(utc("2026-10-25 00:30:00")), pattern.name_for(utc("2026-10-25 01:30:00")));
    // Never shown on 29 March: the instant of the jump.
    assert_eq!(pattern.taken_at("db_20260329_013000.bak"), Some(utc("2026-03-29 01:00:00")));
    // Every instant of a year, by 7 hours and a bit, reads back as it was written.
    let mut at = utc("2026-01-01 00:00:00");
    let repeated = utc("2026-10-25 01:00:00")..utc("2026-10-25 02:00:00");
    let mut checked = 0;
    while at < utc("2027-01-01 00:00:00") {
        let path = pattern.name_for(at);
        let name = path.file_name().and_then(|name| name.to_str()).expect("name");
        if !repeated.contains(&at) {
            assert_eq!(pattern.taken_at(name), Some(at), "{name}");
            checked += 1;
        }
        at += Duration::seconds(25_207);
    }
    assert!(checked > 1_200, "{checked}");
}

#[test]
fn less_than_seconds_is_allowed_and_known() {
    assert_eq!(london("/a/%Y-%m-%d.tar").precision(), Duration::days(1));
    assert_eq!(london("/a/%d.%m.%Y-%H.tar").precision(), Duration::hours(1));
    assert_eq!(london("/100%%_%Y%m%d.tar").name_for(utc("2026-01-02 00:00:00")), Path::new("/100%_20260102.tar"));
}

#[test]
fn what_is_no_pattern_is_refused_with_the_reason() {
    let table = [
        ("db_%Y%m%d", StampError::Relative("db_%Y%m%d".into())),
        ("srv/db_%Y%m%d", StampError::Relative("srv/db_%Y%m%d".into())),
        ("/srv/%Y/db_%Y%m%d", StampError::StampedDirectory("/srv/%Y/db_%Y%m%d".into())),
        ("/srv/db_%Y%m%d/", StampError::NoFile("/srv/db_%Y%m%d/".into())),
        ("/srv/db_%y%m%d", StampError::UnknownField("%y".into())),
        ("/srv/db_%Y%m%d%", StampError::UnknownField("%".into())),
        ("/srv/db_%Y%m%d_%d", StampError::Twice('d')),
        ("/srv/db.sqlite3", StampError::Missing('Y')),
        ("/srv/db_%Y%m", StampError::Missing('d')),
        ("/srv/db_%Y%m%d_%M", StampError::Missing('H')),
        ("/srv/.partial-%Y%m%d", StampError::Reserved(".partial-%Y%m%d".into())),
    ];
    for (text, error) in table {
        assert_eq!(StampPattern::parse(text, Zone::utc()).expect_err(text), error, "{text}");
    }
}

#[test]
fn what_a_restore_replaced_has_a_name_of_its_time_by_which_it_is_found() {
    let pattern = london("/srv/db_%Y%m%d.sqlite3");
    let of_day = pattern.name_for(utc("2026-07-01 01:00:07"));
    let id = "019aa7d6-91c2-7b3e-9f1e-2f6d6a1b0c4d";
    let aside = StampPattern::replaced(&of_day, id);
    assert_eq!(aside, PathBuf::from(format!("/srv/before-restore-{id}_db_20260701.sqlite3")));
    let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).map(ToOwned::to_owned).expect("a name");
    assert_eq!(pattern.stamp_of(&name(&aside)), pattern.stamp_of(&name(&of_day)));
    assert!(StampPattern::is_replaced(&name(&aside)) && !StampPattern::is_replaced(&name(&of_day)));
    assert_eq!(pattern.stamp_of(&format!("{}.zst", name(&aside))), pattern.stamp_of(&name(&of_day)));
    for strange in [
        "before-restore-_db_20260701.sqlite3",
        "before-restore-x y_db_20260701.sqlite3",
        "before-restore-db_20260701.sqlite3",
    ] {
        assert_eq!(pattern.stamp_of(strange), None, "{strange}");
    }
}
