//! What llms cost, from when on.
//!
//! Prices are written by whoever pays them, in a TOML file:
//!
//! ```toml
//! [[price]]
//! llm = "small-model"        # the model's name; its dated versions, "small-model-2026-01-31", fit as well
//! at = "llm.example"         # only at this server; default: wherever it is
//! from = "2026-01-01"        # the first day it holds
//! input = 0.40               # a million tokens read
//! cached = 0.10              # a million of those that came from a cache; default: as input
//! output = 1.60              # a million tokens written
//! source = "the contract"    # where the price is from; for people
//! ```
//!
//! Where no price fits, the cost is not known, and nobody guesses.

use serde::Deserialize;

use crate::Usage;

/// Prices, each with its first day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prices {
    prices: Vec<Price>,
    /// What is asked where these know nothing.
    otherwise: Vec<Price>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    llm: String,
    at: Option<String>,
    from: String,
    input: f64,
    cached: Option<f64>,
    output: f64,
    #[serde(rename = "source")]
    _source: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    price: Vec<Price>,
}

/// What one llm cost, in the currency of the price table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Tokens read, without those from a cache.
    pub input: f64,
    /// Tokens from a cache.
    pub cached: f64,
    /// Tokens written.
    pub output: f64,
}

impl Cost {
    /// All together.
    pub fn total(self) -> f64 {
        self.input + self.cached + self.output
    }
}

/// What several llms cost together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bill {
    /// All of it. None: something of it is not known.
    pub total: Option<f64>,
    /// What is known of it.
    pub at_least: f64,
}

/// The table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// It is not a price table.
    #[error("this is no price table: {0}")]
    Toml(#[from] toml::de::Error),
    /// A day that is none, or a price below nothing.
    #[error("the price of {llm} is wrong: {reason}")]
    Price {
        /// Whose.
        llm: String,
        /// What is wrong.
        reason: String,
    },
}

impl Prices {
    /// Reads a table.
    pub fn from_toml(text: &str) -> Result<Self, PriceError> {
        let table: Table = toml::from_str(text)?;
        for price in &table.price {
            let wrong = |reason: &str| PriceError::Price {
                llm: price.llm.clone(),
                reason: reason.to_owned(),
            };
            if !is_day(&price.from) {
                return Err(wrong("from must be a day, such as \"2026-01-31\""));
            }
            let numbers = [price.input, price.output, price.cached.unwrap_or(0.0)];
            if numbers.iter().any(|n| !n.is_finite() || *n < 0.0) {
                return Err(wrong("prices are not below 0"));
            }
        }
        Ok(Self {
            prices: table.price,
            otherwise: Vec::new(),
        })
    }

    /// These, and where they do not know an llm on the day, `others`.
    #[must_use]
    pub fn or(mut self, others: Self) -> Self {
        self.otherwise.extend(others.prices);
        self.otherwise.extend(others.otherwise);
        self
    }

    /// What `usage` cost on `day` (`2026-01-31`). None: no price is known, or not all that was used.
    pub fn cost(&self, usage: &Usage, day: &str) -> Option<Cost> {
        let price = self.price(usage, day)?;
        // Of what is given away it does not matter how much it was.
        (usage.unmetered == 0 || price.is_nothing()).then(|| price.of(usage))
    }

    /// The cost of those replies of which it is known; all of it is no less. None: no price is known.
    pub fn known_cost(&self, usage: &Usage, day: &str) -> Option<Cost> {
        Some(self.price(usage, day)?.of(usage))
    }

    /// What all of `usage` cost on `day`. Nothing used is nothing paid.
    pub fn bill(&self, usage: &[Usage], day: &str) -> Bill {
        let known = |one| self.known_cost(one, day).map_or(0.0, Cost::total);
        Bill {
            total: usage.iter().try_fold(0.0, |sum, one| {
                Some(sum + self.cost(one, day).map(Cost::total)?)
            }),
            at_least: usage.iter().map(known).fold(0.0, |sum, one| sum + one),
        }
    }

    fn price(&self, usage: &Usage, day: &str) -> Option<Price> {
        let best = |prices: &[Price]| {
            let fitting = prices
                .iter()
                .filter(|price| price.fits(&usage.llm) && price.from.as_str() <= day);
            let rank = |price: &Price| (price.llm.len(), price.at.is_some(), price.from.clone());
            fitting.max_by_key(|price| rank(price)).cloned()
        };
        best(&self.prices).or_else(|| best(&self.otherwise))
    }
}

impl Price {
    fn of(&self, usage: &Usage) -> Cost {
        let million = |tokens: u64, price: f64| tokens as f64 * price / 1_000_000.0;
        let cached = usage.cached_tokens.min(usage.input_tokens);
        Cost {
            input: million(usage.input_tokens - cached, self.input),
            cached: million(cached, self.cached.unwrap_or(self.input)),
            output: million(usage.output_tokens, self.output),
        }
    }

    /// Whether it asks nothing for anything.
    fn is_nothing(&self) -> bool {
        let most = self.input.max(self.cached.unwrap_or(0.0)).max(self.output);
        most <= 0.0
    }

