//! Microphone and speaker: the person at the desk.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use devices::{Microphone, MicrophoneEvent, MicrophoneSettings, SpeakerEvent, SpeakerSettings};
use protocol::agents::EventId;
use sdk::Heard;

use super::mouth::FRAME;
use crate::{
    cli::Talk,
    files::RATE,
    problem::{Outcome, Problem},
};

/// Frames under way beyond what the device wants: they bridge an uneven clock and a busy machine, and are taken back when the
/// agent is to stop.
const LEAD: usize = 5;

/// How long a held key counts as held after the terminal last repeated it. Terminals tell no release, and wait up to half a
/// second before the first repetition.
const HELD: Duration = Duration::from_millis(700);

/// Whether the microphone is open, as the keyboard says.
#[derive(Debug)]
pub(crate) struct Switch {
    hold_to_talk: bool,
    muted: AtomicBool,
    pressed: Mutex<Option<Instant>>,
}

impl Switch {
    /// Open, unless a key must be held to talk.
    pub(crate) fn new(hold_to_talk: bool) -> Self {
        Self {
            hold_to_talk,
            muted: AtomicBool::new(false),
            pressed: Mutex::new(None),
        }
    }

    /// The space bar was pressed, or the terminal repeats it.
    pub(crate) fn press(&self) {
        let mut pressed = self.pressed.lock().unwrap_or_else(PoisonError::into_inner);
        if self.hold_to_talk {
            *pressed = Some(Instant::now());
        } else {
            self.muted.fetch_xor(true, Ordering::AcqRel);
        }
    }

    /// Whether the user is not to be heard.
    pub(crate) fn is_muted(&self) -> bool {
        if self.hold_to_talk {
            let pressed = self.pressed.lock().unwrap_or_else(PoisonError::into_inner);
            pressed.is_none_or(|at| at.elapsed() > HELD)
        } else {
            self.muted.load(Ordering::Acquire)
        }
    }
}

/// Opens both devices, the microphone without the speaker's echo.
pub(crate) async fn open(arguments: &Talk, switch: &Arc<Switch>) -> Outcome<(Mic, Out)> {
    let mut speaker = devices::Speaker::open(SpeakerSettings {
        device: arguments.device_out.clone(),
    })
    .await
    .map_err(|error| refused(&error))?;
    let echo = if arguments.no_aec {
        None
    } else {
        speaker.echo(RATE)
    };
    let settings = MicrophoneSettings {
        device: arguments.device_in.clone(),
        ..MicrophoneSettings::default()
    };
    let microphone = Microphone::open(settings, echo)
        .await
        .map_err(|error| refused(&error))?;
    let mic = Mic {
        microphone,
        switch: Arc::clone(switch),
        notices: VecDeque::new(),
        was_muted: switch.is_muted(),
    };
    Ok((mic, Out::new(speaker)))
}

fn refused(error: &devices::DeviceError) -> Problem {
    Problem::failure("there is nothing to talk with")
        .because(error)
        .fix("type instead: duologue talk --text\nor play a recording: duologue talk --input caller.wav --output agent.wav\n`duologue devices` lists what this machine has")
}

/// A microphone as the agent hears it.
pub(crate) struct Mic {
    microphone: Microphone,
    switch: Arc<Switch>,
    notices: VecDeque<String>,
    was_muted: bool,
}

impl Mic {
    /// The device's name.
    pub(crate) fn device(&self) -> &str {
        self.microphone.device()
    }

    /// Whether the last frame was kept from the agent.
    pub(crate) const fn is_muted(&self) -> bool {
        self.was_muted
    }

    /// Fills `frame`, when its time has come. False once nothing more will come.
    pub(crate) async fn frame(&mut self, frame: &mut [i16]) -> bool {
        loop {
            match self.microphone.next().await {
                Some(MicrophoneEvent::Frame(heard)) => {
                    let muted = self.switch.is_muted();
                    if muted != self.was_muted {
                        self.was_muted = muted;
                        let state = if muted { "off" } else { "on" };
                        self.notices.push_back(format!("microphone {state}"));
                    }
                    let count = heard.samples.len().min(frame.len());
                    frame[count..].fill(0);
                    if muted {
                        frame.fill(0);
                    } else {
                        frame[..count].copy_from_slice(&heard.samples[..count]);
                    }
                    return true;
                }
                Some(MicrophoneEvent::Lost { device, reason }) => self.notices.push_back(format!(
                    "the microphone {device} is gone ({reason}); the conversation goes on, plug one in"
                )),
                Some(MicrophoneEvent::Returned { device }) => {
                    self.notices.push_back(format!("listening through {device}"));
                }
                Some(MicrophoneEvent::Slept(time)) => self
                    .notices
                    .push_back(format!("nobody was listening for {} s: the machine slept, or the program was stopped", time.as_secs())),
                Some(_) => {}
                None => return false,
            }
        }
    }

    /// What there is to tell about the device.
    pub(crate) fn notice(&mut self) -> Option<String> {
        self.notices.pop_front()
    }
}

