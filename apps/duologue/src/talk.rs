//! `duologue talk`: a conversation, here.

mod desk;
mod ear;
mod edge;
mod hang_up;
mod keep;
mod mouth;
mod notes;
mod remember;
mod remote;
mod screen;
mod setup;
mod sound;
mod typed;
mod view;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use agent::{Clock, Handle};
use protocol::agents::client::{End, EndedBy, Output};
use sdk::{Channel, Conversation};

use crate::{
    Context,
    cli::{Pace, Talk},
    files,
    problem::{Outcome, Problem},
    script,
    speech::{self, Manner},
};
use desk::Switch;
use edge::Edge;
use hang_up::HangUp;
use keep::Keep;
use mouth::{Caller, Mouth};
use notes::Notes;
use remember::Remember;
use screen::{Keys, Screen};
use setup::{Answerer, Prepared};
use view::{Shown, View};

/// How long an agent that was told goodbye may take to end.
const GOODBYE: Duration = Duration::from_secs(5);

/// A conversation under way, and those who take part in it.
struct Call {
    conversation: Conversation<Channel>,
    /// The agent, if it is in this process.
    handle: Option<Handle>,
    clock: Clock,
    view: View,
    keep: Option<Keep>,
    /// What an agent elsewhere leaves for those who keep it; one in this process tells them itself.
    notes: Option<Notes>,
    /// The records of this machine, if the agent is in this process.
    remember: Option<Remember>,
    hang_up: HangUp,
}

impl Call {
    /// Notes what the agent's side reports, where an agent elsewhere is kept.
    fn note(&mut self, event: &Output) {
        if let Some(notes) = &mut self.notes {
            notes.hear(self.clock.now(), event);
        }
    }

    /// Notes what the user types.
    fn note_typed(&mut self, text: &str) {
        if let Some(notes) = &mut self.notes {
            notes.typed(self.clock.now(), text);
        }
    }
}

/// Converses.
pub(crate) async fn run(context: &Context, arguments: &Talk) -> Outcome<()> {
    let fast = arguments.pace == Pace::Fast;
    let by_device = !arguments.text && arguments.input.is_none() && arguments.caller.is_none();
    if by_device && fast {
        return Err(Problem::usage("a person cannot be hurried")
            .because("--pace fast needs a recording or a scripted caller")
            .fix("leave --pace out, or give --input FILE.wav or --caller FILE"));
    }
    // Everything that can be wrong is found before anything begins.
    let prepared = setup::prepare(context, arguments).await?;
    let fast = prepared.fast;
    let clock = if fast && !arguments.text {
        Clock::driven()
    } else {
        Clock::real()
    };
    let switch = Arc::new(Switch::new(arguments.hold_to_talk));
    let mut prepared = prepared;
    let (mouth, device) = match (&arguments.input, &arguments.caller) {
        (Some(path), _) => (Some(Mouth::open(path)?), None),
        (None, Some(path)) => {
            let caller = caller(&prepared, path, &arguments.caller_voice).await?;
            (Some(caller), None)
        }
        (None, None) if by_device => {
            let (mic, out) = Box::pin(desk::open(arguments, &switch)).await?;
            prepared.choices.extend([
                Shown::Choice {
                    name: "microphone",
                    value: mic.device().to_owned(),
                },
                Shown::Choice {
                    name: "speaker",
                    value: out.device().to_owned(),
                },
            ]);
            (Some(Mouth::Person(Box::new(mic))), Some(out))
        }
        (None, None) => (None, None),
    };
    let output = match &arguments.output {
        Some(path) => Some((path.clone(), files::create_sound(path, 1)?)),
        None => None,
    };
    let id = setup::conversation_id();
    let keep = match (&arguments.record, &prepared.answerer) {
        (Some(folder), Answerer::Here(_)) => {
            Some(Keep::create(folder, &id, !arguments.text, true)?)
        }
        // A server names its conversations itself.
        (Some(folder), Answerer::There(_)) => {
            Keep::prepare(folder)?;
            None
        }
        (None, _) => None,
    };
    let out = if arguments.output.as_deref().is_some_and(files::is_pipe) {
        context.out.aside()
    } else {
        context.out
    };
    let help = match (by_device, arguments.hold_to_talk) {
        (true, true) => Keys::HoldToTalk,
        (true, false) => Keys::Mute,
        (false, _) => Keys::HangUp,
    };
    let (view, keys) = match Screen::open(&context.logs, help) {
        Some((screen, keys)) if out.is_watched() && !arguments.text => {
            (View::Screen(Box::new(screen)), Some(keys))
        }
        _ => (View::new(out), None),
    };
    let remember = match &prepared.answerer {
        Answerer::Here(agent) => Remember::open(context, agent).await,
        Answerer::There(_) => None,
    };
    let kept = (keep, remember);
    let mut call = begin(prepared, arguments, id, clock, view, kept, (keys, switch)).await?;
    let result = match mouth {
        Some(mouth) => {
            Edge::new(&call.conversation, mouth, output, device, fast)?
                .run(&mut call)
                .await
        }
        None => typed::run(&mut call, out.is_watched()).await,
    };
    finish(call, result).await
}

/// Makes the lines of a scripted caller into sound.
async fn caller(prepared: &Prepared, path: &std::path::Path, voice: &str) -> Outcome<Mouth> {
    let lines = script::parse(&path.display().to_string(), &files::read_text(path)?)?;
    let manner = Manner {
        voice: Some(voice.to_owned()),
        speed: 1.0,
    };
    let mut spoken = VecDeque::with_capacity(lines.len());
    for line in lines {
        let sound = speech::spoken(&prepared.voice, &line.text, &manner).await?;
        spoken.push_back((line, sound));
    }
    Ok(Mouth::Caller(Caller::new(spoken)))
}

