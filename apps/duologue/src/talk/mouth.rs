//! What the agent hears: a recording, a pipe, or a caller who is spoken live.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    thread,
};

use sdk::source::{Channel, Source};
use tokio::sync::mpsc;

use super::{desk::Mic, ear::Ear};
use crate::{
    files::{self, RATE},
    problem::{Outcome, Problem},
    script::{Cue, Line},
};

/// Samples of 20 ms.
pub(crate) const FRAME: usize = 320;
/// Frames of a pipe that are read ahead: a second.
const AHEAD: usize = 50;
/// How long a caller waits for an answer before going on without one, in samples.
const PATIENCE: usize = 15 * 16_000;
/// How long a caller waits for a greeting before speaking first, in samples.
const GREETING: usize = 4 * 16_000;

/// One 20 ms piece of what the agent hears.
pub(crate) enum Mouth {
    /// A file, read as it is needed.
    File(Box<Recording>),
    /// A pipe, read by a thread that may wait.
    Pipe(Pipe),
    /// A caller.
    Caller(Caller),
    /// A person. The device keeps the time.
    Person(Box<Mic>),
}

impl Mouth {
    /// Opens a recording or a pipe.
    pub(crate) fn open(path: &Path) -> Outcome<Self> {
        let source = files::open_sound(path, Channel::Mix)?;
        let regular = !files::is_pipe(path) && path.is_file();
        Ok(if regular {
            Self::File(Box::new(Recording {
                path: path.to_owned(),
                source,
            }))
        } else {
            Self::Pipe(Pipe::start(path, source))
        })
    }

    /// Fills `frame`. False once nothing more will come; the frame is then silence. `hurry` says that nobody waits for
    /// the clock: a pipe may then be waited for.
    pub(crate) async fn frame(
        &mut self,
        frame: &mut [i16],
        ear: &Ear,
        hurry: bool,
    ) -> Outcome<bool> {
        match self {
            Self::File(recording) => recording.frame(frame),
            Self::Pipe(pipe) => pipe.frame(frame, hurry).await,
            Self::Caller(caller) => Ok(caller.frame(frame, ear)),
            Self::Person(microphone) => Ok(microphone.frame(frame).await),
        }
    }

    /// What to say about how the input ended.
    pub(crate) fn remark(&self) -> Option<String> {
        match self {
            Self::File(recording) => files::truncated(&recording.path, &recording.source),
            Self::Pipe(_) | Self::Caller(_) | Self::Person(_) => None,
        }
    }

    /// Whether a frame comes when its time has come, so that nobody else has to wait for it.
    pub(crate) const fn keeps_time(&self) -> bool {
        matches!(self, Self::Person(_))
    }

    /// Whether a person has turned the microphone off.
    pub(crate) const fn is_muted(&self) -> bool {
        matches!(self, Self::Person(microphone) if microphone.is_muted())
    }

    /// What there is to tell about the device.
    pub(crate) fn notice(&mut self) -> Option<String> {
        match self {
            Self::Person(microphone) => microphone.notice(),
            _ => None,
        }
    }
}

/// A file.
pub(crate) struct Recording {
    path: PathBuf,
    source: Source,
}

impl Recording {
    fn frame(&mut self, frame: &mut [i16]) -> Outcome<bool> {
        let count = self.source.read(frame).map_err(|error| {
            Problem::failure(format!("could not read {} further", self.path.display()))
                .because_io(&error)
        })?;
        frame[count..].fill(0);
        Ok(count > 0)
    }
}

/// A pipe.
pub(crate) struct Pipe {
    frames: mpsc::Receiver<Outcome<Vec<i16>>>,
}

impl Pipe {
    fn start(path: &Path, mut source: Source) -> Self {
        let (sender, frames) = mpsc::channel(AHEAD);
        let name = files::named(path);
        thread::spawn(move || {
            loop {
                let mut frame = vec![0; FRAME];
                let item = match source.read(&mut frame) {
                    Ok(0) => return,
                    Ok(_) => Ok(frame),
                    Err(error) => Err(Problem::failure(format!("could not read {name} further"))
                        .because_io(&error)),
                };
                if sender.blocking_send(item).is_err() {
                    return;
                }
            }
        });
        Self { frames }
    }

