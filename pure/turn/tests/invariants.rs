//! What must hold whatever the machine is told, in whatever order.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use audio::Moment;
use proptest::{collection::vec, prelude::*};
use turn::{
    AlignedText, Conversation, Eagerness, EventId, Expected, FloorKind, Input, InterruptionMode,
    Origin, Output, ReplyId, Settings, ToolCallId, ToolOutcome, UtteranceId,
};

/// Keeps the rules by looking at nothing but the outputs.
#[derive(Default)]
struct Rules {
    ended: bool,
    utterance: u64,
    open: Option<UtteranceId>,
    reply: u64,
    event: u64,
    /// Replies under way; true for speculative ones.
    live: BTreeMap<u64, bool>,
    over: BTreeSet<u64>,
    running: BTreeSet<u64>,
    called: BTreeSet<u64>,
    ducked: bool,
}

impl Rules {
    fn check(&mut self, output: &Output) {
        assert!(!self.ended, "{output:?} after the end");
        match output {
            Output::Listen => assert!(
                self.live.is_empty(),
                "the floor is open while {:?} are under way",
                self.live
            ),
            Output::OpenUtterance { utterance, .. } => {
                assert!(utterance.0 > self.utterance && self.open.is_none());
                self.utterance = utterance.0;
                self.open = Some(*utterance);
            }
            Output::CloseUtterance { utterance } | Output::DropUtterance { utterance, .. } => {
                assert!(utterance.0 <= self.utterance);
                if self.open == Some(*utterance) {
                    self.open = None;
                }
            }
            Output::Commit { text, .. } => {
                assert!(!text.trim().is_empty());
                assert!(
                    self.live.values().all(|speculative| *speculative),
                    "committed into {:?}",
                    self.live
                );
            }
            Output::Generate {
                reply, speculative, ..
            } => {
                assert!(reply.0 > self.reply);
                self.reply = reply.0;
                assert!(
                    self.live.values().all(|s| !s) || speculative.is_none(),
                    "two speculations"
                );
                self.live.insert(reply.0, speculative.is_some());
            }
            Output::Adopt { reply } => assert_eq!(self.live.insert(reply.0, false), Some(true)),
            Output::Speak { reply, text } => {
                assert!(!text.trim().is_empty());
                self.audible(*reply);
            }
            Output::SpeakEnd { reply } | Output::Duck { reply } | Output::Resume { reply } => {
                match output {
                    Output::Duck { .. } => assert!(!std::mem::replace(&mut self.ducked, true)),
                    Output::Resume { .. } => assert!(std::mem::replace(&mut self.ducked, false)),
                    _ => {}
                }
                self.audible(*reply);
            }
            Output::Play { reply, event } => {
                assert!(event.0 > self.event, "ids only grow");
                self.event = event.0;
                self.audible(*reply);
            }
            Output::Stop { reply, last } => {
                assert_eq!(last.0, self.event, "nothing sent is left out");
                self.ducked = false;
                self.audible(*reply);
            }
            Output::Cancel { reply } => {
                assert!(self.live.contains_key(&reply.0), "{reply} is not under way");
                if self.live[&reply.0] {
                    self.live.remove(&reply.0);
                    self.over.insert(reply.0);
                }
            }
            Output::Correct { reply, .. } => self.audible(*reply),
            Output::ReplyEnded { reply, .. } => {
                assert_eq!(self.live.remove(&reply.0), Some(false), "{reply} ends once");
                assert!(self.over.insert(reply.0));
            }
            Output::RunTool { call } => {
                assert!(self.called.insert(call.0), "{call} runs once");
                self.running.insert(call.0);
            }
            Output::ToolEnded { call, .. } => {
                assert!(self.running.remove(&call.0), "{call} ends once");
            }
            Output::End { .. } => {
                self.ended = true;
                assert!(
                    self.live.is_empty() && self.running.is_empty(),
                    "{:?} {:?}",
                    self.live,
                    self.running
                );
            }
            other => panic!("a rule is missing for {other:?}"),
        }
    }

    fn audible(&self, reply: ReplyId) {
        assert_eq!(
            self.live.get(&reply.0),
            Some(&false),
            "{reply} is not the agent's to say"
        );
    }
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("mm-hm".to_owned()),
        Just("my name is".to_owned()),
        Just("stop please".to_owned()),
        Just("Your order left this morning. It should arrive on Tuesday, ".to_owned()),
        "[a-z0-9 .,?é。]{0,40}",
    ]
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        4 => (0u64..4_000).prop_map(Duration::from_millis),
        1 => Just(Duration::ZERO),
        1 => Just(Duration::MAX),
    ]
}

