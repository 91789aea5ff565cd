//! Providers and edges that fail: the caller is told, and nothing hangs.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use agent::EndReason;
use common::{Hears, Manner, Setup, Step, say};
use protocol::agents::{CloseCode, ErrorType};
use providers::{ProviderError, llm::Event};

const APOLOGY: &str = "I am sorry, I cannot answer that right now.";

fn failed() -> ProviderError {
    ProviderError::Failed {
        provider: "fn".to_owned(),
        reason: "as told".to_owned(),
    }
}

/// One question to an llm that behaves as `steps` say; what the agent said in the end.
async fn asked(steps: fn() -> Vec<Step>) -> (Vec<String>, common::Caller) {
    let mut caller = Setup::new(&["what time is it"], move |_| steps())
        .start()
        .await;
    caller.silent(2_000).await;
    caller.speak(1_200).await;
    caller.silent(6_000).await;
    let said = caller
        .lines()
        .iter()
        .filter(|line| line.starts_with("agent "))
        .filter_map(|line| line.split_once(": ").map(|(_, text)| text.to_owned()))
        .skip(1)
        .collect();
    (said, caller)
}

#[tokio::test]
async fn an_llm_that_fails_is_apologised_for() {
    let (said, caller) = asked(|| vec![Step::Fail(failed())]).await;
    assert_eq!(said, [APOLOGY], "{:?}", caller.log);
    let (said, _) = asked(|| vec![Step::Close]).await;
    assert_eq!(said, [APOLOGY]);
}

#[tokio::test]
async fn an_llm_that_fails_at_once_is_asked_once_more_in_the_same_turn() {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let setup = Setup::new(&["what time is it"], move |_| {
        match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => vec![Step::Fail(failed())],
            _ => say("It is ten."),
        }
    });
    let mut caller = setup.start().await;
    caller.silent(2_000).await;
    caller.speak(1_200).await;
    caller.silent(6_000).await;
    let said = |words: &str| caller.lines().iter().any(|line| line.ends_with(words));
    assert!(said("It is ten.") && !said(APOLOGY), "{:?}", caller.log);
    let requests = caller.requests();
    // Nothing but the time may have changed.
    let [.., first, second] = requests.as_slice() else {
        panic!("{requests:?}")
    };
    assert_eq!(first.messages, second.messages);
}

#[tokio::test]
async fn an_llm_that_closes_in_the_middle_leaves_what_it_said_and_says_that_it_broke_off() {
    let (said, caller) = asked(|| {
        vec![
            Step::Event(Event::Text("It is about ten. And".to_owned())),
            Step::Close,
        ]
    })
    .await;
    assert_eq!(
        said,
        ["It is about ten. And, I am sorry, I lost my thread. Please ask me again."],
        "{:?}",
        caller.log
    );
}

#[tokio::test(start_paused = true)]
async fn an_llm_that_hangs_is_given_up_on_the_real_clock() {
    let (said, caller) = asked(|| vec![Step::Hang]).await;
    assert_eq!(said, [APOLOGY], "{:?}", caller.log);
}

#[tokio::test]
async fn an_llm_that_will_never_answer_ends_the_conversation_after_the_apology() {
    let (said, mut caller) = asked(|| {
        vec![Step::Fail(ProviderError::Unauthorised {
            provider: "fn".to_owned(),
            reason: "no such key".to_owned(),
        })]
    })
    .await;
    assert_eq!(said, [APOLOGY]);
    assert_eq!(
        caller.lines().last(),
        Some(&"error 1002 llm_error"),
        "{:?}",
        caller.log
    );
    let ending = caller.handle.ended().await;
    assert_eq!(
        (ending.reason, ending.code),
        (EndReason::Failed, CloseCode::Failed)
    );
    assert!(ending.message.contains("no such key"));
}

#[tokio::test]
async fn an_llm_that_never_stops_is_cut_off() {
    let (_, caller) = asked(|| {
        let mut steps = vec![Step::Event(Event::Text("word ".repeat(1_000))); 20];
        steps.push(Step::Event(Event::Done));
        steps
    })
    .await;
    let lines = caller.recorder.memory().lines;
    assert!(
        lines.iter().any(|line| line.contains("cut off")),
        "{lines:?}"
    );
}

