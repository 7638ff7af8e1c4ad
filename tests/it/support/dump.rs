//! Dumps of a server's database, as the real binary makes them in a [`World`].

use std::path::{Path, PathBuf};

use rounds::archive::{Verified, verify};
use rounds::domain::backup::Compression;
use tokio_util::sync::CancellationToken;

use super::{Answer, World};

/// Backs the database `rota` up; `password` is what `ROTA_PASSWORD` says.
pub(crate) fn back_up(world: &World, password: &str) -> Answer {
    let mut command = world.command(&["backup", "run", "rota", "--yes"]);
    command.env("ROTA_PASSWORD", password);
    Answer(command.output().expect("the binary runs"))
}

/// The dumps on the shelf whose names have that ending, compressed or not, the oldest first.
pub(crate) fn dumps(world: &World, ending: &str) -> Vec<PathBuf> {
    let named = |name: &String| Compression::split(name).0.rsplit_once('.').is_some_and(|(_, of)| of == ending);
    world.files("shelf").into_iter().filter(named).map(|name| world.path("shelf").join(name)).collect()
}

/// What a look at a dump says of it.
pub(crate) async fn check(file: &Path) -> Verified {
    verify(file.to_owned(), Vec::new(), CancellationToken::new()).await.expect("a verdict")
}
