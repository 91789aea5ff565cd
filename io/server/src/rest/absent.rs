//! What ElevenLabs has and this server has not, with words for those who ask for it.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse as _, Response},
    routing::{any, get},
};

use crate::{Problem, http::House};

/// The beginning of a path after `/v1/`, and why there is nothing. The first that fits counts; `*` stands for one part.
const ABSENT: &[(&str, &str)] = &[
    (
        "convai/agents/*/branches",
        "Agents have no branches here: keep them as files under version control.",
    ),
    (
        "convai/agents/*/deployments",
        "Agents have no branches here, so none is deployed: a change holds for the next call.",
    ),
    (
        "convai/agents/*/drafts",
        "Agents have no drafts here: duplicate the agent and try the copy.",
    ),
    (
        "convai/agents/*/versions",
        "Old versions of agents are not kept here.",
    ),
    (
        "convai/agents/*/avatar",
        "Pictures of agents are not kept here: name one by its URL in platform_settings.widget.",
    ),
    ("convai/agents/*/topics", "Topics are not looked for here."),
    (
        "convai/agents/*/triage-tickets",
        "There are no tickets here.",
    ),
    ("convai/triage-tickets", "There are no tickets here."),
    (
        "convai/agent/*/llm-usage",
        "No prices are known here but those in prices.toml, which every conversation's charging shows.",
    ),
    (
        "convai/llm-usage",
        "No prices are known here but those in prices.toml, which every conversation's charging shows.",
    ),
    (
        "convai/llm",
        "Agents name their llm as custom-llm, or get the server's own: there is no list.",
    ),
    ("convai/batch-calling", "This server places no calls."),
    (
        "convai/twilio",
        "This server places and takes no telephone calls.",
    ),
    (
        "convai/sip-trunk",
        "This server places and takes no telephone calls.",
    ),
    (
        "convai/exotel",
        "This server places and takes no telephone calls.",
    ),
    (
        "convai/phone-numbers",
        "This server places and takes no telephone calls, so it has no numbers.",
    ),
    (
        "convai/whatsapp-accounts",
        "This server is not connected to WhatsApp.",
    ),
    (
        "convai/whatsapp",
        "This server is not connected to WhatsApp.",
    ),
    (
        "convai/mcp-servers",
        "Agents here do not use MCP servers: write their tools as webhook tools.",
    ),
    (
        "convai/environment-variables",
        "There are no environments here: secrets are kept at /v1/convai/secrets.",
    ),
    (
        "convai/environments",
        "There are no environments here: run a server for each.",
    ),
    (
        "environments",
        "There are no environments here: run a server for each.",
    ),
    (
        "convai/agents/*/merge-proposals",
        "Agents have no branches here: keep them as files under version control.",
    ),
    ("convai/agents/*/hold-audio", "Nobody is put on hold here."),
    (
        "convai/agents/*/procedures",
        "Agents have no procedures here: write them into the prompt, or into a script.",
    ),
    (
        "convai/analysis-items",
        "What is looked for in conversations stands in each agent's platform_settings: evaluation and data_collection.",
    ),
    ("convai/outbound-campaigns", "This server places no calls."),
    (
        "convai/v2/phone-numbers",
        "This server places and takes no telephone calls, so it has no numbers.",
    ),
    (
        "convai/realtime",
        "Conversations are held at /v1/convai/conversation here.",
    ),
    (
        "convai/test-invocations/*",
        "Runs of tests are begun, shown and begun again here, and nothing else.",
    ),
    (
        "convai/conversations/*/files/*",
        "Files of a conversation are for its agent: they can be sent and taken back.",
    ),
    (
        "convai/knowledge-base/dependent-agents",
        "Ask for the agents of one document: its dependent-agents.",
    ),
    ("convai/settings/dashboard", "There is no dashboard."),
    ("convai/tags", "Conversations have no tags here."),
    (
        "convai/conversations/*/tags",
        "Conversations have no tags here.",
    ),
    (
        "convai/conversations/*/sip-messages",
        "This conversation was not held over SIP.",
    ),
    (
        "convai/conversations/*/analysis/evaluations",
        "Criteria are judged together here: run the analysis.",
    ),
    (
        "convai/conversations/*/summary",
        "The summary stands in the conversation's analysis.",
    ),
    (
        "convai/conversations/resolve",
        "Conversations are found by their id here.",
    ),
    (
        "convai/tools/*/executions",
        "Calls of tools are kept with their conversations: list those with tool_names.",
    ),
    (
        "convai/knowledge-base/crawl",
        "Pages are added one by one here.",
    ),
    (
        "convai/knowledge-base/rag-index",
        "Every document is in the index from the moment it is kept; ask for a document's own index.",
    ),
    (
        "convai/knowledge-base/*/rag-index",
        "A document leaves the index when it is deleted.",
    ),
    (
        "convai/knowledge-base/*/source-file-url",
        "Files are kept as their text here: ask for the content.",
    ),
    ("audio-effects", "No sounds are made here but speech."),
    ("audio-isolation", "Sound is not cleaned here."),
    ("audio-native", "There are no embedded players here."),
    ("dubbing", "Nothing is dubbed here."),
    (
        "forced-alignment",
        "Texts are not aligned with sound here; speech-to-text gives the times of words.",
    ),
    ("history", "Speech that was made is not kept here."),
    ("music", "No music is made here."),
    ("productions", "There are no productions here."),
    (
        "pronunciation-dictionaries",
        "There are no pronunciation dictionaries here: write words as they sound.",
    ),
    (
        "service-accounts",
        "Keys are given to this server by API_KEYS.",
    ),
    ("sound-generation", "No sounds are made here but speech."),
    (
        "similar-voices",
        "There is no library of voices here: /v1/voices lists what there is.",
    ),
    ("speech-engine", "Agents are made at /v1/convai/agents."),
    ("speech-to-speech", "Voices are not changed here."),
    (
        "speech-to-text/transcripts",
        "Transcripts are given once and not kept here.",
    ),
    ("studio", "There is no studio here."),
    (
        "text-to-dialogue",
        "One voice speaks at a time here: use text-to-speech.",
    ),
    ("text-to-voice", "Voices are not designed here."),
    (
        "usage",
        "Nothing is counted here but what /v1/user/subscription says.",
    ),
    ("voice-changer", "Voices are not changed here."),
    (
        "voices/accents",
        "Voices are listed together here: /v1/voices.",
    ),
    (
        "voices/collections",
        "Voices are listed together here: /v1/voices.",
    ),
    ("voices/add", "Voices are not cloned here."),
    ("voices/pvc", "Voices are not cloned here."),
    ("voices/*/edit", "Voices are not changed here."),
    (
        "voices/*/settings/edit",
        "Voices have no settings of their own here: send voice_settings with the text.",
    ),
    ("voices/*/samples", "Voices have no samples here."),
    ("voices", "Voices are not changed here."),
    (
        "workspace",
        "There are no workspaces here: everybody with a key may do everything.",
    ),
    (
        "workspaces",
        "There are no workspaces here: everybody with a key may do everything.",
    ),
    ("assets", "There are no assets here."),
    ("flows", "There are no flows here."),
];

