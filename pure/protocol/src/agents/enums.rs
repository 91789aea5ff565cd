//! The closed vocabularies of the contract, kept open for words it does not have yet.

use std::fmt;

use audio::Format;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::open_enum::open_enum;

open_enum! {
    /// A name in `conversation.client_events`: which server messages a client asks for.
    ///
    /// The two published lists differ; this is their union.
    ClientEventKind {
        /// Pieces of agent speech.
        Audio = "audio",
        /// The text of an agent turn.
        AgentResponse = "agent_response",
        /// What was really spoken, after an interruption.
        AgentResponseCorrection = "agent_response_correction",
        /// Streamed text of an agent turn.
        AgentChatResponsePart = "agent_chat_response_part",
        /// Streamed reasoning.
        AgentReasoningResponsePart = "agent_reasoning_response_part",
        /// Playback must stop.
        Interruption = "interruption",
        /// The final text of a user turn.
        UserTranscript = "user_transcript",
        /// Text of a user turn that may still change.
        TentativeUserTranscript = "tentative_user_transcript",
        /// The first message.
        ConversationInitiationMetadata = "conversation_initiation_metadata",
        /// A tool the client runs.
        ClientToolCall = "client_tool_call",
        /// A component to show.
        RichContent = "rich_content",
        /// A tool is about to run.
        AgentToolRequest = "agent_tool_request",
        /// A tool has finished.
        AgentToolResponse = "agent_tool_response",
        /// A tool has finished, with its result.
        AgentToolResponseFullPayload = "agent_tool_response_full_payload",
        /// Progress of an MCP tool.
        McpToolCall = "mcp_tool_call",
        /// State of the MCP servers.
        McpConnectionStatus = "mcp_connection_status",
        /// Speech probability.
        VadScore = "vad_score",
        /// Liveness and latency.
        Ping = "ping",
        /// Tokens used by the context.
        ContextUsage = "context_usage",
        /// Recognition is ready.
        AsrInitiationMetadata = "asr_initiation_metadata",
        /// A guardrail fired.
        GuardrailTriggered = "guardrail_triggered",
        /// Debug: probability that the turn is over.
        InternalTurnProbability = "internal_turn_probability",
        /// Debug: a speculative answer.
        InternalTentativeAgentResponse = "internal_tentative_agent_response",
        /// The other side is typing.
        AgentTyping = "agent_typing",
        /// A person or another agent took over.
        ExternalAgentConnected = "external_agent_connected",
        /// The take-over has ended.
        ExternalAgentDisconnected = "external_agent_disconnected",
        /// Metadata of a custom llm.
        AgentResponseMetadata = "agent_response_metadata",
        /// An agent turn is complete.
        AgentResponseComplete = "agent_response_complete",
        /// An error for the client; shape undocumented.
        ClientError = "client_error",
        /// Keypad tones; shape undocumented.
        DtmfRequest = "dtmf_request",
    }
}

impl ClientEventKind {
    /// What is sent when neither the agent nor the client chose.
    pub const DEFAULT: &'static [Self] = &[
        Self::Audio,
        Self::Interruption,
        Self::AgentResponse,
        Self::UserTranscript,
        Self::TentativeUserTranscript,
        Self::ConversationInitiationMetadata,
        Self::Ping,
    ];

    /// Whether a server sends this kind to every client, asked for or not.
    ///
    /// Agents made by official tools leave these out of their list and their clients depend on them all the same.
    pub fn is_always_sent(&self) -> bool {
        matches!(
            self,
            Self::ConversationInitiationMetadata | Self::Ping | Self::ClientToolCall
        )
    }
}

