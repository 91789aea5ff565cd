//! What conversations cost, for people. Amounts are in the currency of the price table.

use store::{Prices, Summary, Usage, prices::Cost};

/// In a word: `0.0123`, or that it is not known.
pub(super) fn short(summary: &Summary, prices: &Prices) -> String {
    let total = prices.bill(&summary.usage, day(summary)).total;
    total.map_or_else(|| "cost ?".to_owned(), amount)
}

/// All together, then llm by llm.
pub(super) fn lines(summary: &Summary, prices: &Prices) -> Vec<String> {
    let bill = prices.bill(&summary.usage, day(summary));
    let all = match bill.total {
        Some(total) => amount(total),
        None if bill.at_least > 0.0 => format!("unknown, {} at least", amount(bill.at_least)),
        None => "unknown".to_owned(),
    };
    let mut lines = vec![format!("cost      {all}")];
    for one in &summary.usage {
        let cost = match prices.cost(one, day(summary)).map(Cost::total) {
            Some(total) => amount(total),
            None if prices.known_cost(one, day(summary)).is_none() => "price unknown".to_owned(),
            None => "cost unknown".to_owned(),
        };
        lines.push(format!("          {}: {}, {cost}", one.llm, took(one)));
    }
    lines
}

fn took(usage: &Usage) -> String {
    let mut words = Vec::new();
    if usage.unmetered == 0 || usage.input_tokens > 0 {
        words.push(format!(
            "{} tokens read ({} from a cache), {} written",
            usage.input_tokens, usage.cached_tokens, usage.output_tokens
        ));
    }
    if usage.unmetered > 0 {
        let replies = if usage.unmetered == 1 {
            "reply"
        } else {
            "replies"
        };
        words.push(format!("{} {replies} without a count", usage.unmetered));
    }
    words.join(", ")
}

/// Small sums need their digits, and none needs more than six.
fn amount(amount: f64) -> String {
    let text = format!("{amount:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() { "0" } else { text }.to_owned()
}

fn day(summary: &Summary) -> &str {
    summary.wall.get(..10).unwrap_or(&summary.wall)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short_and_never_lost() {
        let texts = [0.0, 2.0, 0.000_123_4, 10.5, 100.0].map(amount);
        assert_eq!(texts, ["0", "2", "0.000123", "10.5", "100"]);
    }
}