async fn voice(manner: Manner) -> common::Caller {
    let mut setup = Setup::new(&["what time is it"], |_| say("It is ten."));
    setup.manner = manner;
    let mut caller = setup.start().await;
    caller.silent(2_000).await;
    caller.speak(1_200).await;
    caller.silent(3_000).await;
    caller
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_fails_twice_ends_the_conversation_with_one_terminal_error() {
    for manner in [Manner::Fails, Manner::Closes, Manner::Hangs] {
        let mut caller = voice(manner).await;
        assert!(
            caller.has("agent 1: Hi, I am here."),
            "{manner:?} {:?}",
            caller.log
        );
        let ending = caller.handle.ended().await;
        assert_eq!(
            ending.error_type,
            Some(ErrorType::TtsCascadeError),
            "{manner:?}"
        );
        assert_eq!(caller.lines().last(), Some(&"error 1002 tts_cascade_error"));
    }
}

#[tokio::test]
async fn a_voice_that_recovers_goes_on() {
    let mut setup = Setup::new(&["what time is it"], |_| say("It is ten."));
    setup.manner = Manner::Fails;
    let mut caller = setup.start().await;
    caller.silent(1_000).await;
    *caller.manner.lock().unwrap() = Manner::Speaks;
    caller.speak(1_200).await;
    caller.silent(3_000).await;
    assert!(
        caller.lines().iter().any(|line| line.starts_with("audio")),
        "{:?}",
        caller.log
    );
}

#[tokio::test(start_paused = true)]
async fn a_recogniser_that_fails_is_started_anew_and_given_up_after_the_third_time() {
    for fault in [Hears::Fails, Hears::Closes, Hears::Hangs] {
        let mut setup = Setup::new(&[], |_| say("Yes."));
        setup.hears = vec![fault.clone(), Hears::Words("hello there")];
        let mut caller = setup.start().await;
        caller.silent(2_000).await;
        caller.speak(800).await;
        caller.silent(6_000).await;
        caller.speak(800).await;
        caller.silent(3_000).await;
        assert!(
            caller.has("user: hello there"),
            "{fault:?} {:?}",
            caller.log
        );

        let mut setup = Setup::new(&[], |_| say("Yes."));
        setup.hears = vec![fault.clone(); 3];
        let mut caller = setup.start().await;
        caller.silent(2_000).await;
        for _ in 0..3 {
            caller.speak(800).await;
            caller.silent(6_000).await;
        }
        let ending = caller.handle.ended().await;
        assert_eq!(
            ending.error_type,
            Some(ErrorType::AsrTranscriptionError),
            "{fault:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_edge_that_does_not_read_loses_the_conversation() {
    let mut setup = Setup::new(&[], |_| Vec::new());
    setup.options.clock = agent::Clock::real();
    setup
        .wishes
        .conversation_config_override
        .conversation
        .client_events = Some(vec![protocol::agents::ClientEventKind::VadScore]);
    let mut caller = setup.start().await;
    let sender = caller.edge.sender.clone();
    let chunk = protocol::agents::ClientEvent::UserAudioChunk {
        user_audio_chunk: protocol::agents::AudioBytes::from(vec![0; 640]),
    };
    let feeding = tokio::spawn(async move { while sender.send(chunk.clone()).await.is_ok() {} });
    let ending = tokio::time::timeout(Duration::from_mins(1), caller.handle.ended())
        .await
        .unwrap();
    assert_eq!(ending.reason, EndReason::Failed);
    assert_eq!(ending.error_type, Some(ErrorType::WebsocketDisconnect));
    feeding.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_is_silent_for_three_seconds_is_explained_in_writing() {
    let mut setup = Setup::new(&[], |_| Vec::new());
    setup.options.clock = agent::Clock::real();
    setup.manner = Manner::Hangs;
    let mut caller = setup.start().await;
    let began = tokio::time::Instant::now();
    let mut told = None;
    while let Some(event) = caller.edge.receiver.recv().await {
        if event.kind() == "agent_response" {
            told = Some(began.elapsed());
            break;
        }
    }
    let told = told.unwrap();
    assert!(told <= Duration::from_millis(3_200), "{told:?}");
}
