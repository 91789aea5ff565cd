//! Days of the calendar.

use jiff::{
    ToSpan,
    civil::{Date, Weekday},
};

use crate::script::{numbers, words};

/// A day that was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Day {
    /// This one.
    One(Date),
    /// One of these; people differ.
    Either(Date, Date),
}

impl Day {
    /// A day named twice: the exact name settles the loose one.
    pub(crate) fn settled_by(self, other: &Self) -> Option<Self> {
        match (self, *other) {
            (Self::One(a), Self::One(b)) if a == b => Some(self),
            (Self::Either(a, b), Self::One(d)) | (Self::One(d), Self::Either(a, b))
                if d == a || d == b =>
            {
                Some(Self::One(d))
            }
            // "Tuesday the 24th" with another Tuesday nearer: the date is the more exact.
            (Self::One(a), Self::One(b)) if a.weekday() == b.weekday() => Some(*other),
            _ => None,
        }
    }
}

pub(super) const WEEKDAYS: [(&str, &str); 7] = [
    ("monday", "Monday"),
    ("tuesday", "Tuesday"),
    ("wednesday", "Wednesday"),
    ("thursday", "Thursday"),
    ("friday", "Friday"),
    ("saturday", "Saturday"),
    ("sunday", "Sunday"),
];

pub(super) const MONTHS: [(&str, &str); 12] = [
    ("january", "January"),
    ("february", "February"),
    ("march", "March"),
    ("april", "April"),
    ("may", "May"),
    ("june", "June"),
    ("july", "July"),
    ("august", "August"),
    ("september", "September"),
    ("october", "October"),
    ("november", "November"),
    ("december", "December"),
];

/// A day at the beginning of `words`, and how many it took. `before` is the word in front.
pub(super) fn read(words: &[&str], today: Date, before: Option<&str>) -> Option<(Day, usize)> {
    let ahead = |days: i64| today.checked_add(days.days()).ok().map(Day::One);
    Some(match words {
        ["the", "day", "after", "tomorrow", ..] => (ahead(2)?, 4),
        ["day", "after", "tomorrow", ..] => (ahead(2)?, 3),
        ["today" | "tonight", ..] | ["this", "morning" | "afternoon" | "evening", ..] => {
            (ahead(0)?, 1)
        }
        ["tomorrow", ..] => (ahead(1)?, 1),
        ["yesterday", ..] => (ahead(-1)?, 1),
        ["a" | "one", "week", "from" | "on" | "after", rest @ ..] => {
            let (day, used) = match rest {
                ["today" | "now", ..] => (today, 1),
                ["tomorrow", ..] => (today.checked_add(1.day()).ok()?, 1),
                _ => {
                    let skip = usize::from(matches!(rest.first(), Some(&"next" | &"this")));
                    (coming(weekday(rest.get(skip)?)?, today), skip + 1)
                }
            };
            (Day::One(day.checked_add(7.days()).ok()?), 3 + used)
        }
        ["in", "a", "fortnight", ..] => (ahead(14)?, 3),
        ["in", rest @ ..] => {
            let (n, used) = super::amount(rest)?;
            let days = match *rest.get(used)? {
                "day" | "days" => n,
                "week" | "weeks" => n * 7.0,
                _ => return None,
            };
            (ahead(days.round() as i64)?, used + 2)
        }
        ["next", "week", "on", day, ..] if weekday(day).is_some() => {
            (next_week(weekday(day)?, today)?, 4)
        }
        ["next", "week", day, ..] if weekday(day).is_some() => {
            (next_week(weekday(day)?, today)?, 3)
        }
        ["this", "coming", day, ..] if weekday(day).is_some() => {
            (Day::One(coming(weekday(day)?, today)), 3)
        }
        ["this" | "coming", day, ..] if weekday(day).is_some() => {
            (Day::One(coming(weekday(day)?, today)), 2)
        }
        ["next" | "following", day, rest @ ..] if weekday(day).is_some() => {
            let day = weekday(day)?;
            let used = 2 + usize::from(rest.first() == Some(&"week"));
            (
                if used == 3 {
                    next_week(day, today)?
                } else {
                    next(day, today)?
                },
                used,
            )
        }
        [day, "week", ..] if weekday(day).is_some() && before != Some("next") => (
            Day::One(coming(weekday(day)?, today).checked_add(7.days()).ok()?),
            2,
        ),
        [day, "next", "week", ..] | [day, "of" | "in", "next", "week", ..]
            if weekday(day).is_some() =>
        {
            (
                next_week(weekday(day)?, today)?,
                if words[1] == "next" { 3 } else { 4 },
            )
        }
        [day, "after", "next", ..] if weekday(day).is_some() => (
            Day::One(coming(weekday(day)?, today).checked_add(7.days()).ok()?),
            3,
        ),
        [day, ..] if weekday(day).is_some() => {
            let day = weekday(day)?;
            let soon = coming(day, today);
            if day == today.weekday() {
                (Day::Either(today, soon), 1)
            } else {
                (Day::One(soon), 1)
            }
        }
        [iso, ..] if iso.len() == 10 && iso.as_bytes()[4] == b'-' => {
            (Day::One(iso.parse().ok()?), 1)
        }
        _ => return of_month(words, today),
    })
}

