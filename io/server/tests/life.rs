//! An agent's life over the port: what its configuration says, and what a caller does, and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{
    Caller,
    desk::{Mouth, begin, house, house_of, next, put, say, text_only},
    fakes::{ALRIGHT, FRENCH, HEARD_IN_FRENCH, SPELL, TELL, call, text},
};
use protocol::agents::AudioBytes;
use providers::llm::{Event, Message, Request, ToolCall};
use serde_json::{Value, json};
use server::StoredAgent;

const STORY: &str = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty.";

/// Does what the last words ask for; else tells a story.
fn brain(request: &Request) -> Vec<Event> {
    match request.messages.last() {
        Some(Message::User(said)) if said.contains("french") => {
            vec![call("language_detection", json!({"language": "fr"}))]
        }
        Some(Message::User(said)) if said.contains("sales") => {
            vec![call("transfer_to_agent", json!({"agent_number": 0}))]
        }
        Some(Message::User(said)) if said.contains("moment") => {
            vec![call("skip_turn", json!({"reason": "asked"}))]
        }
        Some(Message::User(said)) if said.contains("bye") => {
            vec![text(STORY), call("end_call", json!({"reason": "done"}))]
        }
        Some(Message::User(said)) if said.contains("prompt") => vec![text(&request.prompt)],
        Some(Message::User(said)) if said.contains("notes") => {
            let notes = request.messages.iter().filter_map(|message| match message {
                Message::Context(note) => Some(note.as_str()),
                _ => None,
            });
            vec![text(&notes.collect::<Vec<_>>().join(" and "))]
        }
        Some(Message::User(said)) if said.contains("request") => {
            vec![text(&format!("{request:?}"))]
        }
        Some(Message::User(said)) if said.contains("think") => vec![text("I thought about it.")],
        Some(Message::Context(_)) => vec![text("Are you there?")],
        Some(Message::User(said)) if said.contains("both") => vec![
            named("call_a", "find_order", json!({"order": "a"})),
            named("call_b", "find_order", json!({"order": "b"})),
        ],
        Some(Message::User(said)) if said.contains("chain") => {
            vec![named("call_1", "find_order", json!({"order": "first"}))]
        }
        Some(Message::Tool { result, .. }) if result == "go on" => {
            vec![named("call_2", "find_order", json!({"order": "second"}))]
        }
        Some(Message::User(said)) if said.contains("note it") => {
            vec![call("note", json!({}))]
        }
        Some(Message::Tool { call_id, .. }) if call_id.starts_with("call_") => {
            let results = request.messages.iter().filter_map(|message| match message {
                Message::Tool {
                    call_id, result, ..
                } => Some(format!("{call_id}: {result}")),
                _ => None,
            });
            vec![text(&results.collect::<Vec<_>>().join(", "))]
        }
        Some(Message::Tool { .. }) => vec![text("Done.")],
        _ => vec![text(STORY)],
    }
}

fn named(id: &str, name: &str, arguments: Value) -> Event {
    Event::Call(ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments,
    })
}

fn turn(settings: &Value) -> Value {
    json!({"conversation_config": {"turn": settings}})
}

fn response(message: &Value) -> &str {
    message["agent_response_event"]["agent_response"]
        .as_str()
        .unwrap()
}

fn sound_bytes(message: &Value) -> usize {
    serde_json::from_value::<AudioBytes>(message["audio_event"]["audio_base_64"].clone())
        .unwrap()
        .len()
}

/// The agent that calls are handed to.
fn sales(prompt: &str) -> StoredAgent {
    let mut agent =
        StoredAgent::from_file("sales", "name = \"Sales\"", server::Origin::Bundled).unwrap();
    put(
        &mut agent.document,
        json!({"conversation_config": {"agent": {
        "first_message": "This is sales.", "prompt": {"prompt": prompt}}}}),
    );
    agent
}

