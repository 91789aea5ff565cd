//! The settings there are.

/// A setting: its name in the environment and `.env`; in `duologue.toml` the same name in lower case.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// As in the environment.
    pub(crate) name: &'static str,
    /// Other names it goes by. The first name wins where both are set in one place.
    pub(crate) also: &'static [&'static str],
    /// Whether its value must never be shown.
    pub(crate) secret: bool,
    /// What it is when nobody says anything.
    pub(crate) default: Option<&'static str>,
    /// The only values it may have, in lower case; any when empty.
    pub(crate) one_of: &'static [&'static str],
    /// What it is for.
    pub(crate) meaning: &'static str,
}

const PLAIN: Key = Key {
    name: "",
    also: &[],
    secret: false,
    default: None,
    one_of: &[],
    meaning: "",
};

macro_rules! keys {
    ($( $constant:ident = $key:expr; )*) => {
        $( pub(crate) const $constant: &Key = &$key; )*
        /// All of them, in the order they are shown.
        pub(crate) const ALL: &[&Key] = &[$( $constant, )*];
    };
}

keys! {
    AGENT_ID = Key {
        name: "AGENT_ID",
        also: &["ELEVENLABS_AGENT_ID"],
        meaning: "agent to talk to",
        ..PLAIN
    };
    AGENTS_DIR = Key {
        name: "AGENTS_DIR",
        default: Some("agents"),
        meaning: "folder of agent files",
        ..PLAIN
    };
    BRAIN = Key {
        name: "DUOLOGUE_BRAIN",
        also: &["BRAIN"],
        default: Some("auto"),
        one_of: &["auto", "embedded", "elevenlabs", "openai"],
        meaning: "who answers",
        ..PLAIN
    };
    LLM = Key {
        name: "DUOLOGUE_LLM",
        also: &["LLM"],
        default: Some("auto"),
        meaning: "who writes the embedded agent's replies: auto, scripted, ollama, MODEL, URL or URL#MODEL",
        ..PLAIN
    };
    VOICE = Key {
        name: "DUOLOGUE_VOICE",
        also: &["VOICE"],
        meaning: "voice of the embedded agent and of `speak`",
        ..PLAIN
    };
    USER_LANGUAGE = Key {
        name: "DUOLOGUE_LANGUAGE",
        meaning: "language of the conversation (the agent's)",
        ..PLAIN
    };
    SPEECH_LIBRARIES = Key {
        name: "SPEECH_LIBRARIES",
        meaning: "folder of the speech libraries (where the system looks)",
        ..PLAIN
    };
    SPEECH_MODEL = Key {
        name: "SPEECH_MODEL",
        default: Some("/usr/share/pocketsphinx/model/en-us"),
        meaning: "folder of the recogniser's model",
        ..PLAIN
    };
    CONTINUE = Key {
        name: "DUOLOGUE_CONTINUE",
        default: Some("false"),
        one_of: &["true", "false"],
        meaning: "whether a conversation elsewhere whose connection breaks goes on in a new one",
        ..PLAIN
    };
    ELEVENLABS_API_KEY = Key {
        name: "ELEVENLABS_API_KEY",
        also: &["API_KEY"],
        secret: true,
        meaning: "ElevenLabs account",
        ..PLAIN
    };
    ELEVENLABS_REGION = Key {
        name: "ELEVENLABS_REGION",
        default: Some("global"),
        one_of: &["global", "us", "eu", "in", "sg"],
        meaning: "where the ElevenLabs account lives",
        ..PLAIN
    };
    ELEVENLABS_BASE_URL = Key {
        name: "ELEVENLABS_BASE_URL",
        meaning: "a server that speaks ElevenLabs' protocol, such as http://127.0.0.1:8000 (ElevenLabs itself)",
        ..PLAIN
    };
    CA_FILE = Key {
        name: "DUOLOGUE_CA_FILE",
        also: &["SSL_CERT_FILE"],
        meaning: "PEM file of authorities that certificates may come from, besides the public ones: of ElevenLabs, servers, vendors, webhooks and tools",
        ..PLAIN
    };
    OPENAI_API_KEY = Key {
        name: "OPENAI_API_KEY",
        secret: true,
        meaning: "key of the OpenAI-compatible endpoint",
        ..PLAIN
    };
    OPENAI_BASE_URL = Key {
        name: "OPENAI_BASE_URL",
        meaning: "address of the OpenAI-compatible endpoint",
        ..PLAIN
    };
    OPENAI_MODEL = Key {
        name: "OPENAI_MODEL",
        meaning: "model of the OpenAI-compatible endpoint",
        ..PLAIN
    };
    OPENAI_SPEECH_URL = Key {
        name: "OPENAI_SPEECH_URL",
        meaning: "address of the OpenAI-compatible speech endpoints (that of the llm)",
        ..PLAIN
    };
    ASSEMBLYAI_API_KEY = Key {
        name: "ASSEMBLYAI_API_KEY",
        secret: true,
        meaning: "AssemblyAI account",
        ..PLAIN
    };
    ASSEMBLYAI_BASE_URL = Key {
        name: "ASSEMBLYAI_BASE_URL",
        meaning: "a server that speaks AssemblyAI's streaming protocol (AssemblyAI itself)",
        ..PLAIN
    };
    OLLAMA_HOST = Key {
        name: "OLLAMA_HOST",
        default: Some("http://localhost:11434"),
        meaning: "where a local Ollama is looked for; empty: nowhere",
        ..PLAIN
    };
    HOST = Key {
        name: "HOST",
        meaning: "address the server listens on (127.0.0.1; 0.0.0.0 once API_KEYS is set)",
        ..PLAIN
    };
    PORT = Key {
        name: "PORT",
        default: Some("8000"),
        meaning: "port the server listens on",
        ..PLAIN
    };
    API_KEYS = Key {
        name: "API_KEYS",
        secret: true,
        meaning: "keys that may use the server, separated by commas",
        ..PLAIN
    };
    ALLOWED_ORIGINS = Key {
        name: "ALLOWED_ORIGINS",
        meaning: "browser pages that may call the server, separated by commas",
        ..PLAIN
    };
    ALLOWED_PRIVATE_HOSTS = Key {
        name: "ALLOWED_PRIVATE_HOSTS",
        meaning: "hosts of the private network that tools and documents may be fetched from, separated by commas; * for all",
        ..PLAIN
    };
    PUBLIC_URL = Key {
        name: "PUBLIC_URL",
        meaning: "address under which clients reach the server, for signed URLs (as the client called it)",
        ..PLAIN
    };
    ENVIRONMENT = Key {
        name: "ENVIRONMENT",
        default: Some("development"),
        one_of: &["development", "production"],
        meaning: "whether pages of this machine may call the server from any port",
        ..PLAIN
    };
    MAX_CONVERSATIONS = Key {
        name: "MAX_CONVERSATIONS",
        meaning: "conversations at once (500)",
        ..PLAIN
    };
    MAX_CONVERSATIONS_PER_KEY = Key {
        name: "MAX_CONVERSATIONS_PER_KEY",
        meaning: "conversations at once with one key (as many as in all)",
        ..PLAIN
    };
    DATA_DIR = Key {
        name: "DATA_DIR",
        meaning: "folder for what outlives the server (~/.local/share/duologue)",
        ..PLAIN
    };
    ENABLE_LOGGING = Key {
        name: "ENABLE_LOGGING",
        default: Some("true"),
        one_of: &["true", "false"],
        meaning: "whether anything is kept of conversations; false wins over what agents say",
        ..PLAIN
    };
    DATABASE_URL = Key {
        name: "DATABASE_URL",
        secret: true,
        meaning: "the records' database, sqlite:FILE (duologue.db in the data folder)",
        ..PLAIN
    };
    RECORDINGS_URL = Key {
        name: "RECORDINGS_URL",
        meaning: "folder of the recordings (recordings in the data folder)",
        ..PLAIN
    };
    LOG_LEVEL = Key {
        name: "LOG_LEVEL",
        default: Some("info"),
        one_of: &["trace", "debug", "info", "warn", "warning", "error", "off"],
        meaning: "how much is logged to standard error",
        ..PLAIN
    };
    LOG_FORMAT = Key {
        name: "LOG_FORMAT",
        default: Some("pretty"),
        one_of: &["pretty", "json"],
        meaning: "how logs look",
        ..PLAIN
    };
}

impl Key {
    /// As it is written in `duologue.toml`.
    pub(crate) fn in_file(&self) -> String {
        self.name
            .strip_prefix("DUOLOGUE_")
            .unwrap_or(self.name)
            .to_lowercase()
    }

    /// All names in the environment, the preferred one first.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.also.iter().copied())
    }
}
