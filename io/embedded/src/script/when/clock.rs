//! Times of the day.

use jiff::civil::Time;

use crate::script::numbers;

/// A time that was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// This one.
    One(Time),
    /// Before noon or after: it was not said.
    Either(Time, Time),
    /// Only a part of the day.
    Part(DayPart),
}

/// A part of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DayPart {
    /// Until noon.
    Morning,
    /// Noon to six.
    Afternoon,
    /// After six.
    Evening,
}

impl DayPart {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Morning => "morning",
            Self::Afternoon => "afternoon",
            Self::Evening => "evening",
        }
    }

    fn holds(self, time: Time) -> bool {
        match self {
            Self::Morning => time.hour() < 12,
            Self::Afternoon => (12..18).contains(&time.hour()),
            Self::Evening => time.hour() >= 17,
        }
    }
}

impl Clock {
    /// A time named twice, once loosely.
    pub(crate) fn settled_by(self, other: &Self) -> Option<Self> {
        match (self, *other) {
            (Self::Either(a, b), Self::Part(part)) | (Self::Part(part), Self::Either(a, b)) => {
                Some(if part.holds(a) {
                    Self::One(a)
                } else if part.holds(b) {
                    Self::One(b)
                } else {
                    return None;
                })
            }
            (Self::One(t), Self::Part(part)) | (Self::Part(part), Self::One(t))
                if part.holds(t) =>
            {
                Some(Self::One(t))
            }
            _ => None,
        }
    }
}

/// A time at the beginning of `words`, and how many it took. `bare`: a lone number is a time.
pub(super) fn read(words: &[&str], bare: bool, before: Option<&str>) -> Option<(Clock, usize)> {
    let mut at = 0;
    let mut cued = false;
    while let Some(word) = words.get(at) {
        match *word {
            "at" | "around" | "about" | "by" | "say" => cued = true,
            "for" | "from" | "to" | "until" | "than" | "make" if at == 0 => cued = true,
            "it" if at == 1 && words[0] == "make" => {}
            _ => break,
        }
        at += 1;
    }
    if at == 0 && matches!(before, Some("at" | "around" | "about" | "by")) {
        cued = true;
    }
    let strong = matches!(words.first(), Some(&"at")) || before == Some("at");
    let rest = words.get(at..)?;
    if let Some((clock, used)) = named(rest) {
        return Some((clock, at + used));
    }
    let (hour, minute, used, sure) = hours(rest)?;
    let (half, more) = half_of_day(&rest[used..]);
    let next = rest.get(used + more).copied();
    // "For two people", "in three days" are no times; nor is a number alone, unless a time is asked for.
    let counted = half.is_none()
        && !sure
        && next.is_some_and(|w| {
            matches!(
                w,
                "day"
                    | "days"
                    | "week"
                    | "weeks"
                    | "minutes"
                    | "minute"
                    | "hours"
                    | "hour"
                    | "people"
                    | "of"
                    | "plus"
                    | "minus"
                    | "times"
                    | "percent"
                    | "divided"
                    | "appointments"
                    | "more"
                    | "other"
                    | "question"
                    | "questions"
                    | "and"
                    | "by"
                    | "point"
                    | "january"
                    | "february"
                    | "march"
                    | "april"
                    | "june"
                    | "july"
                    | "august"
                    | "september"
                    | "october"
                    | "november"
                    | "december"
            ) && !(matches!(w, "and" | "by" | "more") && (strong || bare))
        });
    if counted
        || !(sure
            || half.is_some()
            || strong
            || bare
            || (cued
                && next.is_none_or(|w| {
                    matches!(w, "on" | "please" | "then" | "ish" | "tomorrow" | "instead")
                })))
    {
        return None;
    }
    Some((clock(hour, minute, half)?, at + used + more))
}

/// A part of the day right at `at`: "Monday morning".
pub(super) fn part_after(words: &[&str], at: usize) -> Option<DayPart> {
    part(words.get(at)?)
}

fn part(word: &str) -> Option<DayPart> {
    Some(match word {
        "morning" | "mornings" => DayPart::Morning,
        "afternoon" | "afternoons" => DayPart::Afternoon,
        "evening" | "evenings" | "tonight" => DayPart::Evening,
        _ => return None,
    })
}

fn named(words: &[&str]) -> Option<(Clock, usize)> {
    let noon = Clock::One(Time::constant(12, 0, 0, 0));
    let after = |used: usize| usize::from(words.get(used).is_some_and(|w| *w == "noon"));
    match words {
        ["noon" | "midday" | "noontime" | "lunchtime", ..] => Some((noon, 1)),
        ["twelve" | "12", "noon", ..] => Some((noon, 1 + after(1))),
        ["midnight", ..] => Some((Clock::One(Time::midnight()), 1)),
        ["in" | "during", "the", word, ..] if part(word).is_some() => {
            Some((Clock::Part(part(word)?), 3))
        }
        // "Good morning" is a greeting; "morning" alone is taken where it follows a day.
        ["the", word, ..] | [word @ ("morning" | "afternoon" | "evening"), ..]
            if part(word).is_some() =>
        {
            let used = if words[0] == "the" { 2 } else { 1 };
            (used == 2).then_some((Clock::Part(part(word)?), used))
        }
        _ => None,
    }
}

