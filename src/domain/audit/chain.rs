//! The chain: every record is sealed by a hash over the one before, so that a log that was
//! changed, cut or rearranged behind our back says where.
//!
//! The seal is SHA-256 over `"rounds-audit/1"`, the store's id, the number (8 bytes, big
//! endian), the seal before, and the fields in the order of [`AuditEntry`], each as its
//! length (4 bytes, big endian) and its bytes. Lengths leave no room for two records that
//! read alike, and no question of how to write JSON. Times and durations are whole
//! microseconds as 8 bytes, what is absent has no bytes.
//!
//! A chain without a secret cannot tell a rewritten log from a true one, nor see that its
//! end was cut off: for that, compare with a [`Head`] that was written down elsewhere.

#[cfg(test)]
mod tests;
mod walk;

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

pub use self::walk::{Flaw, FlawKind, Verification, Verifier};
use crate::domain::audit::{AuditEntry, AuditRecord};

/// The last record of a log: an anchor, when it is written down somewhere else.
/// Number 0 is the empty log, whose hash is the store's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub seq: u64,
    /// In hex, lower case.
    pub hash: String,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

/// A text that is not `seq:hash`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the head of an audit log: a number, a colon and 64 hex digits, as `audit verify` prints it")]
pub struct NotAHead(String);

impl FromStr for Head {
    type Err = NotAHead;

    fn from_str(text: &str) -> Result<Self, NotAHead> {
        let wrong = || NotAHead(text.to_owned());
        let (seq, hash) = text.trim().split_once(':').ok_or_else(wrong)?;
        let hash = hash.to_ascii_lowercase();
        let seq = seq.parse().ok().filter(|_| from_hex(&hash).is_some()).ok_or_else(wrong)?;
        Ok(Self { seq, hash })
    }
}

/// An entry at its place in the chain. `None` when `store_id` or `prev` are not hashes in hex.
pub fn seal(store_id: &str, prev: &Head, entry: AuditEntry) -> Option<AuditRecord> {
    let seq = prev.seq + 1;
    let hash = hash(store_id, seq, &prev.hash, &entry)?;
    Some(AuditRecord { seq, entry, prev: prev.hash.clone(), hash })
}

/// Seconds as the whole microseconds that are stored and sealed.
pub fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}

fn hash(store_id: &str, seq: u64, prev: &str, entry: &AuditEntry) -> Option<String> {
    let mut sha = Sha256::new();
    sha.update(b"rounds-audit/1");
    sha.update(from_hex(store_id)?);
    sha.update(seq.to_be_bytes());
    sha.update(from_hex(prev)?);
    let took = entry.took_s.map(|took| micros(took).to_be_bytes());
    let fields: [&[u8]; 14] = [
        &entry.at.timestamp_micros().to_be_bytes(),
        entry.phase.word().as_bytes(),
        entry.correlation.as_bytes(),
        entry.actor.operator.as_bytes(),
        entry.actor.os_user.as_bytes(),
        entry.actor.host.as_bytes(),
        entry.actor.origin.as_bytes(),
        entry.action.as_bytes(),
        entry.target.as_bytes(),
        entry.risk.as_bytes(),
        entry.reason.as_bytes(),
        entry.plan.as_bytes(),
        entry.outcome.map_or("", |outcome| outcome.word()).as_bytes(),
        entry.detail.as_bytes(),
    ];
    for field in fields.into_iter().chain([took.as_ref().map_or(&[][..], |took| &took[..])]) {
        sha.update(u32::try_from(field.len()).ok()?.to_be_bytes());
        sha.update(field);
    }
    Some(to_hex(&sha.finalize()))
}

fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}
