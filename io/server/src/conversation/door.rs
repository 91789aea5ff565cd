//! Whether this caller may talk to this agent.

use std::sync::Arc;

use axum::http::{HeaderMap, Uri, uri::PathAndQuery};
use protocol::agents::ErrorType;

use crate::{
    Problem, Refusal, StoredAgent,
    access::{self, Caller},
    admission::Place,
    http::{House, now},
};

/// What the caller's request said.
pub(super) struct Visit {
    headers: HeaderMap,
    pub(super) agent_id: Option<String>,
    signature: Option<String>,
    conversation_id: Option<String>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Parameters {
    agent_id: Option<String>,
    conversation_signature: Option<String>,
    token: Option<String>,
    conversation_id: Option<String>,
}

impl Visit {
    /// Reads a query. Unknown parameters are nobody's business; of a repeated one the query is not to be trusted at all.
    pub(super) fn read(query: &str, headers: &HeaderMap) -> Self {
        let uri = PathAndQuery::try_from(format!("/?{query}")).map(Uri::from);
        let parameters = uri
            .ok()
            .and_then(|uri| axum::extract::Query::<Parameters>::try_from_uri(&uri).ok())
            .map(|query| query.0)
            .unwrap_or_default();
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Self {
            headers: headers.clone(),
            agent_id: given(parameters.agent_id),
            signature: given(parameters.conversation_signature).or(given(parameters.token)),
            conversation_id: given(parameters.conversation_id),
        }
    }

    /// The conversation id that was signed for. Others are not the caller's to choose.
    pub(super) fn signed_conversation(&self) -> Option<&str> {
        self.signature.as_ref().and(self.conversation_id.as_deref())
    }
}

/// Lets the caller in, or says why not. Without an `agent_id` the caller stands at the self-hosted door.
pub(super) fn enter(
    house: &House,
    visit: &Visit,
) -> Result<(Place, Option<Arc<StoredAgent>>), Refusal> {
    if house.closing.is_cancelled() {
        return Err(Refusal::new(ErrorType::NotStated, "This server is stopping.").with_code(1001));
    }
    let headers = &visit.headers;
    house
        .origins
        .admit(headers)
        .map_err(|problem| refusal(&problem))?;
    let caller = house
        .settings
        .keys
        .caller(headers)
        .map_err(|problem| refusal(&problem))?;
    let agent = match &visit.agent_id {
        None => None,
        Some(id) => match house.registry.get(id) {
            Some(agent) => Some(agent),
            None => return Err(refusal(&Problem::no_agent(id))),
        },
    };
    let signed = match (&visit.signature, &visit.agent_id) {
        (Some(signature), Some(id)) => {
            let conversation = visit.conversation_id.as_deref();
            let verdict = house.signer.verify(signature, id, conversation, now());
            verdict.map_err(|error| {
                Refusal::new(ErrorType::ValueError, sentence(&error.to_string()))
            })?;
            true
        }
        _ => false,
    };
    let known = signed || caller != Caller::Anonymous;
    match &agent {
        Some(agent) => {
            if agent.is_private() && !known {
                return Err(Refusal::new(
                    ErrorType::ValueError,
                    "This agent needs a signed URL or an API key.",
                ));
            }
            if !agent.admits_origin(access::origin(headers)) {
                return Err(Refusal::new(
                    ErrorType::ValueError,
                    "Pages of this origin may not call this agent.",
                ));
            }
        }
        None if !known => {
            return Err(Refusal::new(
                ErrorType::ValueError,
                "Give an agent_id; bringing an agent along needs an API key or a signed URL.",
            ));
        }
        None => {}
    }
    Ok((house.admission.enter(caller)?, agent))
}

fn refusal(problem: &Problem) -> Refusal {
    Refusal::new(ErrorType::ValueError, problem.message())
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first
        .into_iter()
        .flatten()
        .chain(letters)
        .chain(['.'])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_name_of_the_signature_is_read_and_decoded() {
        let visit = Visit::read(
            "agent_id=a&conversation_signature=1%2Eab&source=x",
            &HeaderMap::new(),
        );
        assert_eq!(visit.signature.as_deref(), Some("1.ab"));
        let visit = Visit::read(
            "token=2.cd&agent_id=a%20b&conversation_id=conv_1",
            &HeaderMap::new(),
        );
        assert_eq!(visit.signature.as_deref(), Some("2.cd"));
        assert_eq!(visit.agent_id.as_deref(), Some("a b"));
        assert_eq!(visit.signed_conversation(), Some("conv_1"));
        let visit = Visit::read("agent_id=a&conversation_id=conv_1", &HeaderMap::new());
        assert_eq!(visit.signed_conversation(), None);
        assert!(Visit::read("", &HeaderMap::new()).agent_id.is_none());
        assert!(
            Visit::read("%zz&=&&&", &HeaderMap::new())
                .agent_id
                .is_none()
        );
    }
}
