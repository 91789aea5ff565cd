//! The conversation in a terminal: finished lines scroll up, what moves stays at the bottom.

use std::{
    io::{self, IsTerminal as _, Stdout},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use audio::{Dbfs, Level};
use crossterm::{
    event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
    terminal::{disable_raw_mode, enable_raw_mode},
};
use ratatui::{
    Terminal, TerminalOptions, Viewport,
    backend::{Backend as _, ClearType, CrosstermBackend},
    layout::{Constraint, Layout},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Paragraph, Widget as _, Wrap},
};
use tokio::sync::mpsc;

use super::view::{Shown, Turn};
use crate::{
    logs::Logs,
    problem::{Outcome, Problem},
};

/// Lines at the bottom: the user's words, the agent's, the levels and the last latency.
const HEIGHT: u16 = 6;
/// How often what moves is drawn again.
const REDRAW: Duration = Duration::from_millis(66);
/// How often the keyboard is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// The most lines one text may take.
const MOST_LINES: usize = 100;
/// The level that shows as an empty bar.
const FLOOR: f32 = -60.0;

/// A key that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Hang up.
    HangUp,
    /// The space bar: mute, or talk while it is held.
    Space,
}

/// What the keys do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Nobody is at the microphone.
    HangUp,
    /// The space bar mutes and unmutes.
    Mute,
    /// The space bar is held to talk.
    HoldToTalk,
}

impl Keys {
    const fn help(self) -> &'static str {
        match self {
            Self::HangUp => "Ctrl-C hangs up",
            Self::Mute => "space mutes, Ctrl-C hangs up",
            Self::HoldToTalk => "hold space to talk, Ctrl-C hangs up",
        }
    }
}

/// A terminal that shows a conversation. Dropping it gives the terminal back, also after a panic.
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    logs: Logs,
    stop: Arc<AtomicBool>,
    partial: String,
    /// What the agent is saying; moves up once it is known how much of it was heard.
    agent: Option<String>,
    caller_level: Level,
    agent_level: Level,
    keys: Keys,
    muted: bool,
    status: String,
    turns: Vec<Turn>,
    drawn: Instant,
    open: bool,
}

impl Screen {
    /// Takes the terminal, if there is one that answers.
    pub(crate) fn open(logs: &Logs, keys: Keys) -> Option<(Self, mpsc::Receiver<Key>)> {
        if !io::stdout().is_terminal() || std::env::var_os("TERM").is_some_and(|t| t == "dumb") {
            return None;
        }
        enable_raw_mode().ok()?;
        let options = TerminalOptions {
            viewport: Viewport::Inline(HEIGHT),
        };
        let Ok(terminal) = Terminal::with_options(CrosstermBackend::new(io::stdout()), options)
        else {
            // A terminal that does not say where its cursor is cannot be drawn on.
            let _ = disable_raw_mode();
            return None;
        };
        logs.hold();
        let stop = Arc::new(AtomicBool::new(false));
        let pressed = watch_keys(Arc::clone(&stop));
        let screen = Self {
            terminal,
            logs: logs.clone(),
            stop,
            partial: String::new(),
            agent: None,
            caller_level: Level::SILENCE,
            agent_level: Level::SILENCE,
            keys,
            muted: false,
            status: String::new(),
            turns: Vec::new(),
            drawn: Instant::now(),
            open: true,
        };
        Some((screen, pressed))
    }

    /// Shows something.
    pub(crate) fn show(&mut self, shown: Shown) -> Outcome<()> {
        match shown {
            Shown::Partial(text) => self.partial = text,
            Shown::User(text) => {
                self.partial.clear();
                self.settle()?;
                self.above(said("user", Color::Cyan, vec![Span::raw(text)]))?;
            }
            Shown::AgentPart(text) => self.agent.get_or_insert_default().push_str(&text),
            Shown::Agent(text) => {
                self.settle()?;
                self.agent = Some(text);
            }
            Shown::Heard { original, heard } => {
                if self.agent.as_deref() == Some(original.as_str()) {
                    self.agent = None;
                }
                self.above(said("agent", Color::Green, struck(&original, &heard)))?;
            }
            Shown::Tool { name, failed } => {
                let text = if failed {
                    format!("{name} failed")
                } else {
                    name
                };
                self.above(said("tool", Color::Magenta, vec![Span::raw(text)]))?;
            }
            Shown::Latency(turn) => {
                self.status = turn.line();
                self.turns.push(turn);
            }
            Shown::Choice { name, value } => {
                self.above(said(name, Color::DarkGray, vec![Span::raw(value)]))?;
            }
            Shown::Notice(text) => {
                self.above(said("note", Color::Yellow, vec![Span::raw(text)]))?;
            }
            shown @ (Shown::CutOff(_) | Shown::Continued { .. }) => {
                // Whatever was half said will not be finished.
                self.partial.clear();
                self.settle()?;
                self.above(said("note", Color::Yellow, vec![Span::raw(shown.notice())]))?;
            }
            // The last lines are printed once the terminal has been given back.
            Shown::Started { .. } | Shown::Ended { .. } | Shown::Kept { .. } => {}
        }
        self.draw()
    }

