//! The command line as it is typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::settings::keys;

/// Talk with a voice agent from a terminal.
#[derive(Debug, Parser)]
#[command(
    name = "duologue",
    version,
    about = "Voice conversation between a person and an agent, offline and without an account",
    after_help = "Examples:\n  duologue talk --text                     type with the built-in assistant\n  duologue speak \"Hello.\" --output hi.wav   make a recording\n  duologue talk --input hi.wav --output answer.wav\n  duologue doctor                          what is set up, what is missing, and how to mend it",
    propagate_version = true,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Print one JSON object a line, for machines
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Settings file [default: duologue.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// PEM file of an authority that certificates may come from, besides the public ones
    #[arg(long, global = true, value_name = "FILE.pem")]
    pub(crate) ca: Option<String>,
    /// How much is logged to standard error: error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Converse with an agent
    #[command(
        after_help = "Examples:\n  duologue talk --input caller.wav --output agent.wav --record out\n  duologue talk --text --agent receptionist\n  printf 'what time is it\\n' | duologue talk --text\n  duologue talk --caller caller.txt --pace fast --output agent.wav\n  arecord -q -f S16_LE -r 16000 -c 1 -t raw | duologue talk --input - --output - | aplay -q\n\nA recording is any WAV file; `-` is a pipe of WAV or of raw 16-bit little-endian mono samples at 16 kHz."
    )]
    Talk(Box<Talk>),
    /// Turn text into speech
    #[command(
        after_help = "Examples:\n  duologue speak \"The train is late.\" --output late.wav\n  echo Hello | duologue speak - --output - | aplay -q\n  duologue speak --script caller.txt --output caller.wav\n\nA script has a line for each thing to say:\n  at 4.5s: what time is it      at that second of the recording\n  wait 2s: and what day is it   that long after the line before\n  # a remark"
    )]
    Speak(Speak),
    /// Turn speech into text
    #[command(
        after_help = "Examples:\n  duologue transcribe recording.wav\n  duologue transcribe both.wav --channel right --json\n  duologue speak \"Hello.\" --output - | duologue transcribe -"
    )]
    Transcribe(Transcribe),
    /// List voices, and keep samples of them
    #[command(
        after_help = "Examples:\n  duologue voices\n  duologue voices --preview slt --output slt.wav\n  duologue voices --provider elevenlabs calm\n  duologue voices --library \"old sailor\" --json"
    )]
    Voices(Voices),
    /// List, show and check agents
    #[command(
        after_help = "Examples:\n  duologue agents list\n  duologue agents show receptionist > agents/mine.toml\n  duologue agents check agents/mine.toml"
    )]
    Agents(Agents),
    /// List, show, export, replay or delete what was kept of conversations
    #[command(
        after_help = "Examples:\n  duologue conversations list --limit 10\n  duologue conversations show conv_0123\n  duologue conversations audio conv_0123 --output call.wav\n  duologue conversations export --output all.jsonl\n  duologue conversations replay conv_0123\n  duologue conversations replay conv_0123 --agent receptionist"
    )]
    Conversations(Conversations),
    /// Serve agents to everything that speaks ElevenLabs' protocol
    #[command(
        after_help = "Examples:\n  duologue serve\n  duologue serve --port 9000 --agents ./agents\n  API_KEYS=secret duologue serve --host 0.0.0.0\n\nOn 127.0.0.1 no key is needed. Point an SDK at it: ElevenLabs(base_url=\"http://127.0.0.1:8000\")."
    )]
    Serve(Serve),
    /// List microphones and speakers, and test them
    #[command(
        after_help = "Examples:\n  duologue devices\n  duologue devices --test --device-in headset"
    )]
    Devices(Devices),
    /// Ask for the ElevenLabs key and the agent, try the microphone, and keep the answers in .env
    #[command(
        after_help = "Examples:\n  duologue init\n  echo \"$KEY\" | duologue init --agent agent_0123\n\nWithout a terminal the key is taken from ELEVENLABS_API_KEY or the first line of standard input. No account is needed\nfor `duologue talk`."
    )]
    Init(Init),
    /// Show what is configured, what is there, what is missing and how to mend it
    #[command(after_help = "Example:\n  duologue doctor --json")]
    Doctor,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Talk {
    /// Agent to talk to: a bundled one (assistant, receptionist), one of the agents folder, or a file
    #[arg(long, value_name = "ID or FILE")]
    pub(crate) agent: Option<String>,
    /// Who answers: auto, embedded, elevenlabs or openai
    #[arg(long, value_name = "BRAIN")]
    pub(crate) brain: Option<String>,
    /// Talk to an agent of this server instead, such as `http://127.0.0.1:8000`
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Who writes the replies of an agent of this machine, instead of its own llm: auto, scripted, ollama, MODEL, URL or URL#MODEL
    #[arg(long, value_name = "LLM")]
    pub(crate) llm: Option<String>,
    /// Who recognises speech for an agent of this machine, instead of whom it names: PROVIDER or PROVIDER:MODEL; may be repeated
    #[arg(long, value_name = "PROVIDER")]
    pub(crate) asr: Vec<String>,
    /// Who speaks for it, likewise
    #[arg(long, value_name = "PROVIDER")]
    pub(crate) tts: Vec<String>,
    /// What the agent hears: a WAV file, or - for a pipe
    #[arg(long, value_name = "FILE.wav or -", conflicts_with_all = ["text", "caller"])]
    pub(crate) input: Option<PathBuf>,
    /// A caller to be spoken live from a script, answering the agent whenever it has finished
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub(crate) caller: Option<PathBuf>,
    /// Voice of the scripted caller
    #[arg(long, value_name = "VOICE", default_value = "rms")]
    pub(crate) caller_voice: String,
    /// Where the agent's speech goes: a WAV file, or - for a pipe
    #[arg(long, value_name = "FILE.wav or -", conflicts_with = "text")]
    pub(crate) output: Option<PathBuf>,
    /// Microphone, by any part of its name [default: the system's]
    #[arg(long, value_name = "NAME")]
    pub(crate) device_in: Option<String>,
    /// Speaker, by any part of its name [default: the system's]
    #[arg(long, value_name = "NAME")]
    pub(crate) device_out: Option<String>,
    /// Leave the agent's echo in the microphone's sound: for headsets, or a room system that cancels it
    #[arg(long)]
    pub(crate) no_aec: bool,
    /// Be heard only while the space bar is held, instead of muting with it
    #[arg(long)]
    pub(crate) hold_to_talk: bool,
    /// In real time, or as fast as the machine can
    #[arg(long, value_enum, default_value_t = Pace::Realtime)]
    pub(crate) pace: Pace,
    /// Type instead of speaking; lines may be piped in
    #[arg(long)]
    pub(crate) text: bool,
    /// Value for {{name}} in the agent's texts; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub(crate) variables: Vec<String>,
    /// The caller's own id, told to the agent
    #[arg(long, value_name = "ID")]
    pub(crate) user_id: Option<String>,
    /// Instructions instead of the agent's own; @FILE reads them from a file
    #[arg(long, value_name = "TEXT or @FILE")]
    pub(crate) prompt: Option<String>,
    /// What the agent says first
    #[arg(long, value_name = "TEXT")]
    pub(crate) first_message: Option<String>,
    /// Language of the conversation, such as en
    #[arg(long, value_name = "CODE")]
    pub(crate) language: Option<String>,
    /// Voice of the agent
    #[arg(long, value_name = "VOICE")]
    pub(crate) voice: Option<String>,
    /// With an agent elsewhere: go on in a new conversation when the connection breaks, three times at most
    #[arg(long = "continue")]
    pub(crate) go_on: bool,
    /// Keep the conversation in a folder of its own in this one: stereo WAV, transcript, and the journal of an agent of
    /// this machine
    #[arg(long, value_name = "DIR")]
    pub(crate) record: Option<PathBuf>,
    /// Seed of the conversation's chance; the same seed and pace fast give the same conversation
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide = true)]
    pub(crate) seed: u64,
}

