//! Every kind of message, caused by what `docs/wire.md` says causes it, over the port.
//!
//! With `SDK_MESSAGES` naming a file, every message is written there, to be checked against the published contract.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{collections::BTreeMap, sync::Arc};

use common::{
    House,
    desk::{self, Mouth, begin, next, say, sound, text_only},
    fakes::{Fake, HEARD, TELL, call, text},
    open,
};
use providers::llm::{Event, Message, Request};
use serde_json::{Value, json};
use server::InProcess;

async fn house(changes: Value) -> House {
    desk::house(changes, brain).await
}

const STORY: &str = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty.";

fn brain(request: &Request) -> Vec<Event> {
    match request.messages.last() {
        Some(Message::User(said)) if said.contains("order") => {
            vec![call("find_order", json!({"order": "seven"}))]
        }
        Some(Message::User(said)) if said.contains("bye") => {
            vec![
                text("Goodbye."),
                call("end_call", json!({"reason": "done"})),
            ]
        }
        Some(Message::User(said)) if said.contains("moment") => {
            vec![call("skip_turn", json!({"reason": "asked"}))]
        }
        Some(Message::Tool {
            result, is_error, ..
        }) => vec![text(&format!("The tool said {result} {is_error}."))],
        Some(Message::Seen { text: said, images }) => {
            vec![text(&format!("{said}: {}", images[0].url))]
        }
        Some(Message::User(said)) if said.contains("why") => {
            vec![
                Event::Reasoning("Because ".to_owned()),
                Event::Reasoning("I can.".to_owned()),
                text("No reason."),
            ]
        }
        Some(Message::User(said)) if said.contains("prompt") => vec![text(&request.prompt)],
        _ => vec![text(STORY)],
    }
}

#[tokio::test]
async fn metadata_comes_first_with_both_formats() {
    let house = house(json!({"conversation_config": {"tts": {"agent_output_audio_format": "ulaw_8000"}, "asr": {"user_input_audio_format": "pcm_48000"}}})).await;
    let mut caller = begin(&house, json!({})).await;
    let first = caller.next().await;
    assert_eq!(first["type"], "conversation_initiation_metadata");
    let event = &first["conversation_initiation_metadata_event"];
    assert!(
        event["conversation_id"]
            .as_str()
            .unwrap()
            .starts_with("conv_")
    );
    assert_eq!(
        (
            event["agent_output_audio_format"].as_str(),
            event["user_input_audio_format"].as_str()
        ),
        (Some("ulaw_8000"), Some("pcm_48000"))
    );
}

#[tokio::test]
async fn every_audio_format_is_spoken_at_its_size() {
    // A resampler keeps a little back for the next piece.
    for (format, bytes) in [
        ("pcm_8000", 1_600),
        ("pcm_16000", 3_200),
        ("pcm_22050", 4_410),
        ("pcm_24000", 4_800),
        ("pcm_44100", 8_820),
        ("pcm_48000", 9_600),
        ("ulaw_8000", 800),
    ] {
        let house = house(json!({"conversation_config": {"tts": {"agent_output_audio_format": format}, "asr": {"user_input_audio_format": format}}})).await;
        let mut caller = begin(&house, json!({})).await;
        let mut total = 0;
        for wanted in 1..=2_u64 {
            let audio = next(&mut caller, "audio").await;
            assert_eq!(
                audio["audio_event"]["event_id"], wanted,
                "ids begin at 1 and grow"
            );
            total += audio["audio_event"]["audio_base_64"]
                .as_str()
                .unwrap()
                .trim_end_matches('=')
                .len()
                * 3
                / 4;
        }
        assert!(
            total.abs_diff(bytes * 2) * 5 < bytes * 2,
            "{format}: {total}"
        );
    }
}

#[tokio::test]
async fn a_reply_is_text_with_its_first_audio_and_alignment() {
    let house = house(json!({})).await;
    let mut caller = begin(&house, json!({})).await;
    let said = next(&mut caller, "agent_response").await;
    assert_eq!(said["agent_response_event"]["agent_response"], "Hi there.");
    let audio = next(&mut caller, "audio").await;
    assert_eq!(
        audio["audio_event"]["event_id"],
        said["agent_response_event"]["event_id"]
    );
    assert_eq!(
        audio["audio_event"]["alignment"]["chars"],
        json!(["H", "i", " "])
    );
}

