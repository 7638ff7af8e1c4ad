//! `[[checklist]]`: its times in order, its items distinct, its evidence there.

use super::{Scope, id};
use crate::config::error::Fault;
use crate::config::raw;
use crate::config::source::Source;
use crate::domain::checklist::{Checklist, Evidence, Item, Period};

pub(super) fn checklist(raw: &raw::Checklist, source: &Source, scope: &Scope<'_>) -> Result<Checklist, Fault> {
    if let (Some(due), Some(sign_by)) = (&raw.due, &raw.sign_by)
        && sign_by.get_ref().0 < due.get_ref().0
    {
        return Err(
            source.fault_at(sign_by, "`sign_by` is before `due`: the list would have to be signed before it is done")
        );
    }
    if let (Period::Event, Some(time)) = (raw.every, raw.due.as_ref().or(raw.sign_by.as_ref())) {
        return Err(source.fault_at(time, "a list for an event has no time of day; leave `due` and `sign_by` out"));
    }
    if raw.items.is_empty() {
        return Err(source.fault_at(&raw.id, "this checklist has no items"));
    }
    let mut items: Vec<Item> = Vec::new();
    for written in &raw.items {
        let item = item(written, source, scope)?;
        // The text is what an item is known by, so that a changed item is not a ticked one.
        if items.iter().any(|other| other.text == item.text) {
            return Err(source.fault_at(&written.text, "an item with this text is already on the list"));
        }
        items.push(item);
    }
    Ok(Checklist {
        id: id(&raw.id),
        title: raw.title.0.clone(),
        every: raw.every,
        due: raw.due.as_ref().map(|due| due.get_ref().0),
        sign_by: raw.sign_by.as_ref().map(|sign_by| sign_by.get_ref().0),
        owner: raw.owner.as_ref().map(|owner| owner.0.clone()),
        items,
    })
}

fn item(raw: &raw::Item, source: &Source, scope: &Scope<'_>) -> Result<Item, Fault> {
    let probes = raw.check.as_ref().map(|name| scope.names.evidence(name, source)).transpose()?;
    let confirm = raw.confirm.as_ref().is_some_and(|confirm| *confirm.get_ref());
    let evidence = match (probes, &raw.confirm) {
        (Some(probes), _) if confirm => Evidence::Confirm(probes),
        (Some(probes), _) => Evidence::Auto(probes),
        (None, Some(written)) if confirm => {
            return Err(source.fault_at(
                written,
                "there is no evidence to confirm; name it with `check`, or leave `confirm` out for an item that is ticked by hand",
            ));
        }
        (None, _) => Evidence::Manual,
    };
    Ok(Item { text: raw.text.get_ref().0.clone(), evidence })
}
