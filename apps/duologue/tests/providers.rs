//! Providers that an agent or a command names, against a server of our own that speaks OpenAI's speech endpoints.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Bench, web::Web};

const KEY: &str = "sk-made-up-key-1234";

/// Understands everything as "what time is it", unless it is broken, and speaks half a second of everything.
fn server(broken: bool) -> String {
    let web = Web::start(move |asked| {
        if broken {
            return (
                "500 Internal Server Error",
                "text/plain",
                b"out of order".to_vec(),
            );
        }
        if !asked
            .head
            .contains("authorization: bearer sk-made-up-key-1234")
        {
            return ("401 Unauthorized", "text/plain", b"no key".to_vec());
        }
        let has_sound = asked.body.windows(4).any(|four| four == b"RIFF");
        match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", "/v1/audio/transcriptions") if has_sound => (
                "200 OK",
                "application/json",
                br#"{"text":"what time is it"}"#.to_vec(),
            ),
            ("POST", "/v1/audio/speech") => ("200 OK", "audio/pcm", vec![16; 24_000]),
            _ => ("404 Not Found", "text/plain", Vec::new()),
        }
    });
    format!("http://{}/v1", web.address)
}

#[test]
fn speak_and_transcribe_use_the_provider_that_was_named() {
    let bench = Bench::new();
    let url = server(false);
    let environment = [("OPENAI_SPEECH_URL", url.as_str()), ("OPENAI_API_KEY", KEY)];
    let spoken = bench.run_with(
        "speak \"Good morning.\" --output there.wav --provider openai --json",
        &environment,
    );
    assert_eq!(spoken.code, 0, "{}", spoken.err);
    let seconds = spoken.objects().pop().unwrap()["seconds"].as_f64().unwrap();
    assert!((0.4..0.6).contains(&seconds), "{}", spoken.out);
    let here = bench.run("speak \"Good morning to you.\" --output here.wav");
    assert_eq!(here.code, 0, "{}", here.err);
    let heard = bench.run_with(
        "transcribe here.wav --provider openai:whisper-1 --json",
        &environment,
    );
    assert_eq!(heard.code, 0, "{}", heard.err);
    assert_eq!(heard.texts("transcript"), ["what time is it"]);
}

#[test]
fn the_next_provider_takes_over_and_alone_it_says_what_is_wrong() {
    let bench = Bench::new();
    let url = server(true);
    let environment = [("OPENAI_SPEECH_URL", url.as_str()), ("OPENAI_API_KEY", KEY)];
    let command = "speak \"what time is it\" --voice rms --output hello.wav --provider openai";
    bench
        .run_with(command, &environment)
        .failed(1, &["out of order"]);
    let spoken = bench.run_with(&format!("{command} --provider embedded"), &environment);
    assert_eq!(spoken.code, 0, "{}", spoken.err);
    let heard = bench.run_with(
        "transcribe hello.wav --provider openai --provider embedded --json",
        &environment,
    );
    assert_eq!(
        heard.texts("transcript"),
        ["what time is it"],
        "{}",
        heard.err
    );
    assert!(!format!("{}{}", heard.out, heard.err).contains(KEY));
}

/// The same behind a certificate that a house has signed itself.
#[tokio::test(flavor = "multi_thread")]
async fn an_authority_of_ones_own_is_trusted_for_providers_once_it_is_named() {
    let bench = Bench::new();
    let issuer = certificates::Issuer::new();
    let plain = server(false);
    let behind = plain.trim_start_matches("http://").trim_end_matches("/v1");
    let port = certificates::secured(issuer.issue(), Some(behind.to_owned())).await;
    let url = format!("https://localhost:{port}/v1");
    let environment = [("OPENAI_SPEECH_URL", url.as_str()), ("OPENAI_API_KEY", KEY)];
    let command = "speak \"Good morning.\" --output there.wav --provider openai";
    bench
        .run_with(command, &environment)
        .failed(1, &["certificate", "DUOLOGUE_CA_FILE"]);
    bench.file("house.pem", issuer.pem());
    let spoken = bench.run_with(&format!("{command} --ca house.pem"), &environment);
    assert_eq!(spoken.code, 0, "{}", spoken.err);
    let both = [
        environment[0],
        environment[1],
        ("SSL_CERT_FILE", "house.pem"),
    ];
    let spoken = bench.run_with(command, &both);
    assert_eq!(spoken.code, 0, "{}", spoken.err);
}

#[test]
fn what_a_provider_lacks_is_named() {
    let bench = Bench::new();
    let run = |name: &str| bench.run(&format!("speak Hi --output hi.wav --provider {name}"));
    run("elevenlabs").failed(1, &["ELEVENLABS_API_KEY"]);
    run("telex").failed(1, &["telex", "elevenlabs"]);
}

#[test]
fn an_agent_hears_with_what_it_names_and_goes_on_when_that_fails() {
    let bench = Bench::new();
    let agent = bench.run("agents show assistant").out;
    let agent =
        format!("{agent}\n[duologue_providers]\nasr = [\"openai:whisper-1\", \"embedded\"]\n");
    bench.file("mine.toml", agent);
    let made = bench.run("speak \"what can you do\" --voice rms --output caller.wav");
    assert_eq!(made.code, 0, "{}", made.err);
    for (broken, wanted) in [(false, "time"), (true, "do")] {
        let url = server(broken);
        let environment = [("OPENAI_SPEECH_URL", url.as_str()), ("OPENAI_API_KEY", KEY)];
        let talked = bench.run_with(
            "talk --agent mine.toml --input caller.wav --output agent.wav --pace fast --llm scripted --json",
            &environment,
        );
        assert_eq!(talked.code, 0, "{}", talked.err);
        let user = talked.texts("user").join(" ");
        assert!(
            user.contains(wanted),
            "{user:?}: {}{}",
            talked.out,
            talked.err
        );
        assert!(talked.texts("agent").len() >= 2, "{}", talked.out);
    }
}

#[test]
fn an_agent_whose_voice_fails_says_so_with_the_embedded_one_and_goes_on() {
    let bench = Bench::new();
    let url = server(true);
    let environment = [("OPENAI_SPEECH_URL", url.as_str()), ("OPENAI_API_KEY", KEY)];
    let agent = bench.run("agents show assistant").out;
    let talk = |more: &str| {
        bench.file(
            "mine.toml",
            format!("{agent}\n[duologue_providers]\ntts = \"openai:tts-1\"\n{more}"),
        );
        bench.file("caller.txt", "what time is it");
        bench.run_with(
            "talk --agent mine.toml --caller caller.txt --caller-voice rms --output agent.wav --pace fast --llm scripted --json",
            &environment,
        )
    };
    let talked = talk("");
    assert_eq!(talked.code, 0, "{}", talked.err);
    assert!(talked.texts("agent").len() >= 2, "{}", talked.out);
    let heard = bench.heard(&bench.path("agent.wav"), "left");
    assert_eq!(heard.matches("voice has failed").count(), 1, "{heard}");
    let alone = talk("last_voice = false\n");
    assert_ne!(alone.code, 0, "{}", alone.out);
    assert!(alone.err.contains("out of order"), "{}", alone.err);
}
