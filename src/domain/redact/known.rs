//! The secrets that were fetched: what they are is known, so they are found whatever they look
//! like, as they are, and in the forms that programs print them in.
//!
//! They are the process's own, for whatever prints one prints it for the whole process. They are
//! only ever compared.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use super::{MASK, find};

/// One that is shorter would be found in half of all words.
const SHORTEST: usize = 6;

static KNOWN: RwLock<BTreeSet<Vec<u8>>> = RwLock::new(BTreeSet::new());

/// Takes a secret to be found from now on, wherever it turns up.
pub fn learn(secret: &str) {
    let secret = secret.trim();
    if secret.len() < SHORTEST {
        return;
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let base64 = [0, 1, 2].map(|before| in_base64(secret.as_bytes(), before));
    known.extend([secret.as_bytes().to_vec(), in_address(secret.as_bytes())]);
    known.extend(base64.into_iter().filter(|form| form.len() >= SHORTEST));
}

/// The line without the secrets that are known; `None` where there is none in it.
pub(super) fn masked(line: &[u8]) -> Option<Vec<u8>> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let mut out: Option<Vec<u8>> = None;
    // The longest first: one may be a part of another.
    let mut longest: Vec<&Vec<u8>> = known.iter().collect();
    longest.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in longest {
        let mut from = 0;
        while let Some(at) = find(&out.as_deref().unwrap_or(line)[from..], secret) {
            let line = out.get_or_insert_with(|| line.to_vec());
            line.splice(from + at..from + at + secret.len(), MASK.bytes());
            from += at + MASK.len();
        }
    }
    out
}

/// As it stands in an address, with everything odd in it encoded.
fn in_address(secret: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(secret.len());
    for byte in secret {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(*byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    out
}

/// What of it stands in base64 in any case, where `before` bytes of something else come before it
/// in its first group: the letters that hold none of its neighbours.
fn in_base64(secret: &[u8], before: usize) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = |at: usize| {
        let byte = |at: usize| at.checked_sub(before).and_then(|at| secret.get(at)).copied().unwrap_or(0);
        let group = u32::from_be_bytes([0, byte(at), byte(at + 1), byte(at + 2)]);
        [18, 12, 6, 0].map(|shift| LETTERS[(group >> shift) as usize & 63])
    };
    let whole = before + secret.len();
    let letters: Vec<u8> = (0..whole).step_by(3).flat_map(bits).collect();
    let (first, last) = ((before * 8).div_ceil(6), whole * 8 / 6);
    letters[first..last].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::redact::text;

    #[test]
    fn what_is_known_is_found_in_every_form_and_nothing_else_is() {
        learn("correct horse/battery");
        let table = [
            ("it said correct horse/battery twice: correct horse/battery", "it said *** twice: ***"),
            ("GET /?p=correct%20horse%2Fbattery HTTP/1.1", "GET /?p=*** HTTP/1.1"),
            ("Y29ycmVjdCBob3JzZS9iYXR0ZXJ5", "***"),
            ("correct horses", "correct horses"),
        ];
        for (given, expected) in table {
            assert_eq!(text(given), expected);
        }
        // `user:correct horse/battery` and the like: whatever comes before it in base64.
        for header in [
            "dTpjb3JyZWN0IGhvcnNlL2JhdHRlcnk=",
            "dXM6Y29ycmVjdCBob3JzZS9iYXR0ZXJ5",
            "dXNlOmNvcnJlY3QgaG9yc2UvYmF0dGVyeQ==",
        ] {
            let said = text(header);
            assert!(said.contains("***") && said.len() < 16, "{header} became {said}");
        }
        assert_eq!(text("a short one: abcde"), "a short one: abcde");
        learn("abcde");
        assert_eq!(text("a short one: abcde"), "a short one: abcde", "it would be found everywhere");
    }
}
