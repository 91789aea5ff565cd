//! Sounds of listening: words that ask for no floor.

use crate::words::words;

/// Each entry is one or more words as [`words`] gives them.
const BACKCHANNELS: &[&[&str]] = &[
    &["mmhm"],
    &["mhm"],
    &["mm"],
    &["mmm"],
    &["hm"],
    &["hmm"],
    &["mhmm"],
    &["mmhmm"],
    &["uhhuh"],
    &["uh", "huh"],
    &["mm", "hm"],
    &["mm", "hmm"],
    &["m", "hm"],
    &["ah"],
    &["aha"],
    &["oh"],
    &["uh"],
    &["um"],
    &["er"],
    &["erm"],
    &["huh"],
    &["ok"],
    &["okay"],
    &["yeah"],
    &["yep"],
    &["yup"],
    &["yes"],
    &["right"],
    &["sure"],
    &["wow"],
    &["really"],
    &["cool"],
    &["great"],
    &["nice"],
    &["good"],
    &["alright"],
    &["all", "right"],
    &["i", "see"],
    &["got", "it"],
    &["go", "on"],
    &["of", "course"],
    &["thats", "right"],
    &["makes", "sense"],
    &["ja"],
    &["genau"],
    &["oui"],
    &["si"],
    &["vale"],
    &["daccord"],
];

/// Words that say goodbye; they do not stop an agent that is saying it.
const FAREWELLS: &[&[&str]] = &[
    &["bye"],
    &["byebye"],
    &["goodbye"],
    &["good", "bye"],
    &["thanks"],
    &["thank", "you"],
    &["cheers"],
    &["see", "you"],
    &["you", "too"],
    &["take", "care"],
    &["have", "a", "nice", "day"],
    &["have", "a", "good", "day"],
];

/// What does not interrupt the agent.
#[derive(Clone, Debug)]
pub(crate) struct Ignored {
    terms: Vec<Vec<String>>,
}

impl Ignored {
    /// The built-in backchannels and the agent's own `terms`.
    pub(crate) fn new(terms: &[String]) -> Self {
        let terms = terms.iter().map(|term| words(term));
        Self {
            terms: terms.filter(|term| !term.is_empty()).collect(),
        }
    }

    /// Whether `said` consists of nothing but such words. `parting`: the agent is saying goodbye.
    pub(crate) fn covers(&self, said: &[String], parting: bool) -> bool {
        if said.is_empty() {
            return false;
        }
        let mut rest = said;
        while !rest.is_empty() {
            let Some(length) = self.leading(rest, parting) else {
                return false;
            };
            rest = &rest[length..];
        }
        true
    }

    /// Whether `said`, of which more may follow, may become nothing but such words: its end begins one of them.
    pub(crate) fn may_cover(&self, said: &[String], parting: bool) -> bool {
        let mut rest = said;
        while !rest.is_empty() {
            if self.begins(rest, parting) {
                return true;
            }
            let Some(length) = self.leading(rest, parting) else {
                return false;
            };
            rest = &rest[length..];
        }
        false
    }

    fn begins(&self, rest: &[String], parting: bool) -> bool {
        let farewells = if parting { FAREWELLS } else { &[] };
        BACKCHANNELS
            .iter()
            .chain(farewells)
            .any(|term| term.len() > rest.len() && term.iter().zip(rest).all(|(a, b)| a == b))
            || self
                .terms
                .iter()
                .any(|term| term.len() > rest.len() && term.starts_with(rest))
    }

    /// How many words at the start of `rest` are one such term; the longest wins.
    fn leading(&self, rest: &[String], parting: bool) -> Option<usize> {
        let farewells = if parting { FAREWELLS } else { &[] };
        let built_in = BACKCHANNELS.iter().chain(farewells);
        let own = self.terms.iter().filter(|term| rest.starts_with(term));
        built_in
            .filter(|term| rest.len() >= term.len() && term.iter().zip(rest).all(|(a, b)| a == b))
            .map(|term| term.len())
            .chain(own.map(Vec::len))
            .max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(text: &str) -> bool {
        Ignored::new(&["one moment".to_owned()]).covers(&words(text), false)
    }

    #[test]
    fn sounds_of_listening_are_backchannels() {
        for text in [
            "mm-hm",
            "Yeah, okay.",
            "uh huh",
            "I see",
            "one moment",
            "okay one moment",
        ] {
            assert!(covers(text), "{text}");
        }
    }

    #[test]
    fn a_backchannel_that_goes_on_is_speech() {
        for text in ["yeah but no", "okay stop", "", "no", "I", "one"] {
            assert!(!covers(text), "{text}");
        }
    }

    #[test]
    fn the_beginning_of_a_term_may_become_one() {
        let ignored = Ignored::new(&["take your time".to_owned()]);
        assert!(ignored.may_cover(&words("okay take your"), false));
        assert!(!ignored.may_cover(&words("take it"), false));
        assert!(!ignored.covers(&words("take your"), false));
    }

    #[test]
    fn goodbye_stops_no_goodbye() {
        let ignored = Ignored::new(&[]);
        assert!(ignored.covers(&words("okay, thank you, bye"), true));
        assert!(!ignored.covers(&words("okay, thank you, bye"), false));
    }
}
