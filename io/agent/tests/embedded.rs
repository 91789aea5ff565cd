//! A conversation through the embedded voice, recogniser and vad: what is said on one side is understood on the other.
#![allow(clippy::unwrap_used, clippy::too_many_lines)]

mod common;

use std::{sync::Arc, time::Duration};

use agent::{Agent, Clock, Options, Providers, config::Config, recording::Recording};
use audio::SampleRate;
use common::{FnLlm, config, say};
use embedded::{Paths, recogniser::Sphinx, vad::Earshot, voice::FliteVoice};
use protocol::agents::{AudioBytes, ClientEvent, ServerEvent};
use providers::{
    asr::{self, Asr},
    llm::Message,
    tts::{self, Tts},
};
use serde_json::json;

/// What the voice says as sound.
async fn spoken(voice: &FliteVoice, text: &str) -> Vec<i16> {
    let mut session = voice.start(tts::Options {
        voice: Some("rms".to_owned()),
        ..tts::Options::default()
    });
    session
        .input
        .send(tts::Input::Text(text.to_owned()))
        .await
        .unwrap();
    session.input.send(tts::Input::End).await.unwrap();
    let mut samples = Vec::new();
    while let Some(event) = session.events.recv().await {
        match event.unwrap() {
            tts::Event::Chunk(chunk) => samples.extend(chunk.samples),
            tts::Event::TookOver(_) => {}
            tts::Event::Done => break,
        }
    }
    samples
}

/// What the recogniser makes of a sound.
async fn understood(ear: &Sphinx, sound: &[i16]) -> String {
    let mut session = ear.start(asr::Options::default());
    session
        .input
        .send(asr::Input::Begin {
            utterance: 1,
            expected: asr::Expected::default(),
        })
        .await
        .unwrap();
    for piece in sound.chunks(1_600) {
        session
            .input
            .send(asr::Input::Audio(piece.to_vec()))
            .await
            .unwrap();
    }
    session.input.send(asr::Input::End).await.unwrap();
    loop {
        if let asr::Event::Final { text, .. } = session.events.recv().await.unwrap().unwrap() {
            return text;
        }
    }
}

/// Where sound is, with no pause longer than 0.8 s in it.
fn parts(samples: &[i16]) -> Vec<std::ops::Range<usize>> {
    let mut parts: Vec<std::ops::Range<usize>> = Vec::new();
    for (index, _) in samples
        .iter()
        .enumerate()
        .filter(|(_, sample)| sample.unsigned_abs() > 200)
    {
        match parts.last_mut() {
            Some(part) if index - part.end < 12_800 => part.end = index + 1,
            _ => parts.push(index..index + 1),
        }
    }
    parts
}

struct Call {
    clock: Clock,
    edge: agent::Edge,
    events: Vec<ServerEvent>,
}

impl Call {
    async fn play(&mut self, sound: &[i16]) {
        for piece in sound.chunks(320) {
            let bytes: Vec<u8> = piece
                .iter()
                .flat_map(|sample| sample.to_le_bytes())
                .collect();
            let chunk = ClientEvent::UserAudioChunk {
                user_audio_chunk: AudioBytes::from(bytes),
            };
            self.edge.sender.send(chunk).await.unwrap();
            self.clock.settled().await;
            self.clock.advance(Duration::from_millis(20));
            self.clock.settled().await;
            while let Ok(event) = self.edge.receiver.try_recv() {
                if let ServerEvent::Ping { ping_event } = &event {
                    let pong = ClientEvent::Pong {
                        event_id: ping_event.event_id,
                    };
                    self.edge.sender.send(pong).await.unwrap();
                }
                self.events.push(event);
            }
        }
    }

    async fn silence(&mut self, seconds: usize) {
        self.play(&vec![0; seconds * 16_000]).await;
    }

    fn transcripts(&self) -> Vec<String> {
        self.events
            .iter()
            .filter_map(|event| match event {
                ServerEvent::UserTranscript {
                    user_transcription_event,
                } => Some(user_transcription_event.user_transcript.clone()),
                _ => None,
            })
            .collect()
    }

