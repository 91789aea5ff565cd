//! How a conversation behaves.

use std::time::Duration;

/// Everything about turns that can be chosen. Names follow ElevenLabs' agent configuration where it has one.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
pub struct Settings {
    /// Whether the agent speaks first. Default false.
    pub greets: bool,
    /// No speech in either direction: turns are typed, replies are text. Default false.
    pub text_only: bool,
    /// How soon silence ends a turn. Default [`Eagerness::Normal`].
    pub eagerness: Eagerness,
    /// How patient to be while the user spells or dictates numbers (`spelling_patience`). Default [`Patience::Auto`].
    pub spelling_patience: Patience,
    /// Whether the reply is generated before the end of turn is certain (`speculative_turn`). Default true.
    pub speculative: bool,
    /// The vad's probability from which a frame counts as speech. Default 0.5.
    pub voice_threshold: f32,
    /// How much speech opens an utterance. Default 60 ms.
    pub speech_onset: Duration,
    /// How much silence closes an utterance, so that the recogniser gives its final text. Shorter than the shortest wait for
    /// the end of a turn. Default 200 ms.
    pub utterance_pause: Duration,
    /// How long speech must last before its partial words may interrupt the agent. Default 250 ms.
    pub barge_in: Duration,
    /// How long speech must last to interrupt the agent while no words of it are known: longer than a cough, shorter than
    /// the patience of somebody whose recogniser is slow. Default 800 ms.
    pub wordless_barge_in: Duration,
    /// When the user may interrupt. Default [`InterruptionMode::Allowed`].
    pub interruption: InterruptionMode,
    /// Whether the first message may be interrupted (`disable_first_message_interruptions` = false). Default true.
    pub greeting_interruptible: bool,
    /// Words that never interrupt (`interruption_ignore_terms`), beside the built-in backchannels. Default none.
    pub ignore_terms: Vec<String>,
    /// Whether the edge can pause and resume playout from the exact sample. Default false.
    pub edge_can_pause: bool,
    /// Whether the edge reports what it played ([`Input::Played`](crate::Input::Played)). Where it does not, what was heard is
    /// reckoned from the clock. Default false.
    pub edge_reports: bool,
    /// Silence after which the agent speaks up again (`turn_timeout`, 1 to 30 s). None: never. Default 7 s.
    pub turn_timeout: Option<Duration>,
    /// How often the agent re-engages in a row before it only waits. Default 2.
    pub re_engagements: u32,
    /// How long to wait for the user's first words when there is no greeting (`initial_wait_time`). Default: `turn_timeout`.
    pub initial_wait: Option<Duration>,
    /// Silence that ends the conversation (`silence_end_call_timeout`). Default none.
    pub silence_end: Option<Duration>,
    /// After this long without a first word of the answer, say a filler (`soft_timeout_config`). Default none.
    pub soft_timeout: Option<Duration>,
    /// The filler's text. Default "Hhmmmm...yeah." as ElevenLabs has it; unused without `soft_timeout`.
    pub filler: String,
    /// The longest a conversation may last (`max_duration_seconds`). Default 600 s.
    pub max_duration: Duration,
    /// How long the agent waits for the recogniser's final text before it takes the partial. Default 1.5 s.
    pub final_timeout: Duration,
    /// How long the llm and the voice may be silent before the reply counts as failed. Default 20 s.
    pub reply_timeout: Duration,
    /// How long after the last chunk's end by the clock a missing playout report is believed to be lost. Default 2 s.
    pub playout_grace: Duration,
}

/// How soon silence ends a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Eagerness {
    /// Waits long.
    Patient,
    /// The middle.
    #[default]
    Normal,
    /// Answers quickly, and cuts slow speakers off more often.
    Eager,
}

/// Whether spelling, numbers and addresses lengthen the wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Patience {
    /// Yes, when the words look like it or the agent asked for such a thing.
    #[default]
    Auto,
    /// No.
    Off,
}

/// When the user's speech may stop the agent's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum InterruptionMode {
    /// At any time.
    #[default]
    Allowed,
    /// Never: replies are spoken to their end, and what the user said meanwhile is answered after.
    Never,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            greets: false,
            text_only: false,
            eagerness: Eagerness::Normal,
            spelling_patience: Patience::Auto,
            speculative: true,
            voice_threshold: 0.5,
            speech_onset: Duration::from_millis(60),
            utterance_pause: Duration::from_millis(200),
            barge_in: Duration::from_millis(250),
            wordless_barge_in: Duration::from_millis(800),
            interruption: InterruptionMode::Allowed,
            greeting_interruptible: true,
            ignore_terms: Vec::new(),
            edge_can_pause: false,
            edge_reports: false,
            turn_timeout: Some(Duration::from_secs(7)),
            re_engagements: 2,
            initial_wait: None,
            silence_end: None,
            soft_timeout: None,
            filler: "Hhmmmm...yeah.".to_owned(),
            max_duration: Duration::from_mins(10),
            final_timeout: Duration::from_millis(1_500),
            reply_timeout: Duration::from_secs(20),
            playout_grace: Duration::from_secs(2),
        }
    }
}
