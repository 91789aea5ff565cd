//! The language of scenarios: who says what, and when. `docs/scenarios.md` explains it.

use std::{fmt, time::Duration};

use turn::{Eagerness, Expected, InterruptionMode, Settings};

/// A dialogue: how the agent is set, what the caller does and what the agent answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// Settings of the machine.
    pub settings: Settings,
    /// How the world behaves.
    pub manners: Manners,
    /// What the caller does, in order.
    pub caller: Vec<Act>,
    /// What the agent says: one group for each turn, the first for the greeting; in a group, one line for each reply
    /// (more than one where tools are called).
    pub agent: Vec<Vec<Line>>,
    /// Where chance begins.
    pub seed: u64,
}

/// How fast the simulated providers are and how often they err.
#[derive(Clone, Debug, PartialEq)]
pub struct Manners {
    /// From a word's end to its partial, and from the pause to the final.
    pub asr_delay: Duration,
    /// Probability that a word is misheard.
    pub word_errors: f64,
    /// Probability that a final never comes.
    pub lost_finals: f64,
    /// To the llm's first word.
    pub llm_delay: Duration,
    /// From word to word of the llm.
    pub llm_word: Duration,
    /// To the voice's first chunk.
    pub voice_delay: Duration,
    /// Length of a chunk.
    pub chunk: Duration,
    /// From the agent to the speaker.
    pub network: Duration,
    /// Probability that a playout report is lost.
    pub lost_reports: f64,
    /// Probability that the vad errs about a frame.
    pub vad_errors: f64,
    /// Probability that llm, voice or tool fail in one of their ways, for each reply.
    pub faults: f64,
    /// Probability that a cancelled provider tells more before it notices.
    pub late: f64,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            asr_delay: Duration::from_millis(100),
            word_errors: 0.0,
            lost_finals: 0.0,
            llm_delay: Duration::from_millis(200),
            llm_word: Duration::from_millis(20),
            voice_delay: Duration::from_millis(100),
            chunk: Duration::from_millis(400),
            network: Duration::from_millis(20),
            lost_reports: 0.0,
            vad_errors: 0.0,
            faults: 0.0,
            late: 0.0,
        }
    }
}

/// Something the caller does.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// When.
    pub when: When,
    /// What.
    pub what: Deed,
}

/// When a caller acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So long after the conversation began.
    At(Duration),
    /// So long after the agent has finished and listens.
    After(Duration),
}

/// What a caller does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Speaks: words, and pauses between them.
    Says(Vec<Said>),
    /// Coughs, or something falls: sound without words.
    Noise(Duration),
    /// The microphone hears the agent for so long.
    Echo(Duration),
    /// Types a message.
    Types(String),
    /// Moves the mouse.
    Moves,
    /// Something to know arrives.
    Context,
    /// Hangs up.
    HangsUp,
}

/// A part of what is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A word.
    Word(String),
    /// Silence within.
    Pause(Duration),
}

/// One reply of the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub text: String,
    /// What happens after the text.
    pub then: Vec<Then>,
}

/// What a reply does besides saying its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// Calls a tool.
    Tool {
        /// How long it takes. None: it hangs.
        takes: Option<Duration>,
        /// Whether it fails.
        fails: bool,
        /// Whether the user may interrupt.
        interruptible: bool,
    },
    /// Ends the conversation.
    Ends,
    /// Says nothing.
    Skips,
    /// The llm fails.
    Fails,
    /// The llm hangs.
    Hangs,
    /// The voice fails.
    VoiceFails,
    /// The voice hangs.
    VoiceHangs,
    /// The first word takes so long.
    Slow(Duration),
    /// Asks for something.
    Expects(Expected),
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for ScriptError {}

