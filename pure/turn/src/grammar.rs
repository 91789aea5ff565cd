//! Is it a whole sentence? A small grammar of spoken English, for recognisers that give no punctuation.
//!
//! It knows more sentences than there are, and not all of those. What matters is the end: whether a sentence may end here
//! (`what can you do`), must go on (`what can you`), or whether nothing is known because the words fit no rule.

use crate::lexicon::{Token, among, class, form, frame, tokens};

/// What the words are as a sentence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sentence {
    /// A whole question with a question word and a question's order: `what can you do`. In a statement's order (`what
    /// happens`, `who called me`) it may as well be part of one, and counts as a statement.
    OpenQuestion,
    /// A whole question for yes or no: `are you open on sundays`.
    YesNoQuestion,
    /// A whole command: `tell me a joke`.
    Command,
    /// A whole statement: `i need an appointment`.
    Statement,
    /// A part of a sentence that may stand alone: `with milk`.
    Phrase,
    /// The beginning of a sentence that must go on: `how much is the`.
    Unfinished,
    /// It fits no rule.
    #[default]
    Unknown,
}

impl Sentence {
    /// Whether it is a sentence with all that belongs to one.
    pub fn is_whole(self) -> bool {
        matches!(
            self,
            Self::OpenQuestion | Self::YesNoQuestion | Self::Command | Self::Statement
        )
    }
}

/// More words than this are not looked at, from the end.
const MOST: usize = 40;

/// What the words, normalised, are as a sentence. Of several sentences the last counts.
pub(crate) fn sentence(said: &[String]) -> Sentence {
    let said = &said[said.len().saturating_sub(MOST)..];
    let mut tokens = tokens(said);
    tokens.drain(..tokens.len().saturating_sub(MOST));
    Parser::new(&tokens).text()
}

/// Prepositions that may end a question: `what is it for`.
const STRANDABLE: &str = "to of for from with at in on by about like";

/// Places between words, one bit each: bit 0 is before the first word.
type Places = u64;

/// What may be missing because the question asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    Nothing,
    /// `where`, `when`, `how`: what `be` needs.
    Adverb,
    /// `what`, `who`, `how much`: an object.
    Object,
}

const GAPS: [Gap; 3] = [Gap::Nothing, Gap::Adverb, Gap::Object];

/// A part of a sentence whose ends are remembered for each beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Noun,
    Preposition,
    Adjective,
    Statement,
    /// A statement that lacks an object and begins with a pronoun: `the phone [i bought]`.
    Relative,
    Embedded,
    Adjunct(Gap),
    Predicate(Gap),
    BeRest(Gap),
    Verb(u8, Gap),
}

impl Part {
    fn index(self) -> usize {
        let gap = |gap: Gap| GAPS.iter().position(|g| *g == gap).unwrap_or(0);
        match self {
            Self::Noun => 0,
            Self::Preposition => 1,
            Self::Adjective => 2,
            Self::Statement => 3,
            Self::Relative => 4,
            Self::Embedded => 5,
            Self::Adjunct(g) => 6 + gap(g),
            Self::Predicate(g) => 9 + gap(g),
            Self::BeRest(g) => 12 + gap(g),
            Self::Verb(form, g) => 15 + 3 * form.trailing_zeros() as usize + gap(g),
        }
    }

    const COUNT: usize = 27;
}

struct Parser<'a> {
    tokens: &'a [Token<'a>],
    known: Vec<Option<Places>>,
    /// Some rule wanted a word after the last: what there is begins something.
    ran_out: bool,
}

fn places(places: Places) -> impl Iterator<Item = usize> {
    let mut rest = places;
    std::iter::from_fn(move || {
        let next = rest.trailing_zeros() as usize;
        rest &= rest.wrapping_sub(1);
        (next < 64).then_some(next)
    })
}

