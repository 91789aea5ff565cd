//! Every call of the account, as the platform has to see it: method, path, query, headers and body.

#![allow(clippy::unwrap_used, reason = "a stand-in that breaks fails the test")]

#[macro_use]
mod common;

use std::collections::BTreeMap;

use common::{answering, json_of};
use elevenlabs::{
    ApiError, Cloning, DocumentSource, KnowledgeQuery, NewBatchCall, NewPhoneNumber, OutboundCall,
    PronunciationRule, Recipient, Recording, RegisteredCall, SharedVoicesQuery, SipTrunk,
    SoundEffect, Speech, TokenKind, ToolsQuery, Upload, VoiceSettings,
};
use serde_json::json;

fn file(name: &str, content: &'static str) -> Upload {
    Upload::new(name, content.as_bytes())
}

fn field(name: &str, content: &str) -> (String, Option<String>, String) {
    (name.to_owned(), None, content.to_owned())
}

#[tokio::test]
async fn voices_are_searched_cloned_set_and_deleted() {
    let query = SharedVoicesQuery {
        search: Some("calm".to_owned()),
        language: Some("fr".to_owned()),
        use_cases: vec!["a b".to_owned(), "c".to_owned()],
        page: Some(2),
        ..SharedVoicesQuery::default()
    };
    let shared = json!({"public_owner_id": "o", "voice_id": "v", "name": "Calm", "accent": "x"});
    let page = call!(
        json!({"voices": [shared], "has_more": true}),
        |account| account.voices().search_library(&query),
        "GET /v1/shared-voices?page=2&search=calm&language=fr&use_cases=a+b&use_cases=c"
    );
    assert_eq!(
        (page.items[0].rest["accent"].as_str(), page.next.as_deref()),
        (Some("x"), Some("3"))
    );
    let id = call!(
        json!({"voice_id": "mine"}),
        |account| account.voices().add_shared(&page.items[0], "My calm"),
        "POST /v1/voices/add/o/v",
        json!({"new_name": "My calm"})
    );
    assert_eq!(id, "mine");
    let settings = call!(
        json!({"stability": 0.5, "speed": 1.1, "new": 1}),
        |account| account.voices().settings("v"),
        "GET /v1/voices/v/settings"
    );
    assert_eq!(settings.speed, Some(1.1));
    let settings = VoiceSettings {
        style: Some(0.25),
        ..VoiceSettings::default()
    };
    call!(
        json!({"status": "ok"}),
        |account| account.voices().set_settings("v", &settings),
        "POST /v1/voices/v/settings/edit",
        json!({"style": 0.25})
    );
    call!(
        json!({"status": "ok"}),
        |account| account.voices().delete("v/1"),
        "DELETE /v1/voices/v%2F1"
    );

    let (account, asked) = json_of(json!({"voice_id": "new", "requires_verification": true})).await;
    let cloning = Cloning {
        name: "Ada".to_owned(),
        recordings: vec![file("1.wav", "RIFF1"), file("2.wav", "RIFF2")],
        labels: BTreeMap::from([("accent".to_owned(), "none".to_owned())]),
        remove_background_noise: true,
        ..Cloning::default()
    };
    let cloned = account.voices().clone_instantly(&cloning).await.unwrap();
    assert!(cloned.voice_id == "new" && cloned.requires_verification);
    let asked = asked.await.unwrap();
    assert_eq!(asked.line, "POST /v1/voices/add");
    assert_eq!(
        asked.form(),
        [
            field("name", "Ada"),
            field("labels", r#"{"accent":"none"}"#),
            field("remove_background_noise", "true"),
            (
                "files".to_owned(),
                Some("1.wav".to_owned()),
                "RIFF1".to_owned()
            ),
            (
                "files".to_owned(),
                Some("2.wav".to_owned()),
                "RIFF2".to_owned()
            ),
        ]
    );
}

#[tokio::test]
async fn speech_says_when_each_character_sounds() {
    let piece = json!({"audio_base64": "AAAA", "alignment": {"characters": ["H"], "character_start_times_seconds": [0.0], "character_end_times_seconds": [0.1]}, "normalized_alignment": null});
    let speech = Speech::new("H");
    let timed = call!(
        piece.clone(),
        |account| account.speak_with_timestamps("v", &speech),
        "POST /v1/text-to-speech/v/with-timestamps?output_format=mp3_44100_128",
        json!({"text": "H"})
    );
    assert_eq!(timed.alignment.unwrap().ends, [0.1]);
    let lines = format!("{piece}\n\n{piece}\n{piece}");
    let (account, asked) = answering("200 OK", lines).await;
    let mut body = account
        .speak_streaming_with_timestamps("v", &speech)
        .await
        .unwrap();
    let mut count = 0;
    while let Some(piece) = body.next().await.unwrap() {
        assert_eq!(piece.audio_base64, "AAAA");
        count += 1;
    }
    assert_eq!(count, 3);
    assert_eq!(
        asked.await.unwrap().line,
        "POST /v1/text-to-speech/v/stream/with-timestamps?output_format=mp3_44100_128"
    );
    let (account, _asked) = answering("200 OK", "{\"audio_base64\"\n").await;
    let mut body = account
        .speak_streaming_with_timestamps("v", &speech)
        .await
        .unwrap();
    assert!(matches!(body.next().await, Err(ApiError::Garbled { .. })));
}

#[tokio::test]
async fn sound_effects_are_made() {
    let (account, asked) = answering("200 OK", "sound").await;
    let effect = SoundEffect {
        duration_seconds: Some(2.5),
        loops: true,
        format: Some("pcm_16000".to_owned()),
        ..SoundEffect::new("rain")
    };
    let sound = account
        .sound_effect(&effect)
        .await
        .unwrap()
        .whole(100)
        .await
        .unwrap();
    assert_eq!(&sound[..], b"sound");
    let asked = asked.await.unwrap();
    assert_eq!(
        asked.line,
        "POST /v1/sound-generation?output_format=pcm_16000"
    );
    assert_eq!(
        asked.json(),
        json!({"text": "rain", "duration_seconds": 2.5, "loop": true})
    );
}

#[tokio::test]
async fn recordings_are_written_down_fetched_and_deleted() {
    let (account, asked) =
        json_of(json!({"transcripts": [{"text": "left"}, {"text": "right", "channel_index": 1}]}))
            .await;
    let recording = Recording {
        source_url: Some("https://example.com/a.mp3".to_owned()),
        num_speakers: Some(2),
        use_multi_channel: true,
        temperature: Some(0.5),
        keyterms: vec!["Duologue".to_owned(), "Ada".to_owned()],
        more: vec![("entity_detection".to_owned(), "pii".to_owned())],
        ..Recording::default()
    };
    let transcript = account.transcribe(&recording).await.unwrap();
    assert_eq!(transcript.transcripts[1].rest["channel_index"], 1);
    assert_eq!(
        asked.await.unwrap().form(),
        [
            field("model_id", "scribe_v2"),
            field("num_speakers", "2"),
            field("use_multi_channel", "true"),
            field("temperature", "0.5"),
            field("source_url", "https://example.com/a.mp3"),
            field("keyterms", "Duologue"),
            field("keyterms", "Ada"),
            field("entity_detection", "pii"),
        ]
    );
    let again = call!(
        json!({"text": "x", "audio_duration_secs": 2}),
        |account| account.transcript("t"),
        "GET /v1/speech-to-text/transcripts/t"
    );
    assert_eq!(again.rest["audio_duration_secs"], 2);
    call!(
        json!({}),
        |account| account.delete_transcript("t"),
        "DELETE /v1/speech-to-text/transcripts/t"
    );
}

#[tokio::test]
async fn knowledge_is_taken_in_listed_read_renamed_and_deleted() {
    let made = json!({"id": "d", "name": "n", "folder_path": []});
    let url = DocumentSource::Url("https://example.com".to_owned());
    call!(
        made.clone(),
        |account| account.knowledge().add(&url, None),
        "POST /v1/convai/knowledge-base/url",
        json!({"url": "https://example.com"})
    );
    let text = DocumentSource::Text("We open at nine.".to_owned());
    let document = call!(
        made.clone(),
        |account| account.knowledge().add(&text, Some("hours")),
        "POST /v1/convai/knowledge-base/text",
        json!({"text": "We open at nine.", "name": "hours"})
    );
    assert_eq!(document.rest["folder_path"], json!([]));
    let (account, asked) = json_of(made.clone()).await;
    let source = DocumentSource::File(file("hours.txt", "nine"));
    account
        .knowledge()
        .add(&source, Some("hours"))
        .await
        .unwrap();
    let asked = asked.await.unwrap();
    assert_eq!(asked.line, "POST /v1/convai/knowledge-base/file");
    assert_eq!(
        asked.form()[1],
        (
            "file".to_owned(),
            Some("hours.txt".to_owned()),
            "nine".to_owned()
        )
    );
    let query = KnowledgeQuery {
        types: vec!["url".to_owned(), "file".to_owned()],
        page_size: Some(5),
        ..KnowledgeQuery::default()
    };
    let page = call!(
        json!({"documents": [{"id": "d", "name": "n", "type": "url"}], "has_more": true, "next_cursor": "c"}),
        |account| account.knowledge().list(&query),
        "GET /v1/convai/knowledge-base?page_size=5&types=url&types=file"
    );
    assert_eq!(
        (page.items[0].kind.as_deref(), page.next.as_deref()),
        (Some("url"), Some("c"))
    );
    call!(
        made.clone(),
        |account| account.knowledge().get("d"),
        "GET /v1/convai/knowledge-base/d"
    );
    call!(
        made,
        |account| account.knowledge().rename("d", "m"),
        "PATCH /v1/convai/knowledge-base/d",
        json!({"name": "m"})
    );
    call!(
        json!({}),
        |account| account.knowledge().delete("d", true),
        "DELETE /v1/convai/knowledge-base/d?force=true"
    );
    let (account, asked) = answering("200 OK", "<p>nine</p>").await;
    let content = account
        .knowledge()
        .content("d")
        .await
        .unwrap()
        .whole(100)
        .await
        .unwrap();
    assert_eq!(&content[..], b"<p>nine</p>");
    assert_eq!(
        asked.await.unwrap().line,
        "GET /v1/convai/knowledge-base/d/content"
    );
}

#[tokio::test]
async fn tools_are_made_listed_changed_and_deleted() {
    let config = json!({"type": "client", "name": "t", "description": "d"});
    let made = json!({"id": "tool_1", "tool_config": config, "access_info": {}, "usage_stats": {"total_calls": 3}});
    let tool = call!(
        made.clone(),
        |account| account.tools().create(&config),
        "POST /v1/convai/tools",
        json!({"tool_config": config})
    );
    assert_eq!(
        (
            tool.tool_config["name"].as_str(),
            tool.rest["usage_stats"]["total_calls"].as_u64()
        ),
        (Some("t"), Some(3))
    );
    let query = ToolsQuery {
        types: vec!["client".to_owned()],
        ..ToolsQuery::default()
    };
    let page = call!(
        json!({"tools": [made], "has_more": false, "next_cursor": null}),
        |account| account.tools().list(&query),
        "GET /v1/convai/tools?types=client"
    );
    assert_eq!(page.items.len(), 1);
    call!(
        made.clone(),
        |account| account.tools().get("tool_1"),
        "GET /v1/convai/tools/tool_1"
    );
    call!(
        made.clone(),
        |account| account.tools().update("tool_1", &config),
        "PATCH /v1/convai/tools/tool_1",
        json!({"tool_config": config})
    );
    call!(
        json!({"agents": [{"id": "a"}], "has_more": false}),
        |account| account.tools().agents("tool_1", Some("c")),
        "GET /v1/convai/tools/tool_1/dependent-agents?cursor=c"
    );
    call!(
        json!({}),
        |account| account.tools().delete("tool_1", false),
        "DELETE /v1/convai/tools/tool_1"
    );
}

#[tokio::test]
async fn phone_numbers_are_made_listed_changed_and_forgotten() {
    let twilio = NewPhoneNumber::Twilio {
        phone_number: "+43123".to_owned(),
        label: "desk".to_owned(),
        sid: "AC1".to_owned(),
        token: "hush".to_owned(),
    };
    assert!(!format!("{twilio:?}").contains("hush"));
    let id = call!(
        json!({"phone_number_id": "phnum_1"}),
        |account| account.phone_numbers().create(&twilio),
        "POST /v1/convai/phone-numbers",
        json!({"provider": "twilio", "phone_number": "+43123", "label": "desk", "sid": "AC1", "token": "hush"})
    );
    assert_eq!(id, "phnum_1");
    let trunk = NewPhoneNumber::SipTrunk(Box::new(SipTrunk {
        phone_number: "+43123".to_owned(),
        label: "desk".to_owned(),
        outbound_trunk_config: Some(json!({"address": "sip.example.com", "transport": "tls"})),
        ..SipTrunk::default()
    }));
    call!(
        json!({"phone_number_id": "phnum_2"}),
        |account| account.phone_numbers().create(&trunk),
        "POST /v1/convai/phone-numbers",
        json!({"provider": "sip_trunk", "phone_number": "+43123", "label": "desk", "outbound_trunk_config": {"address": "sip.example.com", "transport": "tls"}})
    );
    let number = json!({"phone_number_id": "phnum_1", "phone_number": "+43123", "label": "desk", "provider": "twilio",
        "assigned_agent": {"agent_id": "a", "agent_name": "A"}, "supports_inbound": true});
    let all = call!(
        json!([number]),
        |account| account.phone_numbers().list(),
        "GET /v1/convai/phone-numbers"
    );
    assert_eq!(all[0].assigned_agent.as_ref().unwrap()["agent_id"], "a");
    assert_eq!(all[0].rest["supports_inbound"], true);
    call!(
        number.clone(),
        |account| account.phone_numbers().get("phnum_1"),
        "GET /v1/convai/phone-numbers/phnum_1"
    );
    let nobody = json!({"agent_id": null});
    call!(
        number,
        |account| account.phone_numbers().update("phnum_1", &nobody),
        "PATCH /v1/convai/phone-numbers/phnum_1",
        json!({"agent_id": null})
    );
    call!(
        json!({}),
        |account| account.phone_numbers().delete("phnum_1"),
        "DELETE /v1/convai/phone-numbers/phnum_1"
    );
}

#[tokio::test]
async fn calls_are_placed_once() {
    let call = OutboundCall {
        agent_id: "a".to_owned(),
        agent_phone_number_id: "phnum_1".to_owned(),
        to_number: "+43123".to_owned(),
        initiation: Some(json!({"dynamic_variables": {"name": "Ada"}})),
        ..OutboundCall::default()
    };
    let sent = json!({"agent_id": "a", "agent_phone_number_id": "phnum_1", "to_number": "+43123",
        "conversation_initiation_client_data": {"dynamic_variables": {"name": "Ada"}}});
    let placed = call!(
        json!({"success": true, "message": "rings", "conversation_id": "conv_1", "callSid": "CA1"}),
        |account| account.call_by_twilio(&call),
        "POST /v1/convai/twilio/outbound-call",
        sent
    );
    assert_eq!(
        (placed.success, placed.call_sid.as_deref()),
        (true, Some("CA1"))
    );
    let placed = call!(
        json!({"success": false, "message": "busy", "conversation_id": null, "sip_call_id": "s"}),
        |account| account.call_by_sip_trunk(&call),
        "POST /v1/convai/sip-trunk/outbound-call",
        sent
    );
    assert_eq!(
        (placed.success, placed.sip_call_id.as_deref()),
        (false, Some("s"))
    );
    let call_ = RegisteredCall {
        agent_id: "a".to_owned(),
        from_number: "+1".to_owned(),
        to_number: "+2".to_owned(),
        ..RegisteredCall::default()
    };
    let (account, asked) = answering("200 OK", "<Response/>").await;
    assert_eq!(
        account.register_twilio_call(&call_).await.unwrap(),
        "<Response/>"
    );
    let asked = asked.await.unwrap();
    assert_eq!(asked.line, "POST /v1/convai/twilio/register-call");
    assert_eq!(
        asked.json(),
        json!({"agent_id": "a", "from_number": "+1", "to_number": "+2"})
    );
    // A server that fails may have placed it. (A second request would find nobody: the stand-in takes one.)
    let (account, asked) = answering("503 Service Unavailable", "{}").await;
    let error = account.call_by_twilio(&call).await.unwrap_err();
    assert!(
        matches!(error, ApiError::Failed { status: 503, .. }),
        "{error:?}"
    );
    asked.await.unwrap();
}

#[tokio::test]
async fn many_calls_are_submitted_followed_cancelled_and_tried_again() {
    let batch = NewBatchCall {
        call_name: "reminders".to_owned(),
        agent_id: "a".to_owned(),
        agent_phone_number_id: Some("phnum_1".to_owned()),
        recipients: vec![Recipient::new("+43123")],
        ..NewBatchCall::default()
    };
    let made = json!({"id": "b", "name": "reminders", "agent_id": "a", "status": "pending", "total_calls_scheduled": 1, "retry_count": 0,
        "recipients": [{"id": "r", "phone_number": "+43123", "status": "voicemail", "created_at_unix": 1}]});
    let submitted = call!(
        made.clone(),
        |account| account.batch_calls().submit(&batch),
        "POST /v1/convai/batch-calling/submit",
        json!({"call_name": "reminders", "agent_id": "a", "agent_phone_number_id": "phnum_1", "scheduled_time_unix": null, "recipients": [{"phone_number": "+43123"}]})
    );
    assert_eq!(submitted.rest["retry_count"], 0);
    let page = call!(
        json!({"batch_calls": [made], "next_doc": "n", "has_more": true}),
        |account| account.batch_calls().list(Some("a"), Some(2), Some("m")),
        "GET /v1/convai/batch-calling/workspace?limit=2&last_doc=m&agent_id=a"
    );
    assert_eq!(page.next.as_deref(), Some("n"));
    let batch = call!(
        made.clone(),
        |account| account.batch_calls().get("b"),
        "GET /v1/convai/batch-calling/b"
    );
    assert_eq!(batch.recipients[0].status.as_deref(), Some("voicemail"));
    call!(
        made.clone(),
        |account| account.batch_calls().cancel("b"),
        "POST /v1/convai/batch-calling/b/cancel",
        json!({})
    );
    call!(
        made,
        |account| account.batch_calls().retry("b"),
        "POST /v1/convai/batch-calling/b/retry",
        json!({})
    );
    call!(
        json!({}),
        |account| account.batch_calls().delete("b"),
        "DELETE /v1/convai/batch-calling/b"
    );
}

#[tokio::test]
async fn conversations_are_read_rated_and_given_files() {
    let record = call!(
        json!({"agent_id": "a", "conversation_id": "c", "status": "done", "has_audio": true, "user_id": "u",
        "transcript": [{"role": "agent", "message": "Hel", "original_message": "Hello", "interrupted": true, "time_in_call_secs": 1, "llm_usage": {}}],
        "metadata": {"call_duration_secs": 7}, "analysis": null}),
        |account| account.conversations().get("c"),
        "GET /v1/convai/conversations/c"
    );
    assert_eq!(
        (
            record.transcript[0].interrupted,
            record.rest["user_id"].as_str()
        ),
        (Some(true), Some("u"))
    );
    assert_eq!(record.metadata["call_duration_secs"], 7);
    call!(
        json!({}),
        |account| account.conversations().rate("c", Some(false)),
        "POST /v1/convai/conversations/c/feedback",
        json!({"feedback": "dislike"})
    );
    call!(
        json!({}),
        |account| account.conversations().rate("c", None),
        "POST /v1/convai/conversations/c/feedback",
        json!({"feedback": null})
    );
    let (account, asked) = json_of(json!({"file_id": "file_1"})).await;
    assert_eq!(
        account
            .conversations()
            .upload("c", &file("a.png", "PNG"))
            .await
            .unwrap(),
        "file_1"
    );
    let asked = asked.await.unwrap();
    assert_eq!(asked.line, "POST /v1/convai/conversations/c/files");
    assert_eq!(
        asked.form(),
        [(
            "file".to_owned(),
            Some("a.png".to_owned()),
            "PNG".to_owned()
        )]
    );
    let (account, asked) = answering("200 OK", "ID3").await;
    let sound = account
        .conversations()
        .audio("c")
        .await
        .unwrap()
        .whole(10)
        .await
        .unwrap();
    assert_eq!(&sound[..], b"ID3");
    assert_eq!(
        asked.await.unwrap().line,
        "GET /v1/convai/conversations/c/audio"
    );
}

#[tokio::test]
async fn words_are_pronounced_as_they_should_be() {
    let rules = [
        PronunciationRule::Alias {
            string_to_replace: "API".to_owned(),
            alias: "ay pee eye".to_owned(),
        },
        PronunciationRule::Phoneme {
            string_to_replace: "Ada".to_owned(),
            phoneme: "ˈeɪdə".to_owned(),
            alphabet: "ipa".to_owned(),
        },
    ];
    let dictionary = call!(
        json!({"id": "p", "name": "mine", "version_id": "v1", "permission_on_resource": "admin"}),
        |account| account.dictionaries().create("mine", &rules),
        "POST /v1/pronunciation-dictionaries/add-from-rules",
        json!({"name": "mine", "rules": [{"type": "alias", "string_to_replace": "API", "alias": "ay pee eye"},
            {"type": "phoneme", "string_to_replace": "Ada", "phoneme": "ˈeɪdə", "alphabet": "ipa"}]})
    );
    assert_eq!(dictionary.version_id.as_deref(), Some("v1"));
    let page = call!(
        json!({"pronunciation_dictionaries": [{"id": "p", "name": "mine", "latest_version_id": "v2"}], "has_more": false}),
        |account| account.dictionaries().list(None),
        "GET /v1/pronunciation-dictionaries"
    );
    assert_eq!(page.items[0].version_id.as_deref(), Some("v2"));
    call!(
        json!({"id": "p"}),
        |account| account.dictionaries().get("p"),
        "GET /v1/pronunciation-dictionaries/p"
    );
    call!(
        json!({"id": "p"}),
        |account| account.dictionaries().add_rules("p", &rules[..1]),
        "POST /v1/pronunciation-dictionaries/p/add-rules",
        json!({"rules": [{"type": "alias", "string_to_replace": "API", "alias": "ay pee eye"}]})
    );
    let words = ["API".to_owned()];
    call!(
        json!({"id": "p"}),
        |account| account.dictionaries().remove_rules("p", &words),
        "POST /v1/pronunciation-dictionaries/p/remove-rules",
        json!({"rule_strings": ["API"]})
    );
    let (account, asked) = json_of(json!({"id": "p"})).await;
    account
        .dictionaries()
        .create_from_file("mine", &file("w.pls", "<lexicon/>"))
        .await
        .unwrap();
    assert_eq!(
        asked.await.unwrap().form()[1],
        (
            "file".to_owned(),
            Some("w.pls".to_owned()),
            "<lexicon/>".to_owned()
        )
    );
}

#[tokio::test]
async fn tokens_for_one_use_do_not_print() {
    let token = call!(
        json!({"token": "hush"}),
        |account| account.single_use_token(TokenKind::RealtimeTranscription),
        "POST /v1/single-use-token/realtime_scribe"
    );
    assert_eq!(
        (token.expose(), format!("{token:?}").as_str()),
        ("hush", "***")
    );
}
