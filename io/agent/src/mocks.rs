//! Tools that answer without running, because the client asked for that.

use protocol::agents::{MockFallback, MockingStrategy, ToolMockConfig};
use serde_json::Value;

use crate::config::Mock;

/// What a call of `name` answers. None: the tool runs.
pub(crate) fn answer(
    wanted: &ToolMockConfig,
    name: &str,
    mocks: &[Mock],
    arguments: &Value,
) -> Option<Result<String, String>> {
    let mocked = match wanted.mocking_strategy {
        MockingStrategy::All => true,
        MockingStrategy::Selected => wanted.mocked_tool_names.iter().any(|known| known == name),
        _ => false,
    };
    if !mocked {
        return None;
    }
    let fits = |mock: &&Mock| {
        mock.parameter_conditions
            .iter()
            .all(|one| one.holds(arguments))
    };
    match mocks.iter().find(fits) {
        Some(mock) if mock.is_error => Some(Err(mock.mock_result.clone())),
        Some(mock) => Some(Ok(mock.mock_result.clone())),
        None if wanted.fallback_strategy == MockFallback::CallRealTool => None,
        None => Some(Err(format!("No mock of the tool {name} fits this call."))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mock(result: &str, conditions: &Value) -> Mock {
        serde_json::from_value(json!({"mock_result": result, "parameter_conditions": conditions}))
            .unwrap()
    }

    fn config(value: Value) -> ToolMockConfig {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_first_mock_that_fits_the_arguments_answers() {
        let mocks = [
            mock(
                "exact",
                &json!([{"path": "who", "eval": {"type": "exact", "expected_value": "Ada"}}]),
            ),
            mock(
                "regex",
                &json!([{"path": "at.0", "eval": {"type": "regex", "pattern": "^1[0-9]$"}}]),
            ),
        ];
        let all = config(json!({"mocking_strategy": "all"}));
        let answer = |arguments: Value| answer(&all, "look", &mocks, &arguments);
        assert_eq!(answer(json!({"who": "Ada"})), Some(Ok("exact".to_owned())));
        assert_eq!(answer(json!({"at": [12]})), Some(Ok("regex".to_owned())));
        assert!(matches!(answer(json!({"who": "Bob"})), Some(Err(_))));
    }

    #[test]
    fn only_the_named_tools_are_mocked_and_the_fallback_decides_the_rest() {
        let wanted = config(
            json!({"mocking_strategy": "selected", "mocked_tool_names": ["look"],
            "fallback_strategy": "call_real_tool"}),
        );
        let any = [mock("seen", &json!([]))];
        assert_eq!(
            answer(&wanted, "look", &any, &json!({})),
            Some(Ok("seen".to_owned()))
        );
        assert_eq!(answer(&wanted, "find", &any, &json!({})), None);
        assert_eq!(answer(&wanted, "look", &[], &json!({})), None);
        assert_eq!(answer(&config(json!({})), "look", &any, &json!({})), None);
    }
}
