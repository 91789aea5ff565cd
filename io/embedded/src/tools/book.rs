//! An appointment book: who comes when, within opening hours, one at a time.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use jiff::{
    ToSpan,
    civil::{Date, DateTime, Time, Weekday},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::script;

/// When appointments can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// The first appointment begins then. Default 09:00.
    pub from: Time,
    /// The last one begins before then. Default 17:00.
    pub until: Time,
    /// The days, Monday first. Default Monday to Friday.
    pub days: Vec<Weekday>,
    /// How long an appointment takes, in minutes, 5 to 480. Default 30.
    pub minutes: i64,
}

impl Default for Hours {
    fn default() -> Self {
        Self {
            from: Time::constant(9, 0, 0, 0),
            until: Time::constant(17, 0, 0, 0),
            days: vec![
                Weekday::Monday,
                Weekday::Tuesday,
                Weekday::Wednesday,
                Weekday::Thursday,
                Weekday::Friday,
            ],
            minutes: 30,
        }
    }
}

impl Hours {
    /// From an agent's variables: `open_from` and `open_until` (`09:00`), `open_days` (`1-5`, Monday being 1) and
    /// `slot_minutes`. What is missing or unreadable keeps its default.
    pub fn from_variables(variables: &BTreeMap<String, Value>) -> Self {
        let mut hours = Self::default();
        let time = |name: &str| {
            variables
                .get(name)
                .and_then(Value::as_str)
                .and_then(|t| t.parse::<Time>().ok())
        };
        hours.from = time("open_from").unwrap_or(hours.from);
        hours.until = time("open_until").unwrap_or(hours.until);
        if let Some((a, b)) = variables
            .get("open_days")
            .and_then(Value::as_str)
            .and_then(|d| d.split_once('-'))
            && let (Ok(a), Ok(b)) = (a.trim().parse::<i8>(), b.trim().parse::<i8>())
        {
            let days: Vec<Weekday> = (a..=b)
                .filter_map(|d| Weekday::from_monday_one_offset(d).ok())
                .collect();
            if !days.is_empty() {
                hours.days = days;
            }
        }
        if let Some(minutes) = variables.get("slot_minutes").and_then(Value::as_i64) {
            hours.minutes = minutes.clamp(5, 480);
        }
        hours
    }

    fn holds(&self, at: DateTime) -> bool {
        self.days.contains(&at.date().weekday()) && (self.from..self.until).contains(&at.time())
    }
}

/// One entry of the book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointment {
    /// Its number in the book, from 1.
    pub id: u64,
    /// Who comes.
    pub name: String,
    /// The day.
    pub date: Date,
    /// When it begins.
    pub time: Time,
    /// Where a confirmation may go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl Appointment {
    /// When it begins.
    pub fn at(&self) -> DateTime {
        self.date.to_datetime(self.time)
    }
}

/// Why the book could not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BookError {
    /// The practice is closed then.
    #[error("closed at that time")]
    Closed,
    /// It is over.
    #[error("that time has passed")]
    Past,
    /// Somebody else comes then.
    #[error("that time is taken")]
    Taken,
    /// Nobody of that name, or not then.
    #[error("there is no such appointment")]
    NotFound,
    /// The file could not be read or written; the book is as it was.
    #[error("the appointment book {path} could not be kept: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The book itself. [`super::Appointments`] shares one between conversations.
#[derive(Debug, Default)]
pub struct Book {
    hours: Hours,
    entries: Vec<Appointment>,
    next: u64,
    path: Option<PathBuf>,
}

impl Book {
    /// An empty book in memory.
    pub fn new(hours: Hours) -> Self {
        Self {
            hours,
            entries: Vec::new(),
            next: 1,
            path: None,
        }
    }

