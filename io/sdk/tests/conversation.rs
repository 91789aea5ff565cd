//! Conversations over a real socket with a stand-in that keeps to the contract.

#![allow(clippy::unwrap_used, reason = "what breaks fails the test")]

mod common;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{Line, StandIn, ended, metadata, says, until};
use duologue::{
    Access, AudioPieces, Callbacks, Channels, Command, Conversation, EndedBy, Event, Settings,
    Tools, relay,
    wire::{ClientEvent, CloseCode, EventId, ServerEvent},
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::sync::mpsc;

const SERVER: &str = include_str!("../../../pure/protocol/vectors/server_event.json");
const CLIENT: &str = include_str!("../../../pure/protocol/vectors/client_event.json");

fn messages(json: &str) -> Vec<Value> {
    let vectors: Vec<Value> = serde_json::from_str(json).unwrap();
    vectors
        .into_iter()
        .map(|vector| vector["message"].clone())
        .collect()
}

/// The next event that is not about liveness.
async fn next(conversation: &mut Conversation<duologue::WebSocket>) -> Event {
    until(conversation, |event| {
        !matches!(event, Event::Event(ServerEvent::Ping { .. }))
    })
    .await
}

#[tokio::test]
async fn every_message_of_a_server_arrives_or_is_answered_and_none_breaks_the_conversation() {
    let there = StandIn::holding(|mut line: Line| async move {
        line.begin().await;
        for message in messages(SERVER) {
            if message["type"] != "conversation_initiation_metadata" {
                line.send(&message).await;
            }
        }
        line.send(&json!({"type": "contextual_update", "text": "that was all"}))
            .await;
        while line.next_or_end().await.is_some() {}
    })
    .await;
    let mut conversation = there.call().await;
    let mut kinds: Vec<String> = Vec::new();
    loop {
        let kind = match next(&mut conversation).await {
            Event::Event(ServerEvent::ContextualUpdate { text, .. }) if text == "that was all" => {
                break;
            }
            Event::Event(event) => event.kind().to_owned(),
            Event::Play(_) => "audio".to_owned(),
            Event::StopPlayback { .. } => "interruption".to_owned(),
            Event::Correct { .. } => "agent_response_correction".to_owned(),
            Event::CallTool(_) => "client_tool_call".to_owned(),
            Event::AskApproval(_) => "mcp_tool_call".to_owned(),
            Event::Duck { .. } => "duologue_duck".to_owned(),
            Event::Resume { .. } => "duologue_resume".to_owned(),
            Event::Ended(end) => panic!("{end:?}"),
            _ => continue,
        };
        kinds.push(kind);
    }
    for kind in ServerEvent::KINDS {
        let elsewhere = [
            "conversation_initiation_metadata",
            "ping",
            "contextual_update",
        ];
        assert!(
            elsewhere.contains(kind) || kinds.iter().any(|came| came == kind),
            "{kind} did not arrive: {kinds:?}"
        );
    }
}

#[tokio::test]
async fn every_message_of_a_client_can_be_sent_as_the_contract_has_it() {
    let (seen, mut sent) = mpsc::channel(64);
    let there = StandIn::holding(move |mut line: Line| {
        let seen = seen.clone();
        async move {
            seen.send(line.next().await).await.unwrap();
            line.send(&json!({"type": "conversation_initiation_metadata", "conversation_initiation_metadata_event": {
                "conversation_id": "conv_1", "agent_output_audio_format": "pcm_16000", "user_input_audio_format": "pcm_16000",
                "duologue_server": {"version": "1", "played": true}
            }})).await;
            line.send(&json!({"type": "ping", "ping_event": {"event_id": 3, "ping_ms": 20}})).await;
            line.send(&json!({"type": "client_tool_call", "client_tool_call": {"tool_name": "t", "tool_call_id": "c1", "parameters": {}, "event_id": 1}})).await;
            line.send(&json!({"type": "mcp_tool_call", "mcp_tool_call": {"service_id": "s", "tool_call_id": "m1", "tool_name": "t", "parameters": {}, "timestamp": "2026-01-02T03:04:05Z", "state": "awaiting_approval", "approval_timeout_secs": 300}})).await;
            while let Some(message) = line.next_or_end().await {
                seen.send(message).await.unwrap();
            }
        }
    })
    .await;
    let mut conversation = there.call().await;
    until(&mut conversation, |event| {
        matches!(event, Event::AskApproval(_))
    })
    .await;
    let handle = conversation.handle();
    let talk = tokio::spawn(async move {
        handle.audio(vec![1, 2]).await.unwrap();
        handle.say("Hello.").await.unwrap();
        handle.activity().await.unwrap();
        handle.context("It rains.").await.unwrap();
        handle
            .context_as("page", "The billing page.")
            .await
            .unwrap();
        handle.rate(None, Some(EventId(3))).await.unwrap();
        handle.tool_result("c1", Ok(json!("fine"))).await.unwrap();
        handle.approve("m1", true).await.unwrap();
        handle
            .multimodal(Some("What is it?".to_owned()), Some("file_7".to_owned()))
            .await
            .unwrap();
        handle
            .command(Command::Played {
                event_id: EventId(1),
                ms: 40,
            })
            .await
            .unwrap();
        handle.end().await.unwrap();
    });
    ended(&mut conversation).await;
    talk.await.unwrap();
    let mut kinds = Vec::new();
    while let Ok(message) = sent.try_recv() {
        common::keep(&message);
        let event = ClientEvent::from_json(&message.to_string()).unwrap();
        kinds.push(event.kind().to_owned());
    }
    let published: Vec<String> = messages(CLIENT)
        .iter()
        .map(|message| {
            let event = ClientEvent::from_json(&message.to_string()).unwrap();
            match event {
                ClientEvent::Unknown(_) => "enclave_setup_config".to_owned(),
                event => event.kind().to_owned(),
            }
        })
        .collect();
    for kind in published {
        // Said to orchestrators only; there is a test of its own.
        assert!(
            kind == "enclave_setup_config" || kinds.contains(&kind),
            "{kind} was not sent: {kinds:?}"
        );
    }
}

#[tokio::test]
async fn settings_travel_in_the_first_message_and_the_url() {
    let (seen, mut sent) = mpsc::channel(4);
    let there = StandIn::holding(move |mut line: Line| {
        let seen = seen.clone();
        async move {
            let initiation = line.begin().await;
            seen.send(initiation).await.unwrap();
        }
    })
    .await;
    there
        .agents()
        .conversation("agent/1")
        .prompt("Be brief.")
        .first_message("Hi.")
        .language("fr")
        .llm("small")
        .voice("v1")
        .stability(0.4)
        .speed(1.1)
        .similarity_boost(0.7)
        .text_only()
        .variable("name", "Ada")
        .user_id("guest 17")
        .environment("stage")
        .branch("b1")
        .source("js_sdk", "1")
        .connect()
        .await
        .unwrap();
    let initiation = sent.recv().await.unwrap();
    common::keep(&initiation);
    assert_eq!(
        initiation,
        json!({
            "type": "conversation_initiation_client_data",
            "conversation_config_override": {
                "agent": {"first_message": "Hi.", "language": "fr", "prompt": {"prompt": "Be brief.", "llm": "small"}},
                "tts": {"voice_id": "v1", "stability": 0.4, "speed": 1.1, "similarity_boost": 0.7},
                "conversation": {"text_only": true}
            },
            "dynamic_variables": {"name": "Ada"},
            "user_id": "guest 17",
            "source_info": {"source": "js_sdk", "version": "1"},
            "branch_id": "b1",
            "environment": "stage"
        })
    );
    assert!(
        there.asked()[0].starts_with(
            "GET /v1/convai/conversation?agent_id=agent%2F1&branch_id=b1&source=js_sdk&version=1&environment=stage HTTP/1.1"
        ),
        "{}",
        there.asked()[0]
    );
}

#[tokio::test]
async fn a_key_gets_a_signed_url_and_stays_at_home() {
    let host = Arc::new(Mutex::new(String::new()));
    let known = Arc::clone(&host);
    let there = StandIn::new(
        move |path| {
            let host = known.lock().unwrap().clone();
            if path.starts_with("/v1/convai/conversation/get-signed-url") {
                ("200 OK", json!({"signed_url": format!("ws://{host}/v1/convai/conversation?agent_id=agent_1&conversation_signature=s%2B1")}).to_string())
            } else {
                ("200 OK", json!({"agent_id": "agent_1", "conversation_config": {}}).to_string())
            }
        },
        |mut line: Line| async move {
            line.begin().await;
        },
    )
    .await;
    host.lock().unwrap().clone_from(&there.host);
    there
        .agents_with_key()
        .conversation("agent_1")
        .connect()
        .await
        .unwrap();
    let asked = there.asked();
    assert!(
        asked[0].starts_with("GET /v1/convai/agents/agent_1 "),
        "{}",
        asked[0]
    );
    assert!(asked[1].starts_with("GET /v1/convai/conversation/get-signed-url?agent_id=agent_1 "));
    assert!(
        asked[2].starts_with(
            "GET /v1/convai/conversation?agent_id=agent_1&conversation_signature=s%2B1 "
        )
    );
    assert!(!asked[2].contains("sk_hush"), "{}", asked[2]);
}

#[tokio::test]
async fn a_key_travels_in_the_header_only_where_that_was_asked() {
    let there = StandIn::holding(|mut line: Line| async move {
        line.begin().await;
    })
    .await;
    there
        .agents_with_key()
        .conversation("agent_1")
        .access(Access::Key)
        .check_agent(false)
        .connect()
        .await
        .unwrap();
    assert!(
        there.asked()[0].contains("xi-api-key: sk_hush"),
        "{}",
        there.asked()[0]
    );
}

#[tokio::test]
async fn an_orchestrator_is_told_the_agent_first_and_gets_its_url_as_it_is() {
    let (seen, mut sent) = mpsc::channel(4);
    let there = StandIn::holding(move |mut line: Line| {
        let seen = seen.clone();
        async move {
            seen.send(line.next().await).await.unwrap();
            seen.send(line.begin().await).await.unwrap();
        }
    })
    .await;
    let setup = serde_json::from_value(json!({"agent_config_dict": {"name": "Desk"}})).unwrap();
    there
        .agents()
        .orchestrator(format!("ws://{}/talk?x=1", there.host), setup)
        .connect()
        .await
        .unwrap();
    assert_eq!(
        sent.recv().await.unwrap()["agent_config_dict"]["name"],
        "Desk"
    );
    assert_eq!(
        sent.recv().await.unwrap()["type"],
        "conversation_initiation_client_data"
    );
    let asked = &there.asked()[0];
    assert!(asked.starts_with("GET /talk?x=1 HTTP/1.1"), "{asked}");
    assert!(
        !asked
            .to_ascii_lowercase()
            .contains("sec-websocket-protocol"),
        "{asked}"
    );
}

#[derive(serde::Deserialize, duologue::schemars::JsonSchema)]
#[schemars(crate = "duologue::schemars")]
struct Sum {
    a: i64,
    b: i64,
}

#[tokio::test]
async fn tools_are_run_and_answered_exactly_once() {
    let (seen, mut sent) = mpsc::channel(8);
    let there = StandIn::holding(move |mut line: Line| {
        let seen = seen.clone();
        async move {
            line.begin().await;
            for (id, name) in [("c1", "add"), ("c1", "add"), ("c2", "nothing")] {
                line.send(&json!({"type": "client_tool_call", "client_tool_call": {"tool_name": name, "tool_call_id": id, "parameters": {"a": 2, "b": 3}}})).await;
            }
            for _ in 0..2 {
                seen.send(line.next().await).await.unwrap();
            }
            line.close(1000, "").await;
        }
    })
    .await;
    let tools = Tools::new().add("add", "Adds.", |sum: Sum| async move {
        Ok::<_, String>(sum.a + sum.b)
    });
    let mut conversation = there
        .agents()
        .conversation("agent_1")
        .tools(tools)
        .connect()
        .await
        .unwrap();
    let end = ended(&mut conversation).await;
    assert_eq!(end.by, EndedBy::Agent);
    let mut answers = [sent.recv().await.unwrap(), sent.recv().await.unwrap()];
    answers.sort_by_key(|answer| answer["tool_call_id"].to_string());
    assert_eq!(
        answers[0],
        json!({"type": "client_tool_result", "tool_call_id": "c1", "result": "5", "is_error": false})
    );
    assert_eq!(answers[1]["is_error"], true);
    assert!(sent.try_recv().is_err());
}

#[tokio::test]
async fn sound_goes_both_ways_in_the_formats_of_the_agent_and_an_interruption_silences() {
    let (seen, mut sent) = mpsc::channel(8);
    let there = StandIn::holding(move |mut line: Line| {
        let seen = seen.clone();
        async move {
            line.next().await;
            line.send(&metadata("pcm_8000", "ulaw_8000")).await;
            seen.send(line.next().await).await.unwrap();
            // 100 ms, of which 30 ms stay in the resampler.
            let sound = duologue::wire::AudioBytes::from(vec![0; 1_600]).to_base64();
            line.send(
                &json!({"type": "audio", "audio_event": {"audio_base_64": sound, "event_id": 1}}),
            )
            .await;
            line.send(&json!({"type": "interruption", "interruption_event": {"event_id": 1}}))
                .await;
            while line.next_or_end().await.is_some() {}
        }
    })
    .await;
    let (channels, microphone, loudspeaker) = Channels::new();
    let mut conversation = there
        .agents()
        .conversation("agent_1")
        .audio(channels)
        .audio_pieces(AudioPieces {
            input: 3_200,
            output: 100,
        })
        .connect()
        .await
        .unwrap();
    assert!(microphone.push(&vec![0; 3_200]));
    until(&mut conversation, |event| matches!(event, Event::Play(_))).await;
    let sound = sent.recv().await.unwrap();
    let bytes =
        duologue::wire::AudioBytes::from_base64(sound["user_audio_chunk"].as_str().unwrap());
    let length = bytes.unwrap().len();
    assert!((1_200..=1_600).contains(&length), "{length}");
    assert!(loudspeaker.waiting() > 800, "{}", loudspeaker.waiting());
    until(&mut conversation, |event| {
        matches!(event, Event::StopPlayback { .. })
    })
    .await;
    assert_eq!(loudspeaker.waiting(), 0);
    conversation.command(Command::End).await;
    ended(&mut conversation).await;
    assert!(!microphone.is_open());
}

#[tokio::test]
async fn callbacks_tell_of_both_sides_and_the_agent_may_hang_up() {
    let there = StandIn::holding(|mut line: Line| async move {
        line.begin().await;
        for message in [
            json!({"type": "agent_response", "agent_response_event": {"agent_response": " Hello there. ", "event_id": 1}}),
            json!({"type": "user_transcript", "user_transcription_event": {"user_transcript": "Stop.", "event_id": 2}}),
            json!({"type": "interruption", "interruption_event": {"event_id": 1}}),
            json!({"type": "agent_response_correction", "agent_response_correction_event": {"original_agent_response": "Hello there.", "corrected_agent_response": "Hello", "event_id": 1}}),
            json!({"type": "ping", "ping_event": {"event_id": 9, "ping_ms": 25}}),
            json!({"type": "agent_tool_response", "agent_tool_response": {"tool_name": "end_call", "tool_call_id": "t", "tool_type": "system", "is_error": false, "is_called": true, "event_id": 3}}),
        ] {
            line.send(&message).await;
        }
        while line.next_or_end().await.is_some() {}
    })
    .await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let say = |what: &'static str| {
        let heard = Arc::clone(&heard);
        move |text: &str| heard.lock().unwrap().push(format!("{what} {text}"))
    };
    let (stopped, late) = (say("stop"), say("latency"));
    let corrected = say("corrected");
    let mut callbacks = Callbacks::new()
        .on_agent_response(say("agent"))
        .on_user_transcript(say("user"))
        .on_interruption(move || stopped(""))
        .on_correction(move |_, text| corrected(text))
        .on_latency(move |latency| late(&format!("{latency:?}")));
    let conversation = there.call().await;
    let end = conversation.run(&mut callbacks).await;
    assert_eq!(
        (end.by, end.code),
        (EndedBy::Agent, Some(CloseCode::Normal))
    );
    assert_eq!(
        *heard.lock().unwrap(),
        [
            "agent Hello there.",
            "user Stop.",
            "stop ",
            "corrected Hello",
            "latency 25ms"
        ]
    );
}

