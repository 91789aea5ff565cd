//! Answers from a text: the agent's prompt and what it was told, passage by passage.

use std::collections::{BTreeMap, BTreeSet};

use providers::llm::{Message, Request};

use super::words::{self, stem};

/// Passages, and how rare each word is among them.
pub(crate) struct Knowledge {
    passages: Vec<Passage>,
    rarity: BTreeMap<String, f32>,
    mean: f32,
}

struct Passage {
    text: String,
    words: Vec<String>,
}

/// The most text that is looked at, in bytes.
const LONGEST: usize = 200_000;

impl Knowledge {
    /// All that a request knows: its prompt and its context messages.
    pub(crate) fn of(request: &Request) -> Self {
        let mut texts = vec![request.prompt.as_str()];
        texts.extend(request.messages.iter().filter_map(|m| {
            if let Message::Context(text) = m {
                Some(text.as_str())
            } else {
                None
            }
        }));
        Self::new(&texts)
    }

    fn new(texts: &[&str]) -> Self {
        let mut passages = Vec::new();
        for text in texts {
            let text = &text[..text.floor_char_boundary(LONGEST)];
            let sentences: Vec<String> = text.lines().flat_map(sentences).collect();
            for (i, sentence) in sentences.iter().enumerate() {
                let Some(text) = speakable(sentence) else {
                    continue;
                };
                // A heading or a question helps to find the sentence after it, and is not said.
                let before = i
                    .checked_sub(1)
                    .map(|b| sentences[b].as_str())
                    .filter(|b| b.starts_with('#') || b.ends_with(['?', ':']));
                let mut words = content(&text);
                words.extend(before.into_iter().flat_map(content));
                passages.push(Passage { text, words });
            }
        }
        let mut holders: BTreeMap<String, usize> = BTreeMap::new();
        for passage in &passages {
            for word in passage.words.iter().collect::<BTreeSet<_>>() {
                *holders.entry(word.clone()).or_default() += 1;
            }
        }
        let count = passages.len() as f32;
        let rarity = holders
            .into_iter()
            .map(|(word, n)| {
                (
                    word,
                    (1.0 + (count - n as f32 + 0.5) / (n as f32 + 0.5)).ln(),
                )
            })
            .collect();
        let mean = passages.iter().map(|p| p.words.len() as f32).sum::<f32>() / count.max(1.0);
        Self {
            passages,
            rarity,
            mean,
        }
    }

    /// What the text says about a question: the best passage, with the one after it when that answers as well.
    pub(crate) fn answer(&self, question: &str) -> Option<String> {
        let asked = groups(question);
        if asked.is_empty() {
            return None;
        }
        let mut ranked: Vec<(f32, f32, usize)> = self
            .passages
            .iter()
            .enumerate()
            .map(|(i, passage)| {
                let (mut score, mut covered) = (0.0, 0.0);
                for group in &asked {
                    let best = group
                        .iter()
                        .map(|word| self.weigh(passage, word))
                        .fold((0.0, 0.0), |a: (f32, f32), b| if b.0 > a.0 { b } else { a });
                    score += best.0;
                    covered += best.1;
                }
                (score, covered / asked.len() as f32, i)
            })
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let &(score, covered, first) = ranked.first()?;
        // A single common word of many is chance.
        if covered < 0.5 || score <= 0.3 {
            return None;
        }
        let mut text = self.passages[first].text.clone();
        if let Some(&(next, _, at)) = ranked.get(1)
            && next > score * 0.75
            && at.abs_diff(first) == 1
            && text.len() + self.passages[at].text.len() < 220
        {
            text = if at > first {
                format!("{text} {}", self.passages[at].text)
            } else {
                format!("{} {text}", self.passages[at].text)
            };
        }
        Some(text)
    }

    /// How much a word speaks for a passage, and how sure it is to be there.
    fn weigh(&self, passage: &Passage, word: &str) -> (f32, f32) {
        let alike: Vec<f32> = passage
            .words
            .iter()
            .map(|w| words::likeness(w, word))
            .filter(|l| *l >= 0.75)
            .collect();
        let near = alike.iter().copied().fold(0.0, f32::max);
        let often = alike.len() as f32;
        let length = passage.words.len() as f32 / self.mean.max(1.0);
        let rarity = self.rarity.get(word).copied().unwrap_or(1.0);
        (
            near * rarity * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * length)),
            near,
        )
    }
}

fn sentences(line: &str) -> Vec<String> {
    let line = line.trim().trim_start_matches(['-', '*', '•']).trim();
    let mut out = Vec::new();
    let mut from = 0;
    let bytes = line.as_bytes();
    for (i, c) in line.char_indices() {
        let ends = matches!(c, '.' | '!' | '?') && bytes.get(i + 1).is_none_or(|b| *b == b' ');
        // "e.g. this", "Dr. Who": a short word before the dot ends nothing.
        let short = c == '.'
            && line[from..i]
                .rsplit(' ')
                .next()
                .is_some_and(|w| w.len() <= 2 || w.contains('.'));
        if ends && !(short && bytes.get(i + 1).is_some()) {
            out.push(line[from..=i].trim().to_owned());
            from = i + 1;
        }
    }
    if !line[from..].trim().is_empty() {
        out.push(line[from..].trim().to_owned());
    }
    out
}

