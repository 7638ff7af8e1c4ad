//! What the daemons make of fields that are odd: one refuses what another passes over.

/// Whose reading counts: the daemons differ in what they make of odd fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Red Hat's: what it does not know it refuses, and `fri-sun` ends on a Sunday.
    #[default]
    Cronie,
    /// Debian's: what follows a value it knows is passed over, `6#2` is `6`; and in `fri-sun` it finds
    /// no day.
    Debian,
}

impl Dialect {
    /// As much of a field as its daemon reads: for Debian's cron, what follows a whole value or range, up to the next
    /// blank, is passed over, and the rest of a list with it.
    pub(super) fn as_far_as_it_reads(self, text: &str, spreads: bool) -> &str {
        if self == Dialect::Cronie {
            return text;
        }
        let word = |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
        let mut at = 0;
        loop {
            let is_star = text[at..].starts_with('*');
            at += if is_star { 1 } else { word(&text[at..]) };
            let is_range = !is_star && text[at..].starts_with('-');
            if is_range {
                at += 1 + word(&text[at + 1..]);
            }
            if let Some(step) = text[at..].strip_prefix('/') {
                if !is_star && !is_range {
                    // A step without a range it refuses.
                    return text;
                }
                at += 1 + word(step);
            }
            match text[at..].chars().next() {
                Some(',') => at += 1,
                // Another daemon chooses among them, see `Field::spread`.
                Some('~') if spreads => return text,
                // A value that is missing is refused below.
                Some(_) if at > 0 && !text[..at].ends_with([',', '-', '/']) => return &text[..at],
                _ => return text,
            }
        }
    }
}
