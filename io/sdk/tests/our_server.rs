//! The SDK against this project's own server, with the embedded agents.

#![allow(clippy::unwrap_used, reason = "what breaks fails the test")]

mod common;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use agent::Providers;
use audio::SampleRate;
use common::{agents, until};
use duologue::{
    Agents, AudioPieces, Command, ConnectError, Conversation, EndedBy, Event, Pace, Streams,
    WebSocket, wav, wire::ServerEvent,
};
use embedded::{Engine, Paths, recogniser, script::Scripted, tools::Shelf, voice::FliteVoice};
use providers::{
    ProviderError,
    tts::{self, Tts as _},
};
use server::{
    Answerer, Equipment, InProcess, Keys, Limits, Origin, Registry, Server, Settings, StoredAgent,
    shelf::Nowhere,
};
use tokio::time::timeout;

/// Far longer than anything here takes, on any machine.
const LONG: Duration = Duration::from_secs(90);

/// What callers may have otherwise.
const ALLOWED: &str = "[platform_settings.overrides.conversation_config_override]\n\
    agent = { first_message = true }\nconversation = { text_only = true }\n";

struct Equip(Engine);

impl server::Engine for Equip {
    fn equip(&self, agent: &StoredAgent) -> Result<Equipment, ProviderError> {
        let wrong = |reason: String| ProviderError::Failed {
            provider: "test".to_owned(),
            reason,
        };
        let text = agent.toml().unwrap_or_default();
        let script = Scripted::from_toml(&text).map_err(|error| wrong(error.to_string()))?;
        let shelf =
            Shelf::open(script.variables(), None).map_err(|error| wrong(error.to_string()))?;
        Ok(Equipment {
            providers: Providers {
                vad: self.0.vad(),
                asr: self.0.asr(),
                llm: Arc::new(script),
                tts: self.0.tts(),
            },
            tools: shelf.tools(),
        })
    }
}

/// A server that runs as long as the test.
async fn serve(keys: &str) -> String {
    let speech = Engine::new(Paths::default(), &recogniser::Settings::default());
    let limits = Limits::default();
    let answerer: Arc<dyn Answerer> = Arc::new(InProcess::new(
        Arc::new(Equip(speech)),
        BTreeMap::new(),
        &limits,
    ));
    let bundled = embedded::agents::ALL
        .iter()
        .map(|agent| {
            let text = format!("{}\n{ALLOWED}", agent.toml);
            StoredAgent::from_file(agent.id, &text, Origin::Bundled).unwrap()
        })
        .collect();
    let registry = Registry::open(bundled, None, Arc::new(Nowhere))
        .await
        .unwrap();
    let mut settings = Settings {
        keys: Keys::new(keys.split(',').filter(|key| !key.is_empty())),
        ..Settings::default()
    };
    settings.bind.set_port(0);
    let server = Server::bind(settings, registry, answerer).await.unwrap();
    let url = format!("http://{}", server.address());
    tokio::spawn(server.run(std::future::pending()));
    url
}

async fn response(conversation: &mut Conversation<WebSocket>) -> String {
    let fits = |event: &Event| matches!(event, Event::Event(ServerEvent::AgentResponse { .. }));
    match until(conversation, fits).await {
        Event::Event(ServerEvent::AgentResponse {
            agent_response_event,
        }) => agent_response_event.agent_response,
        _ => unreachable!(),
    }
}

async fn typed(agents: &Agents) {
    let mut conversation = agents
        .conversation("receptionist")
        .text_only()
        .connect()
        .await
        .unwrap();
    assert!(conversation.session().server.is_some());
    assert!(
        response(&mut conversation)
            .await
            .starts_with("Hello, Riverside Practice.")
    );
    conversation.handle().say("Where are you?").await.unwrap();
    let answer = response(&mut conversation).await;
    assert!(answer.contains("Mill Lane"), "{answer}");
    conversation.command(Command::End).await;
    let Event::Ended(end) =
        until(&mut conversation, |event| matches!(event, Event::Ended(_))).await
    else {
        unreachable!()
    };
    assert_eq!(end.by, EndedBy::User);
}

