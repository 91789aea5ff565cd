//! How a conversation begins, waits and ends.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use agent::EndReason;
use common::{Setup, Step, config, say};
use protocol::agents::{CloseCode, DynamicVariable, ErrorType, Language};
use providers::llm::{Event, Message};
use serde_json::json;

#[tokio::test]
async fn variables_stand_in_the_first_message_and_the_prompt() {
    let mut setup = Setup::new(&["hello there"], |_| say("Hello."));
    setup.config = config(json!({"conversation_config": {"agent": {
        "first_message": "Hello {{name}}, this is {{system__agent_id}}.",
        "dynamic_variables": {"dynamic_variable_placeholders": {"name": "nobody", "tone": "kind"}},
        "prompt": {"prompt": "Be {{tone}} in {{system__timezone}}."}}}}));
    setup.wishes.dynamic_variables = [
        ("name".to_owned(), DynamicVariable::from("Ada")),
        ("secret__token".to_owned(), DynamicVariable::from("hidden")),
    ]
    .into();
    let mut caller = setup.start().await;
    caller.silent(3_000).await;
    caller.speak(800).await;
    caller.silent(2_000).await;
    assert!(
        caller.has("agent 1: Hello Ada, this is agent_test."),
        "{:?}",
        caller.log
    );
    let request = &caller.requests()[0];
    assert_eq!(request.prompt, "Be kind in UTC.");
    assert_eq!(request.variables["name"], "Ada");
    assert_eq!(request.variables["system__conversation_id"], "conv_test");
    assert!(!request.variables.contains_key("secret__token"));
    assert!(
        request.now.starts_with("2026-11-21T10:00:0"),
        "{}",
        request.now
    );
}

async fn refused(change: impl FnOnce(&mut Setup)) -> (ErrorType, String) {
    let mut setup = Setup::new(&[], |_| Vec::new());
    change(&mut setup);
    let mut caller = setup.start().await;
    let ending = caller.handle.ended().await;
    caller.look().await;
    assert_eq!(ending.reason, EndReason::Refused);
    assert_eq!(ending.code, CloseCode::Refused);
    assert_eq!(caller.log.len(), 1, "{:?}", caller.log);
    (ending.error_type.unwrap(), ending.message)
}

#[tokio::test]
async fn what_cannot_begin_is_refused_with_the_reason() {
    let (kind, message) = refused(|setup| {
        setup
            .wishes
            .conversation_config_override
            .agent
            .prompt
            .prompt = Some("Be rude.".to_owned());
    })
    .await;
    assert_eq!(kind, ErrorType::OverrideError);
    assert!(message.contains("agent.prompt.prompt"), "{message}");

    let (kind, message) = refused(|setup| {
        setup.config =
            config(json!({"conversation_config": {"agent": {"first_message": "Hi {{who}}"}}}));
    })
    .await;
    assert_eq!(kind, ErrorType::MissingDynamicVariable);
    assert!(message.contains("who"), "{message}");

    let (kind, message) = refused(|setup| {
        setup.config = config(
            json!({"conversation_config": {"agent": {"prompt": {"prompt": "{{secret__key}}"}}}}),
        );
        setup.wishes.dynamic_variables =
            [("secret__key".to_owned(), DynamicVariable::from("x"))].into();
    })
    .await;
    assert_eq!(kind, ErrorType::MissingDynamicVariable);
    assert!(message.contains("secret"), "{message}");

    let (kind, message) = refused(|setup| {
        setup.options.trusted = true;
        setup.wishes.conversation_config_override.agent.language = Some(Language::Japanese);
    })
    .await;
    assert_eq!(kind, ErrorType::OverrideError);
    assert!(
        message.contains("told") && message.contains("en, fr"),
        "{message}"
    );

    let (kind, _) = refused(|setup| {
        setup.wishes.dynamic_variables =
            [("system__caller_id".to_owned(), DynamicVariable::from("x"))].into();
    })
    .await;
    assert_eq!(kind, ErrorType::ValueError);
}

#[tokio::test]
async fn an_allowed_override_holds_and_a_language_brings_its_preset() {
    let mut setup = Setup::new(&[], |_| Vec::new());
    setup.config = config(json!({
        "conversation_config": {"language_presets": {"fr": {"overrides": {}, "first_message_translation": {"text": "Bonjour."}}}},
        "platform_settings": {"overrides": {"conversation_config_override": {"agent": {"language": true}}}}}));
    setup.wishes.conversation_config_override.agent.language = Some(Language::French);
    let mut caller = setup.start().await;
    caller.silent(2_000).await;
    assert!(caller.has("agent 1: Bonjour."), "{:?}", caller.log);
}

