//! What is spelled out: e-mail addresses, telephone numbers, names by their letters.

use super::{numbers, words::Token};

/// An e-mail address in an utterance: written (`ann@example.com`), said (`ann at example dot com`) or spelled
/// (`a n n at example dot com`, `s for sugar`). The address, its first token and one past its last.
pub(crate) fn email(tokens: &[Token]) -> Option<(String, usize, usize)> {
    let at = (1..tokens.len()).find(|&i| {
        matches!(tokens[i].text.as_str(), "at" | "@") && domain(tokens, i + 1).is_some()
    })?;
    let (domain, end) = domain(tokens, at + 1)?;
    let mut start = at;
    while start > 0 && belongs(tokens, start - 1, at) {
        start -= 1;
    }
    let local = join(&tokens[start..at]);
    let local = local.trim_matches(['.', '-', '_']).to_owned();
    (!local.is_empty() && local.len() <= 64).then(|| (format!("{local}@{domain}"), start, end))
}

fn belongs(tokens: &[Token], i: usize, at: usize) -> bool {
    let word = tokens[i].text.as_str();
    // "It is ann at …": what leads in is no part of the address. A lone letter is.
    !(matches!(
        word,
        "is" | "it"
            | "to"
            | "my"
            | "email"
            | "mail"
            | "address"
            | "the"
            | "sure"
            | "yes"
            | "yeah"
            | "okay"
            | "please"
            | "and"
            | "that"
            | "would"
            | "be"
            | "use"
            | "send"
            | "um"
            | "uh"
            | "at"
            | "on"
            | "course"
            | "of"
            | "well"
            | "so"
            | "me"
    ) || (word == "i" && i + 1 < at && tokens[i + 1].text.len() > 1))
}

fn domain(tokens: &[Token], from: usize) -> Option<(String, usize)> {
    let mut end = from;
    let mut dots = 0;
    let mut last_dot = from;
    while end < tokens.len() {
        let word = tokens[end].text.as_str();
        let dot = matches!(word, "dot" | "point");
        if dot {
            dots += 1;
            last_dot = end;
        } else if dots > 0 && end > last_dot + 1 {
            // After a dot comes one word, unless its letters are spelled or another dot follows.
            let spelled = word.len() == 1 && tokens[end - 1].text.len() == 1;
            if !spelled && tokens.get(end + 1).is_none_or(|t| t.text != "dot") {
                break;
            }
            if !spelled && !matches!(tokens[end].text.as_str(), "dot") {
                break;
            }
        } else if dots == 0 && end > from + 12 {
            return None;
        }
        end += 1;
    }
    // A written domain has its dot inside the text, where the tokens do not show it.
    if dots == 0 || last_dot + 1 >= end {
        return None;
    }
    let joined = join(&tokens[from..end]);
    (joined.contains('.') && !joined.starts_with('.') && !joined.ends_with('.'))
        .then_some((joined, end))
}

/// A written address: the tokens lose its dots, so the text itself is looked at.
pub(crate) fn written_email(text: &str) -> Option<(String, usize, usize)> {
    let mut from = 0;
    for piece in text.split_whitespace() {
        let start = from + text[from..].find(piece)?;
        from = start + piece.len();
        let bare = piece.trim_matches(|c: char| !c.is_alphanumeric());
        if let Some((local, domain)) = bare.split_once('@')
            && !local.is_empty()
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
        {
            return Some((bare.to_lowercase(), start, start + piece.len()));
        }
    }
    None
}

/// Words, letters and signs said aloud, as one run of characters.
fn join(tokens: &[Token]) -> String {
    let mut out = String::new();
    let mut i = 0;
    while i < tokens.len() {
        let word = tokens[i].text.as_str();
        let next = tokens.get(i + 1).map_or("", |t| t.text.as_str());
        let after = tokens.get(i + 2).map_or("", |t| t.text.as_str());
        match (word, next) {
            ("dot" | "point" | "period" | "stop", _) => out.push('.'),
            ("full", "stop") => {
                out.push('.');
                i += 1;
            }
            ("dash" | "hyphen" | "minus" | "-", _) => out.push('-'),
            ("underscore", _) => out.push('_'),
            ("plus" | "+", _) => out.push('+'),
            ("under", "score") => {
                out.push('_');
                i += 1;
            }
            ("double", letter) if letter.len() == 1 => {
                out.push_str(letter);
                out.push_str(letter);
                i += 1;
            }
            ("double", "you" | "u") => {
                out.push('w');
                i += 1;
            }
            // "S for sugar", "s as in sugar".
            (letter, "for") if letter.len() == 1 && after.starts_with(letter) => {
                out.push_str(letter);
                i += 2;
            }
            (letter, "as") if letter.len() == 1 && after == "in" => {
                out.push_str(letter);
                i += 3;
            }
            ("all" | "lower" | "case" | "lowercase" | "one" | "word", _)
                if matches!(
                    (word, next),
                    ("all", "lower" | "one" | "lowercase")
                        | ("lower", "case")
                        | ("case" | "lowercase" | "word", _)
                ) || (word == "one" && next == "word") => {}
            _ => {
                let rest: Vec<&str> = tokens[i..].iter().map(|t| t.text.as_str()).collect();
                if let Some((n, used)) = numbers::whole(&rest)
                    .filter(|_| !word.starts_with(|c: char| c.is_ascii_digit()))
                {
                    out.push_str(&n.to_string());
                    i += used - 1;
                } else {
                    out.push_str(word);
                }
            }
        }
        i += 1;
    }
    out
}

