//! How alike two texts sound, so that what is expected is believed only when it is what was heard.

/// The distance between two rows of sounds: 0 when they are the same, about 1 when they have nothing in common.
pub(super) fn distance<S: AsRef<str>>(one: &[S], other: &[S]) -> f32 {
    let longest = one.len().max(other.len());
    if longest == 0 {
        return 0.0;
    }
    let mut above: Vec<f32> = Vec::with_capacity(other.len() + 1);
    above.push(0.0);
    for sound in other {
        above.push(above.last().copied().unwrap_or(0.0) + alone(sound.as_ref()));
    }
    for sound in one {
        let mut row = Vec::with_capacity(above.len());
        row.push(above[0] + alone(sound.as_ref()));
        for (at, against) in other.iter().enumerate() {
            let replaced = above[at] + replacing(sound.as_ref(), against.as_ref());
            let left_out = above[at + 1] + alone(sound.as_ref());
            let put_in = row[at] + alone(against.as_ref());
            row.push(replaced.min(left_out).min(put_in));
        }
        above = row;
    }
    above.last().copied().unwrap_or(0.0) / longest as f32
}

/// What it costs that a sound is there in one row only.
fn alone(sound: &str) -> f32 {
    match sound {
        "AH" | "IH" | "HH" | "T" | "D" => 0.6,
        _ => 0.9,
    }
}

/// What it costs that one sound stands where the other should.
fn replacing(one: &str, other: &str) -> f32 {
    if one == other {
        return 0.0;
    }
    if vowel(one) && vowel(other) {
        return if near(one, other) { 0.25 } else { 0.5 };
    }
    if near(one, other) {
        return 0.4;
    }
    if vowel(one) == vowel(other) { 0.9 } else { 1.1 }
}

fn vowel(sound: &str) -> bool {
    sound.starts_with(['A', 'E', 'I', 'O', 'U'])
}

/// Sounds that are taken for one another.
fn near(one: &str, other: &str) -> bool {
    const GROUPS: [&[&str]; 16] = [
        &["P", "B"],
        &["T", "D"],
        &["K", "G"],
        &["F", "V", "TH"],
        &["S", "Z", "TH"],
        &["SH", "ZH", "CH", "JH"],
        &["DH", "TH", "D"],
        &["M", "N", "NG"],
        &["L", "R", "W"],
        &["R", "ER"],
        &["IY", "IH", "EY"],
        &["EH", "AE", "EY", "AH"],
        &["AA", "AO", "AH", "AW"],
        &["UW", "UH", "OW"],
        &["AH", "IH", "ER", "UH"],
        &["AY", "AA", "OY"],
    ];
    GROUPS
        .iter()
        .any(|group| group.contains(&one) && group.contains(&other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(one: &str, other: &str) -> f32 {
        let one: Vec<_> = one.split_whitespace().collect();
        let other: Vec<_> = other.split_whitespace().collect();
        distance(&one, &other)
    }

    #[test]
    fn the_same_sounds_are_no_distance_apart() {
        assert!(rows("T UW Z D EY", "T UW Z D EY") < f32::EPSILON);
        assert!(rows("", "") < f32::EPSILON);
    }

    #[test]
    fn confusable_words_are_nearer_than_different_ones() {
        let near = rows("T UW Z D EY", "CH UW Z D EY");
        let far = rows("T UW Z D EY", "B AE N AE N AH");
        assert!(near < 0.25, "{near}");
        assert!(far > 0.5, "{far}");
    }
}