/// A loudspeaker fed a frame at a time, so that little is on its way when the agent is to stop.
pub(crate) struct Out {
    speaker: devices::Speaker,
    next: u64,
    /// Frames on their way: their id, and how far playout will have got when they have sounded.
    under_way: VecDeque<(u64, Option<Heard>)>,
    heard: Option<Heard>,
    /// What was handed over, for recordings, which count the time frame by frame.
    handed: VecDeque<i16>,
    notices: VecDeque<String>,
}

impl Out {
    fn new(speaker: devices::Speaker) -> Self {
        Self {
            speaker,
            next: 1,
            under_way: VecDeque::new(),
            heard: None,
            handed: VecDeque::new(),
            notices: VecDeque::new(),
        }
    }

    /// The device's name.
    pub(crate) fn device(&self) -> &str {
        self.speaker.device()
    }

    fn frame(&mut self, queue: &mut sdk::Speaker, spoken: &mut [i16]) -> usize {
        self.learn();
        let lead = RATE.samples_in(self.speaker.lead()).div_ceil(FRAME) + LEAD;
        while self.under_way.len() < lead {
            let mut piece = [0; FRAME];
            let count = queue.pull(&mut piece);
            if count == 0
                || !self
                    .speaker
                    .try_play(self.next, RATE, piece[..count].to_vec())
            {
                break;
            }
            self.under_way.push_back((self.next, queue.heard()));
            self.next += 1;
            self.handed.extend(&piece[..count]);
        }
        let count = self.handed.len().min(spoken.len());
        for (place, sample) in spoken.iter_mut().zip(self.handed.drain(..count)) {
            *place = sample;
        }
        spoken[count..].fill(0);
        count
    }

    /// Falls silent at once.
    fn stop(&mut self) {
        self.speaker.stop();
        self.under_way.clear();
        self.handed.clear();
    }

    fn learn(&mut self) {
        while let Some(event) = self.speaker.try_next() {
            match event {
                SpeakerEvent::Played(played) if played.whole => {
                    while let Some((id, heard)) = self.under_way.front().copied()
                        && id <= played.id
                    {
                        self.heard = heard.or(self.heard);
                        self.under_way.pop_front();
                    }
                }
                SpeakerEvent::Lost { device, reason } => self.notices.push_back(format!(
                    "the speaker {device} is gone ({reason}); the agent waits until one is back"
                )),
                SpeakerEvent::Returned { device } => {
                    // What was on its way to the old device has gone with it.
                    self.under_way.clear();
                    self.notices.push_back(format!("speaking through {device}"));
                }
                _ => {}
            }
        }
    }
}

/// Where the agent's sound goes, sample by sample: a file or a pipe, which take what they are given, or a device.
pub(crate) struct Playout {
    queue: sdk::Speaker,
    device: Option<Out>,
}

impl Playout {
    /// Through `device`, or as fast as it is asked for.
    pub(crate) fn new(device: Option<Out>) -> Self {
        Self {
            queue: sdk::Speaker::new(),
            device,
        }
    }

    /// Queues a chunk.
    pub(crate) fn push(&mut self, event: EventId, samples: Vec<i16>) {
        self.queue.push(event, samples);
    }

    /// Fills `spoken` with what sounds during this frame; gives how much of it is speech.
    pub(crate) fn frame(&mut self, spoken: &mut [i16]) -> usize {
        match &mut self.device {
            Some(device) => device.frame(&mut self.queue, spoken),
            None => self.queue.pull(spoken),
        }
    }

    /// How far playout has got.
    pub(crate) fn heard(&self) -> Option<Heard> {
        match &self.device {
            Some(device) => device.heard,
            None => self.queue.heard(),
        }
    }

    /// Holds it.
    pub(crate) fn pause(&mut self) {
        self.queue.pause();
        if let Some(device) = &self.device {
            device.speaker.pause();
        }
    }

    /// Goes on from the exact sample.
    pub(crate) fn resume(&mut self) {
        self.queue.resume();
        if let Some(device) = &self.device {
            device.speaker.resume();
        }
    }

    /// Stops at once and forgets everything up to chunk `last`.
    pub(crate) fn stop(&mut self, last: EventId) {
        self.queue.stop(last);
        if let Some(device) = &mut self.device {
            device.stop();
        }
    }

    /// Forgets all sound and all ids, for a new conversation.
    pub(crate) fn renew(&mut self) {
        self.queue = sdk::Speaker::new();
        if let Some(device) = &mut self.device {
            device.stop();
            device.heard = None;
        }
    }

    /// Whether nothing is left to sound.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
            && self
                .device
                .as_ref()
                .is_none_or(|device| device.under_way.is_empty())
    }

    /// What there is to tell about the device.
    pub(crate) fn notice(&mut self) -> Option<String> {
        self.device.as_mut()?.notices.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_space_bar_mutes_and_unmutes() {
        let switch = Switch::new(false);
        assert!(!switch.is_muted());
        switch.press();
        assert!(switch.is_muted());
        switch.press();
        assert!(!switch.is_muted());
    }

    #[test]
    fn with_hold_to_talk_nothing_is_heard_until_the_key_is_held() {
        let switch = Switch::new(true);
        assert!(switch.is_muted());
        switch.press();
        assert!(!switch.is_muted());
    }
}