fn reply() -> impl Strategy<Value = ReplyId> {
    // Mostly low ids, which exist; the driver shifts them to recent ones.
    (0u64..4).prop_map(ReplyId)
}

fn inputs() -> impl Strategy<Value = Input> {
    let outcome = prop_oneof![
        Just(ToolOutcome::Succeeded),
        Just(ToolOutcome::Failed),
        Just(ToolOutcome::Cancelled)
    ];
    prop_oneof![
        12 => (prop_oneof![Just(0.9f32), Just(0.1), Just(f32::NAN), any::<f32>()], prop_oneof![9 => Just(Duration::from_millis(20)), 1 => duration()])
            .prop_map(|(probability, frame)| Input::Voice { probability, frame }),
        4 => ((0u64..3), texts()).prop_map(|(u, text)| Input::Partial { utterance: UtteranceId(u), text }),
        4 => ((0u64..3), texts()).prop_map(|(u, text)| Input::Final { utterance: UtteranceId(u), text }),
        1 => texts().prop_map(|text| Input::UserText { text }),
        1 => Just(Input::UserActivity),
        1 => Just(Input::ContextUpdated),
        8 => (reply(), texts()).prop_map(|(reply, text)| Input::ReplyText { reply, text }),
        2 => (reply(), (0u64..3), any::<bool>(), duration()).prop_map(|(reply, call, interruptible, timeout)| {
            Input::ToolRequested { reply, call: ToolCallId(call), interruptible, timeout }
        }),
        2 => ((0u64..4), outcome).prop_map(|(call, outcome)| Input::ToolFinished { call: ToolCallId(call), outcome }),
        4 => reply().prop_map(|reply| Input::ReplyComplete { reply }),
        1 => reply().prop_map(|reply| Input::ReplyFailed { reply }),
        6 => (reply(), duration(), texts(), duration()).prop_map(|(reply, duration, text, length)| Input::Chunk {
            reply,
            duration,
            alignment: if text.is_empty() { Vec::new() } else {
                vec![AlignedText { text, start: Duration::ZERO, duration: length }]
            },
        }),
        3 => reply().prop_map(|reply| Input::SpeechComplete { reply }),
        1 => reply().prop_map(|reply| Input::SpeechFailed { reply }),
        3 => ((0u64..4), duration()).prop_map(|(event, position)| Input::Played { event: EventId(event), position }),
        1 => reply().prop_map(|reply| Input::AgentEnds { reply }),
        1 => reply().prop_map(|reply| Input::SkipTurn { reply }),
        1 => reply().prop_map(|reply| Input::Expect { reply, expected: Expected::Phone }),
        1 => any::<f32>().prop_map(|finality| Input::Prosody { finality }),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(can_pause, reports_played)| Input::Edge { can_pause, reports_played }),
        1 => duration().prop_map(|one_way| Input::Delay { one_way }),
        1 => Just(Input::Start),
        6 => Just(Input::Tick),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    (
        (
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
        ),
        prop_oneof![
            Just(Eagerness::Patient),
            Just(Eagerness::Normal),
            Just(Eagerness::Eager)
        ],
        proptest::option::of(duration()),
        proptest::option::of(duration()),
        proptest::option::of(duration()),
        any::<bool>(),
        duration(),
        proptest::bool::weighted(0.1),
    )
        .prop_map(
            |(
                flags,
                eagerness,
                turn_timeout,
                silence_end,
                soft_timeout,
                never,
                reply_timeout,
                text_only,
            )| {
                let (greets, speculative, pause, reports, greeting_interruptible, long) = flags;
                Settings {
                    greets,
                    speculative,
                    edge_can_pause: pause,
                    edge_reports: reports,
                    greeting_interruptible,
                    eagerness,
                    turn_timeout,
                    silence_end,
                    soft_timeout,
                    text_only,
                    interruption: if never {
                        InterruptionMode::Never
                    } else {
                        InterruptionMode::Allowed
                    },
                    reply_timeout,
                    max_duration: if long {
                        Duration::from_hours(1)
                    } else {
                        Duration::from_secs(30)
                    },
                    ..Settings::default()
                }
            },
        )
}