#[tokio::test]
async fn a_typed_conversation_needs_no_account() {
    let url = serve("").await;
    timeout(LONG, typed(&agents(&url, None))).await.unwrap();
}

#[tokio::test]
async fn a_key_of_the_server_opens_it_by_a_signed_url_and_a_wrong_one_does_not() {
    let url = serve("dk_right").await;
    timeout(LONG, typed(&agents(&url, Some("dk_right"))))
        .await
        .unwrap();
    let error = agents(&url, Some("dk_wrong"))
        .conversation("receptionist")
        .connect()
        .await
        .unwrap_err();
    assert!(
        matches!(error, ConnectError::Unauthorised { .. }),
        "{error:?}"
    );
    let error = agents(&url, Some("dk_right"))
        .conversation("nobody")
        .connect()
        .await
        .unwrap_err();
    assert!(
        matches!(error, ConnectError::NoSuchAgent { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_the_agent_does_not_allow_is_named() {
    let url = serve("").await;
    let error = agents(&url, None)
        .conversation("receptionist")
        .prompt("Obey me.")
        .connect()
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ConnectError::OverrideRefused { paths, .. } if paths == &["agent.prompt.prompt"]),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spoken_question_gets_a_spoken_answer() {
    let url = serve("").await;
    let folder = tempfile::tempdir().unwrap();
    let (question, heard) = (
        folder.path().join("question.wav"),
        folder.path().join("heard.wav"),
    );
    record(&question, "I would like to book an appointment, please.").await;
    let streams = Streams::new(Pace::Realtime)
        .listen_to(&question)
        .unwrap()
        .play_to(&heard)
        .unwrap();
    let call = async {
        let mut conversation = agents(&url, None)
            .conversation("receptionist")
            .first_message("")
            .audio(streams)
            .audio_pieces(AudioPieces {
                input: 320,
                ..AudioPieces::default()
            })
            .connect()
            .await
            .unwrap();
        until(&mut conversation, |event| {
            println!("{event:?}");
            matches!(event, Event::Event(ServerEvent::UserTranscript { user_transcription_event: said })
                if said.user_transcript.to_lowercase().contains("i would like"))
        })
        .await;
        assert!(!response(&mut conversation).await.is_empty());
        until(&mut conversation, |event| matches!(event, Event::Play(_))).await;
        // Some of it has to sound before the recording is looked at.
        let more = async {
            loop {
                conversation.next_event().await;
            }
        };
        let _: Result<(), _> = timeout(Duration::from_secs(2), more).await;
        conversation.command(Command::End).await;
        until(&mut conversation, |event| matches!(event, Event::Ended(_))).await;
    };
    timeout(LONG, call).await.unwrap();
    let file = std::fs::File::open(&heard).unwrap();
    let sound = audio::wav::read_mono(file, SampleRate::HZ_16000, LONG).unwrap();
    let loudest = sound
        .samples
        .iter()
        .map(|s| s.unsigned_abs())
        .max()
        .unwrap();
    assert!(loudest > 1_000, "{loudest}");
}

/// Has a question spoken into a file.
async fn record(path: &Path, text: &str) {
    let mut session = FliteVoice::new(Paths::default()).start(tts::Options::default());
    session
        .input
        .send(tts::Input::Text(text.to_owned()))
        .await
        .unwrap();
    session.input.send(tts::Input::End).await.unwrap();
    let target = wav::File(std::fs::File::create(path).unwrap());
    let mut writer = wav::Writer::new(Box::new(target), 16_000, 1).unwrap();
    // Nobody speaks the moment the line is open.
    writer.write(&vec![0; 32_000]).unwrap();
    while let Some(event) = session.events.recv().await {
        match event.unwrap() {
            tts::Event::Chunk(chunk) => {
                let samples = audio::resample(&chunk.samples, chunk.rate, SampleRate::HZ_16000);
                writer.write(&samples).unwrap();
            }
            tts::Event::Done => break,
        }
    }
    writer.finish().unwrap();
}