fn with_transfer() -> StoredAgent {
    common::desk::desk(
        json!({"conversation_config": {"agent": {"prompt": {"built_in_tools": {"transfer_to_agent": {
        "name": "transfer_to_agent", "params": {"system_tool_type": "transfer_to_agent", "transfers": [{
            "agent_id": "sales", "condition": "the caller wants to buy", "transfer_message": "I hand you over.",
            "enable_transferred_agent_first_message": true}]}}}}}}}),
    )
}

#[tokio::test]
async fn another_agent_takes_over_with_its_own_words_and_prompt() {
    let house = house_of(
        vec![
            with_transfer(),
            sales("You sell to {{system__current_agent_id}}."),
        ],
        brain,
    )
    .await;
    let mut caller = begin(&house, text_only()).await;
    next(&mut caller, "agent_response").await;
    say(&mut caller, "sales please").await;
    let told = next(&mut caller, "agent_tool_response").await["agent_tool_response"].clone();
    assert_eq!(
        (
            told["tool_name"].as_str(),
            told["tool_type"].as_str(),
            told["is_error"].as_bool()
        ),
        (Some("transfer_to_agent"), Some("system"), Some(false))
    );
    assert_eq!(
        response(&next(&mut caller, "agent_response").await),
        "I hand you over."
    );
    assert_eq!(
        response(&next(&mut caller, "agent_response").await),
        "This is sales."
    );
    say(&mut caller, "your prompt").await;
    assert_eq!(
        response(&next(&mut caller, "agent_response").await),
        "You sell to sales."
    );
}

