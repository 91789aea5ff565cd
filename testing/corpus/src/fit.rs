//! What words and melody say about the end of a turn, fitted to the corpus' pauses.

use std::fmt::Write as _;

use turn::{Completeness, Evidence, Patience};

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

/// One pause as numbers.
struct Row {
    features: [f64; COUNT],
    over: bool,
    text: String,
}

/// Fits the logarithm of the odds that a pause is the end, and says how well it foretells texts that it has not seen.
pub fn fit(pauses: &[Pause]) -> String {
    let rows: Vec<Row> = pauses.iter().map(row).collect();
    let weights = logistic(&rows.iter().collect::<Vec<_>>());
    let mut texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    let mut unseen = Vec::new();
    for part in 0..PARTS {
        let (judged, teach): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| {
            texts
                .binary_search(&row.text.as_str())
                .is_ok_and(|i| i % PARTS == part)
        });
        let weights = logistic(&teach);
        unseen.extend(judged.iter().map(|row| (odds(&weights, row), row.over)));
    }
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
    let _ = writeln!(
        out,
        "texts not seen: an end is rated above a pause in {:.1} % of pairs, {:.3} nats a pause",
        100.0 * ranked(&unseen),
        surprise(&unseen)
    );
    out
}

fn row(pause: &Pause) -> Row {
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
        over: pause.goes_on.is_none(),
        text: pause.text.clone(),
    }
}

fn odds(weights: &[f64; COUNT], row: &Row) -> f64 {
    weights.iter().zip(row.features).map(|(w, f)| w * f).sum()
}

fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds.clamp(-30.0, 30.0)).exp())
}

/// Newton's method; the first feature is the constant and not drawn to zero.
fn logistic(rows: &[&Row]) -> [f64; COUNT] {
    let mut weights = [0.0; COUNT];
    for _ in 0..30 {
        let mut slope = [0.0; COUNT];
        let mut bend = [[0.0; COUNT]; COUNT];
        for row in rows {
            let p = probability(odds(&weights, row));
            let miss = f64::from(u8::from(row.over)) - p;
            for i in 0..COUNT {
                slope[i] += miss * row.features[i];
                for (bend, other) in bend[i].iter_mut().zip(row.features) {
                    *bend += p * (1.0 - p) * row.features[i] * other;
                }
            }
        }
        for i in 0..COUNT {
            let ridge = if i == 0 { 1e-6 } else { RIDGE };
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
fn solved(mut matrix: [[f64; COUNT]; COUNT], mut right: [f64; COUNT]) -> [f64; COUNT] {
    for i in 0..COUNT {
        for k in i + 1..COUNT {
            let factor = matrix[k][i] / matrix[i][i];
            let above = matrix[i];
            for (below, above) in matrix[k].iter_mut().zip(above).skip(i) {
                *below -= factor * above;
            }
            right[k] -= factor * right[i];
        }
    }
    let mut solution = [0.0; COUNT];
    for i in (0..COUNT).rev() {
        let known: f64 = (i + 1..COUNT).map(|j| matrix[i][j] * solution[j]).sum();
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