#[tokio::test]
async fn speech_gives_scores_and_transcripts() {
    let house = house(json!({})).await;
    let mut caller = begin(&house, json!({})).await;
    next(&mut caller, "audio").await;
    sound(&mut caller, 1.0, 0).await;
    sound(&mut caller, 1.2, TELL).await;
    let mut kinds = Vec::new();
    let mut loudest: f64 = 0.0;
    loop {
        sound(&mut caller, 0.02, 0).await;
        let message = caller.next().await;
        let kind = message["type"].as_str().unwrap().to_owned();
        match kind.as_str() {
            "vad_score" => {
                loudest = loudest.max(message["vad_score_event"]["vad_score"].as_f64().unwrap());
            }
            "tentative_user_transcript" => assert!(
                HEARD.starts_with(
                    message["tentative_user_transcription_event"]["user_transcript"]
                        .as_str()
                        .unwrap()
                )
            ),
            "user_transcript" => {
                assert_eq!(
                    message["user_transcription_event"]["user_transcript"],
                    HEARD
                );
                assert!(message["user_transcription_event"]["event_id"].is_u64());
                break;
            }
            _ => {}
        }
        kinds.push(kind);
    }
    assert!(loudest > 0.9);
    for kind in ["tentative_user_transcript", "internal_turn_probability"] {
        assert!(kinds.iter().any(|sent| sent == kind), "no {kind}");
    }
    let answer = next(&mut caller, "agent_response").await;
    assert_eq!(answer["agent_response_event"]["agent_response"], STORY);
}

#[tokio::test]
async fn barge_in_gives_an_interruption_a_correction_and_nothing_stale() {
    let house = house(json!({})).await;
    let mut caller = begin(&house, json!({})).await;
    next(&mut caller, "agent_response").await;
    say(&mut caller, "go on").await;
    let reply = loop {
        let reply = next(&mut caller, "agent_response").await;
        if reply["agent_response_event"]["agent_response"] == STORY {
            break reply;
        }
    };
    sound(&mut caller, 0.6, 0).await;
    sound(&mut caller, 1.2, TELL).await;
    let (mut sent, mut interrupted, mut corrected) = (0, None, false);
    loop {
        sound(&mut caller, 0.02, 0).await;
        let message = caller.next().await;
        match message["type"].as_str().unwrap() {
            "audio" => {
                let id = message["audio_event"]["event_id"].as_u64().unwrap();
                match interrupted {
                    None => sent = id,
                    Some(mark) => {
                        assert!(id > mark, "{id} is stale after {mark}");
                        break;
                    }
                }
            }
            "interruption" => {
                let mark = message["interruption_event"]["event_id"].as_u64().unwrap();
                assert_eq!(mark, sent, "everything sent so far is stale");
                interrupted = Some(mark);
            }
            "agent_response_correction" => {
                let event = &message["agent_response_correction_event"];
                assert_eq!(event["original_agent_response"], STORY);
                let heard = event["corrected_agent_response"].as_str().unwrap();
                assert!(
                    STORY.starts_with(heard.trim_end_matches([' ', '.', '…']))
                        && heard.len() < STORY.len(),
                    "{heard}"
                );
                assert_eq!(event["event_id"], reply["agent_response_event"]["event_id"]);
                corrected = true;
            }
            _ => {}
        }
    }
    assert!(corrected);
}

#[tokio::test]
async fn text_mode_streams_parts_and_sends_no_sound() {
    let house = house(json!({})).await;
    let mut caller = begin(&house, text_only()).await;
    let mut text = String::new();
    let mut kinds = Vec::new();
    loop {
        let message = caller.next().await;
        assert_ne!(message["type"], "audio");
        if message["type"] == "agent_chat_response_part" {
            let part = &message["text_response_part"];
            text.push_str(part["text"].as_str().unwrap());
            kinds.push(part["type"].as_str().unwrap().to_owned());
            if part["type"] == "stop" {
                break;
            }
        }
    }
    assert_eq!(text.trim(), "Hi there.");
    assert_eq!((kinds[0].as_str(), kinds.len()), ("start", 3));
}

