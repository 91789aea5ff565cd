//! From what a language model writes to what flite can say: short sentences of plain ASCII, every word of which knows the
//! text it came from.

/// No sentence is longer than this many spoken characters, about 12 s of speech.
const LONGEST_SENTENCE: usize = 200;
/// From this many spoken characters on, a comma ends a sentence.
const BREAK_AT_COMMA: usize = 110;
/// The first sentence of a reply is broken earlier, so that its first sound comes sooner.
const BREAK_FIRST_AT_COMMA: usize = 60;
/// No spoken word is longer than this; longer ones are cut.
const LONGEST_WORD: usize = 32;

/// A piece of text that is synthesised at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sentence {
    /// In order; their texts joined are the text that came in.
    pub(super) words: Vec<Word>,
}

/// A word as it was written and as it is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// As written, with the white space that follows it (and, for the first, that precedes it).
    pub(super) text: String,
    /// What is said, each part one token for flite: letters, digits and simple punctuation, with at least one letter or
    /// digit. Empty when nothing is said, as for an emoji.
    pub(super) spoken: Vec<String>,
}

impl Sentence {
    /// What flite is given.
    pub(super) fn spoken(&self) -> String {
        let mut said = String::new();
        for part in self.words.iter().flat_map(|word| &word.spoken) {
            if !said.is_empty() {
                said.push(' ');
            }
            said.push_str(part);
        }
        said
    }
}

/// Cuts `text` into sentences. `first` says that nothing of the reply has been spoken yet.
pub(super) fn sentences(text: &str, first: bool) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut sentence = Sentence::default();
    let mut length = 0;
    for mut word in words(text) {
        // Something long without a space is cut where the sentence is full.
        while length + spoken_len(&word) > LONGEST_SENTENCE {
            let room = LONGEST_SENTENCE - length;
            let mut used = 0;
            let fits = word
                .spoken
                .iter()
                .take_while(|part| {
                    used += part.len() + 1;
                    used <= room
                })
                .count();
            if length == 0 || spoken_len(&word) > LONGEST_SENTENCE {
                let rest = word.spoken.split_off(fits.max(usize::from(length == 0)));
                let text = std::mem::take(&mut word.text);
                sentence.words.push(Word {
                    text,
                    spoken: std::mem::replace(&mut word.spoken, rest),
                });
            }
            sentences.push(std::mem::take(&mut sentence));
            length = 0;
        }
        length += spoken_len(&word);
        let comma = if first && sentences.is_empty() {
            BREAK_FIRST_AT_COMMA
        } else {
            BREAK_AT_COMMA
        };
        let ends = ends_sentence(&word.text) || (length > comma && pauses(&word.text));
        sentence.words.push(word);
        if ends && length > 0 {
            sentences.push(std::mem::take(&mut sentence));
            length = 0;
        }
    }
    if !sentence.words.is_empty() {
        sentences.push(sentence);
    }
    sentences
}

fn spoken_len(word: &Word) -> usize {
    word.spoken.iter().map(|part| part.len() + 1).sum()
}

/// Cuts at white space, which stays with the word before it.
fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let lead = rest.len() - rest.trim_start().len();
        let end = rest[lead..]
            .find(char::is_whitespace)
            .map_or(rest.len(), |at| lead + at);
        let after = end + rest[end..].len() - rest[end..].trim_start().len();
        let (piece, remaining) = rest.split_at(after);
        words.push(Word {
            text: piece.to_owned(),
            spoken: say(piece.trim()),
        });
        rest = remaining;
    }
    // A dash that stands alone is a pause.
    for at in 1..words.len() {
        if matches!(words[at].text.trim(), "-" | "--" | "–" | "—" | "…" | "...")
            && let Some(part) = words[at - 1].spoken.last_mut()
            && part.ends_with(|c: char| c.is_ascii_alphanumeric())
        {
            part.push(',');
        }
    }
    words
}

/// Whether the sentence is over after this word, as written.
fn ends_sentence(text: &str) -> bool {
    if text.trim_end_matches([' ', '\t', '\r']).ends_with('\n') {
        return true;
    }
    let word = text
        .trim()
        .trim_end_matches(['"', '\'', ')', ']', '}', '*', '_', '`', '”', '’', '»']);
    let Some(last) = word.chars().next_back() else {
        return false;
    };
    match last {
        '!' | '?' | '…' | '。' | '！' | '？' => true,
        '.' => !is_abbreviation(word.trim_start_matches(['"', '\'', '(', '[', '*', '_', '“', '‘'])),
        _ => false,
    }
}