async fn begin(
    mut prepared: Prepared,
    arguments: &Talk,
    id: String,
    clock: Clock,
    mut view: View,
    (mut keep, remember): (Option<Keep>, Option<Remember>),
    (keys, switch): (
        Option<tokio::sync::mpsc::Receiver<screen::Key>>,
        Arc<Switch>,
    ),
) -> Outcome<Call> {
    for choice in prepared.choices {
        view.show(Duration::ZERO, choice)?;
    }
    let text_only = arguments.text;
    let mut notes = None;
    let (conversation, handle) = match prepared.answerer {
        Answerer::Here(agent) => {
            let (link, ends) = agent::link();
            let mut options = agent::Options {
                conversation: Some(id),
                clock: clock.clone(),
                trusted: true,
                seed: arguments.seed,
                transfer: prepared.transfer.take(),
                ..agent::Options::default()
            };
            if let Some(keep) = &keep {
                options.recorder = keep.recorder.clone();
                options.journal = keep.journal();
            }
            if let Some(remember) = &remember {
                let initiation = &prepared.settings.initiation;
                let id = options.conversation.clone().unwrap_or_default();
                remember.begin(&id, &agent, initiation, &mut options);
            }
            let handle = agent.start(link, options);
            let channel = Channel::new(ends.sender, ends.receiver);
            let conversation = Conversation::begin(channel, prepared.settings)
                .await
                .map_err(|error| remote::problem(&error))?;
            (conversation, Some(handle))
        }
        Answerer::There(remote) => {
            let initiation = prepared.settings.initiation.clone();
            let conversation = remote.begin(prepared.settings).await?;
            if let Some(folder) = &arguments.record {
                let id = &conversation.session().conversation_id;
                let kept = Keep::create(folder, &files::name_of(id), !text_only, false)?;
                let recorder = kept.recorder.clone();
                notes = Some(Notes::begin(
                    recorder,
                    id,
                    remote.agent(),
                    &initiation,
                    text_only,
                ));
                keep = Some(kept);
            }
            (conversation, None)
        }
    };
    view.show(
        Duration::ZERO,
        Shown::Started {
            conversation: conversation.session().conversation_id.clone(),
        },
    )?;
    Ok(Call {
        conversation,
        handle,
        clock,
        view,
        keep,
        notes,
        remember,
        hang_up: HangUp::new(keys, switch),
    })
}

/// Finishes everything that was begun, whatever happened.
async fn finish(mut call: Call, result: Outcome<Option<End>>) -> Outcome<()> {
    // Whoever is still there is told first; the agent must not wait for an edge that is gone.
    call.view.close();
    drop(call.conversation);
    let ending = match &mut call.handle {
        Some(handle) => {
            handle.end();
            tokio::time::timeout(GOODBYE, handle.ended()).await.ok()
        }
        None => None,
    };
    let seconds = call.clock.now().since_start().as_secs_f64();
    let at = call.clock.now().since_start();
    let mut failure = None;
    let (mut reason, mut message) = match &ending {
        Some(ending) => (ending.reason.as_str().to_owned(), ending.message.clone()),
        None if call.handle.is_none() => {
            let end = result.as_ref().ok().and_then(Option::as_ref);
            let (reason, message) = remote::reason(end);
            (reason.to_owned(), message)
        }
        None => (
            "failed".to_owned(),
            "the agent did not end in time".to_owned(),
        ),
    };
    if let Ok(Some(end)) = &result
        && matches!(end.by, EndedBy::Error | EndedBy::Lost | EndedBy::Timeout)
        && ending.as_ref().is_none_or(|e| {
            e.reason == agent::EndReason::Failed || e.reason == agent::EndReason::Refused
        })
    {
        let said = end
            .error
            .as_ref()
            .and_then(|error| error.message.clone())
            .unwrap_or_else(|| message.clone());
        "failed".clone_into(&mut reason);
        let fix = if call.handle.is_some() {
            "the lines above are complete; `duologue doctor` looks at llm and speech packages"
        } else {
            remote::after(end)
        };
        failure = Some(
            Problem::failure("the conversation ended early")
                .because(&said)
                .fix(fix),
        );
        message = said;
    } else if ending
        .as_ref()
        .is_some_and(|e| e.reason == agent::EndReason::Failed)
    {
        failure = Some(Problem::failure("the conversation ended early").because(&message));
    }
    if let Some(notes) = call.notes.take() {
        let code = match &result {
            Ok(Some(end)) => end.code,
            _ => None,
        };
        notes.end(call.clock.now(), &reason, code);
    }
    let mut shown = call.view.show(
        at,
        Shown::Ended {
            reason,
            message,
            seconds,
        },
    );
    if let Some(keep) = call.keep {
        match keep.finish().await {
            Ok(kept) => {
                for (what, file) in kept {
                    shown = shown.and_then(|()| call.view.show(at, Shown::Kept { what, file }));
                }
            }
            Err(problem) => shown = shown.and(Err(problem)),
        }
    }
    if let Some(remember) = call.remember {
        remember.finish().await;
    }
    // The first thing that went wrong is the one that explains the others.
    result?;
    shown?;
    failure.map_or(Ok(()), Err)
}
