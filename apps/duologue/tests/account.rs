//! An account, as `init`, `doctor`, `agents pull` and `push` and `talk` see it: our own server in its place.

#![allow(clippy::unwrap_used, reason = "what breaks fails the test")]

mod common;

use std::process::{Command, Stdio};

use common::{
    Bench,
    server::{KEY, Server},
};
use serde_json::Value;

/// An agent that is not on the client's machine.
const DESK: &str = r#"# The desk.
name = "Desk"

[conversation_config.agent]
first_message = "Hello {{name}}, this is the desk."
language = "en"

[conversation_config.agent.prompt]
prompt = "We open at nine."
tools = []

[conversation_config.tts]
speed = 1.0
"#;

fn states(done: &common::Done) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    done.objects()
        .iter()
        .filter(|object| object["type"] == "agent")
        .map(|object| (text(&object["file"]), text(&object["state"])))
        .collect()
}

#[test]
fn init_keeps_the_key_and_the_agent_and_then_a_conversation_needs_nothing_else() {
    let server = Server::new(&[("desk", DESK)]);
    let bench = Bench::new();
    bench.file(
        ".env",
        format!("# mine\nELEVENLABS_BASE_URL={}\n", server.url),
    );
    let done = bench.feed(
        "--json init --agent desk --no-microphone",
        format!("{KEY}\n").as_bytes(),
    );
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(!done.out.contains(KEY) && !done.err.contains(KEY));
    let kept = std::fs::read_to_string(bench.path(".env")).unwrap();
    assert!(
        kept.starts_with("# mine\n")
            && kept.ends_with("ELEVENLABS_API_KEY=dk_right\nAGENT_ID=desk\n"),
        "{kept}"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(bench.path(".env"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // What the agent needs is found before anything begins, and said how it is given.
    bench
        .feed("talk --text", b"")
        .failed(1, &["name", "--var name=", "[variables]"]);
    let done = bench.feed("--json talk --text --var name=Ada", b"When do you open?\n");
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert_eq!(done.texts("agent")[0], "Hello Ada, this is the desk.");
    bench.file("duologue.toml", "[variables]\nname = \"Bo\"\n");
    let done = bench.feed("--json talk --text", b"When do you open?\n");
    assert_eq!(
        done.texts("agent")[0],
        "Hello Bo, this is the desk.",
        "{}",
        done.err
    );
}

#[test]
fn init_says_what_is_missing() {
    let server = Server::new(&[("desk", DESK)]);
    let bench = Bench::new();
    bench.feed("init --no-microphone", b"").failed(
        2,
        &[
            "there is no key",
            "Settings, API keys",
            "without an account",
        ],
    );
    bench
        .feed("init --no-microphone", b"sk-openai\n")
        .failed(2, &["OpenAI"]);
    bench.file(".env", format!("ELEVENLABS_BASE_URL={}\n", server.url));
    bench
        .feed("init --no-microphone", b"dk_wrong\n")
        .failed(1, &["the key was not taken"]);
    // Several agents, and nobody to ask.
    bench
        .feed("init --no-microphone", b"dk_right\n")
        .failed(2, &["several", "--agent"]);
    bench
        .feed("init --agent nobody --no-microphone", b"dk_right\n")
        .failed(2, &["no agent nobody", "desk"]);
    let kept = std::fs::read_to_string(bench.path(".env")).unwrap();
    assert!(!kept.contains("dk_"), "{kept}");
}

#[test]
fn doctor_looks_at_the_key_the_agent_and_its_formats() {
    let server = Server::new(&[("desk", DESK)]);
    let bench = Bench::new();
    let mut environment = server.environment().to_vec();
    environment.push(("AGENT_ID", "desk"));
    let found = |done: &common::Done, name: &str| -> Vec<(String, String)> {
        done.objects()
            .iter()
            .filter(|object| object["type"] == "finding" && object["name"] == name)
            .map(|object| {
                let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
                (text("state"), format!("{} {}", text("says"), text("fix")))
            })
            .collect()
    };
    let done = bench.run_with("--json doctor", &environment);
    assert_eq!(found(&done, "key")[0].0, "ok", "{}", done.out);
    let formats = &found(&done, "formats")[0];
    assert!(
        formats.0 == "ok" && formats.1.contains("hears pcm_16000, speaks pcm_16000"),
        "{formats:?}"
    );
    let agent = found(&done, "agent");
    assert!(agent[0].1.contains("Desk (desk)"), "{agent:?}");
    assert!(agent[1].1.contains("--var name=…"), "{agent:?}");
    // Wrong, swapped and look-alike keys.
    for (key, words) in [
        ("dk_wrong", "refused"),
        ("sk-x", "OpenAI"),
        ("agent_1", "agent's id"),
        ("sk_\u{430}bc", "look-alike"),
        ("sk_...1234", "placeholder"),
        ("https://x", "address"),
    ] {
        environment[1].1 = key;
        let done = bench.run_with("--json doctor", &environment);
        assert_eq!(done.code, 1, "{key}");
        assert!(done.out.contains(words), "{key}: {}", done.out);
    }
    environment[1].1 = KEY;
    environment[2].1 = "agent_nobody";
    let done = bench.run_with("--json doctor", &environment);
    assert_eq!(found(&done, "agent")[0].0, "missing", "{}", done.out);
}

#[test]
fn agents_go_to_the_account_and_back_and_no_change_is_lost() {
    let server = Server::new(&[]);
    let environment = server.environment();
    let (one, other) = (Bench::new(), Bench::new());
    let run = |bench: &Bench, arguments: &str| {
        bench.run_with(&format!("--json {arguments}"), &environment)
    };
    one.file("agents/desk.toml", DESK);
    let created = run(&one, "agents push agents/desk.toml");
    assert_eq!(created.code, 0, "{}{}", created.out, created.err);
    assert_eq!(states(&created)[0].1, "created");
    let id = created.objects()[0]["agent_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let file = std::fs::read_to_string(one.path("agents/desk.toml")).unwrap();
    assert!(
        file.starts_with(DESK.trim_end()) && file.contains(&id),
        "{file}"
    );
    assert_eq!(states(&run(&one, "agents push"))[0].1, "unchanged");

    // Elsewhere it is pulled, is a good file, and is the same agent.
    let pulled = run(&other, &format!("agents pull {id}"));
    assert_eq!(pulled.code, 0, "{}{}", pulled.out, pulled.err);
    assert_eq!(
        states(&pulled),
        [("agents/desk.toml".to_owned(), "pulled".to_owned())]
    );
    assert_eq!(run(&other, "agents check agents/desk.toml").code, 0);
    assert_eq!(states(&run(&other, "agents push"))[0].1, "unchanged");

    // A change here goes there and on to the other side.
    let change = |bench: &Bench, from: &str, to: &str| {
        let text = std::fs::read_to_string(bench.path("agents/desk.toml")).unwrap();
        assert!(text.contains(from), "{text}");
        bench.file("agents/desk.toml", text.replace(from, to));
    };
    change(&one, "We open at nine.", "We open at ten.");
    assert_eq!(
        states(&run(&one, &format!("agents pull {id}")))[0].1,
        "changed here"
    );
    assert_eq!(states(&run(&one, "agents push"))[0].1, "pushed");
    assert_eq!(states(&run(&other, "agents push"))[0].1, "changed there");
    assert_eq!(
        states(&run(&other, &format!("agents pull {id}")))[0].1,
        "pulled"
    );
    let text = std::fs::read_to_string(other.path("agents/desk.toml")).unwrap();
    assert!(text.contains("We open at ten."), "{text}");

    // A change on both sides is nobody's to lose.
    change(&one, "ten", "eleven");
    change(&other, "ten", "twelve");
    assert_eq!(run(&one, "agents push").code, 0);
    for way in ["push".to_owned(), format!("pull {id}")] {
        let refused = run(&other, &format!("agents {way}"));
        assert_eq!(
            (refused.code, &*states(&refused)[0].1),
            (1, "conflict"),
            "{}",
            refused.out
        );
        assert!(refused.out.contains("--force"), "{}", refused.out);
    }
    let text = std::fs::read_to_string(other.path("agents/desk.toml")).unwrap();
    assert!(text.contains("We open at twelve."), "{text}");
    assert_eq!(states(&run(&other, "agents push --force"))[0].1, "pushed");
    assert_eq!(
        states(&run(&one, &format!("agents pull {id}")))[0].1,
        "pulled"
    );
}

#[test]
fn make_run_talks_to_the_agent_that_dotenv_names() {
    let server = Server::new(&[("desk", &DESK.replace("Hello {{name}}", "Hello"))]);
    let bench = Bench::new();
    // As in the project, with a caller who says little.
    for script in ["run.sh", "setting.sh"] {
        let path = format!("{}/../../scripts/{script}", env!("CARGO_MANIFEST_DIR"));
        bench.file(&format!("scripts/{script}"), std::fs::read(path).unwrap());
    }
    bench.file(
        "apps/duologue/examples/recorded-caller.txt",
        "at 1s: when do you open\n",
    );
    bench.file(
        ".env",
        format!(
            "AGENT_ID=desk\nAPI_KEY={KEY}\nELEVENLABS_BASE_URL={}\n",
            server.url
        ),
    );
    let mut command = Command::new("bash");
    bench.prepare(&mut command);
    let output = command
        .arg("scripts/run.sh")
        .env("DUOLOGUE", common::DUOLOGUE)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("Hello, this is the desk."), "{said}");
    let sound = std::fs::metadata(bench.path("out/agent.wav"))
        .unwrap()
        .len();
    assert!(sound > 40_000, "{sound}");
}
