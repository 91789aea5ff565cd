//! Who takes part: the agent with its brain, voice and ear, and what the client asks of it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::Arc,
};

use agent::{
    Agent, Providers,
    config::{AgentFile, Config},
};
use embedded::{Engine, recogniser, tools::Shelf, voice::FliteVoice};
use protocol::agents::{
    AgentOverride, ClientEventKind, ConfigOverride, ConversationOverride, DynamicVariable,
    Initiation, Language, PromptOverride, TtsOverride,
    client::{Abilities, Settings as ClientSettings},
};
use providers::{llm::Llm, tts::Tts as _};
use server::Equipment;

use super::{remote, view::Shown};
use crate::{
    Context,
    abilities::Here,
    agents,
    brain::{self, LlmChoice, Remote},
    cli::{Pace, Talk},
    files,
    problem::{Outcome, Problem},
    settings::{Origin, Settings, keys},
    speech,
    vendors::{Named, Vendors, Wanted},
};

/// The agent for whoever names none.
const DEFAULT_AGENT: &str = "assistant";

/// What this client wants to be told.
const EVENTS: [ClientEventKind; 9] = [
    ClientEventKind::Audio,
    ClientEventKind::Interruption,
    ClientEventKind::AgentResponse,
    ClientEventKind::AgentResponseCorrection,
    ClientEventKind::AgentChatResponsePart,
    ClientEventKind::UserTranscript,
    ClientEventKind::TentativeUserTranscript,
    ClientEventKind::AgentToolRequest,
    ClientEventKind::AgentToolResponse,
];

/// Who answers.
pub(crate) enum Answerer {
    /// An agent in this process.
    Here(Box<Agent>),
    /// One elsewhere.
    There(Box<remote::Remote>),
}

/// Everything a conversation needs before it begins.
pub(crate) struct Prepared {
    pub(crate) answerer: Answerer,
    pub(crate) settings: ClientSettings,
    /// What was chosen, and why.
    pub(crate) choices: Vec<Shown>,
    /// The embedded voice, for a scripted caller.
    pub(crate) voice: FliteVoice,
    /// Finds the agents to whom this one hands over.
    pub(crate) transfer: Option<agent::Resolver>,
    /// Whether it goes as fast as it can.
    pub(crate) fast: bool,
}

