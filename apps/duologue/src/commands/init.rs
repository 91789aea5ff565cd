//! `duologue init`: a key, an agent and a microphone, asked for once and kept in `.env`.

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::Path,
    time::Duration,
};

use audio::Level;
use crossterm::terminal;
use devices::{Microphone, MicrophoneEvent, MicrophoneSettings};
use sdk::{
    Account,
    account::{AgentSummary, AgentsQuery, ApiError},
};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    Context, account,
    cli::Init,
    files,
    problem::{Outcome, Problem},
    settings::{Key, keys},
};

/// Where the answers are kept.
const FILE: &str = ".env";
/// How long the microphone is listened to.
const LISTEN: Duration = Duration::from_secs(2);
/// Quieter than this is no room, but nothing at all.
const SILENCE_DBFS: f32 = -75.0;

/// What to do without an account.
const NO_ACCOUNT: &str = "make a key at elevenlabs.io under Settings, API keys (a free account will do), then run `duologue init` in a terminal, or ELEVENLABS_API_KEY=… duologue init --agent agent_…; without an account `duologue talk` speaks with the agent on this machine";

/// Asks, checks and keeps.
pub(crate) async fn run(context: &Context, arguments: &Init) -> Outcome<()> {
    let out = context.out;
    let person = io::stdin().is_terminal() && io::stdout().is_terminal() && !out.is_json();
    let key = key(context, person)?;
    let account = account::with_key(&context.settings, Some(&key))?;
    let agents = agents(&account).await?;
    out.line(format!(
        "{} takes the key; the account has {} agent{}",
        account::host(&account),
        agents.len(),
        if agents.len() == 1 { "" } else { "s" }
    ))?;
    for (number, agent) in agents.iter().enumerate() {
        out.line(format!(
            "  {:>3}  {:<32} {}",
            number + 1,
            agent.name,
            agent.agent_id
        ))?;
        out.object(&json!({"type": "agent", "agent_id": agent.agent_id, "name": agent.name}))?;
    }
    let agent = choose(context, arguments, &agents, person)?;
    if !arguments.no_microphone {
        microphone(context, person).await?;
    }
    let path = env::current_dir()
        .map_err(|error| Problem::failure("could not find the current folder").because_io(&error))?
        .join(FILE);
    let values = [
        (keys::ELEVENLABS_API_KEY, key.as_str()),
        (keys::AGENT_ID, &*agent),
    ];
    keep(&path, &values, arguments.force)?;
    out.line(format!(
        "kept in {FILE}, which only you can read. Talk: duologue talk"
    ))?;
    out.object(&json!({"type": "kept", "file": FILE, "agent_id": agent}))?;
    if !is_ignored(&path) {
        out.line(format!(
            "note: put {FILE} into .gitignore, so that the key does not go to others"
        ))?;
    }
    Ok(())
}

/// The key: as it is set, or as it is given now.
fn key(context: &Context, person: bool) -> Outcome<String> {
    if let Some(key) = context.settings.get(keys::ELEVENLABS_API_KEY) {
        return check_key(key);
    }
    let line = if person {
        context
            .out
            .line("An ElevenLabs API key lets this program talk to the agents of your account.")?;
        context.out.line("Make one at elevenlabs.io under Settings, API keys. (Without an account: duologue talk)")?;
        hidden("key: ")?
    } else {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map_err(|error| {
            Problem::failure("could not read standard input").because_io(&error)
        })?;
        line
    };
    check_key(line.trim())
}

fn check_key(key: &str) -> Outcome<String> {
    let wrong = |why: &str| {
        Err(Problem::usage("that is no ElevenLabs key")
            .because(why)
            .fix("copy it whole from elevenlabs.io, Settings, API keys; it begins with sk_"))
    };
    match key {
        "" => Err(Problem::usage("there is no key")
            .because("none was given")
            .fix(NO_ACCOUNT)),
        key if key.starts_with("sk-") => wrong("it looks like one of OpenAI"),
        key if key.starts_with("agent_") => wrong("it is an agent's id"),
        key if key.chars().any(|c| !c.is_ascii_graphic()) => {
            wrong("it holds spaces or letters that no key has")
        }
        key => Ok(key.to_owned()),
    }
}

