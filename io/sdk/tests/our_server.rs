//! The SDK against this project's own server, with the embedded agents.

#![allow(clippy::unwrap_used, reason = "what breaks fails the test")]

mod common;
#[path = "common/house.rs"]
mod house;

use std::time::Duration;

use audio::SampleRate;
use common::{agents, ended, until};
use duologue::{
    Agents, Command, ConnectError, Conversation, EndedBy, Event, Pace, Streams, WebSocket,
    wire::ServerEvent,
};
use house::{record, serve};
use tokio::time::timeout;

/// Far longer than anything here takes, on any machine.
const LONG: Duration = Duration::from_secs(90);

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
    let end = ended(&mut conversation).await;
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
        .conversation("gambler")
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
        ended(&mut conversation).await;
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