/// Chooses and checks.
pub(crate) async fn prepare(context: &Context, arguments: &Talk) -> Outcome<Prepared> {
    let settings = &context.settings;
    if let Some(remote) = remote::choose(settings, arguments)? {
        return elsewhere(settings, arguments, remote);
    }
    let brain = brain::choose_brain(settings)?;
    if arguments.go_on {
        return Err(Problem::usage("an agent of this machine cannot be cut off")
            .because("--continue is for agents elsewhere, to which a connection may break")
            .fix("leave --continue out, or name a server with --server URL"));
    }
    let (entry, note) = choose_agent(settings)?;
    let (mut file, here) = open(settings, arguments, &entry).await?;
    let llm_choice = brain::choose_llm(settings).await?;
    let paths = speech::paths(settings);
    let wanted = wanted(&file, arguments)?;
    let fast = arguments.pace == Pace::Fast && wanted.live_ears().is_none();
    let engine = Engine::new(
        paths.clone(),
        &recogniser::Settings {
            // Without a clock that waits for nobody there is time to hear everything twice.
            repeatable: fast,
            ..recogniser::Settings::default()
        },
    );
    let vendors = Vendors::of(settings)?;
    if !arguments.text
        && wanted.needs_embedded()
        && let Some(problem) = engine.check().into_iter().find_map(|part| part.problem)
    {
        return Err(Problem::from(problem));
    }
    let voice = FliteVoice::new(paths);
    let own_llm = own_llm(&file.config).unwrap_or_else(|| llm_choice.shown());
    let mut choices = Vec::from(
        [
            ("brain", brain),
            ("llm", own_llm),
            ("agent", describe(&entry, &file)),
        ]
        .map(|(name, value)| Shown::Choice { name, value }),
    );
    choices.extend(note.map(Shown::Notice));
    choices.extend(ears_and_voice(&wanted, arguments));
    if !wanted.tts.is_empty() {
        // Their voices are the vendors' business.
    } else if let Some(wanted) = settings.get(keys::VOICE) {
        check_voice(&voice, wanted, &settings.setting(keys::VOICE).origin)?;
    } else if let Some(note) = use_a_voice_that_is_here(&voice, &mut file) {
        choices.push(Shown::Notice(note));
    }
    let text = file.text.clone();
    let script = embedded::script::Scripted::from_toml(&text)
        .map_err(|error| agents::script_problem(&entry.shown(), &error))?;
    let shelf = Shelf::open(script.variables(), None)
        .map_err(|error| Problem::failure("the agent's tools are not ready").because(error))?;
    let tools = shelf.named(&script.tools());
    let scripted: Arc<dyn Llm> = Arc::new(script);
    let by_script = wanted.llm.is_empty() && matches!(llm_choice, LlmChoice::Scripted { .. });
    let llm = match llm_choice {
        LlmChoice::Scripted { .. } => Arc::clone(&scripted),
        LlmChoice::Remote(remote) => remote.llm(settings)?,
    };
    let providers = Providers {
        vad: engine.vad(),
        asr: vendors.asr(&engine, &wanted.asr)?,
        llm: vendors.llm(&wanted.llm, &scripted, &llm)?,
        tts: vendors.speaker(&engine, &wanted)?,
    };
    let given = Equipment {
        providers: providers.clone(),
        tools,
    };
    let equipment = match &here {
        Some(here) => here.equip(&entry.id, &file.config, given)?,
        None => given,
    };
    Ok(Prepared {
        transfer: Some(colleagues(
            settings.clone(),
            providers,
            by_script,
            arguments.llm.is_some(),
            here,
        )),
        answerer: Answerer::Here(Box::new(Agent::new(
            entry.id,
            file.config,
            equipment.providers,
            equipment.tools,
        ))),
        settings: client_settings(settings, arguments)?,
        choices,
        voice,
        fast,
    })
}

/// The agent's file, and what it needs of this machine beyond that.
async fn open(
    settings: &Settings,
    arguments: &Talk,
    entry: &agents::Entry,
) -> Outcome<(AgentFile, Option<Arc<Here>>)> {
    let mut file = agents::load(entry)?;
    if arguments.llm.is_some() {
        drop_own_llm(&mut file.config);
    }
    let here = Here::open(settings, &file.config).await?.map(Arc::new);
    if let Some(here) = &here {
        file.config = here.complete(&entry.id, file.config)?;
    }
    Ok((file, here))
}

/// Who hears, thinks and speaks: whom the flags name, else whom the agent does.
fn wanted(file: &AgentFile, arguments: &Talk) -> Outcome<Wanted> {
    let mut wanted = Wanted::read(file.providers.as_ref())?;
    for (named, list) in [
        (&arguments.asr, &mut wanted.asr),
        (&arguments.tts, &mut wanted.tts),
    ] {
        if !named.is_empty() {
            *list = named.iter().map(|name| Named::parse(name)).collect();
        }
    }
    if arguments.llm.is_some() {
        wanted.llm.clear();
    }
    Ok(wanted)
}

