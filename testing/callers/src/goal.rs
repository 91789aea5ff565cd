//! Whether a caller got what they called for.

use embedded::tools::{Appointment, Shelf};
use jiff::{
    ToSpan,
    civil::{Date, Time, Weekday},
};

use crate::{call::Call, file::Caller};

/// The dates that a caller's day may mean.
pub(crate) fn dates(day: &str, today: Date) -> Vec<Date> {
    let after = |from: Date, weekday: Weekday| {
        let mut date = from;
        while date.weekday() != weekday {
            date = date.saturating_add(1.day());
        }
        date
    };
    if day == "tomorrow" {
        return vec![today.saturating_add(1.day())];
    }
    if day == "today" {
        return vec![today];
    }
    let (next, name) = day
        .strip_prefix("next ")
        .map_or((false, day), |name| (true, name));
    let names = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let Some(place) = names.iter().position(|n| *n == name) else {
        return Vec::new();
    };
    let Ok(weekday) = Weekday::from_monday_zero_offset(place as i8) else {
        return Vec::new();
    };
    let soon = after(today.saturating_add(1.day()), weekday);
    let week = |d: Date| d.saturating_add(7.days());
    if next && place as i8 > today.weekday().to_monday_zero_offset() {
        vec![soon, week(soon)]
    } else if weekday == today.weekday() && !next {
        vec![today, soon]
    } else {
        vec![soon]
    }
}

/// The first such day after today, for appointments that were there before.
pub(crate) fn first(day: &str, today: Date) -> Option<Date> {
    dates(day, today).into_iter().find(|d| *d > today)
}

/// Whether the goal is reached.
#[expect(clippy::too_many_lines, reason = "a table of goals")]
pub(crate) fn reached(
    caller: &Caller,
    call: &Call,
    shelf: &Shelf,
    before: &[Appointment],
    today: Date,
) -> bool {
    let goal = &caller.goal;
    let after: Vec<Appointment> = shelf.appointments.with(|book| book.entries().to_vec());
    let spoken: Vec<String> = call
        .lines
        .iter()
        .skip(1)
        .filter(|l| l.agent)
        .map(|l| l.text.to_lowercase())
        .collect();
    let said = |words: &[&str]| spoken.iter().any(|t| words.iter().all(|w| t.contains(w)));
    let matches = |entry: &Appointment| {
        entry
            .name
            .to_lowercase()
            .split_whitespace()
            .any(|w| w == goal.name.to_lowercase())
            && dates(&goal.day, today).contains(&entry.date)
            && goal.time.parse::<Time>().ok() == Some(entry.time)
    };
    let old_is_there = before.iter().all(|old| {
        after
            .iter()
            .any(|e| e.name == old.name && e.date == old.date && e.time == old.time)
    });
    match goal.kind.as_str() {
        "booked" => {
            after.len() == before.len() + 1
                && old_is_there
                && after.iter().filter(|e| matches(e)).count() == 1
        }
        "moved" => {
            after.len() == before.len()
                && !old_is_there
                && after.iter().filter(|e| matches(e)).count() == 1
        }
        "cancelled" => after.len() + 1 == before.len() && !old_is_there,
        "time" => said(&["8 am"]) || said(&["8:00"]) || said(&["eight"]),
        "date" => said(&["wednesday", "november 18"]),
        "sum" => {
            let result = match &goal.result {
                Some(toml::Value::String(text)) => text.clone(),
                Some(toml::Value::Float(n)) => format!("{n}"),
                Some(value) => value.to_string(),
                None => return false,
            };
            spoken.iter().any(|t| {
                t.replace(',', "")
                    .split(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-')))
                    .any(|n| n.trim_end_matches('.') == result)
            })
        }
        "note" => {
            let words = goal
                .contains
                .as_ref()
                .map(|c| c.all().join(" ").to_lowercase())
                .unwrap_or_default();
            shelf.notes.of(&call.conversation).iter().any(|note| {
                words
                    .split_whitespace()
                    .all(|w| note.to_lowercase().contains(w))
            })
        }
        "notes_read" => {
            let words = goal
                .contains
                .as_ref()
                .map(|c| c.all().join(" ").to_lowercase())
                .unwrap_or_default();
            call.lines
                .iter()
                .filter(|l| l.agent && l.after.iter().any(|t| t == "list_notes"))
                .any(|l| {
                    words
                        .split_whitespace()
                        .all(|w| l.text.to_lowercase().contains(w))
                })
        }
        "notes_deleted" => {
            call.tools.iter().any(|t| t == "add_note")
                && shelf.notes.of(&call.conversation).is_empty()
        }
        "explained" => match goal.topic.as_str() {
            "offline" => said(&["without a network"]) || said(&["offline"]),
            "cost" => said(&["free"]) || said(&["costs nothing"]),
            "account" => said(&["agent id", "api key"]) || said(&["agent_id", "api_key"]),
            "python" => said(&["python"]),
            "browser" => said(&["browser"]),
            "languages" => said(&["english"]) && said(&["language"]),
            "voices" => said(&["voices", "duologue voices"]),
            "privacy" => said(&["leaves your machine"]) || said(&["recorded"]),
            "what" => said(&["duologue", "agent", "voice", "machine"]),
            "abilities" => said(&["notes", "sums", "time"]),
            _ => false,
        },
        "goodbye" => {
            call.ended
                && call
                    .lines
                    .iter()
                    .rev()
                    .find(|l| l.agent)
                    .is_some_and(|l| l.text.to_lowercase().contains("bye"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn days_that_people_disagree_about_have_two_dates() {
        let today = date(2026, 11, 18);
        assert_eq!(
            dates("next friday", today),
            [date(2026, 11, 20), date(2026, 11, 27)]
        );
        assert_eq!(dates("next monday", today), [date(2026, 11, 23)]);
        assert_eq!(dates("wednesday", today).len(), 2);
        assert_eq!(first("wednesday", today), Some(date(2026, 11, 25)));
    }
}
