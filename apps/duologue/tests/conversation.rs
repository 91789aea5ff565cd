//! Whole conversations through the binary, from made speech to a recording that our own recogniser understands.

mod common;

use common::{Bench, example};

/// Whether most of the words are there: the recogniser is allowed its mistakes, a missing sentence is none.
#[track_caller]
fn assert_heard(text: &str, words: &str) {
    let wanted: Vec<_> = words.split_whitespace().collect();
    let found = wanted
        .iter()
        .filter(|word| text.split_whitespace().any(|w| w == **word))
        .count();
    assert!(
        found * 4 >= wanted.len() * 3,
        "{found} of {} words of {words:?} in {text:?}",
        wanted.len()
    );
}

#[test]
fn a_recording_made_by_speak_holds_a_conversation_with_an_interruption() {
    let bench = Bench::new();
    let script = example("recorded-caller.txt");
    let made = bench.run(&format!(
        "speak --script {script} --voice rms --output caller.wav"
    ));
    assert_eq!(made.code, 0, "{}", made.err);
    let talked = bench.run(
        "talk --agent assistant --input caller.wav --output agent.wav --record kept --pace fast --json",
    );
    assert_eq!(talked.code, 0, "{}", talked.err);
    let user = talked.texts("user").join(" ");
    assert_heard(&user, "what can you do what time is it goodbye");
    assert!(talked.texts("agent").len() >= 4, "{}", talked.out);
    // The list of what it can do was cut short, and the transcript says where.
    let objects = talked.objects();
    let heard = objects
        .iter()
        .find(|object| object["type"] == "agent_heard")
        .unwrap();
    let (part, whole) = (
        heard["text"].as_str().unwrap(),
        heard["original"].as_str().unwrap(),
    );
    assert!(
        !part.is_empty() && part.len() < whole.len() && whole.starts_with(part),
        "{heard}"
    );
    // Every answer says where its time went, on the sample clock.
    let latencies: Vec<_> = objects
        .iter()
        .filter(|object| object["type"] == "latency")
        .collect();
    assert!(latencies.len() >= 3, "{}", talked.out);
    for latency in latencies {
        assert!(!latency["stages"].as_array().unwrap().is_empty());
        assert!(latency["total_ms"].as_f64().unwrap() < 2_000.0, "{latency}");
    }
    // Both sides of the recording are what was said.
    let recording = bench.kept("kept", "conversation.wav");
    let caller = bench.heard(&recording, "left");
    assert_heard(&caller, "what can you do what time is it");
    let agent = bench.heard(&recording, "right");
    assert_heard(
        &agent,
        "i can explain anything else that makes fifteen goodbye",
    );
    assert!(bench.kept("kept", "journal.jsonl").is_file());
    let transcript = std::fs::read_to_string(bench.kept("kept", "transcript.jsonl")).unwrap();
    assert!(transcript.contains("\"interrupted\":true"), "{transcript}");
    // The agent's own recording is as long as the stereo one.
    assert!(bench.path("agent.wav").is_file());
}

#[test]
fn a_scripted_caller_answers_the_agent_and_interrupts_it() {
    let bench = Bench::new();
    let script = example("caller.txt");
    let talked = bench.run(&format!(
        "talk --caller {script} --output agent.wav --pace fast"
    ));
    assert_eq!(talked.code, 0, "{}", talked.err);
    for part in [
        "user: what can you do",
        "agent (heard): I can",
        "latency, from the end of speech",
        "turn 1",
        "ended after",
    ] {
        assert!(talked.out.contains(part), "no {part:?} in: {}", talked.out);
    }
}

