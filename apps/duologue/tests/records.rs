//! What is done with conversations that were kept: looked at, taken along, held again with other parts, and forgotten.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Bench, Done, thinker, web::Web};

const KEY: &str = "sk-made-up-key-1234";
const TALK: &str = "talk --agent assistant --caller caller.txt --caller-voice rms --output agent.wav --pace fast --json";

/// A bench where one spoken conversation with the assistant is kept, and its id.
fn kept() -> (Bench, String) {
    let bench = Bench::new();
    bench.file("caller.txt", "what time is it\ngoodbye\n");
    let done = bench.run(TALK);
    let id = conversation(&done);
    (bench, id)
}

fn conversation(done: &Done) -> String {
    assert_eq!(done.code, 0, "{}\n{}", done.out, done.err);
    let objects = done.objects();
    let ready = objects
        .iter()
        .find_map(|object| object["conversation_id"].as_str());
    ready.unwrap().to_owned()
}

fn ids(bench: &Bench, arguments: &str) -> Vec<String> {
    let done = bench.run(&format!("conversations list --json {arguments}"));
    assert_eq!(done.code, 0, "{}", done.err);
    let id = |object: &serde_json::Value| object["conversation_id"].as_str().unwrap().to_owned();
    done.objects().iter().map(id).collect()
}

#[test]
fn a_conversation_is_found_shown_taken_along_and_forgotten() {
    let (bench, id) = kept();
    assert_eq!(ids(&bench, ""), [id.as_str()]);
    assert_eq!(
        ids(&bench, "--with assistant --search \"TIME is\""),
        [id.as_str()]
    );
    for other in [
        "--with receptionist",
        "--search teapot",
        "--user-id nobody",
        "--result success",
    ] {
        assert_eq!(ids(&bench, other), [""; 0], "{other}");
    }
    let shown = bench.run(&format!("conversations show {id}"));
    assert!(shown.out.contains("user: what time is it"), "{}", shown.out);

    let audio = bench.run(&format!("conversations audio {id} --output call.wav"));
    assert_eq!(audio.code, 0, "{}", audio.err);
    assert!(
        bench
            .heard(&bench.path("call.wav"), "left")
            .contains("what time is it")
    );
    assert!(
        bench
            .heard(&bench.path("call.wav"), "right")
            .contains("goodbye")
    );

    let exported = bench
        .run("conversations export --output all.jsonl --json")
        .objects();
    assert_eq!(exported[0]["conversations"], 1, "{exported:?}");
    let line = std::fs::read_to_string(bench.path("all.jsonl")).unwrap();
    let shown = bench.run(&format!("conversations show {id} --json")).out;
    assert_eq!(line, shown);
    assert_eq!(bench.run("conversations export").out, shown);

    let recording = line.parse::<serde_json::Value>().unwrap();
    assert_eq!(recording["conversation_id"], *id);
    assert_eq!(bench.run(&format!("conversations delete {id}")).code, 0);
    assert_eq!(ids(&bench, ""), [""; 0]);
    for command in ["show", "replay", "delete"] {
        bench
            .run(&format!("conversations {command} {id}"))
            .failed(1, &[&id, "conversations list"]);
    }
}

#[test]
fn a_journal_gives_the_same_decisions_and_a_change_in_it_is_found() {
    let (bench, id) = kept();
    let replay = || {
        bench
            .run(&format!("conversations replay {id} --json"))
            .objects()
            .pop()
            .unwrap()
    };
    let same = replay();
    assert!(
        same["inputs"].as_u64().unwrap() > 100 && same["decisions"].as_u64().unwrap() > 10,
        "{same}"
    );
    assert_eq!(same["difference"], serde_json::Value::Null);

    // As if the machine of that day had listened from another sample on.
    let shown = bench.run(&format!("conversations show {id}")).out;
    let mut lines = shown.lines();
    let journal = lines
        .find_map(|line| line.strip_prefix("journal   "))
        .unwrap();
    let text = std::fs::read_to_string(journal).unwrap();
    let (decided, otherwise) = ("\"open_utterance\":[1,", "\"open_utterance\":[1,1");
    std::fs::write(journal, text.replacen(decided, otherwise, 1)).unwrap();
    let other = replay();
    let line = text
        .lines()
        .position(|line| line.contains(decided))
        .unwrap()
        + 1;
    assert_eq!(other["difference"]["line"], line, "{other}");
    assert_ne!(
        other["difference"]["then"], other["difference"]["now"],
        "{other}"
    );

    // Cut off by a crash: the rest is replayed.
    std::fs::write(journal, &text[..text.len() - 7]).unwrap();
    let rest = replay();
    assert_eq!(
        (&rest["cut_off"], &rest["difference"]),
        (&true.into(), &serde_json::Value::Null)
    );
    std::fs::write(journal, "no journal at all").unwrap();
    bench
        .run(&format!("conversations replay {id}"))
        .failed(1, &["cannot be replayed"]);
}

