//! A schedule in words, for those who read crontabs once a year.

use super::fields::Fields;

const WEEKDAYS: [&str; 7] = ["Sundays", "Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// More times of day than this are no sentence any more.
const MOST_TIMES: usize = 4;

/// `daily at 02:00`, `Mondays at 08:00`, `every 15 min`; the expression itself where words
/// would be longer.
pub(super) fn describe(fields: &Fields, text: &str) -> String {
    let sentence = match (days(fields), times(fields)) {
        (Some(days), Some(Times::At(times))) => Some(format!("{days} at {times}")),
        (Some(days), Some(Times::Every(every))) if days == "daily" => Some(every),
        (Some(days), Some(Times::Every(every))) => Some(format!("{every}, {days}")),
        _ => None,
    };
    sentence.unwrap_or_else(|| text.to_owned())
}

enum Times {
    At(String),
    Every(String),
}

fn times(fields: &Fields) -> Option<Times> {
    let (minutes, hours) = (fields.minutes.values(), fields.hours.values());
    if minutes.len() * hours.len() <= MOST_TIMES {
        let times = hours.iter().flat_map(|hour| minutes.iter().map(move |minute| format!("{hour:02}:{minute:02}")));
        return Some(Times::At(list(&times.collect::<Vec<_>>())));
    }
    let every = match (interval(&minutes, 60), interval(&hours, 24)) {
        (Some(1), Some(1)) => "every minute".to_owned(),
        (Some(step), Some(1)) => format!("every {step} min"),
        (None, Some(1)) if minutes.len() == 1 => match minutes[0] {
            0 => "every hour".to_owned(),
            minute => format!("every hour at :{minute:02}"),
        },
        (None, Some(step)) if minutes == [0] => format!("every {step} h"),
        (None, Some(step)) if minutes.len() == 1 => format!("every {step} h at :{:02}", minutes[0]),
        _ => return None,
    };
    Some(Times::Every(every))
}

fn days(fields: &Fields) -> Option<String> {
    let (days, months, weekdays) = (fields.days.values(), fields.months.values(), fields.weekdays.values());
    let (any_day, any_month, any_weekday) = (days.len() == 31, months.len() == 12, weekdays.len() == 7);
    match (any_day, any_month, any_weekday) {
        (true, true, true) => Some("daily".to_owned()),
        (true, true, false) => Some(match weekdays[..] {
            [1, 2, 3, 4, 5] => "on weekdays".to_owned(),
            [0, 6] => "at weekends".to_owned(),
            _ => list(&weekdays.iter().map(|day| WEEKDAYS[*day as usize]).collect::<Vec<_>>()),
        }),
        (false, true, true) if days.len() <= MOST_TIMES => {
            let noun = if days.len() == 1 { "day" } else { "days" };
            Some(format!("on {noun} {} of each month", list(&days)))
        }
        (false, false, true) if days.len() == 1 && months.len() <= MOST_TIMES => {
            let months: Vec<&str> = months.iter().map(|month| MONTHS[*month as usize - 1]).collect();
            Some(format!("on {} {}", days[0], list(&months)))
        }
        _ => None,
    }
}

/// The step of values that go round evenly from 0.
fn interval(values: &[u32], round: u32) -> Option<u32> {
    let step = round / u32::try_from(values.len()).ok()?.max(1);
    let even =
        values.len() > 1 && round.is_multiple_of(step) && values.iter().zip(0..).all(|(value, n)| *value == n * step);
    even.then_some(step)
}

/// `a`, `a and b`, `a, b and c`.
fn list(items: &[impl ToString]) -> String {
    let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
    match &texts[..] {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