    /// Shows how loud both sides are, and whether the caller is muted.
    pub(crate) fn levels(&mut self, caller: Level, agent: Level, muted: bool) -> Outcome<()> {
        self.muted = muted;
        self.caller_level = caller;
        self.agent_level = agent;
        if self.drawn.elapsed() >= REDRAW {
            self.draw()?;
        }
        Ok(())
    }

    /// Gives the terminal back, and what is to be told at the end.
    pub(crate) fn close(&mut self) -> Vec<Turn> {
        // A terminal that is gone cannot show the last line either.
        let _ = self.settle();
        self.restore();
        std::mem::take(&mut self.turns)
    }

    /// The agent's words were heard whole: they may scroll up.
    fn settle(&mut self) -> Outcome<()> {
        match self.agent.take() {
            Some(text) => self.above(said("agent", Color::Green, vec![Span::raw(text)])),
            None => Ok(()),
        }
    }

    /// Writes a line above what moves.
    fn above(&mut self, line: Line<'static>) -> Outcome<()> {
        let width = self.terminal.size().map_err(|e| lost(&e))?.width.max(1);
        let lines = wrapped(line, usize::from(width));
        let height = lines.len().min(MOST_LINES) as u16;
        self.terminal
            .insert_before(height, |buffer| {
                Paragraph::new(lines).render(buffer.area, buffer);
            })
            .map_err(|e| lost(&e))
    }

    fn draw(&mut self) -> Outcome<()> {
        self.drawn = Instant::now();
        let user = said("user", Color::Cyan, vec![Span::raw(self.partial.clone())]);
        let agent = said(
            "agent",
            Color::Green,
            vec![Span::raw(self.agent.clone().unwrap_or_default())],
        );
        let grey = Style::new().fg(Color::DarkGray);
        let you = if self.muted {
            Span::styled(MUTED, Style::new().fg(Color::Yellow))
        } else {
            Span::styled(bar(self.caller_level), Style::new().fg(Color::Cyan))
        };
        let levels = Line::from(vec![
            Span::raw("you "),
            you,
            Span::raw("  agent "),
            Span::styled(bar(self.agent_level), Style::new().fg(Color::Green)),
            Span::styled(format!("  {}", self.keys.help()), grey),
        ]);
        let width = usize::from(self.terminal.size().map_err(|e| lost(&e))?.width);
        let status = Line::styled(shortened(&self.status, width), grey);
        self.terminal
            .draw(|frame| {
                let [top, middle, levels_at, status_at] = Layout::vertical([
                    Constraint::Length(2),
                    Constraint::Length(2),
                    Constraint::Length(1),
                    Constraint::Length(1),
                ])
                .areas(frame.area());
                let wrapped = |line| Paragraph::new(line).wrap(Wrap { trim: false });
                frame.render_widget(wrapped(user), top);
                frame.render_widget(wrapped(agent), middle);
                frame.render_widget(Paragraph::new(levels), levels_at);
                frame.render_widget(Paragraph::new(status), status_at);
            })
            .map(|_| ())
            .map_err(|e| lost(&e))
    }

    fn restore(&mut self) {
        if !self.open {
            return;
        }
        self.open = false;
        self.stop.store(true, Ordering::Relaxed);
        // What is printed next begins where the moving lines began, wherever the last of them left the cursor.
        let top = self.terminal.get_frame().area().as_position();
        let _ = self.terminal.set_cursor_position(top);
        let _ = self
            .terminal
            .backend_mut()
            .clear_region(ClearType::AfterCursor);
        let _ = self.terminal.show_cursor();
        let _ = disable_raw_mode();
        self.logs.release();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.restore();
    }
}