#[tokio::test]
async fn a_client_tool_is_called_answered_and_told_of_in_all_three_ways() {
    let house = house(json!({})).await;
    let mut caller = begin(&house, text_only()).await;
    say(&mut caller, "where is my order").await;
    let request = next(&mut caller, "agent_tool_request").await;
    assert_eq!(request["agent_tool_request"]["tool_type"], "client");
    let asked = next(&mut caller, "client_tool_call").await["client_tool_call"].clone();
    assert_eq!(
        (asked["tool_name"].as_str(), &asked["parameters"]),
        (Some("find_order"), &json!({"order": "seven"}))
    );
    let id = asked["tool_call_id"].as_str().unwrap();
    for _ in 0..2 {
        // The second answer to one call counts for nothing.
        caller.say(&json!({"type": "client_tool_result", "tool_call_id": id, "result": {"any": "JSON"}, "is_error": false})).await;
    }
    let mut told = Vec::new();
    while told.len() < 2 {
        let message = caller.next().await;
        match message["type"].as_str().unwrap() {
            "agent_tool_response" => told.push(message["agent_tool_response"].clone()),
            "agent_tool_response_full_payload" => {
                let full = message["agent_tool_response_full_payload"].clone();
                assert!(full["full_tool_result"].as_str().unwrap().contains("JSON"));
                told.push(full);
            }
            _ => {}
        }
    }
    assert!(told.iter().all(|told| told["tool_call_id"] == id
        && told["is_error"] == false
        && told["is_called"] == true));
    assert!(
        next(&mut caller, "agent_response").await["agent_response_event"]["agent_response"]
            .as_str()
            .unwrap()
            .contains("JSON")
    );
}

#[tokio::test]
async fn a_client_tool_without_an_answer_fails_after_its_time() {
    let house = house(json!({})).await;
    let mut caller = begin(&house, text_only()).await;
    say(&mut caller, "where is my order").await;
    let told = next(&mut caller, "agent_tool_response").await;
    assert_eq!(told["agent_tool_response"]["is_error"], true);
}

#[tokio::test]
async fn end_call_comes_after_the_goodbye_and_before_the_close() {
    let house = house(json!({})).await;
    let mut caller = begin(&house, text_only()).await;
    say(&mut caller, "bye").await;
    let goodbye = loop {
        let said = next(&mut caller, "agent_response").await;
        if said["agent_response_event"]["agent_response"] == "Goodbye." {
            break said;
        }
    };
    assert!(goodbye["agent_response_event"]["event_id"].is_u64());
    let told = next(&mut caller, "agent_tool_response").await["agent_tool_response"].clone();
    assert_eq!(
        (told["tool_name"].as_str(), told["tool_type"].as_str()),
        (Some("end_call"), Some("system"))
    );
    let (error, code, _) = caller.ending().await;
    assert_eq!((error, code), (None, 1000));
}

#[tokio::test]
async fn skip_turn_says_nothing_and_waits() {
    let house = house(json!({})).await;
    let mut caller = begin(&house, text_only()).await;
    next(&mut caller, "agent_response").await;
    say(&mut caller, "one moment").await;
    let told = next(&mut caller, "agent_tool_response").await;
    assert_eq!(told["agent_tool_response"]["tool_name"], "skip_turn");
    say(&mut caller, "where is my order").await;
    next(&mut caller, "client_tool_call").await;
}

#[tokio::test]
async fn pings_tell_the_last_round_trip() {
    let house = house(json!({})).await;
    let mut caller = begin(&house, text_only()).await;
    let first = next(&mut caller, "ping").await;
    assert_eq!(
        first["ping_event"].get("ping_ms"),
        Some(&Value::Null),
        "the key is there from the first"
    );
    let second = next(&mut caller, "ping").await;
    assert!(second["ping_event"]["ping_ms"].is_u64());
    assert!(second["ping_event"]["event_id"].as_u64() > first["ping_event"]["event_id"].as_u64());
}

#[tokio::test]
async fn context_usage_follows_a_reply() {
    let house = house(json!({})).await;
    let mut caller = begin(&house, text_only()).await;
    say(&mut caller, "go on").await;
    let usage = next(&mut caller, "context_usage").await["context_usage_event"].clone();
    assert_eq!(
        usage["context_tokens"], 132,
        "what was read and what was written"
    );
    assert!(usage["context_limit_tokens"].is_u64() && usage["model"].is_string());
}