/// A telephone number: seven or more digits, in figures or words (`double five`, `oh`).
pub(crate) fn phone(tokens: &[Token]) -> Option<(String, usize, usize)> {
    let mut best: Option<(String, usize, usize)> = None;
    let mut i = 0;
    while i < tokens.len() {
        let start = i;
        let mut digits = String::new();
        while i < tokens.len() {
            let word = tokens[i].text.as_str();
            if word.chars().all(|c| c.is_ascii_digit()) && !word.is_empty() {
                digits.push_str(word);
            } else if word == "+" || word == "plus" {
                if digits.is_empty() {
                    digits.push('+');
                } else {
                    break;
                }
            } else if let Some(times) = match word {
                "double" => Some(2),
                "triple" | "treble" => Some(3),
                _ => None,
            } && let Some(d) = tokens.get(i + 1).and_then(|t| numbers::digit(&t.text))
            {
                digits.push_str(&d.to_string().repeat(times));
                i += 1;
            } else if let Some(d) = numbers::digit(word) {
                digits.push_str(&d.to_string());
            } else if let Some((n, used)) = numbers::whole(&[word]) {
                digits.push_str(&n.to_string());
                i += used - 1;
            } else if word != "-" {
                break;
            }
            i += 1;
        }
        if digits.trim_start_matches('+').len() >= 7
            && best.as_ref().is_none_or(|b| b.0.len() < digits.len())
        {
            best = Some((digits, start, i));
        }
        i = i.max(start + 1);
    }
    best
}

/// Letters said one by one: `j o a n` is `joan`. At least two.
pub(crate) fn letters(tokens: &[Token]) -> Option<(String, usize, usize)> {
    let single = |t: &Token| t.text.len() == 1 && t.text.as_bytes()[0].is_ascii_alphabetic();
    let mut i = 0;
    while i < tokens.len() {
        let start = i;
        while i < tokens.len()
            && (single(&tokens[i])
                || (tokens[i].text == "double" && tokens.get(i + 1).is_some_and(single)))
        {
            i += 1;
        }
        if i >= start + 3 || (i == start + 2 && !matches!(tokens[start].text.as_str(), "a" | "i")) {
            return Some((join(&tokens[start..i]), start, i));
        }
        i = i.max(start + 1);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::words::tokens;

    fn address(text: &str) -> Option<String> {
        email(&tokens(text)).map(|e| e.0)
    }

    #[test]
    fn an_address_may_be_said_or_spelled() {
        assert_eq!(
            address("s a r a h at example dot com").as_deref(),
            Some("sarah@example.com")
        );
        assert_eq!(
            address("yes it's tom dot hill at example dot org please").as_deref(),
            Some("tom.hill@example.org")
        );
        assert_eq!(
            address("j underscore two two at g mail dot com").as_deref(),
            Some("j_22@gmail.com")
        );
        assert_eq!(
            address("my email is kim at post dot example dot com thanks").as_deref(),
            Some("kim@post.example.com")
        );
        assert_eq!(
            address("b for bravo o b at example dot net").as_deref(),
            Some("bob@example.net")
        );
        assert_eq!(address("at nine dot"), None);
        assert_eq!(address("see you at ten"), None);
    }

    #[test]
    fn a_written_address_is_found() {
        assert_eq!(
            written_email("It's Ann.B@Example.com.")
                .map(|e| e.0)
                .as_deref(),
            Some("ann.b@example.com")
        );
    }

    #[test]
    fn telephone_numbers_are_digits_in_words() {
        assert_eq!(
            phone(&tokens("it's oh one two double three four five six"))
                .map(|p| p.0)
                .as_deref(),
            Some("012334 56".replace(' ', "").as_str())
        );
        assert_eq!(phone(&tokens("room 12")), None);
    }

    #[test]
    fn letters_make_a_name() {
        assert_eq!(
            letters(&tokens("that is j o a n")).map(|p| p.0).as_deref(),
            Some("joan")
        );
        assert_eq!(letters(&tokens("i have a dog")), None);
    }
}