/// How time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pace {
    /// A second takes a second.
    Realtime,
    /// As fast as the machine can; the conversation is the same.
    Fast,
}

#[derive(Debug, Args)]
pub(crate) struct Speak {
    /// What to say; - reads standard input, @FILE a file
    #[arg(value_name = "TEXT, - or @FILE", required_unless_present = "script")]
    pub(crate) text: Option<String>,
    /// Say the lines of a script, each at its time
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub(crate) script: Option<PathBuf>,
    /// Where the sound goes: a WAV file, or - for a pipe
    #[arg(long, short, value_name = "FILE.wav or -")]
    pub(crate) output: PathBuf,
    /// Voice [default: slt]
    #[arg(long, value_name = "VOICE")]
    pub(crate) voice: Option<String>,
    /// Speed, 0.7 to 1.2
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    pub(crate) speed: f32,
    /// Who speaks: embedded, elevenlabs or openai, with a model behind a colon; repeat it for those who stand behind
    #[arg(long = "provider", value_name = "NAME[:MODEL]")]
    pub(crate) providers: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Transcribe {
    /// A WAV file, or - for a pipe
    #[arg(value_name = "FILE.wav or -")]
    pub(crate) input: PathBuf,
    /// Which channel of a stereo recording
    #[arg(long, value_enum, default_value_t = Channel::Both)]
    pub(crate) channel: Channel,
    /// Who listens: embedded, elevenlabs, assemblyai or openai, with a model behind a colon; repeat it for those who
    /// stand behind
    #[arg(long = "provider", value_name = "NAME[:MODEL]")]
    pub(crate) providers: Vec<String>,
}

/// A channel of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Channel {
    /// All channels, mixed.
    Both,
    /// The first: the caller, in our recordings.
    Left,
    /// The second: the agent, in our recordings.
    Right,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to listen on [default: 127.0.0.1; 0.0.0.0 once keys are set]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,
    /// Port to listen on; 0 takes any free one [default: 8000]
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<String>,
    /// Folder of agent files, read again when they change
    #[arg(long, value_name = "DIR")]
    pub(crate) agents: Option<String>,
    /// Who writes replies: auto, scripted, ollama, MODEL, URL or URL#MODEL
    #[arg(long, value_name = "LLM")]
    pub(crate) llm: Option<String>,
    /// Folder for what is made over REST [default: ~/.local/share/duologue]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Conversations {
    /// Folder of the records [default: ~/.local/share/duologue]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: ConversationsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConversationsCommand {
    /// List conversations, the newest first
    #[command(after_help = "Example:\n  duologue conversations list --with assistant")]
    List(ListConversations),
    /// Show what was said, done and found in a conversation
    #[command(after_help = "Example:\n  duologue conversations show conv_0123")]
    Show {
        /// Its id
        #[arg(value_name = "CONVERSATION")]
        conversation: String,
    },
    /// Write a conversation's recording: stereo, left the caller, right the agent as it was heard
    #[command(after_help = "Example:\n  duologue conversations audio conv_0123 --output call.wav")]
    Audio {
        /// Its id
        #[arg(value_name = "CONVERSATION")]
        conversation: String,
        /// The WAV file
        #[arg(long, short, value_name = "FILE.wav")]
        output: PathBuf,
    },
    /// Write conversations as JSON lines, whole
    #[command(after_help = "Example:\n  duologue conversations export --output all.jsonl")]
    Export {
        /// The file [default: standard output]
        #[arg(long, short, value_name = "FILE.jsonl")]
        output: Option<PathBuf>,
        #[command(flatten)]
        wanted: ListConversations,
    },
    /// Feed a conversation's journal to the machine of today and show the first decision that differs; or let its caller
    /// speak to another agent
    #[command(
        after_help = "Example:\n  duologue conversations replay conv_0123 --agent receptionist"
    )]
    Replay {
        /// Its id
        #[arg(value_name = "CONVERSATION")]
        conversation: String,
        #[command(flatten)]
        again: Again,
    },
    /// Forget a conversation, its recording and its journal
    #[command(after_help = "Example:\n  duologue conversations delete conv_0123")]
    Delete {
        /// Its id
        #[arg(value_name = "CONVERSATION")]
        conversation: String,
    },
}

