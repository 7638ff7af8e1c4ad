//! Limits on figures that this system does not have: *unknown*, and why. Without this a limit
//! that nothing is ever held against would look kept.

use crate::config::spec::Bounds;
use crate::domain::finding::Finding;
use crate::domain::sample::Key;
use crate::domain::status::Status;

/// What to say of the limits on a figure; nothing where there are none, or where the system has
/// it. `lacks` is why it does not; `section` is where the limits are written.
pub(super) fn finding(
    key: impl Into<Key>,
    label: &str,
    section: &str,
    bounds: &Bounds,
    lacks: Option<&str>,
) -> Option<Finding> {
    let why = lacks.filter(|_| bounds.warning.is_some() || bounds.critical.is_some())?;
    let text = format!("{label} has a limit and cannot be known: {why}");
    Some(Finding::new(Status::Unknown, key, text).advice(format!("take its limit out of {section}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::limit::Limit;
    use crate::domain::sample::Unit;

    #[test]
    fn only_a_limit_on_what_is_not_there_is_told() {
        let bounds = Bounds { warning: Some(Limit::over(1.5, Unit::Count)), ..Bounds::default() };
        let told = |bounds: &Bounds, lacks| finding("load", "load per core", "[host]", bounds, lacks);
        assert_eq!(told(&bounds, None), None);
        assert_eq!(told(&Bounds::default(), Some("nobody counts it")), None);
        let finding = told(&bounds, Some("nobody counts it")).expect("told");
        assert_eq!(finding.status, Status::Unknown);
        assert_eq!(finding.text, "load per core has a limit and cannot be known: nobody counts it");
    }
}
