//! How large a database is, asked before it is dumped: what its dump will take nobody knows, but what
//! can never fit need not be begun.

use std::time::Duration;

use super::hand::{Hand, Said};
use crate::config::{MysqlAddress, SecretRef};
use crate::database::DatabaseError;
use crate::database::mysql::connect::Dialer;
use crate::domain::ident;

/// How long a server may take for it.
const ANSWER: Duration = Duration::from_secs(10);

/// What a server says of a database before it is dumped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The bytes of the rows of every table, without indexes, as the server estimates them.
    pub bytes: u64,
    /// What the server says it is, as `10.11.19-MariaDB-0+deb12u1`.
    pub version: String,
}

/// How large a database is, and what keeps it.
pub async fn extent(address: &MysqlAddress, password: Option<&SecretRef>) -> Result<Extent, DatabaseError> {
    let dialer = Dialer::new(address.clone(), password.cloned(), ANSWER);
    let mut eye = Hand::watching(&dialer).await?;
    let question = format!(
        "SELECT CAST(COALESCE(SUM(data_length), 0) AS UNSIGNED), VERSION() FROM information_schema.tables \
         WHERE table_type = 'BASE TABLE' AND table_schema = {}",
        ident::escaped(&address.database)
    );
    let rows = eye.ask(&question).await.map_err(Said::into_fault)?;
    eye.close().await;
    let Some(row) = rows.first() else { return Ok(Extent::default()) };
    Ok(Extent { bytes: row.whole(0).unwrap_or_default(), version: row.text(1).to_owned() })
}
