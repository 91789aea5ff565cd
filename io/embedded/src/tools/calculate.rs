//! Sums.

use providers::{
    llm::ToolSpec,
    tool::{Invocation, Tool, ToolFuture},
};

use super::{schema, text};
use crate::script::sums;

/// `calculate`: the value of a sum in figures.
#[derive(Clone, Copy, Debug)]
pub struct Calculate;

impl Tool for Calculate {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "calculate".to_owned(),
            description: "Reckons a sum. Knows + - * / ^, brackets, percent and sqrt( )."
                .to_owned(),
            parameters: schema(&[("expression", "the sum in figures, such as 15/100*80", true)]),
        }
    }

    fn call(&self, call: Invocation) -> ToolFuture<'_> {
        Box::pin(async move {
            let value = sums::value(text(&call, "expression")?)?;
            // Read aloud, six places are plenty; money needs two.
            let rounded = if value.abs() >= 1.0 {
                (value * 100.0).round() / 100.0
            } else {
                (value * 1e4).round() / 1e4
            };
            Ok(
                serde_json::json!({ "value": value, "spoken": crate::script::spoken_number(rounded), "exact": (rounded - value).abs() < 1e-9 }),
            )
        })
    }
}