#[tokio::test]
async fn an_agent_that_lacks_a_variable_cannot_take_over() {
    let house = house_of(vec![with_transfer(), sales("You sell {{goods}}.")], brain).await;
    let mut caller = begin(&house, text_only()).await;
    say(&mut caller, "sales please").await;
    let (kind, code, reason) = caller.refused().await;
    assert_eq!(
        (kind.as_str(), code),
        ("missing_dynamic_variable_transfer", 1008)
    );
    assert!(reason.contains("goods"), "{reason}");
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_an_error_the_llm_hears_of() {
    let house = house_of(vec![with_transfer()], brain).await;
    let mut caller = begin(&house, text_only()).await;
    say(&mut caller, "sales please").await;
    let told = next(&mut caller, "agent_tool_response_full_payload").await["agent_tool_response_full_payload"].clone();
    assert_eq!(told["is_error"], true);
    assert!(
        told["full_tool_result"]
            .as_str()
            .unwrap()
            .contains("no agent sales"),
        "{told}"
    );
    while response(&next(&mut caller, "agent_response").await)
        != "call_transfer_to_agent: there is no agent sales"
    {}
}

#[tokio::test]
async fn a_detected_language_changes_the_ears() {
    let tools = json!({"conversation_config": {"agent": {"prompt": {"built_in_tools": {"language_detection": {"name": "language_detection"}}}}}});
    let house = house(tools, brain).await;
    let mut caller = begin(&house, json!({})).await;
    next(&mut caller, "audio").await;
    let mut mouth = Mouth::new("pcm_16000");
    mouth.say(&mut caller, 1.0, 0).await;
    mouth.say(&mut caller, 0.8, FRENCH).await;
    let (told, _) = mouth
        .quiet_until(&mut caller, &["agent_tool_response"])
        .await;
    assert_eq!(
        told["agent_tool_response"]["tool_name"],
        "language_detection"
    );
    mouth.say(&mut caller, 0.8, TELL).await;
    let (said, _) = mouth.quiet_until(&mut caller, &["user_transcript"]).await;
    assert_eq!(
        said["user_transcription_event"]["user_transcript"],
        HEARD_IN_FRENCH
    );
}

/// How many frames of silence it takes until the turn is the agent's.
async fn patience(settings: Value, level: i16) -> u32 {
    let house = house(turn(&settings), brain).await;
    let mut caller = begin(&house, json!({})).await;
    next(&mut caller, "audio").await;
    let mut mouth = Mouth::new("pcm_16000");
    mouth.say(&mut caller, 1.0, 0).await;
    mouth.say(&mut caller, 0.8, level).await;
    mouth.quiet_until(&mut caller, &["user_transcript"]).await.1
}

#[tokio::test]
async fn an_eager_agent_answers_sooner_than_a_patient_one() {
    let eager = patience(json!({"turn_eagerness": "eager"}), TELL).await;
    let patient = patience(json!({"turn_eagerness": "patient"}), TELL).await;
    assert!(eager < patient, "{eager} and {patient} frames");
}

#[tokio::test]
async fn who_spells_is_given_time_unless_the_agent_says_otherwise() {
    let patient = patience(json!({"spelling_patience": "auto"}), SPELL).await;
    let hasty = patience(json!({"spelling_patience": "off"}), SPELL).await;
    assert!(hasty < patient, "{hasty} and {patient} frames");
}

#[tokio::test]
async fn a_slow_answer_is_bridged_by_the_agents_filler() {
    let house = house(
        turn(&json!({"soft_timeout_config": {"timeout_seconds": 0.5, "message": "Let me see."}})),
        brain,
    )
    .await;
    let mut caller = begin(&house, json!({})).await;
    next(&mut caller, "audio").await;
    say(&mut caller, "think").await;
    assert_eq!(
        response(&next(&mut caller, "agent_response").await),
        "Let me see."
    );
    assert_eq!(
        response(&next(&mut caller, "agent_response").await),
        "I thought about it."
    );
}

#[tokio::test]
async fn a_silent_caller_is_asked_and_an_active_one_is_not() {
    let house = house(turn(&json!({"turn_timeout": 1})), brain).await;
    let mut caller = begin(&house, text_only()).await;
    next(&mut caller, "agent_response").await;
    // Twice as long as the agent waits.
    for _ in 0..20 {
        caller.say(&json!({"type": "user_activity"})).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    say(&mut caller, "notes").await;
    assert_eq!(
        next(&mut caller, "user_transcript").await["user_transcription_event"]["user_transcript"],
        "notes"
    );
    loop {
        // Who was not asked until now is asked in the end.
        if response(&next(&mut caller, "agent_response").await) == "Are you there?" {
            break;
        }
    }
}

#[tokio::test]
async fn an_agent_without_a_greeting_speaks_up_after_its_initial_wait() {
    let house = house(json!({"conversation_config": {"agent": {"first_message": ""}, "turn": {"turn_timeout": -1, "initial_wait_time": 0.5}}}), brain).await;
    let mut caller = begin(&house, text_only()).await;
    assert_eq!(
        response(&next(&mut caller, "agent_response").await),
        "Are you there?"
    );
}

#[tokio::test]
async fn silence_ends_a_spoken_call_with_1000() {
    let house = house(
        turn(&json!({"turn_timeout": -1, "silence_end_call_timeout": 1})),
        brain,
    )
    .await;
    let mut caller = begin(&house, json!({})).await;
    let (error, code, _) = caller.ending().await;
    assert_eq!((error, code), (None, 1000));
}

#[tokio::test]
async fn the_longest_duration_is_announced_before_the_end() {
    let house = house(json!({"conversation_config": {"agent": {"max_conversation_duration_message": "Our time is over."}, "conversation": {"max_duration_seconds": 1}}}), brain).await;
    let mut caller = begin(&house, json!({})).await;
    while response(&next(&mut caller, "agent_response").await) != "Our time is over." {}
    let (error, code, _) = caller.ending().await;
    assert_eq!(
        (error.unwrap()["error_type"].as_str(), code),
        (Some("max_duration_exceeded"), 1000)
    );
}

/// Speaks into the agent's story; whether that interrupts it.
async fn interrupts(changes: Value, level: i16) -> bool {
    let house = house(changes, brain).await;
    let mut caller = begin(&house, json!({})).await;
    next(&mut caller, "audio").await;
    let mut mouth = Mouth::new("pcm_16000");
    mouth.say(&mut caller, 0.5, 0).await;
    say(&mut caller, "go on").await;
    while response(&next(&mut caller, "agent_response").await) != STORY {}
    mouth.say(&mut caller, 0.5, 0).await;
    mouth.say(&mut caller, 0.7, level).await;
    // The story's last word, or the stop.
    loop {
        let (message, _) = mouth
            .quiet_until(&mut caller, &["interruption", "audio"])
            .await;
        if message["type"] == "interruption" {
            return true;
        }
        let chars = message["audio_event"]["alignment"]["chars"].to_string();
        if chars.contains(r#""w","e","n","t","y","."#) {
            return false;
        }
    }
}

#[tokio::test]
async fn terms_to_ignore_do_not_interrupt() {
    assert!(
        !interrupts(
            turn(&json!({"interruption_ignore_terms": ["Alright then"]})),
            ALRIGHT
        )
        .await
    );
    assert!(interrupts(json!({}), TELL).await);
}

#[tokio::test]
async fn a_first_message_can_be_kept_from_interruption() {
    let settings = json!({"conversation_config": {"agent": {"first_message": STORY, "disable_first_message_interruptions": true}}});
    let house = house(settings, brain).await;
    let mut caller = begin(&house, json!({})).await;
    next(&mut caller, "audio").await;
    let mut mouth = Mouth::new("pcm_16000");
    mouth.say(&mut caller, 0.3, 0).await;
    mouth.say(&mut caller, 1.0, TELL).await;
    let (message, _) = mouth
        .quiet_until(&mut caller, &["interruption", "user_transcript"])
        .await;
    assert_eq!(
        message["type"], "user_transcript",
        "what was said meanwhile is answered after"
    );
}

#[tokio::test]
async fn of_contextual_updates_the_newest_of_each_id_counts() {
    let house = house(json!({}), brain).await;
    let mut caller = begin(&house, text_only()).await;
    next(&mut caller, "agent_response").await;
    for update in [
        json!({"text": "page one", "context_id": "page"}),
        json!({"text": "it rains"}),
        json!({"text": "page two", "context_id": "page"}),
    ] {
        let mut message = json!({"type": "contextual_update"});
        put(&mut message, update);
        caller.say(&message).await;
    }
    say(&mut caller, "notes").await;
    assert_eq!(
        response(&next(&mut caller, "agent_response").await),
        "it rains and page two"
    );
}

#[tokio::test]
async fn who_asked_for_a_moment_is_not_prompted_at_once() {
    let house = house(turn(&json!({"turn_timeout": -1})), brain).await;
    let mut caller = begin(&house, json!({})).await;
    next(&mut caller, "audio").await;
    say(&mut caller, "one moment").await;
    let told = next(&mut caller, "agent_tool_response").await;
    assert_eq!(told["agent_tool_response"]["tool_name"], "skip_turn");
    say(&mut caller, "notes").await;
    // Nothing was said in between.
    while next(&mut caller, "user_transcript").await["user_transcription_event"]["user_transcript"]
        != "notes"
    {}
}

#[tokio::test]
async fn the_call_ends_when_the_goodbye_has_had_its_time() {
    let house = house(json!({}), brain).await;
    let mut caller = begin(&house, json!({})).await;
    next(&mut caller, "audio").await;
    say(&mut caller, "bye").await;
    let mut began = None;
    let mut bytes = 0;
    loop {
        let message = caller.next().await;
        match message["type"].as_str().unwrap() {
            "user_transcript" => bytes = 0,
            "audio" => {
                began.get_or_insert_with(std::time::Instant::now);
                bytes += sound_bytes(&message);
            }
            "agent_tool_response" => break,
            _ => {}
        }
    }
    let goodbye = std::time::Duration::from_secs_f64(bytes as f64 / 32_000.0);
    assert!(goodbye.as_secs() >= 1, "the whole goodbye was sent");
    assert!(began.unwrap().elapsed() >= goodbye, "{goodbye:?} of sound");
    assert_eq!(caller.ending().await.1, 1000);
}

#[tokio::test]
async fn secrets_stay_out_of_the_llm_and_of_every_text() {
    let house = house(json!({}), brain).await;
    let mut wishes = text_only();
    put(
        &mut wishes,
        json!({"user_id": "ada", "dynamic_variables": {"secret__key": "hunter2", "city": "Oslo", "n": 3, "yes": true}}),
    );
    let mut caller = begin(&house, wishes).await;
    next(&mut caller, "agent_response").await;
    say(&mut caller, "request").await;
    let seen = next(&mut caller, "agent_response").await;
    let seen = response(&seen);
    assert!(seen.contains("Oslo") && !seen.contains("hunter2"), "{seen}");

    let telling = common::desk::desk(
        json!({"conversation_config": {"agent": {"first_message": "It is {{secret__key}}."}}}),
    );
    let house = house_of(vec![telling], brain).await;
    let mut caller = begin(
        &house,
        json!({"dynamic_variables": {"secret__key": "hunter2"}}),
    )
    .await;
    let (kind, code, reason) = caller.refused().await;
    assert_eq!((kind.as_str(), code), ("missing_dynamic_variable", 1008));
    assert!(!reason.contains("hunter2"), "{reason}");
}

#[tokio::test]
async fn the_platforms_variables_are_filled_in() {
    let greeting = "{{system__agent_id}} {{system__current_agent_id}} {{system__conversation_id}} {{system__is_text_only}} {{system__call_duration_secs}} {{system__time_utc}}{{system__caller_id}}";
    let house = house(
        json!({"conversation_config": {"agent": {"first_message": greeting}}}),
        brain,
    )
    .await;
    let mut caller = begin(&house, text_only()).await;
    let metadata = next(&mut caller, "conversation_initiation_metadata").await;
    let id = metadata["conversation_initiation_metadata_event"]["conversation_id"]
        .as_str()
        .unwrap();
    let said = next(&mut caller, "agent_response").await;
    assert!(
        response(&said).starts_with(&format!("desk desk {id} true 0 20")),
        "{said}"
    );
}

#[tokio::test]
async fn text_mode_can_be_asked_for_in_both_places_and_set_by_the_agent() {
    let allow = json!({"platform_settings": {"overrides": {"conversation_config_override": {"conversation": {"text_only": true}}}}});
    let agent = json!({"conversation_config": {"conversation": {"text_only": true}}});
    let nested = json!({"conversation_config_override": {"conversation": {"text_only": true}}});
    for (config, wishes) in [
        (json!({}), text_only()),
        (allow, nested.clone()),
        (agent, json!({})),
    ] {
        let house = house(config, brain).await;
        let mut caller = begin(&house, wishes).await;
        say(&mut caller, "notes").await;
        caller.say(&json!({"user_audio_chunk": "AAAA"})).await;
        loop {
            let message = caller.next().await;
            let kind = message["type"].as_str().unwrap();
            assert!(!["audio", "vad_score"].contains(&kind), "{message}");
            if kind == "user_transcript" {
                break;
            }
        }
    }
    let house = house(json!({}), brain).await;
    let (kind, ..) = begin(&house, nested).await.refused().await;
    assert_eq!(kind, "override_error");
}

#[tokio::test]
async fn speech_is_understood_in_every_format() {
    let formats = [
        "pcm_8000",
        "pcm_16000",
        "pcm_22050",
        "pcm_24000",
        "pcm_44100",
        "pcm_48000",
        "ulaw_8000",
    ];
    let calls = formats.map(|format| async move {
        let house = house(
            json!({"conversation_config": {"asr": {"user_input_audio_format": format}}}),
            brain,
        )
        .await;
        let mut caller = begin(&house, json!({})).await;
        let metadata = next(&mut caller, "conversation_initiation_metadata").await;
        assert_eq!(
            metadata["conversation_initiation_metadata_event"]["user_input_audio_format"],
            format
        );
        let mut mouth = Mouth::new(format);
        mouth.say(&mut caller, 1.0, 0).await;
        mouth.say(&mut caller, 1.0, SPELL).await;
        let (said, _) = mouth.quiet_until(&mut caller, &["user_transcript"]).await;
        assert_eq!(
            said["user_transcription_event"]["user_transcript"], "my name is spelled m t",
            "{format}"
        );
    });
    futures_util::future::join_all(calls).await;
}

#[tokio::test]
async fn overrides_count_where_the_agent_allows_them_and_only_there() {
    let cases = [
        json!({"agent": {"first_message": "Mine."}}),
        json!({"agent": {"language": "fr"}}),
        json!({"agent": {"max_conversation_duration_message": "Over."}}),
        json!({"agent": {"prompt": {"prompt": "Mine."}}}),
        json!({"agent": {"prompt": {"llm": "another"}}}),
        json!({"agent": {"prompt": {"tool_ids": []}}}),
        json!({"asr": {"keywords": ["Duologue"]}}),
        json!({"turn": {"soft_timeout_config": {"message": "Hm."}}}),
        json!({"tts": {"voice_id": "any"}}),
        json!({"tts": {"stability": 0.3}}),
        json!({"tts": {"speed": 1.1}}),
        json!({"tts": {"similarity_boost": 0.3}}),
        json!({"conversation": {"text_only": true}}),
    ];
    for case in cases {
        let mut allowed = case.clone();
        permit(&mut allowed);
        let allowed =
            json!({"platform_settings": {"overrides": {"conversation_config_override": allowed}}});
        let wishes = json!({ "conversation_config_override": case });
        let strict = house(json!({}), brain).await;
        let (kind, code, _) = begin(&strict, wishes.clone()).await.refused().await;
        assert_eq!((kind.as_str(), code), ("override_error", 1008), "{wishes}");
        let open = house(allowed, brain).await;
        let mut caller = begin(&open, wishes).await;
        next(&mut caller, "agent_response").await;
    }
}

#[tokio::test]
async fn what_the_agent_is_anyway_needs_no_permission() {
    let own = json!({"agent": {"first_message": "Mine."}, "tts": {"speed": 1.1}});
    let house = house(json!({ "conversation_config": own }), brain).await;
    for same in [
        json!({"agent": {"language": "en"}, "conversation": {"text_only": false}}),
        json!({"agent": {"language": "en", "first_message": "Mine."}, "tts": {"speed": 1.1}}),
    ] {
        let wishes = json!({ "conversation_config_override": same });
        let mut caller = begin(&house, wishes).await;
        next(&mut caller, "agent_response").await;
    }
    let another = json!({"agent": {"language": "en", "first_message": "Yours."}});
    let wishes = json!({ "conversation_config_override": another });
    let (_, code, words) = begin(&house, wishes).await.refused().await;
    assert_eq!(code, 1008);
    assert!(words.contains("agent.first_message"), "{words}");
}

/// Every value becomes a permission.
fn permit(value: &mut Value) {
    match value {
        Value::Object(object) => object.values_mut().for_each(permit),
        other => *other = json!(true),
    }
}

#[tokio::test]
async fn the_callers_own_fields_reach_the_llm_where_allowed() {
    let allowed = json!({"platform_settings": {"overrides": {"custom_llm_extra_body": true}}});
    let house = house(allowed, brain).await;
    let mut wishes = text_only();
    put(
        &mut wishes,
        json!({"custom_llm_extra_body": {"tenant": "blue"}}),
    );
    let mut caller = begin(&house, wishes).await;
    next(&mut caller, "agent_response").await;
    say(&mut caller, "request").await;
    let seen = next(&mut caller, "agent_response").await;
    assert!(
        response(&seen).contains("tenant") && response(&seen).contains("elevenlabs_extra_body"),
        "{seen}"
    );
}

async fn asked(caller: &mut Caller) -> (String, Value) {
    let asked = next(caller, "client_tool_call").await["client_tool_call"].clone();
    let id = asked["tool_call_id"].as_str().unwrap().to_owned();
    (id, asked["parameters"]["order"].clone())
}

async fn answer(caller: &mut Caller, id: &str, result: &str) {
    caller
        .say(&json!({"type": "client_tool_result", "tool_call_id": id, "result": result, "is_error": false}))
        .await;
}

#[tokio::test]
async fn calls_made_together_are_answered_in_any_order() {
    let house = house(json!({}), brain).await;
    let mut caller = begin(&house, text_only()).await;
    next(&mut caller, "agent_response").await;
    say(&mut caller, "both").await;
    let (first, order) = asked(&mut caller).await;
    assert_eq!(order, "a");
    let (second, order) = asked(&mut caller).await;
    assert_eq!(order, "b");
    assert_ne!(first, second);
    answer(&mut caller, &second, "B").await;
    answer(&mut caller, &first, "A").await;
    assert_eq!(
        response(&next(&mut caller, "agent_response").await),
        "call_a: A, call_b: B"
    );
}

#[tokio::test]
async fn one_call_leads_to_the_next() {
    let house = house(json!({}), brain).await;
    let mut caller = begin(&house, text_only()).await;
    next(&mut caller, "agent_response").await;
    say(&mut caller, "chain").await;
    let (id, order) = asked(&mut caller).await;
    assert_eq!(order, "first");
    answer(&mut caller, &id, "go on").await;
    let (id, order) = asked(&mut caller).await;
    assert_eq!(order, "second");
    answer(&mut caller, &id, "enough").await;
    assert_eq!(
        response(&next(&mut caller, "agent_response").await),
        "call_1: go on, call_2: enough"
    );
}

#[tokio::test]
async fn an_interrupted_call_has_one_result() {
    let slow = json!({"conversation_config": {"agent": {"prompt": {"tools": [{"type": "client", "name": "find_order",
        "description": "Finds.", "expects_response": true, "response_timeout_secs": 60}]}}}});
    let house = house(slow, brain).await;
    let mut caller = begin(&house, text_only()).await;
    next(&mut caller, "agent_response").await;
    say(&mut caller, "chain").await;
    let (id, _) = asked(&mut caller).await;
    say(&mut caller, "notes").await;
    answer(&mut caller, &id, "too late, or not").await;
    say(&mut caller, "your prompt").await;
    let mut results = 0;
    loop {
        let message = caller.next().await;
        if message["type"] == "agent_tool_response" {
            assert_eq!(message["agent_tool_response"]["tool_call_id"], id);
            results += 1;
        }
        if message["type"] == "agent_response" && response(&message) == "Be short." {
            break;
        }
    }
    assert_eq!(results, 1);
}

#[tokio::test]
async fn a_tool_that_expects_nothing_is_not_waited_for() {
    let note = json!({"conversation_config": {"agent": {"prompt": {"tools": [{"type": "client", "name": "note",
        "description": "Notes.", "expects_response": false}]}}}});
    let house = house(note, brain).await;
    let mut caller = begin(&house, text_only()).await;
    next(&mut caller, "agent_response").await;
    say(&mut caller, "note it").await;
    let told = next(&mut caller, "agent_tool_response").await["agent_tool_response"].clone();
    assert_eq!(
        (told["tool_name"].as_str(), told["is_error"].as_bool()),
        (Some("note"), Some(false))
    );
    next(&mut caller, "agent_response").await;
}