#[tokio::test]
async fn only_what_was_subscribed_is_sent() {
    let house = house(json!({})).await;
    let wanted = json!({"conversation_config_override": {"text_only": true, "conversation": {"client_events": ["agent_response"]}}});
    let mut caller = begin(&house, wanted).await;
    say(&mut caller, "where is my order").await;
    let mut kinds = std::collections::BTreeSet::new();
    loop {
        let message = caller.next().await;
        let kind = message["type"].as_str().unwrap().to_owned();
        let over = kind == "agent_response"
            && message["agent_response_event"]["agent_response"]
                .as_str()
                .unwrap()
                .contains("tool");
        kinds.insert(kind);
        if over {
            break;
        }
    }
    kinds.remove("ping");
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        [
            "agent_response",
            "client_tool_call",
            "conversation_initiation_metadata"
        ]
    );
}

#[tokio::test]
async fn refusals_before_the_conversation_name_their_type() {
    let house =
        house(json!({"conversation_config": {"agent": {"first_message": "Hi {{who}}."}}})).await;
    for (initiation, kind) in [
        (json!({}), "missing_dynamic_variable"),
        (
            json!({"dynamic_variables": {"who": "Ada"}, "conversation_config_override": {"agent": {"language": "de"}}}),
            "override_error",
        ),
        (
            json!({"dynamic_variables": {"who": "Ada"}, "conversation_config_override": {"tts": {"stability": 7}}}),
            "override_error",
        ),
        (
            json!({"dynamic_variables": {"system__time": "now"}}),
            "value_error",
        ),
        (
            json!({"custom_llm_extra_body": {"a": 1}, "dynamic_variables": {"who": "Ada"}}),
            "override_error",
        ),
    ] {
        let (error, code, reason) = begin(&house, initiation.clone()).await.refused().await;
        assert_eq!(
            (error.as_str(), code),
            (kind, 1008),
            "{initiation}: {reason}"
        );
    }
    let mut caller = begin(&house, json!({"dynamic_variables": {"who": "Ada"}})).await;
    assert_eq!(
        next(&mut caller, "agent_response").await["agent_response_event"]["agent_response"],
        "Hi Ada."
    );
}

#[tokio::test]
async fn a_language_nobody_speaks_is_refused_with_one_that_is_spoken() {
    let allowed = json!({"platform_settings": {"overrides": {"conversation_config_override": {"agent": {"language": true}}}}});
    let house = house(allowed).await;
    let german = json!({"conversation_config_override": {"agent": {"language": "de"}}});
    let (_, code, reason) = begin(&house, german).await.refused().await;
    assert_eq!(code, 1008);
    assert!(
        reason.contains("\"de\"") && reason.contains("en, fr; elevenlabs"),
        "{reason}"
    );
}

#[tokio::test]
async fn the_longest_duration_ends_the_call() {
    let house =
        house(json!({"conversation_config": {"conversation": {"max_duration_seconds": 1}}})).await;
    let mut caller = begin(&house, text_only()).await;
    let (error, code, _) = caller.ending().await;
    assert_eq!(code, 1000);
    assert!(error.is_none_or(|error| error["error_type"] == "max_duration_exceeded"));
}

#[tokio::test]
async fn silence_ends_the_call_when_the_agent_says_so() {
    let house = house(json!({"conversation_config": {"turn": {"silence_end_call_timeout": 0.5, "turn_timeout": -1}}})).await;
    let mut caller = begin(&house, text_only()).await;
    assert_eq!(caller.ending().await.1, 1000);
}

#[tokio::test]
async fn an_agent_with_a_broken_llm_of_its_own_is_refused() {
    let broken = json!({"conversation_config": {"agent": {"prompt": {"llm": "custom-llm", "custom_llm": {"url": "http://127.0.0.1:9/v1", "api_key": {"secret_id": "gone"}}}}}});
    let house = house(broken).await;
    let (kind, code, reason) = begin(&house, text_only()).await.refused().await;
    assert_eq!((kind.as_str(), code), ("value_error", 1008));
    assert!(reason.contains("gone"));
}

