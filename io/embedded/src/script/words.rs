//! An utterance as words: tokens with their place in the text, and how alike two words are.

/// One word, as patterns see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Lower case, contractions written out.
    pub(crate) text: String,
    /// Where it begins in the text, in bytes.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

/// The most words of an utterance that are looked at.
pub(crate) const LONGEST: usize = 64;

/// Splits a text into words. Times (`2:15`), dates (`2026-12-24`) and decimals stay whole; `3pm` becomes `3 pm`.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let mut i = 0;
    while i < chars.len() && out.len() < LONGEST {
        let (start, c) = chars[i];
        if c.is_ascii_digit() {
            let mut j = i + 1;
            while j < chars.len() && number_goes_on(&chars, j) {
                j += 1;
            }
            // `3rd` is one word, `3pm` is two.
            let letters: String = chars[j..]
                .iter()
                .map(|c| c.1)
                .take_while(|c| c.is_alphabetic())
                .collect::<String>()
                .to_lowercase();
            if matches!(letters.as_str(), "st" | "nd" | "rd" | "th") {
                j += 2;
            }
            let end = chars.get(j).map_or(text.len(), |c| c.0);
            push(
                &mut out,
                text[start..end].replace(',', "").to_lowercase(),
                start,
                end,
            );
            i = j;
        } else if c.is_alphabetic() {
            let mut j = i + 1;
            while j < chars.len() && word_goes_on(&chars, j) {
                j += 1;
            }
            let end = chars.get(j).map_or(text.len(), |c| c.0);
            let word = text[start..end].to_lowercase().replace('’', "'");
            // `p.m.` and `a.m.`
            let dotted = matches!(word.as_str(), "a" | "p")
                && chars.get(j).is_some_and(|c| c.1 == '.')
                && chars
                    .get(j + 1)
                    .is_some_and(|c| c.1.eq_ignore_ascii_case(&'m'))
                && !chars.get(j + 2).is_some_and(|c| c.1.is_alphanumeric());
            if dotted {
                j += 2;
                let end = chars.get(j).map_or(text.len(), |c| c.0);
                push(&mut out, format!("{word}m"), start, end);
            } else {
                for part in written_out(&word) {
                    push(&mut out, part, start, end);
                }
            }
            i = j;
        } else {
            if matches!(c, '@' | '+' | '*' | '/' | '=' | '%' | '×' | '÷' | '^') {
                push(&mut out, c.to_string(), start, start + c.len_utf8());
            } else if c == '-'
                && chars
                    .get(i + 1)
                    .is_some_and(|c| c.1 == ' ' || c.1.is_ascii_digit())
                && out
                    .last()
                    .is_some_and(|t| t.text.starts_with(|c: char| c.is_ascii_digit()))
            {
                push(&mut out, "-".to_owned(), start, start + 1);
            }
            i += 1;
        }
    }
    join_day_halves(out)
}

fn push(out: &mut Vec<Token>, text: String, start: usize, end: usize) {
    if out.len() < LONGEST {
        out.push(Token { text, start, end });
    }
}

fn number_goes_on(chars: &[(usize, char)], j: usize) -> bool {
    let c = chars[j].1;
    let digit_after = chars.get(j + 1).is_some_and(|c| c.1.is_ascii_digit());
    c.is_ascii_digit()
        || (digit_after && matches!(c, ':' | '.' | ','))
        || (c == '-' && digit_after && {
            // A date such as 2026-12-24; `7-3` is a sum.
            let from = chars[..j]
                .iter()
                .rev()
                .take_while(|c| c.1.is_ascii_digit() || c.1 == '-')
                .count();
            from == 4 || from == 7
        })
}

fn word_goes_on(chars: &[(usize, char)], j: usize) -> bool {
    let c = chars[j].1;
    c.is_alphabetic()
        || (matches!(c, '\'' | '’') && chars.get(j + 1).is_some_and(|c| c.1.is_alphabetic()))
}

