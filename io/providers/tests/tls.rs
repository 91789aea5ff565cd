//! Vendors behind certificates that a house has signed itself: trusted once its authority is named, over HTTP and sockets.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use certificates::{Issuer, secured};
use common::{
    KEY, hear,
    http::{Answer, SSE, Server as HttpServer},
    speak, speech,
    ws::{Connection, Fault, Server as WebSocketServer},
};
use futures_util::StreamExt;
use providers::{
    ApiKey, ProviderError,
    assemblyai::{self, AssemblyAi},
    elevenlabs::{self, Scribe, StreamInput},
    http::Authorities,
    llm::{Event, Llm, Request},
    openai::{
        ChatCompletions, Settings, Speech, SpeechSettings, TranscriptionSettings, Transcriptions,
        models,
    },
    outbound::{AllowedHosts, Outbound},
};
use reqwest::{Method, Url};
use serde_json::{Value, json};

/// A house that signs for itself: the address of what stands `behind`, and those who trust it.
async fn house(behind: &str) -> (String, Authorities) {
    let issuer = Issuer::new();
    let behind = behind.trim_start_matches("http://").to_owned();
    let port = secured(issuer.issue(), Some(behind)).await;
    let trusting = Authorities::public().and_pem(issuer.pem().as_bytes());
    (format!("https://localhost:{port}"), trusting.unwrap())
}

/// Nobody could be asked, and it is said what to do about it.
fn untrusted(error: &ProviderError) {
    assert!(
        matches!(error, ProviderError::Unreachable { .. }),
        "{error:?}"
    );
    let words = error.to_string();
    assert!(words.contains("DUOLOGUE_CA_FILE"), "{words}");
    assert!(words.contains("certificate"), "{words}");
}

#[tokio::test]
async fn an_llm_is_trusted_once_its_authority_is_named() {
    let delta = json!({"choices": [{"delta": {"content": "Good day."}}]});
    let pieces = vec![SSE.to_owned(), format!("data: {delta}\n\ndata: [DONE]\n\n")];
    let server = HttpServer::start(vec![Answer::close(pieces)]).await;
    let (base_url, trusting) = house(&server.url).await;
    let reply = async |authorities| {
        let settings = Settings {
            base_url: base_url.clone(),
            authorities,
            ..Settings::default()
        };
        let llm = ChatCompletions::new(settings).unwrap();
        let mut generation = llm.generate(Request::default());
        let mut events = Vec::new();
        while let Some(event) = generation.recv().await {
            events.push(event);
        }
        events
    };
    let said = reply(trusting).await;
    assert!(
        said.iter()
            .any(|event| matches!(event, Ok(Event::Text(text)) if text == "Good day.")),
        "{said:?}"
    );
    let refused = reply(Authorities::public()).await;
    untrusted(refused[0].as_ref().unwrap_err());
}

#[tokio::test]
async fn a_list_of_models_is_trusted_once_its_authority_is_named() {
    let list = br#"{"data": [{"id": "small"}]}"#;
    let server = HttpServer::start(vec![Answer::body("200 OK", "application/json", list)]).await;
    let (url, trusting) = house(&server.url).await;
    let patience = Duration::from_secs(5);
    assert_eq!(
        models(&url, None, patience, &trusting).await.unwrap(),
        ["small"]
    );
    let refused = models(&url, None, patience, &Authorities::public()).await;
    untrusted(&refused.unwrap_err());
}

