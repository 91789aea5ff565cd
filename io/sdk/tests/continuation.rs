//! A server that drops its callers, and conversations that go on all the same.

#![allow(clippy::unwrap_used, reason = "what breaks fails the test")]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::{Line, StandIn, ended, heard, says, until};
use duologue::{
    AudioPieces, Callbacks, Channels, Continuation, Conversation, ConversationError, EndedBy,
    Event, WebSocket,
    wire::{CloseCode, ServerEvent},
};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::timeout};

/// Far longer than anything here takes.
const LONG: Duration = Duration::from_mins(1);

fn metadata(id: &str) -> Value {
    json!({"type": "conversation_initiation_metadata", "conversation_initiation_metadata_event": {
        "conversation_id": id, "agent_output_audio_format": "pcm_16000", "user_input_audio_format": "pcm_16000"
    }})
}

fn audio(id: u64, byte: &str) -> Value {
    json!({"type": "audio", "audio_event": {"audio_base_64": byte, "event_id": id}})
}

/// A server whose calls go one after the other as `hold` does it, told which call it is.
async fn server<F>(hold: impl Fn(usize, Line) -> F + Send + Sync + 'static) -> StandIn
where
    F: Future<Output = ()> + Send + 'static,
{
    let count = AtomicUsize::new(0);
    StandIn::holding(move |line| hold(count.fetch_add(1, Ordering::SeqCst), line)).await
}

async fn call(there: &StandIn, continuation: Continuation) -> Conversation<WebSocket> {
    there
        .agents()
        .conversation("agent_1")
        .variable("name", "Ada")
        .continue_after_a_drop(continuation)
        .connect()
        .await
        .unwrap()
}

async fn event(conversation: &mut Conversation<WebSocket>) -> Event {
    timeout(LONG, conversation.next_event())
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_dropped_conversation_goes_on_in_a_new_one_that_knows_what_was_said() {
    let (seen, mut sent) = mpsc::channel(16);
    let there = server(move |call, mut line| {
        let seen = seen.clone();
        async move {
            let initiation = line.next().await;
            seen.send(initiation).await.unwrap();
            line.send(&metadata(&format!("conv_{call}"))).await;
            if call == 0 {
                line.send(&says("Hello, this is the desk.")).await;
                line.send(&heard("A room for two.")).await;
                line.send(&says("For which day would you like it?")).await;
                line.send(&json!({"type": "agent_response_correction", "agent_response_correction_event": {
                    "original_agent_response": "For which day would you like it?",
                    "corrected_agent_response": "For which day", "event_id": 1
                }})).await;
                line.close(1011, "out of memory").await;
                return;
            }
            while let Some(message) = line.next_or_end().await {
                if message["type"] == "user_message" {
                    line.send(&says("Tuesday it is.")).await;
                }
                seen.send(message).await.unwrap();
            }
        }
    })
    .await;
    let mut conversation = call(&there, Continuation::default()).await;
    let handle = conversation.handle();
    let dropped = until(&mut conversation, |event| {
        matches!(event, Event::Dropped(_))
    })
    .await;
    let Event::Dropped(end) = dropped else {
        unreachable!()
    };
    assert_eq!(
        (end.by, end.code, end.reason.as_str()),
        (EndedBy::Error, Some(CloseCode::Crashed), "out of memory")
    );
    // Said while there is nobody to hear it.
    handle.say("Tuesday.").await.unwrap();
    handle.audio(vec![1, 2]).await.unwrap();
    let Event::Continued {
        session,
        from,
        summary,
    } = event(&mut conversation).await
    else {
        panic!("it goes on");
    };
    assert_eq!(
        (from.as_str(), session.conversation_id.as_str()),
        ("conv_0", "conv_1")
    );
    assert_eq!(conversation.session().conversation_id, "conv_1");
    assert!(
        summary.ends_with(
            "agent: Hello, this is the desk.\nuser: A room for two.\nagent: For which day"
        ),
        "{summary}"
    );
    let answer = event(&mut conversation).await;
    assert!(
        matches!(&answer, Event::Event(ServerEvent::AgentResponse { agent_response_event: said }) if said.agent_response == "Tuesday it is."),
        "{answer:?}"
    );
    handle.end().await.unwrap();
    ended(&mut conversation).await;
    // Both began alike; then the summary, and what was said in between. The sound of that time is gone.
    let (first, second) = (sent.recv().await.unwrap(), sent.recv().await.unwrap());
    assert_eq!(first, second);
    assert_eq!(second["dynamic_variables"]["name"], "Ada");
    let context = sent.recv().await.unwrap();
    assert_eq!(
        context,
        json!({"type": "contextual_update", "text": summary, "context_id": "duologue_continuation"})
    );
    let text = sent.recv().await.unwrap();
    assert_eq!(text, json!({"type": "user_message", "text": "Tuesday."}));
    assert!(sent.try_recv().is_err());
}

#[tokio::test]
async fn a_cut_cable_is_a_drop_and_ids_begin_again() {
    let there = server(|call, mut line| async move {
        line.next().await;
        line.send(&metadata(&format!("conv_{call}"))).await;
        if call == 0 {
            line.send(&audio(7, "AQACAA==")).await;
            line.send(&json!({"type": "interruption", "interruption_event": {"event_id": 7}}))
                .await;
            // Without a close.
            return;
        }
        line.send(&audio(1, "AwAEAA==")).await;
        while line.next_or_end().await.is_some() {}
    })
    .await;
    let (interface, microphone, loudspeaker) = Channels::new();
    let mut conversation = there
        .agents()
        .conversation("agent_1")
        .audio(interface)
        .audio_pieces(AudioPieces {
            input: 2,
            output: 1_000,
        })
        .continue_after_a_drop(Continuation::default())
        .connect()
        .await
        .unwrap();
    let dropped = until(&mut conversation, |event| {
        matches!(event, Event::Dropped(_))
    })
    .await;
    let Event::Dropped(end) = dropped else {
        unreachable!()
    };
    assert_eq!((end.by, end.code), (EndedBy::Lost, None));
    // Whoever speaks on is not held up.
    for _ in 0..200 {
        microphone.push(&[1, 2]);
    }
    until(&mut conversation, |event| {
        matches!(event, Event::Continued { .. })
    })
    .await;
    until(
        &mut conversation,
        |event| matches!(event, Event::Play(audio) if audio.event_id.0 == 1),
    )
    .await;
    let mut played = [0; 2];
    loudspeaker.pull(&mut played);
    assert_eq!(played, [3, 4]);
}

#[tokio::test]
async fn whoever_never_comes_back_is_given_up_with_the_reason_of_the_drop() {
    let there = server(|call, mut line| async move {
        line.next().await;
        if call == 0 {
            line.send(&metadata("conv_0")).await;
            line.close(1012, "restarting").await;
        } else {
            line.close(1013, "not yet").await;
        }
    })
    .await;
    let mut conversation = call(
        &there,
        Continuation {
            attempts: 2,
            ..Continuation::default()
        },
    )
    .await;
    assert!(matches!(event(&mut conversation).await, Event::Dropped(_)));
    let Event::Ended(end) = event(&mut conversation).await else {
        panic!("it ends");
    };
    let error = ConversationError::of(&end).unwrap().to_string();
    assert!(
        error.contains("restarting; it could not be continued") && error.contains("not yet"),
        "{error}"
    );
    assert!(conversation.next_event().await.is_none());
    assert_eq!(there.asked().len(), 3);
}

#[tokio::test]
async fn trying_to_go_on_has_an_end_and_can_be_ended() {
    // The second call is taken and never answered.
    let silent = || async {
        server(|call, mut line| async move {
            line.next().await;
            if call > 0 {
                std::future::pending::<()>().await;
            }
            line.send(&metadata("conv_0")).await;
        })
        .await
    };
    let there = silent().await;
    let mut conversation = there
        .agents()
        .conversation("agent_1")
        .answer_timeout(Duration::from_millis(100))
        .continue_after_a_drop(Continuation {
            attempts: 1,
            ..Continuation::default()
        })
        .connect()
        .await
        .unwrap();
    assert!(matches!(event(&mut conversation).await, Event::Dropped(_)));
    let Event::Ended(end) = event(&mut conversation).await else {
        panic!("it ends");
    };
    assert_eq!(end.by, EndedBy::Lost);
    assert!(end.reason.contains("did not answer"), "{}", end.reason);

    let there = silent().await;
    let mut conversation = call(&there, Continuation::default()).await;
    assert!(matches!(event(&mut conversation).await, Event::Dropped(_)));
    conversation.handle().end().await.unwrap();
    let Event::Ended(end) = event(&mut conversation).await else {
        panic!("it ends");
    };
    assert_eq!(end.by, EndedBy::User);
    assert!(conversation.next_event().await.is_none());
}

#[tokio::test]
async fn only_so_many_new_conversations_are_begun() {
    let there = server(|call, mut line| async move {
        line.next().await;
        line.send(&metadata(&format!("conv_{call}"))).await;
        line.close(1011, "again").await;
    })
    .await;
    let conversation = call(
        &there,
        Continuation {
            times: 2,
            ..Continuation::default()
        },
    )
    .await;
    let told = Arc::new(AtomicUsize::new(0));
    let (drops, continuations) = (Arc::clone(&told), Arc::clone(&told));
    let mut callbacks = Callbacks::new()
        .on_drop(move |_| {
            drops.fetch_add(1, Ordering::SeqCst);
        })
        .on_continuation(move |_, _| {
            continuations.fetch_add(10, Ordering::SeqCst);
        });
    let end = timeout(LONG, conversation.run(&mut callbacks))
        .await
        .unwrap();
    assert_eq!((end.by, end.reason.as_str()), (EndedBy::Error, "again"));
    assert_eq!(told.load(Ordering::SeqCst), 22);
    assert_eq!(there.asked().len(), 3);
}

#[tokio::test]
async fn what_was_meant_to_end_is_not_continued() {
    for (code, kind) in [(1008, "value_error"), (1002, "safety_violation")] {
        let there = server(move |_, mut line: Line| async move {
            line.begin().await;
            line.send(&json!({"type": "error", "error_event": {"code": code, "error_type": kind, "message": "no"}}))
                .await;
            line.close(code, "no").await;
        })
        .await;
        let mut conversation = call(&there, Continuation::default()).await;
        ended(&mut conversation).await;
        assert_eq!(there.asked().len(), 1);
    }
}