/// To whom the caller's recording speaks once more.
#[derive(Debug, Args)]
pub(crate) struct Again {
    /// Let the caller's recording speak to this agent
    #[arg(long, value_name = "ID or FILE")]
    pub(crate) agent: Option<String>,
    /// Let it speak to the same agent with this llm: scripted, ollama, MODEL, URL or URL#MODEL
    #[arg(long, value_name = "LLM")]
    pub(crate) llm: Option<String>,
    /// With this recogniser: PROVIDER or PROVIDER:MODEL; may be repeated
    #[arg(long, value_name = "PROVIDER")]
    pub(crate) asr: Vec<String>,
    /// With this voice, likewise
    #[arg(long, value_name = "PROVIDER")]
    pub(crate) tts: Vec<String>,
    /// Where that agent's speech goes
    #[arg(long, short, value_name = "FILE.wav")]
    pub(crate) output: Option<PathBuf>,
}

impl Again {
    /// Whether anybody is to be spoken to.
    pub(crate) fn is_wanted(&self) -> bool {
        self.agent.is_some()
            || self.llm.is_some()
            || !self.asr.is_empty()
            || !self.tts.is_empty()
            || self.output.is_some()
    }
}

#[derive(Debug, Args)]
pub(crate) struct ListConversations {
    /// Only those with this agent
    #[arg(long = "with", value_name = "AGENT")]
    pub(crate) agent: Option<String>,
    /// Only those of this user
    #[arg(long, value_name = "ID")]
    pub(crate) user_id: Option<String>,
    /// Only those in which this was said
    #[arg(long, value_name = "WORDS")]
    pub(crate) search: Option<String>,
    /// Only those that ended so: success, failure or unknown
    #[arg(long, value_name = "RESULT")]
    pub(crate) result: Option<String>,
    /// At most so many
    #[arg(long, value_name = "NUMBER")]
    pub(crate) limit: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Voices {
    /// Only voices whose name or description contains this
    #[arg(value_name = "WORD")]
    pub(crate) search: Option<String>,
    /// Whose voices
    #[arg(long, value_name = "NAME", value_enum, default_value_t = Speaker::Embedded)]
    pub(crate) provider: Speaker,
    /// Those of ElevenLabs' library, which an account can add to its own
    #[arg(long)]
    pub(crate) library: bool,
    /// Keep a sample of the voice with this id: WAV of an embedded one, MP3 of an account's
    #[arg(long, value_name = "ID", requires = "output", conflicts_with_all = ["search", "library"])]
    pub(crate) preview: Option<String>,
    /// Where the sample goes
    #[arg(long, short, value_name = "FILE", requires = "preview")]
    pub(crate) output: Option<PathBuf>,
}

/// Who has voices to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Speaker {
    /// Those of this machine.
    Embedded,
    /// Those of the account.
    Elevenlabs,
}

