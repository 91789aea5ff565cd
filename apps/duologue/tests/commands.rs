//! The commands around a conversation, and the settings they share.

mod common;

use common::Bench;

#[test]
fn every_value_says_where_it_came_from_and_secrets_stay_secret() {
    let bench = Bench::new();
    bench.file("duologue.toml", "voice = \"awb\"\nllm = \"from-file\"\n");
    bench.file(".env", "DUOLOGUE_LLM=scripted\nOPENAI_API_KEY=sk-hidden\n");
    let done = bench.run_with("doctor --json", &[("LOG_FORMAT", "json")]);
    let setting = |name: &str| {
        let found = done
            .objects()
            .into_iter()
            .find(|o| o["type"] == "setting" && o["name"] == name)
            .unwrap();
        format!("{} from {}", found["value"], found["origin"])
    };
    assert_eq!(setting("DUOLOGUE_VOICE"), "\"awb\" from \"duologue.toml\"");
    assert_eq!(setting("DUOLOGUE_LLM"), "\"scripted\" from \".env\"");
    assert_eq!(setting("OPENAI_API_KEY"), "\"***\" from \".env\"");
    assert_eq!(
        setting("LOG_FORMAT"),
        "\"json\" from \"environment, LOG_FORMAT\""
    );
    assert!(!done.out.contains("sk-hidden"));
}

#[test]
fn the_doctor_notices_swapped_keys() {
    let bench = Bench::new();
    let done = bench.run_with("doctor", &[("ELEVENLABS_API_KEY", "sk-proj-abc")]);
    assert_eq!(done.code, 1);
    assert!(
        done.out.contains("looks like a key of OpenAI"),
        "{}",
        done.out
    );
    assert!(!done.out.contains("abc"), "{}", done.out);
}

#[test]
fn the_doctor_is_content_with_a_machine_that_has_everything() {
    let done = Bench::new().run("doctor");
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.out.contains("Everything is ready"), "{}", done.out);
}

#[test]
fn a_flag_wins_over_a_setting_and_the_choice_is_printed() {
    let bench = Bench::new();
    let llm = |arguments: &str| {
        let done = bench.run_with(arguments, &[("DUOLOGUE_LLM", "some-model")]);
        let line = done.out.lines().find(|l| l.starts_with("llm: "));
        line.unwrap_or_default().to_owned()
    };
    assert!(llm("talk --text").starts_with("llm: some-model at "));
    assert_eq!(
        llm("talk --text --llm scripted"),
        "llm: scripted (flag --llm)"
    );
}

#[test]
fn wrong_calls_end_with_two_and_say_what_is_right() {
    let bench = Bench::new();
    bench.run("talk --wrong").failed(2, &["error: ", "--wrong"]);
    bench
        .run("talk --device-in no-such-microphone")
        .failed(1, &["type instead: duologue talk --text"]);
    bench
        .run("talk --text --brain openai")
        .failed(2, &["--llm"]);
    bench
        .run("talk --text --voice nobody")
        .failed(2, &["slt, rms"]);
    bench
        .run("talk --text --var name")
        .failed(2, &["name=value"]);
    bench
        .run("talk --text --agent nobody")
        .failed(1, &["assistant, receptionist"]);
    let machine = bench.run("talk --json --text --voice nobody");
    assert_eq!(machine.objects()[0]["type"], "error");
    assert_eq!(machine.code, 2);
}

#[test]
fn every_command_has_help_with_an_example() {
    let bench = Bench::new();
    for command in [
        "",
        "talk",
        "speak",
        "transcribe",
        "voices",
        "devices",
        "doctor",
        "agents list",
        "agents show",
        "agents check",
    ] {
        let done = bench.run(&format!("{command} --help"));
        assert_eq!(done.code, 0, "{command}");
        assert!(done.out.contains("Example"), "{command}: {}", done.out);
    }
}

#[test]
fn voices_and_agents_are_listed() {
    let bench = Bench::new();
    let voices = bench.run("voices --json").objects();
    assert!(
        voices
            .iter()
            .any(|v| v["id"] == "slt" && v["default"] == true)
    );
    assert!(bench.run("voices scottish").out.starts_with("awb"));
    bench.file("agents/mine.toml", "name = \"Mine\"\n");
    let agents = bench.run("agents list").out;
    for id in ["assistant", "receptionist", "mine"] {
        assert!(agents.contains(id), "{agents}");
    }
    let shown = bench.run("agents show receptionist").out;
    bench.file("copy.toml", shown);
    assert_eq!(bench.run("agents check copy.toml").code, 0);
}

#[test]
fn a_script_is_spoken_at_its_times() {
    let bench = Bench::new();
    bench.file("script.txt", "at 1s: hello\nwait 2s: goodbye\n");
    let done = bench.run("speak --script script.txt --output said.wav --json");
    assert_eq!(done.code, 0, "{}", done.err);
    let lines: Vec<_> = done
        .objects()
        .into_iter()
        .filter(|o| o["type"] == "line")
        .map(|o| (o["start"].as_f64().unwrap(), o["end"].as_f64().unwrap()))
        .collect();
    assert!((lines[0].0 - 1.0).abs() < 0.001);
    assert!((lines[1].0 - lines[0].1 - 2.0).abs() < 0.001);
    bench.file("early.txt", "at 1s: hello there\nat 1.1s: goodbye\n");
    bench
        .run("speak --script early.txt --output said.wav")
        .failed(2, &["line 2", "too early"]);
    bench.file("live.txt", "after 1s: hello\n");
    bench
        .run("speak --script live.txt --output said.wav")
        .failed(2, &["live.txt:1", "--caller"]);
}
