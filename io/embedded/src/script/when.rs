//! Days and times in English, as people say them on the phone.
//!
//! What can mean two things is not guessed: [`Day::Either`] and [`Clock::Either`] are for the agent to ask about.

mod clock;
mod day;

use jiff::{ToSpan, Unit, Zoned, civil};

pub(crate) use clock::{Clock, DayPart};
pub(crate) use day::Day;

/// A day, a time, or both, and the words that said so.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct When {
    /// The first of its words.
    pub(crate) start: usize,
    /// One past its last.
    pub(crate) end: usize,
    /// The day, if one was said.
    pub(crate) day: Option<Day>,
    /// The time of day, if one was said.
    pub(crate) clock: Option<Clock>,
}

/// Every day and time in `words`, in order; a day and a time that stand together are two entries, so that "not Tuesday
/// at ten, Thursday at ten" keeps its parts. `bare` says that a time is being asked for, so that "three" is one.
pub(crate) fn find(words: &[&str], now: &Zoned, bare: bool) -> Vec<When> {
    let mut out: Vec<When> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let rest = &words[at..];
        if let Some((day, clock, used)) = relative(rest, now) {
            out.push(When {
                start: at,
                end: at + used,
                day: Some(day),
                clock,
            });
            at += used;
        } else if let Some((day, used)) =
            day::read(rest, now.date(), at.checked_sub(1).map(|i| words[i]))
        {
            out.push(When {
                start: at,
                end: at + used,
                day: Some(day),
                clock: None,
            });
            at += used;
        } else if let Some((clock, used)) =
            clock::read(rest, bare, at.checked_sub(1).map(|i| words[i]))
        {
            out.push(When {
                start: at,
                end: at + used,
                day: None,
                clock: Some(clock),
            });
            at += used;
        } else {
            at += 1;
        }
    }
    merge(words, out)
}

/// The words of an ISO date and time, a day twice over ("Tuesday the 24th"), a part of the day that settles a time.
fn merge(words: &[&str], found: Vec<When>) -> Vec<When> {
    let mut out: Vec<When> = Vec::new();
    for mut when in found {
        if let Some(last) = out.last_mut()
            && when.start - last.end <= 1
            && words[last.end..when.start]
                .iter()
                .all(|w| matches!(*w, "the" | "in" | "on" | "at" | "," | "so"))
        {
            if let (Some(a), Some(b), true) = (
                &last.day,
                &when.day,
                when.clock.is_none() && last.clock.is_none(),
            ) && let Some(day) = a.settled_by(b)
            {
                last.day = Some(day);
                last.end = when.end;
                continue;
            }
            if let (Some(a), Some(b), true) = (
                &last.clock,
                &when.clock,
                last.day.is_none() && when.day.is_none(),
            ) && let Some(clock) = a.settled_by(b)
            {
                last.clock = Some(clock);
                last.end = when.end;
                continue;
            }
        }
        // "Monday morning at ten": the morning settles the ten, with the day between.
        if let (Some(clock), None) = (&when.clock, &when.day)
            && let Some(earlier) = out
                .last_mut()
                .filter(|w| w.clock.is_some() && w.end + 1 >= when.start)
            && let Some(settled) = earlier.clock.as_ref().and_then(|c| c.settled_by(clock))
        {
            earlier.clock = Some(settled);
            earlier.end = when.end;
            continue;
        }
        if let (None, Some(_)) = (&when.clock, &when.day)
            && let Some(part) = clock::part_after(words, when.end)
        {
            when.clock = Some(Clock::Part(part));
            when.end += 1;
        }
        out.push(when);
    }
    settle_parts(out)
}

/// "Monday morning at ten", "at ten on Monday morning": the part belongs to the time that stands without one.
fn settle_parts(mut found: Vec<When>) -> Vec<When> {
    let part = found
        .iter()
        .position(|w| matches!(w.clock, Some(Clock::Part(_))));
    let open = found
        .iter()
        .position(|w| matches!(w.clock, Some(Clock::Either(..))));
    if let (Some(p), Some(o)) = (part, open)
        && let (Some(a), Some(b)) = (found[p].clock, found[o].clock)
        && let Some(clock) = b.settled_by(&a)
    {
        found[o].clock = Some(clock);
        found[p].clock = None;
        found.retain(|w| w.day.is_some() || w.clock.is_some());
    }
    found
}

/// `in two hours`, `in twenty minutes`, `2026-12-24 18:00`.
fn relative(words: &[&str], now: &Zoned) -> Option<(Day, Option<Clock>, usize)> {
    if words.first() == Some(&"in") {
        let (amount, used) = amount(&words[1..])?;
        let unit = words.get(1 + used)?;
        let span = match *unit {
            "minute" | "minutes" => (amount.round() as i64).minutes(),
            "hour" | "hours" => ((amount * 60.0).round() as i64).minutes(),
            _ => return None,
        };
        let then = now.checked_add(span).ok()?;
        // Said aloud, a minute more or less means nothing; an appointment is at a round time.
        let rounding = jiff::ZonedRound::new().smallest(Unit::Minute);
        let then = then.round(rounding).ok()?;
        return Some((
            Day::One(then.date()),
            Some(Clock::One(then.time())),
            2 + used,
        ));
    }
    None
}