fn ears_and_voice(wanted: &Wanted, arguments: &Talk) -> Vec<Shown> {
    let shown = |name, list: &[Named], flag: &str, given: &[String]| {
        let because = if given.is_empty() {
            "the agent's own"
        } else {
            flag
        };
        (!list.is_empty()).then(|| Shown::Choice {
            name,
            value: format!("{} ({because})", Wanted::shown(list)),
        })
    };
    let live_ears = wanted
        .live_ears()
        .filter(|_| arguments.pace == Pace::Fast && !arguments.text);
    let slower = live_ears.map(|name| {
        Shown::Notice(format!(
            "{name} hears no faster than people speak, so this takes its time"
        ))
    });
    [
        shown("ears", &wanted.asr, "--asr", &arguments.asr),
        shown("voice", &wanted.tts, "--tts", &arguments.tts),
        slower,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Agents by name, as `--agent` finds them, with the same ears and voice; each with its own script where scripts answer, and
/// without its own llm where the caller named another.
fn colleagues(
    settings: Settings,
    providers: Providers,
    by_script: bool,
    other_llm: bool,
    here: Option<Arc<Here>>,
) -> agent::Resolver {
    Arc::new(move |id| {
        let entry = agents::find(&settings, id).ok()?;
        let mut file = agents::load(&entry).ok()?;
        if other_llm {
            drop_own_llm(&mut file.config);
        }
        let script = embedded::script::Scripted::from_toml(&file.text).ok()?;
        let shelf = Shelf::open(script.variables(), None).ok()?;
        let tools = shelf.named(&script.tools());
        let mut providers = providers.clone();
        if by_script {
            providers.llm = Arc::new(script);
        }
        let Some(here) = &here else {
            return Some(Agent::new(entry.id, file.config, providers, tools));
        };
        let config = here.complete(&entry.id, file.config).ok()?;
        let equipment = here
            .equip(&entry.id, &config, Equipment { providers, tools })
            .inspect_err(|problem| tracing::warn!("{problem}"))
            .ok()?;
        Some(Agent::new(
            entry.id,
            config,
            equipment.providers,
            equipment.tools,
        ))
    })
}

/// As [`prepare`], for an agent that has its own llm and speech.
fn elsewhere(settings: &Settings, arguments: &Talk, remote: remote::Remote) -> Outcome<Prepared> {
    if !arguments.asr.is_empty() || !arguments.tts.is_empty() {
        return Err(Problem::usage("that agent has ears and a voice of its own")
            .because("--asr and --tts choose for agents of this machine")
            .fix("leave them out, or name an agent of this machine: --agent assistant"));
    }
    let choices = vec![
        Shown::Choice {
            name: "brain",
            value: remote.shown(),
        },
        Shown::Choice {
            name: "agent",
            value: remote.agent().to_owned(),
        },
    ];
    Ok(Prepared {
        transfer: None,
        fast: false,
        answerer: Answerer::There(Box::new(remote)),
        settings: client_settings(settings, arguments)?,
        choices,
        voice: FliteVoice::new(speech::paths(settings)),
    })
}

fn client_settings(settings: &Settings, arguments: &Talk) -> Outcome<ClientSettings> {
    Ok(ClientSettings {
        initiation: initiation(settings, arguments)?,
        abilities: Abilities {
            can_pause: true,
            reports_played: true,
        },
        ..ClientSettings::default()
    })
}

/// `conv_`, letters and digits that nobody can guess.
pub(crate) fn conversation_id() -> String {
    let mut id = "conv_".to_owned();
    for _ in 0..2 {
        let number = RandomState::new().build_hasher().finish();
        let _ = write!(id, "{number:016x}");
    }
    id
}

/// The agent that was asked for. An id from a file or the environment that is not known here is another brain's.
fn choose_agent(settings: &Settings) -> Outcome<(agents::Entry, Option<String>)> {
    let setting = settings.setting(keys::AGENT_ID);
    let Some(name) = setting.value() else {
        return Ok((agents::find(settings, DEFAULT_AGENT)?, None));
    };
    match agents::find(settings, name) {
        Ok(entry) => Ok((entry, None)),
        Err(_) if !matches!(setting.origin, Origin::Flag(_)) => {
            let note = format!(
                "{name} ({}) is no agent on this machine; talking to {DEFAULT_AGENT} instead",
                setting.origin
            );
            Ok((agents::find(settings, DEFAULT_AGENT)?, Some(note)))
        }
        Err(problem) => Err(problem),
    }
}

fn describe(entry: &agents::Entry, file: &AgentFile) -> String {
    let name = &file.config.view.name;
    let place = entry
        .path
        .as_ref()
        .map_or_else(|| "bundled".to_owned(), |path| path.display().to_string());
    if name.is_empty() || *name == entry.id {
        format!("{} ({place})", entry.id)
    } else {
        format!("{}, {name} ({place})", entry.id)
    }
}

/// `--llm` wins over what the agent brings along.
fn drop_own_llm(config: &mut Config) {
    let prompt = &mut config.view.conversation_config.agent.prompt;
    prompt.llm = None;
    prompt.custom_llm = None;
}

/// The agent's own llm as people read it, if it has one.
fn own_llm(config: &Config) -> Option<String> {
    let prompt = &config.view.conversation_config.agent.prompt;
    if prompt.llm.as_deref() != Some("custom-llm") {
        return None;
    }
    let custom = prompt.custom_llm.as_ref()?;
    let text = |name: &str| custom.get(name).and_then(|value| value.as_str());
    let remote = Remote {
        base_url: text("url")?.to_owned(),
        key: None,
        model: text("model_id").map_or_else(
            || providers::openai::Settings::default().model,
            str::to_owned,
        ),
        because: "the agent's own llm".to_owned(),
    };
    Some(LlmChoice::Remote(remote).shown())
}

fn check_voice(voice: &FliteVoice, wanted: &str, origin: &Origin) -> Outcome<()> {
    let voices = voice.voices();
    if voices.iter().any(|v| v.id == wanted) {
        return Ok(());
    }
    let ids: Vec<_> = voices.into_iter().map(|v| v.id).collect();
    Err(
        Problem::usage(format!("there is no voice {wanted:?} ({origin})"))
            .because(format!("there are: {}", ids.join(", ")))
            .fix("choose one of them; `duologue voices` describes them"),
    )
}

/// An agent made for another platform names voices of that platform.
fn use_a_voice_that_is_here(voice: &FliteVoice, file: &mut AgentFile) -> Option<String> {
    let tts = &mut file.config.view.conversation_config.tts;
    let named = tts.voice_id.clone()?;
    if voice.voices().iter().any(|v| v.id == named) {
        return None;
    }
    tts.voice_id = None;
    Some(format!(
        "the agent's voice {named} is not on this machine; using {}",
        embedded::voice::DEFAULT_VOICE
    ))
}

fn initiation(settings: &Settings, arguments: &Talk) -> Outcome<Initiation> {
    let prompt = match &arguments.prompt {
        Some(text) => Some(files::text_argument(text)?),
        None => None,
    };
    let mut variables = BTreeMap::new();
    for (name, (value, origin)) in &settings.variables {
        let value: DynamicVariable = serde_json::from_value(value.clone()).map_err(|_| {
            Problem::usage(format!("the variable {name} ({origin}) cannot be used"))
                .because("it is neither text, number, truth value nor a list of these")
        })?;
        variables.insert(name.clone(), value);
    }
    let overrides = ConfigOverride {
        agent: AgentOverride {
            first_message: arguments.first_message.clone(),
            language: settings.get(keys::USER_LANGUAGE).map(Language::from),
            prompt: PromptOverride {
                prompt,
                ..PromptOverride::default()
            },
            ..AgentOverride::default()
        },
        tts: TtsOverride {
            voice_id: settings.get(keys::VOICE).map(str::to_owned),
            ..TtsOverride::default()
        },
        conversation: ConversationOverride {
            text_only: arguments.text.then_some(true),
            client_events: Some(EVENTS.to_vec()),
        },
        ..ConfigOverride::default()
    };
    Ok(Initiation {
        conversation_config_override: overrides,
        dynamic_variables: variables,
        user_id: arguments.user_id.clone(),
        ..Initiation::default()
    })
}
