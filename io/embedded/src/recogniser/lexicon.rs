//! How words sound: the model's dictionary, and rules for what is not in it.

use std::{fs, path::Path};

use providers::ProviderError;

use super::PROVIDER;
use crate::paths::missing;

/// The pronunciations of some 134,000 English words, in 4 MB.
pub(super) struct Lexicon {
    text: String,
    /// Where the lines begin, sorted by word.
    lines: Vec<u32>,
}

impl Lexicon {
    pub(super) fn load(path: &Path) -> Result<Self, ProviderError> {
        let text = fs::read_to_string(path)
            .map_err(|error| missing(PROVIDER, format!("{}: {error}", path.display())))?;
        Ok(Self::new(text))
    }

    fn new(text: String) -> Self {
        let mut lines = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            if line.contains(' ') {
                lines.push(u32::try_from(at).unwrap_or(u32::MAX));
            }
            at += line.len();
        }
        lines.sort_unstable_by_key(|&at| word_at(&text, at));
        Self { text, lines }
    }

    #[cfg(test)]
    pub(super) fn of(text: &str) -> Self {
        Self::new(text.to_owned())
    }

    /// Every pronunciation of `word` in the dictionary, the usual first.
    pub(super) fn known(&self, word: &str) -> Vec<&str> {
        let mut found = Vec::new();
        for alternative in 1..6 {
            let key = if alternative == 1 {
                word.to_owned()
            } else {
                format!("{word}({alternative})")
            };
            match self
                .lines
                .binary_search_by_key(&key.as_str(), |&at| word_at(&self.text, at))
            {
                Ok(at) => {
                    let line = self.text[self.lines[at] as usize..]
                        .lines()
                        .next()
                        .unwrap_or_default();
                    found.extend(line.split_once(' ').map(|(_, phones)| phones.trim()));
                }
                Err(_) => break,
            }
        }
        found
    }

    /// How `word` sounds, by rules where the dictionary does not know it.
    pub(super) fn pronunciations(&self, word: &str) -> Vec<String> {
        let known = self.known(word);
        if !known.is_empty() {
            return known.into_iter().map(str::to_owned).collect();
        }
        // A possessive or plural of a known word.
        if let Some(stem) = word.strip_suffix("'s").or_else(|| word.strip_suffix('s'))
            && let Some(stem) = self.known(stem).first()
        {
            return vec![format!("{stem} Z")];
        }
        let guess = guess(word);
        if guess.is_empty() {
            Vec::new()
        } else {
            vec![guess.join(" ")]
        }
    }

    /// The usual sounds of a text, one after the other.
    pub(super) fn sounds(&self, text: &str) -> Vec<String> {
        text.split_whitespace()
            .flat_map(|word| {
                self.pronunciations(word)
                    .first()
                    .map(|phones| phones.split(' ').map(str::to_owned).collect::<Vec<_>>())
                    .unwrap_or_default()
            })
            .collect()
    }
}

fn word_at(text: &str, at: u32) -> &str {
    let line = &text[at as usize..];
    &line[..line.find(' ').unwrap_or(line.len())]
}

/// Spellings and their sounds, the longest first.
const RULES: [(&str, &[&str]); 66] = [
    ("tion", &["SH", "AH", "N"]),
    ("sion", &["ZH", "AH", "N"]),
    ("ture", &["CH", "ER"]),
    ("ough", &["AO"]),
    ("eigh", &["EY"]),
    ("igh", &["AY"]),
    ("tch", &["CH"]),
    ("sch", &["SH"]),
    ("air", &["EH", "R"]),
    ("ear", &["IH", "R"]),
    ("eer", &["IH", "R"]),
    ("our", &["AO", "R"]),
    ("ski", &["S", "K", "IY"]),
    ("ch", &["CH"]),
    ("sh", &["SH"]),
    ("th", &["TH"]),
    ("ph", &["F"]),
    ("wh", &["W"]),
    ("kn", &["N"]),
    ("wr", &["R"]),
    ("ck", &["K"]),
    ("gh", &["G"]),
    ("ng", &["NG"]),
    ("qu", &["K", "W"]),
    ("ee", &["IY"]),
    ("ea", &["IY"]),
    ("oo", &["UW"]),
    ("ou", &["AW"]),
    ("ow", &["OW"]),
    ("oa", &["OW"]),
    ("oy", &["OY"]),
    ("oi", &["OY"]),
    ("ai", &["EY"]),
    ("ay", &["EY"]),
    ("ei", &["IY"]),
    ("ey", &["IY"]),
    ("ie", &["IY"]),
    ("au", &["AO"]),
    ("aw", &["AO"]),
    ("ar", &["AA", "R"]),
    ("er", &["ER"]),
    ("ir", &["ER"]),
    ("or", &["AO", "R"]),
    ("ur", &["ER"]),
    ("a", &["AE"]),
    ("b", &["B"]),
    ("c", &["K"]),
    ("d", &["D"]),
    ("e", &["EH"]),
    ("f", &["F"]),
    ("g", &["G"]),
    ("h", &["HH"]),
    ("i", &["IH"]),
    ("j", &["JH"]),
    ("k", &["K"]),
    ("l", &["L"]),
    ("m", &["M"]),
    ("n", &["N"]),
    ("o", &["AA"]),
    ("p", &["P"]),
    ("r", &["R"]),
    ("s", &["S"]),
    ("t", &["T"]),
    ("u", &["AH"]),
    ("v", &["V"]),
    ("w", &["W"]),
];

