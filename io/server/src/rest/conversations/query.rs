//! What a list of conversations is asked for.

use store::{Compare, Filter, Finding, FindingKind};

use crate::Problem;

/// A query, read.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) filter: Filter,
    pub(super) cursor: Option<String>,
    pub(super) size: usize,
    /// Whether the lines hold what was said, in short.
    pub(super) with_summary: bool,
    pub(super) text_query: Option<String>,
    /// By when it was said, and not by how well it fits.
    pub(super) by_time: bool,
    /// Asked for what no conversation here has: tags, topics, branches, workflows.
    pub(super) nothing: bool,
}

impl Wanted {
    /// Reads a query string. Parameters that are not known here are nobody's business.
    pub(super) fn read(raw: &str) -> Result<Self, Problem> {
        let mut wanted = Self {
            size: 30,
            ..Self::default()
        };
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name), decode(value));
            if !value.is_empty() {
                wanted.take(&name, value)?;
            }
        }
        Ok(wanted)
    }

    fn take(&mut self, name: &str, value: String) -> Result<(), Problem> {
        let filter = &mut self.filter;
        match name {
            "page_size" => {
                self.size = match value.parse() {
                    Ok(size @ 1..=100) => size,
                    _ => return Err(Problem::bad_page_size()),
                };
            }
            "cursor" => self.cursor = Some(value),
            "summary_mode" => self.with_summary = value == "include",
            "text_query" => self.text_query = Some(value),
            "sort_by" => self.by_time = value == "created_at",
            "tag_ids" | "topic_ids" | "branch_id" | "workflow_node_entered_id" => {
                self.nothing = true;
            }
            "agent_id" => filter.agent = Some(value),
            "user_id" => filter.user = Some(value),
            "conversation_initiation_source" => filter.source = Some(value),
            "search" => filter.search = Some(value),
            "call_successful" => filter.call_successful = Some(value),
            "call_start_before_unix" => filter.before = Some(seconds(name, &value)?),
            "call_start_after_unix" => filter.after = Some(seconds(name, &value)?),
            "call_duration_min_secs" => filter.shortest = Some(seconds(name, &value)?),
            "call_duration_max_secs" => filter.longest = Some(seconds(name, &value)?),
            "rating_min" => filter.rating_min = Some(number(name, &value)?),
            "rating_max" => filter.rating_max = Some(number(name, &value)?),
            "has_feedback_comment" => filter.has_comment = Some(truth(name, &value)?),
            "text_only" => filter.text_only = Some(truth(name, &value)?),
            "main_languages" => filter.languages.push(value),
            "tool_names" => filter.tools.push(value),
            "tool_names_successful" => filter.tools_done.push(value),
            "tool_names_errored" => filter.tools_failed.push(value),
            "termination_reasons" => filter.terminations.push(value),
            "exclude_statuses" => filter.not_statuses.push(value),
            "evaluation_params" => {
                let (id, result) = value
                    .rsplit_once(':')
                    .ok_or_else(|| wrong(name, "criteria_id:result"))?;
                filter.findings.push(Finding {
                    kind: FindingKind::Criterion,
                    name: id.to_owned(),
                    compare: Compare::Equal(result.to_owned()),
                });
            }
            "data_collection_params" => filter.findings.push(datum(name, &value)?),
            _ => {}
        }
        Ok(())
    }
}

/// `id:op:value`.
fn datum(name: &str, text: &str) -> Result<Finding, Problem> {
    let shape = || {
        wrong(
            name,
            "id:op:value, op one of eq, neq, gt, gte, lt, lte, in, exists, missing",
        )
    };
    let mut parts = text.splitn(3, ':');
    let (Some(id), Some(op)) = (parts.next(), parts.next()) else {
        return Err(shape());
    };
    let value = parts.next().unwrap_or_default();
    let figure = || value.parse::<f64>().map_err(|_| shape());
    let compare = match op {
        "eq" => Compare::Equal(value.to_owned()),
        "neq" => Compare::NotEqual(value.to_owned()),
        "gt" => Compare::Greater(figure()?),
        "gte" => Compare::AtLeast(figure()?),
        "lt" => Compare::Less(figure()?),
        "lte" => Compare::AtMost(figure()?),
        "in" => Compare::In(value.split(['|', ',']).map(str::to_owned).collect()),
        "exists" => Compare::Exists,
        "missing" => Compare::Missing,
        _ => return Err(shape()),
    };
    Ok(Finding {
        kind: FindingKind::Datum,
        name: id.to_owned(),
        compare,
    })
}

fn wrong(name: &str, shape: &str) -> Problem {
    Problem::invalid(format!("{name} is {shape}.")).at(name)
}

fn number(name: &str, value: &str) -> Result<i64, Problem> {
    value.parse().map_err(|_| wrong(name, "a whole number"))
}

/// Seconds, in microseconds.
fn seconds(name: &str, value: &str) -> Result<i64, Problem> {
    Ok(number(name, value)?.saturating_mul(1_000_000))
}

fn truth(name: &str, value: &str) -> Result<bool, Problem> {
    match value {
        "true" | "True" | "1" => Ok(true),
        "false" | "False" | "0" => Ok(false),
        _ => Err(wrong(name, "true or false")),
    }
}

/// `+` and `%20` of a query; what is no code stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digit = |at: usize| tail.get(at).and_then(|&b| char::from(b).to_digit(16));
        rest = tail;
        match (first, digit(0), digit(1)) {
            (b'+', _, _) => bytes.push(b' '),
            (b'%', Some(high), Some(low)) => {
                bytes.push((high << 4 | low) as u8);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => bytes.push(first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read() {
        let wanted = Wanted::read(
            "page_size=5&agent_id=desk&call_start_after_unix=10&tool_names=a&tool_names=b%20c&search=100%25+cotton\
             &evaluation_params=polite%3Asuccess&data_collection_params=age:gte:18&unheard_of=1&cursor=",
        )
        .unwrap();
        assert_eq!(wanted.size, 5);
        assert_eq!(wanted.cursor, None);
        assert_eq!(wanted.filter.after, Some(10_000_000));
        assert_eq!(wanted.filter.tools, ["a", "b c"]);
        assert_eq!(wanted.filter.search.as_deref(), Some("100% cotton"));
        assert_eq!(wanted.filter.findings.len(), 2);
        assert_eq!(wanted.filter.findings[1].compare, Compare::AtLeast(18.0));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for raw in [
            "page_size=0",
            "page_size=101",
            "page_size=x",
            "call_start_after_unix=soon",
            "text_only=perhaps",
            "evaluation_params=polite",
            "data_collection_params=age",
            "data_collection_params=age:about:18",
            "data_collection_params=age:gt:old",
        ] {
            assert!(Wanted::read(raw).is_err(), "{raw}");
        }
        assert!(Wanted::read("%zz=%&&=&page_size=").is_ok());
    }
}
