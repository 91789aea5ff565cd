//! Speech over sockets, against a stand-in that looks closely.

#![allow(clippy::unwrap_used, reason = "what breaks fails the test")]

use std::time::Duration;

use duologue::{
    Account, ApiKey, ConnectError, account,
    account::{Pronunciation, VoiceSettings},
    speech::{Commit, ListenOptions, Listening, ScribeOutput, SpeakOptions, Speaking, SpeechError},
};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        protocol::CloseFrame,
    },
};

type Line = WebSocketStream<tokio::net::TcpStream>;

/// A platform that holds one socket; what was asked for (path with query), and how it went.
async fn platform<F>(
    hold: impl FnOnce(Line) -> F + Send + 'static,
) -> (Account, oneshot::Receiver<String>, JoinHandle<()>)
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let account = Account::new(account::Settings {
        api_key: Some(ApiKey::new("sk_hush")),
        base_url: Some(format!("http://{}", listener.local_addr().unwrap())),
        zero_retention: true,
        ..account::Settings::default()
    })
    .unwrap();
    let (tell, asked) = oneshot::channel();
    let holding = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut path = String::new();
        #[expect(clippy::result_large_err, reason = "as the library wants it")]
        let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            path = request.uri().to_string();
            assert_eq!(request.headers()["xi-api-key"], "sk_hush");
            assert!(!request.headers().contains_key("sec-websocket-protocol"));
            Ok(response)
        };
        let line = accept_hdr_async(socket, look).await.unwrap();
        tell.send(path).unwrap();
        hold(line).await;
    });
    (account, asked, holding)
}

async fn next(line: &mut Line) -> Value {
    loop {
        match line.next().await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) => {}
            other => panic!("not in the contract: {other:?}"),
        }
    }
}

async fn say(line: &mut Line, message: Value) {
    line.send(Message::text(message.to_string())).await.unwrap();
}

async fn close(mut line: Line, code: u16, reason: &str) {
    let frame = CloseFrame {
        code: code.into(),
        reason: reason.to_owned().into(),
    };
    line.close(Some(frame)).await.unwrap();
    while line.next().await.is_some_and(|message| message.is_ok()) {}
}

#[tokio::test]
async fn text_becomes_sound_while_it_is_written() {
    let (account, asked, holding) = platform(|mut line| async move {
        assert_eq!(
            next(&mut line).await,
            json!({"text": " ", "voice_settings": {"stability": 0.5}, "generation_config": {"chunk_length_schedule": [50, 120]},
                "pronunciation_dictionary_locators": [{"pronunciation_dictionary_id": "p", "version_id": "v1"}]})
        );
        assert_eq!(next(&mut line).await, json!({"text": "Good "}));
        say(&mut line, json!({"audio": "AQACAA==", "isFinal": null, "alignment": {"chars": ["G"], "charStartTimesMs": [0], "charDurationsMs": [7]}})).await;
        assert_eq!(next(&mut line).await, json!({"text": "morning. "}));
        assert_eq!(next(&mut line).await, json!({"text": " ", "flush": true}));
        assert_eq!(next(&mut line).await, json!({"text": ""}));
        say(&mut line, json!({"audio": "AwAEAA=="})).await;
        say(&mut line, json!({"audio": null, "isFinal": true})).await;
        close(line, 1000, "").await;
    })
    .await;
    let options = SpeakOptions {
        model_id: Some("eleven_flash_v2_5".to_owned()),
        format: Some("pcm_16000".to_owned()),
        voice_settings: Some(VoiceSettings {
            stability: Some(0.5),
            ..VoiceSettings::default()
        }),
        pronunciations: vec![Pronunciation {
            id: "p".to_owned(),
            version: Some("v1".to_owned()),
        }],
        chunk_lengths: vec![50, 120],
        seed: Some(7),
        ..SpeakOptions::default()
    };
    let mut speaking = Speaking::open(&account, "v/1", &options).await.unwrap();
    assert_eq!(
        asked.await.unwrap(),
        "/v1/text-to-speech/v%2F1/stream-input?model_id=eleven_flash_v2_5&output_format=pcm_16000&seed=7&enable_logging=false"
    );
    speaking.say("Good").await.unwrap();
    let first = speaking.next().await.unwrap().unwrap();
    assert_eq!(first.audio.unwrap().as_ref(), [1, 0, 2, 0]);
    assert_eq!(first.alignment.unwrap().durations_ms, [7]);
    speaking.say("morning. ").await.unwrap();
    // It would end the whole.
    speaking.say("").await.unwrap();
    speaking.flush().await.unwrap();
    speaking.finish().await.unwrap();
    assert_eq!(speaking.say("more").await, Err(SpeechError::Finished));
    let second = speaking.next().await.unwrap().unwrap();
    assert_eq!(second.audio.unwrap().as_ref(), [3, 0, 4, 0]);
    assert_eq!(speaking.next().await, Ok(None));
    drop(speaking);
    holding.await.unwrap();
}