/// `p m` after a number is `pm`, as recognisers write it.
fn join_day_halves(tokens: Vec<Token>) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    for token in tokens {
        if token.text == "m"
            && let Some(last) = out.last_mut()
            && matches!(last.text.as_str(), "a" | "p")
        {
            last.text.push('m');
            last.end = token.end;
            continue;
        }
        out.push(token);
    }
    out
}

fn written_out(word: &str) -> Vec<String> {
    let Some((head, tail)) = word.split_once('\'') else {
        return match word {
            "dont" => two("do", "not"),
            "cannot" | "cant" => two("can", "not"),
            "whats" => two("what", "is"),
            "gonna" => two("going", "to"),
            "wanna" => two("want", "to"),
            "ok" => vec!["okay".to_owned()],
            _ => vec![word.to_owned()],
        };
    };
    match (head, tail) {
        ("can", "t") => two("can", "not"),
        ("won", "t") => two("will", "not"),
        ("o", "clock") => vec!["o'clock".to_owned()],
        ("let", "s") => two("let", "us"),
        (_, "t") if head.ends_with('n') => two(&head[..head.len() - 1], "not"),
        (_, "re") => two(head, "are"),
        (_, "m") => two(head, "am"),
        (_, "ve") => two(head, "have"),
        (_, "ll") => two(head, "will"),
        (_, "d") => two(head, "would"),
        (
            "what" | "who" | "where" | "when" | "how" | "that" | "it" | "there" | "here" | "he"
            | "she" | "name" | "everything" | "email" | "address" | "number",
            "s",
        ) => two(head, "is"),
        (_, "s") => vec![head.to_owned()],
        _ => vec![word.replace('\'', "")],
    }
}

fn two(a: &str, b: &str) -> Vec<String> {
    vec![a.to_owned(), b.to_owned()]
}

/// How much a word says. Words of grammar say little.
pub(crate) fn weight(word: &str) -> f32 {
    match word {
        "a" | "an" | "the" | "to" | "of" | "in" | "on" | "at" | "is" | "are" | "be" | "do"
        | "does" | "it" | "that" | "this" | "and" | "or" | "with" | "am" | "was" | "so"
        | "some" | "any" | "there" | "please" | "just" | "for" | "by" | "as" | "us" | "by now" => {
            0.2
        }
        "i" | "you" | "me" | "my" | "your" | "we" | "our" | "can" | "could" | "would" | "will"
        | "like" | "want" | "have" | "has" | "need" | "get" | "got" | "going" | "tell" | "if"
        | "hi" | "hello" | "well" | "okay" | "oh" | "um" | "uh" | "er" | "erm" => 0.35,
        "what" | "how" | "when" | "where" | "who" | "which" | "why" | "not" | "no" => 0.6,
        _ => 1.0,
    }
}

/// How alike two words are, 0 to 1, forgiving spelling, endings and what a recogniser mishears.
pub(crate) fn likeness(a: &str, b: &str) -> f32 {
    if a == b {
        return 1.0;
    }
    let (short, long) = (a.len().min(b.len()), a.len().max(b.len()));
    if short < 3 || a.as_bytes()[0].is_ascii_digit() || b.as_bytes()[0].is_ascii_digit() {
        return 0.0;
    }
    let (first, other) = (a.as_bytes()[0], b.as_bytes()[0]);
    if first == other && stem(a) == stem(b) {
        return 0.95;
    }
    if short < 4 || long - short > 3 {
        return 0.0;
    }
    // What neither begins nor ends alike is not alike; most words end here.
    if class(a) != class(b)
        && (long < 6 || a.as_bytes()[a.len() - 2..] != b.as_bytes()[b.len() - 2..])
    {
        return 0.0;
    }
    let edits = distance(a, b) as f32;
    let close = 1.0 - edits / long as f32;
    if short >= 4 && sound(a) == sound(b) && close >= 0.5 {
        return 0.85;
    }
    if long >= 6 && close >= 0.8 {
        return 0.8;
    }
    if (long >= 5 && edits <= 1.0 || long >= 8 && edits <= 2.0)
        && a.as_bytes()[0] == b.as_bytes()[0]
    {
        return 0.7;
    }
    0.0
}

