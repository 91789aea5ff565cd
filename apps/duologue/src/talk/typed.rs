//! A typed conversation: lines in, lines out.

use std::{io, thread, time::Duration};

use protocol::agents::{
    PartKind, ServerEvent,
    client::{Command, End, Output},
};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, sleep_until},
};

use super::{
    Call,
    view::{Shown, Turn},
};
use crate::problem::{Outcome, Problem};

/// Lines that are read ahead.
const AHEAD: usize = 16;
/// The longest line, in bytes.
const LONGEST: usize = 16 << 10;
/// The longest an answer is waited for.
const ANSWER: Duration = Duration::from_secs(45);
/// How long an answer must have been complete before the next line is sent: a reply may have a second part, after a tool.
const SETTLED: Duration = Duration::from_millis(150);
/// How often somebody who thinks before typing is said to be there: agents elsewhere hang up after a minute of nothing.
const STILL_HERE: Duration = Duration::from_secs(20);
/// How long a greeting is waited for.
const GREETING: Duration = Duration::from_millis(500);

/// Who is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The agent has until then.
    Agent(Instant),
    /// The agent has answered; if nothing more comes until then it is the user's turn.
    Settling(Instant),
    /// The user.
    User,
    /// The end that was asked for.
    Ending(Instant),
}

/// Reads lines until they end, one after each answer. `prompt` says that a person types.
pub(crate) async fn run(call: &mut Call, prompt: bool) -> Outcome<Option<End>> {
    let mut lines = read_lines();
    let began = Instant::now();
    let mut state = State::Settling(began + GREETING);
    let mut turns = 0;
    // A line was said to a conversation that was cut off before it was answered.
    let mut unanswered = false;
    let mut still_here = interval_at(began + STILL_HERE, STILL_HERE);
    still_here.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let deadline = match state {
            State::Agent(at) | State::Settling(at) | State::Ending(at) => Some(at),
            State::User => None,
        };
        tokio::select! {
            event = call.conversation.next_event() => {
                let Some(event) = event else { return Ok(None) };
                call.note(&event);
                match event {
                    Output::Ended(end) => return Ok(Some(end)),
                    Output::AgentHangsUp => {
                        call.conversation.command(Command::End).await;
                    }
                    Output::Event(event) => {
                        if let Some(next) = show(call, began, event, &mut turns)?
                            && !matches!(state, State::Ending(_))
                        {
                            state = next;
                        }
                    }
                    // Nothing of it was heard where somebody types: there is nothing to tell.
                    Output::Correct { correction, .. }
                        if correction.corrected_agent_response.trim().is_empty() => {}
                    Output::Correct { correction, .. } => call.view.show(began.elapsed(), Shown::Heard {
                        original: correction.original_agent_response,
                        heard: correction.corrected_agent_response,
                    })?,
                    Output::Dropped(end) => {
                        unanswered = matches!(state, State::Agent(_));
                        call.view.show(began.elapsed(), Shown::CutOff(end))?;
                    }
                    Output::Continued { session, from, .. } => {
                        let conversation = session.conversation_id;
                        call.view.show(began.elapsed(), Shown::Continued { conversation, from })?;
                        if unanswered {
                            let lost = "your last line was not answered; say it again".to_owned();
                            call.view.show(began.elapsed(), Shown::Notice(lost))?;
                            state = State::Settling(Instant::now() + GREETING);
                        }
                    }
                    _ => {}
                }
            }
            line = lines.recv(), if state == State::User => {
                if let Some(line) = line {
                    let text = line?;
                    let text = text.trim();
                    if !text.is_empty() {
                        // A person sees what was typed; a reader of a pipe does not.
                        if !prompt {
                            call.view.show(began.elapsed(), Shown::User(text.to_owned()))?;
                        }
                        call.note_typed(text);
                        unanswered = false;
                        call.conversation.command(Command::Text { text: text.to_owned(), rich_content_id: None }).await;
                        state = State::Agent(Instant::now() + ANSWER);
                    }
                } else {
                    call.conversation.command(Command::End).await;
                    state = State::Ending(Instant::now() + super::GOODBYE);
                }
            }
            () = sleep_until(deadline.unwrap_or(began)), if deadline.is_some() => match state {
                State::Ending(_) => return Ok(None),
                State::Agent(_) => {
                    call.view.show(began.elapsed(), Shown::Notice("no answer came; go on".to_owned()))?;
                    state = State::User;
                }
                _ => state = State::User,
            },
            _ = still_here.tick(), if state == State::User => {
                call.conversation.command(Command::Activity).await;
            }
            () = call.hang_up.asked() => {
                if matches!(state, State::Ending(_)) {
                    return Ok(None);
                }
                call.view.show(began.elapsed(), Shown::Notice("hanging up".to_owned()))?;
                call.conversation.command(Command::End).await;
                state = State::Ending(Instant::now() + super::GOODBYE);
            }
        }
    }
}

/// Shows what the agent did, and says who is waited for now, if that changes.
fn show(
    call: &mut Call,
    began: Instant,
    event: ServerEvent,
    turns: &mut usize,
) -> Outcome<Option<State>> {
    let at = began.elapsed();
    match event {
        ServerEvent::AgentChatResponsePart {
            text_response_part: part,
        } => {
            if part.kind == PartKind::Delta {
                call.view.show(at, Shown::AgentPart(part.text))?;
            }
            Ok(Some(State::Agent(Instant::now() + ANSWER)))
        }
        ServerEvent::AgentResponse {
            agent_response_event: response,
        } => {
            call.view.show(at, Shown::Agent(response.agent_response))?;
            Ok(Some(State::Settling(Instant::now() + SETTLED)))
        }
        ServerEvent::AgentToolRequest { .. } => Ok(Some(State::Agent(Instant::now() + ANSWER))),
        ServerEvent::AgentToolResponse {
            agent_tool_response: tool,
        } => {
            call.view.show(
                at,
                Shown::Tool {
                    name: tool.tool_name,
                    failed: tool.is_error,
                },
            )?;
            // An answer made of the result follows.
            Ok(Some(State::Agent(Instant::now() + ANSWER)))
        }
        ServerEvent::DuologueMetrics { stages, .. } => {
            *turns += 1;
            let turn = Turn {
                number: *turns,
                stages,
            };
            call.view.show(at, Shown::Latency(turn))?;
            Ok(None)
        }
        ServerEvent::Error { error_event } => {
            let text = error_event
                .message
                .or(error_event.reason)
                .unwrap_or_else(|| "the agent reports an error".to_owned());
            call.view.show(at, Shown::Notice(text))?;
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// Standard input, line by line, from a thread that may wait.
fn read_lines() -> mpsc::Receiver<Outcome<String>> {
    let (sender, lines) = mpsc::channel(AHEAD);
    thread::spawn(move || {
        use io::{BufRead as _, Read as _};
        let mut input = io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let read = input
                .by_ref()
                .take(LONGEST as u64 + 1)
                .read_until(b'\n', &mut line);
            let item = match read {
                Ok(0) => return,
                Ok(_) if line.len() > LONGEST => {
                    Err(Problem::failure("a line of standard input is too long")
                        .because("more than 16 KiB without a new line")
                        .fix("send it in several lines"))
                }
                Ok(_) => Ok(String::from_utf8_lossy(&line).into_owned()),
                Err(error) => {
                    Err(Problem::failure("could not read standard input").because_io(&error))
                }
            };
            let failed = item.is_err();
            if sender.blocking_send(item).is_err() || failed {
                return;
            }
        }
    });
    lines
}
