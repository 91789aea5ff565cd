//! Cutting a reply's text into pieces that can be spoken: the first one short, so that sound comes soon.

/// A first piece may end at a clause once it is this long, in characters.
const FIRST_CLAUSE: usize = 12;
/// A later piece may end at a clause once it is this long; sentences are better.
const LATER_CLAUSE: usize = 120;
/// Without any sign a first piece is cut between words here.
const FIRST_LIMIT: usize = 80;
/// And a later one here.
const LATER_LIMIT: usize = 300;

const ABBREVIATIONS: &[&str] = &[
    "dr", "mr", "mrs", "ms", "prof", "st", "no", "nr", "vs", "e.g", "i.e", "etc", "approx", "a.m",
    "p.m", "u.s", "u.k", "inc", "ltd",
];

/// Collects text as the llm writes it and gives it out in pieces. Joined, the pieces are the text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pieces {
    pending: String,
    first_given: bool,
    complete: bool,
}

impl Pieces {
    pub(crate) fn push(&mut self, text: &str) {
        self.pending.push_str(text);
    }

    /// No more text comes: what is left may go out as it is.
    pub(crate) fn complete(&mut self) {
        self.complete = true;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.trim().is_empty()
    }

    /// The next piece, once one can be spoken.
    pub(crate) fn next(&mut self) -> Option<String> {
        let end = match self.cut() {
            Some(end) => end,
            None if self.complete => self.pending.len(),
            None => return None,
        };
        if end == 0 || (self.complete && self.is_empty()) {
            self.pending.clear();
            return None;
        }
        let rest = self.pending.split_off(end);
        self.first_given = true;
        Some(std::mem::replace(&mut self.pending, rest))
    }

    fn cut(&self) -> Option<usize> {
        let (clause, limit) = if self.first_given {
            (LATER_CLAUSE, LATER_LIMIT)
        } else {
            (FIRST_CLAUSE, FIRST_LIMIT)
        };
        let mut length = 0;
        let mut last_space = None;
        let mut said_anything = false;
        let mut characters = self.pending.char_indices().peekable();
        while let Some((index, character)) = characters.next() {
            length += 1;
            let end = index + character.len_utf8();
            said_anything |= character.is_alphanumeric();
            if !said_anything {
                continue;
            }
            let next = characters.peek().map(|(_, c)| *c);
            if "。！？".contains(character) || character == '\n' {
                return Some(end);
            }
            if next.is_some_and(char::is_whitespace) {
                let before = &self.pending[..index];
                if "!?".contains(character) || (character == '.' && !abbreviated(before)) {
                    return Some(self.with_space(end));
                }
                if ",;:–—".contains(character) && length >= clause {
                    return Some(self.with_space(end));
                }
            }
            if character.is_whitespace() {
                last_space = Some(end);
            }
            if length >= limit
                && let Some(end) = last_space
            {
                return Some(end);
            }
        }
        None
    }

    /// The space after a sentence belongs to it.
    fn with_space(&self, end: usize) -> usize {
        self.pending[end..]
            .chars()
            .next()
            .map_or(end, |c| end + c.len_utf8())
    }
}

fn abbreviated(before: &str) -> bool {
    let word = before.rsplit(char::is_whitespace).next().unwrap_or(before);
    let word = word.trim_start_matches(['(', '"', '\'']);
    ABBREVIATIONS.contains(&word.to_lowercase().as_str())
        || (word.chars().count() == 1 && word.chars().all(char::is_uppercase) && word != "I")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(text: &str) -> Vec<String> {
        let mut pieces = Pieces::default();
        let mut out = Vec::new();
        for character in text.chars() {
            pieces.push(&character.to_string());
            out.extend(std::iter::from_fn(|| pieces.next()));
        }
        pieces.complete();
        out.extend(std::iter::from_fn(|| pieces.next()));
        out
    }

    #[test]
    fn the_first_piece_is_a_clause_and_later_ones_are_sentences() {
        assert_eq!(
            cut("Of course, Tuesday works. I have ten, eleven and noon. Which one?"),
            [
                "Of course, Tuesday works. ",
                "I have ten, eleven and noon. ",
                "Which one?"
            ]
        );
        assert_eq!(
            cut("Let me have a look, one moment please."),
            ["Let me have a look, ", "one moment please."]
        );
    }

    #[test]
    fn a_point_inside_a_number_or_an_abbreviation_ends_nothing() {
        assert_eq!(
            cut("It is 3.5 km to Dr. Meyer, e.g. by bus."),
            ["It is 3.5 km to Dr. Meyer, ", "e.g. by bus."]
        );
    }

    #[test]
    fn endless_text_without_any_sign_is_cut_between_words() {
        let pieces = cut(&"word ".repeat(100));
        assert!(pieces.len() > 2);
        assert!(pieces.iter().all(|piece| piece.len() <= LATER_LIMIT + 5));
    }

    proptest! {
        #[test]
        fn the_pieces_are_the_text(text in "[a-zA-Z0-9.,!? \n。é]{0,400}") {
            let joined = cut(&text).concat();
            prop_assert!(text.starts_with(&joined));
            prop_assert!(text[joined.len()..].trim().is_empty());
        }
    }
}
