//! Tools of every kind: each call has exactly one result, whatever happens.
#![allow(clippy::unwrap_used)]

mod common;

use std::{sync::Arc, time::Duration};

use common::{FnTool, Setup, Step, call, config, say};
use protocol::agents::{ClientEvent, CloseCode, ErrorType, ServerEvent};
use providers::llm::{Event, Message, Request};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

fn tool(
    setup: &Setup,
    name: &'static str,
    takes: Duration,
    work: impl Fn() -> Result<Value, String> + Send + Sync + 'static,
) -> Arc<FnTool> {
    Arc::new(FnTool {
        name,
        clock: setup.options.clock.clone(),
        takes,
        timeout: 4 * SECOND,
        work: Box::new(work),
    })
}

/// Calls `look`, then says what came of it.
fn looks(request: &Request) -> Vec<Step> {
    match request.messages.last() {
        Some(Message::Tool { result, .. }) => say(&format!("So: {result}")),
        _ => vec![call("look", json!({})), Step::Event(Event::Done)],
    }
}

async fn asked(takes: Duration, work: fn() -> Result<Value, String>) -> common::Caller {
    let mut setup = Setup::new(&["have a look", "no never mind that"], looks);
    setup.tools = vec![tool(&setup, "look", takes, work)];
    let mut caller = setup.start().await;
    caller.silent(2_000).await;
    caller.speak(1_000).await;
    // Long enough for any turn to be over.
    caller.silent(2_100).await;
    caller
}

/// Requests and responses, one each for every call.
fn answered(caller: &common::Caller) -> (Vec<String>, Vec<(String, bool)>) {
    let mut requests = Vec::new();
    let mut responses = Vec::new();
    for event in &caller.events {
        match event {
            ServerEvent::AgentToolRequest {
                agent_tool_request: r,
            } => {
                requests.push(r.tool_call_id.clone());
            }
            ServerEvent::AgentToolResponse {
                agent_tool_response: r,
            } => {
                responses.push((r.tool_call_id.clone(), r.is_error));
            }
            _ => {}
        }
    }
    (requests, responses)
}

fn said(caller: &common::Caller, words: &str) -> bool {
    caller.lines().iter().any(|line| line.ends_with(words))
}

#[tokio::test]
async fn a_tool_of_this_process_gives_a_result_an_error_or_nothing_in_time() {
    let mut caller = asked(SECOND, || Ok(json!({"sky": "blue"}))).await;
    caller.silent(3_000).await;
    assert!(said(&caller, "So: {\"sky\":\"blue\"}"), "{:?}", caller.log);
    assert!(caller.has("tool_response look"));

    let mut caller = asked(SECOND, || Err("the curtain is drawn".to_owned())).await;
    caller.silent(3_000).await;
    assert!(
        said(&caller, "So: the curtain is drawn"),
        "{:?}",
        caller.log
    );
    assert!(caller.has("tool_response look (error)"));

    let mut caller = asked(60 * SECOND, || Ok(json!("late"))).await;
    caller.silent(9_000).await;
    assert!(
        said(&caller, "So: The tool did not answer in time."),
        "{:?}",
        caller.log
    );
    assert_eq!(answered(&caller).1, [("tc_1".to_owned(), true)]);

    let mut caller = asked(Duration::ZERO, || panic!("as told")).await;
    caller.silent(3_000).await;
    assert!(said(&caller, "So: the tool crashed"), "{:?}", caller.log);
}

#[tokio::test]
async fn a_tool_that_is_interrupted_ends_once_and_the_llm_knows() {
    let mut caller = asked(3 * SECOND, || Ok(json!("late"))).await;
    caller.speak(1_500).await;
    caller.silent(6_000).await;
    let (requests, responses) = answered(&caller);
    assert_eq!(requests.len(), responses.len(), "{:?}", caller.log);
    assert_eq!(responses[0], ("tc_1".to_owned(), true));
    let request = caller.requests();
    assert!(
        request.iter().any(|request| request.messages.iter().any(
            |message| matches!(message, Message::Tool { result, is_error: true, .. } if result.contains("interrupted"))
        )),
        "{request:?}"
    );
}