impl<'a> Parser<'a> {
    fn new(tokens: &'a [Token<'a>]) -> Self {
        Self {
            tokens,
            known: vec![None; Part::COUNT * (tokens.len() + 1)],
            ran_out: false,
        }
    }

    fn text(&mut self) -> Sentence {
        let end = 1 << self.tokens.len();
        let mut starts: Places = 1;
        let (mut phrases, mut kind) = (0, None);
        for at in 0..self.tokens.len() {
            let from = 1 << at;
            if starts & from == 0 {
                continue;
            }
            starts |= self.word(from, class::INTERJECTION | class::CONNECTIVE);
            for (sentence, ends) in [
                (Sentence::OpenQuestion, self.open_question(from)),
                (Sentence::YesNoQuestion, self.inverted(from, Gap::Nothing)),
                (Sentence::Command, self.command(from)),
                (Sentence::Statement, self.part(Part::Statement, from)),
                (Sentence::Statement, self.asked_about_subject(from)),
            ] {
                starts |= ends;
                if ends & end != 0 {
                    kind.get_or_insert(sentence);
                }
            }
            let phrase = self.part(Part::Noun, from)
                | self.part(Part::Adjective, from)
                | self.closure(from, Part::Preposition) & !from;
            let adverb = self.word(phrase | from, class::ADVERB);
            let phrase = phrase | adverb | self.part(Part::Noun, adverb);
            phrases |= phrase;
            starts |= self.word(phrase, class::INTERJECTION);
        }
        if let Some(kind) = kind {
            return kind;
        }
        let ran_out = self.ran_out;
        if let Some(question) = self.question_at_the_end(end) {
            return question;
        }
        if phrases & end != 0 {
            Sentence::Phrase
        } else if ran_out && starts & end == 0 {
            Sentence::Unfinished
        } else {
            Sentence::Unknown
        }
    }

    /// A question after words that fit no rule.
    fn question_at_the_end(&mut self, end: Places) -> Option<Sentence> {
        for at in 1..self.tokens.len() {
            let asks = among("what where who when how why which", self.tokens[at].word);
            if asks && self.asked_in_order(1 << at) & end != 0 {
                return Some(Sentence::OpenQuestion);
            }
            let pronoun = |token: &Token<'_>| token.is(class::SUBJECT) || token.word == "you";
            if self.tokens[at].is(class::MODAL | class::DO)
                && self.tokens.get(at + 1).is_some_and(pronoun)
                && self.inverted(1 << at, Gap::Nothing) & end != 0
            {
                return Some(Sentence::YesNoQuestion);
            }
        }
        None
    }

    /// After one word that `takes` it.
    fn step(&mut self, from: Places, takes: impl Fn(&Token<'_>) -> bool) -> Places {
        let length = self.tokens.len();
        self.ran_out |= from & (1 << length) != 0;
        places(from)
            .filter(|at| *at < length && takes(&self.tokens[*at]))
            .fold(0, |ends, at| ends | 1 << (at + 1))
    }

    fn word(&mut self, from: Places, classes: u32) -> Places {
        self.step(from, |token| token.is(classes))
    }

    /// After one of `words`.
    fn said(&mut self, from: Places, words: &str) -> Places {
        self.step(from, |token| among(words, token.word))
    }

    fn maybe(&mut self, from: Places, classes: u32) -> Places {
        from | self.word(from, classes)
    }

    /// Adverbs and `not` before a verb.
    fn aside(&mut self, from: Places) -> Places {
        let from = from | self.said(from, "not");
        let from = self.maybe(from, class::ADVERB);
        self.maybe(from, class::ADVERB)
    }

    /// Nothing, `very` or `a bit`.
    fn degree(&mut self, from: Places) -> Places {
        let little = self.said(from, "a");
        self.maybe(from, class::DEGREE) | self.said(little, "bit little lot")
    }

    /// After `part`, from any of these places.
    fn part(&mut self, part: Part, from: Places) -> Places {
        places(from).fold(0, |ends, at| ends | self.part_at(part, at))
    }

    fn part_at(&mut self, part: Part, at: usize) -> Places {
        let index = part.index() * (self.tokens.len() + 1) + at;
        if let Some(known) = self.known[index] {
            return known;
        }
        // A part that begins with itself ends nowhere.
        self.known[index] = Some(0);
        let from = 1 << at;
        let ends = match part {
            Part::Noun => self.noun(from),
            Part::Preposition => self.preposition(from),
            Part::Adjective => self.adjective(from),
            Part::Statement => self.statement(from),
            Part::Relative => {
                let subject = self.step(from, |t| t.is(class::SUBJECT) || t.word == "you");
                self.part(Part::Predicate(Gap::Object), subject)
            }
            Part::Embedded => self.embedded(from),
            Part::Adjunct(gap) => self.adjunct(from, gap),
            Part::Predicate(gap) => self.predicate(from, gap),
            Part::BeRest(gap) => self.be_rest(from, gap),
            Part::Verb(form, gap) => self.verb(from, form, gap),
        };
        self.known[index] = Some(ends);
        ends
    }

    /// After any number of these, none among them.
    fn closure(&mut self, from: Places, part: Part) -> Places {
        let (mut all, mut new) = (from, from);
        while new != 0 {
            new = self.part(part, new) & !all;
            all |= new;
        }
        all
    }

    /// `the last train to london`, `you`, `two of them`, `something else`.
    fn noun(&mut self, from: Places) -> Places {
        let mut ends = self.word(from, class::PRONOUN | class::OBJECT);
        ends |= self.said(ends, "else");
        let determined = self.word(from, class::DETERMINER | class::NUMBER);
        let determined = determined | self.word(determined, class::DETERMINER | class::NUMBER);
        let determined = determined | self.word(determined, class::NUMBER);
        let mut head = from | determined;
        for _ in 0..3 {
            let degree = self.word(head, class::DEGREE);
            head |= self.word(head | degree, class::ADJECTIVE);
        }
        head |= self.word(head, class::NUMBER);
        ends |= self.said(head, "one ones");
        let mut noun = head;
        for _ in 0..4 {
            noun = self.word(noun, class::NOUN | class::NUMBER);
            ends |= noun;
        }
        ends |= self.said(ends, "else ago left");
        // `the lamp in the kitchen`, `a man who called`, `the phone i bought`.
        let phrase = self.part(Part::Preposition, ends);
        ends |= phrase | self.part(Part::Preposition, phrase);
        let which = self.said(ends, "who that which");
        ends |= self.part(Part::Predicate(Gap::Nothing), which);
        ends |= self.part(Part::Relative, ends | which);
        let and = self.said(ends, "and or");
        ends | self.part(Part::Noun, and)
    }

    fn preposition(&mut self, from: Places) -> Places {
        let first = self.word(from, class::PREPOSITION);
        let after = first | self.word(first, class::PREPOSITION);
        let place = "here there now today tomorrow tonight yesterday home once least all";
        self.part(Part::Noun, after)
            | self.said(after, place)
            | self.part(Part::Verb(form::ING, Gap::Nothing), after)
    }

    /// `very late`, `sure that it works`, `possible to pay by card`.
    fn adjective(&mut self, from: Places) -> Places {
        let degree = self.degree(from);
        let plain = self.word(degree, class::ADJECTIVE);
        let plain = plain | self.said(plain, "enough");
        let needy = self.word(degree, class::NEEDY);
        let to = self.said(plain | needy, "to");
        let that = self.said(plain, "that");
        plain
            | self.part(Part::Preposition, plain | needy)
            | self.part(Part::Verb(form::BASE, Gap::Nothing), to)
            | self.part(Part::Statement, that)
            | self.part(Part::Embedded, plain)
    }

    /// What may be added to a sentence: `on monday`, `tomorrow`, `because it is late`, `to pay`.
    fn adjunct(&mut self, from: Places, gap: Gap) -> Places {
        let degree = self.degree(from);
        let mut ends = self.word(degree, class::ADVERB | class::ADJECTIVE);
        ends |= self.part(Part::Preposition, from);
        let time = self.said(
            from,
            "this next last every all each one half tomorrow today yesterday",
        );
        let time = self.maybe(time, class::NUMBER | class::ADJECTIVE);
        ends |= self.word(time, class::NOUN);
        let number = self.said(from, "a an") | self.word(from, class::NUMBER);
        let number = self.maybe(number, class::DETERMINER | class::ADJECTIVE);
        let length = self.word(number, class::NOUN);
        ends |= length | self.said(length, "ago later earlier");
        let under = self.word(from, class::SUBORDINATOR);
        ends |= self.part(Part::Statement, under);
        let to = self.said(from, "to");
        ends |= self.part(Part::Verb(form::BASE, Gap::Nothing), to);
        if gap == Gap::Object {
            ends |= self.said(from, STRANDABLE);
        }
        ends
    }

    fn statement(&mut self, from: Places) -> Places {
        let fronted = self.closure(from, Part::Adjunct(Gap::Nothing));
        let subject = self.word(fronted, class::SUBJECT) | self.part(Part::Noun, fronted);
        let ends = self.part(Part::Predicate(Gap::Nothing), subject);
        let and = self.said(ends, "and but or so");
        ends | self.part(Part::Statement, and) | self.part(Part::Predicate(Gap::Nothing), and)
    }

    /// What is said of a subject: `would like to go`, `is open`, `came late`.
    fn predicate(&mut self, from: Places, gap: Gap) -> Places {
        let from = self.aside(from);
        let helped = self.word(from, class::MODAL | class::DO);
        let base = self.aside(helped);
        let had = self.word(from, class::HAVE) | self.said(base, "have");
        let had = self.aside(had);
        let be = self.word(from, class::BE);
        let be = self.aside(be);
        let main = self.said(from, "used");
        let used = self.said(main, "to");
        let ends = self.part(Part::Verb(form::BASE, gap), base | used)
            | self.part(Part::Verb(form::PARTICIPLE, gap), had)
            | self.part(Part::BeRest(gap), be)
            | self.word(be, class::NEEDY)
            | self.part(Part::Verb(form::FINITE, gap), from);
        self.closure(ends, Part::Adjunct(gap))
    }

    /// What follows `is`: `open`, `a nurse`, `in the kitchen`, `waiting`, `included`.
    fn be_rest(&mut self, from: Places, gap: Gap) -> Places {
        let mut ends = if gap == Gap::Nothing { 0 } else { from };
        let inner = if gap == Gap::Object {
            gap
        } else {
            Gap::Nothing
        };
        ends |= self.part(Part::Adjective, from)
            | self.part(Part::Noun, from)
            | self.part(Part::Preposition, from)
            | self.word(from, class::ADVERB)
            | self.part(Part::Verb(form::ING, inner), from);
        let passive = self.step(from, |token| token.forms & form::PARTICIPLE != 0);
        let to = self.said(passive | from, "to");
        ends |= passive
            | self.part(Part::Noun, passive)
            | self.part(Part::Verb(form::BASE, inner), to)
            | self.part(Part::Embedded, from);
        self.closure(ends, Part::Adjunct(gap))
    }

    /// A verb in this form and what it needs.
    fn verb(&mut self, from: Places, wanted: u8, gap: Gap) -> Places {
        let from = self.aside(from);
        let be = match wanted {
            form::BASE => "be",
            form::PARTICIPLE => "been",
            form::ING => "being",
            _ => "",
        };
        let be = self.said(from, be);
        let mut ends = self.part(Part::BeRest(gap), be);
        if wanted == form::BASE {
            let have = self.said(from, "have");
            ends |= self.part(Part::Verb(form::PARTICIPLE, gap), have);
        }
        self.ran_out |= from & (1 << self.tokens.len()) != 0;
        for at in places(from).filter(|at| *at < self.tokens.len()) {
            let token = self.tokens[at];
            if token.forms & wanted != 0 {
                ends |= self.complement(token.frames, 1 << (at + 1), gap);
            }
        }
        let ends = self.closure(ends, Part::Adjunct(gap));
        let and = self.said(ends, "and or");
        ends | self.part(Part::Verb(wanted, gap), and)
    }

    /// What a verb needs after it.
    fn complement(&mut self, frames: u16, from: Places, gap: Gap) -> Places {
        let has = |frame: u16| frames & frame != 0;
        let base = Part::Verb(form::BASE, gap);
        let particle = self.word(from, class::PARTICLE);
        let object = self.part(Part::Noun, from | particle);
        let mut ends = 0;
        if has(frame::ALONE)
            || (has(frame::ALONE_IF_ASKED) && gap == Gap::Adverb)
            || (has(frame::OBJECT) && gap == Gap::Object)
        {
            ends |= from;
        }
        if has(frame::PARTICLE) {
            ends |= particle;
        }
        if has(frame::OBJECT) {
            let whom = self.word(from, class::OBJECT);
            let enough = if has(frame::GIVES) {
                object & !whom
            } else {
                object
            };
            ends |= enough | self.word(object, class::PARTICLE);
            if gap == Gap::Object {
                ends |= particle;
            }
        }
        if has(frame::TWO_OBJECTS) {
            ends |= self.part(Part::Noun, object);
            if gap == Gap::Object {
                ends |= object;
            }
        }
        if has(frame::TOPIC) {
            let that = self.said(object, "that");
            let about = self.said(object, "about of");
            ends |= self.part(Part::Statement, object | that)
                | self.part(Part::Embedded, object)
                | self.part(Part::Noun, about);
        }
        if has(frame::TO_VERB) {
            let to = self.said(from, "to");
            ends |= self.part(base, to);
        }
        if has(frame::OBJECT_TO_VERB) {
            let to = self.said(object, "to");
            ends |= self.part(base, to);
        }
        if has(frame::OBJECT_VERB) {
            ends |= self.part(base, object);
        }
        if has(frame::ING) {
            ends |= self.part(Part::Verb(form::ING, gap), from);
        }
        if has(frame::SENTENCE) {
            let that = self.said(from, "that");
            ends |= self.part(Part::Statement, from | that)
                | self.part(Part::Embedded, from)
                | self.said(from, "so");
        }
        if has(frame::ADJECTIVE) {
            ends |= self.part(Part::Adjective, from | object)
                | self.step(from, |token| token.forms & form::PARTICIPLE != 0);
        }
        if has(frame::PREPOSITION) {
            ends |= self.part(Part::Preposition, from)
                | self.said(from, "here there home back away online");
            if gap != Gap::Nothing {
                ends |= self.said(from, STRANDABLE);
            }
        }
        ends
    }

    /// A question within a sentence: `when you open`, `whether it works`, `how to get there`.
    fn embedded(&mut self, from: Places) -> Places {
        let whether = self.said(from, "if whether");
        let (adverb, object) = self.question_word(from);
        let to = self.said(adverb, "to");
        let to_object = self.said(object, "to");
        let subject = |parser: &mut Self, from| {
            parser.word(from, class::SUBJECT) | parser.part(Part::Noun, from)
        };
        let (when, what) = (subject(self, adverb), subject(self, object));
        self.part(Part::Statement, whether)
            | self.part(Part::Predicate(Gap::Adverb), when)
            | self.part(Part::Predicate(Gap::Object), what)
            | self.part(Part::Predicate(Gap::Nothing), object)
            | self.part(Part::Verb(form::BASE, Gap::Adverb), to)
            | self.part(Part::Verb(form::BASE, Gap::Object), to_object)
    }

    /// After a question word and its company, by what it asks for: an adverb (`when`), an object (`what`).
    fn question_word(&mut self, from: Places) -> (Places, Places) {
        let place = self.said(from, "where when why how");
        let place = place | self.said(place, "else exactly");
        let how = self.said(from, "how");
        let how_long = self.word(how, class::ADJECTIVE | class::ADVERB);
        let how_much = self.said(how, "much many");
        let mut object = self.said(from, "what who which whom whose") | how_much | how_long;
        object |= self.said(object, "else exactly one ones");
        // `what time`, `which of the two`, `how many people`, `what kind of room`.
        let kinds = self.maybe(object, class::ADJECTIVE);
        let first = self.word(kinds, class::NOUN);
        let noun = first | self.word(first, class::NOUN);
        let of = self.said(noun | object, "of");
        object |= noun | self.part(Part::Noun, of);
        (place | how_long | noun, object)
    }

    fn open_question(&mut self, from: Places) -> Places {
        let about = self.said(from, "what how");
        let about = self.said(about, "about");
        self.asked_in_order(from) | self.part(Part::Noun, about)
    }

    /// A question word and what is said of it: `what happens`, `which one is cheaper`.
    fn asked_about_subject(&mut self, from: Places) -> Places {
        let (_, object) = self.question_word(from);
        self.part(Part::Predicate(Gap::Nothing), object)
    }

    /// A question word, then a question's order: `when do you open`.
    fn asked_in_order(&mut self, from: Places) -> Places {
        let (adverb, object) = self.question_word(from);
        self.inverted(adverb, Gap::Adverb) | self.inverted(object, Gap::Object)
    }

    /// The order of a question: `can you help`, `are you open`.
    fn inverted(&mut self, from: Places, gap: Gap) -> Places {
        let subject = |parser: &mut Self, from: Places| {
            let from = from | parser.said(from, "not");
            let subject = parser.word(from, class::SUBJECT) | parser.part(Part::Noun, from);
            parser.aside(subject)
        };
        let helper = self.word(from, class::MODAL | class::DO);
        let helped = subject(self, helper);
        let have = self.word(from, class::HAVE);
        let had = subject(self, have);
        let be = self.word(from, class::BE);
        let been = subject(self, be);
        let ends = self.part(Part::Verb(form::BASE, gap), helped)
            | self.part(Part::Verb(form::PARTICIPLE, gap), had)
            | self.part(Part::BeRest(gap), been);
        let ends = self.closure(ends, Part::Adjunct(gap));
        let and = self.said(ends, "and or but");
        ends | self.part(Part::Statement, and)
    }

    /// `turn the volume down`, `please do not call again`.
    fn command(&mut self, from: Places) -> Places {
        let dont = self.said(from, "do");
        let dont = self.said(dont, "not");
        let have = self.word(from, class::HAVE);
        let from = if have == 0 { from } else { 0 };
        let ends = self.part(Part::Verb(form::BASE, Gap::Nothing), from | dont);
        let and = self.said(ends, "and");
        ends | self.part(Part::Verb(form::BASE, Gap::Nothing), and)
    }
}

#[cfg(test)]
mod tests;