#[tokio::test]
async fn what_the_platform_refuses_is_told_with_its_reason() {
    let (account, _asked, _holding) = platform(|mut line| async move {
        next(&mut line).await;
        say(
            &mut line,
            json!({"message": "No credits", "error": "quota_exceeded", "code": 1008}),
        )
        .await;
        close(line, 1008, "quota_exceeded").await;
    })
    .await;
    let mut speaking = Speaking::open(&account, "v", &SpeakOptions::default())
        .await
        .unwrap();
    let error = speaking.next().await.unwrap_err();
    assert_eq!(
        error,
        SpeechError::Refused {
            kind: "quota_exceeded".to_owned(),
            message: "No credits".to_owned()
        }
    );
    let (account, _asked, _holding) =
        platform(|line| close(line, 1008, "voice settings changed")).await;
    let mut speaking = Speaking::open(&account, "v", &SpeakOptions::default())
        .await
        .unwrap();
    let error = speaking.next().await.unwrap_err();
    assert!(
        error.to_string().contains("voice settings changed (1008)"),
        "{error}"
    );
    // A cut cable.
    let (account, _asked, _holding) = platform(|line| async move { drop(line) }).await;
    let mut speaking = Speaking::open(&account, "v", &SpeakOptions::default())
        .await
        .unwrap();
    let error = speaking.next().await.unwrap_err();
    assert!(matches!(error, SpeechError::Lost { .. }), "{error:?}");
    // Nothing is opened without a key.
    let nobody = Account::new(account::Settings::default()).unwrap();
    let error = Speaking::open(&nobody, "v", &SpeakOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Account(_)), "{error:?}");
}

#[tokio::test]
async fn sound_becomes_text_while_it_is_spoken() {
    let (account, asked, holding) = platform(|mut line| async move {
        say(&mut line, json!({"message_type": "session_started", "session_id": "s", "config": {"sample_rate": 8000}})).await;
        assert_eq!(
            next(&mut line).await,
            json!({"message_type": "input_audio_chunk", "audio_base_64": "AQI=", "commit": false, "sample_rate": 8000, "previous_text": "Hello"})
        );
        say(&mut line, json!({"message_type": "partial_transcript", "text": "my"})).await;
        say(&mut line, json!({"message_type": "tomorrows_message", "text": "?"})).await;
        assert_eq!(
            next(&mut line).await,
            json!({"message_type": "input_audio_chunk", "audio_base_64": "", "commit": true, "sample_rate": 8000})
        );
        say(&mut line, json!({"message_type": "committed_transcript_with_timestamps", "text": "my parcel", "words": [
            {"text": "my", "type": "word", "start": 0.1, "end": 0.2, "logprob": -0.1}
        ]})).await;
        say(&mut line, json!({"message_type": "session_time_limit_exceeded", "error": "an hour is over"})).await;
        while line.next().await.is_some_and(|message| message.is_ok()) {}
    })
    .await;
    let options = ListenOptions {
        format: "ulaw_8000".to_owned(),
        commit: Commit::Silence(Duration::from_millis(700)),
        language_code: Some("en".to_owned()),
        timestamps: true,
        keyterms: vec!["parcel".to_owned(), "Ada B".to_owned()],
        previous_text: Some("Hello".to_owned()),
        ..ListenOptions::default()
    };
    let mut listening = Listening::open(&account, &options).await.unwrap();
    assert_eq!(
        asked.await.unwrap(),
        "/v1/speech-to-text/realtime?model_id=scribe_v2_realtime&audio_format=ulaw_8000&commit_strategy=vad\
         &vad_silence_threshold_secs=0.7&language_code=en&include_timestamps=true&enable_logging=false&keyterms=parcel&keyterms=Ada+B"
    );
    assert!(matches!(
        listening.next().await,
        Ok(Some(ScribeOutput::SessionStarted { .. }))
    ));
    listening.hear(vec![1, 2]).await.unwrap();
    assert!(
        matches!(listening.next().await, Ok(Some(ScribeOutput::Partial { text })) if text == "my")
    );
    assert!(matches!(
        listening.next().await,
        Ok(Some(ScribeOutput::Unknown(_)))
    ));
    listening.commit().await.unwrap();
    let Ok(Some(ScribeOutput::CommittedWithTimestamps(committed))) = listening.next().await else {
        panic!("the segment is told");
    };
    assert_eq!(committed.words.unwrap()[0].start, Some(0.1));
    let error = listening.next().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("an hour is over (session_time_limit_exceeded)"),
        "{error}"
    );
    listening.end().await;
    holding.await.unwrap();
}