/// Paths that look like an id's of something that is here.
pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/v1/convai/conversations/resolve", any(nowhere))
        .route("/v1/convai/knowledge-base/crawl", any(nowhere))
        .route("/v1/convai/knowledge-base/dependent-agents", any(nowhere))
        .route("/v1/convai/knowledge-base/rag-index", any(nowhere))
        .route("/v1/voices/accents", get(nowhere))
        .route("/v1/voices/collections", any(nowhere))
}

/// Answers for paths that lead nowhere.
pub(crate) async fn nowhere(request: Request) -> Problem {
    let path = request.uri().path();
    words(path).map_or_else(|| Problem::no_route(path), Problem::not_built)
}

/// Answers for methods that a path does not have.
pub(crate) async fn no_method(request: Request) -> Response {
    let path = request.uri().path();
    match words(path) {
        Some(words) => Problem::not_built(words).into_response(),
        None => Problem::no_method(request.method().as_str(), path).into_response(),
    }
}

fn words(path: &str) -> Option<&'static str> {
    let path = path
        .strip_prefix("/v1/")
        .or_else(|| path.strip_prefix("/v2/"))?;
    let fits = |pattern: &str| {
        let mut parts = path.split('/');
        pattern.split('/').all(|wanted| {
            let part = parts.next();
            part == Some(wanted) || wanted == "*" && part.is_some_and(|part| !part.is_empty())
        })
    };
    ABSENT
        .iter()
        .find(|(pattern, _)| fits(pattern))
        .map(|(_, words)| *words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_here_is_known_by_the_beginning_of_its_path() {
        for (path, part) in [
            ("/v1/convai/phone-numbers", "telephone"),
            ("/v1/convai/phone-numbers/phnum_1/sip-messages", "telephone"),
            ("/v1/convai/agents/agent_1/branches/b/merge", "branches"),
            ("/v1/history/download", "not kept"),
            (
                "/v1/convai/outbound-campaigns/campaigns/c1/calls",
                "places no calls",
            ),
            ("/v1/convai/test-invocations/suite_1/cancel", "tests"),
            ("/v1/voices/add/a/b", "cloned"),
        ] {
            assert!(
                words(path).is_some_and(|words| words.contains(part)),
                "{path}"
            );
        }
        for path in [
            "/v1/convai/phone",
            "/v1/conv",
            "/",
            "/v1/convai/agents//branches",
            "/history",
        ] {
            assert_eq!(words(path), None, "{path}");
        }
    }
}