    async fn frame(&mut self, frame: &mut [i16], hurry: bool) -> Outcome<bool> {
        let next = if hurry {
            self.frames.recv().await
        } else {
            match self.frames.try_recv() {
                Ok(next) => Some(next),
                // The pipe is late: silence, as from a microphone that hears nothing.
                Err(mpsc::error::TryRecvError::Empty) => {
                    frame.fill(0);
                    return Ok(true);
                }
                Err(mpsc::error::TryRecvError::Disconnected) => None,
            }
        };
        if let Some(samples) = next {
            frame.copy_from_slice(&samples?);
            Ok(true)
        } else {
            frame.fill(0);
            Ok(false)
        }
    }
}

/// A caller who speaks a script, by what the agent does.
pub(crate) struct Caller {
    lines: VecDeque<(Line, Vec<i16>)>,
    /// What is being said, and how much of it has been.
    saying: Option<(Vec<i16>, usize)>,
    /// When the line before ended, in samples; zero before the first.
    quiet_since: usize,
    spoken: bool,
    now: usize,
}

impl Caller {
    /// A caller whose lines have been made into sound.
    pub(crate) const fn new(lines: VecDeque<(Line, Vec<i16>)>) -> Self {
        Self {
            lines,
            saying: None,
            quiet_since: 0,
            spoken: false,
            now: 0,
        }
    }

    fn frame(&mut self, frame: &mut [i16], ear: &Ear) -> bool {
        frame.fill(0);
        if self.saying.is_none() {
            match self.lines.front() {
                None => return false,
                Some((line, _)) if !self.is_time(line.cue, ear) => {}
                Some(_) => self.saying = self.lines.pop_front().map(|(_, sound)| (sound, 0)),
            }
        }
        self.now += frame.len();
        if let Some((sound, done)) = &mut self.saying {
            let count = (sound.len() - *done).min(frame.len());
            frame[..count].copy_from_slice(&sound[*done..*done + count]);
            *done += count;
            if *done == sound.len() {
                self.saying = None;
                self.spoken = true;
                self.quiet_since = self.now;
            }
        }
        true
    }

    fn is_time(&self, cue: Cue, ear: &Ear) -> bool {
        let waited = self.now - self.quiet_since;
        let answered = ear.spoke_since(self.quiet_since);
        let patience = if self.spoken { PATIENCE } else { GREETING };
        let silent = |time| ear.silent_for(self.now) >= RATE.samples_in(time);
        match cue {
            Cue::At(time) => self.now >= RATE.samples_in(time),
            Cue::Wait(time) => waited >= RATE.samples_in(time),
            Cue::After(time) => {
                (answered && silent(time)) || (!answered && waited >= patience && silent(time))
            }
            Cue::During(time) => {
                let into = ear.speech_so_far(self.quiet_since, self.now);
                let finished = answered && ear.silent_for(self.now) >= 16_000;
                into >= RATE.samples_in(time) && ear.is_speaking()
                    || finished
                    || (!answered && waited >= patience)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Runs a caller of one-frame lines against an agent that speaks in the given frames, and says when each line began.
    fn begun(cues: &[Cue], agent: impl Fn(usize) -> bool, frames: usize) -> Vec<usize> {
        let lines = cues
            .iter()
            .map(|&cue| {
                let line = Line {
                    number: 1,
                    cue,
                    text: "x".to_owned(),
                };
                (line, vec![1; FRAME])
            })
            .collect();
        let mut caller = Caller::new(lines);
        let mut ear = Ear::default();
        let mut times = Vec::new();
        let mut frame = [0; FRAME];
        for n in 0..frames {
            caller.frame(&mut frame, &ear);
            if frame[0] == 1 {
                times.push(n);
            }
            ear.heard(if agent(n) { FRAME } else { 0 }, FRAME);
        }
        times
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_polite_caller_waits_until_the_agent_has_finished() {
        // The agent greets for one second.
        let times = begun(&[Cue::After(ms(200))], |n| (5..55).contains(&n), 200);
        assert_eq!(times, [65]);
    }

    #[test]
    fn an_impatient_caller_interrupts() {
        // The greeting, then an answer that begins at frame 100.
        let agent = |n: usize| (5..55).contains(&n) || n >= 100;
        let cues = [Cue::After(ms(200)), Cue::During(ms(500))];
        assert_eq!(begun(&cues, agent, 200), [65, 125]);
    }

    #[test]
    fn a_caller_speaks_first_where_nobody_greets() {
        let times = begun(&[Cue::After(ms(200))], |_| false, 400);
        assert_eq!(times, [GREETING / FRAME]);
    }

    #[test]
    fn fixed_times_need_no_agent() {
        let cues = [Cue::At(ms(100)), Cue::Wait(ms(200))];
        assert_eq!(begun(&cues, |_| false, 50), [5, 16]);
    }
}
