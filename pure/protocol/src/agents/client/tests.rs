use proptest::prelude::*;

use super::*;
use crate::agents::{AudioBytes, ConfigOverride, DuologueServer, Initiation, Interruption};

fn event(json: &str) -> Input {
    Input::Server(ServerEvent::from_json(json).unwrap())
}

fn say(client: &mut Client, millis: u64, input: Input) -> Vec<Output> {
    client.handle(Moment::from_millis(millis), input).collect()
}

fn metadata(extra: &str) -> Input {
    event(&format!(
        r#"{{"type":"conversation_initiation_metadata","conversation_initiation_metadata_event":{{"conversation_id":"conv_1","agent_output_audio_format":"pcm_24000","user_input_audio_format":"ulaw_8000"{extra}}}}}"#
    ))
}

fn started(settings: Settings) -> Client {
    let mut client = Client::new(settings);
    say(&mut client, 0, Input::Opened);
    say(&mut client, 10, metadata(""));
    client
}

fn audio(id: u64) -> Input {
    event(&format!(
        r#"{{"type":"audio","audio_event":{{"audio_base_64":"AAAA","event_id":{id}}}}}"#
    ))
}

fn call(id: &str) -> Input {
    event(&format!(
        r#"{{"type":"client_tool_call","client_tool_call":{{"tool_name":"open","tool_call_id":"{id}","parameters":{{}},"event_id":1}}}}"#
    ))
}

fn result(id: &str) -> Input {
    Input::Command(Command::ToolResult {
        tool_call_id: id.to_owned(),
        result: Value::from("done"),
        is_error: false,
    })
}

fn sent(outputs: &[Output]) -> Vec<&ClientEvent> {
    outputs
        .iter()
        .filter_map(|output| match output {
            Output::Send(event) => Some(event),
            _ => None,
        })
        .collect()
}

#[test]
fn the_initiation_goes_out_as_soon_as_the_transport_is_open() {
    let mut client = Client::new(Settings::default());
    let outputs = say(&mut client, 0, Input::Opened);
    assert_eq!(
        sent(&outputs)[0].kind(),
        "conversation_initiation_client_data"
    );
    assert!(say(&mut client, 1, Input::Opened).is_empty());
}

#[test]
fn the_metadata_settles_both_formats_and_comes_once() {
    let mut client = Client::new(Settings::default());
    say(&mut client, 0, Input::Opened);
    let outputs = say(&mut client, 5, metadata(""));
    assert!(matches!(&outputs[..], [Output::Started(session)]
        if session.input.as_str() == "ulaw_8000" && session.output.as_str() == "pcm_24000"));
    assert_eq!(
        say(&mut client, 6, metadata("")),
        [Output::Irregular(Irregularity::SecondMetadata)]
    );
}

