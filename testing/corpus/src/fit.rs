//! What words and melody say about the end of a turn, fitted to the corpus' pauses.

use std::fmt::Write as _;

use turn::{Completeness, Evidence, Patience, Sentence};

use crate::pauses::Pause;

/// How strongly numbers are drawn to zero: few pauses are no proof.
const RIDGE: f64 = 0.2;
/// The texts are divided into so many parts; each is judged by what the others taught.
const PARTS: usize = 10;

const NAMES: [&str; COUNT] = [
    "neutral",
    "complete",
    "answer",
    "incomplete",
    "dictating",
    "fall",
    "softer",
    "length",
    "ends well",
    "command",
];
const COUNT: usize = 10;

/// What the words are as a sentence, fitted on top of the weights in use.
const SENTENCES: [(&str, Sentence); 6] = [
    ("open question", Sentence::OpenQuestion),
    ("yes or no", Sentence::YesNoQuestion),
    ("command", Sentence::Command),
    ("statement", Sentence::Statement),
    ("phrase", Sentence::Phrase),
    ("unfinished", Sentence::Unfinished),
];

/// One pause as numbers.
struct Row<const N: usize> {
    features: [f64; N],
    /// The logarithm of the odds that is there without them.
    known: f64,
    over: bool,
    text: String,
}

/// Fits the logarithm of the odds that a pause is the end, and says how well it foretells texts that it has not seen.
pub fn fit(pauses: &[Pause]) -> String {
    let rows: Vec<Row<COUNT>> = pauses.iter().map(row).collect();
    let texts = texts(&rows);
    let weights = logistic(&rows.iter().collect::<Vec<_>>());
    let mut out = format!(
        "{} pauses, {} of them ends, {} texts\n",
        rows.len(),
        rows.iter().filter(|row| row.over).count(),
        texts.len()
    );
    for (index, (name, weight)) in NAMES.iter().zip(weights).enumerate() {
        // Classes are counted from neutral words.
        let base = if (1..5).contains(&index) {
            weights[0]
        } else {
            0.0
        };
        let _ = writeln!(out, "{name:<12} {:>6.2}", weight + base);
    }
    let _ = writeln!(out, "{}", on_texts_not_seen(&rows));
    let rows: Vec<Row<{ SENTENCES.len() }>> = pauses.iter().map(sentence_row).collect();
    let weights = logistic(&rows.iter().collect::<Vec<_>>());
    let _ = writeln!(out, "on top of the weights in use");
    for ((name, _), weight) in SENTENCES.iter().zip(weights) {
        let _ = writeln!(out, "{name:<14} {weight:>6.2}");
    }
    let _ = writeln!(out, "{}", on_texts_not_seen(&rows));
    out
}

fn texts<const N: usize>(rows: &[Row<N>]) -> Vec<&str> {
    let mut texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// How well texts are judged that taught nothing.
fn on_texts_not_seen<const N: usize>(rows: &[Row<N>]) -> String {
    let texts = texts(rows);
    let mut unseen = Vec::new();
    for part in 0..PARTS {
        let (judged, teach): (Vec<&Row<N>>, Vec<&Row<N>>) = rows.iter().partition(|row| {
            texts
                .binary_search(&row.text.as_str())
                .is_ok_and(|i| i % PARTS == part)
        });
        let weights = logistic(&teach);
        unseen.extend(judged.iter().map(|row| (odds(&weights, row), row.over)));
    }
    format!(
        "texts not seen: an end is rated above a pause in {:.1} % of pairs, {:.3} nats a pause",
        100.0 * ranked(&unseen),
        surprise(&unseen)
    )
}

fn row(pause: &Pause) -> Row<COUNT> {
    let evidence = Evidence::of(&pause.heard, pause.expected, Patience::Auto, 0.5);
    let is = |completeness| f64::from(u8::from(evidence.completeness == completeness));
    let [low, soft] = pause.contour.map_or([0.0; 2], turn::melody).map(f64::from);
    Row {
        features: [
            1.0,
            is(Completeness::Complete),
            is(Completeness::Answer),
            is(Completeness::Incomplete),
            is(Completeness::Dictating),
            low,
            soft,
            f64::from(evidence.doublings()),
            is(Completeness::Neutral) * f64::from(u8::from(evidence.ends_well)),
            is(Completeness::Neutral) * f64::from(u8::from(evidence.command)),
        ],
        known: 0.0,
        over: pause.goes_on.is_none(),
        text: pause.text.clone(),
    }
}

fn sentence_row(pause: &Pause) -> Row<{ SENTENCES.len() }> {
    let finality = pause.contour.map_or(0.5, turn::finality);
    let evidence = Evidence::of(&pause.heard, pause.expected, Patience::Auto, finality);
    let neutral = evidence.completeness == Completeness::Neutral;
    // The length of an open question says nothing; everything else is as it was without a grammar.
    let without = Evidence {
        sentence: Sentence::Unknown,
        words: if evidence.sentence == Sentence::OpenQuestion {
            3
        } else {
            evidence.words
        },
        ..evidence
    };
    Row {
        features: SENTENCES
            .map(|(_, sentence)| f64::from(u8::from(neutral && evidence.sentence == sentence))),
        known: f64::from(without.log_odds()),
        over: pause.goes_on.is_none(),
        text: pause.text.clone(),
    }
}

fn odds<const N: usize>(weights: &[f64; N], row: &Row<N>) -> f64 {
    let told: f64 = weights.iter().zip(row.features).map(|(w, f)| w * f).sum();
    row.known + told
}

fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds.clamp(-30.0, 30.0)).exp())
}

