//! `duologue serve`: agents for everything that speaks ElevenLabs' protocol.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use agent::{Providers, config::AgentFile};
use embedded::{Engine, recogniser, script::Scripted, tools::Shelf};
use providers::{ProviderError, asr::Asr, llm::Llm, tool::Tool, tts::Tts};
use sdk::Account;
use serde_json::json;
use server::{
    BindError, Equipment, InProcess, Keys, Limits, Origin, Registry, Server, Speech, StoredAgent,
};

use crate::{
    Context, abilities, account,
    brain::{self, LlmChoice},
    cli::Serve,
    problem::{Outcome, Problem, plain},
    records,
    settings::{Settings, keys},
    speech,
    vendors::{Vendors, Wanted},
};

/// Speech requests that are worked on at a time. Conversations come first: they have no such limit.
const SPEECH_AT_ONCE: usize = 4;

/// Serves until it is asked to stop.
pub(crate) async fn run(context: &Context, arguments: &Serve) -> Outcome<()> {
    let settings = &context.settings;
    let data = records::folder(settings, arguments.data.as_deref())?;
    let (keys, new_key) = api_keys(settings, &data)?;
    let bind = address(settings, keys.as_ref())?;
    let (keys, new_key) = match (keys, new_key) {
        (Some(keys), _) => (keys, None),
        (None, kept) if !bind.ip().is_loopback() => own_key(&data, kept)?,
        (None, _) => (Keys::default(), None),
    };
    let llm = brain::choose_llm(settings).await?;
    let shown_llm = llm.shown();
    let engine = Equip::new(settings, llm, data.clone())?;
    for part in engine.speech.check() {
        if let Some(problem) = part.problem {
            context.out.aside().line(format!(
                "warning: {problem}; only text conversations will work"
            ))?;
        }
    }
    let limits = limits(settings)?;
    let abilities = abilities::open(settings, &data).await?;
    let voices = &engine.speech;
    let mut speech = Speech::new(voices.vad(), voices.asr(), voices.tts(), SPEECH_AT_ONCE);
    let records = records::open(settings, &data).await?;
    if let Some(mp3) = voices.mp3() {
        records.set_mp3(Arc::clone(&mp3));
        speech = speech.with_mp3(mp3);
    }
    let answerer =
        InProcess::new(Arc::new(engine), BTreeMap::new(), &limits).with_records(records.clone());
    let answerer = answerer.with_abilities(abilities.clone());
    let folder = Path::new(settings.get(keys::AGENTS_DIR).unwrap_or("agents"));
    let registry = Registry::open(
        bundled()?,
        folder.is_dir().then(|| folder.to_owned()),
        abilities::created(&data),
    )
    .await
    .map_err(|error| {
        Problem::failure(format!("could not read {}", data.display())).because_io(&error)
    })?;
    let agents: Vec<String> = registry.all().into_keys().collect();
    let has_keys = !keys.is_empty();
    let server = Server::bind(
        server::Settings {
            bind,
            keys,
            allowed_origins: list(settings.get(keys::ALLOWED_ORIGINS)),
            development: settings.get(keys::ENVIRONMENT) != Some("production"),
            public_url: settings.get(keys::PUBLIC_URL).map(str::to_owned),
            limits,
            speech: Some(speech),
            account: shown_account(settings, bind)?,
            abilities: Some(abilities),
        },
        registry,
        Arc::new(answerer),
    )
    .await
    .map_err(bind_problem)?
    .with_records(records.clone());
    let url = format!("http://{}", server.address());
    let out = context.out;
    out.line(format!("Serving on {url}"))?;
    out.line(format!("  agents  {}", agents.join(", ")))?;
    out.line(format!("  llm     {shown_llm}"))?;
    out.line(if has_keys {
        "  access  with an API key; public agents without".to_owned()
    } else {
        "  access  this machine only, no key needed".to_owned()
    })?;
    out.line(if records::are_kept(settings) {
        format!("  records {}", data.display())
    } else {
        "  records nothing is kept (ENABLE_LOGGING=false)".to_owned()
    })?;
    if let Some(key) = &new_key {
        out.line(format!(
            "  key     {key}   (shown this once; kept as a hash)"
        ))?;
    }
    out.line(format!(
        "  try     ElevenLabs(base_url=\"{url}\") with agent_id=\"{}\"; Ctrl-C stops",
        agents.first().map_or("assistant", String::as_str)
    ))?;
    out.object(&json!({
        "type": "serving", "url": url, "agents": agents, "llm": shown_llm, "api_key": new_key,
        "needs_key": has_keys,
    }))?;
    server.run(stop()).await;
    records.store().close().await;
    out.line("Stopped.")
}

/// Ctrl-C, or the system asking politely.
async fn stop() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let terminate = async {
            match signal(SignalKind::terminate()) {
                Ok(mut signal) => {
                    signal.recv().await;
                }
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = interrupt => {}
            () = terminate => {}
        }
    }
    #[cfg(not(unix))]
    interrupt.await;
}

