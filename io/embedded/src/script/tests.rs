use providers::llm::{Message, ToolCall, ToolSpec};
use serde_json::json;

use super::*;

const NOW: &str = "2026-11-18T10:30:00+01:00[Europe/Paris]";

/// A small script with everything in it.
const SHOP: &str = r#"
name = "Shop"

[duologue_script]
start = "menu"

[duologue_script.variables]
shop = "Corner Shop"

[duologue_script.slots.day]
kind = "date"
ask = "Which day?"
hint = "Say a day, such as tomorrow."

[duologue_script.slots.name]
kind = "name"
ask = "Your name?"

[[duologue_script.anywhere]]
said = "(goodbye|bye)"
says = "Goodbye."
end = true

[[duologue_script.anywhere]]
said = ["where are you", "your address"]
says = "We are in Mill Lane."

[[duologue_script.state]]
name = "menu"
hints = ["order a cake", "say goodbye"]

[[duologue_script.state.hears]]
said = "(order|want) a cake"
go = "cake"

[[duologue_script.state.step]]
listen = "What would you like at {{shop}}?"

[[duologue_script.state]]
name = "cake"

[[duologue_script.state.step]]
ask = "day"

[[duologue_script.state.step]]
ask = "name"

[[duologue_script.state.step]]
confirm = "A cake for {{name}} on {{day}}?"

[[duologue_script.state.step]]
call = "order_cake"
with = { name = "{name}", date = "{day}" }

[[duologue_script.state.step.on]]
when = { error = true }
says = "The oven is cold."
go = "menu"

[[duologue_script.state.step.on]]
says = "It will be ready: number {{result.number}}."
go = "menu"
"#;

/// A conversation written down: `user:`, `agent:`, `tool:` lines; the reply to it, calls in brackets.
fn reply(script: &str, lines: &[&str]) -> String {
    let brain = Scripted::from_toml(script).unwrap_or_else(|e| panic!("{e}"));
    let mut request = Request {
        now: NOW.to_owned(),
        tools: vec![ToolSpec {
            name: "end_call".to_owned(),
            description: String::new(),
            parameters: json!({}),
        }],
        ..Request::default()
    };
    for line in lines {
        let (who, text) = line.split_once(": ").expect("who: what");
        request.messages.push(match who {
            "user" => Message::User(text.to_owned()),
            "agent" => Message::Agent {
                text: text.to_owned(),
                calls: Vec::new(),
            },
            "call" => Message::Agent {
                text: String::new(),
                calls: vec![ToolCall {
                    id: "call_1".to_owned(),
                    name: text.to_owned(),
                    arguments: json!({}),
                }],
            },
            "context" => Message::Context(text.to_owned()),
            "prompt" => {
                request.prompt = text.to_owned();
                continue;
            }
            "error" => Message::Tool {
                call_id: "call_1".to_owned(),
                name: "order_cake".to_owned(),
                result: text.to_owned(),
                is_error: true,
            },
            _ => Message::Tool {
                call_id: "call_1".to_owned(),
                name: "order_cake".to_owned(),
                result: text.to_owned(),
                is_error: false,
            },
        });
    }
    let mut out = String::new();
    for event in brain.reply(&request) {
        match event {
            Event::Text(text) => out.push_str(&text),
            Event::Call(call) => {
                out.extend(["[", &call.name, " ", &call.arguments.to_string(), "]"]);
            }
            _ => {}
        }
    }
    out
}

const ASKED: [&str; 7] = [
    "agent: Hello.",
    "user: I want a cake",
    "agent: Which day?",
    "user: next tuesday",
    "agent: Your name?",
    "user: it's tom",
    "agent: A cake?",
];

#[test]
fn slots_are_asked_for_one_after_the_other() {
    assert_eq!(reply(SHOP, &ASKED[..2]), "Which day?");
    assert_eq!(reply(SHOP, &ASKED[..4]), "Your name?");
    assert_eq!(
        reply(SHOP, &ASKED[..6]),
        "A cake for Tom on Tuesday, November 24th?"
    );
}

#[test]
fn several_facts_may_come_in_one_sentence() {
    assert_eq!(
        reply(
            SHOP,
            &[
                "agent: Hello.",
                "user: my name is tom and I want a cake for next tuesday"
            ]
        ),
        "A cake for Tom on Tuesday, November 24th?"
    );
}

#[test]
fn a_yes_makes_the_call_and_its_result_is_told() {
    let said = [&ASKED[..], &["user: yes please"]].concat();
    assert_eq!(
        reply(SHOP, &said),
        r#"[order_cake {"date":"2026-11-24","name":"Tom"}]"#
    );
    let done = [&said[..], &["call: order_cake", "tool: {\"number\": 7}"]].concat();
    assert_eq!(
        reply(SHOP, &done),
        "It will be ready: number 7. What would you like at Corner Shop?"
    );
    let failed = [&said[..], &["call: order_cake", "error: no power"]].concat();
    assert_eq!(
        reply(SHOP, &failed),
        "The oven is cold. What would you like at Corner Shop?"
    );
}

#[test]
fn a_correction_is_read_back() {
    let said = [&ASKED[..], &["user: no, I meant thursday"]].concat();
    assert_eq!(
        reply(SHOP, &said),
        "A cake for Tom on tomorrow, Thursday, November 19th?"
    );
    let said = [&ASKED[..], &["user: no it's laura"]].concat();
    assert_eq!(
        reply(SHOP, &said),
        "A cake for Laura on Tuesday, November 24th?"
    );
}