open_enum! {
    /// A language code of the contract.
    Language {
        /// English.
        English = "en",
        /// Japanese.
        Japanese = "ja",
        /// Chinese.
        Chinese = "zh",
        /// German.
        German = "de",
        /// Hindi.
        Hindi = "hi",
        /// French.
        French = "fr",
        /// Korean.
        Korean = "ko",
        /// Portuguese.
        Portuguese = "pt",
        /// Brazilian Portuguese.
        BrazilianPortuguese = "pt-br",
        /// Italian.
        Italian = "it",
        /// Spanish.
        Spanish = "es",
        /// Indonesian.
        Indonesian = "id",
        /// Dutch.
        Dutch = "nl",
        /// Turkish.
        Turkish = "tr",
        /// Polish.
        Polish = "pl",
        /// Swedish.
        Swedish = "sv",
        /// Bulgarian.
        Bulgarian = "bg",
        /// Romanian.
        Romanian = "ro",
        /// Arabic.
        Arabic = "ar",
        /// Czech.
        Czech = "cs",
        /// Greek.
        Greek = "el",
        /// Finnish.
        Finnish = "fi",
        /// Malay.
        Malay = "ms",
        /// Danish.
        Danish = "da",
        /// Tamil.
        Tamil = "ta",
        /// Ukrainian.
        Ukrainian = "uk",
        /// Russian.
        Russian = "ru",
        /// Hungarian.
        Hungarian = "hu",
        /// Croatian.
        Croatian = "hr",
        /// Slovak.
        Slovak = "sk",
        /// Norwegian.
        Norwegian = "no",
        /// Vietnamese.
        Vietnamese = "vi",
        /// Tagalog.
        Tagalog = "tl",
        /// Afrikaans.
        Afrikaans = "af",
        /// Armenian.
        Armenian = "hy",
        /// Assamese.
        Assamese = "as",
        /// Azerbaijani.
        Azerbaijani = "az",
        /// Belarusian.
        Belarusian = "be",
        /// Bengali.
        Bengali = "bn",
        /// Bosnian.
        Bosnian = "bs",
        /// Catalan.
        Catalan = "ca",
        /// Estonian.
        Estonian = "et",
        /// Galician.
        Galician = "gl",
        /// Georgian.
        Georgian = "ka",
        /// Gujarati.
        Gujarati = "gu",
        /// Hausa.
        Hausa = "ha",
        /// Hebrew.
        Hebrew = "he",
        /// Icelandic.
        Icelandic = "is",
        /// Irish.
        Irish = "ga",
        /// Javanese.
        Javanese = "jv",
        /// Kannada.
        Kannada = "kn",
        /// Kazakh.
        Kazakh = "kk",
        /// Kyrgyz.
        Kyrgyz = "ky",
        /// Latvian.
        Latvian = "lv",
        /// Lithuanian.
        Lithuanian = "lt",
        /// Luxembourgish.
        Luxembourgish = "lb",
        /// Macedonian.
        Macedonian = "mk",
        /// Malayalam.
        Malayalam = "ml",
        /// Marathi.
        Marathi = "mr",
        /// Nepali.
        Nepali = "ne",
        /// Pashto.
        Pashto = "ps",
        /// Persian.
        Persian = "fa",
        /// Punjabi.
        Punjabi = "pa",
        /// Serbian.
        Serbian = "sr",
        /// Sindhi.
        Sindhi = "sd",
        /// Slovenian.
        Slovenian = "sl",
        /// Somali.
        Somali = "so",
        /// Swahili.
        Swahili = "sw",
        /// Telugu.
        Telugu = "te",
        /// Thai.
        Thai = "th",
        /// Urdu.
        Urdu = "ur",
        /// Welsh.
        Welsh = "cy",
    }
}

open_enum! {
    /// What kind of client started a conversation.
    Source {
        /// Said to be unknown by the client itself.
        NotStated = "unknown",
        /// Android sdk.
        AndroidSdk = "android_sdk",
        /// Node js sdk.
        NodeJsSdk = "node_js_sdk",
        /// React native sdk.
        ReactNativeSdk = "react_native_sdk",
        /// React sdk.
        ReactSdk = "react_sdk",
        /// Js sdk.
        JsSdk = "js_sdk",
        /// Python sdk.
        PythonSdk = "python_sdk",
        /// Widget.
        Widget = "widget",
        /// Sip trunk.
        SipTrunk = "sip_trunk",
        /// Twilio.
        Twilio = "twilio",
        /// Exotel.
        Exotel = "exotel",
        /// Genesys.
        Genesys = "genesys",
        /// Swift sdk.
        SwiftSdk = "swift_sdk",
        /// Whatsapp.
        Whatsapp = "whatsapp",
        /// Twilio sms.
        TwilioSms = "twilio_sms",
        /// Flutter sdk.
        FlutterSdk = "flutter_sdk",
        /// Zendesk integration.
        ZendeskIntegration = "zendesk_integration",
        /// Slack integration.
        SlackIntegration = "slack_integration",
        /// Telegram integration.
        TelegramIntegration = "telegram_integration",
        /// Intercom integration.
        IntercomIntegration = "intercom_integration",
        /// Freshdesk integration.
        FreshdeskIntegration = "freshdesk_integration",
        /// Salesforce integration.
        SalesforceIntegration = "salesforce_integration",
        /// Template preview.
        TemplatePreview = "template_preview",
        /// Genesys bot connector.
        GenesysBotConnector = "genesys_bot_connector",
        /// Subagent tool.
        SubagentTool = "subagent_tool",
    }
}

