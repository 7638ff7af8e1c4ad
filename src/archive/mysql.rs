//! Dumps of a MySQL or MariaDB database by its own tool, in one transaction. The rows are counted
//! in the dump itself while it comes, so that what the manifest counts is what restores.

mod drill;
mod tame;
mod tool;

use std::path::Path;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use self::tool::Tool;
use super::counts::Counts;
use super::manifest::Source;
use super::method::{Making, Method, Written};
use super::pack::Packer;
use super::sql::Text;
use super::stream::{dumped, limits};
use super::{ArchiveError, failed, sql};
use crate::config::{Address, MysqlAddress, SecretRef};
use crate::database::{mysql, room};
use crate::domain::backup::Compression;
use crate::domain::engine::MYSQL;
use crate::domain::plan::Invocation;
use crate::domain::{humanize, sanitize};
use crate::exec;
use crate::platform::unnamed::Unnamed;

pub(super) const METHOD: Method = Method { engine: MYSQL.name, form: &sql::FORM, write, count, drill: drill::drill };

/// How long a program may take to say its version, or to count a table.
const ANSWER: Duration = Duration::from_mins(1);

fn write(making: &mut Making<'_>) -> Result<Written, ArchiveError> {
    let Address::Mysql(address) = making.request.source.clone() else {
        return Err(ArchiveError::Unsupported("a MySQL database is on a server".to_owned()));
    };
    Handle::current().block_on(dump(making, &address))
}

async fn dump(making: &mut Making<'_>, address: &MysqlAddress) -> Result<Written, ArchiveError> {
    let Making { request, partial, cancel, .. } = *making;
    let options = Options::of(address, request.password.as_ref()).await?;
    let tool = Tool::installed(&["mariadb-dump", "mysqldump"]).await?;
    let program = tool.program;
    let packing = request.compress;
    let shelf = request.destination.parent().unwrap_or(Path::new("/"));
    let free = room::free_bytes(shelf).map_err(failed("ask for free space in", shelf))?;
    // What cannot be told is not refused: the disk itself will say it.
    let extent = mysql::extent(address, request.password.as_ref()).await.unwrap_or_default();
    let stranger = tool.fits(&extent.version)?;
    room::require("the dump", shelf, least(extent.bytes, packing), free).map_err(ArchiveError::NoRoom)?;
    let data = partial.data();
    let mut packer = Packer::new(&data, partial.open_data()?, packing, cancel).map_err(failed("write", &data))?;
    let mut text = Text::default();
    let take = |bytes: &[u8]| {
        text.take(bytes);
        packer.write(bytes)?;
        (making.progress)(packer.taken(), 0);
        Ok(())
    };
    let invocation = options.command(program, &MYSQL.dump[0][1..], &[&address.database]);
    let piped = exec::pipe(&invocation, None, &limits(request.log.as_deref()), cancel, take).await;
    let piped = dumped(program, piped, &data, cancel)?;
    let written = packer.finish(&data)?;
    let version = text.server().unwrap_or_default();
    let read = text.end().map_err(|why| ArchiveError::Unsound(format!("the dump was not kept: {why}")))?;
    let read =
        read.ok_or_else(|| ArchiveError::Unsound(format!("what {program} wrote is no dump, and was not kept")))?;
    // What it does not know of the other flavour is none of the operator's business.
    let said = piped.said.into_iter().filter(|line| !line.contains("loose-") && !line.trim().is_empty()).take(3);
    let mut warnings: Vec<String> = said.chain(stranger).collect();
    if let [first, ..] = &read.loose[..] {
        let count = humanize::count(read.loose.len(), "table");
        warnings.push(format!("{count} not of InnoDB and perhaps of other moments, as `{}`", sanitize::line(first)));
    }
    warnings.extend(read.counts.not_there(&request.rows));
    Ok(Written {
        engine_version: version,
        source: Source::server(address, written.plain_bytes),
        data: written,
        packing,
        inside: Vec::new(),
        beside: Vec::new(),
        checks: &["exit", "end", "reread"],
        found: format!(
            "{} and {} rows in one transaction, whole to its last line",
            humanize::count(read.counts.tables.len(), "table"),
            humanize::number(read.counts.rows() as f64)
        ),
        counts: read.counts,
        warnings,
    })
}

/// What a dump of so many bytes of rows takes at least, more often than not: the pages of a table are
/// half empty at worst, and text that is packed shrinks to a quarter.
fn least(rows: u64, packing: Compression) -> u64 {
    if packing == Compression::None { rows / 2 } else { rows / 8 }
}

/// What a program is told in confidence.
struct Options(Unnamed);

impl Options {
    async fn of(address: &MysqlAddress, password: Option<&SecretRef>) -> Result<Self, ArchiveError> {
        let text = mysql::options(address, password).await?;
        let file = Unnamed::with(text.as_bytes());
        file.map(Self).map_err(failed("hand the password over by", &std::env::temp_dir()))
    }

    /// `--defaults-file` has to come first.
    fn command(&self, program: &str, arguments: &[&str], names: &[&str]) -> Invocation {
        let file = format!("--defaults-file={}", self.0.path().display());
        let all = [program, &*file].into_iter().chain(arguments.iter().copied()).chain(["--"]);
        Invocation::new(all.chain(names.iter().copied()))
    }
}

fn count(
    address: &Address,
    password: Option<&SecretRef>,
    rows: &[String],
    _: &CancellationToken,
) -> Result<Counts, ArchiveError> {
    let Address::Mysql(address) = address else { return Ok(Counts::default()) };
    Handle::current().block_on(async {
        let options = Options::of(address, password).await?;
        let Tool { program, .. } = Tool::installed(&["mariadb", "mysql"]).await?;
        let mut counts = Counts::default();
        for table in rows {
            let question = format!("--execute=SELECT count(*) FROM `{}`", table.replace('`', "``"));
            let invocation =
                options.command(program, &["--batch", "--skip-column-names", &question], &[&address.database]);
            let said =
                exec::capture(&invocation, ANSWER, 4096).await.map_err(|why| ArchiveError::Missing(why.to_string()))?;
            let number = String::from_utf8_lossy(&said.stdout).trim().parse().ok();
            let number: u64 = number.ok_or_else(|| {
                let why = sanitize::line(String::from_utf8_lossy(&said.stderr).trim());
                ArchiveError::Program(format!("the rows of {table} cannot be counted: {why}"))
            })?;
            counts.tables.insert(table.clone(), Some(number));
        }
        Ok(counts)
    })
}