#[test]
fn a_digression_comes_back_to_the_question() {
    let said = [&ASKED[..3], &["user: where are you by the way"]].concat();
    assert_eq!(reply(SHOP, &said), "We are in Mill Lane. Which day?");
}

#[test]
fn what_was_said_in_pieces_is_one_utterance() {
    let pieces = [&ASKED[..3], &["user: next", "agent:  ", "user: tuesday"]].concat();
    assert_eq!(reply(SHOP, &pieces), "Your name?");
}

#[test]
fn a_broken_off_call_is_made_again_after_what_was_said_since() {
    let said = [
        &ASKED[..],
        &[
            "user: yes",
            "call: order_cake",
            "user: oh and make it wednesday next week",
        ],
    ]
    .concat();
    assert_eq!(
        reply(SHOP, &said),
        "A cake for Tom on Wednesday, November 25th?"
    );
}

#[test]
fn misunderstandings_end_at_last() {
    let mut said = vec!["agent: Hello."];
    let mut replies = Vec::new();
    for _ in 0..4 {
        said.push("user: colourless green ideas");
        replies.push(reply(SHOP, &said));
        said.push("agent: …");
    }
    assert_eq!(
        replies[0],
        "Sorry, I didn't catch that. You can order a cake, or say goodbye."
    );
    assert!(
        replies[1].starts_with("I'm sorry, I still didn't understand."),
        "{}",
        replies[1]
    );
    assert!(
        replies[3].ends_with("Goodbye.[end_call {}]"),
        "{}",
        replies[3]
    );
}

#[test]
fn goodbye_ends_the_call_where_the_agent_can() {
    assert_eq!(
        reply(SHOP, &["agent: Hello.", "user: thanks, bye"]),
        "Goodbye.[end_call {}]"
    );
}

#[test]
fn silence_is_asked_about() {
    assert_eq!(reply(SHOP, &ASKED[..3]), "Are you still there? Which day?");
    assert_eq!(reply(SHOP, &[]), "What would you like at Corner Shop?");
}

#[test]
fn the_same_request_gives_the_same_reply() {
    assert_eq!(reply(SHOP, &ASKED[..6]), reply(SHOP, &ASKED[..6]));
}

#[test]
fn the_recogniser_is_told_what_to_expect() {
    let brain = Scripted::from_toml(SHOP).expect("a script");
    let request = Request {
        now: NOW.to_owned(),
        messages: vec![Message::User("i want a cake".to_owned())],
        ..Request::default()
    };
    let expected = brain
        .reply(&request)
        .into_iter()
        .find_map(|e| {
            if let Event::Expect(e) = e {
                Some(e)
            } else {
                None
            }
        })
        .expect("expected");
    assert_eq!(expected.kind.as_deref(), Some("day"));
    assert!(expected.phrases.contains(&"on {day}".to_owned()));
    let (_, days) = expected
        .slots
        .iter()
        .find(|(name, _)| name == "day")
        .expect("days");
    assert!(days.contains(&"next tuesday".to_owned()));
}

#[test]
fn an_agent_that_is_only_a_prompt_answers_from_it_and_admits_its_limits() {
    let prompt = "prompt: You are the guide of a small museum. The museum opens at ten every day. Children pay nothing. Tickets for grown-ups cost eight euros.";
    let ask = |text: &str| {
        reply(
            "name = \"Guide\"",
            &[
                prompt,
                "context: The lift is out of order.",
                "agent: Welcome.",
                text,
            ],
        )
    };
    assert!(ask("user: when do you open?").starts_with("The museum opens at ten every day."));
    assert!(ask("user: is the lift working").starts_with("The lift is out of order."));
    assert!(
        ask("user: who wrote hamlet").contains("without a language model")
            || ask("user: who wrote hamlet").contains("not in my notes")
    );
    assert!(ask("user: goodbye then").ends_with("[end_call {}]"));
}

fn error(from: &str, to: &str) -> String {
    assert!(SHOP.contains(from), "{from}");
    Scripted::from_toml(&SHOP.replacen(from, to, 1))
        .expect_err("broken")
        .to_string()
}

#[test]
fn a_broken_script_says_where_what_and_what_to_do() {
    assert_eq!(
        error("go = \"cake\"", "go = \"pie\""),
        "line 34, column 6: unknown state `pie`; define it, or use one of: cake, menu"
    );
    assert_eq!(
        error("ask = \"name\"", "ask = \"nmae\""),
        "line 46, column 7: unknown slot `nmae`; define it, or use one of: day, name"
    );
    assert_eq!(
        error("(order|want) a cake", "(order|want a cake"),
        "line 33, column 9: `(` is never closed; add `)`"
    );
    assert_eq!(
        error("at {{shop}}", "at {{shoop}}"),
        "line 37, column 34: unknown variable `shoop`; define it, or use one of: day, name, shop"
    );
    assert_eq!(
        error("kind = \"date\"", "kind = \"fish\""),
        "line 11, column 8: unknown kind `fish`; use name, date, time, email, phone, number, sum, yes_no, text or choice"
    );
    assert_eq!(
        error("listen =", "lisen ="),
        "line 36, column 1: a step that does nothing; give it one of: say, ask, offer, call, confirm, listen, go, end"
    );
    assert!(
        error("name = \"Shop\"", "name = Shop").starts_with("line 2, column 8: this is not TOML")
    );
    assert!(
        error("hints = [", "hint = [").contains("has no field `hint`; use one of: name, hints")
    );
}

#[test]
fn the_generic_script_is_sound() {
    assert!(parse::script(GENERIC).expect("a script").is_some());
}
