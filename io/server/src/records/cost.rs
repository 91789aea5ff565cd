//! What llms took and cost, as the REST API shows it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use store::{Prices, Usage};

/// Tokens by llm, and what they cost. What is not known is null: the price of an llm that is in no table or that has left a
/// reply uncounted, and the tokens of one that counts nothing. `duologue_uncounted_replies` says how many it left out.
pub(super) fn by_llm<'a>(
    usage: impl Iterator<Item = &'a Usage>,
    prices: &Prices,
    day: &str,
) -> Value {
    let mut llms = BTreeMap::<&str, Usage>::new();
    for one in usage {
        let sum = llms.entry(&one.llm).or_insert_with(|| Usage {
            llm: one.llm.clone(),
            ..Usage::default()
        });
        sum.input_tokens += one.input_tokens;
        sum.cached_tokens += one.cached_tokens;
        sum.output_tokens += one.output_tokens;
        sum.unmetered += one.unmetered;
    }
    let llms = llms
        .into_iter()
        .map(|(llm, sum)| (llm.to_owned(), shown(&sum, prices, day)));
    json!({ "model_usage": llms.collect::<Map<_, _>>() })
}

fn shown(sum: &Usage, prices: &Prices, day: &str) -> Value {
    let cost = prices.cost(sum, day);
    let counts = sum.input_tokens > 0 || sum.unmetered == 0;
    let tokens = |tokens: u64| counts.then_some(tokens);
    let fresh = sum.input_tokens.saturating_sub(sum.cached_tokens);
    json!({
        "input": { "tokens": tokens(fresh), "price": cost.map(|c| c.input) },
        "input_cache_read": { "tokens": tokens(sum.cached_tokens), "price": cost.map(|c| c.cached) },
        "input_cache_write": { "tokens": tokens(0), "price": cost.map(|_| 0.0) },
        "output_total": { "tokens": tokens(sum.output_tokens), "price": cost.map(|c| c.output) },
        "duologue_uncounted_replies": sum.unmetered,
    })
}
