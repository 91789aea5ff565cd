//! Texts cut into passages.

/// About so long is a passage, in bytes: enough for an answer, short enough to be about one thing.
const WANTED: usize = 700;
/// No passage is longer.
const LONGEST: usize = 1_400;

/// The passages of a text, in order. Paragraphs stay together where they are short, and are cut between sentences where
/// they are long. A heading stays with what follows it.
pub(crate) fn cut(text: &str) -> Vec<String> {
    let mut passages = Vec::new();
    let mut current = String::new();
    for paragraph in text
        .split("\n\n")
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        for piece in pieces(paragraph) {
            let heading = piece.starts_with('#');
            let full = !current.is_empty() && current.len() + piece.len() > WANTED;
            if full || (heading && current.len() > WANTED / 3) {
                passages.push(std::mem::take(&mut current));
            }
            if !current.is_empty() {
                current.push('\n');
            }
            current.push_str(piece);
        }
    }
    if !current.is_empty() {
        passages.push(current);
    }
    passages
}

/// A paragraph in pieces that are no longer than a passage may be.
fn pieces(paragraph: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = paragraph;
    while rest.len() > LONGEST {
        let window = &rest[..rest.floor_char_boundary(LONGEST)];
        let sentence = window
            .rmatch_indices(['.', '!', '?'])
            .map(|(at, _)| at + 1)
            .find(|at| *at > WANTED / 2 && window[*at..].starts_with(char::is_whitespace));
        let end = sentence
            .or_else(|| window.rfind(char::is_whitespace).filter(|at| *at > 0))
            .unwrap_or(window.len());
        let (piece, after) = rest.split_at(end);
        pieces.push(piece.trim());
        rest = after.trim_start();
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_paragraphs_stay_together_and_long_ones_are_cut_between_sentences() {
        let text = format!(
            "# Hours\n\nWe open at nine.\n\n{}",
            "All is well. ".repeat(300)
        );
        let passages = cut(&text);
        assert!(passages[0].starts_with("# Hours\nWe open at nine."));
        assert!(passages.len() > 2);
        for passage in &passages {
            assert!(passage.len() <= LONGEST + WANTED, "{}", passage.len());
            assert!(passage.ends_with('.'), "{passage}");
        }
    }

    #[test]
    fn text_without_any_space_is_cut_all_the_same() {
        let text = "é".repeat(5_000);
        let passages = cut(&text);
        assert_eq!(passages.concat().replace('\n', ""), text);
        assert!(passages.len() >= 7);
    }

    #[test]
    fn nothing_gives_no_passage() {
        assert!(cut(" \n\n ").is_empty());
    }
}