async fn agents(account: &Account) -> Outcome<Vec<AgentSummary>> {
    let query = AgentsQuery {
        page_size: Some(100),
        ..AgentsQuery::default()
    };
    match account.agents().list(&query).await {
        Ok(page) => Ok(page.items),
        Err(error @ ApiError::Unauthorised(_)) => {
            Err(account::refused("the key was not taken", &error))
        }
        Err(error) => Err(account::refused("the agents could not be listed", &error)),
    }
}

fn choose(
    context: &Context,
    arguments: &Init,
    agents: &[AgentSummary],
    person: bool,
) -> Outcome<String> {
    let wanted = arguments
        .agent
        .as_deref()
        .or_else(|| context.settings.get(keys::AGENT_ID));
    if let Some(wanted) = wanted {
        return if agents.iter().any(|agent| agent.agent_id == wanted) || agents.len() >= 100 {
            Ok(wanted.to_owned())
        } else {
            let ids: Vec<_> = agents.iter().map(|agent| agent.agent_id.as_str()).collect();
            Err(Problem::usage(format!("the account has no agent {wanted}"))
                .because(if ids.is_empty() { "it has none".to_owned() } else { format!("it has {}", ids.join(", ")) })
                .fix("choose one of them with --agent, or use the key of the account the agent is in"))
        };
    }
    match agents {
        [] => Err(Problem::failure("the account has no agent")
            .because("there is nobody to talk to")
            .fix("make one at elevenlabs.io under Agents, or bring one: duologue agents push FILE.toml; then run `duologue init` again")),
        [only] => Ok(only.agent_id.clone()),
        _ if !person => Err(Problem::usage("no agent was chosen")
            .because("the account has several")
            .fix("name one of those above: duologue init --agent agent_…")),
        _ => loop {
            let answer = ask(&format!("which agent (1 to {}): ", agents.len()))?;
            let Some(answer) = answer else {
                return Err(Problem::failure("no agent was chosen").fix("run `duologue init` again"));
            };
            let by_number = answer.parse::<usize>().ok().and_then(|number| agents.get(number.checked_sub(1)?));
            let by_id = agents.iter().find(|agent| agent.agent_id == answer);
            if let Some(agent) = by_number.or(by_id) {
                return Ok(agent.agent_id.clone());
            }
        },
    }
}

/// Listens for a moment. Whatever comes of it, a conversation in text works.
async fn microphone(context: &Context, person: bool) -> Outcome<()> {
    let out = context.out;
    let microphone = Microphone::open(MicrophoneSettings::default(), None).await;
    let mut microphone = match microphone {
        Ok(microphone) => microphone,
        Err(error) => {
            out.line(format!("microphone: {error}"))?;
            out.line("  talk without one: duologue talk --text")?;
            return out.object(
                &json!({"type": "microphone", "state": "missing", "says": error.to_string()}),
            );
        }
    };
    if person {
        out.line(format!("say something into {} …", microphone.device()))?;
    }
    let mut loudest = Level::SILENCE;
    let listening = async {
        while let Some(event) = microphone.next().await {
            if let MicrophoneEvent::Frame(frame) = event {
                let level = Level::of(&frame.samples);
                if level.rms.decibels() > loudest.rms.decibels() {
                    loudest = level;
                }
            }
        }
    };
    let _: Result<(), _> = timeout(LISTEN, listening).await;
    let decibels = loudest.rms.decibels();
    let (state, says) = if decibels < SILENCE_DBFS {
        (
            "silent",
            "nothing came in: is it muted, or another one meant? `duologue devices --test` finds out",
        )
    } else {
        ("ok", "it hears")
    };
    out.line(format!(
        "microphone: {}, {decibels:.0} dBFS: {says}",
        microphone.device()
    ))?;
    out.object(&json!({
        "type": "microphone", "state": state, "device": microphone.device(), "loudest_dbfs": decibels, "says": says,
    }))
}