#[tokio::test]
async fn a_remote_conversation_can_be_held_as_one_of_this_process() {
    let there = StandIn::holding(|mut line: Line| async move {
        line.begin().await;
        let said = line.next().await;
        line.send(&says(said["text"].as_str().unwrap())).await;
        line.close(1002, "the llm is gone").await;
    })
    .await;
    let socket = there.agents().conversation("agent_1").open().await.unwrap();
    let mut conversation = Conversation::begin(relay(socket), Settings::default())
        .await
        .unwrap();
    conversation.handle().say("echo").await.unwrap();
    loop {
        match conversation.next_event().await.unwrap() {
            Event::Event(ServerEvent::AgentResponse {
                agent_response_event,
            }) => {
                assert_eq!(agent_response_event.agent_response, "echo");
            }
            Event::Ended(end) => {
                assert_eq!(
                    (end.code, end.reason.as_str()),
                    (Some(CloseCode::Failed), "the llm is gone")
                );
                break;
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn hanging_up_is_said_to_the_server() {
    let (seen, mut closed) = mpsc::channel(1);
    let there = StandIn::holding(move |mut line: Line| {
        let seen = seen.clone();
        async move {
            line.begin().await;
            while let Some(Ok(message)) = line.0.next().await {
                if let tokio_tungstenite::tungstenite::Message::Close(Some(frame)) = message {
                    seen.send((u16::from(frame.code), frame.reason.to_string()))
                        .await
                        .unwrap();
                }
            }
        }
    })
    .await;
    let mut conversation = there.call().await;
    conversation.command(Command::End).await;
    ended(&mut conversation).await;
    assert!(conversation.next_event().await.is_none());
    let said = tokio::time::timeout(Duration::from_secs(5), closed.recv())
        .await
        .unwrap();
    assert_eq!(said, Some((1000, "User ended conversation".to_owned())));
}
