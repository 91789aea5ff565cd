//! Whole conversations through a virtual sound card: the real binary listens to a microphone and speaks through a speaker
//! that PulseAudio makes up, and what leaves that speaker is recorded and understood.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    num::NonZeroU16,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use audio::{Level, SampleRate, wav};
use common::{Bench, server::Server, terminal::Terminal};
use serde_json::Value;
use soundcard::{Recorder, SoundSystem};

/// A guard against hanging; nothing is measured with it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where the caller's voice goes in.
const VOICE: &str = "module-null-sink sink_name=voice rate=48000 channels=1";
/// A microphone that hears only the caller.
const MICROPHONE: &str = "module-remap-source source_name=microphone master=voice.monitor";
/// A speaker.
const SPEAKER: &str = "module-null-sink sink_name=speaker rate=48000 channels=2";

/// 20 ms, the piece that is loud or silent.
const PIECE: usize = soundcard::RATE / 50;
/// So many silent pieces in a row are more than a breath between two sentences.
const SILENCE: usize = 40;

/// An agent whose words our own recogniser understands well.
const DESK: &str = r#"
name = "Desk"

[conversation_config.agent]
first_message = "Good morning. You are talking to the front desk. What time would you like to come?"

[conversation_config.agent.prompt.built_in_tools.end_call]
name = "end_call"

[duologue_script]
start = "desk"

[[duologue_script.anywhere]]
said = ["(open|opening|hours)"]
says = ["We are open every day from nine in the morning until six in the evening. You can come by train or by bus, and there is a large garden behind the house."]

[[duologue_script.anywhere]]
said = ["(price|cost|much)"]
says = ["The price of a room is fifteen dollars."]

[[duologue_script.anywhere]]
said = ["(goodbye|bye)"]
go = "goodbye"

[[duologue_script.state]]
name = "desk"
hints = ["ask for the price"]

[[duologue_script.state.step]]
listen = ["What would you like to know?"]

[[duologue_script.state]]
name = "goodbye"

[[duologue_script.state.step]]
say = ["Thank you for talking with me. Goodbye!"]

[[duologue_script.state.step]]
end = true
"#;

/// What it says first.
const GREETING: &str =
    "good morning you are talking to the front desk what time would you like to come";

/// What it says of the price.
const PRICE: &str = "the price of the room is fifteen dollars what would you like to know";
/// What it says last.
const PARTING: &str = "thank you for talking with me goodbye";

/// `duologue talk` with a microphone and a speaker.
struct Talk {
    child: Child,
    events: mpsc::Receiver<Value>,
    /// What was told so far, for whoever has to find out what went wrong.
    told: Vec<Value>,
}

impl Talk {
    /// With an agent in the same process.
    fn begin(bench: &Bench, sound: &SoundSystem) -> Self {
        bench.file("desk.toml", DESK);
        Self::with(bench, sound, "--agent ./desk.toml", &[])
    }

    /// With an agent of a server.
    fn elsewhere(bench: &Bench, sound: &SoundSystem, server: &Server) -> Self {
        let whom = format!("--server {} --agent desk", server.url);
        Self::with(bench, sound, &whom, &server.environment())
    }

    fn with(
        bench: &Bench,
        sound: &SoundSystem,
        whom: &str,
        environment: &[(&'static str, &str)],
    ) -> Self {
        let devices = "--device-in microphone --device-out speaker";
        let mut child = bench
            .command(&format!("talk {whom} {devices} --json"))
            .envs(sound.environment())
            .envs(environment.iter().copied())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, events) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap();
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            events,
            told: Vec::new(),
        }
    }

    /// Sends it a signal, such as `STOP`.
    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for an event of `kind` of which `wanted` holds; what comes before it is passed over.
    #[track_caller]
    fn until(&mut self, kind: &str, wanted: impl Fn(&str) -> bool) -> Value {
        match self.within(PATIENCE, kind, wanted) {
            Some(event) => event,
            None => panic!("no such {kind} came: {:#?}", self.told),
        }
    }

