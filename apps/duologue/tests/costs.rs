//! What conversations cost, shown over the command line: by llms on a real socket that count their tokens, or do not.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use common::{
    Bench,
    web::{Answer, Web},
};
use serde_json::{Value, json};

/// What a million tokens cost: read, from a cache, written.
const PRICES: &str = "[[price]]\nllm = \"counting\"\nfrom = \"2020-01-01\"\ninput = 2\ncached = 1\noutput = 10\n\
     [[price]]\nllm = \"silent\"\nfrom = \"2020-01-01\"\ninput = 2\noutput = 10\n\
     [[price]]\nllm = \"once\"\nfrom = \"2020-01-01\"\ninput = 4\ncached = 2\noutput = 20\n\
     [[price]]\nllm = \"own\"\nfrom = \"2020-01-01\"\ninput = 0\noutput = 0\n";
/// What one answer of `counting` costs: 1,000 fresh tokens, 500 from a cache, 100 written.
const ONE_ANSWER: f64 = (1_000.0 * 2.0 + 500.0 + 100.0 * 10.0) / 1_000_000.0;

/// Models by name: `counting` counts its tokens, as do `unpriced`, `wordless`, which says nothing else, and `once`, which has
/// trouble after one answer. `broken` has trouble. All others say nothing of tokens.
fn llms() -> Web {
    let was_asked = AtomicBool::new(false);
    Web::start(move |asked| {
        assert_eq!(asked.path, "/v1/chat/completions");
        let body = asked.json();
        let model = body["model"].as_str().unwrap();
        let judges = body["messages"][0]["content"]
            .as_str()
            .is_some_and(|text| text.starts_with("You judge"));
        match model {
            _ if judges => answer("{}", false),
            "once" if !was_asked.swap(true, Relaxed) => answer("It is nine.", true),
            "broken" | "once" => ("503 Service Unavailable", "text/plain", b"later".to_vec()),
            "wordless" => answer("", true),
            "counting" | "unpriced" => answer("It is ten.", true),
            _ => answer("It is eleven.", false),
        }
    })
}

fn answer(text: &str, counts: bool) -> Answer {
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 1_500, "completion_tokens": 100,
        "prompt_tokens_details": {"cached_tokens": 500}}});
    let chunks = [
        json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}], "usage": null}),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
    ];
    let usage = counts.then_some(usage);
    let mut body = String::new();
    for chunk in chunks.iter().chain(&usage) {
        body.extend(["data: ", &chunk.to_string(), "\n\n"]);
    }
    body.push_str("data: [DONE]\n\n");
    ("200 OK", "text/event-stream", body.into_bytes())
}

/// Two questions to an agent with these llms; the conversation as `show --json` has it, as `show` prints it, its line of
/// `list`, and its line of `export`.
struct Shown {
    whole: Value,
    text: String,
    line: String,
    listed: Value,
    exported: Value,
}

fn asked(llm: &str) -> Shown {
    let bench = Bench::new();
    let web = llms();
    let url = format!("http://{}/v1", web.address);
    let environment = [
        ("OPENAI_BASE_URL", url.as_str()),
        ("DATA_DIR", "data"),
        ("DUOLOGUE_LLM", "scripted"),
    ];
    bench.file("data/prices.toml", PRICES);
    let agent = bench.run("agents show assistant").out;
    let agent = format!("{agent}\n[duologue_providers]\nllm = {llm}\n");
    bench.file("desk.toml", agent);
    let run = |arguments: &str| {
        let done = bench.feed_with(arguments, b"what time is it\nand now\n", &environment);
        assert_eq!(done.code, 0, "{arguments}: {}\n{}", done.out, done.err);
        done
    };
    run("talk --text --agent ./desk.toml");
    let listed = run("conversations list --json").objects().remove(0);
    let id = listed["conversation_id"].as_str().unwrap().to_owned();
    run("conversations export --output all.jsonl");
    let exported = std::fs::read_to_string(bench.path("all.jsonl")).unwrap();
    Shown {
        whole: run(&format!("conversations show {id} --json"))
            .objects()
            .remove(0),
        text: run(&format!("conversations show {id}")).out,
        line: run("conversations list").out,
        exported: serde_json::from_str(&exported).unwrap(),
        listed,
    }
}

impl Shown {
    /// The price of all llms, the same wherever it is shown.
    fn price(&self) -> Value {
        let price = &self.whole["metadata"]["charging"]["llm_price"];
        assert_eq!(&self.exported["metadata"]["charging"]["llm_price"], price);
        assert_eq!(&self.listed["duologue_llm_price"], price);
        price.clone()
    }

    fn models(&self) -> &Value {
        &self.whole["metadata"]["charging"]["llm_usage"]["irreversible_generation"]["model_usage"]
    }

