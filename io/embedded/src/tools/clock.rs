//! What time it is.

use providers::{
    llm::ToolSpec,
    tool::{Invocation, Tool, ToolFuture},
};

use super::{now, schema};
use crate::script::when;

/// `current_time`: the date and time of the conversation's clock.
#[derive(Clone, Copy, Debug)]
pub struct CurrentTime;

impl Tool for CurrentTime {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "current_time".to_owned(),
            description: "The current date and time where the conversation takes place.".to_owned(),
            parameters: schema(&[]),
        }
    }

    fn call(&self, call: Invocation) -> ToolFuture<'_> {
        Box::pin(async move {
            let now = now(&call)?;
            let date = now.date();
            let spoken = format!(
                "{}, {} {}, {}",
                when::weekday_name(date.weekday()),
                when::month_name(date.month()),
                crate::script::in_order(i64::from(date.day())),
                date.year()
            );
            Ok(serde_json::json!({
                "date": date.to_string(),
                "time": now.time().strftime("%H:%M").to_string(),
                "spoken_date": spoken,
                "spoken_time": when::spoken_time(now.time()),
            }))
        })
    }
}