#[tokio::test]
async fn a_client_that_says_nothing_at_first_still_gets_a_conversation() {
    let setup = Setup::new(&[], |_| Vec::new());
    let clock = setup.options.clock.clone();
    let (link, mut edge) = agent::link();
    let config = agent::config::Config::from_value(config(json!({}))).unwrap();
    let providers = agent::Providers {
        vad: std::sync::Arc::new(common::LoudVad),
        asr: std::sync::Arc::new(common::ToldAsr::new(&[])),
        llm: std::sync::Arc::new(common::FnLlm {
            clock: clock.clone(),
            brain: Box::new(|_| Vec::new()),
            asked: std::sync::Arc::default(),
        }),
        tts: std::sync::Arc::new(common::ToneTts {
            rate: audio::SampleRate::HZ_16000,
            manner: std::sync::Arc::new(std::sync::Mutex::new(common::Manner::Speaks)),
        }),
    };
    let _handle = agent::Agent::new("a", config, providers, Vec::new()).start(link, setup.options);
    clock.settled().await;
    assert!(edge.receiver.try_recv().is_err());
    clock.advance(Duration::from_secs(2));
    clock.settled().await;
    let first = edge.receiver.recv().await.unwrap();
    assert_eq!(first.kind(), "conversation_initiation_metadata");
}

#[tokio::test]
async fn silence_is_filled_and_finally_ends_the_call() {
    let mut setup = Setup::new(&[], |request| match request.messages.last() {
        Some(Message::Context(note)) if note == agent::RE_ENGAGE => say("Are you there?"),
        _ => say("?"),
    });
    setup.config = config(
        json!({"conversation_config": {"turn": {"turn_timeout": 3, "silence_end_call_timeout": 12}}}),
    );
    let mut caller = setup.start().await;
    caller.silent(20_000).await;
    let asked = caller
        .lines()
        .iter()
        .filter(|line| line.ends_with("Are you there?"))
        .count();
    assert_eq!(asked, 2, "{:?}", caller.log);
    assert_eq!(caller.handle.ended().await.reason, EndReason::Silence);
}

#[tokio::test]
async fn a_slow_answer_is_bridged_by_a_filler() {
    let mut setup = Setup::new(&["a hard question"], |_| {
        vec![
            Step::Wait(Duration::from_secs(5)),
            Step::Event(Event::Text("Here it is.".to_owned())),
            Step::Event(Event::Done),
        ]
    });
    setup.config = config(json!({"conversation_config": {"turn": {
        "soft_timeout_config": {"timeout_seconds": 1.5, "message": "Let me see."}}}}));
    let mut caller = setup.start().await;
    caller.silent(2_000).await;
    caller.speak(1_200).await;
    caller.silent(9_000).await;
    let lines = caller.lines();
    let at = |words: &str| lines.iter().position(|line| line.ends_with(words));
    assert!(
        at("Let me see.").is_some() && at("Let me see.") < at("Here it is."),
        "{:?}",
        caller.log
    );
}

#[tokio::test]
async fn the_longest_duration_ends_with_the_agents_last_words() {
    let mut setup = Setup::new(&[], |_| Vec::new());
    setup.config = config(json!({"conversation_config": {
        "agent": {"max_conversation_duration_message": "Time is up."},
        "conversation": {"max_duration_seconds": 5}}}));
    let mut caller = setup.start().await;
    caller.silent(8_000).await;
    let lines = caller.lines();
    assert!(
        lines.iter().any(|line| line.ends_with("Time is up.")),
        "{:?}",
        caller.log
    );
    assert_eq!(lines.last(), Some(&"error 1000 max_duration_exceeded"));
    let ending = caller.handle.ended().await;
    assert_eq!(
        (ending.reason, ending.code),
        (EndReason::MaxDuration, CloseCode::Normal)
    );
}

#[tokio::test]
async fn an_edge_that_vanished_is_noticed() {
    let mut caller = Setup::new(&[], |_| Vec::new()).start().await;
    caller.answer_pings = false;
    caller.wait(62_000).await;
    let ending = caller.handle.ended().await;
    assert_eq!(ending.error_type, Some(ErrorType::TransportReceiveTimeout));
    assert_eq!(ending.code, CloseCode::Failed);
}

#[tokio::test]
async fn a_handle_ends_its_conversation() {
    let mut caller = Setup::new(&[], |_| Vec::new()).start().await;
    caller.silent(1_000).await;
    caller.handle.end();
    assert_eq!(caller.handle.ended().await.reason, EndReason::UserEnded);
}