#[test]
fn only_a_server_of_ours_is_told_what_the_edge_can_do() {
    let settings = Settings {
        abilities: Abilities {
            can_pause: true,
            reports_played: true,
        },
        ..Settings::default()
    };
    let played = Input::Command(Command::Played {
        event_id: EventId(1),
        ms: 40,
    });
    let mut stranger = started(settings.clone());
    assert_eq!(
        say(&mut stranger, 20, played.clone()),
        [Output::Refused(Refusal::NotUnderstood)]
    );
    let mut ours = Client::new(settings);
    say(&mut ours, 0, Input::Opened);
    let outputs = say(
        &mut ours,
        1,
        metadata(r#","duologue_server":{"version":"0.1.0","played":true}"#),
    );
    assert_eq!(
        sent(&outputs),
        [&ClientEvent::DuologueClient {
            can_pause: true,
            reports_played: true
        }]
    );
    assert_eq!(
        sent(&say(&mut ours, 20, played)),
        [&ClientEvent::DuologuePlayed {
            event_id: EventId(1),
            ms: 40
        }]
    );
}

#[test]
fn a_ping_is_answered_at_once_even_before_the_metadata() {
    let mut client = Client::new(Settings::default());
    say(&mut client, 0, Input::Opened);
    let ping = event(r#"{"type":"ping","ping_event":{"event_id":4,"ping_ms":80}}"#);
    assert_eq!(
        sent(&say(&mut client, 1, ping)),
        [&ClientEvent::Pong {
            event_id: EventId(4)
        }]
    );
    assert_eq!(client.latency(), Some(Duration::from_millis(80)));
    let ping = event(r#"{"type":"ping","ping_event":{"event_id":5,"ping_ms":160}}"#);
    say(&mut client, 2, ping);
    assert_eq!(client.latency(), Some(Duration::from_millis(90)));
}

#[test]
fn a_conversation_cannot_begin_with_audio() {
    let mut client = Client::new(Settings::default());
    say(&mut client, 0, Input::Opened);
    assert_eq!(
        say(&mut client, 1, audio(1)),
        [Output::Irregular(Irregularity::BeforeMetadata {
            kind: "audio".to_owned()
        })]
    );
}

#[test]
fn a_server_that_never_names_the_conversation_is_given_up() {
    let mut client = Client::new(Settings::default());
    say(&mut client, 0, Input::Opened);
    assert_eq!(client.deadline(), Some(Moment::from_millis(10_000)));
    let outputs = say(&mut client, 10_000, Input::Tick);
    assert!(matches!(outputs[0], Output::Close { .. }));
    assert!(matches!(&outputs[1], Output::Ended(end) if end.by == EndedBy::Timeout));
    assert_eq!(client.deadline(), None);
}

#[test]
fn after_an_interruption_stale_audio_is_not_played() {
    let mut client = started(Settings::default());
    assert_eq!(say(&mut client, 20, audio(3)).len(), 1);
    let stop = event(r#"{"type":"interruption","interruption_event":{"event_id":5}}"#);
    assert_eq!(
        say(&mut client, 30, stop),
        [Output::StopPlayback { up_to: EventId(5) }]
    );
    assert!(say(&mut client, 31, audio(4)).is_empty());
    assert!(say(&mut client, 32, audio(5)).is_empty());
    assert!(matches!(
        say(&mut client, 33, audio(6))[..],
        [Output::Play(_)]
    ));
    assert_eq!(client.latest_event_id(), Some(EventId(6)));
}

#[test]
fn a_text_conversation_neither_plays_nor_sends_sound() {
    let mut client = started(Settings {
        initiation: Initiation {
            conversation_config_override: ConfigOverride {
                text_only: Some(true),
                ..ConfigOverride::default()
            },
            ..Initiation::default()
        },
        ..Settings::default()
    });
    assert!(say(&mut client, 20, audio(1)).is_empty());
    let speak = Input::Command(Command::Audio(AudioBytes::from(vec![0, 0])));
    assert_eq!(
        say(&mut client, 21, speak),
        [Output::Refused(Refusal::TextOnly)]
    );
}

#[test]
fn a_correction_finds_its_response() {
    let mut client = started(Settings::default());
    for (text, id) in [("one two", 3), ("three four", 7)] {
        let json = format!(
            r#"{{"type":"agent_response","agent_response_event":{{"agent_response":"{text}","event_id":{id}}}}}"#
        );
        say(&mut client, 20, event(&json));
    }
    let mut corrected = |original: &str, extra: &str| {
        let json = format!(
            r#"{{"type":"agent_response_correction","agent_response_correction_event":{{"original_agent_response":"{original}","corrected_agent_response":"o"{extra}}}}}"#
        );
        match &say(&mut client, 30, event(&json))[..] {
            [Output::Correct { response, .. }] => response.map(|id| id.0),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(corrected("one two", ""), Some(3));
    assert_eq!(corrected("something else", ""), Some(7));
    assert_eq!(corrected("one two", r#","event_id":5"#), Some(5));
}

#[test]
fn a_tool_call_is_answered_once() {
    let mut client = started(Settings::default());
    assert!(matches!(
        say(&mut client, 20, call("a"))[..],
        [Output::CallTool(_)]
    ));
    assert_eq!(
        say(&mut client, 21, call("a")),
        [Output::Irregular(Irregularity::RepeatedCall(
            "a".to_owned()
        ))]
    );
    assert_eq!(sent(&say(&mut client, 22, result("a"))).len(), 1);
    assert_eq!(
        say(&mut client, 23, result("a")),
        [Output::Refused(Refusal::AlreadyAnswered("a".to_owned()))]
    );
    assert_eq!(
        say(&mut client, 24, result("b")),
        [Output::Refused(Refusal::NoSuchCall("b".to_owned()))]
    );
}

#[test]
fn a_tool_that_takes_too_long_is_answered_for() {
    let mut client = started(Settings::default());
    say(&mut client, 1_000, call("a"));
    let at = client.deadline().unwrap();
    assert_eq!(at, Moment::from_millis(20_000));
    let outputs: Vec<Output> = client.handle(at, Input::Tick).collect();
    assert!(matches!(
        sent(&outputs)[..],
        [ClientEvent::ClientToolResult { is_error: true, .. }]
    ));
    assert!(outputs.contains(&Output::AbandonTool {
        tool_call_id: "a".to_owned(),
        why: Abandoned::TimedOut
    }));
    assert_eq!(
        say(&mut client, 20_001, result("a")),
        [Output::Refused(Refusal::AlreadyAnswered("a".to_owned()))]
    );
}

#[test]
fn more_tools_than_the_ledger_holds_are_answered_with_an_error() {
    let mut client = started(Settings::default());
    for n in 0..ledger::OPEN_LIMIT {
        say(&mut client, 20, call(&n.to_string()));
    }
    let outputs = say(&mut client, 21, call("one more"));
    assert!(matches!(
        sent(&outputs)[..],
        [ClientEvent::ClientToolResult { is_error: true, .. }]
    ));
    assert_eq!(client.open_calls(), ledger::OPEN_LIMIT);
}

#[test]
fn an_approval_is_asked_once_and_withdrawn_when_the_call_moves_on() {
    let mut client = started(Settings::default());
    let mcp = |state: &str| {
        event(&format!(
            r#"{{"type":"mcp_tool_call","mcp_tool_call":{{"service_id":"s","tool_call_id":"m","tool_name":"t","parameters":{{}},"timestamp":"2026-01-02T03:04:05Z",{state}}}}}"#
        ))
    };
    let waiting = r#""state":"awaiting_approval","approval_timeout_secs":5"#;
    assert!(matches!(
        say(&mut client, 20, mcp(waiting))[..],
        [Output::AskApproval(_)]
    ));
    assert!(matches!(
        say(&mut client, 21, mcp(waiting))[..],
        [Output::Irregular(_)]
    ));
    let outputs = say(
        &mut client,
        22,
        mcp(r#""state":"failure","error_message":"refused""#),
    );
    assert!(matches!(
        outputs[..],
        [Output::WithdrawApproval { .. }, Output::Event(_)]
    ));
    let yes = Input::Command(Command::Approve {
        tool_call_id: "m".to_owned(),
        is_approved: true,
    });
    assert!(matches!(
        say(&mut client, 23, yes)[..],
        [Output::Refused(_)]
    ));
}

#[test]
fn a_rating_without_an_id_goes_to_the_latest_answer() {
    let mut client = started(Settings::default());
    let rate = Input::Command(Command::Rate {
        score: None,
        event_id: None,
    });
    assert_eq!(
        say(&mut client, 20, rate.clone()),
        [Output::Refused(Refusal::NothingToRate)]
    );
    say(&mut client, 21, audio(9));
    assert_eq!(
        sent(&say(&mut client, 22, rate)),
        [&ClientEvent::Feedback {
            event_id: EventId(9),
            score: None
        }]
    );
}

#[test]
fn an_agent_that_hangs_up_is_let_finish() {
    let mut client = started(Settings::default());
    let bye = event(
        r#"{"type":"agent_tool_response","agent_tool_response":{"tool_name":"end_call","tool_call_id":"x","tool_type":"system","is_error":false,"is_called":true,"event_id":2}}"#,
    );
    assert!(say(&mut client, 20, bye).contains(&Output::AgentHangsUp));
    assert!(!client.is_over());
    let outputs = say(&mut client, 900, Input::Command(Command::End));
    assert!(
        matches!(&outputs[..], [Output::Close { .. }, Output::Ended(end)] if end.by == EndedBy::Agent)
    );
}

#[test]
fn the_close_code_tells_who_ended_the_conversation() {
    let end = |before: Option<&str>, code: u16| {
        let mut client = started(Settings::default());
        if let Some(json) = before {
            say(&mut client, 20, event(json));
        }
        let close = Input::Closed {
            code: code.into(),
            reason: String::new(),
        };
        match say(&mut client, 30, close).pop() {
            Some(Output::Ended(end)) => end,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(end(None, 1000).by, EndedBy::Agent);
    assert_eq!(end(None, 1008).by, EndedBy::Error);
    let too_long =
        r#"{"type":"error","error_event":{"code":1000,"error_type":"max_duration_exceeded"}}"#;
    let ended = end(Some(too_long), 1000);
    assert_eq!(ended.by, EndedBy::Error);
    assert_eq!(
        ended.error.and_then(|error| error.code),
        Some(CloseCode::Normal)
    );
}

#[test]
fn open_calls_are_abandoned_at_the_end_and_nothing_follows_it() {
    let mut client = started(Settings::default());
    say(&mut client, 20, call("a"));
    let outputs = say(
        &mut client,
        21,
        Input::Lost {
            reason: "reset".to_owned(),
        },
    );
    assert!(matches!(
        &outputs[..],
        [Output::AbandonTool { why: Abandoned::Ended, .. }, Output::Ended(end)] if end.by == EndedBy::Lost
    ));
    assert!(say(&mut client, 22, audio(9)).is_empty());
    assert_eq!(
        say(&mut client, 23, result("a")),
        [Output::Refused(Refusal::Ended)]
    );
}

/// Anything that may happen, in any order.
fn anything() -> impl Strategy<Value = Input> {
    let id = 0u64..6;
    prop_oneof![
        1 => Just(Input::Opened),
        2 => Just(metadata("")),
        1 => Just(metadata(r#","duologue_server":{"version":"0","played":true}"#)),
        4 => id.clone().prop_map(audio),
        2 => id.clone().prop_map(|id| Input::Server(
            Interruption { event_id: EventId(id), reason: None }.into()
        )),
        4 => id.clone().prop_map(|id| call(&id.to_string())),
        4 => id.clone().prop_map(|id| result(&id.to_string())),
        2 => id.clone().prop_map(|id| Input::Server(
            Ping { event_id: EventId(id), ping_ms: Some(id) }.into()
        )),
        1 => Just(Input::Command(Command::Activity)),
        1 => id.prop_map(|ms| Input::Command(Command::Played { event_id: EventId(1), ms })),
        1 => Just(Input::Closed { code: CloseCode::Normal, reason: String::new() }),
        1 => Just(Input::Command(Command::End)),
        4 => Just(Input::Tick),
    ]
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_a_rule(steps in prop::collection::vec((0u64..9_000, anything()), 0..80)) {
        let mut client = Client::new(Settings::default());
        let (mut now, mut begun, mut ended, mut mark) = (0, 0, 0, None);
        let (mut called, mut answered) = (Vec::new(), Vec::new());
        for (wait, input) in steps {
            now += wait;
            let pinged = matches!(&input, Input::Server(ServerEvent::Ping { .. })) && ended == 0;
            if let Input::Server(ServerEvent::Interruption { interruption_event }) = &input
                && begun > 0
            {
                mark = mark.max(Some(interruption_event.event_id));
            }
            let outputs = say(&mut client, now, input);
            if pinged {
                prop_assert!(matches!(outputs[0], Output::Send(ClientEvent::Pong { .. })), "a pong comes first");
            }
            for output in outputs {
                prop_assert!(ended == 0 || matches!(output, Output::Refused(_)), "nothing follows the end");
                match output {
                    Output::Started(_) => begun += 1,
                    Output::Ended(_) => ended += 1,
                    Output::Play(event) => {
                        prop_assert!(begun == 1);
                        prop_assert!(mark.is_none_or(|mark| event.event_id > mark), "stale audio");
                    }
                    Output::CallTool(call) => called.push(call.tool_call_id),
                    Output::Send(ClientEvent::ClientToolResult { tool_call_id, .. })
                    | Output::AbandonTool { tool_call_id, why: Abandoned::Ended } => {
                        answered.push(tool_call_id);
                    }
                    _ => {}
                }
            }
            prop_assert!(client.deadline().is_none_or(|at| at > Moment::from_millis(now)), "nothing is overdue");
        }
        for output in say(&mut client, now, Input::Closed { code: CloseCode::Normal, reason: String::new() }) {
            if let Output::AbandonTool { tool_call_id, .. } = output {
                answered.push(tool_call_id);
            }
        }
        prop_assert!(begun <= 1 && ended <= 1);
        called.sort();
        answered.sort();
        prop_assert_eq!(called, answered, "each call is answered or abandoned exactly once");
    }
}

#[test]
fn the_announcement_of_a_server_is_part_of_the_session() {
    let mut client = Client::new(Settings::default());
    say(&mut client, 0, Input::Opened);
    let outputs = say(
        &mut client,
        1,
        metadata(r#","duologue_server":{"version":"0.1.0"}"#),
    );
    assert!(
        outputs
            .iter()
            .any(|output| matches!(output, Output::Started(session)
        if session.server == Some(DuologueServer { version: "0.1.0".to_owned(), played: false })))
    );
}
