//! Every provider, failing in every way, alone and with another behind it: the caller is never left in unexplained
//! silence, no turn is lost where there is somebody to take over, and a conversation that cannot go on ends once, with an
//! honest sentence. All time is virtual.
#![allow(clippy::unwrap_used, clippy::format_push_string)]

mod common;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use agent::{Agent, Clock, Options, Providers, config::Config};
use audio::{Format, SampleRate};
use common::{FnLlm, LoudVad, Manner, ToldAsr, ToneTts, say};
use protocol::agents::{AudioBytes, ClientEvent, Initiation, ServerEvent};
use providers::{
    ProviderError, asr,
    cascade::{AsrCascade, LlmCascade, TtsCascade, VOICE_PATIENCE},
    llm::{self, Event, Llm, Request},
    tts,
};
use serde_json::json;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

const FRAME: Duration = Duration::from_millis(20);
/// The caller speaks for a moment at these times, in milliseconds.
const SPEAKS: [(u64, u64); 2] = [(1_000, 2_200), (15_000, 16_200)];
const LASTS: u64 = 30_000;
const QUESTIONS: [&str; 2] = ["what time is it", "what day is it"];
const ANSWER: &str = "It is about ten in the morning.";
const FILLER: &str = "One moment, please.";
/// Longer than this nobody is left without a sign.
const LONGEST_SILENCE: Duration = Duration::from_secs(3);
/// The same after the caller was told that it takes a moment.
const LONGEST_MOMENT: Duration = Duration::from_secs(8);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Llm,
    Asr,
    Tts,
}

const ALL: [Part; 3] = [Part::Llm, Part::Asr, Part::Tts];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Refuses,
    Hangs,
    Slow,
    Garbage,
    Closes,
    /// As [`Fault::Closes`], and the connection stays.
    Stalls,
    Limits,
}

const FAULTS: [Fault; 7] = [
    Fault::Refuses,
    Fault::Hangs,
    Fault::Slow,
    Fault::Garbage,
    Fault::Closes,
    Fault::Stalls,
    Fault::Limits,
];

impl Fault {
    /// The error it begins with.
    fn error(self) -> Option<ProviderError> {
        let provider = "faulty".to_owned();
        match self {
            Self::Refuses => Some(ProviderError::Unauthorised {
                provider,
                reason: "no such key".to_owned(),
            }),
            Self::Garbage => Some(ProviderError::Failed {
                provider,
                reason: "it sent something that makes no sense".to_owned(),
            }),
            Self::Limits => Some(ProviderError::RateLimited {
                provider,
                retry_after: None,
            }),
            Self::Hangs | Self::Slow | Self::Closes | Self::Stalls => None,
        }
    }
}

struct FaultyLlm(Fault);

impl Llm for FaultyLlm {
    fn name(&self) -> &'static str {
        "faulty"
    }
    fn generate(&self, _: Request) -> llm::Generation {
        let (events, generation) = mpsc::channel(8);
        let fault = self.0;
        tokio::spawn(async move {
            if let Some(error) = fault.error() {
                let _ = events.send(Err(error)).await;
                return;
            }
            match fault {
                Fault::Slow => {
                    for word in ANSWER.split_inclusive(' ') {
                        sleep(Duration::from_millis(400)).await;
                        let _ = events.send(Ok(Event::Text(word.to_owned()))).await;
                    }
                    let _ = events.send(Ok(Event::Done)).await;
                }
                Fault::Closes | Fault::Stalls => {
                    let text = Event::Text("It is about".to_owned());
                    let _ = events.send(Ok(text)).await;
                    if fault == Fault::Stalls {
                        events.closed().await;
                    }
                }
                _ => events.closed().await,
            }
        });
        generation
    }
}

/// Hears the questions, if anything. A slow one takes a second after the end.
struct FaultyAsr(Fault);

impl asr::Asr for FaultyAsr {
    fn name(&self) -> &'static str {
        "faulty"
    }
    fn languages(&self) -> &[&str] {
        &["en"]
    }
    fn start(&self, _: asr::Options) -> asr::Session {
        let (input, mut inputs) = mpsc::channel(64);
        let (texts, events) = mpsc::channel(8);
        let fault = self.0;
        tokio::spawn(async move {
            let (mut now, mut heard, mut questions) = (0, 0, QUESTIONS.into_iter());
            while let Some(input) = inputs.recv().await {
                match input {
                    asr::Input::Begin { utterance, .. } => (now, heard) = (utterance, 0),
                    asr::Input::Audio(samples) => heard += samples.len(),
                    asr::Input::End if fault == Fault::Slow => {
                        sleep(Duration::from_secs(1)).await;
                        let text = questions.next().unwrap_or_default().to_owned();
                        let utterance = now;
                        let _ = texts.send(Ok(asr::Event::Final { utterance, text })).await;
                    }
                    _ => {}
                }
                if let Some(error) = fault.error() {
                    let _ = texts.send(Err(error)).await;
                    return;
                }
                if fault == Fault::Closes && heard > 6_400 {
                    return;
                }
            }
        });
        asr::Session { input, events }
    }
}

