//! How a backup is packed, told from a setting or from the ending of a name.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The packing of a backup file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// As it was made.
    #[default]
    None,
    Zstd,
    Gzip,
}

const ENDINGS: [(&str, Compression); 2] = [(".zst", Compression::Zstd), (".gz", Compression::Gzip)];

impl Compression {
    pub const ALL: [Self; 3] = [Self::None, Self::Zstd, Self::Gzip];

    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// What is added to a name: `.zst`; nothing for what is not packed.
    pub fn ending(self) -> &'static str {
        ENDINGS.iter().find(|(_, packing)| *packing == self).map_or("", |(ending, _)| ending)
    }

    /// A name without such an ending, and the packing it stands for.
    pub fn split(name: &str) -> (&str, Self) {
        let packed = ENDINGS.iter().find_map(|(ending, packing)| Some((name.strip_suffix(ending)?, *packing)));
        packed.unwrap_or((name, Self::None))
    }

    /// What the name of a file says.
    pub fn of_name(path: &Path) -> Self {
        path.file_name().and_then(|name| name.to_str()).map_or(Self::None, |name| Self::split(name).1)
    }

    /// The name of a file once it is packed like this; one that says so already stays as it is.
    pub fn name(self, path: &Path) -> PathBuf {
        if Self::of_name(path) == self {
            return path.to_owned();
        }
        let mut name = OsString::from(path);
        name.push(self.ending());
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_how_a_file_is_packed_and_says_it_once() {
        assert_eq!(Compression::split("db.sqlite3.zst"), ("db.sqlite3", Compression::Zstd));
        assert_eq!(Compression::split("dump.sql.gz"), ("dump.sql", Compression::Gzip));
        assert_eq!(Compression::split("zst"), ("zst", Compression::None));
        let plain = Path::new("/srv/db.sqlite3");
        assert_eq!(Compression::Zstd.name(plain), Path::new("/srv/db.sqlite3.zst"));
        assert_eq!(Compression::Zstd.name(Path::new("/srv/db.zst")), Path::new("/srv/db.zst"));
        assert_eq!(Compression::None.name(plain), plain);
    }
}