#[test]
fn the_same_recording_gives_the_same_conversation_at_full_speed() {
    let bench = Bench::new();
    let made = bench.run("speak \"What can you do?\" --voice rms --output caller.wav");
    assert_eq!(made.code, 0, "{}", made.err);
    let talk = || {
        let done = bench.run(
            "talk --agent assistant --first-message \"\" --input caller.wav --pace fast --json",
        );
        assert_eq!(done.code, 0, "{}", done.err);
        done.objects()
            .into_iter()
            // Its name is chance, and partial texts come when the recogniser has them.
            .filter(|object| object["type"] != "started" && object["type"] != "user_partial")
            .collect::<Vec<_>>()
    };
    assert_eq!(talk(), talk());
}

#[test]
fn lines_from_a_pipe_are_a_conversation() {
    let bench = Bench::new();
    let done = bench.feed(
        "talk --text --agent assistant",
        b"what is seven times eight\ngoodbye\n",
    );
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.out.contains("user: what is seven times eight"),
        "{}",
        done.out
    );
    assert!(done.out.contains("56"), "{}", done.out);
    assert!(done.out.contains("the agent ended"), "{}", done.out);
}

#[test]
fn an_agent_is_a_file_and_its_texts_have_variables() {
    let bench = Bench::new();
    bench.file(
        "agents/desk.toml",
        "name = \"Desk\"\n[conversation_config.agent]\nfirst_message = \"Hello {{who}}.\"\n",
    );
    bench.file("duologue.toml", "[variables]\nwho = \"Ada\"\n");
    let greeted = |arguments: &str| bench.feed(arguments, b"").out;
    assert!(greeted("talk --text --agent desk").contains("agent: Hello Ada."));
    assert!(
        greeted("talk --text --agent agents/desk.toml --var who=Grace").contains("Hello Grace.")
    );
}

#[test]
fn sound_on_standard_output_is_not_mixed_with_words() {
    let bench = Bench::new();
    bench.run("speak Hello --output caller.wav");
    let mut command = bench.command("talk --input caller.wav --output - --pace fast");
    let output = command.output().unwrap();
    assert!(output.stdout.starts_with(b"RIFF"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("agent: "));
    // What comes out of one pipe goes into another.
    let heard = bench.feed("transcribe - --json", &output.stdout);
    assert_eq!(heard.code, 0, "{}", heard.err);
}

#[test]
fn one_agent_hands_over_to_another() {
    let bench = Bench::new();
    bench.file(
        "agents/front.toml",
        r#"
name = "Front"
[conversation_config.agent]
first_message = "Front desk."
[conversation_config.agent.prompt.built_in_tools.transfer_to_agent]
name = "transfer_to_agent"
[[conversation_config.agent.prompt.built_in_tools.transfer_to_agent.params.transfers]]
agent_id = "sales"
condition = "The caller wants to buy."
enable_transferred_agent_first_message = true
[duologue_script]
start = "menu"
[duologue_script.texts]
repair = ["Sorry?"]
repair_again = "Sorry, I do not follow."
hints = "You can {{hints}}."
[[duologue_script.anywhere]]
said = ["sales [please]"]
visit = "sales"
[[duologue_script.state]]
name = "menu"
hints = ["ask for sales"]
[[duologue_script.state.step]]
listen = ["What is it?"]
[[duologue_script.state]]
name = "sales"
[[duologue_script.state.step]]
call = "transfer_to_agent"
with = { agent_id = "sales" }
"#,
    );
    bench.file(
        "agents/sales.toml",
        "[conversation_config.agent]\nfirst_message = \"This is sales.\"\n[conversation_config.agent.prompt]\nprompt = \"The cheapest bread costs two crowns.\"\n",
    );
    let talked = bench.feed(
        "talk --text --agent front",
        b"sales please\nwhat does the cheapest bread cost\n",
    );
    assert_eq!(talked.code, 0, "{}", talked.err);
    assert!(talked.out.contains("agent: Front desk."), "{}", talked.out);
    assert!(
        talked.out.contains("agent: This is sales."),
        "{}",
        talked.out
    );
    assert!(talked.out.contains("two crowns"), "{}", talked.out);
}
