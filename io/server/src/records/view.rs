//! Conversations as the REST API and the webhooks show them.

use serde_json::{Map, Value, json};
use store::{Prices, Role, Summary, ToolCall, Turn, Usage, Whole};

use super::cost;

const SECOND: i64 = 1_000_000;

/// One line of the list. `with_summary`: what was said, in short, as well.
pub fn summary(summary: &Summary, with_summary: bool, prices: &Prices) -> Value {
    let bill = prices.bill(&summary.usage, day(&summary.wall));
    json!({
        "agent_id": summary.agent,
        "agent_name": summary.agent_name,
        "conversation_id": summary.id,
        "start_time_unix_secs": summary.started / SECOND,
        "call_duration_secs": seconds(summary.duration),
        "message_count": summary.messages,
        "status": summary.status,
        "termination_reason": summary.termination.as_deref().unwrap_or_default(),
        "call_successful": summary.call_successful,
        "transcript_summary": summary.summary.as_ref().filter(|_| with_summary),
        "call_summary_title": summary.title,
        "main_language": summary.language,
        "conversation_initiation_source": summary.source.as_deref().unwrap_or("unknown"),
        "tool_names": summary.tools,
        "direction": null,
        "rating": summary.rating,
        "duologue_llm_price": bill.total,
        "duologue_llm_price_at_least": bill.at_least,
    })
}

/// A conversation with all that was kept of it.
pub fn conversation(whole: &Whole, prices: &Prices) -> Value {
    let summary = &whole.summary;
    let has_audio = whole.recording.is_some();
    json!({
        "agent_id": summary.agent,
        "agent_name": summary.agent_name,
        "conversation_id": summary.id,
        "status": summary.status,
        "user_id": summary.user,
        "transcript": transcript(whole, prices),
        "metadata": metadata(whole, prices),
        "analysis": whole.analysis,
        "conversation_initiation_client_data": initiation(&whole.initiation),
        "has_audio": has_audio,
        "has_user_audio": has_audio,
        "has_response_audio": has_audio,
        "has_auxiliary_audio": false,
        "environment": "production",
        "visited_agents": [],
        "tag_ids": [],
    })
}

fn seconds(micros: i64) -> i64 {
    (micros + SECOND / 2) / SECOND
}

/// The official client's type wants these two objects even when nothing was asked for.
fn initiation(initiation: &Value) -> Value {
    let mut object = initiation.as_object().cloned().unwrap_or_default();
    for name in [
        "conversation_config_override",
        "dynamic_variables",
        "custom_llm_extra_body",
    ] {
        object.entry(name).or_insert_with(|| json!({}));
    }
    Value::Object(object)
}

/// The turns, each with the tools that were called for it.
pub(crate) fn transcript(whole: &Whole, prices: &Prices) -> Vec<Value> {
    let day = day(&whole.summary.wall);
    let mut items = Vec::with_capacity(whole.turns.len());
    let mut tools = whole.tools.iter().peekable();
    let mut usage = whole.usage.iter().peekable();
    for turn in &whole.turns {
        let mut called = Vec::new();
        let mut used = Vec::new();
        if turn.role == Role::Agent {
            while let Some(tool) = tools.next_if(|tool| tool.number < turn.number) {
                called.push(tool);
            }
            while let Some(use_) = usage.next_if(|use_| use_.number < turn.number) {
                used.push(use_);
            }
        }
        items.push(item(turn, &called, &used, prices, day));
    }
    // Calls after the last answer: the conversation ended before there was another.
    let left: Vec<_> = tools.collect();
    if let Some(last) = left.last() {
        let turn = Turn {
            number: last.number,
            at: last.at,
            role: Role::Agent,
            ..Turn::default()
        };
        items.push(item(&turn, &left, &[], prices, day));
    }
    items
}

fn item(turn: &Turn, tools: &[&ToolCall], usage: &[&Usage], prices: &Prices, day: &str) -> Value {
    let said = if turn.role == Role::Agent {
        turn.heard.as_str()
    } else {
        turn.text.as_str()
    };
    let mut metrics = Map::new();
    for stage in turn.stages.iter().filter_map(Value::as_array).flatten() {
        if let (Some(name), Some(ms)) = (
            stage.get("name").and_then(Value::as_str),
            stage.get("ms").and_then(Value::as_f64),
        ) {
            metrics.insert(name.to_owned(), json!({ "elapsed_time": ms / 1_000.0 }));
        }
    }
    json!({
        "role": turn.role.as_str(),
        "message": (!said.is_empty()).then_some(said),
        "original_message": (turn.interrupted && turn.text != turn.heard).then_some(&turn.text),
        "interrupted": turn.interrupted,
        "time_in_call_secs": turn.at / SECOND,
        "tool_calls": tools.iter().map(|tool| json!({
            "type": "client",
            "request_id": tool.call_id,
            "tool_name": tool.name,
            "params_as_json": tool.arguments.to_string(),
            "tool_has_been_called": true,
            "tool_details": null,
        })).collect::<Vec<_>>(),
        "tool_results": tools.iter().map(|tool| json!({
            "type": "client",
            "request_id": tool.call_id,
            "tool_name": tool.name,
            "result_value": tool.result,
            "is_error": tool.is_error,
            "tool_has_been_called": true,
            "tool_latency_secs": tool.took as f64 / SECOND as f64,
        })).collect::<Vec<_>>(),
        "feedback": turn.score.as_ref().map(|score| json!({
            "score": score, "time_in_call_secs": turn.at / SECOND,
        })),
        "conversation_turn_metrics": (!metrics.is_empty()).then(|| json!({ "metrics": metrics })),
        "llm_usage": (!usage.is_empty()).then(|| cost::by_llm(usage.iter().copied(), prices, day)),
        "source_event_id": turn.event,
        "file_input": turn.files,
        "duologue_heard_is_reckoned": turn.reckoned,
    })
}