/// Letters to sounds, by the longest spelling that fits. Right often enough for names and made-up words.
fn guess(word: &str) -> Vec<&'static str> {
    let mut sounds: Vec<&'static str> = Vec::new();
    let mut rest = word;
    while let Some(letter) = rest.chars().next() {
        let last = rest.len() == letter.len_utf8();
        let first = rest.len() == word.len();
        let before = word[..word.len() - rest.len()].chars().next_back();
        let next = rest.chars().nth(1);
        let (sound, length): (&[&'static str], usize) = match letter {
            // A doubled consonant sounds once, a silent e not at all.
            _ if before == Some(letter) && !"aeiou".contains(letter) => (&[], 1),
            'e' if last && word.len() > 2 => (&[], 1),
            'a' if last => (&["AH"], 1),
            'o' if last => (&["OW"], 1),
            'i' if last => (&["IY"], 1),
            'y' if first => (&["Y"], 1),
            'y' => (&["IY"], 1),
            // `dialogue`, `vogue`.
            'o' if rest == "ogue" => (&["AO", "G"], 4),
            'u' if rest == "ue" && before == Some('g') => (&[], 2),
            // Two vowels that are no pair are two syllables: `duo`, `stereo`.
            'u' if next == Some('o') => (&["UW"], 1),
            'o' if matches!(before, Some('u' | 'i' | 'e')) => (&["OW"], 1),
            'x' if first => (&["Z"], 1),
            'x' => (&["K", "S"], 1),
            'z' => (&["Z"], 1),
            'c' if matches!(next, Some('e' | 'i' | 'y')) => (&["S"], 1),
            'g' if matches!(next, Some('e' | 'i' | 'y')) && !first => (&["JH"], 1),
            'a' if magic_e(rest) => (&["EY"], 1),
            'i' if magic_e(rest) => (&["AY"], 1),
            'o' if magic_e(rest) => (&["OW"], 1),
            'u' if magic_e(rest) => (&["UW"], 1),
            _ => RULES
                .iter()
                .find(|(spelling, _)| rest.starts_with(spelling))
                .map_or((&[], letter.len_utf8()), |(spelling, sound)| {
                    (*sound, spelling.len())
                }),
        };
        sounds.extend(sound);
        rest = &rest[length..];
    }
    sounds
}

/// Whether a vowel is made long by an `e` behind one consonant at the end of the word: `lane`.
fn magic_e(rest: &str) -> bool {
    let mut letters = rest.chars().skip(1);
    matches!(
        (letters.next(), letters.next(), letters.next()),
        (Some(consonant), Some('e'), None) if !"aeiouwxy".contains(consonant)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_all_of_its_pronunciations() {
        let lexicon = Lexicon::new("the DH AH\nthe(2) DH IY\na AH\na(2) EY\n".to_owned());
        assert_eq!(lexicon.known("the"), ["DH AH", "DH IY"]);
        assert_eq!(lexicon.sounds("a the"), ["AH", "DH", "AH"]);
        assert!(lexicon.known("cat").is_empty());
    }

    #[test]
    fn unknown_words_are_read_by_their_letters() {
        assert_eq!(guess("duologue").join(" "), "D UW OW L AO G");
        assert_eq!(guess("kensington").join(" "), "K EH N S IH NG T AA N");
        assert_eq!(guess("shane").join(" "), "SH EY N");
        assert_eq!(guess("żółć").join(" "), "");
    }
}
