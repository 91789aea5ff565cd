use super::{Sentence::*, *};
use crate::words::words;

fn check(wanted: Sentence, texts: &[&str]) {
    let wrong: Vec<(&str, Sentence)> = texts
        .iter()
        .map(|text| (*text, sentence(&words(text))))
        .filter(|(_, found)| *found != wanted)
        .collect();
    assert!(wrong.is_empty(), "not {wanted:?}: {wrong:?}");
}

#[test]
fn whole_questions_with_a_question_word_are_known() {
    check(
        OpenQuestion,
        &[
            "what can you do",
            "no wait what time is it",
            "what is twelve plus three",
            "when do you open",
            "how much is it",
            "where are you",
            "what's the price of a room",
            "how long does it take",
            "who should I talk to",
            "how do I get there",
            "what do I have to bring",
            "what about Saturday",
            "the thing um where is the station",
        ],
    );
}

#[test]
fn whole_questions_for_yes_or_no_are_known() {
    check(
        YesNoQuestion,
        &[
            "can you help me",
            "are you open on Sundays",
            "is breakfast included",
            "do you have a table for two",
            "could you tell me when the bridge opens",
            "is it possible to pay by card",
            "hello can I speak to the manager",
            "is there a bus from the airport",
            "did you get my letter",
            "don't you have anything cheaper",
        ],
    );
}

#[test]
fn whole_statements_and_commands_are_known() {
    check(
        Statement,
        &[
            "I need an appointment",
            "I would like to book a table for two",
            "my phone is broken",
            "the light in my bathroom does not work",
            "the parcel has not come yet",
            "I'm looking for a present for my daughter",
            "my name is on the list",
            "I was wondering if you have a room",
            "we would rather sit outside",
            "what happens when I miss the bus",
            "which of the two is cheaper",
        ],
    );
    check(
        Command,
        &[
            "tell me a joke",
            "turn the volume down",
            "turn off the lamp in the kitchen",
            "please send me a copy of the contract",
            "let me know when it is ready",
        ],
    );
}

#[test]
fn what_must_go_on_is_unfinished() {
    check(
        Unfinished,
        &[
            "what can you",
            "when do you",
            "how much is the",
            "can you tell me the",
            "can you tell me",
            "could you tell me how",
            "I need",
            "I need an",
            "I would like to",
            "where can I buy",
            "do you know",
            "I am looking for",
            "is it possible",
            "can you send",
            "when I turn it on",
            "I want a large",
            "she gave me",
            "what is the difference between",
            "have you",
        ],
    );
}

#[test]
fn parts_and_words_without_rules_say_little() {
    check(Phrase, &["with milk", "the blue one", "a table for two"]);
    check(Unknown, &["", "hello", "the of is would", "can you gift"]);
}

#[test]
fn many_words_are_read_in_a_moment() {
    for word in [
        "know", "that", "the", "is", "to", "and", "what", "can", "you",
    ] {
        let said = vec![word.to_owned(); 3_000];
        sentence(&said);
    }
    let said = words(&"I think that you know what I want to ".repeat(200));
    sentence(&said);
}
