//! Words that are likely throughout a conversation, such as a product's name, for the free recogniser.

use super::lexicon::Lexicon;

/// Stands before a keyword in the decoder, so that it is a word of its own beside one of the dictionary that is spelled the
/// same but may be missing from the language model.
const KEYWORD: &str = "qk";
/// Words of one conversation; what goes beyond is not taught.
const MOST: usize = 200;

/// What the decoder is taught, with each word's sounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Keywords(Vec<(String, String)>);

impl Keywords {
    /// The words of `terms`, each with its pronunciations. A term can be several words; they are taught one by one.
    pub(super) fn new(terms: &[String], lexicon: &Lexicon) -> Self {
        let mut taught = Vec::new();
        let words = terms.iter().flat_map(|term| {
            term.split(|c: char| !c.is_alphanumeric() && c != '\'')
                .map(str::to_lowercase)
        });
        for word in words
            .filter(|word| word.chars().any(char::is_alphabetic))
            .take(MOST)
        {
            for (at, sounds) in lexicon.pronunciations(&word).into_iter().enumerate() {
                let name = match at {
                    0 => format!("{KEYWORD}{word}"),
                    _ => format!("{KEYWORD}{word}({})", at + 1),
                };
                if !taught.iter().any(|(known, _)| *known == name) {
                    taught.push((name, sounds));
                }
            }
        }
        Self(taught)
    }

    /// Names and sounds.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, sounds)| (name.as_str(), sounds.as_str()))
    }
}

/// What was heard, in words as they are written.
pub(super) fn readable(text: &str) -> String {
    text.split_whitespace()
        .map(|word| word.strip_prefix(KEYWORD).unwrap_or(word))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pronunciation_of_every_word_is_taught_once() {
        let lexicon = Lexicon::of("data D EY T AH\ndata(2) D AE T AH\nday D EY\n");
        let keywords = Keywords::new(&["Data-Day".to_owned(), "data, 17!".to_owned()], &lexicon);
        assert_eq!(
            keywords.iter().collect::<Vec<_>>(),
            [
                ("qkdata", "D EY T AH"),
                ("qkdata(2)", "D AE T AH"),
                ("qkday", "D EY"),
            ]
        );
        assert_eq!(readable("what is qkdata today"), "what is data today");
    }
}