/// `december third`, `the third of december`, `3 december`, `the 24th`.
fn of_month(words: &[&str], today: Date) -> Option<(Day, usize)> {
    let the = usize::from(words.first() == Some(&"the"));
    let rest = &words[the..];
    // The month first.
    if the == 0
        && let Some(month) = rest.first().and_then(|w| month(w))
    {
        let skip = 1 + usize::from(rest.get(1) == Some(&"the"));
        let (n, used) = nth(rest.get(skip..)?)?;
        return Some((Day::One(date(n, month, today)?), skip + used));
    }
    let ordinal = numbers::ordinal(rest);
    let (n, used) = nth(rest)?;
    let of = usize::from(rest.get(used) == Some(&"of"));
    if let Some(month) = rest.get(used + of).and_then(|w| month(w)) {
        return Some((Day::One(date(n, month, today)?), the + used + of + 1));
    }
    // "The 24th" alone is the next such day; "second" alone is a word like others.
    if the == 1
        && let Some((n, used)) = ordinal
    {
        let noun = rest.get(used).is_some_and(|w| {
            !matches!(
                *w,
                "at" | "in"
                    | "please"
                    | "then"
                    | "would"
                    | "is"
                    | "if"
                    | "and"
                    | "works"
                    | "or"
                    | "around"
                    | "for"
                    | "to"
                    | "not"
                    | "morning"
                    | "afternoon"
            ) && !w.starts_with(|c: char| c.is_ascii_digit())
        });
        if noun {
            return None;
        }
        let mut day = today;
        for _ in 0..62 {
            if i64::from(day.day()) == n as i64 && day >= today {
                return Some((Day::One(day), the + used));
            }
            day = day.tomorrow().ok()?;
        }
    }
    None
}

fn nth(words: &[&str]) -> Option<(u64, usize)> {
    numbers::ordinal(words)
        .or_else(|| numbers::whole(words))
        .or_else(|| words.first()?.parse().ok().map(|n| (n, 1)))
        .filter(|(n, _)| (1..=31).contains(n))
}

/// The next such day, this year or the next.
fn date(day: u64, month: i8, today: Date) -> Option<Date> {
    let this = Date::new(today.year(), month, day as i8).ok();
    match this {
        Some(date) if date >= today => Some(date),
        _ => Date::new(today.year() + 1, month, day as i8).ok(),
    }
}

fn month(word: &str) -> Option<i8> {
    let place = MONTHS.iter().position(|(m, _)| {
        *m == word
            || (word.len() >= 3
                && word != "mar"
                && word.len() <= 4
                && m.starts_with(word)
                && word != "may")
    })?;
    Some(place as i8 + 1)
}

/// A weekday's name, abbreviated or slightly wrong.
pub(super) fn weekday(word: &str) -> Option<Weekday> {
    let word = word
        .strip_suffix('s')
        .filter(|w| w.ends_with("day"))
        .unwrap_or(word);
    let place = match word {
        "mon" => 0,
        "tue" | "tues" => 1,
        "wed" | "weds" => 2,
        "thu" | "thur" | "thurs" => 3,
        "fri" => 4,
        _ => WEEKDAYS.iter().position(|(name, _)| {
            *name == word
                || (word.len() >= 6
                    && word.ends_with("ay")
                    && words::distance(name, word) <= name.len() / 8 + 1
                    && name.as_bytes()[0] == word.as_bytes()[0]
                    && WEEKDAYS.iter().all(|(other, _)| {
                        other == name || words::distance(other, word) > words::distance(name, word)
                    }))
        })?,
    };
    Weekday::from_monday_zero_offset(place as i8).ok()
}

/// The first such day after today.
fn coming(day: Weekday, today: Date) -> Date {
    let mut date = today.tomorrow().unwrap_or(today);
    while date.weekday() != day {
        match date.tomorrow() {
            Ok(d) => date = d,
            Err(_) => break,
        }
    }
    date
}

/// "Next Friday" on a Wednesday is two days to some and nine to others; "next Tuesday" is clear.
fn next(day: Weekday, today: Date) -> Option<Day> {
    let soon = coming(day, today);
    let later = today.weekday().to_monday_zero_offset() < day.to_monday_zero_offset();
    Some(if later {
        Day::Either(soon, soon.checked_add(7.days()).ok()?)
    } else {
        Day::One(soon)
    })
}

fn next_week(day: Weekday, today: Date) -> Option<Day> {
    let monday = coming(Weekday::Monday, today);
    let date = monday
        .checked_add(i64::from(day.to_monday_zero_offset()).days())
        .ok()?;
    Some(Day::One(date))
}