#[derive(Debug, Args)]
pub(crate) struct Devices {
    /// Send a tone out, and measure what comes in and when
    #[arg(long)]
    pub(crate) test: bool,
    /// Microphone to test, by any part of its name [default: the system's]
    #[arg(long, value_name = "NAME", requires = "test")]
    pub(crate) device_in: Option<String>,
    /// Speaker to test, by any part of its name [default: the system's]
    #[arg(long, value_name = "NAME", requires = "test")]
    pub(crate) device_out: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Agents {
    #[command(subcommand)]
    pub(crate) command: AgentsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentsCommand {
    /// List the bundled agents and those of the agents folder
    #[command(after_help = "Example:\n  duologue agents list --json")]
    List,
    /// Print an agent's file
    #[command(after_help = "Example:\n  duologue agents show assistant")]
    Show {
        /// Bundled id, id in the agents folder, or a file
        #[arg(value_name = "ID or FILE")]
        agent: String,
    },
    /// Check an agent's file: line and column of what is wrong with it
    #[command(after_help = "Example:\n  duologue agents check agents/mine.toml")]
    Check {
        /// The file
        file: PathBuf,
    },
    /// Bring agents of the ElevenLabs account (or of `ELEVENLABS_BASE_URL`) into the agents folder
    #[command(
        after_help = "Examples:\n  duologue agents pull\n  duologue agents pull agent_0123 --force\n  ELEVENLABS_BASE_URL=http://127.0.0.1:8000 duologue agents pull receptionist\n\nWhat changed on both sides since is not touched, unless --force says so."
    )]
    Pull {
        /// Ids, or files that were pulled before [default: all agents of the account]
        #[arg(value_name = "ID or FILE")]
        agents: Vec<String>,
        /// Take the account's also where the file has changed
        #[arg(long)]
        force: bool,
    },
    /// Bring agents of the agents folder to the ElevenLabs account (or to `ELEVENLABS_BASE_URL`)
    #[command(
        after_help = "Examples:\n  duologue agents push\n  duologue agents push agents/mine.toml\n\nA file that came from nowhere becomes a new agent. What changed on both sides since is not touched, unless --force\nsays so."
    )]
    Push {
        /// Files, or ids in the agents folder [default: all that were pulled from there]
        #[arg(value_name = "ID or FILE")]
        agents: Vec<String>,
        /// Take the file's also where the account's agent has changed
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Agent to talk to [default: asked for; the only one there is]
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// Put other values in the place of those .env has
    #[arg(long)]
    pub(crate) force: bool,
    /// Leave the microphone alone
    #[arg(long)]
    pub(crate) no_microphone: bool,
}