/// Newton's method. A first feature that is always there is not drawn to zero.
fn logistic<const N: usize>(rows: &[&Row<N>]) -> [f64; N] {
    let constant = rows.iter().all(|row| row.features[0] > 0.5);
    let mut weights = [0.0; N];
    for _ in 0..30 {
        let mut slope = [0.0; N];
        let mut bend = [[0.0; N]; N];
        for row in rows {
            let p = probability(odds(&weights, row));
            let miss = f64::from(u8::from(row.over)) - p;
            for i in 0..N {
                slope[i] += miss * row.features[i];
                for (bend, other) in bend[i].iter_mut().zip(row.features) {
                    *bend += p * (1.0 - p) * row.features[i] * other;
                }
            }
        }
        for i in 0..N {
            let ridge = if i == 0 && constant { 1e-6 } else { RIDGE };
            slope[i] -= ridge * weights[i];
            bend[i][i] += ridge;
        }
        let step = solved(bend, slope);
        for (weight, step) in weights.iter_mut().zip(step) {
            *weight += step;
        }
    }
    weights
}

/// Gauss's elimination. The matrix is positive definite, so its diagonal never becomes zero.
fn solved<const N: usize>(mut matrix: [[f64; N]; N], mut right: [f64; N]) -> [f64; N] {
    for i in 0..N {
        for k in i + 1..N {
            let factor = matrix[k][i] / matrix[i][i];
            let above = matrix[i];
            for (below, above) in matrix[k].iter_mut().zip(above).skip(i) {
                *below -= factor * above;
            }
            right[k] -= factor * right[i];
        }
    }
    let mut solution = [0.0; N];
    for i in (0..N).rev() {
        let known: f64 = (i + 1..N).map(|j| matrix[i][j] * solution[j]).sum();
        solution[i] = (right[i] - known) / matrix[i][i];
    }
    solution
}

/// How often an end is rated above a pause that is none.
fn ranked(judged: &[(f64, bool)]) -> f64 {
    let (mut above, mut pairs) = (0.0, 0.0f64);
    for (end, _) in judged.iter().filter(|(_, over)| *over) {
        for (other, _) in judged.iter().filter(|(_, over)| !*over) {
            pairs += 1.0;
            above += match end.total_cmp(other) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    above / pairs.max(1.0)
}

fn surprise(judged: &[(f64, bool)]) -> f64 {
    let total: f64 = judged
        .iter()
        .map(|(odds, over)| -probability(if *over { *odds } else { -odds }).ln())
        .sum();
    total / judged.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_made_the_pauses_is_found_again() {
        // Every feature is one or zero, and the end follows the odds exactly.
        let truth = [0.4, 1.5, -0.5, -2.0, -1.0, 0.8, 0.0, 0.0, 0.0, 0.0];
        let mut rows = Vec::new();
        for class in 0..5 {
            for fall in [0.0, 1.0] {
                let mut features = [0.0; COUNT];
                features[0] = 1.0;
                features[class] = 1.0;
                features[5] = fall;
                let row = |over| Row {
                    features,
                    known: 0.0,
                    over,
                    text: String::new(),
                };
                let ends = (1_000.0 * probability(odds(&truth, &row(true)))) as usize;
                rows.extend((0..1_000).map(|i| row(i < ends)));
            }
        }
        let found = logistic(&rows.iter().collect::<Vec<_>>());
        for (found, truth) in found.iter().zip(truth) {
            assert!((found - truth).abs() < 0.05, "{found} is not {truth}");
        }
    }
}