fn metadata(whole: &Whole, prices: &Prices) -> Value {
    let summary = &whole.summary;
    let day = day(&summary.wall);
    let bill = prices.bill(&whole.usage, day);
    let count = |wanted: &str| {
        let scores = whole.turns.iter().filter_map(|turn| turn.score.as_deref());
        scores.filter(|score| *score == wanted).count()
    };
    let rated = summary.score.is_some() || summary.rating.is_some() || summary.comment.is_some();
    let failed = summary.close_code.is_some_and(|code| code != 1000);
    json!({
        "start_time_unix_secs": summary.started / SECOND,
        "accepted_time_unix_secs": summary.started / SECOND,
        "call_duration_secs": seconds(summary.duration),
        "cost": null,
        "termination_reason": summary.termination.as_deref().unwrap_or_default(),
        "error": failed.then(|| json!({
            "code": summary.close_code, "reason": summary.termination,
        })),
        "warnings": whole.notes.iter().map(|note| &note.text).collect::<Vec<_>>(),
        "main_language": summary.language,
        "text_only": summary.text_only,
        "conversation_initiation_source": summary.source.as_deref().unwrap_or("unknown"),
        "timezone": zone(&summary.wall),
        "feedback": {
            "type": if summary.rating.is_some() { Some("rating") } else { rated.then_some("thumbs") },
            "overall_score": summary.score,
            "rating": summary.rating,
            "comment": summary.comment,
            "likes": count("like"),
            "dislikes": count("dislike"),
        },
        "charging": {
            "llm_usage": { "irreversible_generation": cost::by_llm(whole.usage.iter(), prices, day) },
            "llm_price": bill.total,
            "duologue_llm_price_at_least": bill.at_least,
        },
        "deletion_settings": {
            "deletion_time_unix_secs": summary.erase.map(|at| at / SECOND),
            "duologue_audio_deletion_time_unix_secs": summary.erase_sound.map(|at| at / SECOND),
        },
        "features_usage": {},
    })
}

/// `2026-01-31` of RFC 3339.
fn day(wall: &str) -> &str {
    wall.get(..10).unwrap_or(wall)
}

/// `Europe/Paris` of `…[Europe/Paris]`.
fn zone(wall: &str) -> Option<&str> {
    wall.split_once('[')?.1.strip_suffix(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(number: u64, role: Role, text: &str, heard: &str) -> Turn {
        Turn {
            number,
            at: 1_900_000,
            role,
            text: text.to_owned(),
            heard: heard.to_owned(),
            interrupted: text != heard,
            ..Turn::default()
        }
    }

    #[test]
    fn a_tool_stands_with_the_answer_it_was_called_for() {
        let tool = |number| ToolCall {
            number,
            call_id: format!("tc_{number}"),
            name: "search".to_owned(),
            arguments: json!({"q": 1}),
            ..ToolCall::default()
        };
        let whole = Whole {
            turns: vec![
                turn(1, Role::User, "Where?", "Where?"),
                turn(3, Role::Agent, "It is here.", "It is"),
            ],
            tools: vec![tool(2), tool(4)],
            ..Whole::default()
        };
        let view = conversation(&whole, &Prices::default());
        let items = view["transcript"].as_array().unwrap();
        assert_eq!(items.len(), 3);
        assert_eq!(items[0]["tool_calls"], json!([]));
        assert_eq!(items[1]["tool_calls"][0]["request_id"], "tc_2");
        assert_eq!(items[1]["message"], "It is");
        assert_eq!(items[1]["original_message"], "It is here.");
        assert_eq!(items[1]["time_in_call_secs"], 1);
        assert_eq!(items[2]["tool_results"][0]["request_id"], "tc_4");
        assert!(items[2]["message"].is_null());
    }

    #[test]
    fn an_unknown_price_is_null_and_never_nothing() {
        let usage = |llm: &str| Usage {
            llm: llm.to_owned(),
            input_tokens: 1_000_000,
            ..Usage::default()
        };
        let prices = Prices::from_toml(
            "[[price]]\nllm = \"known\"\nfrom = \"2026-01-01\"\ninput = 2\noutput = 2",
        )
        .unwrap();
        let cost = |usage: Vec<Usage>| {
            let whole = Whole {
                usage,
                summary: Summary {
                    wall: "2026-02-01T10:00:00+01:00[Europe/Paris]".to_owned(),
                    ..Summary::default()
                },
                ..Whole::default()
            };
            conversation(&whole, &prices)["metadata"]["charging"]["llm_price"].clone()
        };
        assert_eq!(cost(vec![]), json!(0.0));
        assert_eq!(cost(vec![usage("known")]), json!(2.0));
        assert_eq!(cost(vec![usage("known"), usage("other")]), Value::Null);
        let uncounted = Usage {
            llm: "known".to_owned(),
            unmetered: 1,
            ..Usage::default()
        };
        assert_eq!(cost(vec![usage("known"), uncounted]), Value::Null);
    }
}