    /// What one llm took.
    fn of(&self, model: &str) -> &Value {
        let models = self.models().as_object().unwrap();
        let named = |name: &&String| name.starts_with(&format!("{model} at "));
        let name = models.keys().find(named);
        &models[name.unwrap_or_else(|| panic!("no {model} in {models:?}"))]
    }
}

fn close(price: &Value, wanted: f64) {
    let price = price.as_f64().unwrap_or(f64::NAN);
    assert!((price - wanted).abs() < 1e-12, "{price} is not {wanted}");
}

#[test]
fn what_an_llm_counts_costs_what_the_table_says() {
    let shown = asked("\"openai:counting\"");
    close(&shown.price(), 2.0 * ONE_ANSWER);
    let tokens = |part: &str| shown.of("counting")[part]["tokens"].clone();
    let all = ["input", "input_cache_read", "output_total"].map(tokens);
    assert_eq!(all, [2_000, 1_000, 200]);
    assert_eq!(shown.of("counting")["duologue_uncounted_replies"], 0);
    assert!(shown.text.contains("cost      0.007\n"), "{}", shown.text);
    assert!(!shown.line.contains('?'), "{}", shown.line);
}

#[test]
fn an_llm_that_counts_nothing_costs_nobody_knows_what() {
    let shown = asked("\"openai:silent\"");
    assert_eq!(shown.price(), Value::Null);
    let silent = shown.of("silent");
    assert_eq!(silent["duologue_uncounted_replies"], 2);
    for part in ["input", "output_total"] {
        assert_eq!(silent[part]["tokens"], Value::Null);
        assert_eq!(silent[part]["price"], Value::Null);
    }
    assert!(shown.text.contains("cost      unknown\n"), "{}", shown.text);
    assert!(shown.text.contains("without a count"), "{}", shown.text);
    assert!(shown.line.contains("cost ?"), "{}", shown.line);
    let shown = asked("\"openai:unpriced\"");
    assert_eq!(shown.price(), Value::Null);
    assert!(shown.text.contains("price unknown"), "{}", shown.text);
}

#[test]
fn what_is_given_away_costs_nothing_counted_or_not() {
    let shown = asked("\"openai:own\"");
    assert_eq!(shown.price(), json!(0.0));
    let shown = asked("\"scripted\"");
    assert_eq!(shown.price(), json!(0.0));
    assert_eq!(shown.models(), &json!({}));
    assert!(shown.text.contains("cost      0\n"), "{}", shown.text);
}

#[test]
fn what_an_answer_took_is_booked_under_the_llm_that_gave_it() {
    let shown = asked("[\"openai:broken\", \"openai:counting\"]");
    close(&shown.price(), 2.0 * ONE_ANSWER);
    assert_eq!(shown.of("counting")["output_total"]["tokens"], 200);
    assert_eq!(shown.models().as_object().unwrap().len(), 1);
    // The script stands behind, and is free: what failed without a word has cost nothing.
    let shown = asked("[\"openai:broken\", \"scripted\"]");
    assert_eq!(
        (shown.price(), shown.models()),
        (json!(0.0), &json!({})),
        "{}",
        shown.text
    );
}

#[test]
fn several_llms_in_one_conversation_have_a_sum_each() {
    let shown = asked("[\"openai:once\", \"openai:counting\"]");
    for llm in ["once", "counting"] {
        assert_eq!(shown.of(llm)["output_total"]["tokens"], 100);
    }
    close(&shown.of("once")["input"]["price"], 0.004);
    close(&shown.of("counting")["input"]["price"], 0.002);
    close(&shown.price(), 3.0 * ONE_ANSWER);
    let turns = shown.whole["transcript"].as_array().unwrap();
    let answered: Vec<&str> = turns
        .iter()
        .filter_map(|turn| turn["llm_usage"]["model_usage"].as_object())
        .flat_map(|models| models.keys().filter_map(|name| name.split(' ').next()))
        .collect();
    assert_eq!(answered, ["once", "counting"]);
    // The other one does not count, so that only a part of the cost is known.
    let shown = asked("[\"openai:once\", \"openai:silent\"]");
    assert_eq!(shown.price(), Value::Null);
    close(&shown.of("once")["input"]["price"], 0.004);
    close(
        &shown.listed["duologue_llm_price_at_least"],
        2.0 * ONE_ANSWER,
    );
    let text = &shown.text;
    assert!(text.contains("unknown, 0.007 at least"), "{text}");
}

#[test]
fn tokens_of_an_answer_without_a_word_are_paid_for_as_well() {
    let shown = asked("[\"openai:wordless\", \"openai:counting\"]");
    assert_eq!(shown.of("wordless")["output_total"]["tokens"], 100);
    assert_eq!(shown.of("counting")["output_total"]["tokens"], 200);
}