    /// All sound of the agent with ids from `first` on.
    fn sound_from(&self, first: u64) -> Vec<i16> {
        self.events
            .iter()
            .filter_map(|event| match event {
                ServerEvent::Audio { audio_event } if audio_event.event_id.0 >= first => {
                    Some(audio::Format::Pcm16000.decode(audio_event.audio_base_64.as_ref()))
                }
                _ => None,
            })
            .flatten()
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_are_understood_and_an_interruption_is_corrected() {
    let paths = Paths::default();
    let voice = FliteVoice::new(paths.clone());
    let settings = embedded::recogniser::Settings {
        repeatable: true,
        ..embedded::recogniser::Settings::default()
    };
    let ear = Sphinx::new(paths, &settings);
    let clock = Clock::driven();
    let providers = Providers {
        vad: Arc::new(Earshot),
        asr: Arc::new(ear.clone()),
        llm: Arc::new(FnLlm {
            clock: clock.clone(),
            brain: Box::new(|request| {
                let turns = request
                    .messages
                    .iter()
                    .filter(|message| matches!(message, Message::User(_)))
                    .count();
                if turns == 1 {
                    say(
                        "The meeting has been moved to three thirty tomorrow afternoon, and the room is on the second floor of the main building.",
                    )
                } else {
                    say("All right, I will stop talking now.")
                }
            }),
            asked: Arc::default(),
        }),
        tts: Arc::new(voice.clone()),
    };
    let config = Config::from_value(config(json!({"conversation_config": {"agent": {
        "first_message": "Good morning, how can I help you?"}}})))
    .unwrap();
    let agent = Agent::new("embedded", config, providers, Vec::new());
    let (link, edge) = agent::link();
    let file = tempfile::NamedTempFile::new().unwrap();
    let recording = Recording::create(file.path()).unwrap();
    let options = Options {
        clock: clock.clone(),
        recorder: Arc::new(recording.clone()),
        ..Options::default()
    };
    let mut handle = agent.start(link, options);
    edge.sender
        .send(ClientEvent::ConversationInitiationClientData(Box::default()))
        .await
        .unwrap();
    let mut call = Call {
        clock,
        edge,
        events: Vec::new(),
    };

    call.silence(4).await;
    let greeting = understood(&ear, &call.sound_from(1)).await;
    assert!(greeting.contains("good morning"), "{greeting:?}");

    let question = spoken(&voice, "When is the meeting tomorrow?").await;
    call.play(&question).await;
    call.silence(3).await;
    let heard = call.transcripts();
    assert!(
        heard.len() == 1 && heard[0].contains("meeting"),
        "{heard:?}"
    );

    let objection = spoken(&voice, "Please stop, I know that already.").await;
    call.play(&objection).await;
    call.silence(5).await;
    let heard = call.transcripts();
    assert!(heard.len() == 2 && heard[1].contains("stop"), "{heard:?}");
    let interruption = call.events.iter().find_map(|event| match event {
        ServerEvent::Interruption { interruption_event } => Some(interruption_event.event_id.0),
        _ => None,
    });
    let correction = call.events.iter().find_map(|event| match event {
        ServerEvent::AgentResponseCorrection {
            agent_response_correction_event: c,
        } => Some((
            c.original_agent_response.clone(),
            c.corrected_agent_response.clone(),
        )),
        _ => None,
    });
    let (original, corrected) = correction.unwrap();
    assert!(
        original.starts_with(&corrected) && corrected.len() < original.len(),
        "{corrected:?}"
    );
    assert!(corrected.contains("meeting"), "{corrected:?}");
    let last = understood(&ear, &call.sound_from(interruption.unwrap() + 1)).await;
    assert!(last.contains("stop"), "{last:?}");

    drop(call.edge);
    handle.ended().await;
    recording.close().await.unwrap();
    let bytes = std::fs::read(file.path()).unwrap();
    let mut reader = audio::wav::Reader::new(&bytes[..]).unwrap();
    let mut frames = Vec::new();
    while reader.read(16_000, &mut frames).unwrap() > 0 {}
    let left: Vec<i16> = frames.iter().step_by(2).copied().collect();
    let right: Vec<i16> = frames.iter().skip(1).step_by(2).copied().collect();
    let begins = SampleRate::HZ_16000.samples_in(Duration::from_secs(4));
    let asked = understood(&ear, &left[begins..begins + question.len() + 8_000]).await;
    assert!(asked.contains("meeting"), "{asked:?}");
    // What the transcript says was heard is what the speaker played. The recogniser may miss a little word at either end.
    let parts = parts(&right);
    assert_eq!(parts.len(), 3, "{parts:?}");
    let mut answer = right[parts[1].clone()].to_vec();
    answer.extend([0; 8_000]);
    let played = understood(&ear, &answer).await;
    let words = |text: &str| text.split_whitespace().count();
    assert!(
        words(&played).abs_diff(words(&corrected)) <= 2,
        "{corrected:?} in the transcript, {played:?} in the recording"
    );
    let greeted = understood(&ear, &right[..begins]).await;
    assert!(greeted.contains("good morning"), "{greeted:?}");
}