impl Script {
    /// Reads a scenario. Lines end with a line break or `|`; `#` begins a comment.
    pub fn read(text: &str) -> Result<Self, ScriptError> {
        let mut script = Self::default();
        script.settings.turn_timeout = None;
        let mut begun = false;
        let mut continues = false;
        for (index, line) in text.lines().flat_map(|line| line.split('|')).enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            script
                .line(line, &mut begun, &mut continues)
                .map_err(|what| ScriptError {
                    line: index + 1,
                    what,
                })?;
        }
        if script.agent.is_empty() {
            script.agent.push(Vec::new());
        }
        Ok(script)
    }

    fn line(&mut self, line: &str, begun: &mut bool, continues: &mut bool) -> Result<(), String> {
        let (head, rest) = match line.split_once(' ') {
            Some((head, rest))
                if head.starts_with(['+', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) =>
            {
                (Some(head), rest.trim())
            }
            _ => (None, line),
        };
        let when = match head {
            Some(after) if after.starts_with('+') => When::After(seconds(&after[1..])?),
            Some(at) => When::At(seconds(at)?),
            None => When::After(Duration::from_millis(600)),
        };
        if let Some(text) = rest.strip_prefix("agent:") {
            let reply = reply(text)?;
            if !*begun && self.caller.is_empty() {
                self.settings.greets = head.is_some();
                if head.is_none() {
                    self.agent.push(Vec::new());
                }
            } else if !*begun {
                self.agent.push(Vec::new());
            }
            *begun = true;
            let calls = reply
                .then
                .iter()
                .any(|then| matches!(then, Then::Tool { .. }));
            match self.agent.last_mut() {
                Some(group) if *continues => group.push(reply),
                _ => self.agent.push(vec![reply]),
            }
            *continues = calls;
            return Ok(());
        }
        let deed = if let Some(text) = rest.strip_prefix("user:") {
            Deed::Says(said(text)?)
        } else if let Some(length) = rest.strip_prefix("noise ") {
            Deed::Noise(seconds(length)?)
        } else if let Some(length) = rest.strip_prefix("echo ") {
            Deed::Echo(seconds(length)?)
        } else if let Some(text) = rest.strip_prefix("types:") {
            Deed::Types(text.trim().to_owned())
        } else {
            match rest {
                "moves" => Deed::Moves,
                "context" => Deed::Context,
                "hangs up" => Deed::HangsUp,
                _ if head.is_none() => return self.setting(rest),
                _ => return Err(format!("nobody can `{rest}`")),
            }
        };
        self.caller.push(Act { when, what: deed });
        Ok(())
    }

    fn setting(&mut self, line: &str) -> Result<(), String> {
        let (key, value) = line
            .split_once(':')
            .ok_or_else(|| format!("`{line}` is no setting"))?;
        let (key, value) = (key.trim(), value.trim());
        let settings = &mut self.settings;
        let manners = &mut self.manners;
        match key {
            "title" => {}
            "seed" => self.seed = value.parse().map_err(|_| format!("`{value}` is no seed"))?,
            "eagerness" => {
                settings.eagerness = match value {
                    "patient" => Eagerness::Patient,
                    "normal" => Eagerness::Normal,
                    "eager" => Eagerness::Eager,
                    _ => return Err(format!("`{value}` is no eagerness")),
                }
            }
            "edge" => {
                for ability in value.split(',').map(str::trim) {
                    match ability {
                        "pauses" => settings.edge_can_pause = true,
                        "reports" => settings.edge_reports = true,
                        _ => return Err(format!("an edge cannot `{ability}`")),
                    }
                }
            }
            "ignore" => {
                settings.ignore_terms = value
                    .split(',')
                    .map(|term| term.trim().to_owned())
                    .collect();
            }
            "greeting" => settings.greeting_interruptible = value != "uninterruptible",
            "interruption" if value == "never" => settings.interruption = InterruptionMode::Never,
            "mode" if value == "text" => settings.text_only = true,
            "speculative" => settings.speculative = value != "off",
            "turn timeout" => settings.turn_timeout = Some(seconds(value)?),
            "initial wait" => settings.initial_wait = Some(seconds(value)?),
            "silence end" => settings.silence_end = Some(seconds(value)?),
            "soft timeout" => settings.soft_timeout = Some(seconds(value)?),
            "max duration" => settings.max_duration = seconds(value)?,
            "final timeout" => settings.final_timeout = seconds(value)?,
            "reply timeout" => settings.reply_timeout = seconds(value)?,
            "asr delay" => manners.asr_delay = seconds(value)?,
            "llm delay" => manners.llm_delay = seconds(value)?,
            "llm word" => manners.llm_word = seconds(value)?,
            "voice delay" => manners.voice_delay = seconds(value)?,
            "chunk" => manners.chunk = seconds(value)?,
            "network" => manners.network = seconds(value)?,
            "word errors" => manners.word_errors = share(value)?,
            "lost finals" => manners.lost_finals = share(value)?,
            "lost reports" => manners.lost_reports = share(value)?,
            "vad errors" => manners.vad_errors = share(value)?,
            _ => return Err(format!("`{key}: {value}` is no setting")),
        }
        Ok(())
    }
}

/// Words and pauses: `four (0.8) five`.
fn said(text: &str) -> Result<Vec<Said>, String> {
    text.split_whitespace()
        .map(
            |word| match word.strip_prefix('(').and_then(|w| w.strip_suffix(')')) {
                Some(pause) => Ok(Said::Pause(seconds(pause)?)),
                None => Ok(Said::Word(word.to_owned())),
            },
        )
        .collect()
}

fn reply(text: &str) -> Result<Line, String> {
    let mut line = Line::default();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        line.text.push_str(before);
        let (what, behind) = after.split_once('}').ok_or("a `{` is not closed")?;
        line.then.push(then(what.trim())?);
        rest = behind;
    }
    line.text.push_str(rest);
    line.text = line.text.trim().to_owned();
    Ok(line)
}

fn then(what: &str) -> Result<Then, String> {
    let words: Vec<&str> = what.split_whitespace().collect();
    Ok(match words.as_slice() {
        ["ends"] => Then::Ends,
        ["skips"] => Then::Skips,
        ["fails"] => Then::Fails,
        ["hangs"] => Then::Hangs,
        ["voice", "fails"] => Then::VoiceFails,
        ["voice", "hangs"] => Then::VoiceHangs,
        ["slow", length] => Then::Slow(seconds(length)?),
        ["expects", kind] => Then::Expects(match *kind {
            "name" => Expected::Name,
            "day" => Expected::Day,
            "time" => Expected::Time,
            "email" => Expected::Email,
            "phone" => Expected::Phone,
            "number" => Expected::Number,
            "spelling" => Expected::Spelling,
            "confirmation" => Expected::Confirmation,
            _ => return Err(format!("`{kind}` cannot be expected")),
        }),
        ["tool", rest @ ..] => {
            let mut takes = None;
            let (mut fails, mut interruptible) = (false, true);
            for word in rest {
                match *word {
                    "hangs" => takes = None,
                    "fails" => fails = true,
                    "uninterruptible" => interruptible = false,
                    length => takes = Some(seconds(length)?),
                }
            }
            Then::Tool {
                takes,
                fails,
                interruptible,
            }
        }
        _ => return Err(format!("a reply cannot `{what}`")),
    })
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .trim()
        .parse()
        .map_err(|_| format!("`{text}` is no number of seconds"))?;
    Duration::try_from_secs_f64(number).map_err(|_| format!("`{text}` is no number of seconds"))
}

fn share(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| format!("`{text}` is not between 0 and 1"))
}