/// How a word begins, by sound; letters that a recogniser takes for each other are one.
fn class(word: &str) -> u8 {
    let word = word.as_bytes();
    let silent = matches!(word, [b'k', b'n', ..] | [b'w', b'r', ..] | [b'g', b'h', ..]);
    match word[usize::from(silent)] {
        b'a' | b'e' | b'i' | b'o' | b'u' | b'y' => b'a',
        b'c' | b'k' | b'q' | b's' | b'z' => b'k',
        b'd' | b't' => b't',
        b'b' | b'p' | b'f' | b'v' => b'p',
        b'g' | b'j' => b'j',
        b'm' | b'n' => b'n',
        b'w' | b'r' => b'r',
        other => other,
    }
}

/// A word without its ending.
pub(crate) fn stem(word: &str) -> &str {
    let mut word = word;
    if word.len() > 4 {
        for ending in ["ings", "ing", "ed", "es", "s", "e"] {
            if let Some(rest) = word.strip_suffix(ending)
                && rest.len() >= 3
                && !(ending == "s" && rest.ends_with('s'))
            {
                word = rest;
                break;
            }
        }
        let bytes = word.as_bytes();
        if bytes.len() > 3 && bytes[bytes.len() - 1] == bytes[bytes.len() - 2] {
            word = &word[..word.floor_char_boundary(word.len() - 1)];
        }
    } else if word.len() == 4 && word.ends_with('s') && !word.ends_with("ss") {
        word = &word[..3];
    }
    word
}

/// The consonants of a word, those that sound alike written alike.
pub(crate) fn sound(word: &str) -> String {
    let word = word
        .replace("ph", "f")
        .replace("ck", "k")
        .replace("gh", "")
        .replace("kn", "n")
        .replace("wr", "r")
        .replace("ce", "s")
        .replace("ci", "s")
        .replace('x', "ks");
    let mut out = String::new();
    for (i, c) in word.chars().enumerate() {
        let c = match c {
            'a' | 'e' | 'i' | 'o' | 'u' | 'y' if i == 0 => 'a',
            'a' | 'e' | 'i' | 'o' | 'u' | 'y' | '\'' => continue,
            'h' | 'w' if i > 0 => continue,
            'c' | 'q' | 'k' => 'k',
            's' | 'z' => 's',
            'd' | 't' => 't',
            'b' | 'p' => 'p',
            'v' | 'f' => 'f',
            'g' | 'j' => 'j',
            'm' | 'n' => 'n',
            c => c,
        };
        if !out.ends_with(c) {
            out.push(c);
        }
    }
    out
}

/// How many letters must be put in, taken out, changed or swapped.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut row = last.clone();
    for i in 1..=a.len() {
        row[0] = i;
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        tokens(text)
            .into_iter()
            .map(|t| t.text)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn contractions_are_written_out() {
        assert_eq!(
            words("What's up? I'd say we can't."),
            "what is up i would say we can not"
        );
    }

    #[test]
    fn clock_times_stay_whole_and_their_half_of_the_day_is_a_word() {
        assert_eq!(
            words("at 2:15 p.m., or 3pm; four p m"),
            "at 2:15 pm or 3 pm four pm"
        );
    }

    #[test]
    fn formal_dates_and_ordinals_are_one_word() {
        assert_eq!(words("2026-12-24 or the 3rd"), "2026-12-24 or the 3rd");
        assert_eq!(words("7-3"), "7 - 3");
    }

    #[test]
    fn endings_and_small_slips_are_forgiven() {
        assert!(likeness("booking", "book") > 0.9);
        assert!(likeness("apointment", "appointment") >= 0.7);
        assert!(likeness("wensday", "wednesday") >= 0.7);
        assert!(likeness("cancel", "candle") < 0.7);
        assert!(likeness("cat", "dog") < 0.1);
    }
}