/// Equips agents with what they name, or the embedded set.
struct Equip {
    speech: Engine,
    vendors: Vendors,
    /// The server's own llm; none: each agent's script.
    llm: Option<Arc<dyn Llm>>,
    data: PathBuf,
    /// Scripts and what their tools keep, by agent. There are as many as agents.
    scripts: Mutex<HashMap<String, Scripting>>,
    /// Recognisers and voices, by what was wanted.
    made: Mutex<Vec<Made>>,
}

type Made = (Wanted, Arc<dyn Asr>, Arc<dyn Tts>);
type EarsAndVoice = (Arc<dyn Asr>, Arc<dyn Tts>);

/// So many different wishes are remembered; agents of one house seldom have more than two.
const MOST_MADE: usize = 64;

struct Scripting {
    text: Option<String>,
    /// `duologue_providers` of an agent file.
    providers: Option<serde_json::Value>,
    script: Scripted,
    tools: Vec<Arc<dyn Tool>>,
}

impl Equip {
    fn new(settings: &Settings, llm: LlmChoice, data: PathBuf) -> Outcome<Self> {
        let llm: Option<Arc<dyn Llm>> = match llm {
            LlmChoice::Scripted { .. } => None,
            LlmChoice::Remote(remote) => Some(remote.llm(settings)?),
        };
        Ok(Self {
            vendors: Vendors::of(settings)?,
            speech: Engine::new(speech::paths(settings), &recogniser::Settings::default()),
            llm,
            data,
            scripts: Mutex::default(),
            made: Mutex::default(),
        })
    }

    fn scripting(&self, agent: &StoredAgent) -> Result<Scripting, ProviderError> {
        let wrong = |reason: String| ProviderError::Unsupported {
            provider: format!("the script of {}", agent.id),
            reason,
        };
        let text = agent.toml();
        let script = match &text {
            Some(text) => Scripted::from_toml(text).map_err(|error| wrong(error.to_string()))?,
            None => Scripted::generic(),
        };
        let keeps = agent.origin != Origin::Created;
        let book = keeps.then(|| self.data.join("books").join(format!("{}.json", agent.id)));
        if let Some(folder) = book.as_ref().and_then(|book| book.parent()) {
            fs::create_dir_all(folder).map_err(|error| wrong(plain(&error)))?;
        }
        let shelf =
            Shelf::open(script.variables(), book).map_err(|error| wrong(error.to_string()))?;
        let providers = match &agent.text {
            Some(text) => {
                AgentFile::parse(text)
                    .map_err(|error| wrong(error.to_string()))?
                    .providers
            }
            None => None,
        };
        Ok(Scripting {
            text,
            providers,
            tools: shelf.tools(),
            script,
        })
    }
}

impl server::Engine for Equip {
    fn equip(&self, agent: &StoredAgent) -> Result<Equipment, ProviderError> {
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = scripts
            .get(&agent.id)
            .is_some_and(|known| known.text == agent.toml());
        if !known {
            let scripting = self.scripting(agent)?;
            scripts.insert(agent.id.clone(), scripting);
        }
        let (script, tools, named) = scripts.get(&agent.id).map_or_else(
            || (Scripted::generic(), Vec::new(), None),
            |known| {
                (
                    known.script.clone(),
                    known.tools.clone(),
                    known.providers.clone(),
                )
            },
        );
        drop(scripts);
        let named = named
            .as_ref()
            .or_else(|| agent.document.get("duologue_providers"));
        let wanted = Wanted::read(named)?;
        let scripted: Arc<dyn Llm> = Arc::new(script);
        let default = self.llm.as_ref().unwrap_or(&scripted);
        let (asr, tts) = self.ears_and_voice(&wanted)?;
        Ok(Equipment {
            providers: Providers {
                vad: self.speech.vad(),
                asr,
                llm: self.vendors.llm(&wanted.llm, &scripted, default)?,
                tts,
            },
            tools,
        })
    }
}

impl Equip {
    /// Made once for all conversations that want the same, for they remember who failed.
    fn ears_and_voice(&self, wanted: &Wanted) -> Result<EarsAndVoice, ProviderError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let known = made.iter().find(|(known, ..)| {
            let voices = (&known.tts, known.no_last_voice);
            known.asr == wanted.asr && voices == (&wanted.tts, wanted.no_last_voice)
        });
        if let Some((_, asr, tts)) = known {
            return Ok((Arc::clone(asr), Arc::clone(tts)));
        }
        let asr = self.vendors.asr(&self.speech, &wanted.asr)?;
        let tts = self.vendors.speaker(&self.speech, wanted)?;
        if made.len() >= MOST_MADE {
            made.clear();
        }
        made.push((wanted.clone(), Arc::clone(&asr), Arc::clone(&tts)));
        Ok((asr, tts))
    }
}

fn bundled() -> Outcome<Vec<StoredAgent>> {
    embedded::agents::ALL
        .iter()
        .map(|agent| {
            StoredAgent::from_file(agent.id, agent.toml, Origin::Bundled).map_err(|error| {
                Problem::failure(format!("the bundled agent {} is broken", agent.id)).because(error)
            })
        })
        .collect()
}