#[test]
fn the_same_caller_speaks_to_another_agent_llm_recogniser_and_voice() {
    let (bench, id) = kept();
    let again = |arguments: &str, environment: &[(&str, &str)]| {
        let done = bench.run_with(
            &format!("conversations replay {id} {arguments} --json"),
            environment,
        );
        assert_ne!(conversation(&done), id, "a conversation of its own");
        done
    };

    let other = again("--agent receptionist", &[]);
    assert_eq!(other.texts("user")[0], "what time is it", "{}", other.out);
    assert_ne!(other.texts("agent")[0], bench.run(TALK).texts("agent")[0]);

    let llm = thinker::start();
    let other = again(&format!("--llm http://{}/v1#tiny", llm.address), &[]);
    assert!(
        other.texts("agent")[1].starts_with("I am told: date"),
        "{}",
        other.out
    );
    assert_eq!(thinker::thoughts(&llm)[0]["model"], "tiny");

    let speech = speech();
    let url = format!("http://{}/v1", speech.address);
    let environment = [
        ("OPENAI_SPEECH_URL", url.as_str()),
        ("OPENAI_API_KEY", KEY),
        ("DUOLOGUE_LLM", "scripted"),
    ];
    let other = again("--asr openai:whisper-1", &environment);
    assert_eq!(
        other.texts("user")[0],
        "what is twelve plus three",
        "{}",
        other.out
    );
    let other = again("--tts openai --output other.wav", &environment);
    assert_eq!(other.texts("user")[0], "what time is it", "{}", other.out);
    let asked = |path: &str| {
        speech
            .asked()
            .iter()
            .filter(|asked| asked.path == path)
            .count()
    };
    assert!(asked("/v1/audio/transcriptions") > 0 && asked("/v1/audio/speech") > 1);
    assert_eq!(
        bench.heard(&bench.path("other.wav"), "left"),
        "",
        "a hum, not our voice"
    );
    assert_eq!(ids(&bench, "").len(), 6);

    let (refused, wanted) = (
        bench.run(&format!("conversations replay {id} --asr telex")),
        ["telex", "assemblyai"],
    );
    refused.failed(1, &wanted);
}

#[test]
fn a_caller_who_typed_has_no_sound_to_speak_again() {
    let bench = Bench::new();
    let id = conversation(&bench.feed("talk --text --json", b"hello\n"));
    for command in [
        format!("audio {id} --output call.wav"),
        format!("replay {id} --agent receptionist"),
    ] {
        bench
            .run(&format!("conversations {command}"))
            .failed(1, &["no sound was kept"]);
    }
    assert!(!bench.path("call.wav").exists());
}

#[test]
fn an_agent_with_an_llm_of_its_own_answers_with_the_one_that_the_caller_names() {
    let bench = Bench::new();
    let llm = thinker::start();
    bench.file(
        "desk.toml",
        "name = \"Desk\"\n[conversation_config.agent.prompt]\nprompt = \"You serve a shop.\"\nllm = \"custom-llm\"\n\
         [conversation_config.agent.prompt.custom_llm]\nurl = \"http://127.0.0.1:9/v1\"\nmodel_id = \"away\"\n",
    );
    let command = format!(
        "talk --text --agent ./desk.toml --json --llm http://{}/v1#tiny",
        llm.address
    );
    let done = bench.feed(&command, b"hello there\n");
    assert!(
        done.texts("agent")
            .concat()
            .contains("I can look things up"),
        "{}",
        done.out
    );
}

/// Hears the same in everything, and hums instead of speaking.
fn speech() -> Web {
    Web::start(|asked| match asked.path.as_str() {
        "/v1/audio/transcriptions" => {
            let text = br#"{"text":"what is twelve plus three"}"#;
            ("200 OK", "application/json", text.to_vec())
        }
        "/v1/audio/speech" => ("200 OK", "audio/pcm", vec![1; 24_000]),
        _ => ("404 Not Found", "text/plain", Vec::new()),
    })
}