fn is_abbreviation(word: &str) -> bool {
    const ABBREVIATIONS: [&str; 22] = [
        "dr", "mr", "mrs", "ms", "prof", "st", "mt", "jr", "sr", "vs", "no", "nr", "e.g", "i.e",
        "approx", "dept", "inc", "ltd", "co", "gen", "col", "rev",
    ];
    let stem = word.trim_end_matches('.');
    if word.ends_with("..") {
        return false;
    }
    // The number of a list, an initial, or one of the usual.
    let short_number =
        stem.len() <= 2 && !stem.is_empty() && stem.bytes().all(|b| b.is_ascii_digit());
    let initial = stem.len() == 1 && stem != "I" && stem.bytes().all(|b| b.is_ascii_uppercase());
    short_number || initial || ABBREVIATIONS.contains(&stem.to_ascii_lowercase().as_str())
}

fn pauses(text: &str) -> bool {
    text.trim_end().ends_with([',', ';', ':', '—'])
}

/// What is said for one written word.
fn say(word: &str) -> Vec<String> {
    let word = plain(word);
    let core = word.trim_end_matches(['.', ',', '!', '?', ';', ':']);
    let tail = &word[core.len()..];
    let mut said = if is_address(core) {
        spell_address(core)
    } else {
        symbols(core)
    };
    let mut parts: Vec<String> = said
        .split_whitespace()
        .filter(|part| part.bytes().any(|b| b.is_ascii_alphanumeric()))
        .flat_map(cut)
        .collect();
    said.clear();
    if let (Some(last), Some(mark)) = (parts.last_mut(), tail.chars().next()) {
        last.push(mark);
    }
    parts
}

/// ASCII without control characters and without the marks of Markdown.
fn plain(word: &str) -> String {
    let mut plain = String::with_capacity(word.len());
    let word = match word.find("](") {
        // A link: its text is said, its address is not.
        Some(at) if !word.starts_with("](") => &word[..at],
        Some(_) => "",
        None => word,
    };
    for c in word.chars() {
        match c {
            '‘' | '’' | 'ʼ' | '′' => plain.push('\''),
            '–' | '—' | '‑' | '−' => plain.push('-'),
            '…' => plain.push('.'),
            '€' => plain.push_str(" euros "),
            '£' => plain.push_str(" pounds "),
            '°' => plain.push_str(" degrees "),
            '½' => plain.push_str(" half "),
            '×' => plain.push_str(" times "),
            'ß' => plain.push_str("ss"),
            'æ' | 'Æ' => plain.push_str("ae"),
            'œ' | 'Œ' => plain.push_str("oe"),
            'à'..='å' => plain.push('a'),
            'À'..='Å' => plain.push('A'),
            'ç' | 'č' | 'ć' => plain.push('c'),
            'è'..='ë' | 'ę' | 'ě' => plain.push('e'),
            'È'..='Ë' => plain.push('E'),
            'ì'..='ï' => plain.push('i'),
            'ñ' | 'ń' => plain.push('n'),
            'ò'..='ö' | 'ø' => plain.push('o'),
            'Ò'..='Ö' | 'Ø' => plain.push('O'),
            'ù'..='ü' | 'ů' => plain.push('u'),
            'Ù'..='Ü' => plain.push('U'),
            'š' | 'ś' => plain.push('s'),
            'ž' | 'ż' => plain.push('z'),
            'ł' => plain.push('l'),
            'ý' | 'ÿ' => plain.push('y'),
            '*' | '`' | '#' | '>' | '<' | '|' | '~' | '"' | '(' | ')' | '[' | ']' | '{' | '}'
            | '\\' | '^' => {}
            ' '..='~' => plain.push(c),
            _ => {}
        }
    }
    plain
}

