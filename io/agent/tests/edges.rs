//! What edges can do, say and ask for besides speaking.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use agent::RE_ENGAGE;
use common::{Setup, Step, call, config, say};
use protocol::agents::{AudioFormat, ClientEvent, ClientEventKind, EventId, Score, ServerEvent};
use providers::{
    ProviderError,
    llm::{Event, Message, Usage},
};
use serde_json::json;

const COUNTED: &str = "One two three four five six seven eight nine ten eleven twelve.";

/// A caller with a speaker that can pause, who asked and is being answered.
async fn answered(hears: &[&'static str], delay: u64) -> common::Caller {
    let mut caller = Setup::new(hears, |_| say(COUNTED)).start().await;
    caller.plays(delay).await;
    caller.silent(3_000).await;
    caller.speak(800).await;
    caller.silent(1_500).await;
    caller
}

#[tokio::test]
async fn a_backchannel_pauses_the_edge_which_goes_on_from_the_exact_sample() {
    let mut caller = answered(&["count please", "mm-hm"], 0).await;
    let before = caller.player.as_ref().unwrap().played;
    caller.speak(300).await;
    assert!(caller.lines().contains(&"duck"), "{:?}", caller.log);
    caller.silent(8_000).await;
    let lines = caller.lines();
    let duck = lines.iter().position(|line| *line == "duck").unwrap();
    let resume = lines.iter().position(|line| *line == "resume").unwrap();
    assert!(duck < resume, "{:?}", caller.log);
    assert!(!lines.iter().any(|line| line.starts_with("interruption")));
    let player = caller.player.as_ref().unwrap();
    // Greeting and answer, 60 ms a letter, each once: nothing is played twice and nothing left out.
    let letters = "Hi, I am here.".len() + COUNTED.len();
    assert_eq!(player.played, letters as u64 * 60, "{before}");
    assert_eq!(player.pauses, 1);
    let samples = caller.recorder.memory().agent_samples;
    assert_eq!(samples, letters * 960);
    let turn = caller.recorder.memory().lines.join("\n");
    assert!(
        turn.contains("interrupted: false, reckoned: false"),
        "{turn}"
    );
}

#[tokio::test]
async fn what_was_heard_is_what_the_edge_reports() {
    for delay in [0, 600] {
        let mut caller = answered(&["count please", "no stop that now"], delay).await;
        caller.speak(1_500).await;
        let played = caller.player.as_ref().unwrap().played;
        caller.silent(1_000).await;
        let greeting = "Hi, I am here.".len() as u64 * 60;
        let letters = usize::try_from((played - greeting) / 60).unwrap();
        let heard = caller
            .events
            .iter()
            .find_map(|event| match event {
                ServerEvent::AgentResponseCorrection {
                    agent_response_correction_event: c,
                } => Some(c.corrected_agent_response.clone()),
                _ => None,
            })
            .unwrap();
        let words = |text: &str| text.split_whitespace().count();
        let truth = words(&COUNTED[..letters]);
        assert!(
            words(&heard).abs_diff(truth) <= 1,
            "{delay}: {heard:?}, but {letters} letters were played\n{:?}",
            caller.log
        );
        let request = caller.requests().last().unwrap().clone();
        assert!(
            request
                .messages
                .iter()
                .any(|message| matches!(message, Message::Agent { text, .. } if *text == heard)),
            "{:?}",
            request.messages
        );
    }
}

#[tokio::test]
async fn the_language_changes_when_the_llm_says_so_and_not_to_one_nobody_speaks() {
    let mut setup =
        Setup::new(
            &["parlez vous francais", "und auch deutsch"],
            |request| match request.messages.last() {
                Some(Message::Tool {
                    result, is_error, ..
                }) => say(&format!("{is_error}: {result}")),
                _ if request.language == "en" => {
                    vec![
                        call(
                            "language_detection",
                            json!({"reason": "x", "language": "fr"}),
                        ),
                        Step::Event(Event::Done),
                    ]
                }
                _ => vec![
                    call(
                        "language_detection",
                        json!({"reason": "x", "language": "de"}),
                    ),
                    Step::Event(Event::Done),
                ],
            },
        );
    setup.config = config(json!({"conversation_config": {"agent": {"prompt": {
        "built_in_tools": {"language_detection": {"name": "language_detection"}}}}}}));
    let mut caller = setup.start().await;
    caller.silent(2_000).await;
    caller.speak(1_200).await;
    caller.silent(5_000).await;
    assert!(
        caller
            .lines()
            .iter()
            .any(|line| line.ends_with("false: The language is fr now.")),
        "{:?}",
        caller.log
    );
    caller.speak(1_200).await;
    caller.silent(5_000).await;
    assert_eq!(caller.requests().last().unwrap().language, "fr");
    assert!(
        caller
            .lines()
            .iter()
            .any(|line| line.contains("true: ") && line.contains("de")),
        "{:?}",
        caller.log
    );
    assert!(caller.has("tool_response language_detection (error)"));
}

#[tokio::test]
async fn feedback_is_kept_with_the_answer_it_is_about() {
    let mut caller = Setup::new(&[], |_| Vec::new()).start().await;
    caller.silent(1_000).await;
    caller
        .send(ClientEvent::Feedback {
            event_id: EventId(1),
            score: Some(Score::Like),
        })
        .await;
    let lines = caller.recorder.memory().lines;
    assert!(
        lines
            .iter()
            .any(|line| line.contains("Feedback { event: 1, score: Some(Like) }")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn activity_of_the_user_puts_off_the_turn_timeout() {
    for (active, asked) in [(false, true), (true, false)] {
        let mut setup = Setup::new(&[], |request| match request.messages.last() {
            Some(Message::Context(note)) if note == RE_ENGAGE => say("Are you there?"),
            _ => say("?"),
        });
        setup.config = config(json!({"conversation_config": {"turn": {"turn_timeout": 3}}}));
        let mut caller = setup.start().await;
        caller.silent(3_000).await;
        if active {
            caller.send(ClientEvent::UserActivity).await;
        }
        caller.silent(2_000).await;
        let was = caller
            .lines()
            .iter()
            .any(|line| line.ends_with("Are you there?"));
        assert_eq!(was, asked, "{active}: {:?}", caller.log);
    }
}

#[tokio::test]
async fn vad_scores_and_context_usage_come_to_who_asked_for_them() {
    let mut setup = Setup::new(&["hello there"], |_| {
        vec![
            Step::Event(Event::Text("Hello.".to_owned())),
            Step::Event(Event::Usage(Usage {
                input_tokens: 40,
                cached_tokens: 0,
                output_tokens: 2,
            })),
            Step::Event(Event::Done),
        ]
    });
    setup
        .wishes
        .conversation_config_override
        .conversation
        .client_events = Some(vec![
        ClientEventKind::VadScore,
        ClientEventKind::ContextUsage,
    ]);
    let mut caller = setup.start().await;
    caller.silent(2_000).await;
    caller.speak(1_000).await;
    caller.silent(2_000).await;
    let scores: Vec<f64> = caller
        .events
        .iter()
        .filter_map(|event| match event {
            ServerEvent::VadScore { vad_score_event } => Some(vad_score_event.vad_score),
            _ => None,
        })
        .collect();
    assert_eq!(scores.len(), 250, "one for each 20 ms");
    assert!(scores[..100].iter().all(|score| *score < 0.1));
    assert!(scores[100..150].iter().all(|score| *score > 0.9));
    let usage = caller.events.iter().find_map(|event| match event {
        ServerEvent::ContextUsage {
            context_usage_event,
        } => Some(context_usage_event.clone()),
        _ => None,
    });
    let usage = usage.unwrap();
    assert_eq!((usage.model.as_str(), usage.context_tokens), ("fn", 42));
    let ending = {
        drop(caller.edge);
        caller.handle.ended().await
    };
    assert_eq!(ending.summary.input_tokens, 40);
    assert_eq!(ending.summary.output_tokens, 2);
}

#[tokio::test(start_paused = true)]
async fn what_an_llm_wrote_and_did_not_count_is_remembered_as_unknown() {
    fn failed() -> Step {
        Step::Fail(ProviderError::Failed {
            provider: "fn".to_owned(),
            reason: "as told".to_owned(),
        })
    }
    let text = || Step::Event(Event::Text("Hello.".to_owned()));
    let zeros = || Step::Event(Event::Usage(Usage::default()));
    for (steps, unknown) in [
        (vec![text(), Step::Event(Event::Done)], 1),
        (vec![text(), zeros(), Step::Event(Event::Done)], 1),
        (vec![text(), failed()], 1),
        // It stalls, and is given up.
        (vec![text(), Step::Hang], 1),
        (vec![failed()], 0),
    ] {
        let script = steps.clone();
        let mut caller = Setup::new(&["hello there"], move |_| script.clone())
            .start()
            .await;
        caller.silent(2_000).await;
        caller.speak(1_000).await;
        caller.silent(1_500).await;
        drop(caller.edge);
        caller.handle.ended().await;
        let lines = caller.recorder.memory().lines;
        let told: Vec<_> = lines.iter().filter(|line| line.contains("Usage")).collect();
        assert_eq!(told.len(), unknown, "{steps:?}: {lines:?}");
        assert!(told.iter().all(|line| line.contains("usage: None")));
        assert!(lines.last().unwrap().contains("Ended"), "{lines:?}");
    }
}

#[tokio::test]
async fn the_clients_own_fields_reach_the_llm_if_the_agent_allows_it() {
    let mut setup = Setup::new(&["hello there"], |_| say("Hello."));
    setup.config =
        config(json!({"platform_settings": {"overrides": {"custom_llm_extra_body": true}}}));
    setup.wishes.custom_llm_extra_body = json!({"tenant": 7}).as_object().cloned();
    let mut caller = setup.start().await;
    caller.silent(2_000).await;
    caller.speak(1_000).await;
    caller.silent(2_000).await;
    let body = serde_json::Value::Object(caller.requests()[0].extra_body.clone());
    assert_eq!(body, json!({"elevenlabs_extra_body": {"tenant": 7}}));

    let mut setup = Setup::new(&[], |_| Vec::new());
    setup.wishes.custom_llm_extra_body = json!({"tenant": 7}).as_object().cloned();
    let mut caller = setup.start().await;
    let ending = caller.handle.ended().await;
    assert!(
        ending.message.contains("custom_llm_extra_body"),
        "{ending:?}"
    );
}

#[tokio::test]
async fn every_audio_format_is_understood() {
    for format in AudioFormat::KNOWN {
        let mut setup = Setup::new(&["hello there"], |_| say("Hello to you."));
        setup.config = config(json!({"conversation_config": {
            "asr": {"user_input_audio_format": format.as_str()}}}));
        let mut caller = setup.start().await;
        caller.format = format.as_str().parse().unwrap();
        caller.silent(2_000).await;
        caller.speak(1_000).await;
        caller.silent(3_000).await;
        assert!(
            caller.has("user: hello there"),
            "{format}: {:?}",
            caller.log
        );
        assert!(
            caller
                .lines()
                .iter()
                .any(|line| line.ends_with("Hello to you."))
        );
        let heard = caller.recorder.memory().caller_samples;
        let length = Duration::from_secs(6);
        let expected = audio::SampleRate::HZ_16000.samples_in(length);
        // A resampler holds back a block of at most 25 ms.
        assert!(heard.abs_diff(expected) <= 400, "{format}: {heard}");
    }
}

#[tokio::test]
async fn speech_in_quarters_of_a_second_is_one_turn() {
    let mut caller = Setup::new(&["what time is it", "never heard"], |_| say("Ten."))
        .start()
        .await;
    caller
        .in_pieces(250, &[(2_000, 0), (1_500, 8_000), (3_000, 0)])
        .await;
    let turns: Vec<_> = caller
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("user"))
        .map(str::to_owned)
        .collect();
    assert_eq!(turns, ["user: what time is it"], "{:?}", caller.log);
}