open_enum! {
    /// Why an `error` message was sent.
    ErrorType {
        /// Nothing more is known. No close code.
        NotStated = "unknown",
        /// Not JSON, or not the shape of a message. Close code 1008.
        InvalidMessage = "invalid_message",
        /// An agent without speech was used for telephony. Close code 1008.
        TelephonyAgentError = "telephony_agent_error",
        /// The schema of an MCP tool is bad. Close code 1008.
        McpToolError = "mcp_tool_error",
        /// The URL of an MCP server is not https. Close code 1008.
        McpHttpsError = "mcp_https_error",
        /// A value could not be used. Close code 1008.
        ValueError = "value_error",
        /// Required fields are absent. Close code 1008.
        MissingFields = "missing_fields",
        /// An override is not allowed or not valid. Close code 1008.
        OverrideError = "override_error",
        /// A variable the agent's texts use was not supplied. Close code 1008.
        MissingDynamicVariable = "missing_dynamic_variable",
        /// The same, after a transfer to another agent. Close code 1008.
        MissingDynamicVariableTransfer = "missing_dynamic_variable_transfer",
        /// The peer vanished; there is nobody left to send a code to. No close code.
        WebsocketDisconnect = "websocket_disconnect",
        /// Against the policy. Close code 1002.
        SafetyViolation = "safety_violation",
        /// The llm took more than 20 s. Close code 1002.
        LlmTimeout = "llm_timeout",
        /// The user sent nothing for 60 s. Close code 1002.
        TransportReceiveTimeout = "transport_receive_timeout",
        /// An internal time limit. Close code 1002.
        AsyncioTimeout = "asyncio_timeout",
        /// An HTTP error on the server's side. Close code 1002.
        HttpException = "http_exception",
        /// The conversation reached its longest duration. Close code 1000.
        MaxDurationExceeded = "max_duration_exceeded",
        /// The llm failed. Close code 1002.
        LlmError = "llm_error",
        /// The agent's own llm endpoint failed. Close code 1002.
        CustomLlmError = "custom_llm_error",
        /// Every llm failed. Close code 1002.
        CascadeBrainError = "cascade_brain_error",
        /// Recognition failed. Close code 1002.
        AsrTranscriptionError = "asr_transcription_error",
        /// Voice detection failed. Close code 1002.
        VadError = "vad_error",
        /// Turn detection failed. Close code 1002.
        TurnProbabilityError = "turn_probability_error",
        /// Every voice failed. Close code 1002.
        TtsCascadeError = "tts_cascade_error",
        /// Storage took too long. Close code 1002.
        RedisTimeoutError = "redis_timeout_error",
        /// The server crashed. Close code 1011.
        UnknownWebsocketCrash = "unknown_websocket_crash",
    }
}

impl ErrorType {
    /// The code a server closes with after this error; none where the contract names none.
    pub fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::InvalidMessage
            | Self::TelephonyAgentError
            | Self::McpToolError
            | Self::McpHttpsError
            | Self::ValueError
            | Self::MissingFields
            | Self::OverrideError
            | Self::MissingDynamicVariable
            | Self::MissingDynamicVariableTransfer => Some(CloseCode::Refused),
            Self::SafetyViolation
            | Self::LlmTimeout
            | Self::TransportReceiveTimeout
            | Self::AsyncioTimeout
            | Self::HttpException
            | Self::LlmError
            | Self::CustomLlmError
            | Self::CascadeBrainError
            | Self::AsrTranscriptionError
            | Self::VadError
            | Self::TurnProbabilityError
            | Self::TtsCascadeError
            | Self::RedisTimeoutError => Some(CloseCode::Failed),
            Self::MaxDurationExceeded => Some(CloseCode::Normal),
            Self::UnknownWebsocketCrash => Some(CloseCode::Crashed),
            Self::NotStated | Self::WebsocketDisconnect | Self::Unknown(_) => None,
        }
    }
}

open_enum! {
    /// Who runs a tool.
    ToolType {
        /// The client.
        Client = "client",
        /// A web server the agent calls.
        Webhook = "webhook",
        /// An MCP server.
        Mcp = "mcp",
        /// The platform itself, such as `end_call`.
        System = "system",
    }
}

open_enum! {
    /// Where in a stream a piece of text stands. A client should treat an unknown word as [`PartKind::Delta`].
    PartKind {
        /// The stream begins; no text.
        Start = "start",
        /// More text.
        Delta = "delta",
        /// The stream ends; no text.
        Stop = "stop",
    }
}

