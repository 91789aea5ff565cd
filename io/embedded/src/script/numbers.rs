//! Numbers in words.

/// A number at the beginning of `words`, and how many of them it took. `two hundred and five`, `3.5`, `minus four`
/// (not the sign: that is arithmetic), `a dozen`, `one point two`.
pub(crate) fn number(words: &[&str]) -> Option<(f64, usize)> {
    let first = words.first()?;
    if first.starts_with(|c: char| c.is_ascii_digit()) {
        let mut value: f64 = first.parse().ok()?;
        let mut used = 1;
        while let Some(scale) = words.get(used).and_then(|w| scale(w)) {
            value *= scale;
            used += 1;
        }
        return Some((value, used));
    }
    let (whole, mut used) = whole(words)?;
    let mut value = whole as f64;
    if words.get(used).is_some_and(|w| *w == "point") {
        let mut place = 0.1;
        let mut at = used + 1;
        while let Some(d) = words.get(at).and_then(|w| digit(w)) {
            value += d as f64 * place;
            place /= 10.0;
            at += 1;
        }
        if at > used + 1 {
            // Adding tenths leaves dust in the last places.
            value = (value * 1e9).round() / 1e9;
            used = at;
        }
    } else if words.get(used) == Some(&"and")
        && words.get(used + 1) == Some(&"a")
        && words.get(used + 2) == Some(&"half")
    {
        value += 0.5;
        used += 3;
    }
    Some((value, used))
}

/// A whole number in words at the beginning of `words`.
pub(crate) fn whole(words: &[&str]) -> Option<(u64, usize)> {
    let mut total: u64 = 0;
    let mut group: u64 = 0;
    let mut used = 0;
    // What the word before allows next: 3 after a scale, 2 after tens, 0 after a unit.
    let mut room = 3;
    while let Some(word) = words.get(used) {
        if let Some(n) = small(word) {
            let fits = match n {
                0 => used == 0,
                1..=9 => room >= 2,
                _ => room >= 3,
            };
            if !fits {
                break;
            }
            group += n;
            room = if n >= 20 { 2 } else { 0 };
        } else if let Some(n) = word.parse::<u64>().ok().filter(|_| used > 0 && room == 3) {
            group += n;
            room = 0;
        } else if *word == "hundred" && (group > 0 || used == 0) && group < 100 {
            group = group.max(1) * 100;
            room = 3;
        } else if let (Some(scale), true) = (scale(word), used > 0 && *word != "hundred") {
            total = total.checked_add(group.max(1).checked_mul(scale as u64)?)?;
            group = 0;
            room = 3;
        } else if *word == "a"
            && used == 0
            && words
                .get(1)
                .is_some_and(|w| matches!(*w, "hundred" | "thousand" | "million" | "dozen"))
        {
            group = 1;
            room = 0;
        } else if *word == "dozen" && used > 0 {
            group = group.max(1) * 12;
            used += 1;
            break;
        } else if *word == "and"
            && used > 0
            && room == 3
            && words
                .get(used + 1)
                .is_some_and(|w| small(w).is_some_and(|n| n > 0))
        {
            // "two hundred and five"
        } else {
            break;
        }
        used += 1;
    }
    (used > 0).then_some((total + group, used))
}

fn scale(word: &str) -> Option<f64> {
    Some(match word {
        "hundred" => 100.0,
        "thousand" => 1_000.0,
        "million" => 1_000_000.0,
        "billion" => 1_000_000_000.0,
        _ => return None,
    })
}

/// One digit in words or figures; `oh` is nought.
pub(crate) fn digit(word: &str) -> Option<u64> {
    match word {
        "oh" | "o" | "nought" => Some(0),
        _ => small(word)
            .or_else(|| word.parse().ok())
            .filter(|n| *n < 10),
    }
}

fn small(word: &str) -> Option<u64> {
    const ONES: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] = [
        "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    ONES.iter()
        .position(|w| *w == word)
        .map(|n| n as u64)
        .or_else(|| {
            TENS.iter()
                .position(|w| *w == word)
                .map(|n| (n as u64 + 2) * 10)
        })
}

/// An ordinal (`third`, `twenty first`, `3rd`) at the beginning of `words`.
pub(crate) fn ordinal(words: &[&str]) -> Option<(u64, usize)> {
    const ORDINALS: [&str; 20] = [
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
        "twentieth",
    ];
    let one = |w: &str| ORDINALS.iter().position(|o| *o == w).map(|n| n as u64 + 1);
    let first = words.first()?;
    if first.starts_with(|c: char| c.is_ascii_digit()) {
        let bare = first.trim_end_matches(|c: char| c.is_alphabetic());
        return (bare.len() + 2 == first.len())
            .then(|| bare.parse().ok())
            .flatten()
            .map(|n| (n, 1));
    }
    if let Some(n) = one(first) {
        return Some((n, 1));
    }
    if *first == "thirtieth" {
        return Some((30, 1));
    }
    let tens = match *first {
        "twenty" => 20,
        "thirty" => 30,
        _ => return None,
    };
    let n = one(words.get(1)?).filter(|n| *n < 10)?;
    Some((tens + n, 2))
}

/// An ordinal in figures: `3rd`.
pub(crate) fn in_order(n: i64) -> String {
    let ending = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}

/// A number as it is read aloud: no needless places.
pub(crate) fn spoken(value: f64) -> String {
    let rounded = (value * 1e6).round() / 1e6;
    if rounded.fract() == 0.0 && rounded.abs() < 1e15 {
        format!("{}", rounded as i64)
    } else {
        format!("{rounded}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(f64, usize)> {
        number(&text.split(' ').collect::<Vec<_>>())
    }

    #[test]
    fn words_add_up() {
        assert_eq!(read("forty two"), Some((42.0, 2)));
        assert_eq!(read("two hundred and five"), Some((205.0, 4)));
        assert_eq!(read("a hundred"), Some((100.0, 2)));
        assert_eq!(
            read("one thousand two hundred thirty four"),
            Some((1234.0, 6))
        );
        assert_eq!(read("three point one five"), Some((3.15, 4)));
        assert_eq!(read("a dozen"), Some((12.0, 2)));
        assert_eq!(read("2 million"), Some((2_000_000.0, 2)));
    }

    #[test]
    fn a_second_number_is_not_swallowed() {
        assert_eq!(read("five six"), Some((5.0, 1)));
        assert_eq!(read("two thirty"), Some((2.0, 1)));
        assert_eq!(read("seven and eight"), Some((7.0, 1)));
        assert_eq!(read("hello"), None);
    }

    #[test]
    fn ordinals_are_read_in_words_and_figures() {
        assert_eq!(ordinal(&["twenty", "third"]), Some((23, 2)));
        assert_eq!(ordinal(&["3rd"]), Some((3, 1)));
        assert_eq!(ordinal(&["3"]), None);
        assert_eq!(in_order(22), "22nd");
        assert_eq!(in_order(12), "12th");
    }
}