    /// `llm` is a model, perhaps with its version, and perhaps with " at " and its server.
    fn fits(&self, llm: &str) -> bool {
        let (model, place) = match llm.split_once(" at ") {
            Some((model, place)) => (model, Some(place)),
            None => (llm, None),
        };
        let is_version = |rest: &str| {
            rest.strip_prefix('-')
                .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '-'))
        };
        model
            .strip_prefix(&self.llm)
            .is_some_and(|rest| rest.is_empty() || is_version(rest))
            && (self.at.is_none() || self.at.as_deref() == place)
    }
}

fn is_day(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = r#"
        [[price]]
        llm = "tiny"
        from = "2026-01-01"
        input = 1.0
        output = 4.0
        [[price]]
        llm = "tiny"
        from = "2026-06-01"
        input = 0.5
        cached = 0.1
        output = 2.0
        [[price]]
        llm = "tiny-pro"
        from = "2026-01-01"
        input = 10.0
        output = 10.0
    "#;

    fn usage(llm: &str) -> Usage {
        Usage {
            llm: llm.to_owned(),
            input_tokens: 1_000_000,
            cached_tokens: 400_000,
            output_tokens: 500_000,
            ..Usage::default()
        }
    }

    #[test]
    fn the_price_of_the_day_counts() {
        let prices = Prices::from_toml(TABLE).unwrap();
        let total = |llm: &str, day| prices.cost(&usage(llm), day).map(Cost::total);
        assert_eq!(total("tiny", "2026-05-31"), Some(1.0 + 2.0));
        assert_eq!(total("tiny", "2026-06-01"), Some(0.3 + 0.04 + 1.0));
        assert_eq!(
            total("tiny at 127.0.0.1:9", "2026-06-01"),
            total("tiny", "2026-06-01")
        );
        assert_eq!(total("tiny-pro-2026-01-31", "2026-06-01"), Some(15.0));
    }

    #[test]
    fn a_model_with_another_name_or_at_another_server_has_another_price() {
        let prices = Prices::from_toml(TABLE).unwrap();
        assert_eq!(prices.cost(&usage("tiny-fast"), "2026-06-01"), None);
        let there = "[[price]]\nllm = \"tiny\"\nat = \"llm.example\"\nfrom = \"2026-01-01\"\ninput = 7\noutput = 7";
        let there = Prices::from_toml(there).unwrap();
        let cost =
            |prices: &Prices, llm: &str| prices.cost(&usage(llm), "2026-06-01").map(Cost::total);
        assert_eq!(cost(&there, "tiny at llm.example"), Some(10.5));
        assert_eq!(cost(&there, "tiny at 127.0.0.1:9"), None);
        assert_eq!(cost(&there, "tiny"), None);
        // What is written by whoever pays wins over what came along.
        let both = prices.clone().or(there.clone());
        assert_eq!(cost(&both, "tiny at llm.example"), cost(&prices, "tiny"));
        let both = there.or(prices.clone());
        assert_eq!(cost(&both, "tiny at llm.example"), Some(10.5));
        assert_eq!(cost(&both, "tiny at home"), cost(&prices, "tiny"));
    }

    #[test]
    fn what_has_no_price_has_no_cost() {
        let prices = Prices::from_toml(TABLE).unwrap();
        assert_eq!(prices.cost(&usage("tiny"), "2025-12-31"), None);
        assert_eq!(prices.cost(&usage("tinyother"), "2026-12-31"), None);
        assert_eq!(Prices::default().cost(&usage("tiny"), "2026-12-31"), None);
    }

    #[test]
    fn what_was_not_counted_is_not_known_unless_it_costs_nothing() {
        let prices = "[[price]]\nllm = \"paid\"\nfrom = \"2026-01-01\"\ninput = 1\noutput = 4\n\
             [[price]]\nllm = \"own\"\nfrom = \"2026-01-01\"\ninput = 0\noutput = 0";
        let prices = Prices::from_toml(prices).unwrap();
        let of = |llm: &str| {
            let usage = Usage {
                unmetered: 1,
                ..usage(llm)
            };
            let total = |cost: Option<Cost>| cost.map(Cost::total);
            (
                total(prices.cost(&usage, "2026-06-01")),
                total(prices.known_cost(&usage, "2026-06-01")),
            )
        };
        assert_eq!(of("paid"), (None, Some(3.0)));
        assert_eq!(of("own"), (Some(0.0), Some(0.0)));
        assert_eq!(of("other"), (None, None));
    }

    #[test]
    fn a_wrong_table_is_refused() {
        for text in [
            "[[price]]\nllm = \"x\"\nfrom = \"soon\"\ninput = 1\noutput = 1",
            "[[price]]\nllm = \"x\"\nfrom = \"2026-01-01\"\ninput = -1\noutput = 1",
            "[[price]]\nllm = \"x\"",
            "prices = 1",
        ] {
            assert!(Prices::from_toml(text).is_err(), "{text}");
        }
    }
}