/// Hour, minute, words used, and whether nothing but a time looks like this.
fn hours(words: &[&str]) -> Option<(u64, u64, usize, bool)> {
    match words {
        ["half", "past" | "after", rest @ ..] => {
            let (hour, used) = hour(rest)?;
            Some((hour, 30, 2 + used, true))
        }
        ["half", rest @ ..] => {
            let (hour, used) = hour(rest)?;
            Some((hour, 30, 1 + used, true))
        }
        ["quarter", rest @ ..] | ["a", "quarter", rest @ ..] => {
            let skip = words.len() - rest.len();
            beside(15, rest).map(|(h, m, used)| (h, m, skip + used, true))
        }
        ["just", "after" | "before", _rest @ ..] => None,
        [first, ..] => {
            if let Some((h, m)) = first.split_once([':', '.']) {
                let (h, m) = (h.parse().ok()?, m.parse().ok()?);
                return (h < 24 && m < 60 && (first.contains(':') || first.len() >= 4))
                    .then_some((h, m, 1, first.contains(':')));
            }
            // "Ten past four", "twenty five minutes to nine".
            if let Some((n, used)) =
                numbers::whole(words).or_else(|| first.parse().ok().map(|n| (n, 1)))
                && n < 60
            {
                let skip = used
                    + usize::from(
                        words
                            .get(used)
                            .is_some_and(|w| matches!(*w, "minutes" | "minute")),
                    );
                if let Some((h, m, more)) = words.get(skip..).and_then(|rest| beside(n, rest)) {
                    return Some((h, m, skip + more, true));
                }
            }
            let (hour, mut used) = hour(words)?;
            let mut minute = 0;
            let mut sure = false;
            if words.get(used) == Some(&"o'clock") {
                used += 1;
                sure = true;
            } else if words.get(used).is_some_and(|w| matches!(*w, "oh" | "o"))
                && let Some(d) = words.get(used + 1).and_then(|w| numbers::digit(w))
            {
                minute = d;
                used += 2;
                sure = true;
            } else if words.get(used) == Some(&"hundred") && hour >= 10 {
                used += 1;
                sure = words.get(used) == Some(&"hours");
                used += usize::from(sure);
            } else if let Some((n, more)) =
                numbers::whole(&words[used..]).filter(|(n, _)| (10..60).contains(n))
            {
                minute = n;
                used += more;
                sure = true;
            }
            used += usize::from(words.get(used) == Some(&"ish"));
            Some((hour, minute, used, sure))
        }
        [] => None,
    }
}

/// `past four`, `to nine` after a number of minutes.
fn beside(minutes: u64, words: &[&str]) -> Option<(u64, u64, usize)> {
    let after = match words.first()? {
        &"past" | &"after" => true,
        &"to" | &"before" | &"till" | &"of" if minutes <= 30 => false,
        _ => return None,
    };
    let (hour, used) = hour(&words[1..])?;
    if hour > 12 {
        return None;
    }
    // "Five to ten" is a time; "add five to ten" never comes here, for sums are read first.
    Some(if after {
        (hour, minutes, 1 + used)
    } else {
        ((hour + 10) % 12 + 1, 60 - minutes, 1 + used)
    })
}

/// An hour: one to twelve in words, any in figures or above twelve.
fn hour(words: &[&str]) -> Option<(u64, usize)> {
    let first = words.first()?;
    if let Ok(n) = first.parse::<u64>() {
        return (n < 24).then_some((n, 1));
    }
    let (n, used) = numbers::whole(&words[..1])?;
    if n == 20
        && let Some((ones, _)) = words
            .get(1..2)
            .and_then(numbers::whole)
            .filter(|(n, _)| *n > 0 && *n < 4)
    {
        return Some((20 + ones, 2));
    }
    (n > 0 && n < 21).then_some((n, used))
}

/// `am`, `pm`, `in the morning`, `tonight`, or nothing.
fn half_of_day(words: &[&str]) -> (Option<DayPart>, usize) {
    match words {
        ["am", ..] => (Some(DayPart::Morning), 1),
        ["pm", ..] => (Some(DayPart::Afternoon), 1),
        ["in", "the", word, ..] | ["that" | "this" | "the", word, ..] if part(word).is_some() => {
            (part(word), if words[0] == "in" { 3 } else { 2 })
        }
        ["at", "night", ..] => (Some(DayPart::Evening), 2),
        [word, ..] if part(word).is_some() => (part(word), 1),
        _ => (None, 0),
    }
}

fn clock(hour: u64, minute: u64, half: Option<DayPart>) -> Option<Clock> {
    let time = |h: u64| Time::new(h as i8, minute as i8, 0, 0).ok();
    Some(match half {
        _ if hour > 12 || hour == 0 => Clock::One(time(hour)?),
        Some(DayPart::Morning) => Clock::One(time(hour % 12)?),
        Some(_) => Clock::One(time(hour % 12 + 12)?),
        None => Clock::Either(time(hour % 12)?, time(hour % 12 + 12)?),
    })
}
