//! The words of a reply on its time line.

use std::time::Duration;

use super::Piece;

/// The text of a reply, with the time at which each character begins and ends.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    text: String,
    /// For each character: where it ends in `text`, when it begins and when it ends, in nanoseconds.
    marks: Vec<Mark>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    character: char,
    end: usize,
    from: u128,
    to: u128,
}

impl Timeline {
    pub(super) fn push(&mut self, piece: &Piece, offset: Duration) {
        let start = offset.as_nanos() + piece.start.as_nanos();
        let count = piece.text.chars().count() as u128;
        for (index, character) in (0u128..).zip(piece.text.chars()) {
            self.text.push(character);
            self.marks.push(Mark {
                character,
                end: self.text.len(),
                from: start + piece.duration.as_nanos() * index / count,
                to: start + piece.duration.as_nanos() * (index + 1) / count,
            });
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The words of which at least half has sounded when `heard` of the reply has.
    pub(super) fn until(&self, heard: Duration) -> &str {
        let heard = heard.as_nanos();
        let mut end = 0;
        for word in self.marks.chunk_by(|a, b| same_word(*a, *b)) {
            let (Some(first), Some(last)) = (word.first(), word.last()) else {
                continue;
            };
            if first.character.is_whitespace() {
                continue;
            }
            if heard * 2 < first.from + last.to {
                break;
            }
            end = last.end;
        }
        &self.text[..end]
    }
}

fn same_word(a: Mark, b: Mark) -> bool {
    let (a, b) = (a.character, b.character);
    a.is_whitespace() == b.is_whitespace()
        && !(stands_alone(a) && b.is_alphanumeric())
        && !stands_alone(b)
}

/// Characters of scripts that put no spaces between words: kana and Han.
fn stands_alone(character: char) -> bool {
    matches!(character,
        '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}
