//! The appointment book as tools.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::{Date, DateTime, Time};
use providers::{
    llm::ToolSpec,
    tool::{Invocation, Tool, ToolFuture},
};
use serde_json::{Value, json};

use super::{Appointment, Book, BookError, now, schema, text};
use crate::script::when::{spoken_day, spoken_time};

/// One appointment book, shared by every conversation. Clones are the same book.
#[derive(Clone, Debug, Default)]
pub struct Appointments {
    book: Arc<Mutex<Book>>,
}

impl Appointments {
    /// Shares a book.
    pub fn new(book: Book) -> Self {
        Self {
            book: Arc::new(Mutex::new(book)),
        }
    }

    /// Looks at the book, or writes in it. Nobody else can meanwhile: be brief.
    pub fn with<T>(&self, work: impl FnOnce(&mut Book) -> T) -> T {
        // The book is whole after every change, also where a panic broke off what came after it.
        work(&mut self.book.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// `find_slots`, `find_appointment`, `book_appointment`, `move_appointment` and `cancel_appointment`.
pub fn appointment_tools(book: &Appointments) -> Vec<Arc<dyn Tool>> {
    [
        Work::Slots,
        Work::Find,
        Work::Book,
        Work::Move,
        Work::Cancel,
    ]
    .into_iter()
    .map(|work| {
        Arc::new(BookTool {
            book: book.clone(),
            work,
        }) as Arc<dyn Tool>
    })
    .collect()
}

#[derive(Clone, Copy, Debug)]
enum Work {
    Slots,
    Find,
    Book,
    Move,
    Cancel,
}

#[derive(Debug)]
struct BookTool {
    book: Appointments,
    work: Work,
}

const DATE: &str = "the day as YYYY-MM-DD";
const TIME: &str = "the time as HH:MM, 24 hours";

impl Tool for BookTool {
    fn spec(&self) -> ToolSpec {
        let (name, description, parameters) = match self.work {
            Work::Slots => (
                "find_slots",
                "Says whether a time is free, and which times are free on a day.",
                schema(&[
                    ("date", DATE, true),
                    ("time", TIME, false),
                    ("moving", "the name of whoever moves an appointment", false),
                ]),
            ),
            Work::Find => (
                "find_appointment",
                "Finds the coming appointment of a person; with a day or a time where there are several.",
                schema(&[
                    ("name", "who", true),
                    ("date", DATE, false),
                    ("time", TIME, false),
                ]),
            ),
            Work::Book => (
                "book_appointment",
                "Books an appointment. Ask the person to confirm first.",
                schema(&[
                    ("name", "who", true),
                    ("date", DATE, true),
                    ("time", TIME, true),
                    ("email", "where a confirmation may go", false),
                ]),
            ),
            Work::Move => (
                "move_appointment",
                "Moves an appointment to another time. Ask the person to confirm first.",
                schema(&[
                    ("name", "who", true),
                    (
                        "date",
                        "the present day, where there are several appointments",
                        false,
                    ),
                    ("time", "the present time", false),
                    ("new_date", DATE, true),
                    ("new_time", TIME, true),
                ]),
            ),
            Work::Cancel => (
                "cancel_appointment",
                "Cancels an appointment. Ask the person to confirm first.",
                schema(&[
                    ("name", "who", true),
                    ("date", DATE, false),
                    ("time", TIME, false),
                ]),
            ),
        };
        ToolSpec {
            name: name.to_owned(),
            description: description.to_owned(),
            parameters,
        }
    }

    fn call(&self, call: Invocation) -> ToolFuture<'_> {
        Box::pin(async move {
            let now = now(&call)?.datetime();
            self.book.with(|book| match self.work {
                Work::Slots => slots(book, &call, now),
                Work::Find => find(book, &call, now),
                Work::Book => {
                    let (date, time) = (date(&call, "date")?, time(&call, "time")?);
                    let email = call
                        .arguments
                        .get("email")
                        .and_then(Value::as_str)
                        .map(str::to_owned);
                    let booked =
                        book.book(text(&call, "name")?, date.to_datetime(time), email, now);
                    answer(book, booked, "booked", date, time, now)
                }
                Work::Move => {
                    let old = match one(book, &call, now)? {
                        Ok(old) => old,
                        Err(trouble) => return Ok(trouble),
                    };
                    let (date, time) = (date(&call, "new_date")?, time(&call, "new_time")?);
                    let moved = book.shift(old.id, date.to_datetime(time), now);
                    answer(book, moved, "moved", date, time, now)
                }
                Work::Cancel => match one(book, &call, now)? {
                    Ok(old) => {
                        let cancelled = book.cancel(old.id);
                        answer(book, cancelled, "cancelled", old.date, old.time, now)
                    }
                    Err(trouble) => Ok(trouble),
                },
            })
        })
    }
}

fn date(call: &Invocation, name: &str) -> Result<Date, String> {
    text(call, name)?
        .parse()
        .map_err(|_| format!("the argument `{name}` is not a day as YYYY-MM-DD"))
}

fn time(call: &Invocation, name: &str) -> Result<Time, String> {
    text(call, name)?
        .parse()
        .map_err(|_| format!("the argument `{name}` is not a time as HH:MM"))
}

fn slots(book: &Book, call: &Invocation, now: DateTime) -> Result<Value, String> {
    let date = date(call, "date")?;
    let wanted = call
        .arguments
        .get("time")
        .is_some()
        .then(|| time(call, "time"))
        .transpose()?;
    // Whoever moves an appointment does not stand in their own way.
    let own = call
        .arguments
        .get("moving")
        .and_then(Value::as_str)
        .and_then(|name| book.of(name, now).first().map(|e| e.id));
    let verdict = wanted.map(|t| book.check(date.to_datetime(t), now, own));
    let mut out = match verdict {
        Some(Err(error)) => refused(book, &error, date, wanted, now),
        Some(Ok(())) => json!({ "available": true }),
        None => {
            let free = book.free(date, None, now, 20);
            let some: Vec<DateTime> = pick(&free);
            json!({ "available": !free.is_empty(), "times": free.iter().map(|t| t.time().strftime("%H:%M").to_string()).collect::<Vec<_>>(), "spoken": spoken(&some, now.date(), false) })
        }
    };
    out["date"] = Value::from(date.to_string());
    if let Some(time) = wanted {
        out["time"] = Value::from(time.strftime("%H:%M").to_string());
    }
    Ok(out)
}

/// Three times spread over those that are free.
fn pick(free: &[DateTime]) -> Vec<DateTime> {
    match free.len() {
        0..=3 => free.to_vec(),
        n => vec![free[0], free[n / 2], free[n - 1]],
    }
}

fn find(book: &Book, call: &Invocation, now: DateTime) -> Result<Value, String> {
    Ok(match one(book, call, now)? {
        Ok(found) => described(&found, "found", now),
        Err(trouble) => trouble,
    })
}

/// The one appointment that is meant, or what stands in the way, as a result.
fn one(
    book: &Book,
    call: &Invocation,
    now: DateTime,
) -> Result<Result<Appointment, Value>, String> {
    let name = text(call, "name")?;
    let all = book.of(name, now);
    if all.is_empty() {
        return Ok(Err(json!({ "status": "not_found", "name": name })));
    }
    let day = call
        .arguments
        .get("date")
        .is_some()
        .then(|| date(call, "date"))
        .transpose()?;
    let clock = call
        .arguments
        .get("time")
        .is_some()
        .then(|| time(call, "time"))
        .transpose()?;
    let fitting: Vec<&&Appointment> = all
        .iter()
        .filter(|e| day.is_none_or(|d| e.date == d) && clock.is_none_or(|t| e.time == t))
        .collect();
    Ok(match (fitting.as_slice(), all.as_slice()) {
        ([found], _) => Ok((**found).clone()),
        // The only appointment of that name, remembered a little wrong: told, and asked about.
        ([], [found]) => Err(described(found, "other", now)),
        (several, _) => {
            let list: Vec<DateTime> = if several.is_empty() {
                all.iter().map(|e| e.at()).collect()
            } else {
                several.iter().map(|e| e.at()).collect()
            };
            Err(
                json!({ "status": "several", "name": name, "spoken": spoken(&list, now.date(), true) }),
            )
        }
    })
}

fn described(entry: &Appointment, status: &str, now: DateTime) -> Value {
    json!({
        "status": status,
        "name": entry.name,
        "date": entry.date.to_string(),
        "time": entry.time.strftime("%H:%M").to_string(),
        "spoken": format!("{} at {}", spoken_day(entry.date, now.date()), spoken_time(entry.time)),
    })
}

fn answer(
    book: &Book,
    done: Result<Appointment, BookError>,
    status: &str,
    date: Date,
    time: Time,
    now: DateTime,
) -> Result<Value, String> {
    match done {
        Ok(entry) => Ok(described(&entry, status, now)),
        Err(error @ BookError::File { .. }) => Err(error.to_string()),
        Err(error) => {
            let mut out = refused(book, &error, date, Some(time), now);
            out["status"] = Value::from("refused");
            Ok(out)
        }
    }
}

/// Why not, and what instead.
fn refused(book: &Book, error: &BookError, date: Date, time: Option<Time>, now: DateTime) -> Value {
    let reason = match error {
        BookError::Past => "past",
        BookError::Taken => "taken",
        BookError::NotFound => "not_found",
        BookError::Closed if !book.hours().days.contains(&date.weekday()) => "closed_day",
        _ => "closed",
    };
    let mut instead = book.free(date, time, now, 3);
    if instead.is_empty() {
        instead = book
            .next_free(date, now)
            .map(|at| book.free(at.date(), time, now, 2))
            .unwrap_or_default();
    }
    let other_day = instead.first().is_some_and(|at| at.date() != date);
    json!({
        "available": false,
        "reason": reason,
        "alternatives": instead.iter().map(|at| json!({ "date": at.date().to_string(), "time": at.time().strftime("%H:%M").to_string() })).collect::<Vec<_>>(),
        "spoken": spoken(&instead, now.date(), other_day),
    })
}

/// Times in words: `10 am, 2:30 pm or 4 pm`.
fn spoken(times: &[DateTime], today: Date, days: bool) -> String {
    let mut last: Option<Date> = None;
    let words: Vec<String> = times
        .iter()
        .map(|at| {
            let day = if days && last != Some(at.date()) {
                format!("{} at ", spoken_day(at.date(), today))
            } else {
                String::default()
            };
            last = Some(at.date());
            format!("{day}{}", spoken_time(at.time()))
        })
        .collect();
    match words.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::Hours;

    async fn run(book: &Appointments, name: &str, arguments: Value) -> Value {
        let tools = appointment_tools(book);
        let tool = tools
            .iter()
            .find(|t| t.spec().name == name)
            .expect("a tool");
        let call = Invocation {
            conversation: "conv_a".to_owned(),
            arguments,
            now: "2026-11-18T08:00:00+00:00[UTC]".to_owned(),
            ..Invocation::default()
        };
        tool.call(call)
            .await
            .unwrap_or_else(|e| json!({ "error": e }))
    }

    #[tokio::test]
    async fn a_taken_time_is_refused_with_others() {
        let book = Appointments::new(Book::new(Hours::default()));
        let wish = json!({ "name": "Rose", "date": "2026-11-19", "time": "10:00" });
        assert_eq!(
            run(&book, "book_appointment", wish).await["status"],
            "booked"
        );
        let answer = run(
            &book,
            "book_appointment",
            json!({ "name": "Tom", "date": "2026-11-19", "time": "10:00" }),
        )
        .await;
        assert_eq!(
            (&answer["status"], &answer["reason"]),
            (&json!("refused"), &json!("taken"))
        );
        assert_eq!(answer["spoken"], "9 am, 9:30 am or 10:30 am");
    }

    #[tokio::test]
    async fn appointments_are_found_moved_and_cancelled_by_name() {
        let book = Appointments::new(Book::new(Hours::default()));
        run(
            &book,
            "book_appointment",
            json!({ "name": "Rose Hill", "date": "2026-11-19", "time": "10:00" }),
        )
        .await;
        let moved = run(
            &book,
            "move_appointment",
            json!({ "name": "rose", "new_date": "2026-11-20", "new_time": "14:30" }),
        )
        .await;
        assert_eq!(moved["status"], "moved");
        assert_eq!(
            run(&book, "find_appointment", json!({ "name": "rose" })).await["date"],
            "2026-11-20"
        );
        assert_eq!(
            run(&book, "cancel_appointment", json!({ "name": "tom" })).await["status"],
            "not_found"
        );
        assert_eq!(
            run(&book, "cancel_appointment", json!({ "name": "rose" })).await["status"],
            "cancelled"
        );
    }

    #[tokio::test]
    async fn arguments_that_make_no_sense_are_told_so() {
        let book = Appointments::default();
        assert!(
            run(&book, "find_slots", json!({ "date": "soon" })).await["error"]
                .as_str()
                .is_some_and(|e| e.contains("YYYY-MM-DD"))
        );
    }
}