#[tokio::test]
async fn a_slow_tool_is_bridged_within_three_seconds() {
    let mut setup = Setup::new(&["have a look"], looks);
    setup.config = config(json!({"conversation_config": {"turn": {"soft_timeout_config": null}}}));
    setup.tools = vec![tool(&setup, "look", 3_900 * SECOND / 1_000, || {
        Ok(json!("blue"))
    })];
    let mut caller = setup.start().await;
    caller.silent(2_000).await;
    caller.speak(1_000).await;
    caller.silent(8_000).await;
    let at = |words: &str| {
        let line = caller.log.iter().find(|line| line.ends_with(words))?;
        line.split(' ').next()?.parse::<f64>().ok()
    };
    let filler = at("One moment, please.").unwrap();
    assert!(filler < 3.0 + 3.6, "{:?}", caller.log);
    assert!(at("So: blue").unwrap() > filler);
}

#[tokio::test]
async fn calls_side_by_side_and_one_after_the_other_all_reach_the_llm() {
    let mut setup = Setup::new(&["have a look"], |request| {
        let results: Vec<&str> = request
            .messages
            .iter()
            .filter_map(|message| match message {
                Message::Tool { result, .. } => Some(result.as_str()),
                _ => None,
            })
            .collect();
        match results.len() {
            0 => vec![
                call("slow", json!({})),
                call("quick", json!({})),
                Step::Event(Event::Done),
            ],
            2 => vec![call("last", json!({})), Step::Event(Event::Done)],
            _ => say(&results.join(" ")),
        }
    });
    setup.tools = vec![
        tool(&setup, "slow", 2 * SECOND, || Ok(json!("one"))),
        tool(&setup, "quick", SECOND, || Ok(json!("two"))),
        tool(&setup, "last", SECOND, || Ok(json!("three"))),
    ];
    let mut caller = setup.start().await;
    caller.silent(2_000).await;
    caller.speak(1_000).await;
    caller.silent(8_000).await;
    assert!(said(&caller, "one two three"), "{:?}", caller.log);
    let (requests, responses) = answered(&caller);
    assert_eq!(requests, ["tc_1", "tc_2", "tc_3"]);
    // The quick one was done first: they ran side by side.
    let order: Vec<&str> = responses.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(order, ["tc_2", "tc_1", "tc_3"]);
}

#[tokio::test]
async fn every_call_has_one_result_whenever_the_user_interrupts() {
    for step in 0..24_u64 {
        let mut setup = Setup::new(
            &["have a look", "no wait a moment", "and now this"],
            |request| {
                let users = request
                    .messages
                    .iter()
                    .filter(|m| matches!(m, Message::User(_)))
                    .count();
                match request.messages.last() {
                    Some(Message::Tool { .. }) if users % 2 == 0 => say("There you are, all done."),
                    Some(Message::Tool { .. }) => {
                        vec![call("quick", json!({})), Step::Event(Event::Done)]
                    }
                    _ => vec![
                        Step::Event(Event::Text("Let me see. ".to_owned())),
                        call("slow", json!({})),
                        call("shown", json!({})),
                        Step::Event(Event::Done),
                    ],
                }
            },
        );
        setup.config = config(
            json!({"conversation_config": {"agent": {"prompt": {"tools": [
            {"type": "client", "name": "shown", "expects_response": true, "response_timeout_secs": 2}]}}}}),
        );
        setup.tools = vec![
            tool(
                &setup,
                "slow",
                Duration::from_millis(700 + step * 90),
                || Ok(json!("one")),
            ),
            tool(&setup, "quick", Duration::from_millis(step * 40), || {
                Err("two".to_owned())
            }),
        ];
        let mut caller = setup.start().await;
        caller.silent(2_000).await;
        caller.speak(1_000).await;
        caller.silent(600 + step * 100).await;
        caller.speak(900).await;
        if step % 3 == 0 {
            for id in 1..4 {
                let result = ClientEvent::ClientToolResult {
                    tool_call_id: format!("tc_{id}"),
                    result: json!("seen"),
                    is_error: false,
                };
                caller.send(result).await;
            }
        }
        caller.silent(step * 60).await;
        caller.speak(900).await;
        // Longer than any call may last, and short enough that a circle of calls would show.
        caller.silent(12_000).await;
        caller.handle.end();
        caller.handle.ended().await;
        caller.look().await;
        let (requests, responses) = answered(&caller);
        let mut ended: Vec<String> = responses.into_iter().map(|(id, _)| id).collect();
        ended.sort();
        let mut begun = requests.clone();
        begun.sort();
        assert!(!begun.is_empty(), "{step}");
        assert_eq!(begun, ended, "{step}: {:?}", caller.log);
    }
}

