//! Reading a pattern from its text.

use super::{BTreeMap, Item, Names, one_of, words};

pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) names: &'a Names<'a>,
    pub(super) depth: usize,
}

pub(super) type ReadError = (usize, String, String);

impl Reader<'_> {
    pub(super) fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.text[self.at..].chars().next()
    }

    #[expect(clippy::too_many_lines, reason = "one kind of item after the other")]
    pub(super) fn sequence(&mut self) -> Result<Vec<Item>, ReadError> {
        let mut items = Vec::new();
        while let Some(c) = self.peek() {
            let start = self.at;
            match c {
                '(' | '[' => {
                    self.at += 1;
                    self.depth += 1;
                    if self.depth > 8 {
                        return Err((
                            start,
                            "brackets more than eight deep".to_owned(),
                            "split the pattern in two".to_owned(),
                        ));
                    }
                    let close = if c == '(' { ')' } else { ']' };
                    let mut options = vec![self.sequence()?];
                    while self.peek() == Some('|') {
                        self.at += 1;
                        options.push(self.sequence()?);
                    }
                    if self.peek() != Some(close) {
                        return Err((
                            start,
                            format!("`{c}` is never closed"),
                            format!("add `{close}`"),
                        ));
                    }
                    self.at += 1;
                    self.depth -= 1;
                    if options.iter().any(Vec::is_empty) {
                        return Err((
                            start,
                            "an empty alternative".to_owned(),
                            "use [ ] for what may be missing".to_owned(),
                        ));
                    }
                    items.push(Item::Any(options, c == '['));
                }
                '<' | '{' => {
                    let close = if c == '<' { '>' } else { '}' };
                    let Some(len) = self.text[start..].find(close) else {
                        return Err((
                            start,
                            format!("`{c}` is never closed"),
                            format!("add `{close}`"),
                        ));
                    };
                    let name = &self.text[start + 1..start + len];
                    self.at = start + len + 1;
                    items.push(if c == '{' {
                        let slot = self.names.slots.get(name).ok_or_else(|| {
                            (
                                start,
                                format!("unknown slot `{name}`"),
                                one_of(self.names.slots.keys(), "slot"),
                            )
                        })?;
                        Item::Slot(*slot, self.names.free.contains(slot))
                    } else {
                        let class = self.names.words.get(name).ok_or_else(|| {
                            (
                                start,
                                format!("unknown word class `{name}`"),
                                one_of(self.names.words.keys(), "word class"),
                            )
                        })?;
                        let none = BTreeMap::new();
                        let names = Names {
                            slots: self.names.slots,
                            words: &none,
                            free: self.names.free,
                        };
                        let written = format!("({class})");
                        let mut inner = Reader {
                            text: &written,
                            at: 0,
                            names: &names,
                            depth: self.depth,
                        };
                        let mut class = inner.sequence().map_err(|(_, what, remedy)| {
                            (start, format!("in the word class `{name}`: {what}"), remedy)
                        })?;
                        match class.pop() {
                            Some(item) if class.is_empty() => item,
                            _ => {
                                return Err((
                                    start,
                                    format!(
                                        "the word class `{name}` is not a list of alternatives"
                                    ),
                                    "write it as `one|two`".to_owned(),
                                ));
                            }
                        }
                    });
                }
                '&' if self.depth == 0 => break,
                ')' | ']' | '|' => break,
                c if c.is_alphanumeric() || c == '\'' => {
                    let rest = &self.text[start..];
                    let len = rest
                        .find(|c: char| !(c.is_alphanumeric() || c == '\''))
                        .unwrap_or(rest.len());
                    self.at += len;
                    items.extend(
                        words::tokens(&rest[..len])
                            .into_iter()
                            .map(|t| Item::Word(t.text)),
                    );
                }
                ',' | '.' | '?' | '!' | '-' => self.at += 1,
                c => {
                    return Err((
                        start,
                        format!("`{c}` has no meaning in a pattern"),
                        "write plain words, ( | ), [ ], < >, { } and &".to_owned(),
                    ));
                }
            }
        }
        Ok(items)
    }
}
