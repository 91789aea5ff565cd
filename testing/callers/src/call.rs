//! One call: a person, an agent, and tools that run for real.

use embedded::{
    agents::Bundled,
    script::Scripted,
    tools::{Appointment, Shelf},
};
use jiff::{Zoned, civil::Time};
use providers::{
    ProviderError,
    asr::Expected,
    llm::{Event, Message, Request, ToolSpec},
    tool::Invocation,
};
use serde_json::{Value, json};

use crate::{
    file::Caller,
    goal,
    person::{Person, is_repair},
    voice::Speech,
};

/// The agent's clock: a Wednesday at eight in the morning.
pub const NOW: &str = "2026-11-18T08:00:00+00:00[UTC]";

/// The most utterances of a caller.
const LONGEST: usize = 30;
/// The most tools for one reply.
const TOOLS: usize = 8;

/// How the caller's words come to the agent.
#[derive(Debug)]
pub enum Mode<'a> {
    /// As text.
    Text,
    /// Spoken and recognised.
    Voice(&'a Speech),
}

/// One thing said.
#[derive(Clone, Debug)]
pub struct Line {
    /// Whether the agent said it.
    pub agent: bool,
    /// What was said; of the caller, what the agent heard.
    pub text: String,
    /// The tools called for it.
    pub after: Vec<String>,
    /// What the caller really said, where the recogniser heard otherwise.
    pub meant: Option<String>,
}

/// A call that is over.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who called.
    pub caller: String,
    /// What kind of goal.
    pub kind: String,
    /// The conversation's id.
    pub conversation: String,
    /// All that was said.
    pub lines: Vec<Line>,
    /// The tools called, in order.
    pub tools: Vec<String>,
    /// Whether the agent ended it.
    pub ended: bool,
    /// How often the agent said that it did not understand.
    pub repairs: usize,
    /// Utterances of the caller.
    pub turns: usize,
    /// Whether the caller got what they called for, in a call that came to its end.
    pub reached: bool,
}

/// Plays a call.
///
/// # Errors
///
/// When voice or recogniser fail; the agent itself cannot.
#[expect(
    clippy::too_many_lines,
    reason = "a call from its beginning to its end"
)]
pub async fn play(
    caller: &Caller,
    agent: &Bundled,
    brain: &Scripted,
    seed: u64,
    mode: &Mode<'_>,
) -> Result<Call, ProviderError> {
    let failed = |reason: String| ProviderError::Failed {
        provider: "callers".to_owned(),
        reason,
    };
    let now: Zoned = NOW.parse().map_err(|_| failed("the clock".to_owned()))?;
    let shelf = Shelf::open(brain.variables(), None).map_err(|e| failed(e.to_string()))?;
    if let Some(existing) = &caller.existing {
        let day = goal::first(&existing.day, now.date());
        let time = existing.time.parse::<Time>().ok();
        let (Some(day), Some(time)) = (day, time) else {
            return Err(failed(format!("{}: the existing appointment", caller.id)));
        };
        let made = shelf
            .appointments
            .with(|book| book.book(&existing.name, day.to_datetime(time), None, now.datetime()));
        made.map_err(|e| failed(format!("{}: the existing appointment: {e}", caller.id)))?;
    }
    let before: Vec<Appointment> = shelf.appointments.with(|book| book.entries().to_vec());
    let tools = shelf.named(&brain.tools());
    let mut specs: Vec<ToolSpec> = tools.iter().map(|t| t.spec()).collect();
    specs.push(ToolSpec {
        name: "end_call".to_owned(),
        description: "Ends the call.".to_owned(),
        parameters: json!({}),
    });
    let (first, prompt) = greeting(agent);
    let mut call = Call {
        caller: caller.id.clone(),
        kind: caller.goal.kind.clone(),
        conversation: "conv_call".to_owned(),
        lines: vec![Line {
            agent: true,
            text: first.clone(),
            after: Vec::new(),
            meant: None,
        }],
        tools: Vec::new(),
        ended: false,
        repairs: 0,
        turns: 0,
        reached: false,
    };
    let mut request = Request {
        prompt,
        messages: vec![Message::Agent {
            text: first,
            calls: Vec::new(),
        }],
        tools: specs,
        language: "en".to_owned(),
        seed,
        now: NOW.to_owned(),
        ..Request::default()
    };
    let mut person = Person::new(caller);
    let mut say = caller.opening.clone();
    let mut expected = start_expected(brain, &request);
    let mut finished = false;
    let mut ear = match mode {
        Mode::Text => None,
        Mode::Voice(speech) => Some(speech.ear()),
    };
    while call.turns < LONGEST {
        call.turns += 1;
        let heard = match &mut ear {
            None => say.clone(),
            Some(ear) => ear.hear(&say, &expected).await?,
        };
        call.lines.push(Line {
            agent: false,
            text: heard.clone(),
            after: Vec::new(),
            meant: (heard != say).then(|| say.clone()),
        });
        request.messages.push(Message::User(heard));
        let mut used: Vec<String> = Vec::new();
        let mut text = String::new();
        for _ in 0..TOOLS {
            let mut called = None;
            let mut part = String::new();
            for event in brain.reply(&request) {
                match event {
                    Event::Text(piece) => part.push_str(&piece),
                    Event::Call(tool) => called = Some(tool),
                    Event::Expect(more) => expected = more,
                    _ => {}
                }
            }
            if !part.is_empty() && !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&part);
            request.messages.push(Message::Agent {
                text: part,
                calls: called.clone().into_iter().collect(),
            });
            let Some(tool_call) = called else { break };
            call.tools.push(tool_call.name.clone());
            if tool_call.name == "end_call" {
                call.ended = true;
                break;
            }
            used.push(tool_call.name.clone());
            let result = match tools.iter().find(|t| t.spec().name == tool_call.name) {
                Some(tool) => {
                    tool.call(Invocation {
                        conversation: call.conversation.clone(),
                        arguments: tool_call.arguments.clone(),
                        now: NOW.to_owned(),
                        ..Invocation::default()
                    })
                    .await
                }
                None => Err("no such tool".to_owned()),
            };
            let is_error = result.is_err();
            let result = result.unwrap_or_else(Value::from);
            let result = result
                .as_str()
                .map_or_else(|| result.to_string(), str::to_owned);
            request.messages.push(Message::Tool {
                call_id: tool_call.id,
                name: tool_call.name,
                result,
                is_error,
            });
        }
        if is_repair(&text) {
            call.repairs += 1;
        }
        call.lines.push(Line {
            agent: true,
            text: text.clone(),
            after: used,
            meant: None,
        });
        if call.ended || person.done {
            finished = true;
            break;
        }
        say = person.answer(&text);
    }
    call.reached = finished && goal::reached(caller, &call, &shelf, &before, now.date());
    Ok(call)
}

/// What the agent listens for before anybody has spoken.
fn start_expected(brain: &Scripted, request: &Request) -> Expected {
    brain
        .reply(request)
        .into_iter()
        .find_map(|e| {
            if let Event::Expect(expected) = e {
                Some(expected)
            } else {
                None
            }
        })
        .unwrap_or_default()
}

fn greeting(agent: &Bundled) -> (String, String) {
    let file: toml::Table = agent.toml.parse().unwrap_or_default();
    let agent = file.get("conversation_config").and_then(|c| c.get("agent"));
    let text = |value: Option<&toml::Value>| {
        value
            .and_then(toml::Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    (
        text(agent.and_then(|a| a.get("first_message"))),
        text(
            agent
                .and_then(|a| a.get("prompt"))
                .and_then(|p| p.get("prompt")),
        ),
    )
}