fn lost(error: &io::Error) -> Problem {
    Problem::output(error)
}

fn said(who: &'static str, colour: Color, text: Vec<Span<'static>>) -> Line<'static> {
    let name = Span::styled(
        format!("{who}: "),
        Style::new().fg(colour).add_modifier(Modifier::BOLD),
    );
    std::iter::once(name).chain(text).collect()
}

/// What was heard, and the rest struck through.
fn struck(original: &str, heard: &str) -> Vec<Span<'static>> {
    let crossed = Style::new().add_modifier(Modifier::CROSSED_OUT | Modifier::DIM);
    let trimmed = heard.trim_end_matches(['.', '…', ' ']);
    match original.strip_prefix(trimmed) {
        Some(rest) => vec![
            Span::raw(trimmed.to_owned()),
            Span::styled(rest.to_owned(), crossed),
        ],
        None => vec![
            Span::raw(format!("{heard} ")),
            Span::styled(original.to_owned(), crossed),
        ],
    }
}

/// A line cut into as many as it takes, between words where that can be.
fn wrapped(line: Line<'static>, width: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::default()];
    let mut used = 0;
    for span in line {
        for word in span.content.split_inclusive(' ') {
            let mut word = word;
            while !word.is_empty() {
                let length = word.trim_end().chars().count();
                if used > 0 && used + length > width {
                    lines.push(Line::default());
                    used = 0;
                }
                // A word that is wider than the screen is cut.
                let end = word
                    .char_indices()
                    .nth(width.max(1))
                    .map_or(word.len(), |(at, _)| at);
                let (piece, rest) = word.split_at(end);
                used += piece.chars().count();
                word = rest;
                if let Some(last) = lines.last_mut() {
                    last.push_span(Span::styled(piece.to_owned(), span.style));
                }
            }
        }
    }
    lines
}

/// As wide as a bar.
const MUTED: &str = "not heard   ";

/// As much of a line as fits.
fn shortened(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let fits = line.chars().take(width.saturating_sub(1));
    fits.chain(['…']).collect()
}

/// A level as twelve blocks.
fn bar(level: Level) -> String {
    let filled = (level.rms.fraction_above(Dbfs::new(FLOOR)) * 12.0).round() as usize;
    format!("{}{}", "█".repeat(filled), "·".repeat(12 - filled.min(12)))
}

/// Reads the keyboard on a thread of its own, until told to stop.
fn watch_keys(stop: Arc<AtomicBool>) -> mpsc::Receiver<Key> {
    let (sender, keys) = mpsc::channel(8);
    thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            match event::poll(LOOK) {
                Ok(false) => {}
                Ok(true) => {
                    let Ok(Event::Key(key)) = event::read() else {
                        continue;
                    };
                    let control = key.modifiers.contains(KeyModifiers::CONTROL);
                    let meant = match key.code {
                        _ if key.kind == KeyEventKind::Release => None,
                        KeyCode::Char('c') if control => Some(Key::HangUp),
                        KeyCode::Char(' ') => Some(Key::Space),
                        _ => None,
                    };
                    if let Some(meant) = meant
                        && sender.blocking_send(meant).is_err()
                    {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    });
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_heard_is_struck_through() {
        let spans = struck("I can check that for you.", "I can check");
        assert_eq!(spans[0].content, "I can check");
        assert_eq!(spans[1].content, " that for you.");
        assert!(spans[1].style.add_modifier.contains(Modifier::CROSSED_OUT));
    }

    #[test]
    fn long_lines_break_between_words() {
        let texts: Vec<_> = wrapped(Line::raw("one two three fourteen"), 9)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(texts, ["one two ", "three ", "fourteen"]);
        assert_eq!(wrapped(Line::raw("abcdefgh"), 3).len(), 3);
        assert_eq!(wrapped(Line::default(), 0).len(), 1);
    }

    #[test]
    fn a_line_that_is_too_long_says_so() {
        assert_eq!(shortened("turn 1", 6), "turn 1");
        assert_eq!(shortened("turn 12", 6), "turn …");
        assert_eq!(MUTED.len(), bar(Level::SILENCE).chars().count());
    }

    #[test]
    fn a_level_is_a_bar() {
        assert_eq!(bar(Level::SILENCE), "·".repeat(12));
        assert_eq!(bar(Level::of(&[i16::MAX; 100])), "█".repeat(12));
    }
}