/// Takes 50 ms a letter, when it speaks.
struct FaultyTts(Fault);

impl tts::Tts for FaultyTts {
    fn name(&self) -> &'static str {
        "faulty"
    }
    fn voices(&self) -> Vec<tts::Voice> {
        Vec::new()
    }
    fn languages(&self) -> &[&str] {
        &["en"]
    }
    fn start(&self, _: tts::Options) -> tts::Session {
        let (input, mut inputs) = mpsc::channel(8);
        let (chunks, events) = mpsc::channel(8);
        let fault = self.0;
        tokio::spawn(async move {
            let mut said = 0;
            while let Some(tts::Input::Text(text)) = inputs.recv().await {
                if let Some(error) = fault.error() {
                    let _ = chunks.send(Err(error)).await;
                    return;
                }
                for letter in text.chars() {
                    if fault == Fault::Closes && said == 12 {
                        return;
                    }
                    if fault == Fault::Stalls && said == 12 {
                        chunks.closed().await;
                    }
                    match fault {
                        Fault::Hangs => chunks.closed().await,
                        // Behind real time, always.
                        Fault::Slow => sleep(Duration::from_millis(65)).await,
                        _ => {}
                    }
                    said += 1;
                    let duration = Duration::from_millis(50);
                    let rate = SampleRate::HZ_24000;
                    let chunk = tts::Chunk {
                        samples: vec![5_000; rate.samples_in(duration)],
                        rate,
                        alignment: vec![tts::Aligned {
                            text: letter.to_string(),
                            start: Duration::ZERO,
                            duration,
                        }],
                    };
                    if chunks.send(Ok(tts::Event::Chunk(chunk))).await.is_err() {
                        return;
                    }
                }
            }
            let _ = chunks.send(Ok(tts::Event::Done)).await;
        });
        tts::Session { input, events }
    }
}

/// Who goes on when the faulty one has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    Nobody,
    Another,
    /// A voice that explains itself, in this language.
    LastResort(&'static str),
}