#[tokio::test]
async fn ears_and_voices_over_http_are_trusted_once_their_authority_is_named() {
    let server = HttpServer::with(|asked| match asked.line.split(' ').nth(1) {
        Some("/audio/transcriptions") => {
            Answer::body("200 OK", "application/json", br#"{"text": "good day"}"#)
        }
        _ => Answer::body("200 OK", "audio/pcm", &[1; 4_800]),
    })
    .await;
    let (url, trusting) = house(&server.url).await;
    for (authorities, trusted) in [(trusting, true), (Authorities::public(), false)] {
        let ears = Transcriptions::new(TranscriptionSettings {
            base_url: url.clone(),
            model: "whisper-1".to_owned(),
            authorities: authorities.clone(),
            ..TranscriptionSettings::default()
        });
        let heard = hear(&ears.unwrap(), &speech()).await;
        let voice = Speech::new(SpeechSettings {
            base_url: url.clone(),
            authorities,
            ..SpeechSettings::default()
        });
        let (samples, error) = speak(&voice.unwrap(), "Good day.").await;
        if trusted {
            assert_eq!(heard.unwrap(), "good day");
            assert!(samples > 0 && error.is_none(), "{samples}, {error:?}");
        } else {
            untrusted(&heard.unwrap_err());
            untrusted(&error.unwrap());
        }
    }
}

/// Hears "good day" and speaks a tenth of a second, in the words of each vendor.
async fn vendor(mut connection: Connection) {
    connection.check_header(
        match connection.path.as_str() {
            "/v3/ws" => "authorization",
            _ => "xi-api-key",
        },
        Some(KEY),
    );
    let path = connection.path.clone();
    let begin = match path.as_str() {
        "/v3/ws" => json!({"type": "Begin", "id": "s1", "expires_at": 1_790_010_800}),
        "/v1/speech-to-text/realtime" => {
            json!({"message_type": "session_started", "session_id": "s1", "config": {}})
        }
        _ => json!({}),
    };
    if begin != json!({}) {
        connection.say(&begin).await;
    }
    while let Some(Ok(message)) = connection.stream.next().await {
        let Ok(text) = message.to_text() else {
            continue;
        };
        let asked: Value = serde_json::from_str(text).unwrap_or_default();
        let answer = match path.as_str() {
            "/v3/ws" if asked["type"] == "ForceEndpoint" => json!({
                "type": "Turn", "turn_order": 0, "turn_is_formatted": false, "end_of_turn": true,
                "transcript": "good day", "end_of_turn_confidence": 1.0, "words": []}),
            "/v1/speech-to-text/realtime" if asked["commit"] == true => {
                json!({"message_type": "committed_transcript", "text": "good day"})
            }
            _ if asked["text"] == "" => {
                let sound = STANDARD.encode(vec![1; 3_200]);
                json!({"audio": sound, "isFinal": true})
            }
            _ => continue,
        };
        connection.say(&answer).await;
    }
}

#[tokio::test]
async fn ears_and_voices_over_sockets_are_trusted_once_their_authority_is_named() {
    let server = WebSocketServer::start(Fault::None, vendor).await;
    let (url, trusting) = house(&server.url).await;
    for (authorities, trusted) in [(trusting, true), (Authorities::public(), false)] {
        let assemblyai = AssemblyAi::new(assemblyai::Settings {
            base_url: url.clone(),
            authorities: authorities.clone(),
            ..assemblyai::Settings::new(ApiKey::new(KEY))
        });
        let settings = elevenlabs::Settings {
            base_url: url.clone(),
            authorities,
            ..elevenlabs::Settings::new(ApiKey::new(KEY))
        };
        let scribe = Scribe::new(settings.clone());
        let heard = [
            hear(&assemblyai.unwrap(), &speech()).await,
            hear(&scribe.unwrap(), &speech()).await,
        ];
        let voice = StreamInput::new(settings);
        let (samples, error) = speak(&voice.unwrap(), "Good day.").await;
        for heard in heard {
            if trusted {
                assert_eq!(heard.unwrap(), "good day");
            } else {
                untrusted(&heard.unwrap_err());
            }
        }
        if trusted {
            assert!(samples > 0 && error.is_none(), "{samples}, {error:?}");
        } else {
            untrusted(&error.unwrap());
        }
    }
    server.notes.verdict();
}

#[tokio::test]
async fn tools_and_documents_are_trusted_once_their_authority_is_named() {
    let server = HttpServer::start(vec![Answer::body("200 OK", "text/plain", b"open")]).await;
    let (url, trusting) = house(&server.url).await;
    let url = Url::parse(&url).unwrap();
    let ask = async |authorities| {
        let outbound = Outbound::trusting(AllowedHosts::everything(), authorities).unwrap();
        let request = outbound.request(Method::GET, url.clone());
        outbound.send(request.build().unwrap(), 1_000).await
    };
    assert_eq!(ask(trusting).await.unwrap().body, b"open");
    let refused = ask(Authorities::public()).await.unwrap_err().to_string();
    assert!(refused.contains("DUOLOGUE_CA_FILE"), "{refused}");
}