/// Turns small ids into recent ones, so that most inputs are about something that exists.
fn recent(input: Input, rules: &Rules) -> Input {
    let reply = |id: ReplyId| ReplyId(rules.reply.saturating_sub(id.0));
    let utterance = |id: UtteranceId| UtteranceId(rules.utterance.saturating_sub(id.0));
    let latest = rules.called.last().copied().unwrap_or(0);
    match input {
        Input::Partial { utterance: u, text } => Input::Partial {
            utterance: utterance(u),
            text,
        },
        Input::Final { utterance: u, text } => Input::Final {
            utterance: utterance(u),
            text,
        },
        Input::ReplyText { reply: r, text } => Input::ReplyText {
            reply: reply(r),
            text,
        },
        Input::ToolRequested {
            reply: r,
            call,
            interruptible,
            timeout,
        } => Input::ToolRequested {
            reply: reply(r),
            call: ToolCallId(latest + call.0),
            interruptible,
            timeout,
        },
        Input::ToolFinished { call, outcome } => Input::ToolFinished {
            call: ToolCallId(latest.saturating_sub(call.0)),
            outcome,
        },
        Input::ReplyComplete { reply: r } => Input::ReplyComplete { reply: reply(r) },
        Input::ReplyFailed { reply: r } => Input::ReplyFailed { reply: reply(r) },
        Input::Chunk {
            reply: r,
            duration,
            alignment,
        } => Input::Chunk {
            reply: reply(r),
            duration,
            alignment,
        },
        Input::SpeechComplete { reply: r } => Input::SpeechComplete { reply: reply(r) },
        Input::SpeechFailed { reply: r } => Input::SpeechFailed { reply: reply(r) },
        Input::Played { event, position } => Input::Played {
            event: EventId(rules.event.saturating_sub(event.0)),
            position,
        },
        Input::AgentEnds { reply: r } => Input::AgentEnds { reply: reply(r) },
        Input::SkipTurn { reply: r } => Input::SkipTurn { reply: reply(r) },
        other => other,
    }
}

fn tell(conversation: &mut Conversation, rules: &mut Rules, now: Moment, input: Input) {
    if let Input::Final { utterance, .. } = &input
        && rules.open == Some(*utterance)
    {
        // The recogniser closed it by itself.
        rules.open = None;
    }
    for output in conversation.handle(now, input) {
        rules.check(&output);
    }
    if let Some(at) = conversation.deadline() {
        assert!(
            at > now,
            "a deadline in the past: {at} at {now}, {:?}",
            conversation.timer()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_order_of_facts_breaks_a_rule(settings in settings(), steps in vec((0u64..400, inputs()), 0..120)) {
        let mut conversation = Conversation::new(settings);
        let mut rules = Rules::default();
        let mut now = Moment::ZERO;
        tell(&mut conversation, &mut rules, now, Input::Start);
        for (pause, input) in steps {
            now += Duration::from_millis(pause);
            let input = recent(input, &rules);
            tell(&mut conversation, &mut rules, now, input);
        }
        tell(&mut conversation, &mut rules, now, Input::UserEnds);
        prop_assert!(rules.ended);
        prop_assert_eq!(conversation.deadline(), None);
        tell(&mut conversation, &mut rules, now, Input::Start);
    }

    #[test]
    fn every_state_has_a_way_out(settings in settings(), steps in vec((0u64..400, inputs()), 0..120)) {
        let mut conversation = Conversation::new(Settings { reply_timeout: Duration::from_secs(20), ..settings });
        let mut rules = Rules::default();
        let mut now = Moment::ZERO;
        tell(&mut conversation, &mut rules, now, Input::Start);
        for (pause, input) in steps {
            now += Duration::from_millis(pause);
            let input = recent(input, &rules);
            tell(&mut conversation, &mut rules, now, input);
        }
        // From here on: silence, no provider answers, and the shell ticks when it is asked to.
        for _ in 0..500 {
            if matches!(conversation.floor(), FloorKind::Open | FloorKind::Ended) {
                return Ok(());
            }
            let at = conversation.deadline();
            prop_assert!(at.is_some(), "{:?} waits for nothing", conversation.floor());
            now = at.unwrap_or(now);
            tell(&mut conversation, &mut rules, now, Input::Tick);
        }
        prop_assert!(false, "still {:?} after 500 ticks at {now}, waiting for {:?}", conversation.floor(), conversation.timer());
    }
}

#[test]
fn a_reply_that_is_over_is_not_revived() {
    let mut conversation = Conversation::new(Settings {
        greets: true,
        ..Settings::default()
    });
    let told: Vec<Output> = conversation.handle(Moment::ZERO, Input::Start).collect();
    assert!(matches!(
        told[0],
        Output::Generate {
            origin: Origin::Greeting,
            ..
        }
    ));
    let late = Moment::from_millis(500);
    let typed: Vec<Output> = conversation
        .handle(
            late,
            Input::UserText {
                text: "stop".to_owned(),
            },
        )
        .collect();
    assert!(typed.iter().any(|o| matches!(
        o,
        Output::ReplyEnded {
            reply: ReplyId(1),
            ..
        }
    )));
    let text = Input::ReplyText {
        reply: ReplyId(1),
        text: "Hello there. ".to_owned(),
    };
    assert_eq!(conversation.handle(late, text).count(), 0);
}
