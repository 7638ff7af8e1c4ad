//! `keep` of `[[backup]]`: which backups are kept.

use std::collections::BTreeMap;

use chrono::Weekday;
use toml::Spanned;

use crate::config::error::Fault;
use crate::config::raw;
use crate::config::source::Source;
use crate::domain::backup::{KeepPolicy, Pick, Rule};

/// More of one rule are years of hours, or a slip of the finger.
const MOST: i64 = 9_999;

const WEEK: [(&str, Weekday); 7] = [
    ("mon", Weekday::Mon),
    ("tue", Weekday::Tue),
    ("wed", Weekday::Wed),
    ("thu", Weekday::Thu),
    ("fri", Weekday::Fri),
    ("sat", Weekday::Sat),
    ("sun", Weekday::Sun),
];

pub(super) fn keep(written: &Spanned<raw::Keep>, source: &Source) -> Result<KeepPolicy, Fault> {
    let raw = written.get_ref();
    let asked = [
        (Rule::Last, &raw.last),
        (Rule::Hourly, &raw.hourly),
        (Rule::Daily, &raw.daily),
        (Rule::Weekly, &raw.weekly),
        (Rule::Monthly, &raw.monthly),
        (Rule::Yearly, &raw.yearly),
    ];
    let mut counts = BTreeMap::new();
    for (rule, written) in asked {
        if let Some(written) = written {
            counts.insert(rule, count(rule.word(), written, source)?);
        }
    }
    if counts.is_empty() && raw.within.is_none() {
        let why = "this keeps nothing; say with `last`, `hourly`, `daily`, `weekly`, `monthly`, `yearly` or `within` what is kept";
        return Err(source.fault_at(written, why));
    }
    let min = raw.min.as_ref().map(|min| count("min", min, source)).transpose()?;
    if let Some(pick) = raw.pick.as_ref().filter(|_| counts.keys().all(|rule| *rule == Rule::Last)) {
        let why = "`pick` chooses one backup of an hour, day, week, month or year, and no rule here asks for one";
        return Err(source.fault_at(pick, why));
    }
    if let Some(start) = raw.week_start.as_ref().filter(|_| !counts.contains_key(&Rule::Weekly)) {
        let why = "`week_start` says when the weeks of `weekly` begin, and there is no `weekly` here";
        return Err(source.fault_at(start, why));
    }
    Ok(KeepPolicy {
        counts,
        within: raw.within.map(|within| within.0),
        pick: raw.pick.as_ref().map(|text| pick(text, source)).transpose()?.unwrap_or_default(),
        min: min.unwrap_or(KeepPolicy::MIN),
        week_start: raw.week_start.as_ref().map_or(Ok(Weekday::Mon), |text| week_start(text, source))?,
    })
}

fn count(key: &str, written: &Spanned<i64>, source: &Source) -> Result<u32, Fault> {
    match *written.get_ref() {
        count @ 1..=MOST => Ok(count as u32),
        0 => Err(source.fault_at(written, format!("`{key} = 0` keeps nothing; leave it out, or write at least 1"))),
        count => Err(source.fault_at(written, format!("`{key} = {count}` is not a number from 1 to {MOST}"))),
    }
}

fn pick(written: &Spanned<String>, source: &Source) -> Result<Pick, Fault> {
    match written.get_ref().as_str() {
        "first" => Ok(Pick::First),
        "last" => Ok(Pick::Last),
        other => Err(source.fault_at(written, format!("`{}` is neither \"first\" nor \"last\"", other.escape_debug()))),
    }
}

fn week_start(written: &Spanned<String>, source: &Source) -> Result<Weekday, Fault> {
    let text = written.get_ref();
    WEEK.iter().find(|(name, _)| name == text).map(|(_, day)| *day).ok_or_else(|| {
        source.fault_at(
            written,
            format!("`{}` is no day of the week; write it as \"mon\" to \"sun\"", text.escape_debug()),
        )
    })
}