#[tokio::test]
async fn allowed_prompts_context_and_multimodal_text_reach_the_llm() {
    let allowed = json!({"platform_settings": {"overrides": {"conversation_config_override": {"agent": {"prompt": {"prompt": true}}}}}});
    let house = house(allowed).await;
    let initiation = json!({"conversation_config_override": {"text_only": true, "agent": {"prompt": {"prompt": "You are a {{what}}."}}}, "dynamic_variables": {"what": "baker"}});
    let mut caller = begin(&house, initiation).await;
    next(&mut caller, "agent_response").await;
    caller.say(&json!({"type": "contextual_update", "text": "A page was opened.", "context_id": "page"})).await;
    caller.say(&json!({"type": "user_activity"})).await;
    caller
        .say(&json!({"type": "feedback", "event_id": 1, "score": "like"}))
        .await;
    caller.say(&json!({"type": "mcp_tool_approval_result", "tool_call_id": "none", "is_approved": true})).await;
    caller.say(&json!({"type": "multimodal_message", "text": {"type": "user_message", "text": "your prompt"}})).await;
    let said = next(&mut caller, "agent_response").await;
    assert_eq!(
        said["agent_response_event"]["agent_response"],
        "You are a baker."
    );
}

#[tokio::test]
async fn reasoning_is_streamed_before_the_reply() {
    let house = house(json!({})).await;
    let mut caller = begin(&house, text_only()).await;
    next(&mut caller, "agent_response").await;
    say(&mut caller, "why").await;
    let mut parts = Vec::new();
    while parts.len() < 4 {
        let part =
            next(&mut caller, "agent_reasoning_response_part").await["reasoning_response_part"]
                .clone();
        assert!(part["event_id"].is_string(), "{part}");
        parts.push(format!(
            "{} {}",
            part["type"].as_str().unwrap(),
            part["text"].as_str().unwrap()
        ));
    }
    assert_eq!(parts, ["start ", "delta Because ", "delta I can.", "stop "]);
    let said = next(&mut caller, "agent_response").await;
    assert_eq!(said["agent_response_event"]["agent_response"], "No reason.");
}

#[tokio::test]
async fn a_reply_that_was_heard_out_is_complete() {
    let house = house(json!({})).await;
    let mut caller = begin(&house, json!({})).await;
    let said = next(&mut caller, "agent_response").await;
    let complete = next(&mut caller, "agent_response_complete").await;
    assert_eq!(
        complete["agent_response_complete_event"]["event_id"],
        said["agent_response_event"]["event_id"]
    );
}

#[tokio::test]
async fn ears_and_early_answers_are_shown_to_who_asks() {
    let house = house(json!({})).await;
    let mut caller = begin(&house, json!({})).await;
    let ears = next(&mut caller, "asr_initiation_metadata").await;
    assert_eq!(ears["asr_initiation_metadata_event"]["language"], "en");
    next(&mut caller, "audio").await;
    let mut mouth = Mouth::new("pcm_16000");
    mouth.say(&mut caller, 1.0, 0).await;
    mouth.say(&mut caller, 0.8, TELL).await;
    let (early, _) = mouth
        .quiet_until(&mut caller, &["internal_tentative_agent_response"])
        .await;
    let early = &early["tentative_agent_response_internal_event"]["tentative_agent_response"];
    assert!(STORY.starts_with(early.as_str().unwrap()), "{early}");
}

/// One picture; everything else is not there.
fn album() -> agent::FileFinder {
    Arc::new(|_, id| {
        let found = (id == "file_1").then(|| agent::ShownFile {
            name: "cat.png".to_owned(),
            mime: "image/png".to_owned(),
            bytes: vec![0; 3],
        });
        Box::pin(std::future::ready(found))
    })
}

#[tokio::test]
async fn a_picture_is_shown_to_the_llm_with_the_words_beside_it() {
    let settings = open();
    let options = agent::Options {
        files: Some(album()),
        ..agent::Options::default()
    };
    let answerer = InProcess::new(Arc::new(Fake(brain)), BTreeMap::new(), &settings.limits)
        .with_options(options);
    let house = House::with(settings, Arc::new(answerer), vec![desk::desk(json!({}))]).await;
    let mut caller = begin(&house, text_only()).await;
    next(&mut caller, "agent_response").await;
    caller.say(&json!({"type": "multimodal_message", "text": {"type": "user_message", "text": "what is this"}, "file": {"type": "file_input", "file_id": "file_1"}})).await;
    let said = next(&mut caller, "agent_response").await;
    assert_eq!(
        said["agent_response_event"]["agent_response"],
        "what is this: data:image/png;base64,AAAA"
    );
    // A file without words is a turn as well, and one that is not there is no failure.
    caller.say(&json!({"type": "multimodal_message", "text": null, "file": {"type": "file_input", "file_id": "gone"}})).await;
    next(&mut caller, "user_transcript").await;
    next(&mut caller, "agent_response").await;
}