fn is_address(word: &str) -> bool {
    const ENDS: [&str; 16] = [
        "com", "org", "net", "edu", "gov", "io", "dev", "app", "ai", "info", "eu", "uk", "de",
        "fr", "us", "example",
    ];
    if word.starts_with("http://") || word.starts_with("https://") || word.starts_with("www.") {
        return true;
    }
    if let Some((user, host)) = word.split_once('@') {
        return !user.is_empty() && host.contains('.');
    }
    let host = word.split('/').next().unwrap_or_default();
    host.rsplit_once('.').is_some_and(|(name, end)| {
        !name.is_empty() && ENDS.contains(&end.to_ascii_lowercase().as_str())
    })
}

/// An e-mail or web address, as people say it.
fn spell_address(word: &str) -> String {
    let word = word
        .trim_start_matches("https://")
        .trim_start_matches("http://");
    let mut said = String::new();
    for c in word.chars() {
        match c {
            '@' => said.push_str(" at "),
            '.' => said.push_str(" dot "),
            '_' => said.push_str(" underscore "),
            '-' => said.push_str(" dash "),
            '/' => said.push_str(" slash "),
            '+' => said.push_str(" plus "),
            c if c.is_ascii_alphanumeric() => said.push(c),
            _ => said.push(' '),
        }
    }
    said
}

/// Signs that flite leaves out or stumbles over, in words.
fn symbols(word: &str) -> String {
    let mut said = String::new();
    for c in word.chars() {
        match c {
            '&' => said.push_str(" and "),
            '@' => said.push_str(" at "),
            '%' => said.push_str(" percent "),
            '+' => said.push_str(" plus "),
            '=' => said.push_str(" equals "),
            '_' | '/' => said.push(' '),
            c if c.is_ascii_alphanumeric()
                || matches!(c, '\'' | '.' | ',' | '-' | ':' | '$' | '!' | '?' | ';') =>
            {
                said.push(c);
            }
            _ => {}
        }
    }
    said
}

/// Cuts a part that is too long into parts that are not, each with something to say.
fn cut(part: &str) -> Vec<String> {
    if part.len() <= LONGEST_WORD {
        return vec![part.to_owned()];
    }
    part.as_bytes()
        .chunks(LONGEST_WORD)
        .filter(|piece| piece.iter().any(u8::is_ascii_alphanumeric))
        .map(|piece| String::from_utf8_lossy(piece).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spoken(text: &str) -> Vec<String> {
        sentences(text, false)
            .iter()
            .map(Sentence::spoken)
            .collect()
    }

    #[test]
    fn abbreviations_and_initials_do_not_end_a_sentence() {
        assert_eq!(
            spoken("Dr. J. Smith is in. Please wait!"),
            ["Dr. J. Smith is in.", "Please wait!"]
        );
    }

    #[test]
    fn addresses_are_said_as_people_say_them() {
        assert_eq!(
            spoken("Write to jo.doe_1@mail.example.com, or see https://example.org/help."),
            [
                "Write to jo dot doe underscore 1 at mail dot example dot com, or see example dot org slash help."
            ]
        );
    }

    #[test]
    fn markdown_and_emoji_are_not_said() {
        assert_eq!(
            spoken("**Great** 🎉 see [the docs](https://example.com/a) `now` — ok?"),
            ["Great see the docs now, ok?"]
        );
    }

    #[test]
    fn accents_and_curly_quotes_become_plain() {
        assert_eq!(spoken("“Café” isn’t naïve"), ["Cafe isn't naive"]);
    }

    #[test]
    fn a_word_without_end_is_cut() {
        for sentence in sentences(&"a".repeat(10_000), true) {
            assert!(sentence.spoken().len() <= LONGEST_SENTENCE);
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_the_words_join_to_the_text_and_what_is_said_is_short_and_plain(text in "\\PC{0,300}|[ -~\\n\\t\\x00-\\x1f]{0,600}") {
            let sentences = sentences(&text, true);
            let joined: String = sentences.iter().flat_map(|s| &s.words).map(|w| w.text.as_str()).collect();
            prop_assert_eq!(joined, text);
            for sentence in &sentences {
                let said = sentence.spoken();
                prop_assert!(said.len() <= LONGEST_SENTENCE);
                prop_assert!(said.bytes().all(|b| (b' '..=b'~').contains(&b)));
                for part in sentence.words.iter().flat_map(|w| &w.spoken) {
                    prop_assert!(part.bytes().any(|b| b.is_ascii_alphanumeric()));
                    prop_assert!(!part.contains(' ') && part.len() <= LONGEST_WORD + 1);
                }
            }
        }
    }
}
