//! `/v1/convai/conversations/messages/…`: where something was said.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{RawQuery, State},
    http::HeaderMap,
};
use serde_json::{Value, json};
use store::{Conversations, Summary};

use super::{House_, Wanted, conversations, need_key, trouble};
use crate::{Problem, http::House};

/// Conversations that are read for one search, the newest.
const MOST_READ: u64 = 500;
/// Words of a question that are looked for.
const MOST_WORDS: usize = 12;
/// Words that say nothing about what is looked for.
const SMALL: &[&str] = &[
    "and", "any", "are", "but", "can", "did", "does", "for", "from", "had", "has", "have", "how",
    "not", "said", "says", "she", "that", "the", "their", "them", "they", "this", "was", "were",
    "what", "when", "where", "which", "who", "why", "will", "with", "would", "you", "your",
];

/// A message that fits.
struct Hit {
    line: Summary,
    index: usize,
    text: String,
    score: f64,
}

/// `text-search`: the words as they stand, in any case.
pub(super) async fn exact(
    State(house): House_,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let as_it_stands = |text: &str| vec![text.trim().to_lowercase()];
    matching(&house, raw.as_deref(), &headers, as_it_stands).await
}

/// `smart-search`: any of the words that matter, first the messages with most of them.
pub(super) async fn smart(
    State(house): House_,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    matching(&house, raw.as_deref(), &headers, words).await
}

/// The messages that hold any of what `sought` makes of the question.
async fn matching(
    house: &House,
    raw: Option<&str>,
    headers: &HeaderMap,
    sought: impl Fn(&str) -> Vec<String>,
) -> Result<Json<Value>, Problem> {
    need_key(house, headers)?;
    let wanted = Wanted::read(raw.unwrap_or_default())?;
    let (_, conversations) = conversations(house).await?;
    let sought = sought(question(&wanted)?);
    let found = find(&conversations, &wanted, &sought).await?;
    page(&wanted, found, &sought)
}

fn question(wanted: &Wanted) -> Result<&str, Problem> {
    let text = wanted.text_query.as_deref();
    text.filter(|text| !text.trim().is_empty())
        .ok_or_else(|| Problem::missing("text_query"))
}

/// The words of a question that matter; all of them where none does.
fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let all = || {
        text.split(|letter: char| !letter.is_alphanumeric())
            .filter(|word| !word.is_empty())
    };
    let mut words: Vec<&str> = all()
        .filter(|word| word.chars().count() > 2 && !SMALL.contains(word))
        .collect();
    if words.is_empty() {
        words = all().collect();
    }
    words.sort_unstable();
    words.dedup();
    words
        .into_iter()
        .take(MOST_WORDS)
        .map(str::to_owned)
        .collect()
}

async fn find(
    conversations: &Conversations,
    wanted: &Wanted,
    words: &[String],
) -> Result<Vec<Hit>, Problem> {
    let mut lines: HashMap<String, Summary> = HashMap::new();
    for word in words.iter().filter(|_| !wanted.nothing) {
        let mut filter = wanted.filter.clone();
        filter.search = Some(word.clone());
        let found = conversations.list(&filter, None, MOST_READ).await;
        for line in found.map_err(|error| trouble(&error))? {
            lines.insert(line.id.clone(), line);
        }
    }
    let mut lines: Vec<Summary> = lines.into_values().collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.started));
    lines.truncate(MOST_READ as usize);
    let mut hits = Vec::new();
    for line in lines {
        let turns = conversations.turns(&line.id).await;
        for (index, turn) in turns
            .map_err(|error| trouble(&error))?
            .into_iter()
            .enumerate()
        {
            let text = turn.text.to_lowercase();
            let fitting = words
                .iter()
                .filter(|word| text.contains(word.as_str()))
                .count();
            if fitting > 0 {
                hits.push(Hit {
                    line: line.clone(),
                    index,
                    text: turn.text,
                    score: fitting as f64 / words.len() as f64,
                });
            }
        }
    }
    if !wanted.by_time {
        // What fits equally stays in its order: the newest conversation first.
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    }
    Ok(hits)
}

/// The cursor is how many messages were shown.
fn page(wanted: &Wanted, hits: Vec<Hit>, words: &[String]) -> Result<Json<Value>, Problem> {
    let from: usize = match wanted.cursor.as_deref() {
        None => 0,
        Some(cursor) => cursor.parse().map_err(|_| Problem::bad_cursor())?,
    };
    let next = from.saturating_add(wanted.size);
    let has_more = hits.len() > next;
    let total = hits.len();
    let shown: Vec<Value> = hits
        .into_iter()
        .skip(from)
        .take(wanted.size)
        .map(|hit| {
            json!({
                "conversation_id": hit.line.id,
                "agent_id": hit.line.agent,
                "agent_name": hit.line.agent_name,
                "transcript_index": hit.index,
                "chunk_text": hit.text,
                "chunk_highlights": highlights(&hit.text, words),
                "score": hit.score,
                "conversation_start_time_unix_secs": hit.line.started / 1_000_000,
            })
        })
        .collect();
    Ok(Json(json!({
        "meta": { "total": total },
        "results": shown,
        "has_more": has_more,
        "next_cursor": has_more.then(|| next.to_string()),
    })))
}

/// The text in pieces, those that fit marked.
fn highlights(text: &str, words: &[String]) -> Vec<Value> {
    let lower = text.to_lowercase();
    // Letters whose other case is longer would shift everything: then nothing is marked.
    let same = lower.len() == text.len();
    let mut marks: Vec<(usize, usize)> = words
        .iter()
        .filter(|word| same && !word.is_empty())
        .flat_map(|word| {
            lower
                .match_indices(word.as_str())
                .map(|(at, word)| (at, at + word.len()))
        })
        .collect();
    marks.sort_unstable();
    let mut pieces = Vec::new();
    let mut add = |from: usize, to: usize, is_marked: bool| {
        if let Some(piece) = text.get(from..to).filter(|piece| !piece.is_empty()) {
            pieces.push(json!({"value": piece, "is_hit": is_marked}));
        }
    };
    let mut at = 0;
    for (from, to) in marks {
        if from >= at {
            add(at, from, false);
            add(from, to, true);
            at = to;
        }
    }
    add(at, text.len(), false);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_matter_are_looked_for() {
        assert_eq!(
            words("What did they say about the RED bicycle?"),
            ["about", "bicycle", "red", "say"]
        );
        assert_eq!(words("what was it"), ["it", "was", "what"]);
    }

    #[test]
    fn what_fits_is_marked() {
        let marked = highlights("A red Bicycle.", &["bicycle".to_owned(), "red".to_owned()]);
        let shown: Vec<String> = marked
            .iter()
            .map(|piece| {
                format!(
                    "{}{}",
                    piece["value"].as_str().unwrap(),
                    u8::from(piece["is_hit"] == true)
                )
            })
            .collect();
        assert_eq!(shown, ["A 0", "red1", " 0", "Bicycle1", ".0"]);
    }
}