/// `two`, `a`, `half an`, `a couple of`.
fn amount(words: &[&str]) -> Option<(f64, usize)> {
    match words {
        ["half", "an" | "a", ..] => Some((0.5, 2)),
        ["a", "couple", "of", ..] => Some((2.0, 3)),
        ["a" | "an", ..] => Some((1.0, 1)),
        _ => super::numbers::number(words),
    }
}

/// A day as the agent says it: `tomorrow` where that is clearer, else `Tuesday, November 24th`.
pub(crate) fn spoken_day(day: civil::Date, today: civil::Date) -> String {
    let full = format!(
        "{}, {} {}",
        weekday_name(day.weekday()),
        month_name(day.month()),
        super::numbers::in_order(i64::from(day.day()))
    );
    let ahead = today.until(day).map_or(i32::MAX, |s| s.get_days());
    match ahead {
        0 => format!("today, {full}"),
        1 => format!("tomorrow, {full}"),
        _ if day.year() != today.year() && ahead > 300 => format!("{full}, {}", day.year()),
        _ => full,
    }
}

/// A time as the agent says it: `2:30 pm`, `noon`.
pub(crate) fn spoken_time(time: civil::Time) -> String {
    let (hour, minute) = (time.hour(), time.minute());
    let half = if hour < 12 { "am" } else { "pm" };
    let twelve = match hour % 12 {
        0 => 12,
        h => h,
    };
    match (hour, minute) {
        (12, 0) => "noon".to_owned(),
        (0, 0) => "midnight".to_owned(),
        (_, 0) => format!("{twelve} {half}"),
        _ => format!("{twelve}:{minute:02} {half}"),
    }
}

/// The English name of a day of the week.
pub(crate) fn weekday_name(day: civil::Weekday) -> &'static str {
    day::WEEKDAYS[day.to_monday_zero_offset() as usize].1
}