fn transfer() -> Value {
    config(
        json!({"conversation_config": {"agent": {"prompt": {"built_in_tools": {"transfer_to_agent": {
        "name": "transfer_to_agent", "params": {"system_tool_type": "transfer_to_agent", "transfers": [
            {"agent_id": "agent_bills", "condition": "about bills", "enable_transferred_agent_first_message": true},
            {"agent_id": "agent_nobody", "condition": "never"},
            {"agent_id": "agent_keys", "condition": "about keys", "transfer_message": "I put you through."}]}}}}}}}),
    )
}

async fn transferred(number: u64) -> common::Caller {
    let mut setup = Setup::new(
        &["my bill please", "and again"],
        move |request| match request.messages.last() {
            Some(Message::Tool {
                result,
                is_error: true,
                ..
            }) => say(result),
            Some(Message::Tool { .. }) => say("Here is the other one."),
            _ if request.prompt == "Be exact with Ada." => say("I am exact."),
            _ => vec![
                call("transfer_to_agent", json!({"agent_number": number})),
                Step::Event(Event::Done),
            ],
        },
    );
    setup.config = transfer();
    setup.wishes.dynamic_variables = [("who".to_owned(), "Ada".into())].into();
    setup.others = vec![
        (
            "agent_bills",
            json!({"conversation_config": {"agent": {"first_message": "Bills here, hello {{who}}.",
                "prompt": {"prompt": "Be exact with {{who}}."}}}}),
        ),
        (
            "agent_keys",
            json!({"conversation_config": {"agent": {"prompt": {"prompt": "The code is {{code}}."}}}}),
        ),
    ];
    let mut caller = setup.start().await;
    caller.silent(2_000).await;
    caller.speak(1_000).await;
    caller.silent(6_000).await;
    caller
}

#[tokio::test]
async fn another_agent_takes_over_with_its_own_words_and_prompt() {
    let mut caller = transferred(0).await;
    let lines = caller.lines();
    let at = |words: &str| lines.iter().position(|line| line.ends_with(words)).unwrap();
    assert!(at("tool_request transfer_to_agent") < at("tool_response transfer_to_agent"));
    assert!(
        at("tool_response transfer_to_agent") < at("Bills here, hello Ada."),
        "{lines:?}"
    );
    let tool = &caller.requests()[0].tools[0];
    assert!(tool.description.contains("0: about bills"), "{tool:?}");
    caller.speak(1_000).await;
    caller.silent(4_000).await;
    assert!(said(&caller, "I am exact."), "{:?}", caller.log);
    let request = caller.requests().last().unwrap().clone();
    assert_eq!(request.variables["system__agent_id"], "agent_test");
    assert_eq!(request.variables["system__current_agent_id"], "agent_bills");
    assert!(
        request
            .messages
            .contains(&Message::User("my bill please".to_owned()))
    );
}

#[tokio::test]
async fn a_transfer_to_nobody_is_explained_and_one_without_its_variables_ends() {
    let caller = transferred(1).await;
    assert!(
        said(&caller, "there is no agent agent_nobody"),
        "{:?}",
        caller.log
    );
    let caller = transferred(9).await;
    assert!(
        said(&caller, "agent_number must be below 3"),
        "{:?}",
        caller.log
    );
    let mut caller = transferred(2).await;
    let ending = caller.handle.ended().await;
    assert_eq!(
        ending.error_type,
        Some(ErrorType::MissingDynamicVariableTransfer)
    );
    assert_eq!(ending.code, CloseCode::Refused);
    assert!(ending.message.contains("code"), "{ending:?}");
    let (requests, responses) = answered(&caller);
    assert_eq!(requests.len(), responses.len(), "{:?}", caller.log);
}
