//! Invocations as the API shows them.

use serde_json::{Map, Value, json};

fn runs(invocation: &Value) -> impl Iterator<Item = &Value> {
    let runs = invocation.get("test_runs").and_then(Value::as_array);
    runs.into_iter().flatten()
}

fn with_status<'a>(invocation: &'a Value, status: &'a str) -> impl Iterator<Item = &'a Value> {
    runs(invocation).filter(move |run| run.get("status").is_some_and(|is| is == status))
}

/// One line of the list.
pub(crate) fn invocation_line(id: &str, invocation: &Value) -> Value {
    let mut names: Vec<&str> = Vec::new();
    for name in runs(invocation).filter_map(|run| run.get("test_name")?.as_str()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let count = |status| with_status(invocation, status).count();
    json!({
        "id": id,
        "agent_id": invocation.get("agent_id"),
        "created_at_unix_secs": invocation.get("created_at"),
        "test_run_count": runs(invocation).count(),
        "passed_count": count("passed"),
        "failed_count": count("failed"),
        "pending_count": count("pending"),
        "title": names.join(", "),
        "repeat_count": invocation.get("repeat_count"),
    })
}

/// A whole invocation. Tests that were run several times are grouped by how they went, once all of them are over.
pub(crate) fn invocation(invocation: &Value) -> Value {
    let mut shown = invocation.as_object().cloned().unwrap_or_default();
    // What only the runner needs.
    shown.remove("agent_config_override");
    if shown
        .get("repeat_count")
        .and_then(Value::as_u64)
        .is_some_and(|count| count > 1)
    {
        let is_over = with_status(invocation, "pending").next().is_none();
        let status = if is_over { "completed" } else { "pending" };
        shown.insert("bucketing_status".to_owned(), status.into());
        if is_over {
            shown.insert("result_groups".to_owned(), groups(invocation).into());
        }
    }
    Value::Object(shown)
}

fn groups(invocation: &Value) -> Vec<Value> {
    let mut tests = Map::new();
    for run in runs(invocation) {
        if let Some(id) = run.get("test_id").and_then(Value::as_str) {
            tests
                .entry(id)
                .or_insert_with(|| run.get("test_name").cloned().unwrap_or_default());
        }
    }
    tests
        .iter()
        .map(|(id, name)| {
            let buckets: Vec<Value> = ["passed", "failed"]
                .into_iter()
                .filter_map(|status| bucket(invocation, id, status))
                .collect();
            json!({"test_id": id, "test_name": name, "buckets": buckets})
        })
        .collect()
}

/// The runs of a test that went one way.
fn bucket(invocation: &Value, test: &str, status: &str) -> Option<Value> {
    let runs: Vec<&Value> = with_status(invocation, status)
        .filter(|run| run.get("test_id").is_some_and(|id| id == test))
        .collect();
    let reason = runs.first()?.pointer("/condition_result/rationale/summary");
    let ids: Vec<_> = runs
        .iter()
        .filter_map(|run| run.get("test_run_id"))
        .collect();
    Some(
        json!({"test_run_ids": ids, "title": format!("{} {status}", runs.len()),
        "reason": reason.and_then(Value::as_str).unwrap_or_default(), "status": status}),
    )
}