/// The keys that were set, or the hash of the one this server made earlier.
fn api_keys(settings: &Settings, data: &Path) -> Outcome<(Option<Keys>, Option<String>)> {
    if let Some(keys) = settings.get(keys::API_KEYS) {
        let keys = Keys::new(keys.split(','));
        if keys.is_empty() {
            return Err(Problem::usage("API_KEYS holds no key").fix("separate keys with commas"));
        }
        return Ok((Some(keys), None));
    }
    match fs::read_to_string(key_file(data)) {
        Ok(hash) => Ok((None, Some(hash))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((None, None)),
        Err(error) => Err(Problem::failure("could not read the server's key").because_io(&error)),
    }
}

/// The key of a server that others can reach and for which nobody set one: made once, kept as a hash.
fn own_key(data: &Path, kept: Option<String>) -> Outcome<(Keys, Option<String>)> {
    let mut keys = Keys::default();
    if kept.is_some_and(|hash| keys.add_hash(&hash)) {
        return Ok((keys, None));
    }
    let (key, hash) = Keys::generate();
    fs::create_dir_all(data)
        .and_then(|()| fs::write(key_file(data), &hash))
        .map_err(|error| Problem::failure("could not keep the server's key").because_io(&error))?;
    keys.add_hash(&hash);
    Ok((keys, Some(key)))
}

fn key_file(data: &Path) -> PathBuf {
    data.join("api-key.sha256")
}

fn address(settings: &Settings, keys: Option<&Keys>) -> Outcome<SocketAddr> {
    let host = match settings.get(keys::HOST) {
        None if keys.is_some() => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        None | Some("localhost") => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Some(host) => host.parse().map_err(|_| {
            Problem::usage(format!("{host:?} is no address"))
                .fix("use an IP address of this machine, such as 127.0.0.1 or 0.0.0.0")
        })?,
    };
    let port = number(settings, keys::PORT)?.unwrap_or(8000);
    Ok(SocketAddr::new(host, port))
}

/// The account whose voices are shown beside our own: none where there is no key, or where it would be this server itself.
fn shown_account(settings: &Settings, bind: SocketAddr) -> Outcome<Option<Account>> {
    if settings.get(keys::ELEVENLABS_API_KEY).is_none() {
        return Ok(None);
    }
    let account = account::of(settings)?;
    let url = account.url("");
    let host = url.host_str().unwrap_or_default();
    let is_here = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback() || ip == bind.ip());
    let public = settings.get(keys::PUBLIC_URL).unwrap_or_default();
    let is_public = public
        .split_once("://")
        .is_some_and(|(_, rest)| rest.trim_end_matches('/') == account::host(&account));
    let is_this = is_public || is_here && url.port_or_known_default() == Some(bind.port());
    Ok((!is_this).then_some(account))
}

fn limits(settings: &Settings) -> Outcome<Limits> {
    let mut limits = Limits::default();
    if let Some(most) = number(settings, keys::MAX_CONVERSATIONS)? {
        limits.conversations = most;
    }
    limits.conversations_per_key = number(settings, keys::MAX_CONVERSATIONS_PER_KEY)?;
    Ok(limits)
}

fn number<T: std::str::FromStr>(
    settings: &Settings,
    key: &'static keys::Key,
) -> Outcome<Option<T>> {
    let setting = settings.setting(key);
    setting
        .value()
        .map(|value| {
            value.parse().map_err(|_| {
                Problem::usage(format!(
                    "{} cannot be {value:?} ({})",
                    key.name, setting.origin
                ))
                .fix("use a whole number")
            })
        })
        .transpose()
}

fn list(value: Option<&str>) -> Vec<String> {
    let items = value.unwrap_or_default().split(',').map(str::trim);
    items
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

fn bind_problem(error: BindError) -> Problem {
    match error {
        BindError::Port { address, source } => {
            let problem =
                Problem::failure(format!("could not listen on {address}")).because(plain(&source));
            match source.kind() {
                io::ErrorKind::AddrInUse => {
                    problem.fix("stop whatever listens there, or choose another: --port 8001")
                }
                io::ErrorKind::PermissionDenied => problem.fix("choose a port from 1024 up"),
                _ => problem.fix("choose an address of this machine: --host 127.0.0.1"),
            }
        }
        other => Problem::failure(other.to_string()).fix("set API_KEYS"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_known_afterwards() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        let (keys, shown) = own_key(&data, None).unwrap();
        assert!(!keys.is_empty());
        assert!(shown.unwrap().starts_with("dk_"));
        let kept = fs::read_to_string(key_file(&data)).unwrap();
        let (keys, shown) = own_key(&data, Some(kept)).unwrap();
        assert!(!keys.is_empty() && shown.is_none());
    }

    #[test]
    fn origins_are_separated_by_commas() {
        assert_eq!(list(Some("https://a.example, https://b.example,")).len(), 2);
        assert!(list(None).is_empty());
    }
}