/// Puts values into a file of them, in the place of older ones, and leaves everything else as it is.
fn keep(path: &Path, values: &[(&Key, &str)], force: bool) -> Outcome<()> {
    let failed =
        |error: &io::Error| Problem::failure(format!("could not write {FILE}")).because_io(error);
    let old = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            return Err(Problem::failure(format!("could not read {FILE}")).because_io(&error));
        }
    };
    let mut text = String::new();
    let mut left: Vec<_> = values.to_vec();
    for line in old.lines() {
        let name = line
            .trim_start()
            .trim_start_matches("export ")
            .split_once('=')
            .map(|(name, _)| name.trim());
        let at = left
            .iter()
            .position(|(key, _)| name.is_some_and(|name| key.names().any(|one| one == name)));
        match at {
            Some(at) => {
                let (key, value) = left.remove(at);
                let was = line
                    .split_once('=')
                    .map_or("", |(_, value)| value)
                    .trim()
                    .trim_matches(['"', '\'']);
                if !was.is_empty() && was != value && !force {
                    return Err(Problem::usage(format!(
                        "{FILE} has another {}",
                        name.unwrap_or(key.name)
                    ))
                    .because("it would be lost")
                    .fix("add --force to replace it, or take the line out"));
                }
                let _ = writeln!(text, "{}={value}", name.unwrap_or(key.name));
            }
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    for (key, value) in left {
        let _ = writeln!(text, "{}={value}", key.name);
    }
    files::replace(path, text.as_bytes(), 0o600).map_err(|error| failed(&error))
}

/// Whether there is no repository here that would take the file in, as far as its own list says.
fn is_ignored(path: &Path) -> bool {
    let Some(folder) = path
        .ancestors()
        .skip(1)
        .find(|folder| folder.join(".git").exists())
    else {
        return true;
    };
    fs::read_to_string(folder.join(".gitignore")).is_ok_and(|list| {
        list.lines().any(|line| {
            matches!(
                line.trim().trim_start_matches('/'),
                ".env" | ".env*" | "*.env"
            )
        })
    })
}

/// Asks on the terminal; none at its end.
fn ask(question: &str) -> Outcome<Option<String>> {
    let failed = |error: io::Error| Problem::failure("could not ask").because_io(&error);
    print!("{question}");
    io::stdout().flush().map_err(failed)?;
    let mut line = String::new();
    let count = io::stdin().lock().read_line(&mut line).map_err(failed)?;
    Ok((count > 0).then(|| line.trim().to_owned()))
}

/// Asks without showing what is typed.
fn hidden(question: &str) -> Outcome<String> {
    use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, read};
    let failed = |error: io::Error| Problem::failure("could not ask").because_io(&error);
    print!("{question}");
    io::stdout().flush().map_err(failed)?;
    terminal::enable_raw_mode().map_err(failed)?;
    let mut line = String::new();
    let outcome = loop {
        match read() {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => match key.code {
                KeyCode::Enter => break Ok(()),
                KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                    break Err(Problem::failure("nothing was kept").because("it was broken off"));
                }
                KeyCode::Char(c) => line.push(c),
                KeyCode::Backspace => drop(line.pop()),
                _ => {}
            },
            Ok(Event::Paste(text)) => line.push_str(&text),
            Ok(_) => {}
            Err(error) => break Err(failed(error)),
        }
    };
    // Whatever happened, the terminal is given back.
    let _ = terminal::disable_raw_mode();
    println!();
    outcome.map(|()| line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_else_is_in_the_file_stays_and_nobody_else_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(
            &path,
            "# mine\nOTHER=1\nAPI_KEY=\"\"\n\nAGENT_ID = old # x\n",
        )
        .unwrap();
        let values = [
            (keys::ELEVENLABS_API_KEY, "sk_1"),
            (keys::AGENT_ID, "agent_1"),
        ];
        let refused = keep(&path, &values, false).unwrap_err();
        assert!(refused.what().contains("another AGENT_ID"), "{refused}");
        keep(&path, &values, true).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "# mine\nOTHER=1\nAPI_KEY=sk_1\n\nAGENT_ID=agent_1\n"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
    }

    #[test]
    fn what_is_no_key_is_told_apart() {
        for (wrong, why) in [
            ("", "none"),
            ("sk-x", "OpenAI"),
            ("agent_1", "agent's id"),
            ("sk_ а", "letters"),
        ] {
            let problem = check_key(wrong).unwrap_err();
            assert!(problem.what().contains(why), "{problem}");
        }
        assert_eq!(check_key("sk_1").unwrap(), "sk_1");
    }
}