impl Cli {
    /// The settings that were given as flags: name, flag, value.
    pub(crate) fn flags(&self) -> Vec<(&'static str, &'static str, String)> {
        let mut flags = Vec::new();
        let mut put = |key: &crate::settings::Key, flag, value: &Option<String>| {
            if let Some(value) = value {
                flags.push((key.name, flag, value.clone()));
            }
        };
        put(keys::LOG_LEVEL, "--log-level", &self.common.log_level);
        put(keys::CA_FILE, "--ca", &self.common.ca);
        match &self.command {
            Command::Talk(talk) => {
                put(keys::AGENT_ID, "--agent", &talk.agent);
                put(keys::BRAIN, "--brain", &talk.brain);
                put(keys::ELEVENLABS_BASE_URL, "--server", &talk.server);
                put(keys::LLM, "--llm", &talk.llm);
                put(keys::VOICE, "--voice", &talk.voice);
                put(keys::USER_LANGUAGE, "--language", &talk.language);
                put(
                    keys::CONTINUE,
                    "--continue",
                    &talk.go_on.then(|| "true".to_owned()),
                );
            }
            Command::Serve(serve) => {
                put(keys::HOST, "--host", &serve.host);
                put(keys::PORT, "--port", &serve.port);
                put(keys::AGENTS_DIR, "--agents", &serve.agents);
                put(keys::LLM, "--llm", &serve.llm);
            }
            Command::Speak(speak) => put(keys::VOICE, "--voice", &speak.voice),
            _ => {}
        }
        flags
    }

    /// The variables that were given as flags.
    pub(crate) fn variables(&self) -> Vec<String> {
        match &self.command {
            Command::Talk(talk) => talk.variables.clone(),
            _ => Vec::new(),
        }
    }
}

fn speed(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(speed) if (0.7..=1.2).contains(&speed) => Ok(speed),
        _ => Err("a speed is a number from 0.7 to 1.2".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn check(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string);
            assert!(
                help.is_some_and(|h| h.contains("Example")),
                "{} has no example",
                command.get_name()
            );
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