/// A voice that speaks one language only.
struct OneLanguage(Arc<dyn tts::Tts>, [&'static str; 1]);

impl tts::Tts for OneLanguage {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn voices(&self) -> Vec<tts::Voice> {
        self.0.voices()
    }
    fn languages(&self) -> &[&str] {
        &self.1
    }
    fn start(&self, options: tts::Options) -> tts::Session {
        assert_eq!(options.language, self.1[0]);
        self.0.start(options)
    }
}

/// What came of a call.
#[derive(Debug, Default)]
struct Report {
    /// What the agent understood.
    heard: Vec<String>,
    /// What it said, as it announced it.
    said: Vec<String>,
    /// Errors it told.
    errors: Vec<String>,
    /// When something could be heard or read, from and to, in milliseconds, and whether it asked for patience.
    signs: Vec<(u64, u64, bool)>,
    /// When it ended, if the agent ended it.
    ended: Option<u64>,
    /// How much sound it sent, in milliseconds.
    sounded: u64,
}

fn providers(part: Part, fault: Fault, behind: Behind) -> Providers {
    let backup = behind == Behind::Another;
    let good_asr: Arc<dyn asr::Asr> = Arc::new(ToldAsr::new(&QUESTIONS));
    let good_llm: Arc<dyn Llm> = Arc::new(FnLlm {
        clock: Clock::real(),
        brain: Box::new(|_| say(ANSWER)),
        asked: Arc::default(),
    });
    let good_tts: Arc<dyn tts::Tts> = Arc::new(ToneTts {
        rate: SampleRate::HZ_16000,
        manner: Arc::new(Mutex::new(Manner::Speaks)),
    });
    let mut providers = Providers {
        vad: Arc::new(LoudVad),
        asr: Arc::clone(&good_asr),
        llm: Arc::clone(&good_llm),
        tts: Arc::clone(&good_tts),
    };
    match part {
        Part::Llm => {
            let faulty: Arc<dyn Llm> = Arc::new(FaultyLlm(fault));
            providers.llm = if backup {
                Arc::new(LlmCascade::new(vec![faulty, good_llm], Duration::from_secs(4)).unwrap())
            } else {
                faulty
            };
        }
        Part::Asr => {
            let faulty: Arc<dyn asr::Asr> = Arc::new(FaultyAsr(fault));
            providers.asr = if backup {
                Arc::new(AsrCascade::new(vec![faulty, good_asr]).unwrap())
            } else {
                faulty
            };
        }
        Part::Tts => {
            let faulty: Arc<dyn tts::Tts> = Arc::new(FaultyTts(fault));
            providers.tts = match behind {
                Behind::Nobody => faulty,
                Behind::Another => {
                    Arc::new(TtsCascade::new(vec![faulty, good_tts], VOICE_PATIENCE).unwrap())
                }
                Behind::LastResort(language) => {
                    let last = Arc::new(OneLanguage(good_tts, [language]));
                    let voices = TtsCascade::with_last_resort(vec![faulty], VOICE_PATIENCE, last);
                    Arc::new(voices.unwrap())
                }
            };
        }
    }
    providers
}

async fn call(part: Part, fault: Fault, behind: Behind) -> Report {
    let config = common::config(json!({"conversation_config": {
        "agent": {"first_message": ""},
        "turn": {"soft_timeout_config": null},
    }}));
    let agent = Agent::new(
        "agent_test",
        Config::from_value(config).unwrap(),
        providers(part, fault, behind),
        Vec::new(),
    );
    let (link, mut edge) = agent::link();
    let options = Options {
        wall: Some(common::wall()),
        ..Options::default()
    };
    let mut handle = agent.start(link, options);
    let hello = ClientEvent::ConversationInitiationClientData(Box::<Initiation>::default());
    edge.sender.send(hello).await.unwrap();
    let began = Instant::now();
    let millis = || u64::try_from(began.elapsed().as_millis()).unwrap();
    let mut report = Report::default();
    let mut plays_until = 0;
    while millis() < LASTS && report.ended.is_none() {
        let now = millis();
        let speaks = SPEAKS.iter().any(|(from, to)| (*from..*to).contains(&now));
        let samples = vec![if speaks { 8_000 } else { 0 }; 320];
        let chunk = ClientEvent::UserAudioChunk {
            user_audio_chunk: AudioBytes::from(Format::Pcm16000.encode(&samples)),
        };
        let _ = edge.sender.send(chunk).await;
        sleep(FRAME).await;
        let now = millis();
        loop {
            let event = match edge.receiver.try_recv() {
                Ok(event) => event,
                Err(mpsc::error::TryRecvError::Empty) => break,
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    report.ended = Some(now);
                    break;
                }
            };
            match event {
                ServerEvent::Audio { audio_event } => {
                    let from = now.max(plays_until);
                    plays_until = from + audio_event.audio_base_64.len() as u64 / 32;
                    report.sounded += plays_until - from;
                    report.signs.push((from, plays_until, false));
                }
                ServerEvent::AgentResponse {
                    agent_response_event,
                } => {
                    let text = agent_response_event.agent_response;
                    let until = plays_until.max(now);
                    report.signs.push((now, until, text == FILLER));
                    report.said.push(text);
                }
                ServerEvent::UserTranscript {
                    user_transcription_event,
                } => report.heard.push(user_transcription_event.user_transcript),
                ServerEvent::Error { error_event } => {
                    report.signs.push((now, now, false));
                    let kind = error_event.error_type.unwrap();
                    report.errors.push(kind.as_str().to_owned());
                }
                ServerEvent::Ping { ping_event } => {
                    let event_id = ping_event.event_id;
                    let _ = edge.sender.send(ClientEvent::Pong { event_id }).await;
                }
                _ => {}
            }
        }
    }
    if report.ended.is_some() {
        let ending = handle.ended().await;
        assert!(
            ending.error_type.is_some() && report.errors.last().is_some(),
            "{part:?} {fault:?}: it ended without a reason"
        );
    }
    report
}

impl Report {
    /// What is wrong with the silences: from the end of a question, every wait for the next sign of the agent that came
    /// before the next question.
    fn silences(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (turn, (_, asked)) in SPEAKS.iter().enumerate() {
            let until = SPEAKS.get(turn + 1).map_or(LASTS, |next| next.0);
            if self.ended.is_some_and(|ended| ended < *asked) {
                break;
            }
            let mut since = *asked;
            let mut patient = false;
            let mut signs: Vec<_> = self
                .signs
                .iter()
                .filter(|(from, ..)| (*asked..until).contains(from))
                .copied()
                .collect();
            signs.sort_unstable();
            if signs.is_empty() {
                wrong.push(format!("question {turn} was met with silence"));
            }
            for (from, to, asks) in signs {
                let wait = Duration::from_millis(from.saturating_sub(since));
                let longest = if patient {
                    LONGEST_MOMENT
                } else {
                    LONGEST_SILENCE
                };
                if wait > longest {
                    wrong.push(format!("{wait:?} of silence before {from} ms"));
                }
                // What sounds next to a filler's text is the filler.
                patient = asks || patient && wait < Duration::from_millis(100);
                since = since.max(to);
            }
        }
        wrong
    }

    fn apologised(&self) -> bool {
        self.said.iter().any(|text| text.contains("sorry"))
    }
}

/// Every failure of every provider, and what `judge` says is wrong with what came of it.
async fn matrix(behind: Behind, parts: &[Part], judge: fn(Part, Fault, &Report) -> Vec<String>) {
    let mut wrong = String::new();
    for part in parts.iter().copied() {
        for fault in FAULTS {
            let report = call(part, fault, behind).await;
            let mut found = report.silences();
            found.extend(judge(part, fault, &report));
            if !found.is_empty() {
                let Report {
                    heard,
                    said,
                    errors,
                    signs,
                    ended,
                    sounded,
                } = report;
                let starts: Vec<u64> = signs.iter().map(|sign| sign.0).collect();
                wrong.push_str(&format!(
                    "{part:?} {fault:?}: {found:?}\n  heard {heard:?}, said {said:?}, errors {errors:?}, ended {ended:?}, sounded {sounded}, signs {starts:?}\n"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn unless(kept: bool, what: &str) -> Option<String> {
    (!kept).then(|| what.to_owned())
}

#[tokio::test(start_paused = true)]
async fn nobody_is_left_in_unexplained_silence_by_a_provider_that_stands_alone() {
    matrix(Behind::Nobody, &ALL, |part, fault, report| {
        let mut wrong = Vec::new();
        if fault == Fault::Slow {
            wrong.extend(unless(report.heard == QUESTIONS, "a turn was lost"));
            let calm = report.ended.is_none() && report.errors.is_empty();
            wrong.extend(unless(calm, "slow is no failure"));
            return wrong;
        }
        // A voice that is gone cannot apologise; what it was to say is there to be read.
        let honest = if part == Part::Tts {
            report.said.iter().any(|text| text == ANSWER)
        } else {
            report.apologised()
        };
        wrong.extend(unless(honest, "it was not honest"));
        if report.ended.is_some() && part != Part::Tts {
            wrong.extend(unless(report.errors.len() == 1, "one terminal error"));
        }
        wrong
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn no_turn_is_lost_where_another_provider_stands_behind() {
    matrix(Behind::Another, &ALL, |part, fault, report| {
        let mut wrong = Vec::new();
        wrong.extend(unless(report.heard == QUESTIONS, "a turn was lost"));
        wrong.extend(unless(report.ended.is_none(), "it ended"));
        wrong.extend(unless(report.errors.is_empty(), "an error was told"));
        let answers = report.said.iter().filter(|text| *text == ANSWER).count();
        if part == Part::Llm && fault == Fault::Stalls {
            // Half a sentence was said already; it is not said twice, and the caller is told.
            wrong.extend(unless(report.apologised(), "it broke off without a word"));
        } else if part == Part::Llm && fault == Fault::Closes && report.apologised() {
            // The same, unless it hung up before the caller heard anything. It is not asked first again.
            wrong.extend(unless(answers == 1, "the second answer is missing"));
        } else {
            wrong.extend(unless(answers == 2, "an answer is missing"));
            wrong.extend(unless(!report.apologised(), "nothing to be sorry for"));
        }
        wrong
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_last_resort_explains_itself_and_goes_on_where_the_voice_has_failed() {
    matrix(
        Behind::LastResort("en"),
        &[Part::Tts],
        |_, fault, report| {
            let mut wrong = Vec::new();
            wrong.extend(unless(report.heard == QUESTIONS, "a turn was lost"));
            wrong.extend(unless(report.ended.is_none(), "it ended"));
            let answers = report.said.iter().filter(|text| *text == ANSWER).count();
            wrong.extend(unless(answers == 2, "an answer is missing"));
            // Both answers sound, and the explanation once.
            let (least, told) = if fault == Fault::Slow {
                (3_000, 0)
            } else {
                (6_000, 1)
            };
            let sounded = (least..least + 3_000).contains(&report.sounded);
            wrong.extend(unless(sounded, "more or less was said"));
            let errors = report.errors == vec!["tts_cascade_error"; told];
            wrong.extend(unless(errors, "the client is told once"));
            wrong
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_last_resort_without_the_language_explains_itself_before_the_end() {
    matrix(
        Behind::LastResort("de"),
        &[Part::Tts],
        |_, fault, report| {
            let mut wrong = Vec::new();
            if fault == Fault::Slow {
                return wrong;
            }
            wrong.extend(unless(report.sounded > 3_000, "nothing was explained"));
            // One that begins every sentence is heard each time.
            let begins = matches!(fault, Fault::Closes | Fault::Stalls);
            let ends = report.ended.is_some() || begins;
            wrong.extend(unless(ends, "nobody can hear it go on"));
            let errors = report.errors.iter().all(|kind| kind == "tts_cascade_error");
            wrong.extend(unless(errors, "another error was told"));
            wrong
        },
    )
    .await;
}
