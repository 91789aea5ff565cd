//! Whole conversations on the driven clock, with providers that do as they are told.
#![allow(clippy::unwrap_used, clippy::needless_raw_string_hashes)]

mod common;

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use agent::{
    EndReason,
    journal::{Journal, replay, replay_with},
};
use common::{Setup, Step, call, config, say};
use expect_test::expect;
use protocol::agents::{AudioFormat, ClientEvent, ClientEventKind, EventId, ServerEvent};
use providers::llm::{Event, Message};
use serde_json::json;

fn long_answer(_: &providers::llm::Request) -> Vec<Step> {
    say("One two three four five six seven eight nine ten eleven twelve.")
}

#[tokio::test]
async fn a_question_is_heard_and_answered() {
    let mut caller = Setup::new(&["what time is it"], |_| say("It is ten o'clock."))
        .start()
        .await;
    caller.silent(2_000).await;
    caller.speak(1_200).await;
    caller.silent(4_000).await;
    expect![[r#"
        0.020 metadata
        0.020 agent 1: Hi, I am here.
        0.020 audio 1..5
        3.460 user: what time is it
        3.460 agent 6: It is ten o'clock.
        3.460 audio 6..11"#]]
    .assert_eq(&caller.log.join("\n"));
    drop(caller.edge);
    let ending = caller.handle.ended().await;
    assert_eq!(ending.reason, EndReason::UserEnded);
    assert_eq!(ending.summary.user_turns, 1);
    assert_eq!(ending.summary.agent_turns, 2);
}

#[tokio::test]
async fn an_interruption_stops_at_once_and_memory_holds_what_was_heard() {
    let mut caller = Setup::new(&["count please", "no stop that now"], long_answer)
        .start()
        .await;
    caller.silent(2_000).await;
    caller.speak(800).await;
    caller.silent(1_700).await;
    caller.speak(1_500).await;
    caller.silent(6_000).await;
    expect![[r#"
        0.020 metadata
        0.020 agent 1: Hi, I am here.
        0.020 audio 1..5
        3.060 user: count please
        3.060 agent 6: One two three four five six seven eight nine ten eleven twelve.
        3.060 audio 6..20
        4.760 interruption 20
        4.760 heard 6: "One two three four five six" of "One two three four five six seven eight nine ten eleven twelve."
        6.260 user: no stop that now
        6.260 agent 21: One two three four five six seven eight nine ten eleven twelve.
        6.260 audio 21..41"#]].assert_eq(&caller.log.join("\n"));
    let last = caller
        .requests()
        .last()
        .map(|request| request.messages.clone())
        .unwrap_or_default();
    expect![[r#"
        [
            Agent {
                text: "Hi, I am here.",
                calls: [],
            },
            User(
                "count please",
            ),
            Agent {
                text: "One two three four five six",
                calls: [],
            },
            User(
                "no stop that now",
            ),
        ]
    "#]]
    .assert_debug_eq(&last);
}

#[tokio::test]
async fn nothing_with_an_old_id_follows_an_interruption() {
    let mut caller = Setup::new(&["count please", "no stop that now"], long_answer)
        .start()
        .await;
    caller.silent(2_000).await;
    caller.speak(800).await;
    caller.silent(1_700).await;
    caller.speak(1_500).await;
    caller.silent(6_000).await;
    let mut stale = EventId(0);
    let mut last = EventId(0);
    for event in &caller.events {
        match event {
            ServerEvent::Interruption { interruption_event } => {
                stale = interruption_event.event_id;
                assert_eq!(stale, last);
            }
            ServerEvent::Audio { audio_event } => {
                assert!(audio_event.event_id > last && audio_event.event_id > stale);
                last = audio_event.event_id;
            }
            _ => {}
        }
    }
    assert!(stale > EventId(0));
}

#[tokio::test]
async fn sound_runs_no_further_ahead_than_the_lead() {
    let mut caller = Setup::new(&[], |_| Vec::new());
    caller.config = config(json!({"conversation_config": {"agent": {
        "first_message": "This is a very long greeting. ".repeat(20)}}}));
    let mut caller = caller.start().await;
    let mut most = Duration::ZERO;
    for _ in 0..200 {
        caller.silent(20).await;
        let sent: usize = caller
            .events
            .iter()
            .filter_map(|event| match event {
                ServerEvent::Audio { audio_event } => Some(audio_event.audio_base_64.len()),
                _ => None,
            })
            .sum();
        let sent = Duration::from_millis(sent as u64 / 32);
        most = most.max(sent.saturating_sub(caller.clock.now().since_start()));
    }
    assert!(
        most > Duration::from_millis(900) && most < Duration::from_millis(1_300),
        "{most:?}"
    );
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_journal_replays_to_the_same_decisions_and_shows_what_a_setting_changes() {
    let file = Shared::default();
    let mut setup = Setup::new(&["count please", "no stop that now"], long_answer);
    setup.options.journal = Some(Journal::new(file.clone()));
    let mut caller = setup.start().await;
    caller.silent(2_000).await;
    caller.speak(800).await;
    caller.silent(1_700).await;
    caller.speak(1_500).await;
    caller.silent(6_000).await;
    drop(caller.edge);
    caller.handle.ended().await;
    let bytes = file.0.lock().unwrap().clone();
    let same = replay(&bytes[..]).unwrap();
    assert_eq!(same.difference, None);
    assert_eq!(same.conversation, "conv_test");
    assert!(same.inputs > 500 && same.decisions > 30, "{same:?}");
    let patient = |settings| turn::Settings {
        eagerness: turn::Eagerness::Patient,
        ..settings
    };
    let changed = replay_with(&bytes[..], patient).unwrap();
    let other = changed.difference.unwrap();
    assert!(other.then.contains("Commit"), "{other:?}");
    let cut = replay(&bytes[..bytes.len() - 10]).unwrap();
    assert!(cut.cut_off);
}

#[tokio::test]
async fn a_journal_on_a_full_disk_warns_and_the_conversation_goes_on() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut setup = Setup::new(&["hello there"], |_| say("Hello."));
    setup.options.journal = Some(Journal::new(Full));
    let mut caller = setup.start().await;
    caller.silent(2_000).await;
    caller.speak(800).await;
    caller.silent(3_000).await;
    assert!(caller.lines().iter().any(|line| line.ends_with(": Hello.")));
    drop(caller.edge);
    caller.handle.ended().await;
    let lines = caller.recorder.memory().lines;
    assert!(
        lines
            .iter()
            .any(|line| line.contains("journal cannot be written")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_client_tool_is_called_and_its_result_used() {
    let mut setup = Setup::new(&["where is my order"], |request| {
        match request.messages.last() {
            Some(Message::Tool {
                result,
                is_error: false,
                ..
            }) => say(&format!("It is in {result}.")),
            _ => vec![call("locate", json!({"id": 7})), Step::Event(Event::Done)],
        }
    });
    setup.config = config(
        json!({"conversation_config": {"agent": {"prompt": {"tools": [
        {"type": "client", "name": "locate", "description": "Finds it.", "expects_response": true}]}}}}),
    );
    let mut caller = setup.start().await;
    caller.silent(2_000).await;
    caller.speak(1_200).await;
    caller.silent(1_000).await;
    caller
        .send(ClientEvent::ClientToolResult {
            tool_call_id: "tc_1".to_owned(),
            result: json!("Paris"),
            is_error: false,
        })
        .await;
    caller.silent(4_000).await;
    expect![[r#"
        0.020 metadata
        0.020 agent 1: Hi, I am here.
        0.020 audio 1..5
        3.460 user: where is my order
        3.460 tool_request locate
        3.460 client_tool_call tc_1 locate {"id":7}
        4.200 tool_response locate
        4.200 agent 6: It is in Paris.
        4.200 audio 6..10"#]]
    .assert_eq(&caller.log.join("\n"));
}

#[tokio::test]
async fn a_tool_that_does_not_answer_ends_once_and_the_llm_is_told() {
    let mut setup = Setup::new(&["where is my order"], |request| {
        match request.messages.last() {
            Some(Message::Tool {
                result,
                is_error: true,
                ..
            }) => say(&format!("Sorry: {result}")),
            _ => vec![call("locate", json!({})), Step::Event(Event::Done)],
        }
    });
    setup.config = config(
        json!({"conversation_config": {"agent": {"prompt": {"tools": [
        {"type": "client", "name": "locate", "expects_response": true, "response_timeout_secs": 3}]}}}}),
    );
    let mut caller = setup.start().await;
    caller.silent(2_000).await;
    caller.speak(1_200).await;
    caller.silent(6_000).await;
    assert!(caller.has("tool_response locate (error)"));
    caller
        .send(ClientEvent::ClientToolResult {
            tool_call_id: "tc_1".to_owned(),
            result: json!("late"),
            is_error: false,
        })
        .await;
    caller.silent(6_000).await;
    let responses = caller
        .lines()
        .iter()
        .filter(|line| line.starts_with("tool_response"))
        .count();
    assert_eq!(responses, 1);
    assert!(
        caller
            .lines()
            .iter()
            .any(|line| line.contains("Sorry: The tool did not answer"))
    );
}

#[tokio::test]
async fn the_agent_hangs_up_after_its_goodbye_was_heard() {
    let mut setup = Setup::new(&["that is all bye"], |_| {
        vec![
            Step::Event(Event::Text("Goodbye then.".to_owned())),
            call("end_call", json!({"reason": "done"})),
            Step::Event(Event::Done),
        ]
    });
    setup.config = config(
        json!({"conversation_config": {"agent": {"prompt": {"built_in_tools": {"end_call": {}}}}}}),
    );
    let mut caller = setup.start().await;
    caller.silent(2_000).await;
    caller.speak(1_200).await;
    caller.silent(4_000).await;
    expect![[r#"
        0.020 metadata
        0.020 agent 1: Hi, I am here.
        0.020 audio 1..5
        3.460 user: that is all bye
        3.460 tool_request end_call
        3.460 agent 6: Goodbye then.
        3.460 audio 6..10
        4.240 tool_response end_call"#]]
    .assert_eq(&caller.log.join("\n"));
    assert_eq!(caller.handle.ended().await.reason, EndReason::AgentEnded);
}

#[tokio::test]
async fn a_skipped_turn_is_silence_that_waits() {
    let mut setup = Setup::new(&["hold on a second"], |_| {
        vec![call("skip_turn", json!({})), Step::Event(Event::Done)]
    });
    setup.config = config(
        json!({"conversation_config": {"agent": {"prompt": {"built_in_tools": {"skip_turn": {}}}}}}),
    );
    let mut caller = setup.start().await;
    caller.silent(2_000).await;
    caller.speak(1_200).await;
    caller.silent(3_000).await;
    assert!(caller.has("tool_response skip_turn"));
    assert_eq!(caller.lines().last(), Some(&"tool_response skip_turn"));
}

#[tokio::test]
async fn contextual_updates_reach_the_llm_and_the_newest_of_an_id_counts() {
    let mut caller = Setup::new(&["where am i"], |_| say("Here.")).start().await;
    caller.silent(2_000).await;
    for text in ["start page", "billing page"] {
        caller
            .send(ClientEvent::ContextualUpdate {
                text: text.to_owned(),
                context_id: Some("page".to_owned()),
            })
            .await;
    }
    caller.speak(1_000).await;
    caller.silent(3_000).await;
    let requests = caller.requests();
    let notes: Vec<_> = requests[0]
        .messages
        .iter()
        .filter(|m| matches!(m, Message::Context(_)))
        .collect();
    assert_eq!(notes, [&Message::Context("billing page".to_owned())]);
}

#[tokio::test]
async fn typed_messages_are_answered_without_any_sound() {
    let mut setup = Setup::new(&[], |request| match request.messages.last() {
        Some(Message::User(text)) => say(&format!("You wrote {text}.")),
        _ => say("?"),
    });
    setup.options.trusted = true;
    setup.wishes.conversation_config_override.text_only = Some(true);
    let mut caller = setup.start().await;
    caller.wait(100).await;
    caller
        .send(ClientEvent::UserMessage {
            text: Some("abc".to_owned()),
            rich_content_id: None,
        })
        .await;
    caller.wait(1_000).await;
    expect![[r#"
        0.020 metadata
        0.020 agent 1: Hi, I am here.
        0.100 user: abc
        0.100 agent 2: You wrote abc."#]]
    .assert_eq(&caller.log.join("\n"));
    let parts: Vec<String> = caller
        .events
        .iter()
        .filter_map(|event| match event {
            ServerEvent::AgentChatResponsePart { text_response_part } => Some(format!(
                "{}:{}",
                text_response_part.kind, text_response_part.text
            )),
            _ => None,
        })
        .collect();
    assert_eq!(
        parts,
        [
            "start:",
            "delta:Hi, I am here.",
            "stop:",
            "start:",
            "delta:You wrote abc.",
            "stop:"
        ]
    );
}

#[tokio::test]
async fn the_stages_of_a_turn_add_up_to_what_the_caller_waited() {
    let mut setup = Setup::new(&["what time is it"], |_| {
        vec![
            Step::Wait(Duration::from_millis(300)),
            Step::Event(Event::Text("It is ten o'clock.".to_owned())),
            Step::Event(Event::Done),
        ]
    });
    setup.config = config(json!({"conversation_config": {"turn": {"speculative_turn": false}}}));
    let mut caller = setup.start().await;
    caller
        .send(ClientEvent::DuologueClient {
            can_pause: false,
            reports_played: false,
        })
        .await;
    caller.silent(2_000).await;
    caller.speak(1_000).await;
    let stopped = caller.clock.now();
    caller.silent(3_000).await;
    let stages = caller
        .events
        .iter()
        .find_map(|event| match event {
            ServerEvent::DuologueMetrics { stages, .. } => Some(stages.clone()),
            _ => None,
        })
        .unwrap();
    let sum: f64 = stages.iter().map(|stage| stage.ms).sum();
    let answered = caller
        .log
        .iter()
        .find(|line| line.contains("o'clock"))
        .unwrap();
    let answered: f64 = answered.split(' ').next().unwrap().parse().unwrap();
    let waited = answered * 1_000.0 - stopped.as_millis() as f64;
    assert!((sum - waited).abs() <= 40.0, "{sum} {waited} {stages:?}");
    let llm = stages
        .iter()
        .find(|stage| stage.name == "llm_first_token")
        .unwrap();
    assert!((llm.ms - 300.0).abs() < 21.0, "{stages:?}");
}

#[tokio::test]
async fn every_audio_format_is_spoken_and_heard() {
    for format in AudioFormat::KNOWN {
        let mut setup = Setup::new(&["hello there"], |_| say("Hello to you."));
        setup.config = config(json!({"conversation_config": {
            "tts": {"agent_output_audio_format": format.as_str()}}}));
        let mut caller = setup.start().await;
        caller.silent(4_000).await;
        let bytes: usize = caller
            .events
            .iter()
            .filter_map(|event| match event {
                ServerEvent::Audio { audio_event } => Some(audio_event.audio_base_64.len()),
                _ => None,
            })
            .sum();
        let known: audio::Format = format.as_str().parse().unwrap();
        // "Hi, I am here." is 14 letters of 60 ms.
        let expected = known
            .encode(&vec![
                0;
                known.rate().samples_in(Duration::from_millis(840))
            ])
            .len();
        assert!(
            bytes.abs_diff(expected) <= 8,
            "{format}: {bytes} bytes, not {expected}"
        );
        let text: String = caller
            .events
            .iter()
            .filter_map(|event| match event {
                ServerEvent::Audio { audio_event } => audio_event.alignment.clone(),
                _ => None,
            })
            .flat_map(|alignment| alignment.chars)
            .collect();
        assert_eq!(text, "Hi, I am here.", "{format}");
    }
}

#[tokio::test]
async fn a_client_hears_only_what_it_subscribed_to() {
    let mut setup = Setup::new(&["hello there"], |_| say("Hello."));
    setup
        .wishes
        .conversation_config_override
        .conversation
        .client_events = Some(vec![ClientEventKind::UserTranscript]);
    let mut caller = setup.start().await;
    caller.silent(2_000).await;
    caller.speak(1_000).await;
    caller.silent(3_000).await;
    assert_eq!(caller.lines(), ["metadata", "user: hello there"]);
}

#[tokio::test]
async fn many_conversations_go_on_at_a_time() {
    let mut tasks = Vec::new();
    for _ in 0..50 {
        tasks.push(tokio::spawn(async {
            let mut caller = Setup::new(&["what time is it"], |_| say("It is ten o'clock."))
                .start()
                .await;
            caller.silent(2_000).await;
            caller.speak(1_200).await;
            caller.silent(3_000).await;
            caller.log.join("\n")
        }));
    }
    let mut logs = Vec::new();
    for task in tasks {
        logs.push(task.await.unwrap());
    }
    assert!(logs.iter().all(|log| *log == logs[0]));
}
