//! Manifests as they are written, sealed, flipped and cut.

use super::*;
use std::collections::BTreeMap;

pub(crate) fn manifest() -> Manifest {
    let at = chrono::DateTime::from_timestamp(1_772_416_800, 0).expect("instant");
    Manifest {
        format: FORMAT,
        id: "20260302T020000Z-0123456789ab".into(),
        tool: "rounds 0.1.0".into(),
        target: "rota-db".into(),
        engine: "sqlite".into(),
        engine_version: "3.51.3".into(),
        host: "db1".into(),
        started: at,
        finished: at,
        took_s: 0.4,
        clock_suspect: false,
        by: "alice".into(),
        why: "nightly".into(),
        source: Source {
            path: "/srv/rota/db.sqlite3".into(),
            size: 35_934_208,
            journal_mode: "wal".into(),
            page_size: 4096,
            user_version: 0,
        },
        counts: Counts { tables: BTreeMap::from([("a".into(), Some(3)), ("b".into(), None)]) },
        files: vec![File {
            name: "db.sqlite3".into(),
            bytes: 12,
            sha256: "ab".into(),
            packing: Compression::None,
            plain: None,
        }],
        checks: vec![Check { name: "integrity".into(), ok: true }],
        warnings: Vec::new(),
    }
}

#[test]
fn what_is_written_is_read() {
    let bytes = manifest().to_bytes().expect("json");
    assert_eq!(Manifest::from_bytes(&bytes).expect("sealed"), manifest());
    let mut packed = manifest();
    let seal = Seal { bytes: 5, sha256: "ab".into(), plain_bytes: 12, plain_sha256: "cd".into() };
    packed.files = vec![File::new("db.sqlite3.zst".into(), &seal, Compression::Zstd)];
    let bytes_of_packed = packed.to_bytes().expect("json");
    assert_eq!(Manifest::from_bytes(&bytes_of_packed).expect("sealed"), packed);
    let plain: serde_json::Value = serde_json::from_slice(&bytes).expect("plain JSON");
    assert_eq!(plain["counts"]["tables"]["a"], 3);
}

#[test]
fn what_belongs_to_a_backup_lies_beside_it_whatever_its_manifest_says() {
    let mut manifest = manifest();
    let file = |name: &str| File { name: name.into(), ..manifest.files[0].clone() };
    let names = ["db.dump", "db.dump.globals.sql", "db.dump/../../etc/passwd", "other"].map(file);
    manifest.files = names.into();
    let beside = manifest.beside(Path::new("/srv/db.dump"));
    assert_eq!(beside, [Path::new("/srv/db.dump.globals.sql"), Path::new("/srv/db.dump.manifest.json")]);
}

#[test]
fn every_single_bit_is_sealed() {
    let bytes = manifest().to_bytes().expect("json");
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(Manifest::from_bytes(&flipped).is_err(), "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert!(Manifest::from_bytes(&bytes[..length]).is_err(), "cut at {length}");
    }
}

#[test]
fn a_newer_format_is_newer_not_damaged() {
    let text = "{ \"format\": 2, \"files\": \"in another shape\",\n  ";
    let sealed = format!("{text}{SEAL}{}", seal_of(text));
    assert!(matches!(Manifest::from_bytes(sealed.as_bytes()), Err(ManifestError::Newer(2))));
    let flipped = sealed.replace("2,", "6,");
    assert!(matches!(Manifest::from_bytes(flipped.as_bytes()), Err(ManifestError::Damaged(_))));
}
