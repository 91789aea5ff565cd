//! Words as they are compared: lower case, letters and digits only.

/// The words of `text`, without punctuation: `Mm-hm, don't` gives `mmhm` and `dont`.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().filter_map(word).collect()
}

fn word(raw: &str) -> Option<String> {
    let word: String = raw
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    (!word.is_empty()).then_some(word)
}

/// Whether two texts have the same words.
pub(crate) fn same_words(a: &str, b: &str) -> bool {
    let mut a = a.split_whitespace().filter_map(word);
    let mut b = b.split_whitespace().filter_map(word);
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (x, y) if x == y => {}
            _ => return false,
        }
    }
}

/// Whether a word says nothing by itself: the short ones by which recognisers explain sounds that are no words.
pub(crate) fn is_little(word: &str) -> bool {
    const LITTLE: [&str; 22] = [
        "the", "a", "an", "and", "of", "to", "in", "it", "its", "is", "are", "her", "his", "he",
        "i", "then", "than", "or", "as", "at", "for", "with",
    ];
    LITTLE.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctuation_and_case_do_not_count() {
        assert_eq!(words(" Mm-hm,  DON'T - "), ["mmhm", "dont"]);
        assert!(same_words("Well, yes!", "well yes"));
        assert!(!same_words("well", "well yes"));
    }
}