open_enum! {
    /// Where a client stands in the queue for a free place.
    QueueState {
        /// Not yet admitted; what the client says is discarded.
        Waiting = "waiting",
        /// The conversation begins.
        Admitted = "admitted",
        /// No place became free.
        TimedOut = "timed_out",
    }
}

open_enum! {
    /// How an MCP server was connected.
    McpIntegrationType {
        /// A server named by the agent's owner.
        Server = "mcp_server",
        /// A ready-made integration.
        Integration = "mcp_integration",
    }
}

/// The code of a close frame, and of the `error` message before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// 1000: the agent ended the conversation, or it reached its longest duration.
    Normal,
    /// 1002: operational: time limits, policy, a provider that failed.
    Failed,
    /// 1008: the caller's fault: a bad message, override, variable or key.
    Refused,
    /// 1011: the server failed in a way it did not expect.
    Crashed,
    /// Any other. Seen: 3000 (bad request), 3008 (too many conversations), 4300 (queue time-out).
    Other(u16),
}

impl CloseCode {
    /// The number in the close frame.
    pub fn as_u16(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::Failed => 1002,
            Self::Refused => 1008,
            Self::Crashed => 1011,
            Self::Other(code) => code,
        }
    }

    /// Whether a client should treat the end as an error: every code but 1000.
    pub fn is_error(self) -> bool {
        self != Self::Normal
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        match code {
            1000 => Self::Normal,
            1002 => Self::Failed,
            1008 => Self::Refused,
            1011 => Self::Crashed,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_u16().fmt(f)
    }
}

impl Serialize for CloseCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.as_u16())
    }
}

impl<'de> Deserialize<'de> for CloseCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u16::deserialize(deserializer).map(Self::from)
    }
}

open_enum! {
    /// How sound is coded on this wire. There is no negotiation: the server announces one per direction. Default: `pcm_16000`, which official
    /// clients assume where nothing is said.
    #[derive(Default)]
    AudioFormat {
        /// 16-bit little-endian mono at 8 kHz.
        Pcm8000 = "pcm_8000",
        /// 16-bit little-endian mono at 16 kHz.
        #[default]
        Pcm16000 = "pcm_16000",
        /// 16-bit little-endian mono at 22.05 kHz.
        Pcm22050 = "pcm_22050",
        /// 16-bit little-endian mono at 24 kHz.
        Pcm24000 = "pcm_24000",
        /// 16-bit little-endian mono at 44.1 kHz.
        Pcm44100 = "pcm_44100",
        /// 16-bit little-endian mono at 48 kHz.
        Pcm48000 = "pcm_48000",
        /// G.711 µ-law, mono, one byte per sample at 8 kHz.
        Ulaw8000 = "ulaw_8000",
    }
}

impl AudioFormat {
    /// The format as this house codes it; none if it cannot.
    pub fn format(&self) -> Option<Format> {
        self.as_str().parse().ok()
    }
}

impl From<Format> for AudioFormat {
    /// A format the contract does not list, such as A-law, goes by its name.
    fn from(format: Format) -> Self {
        Self::from(format.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_format_can_be_coded() {
        for name in AudioFormat::KNOWN {
            let format = name.format().unwrap();
            assert_eq!(&AudioFormat::from(format), name);
        }
    }

    #[test]
    fn a_format_this_house_cannot_code_keeps_its_name() {
        let name = AudioFormat::from("opus_48000");
        assert_eq!(name.format(), None);
        assert_eq!(name.as_str(), "opus_48000");
        assert_eq!(
            AudioFormat::from(Format::Alaw8000).format(),
            Some(Format::Alaw8000)
        );
    }

    #[test]
    fn an_unknown_word_is_written_back() {
        let word: Language = serde_json::from_str("\"tlh\"").unwrap();
        assert_eq!(word, Language::Unknown("tlh".to_owned()));
        assert_eq!(serde_json::to_string(&word).unwrap(), "\"tlh\"");
    }

    #[test]
    fn every_error_of_the_callers_making_closes_with_1008() {
        let code = |word: &str| ErrorType::from(word).close_code().map(CloseCode::as_u16);
        assert_eq!(code("invalid_message"), Some(1008));
        assert_eq!(code("llm_timeout"), Some(1002));
        assert_eq!(code("max_duration_exceeded"), Some(1000));
        assert_eq!(code("unknown_websocket_crash"), Some(1011));
        assert_eq!(code("unknown"), None);
    }

    #[test]
    fn close_codes_survive_the_round_trip() {
        for code in 0..=u16::MAX {
            assert_eq!(CloseCode::from(code).as_u16(), code);
        }
    }
}