/// The English name of a month, 1 to 12.
pub(crate) fn month_name(month: i8) -> &'static str {
    day::MONTHS[(month as usize).clamp(1, 12) - 1].1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::words::tokens;

    /// What `text` means on Wednesday 2026-11-18 at 10:30.
    fn read(text: &str) -> String {
        let now: Zoned = "2026-11-18T10:30:00+01:00[Europe/Paris]"
            .parse()
            .expect("a time");
        let tokens = tokens(text);
        let words: Vec<&str> = tokens.iter().map(|t| t.text.as_str()).collect();
        let mut day = String::new();
        let mut clock = String::new();
        for when in find(&words, &now, false) {
            if let Some(d) = when.day {
                day = match d {
                    Day::One(d) => d.to_string(),
                    Day::Either(a, b) => format!("{a}|{b}"),
                };
            }
            if let Some(c) = when.clock {
                clock = match c {
                    Clock::One(t) => t.strftime("%H:%M").to_string(),
                    Clock::Either(a, b) => {
                        format!("{}|{}", a.strftime("%H:%M"), b.strftime("%H:%M"))
                    }
                    Clock::Part(p) => p.name().to_owned(),
                };
            }
        }
        format!("{day} {clock}").trim().to_owned()
    }

    #[test]
    fn the_twelve_phrases_that_no_crate_reads_are_read() {
        assert_eq!(read("next Tuesday at 3 pm"), "2026-11-24 15:00");
        assert_eq!(read("tomorrow at noon"), "2026-11-19 12:00");
        assert_eq!(read("tomorrow at 9:30am"), "2026-11-19 09:30");
        assert_eq!(read("Friday at 3pm"), "2026-11-20 15:00");
        assert_eq!(read("in two hours"), "2026-11-18 12:30");
        assert_eq!(read("in 20 minutes"), "2026-11-18 10:50");
        assert_eq!(read("December 3rd at 2:15 PM"), "2026-12-03 14:15");
        assert_eq!(read("3pm on Friday"), "2026-11-20 15:00");
        assert_eq!(
            read("the day after tomorrow at half past four"),
            "2026-11-20 04:30|16:30"
        );
        assert_eq!(read("Monday morning at ten o'clock"), "2026-11-23 10:00");
        assert_eq!(read("a week from Monday at 11 am"), "2026-11-30 11:00");
        assert_eq!(read("2026-12-24 18:00"), "2026-12-24 18:00");
    }

    #[test]
    fn what_people_disagree_about_is_left_open() {
        assert_eq!(read("next friday"), "2026-11-20|2026-11-27");
        assert_eq!(read("this friday"), "2026-11-20");
        assert_eq!(read("wednesday"), "2026-11-18|2026-11-25");
        assert_eq!(read("at three"), "03:00|15:00");
    }

    #[test]
    fn clock_times_are_read_as_they_are_said() {
        assert_eq!(read("quarter to four in the afternoon"), "15:45");
        assert_eq!(read("at two thirty"), "02:30|14:30");
        assert_eq!(read("nine oh five am"), "09:05");
        assert_eq!(read("twenty past eleven in the morning"), "11:20");
        assert_eq!(read("half two in the afternoon"), "14:30");
        assert_eq!(read("ten to five pm"), "16:50");
        assert_eq!(read("at fourteen thirty"), "14:30");
        assert_eq!(
            read("a quarter past nine tomorrow morning"),
            "2026-11-19 09:15"
        );
        assert_eq!(read("midday on monday"), "2026-11-23 12:00");
        assert_eq!(read("friday afternoon"), "2026-11-20 afternoon");
    }

    #[test]
    fn every_five_minutes_of_a_working_day_can_be_said() {
        const HOURS: [&str; 12] = [
            "twelve", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
            "ten", "eleven",
        ];
        const FIVES: [&str; 12] = [
            "",
            "oh five",
            "ten",
            "fifteen",
            "twenty",
            "twenty five",
            "thirty",
            "thirty five",
            "forty",
            "forty five",
            "fifty",
            "fifty five",
        ];
        for hour in 9..17_usize {
            for five in 0..12_usize {
                let (name, next) = (HOURS[hour % 12], HOURS[(hour + 1) % 12]);
                let half = if hour < 12 { "morning" } else { "afternoon" };
                let minutes = FIVES[five].replace("oh ", "");
                let mut ways = vec![
                    format!("{name} {}", FIVES[five]),
                    format!("at {name} {} please", FIVES[five]),
                ];
                match five {
                    0 => ways.extend([
                        format!("{name} o'clock"),
                        format!("at {name}"),
                        format!("say {name}"),
                        format!("{name} sharp"),
                        format!("{name} would be fine"),
                        format!("make it {name}"),
                    ]),
                    3 => ways.extend([
                        format!("quarter past {name}"),
                        format!("a quarter past {name}"),
                    ]),
                    6 => ways.extend([
                        format!("half past {name}"),
                        format!("half {name}"),
                        format!("at half past {name} if possible"),
                    ]),
                    9 => ways.extend([
                        format!("quarter to {next}"),
                        format!("a quarter to {next} please"),
                    ]),
                    1..6 => ways.extend([
                        format!("{minutes} past {name}"),
                        format!("{minutes} minutes past {name}"),
                    ]),
                    _ => {
                        let left = FIVES[12 - five].replace("oh ", "");
                        ways.extend([
                            format!("{left} to {next}"),
                            format!("{left} minutes to {next}"),
                        ]);
                    }
                }
                let wanted = civil::time(hour as i8, five as i8 * 5, 0, 0);
                for way in ways {
                    for (said, sure) in
                        [(way.clone(), false), (format!("{way} in the {half}"), true)]
                    {
                        // "Twenty five to one in the afternoon" straddles noon.
                        if sure
                            && ((five > 6 && hour == 11)
                                || said.contains("please in")
                                || said.contains("possible in")
                                || said.contains("fine in")
                                || said.contains("sharp in"))
                        {
                            continue;
                        }
                        let now: Zoned = "2026-11-18T10:30:00+01:00[Europe/Paris]"
                            .parse()
                            .expect("a time");
                        let tokens = tokens(&said);
                        let words: Vec<&str> = tokens.iter().map(|t| t.text.as_str()).collect();
                        let found = find(&words, &now, true);
                        let read = found.iter().find_map(|w| w.clock);
                        let fits = match read {
                            Some(Clock::One(t)) => t == wanted,
                            Some(Clock::Either(a, b)) => !sure && (a == wanted || b == wanted),
                            _ => false,
                        };
                        assert!(fits, "{said}: {found:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn days_are_read_as_they_are_said() {
        assert_eq!(read("december third"), "2026-12-03");
        assert_eq!(read("the third of december"), "2026-12-03");
        assert_eq!(read("tuesday the twenty fourth"), "2026-11-24");
        assert_eq!(read("on the 24th"), "2026-11-24");
        assert_eq!(read("a week on friday"), "2026-11-27");
        assert_eq!(read("monday next week"), "2026-11-23");
        assert_eq!(read("in a week"), "2026-11-25");
        assert_eq!(read("in three days"), "2026-11-21");
        assert_eq!(read("january fifth"), "2027-01-05");
        assert_eq!(read("next week tuesday"), "2026-11-24");
    }

    #[test]
    fn ordinary_talk_holds_no_times() {
        for text in [
            "i have one question",
            "can i get a second opinion",
            "may i ask you something",
            "what a day",
        ] {
            assert_eq!(read(text), "", "{text}");
        }
    }

    #[test]
    fn days_and_times_are_said_as_people_say_them() {
        let today = civil::date(2026, 11, 18);
        assert_eq!(
            spoken_day(civil::date(2026, 11, 24), today),
            "Tuesday, November 24th"
        );
        assert_eq!(
            spoken_day(civil::date(2026, 11, 19), today),
            "tomorrow, Thursday, November 19th"
        );
        assert_eq!(spoken_time(civil::time(14, 30, 0, 0)), "2:30 pm");
        assert_eq!(spoken_time(civil::time(12, 0, 0, 0)), "noon");
    }
}