    fn within(
        &mut self,
        patience: Duration,
        kind: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<Value> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let event = self.events.recv_timeout(left).ok()?;
            self.told.push(event.clone());
            if event["type"] == kind && wanted(event["text"].as_str().unwrap_or_default()) {
                return Some(event);
            }
        }
    }

    /// Asks, and asks again as people do, until the agent answers with `answer`. A machine that is busy enough makes the
    /// recogniser so late that its words are given up.
    #[track_caller]
    fn ask(&mut self, sound: &SoundSystem, question: &[i16], answer: &str) -> Value {
        for _ in 0..3 {
            sound.play_into("voice", question);
            let answered = self.within(PATIENCE / 3, "agent", |text| text.contains(answer));
            if let Some(event) = answered {
                return event;
            }
        }
        panic!("no answer with {answer:?} came: {:#?}", self.told);
    }

    /// Waits for the end of the program; gives its exit code.
    fn end(mut self) -> Option<i32> {
        self.until("ended", |_| true);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A caller's line as our own voice speaks it, at the rate of the sound system.
fn spoken(bench: &Bench, line: &str) -> Vec<i16> {
    let done = bench.run(&format!("speak \"{line}\" --voice rms --output line.wav"));
    assert_eq!(done.code, 0, "{}", done.err);
    let file = BufReader::new(File::open(bench.path("line.wav")).unwrap());
    let rate = SampleRate::HZ_48000;
    wav::read_mono(file, rate, PATIENCE).unwrap().samples
}

/// What our own recogniser understands of what left a speaker.
fn understood(bench: &Bench, sound: &[i16]) -> String {
    let path = bench.path("speaker.wav");
    let file = File::create(&path).unwrap();
    let mut writer = wav::Writer::new(file, SampleRate::HZ_48000, NonZeroU16::MIN).unwrap();
    writer.write(sound).unwrap();
    writer.finish().unwrap();
    bench.heard(&path, "both")
}

fn is_loud(piece: &[i16]) -> bool {
    Level::of(piece).rms.decibels() > -45.0
}

/// The last loud moment of `samples`; none if nothing was loud.
fn last_loud(samples: &[i16]) -> Option<usize> {
    samples
        .chunks(PIECE)
        .rposition(is_loud)
        .map(|piece| ((piece + 1) * PIECE).min(samples.len()))
}

/// Waits until the agent speaks; gives where in the recording.
#[track_caller]
fn until_it_speaks(recorder: &Recorder, since: usize) -> usize {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let samples = recorder.samples();
        let first = samples[since.min(samples.len())..]
            .chunks(PIECE)
            .position(is_loud);
        if let Some(piece) = first {
            return since + piece * PIECE;
        }
        assert!(Instant::now() < deadline, "the agent says nothing");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until the agent has spoken and is silent again. Gives what it said.
#[track_caller]
fn until_it_has_spoken(recorder: &Recorder, since: usize) -> Vec<i16> {
    let deadline = Instant::now() + PATIENCE;
    until_it_speaks(recorder, since);
    loop {
        let samples = recorder.samples();
        if last_loud(&samples).is_some_and(|at| samples.len() - at > SILENCE * PIECE) {
            return samples[since..].to_vec();
        }
        assert!(Instant::now() < deadline, "the agent does not stop");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Whether most of the words are there: the recogniser is allowed its mistakes, a missing sentence is none.
#[track_caller]
fn assert_understood(text: &str, words: &str) {
    let wanted: Vec<_> = words.split_whitespace().collect();
    let found = wanted
        .iter()
        .filter(|word| text.split_whitespace().any(|w| w == **word))
        .count();
    assert!(
        found * 3 >= wanted.len() * 2,
        "{found} of {} words of {words:?} in {text:?}",
        wanted.len()
    );
}

#[test]
fn words_go_in_and_out_and_a_barge_in_stops_the_speaker() {
    words_go_in_and_out(Talk::begin);
}

#[test]
fn words_go_in_and_out_of_an_agent_elsewhere_and_a_barge_in_stops_the_speaker() {
    let server = Server::new(&[("desk", DESK)]);
    words_go_in_and_out(|bench, sound| Talk::elsewhere(bench, sound, &server));
}

/// A whole conversation: a question, a barge-in into its answer, a goodbye.
fn words_go_in_and_out(begin: impl FnOnce(&Bench, &SoundSystem) -> Talk) {
    let bench = Bench::new();
    let question = spoken(&bench, "When are you open?");
    let barge_in = spoken(
        &bench,
        "Wait a moment please I want to ask you something else first and that is what is the price of a room",
    );
    let goodbye = spoken(&bench, "Goodbye.");
    let sound = SoundSystem::start(&[VOICE, MICROPHONE, SPEAKER]);
    let recorder = sound.record("speaker");
    let mut talk = begin(&bench, &sound);

    // Words out.
    talk.until("agent", |_| true);
    let greeting = until_it_has_spoken(&recorder, 0);

    // Words in.
    let asked = recorder.len();
    let whole = talk.ask(&sound, &question, "garden");

    // While it answers, the caller speaks at length.
    let begun = until_it_speaks(&recorder, asked);
    while recorder.len() < begun + soundcard::RATE * 3 / 2 {
        thread::sleep(Duration::from_millis(20));
    }
    let interrupted = recorder.len();
    sound.play_into("voice", &barge_in);
    let caller_ended = recorder.len();
    let heard = talk.until("agent_heard", |_| true);
    let (part, whole) = (
        heard["text"].as_str().unwrap(),
        whole["text"].as_str().unwrap(),
    );
    assert!(
        !part.is_empty() && part.len() < whole.len() && whole.starts_with(part),
        "{part:?} of {whole:?}"
    );
    // It fell silent while the caller was still speaking.
    let meanwhile = &recorder.samples()[interrupted..caller_ended];
    let silent_after = last_loud(meanwhile).unwrap_or(0);
    assert!(
        meanwhile.len() - silent_after > SILENCE * PIECE,
        "the agent spoke on for {silent_after} of {} samples",
        meanwhile.len()
    );
    // The end of the answer never sounded, and what was asked instead is answered.
    talk.until("agent", |text| text.contains("fifteen"));
    let since_then = until_it_has_spoken(&recorder, caller_ended);

    // A goodbye is answered, and ends it.
    let parting = recorder.len();
    sound.play_into("voice", &goodbye);
    talk.until("agent", |text| text.contains("Goodbye"));
    let parting = until_it_has_spoken(&recorder, parting);
    assert_eq!(talk.end(), Some(0));

    // What sounded is what was said; understanding it takes time in which the agent would ask whether somebody is there.
    assert_understood(&understood(&bench, &greeting), GREETING);
    let since_then = understood(&bench, &since_then);
    assert_understood(&since_then, PRICE);
    assert!(!since_then.contains("garden"), "{since_then}");
    assert_understood(&understood(&bench, &parting), PARTING);
}

#[test]
fn a_conversation_outlives_an_unplugged_microphone_and_an_unplugged_speaker() {
    let bench = Bench::new();
    let price = spoken(&bench, "What is the price of a room?");
    let question = spoken(&bench, "When are you open?");
    let sound = SoundSystem::start(&[VOICE]);
    let microphone = sound.plug(MICROPHONE);
    let speaker = sound.plug(SPEAKER);
    let recorder = sound.record("speaker");
    let mut talk = Talk::begin(&bench, &sound);
    talk.until("agent", |_| true);
    until_it_has_spoken(&recorder, 0);

    // Without a microphone nothing is heard, and nothing ends.
    sound.unplug(&microphone);
    talk.until("notice", |text| {
        text.contains("microphone") && text.contains("is gone")
    });
    sound.plug(MICROPHONE);
    talk.until("notice", |text| text.contains("listening through"));
    let before = recorder.len();
    talk.ask(&sound, &price, "fifteen");
    let first_answer = until_it_has_spoken(&recorder, before);

    // The speaker goes in the middle of an answer.
    let before = recorder.len();
    talk.ask(&sound, &question, "garden");
    until_it_speaks(&recorder, before);
    sound.unplug(&speaker);
    drop(recorder);
    talk.until("notice", |text| {
        text.contains("speaker") && text.contains("is gone")
    });
    sound.plug(SPEAKER);
    let recorder = sound.record("speaker");
    talk.until("notice", |text| text.contains("speaking through"));
    // The rest of the answer comes, now or never; the next question is answered aloud.
    until_quiet(&recorder);
    let before = recorder.len();
    talk.ask(&sound, &price, "fifteen");
    let second_answer = until_it_has_spoken(&recorder, before);
    drop(talk);
    for answer in [first_answer, second_answer] {
        assert_understood(&understood(&bench, &answer), PRICE);
    }
}

/// Waits until the speaker has been silent for two seconds.
fn until_quiet(recorder: &Recorder) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let samples = recorder.samples();
        if samples.len() - last_loud(&samples).unwrap_or(0) > 2 * soundcard::RATE {
            return;
        }
        assert!(Instant::now() < deadline, "the agent does not stop");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_conversation_goes_on_after_the_program_was_stopped() {
    let bench = Bench::new();
    let price = spoken(&bench, "What is the price of a room?");
    let question = spoken(&bench, "When are you open?");
    let sound = SoundSystem::start(&[VOICE, MICROPHONE, SPEAKER]);
    let recorder = sound.record("speaker");
    let mut talk = Talk::begin(&bench, &sound);
    talk.until("agent", |_| true);
    until_it_has_spoken(&recorder, 0);

    // As in a laptop that sleeps, nothing of the program runs. What is said meanwhile, nobody hears, now or later.
    talk.signal("STOP");
    sound.play_into("voice", &price);
    thread::sleep(Duration::from_secs(3));
    let stopped = talk.told.len();
    talk.signal("CONT");
    talk.until("notice", |text| text.contains("nobody was listening"));
    until_quiet(&recorder);
    talk.ask(&sound, &question, "garden");
    let answered = talk.told[stopped..].iter().any(|event| {
        event["text"]
            .as_str()
            .is_some_and(|text| text.contains("fifteen"))
    });
    assert!(!answered, "{:#?}", talk.told);
}

/// The conversation on a terminal, with keys. Gives it when the agent has greeted.
fn at_a_desk(bench: &Bench, sound: &SoundSystem, recorder: &Recorder, more: &str) -> Terminal {
    bench.file("desk.toml", DESK);
    let arguments =
        format!("talk --agent ./desk.toml --device-in microphone --device-out speaker {more}");
    let mut terminal = Terminal::open_with(bench, &arguments, sound.environment());
    terminal.until("What time would you like to come?");
    until_it_has_spoken(recorder, 0);
    terminal
}

#[test]
fn words_spoken_while_muted_are_not_heard() {
    let bench = Bench::new();
    let price = spoken(&bench, "What is the price of a room?");
    let question = spoken(&bench, "When are you open?");
    let sound = SoundSystem::start(&[VOICE, MICROPHONE, SPEAKER]);
    let recorder = sound.record("speaker");
    let mut terminal = at_a_desk(&bench, &sound, &recorder, "");
    terminal.until("space mutes");
    terminal.send(b" ");
    terminal.until("microphone off");
    terminal.until("not heard");
    sound.play_into("voice", &price);
    thread::sleep(Duration::from_secs(4));
    terminal.send(b" ");
    terminal.until("microphone on");
    ask_until(&mut terminal, &sound, &question, "garden");
    assert!(!terminal.seen().contains("fifteen"), "{}", terminal.seen());
}

#[test]
fn with_hold_to_talk_words_are_heard_while_the_key_is_held() {
    let bench = Bench::new();
    let price = spoken(&bench, "What is the price of a room?");
    let question = spoken(&bench, "When are you open?");
    let sound = SoundSystem::start(&[VOICE, MICROPHONE, SPEAKER]);
    let recorder = sound.record("speaker");
    let mut terminal = at_a_desk(&bench, &sound, &recorder, "--hold-to-talk");
    terminal.until("hold space to talk");
    sound.play_into("voice", &price);
    thread::sleep(Duration::from_secs(4));
    for _ in 0..3 {
        let mut playing = sound.begin_playing("voice", &question);
        // A held key is repeated by the terminal.
        while !playing.is_over() {
            terminal.send(b" ");
            thread::sleep(Duration::from_millis(100));
        }
        if terminal.shows("garden", PATIENCE / 3) {
            break;
        }
    }
    terminal.until("garden");
    assert!(!terminal.seen().contains("fifteen"), "{}", terminal.seen());
}

/// Asks, and asks again as people do, until `answer` is shown.
#[track_caller]
fn ask_until(terminal: &mut Terminal, sound: &SoundSystem, question: &[i16], answer: &str) {
    for _ in 0..3 {
        sound.play_into("voice", question);
        if terminal.shows(answer, PATIENCE / 3) {
            return;
        }
    }
    panic!("{answer:?} was never shown: {}", terminal.seen());
}