/// A sentence as the agent may say it: orders to the agent are not for the caller, "you are" becomes "I am".
fn speakable(sentence: &str) -> Option<String> {
    if sentence.starts_with('#')
        || sentence.ends_with(':')
        || sentence.ends_with('?')
        || sentence.split_whitespace().count() < 2
    {
        return None;
    }
    let lower = sentence.to_lowercase();
    for (from, to) in [
        ("you are ", "I am "),
        ("you're ", "I'm "),
        ("your name is ", "My name is "),
        ("you help ", "I help "),
        ("you work ", "I work "),
        ("you answer ", "I answer "),
    ] {
        if lower.starts_with(from) {
            return Some(format!("{to}{}", &sentence[from.len()..]).replace(" your ", " my "));
        }
    }
    let order = [
        "always ",
        "never ",
        "do not ",
        "don't ",
        "be ",
        "keep ",
        "answer ",
        "respond ",
        "reply ",
        "speak ",
        "use ",
        "ask ",
        "if the user",
        "if the caller",
        "when the user",
        "when the caller",
        "make sure",
        "your job",
        "your task",
        "your goal",
        "your role",
        "you must",
        "you should",
        "remember",
        "avoid ",
        "try to",
        "greet ",
        "you can",
        "you will",
        "you have",
        "stay ",
        "only ",
    ];
    if order.iter().any(|o| lower.starts_with(o))
        || lower.contains("the user")
        || lower.contains("the caller")
        || lower.contains("{{")
    {
        return None;
    }
    // What is said to the agent about itself in other words than those above would sound as if it meant the caller.
    if lower.starts_with("you ") {
        return None;
    }
    let mut text = sentence.to_owned();
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    Some(text)
}

/// The words that carry meaning, without their endings.
fn content(text: &str) -> Vec<String> {
    groups(text)
        .into_iter()
        .filter_map(|group| group.into_iter().next())
        .collect()
}

/// The words of a question, each with what may stand for it in an answer.
fn groups(text: &str) -> Vec<Vec<String>> {
    const EMPTY: &[&str] = &[
        "about",
        "know",
        "say",
        "thanks",
        "thank",
        "much",
        "many",
        "from",
        "did",
        "give",
        "let",
        "they",
        "them",
        "should",
        "may",
        "anything",
        "something",
    ];
    let mut out: Vec<Vec<String>> = Vec::new();
    for token in words::tokens(text) {
        let word = token.text.as_str();
        let also: &[&str] = match word {
            "cost" | "costs" | "price" | "prices" | "expensive" | "charge" | "pay" | "much" => {
                &["cost", "price", "free", "euros", "dollars", "pounds", "fee"]
            }
            "open" | "close" | "closed" | "hours" => &["open", "close", "hours"],
            "where" | "address" | "located" | "location" => {
                &["address", "street", "located", "road"]
            }
            "when" => &["at", "hours", "open", "monday", "daily"],
            "phone" | "call" | "number" => &["phone", "number"],
            _ => &[],
        };
        let carries = words::weight(word) >= 1.0 && word.len() > 1 && !EMPTY.contains(&word);
        let mut group: Vec<String> = carries.then(|| stem(word).to_owned()).into_iter().collect();
        group.extend(also.iter().map(|w| stem(w).to_owned()));
        if !group.is_empty() && !out.contains(&group) {
            out.push(group);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAKERY: &str = "You are the assistant of a small bakery. Always be polite.\nThe bakery opens at seven every morning. Sourdough bread costs four euros. \
        We are in Mill Street, next to the station. Cakes must be ordered two days before. Do not talk about politics.";

    #[test]
    fn the_passage_that_answers_is_found() {
        let known = Knowledge::new(&[BAKERY]);
        assert_eq!(
            known.answer("when do you open?").as_deref(),
            Some("The bakery opens at seven every morning.")
        );
        assert_eq!(
            known.answer("how much is the sourdough").as_deref(),
            Some("Sourdough bread costs four euros.")
        );
        assert_eq!(
            known.answer("I'd like to order a cake").as_deref(),
            Some("Cakes must be ordered two days before.")
        );
    }

    #[test]
    fn what_the_text_does_not_say_is_not_made_up() {
        let known = Knowledge::new(&[BAKERY]);
        assert_eq!(known.answer("who won the football match"), None);
        assert_eq!(known.answer("tell me about politics"), None);
    }

    #[test]
    fn orders_to_the_agent_are_not_read_out() {
        assert_eq!(speakable("Always be polite."), None);
        assert_eq!(
            speakable("You are a friendly guide.").as_deref(),
            Some("I am a friendly guide.")
        );
    }
}