    /// The book in a file, which is made with the first appointment.
    ///
    /// # Errors
    ///
    /// [`BookError::File`] when the file is there and is no book.
    pub fn open(hours: Hours, path: PathBuf) -> Result<Self, BookError> {
        let entries: Vec<Appointment> = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| BookError::File {
                path: path.clone(),
                source: e.into(),
            })?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(BookError::File { path, source }),
        };
        let next = entries.iter().map(|e| e.id).max().unwrap_or(0) + 1;
        Ok(Self {
            hours,
            entries,
            next,
            path: Some(path),
        })
    }

    /// All appointments, in the order they were made.
    pub fn entries(&self) -> &[Appointment] {
        &self.entries
    }

    /// The opening hours.
    pub fn hours(&self) -> &Hours {
        &self.hours
    }

    /// Whether an appointment can be at `at`; `but` does not count as taken.
    ///
    /// # Errors
    ///
    /// Closed, past or taken.
    pub fn check(&self, at: DateTime, now: DateTime, but: Option<u64>) -> Result<(), BookError> {
        if at < now {
            return Err(BookError::Past);
        }
        if !self.hours.holds(at) {
            return Err(BookError::Closed);
        }
        let length = self.hours.minutes.minutes();
        let taken = self.entries.iter().filter(|e| Some(e.id) != but).any(|e| {
            let apart = |a: DateTime, b: DateTime| a.checked_add(length).is_ok_and(|end| end <= b);
            !apart(e.at(), at) && !apart(at, e.at())
        });
        if taken { Err(BookError::Taken) } else { Ok(()) }
    }

    /// Free times of a day, early to late; with `near`, the nearest first.
    pub fn free(
        &self,
        date: Date,
        near: Option<Time>,
        now: DateTime,
        most: usize,
    ) -> Vec<DateTime> {
        let mut out = Vec::new();
        let mut time = self.hours.from;
        while time < self.hours.until {
            let at = date.to_datetime(time);
            if self.check(at, now, None).is_ok() {
                out.push(at);
            }
            match time.checked_add(self.hours.minutes.minutes()) {
                Ok(later) if later > time => time = later,
                _ => break,
            }
        }
        if let Some(near) = near {
            let minutes = |t: Time| i64::from(t.hour()) * 60 + i64::from(t.minute());
            out.sort_by_key(|at| (minutes(at.time()) - minutes(near)).abs());
        }
        out.truncate(most);
        out.sort();
        out
    }

    /// The next day from `date` on with a free time, within two months.
    pub fn next_free(&self, date: Date, now: DateTime) -> Option<DateTime> {
        let mut day = date.max(now.date());
        for _ in 0..62 {
            if let Some(at) = self.free(day, None, now, 1).pop() {
                return Some(at);
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// Coming appointments of a person, soonest first. A first name finds the whole name, and the other way round; where
    /// nobody is called so, the name that sounds like it is taken, if there is only one. Read it back before acting.
    pub fn of(&self, name: &str, now: DateTime) -> Vec<&Appointment> {
        let coming = |fits: &dyn Fn(&str) -> bool| {
            let mut found: Vec<&Appointment> = self
                .entries
                .iter()
                .filter(|e| e.at() >= now && fits(&e.name))
                .collect();
            found.sort_by_key(|e| e.at());
            found
        };
        let exact = coming(&|other| same_person(other, name));
        if !exact.is_empty() {
            return exact;
        }
        let near = coming(&|other| sounds_alike(other, name));
        let one = near.windows(2).all(|pair| pair[0].name == pair[1].name);
        if one { near } else { Vec::new() }
    }

    /// Books an appointment.
    ///
    /// # Errors
    ///
    /// As [`Book::check`], or the file.
    pub fn book(
        &mut self,
        name: &str,
        at: DateTime,
        email: Option<String>,
        now: DateTime,
    ) -> Result<Appointment, BookError> {
        // Said twice, it is still one appointment.
        if let Some(place) = self
            .entries
            .iter()
            .position(|e| e.at() == at && same_person(&e.name, name))
        {
            let mut known = self.entries[place].clone();
            if email.is_some() && known.email != email {
                known.email = email;
                self.replace(place, Some(known.clone()))?;
            }
            return Ok(known);
        }
        self.check(at, now, None)?;
        let entry = Appointment {
            id: self.next,
            name: name.to_owned(),
            date: at.date(),
            time: at.time(),
            email,
        };
        self.entries.push(entry.clone());
        if let Err(error) = self.save() {
            self.entries.pop();
            return Err(error);
        }
        self.next += 1;
        Ok(entry)
    }

    /// Moves an appointment.
    ///
    /// # Errors
    ///
    /// As [`Book::check`], not found, or the file.
    pub fn shift(
        &mut self,
        id: u64,
        at: DateTime,
        now: DateTime,
    ) -> Result<Appointment, BookError> {
        let place = self
            .entries
            .iter()
            .position(|e| e.id == id)
            .ok_or(BookError::NotFound)?;
        self.check(at, now, Some(id))?;
        let mut entry = self.entries[place].clone();
        entry.date = at.date();
        entry.time = at.time();
        self.replace(place, Some(entry.clone()))?;
        Ok(entry)
    }

    /// Cancels an appointment.
    ///
    /// # Errors
    ///
    /// Not found, or the file.
    pub fn cancel(&mut self, id: u64) -> Result<Appointment, BookError> {
        let place = self
            .entries
            .iter()
            .position(|e| e.id == id)
            .ok_or(BookError::NotFound)?;
        let entry = self.entries[place].clone();
        self.replace(place, None)?;
        Ok(entry)
    }

    fn replace(&mut self, place: usize, with: Option<Appointment>) -> Result<(), BookError> {
        let before = self.entries.clone();
        match with {
            Some(entry) => self.entries[place] = entry,
            None => {
                self.entries.remove(place);
            }
        }
        self.save().inspect_err(|_| self.entries = before)
    }

    /// Writes a new file and puts it in the old one's place, so that a crash leaves one or the other.
    fn save(&self) -> Result<(), BookError> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let failed = |source: io::Error| BookError::File {
            path: path.clone(),
            source,
        };
        let json = serde_json::to_vec_pretty(&self.entries).map_err(|e| failed(e.into()))?;
        let beside = beside(path);
        let mut file = fs::File::create(&beside).map_err(failed)?;
        file.write_all(&json)
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        fs::rename(&beside, path).map_err(failed)
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    path.with_file_name(name)
}

/// Whether two names may be one person's: the words of the shorter are all in the longer.
fn same_person(a: &str, b: &str) -> bool {
    let words = |n: &str| {
        n.to_lowercase()
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (a, b) = (words(a), words(b));
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    !short.is_empty() && short.iter().all(|w| long.contains(w))
}

/// Whether a recogniser may have taken one name for the other.
fn sounds_alike(a: &str, b: &str) -> bool {
    let words = |n: &str| {
        n.to_lowercase()
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    words(a)
        .iter()
        .any(|a| words(b).iter().any(|b| script::names_alike(a, b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn now() -> DateTime {
        date(2026, 11, 18).at(8, 0, 0, 0)
    }

    #[test]
    fn two_people_cannot_come_at_once() {
        let mut book = Book::new(Hours::default());
        let at = date(2026, 11, 19).at(10, 0, 0, 0);
        book.book("Rose", at, None, now()).expect("free");
        assert!(matches!(
            book.book("Tom", at, None, now()),
            Err(BookError::Taken)
        ));
        assert!(matches!(
            book.book("Tom", date(2026, 11, 19).at(10, 15, 0, 0), None, now()),
            Err(BookError::Taken)
        ));
        book.book("Tom", date(2026, 11, 19).at(10, 30, 0, 0), None, now())
            .expect("free after half an hour");
        assert_eq!(
            book.book("rose", at, None, now())
                .expect("the same again")
                .id,
            1
        );
        assert_eq!(book.entries().len(), 2);
    }

    #[test]
    fn nobody_is_booked_when_it_is_closed_or_past() {
        let book = Book::new(Hours::default());
        let check = |at| book.check(at, now(), None);
        assert!(matches!(
            check(date(2026, 11, 21).at(10, 0, 0, 0)),
            Err(BookError::Closed)
        ));
        assert!(matches!(
            check(date(2026, 11, 19).at(17, 0, 0, 0)),
            Err(BookError::Closed)
        ));
        assert!(matches!(
            check(date(2026, 11, 17).at(10, 0, 0, 0)),
            Err(BookError::Past)
        ));
        assert!(check(date(2026, 11, 19).at(16, 30, 0, 0)).is_ok());
    }

    #[test]
    fn a_misheard_name_finds_the_only_one_that_sounds_like_it() {
        let mut book = Book::new(Hours::default());
        book.book("Rose", date(2026, 11, 19).at(10, 0, 0, 0), None, now())
            .expect("free");
        book.book("Tom", date(2026, 11, 19).at(11, 0, 0, 0), None, now())
            .expect("free");
        assert_eq!(book.of("rows", now()).len(), 1);
        assert!(book.of("laura", now()).is_empty());
        book.book("Ross", date(2026, 11, 19).at(12, 0, 0, 0), None, now())
            .expect("free");
        assert!(book.of("rows", now()).is_empty());
    }

    #[test]
    fn the_book_outlives_the_process_and_refuses_another_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("book.json");
        let at = date(2026, 11, 19).at(10, 0, 0, 0);
        let mut book = Book::open(Hours::default(), path.clone()).expect("a new book");
        book.book("Rose", at, None, now()).expect("free");
        let mut again = Book::open(Hours::default(), path.clone()).expect("the same book");
        assert_eq!(again.of("rose", now()).len(), 1);
        again.cancel(1).expect("there");
        assert!(
            Book::open(Hours::default(), path.clone())
                .expect("a book")
                .entries()
                .is_empty()
        );
        fs::write(&path, "no book").expect("written");
        assert!(matches!(
            Book::open(Hours::default(), path),
            Err(BookError::File { .. })
        ));
    }

    #[test]
    fn a_book_that_cannot_be_written_keeps_what_it_had() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut book = Book::open(Hours::default(), dir.path().join("gone").join("book.json"))
            .expect("a new book");
        let at = date(2026, 11, 19).at(10, 0, 0, 0);
        assert!(matches!(
            book.book("Rose", at, None, now()),
            Err(BookError::File { .. })
        ));
        assert!(book.entries().is_empty());
    }
}
